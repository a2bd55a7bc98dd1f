"""Small promises of the estimators that tests of the mean pass by.

An unbiased estimator stays unbiased when its baseline is a hundred times too large, or its first
sample has a baseline of 1: only the values tell. Each test here was a change of one sign, name or
number that no other test noticed (`tools/mutation.py`).
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from tinyvae import integrands
from tinyvae.distributions import LAWS, bernoulli, gaussian, normal
from tinyvae.estimators import ESTIMATORS, by_name
from tinyvae.estimators.baselines import PILOT, best_constant, pilot_noise
from tinyvae.estimators.control_variates import (
    best_coefficient,
    score_function_delta_method,
    taylor,
)
from tinyvae.estimators.enumeration import enumeration
from tinyvae.estimators.estimator import path
from tinyvae.estimators.finite_differences import finite_differences
from tinyvae.estimators.local_expectation import local_expectation
from tinyvae.estimators.measure_valued import measure_valued, measure_valued_noise
from tinyvae.estimators.rebar import rebar

PARAMS = np.array([0.3, -0.2]), np.array([0.8, 1.5])


def rng(seed=0):
    return np.random.default_rng(seed)


def constant(z):
    """f = 5, whatever is drawn."""
    return np.full(len(z), 5.0), lambda dy: (np.zeros_like(z),)


# -- Every estimator


def strict(f):
    """f, with a vjp that wants the cotangent of its value's shape, as the protocol says."""

    def insists(z):
        y, vjp = f(z)

        def checked(dy):
            assert np.shape(dy) == np.shape(y)
            return vjp(dy)

        return y, checked

    return insists


@pytest.mark.parametrize("row", ESTIMATORS, ids=lambda row: row.name)
def test_f_is_pulled_back_with_a_cotangent_of_its_own_shape(row):
    law = next(law for law in LAWS.values() if row.admits(law) and not law.EVENT)
    params = tuple(np.array([0.7, 1.3]) for _ in law.PARAMS)
    row(strict(integrands.sigmoid()), law, params, rng(), 4)


# -- Baselines


def test_the_pilot_is_a_hundred_draws_whatever_the_samples():
    pilot, noise = pilot_noise(normal, rng(), (7, 2))
    assert pilot.shape == (PILOT, 2) == (100, 2)
    assert noise.shape == (7, 2)


def test_a_constant_f_is_its_own_baseline_and_leaves_nothing():
    """The mean over the pilot of a constant is the constant."""
    for name in ("score function, constant baseline", "score function, leave-one-out"):
        for grad in by_name(name)(constant, normal, PARAMS, rng(), 6):
            np.testing.assert_allclose(grad, 0.0, atol=1e-13)


def test_the_best_constant_of_a_constant_is_the_constant_however_small_the_scores():
    s = np.array([[0.1, 1e-6], [0.2, -2e-6], [-0.1, 1e-6]])
    np.testing.assert_allclose(best_constant(np.full(3, 5.0), s), [5.0, 5.0], rtol=1e-12)


def test_the_first_sample_of_the_running_mean_has_no_baseline():
    noise = rng().standard_normal((3, 2))
    row = by_name("score function, running mean")
    first = [grad[0] for grad in row.fn(integrands.exponential(), normal, PARAMS, noise)]
    z = normal.sample(*PARAMS, noise=noise)[0]
    for grad, score in zip(first, normal.score(z, *PARAMS), strict=True):
        np.testing.assert_allclose(grad, np.exp(z).sum() * score, rtol=1e-14)


# -- The delta method


def test_first_order_takes_away_the_tangent_and_no_curvature():
    """f = e^z at N(m, s²): s(z) (f - h) + E[h]' with h = e^m (1 + z - m), by hand."""
    m, scale, eps = 0.3, 0.8, np.array([-1.1, 0.4, 2.0])
    z, f = m + scale * eps, integrands.exponential()
    params = np.array(m), np.array(scale)
    by_loc, by_scale = score_function_delta_method(f, normal, params, eps, order=1)
    left = np.exp(z) - math.exp(m) * (1.0 + z - m)
    np.testing.assert_allclose(by_loc, left * eps / scale + math.exp(m), rtol=1e-12)
    np.testing.assert_allclose(by_scale, left * (eps**2 - 1.0) / scale, rtol=1e-12)


def test_the_curvature_is_a_difference_over_a_hundredth_of_a_standard_deviation():
    """Of z⁴ the difference of the slopes 4 z³ over m +- h is 12 m² + 4 h²."""
    m, v = np.array([0.5, -2.0]), np.array([9.0, 0.25])
    f = integrands.summed(lambda z: z**4, lambda z: 4.0 * z**3)
    curvature = taylor(f, m, v)[2]
    np.testing.assert_allclose(curvature, 12.0 * m**2 + 4e-4 * v, rtol=1e-10)


def test_a_coordinate_that_cannot_move_has_no_curvature():
    curvature = taylor(integrands.exponential(), np.array([0.5, 0.5]), np.array([0.0, 1.0]))[2]
    np.testing.assert_allclose(curvature, [0.0, math.exp(0.5)], rtol=1e-4)


