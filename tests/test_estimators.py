"""Estimators: each unbiased row has the right mean on every law that it admits; and what each of
them promises beyond that.

The truth is the derivative, by differences, of an integral over the support: no estimator, no
score and no path is in it. Statistical checks have fixed seeds and allow five standard errors.
"""

import functools
import inspect
import math
import types

import numpy as np
import pytest
from laws import event_size, nodes, parameters
from scipy import stats

from tinyvae import integrands
from tinyvae.distributions import LAWS, bernoulli, exponential, gamma, laplace, normal, uniform
from tinyvae.distributions.law import draw_shape
from tinyvae.errors import Undefined
from tinyvae.estimators import ESTIMATORS, by_name
from tinyvae.estimators.antithetic import antithetic
from tinyvae.estimators.baselines import constant_baseline, leave_one_out
from tinyvae.estimators.control_variates import score_function_delta_method, taylor
from tinyvae.estimators.finite_differences import finite_differences
from tinyvae.estimators.measure_valued import DECOMPOSITIONS, measure_valued, measure_valued_noise
from tinyvae.estimators.pathwise import pathwise
from tinyvae.estimators.score_function import score_function

S = 4000
EVERY = pytest.mark.parametrize("row", ESTIMATORS, ids=lambda row: row.name)
SCORES = [row for row in ESTIMATORS if row.name.startswith("score function")]
PAIRS = [
    pytest.param(row, law, id=f"{row.name}-{name}")
    for row in ESTIMATORS
    for name, law in LAWS.items()
    if row.unbiased is True and row.admits(law)
]
F = integrands.sigmoid(c=0.3, tau=0.7)  # smooth, bounded, neither even nor odd
PERIODIC = integrands.summed(lambda z: np.sin(z + 0.4), lambda z: np.cos(z + 0.4))


def integrand(law):
    """F, but for angles, which their score wants a periodic f of."""
    return PERIODIC if law is LAWS["von_mises"] else F


def rng(seed=0):
    return np.random.default_rng(seed)


def mean_is(estimates, truth):
    """Within five standard errors, coordinate by coordinate."""
    error = 5.0 * estimates.std(axis=0) / math.sqrt(len(estimates))
    gap = np.abs(estimates.mean(axis=0) - truth)
    assert np.all(gap <= error + 1e-9 * (1.0 + np.abs(truth))), (gap, error)


def variance_is(estimates, truth):
    """Within five of its own standard errors, sqrt((m4 - v²)/S)."""
    off = estimates - estimates.mean(axis=0)
    v, m4 = (off**2).mean(axis=0), (off**4).mean(axis=0)
    assert np.all(np.abs(v - truth) <= 5.0 * np.sqrt((m4 - v * v) / len(off)) + 1e-12), (v, truth)


# -- The mean, of every row on every law


def expectation(law, params):
    """E[F(z)] of one draw, by quadrature or a sum."""
    x, w, p = nodes(law, params)
    return float((w * p * integrand(law)(x)[0]).sum())


@functools.cache
def problem(law):
    """Parameters of one vector or of two numbers, and the gradient of E[F]."""
    if law.EVENT:
        params = parameters(law, seed=2, D=event_size(law))
        return params, gradient(law, params)
    both = [parameters(law, seed) for seed in (1, 2)]
    if law is LAWS["student_t"]:  # the delta method wants a fourth moment
        both = [(df + 5.0, *rest) for df, *rest in both]
    truths = [gradient(law, params) for params in both]
    return tuple(map(np.array, zip(*both, strict=True))), tuple(
        map(np.array, zip(*truths, strict=True))
    )


def gradient(law, params, h=1e-3):
    """Five-point differences of the expectation in every number of the parameters."""
    grads = []
    for k, (kind, param) in enumerate(zip(law.PARAMS.values(), params, strict=True)):
        grad = np.zeros(np.shape(param))
        for i in np.ndindex(grad.shape):
            if kind == "cholesky" and i[0] < i[1]:
                continue
            ends = []
            for offset in (1, -1, 2, -2):
                moved = np.array(param, dtype=float)
                moved[i] += offset * h
                ends.append(expectation(law, (*params[:k], moved[()], *params[k + 1 :])))
            grad[i] = (8.0 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12.0 * h)
        grads.append(grad[()])
    return tuple(grads)


