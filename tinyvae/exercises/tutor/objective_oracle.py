"""Is the mean of log q at draws of q minus its entropy?"""

import math

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.inspection.measure import mean_of


def cases(rng):
    found = []
    for S, Z, wrong in ((40, 3, False), (30, 2, True), (25, 1, False)):
        mu, logvar = rng.standard_normal((2, Z))
        logvar = np.abs(logvar) if wrong else logvar
        sigma = np.exp(logvar) if wrong else np.exp(0.5 * logvar)
        z = mu + sigma * rng.standard_normal((S, Z))
        found.append(case(gaussian.log_prob(z, mu, logvar)[0].sum(axis=1), logvar))
    return found


def entropy(logvar):
    return gaussian.entropy(np.zeros_like(logvar), logvar)[0].sum()


def truth(log_q, logvar):
    mean = mean_of(log_q)
    return (mean.value + entropy(logvar)) / mean.error


def off_by(gap, log_q):
    return gap / mean_of(log_q).error


@misconception
def entropy_subtracted(log_q, logvar):
    """The mean of log q is to be -H, so what should be 0 is the mean plus H: you subtracted H."""
    return off_by(log_q.mean() - entropy(logvar), log_q)


@misconception
def other_side(log_q, logvar):
    """The sign is turned around: above -H was to count as positive."""
    return -truth(log_q, logvar)


@misconception
def deviation_of_one(log_q, logvar):
    """You divided by the standard deviation of one log q. The mean of S of them has an error that
    is sqrt(S) times smaller: as it is, the test sees next to nothing."""
    return truth(log_q, logvar) / math.sqrt(len(log_q))


@misconception
def variance_in_place_of_error(log_q, logvar):
    """You divided by the variance of the mean; its square root, the standard error, has the unit of
    log q."""
    return truth(log_q, logvar) / mean_of(log_q).error


@misconception
def constant_counted_once(log_q, logvar):
    """1 + log(2 pi) counts once in yours, but every latent has it: put it inside the sum."""
    H = 0.5 * (1.0 + math.log(2.0 * math.pi) + logvar.sum())
    return off_by(log_q.mean() + H, log_q) if len(logvar) > 1 else truth(log_q, logvar)


@misconception
def logvar_is_log_sigma(log_q, logvar):
    """H has log sigma = logvar / 2 for each latent; you took logvar as log sigma, which is the very
    mistake that this test is there to catch."""
    H = entropy(2.0 * logvar)
    return off_by(log_q.mean() + H, log_q)


@misconception
def size_alone(log_q, logvar):
    """You returned the size without the sign. The sign tells on which side the program errs: a mean
    below -H says that the draws spread wider than q."""
    return abs(truth(log_q, logvar))


@misconception
def divided_by_all(log_q, logvar):
    """np.std divides by S unless it is told otherwise: with ddof=1 it divides by S - 1."""
    S = len(log_q)
    return truth(log_q, logvar) * math.sqrt(S / (S - 1))


EXERCISE = Exercise(
    name="objective_oracle",
    chapter=11,
    title="A test that a gradient check cannot replace",
    cases=cases,
    returns=("the distance",),
    misconceptions=(
        entropy_subtracted,
        other_side,
        deviation_of_one,
        variance_in_place_of_error,
        constant_counted_once,
        logvar_is_log_sigma,
        size_alone,
        divided_by_all,
    ),
    hints=(
        "Three numbers: the mean of log_q, the entropy H, and the standard error. What should the "
        "mean plus H be?",
        "H = 0.5 * np.sum(1.0 + np.log(2.0 * np.pi) + logvar): with the constant inside the sum, "
        "NumPy adds it once for every latent.",
        "(np.mean(log_q) + H) / (np.std(log_q, ddof=1) / np.sqrt(len(log_q))).",
    ),
    truth=truth,
)
