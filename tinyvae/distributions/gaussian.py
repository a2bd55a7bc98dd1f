"""Gaussian(mu, logvar): N(mu, e^logvar), written in the log-variance that a network puts out.

It is reparameterized explicitly: see `tinyvae.reparameterize`.
"""

import math

import numpy as np

from tinyvae.ops import sum_to


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

    return -0.5 * (r2 + logvar + math.log(2.0 * math.pi)), vjp


def sample(mu, logvar, *, noise):
    """mu + sigma * noise; `noise` from N(0, 1) and of mu's shape."""
    return mu + np.exp(0.5 * logvar) * noise