def test_the_best_coefficient_is_a_regression_without_a_constant_for_each_coordinate():
    """c = E[g zero] / E[zero²], by the least squares of NumPy; small numbers count in full."""
    g, zero = 1e-3 * rng(1).standard_normal((2, 50, 3)) * [1.0, 10.0, 0.1]
    found = best_coefficient(g, zero)
    for k in range(3):
        (expected,), *_ = np.linalg.lstsq(zero[:, k : k + 1], g[:, k])
        assert found[k] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(best_coefficient(3.0 * zero, zero), 3.0, rtol=1e-12)
    np.testing.assert_array_equal(best_coefficient(g, np.zeros_like(g)), 0.0)


# -- What estimators ask of a law


def test_a_law_is_pulled_back_with_a_cotangent_of_its_own_shape():
    fields = {name: getattr(bernoulli, name) for name in ("PARAMS", "EVENT", "WHY", "values")}

    def log_prob(x, logits):
        y, vjp = bernoulli.log_prob(x, logits)

        def checked(dy):
            assert np.shape(dy) == np.shape(y)
            return vjp(dy)

        return y, checked

    law = SimpleNamespace(log_prob=log_prob, **fields)
    params, noise = (np.array([0.5, -1.0]),), np.zeros((3, 2))
    expected = enumeration(integrands.quadratic(0.3), bernoulli, params, noise)
    found = enumeration(integrands.quadratic(0.3), law, params, noise)
    np.testing.assert_array_equal(found, expected)


def test_a_parameter_that_the_path_does_not_go_through_has_none():
    def rsample(loc, which, *, noise):
        return loc + noise, lambda dz: (dz, None)

    law = SimpleNamespace(PARAMS={"loc": "real", "which": "real"}, rsample=rsample)
    params, noise = (np.zeros(2), np.ones(2)), rng().standard_normal((5, 2))
    z, vjp = path(law, params, noise)
    by_loc, by_which = vjp(2.0 * z)
    np.testing.assert_array_equal(by_loc, 2.0 * noise)
    assert by_which is None


def test_finite_differences_take_a_hundredth():
    """Of e^z, z = loc + scale eps: e^z sinh(h)/h, with h = 0.01 for a location."""
    noise = rng().standard_normal((4, 2))
    z = normal.sample(*PARAMS, noise=noise)
    by_loc, _ = finite_differences(integrands.exponential(), normal, PARAMS, noise)
    np.testing.assert_allclose(by_loc, np.exp(z) * math.sinh(0.01) / 0.01, rtol=1e-11)


def test_one_logit_for_all_coordinates_gets_the_sum_of_their_local_expectations():
    noise, f = rng().random((5, 3)), integrands.quadratic(0.3)
    (each,) = local_expectation(f, bernoulli, (np.full(3, 0.4),), noise)
    (shared,) = local_expectation(f, bernoulli, (np.array(0.4),), noise)
    np.testing.assert_allclose(shared, each.sum(axis=1), rtol=1e-14)


# -- Measure-valued


def test_of_a_gaussian_it_is_that_of_the_normal_by_the_chain_rule():
    """The same noise; dsigma/dlogvar = sigma/2, at standard deviations far from 1."""
    mu, logvar = np.array([0.5, -1.0]), np.array([-3.0, 2.0])
    sigma, f = np.exp(logvar / 2), integrands.exponential(0.3)
    noise = measure_valued_noise(normal, rng(), (6, 2))
    by_loc, by_scale = measure_valued(f, normal, (mu, sigma), noise)
    by_mu, by_logvar = measure_valued(f, gaussian, (mu, logvar), noise)
    np.testing.assert_allclose(by_mu, by_loc, rtol=1e-13)
    np.testing.assert_allclose(by_logvar, by_scale * sigma / 2, rtol=1e-13)


# -- REBAR


def conditional(logit, b, v):
    """logit(u) + l with u uniform where it makes this b (Tucker et al. 2017, appendix C)."""
    s = 1.0 / (1.0 + math.exp(-logit))
    u = (1.0 - s) + v * s if b else v * (1.0 - s)
    return logit + math.log(u / (1.0 - u))


@pytest.mark.parametrize("u", [0.2, 0.5, 0.9])
def test_rebar_is_its_formula_with_derivatives_by_differences(u):
    """At l = 0 the draw u = 1/2 is on the edge, z = 0, and b = 1[z > 0] is 0."""
    v, h, f = 0.3, 1e-5, lambda y: math.exp(1.3 * y)

    def soft(z, tau):
        return f(1.0 / (1.0 + math.exp(-z / tau)))

    def expected(logit, tau, eta):
        z = logit + math.log(u / (1.0 - u))
        b, s = float(z > 0.0), 1.0 / (1.0 + math.exp(-logit))
        anew = conditional(logit, b, v)
        slope = (soft(z + h, tau) - soft(z - h, tau)) / (2 * h)
        moved = [soft(conditional(logit + step, b, v), tau) for step in (h, -h)]
        slope_anew = (moved[0] - moved[1]) / (2 * h)
        return (f(b) - eta * soft(anew, tau)) * (b - s) + eta * (slope - slope_anew)

    given = integrands.exponential(1.3), bernoulli
    noise = np.array([[[u, v]]])
    for logit in (0.0, -0.7):
        params = (np.array([logit]),)
        for tau, eta in ((0.4, 0.6), (1.5, -2.0)):
            (found,) = rebar(*given, params, noise, tau=tau, eta=eta)
            assert found.item() == pytest.approx(expected(logit, tau, eta), rel=1e-7, abs=1e-8)
        (found,) = rebar(*given, params, noise)
        assert found.item() == pytest.approx(expected(logit, 0.5, 1.0), rel=1e-7, abs=1e-8)
