"""Heston's model: its moments against an ODE and 60 digits, its prices by two Fourier formulas."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tinyvae.data.heston import GRID, LOG_MONEYNESS, MATURITY_DAYS, V0, YEAR
from tinyvae.finance import black_scholes, cosine, fourier
from tinyvae.finance.heston import (
    Heston,
    characteristic_function,
    critical_moments,
    explosion_time,
    log_moment,
)

mp = pytest.importorskip("mpmath")

FELLER = Heston(0.1, 0.0025, -0.9, 0.5, 0.05)  # 2 kappa eta is 500 times less than vol_of_vol²
CALM = Heston(0.9, 0.0625, -0.1, 0.1, 0.05)
LEWIS = Heston(4.0, 0.25, -0.5, 1.0, 0.04)
FANG = Heston(1.5768, 0.0398, -0.5711, 0.5751, 0.0175)
UPWARDS = Heston(0.5, 0.04, 0.8, 0.9, 0.02)
LAWS = (FELLER, CALM, LEWIS, FANG, UPWARDS)
YEARS = MATURITY_DAYS / YEAR

CORNERS = [i for i, row in enumerate(GRID) if np.isin(row, [GRID.min(0), GRID.max(0)]).all()]
SOME = [*CORNERS, 5, 57, 203, 312, 490, 571]  # of the 625 laws


def grid_laws(rows):
    return Heston(*GRID[rows].T, V0)


def textbook_log_moment(z, T, law):
    """The formula as Albrecher et al. print it, with mpmath's digits."""
    kappa, eta, rho, sigma, v0 = (mp.mpf(float(value)) for value in vars(law).values())
    beta = kappa - rho * sigma * z
    d = mp.sqrt(beta**2 - sigma**2 * (z * z - z))
    g, decay = (beta - d) / (beta + d), mp.exp(-d * T)
    drift = kappa * eta / sigma**2 * ((beta - d) * T - 2 * mp.log((1 - g * decay) / (1 - g)))
    return drift + v0 * (beta - d) / sigma**2 * (1 - decay) / (1 - g * decay)


def priced_with_30_digits(k, T, law, p):
    """The integral of fourier.py by mpmath's own rule, along another contour through p."""
    with mp.workdps(30):
        k, T, p = mp.mpf(float(k)), mp.mpf(float(T)), mp.mpf(p)
        c, lean = 1 / mp.sqrt(mp.mpf(float(law.v0)) * T), mp.sign(k) * mp.mpf("0.3")

        def integrand(t):
            z = p + c * mp.mpc((mp.cosh(t) - 1) * mp.sin(lean), mp.sinh(t) * mp.cos(lean))
            dz = c * mp.mpc(mp.sinh(t) * mp.sin(lean), mp.cosh(t) * mp.cos(lean))
            return (mp.exp((1 - z) * k + textbook_log_moment(z, T, law)) / (z * (z - 1)) * dz).imag

        return mp.quad(integrand, [mp.mpf(i) / 4 for i in range(29)]) / mp.pi


# -- the law


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("T", [6 / 365, 1.0, 5.0])
def test_the_moment_solves_the_equations_of_riccati(law, T):
    # E[(S_T/F)^z] = e^(C + D v0): D' = (z² - z)/2 - beta D + vol_of_vol² D²/2, C' = kappa eta D.
    for z in (0.5 + 3j, 1.02 + 10j, -0.02 + 30j):
        beta = law.kappa - law.rho * law.vol_of_vol * z

        def slope(_, y, z=z, beta=beta):
            d = (z * z - z) / 2 - beta * y[1] + law.vol_of_vol**2 / 2 * y[1] ** 2
            return [law.kappa * law.eta * y[1], d]

        solved = solve_ivp(slope, (0, T), [0j, 0j], method="DOP853", rtol=1e-11, atol=1e-13)
        c, d = solved.y[:, -1]
        assert log_moment(z, T, law) == pytest.approx(c + law.v0 * d, rel=1e-8)


@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.1, 2.0])
@pytest.mark.parametrize("rho", [-0.99, 0.0, 0.99])
def test_the_moment_keeps_its_digits(sigma, rho):
    law = Heston(0.5, 0.04, rho, sigma, 0.03)
    for T in (0.01, 1.0, 20.0):
        for z in (0.5 + 1e-3j, 0.5 + 20j, 1.0 + 1e-9 + 3j):
            with mp.workdps(60):
                truth = complex(textbook_log_moment(mp.mpc(z), mp.mpf(T), law))
            assert log_moment(z, T, law) == pytest.approx(truth, rel=2e-13)


