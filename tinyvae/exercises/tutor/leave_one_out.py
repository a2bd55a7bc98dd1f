"""The leave-one-out baseline."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    shapes = ((5, 3), (2, 2), (4, 4))
    return [case(7.0 + rng.standard_normal(S), rng.standard_normal((S, P))) for S, P in shapes]


def truth(f, scores):
    """It is the sample covariance of f and the score."""
    return np.cov(f, scores, rowvar=False)[0, 1:]


def weighted_by(weights, scores):
    return (weights[:, None] * scores).mean(axis=0)


@misconception
def mean_of_all(f, scores):
    """The baseline is the mean of all f, the draw's own among them. Then b depends on this z, and
    the estimate is too small by the factor (S - 1) / S. Leave the own f out: (sum - f) / (S -
    1)."""
    return weighted_by(f - f.mean(), scores)


@misconception
def divided_by_all(f, scores):
    """You add up the other S - 1 values of f and divide by S: that is no mean. Divide by S - 1."""
    return weighted_by(f - (f.sum() - f) / len(f), scores)


@misconception
def no_baseline(f, scores):
    """There is no baseline: that is the mean of f times the score. Right on average, but take the
    mean of the other f off each f first."""
    return weighted_by(f, scores)


@misconception
def taken_off_the_product(f, scores):
    """You subtracted a mean of f times the score from f times the score. The baseline is a mean of
    f, and is taken off f, before the product: subtracted from the product it takes the gradient
    away with the noise."""
    product = f[:, None] * scores
    return (product - (product.sum(axis=0) - product) / (len(f) - 1)).mean(axis=0)


@misconception
def added_up(f, scores):
    """That is the sum over the draws; one estimate is their mean: divide by S."""
    return len(f) * truth(f, scores)


@misconception
def only_those_before(f, scores):
    """The baseline of a draw is the mean of the draws before it. That has no bias either, but it
    uses half as many on average, and the first has none: take all the others."""
    before = np.concatenate([[0.0], np.cumsum(f)[:-1] / np.arange(1, len(f))])
    return weighted_by(f - before, scores)


@misconception
def added_the_baseline(f, scores):
    """The baseline is added to f; it is to be taken off, so that what is left is small."""
    return weighted_by(f + (f.sum() - f) / (len(f) - 1), scores)


EXERCISE = Exercise(
    name="leave_one_out",
    chapter=5,
    title="A baseline for free: leave one out",
    cases=cases,
    returns=("the gradient",),
    misconceptions=(
        mean_of_all,
        divided_by_all,
        no_baseline,
        taken_off_the_product,
        added_up,
        only_those_before,
        added_the_baseline,
    ),
    hints=(
        "Start with the baselines alone, (S,): what is the mean of all f but f[0]? No loop is "
        "needed for it.",
        "The sum of all others is np.sum(f) - f, an array (S,) already; how many are they?",
        "b = (np.sum(f) - f) / (len(f) - 1). Then the mean over axis 0 of (f - b)[:, None] * "
        "scores.",
    ),
    truth=truth,
)
