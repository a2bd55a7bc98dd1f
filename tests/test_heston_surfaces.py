"""The data set of implied-volatility surfaces: its grid, its numbers, its mask, its features."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from tinyvae.data import Dataset, heston_surfaces, load
from tinyvae.data.heston import (
    GRID,
    LOG_MONEYNESS,
    MATURITY_DAYS,
    PARAMETERS,
    V0,
    YEAR,
    surface_data,
)
from tinyvae.finance import black_scholes, cosine, fourier
from tinyvae.finance.heston import Heston

ROWS = [0, 4, 26, 312, 620, 624]
DAYS, K = MATURITY_DAYS[[0, 2, 8, 16]], LOG_MONEYNESS[[0, 20, 40, 47, 54, 77, 100]]


@pytest.fixture(scope="module")
def part():
    """All 625 surfaces on a part of the maturities and strikes."""
    return heston_surfaces(maturity_days=DAYS, log_moneyness=K)


@pytest.fixture(scope="module")
def data(part):
    return surface_data(part)


@pytest.fixture(scope="module")
def few():
    return heston_surfaces(GRID[ROWS])


def test_the_grid_is_the_one_that_is_documented():
    assert MATURITY_DAYS.tolist() == [6, 12, 18, *(26 * k for k in range(1, 15))]
    assert LOG_MONEYNESS.shape == (101,)
    assert LOG_MONEYNESS[[0, 47, 100]] == pytest.approx([-0.4, 0.0, 0.6], abs=1e-15)
    assert LOG_MONEYNESS[47] == 0
    steps = np.diff(np.cbrt(LOG_MONEYNESS))
    np.testing.assert_allclose(steps[:47], 0.4 ** (1 / 3) / 47)
    np.testing.assert_allclose(steps[47:], 0.6 ** (1 / 3) / 53)
    assert len(np.unique(GRID, axis=0)) == 625
    values = [np.unique(column) for column in GRID.T]
    np.testing.assert_allclose(values[0], [0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(np.sqrt(values[1]), [0.05, 0.1, 0.15, 0.2, 0.25])
    np.testing.assert_allclose(values[2], [-0.9, -0.7, -0.5, -0.3, -0.1])
    np.testing.assert_allclose(values[3], [0.1, 0.2, 0.3, 0.4, 0.5])


def test_volatilities_are_those_of_another_formula_and_another_root_finder(few):
    normal = stats.norm
    for i, row in enumerate(ROWS):
        law = Heston(*GRID[row], V0)
        for j in (0, 16):
            T = MATURITY_DAYS[j] / YEAR
            near = np.abs(LOG_MONEYNESS) < 2 * np.sqrt(0.05 * T)  # where vega is not negligible
            k = LOG_MONEYNESS[near][i::6]
            for strike, price, found in zip(
                k, cosine.put(k, T, law), few.volatility[i, j, near][i::6], strict=True
            ):

                def excess(sigma, strike=strike, price=price, T=T):
                    s = sigma * np.sqrt(T)
                    d1 = -strike / s + s / 2
                    put = np.exp(strike) * normal.cdf(s - d1) - normal.cdf(-d1)
                    return put - price

                truth = optimize.brentq(excess, 0.01, 1.0, xtol=1e-14)
                assert found == pytest.approx(truth, abs=1e-10)


def test_the_volatility_gives_the_price_back_in_every_wing(few):
    k = LOG_MONEYNESS
    years = MATURITY_DAYS / YEAR
    priced = fourier.surfaces(k, years, Heston(*GRID[ROWS].T, V0))
    w = few.volatility**2 * years[:, None]
    np.testing.assert_array_equal(w, few.total_variance)
    outside = np.where(k < 0, black_scholes.put(k, w), black_scholes.call(k, w))
    seen = priced.log_price > -700
    assert few.determined.all()
    np.testing.assert_allclose(np.log(outside[seen]), priced.log_price[seen], atol=1e-10)
    deep = priced.log_price < -700  # below the floats: 1e-323
    assert deep.any()
    again, determined = black_scholes.variance_of_log_price(priced.log_price[deep], 0.6)
    assert determined.all()
    np.testing.assert_allclose(again, w[deep], rtol=1e-10)


def test_the_short_end_at_the_money_is_the_spot_variance():
    # v0 moves little in a day: the error is of the order of kappa T, vol_of_vol² T
    short = heston_surfaces(GRID[ROWS], maturity_days=[0.25, 0.5], log_moneyness=[0.0])
    np.testing.assert_allclose(short.volatility, np.sqrt(V0), rtol=1e-3)


def test_volatility_slopes_with_rho_and_bends_with_vol_of_vol():
    def smile(rho, vol_of_vol):
        law = [[0.5, 0.04, rho, vol_of_vol]]
        surface = heston_surfaces(law, maturity_days=[30], log_moneyness=[-0.05, 0.0, 0.05])
        low, middle, high = surface.volatility[0, 0]
        return high - low, high - 2 * middle + low

    assert smile(-0.7, 0.3)[0] < -0.01
    assert smile(0.7, 0.3)[0] > 0.01
    assert smile(0.0, 0.5)[1] > 2 * smile(0.0, 0.3)[1] > 0
    # rho vol_of_vol/(4 sqrt(v0)) at the money as T -> 0: Gatheral, The Volatility Surface (2006)
    surface = heston_surfaces(
        [[0.5, 0.05, -0.7, 0.3]], maturity_days=[1], log_moneyness=[-1e-3, 1e-3]
    )
    slope = np.diff(surface.volatility[0, 0])[0] / 2e-3
    assert slope == pytest.approx(-0.7 * 0.3 / (4 * np.sqrt(0.05)), rel=0.01)


def test_surfaces_of_other_parameters_and_grids_broadcast_in_the_right_order():
    parameters = np.array([[0.4, 0.03, -0.45, 0.22], [2.0, 0.2, 0.5, 0.8], [0.2, 0.01, -0.8, 0.4]])
    days, k = [45.0, 700.0], np.array([0.2, -0.3, 0.0, 0.05])  # not sorted
    found = heston_surfaces(parameters, v0=0.03, maturity_days=days, log_moneyness=k)
    assert found.volatility.shape == found.determined.shape == (3, 2, 4)
    for i, row in enumerate(parameters):
        for j, day in enumerate(days):
            priced = fourier.out_of_the_money(k, day / YEAR, Heston(*row, 0.03))
            alone, _ = black_scholes.implied_volatility(priced.price, k, day / YEAR)
            np.testing.assert_allclose(found.volatility[i, j], alone, rtol=1e-9)


def test_what_a_price_does_not_determine_is_left_out():
    resolution, tolerance = 1e-8, 1e-4
    rough = heston_surfaces(GRID[ROWS], resolution=resolution, tolerance=tolerance)
    fine = heston_surfaces(GRID[ROWS])
    np.testing.assert_array_equal(np.isnan(rough.volatility), ~rough.determined)
    kept = rough.determined
    np.testing.assert_array_equal(rough.volatility[kept], fine.volatility[kept])
    # what a price that is off by the resolution does, by solving for it
    k, T = LOG_MONEYNESS, (MATURITY_DAYS / YEAR)[:, None]
    priced = fourier.surfaces(k, T[:, 0], Heston(*GRID[ROWS].T, V0)).price
    moved, possible = black_scholes.implied_volatility(priced + resolution, k, T)
    shift = np.abs(moved - fine.volatility)
    assert possible.all()
    assert (shift[kept] < 1.1 * tolerance).all()
    assert 0.05 < 1 - kept.mean() < 0.2
    # vega grows with the shift, so that the linear criterion is the stricter one, by a few times
    # at most: what moves by far less is not left out
    assert (shift[~kept] > 0.05 * tolerance).all()
    assert not heston_surfaces(GRID[:1], resolution=1.0).determined.any()


# -- the data set


@pytest.mark.slow
def test_the_data_set_is_the_whole_grid_and_free_of_calendar_arbitrage():
    data = load("heston")
    assert (data.x.shape, data.held_out.shape) == ((563, 1717), (62, 1717))
    assert data.kept.all()
    np.testing.assert_array_equal(data.maturity_days, MATURITY_DAYS)
    np.testing.assert_array_equal(data.log_moneyness, LOG_MONEYNESS)
    w = data.total_variance(np.concatenate([data.x, data.held_out]))
    assert (np.diff(w, axis=1) > 0).all()


def test_the_data_set_is_all_surfaces_split_once(data):
    assert isinstance(data, Dataset)
    assert (data.x.shape, data.held_out.shape) == ((563, 28), (62, 28))
    assert data.x.dtype == data.held_out.dtype == np.float32
    assert data.image_shape is None
    assert data.kept.all()
    rows = np.concatenate(
        [
            np.stack([factors[name] for name in PARAMETERS], axis=1)
            for factors in (data.factors, data.held_out_factors)
        ]
    )
    np.testing.assert_array_equal(rows[np.lexsort(rows.T[::-1])], GRID[np.lexsort(GRID.T[::-1])])
    np.testing.assert_allclose(data.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(data.x.std(axis=0), 1, atol=1e-6)


def test_features_are_the_surfaces_of_the_factors(data):
    for x, factors in ((data.x, data.factors), (data.held_out, data.held_out_factors)):
        parameters = np.stack([factors[name][:3] for name in PARAMETERS], axis=1)
        surfaces = heston_surfaces(parameters, maturity_days=DAYS, log_moneyness=K)
        np.testing.assert_allclose(data.volatility(x[:3]), surfaces.volatility, atol=1e-7)
        np.testing.assert_allclose(data.total_variance(x[:3]), surfaces.total_variance, atol=1e-7)
        np.testing.assert_allclose(
            data.standardize(surfaces.total_variance), x[:3], atol=1e-5, rtol=1e-6
        )


def test_a_smaller_held_out_part_is_a_part_of_a_larger_one(part, data, monkeypatch):
    monkeypatch.setattr(sys.modules["tinyvae.data.heston"], "_grid", lambda: part)
    np.testing.assert_array_equal(load("heston").x, data.x)
    fewer = load("heston", held_out=20)
    assert len(fewer.x) == 605
    for name in PARAMETERS:
        np.testing.assert_array_equal(
            fewer.held_out_factors[name], data.held_out_factors[name][:20]
        )
    with pytest.raises(ValueError, match="held_out=625 leaves nothing to train on"):
        load("heston", held_out=625)


def test_it_is_computed_again_with_the_same_bits():
    one, other = (heston_surfaces(GRID[::100], maturity_days=[6, 364]) for _ in range(2))
    assert one.volatility.tobytes() == other.volatility.tobytes()
    assert one.volatility is not other.volatility


def test_a_mask_is_carried_by_the_features():
    surfaces = heston_surfaces(GRID[::25], maturity_days=[12, 182], resolution=1e-8)
    masked = surface_data(surfaces, held_out=5)
    assert 0 < masked.kept.sum() < masked.kept.size
    assert masked.x.shape == (20, masked.kept.sum())
    np.testing.assert_array_equal(masked.kept, surfaces.determined.all(axis=0))
    w = masked.total_variance(masked.x)
    np.testing.assert_array_equal(np.isnan(w), np.broadcast_to(~masked.kept, w.shape))
    np.testing.assert_allclose(masked.standardize(w), masked.x, atol=1e-6)
    with pytest.raises(ValueError, match="no point of the grid is determined"):
        surface_data(heston_surfaces(GRID[:3], maturity_days=[30], resolution=1.0))
    with pytest.raises(ValueError, match="the 1 surfaces to train on are the same somewhere"):
        surface_data(heston_surfaces(GRID[:2], maturity_days=[30]))


def test_a_negative_total_variance_has_no_volatility(data):
    x = np.zeros((1, data.x.shape[1]), np.float32)
    x[0, 2] = -1000
    w, volatility = data.total_variance(x), data.volatility(x)
    assert w[0, 0, 2] < 0
    assert np.flatnonzero(np.isnan(volatility)).tolist() == [2]


def test_surface_data_is_frozen_and_can_be_replaced(data):
    part = replace(data, x=data.x[:10], factors=None)
    assert part.x.shape == (10, 28)
    np.testing.assert_array_equal(part.scale, data.scale)
    for name in ("kept", "centre", "scale", "maturity_days", "log_moneyness"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(data, name)[0] = 1
    with pytest.raises(ValueError, match=r"centre has shape \(3,\), expected \(28,\)"):
        replace(data, centre=np.zeros(3))
    with pytest.raises(ValueError, match=r"x has shape .* expected \(N, 28\)"):
        replace(data, x=data.x[:, :5], held_out=data.held_out[:, :5])


def test_features_of_the_wrong_shape_are_refused(data):
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\), expected \(N, 28\)"):
        data.total_variance(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"total_variance has shape .* expected \(N, 4, 7\)"):
        data.standardize(np.zeros((4, 7)))
    with pytest.raises(ValueError, match="must be finite"):
        data.standardize(np.full((1, 4, 7), np.nan))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"parameters": [0.1, 0.2, 0.3, 0.4]}, ValueError, r"parameters has shape \(4,\)"),
        ({"parameters": [[0.1, 0.2, 1.3, 0.4]]}, ValueError, "rho must be greater than -1"),
        ({"parameters": GRID[:0]}, ValueError, "parameters must not be empty"),
        ({"maturity_days": []}, ValueError, "maturity_days must not be empty"),
        ({"maturity_days": [0.0]}, ValueError, "maturity_days must be greater than 0"),
        ({"log_moneyness": []}, ValueError, "log_moneyness must not be empty"),
        ({"log_moneyness": [np.nan]}, ValueError, "log_moneyness must be finite"),
        ({"v0": 0.0}, ValueError, "v0 must be greater than 0"),
        ({"v0": "a"}, TypeError, "v0 must be a number"),
        ({"resolution": -1.0}, ValueError, "resolution must be at least 0"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be greater than 0"),
    ],
)
def test_surfaces_refuse(options, error, message):
    with pytest.raises(error, match=message):
        heston_surfaces(**{"parameters": GRID[:1], **options})
