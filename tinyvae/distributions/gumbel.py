"""Gumbel(loc, scale): the law of the largest of many draws, and of the Gumbel-max trick."""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.limits import check_exponent
from tinyvae.distributions.sets import check
from tinyvae.ops import chain
from tinyvae.special.gamma import digamma, lgamma

PARAMS = {"loc": "real", "scale": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "z = loc + scale * eps: standard noise, shifted and stretched"
REFERENCE = ("gumbel", (0.0, 1.0))
EULER = float(np.euler_gamma)

noise, mirror = noises.gumbel, noises.reflect_gumbel


def rsample(loc, scale, *, noise):
    """z = loc + scale * eps with noise eps = -log(-log u);  dz/dloc = 1, dz/dscale = eps.

    ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    return loc + scale * noise, lambda dz: chain(dz, (1.0, noise), (loc, scale))


sample = value_of(rsample)


def log_prob(x, loc, scale):
    """log p(x) = -y - e^-y - log scale with y = (x - loc)/scale;  dlog p/dx = (e^-y - 1)/scale.

    ValueError unless scale > 0, or if e^-y overflows, at y < -709: no draw ever falls below -7.
    """
    check(PARAMS, loc, scale)
    y = _standard(x, loc, scale)

    def vjp(dy):
        dloc, dscale = score(x, loc, scale)
        return chain(dy, (-dloc, dloc, dscale), (x, loc, scale))

    return -y - np.exp(-y) - np.log(scale), vjp


def score(x, loc, scale):
    """dlog p/dloc = (1 - e^-y)/scale, dlog p/dscale = (y (1 - e^-y) - 1)/scale."""
    check(PARAMS, loc, scale)
    y = _standard(x, loc, scale)
    rise = -np.expm1(-y)
    return rise / scale, (y * rise - 1.0) / scale


def entropy(loc, scale):
    """H = log scale + gamma + 1, with Euler's gamma = 0.5772."""
    check(PARAMS, loc, scale)
    return closed_form(np.log(scale) + (EULER + 1.0), (0.0, 1.0 / scale), (loc, scale))


def mean(loc, scale):
    """E z = loc + gamma scale."""
    check(PARAMS, loc, scale)
    return closed_form(loc + EULER * scale, (1.0, EULER), (loc, scale))


def variance(loc, scale):
    """Var z = pi² scale² / 6."""
    check(PARAMS, loc, scale)
    sixth = math.pi**2 / 6.0
    return closed_form(sixth * scale * scale, (0.0, 2.0 * sixth * scale), (loc, scale))


def kl(loc, scale):
    """KL(Gumbel(loc, scale) || Gumbel(0, 1))
        = -log scale + gamma (scale - 1) + e^-loc Gamma(scale + 1) - 1 + loc.

    ValueError unless scale > 0, or if e^-loc Gamma(scale + 1) overflows.
    """
    check(PARAMS, loc, scale)
    exponent = lgamma(scale + 1.0) - loc
    check_exponent(**{"log Gamma(scale + 1) - loc": exponent})
    y = loc + np.expm1(exponent) + EULER * (scale - 1.0) - np.log(scale)

    def vjp(dy):
        tail = np.exp(exponent)
        dscale = tail * digamma(scale + 1.0) + EULER - 1.0 / scale
        return chain(dy, (-np.expm1(exponent), dscale), (loc, scale))

    return y, vjp


def support(loc, scale):
    """The real line."""
    return -math.inf, math.inf


def _standard(x, loc, scale):
    y = (x - loc) / scale
    check_exponent(**{"-(x - loc)/scale": -y})
    return y
