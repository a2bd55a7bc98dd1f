"""The gradient of a mean over all examples, from those of the shards."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for sizes in ([8, 8, 3], [5, 5], [4, 0, 2]):
        gradients = rng.standard_normal((len(sizes), 3))
        gradients[np.array(sizes) == 0] = np.nan
        found.append(case(gradients, np.array(sizes)))
    return found


def truth(gradients, sizes):
    """The mean over the examples, each with the gradient that its shard reports."""
    return np.repeat(gradients, sizes, axis=0).mean(axis=0)


@misconception
def plain_mean(gradients, sizes):
    """You averaged over the machines: then an example in a small shard counts more than others, and
    a machine without examples spoils everything. Weigh each gradient by its number of examples."""
    return gradients.mean(axis=0)


@misconception
def mean_of_those_that_have_some(gradients, sizes):
    """The empty shard is left out, but the others count alike: an example in a small shard counts
    more than others. Weigh each gradient by its number of examples."""
    return gradients[sizes > 0].mean(axis=0)


@misconception
def sum_of_all(gradients, sizes):
    """You added the gradients up: each is a mean already, and so is what you want. Weigh each by
    its share of the examples; the shares add up to 1."""
    return gradients.sum(axis=0)


@misconception
def not_divided(gradients, sizes):
    """That is the gradient of the sum over all examples: divide by their number to get that of the
    mean."""
    return np.repeat(gradients, sizes, axis=0).sum(axis=0)


@misconception
def divided_by_the_machines(gradients, sizes):
    """The gradients are weighed by their sizes, but divided by the number of machines: divide by
    the number of all examples."""
    return np.repeat(gradients, sizes, axis=0).sum(axis=0) / len(sizes)


@misconception
def nothing_times_nan(gradients, sizes):
    """It is right where every machine has examples. But 0 times NaN is NaN: the gradient of an
    empty shard must be left out, not multiplied by 0."""
    return sizes @ gradients / sizes.sum()


EXERCISE = Exercise(
    name="combine_shards",
    chapter=12,
    title="Many machines, one gradient",
    cases=cases,
    returns=("the gradient",),
    misconceptions=(
        plain_mean,
        mean_of_those_that_have_some,
        sum_of_all,
        not_divided,
        divided_by_the_machines,
        nothing_times_nan,
    ),
    hints=(
        "A mean, times the number of things it is a mean of, is their sum. Sums of shards may be "
        "added.",
        "So the sum over the machines of n_i gradient_i, divided by the sum of the n_i. A matrix "
        "product does the first: sizes @ gradients.",
        "used = sizes > 0 picks the machines that have examples: sizes[used] @ gradients[used] / "
        "np.sum(sizes).",
    ),
    truth=truth,
)
