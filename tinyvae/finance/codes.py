"""Codes moved to mean 0 and variance 1: the same model in the coordinates of its prior.

Of all that a training has to find, one direction can be solved by pencil. Let the encoder put out
z' = (z - m) / s in place of z, and the decoder undo it in its first layer: no p(x | z) changes, and
of the bound the KL alone does, per latent

    KL = mean of ((mu - m)² / s² + sigma² / s² - 1 - log sigma² / s²) / 2,

which is smallest at m = mean mu, s² = mean sigma² + variance of mu: the moments of q(z). A training
may leave nats there where the data have little noise. With sigma a thousandth of mu, a change of
scale that encoder and decoder do not make together, to a thousandth, costs more than all there is
to gain, and descent crawls along that valley.
"""

import numpy as np


def standard_codes(vae, theta, x):
    """(theta', m, s): the parameters of the same decoder of codes (z - m) / s, with m and s (Z,)
    from the data x (N, D), so that q(z) over x has mean 0 and variance 1. theta is not changed.

    Raises what `vae.encode` raises.
    """
    (mu, logvar), _ = vae.encode(theta, x=x)
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    m, s = mu.mean(axis=0), np.sqrt(mu.var(axis=0) + np.exp(logvar).mean(axis=0))
    moved = theta.astype(np.float64)
    p = vae.layout.views(moved)
    first = vae.decoder.layers[0].name if vae.hidden else vae.out.name
    p["mu.W"] /= s
    p["mu.b"] -= m
    p["mu.b"] /= s
    p["logvar.b"] -= 2.0 * np.log(s)
    p[f"{first}.b"] += m @ p[f"{first}.W"]
    p[f"{first}.W"] *= s[:, None]
    return moved.astype(theta.dtype), m, s
