"""Special functions, against 40-digit arithmetic and SciPy."""

import tracemalloc

import numpy as np
import pytest
from scipy import special

from tinyvae.special.gamma import digamma, digamma_slope, lgamma, lgamma1p, trigamma
from tinyvae.special.incomplete_beta import dlogit
from tinyvae.special.incomplete_gamma import (
    CHUNK,
    cdf,
    dlogz_dalpha,
    log_quantile,
    quantile,
    survival,
)

mp = pytest.importorskip("mpmath")

QUANTILES = np.array([1e-10, 1e-5, 0.01, 0.1, 0.5, 0.9, 0.99, 1 - 1e-5, 1 - 1e-10, 1 - 1e-12])
ALPHAS = (1e-3, 0.02, 0.3, 1.0, 2.0, 10.0, 1e3, 1e4)
MORE_ALPHAS = (3e-3, 0.1, 0.5, 0.9, 1.1, 1.5, 3.0, 5.0, 30.0, 100.0, 300.0, 3e3)
SIZES = (0.05, 0.5, 1.0, 3.0, 100.0)
MORE_SIZES = (1e-3, 0.05, 0.3, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 300.0, 1000.0)


@pytest.fixture(autouse=True)
def forty_digits():
    with mp.workdps(40):
        yield


def relative(y, truth, floor=0.0):
    """The largest error of y relative to the truth, or to the floor where that is larger."""
    pairs = zip(np.ravel(y), np.ravel(truth), strict=True)
    return max(float(abs(mp.mpf(float(a)) - b) / max(floor, abs(b))) for a, b in pairs)


def difference(f, x):
    """f'(x) to some 25 digits, by a five-point difference in 40-digit arithmetic."""
    h = x * mp.mpf(10) ** -7
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


# -- log Gamma and its derivatives

GAMMAS = {
    lgamma: lambda x: mp.loggamma(x),
    digamma: lambda x: mp.digamma(x),
    trigamma: lambda x: mp.polygamma(1, x),
}
FUNCTIONS = pytest.mark.parametrize("fn", GAMMAS, ids=lambda fn: fn.__name__)


@FUNCTIONS
def test_gamma_functions_to_1e_minus_13(fn):
    x = np.concatenate([np.geomspace(1e-6, 1e8, 150), [1.0, 2.0, 1.4616321449683623, 9.99, 10.0]])
    assert relative(fn(x), [GAMMAS[fn](mp.mpf(float(t))) for t in x], floor=1.0) <= 1e-13


@pytest.mark.parametrize(("fn", "slope"), [(lgamma, digamma), (digamma, trigamma)])
def test_the_complex_step_goes_through(fn, slope):
    x = np.geomspace(1e-3, 1e4, 60)
    np.testing.assert_allclose(fn(x + 1e-30j).imag / 1e-30, slope(x), rtol=1e-13, atol=1e-13)


@FUNCTIONS
def test_gamma_functions_keep_the_type(fn):
    assert isinstance(fn(2.5), float)
    assert fn(np.array([2, 3])).dtype == np.float64
    short = fn(np.array([2.5, 13.0], np.float32))
    assert short.dtype == np.float32
    np.testing.assert_array_equal(short, fn(np.array([2.5, 13.0])).astype(np.float32))


@FUNCTIONS
@pytest.mark.parametrize("x", [0.0, -0.5, np.nan, np.inf])
def test_gamma_functions_refuse_what_is_not_positive(fn, x):
    with pytest.raises(ValueError, match="x must be greater than 0"):
        fn(x)


def test_lgamma1p_keeps_its_digits_near_zero():
    x = np.geomspace(1e-4, 10.0, 60)
    assert relative(lgamma1p(x), [mp.loggamma(1 + mp.mpf(float(t))) for t in x]) <= 2e-14


def test_digamma_slope_keeps_its_digits_for_short_steps():
    x, h = map(np.ravel, np.meshgrid(np.geomspace(1e-3, 1e5, 9), np.geomspace(1e-3, 1e5, 9)))
    truth = [
        (mp.digamma(mp.mpf(a) + mp.mpf(b)) - mp.digamma(mp.mpf(a))) / mp.mpf(b)
        for a, b in zip(x.tolist(), h.tolist(), strict=True)
    ]
    assert relative(digamma_slope(x, h), truth) <= 1e-14


# -- The CDF of Gamma and its inverse


