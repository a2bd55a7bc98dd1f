"""Small promises of the laws that tests of all laws pass by: far tails, ties, single values.

Each was a change of one sign, name or number that no other test noticed (`tools/mutation.py`).
"""

import itertools

import numpy as np
import pytest
from scipy import special

from tinyvae import gradcheck
from tinyvae.distributions import bernoulli, dirichlet, gamma

FLOATS = (np.float32, np.float64)


@pytest.mark.parametrize("logit", [40.0, 300.0, 700.0])
def test_the_entropy_of_a_coin_keeps_its_digits_at_both_ends(logit):
    """H = log(1 + e) + e l/(1 + e) with e = e^-l, and of a tiny e that is e (1 + l)."""
    for own in (logit, -logit):
        H, vjp = bernoulli.entropy(np.array(own))
        e = np.exp(-logit)
        np.testing.assert_allclose(H, e * (1.0 + logit), rtol=1e-14)
        slope = -np.sign(own) * logit * e
        np.testing.assert_allclose(vjp(1.0)[0], slope, rtol=1e-14)


def test_a_coin_that_cannot_fall_on_heads_does_not_even_at_the_end_of_the_noise():
    assert bernoulli.sample(np.array([-800.0, 0.0]), noise=np.array([0.0, 0.5])).tolist() == [0, 0]


# -- Gamma and Dirichlet


@pytest.mark.parametrize("draw", [gamma.rsample, gamma.log_rsample])
@pytest.mark.parametrize("dtypes", [*itertools.product(FLOATS, repeat=3)])
def test_a_gamma_draw_has_the_precision_of_the_most_precise_of_its_arguments(draw, dtypes):
    concentration, rate, noise = (
        np.full(2, number, dtype) for number, dtype in zip((0.7, 2.0, 0.3), dtypes, strict=True)
    )
    z, _ = draw(concentration, rate, noise=noise)
    assert z.dtype == np.result_type(*dtypes)


@pytest.mark.parametrize("draw", [dirichlet.rsample, dirichlet.log_rsample])
@pytest.mark.parametrize("dtypes", [*itertools.product(FLOATS, repeat=2)])
def test_a_dirichlet_draw_has_the_precision_of_the_most_precise_of_its_arguments(draw, dtypes):
    x, _ = draw(np.full(3, 0.7, dtypes[0]), noise=np.full(3, 0.3, dtypes[1]))
    assert x.dtype == np.result_type(*dtypes)


def test_the_slope_of_a_gamma_draw_is_found_in_float64_whatever_the_draw():
    """At a rate where log z and log rate cancel, a logarithm in float32 is off by 4e-6."""
    z, params = np.array([1e-30], np.float32), (np.array([0.1]), np.array([1.3e30]))
    dz = np.array([1e30])
    found = gamma.implicit(z, *params)[1](dz.astype(np.float32))[1:]
    exact = gamma.implicit(z.astype(float), *params)[1](dz)[1:]
    for short, long in zip(found, exact, strict=True):
        np.testing.assert_allclose(short, long, rtol=3e-7)


def test_points_that_many_dirichlets_are_asked_about_get_one_gradient():
    """By the logarithm, as `log_prob` is asked in tests/test_shared_parameters.py."""
    log_x, c = np.log([0.2, 0.3, 0.5]), np.array([[0.5, 2.0, 1.5], [3.0, 1.0, 0.7]])
    dlog_x, _ = dirichlet.log_prob_at_log(log_x, c)[1](np.array([2.0, -1.0]))
    np.testing.assert_allclose(dlog_x, 2.0 * (c[0] - 1.0) - (c[1] - 1.0), rtol=1e-14)


def test_a_logarithm_with_its_path_attached_is_itself():
    log_z = np.array([-900.0, 0.5])
    np.testing.assert_array_equal(
        gamma.log_implicit(log_z, np.array([0.01, 2.0]), np.array([1.0, 3.0]))[0], log_z
    )


