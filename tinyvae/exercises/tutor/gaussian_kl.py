"""KL(N(mu, e^logvar) || N(0, 1)), value and gradients."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception, pulled
from tinyvae.kl import kl as truth


def cases(rng):
    found = []
    for B, Z in ((4, 3), (3, 3), (1, 2)):
        found.append(case(rng.standard_normal(B), *rng.standard_normal((2, B, Z))))
    return found


@misconception
def negative(mu, logvar):
    """That is minus the KL: 1 + logvar - mu² - e^logvar, halved, is what some papers write, as the
    term that is added to the bound. A divergence is never below 0: turn all signs around."""
    value, vjp = truth(mu, logvar)
    return -value, lambda dy: vjp(-dy)


@misconception
def averaged_over_the_latents(mu, logvar):
    """You averaged over the Z latents. The KL of independent latents is the sum of their KLs; a
    mean is a hidden beta of 1/Z."""
    value, vjp = truth(mu, logvar)
    Z = mu.shape[1]
    return value / Z, lambda dy: vjp(dy / Z)


@misconception
def half_forgotten(mu, logvar):
    """Everything is twice too large: the factor 1/2 is missing. It stands in front of the logarithm
    of a Gaussian's density, and stays."""
    value, vjp = truth(mu, logvar)
    return 2.0 * value, lambda dy: vjp(2.0 * dy)


@misconception
def minus_one_forgotten(mu, logvar):
    """The KL is right, but dlogvar lacks its -1/2: the term -logvar / 2 has a derivative, too. At
    logvar = 0 the gradient must be 0."""
    value, vjp = truth(mu, logvar)
    return value, lambda dy: (vjp(dy)[0], dy[:, None] * 0.5 * np.exp(logvar))


@misconception
def wrong_way_round(mu, logvar):
    """That is KL(p || q), the prior's divergence from q. The bound has KL(q || p), an average over
    draws of q: no division by the variance of q occurs in it."""
    precision = np.exp(-logvar)
    each = 0.5 * ((mu**2 + 1.0) * precision - 1.0 + logvar)

    def vjp(dy):
        return dy[:, None] * mu * precision, dy[:, None] * 0.5 * (1.0 - (mu**2 + 1.0) * precision)

    return each.sum(axis=1), vjp


@misconception
def sigma_in_place_of_the_variance(mu, logvar):
    """e^logvar is the variance of q, and the KL needs the variance: you put sigma, e^(logvar / 2),
    in its place."""
    sigma = np.exp(0.5 * logvar)
    each = 0.5 * (mu**2 + sigma - 1.0 - logvar)
    return each.sum(axis=1), lambda dy: (dy[:, None] * mu, dy[:, None] * 0.5 * (0.5 * sigma - 1.0))


@misconception
def logvar_is_log_sigma(mu, logvar):
    """You took exp(logvar) for sigma, and squared it. It is the variance already: e^logvar, and log
    sigma² is logvar."""
    value, vjp = truth(mu, 2.0 * logvar)

    def pull(dy):
        dmu, dlogvar = vjp(dy)
        return dmu, 2.0 * dlogvar

    return value, pull


@misconception
def cotangent_forgotten(mu, logvar):
    """vjp does not use dy: the gradients of example n are multiplied by dy[n], whatever comes after
    the KL. Use dy[:, None]."""
    value, vjp = truth(mu, logvar)
    return value, lambda dy: vjp(np.ones_like(dy))


EXERCISE = Exercise(
    name="gaussian_kl",
    chapter=8,
    title="The price of a posterior: the KL divergence from N(0, 1)",
    cases=cases,
    call=pulled,
    returns=("KL", "dmu", "dlogvar"),
    misconceptions=(
        negative,
        averaged_over_the_latents,
        half_forgotten,
        minus_one_forgotten,
        wrong_way_round,
        sigma_in_place_of_the_variance,
        logvar_is_log_sigma,
        cotangent_forgotten,
    ),
    hints=(
        "The value is the formula of the statement, summed over axis 1. For the gradients look at "
        "one latent, and differentiate term by term.",
        "In mu only mu² / 2 depends on it. In logvar two terms do: e^logvar / 2 and -logvar / 2.",
        "vjp(dy) returns dy[:, None] * mu and dy[:, None] * 0.5 * np.expm1(logvar).",
    ),
    truth=truth,
)
