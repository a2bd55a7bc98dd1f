"""Black and Scholes: the price of an option on a lognormal forward, and the way back.

k = log(strike/forward); w = sigma² T, the total variance; prices are undiscounted and in units of
the forward. With s = sqrt(w), d1 = -k/s + s/2 and d2 = d1 - s, N the normal CDF and phi = N':

    call = N(d1) - e^k N(d2),   put = call - 1 + e^k,   vega = dcall/ds = phi(d1).

Source: Black (1976), The Pricing of Commodity Contracts.
"""

import math

import numpy as np

from tinyvae.errors import check_inside, check_positive
from tinyvae.special.normal import ROOT_2PI, above, mills

STEPS = 60  # of Newton's method; the hardest of 1e6 random prices took 12


def call(k, w):
    """N(d1) - e^k N(d2); k and w broadcast. Its digits are kept where it is tiny.

    Raises ValueError unless k is finite and w positive and finite.
    """
    price, k = _out_of_the_money(k, w)
    return np.where(k < 0, price - np.expm1(k), price)[()]


def put(k, w):
    """e^k N(-d2) - N(-d1); k and w broadcast. Its digits are kept where it is tiny.

    Raises ValueError unless k is finite and w positive and finite.
    """
    price, k = _out_of_the_money(k, w)
    return np.where(k < 0, price, price + np.expm1(k))[()]


def vega(k, w):
    """phi(d1): how the price of either option grows with sqrt(w); times sqrt(T), with sigma.

    Raises ValueError unless k is finite and w positive and finite.
    """
    return np.exp(log_vega(k, w))


def log_vega(k, w):
    """log phi(d1), which does not underflow, as vega does in the deep wings."""
    k, w = _checked(k, w)
    s = np.sqrt(w)
    return -0.5 * (0.5 * s - k / s) ** 2 - math.log(ROOT_2PI)


def implied_volatility(price, k, T, *, is_call=None):
    """(volatility, determined): sigma such that an option costs `price`; NaN where none does.

    price, k, T broadcast. is_call: True for calls, False for puts, an array of both; None for the
    out-of-the-money option, a put where k < 0 and else a call, which is the one to give: the
    other's price is nearly all intrinsic value and has lost the digits that matter.
    determined: False where the price is not between the option's bounds, intrinsic value and 1
    for a call or e^k for a put, and so no volatility has it.

    Raises ValueError unless all are finite and T is positive.
    """
    check_positive(T=T)
    total, determined = implied_variance(price, k, is_call=is_call)
    return np.sqrt(total / T), determined


def implied_variance(price, k, *, is_call=None):
    """(w, determined): the total variance, sigma² T, otherwise as `implied_volatility`."""
    price, k = np.asarray(price, float), np.asarray(k, float)
    check_inside(price=price, k=k)
    if is_call is not None:  # by put-call parity, the same of the out-of-the-money option
        wing = np.where(is_call, np.minimum(np.expm1(k), 0.0), -np.maximum(np.expm1(k), 0.0))
        price = price + wing
    with np.errstate(divide="ignore", invalid="ignore"):  # found below to be out of range
        return variance_of_log_price(np.log(price), k)


def variance_of_log_price(log_price, k):
    """(w, determined) from the logarithm of the out-of-the-money price, which does not underflow.

    log_price and k broadcast; where log_price is NaN or infinite no w is determined."""
    # A put at k costs e^k as much as a call at -k: only calls at k >= 0 are left.
    log_price, k = np.broadcast_arrays(log_price + np.maximum(-k, 0.0), np.abs(k))
    determined = (log_price > -np.inf) & (log_price < 0.0)
    w = np.full(log_price.shape, np.nan)
    w[determined] = _inverse(log_price[determined], k[determined]) ** 2
    return w[()], determined[()]


def _inverse(target, k):
    """s such that the call at k >= 0 costs e^target, by Newton's method for log call(s).

    vega is log-concave in s, so its integral, the call, is log-concave too: from a start that is
    too small Newton's method climbs to the root and never passes it. Two bounds give the start:
    call <= N(d1), which is sharp in the wings, and call <= s phi(0), which is sharp at k = 0.
    """
    half = target > -math.log(2.0)
    tail = np.log(-np.expm1(np.where(half, target, -1.0)))
    q = above(0.0, np.where(half, tail, target) + math.log(ROOT_2PI))
    q = np.where(half, q, -q)
    s = q + np.sqrt(q * q + 2.0 * k)
    s = np.maximum(np.where(q < 0, 2.0 * k / (s - 2.0 * q + 1e-300), s), ROOT_2PI * np.exp(target))
    todo = np.arange(s.size)
    for _ in range(STEPS):
        at = s[todo]
        log_price = _log_call(k[todo], at)
        log_vega = -0.5 * (0.5 * at - k[todo] / at) ** 2 - math.log(ROOT_2PI)
        step = (target[todo] - log_price) * np.exp(log_price - log_vega)
        s[todo] = at + step
        todo = todo[step > 1e-8 * at]  # the next step would be the square of this one
        if not todo.size:
            return s
    raise ArithmeticError(f"{todo.size} implied volatilities have not converged")


def _log_call(k, s):
    """log of the call for k >= 0. With a = -d1, b = -d2 and m(x) = Q(x)/phi(x) the ratio of Mills,
    call = phi(a) (m(a) - m(b)), since e^k phi(b) = phi(a); for a < 0, Q(a) = 1 - phi(a) m(-a)."""
    a = k / s - 0.5 * s
    near, far = mills(np.abs(a)), mills(a + s)
    log_phi = -0.5 * a * a - math.log(ROOT_2PI)
    outside = np.log(np.maximum(near - far, 1e-300)) + log_phi
    inside = np.log1p(-np.exp(log_phi) * np.minimum(near + far, ROOT_2PI))
    return np.where(a > 0, outside, inside)


def _out_of_the_money(k, w):
    """The put where k < 0, the call elsewhere; and k. e^k call(-k, w) = put(k, w)."""
    k, w = _checked(k, w)
    return np.exp(np.minimum(k, 0.0) + _log_call(np.abs(k), np.sqrt(w))), k


def _checked(k, w):
    k, w = np.asarray(k, float), np.asarray(w, float)
    check_inside(k=k)
    check_positive(w=w)
    return k, w
