"""The importance-weighted bound, and the normalized weights."""

import numpy as np

from tinyvae.elbo import iwae
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    far = np.array([-2000.0, -3.0, -1000.0])
    return [
        case(rng.standard_normal((5, 3))),
        case(2.0 * rng.standard_normal((4, 3)) + far),
        case(rng.standard_normal((3, 3)) - 1000.0),
        case(rng.standard_normal((1, 2))),
    ]


def truth(log_w):
    bound, normalized, _, _ = iwae(log_w, 1.0)
    return bound, normalized


@misconception
def mean_of_the_logs(log_w):
    """The bound is the mean of log w: that is the ELBO. Average the weights first, and take the
    logarithm of the mean; Jensen's inequality says that this is larger."""
    return log_w.mean(axis=0), truth(log_w)[1]


@misconception
def sum_in_place_of_mean(log_w):
    """The bound is the log of the sum of w; of S draws it is the log of the mean: subtract log S.
    Without it the bound grows with S for no reason, above log p(x) in the end."""
    bound, normalized = truth(log_w)
    return bound + np.log(len(log_w)), normalized


@misconception
def other_axis(log_w):
    """You worked along the batch, axis 1. Each example has its own S draws, which are along axis 0:
    weights of different examples have nothing to do with each other."""
    bound, normalized = truth(log_w.T)
    return bound, normalized.T


@misconception
def plain_exponential(log_w):
    """It is right for weights of moderate size. But e^-2000 is 0 in a computer, and log 0 is minus
    infinity: subtract the largest log w of each example first, and add it again in the end."""
    with np.errstate(all="ignore"):
        w = np.exp(log_w)
        return np.log(w.mean(axis=0)), w / w.sum(axis=0)


@misconception
def one_maximum_for_all(log_w):
    """You took one maximum out of all examples together: for an example far below it every weight
    is 0 again. Each example needs its own: np.max(log_w, axis=0)."""
    with np.errstate(all="ignore"):
        w = np.exp(log_w - log_w.max())
        return log_w.max() + np.log(w.mean(axis=0)), w / w.sum(axis=0)


@misconception
def not_normalized(log_w):
    """The bound is right, but the weights do not add up to 1 for each example: divide by their sum
    over the draws."""
    bound, _ = truth(log_w)
    return bound, np.exp(log_w - log_w.max(axis=0))


@misconception
def maximum_not_returned(log_w):
    """The largest log w was taken out and not added again: log mean w = largest + log of the mean
    of exp(log w - largest)."""
    bound, normalized = truth(log_w)
    return bound - log_w.max(axis=0), normalized


@misconception
def averaged_over_the_batch(log_w):
    """The bound is one number for all examples: return one for each, (B,)."""
    bound, normalized = truth(log_w)
    return bound.mean(), normalized


EXERCISE = Exercise(
    name="iwae_weights",
    chapter=10,
    title="A tighter bound: the log of the mean weight",
    cases=cases,
    returns=("bound", "normalized"),
    misconceptions=(
        mean_of_the_logs,
        sum_in_place_of_mean,
        other_axis,
        plain_exponential,
        one_maximum_for_all,
        not_normalized,
        maximum_not_returned,
        averaged_over_the_batch,
    ),
    hints=(
        "Multiplying all weights of an example by a constant c adds log c to the bound, and leaves "
        "w~ as it is. Which constant keeps exp(log w) from becoming 0?",
        "largest = np.max(log_w, axis=0), (B,), and w = np.exp(log_w - largest): now the largest "
        "weight is 1.",
        "bound = largest + np.log(np.mean(w, axis=0)), and w~ = w / np.sum(w, axis=0): there the "
        "constant cancels.",
    ),
    truth=truth,
)
