"""Weibull(concentration, scale): a waiting time whose hazard grows like a power of time.

Below concentration k = 1 the hazard falls, above it rises; k = 1 is Exponential(1/scale).
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.limits import check_exponent
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain
from tinyvae.special.gamma import digamma, lgamma, lgamma1p

PARAMS = {"concentration": "positive", "scale": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "z = scale * E^(1/concentration), E = -log u: the CDF 1 - e^-(z/scale)^k inverts"
REFERENCE = ("exponential", (1.0,))
EULER = float(np.euler_gamma)

noise, mirror = noises.exponential, noises.reflect_exponential


def rsample(concentration, scale, *, noise):
    """z = scale E^(1/k) with noise E ~ Exp(1) and k the concentration;

    dz/dk = -z log(E)/k², dz/dscale = z/scale. ValueError unless both are positive, or if E^(1/k)
    overflows, as it may for k < 0.005.
    """
    check(PARAMS, concentration, scale)
    log_ratio = np.log(noise) / concentration
    check_exponent(**{"log(noise)/concentration": log_ratio})
    ratio = np.exp(log_ratio)
    z = scale * ratio

    def vjp(dz):
        return chain(dz, (-z * log_ratio / concentration, ratio), (concentration, scale))

    return z, vjp


sample = value_of(rsample)


def log_prob(x, concentration, scale):
    """log p(x) = log k - log x + t - e^t with t = k log(x/scale), k the concentration, for x > 0.

    dlog p/dx = (k (1 - e^t) - 1)/x. ValueError unless x, k and scale > 0, or if e^t overflows.
    """
    t = _power(x, concentration, scale)

    def vjp(dy):
        dx = (-concentration * np.expm1(t) - 1.0) / x
        return chain(dy, (dx, *score(x, concentration, scale)), (x, concentration, scale))

    return np.log(concentration) - np.log(x) + t - np.exp(t), vjp


def score(x, concentration, scale):
    """dlog p/dk = (1 + t (1 - e^t))/k, dlog p/dscale = k (e^t - 1)/scale."""
    t = _power(x, concentration, scale)
    return (1.0 - t * np.expm1(t)) / concentration, concentration * np.expm1(t) / scale


def entropy(concentration, scale):
    """H = gamma (1 - 1/k) + log(scale/k) + 1, with Euler's gamma = 0.5772."""
    check(PARAMS, concentration, scale)
    inverse = 1.0 / concentration
    H = EULER * (1.0 - inverse) + np.log(scale) - np.log(concentration) + 1.0
    slopes = (EULER * inverse - 1.0) * inverse, 1.0 / scale
    return closed_form(H, slopes, (concentration, scale))


def mean(concentration, scale):
    """E z = scale Gamma(1 + 1/k). ValueError if it overflows, as for k < 0.006."""
    check(PARAMS, concentration, scale)
    inverse = 1.0 / concentration
    exponent = lgamma(1.0 + inverse)
    check_exponent(**{"log Gamma(1 + 1/concentration)": exponent})
    ratio = np.exp(exponent)
    dk = -scale * ratio * digamma(1.0 + inverse) * inverse * inverse
    return closed_form(scale * ratio, (dk, ratio), (concentration, scale))


def variance(concentration, scale):
    """Var z = scale² [Gamma(1 + 2/k) - Gamma(1 + 1/k)²]. ValueError if it overflows.

    For a large k the bracket is a small difference of numbers near 1, and so is computed as
    Gamma(1 + 1/k)² (e^d - 1) with d = log Gamma(1 + 2/k) - 2 log Gamma(1 + 1/k).
    """
    check(PARAMS, concentration, scale)
    inverse = 1.0 / concentration
    check_exponent(**{"log Gamma(1 + 2/concentration)": lgamma(1.0 + 2.0 * inverse)})
    one = lgamma1p(inverse)
    excess = np.expm1(lgamma1p(2.0 * inverse) - 2.0 * one)  # in float64, for its digits
    square, excess = (_as(inverse, part) for part in (np.exp(2.0 * one), excess))
    v = square * excess
    psi1, psi2 = digamma(1.0 + inverse), digamma(1.0 + 2.0 * inverse)
    dv = -2.0 * inverse * inverse * square * (psi2 * excess + (psi2 - psi1))
    slopes = scale * scale * dv, 2.0 * scale * v
    return closed_form(scale * scale * v, slopes, (concentration, scale))


def kl(concentration, scale):
    """KL(Weibull(k, scale) || Exp(1)) = -H + E z, as -log Exp(1) is z itself."""
    H, entropy_vjp = entropy(concentration, scale)
    m, mean_vjp = mean(concentration, scale)

    def vjp(dy):
        pairs = zip(entropy_vjp(-dy), mean_vjp(dy), strict=True)
        return tuple(of_entropy + of_mean for of_entropy, of_mean in pairs)

    return m - H, vjp


def support(concentration, scale):
    """The positive half-line."""
    return 0.0, math.inf


def _power(x, concentration, scale):
    """log of (x/scale)^concentration."""
    check(PARAMS, concentration, scale)
    check_inside(x=x, above=0.0)
    t = concentration * np.log(x / scale)
    check_exponent(**{"concentration * log(x/scale)": t})
    return t


def _as(like, value):
    """The value in the precision of `like`."""
    return value.astype(np.result_type(like))[()]
