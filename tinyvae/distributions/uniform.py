"""Uniform(low, high), low < high: a path, but no score, since the support moves.

E f over [low, high] changes with `high` only because the interval grows at its end:
d/dhigh E f = (f(high) - E f)/(high - low), d/dlow E f = (E f - f(low))/(high - low). The density
inside, 1/(high - low), knows nothing of f at the ends, and so REINFORCE cannot find it.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, undefined, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain

PARAMS = {"low": "real", "high": "above low"}
EVENT = 0
KIND = "explicit"
WHY = "z = low + (high - low) u: the CDF is a straight line"
REFERENCE = ("normal", (0.0, 1.0))

noise, mirror = noises.uniform, noises.reflect


def rsample(low, high, *, noise):
    """z = low + (high - low) u with noise u ~ U(0, 1);  dz/dlow = 1 - u, dz/dhigh = u.

    ValueError unless low < high.
    """
    width = _width(low, high)
    return low + width * noise, lambda dz: chain(dz, (1.0 - noise, noise), (low, high))


sample = value_of(rsample)


def log_prob(x, low, high):
    """log p(x) = -log(high - low) for low < x < high;  d/dlow = 1/(high - low) = -d/dhigh.

    These slopes are those of the density at an x that stays inside, as a likelihood of data wants
    them; they are no score (see `score`). ValueError unless low < x < high.
    """
    width = _width(low, high)
    check_inside(**{"x - low": x - low, "high - x": high - x}, above=0.0)
    y = -np.log(width) + 0.0 * x
    return y, lambda dy: chain(dy, (0.0, 1.0 / width, -1.0 / width), (x, low, high))


score = undefined(
    "Uniform(low, high) has no score to use: its support moves with both parameters, so the "
    "expected score is 1/(high - low), not 0, and REINFORCE would be biased, even in sign; use the "
    "path, z = low + (high - low) u"
)


def entropy(low, high):
    """H = log(high - low)."""
    width = _width(low, high)
    return closed_form(np.log(width), (-1.0 / width, 1.0 / width), (low, high))


def mean(low, high):
    """E z = (low + high)/2."""
    _width(low, high)
    return closed_form(0.5 * (low + high), (0.5, 0.5), (low, high))


def variance(low, high):
    """Var z = (high - low)²/12."""
    width = _width(low, high)
    return closed_form(width * width / 12.0, (-width / 6.0, width / 6.0), (low, high))


def kl(low, high):
    """KL(U(low, high) || N(0, 1)) = (low² + low high + high²)/6 + log(2 pi)/2 - log(high - low)."""
    width = _width(low, high)
    y = (low * low + low * high + high * high) / 6.0 + 0.5 * math.log(2.0 * math.pi) - np.log(width)
    slopes = (2.0 * low + high) / 6.0 + 1.0 / width, (low + 2.0 * high) / 6.0 - 1.0 / width
    return closed_form(y, slopes, (low, high))


def support(low, high):
    """The interval itself."""
    return low, high


def _width(low, high):
    check(PARAMS, low, high)
    return high - low
