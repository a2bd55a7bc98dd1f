"""Black and Scholes' price against 50-digit arithmetic, and the volatility a price implies."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinyvae.finance.black_scholes import (
    call,
    implied_variance,
    implied_volatility,
    log_vega,
    put,
    variance_of_log_price,
    vega,
)

mp = pytest.importorskip("mpmath")

STRIKES = (-1.5, -0.4, -0.03, -1e-6, 0.0, 1e-6, 0.03, 0.6, 1.5)
DEVIATIONS = (0.01, 0.03, 0.2, 1.0, 4.0)
CASES = [(k, s * s) for k in STRIKES for s in DEVIATIONS if abs(k) < 37 * s]


def exact(k, w):
    """call, put, vega and log vega with 50 digits, from the formula as it is printed."""
    with mp.workdps(50):
        k, s = mp.mpf(k), mp.sqrt(mp.mpf(w))
        d1, d2 = s / 2 - k / s, -s / 2 - k / s
        a_call = mp.ncdf(d1) - mp.exp(k) * mp.ncdf(d2)
        a_put = mp.exp(k) * mp.ncdf(-d2) - mp.ncdf(-d1)
        return float(a_call), float(a_put), float(mp.npdf(d1)), float(mp.log(mp.npdf(d1)))


# Moderate laws: where a price is far above the least number that floats can hold.
strikes = st.floats(-2, 2, allow_subnormal=False)
deviations = st.floats(0.01, 4)


@pytest.mark.parametrize(("k", "w"), CASES)
def test_prices_and_vega_have_all_their_digits(k, w):
    # What is known of w moves the deep price by (k²/w) eps, the difference of two tails by eps/s.
    rtol = 4e-16 * (4 + k * k / w + 10 * (1 + abs(k) / math.sqrt(w)) / math.sqrt(w))
    a_call, a_put, slope, log_slope = exact(k, w)
    assert call(k, w) == pytest.approx(a_call, rel=rtol, abs=1e-300)
    assert put(k, w) == pytest.approx(a_put, rel=rtol, abs=1e-300)
    assert vega(k, w) == pytest.approx(slope, rel=rtol)
    assert log_vega(k, w) == pytest.approx(log_slope, rel=1e-14)


def test_a_textbook_price():
    # Hull, Options, Futures and Other Derivatives, the example of the Black-Scholes-Merton chapter:
    # S = 42, K = 40, r = 10 %, volatility 20 %, half a year: call 4.76, put 0.81.
    forward, discount = 42 * math.exp(0.05), math.exp(-0.05)
    k = math.log(40 / forward)
    assert forward * discount * call(k, 0.02) == pytest.approx(4.76, abs=0.005)
    assert forward * discount * put(k, 0.02) == pytest.approx(0.81, abs=0.005)


@given(k=strikes, s=deviations)
def test_put_call_parity_and_bounds(k, s):
    a_call, a_put, rounding = call(k, s * s), put(k, s * s), 1e-14
    assert a_call - a_put == pytest.approx(-math.expm1(k), abs=rounding)
    assert max(0, -math.expm1(k)) - rounding <= a_call <= 1 + rounding
    assert max(0, math.expm1(k)) - rounding <= a_put <= math.exp(k) + rounding


@given(k=strikes, s=st.floats(0.02, 2), more=st.floats(1e-3, 1))
def test_prices_grow_with_variance_and_calls_fall_with_the_strike(k, s, more):
    assume(abs(k) < 35 * s)  # or both prices are 0
    outside = put if k < 0 else call  # of the other one the digits are those of the intrinsic value
    assert outside(k, (s + more) ** 2) > outside(k, s * s)
    low, middle, high = call(k + np.array([-more, 0.0, more]), s * s)
    assert low >= middle >= high
    strike = np.exp(k + np.array([-more, 0.0, more]))
    slopes = np.diff([low, middle, high]) / np.diff(strike)
    assert slopes[1] >= slopes[0] - 1e-14 / more  # convex in the strike


@given(k=strikes, s=deviations)
def test_vega_is_the_slope_of_the_price(k, s):
    step = 1e-4 * s
    slope = (call(k, (s + step) ** 2) - call(k, (s - step) ** 2)) / (2 * step)
    assert vega(k, s * s) == pytest.approx(slope, rel=1e-4, abs=1e-9)


@settings(max_examples=60)
@given(k=strikes, s=deviations, T=st.floats(0.003, 30))
def test_implied_volatility_inverts_the_price(k, s, T):
    assume(abs(k) < 35 * s)
    price = put(k, s * s) if k < 0 else call(k, s * s)
    room = math.exp(min(k, 0)) - price
    assume(room > 0)
    volatility, determined = implied_volatility(price, k, T)
    assert determined
    # 1e-10, and what the rounding of the price does where vega is negligible beside it
    sigma, slope = s / math.sqrt(T), vega(k, s * s) * math.sqrt(T)
    assert volatility == pytest.approx(sigma, rel=1e-11, abs=1e-10 + 4e-16 * price / slope)


@settings(max_examples=40)
@given(k=st.floats(-0.5, 0.5), s=st.floats(0.05, 2))
def test_implied_variance_of_the_option_in_the_money(k, s):
    w = s * s
    known = 1e-15 / vega(k, w)  # in s
    assume(known < 1e-9)
    for is_call, price in ((True, call(k, w)), (False, put(k, w))):
        found, determined = implied_variance(price, k, is_call=is_call)
        assert determined
        assert math.sqrt(found) == pytest.approx(s, abs=1e-13 + 2 * known)


def test_the_deepest_wings_come_back_from_the_logarithm_of_the_price():
    with mp.workdps(400):
        k, s = mp.mpf("0.6"), mp.mpf("0.01")
        d1 = s / 2 - k / s
        log_price = float(mp.log(mp.ncdf(d1) - mp.exp(k) * mp.ncdf(d1 - s)))
    assert log_price < -1800  # no float is so small
    w, determined = variance_of_log_price(log_price, 0.6)
    assert determined
    assert math.sqrt(w) == pytest.approx(0.01, rel=1e-13)


def test_arguments_broadcast_and_numbers_stay_numbers():
    k, s, T = np.linspace(-0.5, 0.5, 7), np.array([[0.4], [0.9]]), 0.25
    prices = call(k, s**2 * T)
    volatility, determined = implied_volatility(prices, k, T, is_call=True)
    assert volatility.shape == determined.shape == (2, 7)
    assert determined.all()
    np.testing.assert_allclose(volatility, np.broadcast_to(s, (2, 7)), rtol=1e-10)
    sides = np.where(k < 0.2, put(k, 0.04), call(k, 0.04))
    np.testing.assert_allclose(implied_variance(sides, k, is_call=k >= 0.2)[0], 0.04, rtol=1e-10)
    assert np.ndim(call(0.1, 0.04)) == np.ndim(implied_volatility(0.1, 0.0, 1.0)[0]) == 0


def test_prices_that_no_volatility_has_are_reported_and_not_clipped():
    price = np.array([-0.1, 0.0, 0.05, 1.0, 1.2])
    volatility, determined = implied_volatility(price, 0.1, 1.0)
    np.testing.assert_array_equal(determined, [False, False, True, False, False])
    np.testing.assert_array_equal(np.isnan(volatility), ~determined)
    assert call(0.1, volatility[2] ** 2) == pytest.approx(0.05, rel=1e-12)
    # a call below its intrinsic value, and a put above its strike
    assert not implied_variance(0.09, -0.1, is_call=True)[1]
    assert not implied_variance(0.91, -0.1, is_call=False)[1]


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (call, (np.nan, 0.04), "k must be finite"),
        (call, (0.0, 0.0), "w must be greater than 0"),
        (put, (0.0, [0.04, -1.0]), r"w must be greater than 0, but w\[1\] is -1"),
        (vega, (0.0, np.inf), "w must be greater than 0"),
        (implied_volatility, (0.1, 0.0, 0.0), "T must be greater than 0"),
        (implied_variance, (np.nan, 0.0), "price must be finite"),
        (implied_variance, (0.1, np.inf), "k must be finite"),
    ],
)
def test_black_scholes_refuses(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
