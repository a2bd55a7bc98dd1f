"""Cauchy(loc, scale): tails so heavy that it has no mean.

Pathwise gradients suffer from them: dz/dscale = eps is itself a Cauchy variate. Unless f' dies out
in the tails the pathwise estimator of the scale has no finite variance, and for f = cos z, as
E|f'(z) eps| is infinite, not even a mean: averages never settle. The score, bounded by 1/scale, has
no such trouble.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, undefined, value_of
from tinyvae.distributions.sets import check
from tinyvae.ops import chain

PARAMS = {"loc": "real", "scale": "positive"}
EVENT = 0
KIND = "explicit"
WHY = (
    "z = loc + scale * eps: standard noise, shifted and stretched; but dz/dscale = eps has no "
    "mean, and the pathwise gradient may have none"
)
REFERENCE = ("cauchy", (0.0, 1.0))

noise, mirror = noises.cauchy, noises.negate


def rsample(loc, scale, *, noise):
    """z = loc + scale * eps with noise eps = tan(pi (u - 1/2));  dz/dloc = 1, dz/dscale = eps.

    ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    return loc + scale * noise, lambda dz: chain(dz, (1.0, noise), (loc, scale))


sample = value_of(rsample)


def log_prob(x, loc, scale):
    """log p(x) = -log(pi scale) - log(1 + y²) with y = (x - loc)/scale, in nats.

    dlog p/dx = -2y/(scale (1 + y²)). ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    m, c, s = _direction(x, loc, scale)

    def vjp(dy):
        dloc, dscale = score(x, loc, scale)
        return chain(dy, (-dloc, dloc, dscale), (x, loc, scale))

    return -np.log(scale) - math.log(math.pi) - 2.0 * np.log(m) - np.log(c * c + s * s), vjp


def score(x, loc, scale):
    """dlog p/dloc = 2y/(scale (1 + y²)), dlog p/dscale = (y² - 1)/(scale (1 + y²))."""
    check(PARAMS, loc, scale)
    _, c, s = _direction(x, loc, scale)
    r = scale * (c * c + s * s)
    return 2.0 * c * s / r, (s - c) * (s + c) / r


def entropy(loc, scale):
    """H = log(4 pi scale)."""
    check(PARAMS, loc, scale)
    H = math.log(4.0 * math.pi) + np.log(scale)
    return closed_form(H, (0.0, 1.0 / scale), (loc, scale))


mean = undefined(
    "a Cauchy law has no mean: E|z| is infinite, and the average of any number of draws is spread "
    "as widely as one draw; its median, and the point that it is symmetric about, is loc"
)
variance = undefined(
    "a Cauchy law has no variance: E z² is infinite; its spread is measured by the scale, half the "
    "distance between its quartiles"
)


def kl(loc, scale):
    """KL(Cauchy(loc, scale) || Cauchy(0, 1)) = log[((1 + scale)² + loc²) / (4 scale)].

    Computed as log(1 + ((1 - scale)² + loc²) / (4 scale)), which is never negative.
    Source: Chyzak & Nielsen, A Closed-Form Formula for the Kullback-Leibler Divergence between
    Cauchy Distributions (2019).
    """
    check(PARAMS, loc, scale)
    y = np.log1p(((1.0 - scale) ** 2 + loc * loc) / (4.0 * scale))
    both = (1.0 + scale) ** 2 + loc * loc
    dscale = (loc * loc + (1.0 + scale) * (1.0 - scale)) / (-scale * both)
    return closed_form(y, (2.0 * loc / both, dscale), (loc, scale))


def support(loc, scale):
    """The real line."""
    return -math.inf, math.inf


def _direction(x, loc, scale):
    """m, 1/m, y/m with y = (x - loc)/scale and m = max(1, |y|): 1 + y² is m² (1/m² + y²/m²).

    A Cauchy draw may be so large that y² overflows.
    """
    y = (x - loc) / scale
    m = np.maximum(np.maximum(y, -y), 1.0)
    return m, 1.0 / m, y / m
