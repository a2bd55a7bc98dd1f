"""LogNormal(loc, scale): z > 0 whose logarithm is N(loc, scale²)."""

import math

import numpy as np

from tinyvae.distributions import noises, normal
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.limits import check_exponent
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain

PARAMS = {"loc": "real", "scale": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "z = e^(loc + scale * eps): a smooth function of standard noise, shifted and stretched"
REFERENCE = ("log_normal", (0.0, 1.0))

noise, mirror = noises.normal, noises.negate


def rsample(loc, scale, *, noise):
    """z = e^(loc + scale * eps) with noise eps ~ N(0, 1);  dz/dloc = z, dz/dscale = z eps.

    ValueError unless scale > 0, or if z overflows.
    """
    check(PARAMS, loc, scale)
    log_z = loc + scale * noise
    check_exponent(**{"loc + scale * noise": log_z})
    z = np.exp(log_z)
    return z, lambda dz: chain(dz, (z, z * noise), (loc, scale))


sample = value_of(rsample)


def log_prob(x, loc, scale):
    """log p(x) = log N(log x; loc, scale²) - log x for x > 0, in nats.

    dlog p/dx = -(1 + y/scale)/x with y = (log x - loc)/scale. ValueError unless x > 0, scale > 0.
    """
    check(PARAMS, loc, scale)
    check_inside(x=x, above=0.0)
    log_x = np.log(x)
    y, _ = normal.log_prob(log_x, loc, scale)

    def vjp(dy):
        dloc, dscale = normal.score(log_x, loc, scale)
        return chain(dy, (-(1.0 + dloc) / x, dloc, dscale), (x, loc, scale))

    return y - log_x, vjp


def score(x, loc, scale):
    """That of N(loc, scale²) at log x: dlog p/dloc = y/scale, dlog p/dscale = (y² - 1)/scale."""
    check_inside(x=x, above=0.0)
    return normal.score(np.log(x), loc, scale)


def entropy(loc, scale):
    """H = loc + (1 + log 2 pi)/2 + log scale: that of the normal, and E log z = loc."""
    check(PARAMS, loc, scale)
    H = loc + np.log(scale) + 0.5 * (1.0 + math.log(2.0 * math.pi))
    return closed_form(H, (1.0, 1.0 / scale), (loc, scale))


def mean(loc, scale):
    """E z = e^(loc + scale²/2). ValueError if it overflows."""
    check(PARAMS, loc, scale)
    exponent = loc + 0.5 * scale * scale
    check_exponent(**{"loc + scale²/2": exponent})
    m = np.exp(exponent)
    return closed_form(m, (m, scale * m), (loc, scale))


def variance(loc, scale):
    """Var z = (e^(scale²) - 1) e^(2 loc + scale²). ValueError if it overflows."""
    check(PARAMS, loc, scale)
    s2 = scale * scale
    check_exponent(**{"2 (loc + scale²)": 2.0 * (loc + s2), "scale²": s2})
    square, spread = np.exp(2.0 * loc + s2), np.expm1(s2)
    slopes = 2.0 * spread * square, 2.0 * scale * (2.0 * spread + 1.0) * square
    return closed_form(spread * square, slopes, (loc, scale))


def kl(loc, scale):
    """KL(LogNormal(loc, scale) || LogNormal(0, 1)) = KL(N(loc, scale²) || N(0, 1)).

    An invertible function of both draws, here e^z, changes no divergence.
    """
    return normal.kl(loc, scale)


def support(loc, scale):
    """The positive half-line."""
    return 0.0, math.inf
