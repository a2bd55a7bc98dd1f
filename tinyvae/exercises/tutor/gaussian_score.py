"""The score of a Gaussian in mu and logvar."""

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for S, Z in ((5, 3), (4, 4), (1, 2)):
        mu, logvar = rng.standard_normal((2, Z))
        z = mu + np.exp(0.5 * logvar) * rng.standard_normal((S, Z))
        found.append(case(z, mu, logvar))
    return found


def truth(z, mu, logvar):
    return gaussian.score(z, mu, logvar)


@misconception
def differentiated_in_z(z, mu, logvar):
    """dlog p/dmu has the wrong sign: that is the derivative with respect to z. A z above mu becomes
    likelier if mu goes up, so the score is positive there: (z - mu) / sigma²."""
    dmu, dlogvar = truth(z, mu, logvar)
    return -dmu, dlogvar


@misconception
def forgot_the_normalizer(z, mu, logvar):
    """dlog p/dlogvar lacks -1/2: logvar occurs in the exponent and in the term -logvar / 2, which
    keeps the density's integral at 1. Without it the score would have no mean of 0."""
    dmu, dlogvar = truth(z, mu, logvar)
    return dmu, dlogvar + 0.5


@misconception
def in_sigma(z, mu, logvar):
    """The second is the derivative with respect to sigma; logvar was asked. Multiply by
    dsigma/dlogvar = sigma / 2, or differentiate exp(-logvar) directly."""
    dmu, dlogvar = truth(z, mu, logvar)
    return dmu, dlogvar * 2.0 * np.exp(-0.5 * logvar)


@misconception
def in_the_variance(z, mu, logvar):
    """The second is the derivative with respect to sigma²; logvar was asked. Multiply by
    dsigma²/dlogvar = sigma², or differentiate exp(-logvar) directly."""
    dmu, dlogvar = truth(z, mu, logvar)
    return dmu, dlogvar * np.exp(-logvar)


@misconception
def forgot_the_half(z, mu, logvar):
    """dlog p/dlogvar is twice too large: that is the derivative with respect to log sigma, and
    logvar = 2 log sigma. Multiply by 1/2."""
    dmu, dlogvar = truth(z, mu, logvar)
    return dmu, 2.0 * dlogvar


@misconception
def logvar_is_log_sigma(z, mu, logvar):
    """You took exp(logvar) for sigma; it is the variance, sigma². So 1 / sigma² is exp(-logvar),
    not exp(-2 logvar)."""
    y = (z - mu) * np.exp(-logvar)
    return y * np.exp(-logvar), y * y - 1.0


@misconception
def divided_by_sigma_once(z, mu, logvar):
    """dlog p/dmu is divided by sigma, and needs sigma²: the exponent is (z - mu)² / (2 sigma²), and
    differentiating it leaves the sigma² where it is."""
    dmu, dlogvar = truth(z, mu, logvar)
    return dmu * np.exp(0.5 * logvar), dlogvar


@misconception
def added_up_the_draws(z, mu, logvar):
    """You added up the draws. Each draw has a score of its own, (S, Z): in an estimate each of them
    will be multiplied by its own f(z)."""
    dmu, dlogvar = truth(z, mu, logvar)
    return dmu.sum(axis=0), dlogvar.sum(axis=0)


EXERCISE = Exercise(
    name="gaussian_score",
    chapter=5,
    title="The score of a Gaussian",
    cases=cases,
    returns=("dlog p/dmu", "dlog p/dlogvar"),
    misconceptions=(
        differentiated_in_z,
        forgot_the_normalizer,
        in_sigma,
        in_the_variance,
        forgot_the_half,
        logvar_is_log_sigma,
        divided_by_sigma_once,
        added_up_the_draws,
    ),
    hints=(
        "Write log p with v for logvar: -(z - mu)² e^-v / 2 - v / 2 - log(2 pi) / 2. No sigma is "
        "left in it. Now differentiate, once in mu, once in v.",
        "In mu only the square depends on it: its derivative is -2 (z - mu), and two minus signs "
        "and two factors 2 cancel. In v there are two terms, and e^-v becomes -e^-v.",
        "dlog p/dmu = (z - mu) e^-logvar and dlog p/dlogvar = (z - mu)² e^-logvar / 2 - 1/2. NumPy "
        "stretches mu (Z,) over the S rows of z by itself.",
    ),
    truth=truth,
)
