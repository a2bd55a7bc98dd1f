"""Mean, variance, and the standard errors of both."""

import numpy as np

from tinyvae.comparison import SampleMoments
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for S, P in ((50, 3), (30, 30), (40, 1)):
        found.append(case(2.0 + rng.standard_exponential((S, P)) * np.linspace(1.0, 3.0, P)))
    return found


def truth(g):
    moments = SampleMoments.of(g)
    v, S = moments.variance, moments.n
    return moments.mean, np.sqrt(v / S), v, np.sqrt((moments.M4 / S - v**2) / S)


@misconception
def deviation_for_error(g):
    """The error is the standard deviation of one estimate. The mean of S of them is sqrt(S) times
    surer than one: divide the variance by S before the root."""
    mean, _, variance, variance_error = truth(g)
    return mean, np.sqrt(variance), variance, variance_error


@misconception
def no_root(g):
    """The error is variance / S: that is the variance of the mean. Its square root has the unit of
    the mean, and is the standard error."""
    mean, error, variance, variance_error = truth(g)
    return mean, error**2, variance, variance_error


@misconception
def divided_by_all(g):
    """The sum of squares is divided by S. The mean was fitted to the same numbers, so they lie
    closer to it than to the truth: divide by S - 1."""
    S, (mean, _, _, _) = len(g), truth(g)
    variance = g.var(axis=0)
    m4 = ((g - mean) ** 4).mean(axis=0)
    return mean, np.sqrt(variance / S), variance, np.sqrt((m4 - variance**2) / S)


@misconception
def as_if_normal(g):
    """variance_error is v sqrt(2 / (S - 1)), or nearly: true if g were Gaussian. Estimates of
    gradients seldom are: use the fourth moment, the root of (m4 - v²) / S."""
    mean, error, variance, _ = truth(g)
    return mean, error, variance, variance * np.sqrt(2.0 / (len(g) - 1))


@misconception
def fourth_moment_about_zero(g):
    """m4 is the mean of g⁴; it is to be that of (g - mean)⁴, about the mean as the variance is."""
    mean, error, variance, _ = truth(g)
    m4 = (g**4).mean(axis=0)
    return mean, error, variance, np.sqrt((m4 - variance**2) / len(g))


@misconception
def pooled(g):
    """You took all parameters together: each has a mean and a variance of its own. Work along axis
    0 only."""
    return tuple(part[0] for part in truth(g.reshape(-1, 1)))


@misconception
def fourth_moment_alone(g):
    """The v² is not taken off m4. The spread of (g - mean)², whose mean is v, is its mean square
    less its squared mean: m4 - v²."""
    mean, error, variance, _ = truth(g)
    m4 = ((g - mean) ** 4).mean(axis=0)
    return mean, error, variance, np.sqrt(m4 / len(g))


EXERCISE = Exercise(
    name="mean_and_error",
    chapter=6,
    title="A mean, a variance, and how sure you are of them",
    cases=cases,
    returns=("mean", "error", "variance", "variance_error"),
    misconceptions=(
        deviation_for_error,
        no_root,
        divided_by_all,
        as_if_normal,
        fourth_moment_about_zero,
        pooled,
        fourth_moment_alone,
    ),
    hints=(
        "Everything goes along axis 0, and leaves P numbers. Keep g - mean in a name of its own: "
        "you need its square and its fourth power.",
        "variance = np.sum((g - mean) ** 2, axis=0) / (S - 1), and the error is the root of "
        "variance / S.",
        "m4 = np.mean((g - mean) ** 4, axis=0), and variance_error = np.sqrt((m4 - variance**2) / "
        "S), with the variance from above.",
    ),
    truth=truth,
)