@pytest.mark.parametrize(("row", "law"), PAIRS)
def test_unbiased_rows_have_the_gradient_as_their_mean(row, law):
    params, truth = problem(law)
    grads = row(integrand(law), law, params, rng(3), S)
    assert isinstance(grads, tuple)
    assert any(grad is not None for grad in grads)
    for grad, param, value in zip(grads, params, truth, strict=True):
        if grad is not None:
            assert grad.shape == (S, *np.shape(param))
            mean_is(grad, value)


def test_this_test_can_fail():
    """A step moved by a twentieth, or one parameter's gradient off by a tenth, does not pass."""
    params, truth = problem(normal)
    grads = by_name("pathwise")(F, normal, params, rng(3), S)
    with pytest.raises(AssertionError):
        mean_is(1.1 * grads[0], truth[0])
    with pytest.raises(AssertionError):
        mean_is(by_name("score function")(F, normal, params, rng(3), S)[0] + 0.05, truth[0])


# -- The contract, of every row


def first_law(row):
    return next(law for law in LAWS.values() if row.admits(law))


def change(fn, noise):
    """`fn` of every array of the noise, which may be a tuple of them, with gaps."""
    if isinstance(noise, tuple):
        return tuple(change(fn, part) for part in noise)
    return None if noise is None else fn(noise)


@EVERY
def test_a_row_names_what_is_known_about_it(row):
    assert by_name(row.name) is row
    assert row.unbiased is True or len(row.unbiased) > 20


def test_the_names_of_the_table():
    names = [row.name for row in ESTIMATORS]
    assert len(set(names)) == len(names)
    assert {
        "pathwise",
        "pathwise, antithetic",
        "score function",
        "score function, constant baseline",
        "score function, optimal baseline",
        "score function, running mean",
        "score function, leave-one-out",
        "score function, delta method",
        "score function, antithetic",
        "measure-valued",
        "finite differences",
        "rejection path",
        "rejection path with correction",
    } <= set(names)
    with pytest.raises(ValueError, match="did you mean 'pathwise'"):
        by_name("pathwize")


@EVERY
def test_the_same_noise_gives_the_same_and_nothing_is_changed(row):
    law = first_law(row)
    params, _ = problem(law)
    noise = row.noise(law, rng(), (6, *draw_shape(law, params)))
    before = change(np.copy, noise)

    def lock(array):
        array.flags.writeable = False

    change(lock, noise)
    for one, two in zip(row.fn(F, law, params, noise), row.fn(F, law, params, noise), strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(_leaves(noise), _leaves(before), strict=True):
        np.testing.assert_array_equal(one, two)


def _leaves(noise):
    found = []
    change(found.append, noise)
    return found


@EVERY
def test_float32_stays_float32(row):
    law = first_law(row)
    params = tuple(np.asarray(param, np.float32) for param in problem(law)[0])
    noise = row.noise(law, rng(), (6, *draw_shape(law, params)))
    grads = row.fn(F, law, params, change(lambda array: array.astype(np.float32), noise))
    assert {grad.dtype for grad in grads if grad is not None} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "row", [row for row in ESTIMATORS if not row.needs_slope], ids=lambda row: row.name
)
def test_rows_that_need_no_slope_never_ask_for_it(row):
    def black_box(z):
        return F(z)[0], None

    law = first_law(row)
    row(black_box, law, problem(law)[0], rng(), 8)


@pytest.mark.parametrize(
    "row", [row for row in ESTIMATORS if row.name != "enumeration"], ids=lambda row: row.name
)
def test_cost_counts_the_evaluations_that_each_further_sample_takes(row):
    law = first_law(row)
    params, _ = problem(law)

    def evaluations(samples):
        seen = []
        row(lambda z: seen.append(len(z)) or F(z), law, params, rng(), samples)
        return sum(seen)

    assert (evaluations(20) - evaluations(10)) / 10 == row.cost(law, params)


