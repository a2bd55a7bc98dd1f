"""Gaussian(mu, logvar): N(mu, e^logvar), written in the log-variance that a network puts out.

The law of `normal.py` in the parameters of the VAE; `tinyvae.reparameterize` is its path on the
shapes that a VAE has. Parameters are not checked, as this runs in every step of a training; there
`NotFinite` names the first array that went bad.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.kl import kl_per_latent
from tinyvae.ops import chain, sum_to

PARAMS = {"mu": "real", "logvar": "real"}
EVENT = 0
KIND = "explicit"
WHY = "z = mu + e^(logvar/2) * eps: standard noise, shifted and stretched"
REFERENCE = ("gaussian", (0.0, 0.0))
LOG_2PI = math.log(2.0 * math.pi)

noise, mirror = noises.normal, noises.negate


def rsample(mu, logvar, *, noise):
    """z = mu + sigma * eps with sigma = e^(logvar/2);  dz/dmu = 1, dz/dlogvar = sigma eps / 2."""
    deviation = np.exp(0.5 * logvar) * noise
    return mu + deviation, lambda dz: chain(dz, (1.0, 0.5 * deviation), (mu, logvar))


sample = value_of(rsample)


def log_prob(x, mu, logvar):
    """log p(x) = -(r² + logvar + log 2 pi) / 2 with r = (x - mu) / sigma and sigma = e^(logvar/2).

    The constant is kept: without it the ELBO is no bound on log p(x) and no figure compares.

    x, mu, logvar broadcast against each other; the result in nats, for each number apart.
    Gradients: dx = -dy r / sigma, dmu = dy r / sigma, dlogvar = dy (r² - 1) / 2.
    """
    precision = np.exp(-logvar)
    error = x - mu
    r2 = error * error * precision

    def vjp(dy):
        dmu = dy * error * precision
        dlogvar = dy * (0.5 * r2 - 0.5)
        shapes = np.shape(x), np.shape(mu), np.shape(logvar)
        return tuple(map(sum_to, (-dmu, dmu, dlogvar), shapes))

    return -0.5 * (r2 + logvar + LOG_2PI), vjp


def score(x, mu, logvar):
    """dlog p/dmu = r / sigma, dlog p/dlogvar = (r² - 1) / 2 with r = (x - mu) / sigma."""
    precision = np.exp(-logvar)
    error = x - mu
    return error * precision, 0.5 * (error * error * precision) - 0.5


def entropy(mu, logvar):
    """H = (1 + log 2 pi + logvar) / 2."""
    return closed_form(0.5 * (1.0 + LOG_2PI + logvar), (0.0, 0.5), (mu, logvar))


def mean(mu, logvar):
    """E z = mu."""
    return closed_form(mu, (1.0, 0.0), (mu, logvar))


def variance(mu, logvar):
    """Var z = e^logvar."""
    v = np.exp(logvar)
    return closed_form(v, (0.0, v), (mu, logvar))


def kl(mu, logvar):
    """KL(N(mu, e^logvar) || N(0, 1)), as `tinyvae.kl_per_latent`, for shapes that broadcast."""
    y, vjp = kl_per_latent(*np.broadcast_arrays(mu, logvar))
    return y, lambda dy: tuple(map(sum_to, vjp(dy), (np.shape(mu), np.shape(logvar))))


def support(mu, logvar):
    """The real line."""
    return -math.inf, math.inf