@pytest.mark.parametrize("T", [0.1, 1.0])
def test_the_moment_keeps_its_digits_where_reversion_is_outweighed(T):
    z, law = 1.0 + 1e-3j, Heston(0.5, 0.04, 0.9, 2.0, 0.03)  # kappa < rho vol_of_vol
    with mp.workdps(60):
        truth = complex(textbook_log_moment(mp.mpc(z), mp.mpf(T), law))
    assert log_moment(z, T, law) == pytest.approx(truth, rel=5e-13, abs=0)


def test_the_logarithm_stays_on_its_branch():
    u = np.linspace(0, 400, 40001)
    for law in LAWS:
        for T in (0.1, 3.0, 30.0):
            phase = log_moment(0.5 + 1j * u, T, law).imag
            jumps = np.abs(np.diff(phase, 2)).max()  # 2 pi and more on the wrong branch
            assert jumps < 0.05


def test_the_characteristic_function_is_a_martingales():
    z = np.array([0.0, 1.0]) + 0j
    for law in LAWS:
        np.testing.assert_allclose(log_moment(z, 2.0, law), 0, atol=1e-15)
        u = np.array([0.3, 4.0])
        forth, back = (characteristic_function(s * u, 2.0, law) for s in (1, -1))
        np.testing.assert_allclose(forth, back.conj(), rtol=1e-14)
        assert (np.abs(forth) <= 1).all()
        # the mean of log S is minus half of the mean total variance
        slope = log_moment(1e-6j, 2.0, law).imag / 1e-6
        assert slope == pytest.approx(-0.5 * law.mean_total_variance(2.0), rel=1e-9)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("T", [6 / 365, 1.0, 10.0])
def test_critical_moments_are_where_the_denominator_vanishes(law, T):
    kappa, _, rho, sigma, _ = (mp.mpf(float(value)) for value in vars(law).values())

    def denominator(p):
        beta = kappa - rho * sigma * p
        d = mp.sqrt(beta**2 - sigma**2 * (p * p - p))
        return (mp.cosh(d * T / 2) + beta * mp.sinh(d * T / 2) / d).real

    with mp.workdps(30):
        lower, upper = critical_moments(T, law)
        for end in (lower, upper):
            root = mp.findroot(denominator, (end * 0.9999, end * 1.0001), solver="anderson")
            assert float(root) == pytest.approx(end, rel=1e-9)
        inside = [lower + (upper - lower) * (i + 0.5) / 50 for i in range(50)]
        assert min(map(denominator, inside)) > 0


def test_explosion_times():
    assert explosion_time(0.5, FELLER) == np.inf
    assert explosion_time(np.array([0.0, 1.0]), CALM) == pytest.approx(np.inf)
    # beta = -1 in all three; d² = -7, about 0, and 0.02: the zeros of cosine, line and hyperbola
    for kappa, rho, sigma, p, time in (
        (1.0, 0.5, 2.0, 2.0, 2 / math.sqrt(7) * math.atan(math.sqrt(7))),
        (0.5, 0.75, 1.5, 4 / 3, 2.0),
        (0.12, 0.8, 0.7, 2.0, 2 / math.sqrt(0.02) * math.atanh(math.sqrt(0.02))),
    ):
        law = Heston(kappa, 0.04, rho, sigma, 0.04)
        assert explosion_time(p, law) == pytest.approx(time, rel=1e-7)


def test_without_noise_in_the_variance_it_is_black_scholes():
    law = Heston(0.7, 0.09, -0.5, 1e-5, 0.04)
    k, T = np.linspace(-0.5, 0.5, 11), np.array([[0.1], [1.0]])
    w = law.mean_total_variance(T)
    np.testing.assert_allclose(fourier.call(k, T, law), black_scholes.call(k, w), atol=1e-6)
    priced = fourier.out_of_the_money(k, T, law)
    outside = np.where(k < 0, black_scholes.put(k, w), black_scholes.call(k, w))
    np.testing.assert_allclose(priced.log_price, np.log(outside), atol=2e-3)


# -- published prices


def discounted(spot, strike, rate, dividend, T, law, function):
    forward = spot * math.exp((rate - dividend) * T)
    return math.exp(-rate * T) * forward * function(math.log(strike / forward), T, law)


@pytest.mark.parametrize(
    ("strike", "a_put", "a_call"),
    [
        (80, 7.958878113256768, 26.774758743998854),
        (90, 12.017966707346304, 20.933349000596710),
        (100, 17.055270961270109, 16.070154917028834),
        (110, 23.017825898442800, 12.132211516709844),
        (120, 29.811026202682471, 9.024913483457835),
    ],
)
def test_the_reference_prices_of_lewis(strike, a_put, a_call):
    # A. Lewis, Heston model reference prices (2019): spot 100, r = 1 %, q = 2 %, T = 1.
    for function, published in ((fourier.put, a_put), (fourier.call, a_call)):
        price = discounted(100, strike, 0.01, 0.02, 1.0, LEWIS, function)
        assert price == pytest.approx(published, abs=2e-13)


