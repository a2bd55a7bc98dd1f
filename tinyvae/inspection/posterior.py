"""The aggregate posterior, q(z) = 1/N sum_n q(z | x_n), held against the prior it is to match.

    mean KL(q(z | x_n) || p(z)) = I(x; z) + KL(q(z) || p(z)),    in nats per example

The KL of the bound pays for two things: I, what a latent tells about which example it came from,
and the distance of all posteriors together from the prior. Where that distance is large there are
places that the prior draws from and no example was encoded to, and what the decoder puts out there
nobody trained it for.

Both are about these N examples, and of them I is at most log N. With more of the same data I would
be larger, but on average no larger than with the mixture of all the others, 1/(N-1) sum over m not
n of q(z | x_m), in the place of q(z): the two enclose what an endless supply of data would show.

Shapes: mu, logvar (N, Z) of q(z | x_n) = N(mu_n, diag e^logvar_n).
Source: Hoffman & Johnson, ELBO surgery: yet another way to carve up the variational evidence lower
bound (2016), section 2; the two sides, Poole et al., On Variational Bounds of Mutual Information
(2019), section 2.4.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinyvae.distributions.gaussian import LOG_2PI
from tinyvae.errors import check_finite, check_shape
from tinyvae.kl import kl

NARROWEST = -600.0  # logvar: a narrower posterior, of a run that diverged, is a point as well
BLOCK = 100_000  # pairs of a draw and a posterior that are in memory at once, as float64


@dataclass(frozen=True, eq=False)
class Aggregate:
    """q(z) of N examples: mean and variance (Z,) of each latent; per example (N,), estimates of the
    two parts of the KL, whose sum is the closed-form KL of that example; and `least`, the second of
    them with the others' mixture: its mean is at most the divergence of an endless supply."""

    mean: np.ndarray
    variance: np.ndarray
    information: np.ndarray
    divergence: np.ndarray
    least: np.ndarray


def aggregate(mu, logvar, *, eps):
    """The Aggregate of N posteriors, by one draw z_n = mu_n + sigma_n eps_n of each; eps (N, Z).

    mean_j = mean of mu_j;  variance_j = mean of sigma_j² + variance of mu_j over the examples.
    information_n = log q(z_n | x_n) - log q(z_n), never above log N, and
    divergence_n = KL(q(z | x_n) || p(z)) - information_n: Monte Carlo, so that their means have a
    standard error. Computed in float64; one example alone has no others, and `least` is 0.
    ValueError for wrong shapes or numbers that are not finite.
    """
    shape = np.shape(mu)
    check_shape("mu", mu, ("N", "Z"))
    for name, array in (("mu", mu), ("logvar", logvar), ("eps", eps)):
        check_shape(name, array, shape)
        check_finite(name, array)
    mu, logvar, eps = (np.asarray(array, np.float64) for array in (mu, logvar, eps))
    logvar = np.maximum(logvar, NARROWEST)
    own, others = log_densities(mu, logvar, eps)
    N, (each, _) = len(mu), kl(mu, logvar)
    all_of_them = np.logaddexp(own, others) if N > 1 else own
    information = own - all_of_them + math.log(N)
    least = each - own + others - math.log(N - 1) if N > 1 else np.zeros(1)
    mean, variance = mu.mean(axis=0), np.exp(logvar).mean(axis=0) + mu.var(axis=0)
    return Aggregate(mean, variance, information, each - information, least)


def log_densities(mu, logvar, eps):
    """log q(z_n | x_n) and log of the sum over m not n of q(z_n | x_m), (N,) each, in blocks."""
    N, Z = mu.shape
    z, inverse = mu + np.exp(0.5 * logvar) * eps, np.exp(-0.5 * logvar) * math.sqrt(0.5)
    constant = -0.5 * (logvar.sum(axis=1) + Z * LOG_2PI)
    rows, own, others = max(1, BLOCK // N), np.empty(N), np.full(N, -np.inf)
    for start in range(0, N, rows):
        draws = np.arange(start, min(start + rows, N))
        log_q = np.repeat(constant[None], len(draws), axis=0)  # (draws, posteriors)
        for j in range(Z):
            # (z - mu) / sigma, not the products of the expanded square: those cancel where sigma
            # is small beside mu.
            off = (z[draws, j, None] - mu[:, j]) * inverse[:, j]
            off *= off
            log_q -= off
        own[draws] = log_q[draws - start, draws]
        if N > 1:
            log_q[draws - start, draws] = -np.inf
            largest = log_q.max(axis=1, keepdims=True)
            log_q -= largest
            total = np.exp(log_q, out=log_q).sum(axis=1)
            others[draws] = largest[:, 0] + np.log(total)
    return own, others
