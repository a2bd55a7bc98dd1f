"""Unconstrained parametrisations: into the sets, back, composed, and as parameters of any law."""

import math

import numpy as np
import pytest

from tinyvae import constraints, gradcheck, ops
from tinyvae.checks import Draw
from tinyvae.constraints import compose, constrain, from_constrained, unconstrained
from tinyvae.distributions import (
    LAWS,
    bernoulli,
    cauchy,
    multivariate_normal,
    normal,
    truncated_normal,
    uniform,
    von_mises,
)
from tinyvae.distributions.law import draw_shape, offers
from tinyvae.distributions.sets import SETS
from tinyvae.errors import Undefined
from tinyvae.estimators.estimator import scores
from tinyvae.estimators.pathwise import pathwise
from tinyvae.estimators.score_function import score_function
from tinyvae.integrands import quadratic

EVERY = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def raw_parameters(law, seed=0, D=3):
    return Draw(np.random.default_rng(seed), D=D).parameters(unconstrained(law))


# -- Into the sets and back

RAW = np.array([-700.0, -40.0, -1.0, -1e-9, 0.0, 0.3, 5.0, 40.0, 800.0])


def test_there_and_back_again():
    np.testing.assert_allclose(
        constraints.from_positive(constraints.positive(RAW)[0]), RAW, rtol=1e-13, atol=1e-15
    )
    near = RAW[(RAW > -30) & (RAW < 5.1)]
    np.testing.assert_allclose(
        constraints.from_unit_interval(constraints.unit_interval(near)[0]),
        near,
        rtol=1e-13,
        atol=1e-9,
    )
    low, high = constraints.ordered(2.0, near)[0]
    assert np.all(high > low)
    np.testing.assert_allclose(constraints.from_ordered(low, high)[1], near, rtol=1e-12, atol=1e-14)


def test_positive_of_tiny_and_huge_numbers():
    assert constraints.positive(-700.0)[0] == pytest.approx(math.exp(-700.0), rel=1e-13)
    assert constraints.from_positive(1e-300) == pytest.approx(math.log(1e-300), rel=1e-15)
    assert constraints.from_positive(1e300) == 1e300
    assert constraints.from_positive(math.log(2.0)) == pytest.approx(0.0, abs=1e-16)


def test_simplex():
    raw = np.array([[1.0, -2.0, 0.5], [1000.0, 999.0, -1000.0]])
    y, vjp = constraints.simplex(raw)
    np.testing.assert_allclose(y.sum(axis=-1), 1.0)
    np.testing.assert_allclose(constraints.simplex(raw + 7.0)[0], y, rtol=1e-12)
    np.testing.assert_allclose(vjp(np.ones_like(y))[0], 0.0, atol=1e-16)  # their sum stays 1
    back = constraints.from_simplex(y[0])
    np.testing.assert_allclose(back - back[0], raw[0] - raw[0, 0], rtol=1e-14)


def test_cholesky_has_a_positive_diagonal_and_nothing_above_it():
    raw = np.random.default_rng(0).normal(size=(4, 3, 3)) - 2.0
    L, vjp = constraints.cholesky(raw)
    assert not np.triu(L, 1).any()
    assert np.all(np.diagonal(L, axis1=-2, axis2=-1) > 0)
    np.testing.assert_array_equal(np.tril(L, -1), np.tril(raw, -1))
    np.testing.assert_allclose(constraints.from_cholesky(L), np.tril(raw), rtol=1e-13)
    assert not np.triu(vjp(np.ones_like(L))[0], 1).any()
    assert np.linalg.eigvalsh(L @ L.swapaxes(-1, -2)).min() > 0


def test_ordered_adds_what_comes_through_the_upper_end():
    (low, high), vjp = constraints.ordered(
        np.zeros(2), np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    )
    dlow, draw = vjp((np.array([10.0, 20.0]), np.ones((3, 2))))
    np.testing.assert_allclose(dlow, [13.0, 23.0])
    np.testing.assert_allclose(draw, ops.sigmoid(np.arange(6.0).reshape(3, 2))[0])
    assert low.shape == (2,)
    assert high.shape == (3, 2)
    assert vjp((None, np.ones((3, 2))))[0] is None
    assert vjp((np.ones(2), None)) == (None, None)


def test_every_set_that_a_law_may_name_has_a_constraint():
    assert set(constraints.SETS) == set(SETS)


# -- Composition


def test_composition_is_the_chain_rule():
    fn = compose(ops.tanh, compose(ops.exp, ops.softplus))
    x = np.linspace(-2.0, 0.5, 6)
    np.testing.assert_allclose(fn(x)[0], np.tanh(np.exp(ops.softplus(x)[0])))
    gradcheck(fn, x, method="complex").raise_if_wrong()


def test_composition_hands_tuples_and_constants_on():
    fn = compose(uniform.rsample, constraints.ordered)
    u = np.array([0.2, 0.9])
    gradcheck(fn, np.array(0.5), np.array(-1.0), method="complex", noise=u).raise_if_wrong()


def test_what_is_not_differentiable_stays_so():
    fn = compose(lambda x: bernoulli.log_prob(x, 0.3), lambda x: (x, lambda dy: (dy,)))
    y, _ = bernoulli.log_prob(1.0, 0.3)
    assert fn(1.0)[0] == y

    def jump(x):
        return np.floor(x), lambda dy: (None,)

    assert compose(jump, ops.exp)(0.3)[1](1.0) == (None,)


def test_a_composition_that_forgets_the_inner_slope_is_caught():
    """The negative control."""

    def forgetful(x):
        y, vjp = ops.tanh(ops.softplus(x)[0])
        return y, vjp

    with pytest.raises(AssertionError, match="relative error"):
        gradcheck(forgetful, np.linspace(-1.0, 1.0, 3), method="complex").raise_if_wrong()