@pytest.mark.parametrize("batch", [(), (4,)])
def test_the_path_of_a_dirichlet_s_logarithm_is_its_derivative(batch):
    """By differences of the draw at fixed noise; the concentration is shared by the batch."""
    concentration = np.array([0.4, 1.5, 3.0])
    noise = np.random.default_rng(0).uniform(0.1, 0.9, (*batch, 3))
    gradcheck(dirichlet.log_rsample, concentration, noise=noise).raise_if_wrong()
    log_x, vjp = dirichlet.log_rsample(concentration, noise=noise)
    x, x_vjp = dirichlet.rsample(concentration, noise=noise)
    np.testing.assert_allclose(np.exp(log_x), x, rtol=1e-13)
    # dx = x dlog x: the same number by either way.
    dx = np.random.default_rng(1).standard_normal(x.shape)
    np.testing.assert_allclose(vjp(dx * x)[0], x_vjp(dx)[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("draw", [dirichlet.rsample, dirichlet.log_rsample])
def test_float32_draws_of_a_dirichlet_have_float32_gradients(draw):
    concentration, noise = np.array([0.4, 1.5, 3.0]), np.array([0.2, 0.7, 0.5])
    (exact,) = draw(concentration, noise=noise)[1](np.ones(3) * [1.0, -2.0, 0.5])
    dx = np.array([1.0, -2.0, 0.5], np.float32)
    (grad,) = draw(concentration.astype("f"), noise=noise.astype("f"))[1](dx)
    assert grad.dtype == np.float32
    np.testing.assert_allclose(grad, exact, rtol=1e-5)


def test_where_a_share_is_one_half_the_path_of_a_dirichlet_is_that_of_a_beta():
    """By differences of SciPy's quantiles, at log x = log(1 - x), where a logit is 0."""
    a, b, h = 2.0, 3.0, 1e-6
    u = special.betainc(a, b, 0.5)
    by_a = (special.betaincinv(a + h, b, u) - special.betaincinv(a - h, b, u)) / (2 * h)
    by_b = (special.betaincinv(a, b + h, u) - special.betaincinv(a, b - h, u)) / (2 * h)
    _, vjp = dirichlet.implicit(np.array([0.5, 0.5]), np.array([a, b]))
    np.testing.assert_allclose(vjp(np.array([1.0, 0.0]))[1], [by_a, by_b], rtol=1e-6)


def test_the_other_shares_are_summed_in_float64():
    """A running sum of twenty thousand shares in float32 would take the gradient off by 1e-6."""
    K, rng = 20_000, np.random.default_rng(0)
    g = rng.standard_gamma(2.0, K)
    x, dx = (g / g.sum()).astype(np.float32), np.where(np.arange(K) % 7, 0.0, 1.0)
    c = np.full(K, 2.0)
    found = dirichlet.implicit(x, c)[1](dx.astype(np.float32))[1]
    exact = dirichlet.implicit(x.astype(float), c)[1](dx)[1]
    np.testing.assert_allclose(found, exact, rtol=8e-7)


def test_a_reference_of_more_digits_leaves_the_gradient_its_precision():
    c, reference = np.array([0.5, 2.0, 1.5], np.float32), np.array([1.0, 2.0, 3.0])
    y, vjp = dirichlet.kl(c, reference=(reference,))
    assert y.dtype == vjp(np.float32(1.0))[0].dtype == np.float32
    exact, exact_vjp = dirichlet.kl(c.astype(float), reference=(reference,))
    np.testing.assert_allclose(y, exact, rtol=1e-5)
    np.testing.assert_allclose(vjp(np.float32(1.0))[0], exact_vjp(1.0)[0], rtol=1e-5, atol=1e-5)


def test_a_float32_cotangent_costs_float64_parameters_no_digits():
    concentration, noise = np.array([0.7, 2.0, 3.5]), np.array([0.2, 0.6, 0.9])
    dlog_x = np.array([1.0, -2.0, 0.5])  # the same numbers in either precision
    _, vjp = dirichlet.log_rsample(concentration, noise=noise)
    np.testing.assert_allclose(vjp(dlog_x.astype(np.float32))[0], vjp(dlog_x)[0], rtol=1e-14)
