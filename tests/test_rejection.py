"""The path through a rejection sampler: how far off it is alone, and that the correction mends it.

By quadrature: the estimates are functions of noise without a parameter, so they can be integrated.
"""

import functools
import math

import numpy as np
import pytest
from laws import nodes
from scipy import special, stats

from tinyvae import integrands
from tinyvae.distributions import gamma
from tinyvae.estimators import by_name
from tinyvae.estimators.pathwise import pathwise
from tinyvae.estimators.rejection import draws, rejection_estimators

LOG = integrands.summed(np.log, lambda z: 1.0 / z)
UNITS = np.polynomial.legendre.leggauss(300)


@functools.cache
def quantiles(a):
    """CDF values u of Gamma(a, 1), and weights: sum(w g(u)) ~ E[g(U)]."""
    x, w, p = nodes(gamma, (np.float64(a), np.float64(1.0)))
    u = special.gammainc(a, x)
    inside = (u > 0.0) & (u < 1.0)
    return u[inside], (w * p)[inside]


def grid(a, B):
    """Noise (S, 1 + B) and weights for the estimates at concentration a, B = 0 or 1."""
    u, w = quantiles(a + B)
    if B == 0:
        return u[:, None], w
    t = 0.5 * (UNITS[0] + 1.0)
    u1, w1 = t**4, 2.0 * t**3 * UNITS[1]  # finer near 0, where log u is steep
    noise = np.stack(np.broadcast_arrays(u[:, None], u1), axis=-1).reshape(-1, 2)
    return noise, (w[:, None] * w1).ravel()


def moments(fn, f, a, noise, w):
    """Mean and variance of the estimate of the concentration's gradient."""
    g = fn(f, gamma, (np.float64(a), np.float64(1.0)), noise)[0]
    return (w * g).sum(), (w * g * g).sum() - (w * g).sum() ** 2


def rows(B):
    return [row.fn for row in rejection_estimators(B)]


@pytest.mark.parametrize(
    ("a", "off"),
    [(1.0001, 2.8e-2), (1.5, 1.3e-2), (2, 7.5e-3), (5, 1.3e-3), (10, 3.5e-4), (50, 1.5e-5)],
)
def test_of_z_squared_the_path_is_off_and_the_correction_makes_it_exact(a, off):
    path, corrected = (moments(fn, integrands.quadratic(), a, *grid(a, 0))[0] for fn in rows(0))
    truth = 2.0 * a + 1.0
    assert abs(path - truth) / truth == pytest.approx(off, rel=0.05)
    assert corrected == pytest.approx(truth, rel=1e-9)


def test_of_log_z_the_path_is_off_by_a_sixth():
    path, corrected = (moments(fn, LOG, 1.0001, *grid(1.0001, 0))[0] for fn in rows(0))
    truth = special.polygamma(1, 1.0001)
    assert abs(path - truth) / truth == pytest.approx(0.16, abs=0.005)
    assert corrected == pytest.approx(truth, rel=1e-8)


@pytest.mark.parametrize("a", [0.3, 1.0, 2.0])
def test_augmentation_shrinks_the_bias_and_keeps_the_correction_exact(a):
    f, truth = integrands.quadratic(), 2.0 * a + 1.0
    path, corrected = (moments(fn, f, a, *grid(a, 1))[0] for fn in rows(1))
    assert corrected == pytest.approx(truth, rel=1e-8)
    assert 1e-4 < abs(path - truth) / truth < 0.05
    if a >= 1.0:
        assert abs(path - truth) < abs(moments(rows(0)[0], f, a, *grid(a, 0))[0] - truth)


@pytest.mark.parametrize(
    ("a", "implicit", "rejection"),
    [(0.3, 8.7, 11.0), (1.0, 12.7, 14.2), (2.0, 21.4, 22.8), (10.0, 92.9, 94.7)],
)
def test_the_implicit_path_has_less_variance(a, implicit, rejection):
    """Of (z - 1)², B = 1, against a million draws from elsewhere, which have an error of 2 %."""
    f = integrands.quadratic(1.0)
    noise, w = grid(a, 0)
    assert moments(pathwise, f, a, noise[:, 0], w)[1] == pytest.approx(implicit, rel=0.025)
    assert moments(rows(1)[1], f, a, *grid(a, 1))[1] == pytest.approx(rejection, rel=0.025)


