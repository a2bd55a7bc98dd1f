"""Logistic(loc, scale): its CDF is the sigmoid. The scale is not the standard deviation."""

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

noise, mirror = noises.logistic, noises.negate


def rsample(loc, scale, *, noise):
    """z = loc + scale * eps with noise eps = log u - log(1 - u);  dz/dloc = 1, dz/dscale = eps.

    ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    return loc + scale * noise, lambda dz: chain(dz, (1.0, noise), (loc, scale))


sample = value_of(rsample)


def log_prob(x, loc, scale):
    """log p(x) = -y - 2 log(1 + e^-y) - log scale with y = (x - loc)/scale, in nats.

    Even in y, and computed from |y|, where no exponential overflows. dlog p/dx = -tanh(y/2)/scale.
    ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    y = (x - loc) / scale
    size = np.maximum(y, -y)

    def vjp(dy):
        dloc, dscale = score(x, loc, scale)
        return chain(dy, (-dloc, dloc, dscale), (x, loc, scale))

    return -size - 2.0 * np.log1p(np.exp(-size)) - np.log(scale), vjp


def score(x, loc, scale):
    """dlog p/dloc = tanh(y/2)/scale, dlog p/dscale = (y tanh(y/2) - 1)/scale."""
    check(PARAMS, loc, scale)
    y = (x - loc) / scale
    t = np.tanh(0.5 * y)
    return t / scale, (y * t - 1.0) / scale


def entropy(loc, scale):
    """H = log scale + 2."""
    check(PARAMS, loc, scale)
    return closed_form(np.log(scale) + 2.0, (0.0, 1.0 / scale), (loc, scale))


def mean(loc, scale):
    """E z = loc."""
    check(PARAMS, loc, scale)
    return closed_form(loc, (1.0, 0.0), (loc, scale))


def variance(loc, scale):
    """Var z = pi² scale² / 3."""
    check(PARAMS, loc, scale)
    third = math.pi**2 / 3.0
    return closed_form(third * scale * scale, (0.0, 2.0 * third * scale), (loc, scale))


def kl(loc, scale):
    """KL(Logistic(loc, scale) || N(0, 1)) = (loc² + pi² scale²/3 + log 2 pi)/2 - log scale - 2.

    The second moment stands for -log N(0, 1), and 2 + log scale is the entropy. Never 0: no
    logistic is a normal.
    """
    check(PARAMS, loc, scale)
    third = math.pi**2 / 3.0
    y = 0.5 * (loc * loc + third * scale * scale) - np.log(scale)
    y = y + (0.5 * math.log(2.0 * math.pi) - 2.0)
    return closed_form(y, (loc, third * scale - 1.0 / scale), (loc, scale))


def support(loc, scale):
    """The real line."""
    return -math.inf, math.inf
