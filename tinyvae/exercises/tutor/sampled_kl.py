"""log q(z) - log p(z) at draws of q: the KL by samples."""

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.kl import kl
from tinyvae.reparameterize import reparameterize


def cases(rng):
    found = []
    for S, B, Z in ((4, 3, 2), (3, 3, 3), (1, 2, 1)):
        mu, logvar = rng.standard_normal((2, B, Z))
        found.append(case(mu, logvar, rng.standard_normal((S, B, Z))))
    return found


def truth(mu, logvar, eps):
    z, _ = reparameterize(mu, logvar, eps=eps)
    log_q, log_p = gaussian.log_prob(z, mu, logvar)[0], gaussian.log_prob(z, 0.0, 0.0)[0]
    return (log_q - log_p).sum(axis=-1)


@misconception
def other_way_round(mu, logvar, eps):
    """That is log p(z) - log q(z): the sign is turned around. Under draws of q, log q is the larger
    of the two on average, so that the KL is not below 0."""
    return -truth(mu, logvar, eps)


@misconception
def normalizer_forgotten(mu, logvar, eps):
    """The term logvar / 2 of log q is missing: eps has the density N(0, 1), but z = mu + sigma eps
    is stretched by sigma, and its density is divided by sigma."""
    return truth(mu, logvar, eps) + 0.5 * logvar.sum(axis=-1)


@misconception
def closed_form(mu, logvar, eps):
    """That is the closed form, the same for every draw: log q and log p are to be looked up at each
    z = mu + sigma eps."""
    return np.broadcast_to(kl(mu, logvar)[0], eps.shape[:-1])


@misconception
def averaged(mu, logvar, eps):
    """You averaged over the draws: return one number for each draw and example, (S, B)."""
    return truth(mu, logvar, eps).mean(axis=0)


@misconception
def kept_above_zero(mu, logvar, eps):
    """Negative values were set to 0. The KL is never negative, but log q - log p at a single draw
    may well be; without these the mean is too large."""
    return np.maximum(truth(mu, logvar, eps), 0.0)


@misconception
def logvar_is_log_sigma(mu, logvar, eps):
    """You took exp(logvar) for sigma in the draw: z = mu + exp(logvar / 2) eps."""
    z = mu + np.exp(logvar) * eps
    return 0.5 * (z**2 - eps**2 - logvar).sum(axis=-1)


@misconception
def prior_at_the_mean(mu, logvar, eps):
    """log p is looked up at mu, not at the draw: both densities are needed at the same z = mu +
    sigma eps."""
    return 0.5 * (mu**2 - eps**2 - logvar).sum(axis=-1)


@misconception
def latents_averaged(mu, logvar, eps):
    """You averaged over the latents: the log of a product of densities is the sum of the logs."""
    return truth(mu, logvar, eps) / eps.shape[-1]


EXERCISE = Exercise(
    name="sampled_kl",
    chapter=8,
    title="The same price, from samples",
    cases=cases,
    returns=("log q - log p",),
    misconceptions=(
        other_way_round,
        normalizer_forgotten,
        closed_form,
        averaged,
        kept_above_zero,
        logvar_is_log_sigma,
        prior_at_the_mean,
        latents_averaged,
    ),
    hints=(
        "log q(z) = -(z - mu)² / (2 sigma²) - logvar / 2 - log(2 pi) / 2, and log p(z) is the same "
        "with mu = 0 and sigma = 1. What is (z - mu) / sigma?",
        "What is left is (z² - eps² - logvar) / 2 for each latent. NumPy stretches mu and logvar "
        "(B, Z) over the S draws by itself.",
        "z = mu + np.exp(0.5 * logvar) * eps, then 0.5 * np.sum(z**2 - eps**2 - logvar, axis=-1).",
    ),
    truth=truth,
)
