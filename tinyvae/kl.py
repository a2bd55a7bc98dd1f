"""Divergences, in nats."""

import numpy as np


def kl_per_latent(mu, logvar):
    """KL(N(mu, e^logvar) || N(0, 1)) = (mu² + e^logvar - 1 - logvar) / 2, for each number apart.

    e^logvar - 1 is `expm1(logvar)`: for a logvar near 0 the plain form loses every digit, and
    then reports a divergence below zero, which no divergence is.

    mu, logvar, and the result in nats: one shape. ValueError if the shapes differ.
    Gradients: dmu = dkl mu, dlogvar = dkl (e^logvar - 1) / 2.
    Source: Kingma & Welling (2014), appendix B.
    """
    if np.shape(mu) != np.shape(logvar):
        raise ValueError(
            f"kl wants mu and logvar of one shape, not mu {np.shape(mu)}, logvar {np.shape(logvar)}"
        )
    excess = np.expm1(logvar)

    def vjp(dkl):
        return dkl * mu, dkl * (0.5 * excess)

    return 0.5 * (mu * mu + (excess - logvar)), vjp


def kl(mu, logvar):
    """KL(N(mu, diag e^logvar) || N(0, I)): mu, logvar (..., Z) to nats (...,), summed over latents.

    ValueError if the shapes differ or there is no axis of latents to sum over.
    """
    if np.ndim(mu) == 0:
        raise ValueError("kl sums over the last axis: for two numbers use kl_per_latent")
    each, each_vjp = kl_per_latent(mu, logvar)
    return each.sum(axis=-1), lambda dkl: each_vjp(dkl[..., None] if np.ndim(dkl) else dkl)
