"""Poisson(rate): how many events there are, if they come `rate` times on average."""

import math

import numpy as np

from tinyvae.backend import like
from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, undefined
from tinyvae.distributions.sets import check
from tinyvae.errors import check_counts, check_inside
from tinyvae.ops import chain
from tinyvae.special.gamma import double, stirling_correction
from tinyvae.special.incomplete_gamma import survival

PARAMS = {"rate": "positive"}
EVENT = 0
KIND = "none"
WHY = "x = the smallest count whose CDF reaches u: a staircase, flat in the rate between its jumps"
REFERENCE = ("poisson", (1.0,))
LARGEST_RATE = 2.0**40  # of `sample`: there the CDF has still eight digits

noise, mirror = noises.uniform, noises.reflect

rsample = undefined(
    "a Poisson draw has no path: counts jump by 1, the derivative in the rate is 0 where there is "
    "one, and the gradient is all in the jumps; use score_function with a baseline, or the "
    "measure-valued E[f(x + 1) - f(x)], which is the gradient itself"
)
implicit = rsample


def sample(rate, *, noise):
    """The smallest k with u <= P(x <= k) = Q(k + 1, rate), `noise` u uniform on (0, 1).

    Found by halving the interval (none, enough]. Q is the upper incomplete gamma function: a sum
    of k + 1 terms of one sign, in closed form. ValueError where the rate exceeds 2^40.
    """
    check(PARAMS, rate)
    check_inside(rate=rate, below=LARGEST_RATE)
    u, rate64 = double(noise), double(rate)
    # Beyond `enough` are less than 2^-53.
    none, enough = -1.0, np.ceil(rate64 + 9.0 * np.sqrt(rate64) + 40.0)
    while np.any(enough - none > 1.0):
        k = np.maximum(np.floor(0.5 * (none + enough)), 0.0)
        reached = u <= survival(rate64, k + 1.0)
        none, enough = np.where(reached, none, k), np.where(reached, k, enough)
    return enough.astype(np.result_type(rate, noise))[()]


def log_prob(x, rate):
    """log p(x) = x log rate - rate - log x!, in nats; x = 0, 1, 2, ...

    Computed as x (y - expm1(y)) - log(x! e^x / x^x) with y = log(rate/x), so that nothing as large
    as x log x has to cancel. The gradient of x is None: it is discrete. ValueError unless x is a
    count. Source: Loader, Fast and Accurate Computation of Binomial Probabilities (2000).
    """
    check(PARAMS, rate)
    check_counts(x=x)
    some = np.maximum(x, 1.0)
    ratio = np.log(rate / some)
    y = np.where(x > 0, some * (ratio - np.expm1(ratio)) - _stirling(some), -rate)[()]
    return y, lambda dy: chain(dy, (None, *score(x, rate)), (x, rate))


def score(x, rate):
    """dlog p/drate = x/rate - 1."""
    check(PARAMS, rate)
    return ((x - rate) / rate,)


def entropy(rate):
    """H = -sum_k p_k log p_k;  dH/drate = sum_k p_k log((k + 1)/rate).

    It has no closed form. Below a rate of 100 the sums are taken (their terms beyond 250 are
    nothing), above it their expansion in 1/rate: errors 1e-14 either way.
    Source: Evans & Boersma, The Entropy of a Poisson Distribution (1988).
    """
    check(PARAMS, rate)
    small = np.real(rate) < 100.0
    H, slope = (
        np.where(small, summed, expanded)
        for summed, expanded in zip(
            _summed_entropy(np.where(small, double(rate), 1.0)),
            _expanded_entropy(np.where(small, 100.0, double(rate))),
            strict=True,
        )
    )
    dtype = np.result_type(rate, np.float32) if hasattr(rate, "dtype") else H.dtype
    return closed_form(H.astype(dtype), (slope.astype(dtype),), (rate,))


def mean(rate):
    """E x = rate."""
    check(PARAMS, rate)
    return closed_form(rate, (1.0,), (rate,))


def variance(rate):
    """Var x = rate."""
    return mean(rate)


def kl(rate):
    """KL(Poisson(rate) || Poisson(1)) = rate log rate - rate + 1;  d/drate = log rate.

    With r = rate - 1, as rate log1p(r) - r: near 1 it keeps more of its digits.
    """
    check(PARAMS, rate)
    r = rate - 1.0
    y = np.where(np.real(rate) > 0.5, rate * np.log1p(r), rate * np.log(rate)) - r
    return closed_form(y, (np.log(rate),), (rate,))


def support(rate):
    """All counts: 0, 1, 2, ..."""
    return 0.0, math.inf


LOG_STIRLING = np.array([0.0, *(math.lgamma(k + 1) + k - k * math.log(k) for k in range(1, 10))])


def _stirling(k):
    """log(k! e^k / k^k) of counts k: log(2 pi k)/2 and Stirling's correction, a table below 10."""
    large = np.maximum(k, 10.0)
    table = like(LOG_STIRLING.astype(large.dtype), large)[np.minimum(k, 9.0).astype(int)]
    return np.where(k < 10, table, 0.5 * np.log(2.0 * math.pi * large) + stirling_correction(large))


def _summed_entropy(rate):
    """H and dH/drate, term by term: log p_(k+1) = log p_k + log(rate/(k + 1))."""
    H, slope, log_p = 0.0, 0.0, -rate
    for k in range(250):
        p, step = np.exp(log_p), np.log(rate / (k + 1))
        H, slope, log_p = H - p * log_p, slope - p * step, log_p + step
    return H, slope


# dH/drate = sum_n c_n / rate^n, from the central moments of a Poisson in E[x log x]/rate.
EXPANSION = (
    1 / 2, 1 / 12, 1 / 12, 19 / 120, 9 / 20, 863 / 504, 1375 / 168, 33953 / 720, 57281 / 180,
)  # fmt: skip


def _expanded_entropy(rate):
    """H = (1 + log(2 pi rate))/2 - sum_n c_n / ((n - 1) rate^(n-1)) over n > 1, and its slope."""
    H, slope = 0.5 * (1.0 + np.log(2.0 * math.pi * rate)), EXPANSION[0] / rate
    for n, c in enumerate(EXPANSION[1:], 2):
        H, slope = H - c / ((n - 1) * rate ** (n - 1)), slope + c / rate**n
    return H, slope
