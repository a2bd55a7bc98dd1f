"""The slope of a mean, by differences, with the same noise on both sides."""

import statistics

import numpy as np

from tinyvae.differences import METHODS, derivative
from tinyvae.exercises.exercise import Exercise, case, misconception


def bend(z):
    return np.sin(2.0 * z) + 0.3 * z


def cases(rng):
    found = []
    for f, S, h in ((bend, 40, 1e-4), (np.exp, 11, 1e-3), (np.cos, 25, 0.5)):
        mu, sigma = rng.uniform(-1.0, 1.0), rng.uniform(0.5, 1.5)
        found.append(case(f, mu, sigma, rng.standard_normal(S), h))
    return found


def each(f, mu, sigma, eps, h):
    """The difference of each draw."""
    return (f(mu + h + sigma * eps) - f(mu - h + sigma * eps)) / (2.0 * h)


def error_of(d):
    return np.std(d, ddof=1) / np.sqrt(len(d))


@misconception
def fresh_noise(f, mu, sigma, eps, h):
    """It draws noise of its own, so it gives something else at every call; and with other draws on
    the two sides, chance is divided by 2h. Use eps, on both sides."""
    rng = np.random.default_rng()
    other = rng.standard_normal(len(eps))
    d = (f(mu + h + sigma * eps) - f(mu - h + sigma * other)) / (2.0 * h)
    return np.mean(d), error_of(d)


@misconception
def other_noise_behind(f, mu, sigma, eps, h):
    """The two sides get the draws in a different order, so the d[s] compare different z, and their
    spread is divided by 2h. Subtract the two sides for the same eps[s]."""
    d = (f(mu + h + sigma * eps) - f(mu - h + sigma * eps[::-1])) / (2.0 * h)
    return np.mean(d), error_of(d)


@misconception
def sides_taken_as_independent(f, mu, sigma, eps, h):
    """The slope is right. The error is that of two sides with noise of their own, and far too
    large: both sides share eps, and most of the noise cancels. Take the standard deviation of the
    differences d[s]."""
    up, down = f(mu + h + sigma * eps), f(mu - h + sigma * eps)
    spread = np.sqrt(np.var(up, ddof=1) + np.var(down, ddof=1)) / (2.0 * h)
    return np.mean(each(f, mu, sigma, eps, h)), spread / np.sqrt(len(eps))


@misconception
def spread_of_one(f, mu, sigma, eps, h):
    """The slope is right. The error is the spread of a single d[s]; a mean of S of them is sqrt(S)
    times more certain, so divide by sqrt(S)."""
    d = each(f, mu, sigma, eps, h)
    return np.mean(d), np.std(d, ddof=1)


@misconception
def divided_by_s(f, mu, sigma, eps, h):
    """The slope is right. The error is divided by S, or left as a variance by mistake; variances
    fall like 1 / S, so standard deviations like 1 / sqrt(S)."""
    d = each(f, mu, sigma, eps, h)
    return np.mean(d), np.std(d, ddof=1) / len(d)


@misconception
def variance_for_deviation(f, mu, sigma, eps, h):
    """The slope is right. The error is the variance of the mean; its square root is the standard
    error, in the units of the slope."""
    return np.mean(each(f, mu, sigma, eps, h)), error_of(each(f, mu, sigma, eps, h)) ** 2


@misconception
def all_s_in_the_denominator(f, mu, sigma, eps, h):
    """The slope is right. The standard deviation has S in its denominator, and the mean that it is
    taken around comes from the same draws; with S - 1 it is fair: np.std(d, ddof=1)."""
    d = each(f, mu, sigma, eps, h)
    return np.mean(d), np.std(d) / np.sqrt(len(d))


@misconception
def one_sided(f, mu, sigma, eps, h):
    """It is the one-sided difference: take mu + h and mu - h, which are 2h apart."""
    d = (f(mu + h + sigma * eps) - f(mu + sigma * eps)) / h
    return np.mean(d), error_of(d)


@misconception
def divided_by_h(f, mu, sigma, eps, h):
    """Both numbers are twice too large: mu + h and mu - h are 2h apart, so divide by 2h."""
    d = 2.0 * each(f, mu, sigma, eps, h)
    return np.mean(d), error_of(d)


@misconception
def noise_moved(f, mu, sigma, eps, h):
    """It moves eps by h, and with it z by sigma h: that is sigma times the slope. Move mu."""
    d = each(f, mu, sigma, eps, sigma * h) * sigma
    return np.mean(d), error_of(d)


@misconception
def sigma_forgotten(f, mu, sigma, eps, h):
    """The noise is not stretched: z = mu + sigma eps, not mu + eps."""
    d = each(f, mu, 1.0, eps, h)
    return np.mean(d), error_of(d)


def truth(f, mu, sigma, eps, h):
    """Each draw by the package's differences, their spread by Python's own statistics."""
    d = [
        derivative(lambda m, e=e: [f(m + sigma * e)], mu, 1.0, [1.0], METHODS["central"], h)[0]
        for e in eps
    ]
    return statistics.fmean(d), statistics.stdev(d) / len(d) ** 0.5


EXERCISE = Exercise(
    name="common_noise",
    chapter=3,
    title="A difference of two means: the same noise on both sides",
    cases=cases,
    returns=("slope", "error"),
    misconceptions=(
        fresh_noise,
        other_noise_behind,
        sides_taken_as_independent,
        spread_of_one,
        divided_by_s,
        variance_for_deviation,
        all_s_in_the_denominator,
        one_sided,
        divided_by_h,
        noise_moved,
        sigma_forgotten,
    ),
    hints=(
        "Work out the array d (S,) first: f at z with mu + h, less f at z with mu - h, the "
        "same eps "
        "in both, divided by 2h.",
        "The slope is np.mean(d). Its standard error comes from the same array: how far the d[s] "
        "scatter, divided by the square root of how many there are.",
        "np.mean(d), np.std(d, ddof=1) / np.sqrt(len(d)).",
    ),
    truth=truth,
    rtol=1e-6,  # the order in which one adds up decides on the last digits of f, divided by 2h
)
