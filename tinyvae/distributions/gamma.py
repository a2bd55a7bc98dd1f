"""Gamma(concentration, rate): a positive number, of mean concentration / rate.

The CDF P(concentration, rate z) has no inverse in closed form, but the implicit derivative needs
none: at a fixed CDF value, dz/dconcentration = -(dP/dconcentration) / p(z), whatever way z was
drawn. So the noise is the CDF value u itself. Never hold a generator's seed fixed instead: its
rejection sampler accepts and rejects by the parameters, and a difference over that jump is biased.

For a small concentration z underflows: at 0.001 half of all draws are below the smallest float64.
Draws then round to 0, and the functions of log z keep what is lost: `log_rsample`, `log_implicit`,
`log_prob_at_log`, `score_at_log`. Quantiles and their derivatives are computed in float64, and
rounded to float32 if that is what came in.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain
from tinyvae.special.gamma import digamma, double, lgamma, trigamma
from tinyvae.special.incomplete_gamma import dlogz_dalpha, log_quantile

PARAMS = {"concentration": "positive", "rate": "positive"}
EVENT = 0
KIND = "implicit"
WHY = "z = F^-1(u), the inverse CDF, has no closed form: its derivative is -(dF/dparam) / p(z)"
REFERENCE = ("gamma", (1.0, 1.0))

CURE = "draw its logarithm with log_rsample, and use log_prob_at_log and score_at_log"

noise, mirror = noises.uniform, noises.reflect


def rsample(concentration, rate, *, noise):
    """z = P^-1(concentration, u) / rate with noise u ~ U(0, 1), P the regularised gamma function;

    dz/dconcentration = z dlog z/dconcentration, dz/drate = -z/rate. A z below the smallest number
    rounds to 0, and so does its gradient. ValueError unless both are positive.
    Source: Figurnov, Mohamed & Mnih (2018), equation 5.
    """
    check(PARAMS, concentration, rate)
    log_g = log_standard(concentration, noise)
    z = in_precision_of(np.exp(log_g) / rate, concentration, rate, noise)
    return z, lambda dz: _pull(dz * z, log_g, (concentration, rate))


sample = value_of(rsample)


def log_rsample(concentration, rate, *, noise):
    """log z, which never underflows;  dlog z/dconcentration as above, dlog z/drate = -1/rate."""
    check(PARAMS, concentration, rate)
    log_g = log_standard(concentration, noise)
    log_z = in_precision_of(log_g - np.log(rate), concentration, rate, noise)
    return log_z, lambda dlog_z: _pull(dlog_z, log_g, (concentration, rate))


def implicit(z, concentration, rate):
    """z itself, and the same derivatives attached to it: for z drawn in any other way, such as
    `rng.standard_gamma(concentration) / rate`, which is much faster than inverting the CDF.

    z >= 0; where it has underflowed to 0 its gradient is 0. vjp's first entry, for z, is None.
    """
    check(PARAMS, concentration, rate)
    if not np.all(z >= 0):
        raise ValueError("z must be a draw, positive or underflowed to 0, not negative or NaN")

    def vjp(dz):
        there = np.where(z > 0, z, 1.0)  # its slope does not count where z = 0
        return None, *_pull(dz * z, np.log(double(there)) + np.log(rate), (concentration, rate))

    return z, vjp


def log_implicit(log_z, concentration, rate):
    """log z itself, and its derivatives: `implicit` for draws that would underflow.

    log z = log(rng.standard_gamma(concentration + 1)) + log(u)/concentration - log(rate).
    """
    check(PARAMS, concentration, rate)
    check_inside(log_z=log_z)

    def vjp(dlog_z):
        return None, *_pull(dlog_z, double(log_z) + np.log(rate), (concentration, rate))

    return log_z, vjp


def log_prob(x, concentration, rate):
    """log p(x) = a log rate + (a - 1) log x - rate x - log Gamma(a), a = concentration, in nats.

    dlog p/dx = (a - 1)/x - rate. ValueError unless x > 0 and the parameters are positive.
    """
    y, log_vjp = log_prob_at_log(log_inside("x", x, CURE), concentration, rate)

    def vjp(dy):
        dlog_x, *dparams = log_vjp(dy)
        return dlog_x / x, *dparams

    return y, vjp


def log_prob_at_log(log_x, concentration, rate):
    """log p(x), the density of x (not of its logarithm), from log x;  d/dlog x = a - 1 - rate x."""
    check(PARAMS, concentration, rate)
    a, x = concentration, np.exp(log_x)

    def vjp(dy):
        slopes = a - 1.0 - rate * x, *score_at_log(log_x, concentration, rate)
        return chain(dy, slopes, (log_x, concentration, rate))

    return a * np.log(rate) + (a - 1.0) * log_x - rate * x - lgamma(a), vjp


def score(x, concentration, rate):
    """dlog p/dconcentration = log(rate x) - psi(concentration), dlog p/drate = a/rate - x."""
    return score_at_log(log_inside("x", x, CURE), concentration, rate)


def score_at_log(log_x, concentration, rate):
    """The score at x = e^log_x."""
    check(PARAMS, concentration, rate)
    return np.log(rate) + log_x - digamma(concentration), concentration / rate - np.exp(log_x)


def entropy(concentration, rate):
    """H = a - log rate + log Gamma(a) + (1 - a) psi(a) with a = concentration;

    dH/da = 1 + (1 - a) psi'(a), dH/drate = -1/rate.
    """
    check(PARAMS, concentration, rate)
    a = concentration
    H = a - np.log(rate) + lgamma(a) + (1.0 - a) * digamma(a)
    return closed_form(H, (1.0 + (1.0 - a) * trigamma(a), -1.0 / rate), (concentration, rate))


def mean(concentration, rate):
    """E z = concentration/rate."""
    check(PARAMS, concentration, rate)
    slopes = 1.0 / rate, -concentration / rate**2
    return closed_form(concentration / rate, slopes, (concentration, rate))


def variance(concentration, rate):
    """Var z = concentration/rate²."""
    check(PARAMS, concentration, rate)
    slopes = 1.0 / rate**2, -2.0 * concentration / rate**3
    return closed_form(concentration / rate**2, slopes, (concentration, rate))


def kl(concentration, rate, *, reference=(1.0, 1.0)):
    """KL(Gamma(a, r) || Gamma(a0, r0)) =

    (a - a0) psi(a) - log Gamma(a) + log Gamma(a0) + a0 log(r/r0) + a (r0 - r)/r;
    d/da = (a - a0) psi'(a) + (r0 - r)/r, d/dr = a0/r - a r0/r². reference: (a0, r0), a constant;
    Gamma(1, 1) is Exponential(1). Source: Penny (2001), KL-divergences of Normal, Gamma, ...
    """
    check(PARAMS, concentration, rate)
    check(PARAMS, *reference)
    (a, r), (a0, r0) = (concentration, rate), reference
    y = (a - a0) * digamma(a) - lgamma(a) + lgamma(a0)
    y = y + a0 * (np.log(r) - np.log(r0)) + a * (r0 - r) / r
    slopes = (a - a0) * trigamma(a) + (r0 - r) / r, a0 / r - a * r0 / r**2
    return closed_form(in_precision_of(y, a, r), slopes, (concentration, rate))


def support(concentration, rate):
    """The positive half-line."""
    return 0.0, math.inf


def log_standard(concentration, noise):
    """log g, g ~ Gamma(concentration, 1) at the CDF value `noise`, in float64."""
    check_inside(noise=noise, above=0.0, below=1.0)
    return log_quantile(noise, concentration)


def _pull(dlog_z, log_g, params):
    """The gradients of log z = log g - log rate, log g at rate 1, in the precision of dlog_z."""
    concentration, rate = params
    slope = in_precision_of(dlogz_dalpha(log_g, concentration), dlog_z)
    return chain(dlog_z, (slope, -1.0 / rate), params)


def log_inside(name, x, cure):
    """log x. A smaller x than the smallest normal number has lost its digits, and 1/x overflows."""
    kind = np.result_type(x, 1.0)
    try:
        check_inside(**{name: x}, above=float(np.finfo(kind).tiny))
    except ValueError as error:
        raise ValueError(f"{error}: if x is a draw that was rounded to it, {cure}") from None
    return np.log(x)


def in_precision_of(value, *like):
    """The value, computed in float64, in the precision of what came in."""
    return value.astype(np.result_type(*like, 1.0), copy=False)[()]