@pytest.mark.parametrize(
    ("law", "rate", "T", "published", "digit"),
    [
        # Fang & Oosterlee (2008), tables 4 and 5. Their first value, 5.785155450, is right to
        # 2e-8 only: with 30 digits it is 5.78515543437619.
        (FANG, 0.0, 1.0, 5.785155450, 2e-8),
        (FANG, 0.0, 10.0, 22.318945791, 1e-9),
        # Broadie & Kaya (2006), tables 1 and 2
        (Heston(6.21, 0.019, -0.7, 0.61, 0.010201), 0.0319, 1.0, 6.8061, 5e-5),
        (Heston(2.0, 0.09, -0.3, 1.0, 0.09), 0.05, 5.0, 34.9998, 5e-5),
        # Andersen (2008), cases I and II
        (Heston(0.5, 0.04, -0.9, 1.0, 0.04), 0.0, 10.0, 13.085, 5e-4),
        (Heston(0.3, 0.04, -0.5, 0.9, 0.04), 0.0, 15.0, 16.649, 5e-4),
    ],
)
def test_published_prices_at_the_money(law, rate, T, published, digit):
    price = discounted(100, 100, rate, 0.0, T, law, fourier.call)
    assert price == pytest.approx(published, abs=digit)


# -- the two formulas, and 30 digits


@pytest.mark.parametrize(
    ("k", "days", "law", "p"),
    [
        pytest.param(-0.4, 364, FELLER, -2.7, marks=pytest.mark.slow),
        (0.6, 364, Heston(0.9, 0.0025, -0.9, 0.5, 0.05), 36.0),
        pytest.param(-0.4, 6, Heston(0.1, 0.0025, -0.1, 0.1, 0.05), -410.0, marks=pytest.mark.slow),
        (0.6, 6, Heston(0.1, 0.01, -0.9, 0.2, 0.05), 2470.0),  # costs 1e-320
    ],
)
def test_prices_have_their_digits_in_the_deepest_wings(k, days, law, p):
    price = priced_with_30_digits(k, days / YEAR, law, p)
    priced = fourier.out_of_the_money(k, days / YEAR, law)
    assert priced.log_price == pytest.approx(float(mp.log(price)), abs=1e-12)
    assert priced.relative_error < 1e-9


def check_both(rows, years, every=1):
    """Of all strikes by one formula; of every few by the other, and of other ones for each law."""
    laws, k = grid_laws(rows), LOG_MONEYNESS
    priced = fourier.surfaces(k, years, laws)
    assert priced.relative_error.max() < 2e-9
    puts = priced.price + np.maximum(np.expm1(k), 0)
    for i, found in enumerate(puts):
        some = slice(i % every, None, every)
        series = cosine.puts(k[some], years, laws[i : i + 1])[0]
        np.testing.assert_allclose(found[:, some], series, rtol=0, atol=1e-12)


def test_two_fourier_formulas_agree_on_the_grid():
    check_both(SOME, YEARS[[0, 2, 7, 16]], every=3)


@pytest.mark.slow
def test_two_fourier_formulas_agree_on_all_of_the_grid():
    check_both(np.arange(len(GRID)), YEARS, every=5)


@pytest.mark.parametrize("law", LAWS)
def test_two_fourier_formulas_agree_elsewhere(law):
    k = np.array([-3.0, -1.0, -0.2, 0.0, 0.01, 0.5, 1.5])
    for T in (1 / 365, 0.5, 5.0):
        np.testing.assert_allclose(
            cosine.put(k, T, law), fourier.put(k, T, law), rtol=0, atol=1e-10
        )


def test_shared_contours_cost_no_digits_and_errors_are_as_estimated(monkeypatch):
    laws = grid_laws(CORNERS)
    priced = fourier.surfaces(LOG_MONEYNESS, YEARS, laws)
    monkeypatch.setattr(fourier, "NODES", 96)
    k = LOG_MONEYNESS[::4]
    alone = fourier.out_of_the_money(k, YEARS[:, None], laws[:, None, None])
    error = np.abs(np.expm1(priced.log_price[..., ::4] - alone.log_price))
    assert error.max() < 1e-11
    assert (error < 50 * priced.relative_error[..., ::4]).all()


