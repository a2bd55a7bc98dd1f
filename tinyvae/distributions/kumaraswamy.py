"""Kumaraswamy(a, b): numbers in (0, 1), shaped like Beta(a, b), but with a CDF that inverts.

F(z) = 1 - (1 - z^a)^b. With a or b equal to 1 it is the Beta law itself.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain
from tinyvae.special.gamma import digamma, lgamma, trigamma

PARAMS = {"a": "positive", "b": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "z = (1 - e^(-E/b))^(1/a), E = -log u: the CDF 1 - (1 - z^a)^b inverts"
REFERENCE = ("uniform", (0.0, 1.0))
EULER = float(np.euler_gamma)

noise, mirror = noises.exponential, noises.reflect_exponential


def rsample(a, b, *, noise):
    """z = (1 - w)^(1/a) with w = e^(-E/b), which is 1 - z^a, and noise E ~ Exp(1);

    dz/da = -z log(z)/a, dz/db = -z E/b · w/(1 - w)/(a b). A small a sends z below the smallest
    number and a small b to within rounding of 1: it is then 0 or 1. ValueError unless a, b > 0.
    Source: Nalisnick & Smyth, Stick-Breaking Variational Autoencoders (2017), section 3.2.
    """
    check(PARAMS, a, b)
    t = noise / b
    log_z = log1mexp(-t) / a
    z = np.exp(log_z)

    def vjp(dz):
        odds = np.exp(-t) / -np.expm1(-t)
        return chain(dz, (-z * log_z / a, -z * t * odds / (a * b)), (a, b))

    return z, vjp


sample = value_of(rsample)


def log_prob(x, a, b):
    """log p(x) = log a b + (a - 1) log x + (b - 1) log(1 - x^a) for 0 < x < 1, in nats.

    dlog p/dx = (a - 1 - (b - 1) a q)/x with q = x^a/(1 - x^a). ValueError unless 0 < x < 1, or
    unless a and b > 0.
    """
    log_x, log_w, odds = _logs(x, a, b)

    def vjp(dy):
        dx = (a - 1.0 - (b - 1.0) * a * odds) / x
        return chain(dy, (dx, *score(x, a, b)), (x, a, b))

    return np.log(a) + np.log(b) + (a - 1.0) * log_x + (b - 1.0) * log_w, vjp


def score(x, a, b):
    """dlog p/da = 1/a + log(x) (1 - (b - 1) q), q = x^a/(1 - x^a);  dlog p/db = 1/b + log(1 - x^a).

    ValueError unless 0 < x < 1 and a, b > 0.
    """
    log_x, log_w, odds = _logs(x, a, b)
    return 1.0 / a + log_x * (1.0 - (b - 1.0) * odds), 1.0 / b + log_w


def entropy(a, b):
    """H = (1 - 1/b) + (1 - 1/a) (psi(b + 1) + gamma) - log a b, with Euler's gamma = 0.5772."""
    check(PARAMS, a, b)
    harmonic = digamma(b + 1.0) + EULER  # for a whole b it is 1 + 1/2 + ... + 1/b
    H = (1.0 - 1.0 / b) + (1.0 - 1.0 / a) * harmonic - np.log(a) - np.log(b)
    da = (harmonic / a - 1.0) / a
    db = (1.0 / b - 1.0) / b + (1.0 - 1.0 / a) * trigamma(b + 1.0)
    return closed_form(H, (da, db), (a, b))


def mean(a, b):
    """E z = b B(1 + 1/a, b)."""
    check(PARAMS, a, b)
    log_m, da, db = _log_moment(1.0, a, b)
    m = np.exp(log_m)
    return closed_form(m, (m * da, m * db), (a, b))


def variance(a, b):
    """Var z = E z² - (E z)², computed as (E z)² (E z²/(E z)² - 1); E z^n = b B(1 + n/a, b)."""
    check(PARAMS, a, b)
    one, one_da, one_db = _log_moment(1.0, a, b)
    two, two_da, two_db = _log_moment(2.0, a, b)
    square, second = np.exp(2.0 * one), np.exp(two)
    slopes = (
        second * two_da - 2.0 * square * one_da,
        second * two_db - 2.0 * square * one_db,
    )
    return closed_form(square * np.expm1(two - 2.0 * one), slopes, (a, b))


def kl(a, b):
    """KL(Kumaraswamy(a, b) || U(0, 1)) = -H. From a Beta law it is an infinite series."""
    H, vjp = entropy(a, b)
    return -H, lambda dy: vjp(-dy)


def support(a, b):
    """The unit interval."""
    return 0.0, 1.0


def log1mexp(t):
    """log(1 - e^t) for t < 0, with all its digits at either end.

    Source: Mächler, Accurately Computing log(1 - exp(-|a|)) (2012), equation 7.
    """
    near, far = np.maximum(t, -math.log(2.0)), np.minimum(t, -math.log(2.0))
    return np.where(t > -math.log(2.0), np.log(-np.expm1(near)), np.log1p(-np.exp(far)))[()]


def _logs(x, a, b):
    """log x, log w and x^a/w with w = 1 - x^a."""
    check(PARAMS, a, b)
    check_inside(x=x, above=0.0, below=1.0)
    log_x = np.log(x)
    t = a * log_x
    return log_x, log1mexp(t), np.exp(t) / -np.expm1(t)


def _log_moment(n, a, b):
    """log E z^n and its slopes in a and b."""
    p = 1.0 + n / a
    log_m = lgamma(p) + lgamma(b + 1.0) - lgamma(p + b)
    da = -(n / (a * a)) * (digamma(p) - digamma(p + b))
    return log_m, da, digamma(b + 1.0) - digamma(p + b)