@pytest.mark.parametrize(
    "row", [row for row in ESTIMATORS if row.admits(normal)], ids=lambda row: row.name
)
def test_a_parameter_shared_by_coordinates_gets_the_sum_of_their_gradients(row):
    loc, shared, apart = np.array([0.2, -0.4, 1.0]), np.array(0.8), np.full(3, 0.8)
    noise = row.noise(normal, rng(), (7, 3))
    one = row.fn(F, normal, (loc, shared), noise)
    each = row.fn(F, normal, (loc, apart), noise)
    assert one[1].shape == (7,)
    np.testing.assert_allclose(one[0], each[0], rtol=1e-12)
    if row.name not in ("score function, optimal baseline", "finite differences"):
        np.testing.assert_allclose(one[1], each[1].sum(axis=1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("row", SCORES, ids=lambda row: row.name)
def test_a_parameter_without_a_score_has_no_estimate(row):
    def score(x, loc, scale):
        return normal.score(x, loc, scale)[0], None

    law = types.SimpleNamespace(**{**vars(normal), "score": score})
    loc, scale = row(F, law, (np.zeros(2), np.ones(2)), rng(), 6)
    assert loc.shape == (6, 2)
    assert scale is None


# -- What does not exist


def test_pathwise_of_a_bernoulli_says_that_it_jumps():
    row = by_name("pathwise")
    assert not row.admits(bernoulli)
    with pytest.raises(Undefined, match=r"no path: it jumps from 0 to 1.*use score_function"):
        row(F, bernoulli, (np.zeros(2),), rng(), 5)


@pytest.mark.parametrize("row", SCORES, ids=lambda row: row.name)
def test_every_score_function_of_a_uniform_says_that_its_support_moves(row):
    assert not row.admits(uniform)
    with pytest.raises(Undefined, match=r"support moves.*use the path"):
        row(F, uniform, (np.zeros(2), np.ones(2)), rng(), 6)


def test_measure_valued_lists_the_laws_that_it_knows():
    with pytest.raises(TypeError, match=r"normal, gaussian, exponential.*not for laplace"):
        by_name("measure-valued").fn(F, laplace, (0.0, 1.0), None)
    with pytest.raises(TypeError, match=r"Gamma draws, not for normal"):
        by_name("rejection path").fn(F, normal, (0.0, 1.0), None)


# -- Where the path sees nothing, and where the score sees all


def test_of_a_step_the_path_is_exactly_zero_and_the_others_are_right():
    f, params = integrands.step(c=0.5), (np.array(0.2), np.array(0.7))
    alpha = (0.5 - 0.2) / 0.7
    truth = stats.norm.pdf(alpha) / 0.7, alpha * stats.norm.pdf(alpha) / 0.7
    for row in ESTIMATORS:
        if row.admits(normal):
            grads = row(f, normal, params, rng(1), 20_000)
            for grad, value in zip(grads, truth, strict=True):
                if row.name.startswith("pathwise"):
                    assert np.all(grad == 0.0)
                else:
                    mean_is(grad, value)


def test_score_function_of_a_step_has_the_exact_variance():
    """[Q + alpha phi - phi²]/sigma² and [2Q + phi (alpha³ + alpha) - alpha² phi²]/sigma²; with b*
    = Q + alpha phi the first is b* (1 - b*) - phi²."""
    f, params = integrands.step(c=0.5), (np.array(0.0), np.array(1.0))
    loc, scale = by_name("score function")(f, normal, params, rng(), 400_000)
    variance_is(loc, 0.36062)
    variance_is(scale, 0.80613)
    b = stats.norm.sf(0.5) + 0.5 * stats.norm.pdf(0.5)
    variance_is(constant_baseline(b)(f, normal, params, rng(), 400_000)[0], 0.12581)
    fitted, _ = by_name("score function, optimal baseline")(f, normal, params, rng(), 400_000)
    variance_is(fitted, 0.12581)


# -- Exact variances of a Normal, F(z) = sum_j f(z_j)

MU, SIGMA, D, N = 0.6, 0.8, 3, 200_000
PARAMS = (np.full(D, MU), np.full(D, SIGMA))


def linear_variances():
    a, m = 1.5, 1.5 * MU + 0.4
    at = dict.fromkeys(("pathwise, antithetic", "score function, delta method"), (0.0, 0.0))
    return {
        "pathwise": (0.0, a * a),
        "score function": (
            D**2 * m**2 / SIGMA**2 + (D + 1) * a * a,
            2 * D**2 * m**2 / SIGMA**2 + (2 * D + 8) * a * a,
        ),
        "score function, optimal baseline": ((D + 1) * a * a, (2 * D + 8) * a * a),
        "score function, leave-one-out": (
            ((D + 1) * a * a) / 4 + ((D + 1) * a * a) / 12,
            ((2 * D + 8) * a * a) / 4 + (2 * D * a * a) / 12,
        ),
        "score function, antithetic": ((D + 1) * a * a, 2 * D**2 * m**2 / SIGMA**2),
        "measure-valued": (a * a * (4 / math.pi - 1), a * a),
        "finite differences": (0.0, a * a),
        **at,
    }


@pytest.mark.parametrize("name", linear_variances())
def test_variances_of_a_linear_integrand(name):
    """Those of the paths are free of D, those of the scores are not; the constant costs the score
    function most, is free for the antithetic pair in the location, and not in the scale."""
    grads = by_name(name)(integrands.linear(1.5, 0.4), normal, PARAMS, rng(4), N)
    for grad, value in zip(grads, linear_variances()[name], strict=True):
        variance_is(grad, value)


@pytest.mark.parametrize(
    ("name", "loc", "scale"),
    [
        ("pathwise", 4 * SIGMA**2, 4 * 0.3**2 + 8 * SIGMA**2),
        ("pathwise, antithetic", 0.0, 8 * SIGMA**2),
        ("measure-valued", 4 * 0.3**2 * (4 / math.pi - 1), 4 * 0.3**2 + 4 * SIGMA**2),
        ("score function, delta method", 0.0, 0.0),
    ],
)
def test_variances_of_a_quadratic_integrand(name, loc, scale):
    grads = by_name(name)(integrands.quadratic(0.3), normal, PARAMS, rng(5), N)
    variance_is(grads[0], loc)
    variance_is(grads[1], scale)


def test_where_the_path_wins_and_where_the_score_does():
    """cos(kz) about its steepest point: the crossover is at k sigma = 1, in one dimension."""

    def variances(k, sigma):
        params = (np.array(math.pi / 4 / k), np.array(sigma))
        return [
            by_name(name)(integrands.cosine(k), normal, params, rng(), N)[0].var()
            for name in ("pathwise", "score function")
        ]

    path, score = variances(1.0, 0.5)
    assert score / path == pytest.approx(14.6, rel=0.05)
    path, score = variances(4.0, 1.0)
    assert score / path == pytest.approx(0.0625, rel=0.05)


# -- Baselines


def one_normal(K=None, samples=6, seed=0):
    shape = (samples,) if K is None else (samples, K)
    return (np.array(0.3), np.array(0.9)), rng(seed).standard_normal(shape)


def test_a_constant_of_your_own_for_all_or_for_each_parameter():
    params, noise = one_normal()
    z, f = normal.sample(*params, noise=noise), integrands.quadratic()
    loc, scale = normal.score(z, *params)
    for b, own in ((0.7, (0.7, 0.7)), ((0.2, 1.1), (0.2, 1.1))):
        grads = constant_baseline(b).fn(f, normal, params, noise)
        np.testing.assert_allclose(grads[0], (z**2 - own[0]) * loc)
        np.testing.assert_allclose(grads[1], (z**2 - own[1]) * scale)


def test_the_running_mean_knows_the_past_alone():
    params, noise = one_normal()
    later = noise.copy()
    later[3] += 1.0
    row = by_name("score function, running mean")
    before = row.fn(integrands.exponential(), normal, params, noise)
    after = row.fn(integrands.exponential(), normal, params, later)
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one[:3], two[:3])
        assert np.all(one[3:] != two[3:])
    z = normal.sample(*params, noise=noise)
    expected = (math.exp(z[2]) - np.exp(z[:2]).mean()) * normal.score(z[2], *params)[0]
    assert before[0][2] == pytest.approx(expected)


def cross_fitted():
    def delta(f, law, params, noise):
        return score_function_delta_method(f, law, params, noise, coefficient="fitted")

    return [by_name("score function, optimal baseline").fn, delta]


@pytest.mark.parametrize("fn", cross_fitted(), ids=["baseline", "delta method"])
def test_a_half_is_never_judged_by_its_own_draws(fn):
    params, noise = one_normal(samples=10)
    moved = noise.copy()
    moved[1] += 1.0
    before = fn(integrands.exponential(), normal, params, noise)
    after = fn(integrands.exponential(), normal, params, moved)
    for one, two in zip(before, after, strict=True):
        same = one == two
        assert same[[0, 2, 3, 4]].all()
        assert not same[[1, 5, 6, 7, 8, 9]].any()
    with pytest.raises(ValueError, match="at least 2"):
        fn(integrands.exponential(), normal, params, noise[:1])


@pytest.mark.parametrize("fn", cross_fitted(), ids=["baseline", "delta method"])
def test_cross_fitting_is_unbiased_where_fitting_on_the_same_draws_is_not(fn):
    """Ten draws at a time, where a bias of order 1/S would be seen."""
    f, params = integrands.exponential(), (np.array(0.3), np.array(0.9))
    truth = math.exp(0.3 + 0.405), 0.9 * math.exp(0.3 + 0.405)
    noise = rng(7).standard_normal((3000, 10))
    means = np.array([[g.mean() for g in fn(f, normal, params, eps)] for eps in noise])
    mean_is(means, np.array(truth))

    def same_draws(eps):
        z = normal.sample(*params, noise=eps)
        s = normal.score(z, *params)[0]
        b = (np.exp(z) * s * s).sum() / (s * s).sum()
        return ((np.exp(z) - b) * s).mean()

    with pytest.raises(AssertionError):
        mean_is(np.array([same_draws(eps) for eps in noise]), truth[0])


@pytest.mark.parametrize(
    ("name", "i", "j"),
    [
        ("score function, constant baseline", 0, 1),
        ("score function, optimal baseline", 0, 1),
        ("score function, running mean", 1, 3),
    ],
)
def test_samples_that_share_a_baseline_are_uncorrelated(name, i, j):
    row, params = by_name(name), (np.array(0.3), np.array(0.9))
    f, generator = integrands.quadratic(0.3), rng(11)
    pairs = np.array([row(f, normal, params, generator, 4)[0][[i, j]] for _ in range(4000)])
    off = pairs - pairs.mean(axis=0)
    mean_is(off[:, 0] * off[:, 1], 0.0)


@pytest.mark.parametrize("K", [2, 3, 7])
def test_leave_one_out_subtracts_the_mean_of_the_others(K):
    params, noise = one_normal(K)
    row, f = leave_one_out(K), integrands.exponential()
    loc, scale = row.fn(f, normal, params, noise)
    z = normal.sample(*params, noise=noise)
    y, scores = np.exp(z), normal.score(z, *params)
    for grad, s in ((loc, scores[0]), (scale, scores[1])):
        others = [np.delete(y, k, axis=1).mean(axis=1) for k in range(K)]
        expected = np.mean([(y[:, k] - others[k]) * s[:, k] for k in range(K)], axis=0)
        np.testing.assert_allclose(grad, expected, rtol=1e-12)
    assert row.cost(normal, params) == K
    assert row.noise(normal, rng(), (5, 2)).shape == (5, K, 2)


@pytest.mark.parametrize("K", [2, 9])
def test_leave_one_out_is_unbiased_for_any_number_of_draws(K):
    params, truth = problem(normal)
    for grad, value in zip(leave_one_out(K)(F, normal, params, rng(), S), truth, strict=True):
        mean_is(grad, value)
    with pytest.raises(ValueError, match="at least 2"):
        leave_one_out(1)


def test_the_optimal_constant_makes_a_bernoulli_exact():
    """b* = (1 - p) f(1) + p f(0), and no variance at all; of two coordinates there is some."""
    f, params = integrands.quadratic(0.45), (np.array(0.3),)
    p = 1.0 / (1.0 + math.exp(-0.3))
    best = constant_baseline((1.0 - p) * 0.55**2 + p * 0.45**2)
    (grad,) = best(f, bernoulli, params, rng(), 1000)
    np.testing.assert_allclose(grad, 0.0244458, atol=1e-7)
    (fitted,) = by_name("score function, optimal baseline")(f, bernoulli, params, rng(), 1000)
    (plain,) = by_name("score function")(f, bernoulli, params, rng(), 1000)
    assert fitted.var() < 1e-3 * plain.var()
    (two,) = by_name("score function, optimal baseline")(
        f, bernoulli, (np.full(2, 0.3),), rng(), 1000
    )
    assert two.var() > 1e-2 * plain.var()


def test_scores_that_are_all_zero_cost_no_division():
    """A Poisson at rate 1 with a draw of 1: x/rate - 1 = 0."""
    grads = by_name("score function, optimal baseline").fn(
        F, LAWS["poisson"], (np.array(1.0),), np.array([0.5, 0.5])
    )
    np.testing.assert_array_equal(grads[0], [0.0, 0.0])


# -- The delta method


def test_first_order_removes_what_is_linear():
    f = integrands.linear(1.5, 0.4)
    grads = score_function_delta_method(f, normal, PARAMS, rng().standard_normal((50, D)), order=1)
    np.testing.assert_allclose(grads[0], 1.5, rtol=1e-9)
    np.testing.assert_allclose(grads[1], 0.0, atol=1e-9)


def test_second_order_gives_a_quadratic_its_gradient_without_a_sample():
    grads = by_name("score function, delta method")(
        integrands.quadratic(0.3), normal, PARAMS, rng(), 50
    )
    np.testing.assert_allclose(grads[0], 2 * (MU - 0.3), rtol=1e-8)
    np.testing.assert_allclose(grads[1], 2 * SIGMA, rtol=1e-8)


def test_taylor_sees_the_slope_and_the_curvature_of_each_coordinate():
    m = np.array([0.2, -0.7])
    y, slope, curvature = taylor(integrands.exponential(1.3), m, np.full(2, 0.25))
    assert y == pytest.approx(np.exp(1.3 * m).sum())
    np.testing.assert_allclose(slope, 1.3 * np.exp(1.3 * m))
    np.testing.assert_allclose(curvature, 1.3**2 * np.exp(1.3 * m), rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("coefficient", [0.0, 0.6, 1.0, "fitted"])
def test_the_delta_method_is_unbiased_at_any_order_and_coefficient(order, coefficient):
    for law in (normal, exponential, LAWS["multivariate_normal"]):
        params, truth = problem(law)
        noise = law.noise(rng(8), (S, *draw_shape(law, params)))
        grads = score_function_delta_method(
            F, law, params, noise, order=order, coefficient=coefficient
        )
        for grad, value in zip(grads, truth, strict=True):
            mean_is(grad, value)


def test_the_delta_method_gains_on_a_narrow_law_and_loses_on_a_wide_one():
    f = integrands.cosine()
    for scale, better in ((0.3, True), (3.0, False)):
        params = (np.array(0.8), np.array(scale))
        noise = rng().standard_normal(20_000)
        plain = score_function(f, normal, params, noise)[0].var()
        assert (score_function_delta_method(f, normal, params, noise)[0].var() < plain) == better
        fitted = score_function_delta_method(f, normal, params, noise, coefficient="fitted")
        assert fitted[0].var() < 1.01 * plain


def test_the_delta_method_checks_what_it_is_told():
    params, noise = one_normal()
    with pytest.raises(ValueError, match="order must be 1 or 2"):
        score_function_delta_method(F, normal, params, noise, order=3)
    with pytest.raises(ValueError, match="'fitted'"):
        score_function_delta_method(F, normal, params, noise, coefficient="best")
    with pytest.raises(Undefined):
        by_name("score function, delta method")(F, LAWS["cauchy"], params, rng(), 5)


# -- Antithetic pairs


def test_a_pair_is_the_mean_over_the_noise_and_its_mirror():
    for law, fn in ((normal, pathwise), (exponential, pathwise), (bernoulli, score_function)):
        params, _ = problem(law)
        noise = law.noise(rng(), (5, *draw_shape(law, params)))
        there, back = fn(F, law, params, noise), fn(F, law, params, law.mirror(noise))
        for pair, a, b in zip(antithetic(fn)(F, law, params, noise), there, back, strict=True):
            np.testing.assert_allclose(pair, (a + b) / 2)


def test_of_the_location_a_linear_integrand_leaves_no_variance():
    loc, scale = by_name("pathwise, antithetic")(integrands.linear(2.0), normal, PARAMS, rng(), 100)
    assert np.all(loc == 2.0)
    np.testing.assert_allclose(scale, 0.0, atol=1e-15)


# -- Measure-valued


def test_measure_valued_moves_one_coordinate_and_no_more():
    seen = []

    def f(z):
        seen.append(z)
        return F(z)

    params = (np.array([0.1, 0.5]), np.array([0.7, 1.2]))
    noise = measure_valued_noise(normal, rng(), (4, 2))
    measure_valued(f, normal, params, noise)
    z = normal.sample(*params, noise=noise[0])
    moved = [tuple(np.any(point != z, axis=0)) for point in seen]
    assert moved == 2 * (2 * [(True, False)] + 2 * [(False, True)])


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_every_decomposition_belongs_to_a_law_and_has_the_gradient_of_a_step(name):
    """Where no path sees anything: the truth is the slope of the survival function."""
    law, c = LAWS[name], 0.6
    param = parameters(law, seed=1)
    assert len(DECOMPOSITIONS[name]) == len(law.PARAMS)
    grads = by_name("measure-valued")(integrands.step(c), law, param, rng(2), 20_000)
    tail = {
        "normal": lambda loc, scale: stats.norm.sf(c, loc, scale),
        "gaussian": lambda mu, logvar: stats.norm.sf(c, mu, np.exp(logvar / 2)),
        "exponential": lambda rate: stats.expon.sf(c, scale=1 / rate),
        "gamma": lambda a, rate: stats.gamma.sf(c, a, scale=1 / rate),
        "poisson": lambda rate: stats.poisson.sf(c, rate),
        "bernoulli": lambda logits: 1 / (1 + np.exp(-logits)),
    }[name]
    for k, grad in enumerate(grads):
        if grad is not None:
            ends = [tail(*param[:k], param[k] + h, *param[k + 1 :]) for h in (1e-5, -1e-5)]
            mean_is(grad, (ends[0] - ends[1]) / 2e-5)


def test_the_concentration_of_a_gamma_has_no_triple():
    shape, rate = by_name("measure-valued")(F, gamma, (np.full(2, 2.0), np.ones(2)), rng(), 5)
    assert shape is None
    assert rate.shape == (5, 2)
    assert by_name("measure-valued").cost(gamma, (np.full(2, 2.0), np.ones(2))) == 4


# -- Finite differences


def test_of_a_cosine_they_are_the_path_shrunk_by_sin_h_over_h():
    params, noise = one_normal()
    f, h = integrands.cosine(), 0.2
    loc, scale = finite_differences(f, normal, params, noise, step=h)
    path = pathwise(f, normal, params, noise)
    np.testing.assert_allclose(loc, path[0] * math.sin(h) / h, rtol=1e-10)
    move = 0.9 * h * noise  # the step of a positive parameter is relative
    np.testing.assert_allclose(scale, path[1] * np.sin(move) / move, rtol=1e-10)


def test_whole_numbers_are_moved_by_fractions():
    loc, _ = finite_differences(F, normal, (1, 2), rng().standard_normal(5))
    np.testing.assert_allclose(loc, pathwise(F, normal, (1, 2), rng().standard_normal(5))[0], 1e-4)


@pytest.mark.parametrize("h", [0.2, 0.05, 0.0125])
def test_at_a_jump_their_variance_grows_as_one_over_the_step(h):
    params = (np.array(0.1), np.array(1.0))
    noise = rng(6).standard_normal(N)
    loc, _ = finite_differences(integrands.step(0.4), normal, params, noise, step=h)
    chance = stats.norm.cdf(0.3 + h) - stats.norm.cdf(0.3 - h)
    variance_is(loc, chance / (2 * h) ** 2 - (chance / (2 * h)) ** 2)
    mean_is(loc, chance / (2 * h))
    assert loc.var() == pytest.approx(stats.norm.pdf(0.3) / (2 * h), rel=max(0.1, h))


@pytest.mark.parametrize("name", LAWS)
def test_they_are_right_to_the_square_of_the_step_on_every_law(name):
    law = LAWS[name]
    params, truth = problem(law)
    for grad, value in zip(
        by_name("finite differences")(integrand(law), law, params, rng(), S), truth, strict=True
    ):
        mean_is(grad, value)


# -- Every row says what it is


@pytest.mark.parametrize("row", ESTIMATORS, ids=lambda row: row.name)
def test_every_estimator_says_what_it_needs_what_it_costs_and_whence_it_is(row):
    """In its own docstring, or in that of the factory in whose file it was made."""
    module = inspect.getmodule(row.fn)
    makers = [fn for _, fn in inspect.getmembers(module, inspect.isfunction)]
    texts = [row.fn.__doc__] + [
        fn.__doc__ for fn in makers if f"{fn.__qualname__}.<locals>" in row.fn.__qualname__
    ]
    text = " ".join(text for text in texts if text)
    for word in ("pproximates", "equires", "iased", "Cost", "Source"):
        assert word in text, f"{row.name}: {word}"
