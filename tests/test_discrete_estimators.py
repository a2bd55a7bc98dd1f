"""Estimators made for discrete laws, held against sums over all draws and against quadrature.

An estimator is a function of its noise. Fed with the nodes of a quadrature instead of random
numbers, its weighted mean and variance are exact, for the code itself and not for its formula.
"""

import itertools
import math

import numpy as np
import pytest
from scipy.special import expit, softmax

from tinyvae.distributions import bernoulli, categorical, geometric, normal, poisson
from tinyvae.estimators import (
    arm,
    baselines,
    enumeration,
    local_expectation,
    rebar,
    relaxed,
    score_function,
    straight_through,
)
from tinyvae.estimators.estimator import Estimator
from tinyvae.integrands import linear, quadratic

ROWS = {
    row.name: row
    for module in (
        score_function,
        enumeration,
        local_expectation,
        arm,
        rebar,
        relaxed,
        straight_through,
    )
    for row in module.ESTIMATORS
}
UNBIASED = [name for name, row in ROWS.items() if row.unbiased is True]
BIASED = [name for name, row in ROWS.items() if row.unbiased is not True]

# -- Two toy problems: one coin, and four coins that an integrand couples

COIN, K = np.array([0.3]), 0.45
COIN_TRUTH = 0.024445831169074624  # s (1 - s) (f(1) - f(0)) = s (1 - s) (1 - 2 K)

FOUR = np.array([0.3, -0.5, 1.0, -1.7])
W = np.array([1.0, -2.0, 0.5, 1.5])
ALL_FOUR = np.array(list(itertools.product([0.0, 1.0], repeat=4)))


def coupled(z):
    """f(z) = (w.z - 1)², of z (S, ...)."""
    w = W.reshape(z.shape[1:])
    r = (z * w).reshape(len(z), -1).sum(axis=1) - 1.0
    return r * r, lambda dy: ((2.0 * r * dy).reshape(-1, *[1] * w.ndim) * w,)


def probabilities(z, logits):
    s = expit(logits)
    return np.where(z == 1.0, s, 1.0 - s).prod(axis=-1)


def four_truth():
    """d/dl_i sum_z p(z) f(z), by the sum over the sixteen draws."""
    weights = probabilities(ALL_FOUR, FOUR) * coupled(ALL_FOUR)[0]
    return (weights[:, None] * (ALL_FOUR - expit(FOUR))).sum(axis=0)


PROBLEMS = {
    "one coin": (quadratic(k=K), COIN, np.array([COIN_TRUTH])),
    "four coins": (coupled, FOUR, four_truth()),
}
PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


