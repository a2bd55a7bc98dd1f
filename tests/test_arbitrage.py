"""Static arbitrage: none where there is a model, and what is planted is found where it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.stats import norm

from tinyvae.data.heston import LOG_MONEYNESS, MATURITY_DAYS, heston_surfaces
from tinyvae.finance.arbitrage import ROUNDING, lower_hull, static_arbitrage

K = LOG_MONEYNESS
T = MATURITY_DAYS / 365
KINDS = ("calendar", "butterfly", "vertical", "negative")


def call(k, w):
    """Black's price, by SciPy."""
    s = np.sqrt(w)
    return norm.cdf(-k / s + s / 2) - np.exp(k) * norm.cdf(-k / s - s / 2)


def flat(volatility, k=K, years=T):
    return np.broadcast_to(volatility**2 * years[:, None], (1, len(years), len(k))).copy()


def svi(k, a, b, rho, m, sigma):
    return a + b * (rho * (k - m) + np.sqrt((k - m) ** 2 + sigma**2))


# The smile of Axel Vogt, in Gatheral & Jacquier (2014), example 3.1 (a, b, rho, m, sigma): smooth,
# and its density is negative.
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)


def durrleman(k, h=1e-4):
    """g(k) of Vogt's smile, by differences of so smooth a function."""
    w, up, down = (svi(k + step, *VOGT) for step in (0.0, h, -h))
    slope, bend = (up - down) / (2 * h), (up - 2 * w + down) / h**2
    return (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + bend / 2


# -- Where there is none


@settings(max_examples=20, deadline=None)
@given(volatility=st.floats(0.02, 2.0), steps=st.integers(2, 40))
def test_flat_surfaces_are_free_of_it(volatility, steps):
    years = np.linspace(0.02, 3.0, 5)
    k = np.sort(np.unique(np.linspace(-1, 1, steps) ** 3))
    found = static_arbitrage(flat(volatility, k, years), k, years)
    assert found.free(tolerance=1e-9).all()


@pytest.fixture(scope="module")
def heston():
    rng = np.random.default_rng(0)
    low, high = (0.1, 0.05**2, -0.9, 0.1), (0.9, 0.25**2, -0.1, 0.5)
    return heston_surfaces(rng.uniform(low, high, (8, 4))).total_variance


def test_hestons_surfaces_are_free_of_it(heston):
    found = static_arbitrage(heston, K, T)
    assert found.free().all()
    assert found.deepest().max() < ROUNDING / 10
    assert set(found.depth) == set(found.gain) == set(KINDS)
    for kind in KINDS:
        assert found.depth[kind].shape == heston.shape
        assert (found.depth[kind] >= 0).all()


def test_a_smile_whose_density_is_positive_is_free_of_it():
    k, w = np.linspace(-1, 1, 201), svi(np.linspace(-1, 1, 201), 0.04, 0.1, -0.4, 0.0, 0.3)
    assert static_arbitrage(w[None, None], k, [1.0]).free().all()


def test_rounding_to_single_precision_is_no_arbitrage(heston):
    rounded = heston.astype(np.float32).astype(np.float64)
    found = static_arbitrage(rounded, K, T)
    assert 0 < found.deepest().max() < ROUNDING
    assert found.free().all()
    assert not found.free(tolerance=0.0).any()


# -- What is planted is found


def test_a_fall_in_time_is_a_calendar_arbitrage_of_that_depth():
    w = np.repeat(flat(0.2), 3, axis=0)
    w[1, 9, 40] = 0.15**2 * T[9]  # 15 % where the maturity before it has 20 % for 26 days less
    found = static_arbitrage(w, K, T)
    assert found.free("calendar").tolist() == [True, False, True]
    assert found.where("calendar") == (1, 9, 40)
    expected = np.sqrt(w[1, 8, 40] / T[9]) - 0.15
    assert found.deepest("calendar")[1] == pytest.approx(expected, rel=1e-12)
    earned = call(K[40], w[1, 8, 40]) - call(K[40], w[1, 9, 40])
    assert found.most("calendar")[1] == pytest.approx(earned, rel=1e-9)


def test_the_earliest_of_all_maturities_counts_not_the_one_before():
    w = np.array([0.05, 0.04, 0.045])[None, :, None] * np.ones((1, 3, 4))
    found = static_arbitrage(w, np.linspace(-0.1, 0.2, 4), [1.0, 2.0, 3.0])
    depth = found.depth["calendar"][0, :, 0]
    np.testing.assert_allclose(depth[1:], [0.025**0.5 - 0.02**0.5, (0.05 / 3) ** 0.5 - 0.015**0.5])
    assert depth[0] == 0


def test_a_quote_that_is_too_dear_is_a_butterfly_arbitrage_there():
    k = np.linspace(-0.3, 0.3, 13)
    w = flat(0.2, k, np.array([0.5, 1.0]))
    w[0, 1, 8] = 0.22**2
    found = static_arbitrage(w, k, [0.5, 1.0])
    assert found.where("butterfly") == (0, 1, 8)
    assert (found.depth["butterfly"] > 0).sum() == 1
    price, strike = call(k, w[0, 1]), np.exp(k)
    between = np.interp(strike[8], strike[[7, 9]], price[[7, 9]])
    assert found.most("butterfly")[0] == pytest.approx(price[8] - between, rel=1e-9)
    moved = w.copy()
    moved[0, 1, 8] = (0.22 - found.deepest("butterfly")[0]) ** 2  # by the depth: and it is gone
    assert static_arbitrage(moved, k, [0.5, 1.0]).free(tolerance=1e-9).all()


@pytest.mark.parametrize("points", [31, 301, 3001])
def test_a_negative_density_is_as_deep_on_any_grid(points):
    """Neighbours alone would see it vanish: any three of a fine grid are almost straight."""
    k = np.linspace(-1.5, 1.5, points)
    found = static_arbitrage(svi(k, *VOGT)[None, None], k, [1.0])
    depth = found.depth["butterfly"][0, 0]
    assert depth.max() == pytest.approx(0.0101, abs=5e-4)
    assert (depth[durrleman(k) < -1e-3] > ROUNDING).all()
    assert 0.7 < k[depth.argmax()] < 1.3  # g is negative from 0.65 to 1.25
    assert depth[k < 0.3].max() < ROUNDING


def test_calls_that_rise_with_the_strike_are_a_vertical_arbitrage():
    k = np.array([0.0, 0.1, 0.2])
    w = np.array([0.2, 0.2, 0.6])[None, None] ** 2
    found = static_arbitrage(w, k, [1.0])
    price = call(k, w[0, 0])
    assert price[2] > price[1]
    assert found.where("vertical") == (0, 0, 2)
    assert found.most("vertical")[0] == pytest.approx(price[2] - price[:2].min(), rel=1e-9)


def test_puts_that_fall_with_the_strike_are_one_too():
    k = np.array([-0.2, -0.1, 0.0])
    w = np.array([0.6, 0.2, 0.2])[None, None] ** 2
    found = static_arbitrage(w, k, [1.0])
    put = call(k, w[0, 0]) - 1 + np.exp(k)
    assert found.where("vertical") == (0, 0, 0)
    assert found.most("vertical")[0] == pytest.approx(put[0] - put[1:].min(), rel=1e-9)


@pytest.mark.parametrize(
    ("k", "volatility", "at"), [([-0.2, -0.1], [0.1, 0.8], 1), ([0.1, 0.2], [0.8, 0.1], 0)]
)
def test_calls_that_rise_are_seen_in_puts_and_puts_that_fall_in_calls(k, volatility, at):
    k, w = np.array(k), np.array(volatility) ** 2
    price = call(k, w) if at == 1 else call(k, w) - 1 + np.exp(k)
    found = static_arbitrage(w[None, None], k, [1.0])
    assert found.where("vertical") == (0, 0, at)
    assert found.most("vertical")[0] == pytest.approx(price[at] - price[1 - at], rel=1e-9)


def test_a_put_costs_a_smaller_part_of_a_lower_strike():
    """Else sell it, and buy the same part of the other: a butterfly whose lowest strike is 0."""
    k = np.array([-0.5, -0.3])
    w = np.array([0.42, 0.3])[None, None] ** 2
    put, strike = call(k, w[0, 0]) - 1 + np.exp(k), np.exp(k)
    assert put[0] < put[1]  # no vertical arbitrage
    found = static_arbitrage(w, k, [1.0])
    assert found.where("butterfly") == (0, 0, 0)
    gain = put[0] - put[1] * strike[0] / strike[1]
    assert found.most("butterfly")[0] == pytest.approx(gain, rel=1e-9)


def test_a_variance_below_zero_is_reported_and_breaks_nothing():
    w = flat(0.2)
    w[0, 3, 5] = -0.01
    found = static_arbitrage(w, K, T)
    assert found.where("negative") == (0, 3, 5)
    assert found.deepest("negative")[0] == pytest.approx(np.sqrt(0.01 / T[3]))
    assert np.isinf(found.most("negative")[0])
    assert not found.free(cost=1.0).any()
    assert all(np.isfinite(each).all() for each in found.depth.values())


def test_a_cost_forgives_what_earns_less():
    w = flat(0.2)
    w[0, 9, 40] = 0.199**2 * T[9]
    found = static_arbitrage(w, K, T)
    most = found.most()[0]
    assert found.free(cost=1.01 * most).all()
    assert not found.free(cost=0.99 * most).any()
    assert not found.free(tolerance=0.99 * found.deepest()[0]).any()
    assert found.free(tolerance=1.01 * found.deepest()[0]).all()


# -- Quotes that are not there


def test_quotes_that_are_left_out_do_not_matter():
    w = flat(0.2)
    w[0, 9, 40] = 0.1**2 * T[9]
    w[0, 9, 40] = np.nan
    found = static_arbitrage(w, K, T)
    assert found.free().all()
    assert np.isnan(found.depth["calendar"][0, 9, 40])
    w[0, 9, 39] = 0.15**2 * T[9]
    assert static_arbitrage(w, K, T).where("calendar") == (0, 9, 39)


def test_the_maturity_before_a_gap_counts():
    w = np.array([0.05, np.nan, 0.04])[None, :, None] * np.ones((1, 3, 4))
    w[0, 1, 0] = 0.05
    found = static_arbitrage(w, np.linspace(-0.1, 0.2, 4), [1.0, 2.0, 3.0])
    assert (found.depth["calendar"][0, 2] > 0.001).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w, k, T: (w[0], k, T), "w has shape"),
        (lambda w, k, T: (w, k[::-1], T), "k must increase"),
        (lambda w, k, T: (w, k, T[::-1]), "T must increase"),
        (lambda w, k, T: (w, k, T - 1), "T must be greater than 0"),
        (lambda w, k, T: (np.where(w > 0.03, np.inf, w), k, T), "w must be finite"),
        (lambda w, k, T: (w * np.where(np.arange(17) == 3, np.nan, 1)[:, None], k, T), "NaN alone"),
        (lambda w, k, T: (np.concatenate([w, w * np.nan]), k, T), "the same places"),
        (lambda w, k, T: (w[:0], k, T), "one surface or more"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        static_arbitrage(*change(flat(0.3), K, T))


# -- The hull


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 30))
def test_the_lower_hull_is_that_of_scipy(seed, n):
    rng = np.random.default_rng(seed)
    x, y = np.cumsum(rng.uniform(1e-3, 1, n)), rng.standard_normal((4, n))
    for row, found in zip(y, lower_hull(x, y), strict=True):
        corners = np.sort(ConvexHull(np.c_[x, row]).vertices)
        below = [
            i
            for i in corners
            if i in (0, n - 1) or row[i] < row[0] + (row[-1] - row[0]) * (x[i] - x[0]) / np.ptp(x)
        ]
        np.testing.assert_allclose(found, np.interp(x, x[below], row[below]), atol=1e-10)


def test_convex_points_are_their_own_hull():
    x = np.array([0.0, 1e-6, 1.0, 5.0])
    y = np.array([x**2, np.exp(-x)])
    assert (lower_hull(x, y) == y).all()
    line = 3.0 - x[None]
    np.testing.assert_allclose(lower_hull(x, line), line, rtol=1e-15)