def test_points_that_a_shared_contour_spoils_are_priced_alone(monkeypatch):
    laws, k = grid_laws(CORNERS[:4]), LOG_MONEYNESS[::5]
    right = fourier.surfaces(k, YEARS[:3], laws).log_price
    monkeypatch.setattr(fourier, "WIDTH", 10.0)
    assert (np.abs(fourier.surfaces(k, YEARS[:3], laws).log_price - right) < 1e-8).all()
    monkeypatch.setattr(fourier, "GOOD", np.inf)  # the negative control
    with np.errstate(invalid="ignore"):
        spoilt = fourier.surfaces(k, YEARS[:3], laws).log_price
    assert not (np.abs(spoilt - right) < 1e-3).all()


def test_put_call_parity_and_broadcasting():
    k, T = np.linspace(-0.4, 0.6, 5), np.array([[0.1], [2.0]])
    laws = grid_laws(CORNERS[:3])[:, None, None]
    calls, puts = fourier.call(k, T, laws), fourier.put(k, T, laws)
    assert calls.shape == (3, 2, 5)
    np.testing.assert_allclose(calls - puts, np.broadcast_to(-np.expm1(k), (3, 2, 5)), atol=1e-15)
    assert calls[1, 0, 3] == pytest.approx(
        float(fourier.call(k[3], T[0, 0], grid_laws(CORNERS[1]))), rel=1e-13
    )


LAW = st.builds(
    Heston,
    kappa=st.floats(0.05, 5),
    eta=st.floats(0.002, 0.3),
    rho=st.floats(-0.95, 0.95),
    vol_of_vol=st.floats(0.02, 1),
    v0=st.floats(0.002, 0.3),
)


@settings(max_examples=60, deadline=None)
@given(law=LAW, T=st.floats(0.02, 3), spread=st.floats(0.2, 3))
def test_prices_are_free_of_arbitrage(law, T, spread):
    k = np.linspace(-1, 1, 9) * spread * math.sqrt(law.mean_total_variance(T))
    calls = fourier.call(k, np.array([[T], [1.1 * T]]), law)
    strikes = np.exp(k)
    slopes = np.diff(calls) / np.diff(strikes)
    assert (calls >= np.maximum(1 - strikes, 0)).all()
    assert (calls < 1).all()
    assert ((slopes > -1 - 1e-9) & (slopes < 0)).all()  # falls, by no more than the strike grows
    assert (np.diff(slopes) > -1e-9).all()  # convex in the strike
    assert (calls[1] >= calls[0] - 1e-12).all()  # later costs more


@settings(max_examples=60, deadline=None)
@given(law=LAW, T=st.floats(0.02, 3), k=st.floats(-1, 1))
def test_the_two_formulas_agree_on_any_law(law, T, k):
    try:
        series = cosine.put(np.array([k]), T, law)[0]
    except ValueError:  # too many frequencies
        assume(False)
    assert fourier.put(k, T, law) == pytest.approx(series, abs=1e-10)


# -- what is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kappa": 0.0}, "kappa must be greater than 0"),
        ({"eta": -0.1}, "eta must be greater than 0"),
        ({"rho": 1.0}, "rho must be greater than -1 and less than 1, but rho is 1"),
        ({"vol_of_vol": np.nan}, "vol_of_vol must be greater than 0"),
        ({"v0": [0.04, np.inf]}, r"v0 must be greater than 0, but v0\[1\]"),
    ],
)
def test_a_law_refuses(change, message):
    good = {"kappa": 1.0, "eta": 0.04, "rho": -0.5, "vol_of_vol": 0.3, "v0": 0.04}
    with pytest.raises(ValueError, match=message):
        Heston(**{**good, **change})


def test_prices_refuse():
    with pytest.raises(ValueError, match="k must be finite"):
        fourier.call(np.nan, 1.0, CALM)
    with pytest.raises(ValueError, match="T must be greater than 0"):
        fourier.out_of_the_money(0.0, 0.0, CALM)
    with pytest.raises(ValueError, match="k must be finite"):
        fourier.surfaces([0.0, np.inf], [1.0], grid_laws([0]))
    with pytest.raises(ValueError, match="T must be greater than 0"):
        fourier.surfaces([0.0], [1.0, -1.0], grid_laws([0]))
    with pytest.raises(ValueError, match="infinite outside"):
        fourier.call(0.0, 60.0, Heston(0.01, 0.04, 0.9, 1.0, 0.04))
    with pytest.raises(ValueError, match="too short for a series"):
        cosine.put(np.zeros(1), 1e-12, CALM)


def test_a_price_that_is_not_known_is_reported():
    hard = Heston(0.02, 0.0023, 0.03, 2.8, 0.0004)  # for 21 years
    priced = fourier.out_of_the_money(1.6, 21.0, hard)
    assert priced.relative_error > 1e-6
    with pytest.raises(ArithmeticError, match="1 of 1 prices are not known to 1e-8"):
        fourier.call(1.6, 21.0, hard)