def test_the_normal_that_was_accepted_has_the_law_of_the_inverse():
    """Marsaglia and Tsang's sampler, run as they wrote it, against h^-1 of an inverse CDF."""
    a, rng = 1.0, np.random.default_rng(0)
    d = a - 1.0 / 3.0
    eps, u = rng.standard_normal(40_000), rng.random(40_000)
    v = (1.0 + eps / math.sqrt(9.0 * d)) ** 3
    with np.errstate(invalid="ignore"):
        accepted = (v > 0) & (np.log(u) < 0.5 * eps**2 + d - d * v + d * np.log(v))
    z = gamma.sample(np.float64(a), 1.0, noise=rng.random(40_000))
    ours = (np.cbrt(z / d) - 1.0) * math.sqrt(9.0 * d)
    assert stats.ks_2samp(eps[accepted], ours).pvalue > 0.01
    assert stats.ks_2samp(eps, ours).pvalue < 1e-6  # a plain normal is another law
    assert accepted.mean() == pytest.approx(0.95168, abs=0.005)


@pytest.mark.parametrize("B", [0, 1, 3])
def test_path_and_correction_are_derivatives_at_a_fixed_normal(B):
    """Five-point differences with eps and the u_i held still, not the CDF value."""
    a, rate, rng = 1.4, 1.7, np.random.default_rng(1)
    noise = rng.uniform(0.05, 0.95, (6, 1 + B))
    z, (dz, dz_rate), correction = draws(gamma, (np.float64(a), np.float64(rate)), noise)

    def eps_at(shape):
        d = shape - 1.0 / 3.0
        return (np.cbrt(stats.gamma.ppf(noise[:, 0], shape) / d) - 1.0) * np.sqrt(9.0 * d)

    eps = eps_at(a + B)

    def drawn(a, rate):
        d = a + B - 1.0 / 3.0
        v = 1.0 + eps / math.sqrt(9.0 * d)
        powers = [noise[:, i] ** (1.0 / (a + i - 1.0)) for i in range(1, B + 1)]
        log_q = stats.gamma.logpdf(d * v**3, a + B) + np.log(math.sqrt(d) * v**2)
        return np.stack([d * v**3 * np.prod(powers, axis=0) / rate, log_q])

    def slope(fn, h=1e-3):
        return (8.0 * (fn(h) - fn(-h)) - (fn(2 * h) - fn(-2 * h))) / (12.0 * h)

    np.testing.assert_allclose(z, drawn(a, rate)[0], rtol=1e-10)
    by_shape = slope(lambda h: drawn(a + h, rate))
    np.testing.assert_allclose(dz, by_shape[0], rtol=1e-8)
    np.testing.assert_allclose(correction, by_shape[1], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(dz_rate, slope(lambda h: drawn(a, rate + h))[0], rtol=1e-8)


def test_without_augmentation_the_shape_starts_at_one():
    row = rejection_estimators(0)[0]
    with pytest.raises(ValueError, match=r"at least 1 where B = 0, but is 0\.4.*augment"):
        row(LOG, gamma, (np.array([1.5, 0.4]), np.ones(2)), np.random.default_rng(0), 5)
    with pytest.raises(ValueError, match="augmentation must be at least 0"):
        rejection_estimators(-1)


def test_the_rate_needs_no_correction():
    params = np.array([0.6, 3.0]), np.array([1.5, 0.4])
    f, row = integrands.cosine(), by_name("rejection path")
    noise = row.noise(gamma, np.random.default_rng(0), (5, 2))
    assert noise.shape == (5, 2, 2)
    both = (
        row.fn(f, gamma, params, noise),
        by_name("rejection path with correction").fn(f, gamma, params, noise),
    )
    np.testing.assert_array_equal(both[0][1], both[1][1])
    assert np.all(both[0][0] != both[1][0])