def test_both_tails_of_the_cdf_are_those_of_scipy():
    alpha, u = np.meshgrid(np.geomspace(0.05, 100.0, 30), QUANTILES)
    z = special.gammaincinv(alpha, u)
    np.testing.assert_allclose(cdf(z, alpha), special.gammainc(alpha, z), rtol=1e-13)
    np.testing.assert_allclose(survival(z, alpha), special.gammaincc(alpha, z), rtol=1e-13)


@pytest.mark.parametrize("alpha", [0.02, 0.3, 0.999, 1.0, 2.0, 10.0, 100.0, 1e4])
def test_quantiles_to_the_last_digits(alpha):
    """By the residual in 40 digits, P(alpha, z) - u, divided by the density: the error of log z."""
    u = np.concatenate([QUANTILES, [1e-16, 1e-4, 0.2, 0.49, 0.51, 0.8, 1 - 2.0**-53]])
    z = quantile(u, alpha)
    u, z = u[z > 0], z[z > 0]
    a = mp.mpf(alpha)
    for one, at in zip(z.tolist(), u.tolist(), strict=True):
        if at < 0.5:
            gap = mp.gammainc(a, 0, one, regularized=True) - mp.mpf(at)
        else:
            gap = (1 - mp.mpf(at)) - mp.gammainc(a, one, mp.inf, regularized=True)
        zp = mp.exp(a * mp.log(one) - one - mp.loggamma(a))
        assert abs(gap / zp) <= 1e-14 + 4e-16 * abs(mp.log(one))


def test_quantiles_are_those_of_scipy():
    alpha, u = np.meshgrid(np.geomspace(0.05, 1e4, 60), np.linspace(0.001, 0.999, 41))
    np.testing.assert_allclose(quantile(u, alpha), special.gammaincinv(alpha, u), rtol=1e-12)


@pytest.mark.parametrize("alpha", [1e-6, 1e-3, 0.01])
def test_log_quantiles_where_the_quantile_underflows(alpha):
    """There P = z^alpha / Gamma(1 + alpha) to all digits, whatever the size of z."""
    u = np.array([1e-300, 1e-16, 1e-6, 0.01, 0.3])
    truth = [
        (mp.log(mp.mpf(at)) + mp.loggamma(1 + mp.mpf(alpha))) / mp.mpf(alpha) for at in u.tolist()
    ]
    assert max(truth) < -80
    assert relative(log_quantile(u, alpha), truth) <= 1e-15
    assert quantile(u, alpha)[0] == 0.0


def test_quantiles_rise_with_u_and_alpha():
    u, alpha = np.linspace(1e-3, 1 - 1e-3, 400), np.geomspace(1e-3, 1e4, 400)
    table = log_quantile(u[:, None], alpha)
    assert (np.diff(table, axis=0) > 0).all()
    assert (np.diff(table, axis=1) > 0).all()


@pytest.mark.parametrize("u", [0.0, 1.0, -0.1, np.nan])
def test_quantiles_refuse_what_is_no_probability(u):
    with pytest.raises(ValueError, match="u must be greater than 0 and less than 1"):
        log_quantile(np.array([0.5, u]), 2.0)


# -- How the quantiles of Gamma move


def gamma_slope(log_z, alpha):
    """dlog z/dalpha = -(dP/dalpha) / (z p(z)) in 40 digits."""
    a, z = mp.mpf(alpha), mp.exp(mp.mpf(log_z))
    if z < alpha + 1:
        rise = difference(lambda s: mp.gammainc(s, 0, z, regularized=True), a)
    else:
        rise = -difference(lambda s: mp.gammainc(s, z, mp.inf, regularized=True), a)
    return -rise / mp.exp(a * mp.log(z) - z - mp.loggamma(a))


def check_gamma_slopes(alphas):
    for alpha in alphas:
        log_z = log_quantile(QUANTILES, alpha)
        truth = [gamma_slope(at, alpha) for at in log_z.tolist()]
        assert relative(dlogz_dalpha(log_z, alpha), truth) <= 1e-12


def test_slopes_of_gamma_quantiles_to_1e_minus_12():
    check_gamma_slopes(ALPHAS)


@pytest.mark.slow
def test_slopes_of_gamma_quantiles_to_1e_minus_12_everywhere():
    check_gamma_slopes(MORE_ALPHAS)


