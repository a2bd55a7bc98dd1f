"""Normal(loc, scale): N(loc, scale²). The scale is a standard deviation, not a variance."""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.ops import chain

PARAMS = {"loc": "real", "scale": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "z = loc + scale * eps: standard noise, shifted and stretched"
REFERENCE = ("normal", (0.0, 1.0))
LOG_2PI = math.log(2.0 * math.pi)

noise, mirror = noises.normal, noises.negate


def rsample(loc, scale, *, noise):
    """z = loc + scale * eps with noise eps ~ N(0, 1);  dz/dloc = 1, dz/dscale = eps.

    ValueError unless scale > 0. Source: Kingma & Welling (2014), section 2.4.
    """
    check(PARAMS, loc, scale)
    return loc + scale * noise, lambda dz: chain(dz, (1.0, noise), (loc, scale))


sample = value_of(rsample)


def log_prob(x, loc, scale):
    """log p(x) = -y²/2 - log scale - log(2 pi)/2 with y = (x - loc)/scale, in nats.

    dlog p/dx = -y/scale. ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    y = (x - loc) / scale

    def vjp(dy):
        dloc, dscale = score(x, loc, scale)
        return chain(dy, (-dloc, dloc, dscale), (x, loc, scale))

    return -0.5 * y * y - np.log(scale) - 0.5 * LOG_2PI, vjp


def score(x, loc, scale):
    """dlog p/dloc = y/scale, dlog p/dscale = (y² - 1)/scale with y = (x - loc)/scale."""
    check(PARAMS, loc, scale)
    y = (x - loc) / scale
    return y / scale, (y * y - 1.0) / scale


def entropy(loc, scale):
    """H = (1 + log 2 pi)/2 + log scale."""
    check(PARAMS, loc, scale)
    H = 0.5 * (1.0 + LOG_2PI) + np.log(scale)
    return closed_form(H, (0.0, 1.0 / scale), (loc, scale))


def mean(loc, scale):
    """E z = loc."""
    check(PARAMS, loc, scale)
    return closed_form(loc, (1.0, 0.0), (loc, scale))


def variance(loc, scale):
    """Var z = scale²."""
    check(PARAMS, loc, scale)
    return closed_form(scale * scale, (0.0, 2.0 * scale), (loc, scale))


def kl(loc, scale):
    """KL(N(loc, scale²) || N(0, 1)) = (loc² + scale² - 1)/2 - log scale.

    Written with r = scale - 1, as (loc² + r (r + 2))/2 - log1p(r): near scale = 1, where it is a
    difference of nearly equal numbers, it then keeps its digits and stays positive.
    """
    check(PARAMS, loc, scale)
    r = scale - 1.0
    y = 0.5 * (loc * loc + r * (r + 2.0)) - np.log1p(r)
    return closed_form(y, (loc, scale - 1.0 / scale), (loc, scale))


def support(loc, scale):
    """The real line."""
    return -math.inf, math.inf
