"""The package's own estimators, averaged over their noise exactly, by Gauss-Hermite quadrature.

E f(eps) is the sum of weight_i f(node_i), and with S samples of Z latents there are nodes^(S Z)
places: S Z up to 3 or so. For the mean and variance of everything that is a polynomial in the
noise of degree d, d + 1 nodes are exact: 3 for `analytic`, `sampled` and `path`, 5 for `score`; for
the fourth moment 2 d + 1, at most 9. For the weights of the importance-weighted bounds some 60 give
twelve digits.
Here `estimates` is handed the nodes as if they were draws: what is checked is the code that trains.
"""

import itertools
import math

import numpy as np

from tinyvae.errors import check_count
from tinyvae.models.free_posterior import estimates
from tinyvae.models.moments import Moments

MOST = 2_000_000  # places, each with its arrays of Z and D numbers


def noise_grid(samples, latent, nodes):
    """(eps (S, G, Z), weights (G,)) with G = nodes^(S Z) places; the weights add up to 1.

    ValueError if these are more than two million.
    """
    for name, value in (("samples", samples), ("latent", latent), ("nodes", nodes)):
        check_count(name, value)
    if nodes ** (samples * latent) > MOST:
        raise ValueError(
            f"samples * latent is {samples * latent}, too many for a quadrature with {nodes} nodes "
            f"each: at most {int(math.log(MOST) / math.log(nodes))}"
        )
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    places = np.array(list(itertools.product(range(nodes), repeat=samples * latent)))
    eps = x[places].reshape(-1, samples, latent)
    return eps.transpose(1, 0, 2), w[places].prod(axis=1)


def quadrature_moments(model, objective, m, logvar, *, x, samples=1, nodes=9):
    """{"value", "m", "logvar"}: the Moments that `moments` has closed forms for, by quadrature.

    objective: any name in `elbo.OBJECTIVES`. m, logvar (Z,) and x (D,): one example.
    """
    eps, weights = noise_grid(samples, model.latent, nodes)
    found = {}
    for name, each in zip(
        ("value", "m", "logvar"),
        estimates(model, objective, m, logvar, x=x, eps=eps),
        strict=True,
    ):
        mean = weights @ each
        away2 = (each - mean) ** 2
        found[name] = Moments(mean, weights @ away2, weights @ away2**2)
    return found