# -- Laws in raw numbers


@EVERY
def test_raw_numbers_are_those_of_the_parameters(law):
    params = Draw(np.random.default_rng(1), D=3).parameters(law)
    again, _ = constrain(law.PARAMS)(*from_constrained(law.PARAMS, *params))
    for one, two in zip(again, params, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-14)


@EVERY
def test_the_unconstrained_law_is_the_law_at_the_constrained_parameters(law):
    free, raws = unconstrained(law), raw_parameters(law)
    params, pull = constrain(law.PARAMS)(*raws)
    assert all(kind.startswith("real") for kind in free.PARAMS.values())
    assert list(free.PARAMS) == list(law.PARAMS)
    assert (free.EVENT, free.KIND, free.WHY) == (law.EVENT, law.KIND, law.WHY)
    noise = free.noise(np.random.default_rng(2), (5, *draw_shape(law, params)))
    z = law.sample(*params, noise=noise)
    np.testing.assert_array_equal(free.sample(*raws, noise=noise), z)
    value, vjp = free.log_prob(z, *raws)
    expected, law_vjp = law.log_prob(z, *params)
    np.testing.assert_array_equal(value, expected)
    dx, *dparams = law_vjp(np.ones_like(value))
    for mine, theirs in zip(vjp(np.ones_like(value)), (dx, *pull(dparams)), strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_allclose(mine, theirs)


@EVERY
def test_what_a_law_refuses_its_unconstrained_self_refuses_in_the_same_words(law):
    free = unconstrained(law)
    for name in (
        "rsample",
        "score",
        "entropy",
        "mean",
        "variance",
        "kl",
        "implicit",
        "support",
        "values",
    ):
        assert hasattr(free, name) == hasattr(law, name)
        assert offers(free, name) == offers(law, name)
    with pytest.raises(Undefined, match="no mean"):
        unconstrained(cauchy).mean(0.0, 0.0)


@EVERY
def test_the_unconstrained_score_is_the_gradient_of_the_density_draw_by_draw(law):
    if not offers(law, "score"):
        pytest.skip("there is none")
    free, raws = unconstrained(law), raw_parameters(law)
    noise = free.noise(
        np.random.default_rng(3), (5, *draw_shape(law, constrain(law.PARAMS)(*raws)[0]))
    )
    z = free.sample(*raws, noise=noise)
    for s in range(5):
        one = free.log_prob(z[s], *raws)
        grads = one[1](np.ones_like(one[0]))[1:]
        for mine, theirs in zip(scores(free, z, raws), grads, strict=True):
            if mine is not None:
                np.testing.assert_allclose(mine[s], theirs, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("law", [normal, multivariate_normal, von_mises, truncated_normal])
def test_functions_of_raw_parameters_have_the_right_gradients(law):
    free, raws = unconstrained(law), raw_parameters(law, seed=4)
    for name in ("entropy", "mean", "variance", "kl"):
        gradcheck(getattr(free, name), *raws, method="complex").raise_if_wrong()
    noise = free.noise(np.random.default_rng(5), (2, 3))
    method = "complex" if law.KIND == "explicit" else "five-point"
    gradcheck(free.rsample, *raws, method=method, noise=noise).raise_if_wrong()


def test_implicit_draws_in_raw_parameters():
    free, raws = unconstrained(von_mises), (np.array(0.4), np.array(1.2))
    u = np.array([0.1, 0.6, 0.8])
    z, vjp = free.rsample(*raws, noise=u)
    none, *grads = free.implicit(z, *raws)[1](np.ones(3))
    assert none is None
    np.testing.assert_allclose(grads, vjp(np.ones(3)), rtol=1e-12)


def test_ends_that_move_the_support_have_no_score_in_raw_numbers_either():
    free = unconstrained(truncated_normal)
    dloc, dscale, dlow, dhigh = free.score(np.array([0.1, 0.2]), 0.0, 0.0, -1.0, 1.0)
    assert dloc.shape == dscale.shape == (2,)
    assert dlow is None
    assert dhigh is None


@pytest.mark.parametrize("estimator", [pathwise, score_function])
def test_estimators_take_an_unconstrained_law(estimator):
    """E (z - k)² = scale² + (loc - k)²: d/draw = 2 scale sigmoid(raw)."""
    free, N = unconstrained(normal), 100_000
    loc, raw, k = np.array([0.5]), np.array([-0.3]), 0.2
    noise = free.noise(np.random.default_rng(6), (N, 1))
    dloc, draw = estimator(quadratic(k), free, (loc, raw), noise)
    truth = 2.0 * ops.softplus(raw)[0] * ops.sigmoid(raw)[0]
    for grads, expected in ((dloc, 2.0 * (loc - k)), (draw, truth)):
        assert grads.shape == (N, 1)
        assert abs(grads.mean() - expected) < 5 * grads.std() / math.sqrt(N)


def test_descent_in_raw_numbers_reaches_the_reference():
    """Minimise KL(q || N(0, I)) over q = N(loc, L Lᵀ): loc = 0, L = I."""
    free = unconstrained(multivariate_normal)
    loc, raw = np.array([2.0, -1.0]), np.array([[-3.0, 0.0], [1.5, 2.0]])
    for _ in range(400):
        _, vjp = free.kl(loc, raw)
        dloc, draw = vjp(1.0)
        loc, raw = loc - 0.5 * dloc, raw - 0.5 * draw
    assert free.kl(loc, raw)[0] < 1e-10
    np.testing.assert_allclose(constraints.cholesky(raw)[0], np.eye(2), atol=1e-5)