def test_slopes_in_closed_form():
    """Where z is tiny dlog z/dalpha = (psi(1 + alpha) - log z)/alpha; and for alpha = 1."""
    alpha = np.geomspace(1e-6, 0.01, 9)
    expected = (special.digamma(1.0 + alpha) + 1e5) / alpha
    np.testing.assert_allclose(dlogz_dalpha(-1e5, alpha), expected, rtol=1e-14)
    # The integral of (log t - psi(1)) e^-t over t > z is e^-z (log z + gamma) + E1(z).
    z = np.geomspace(0.01, 30.0, 50)
    expected = (np.log(z) + np.euler_gamma) / z + np.exp(z) * special.exp1(z) / z
    np.testing.assert_allclose(dlogz_dalpha(np.log(z), 1.0), expected, rtol=1e-11)


def test_millions_of_samples_need_little_memory():
    """No more than twice the result: the work is done a few thousand numbers at a time."""
    alpha = np.full(100 * CHUNK, 2.5)
    log_z = np.random.default_rng(0).uniform(-3.0, 2.5, alpha.size)
    dlogz_dalpha(log_z[:10], 2.5)
    tracemalloc.start()
    slopes = dlogz_dalpha(log_z, alpha)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 6 * slopes.nbytes
    np.testing.assert_array_equal(slopes[-5:], dlogz_dalpha(log_z[-5:], alpha[-5:]))


def test_shapes_broadcast_and_numbers_stay_numbers():
    assert log_quantile(np.full((3, 1), 0.3), np.ones(4)).shape == (3, 4)
    assert dlogz_dalpha(np.zeros((0, 4)), np.ones(4)).shape == (0, 4)
    assert isinstance(quantile(0.3, 2.0), float)
    assert [np.ndim(slope) for slope in dlogit(0.3, 1.0, 2.0)] == [0, 0]


# -- How the quantiles of Beta move


def beta_slopes(t, a, b):
    """(dt/da, dt/db), t = logit z, in 40 digits and from whichever tail is the smaller."""
    a, b, t = mp.mpf(a), mp.mpf(b), mp.mpf(t)
    z, rest = 1 / (1 + mp.exp(-t)), 1 / (1 + mp.exp(t))
    lower = z < a / (a + b)

    def tail(a, b):
        if lower:
            return mp.betainc(a, b, 0, z, regularized=True)
        return -mp.betainc(b, a, 0, rest, regularized=True)

    density = z**a * rest**b / mp.beta(a, b)
    by_a, by_b = difference(lambda s: tail(s, b), a), difference(lambda s: tail(a, s), b)
    return -by_a / density, -by_b / density


def check_beta_slopes(sizes, points):
    rng = np.random.default_rng(0)
    for a in sizes:
        for b in sizes:
            log_g = log_quantile(rng.random((2, points)), np.array([[a], [b]]))
            t = np.clip(log_g[0] - log_g[1], -80.0, 80.0)
            t = np.append(t, np.log([a / b, 1.2 * a / b, (a + 1.0) / (b + 1.0)]))
            truth = np.array([beta_slopes(at, a, b) for at in t.tolist()]).T
            assert relative(dlogit(t, a, b), truth) <= 2e-13


def test_slopes_of_beta_quantiles_to_2e_minus_13():
    check_beta_slopes(SIZES, points=2)


@pytest.mark.slow
def test_slopes_of_beta_quantiles_to_2e_minus_13_everywhere():
    check_beta_slopes(MORE_SIZES, points=6)


def test_slopes_of_beta_in_closed_form():
    """For b = 1 the CDF is z^a: dz/da = -z log z / a, that is dt/da = -log z / (a (1 - z))."""
    a, z = np.meshgrid(np.geomspace(1e-3, 1e3, 13), np.linspace(0.001, 0.999, 21))
    t = np.log(z) - np.log1p(-z)
    np.testing.assert_allclose(dlogit(t, a, 1.0)[0], -np.log(z) / (a * (1.0 - z)), rtol=1e-12)
    np.testing.assert_allclose(dlogit(-t, 1.0, a)[1], np.log(z) / (a * (1.0 - z)), rtol=1e-12)


def test_beta_far_out_is_gamma():
    """b Beta(a, b) tends to Gamma(a), with an error of order 1/b, and its quantiles with it."""
    z = np.array([0.01, 0.5, 2.0, 7.0])
    slope = dlogit(np.log(z / 1e9), 2.0, 1e9)[0]
    np.testing.assert_allclose(slope, dlogz_dalpha(np.log(z), 2.0), rtol=1e-7)
