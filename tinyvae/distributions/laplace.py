"""Laplace(loc, scale): two exponentials back to back."""

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
REFERENCE = ("laplace", (0.0, 1.0))

noise, mirror = noises.laplace, noises.negate


def rsample(loc, scale, *, noise):
    """z = loc + scale * eps with noise eps ~ Laplace(0, 1);  dz/dloc = 1, dz/dscale = eps.

    ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    return loc + scale * noise, lambda dz: chain(dz, (1.0, noise), (loc, scale))


sample = value_of(rsample)


def log_prob(x, loc, scale):
    """log p(x) = -|y| - log 2 scale with y = (x - loc)/scale, in nats;  dlog p/dx = -sgn(y)/scale.

    At the kink x = loc the slope is taken as 0. ValueError unless scale > 0.
    """
    check(PARAMS, loc, scale)
    y = (x - loc) / scale

    def vjp(dy):
        dloc, dscale = score(x, loc, scale)
        return chain(dy, (-dloc, dloc, dscale), (x, loc, scale))

    return -_size(y) - np.log(scale) - math.log(2.0), vjp


def score(x, loc, scale):
    """dlog p/dloc = sgn(y)/scale, dlog p/dscale = (|y| - 1)/scale with y = (x - loc)/scale."""
    check(PARAMS, loc, scale)
    y = (x - loc) / scale
    return np.sign(y) / scale, (_size(y) - 1.0) / scale


def entropy(loc, scale):
    """H = 1 + log 2 scale."""
    check(PARAMS, loc, scale)
    return closed_form(1.0 + math.log(2.0) + np.log(scale), (0.0, 1.0 / scale), (loc, scale))


def mean(loc, scale):
    """E z = loc."""
    check(PARAMS, loc, scale)
    return closed_form(loc, (1.0, 0.0), (loc, scale))


def variance(loc, scale):
    """Var z = 2 scale²."""
    check(PARAMS, loc, scale)
    return closed_form(2.0 * scale * scale, (0.0, 4.0 * scale), (loc, scale))


def kl(loc, scale):
    """KL(Laplace(loc, scale) || Laplace(0, 1)) = |loc| + scale e^(-|loc|/scale) - 1 - log scale.

    Written as |loc| + scale (e^(-|loc|/scale) - 1), plus scale - 1 - log scale: each is 0 where the
    laws agree, and small beside it. The kink of |loc| is not one of the divergence: what follows
    |loc| cancels it, and the slope at loc = 0 is 0.
    """
    check(PARAMS, loc, scale)
    m, r = _size(loc), scale - 1.0
    y = (m + scale * np.expm1(-m / scale)) + (r - np.log1p(r))

    def vjp(dy):
        decay = np.expm1(-m / scale)
        dscale = (decay * (1.0 + m / scale) + m / scale) + r / scale
        return chain(dy, (-np.sign(loc) * decay, dscale), (loc, scale))

    return y, vjp


def support(loc, scale):
    """The real line."""
    return -math.inf, math.inf


def _size(y):
    """|y|, which lets complex numbers through: their real part decides."""
    return np.maximum(y, -y)