def uniform_nodes(logits, order=2):
    """u (N, D) and weights, exact for what is a polynomial of degree 3 between the jumps."""
    x, w = np.polynomial.legendre.leggauss(order)
    lines = []
    for s in expit(logits):
        ends = np.array([0.0, min(s, 1.0 - s), max(s, 1.0 - s), 1.0])
        half = 0.5 * np.diff(ends)[:, None]
        lines.append(((ends[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel()))
    u = np.array(list(itertools.product(*(u for u, _ in lines))))
    weights = np.array([math.prod(c) for c in itertools.product(*(w for _, w in lines))])
    return u, weights


def exact(estimate, f, logits, order=2):
    """The mean and the variance of an estimator whose noise is one uniform number a coin."""
    u, weights = uniform_nodes(logits, order)
    (g,) = estimate(f, bernoulli, (logits,), u)
    mean = weights @ g
    return mean, weights @ (g - mean) ** 2


def moments(name, problem, samples, seed=0):
    """The mean of random estimates, its standard errors, and their variance with its own."""
    f, logits, _ = PROBLEMS[problem]
    (g,) = ROWS[name](f, bernoulli, (logits,), np.random.default_rng(seed), samples)
    mean, off = g.mean(axis=0), g - g.mean(axis=0)
    variance = (off**2).mean(axis=0)
    spread = np.sqrt(np.maximum((off**4).mean(axis=0) - variance**2, 0.0) / samples)
    return mean, np.sqrt(variance / samples), variance, spread


# -- The truth


def test_the_truth_of_one_coin_is_its_closed_form():
    s = expit(COIN[0])
    assert math.isclose(COIN_TRUTH, s * (1.0 - s) * (1.0 - 2.0 * K), rel_tol=1e-14)


@PROBLEM
def test_enumeration_is_the_truth_for_every_sample(problem):
    f, logits, truth = PROBLEMS[problem]
    (g,) = enumeration.enumeration(f, bernoulli, (logits,), np.zeros((3, *logits.shape)))
    np.testing.assert_allclose(g, np.broadcast_to(truth, (3, *logits.shape)), rtol=1e-13)
    assert (g == g[0]).all()


def test_enumeration_of_more_states_than_f_is_given_at_once():
    logits = np.linspace(-1.0, 1.0, 13)
    assert enumeration.CHUNK < 2**13
    (g,) = enumeration.enumeration(quadratic(k=K), bernoulli, (logits,), np.zeros((1, 13)))
    s = expit(logits)
    np.testing.assert_allclose(g[0], s * (1.0 - s) * (1.0 - 2.0 * K), rtol=1e-11)


def test_enumeration_of_too_many_states_is_refused_with_their_number():
    with pytest.raises(ValueError, match=r"2\^21 = 2097152 states.*local_expectation"):
        enumeration.enumeration(linear(), bernoulli, (np.zeros(21),), np.zeros((1, 21)))


# -- No bias, where none is claimed


@PROBLEM
@pytest.mark.parametrize("name", UNBIASED)
def test_the_mean_is_the_truth(name, problem):
    mean, se, _, _ = moments(name, problem, 100_000)
    truth = PROBLEMS[problem][2]
    assert (np.abs(mean - truth) <= 5.0 * se + 1e-12).all()


@PROBLEM
@pytest.mark.parametrize(
    "estimate",
    [score_function.score_function, arm.arm, arm.disarm, local_expectation.local_expectation],
)
def test_the_mean_is_the_truth_by_quadrature(estimate, problem):
    f, logits, truth = PROBLEMS[problem]
    np.testing.assert_allclose(exact(estimate, f, logits)[0], truth, rtol=1e-11)


# -- The variances


@pytest.mark.parametrize(
    ("estimate", "variance"),
    [
        (score_function.score_function, 0.0146803),
        (arm.arm, 2.3298e-4),
        (arm.disarm, 1.0454e-4),
        (local_expectation.local_expectation, 0.0),
    ],
)
def test_the_variances_of_one_coin_are_the_known_ones(estimate, variance):
    found = exact(estimate, quadratic(k=K), COIN)[1]
    np.testing.assert_allclose(found, variance, rtol=1e-4, atol=1e-30)


@PROBLEM
@pytest.mark.parametrize("name", ["score function", "ARM", "DisARM", "local expectation"])
def test_the_variances_of_random_estimates_are_the_exact_ones(name, problem):
    f, logits, _ = PROBLEMS[problem]
    _, _, found, spread = moments(name, problem, 100_000)
    variance = exact(ROWS[name].fn, f, logits)[1]
    assert (np.abs(found - variance) <= 5.0 * spread + 1e-20).all()


def test_the_variance_of_the_score_function_is_the_sum_over_sixteen_draws():
    p, y = probabilities(ALL_FOUR, FOUR), coupled(ALL_FOUR)[0]
    g = y[:, None] * (ALL_FOUR - expit(FOUR))
    expected = p @ g**2 - four_truth() ** 2
    np.testing.assert_allclose(
        exact(score_function.score_function, coupled, FOUR)[1], expected, rtol=1e-11
    )


def test_the_variance_of_disarm_is_the_sum_over_all_pairs():
    """Of one coin the pair (b, c) is (1, 1) or (0, 0) with |2 s - 1|, else one of the others."""
    s = expit(FOUR)
    square = np.zeros(4)
    for b, c in itertools.product(ALL_FOUR, repeat=2):
        differ, same = np.minimum(s, 1.0 - s), np.where(b == 1.0, 2.0 * s - 1.0, 1.0 - 2.0 * s)
        p = np.where(b == c, np.maximum(same, 0.0), differ).prod()
        difference = coupled(b[None])[0] - coupled(c[None])[0]
        square += p * (0.5 * difference * (b - c) * np.maximum(s, 1.0 - s)) ** 2
    np.testing.assert_allclose(
        exact(arm.disarm, coupled, FOUR)[1], square - four_truth() ** 2, rtol=1e-10
    )


def test_what_is_integrated_out_leaves_the_less_variance():
    variance = {
        name: exact(ROWS[name].fn, coupled, FOUR)[1]
        for name in ("score function", "ARM", "DisARM", "local expectation")
    }
    assert (variance["local expectation"] < variance["score function"]).all()
    assert (variance["DisARM"] < variance["ARM"]).all()


def test_a_sum_over_coordinates_leaves_local_expectation_no_variance():
    g = local_expectation.local_expectation(
        quadratic(k=K), bernoulli, (FOUR,), bernoulli.noise(np.random.default_rng(0), (50, 4))
    )[0]
    s = expit(FOUR)
    expected = np.broadcast_to(s * (1.0 - s) * (1.0 - 2.0 * K), (50, 4))
    np.testing.assert_allclose(g, expected, rtol=1e-11)


def test_the_best_constant_baseline_of_one_coin_leaves_no_variance():
    s, (f1, f0) = expit(COIN[0]), quadratic(k=K)(np.array([[1.0], [0.0]]))[0]
    best = (1.0 - s) * f1 + s * f0
    mean, variance = exact(baselines.constant_baseline(best).fn, quadratic(k=K), COIN)
    np.testing.assert_allclose(mean, COIN_TRUTH, rtol=1e-13)
    assert variance < 1e-30
    assert exact(baselines.constant_baseline(best + 0.01).fn, quadratic(k=K), COIN)[1] > 1e-6


# -- REBAR


@pytest.mark.parametrize("tau", [0.3, 1.0])
@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_rebar_has_no_bias_at_any_temperature_and_eta(tau, eta):
    """By quadrature over u and v, on logits so that the ends are not cut."""
    x, w = np.polynomial.legendre.leggauss(160)
    edges = np.array([-34.0, -COIN[0], 34.0])
    half = 0.5 * np.diff(edges)[:, None]
    at = (edges[:-1, None] + half * (1.0 + x)).ravel()
    uniform, weight = expit(at), (half * w).ravel() * expit(at) * expit(-at)
    u, v = np.meshgrid(uniform, uniform, indexing="ij")
    noise = np.stack([u.ravel(), v.ravel()], axis=-1)[:, None]
    weights = np.outer(weight, weight).ravel()
    (g,) = rebar.rebar(quadratic(k=K), bernoulli, (COIN,), noise, tau=tau, eta=eta)
    np.testing.assert_allclose(weights.sum(), 1.0, rtol=1e-12)
    np.testing.assert_allclose(weights @ g, COIN_TRUTH, rtol=1e-8)


def test_rebar_without_eta_is_the_score_function():
    rng = np.random.default_rng(0)
    noise = rebar.two_uniforms(bernoulli, rng, (20, 4))
    ours = rebar.rebar(coupled, bernoulli, (FOUR,), noise, eta=0.0)[0]
    # u and 1 - u: REBAR's coin is 1 above 1 - s, that of `sample` below s.
    theirs = score_function.score_function(coupled, bernoulli, (FOUR,), 1.0 - noise[..., 0])[0]
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_the_second_draw_of_rebar_has_the_formulas_of_its_conditional_law():
    l, v = np.array([-3.0, -0.4, 0.7, 2.0]), np.array([0.2, 0.9, 0.35, 0.6])  # noqa: E741
    s = expit(l)
    for b in (0.0, 1.0):
        u = 1.0 - s + v * s if b else v * (1.0 - s)
        du = s * (1.0 - s) * (v - 1.0 if b else -v)
        z, slope = rebar.given(np.full(4, b), l, v)
        np.testing.assert_allclose(z, l + np.log(u / (1.0 - u)), rtol=1e-12)
        np.testing.assert_allclose(slope, 1.0 + du / (u * (1.0 - u)), rtol=1e-12)


@pytest.mark.parametrize("b", [0.0, 1.0])
def test_the_second_draw_of_rebar_has_the_right_slope_in_the_far_tails_too(b):
    """By the complex step, also where 1 - s is 0 in floating point and the slope is 1e-22."""
    v = np.array([1e-9, 0.3, 0.8, 1.0 - 1e-9])
    for logits in (-50.0, -1.0, 2.0, 50.0):
        z, slope = rebar.given(b, np.full(4, logits), v)
        assert ((z > 0.0) == (b > 0.0)).all()
        moved, _ = rebar.given(b, np.full(4, logits + 1e-100j), v)
        np.testing.assert_allclose(slope, moved.imag / 1e-100, rtol=1e-12)


def test_a_fitted_eta_is_no_worse_than_a_fixed_one():
    rng = np.random.default_rng(3)
    noise = rebar.two_uniforms(bernoulli, rng, (100_000, 4))
    fitted = rebar.rebar_fitted(coupled, bernoulli, (FOUR,), noise)[0].var(axis=0)
    for eta in (0.0, 0.5, 1.0):
        fixed = rebar.rebar(coupled, bernoulli, (FOUR,), noise, eta=eta)[0].var(axis=0)
        assert (fitted <= 1.001 * fixed).all()


def test_a_fitted_eta_needs_two_samples():
    with pytest.raises(ValueError, match="samples"):
        ROWS["REBAR, fitted eta"](coupled, bernoulli, (FOUR,), np.random.default_rng(0), 1)


# -- Bias, where it is admitted


@pytest.mark.parametrize(
    ("name", "bias"),
    [
        ("Concrete relaxation", 0.0074),
        ("straight-through", 0.036),
        ("straight-through Gumbel", 0.0136),
    ],
)
def test_the_biased_are_seen_to_be_biased(name, bias):
    """Also the negative control of the test of the mean."""
    mean, se, _, _ = moments(name, "one coin", 200_000)
    z = (mean - COIN_TRUTH) / se
    assert z[0] > 20.0
    assert abs(mean[0] - COIN_TRUTH - bias) <= 5.0 * se[0] + 6e-4


def test_every_biased_row_says_why():
    assert set(BIASED) == {"Concrete relaxation", "straight-through", "straight-through Gumbel"}
    assert all(ROWS[name].unbiased.startswith("biased") for name in BIASED)


@pytest.mark.parametrize(("tau", "bias"), [(1.0, 0.0019652), (0.5, 0.0074384), (0.1, 0.0033450)])
def test_the_bias_of_the_relaxation_does_not_fall_at_every_step_of_the_temperature(tau, bias):
    """By quadrature over t = (l + g)/tau, in which the softened coin has a width of 1."""
    x, w = np.polynomial.legendre.leggauss(200)
    t = np.concatenate([17.0 * (x - 1.0), 17.0 * (x + 1.0)])
    g = tau * t - COIN[0]
    weight = 17.0 * np.concatenate([w, w]) * tau * expit(g) * expit(-g)
    (grads,) = relaxed.relaxed(quadratic(k=K), bernoulli, (COIN,), expit(-g)[:, None], tau=tau)
    assert abs(weight @ grads[:, 0] - COIN_TRUTH - bias) < 1e-7


@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_the_relaxation_estimates_the_gradient_of_its_own_expectation(tau):
    """Without bias: a difference of E[f(y)] = integral of f(sigmoid((l + g)/tau)) p(g)."""
    x, w = np.polynomial.legendre.leggauss(400)
    g, weight = 34.0 * x, 34.0 * w * expit(34.0 * x) * expit(-34.0 * x)
    (grads,) = relaxed.relaxed(quadratic(k=K), bernoulli, (COIN,), expit(-g)[:, None], tau=tau)
    h = 1e-4
    up, down = (weight @ (expit((COIN[0] + e + g) / tau) - K) ** 2 for e in (h, -h))
    np.testing.assert_allclose(weight @ grads[:, 0], (up - down) / (2.0 * h), rtol=1e-6)


def test_the_mean_of_straight_through_is_the_mean_slope_times_the_slope_of_the_mean():
    s = expit(COIN[0])
    expected = s * (1.0 - s) * (s * 2.0 * (1.0 - K) + (1.0 - s) * 2.0 * (0.0 - K))
    mean, _ = exact(straight_through.straight_through, quadratic(k=K), COIN)
    np.testing.assert_allclose(mean, expected, rtol=1e-12)
    assert abs(expected - COIN_TRUTH) > 0.03


@pytest.mark.parametrize("law", [bernoulli, poisson, geometric])
def test_straight_through_is_exact_for_a_linear_integrand(law):
    param, rng = np.array([0.4, 1.3]), np.random.default_rng(0)
    f = linear(a=1.7, c=5.0)
    (g,) = straight_through.straight_through(f, law, (param,), law.noise(rng, (6, 2)))
    expected = law.mean(param)[1](np.full(2, 1.7))[0]
    np.testing.assert_allclose(g, np.broadcast_to(expected, (6, 2)), rtol=1e-13)


@pytest.mark.parametrize("law", [bernoulli, categorical])
def test_the_hard_draw_is_the_softened_draw_of_the_same_noise_rounded(law):
    rng = np.random.default_rng(1)
    logits = rng.standard_normal(5)
    noise = law.noise(rng, (300, 5))
    y, _ = relaxed.soften(law, (logits,), noise, 0.7)
    hard = y == y.max(axis=-1, keepdims=True) if law.EVENT else y > 0.5
    np.testing.assert_array_equal(law.sample(logits, noise=noise), 1.0 * hard)


# -- Categorical

TABLE = np.random.default_rng(7).standard_normal((2, 3))
LOGITS = np.random.default_rng(8).standard_normal((2, 3))


def of_two_vectors(x):
    """f(x) = (t.x - 1)² of two one-hot vectors (S, 2, 3): coupled."""
    r = (x * TABLE).sum(axis=(1, 2)) - 1.0
    return r * r, lambda dy: ((2.0 * r * dy)[:, None, None] * TABLE,)


def two_vectors_truth():
    p, total = softmax(LOGITS, axis=-1), np.zeros((2, 3))
    for i, j in itertools.product(range(3), repeat=2):
        x = np.stack([np.eye(3)[i], np.eye(3)[j]])
        total += p[0, i] * p[1, j] * of_two_vectors(x[None])[0] * (x - p)
    return total


CATEGORICAL = [name for name, row in ROWS.items() if row.admits(categorical)]


def test_enumeration_of_two_categoricals_is_the_sum_over_nine_states():
    row = ROWS["enumeration"]
    assert row.cost(categorical, (LOGITS,)) == 9
    (g,) = row(of_two_vectors, categorical, (LOGITS,), np.random.default_rng(0), 2)
    np.testing.assert_allclose(g[1], two_vectors_truth(), rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in CATEGORICAL if name in UNBIASED])
def test_the_mean_is_the_truth_for_categoricals(name):
    rng = np.random.default_rng(5)
    (g,) = ROWS[name](of_two_vectors, categorical, (LOGITS,), rng, 50_000)
    se = g.std(axis=0) / math.sqrt(50_000)
    assert (np.abs(g.mean(axis=0) - two_vectors_truth()) <= 5.0 * se + 1e-11).all()


@pytest.mark.parametrize("name", BIASED)
def test_the_biased_are_biased_for_categoricals_too(name):
    rng = np.random.default_rng(6)
    (g,) = ROWS[name](of_two_vectors, categorical, (LOGITS,), rng, 50_000)
    z = (g.mean(axis=0) - two_vectors_truth()) / (g.std(axis=0) / math.sqrt(50_000))
    assert np.abs(z).max() > 20.0


def test_local_expectation_of_one_categorical_is_exact():
    logits, table = np.array([0.2, -1.0, 0.9, 0.0]), np.array([1.0, 4.0, -2.0, 0.5])

    def f(x):
        return x @ table, lambda dy: (dy[:, None] * table,)

    noise = categorical.noise(np.random.default_rng(0), (5, 4))
    (g,) = local_expectation.local_expectation(f, categorical, (logits,), noise)
    p = softmax(logits)
    np.testing.assert_allclose(g, np.broadcast_to(p * (table - p @ table), (5, 4)), rtol=1e-12)


# -- The contract


@pytest.mark.parametrize("name", ROWS)
def test_logits_of_any_shape_give_the_estimates_of_flat_ones(name):
    row, rng = ROWS[name], np.random.default_rng(2)
    noise = row.noise(bernoulli, rng, (6, 4))
    (flat,) = row.fn(coupled, bernoulli, (FOUR,), noise)
    square = noise.reshape(6, 2, 2, *noise.shape[2:])
    global_w = FOUR.reshape(2, 2)

    def f(z):
        y, vjp = coupled(z.reshape(-1, 4))
        return y, lambda dy: (vjp(dy)[0].reshape(z.shape),)

    (folded,) = row.fn(f, bernoulli, (global_w,), square)
    assert folded.shape == (6, 2, 2)
    np.testing.assert_allclose(folded.reshape(6, 4), flat, rtol=1e-12)


@pytest.mark.parametrize("name", ROWS)
def test_a_single_number_is_a_law_too(name):
    (g,) = ROWS[name](quadratic(), bernoulli, (np.array(0.3),), np.random.default_rng(0), 5)
    assert g.shape == (5,)
    assert np.isfinite(g).all()


@pytest.mark.parametrize("law", [bernoulli, categorical])
@pytest.mark.parametrize("name", ROWS)
def test_the_cost_is_the_count_of_evaluations(name, law):
    row, params, asked = ROWS[name], (np.array([0.3, -0.2, 0.5]),), []
    if not row.admits(law):
        return

    def counted(z):
        asked.append(len(z))
        return quadratic()(z)

    row(counted, law, params, np.random.default_rng(0), 8)
    per_estimate = row.cost(law, params)
    assert sum(asked) == (per_estimate if name == "enumeration" else 8 * per_estimate)


@pytest.mark.parametrize("name", ROWS)
def test_the_slope_of_f_is_asked_for_only_where_the_row_says_so(name):
    def black_box(z):
        def refuse(dy):
            raise RuntimeError("no slope")

        return quadratic()(z)[0], refuse

    def estimate():
        return ROWS[name](black_box, bernoulli, (FOUR,), np.random.default_rng(0), 4)

    if ROWS[name].needs_slope:
        with pytest.raises(RuntimeError, match="no slope"):
            estimate()
    else:
        estimate()


@pytest.mark.parametrize("name", [name for name in ROWS if name != "score function"])
def test_a_law_it_was_not_made_for_is_refused_by_name(name):
    row: Estimator = ROWS[name]
    assert not row.admits(normal)
    params, noise = (np.zeros(2), np.ones(2)), np.full((3, 2), 0.5)
    with pytest.raises(TypeError, match=r"is made for .*, not for normal"):
        row.fn(quadratic(), normal, params, noise)


@pytest.mark.parametrize("name", ["ARM", "DisARM", "REBAR", "REBAR, fitted eta"])
def test_coins_are_not_classes(name):
    with pytest.raises(TypeError, match="made for Bernoulli draws, not for categorical"):
        ROWS[name].fn(quadratic(), categorical, (np.zeros(3),), np.full((3, 3), 0.5))


@pytest.mark.parametrize("law", [bernoulli, categorical])
@pytest.mark.parametrize("name", ROWS)
def test_what_is_given_is_not_changed(name, law):
    row = ROWS[name]
    if not row.admits(law):
        return
    logits = np.array([0.3, -0.2, 0.5])
    noise = row.noise(law, np.random.default_rng(0), (8, 3))
    for array in (logits, noise):
        array.flags.writeable = False
    first = row.fn(quadratic(), law, (logits,), noise)[0].copy()
    np.testing.assert_array_equal(row.fn(quadratic(), law, (logits,), noise)[0], first)
