"""Bonnet and Price: both sides of the identities by quadrature, and where they fail."""

import math

import numpy as np
import pytest
from scipy import stats

from tinyvae import integrands
from tinyvae.distributions import normal
from tinyvae.estimators.bonnet_price import bonnet, price, variance_by_path, variance_by_score
from tinyvae.estimators.pathwise import pathwise
from tinyvae.estimators.score_function import score_function

LOC, SCALE = 0.4, 0.7
X, W = np.polynomial.hermite_e.hermegauss(80)
W = W / W.sum()  # now sum(W g(X)) = E[g(eps)]


def tanh_curvature(z):
    return -2.0 * np.tanh(z) * (1.0 - np.tanh(z) ** 2)


# f and f', f'', and the variances of the three estimates of d/dv: Price, path, score.
CASES = {
    "z^4": (
        integrands.summed(lambda z: z**4, lambda z: 4 * z**3),
        lambda z: 12 * z**2,
        (28.6, 161, 949),
    ),
    "e^0.6z": (
        integrands.exponential(0.6),
        lambda z: 0.36 * np.exp(0.6 * z),
        (0.012, 0.66, 12.7),
    ),
    "cos 2z": (integrands.cosine(2.0), lambda z: -4 * np.cos(2 * z), (1.73, 0.743, 0.758)),
    "tanh": (
        integrands.summed(np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        tanh_curvature,
        (0.066, 0.124, 1.40),
    ),
}
EVERY = pytest.mark.parametrize(("f", "curvature", "variances"), CASES.values(), ids=CASES)


def expectation(f, loc, variance):
    return (W * f(loc + math.sqrt(variance) * X)[0]).sum()


def slope(fn, h=1e-3):
    return (8.0 * (fn(h) - fn(-h)) - (fn(2 * h) - fn(-2 * h))) / (12.0 * h)


def by_variance(f):
    return slope(lambda h: expectation(f, LOC, SCALE**2 + h))


@EVERY
def test_bonnet_is_the_derivative_in_the_mean(f, curvature, variances):
    truth = slope(lambda h: expectation(f, LOC + h, SCALE**2))
    assert (W * bonnet(f, LOC, SCALE, noise=X)).sum() == pytest.approx(truth, rel=1e-10)


@EVERY
def test_three_estimates_of_the_derivative_in_the_variance(f, curvature, variances):
    """One mean, three variances; of cos 2z Price's is the largest."""
    at = {"noise": X}
    estimates = (
        price(curvature, LOC, SCALE, **at),
        variance_by_path(f, LOC, SCALE, **at),
        variance_by_score(f, LOC, SCALE, **at),
    )
    truth = by_variance(f)
    for g, variance in zip(estimates, variances, strict=True):
        assert (W * g).sum() == pytest.approx(truth, rel=1e-9, abs=1e-11)
        assert (W * g * g).sum() - truth**2 == pytest.approx(variance, rel=0.05)


def test_a_kink_breaks_price_and_not_the_path():
    """Of |z| f'' is 0 almost everywhere, and the truth is the height of the density at the kink."""
    truth = stats.norm.pdf(LOC / SCALE) / SCALE
    assert truth == pytest.approx(0.4840685, abs=1e-7)
    f = integrands.summed(lambda z: np.where(z > 0, z, -z), np.sign)
    noise = np.random.default_rng(0).standard_normal(200_000)
    assert np.all(price(np.zeros_like, LOC, SCALE, noise=noise) == 0.0)
    for g in (
        variance_by_path(f, LOC, SCALE, noise=noise),
        variance_by_score(f, LOC, SCALE, noise=noise),
    ):
        assert abs(g.mean() - truth) < 5.0 * g.std() / math.sqrt(len(g))


def test_a_jump_breaks_both_and_not_the_score():
    f, noise = integrands.step(0.9), np.random.default_rng(0).standard_normal(200_000)
    alpha = (0.9 - LOC) / SCALE
    truth = alpha * stats.norm.pdf(alpha) / (2.0 * SCALE**2)
    assert np.all(price(np.zeros_like, LOC, SCALE, noise=noise) == 0.0)
    assert np.all(variance_by_path(f, LOC, SCALE, noise=noise) == 0.0)
    g = variance_by_score(f, LOC, SCALE, noise=noise)
    assert abs(g.mean() - truth) < 5.0 * g.std() / math.sqrt(len(g))


def test_in_the_scale_they_are_the_path_and_the_score():
    """d/dscale = 2 scale d/dv, draw by draw, and coordinate by coordinate."""
    f, noise = integrands.exponential(0.6), np.random.default_rng(0).standard_normal((5, 3))
    loc, scale = np.array([0.4, -1.0, 0.2]), np.array([0.7, 1.3, 0.5])
    dloc, dscale = pathwise(f, normal, (loc, scale), noise)
    np.testing.assert_allclose(bonnet(f, loc, scale, noise=noise), dloc)
    np.testing.assert_allclose(2.0 * scale * variance_by_path(f, loc, scale, noise=noise), dscale)
    _, dscale = score_function(f, normal, (loc, scale), noise)
    np.testing.assert_allclose(2.0 * scale * variance_by_score(f, loc, scale, noise=noise), dscale)
