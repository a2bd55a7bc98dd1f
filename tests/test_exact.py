"""Quadrature, expectations, their gradients and the variances of estimators, against SciPy and
closed forms; and that what is not reached, or infinite, says so."""

import math
from functools import partial

import numpy as np
import pytest
from scipy import special, stats

from tinyvae.distributions import (
    bernoulli,
    beta,
    categorical,
    cauchy,
    exponential,
    gamma,
    gaussian,
    geometric,
    gumbel,
    laplace,
    logistic,
    normal,
    poisson,
    student_t,
    uniform,
    von_mises,
    weibull,
)
from tinyvae.errors import Undefined
from tinyvae.exact import (
    Diverges,
    NotReached,
    enumeration,
    expectation,
    gauss_hermite,
    gradient,
    gradient_by_differences,
    integrate,
    moments,
    path_moments,
    variance_of_path,
    variance_of_score,
    velocity,
)
from tinyvae.exact.quadrature import pieces
from tinyvae.exact.rules import GAUSS, KRONROD, NODES, limit
from tinyvae.exact.variance import Moments, with_optimal_baseline
from tinyvae.integrands import cosine, linear, quadratic, step
from tinyvae.integrands import exponential as exp_of

INF = math.inf


def density(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


# -- Quadrature


def test_the_rule_integrates_the_powers_that_it_promises():
    for n in range(24):
        exact = 2.0 / (n + 1) if n % 2 == 0 else 0.0
        assert NODES**n @ KRONROD == pytest.approx(exact, abs=2e-15)
        if n < 14:
            assert NODES**n @ GAUSS == pytest.approx(exact, abs=2e-15)
    assert abs(NODES**24 @ KRONROD - 2.0 / 25) > 1e-12


def log_moment(a, b, k):
    """∫ z^(a-1) (1-z)^(b-1) log(1-z)^k dz."""
    d = special.digamma(b) - special.digamma(a + b)
    return special.beta(a, b) * (
        1.0, d, d * d + special.polygamma(1, b) - special.polygamma(1, a + b)
    )[k]  # fmt: skip


INTEGRALS = {
    "normal": (density, -INF, INF, 1.0),
    "half-line": (lambda z: np.exp(-z), 0.0, INF, 1.0),
    "from -inf": (lambda z: np.exp(z), -INF, 2.0, math.exp(2.0)),
    "heavy tails": (lambda z: 1.0 / (1.0 + z * z), -INF, INF, math.pi),
    "heavier tail": (lambda z: z**-1.1, 1.0, INF, 10.0),
    "oscillating": (lambda z: np.cos(z) / (1 + z * z) ** 3, -INF, INF, 7 * math.pi / (8 * math.e)),
    "gamma .3": (lambda z: z**-0.7 * np.exp(-z), 0.0, INF, math.gamma(0.3)),
    "gamma .01": (lambda z: z**-0.99 * np.exp(-z), 0.0, INF, math.gamma(0.01)),
    "step": (lambda z: density(z) * (z > 0.5), -INF, INF, stats.norm.sf(0.5)),
    "kink": (lambda z: abs(z - 1.0 / 3.0), -1.0, 2.0, 41.0 / 18.0),
}


@pytest.mark.parametrize("name", INTEGRALS)
def test_integrals_have_twelve_digits(name):
    f, low, high, exact = INTEGRALS[name]
    value, error = integrate(f, low, high)
    assert value[0] == pytest.approx(exact, rel=1e-12)
    assert abs(value[0] - exact) <= error[0] <= 1e-12 * abs(exact)


@pytest.mark.parametrize(("b", "k"), [(0.5, 0), (0.5, 1), (0.5, 2), (0.3, 0), (0.3, 1), (0.1, 0)])
def test_an_end_beside_which_there_are_no_floats(b, k):
    """Of Beta(.5, .1), 2 % of the mass lies between 1 - 1e-16 and 1."""

    def f(z):
        return z**-0.5 * (1.0 - z) ** (b - 1.0) * np.log1p(-z) ** k

    # Right to 1e-12, but of the squared logarithm the estimate of its error is 2e-12.
    value, _ = integrate(f, 0.0, 1.0, rtol=1e-11)
    assert value[0] == pytest.approx(log_moment(0.5, b, k), rel=1e-12)


def test_what_cannot_be_continued_to_twelve_digits_is_an_error_not_a_number():
    def f(z):
        return (1.0 - z) ** -0.9 * np.log1p(-z) ** 2

    with pytest.raises(NotReached, match="of its size only"):
        integrate(f, 0.0, 1.0)


def test_many_integrals_at_once_and_one_of_them_zero():
    value, _ = integrate(lambda z: np.stack([z**n * density(z) for n in range(5)]), -INF, INF)
    np.testing.assert_allclose(value, [1.0, 0.0, 1.0, 0.0, 3.0], rtol=1e-13, atol=1e-14)


def test_no_step_hides_behind_the_last_node():
    """At 150 random places: some are in the blind 0.4 % at the edge of a panel, at some depth."""
    for c in np.random.default_rng(0).normal(size=150):
        value, _ = integrate(lambda z, c=c: density(z) * (z > c), -INF, INF)
        assert value[0] == pytest.approx(stats.norm.sf(c), abs=1e-13)


@pytest.mark.parametrize(
    ("f", "low", "high"),
    [
        (lambda z: 1.0 / z, 0.0, 1.0),
        (lambda z: 1.0 / z, 1.0, INF),
        (lambda z: z / (1.0 + z * z), -INF, INF),
        (lambda z: (z * np.sin(z)) ** 2 / (1.0 + z * z), -INF, INF),
    ],
)
def test_an_integral_that_is_infinite_says_so(f, low, high):
    with pytest.raises(Diverges, match="octaves do not shrink"):
        integrate(f, low, high)


def test_what_oscillates_too_long_or_is_no_number_says_so():
    with pytest.raises(NotReached, match="oscillates"):
        integrate(lambda z: np.cos(z) / (1.0 + z * z), -INF, INF)
    with pytest.raises(NotReached, match="no numbers"):
        integrate(np.sqrt, -1.0, 1.0)
    with pytest.raises(ValueError, match="from low to a high above it"):
        integrate(np.cos, 1.0, 1.0)


def test_pieces_keep_the_digits_of_the_tails():
    points = [-INF, *np.linspace(-30.0, 30.0, 301), INF]
    below = np.cumsum(pieces(density, points)[0])
    np.testing.assert_allclose(below[:150], stats.norm.cdf(points[1:151]), rtol=1e-11)


def test_the_limit_of_powers_times_polynomials_is_exact_and_a_divergent_sum_has_none():
    n = np.arange(15)
    value, error = limit(3.0 - 0.7**n * (1.0 + n + n * n))
    assert abs(value - 3.0) <= error < 1e-7
    assert limit(np.cumsum(2.0**n))[1] == INF


def test_gauss_hermite():
    assert gauss_hermite(lambda x: np.cos(2.0 * x)) == pytest.approx(math.exp(-2.0), rel=1e-13)


# -- Expectations and gradients

LAWS = [
    (normal, (0.4, 0.7), stats.norm(0.4, 0.7)),
    (gaussian, (0.4, -0.3), stats.norm(0.4, math.exp(-0.15))),
    (exponential, (1.7,), stats.expon(scale=1 / 1.7)),
    (gamma, (0.3, 0.9), stats.gamma(0.3, scale=1 / 0.9)),
    (beta, (0.5, 0.5), stats.beta(0.5, 0.5)),
    (uniform, (-0.2, 1.3), stats.uniform(-0.2, 1.5)),
    (laplace, (0.3, 0.8), stats.laplace(0.3, 0.8)),
    (logistic, (0.3, 0.8), stats.logistic(0.3, 0.8)),
    (gumbel, (0.3, 0.8), stats.gumbel_r(0.3, 0.8)),
    (weibull, (1.4, 0.8), stats.weibull_min(1.4, scale=0.8)),
    (poisson, (2.3,), stats.poisson(2.3)),
    (bernoulli, (0.3,), stats.bernoulli(special.expit(0.3))),
    (geometric, (0.3,), stats.geom(special.expit(0.3), loc=-1)),
]
laws = pytest.mark.parametrize(
    ("law", "params", "known"), LAWS, ids=lambda x: getattr(x, "__name__", "").split(".")[-1]
)


@laws
def test_expectations_agree_with_scipy(law, params, known):
    second = known.var() + (known.mean() - 0.3) ** 2
    assert expectation(quadratic(0.3), law, params) == pytest.approx(second, rel=1e-11)
    for c in (0.5, 1.0):
        assert expectation(step(c), law, params) == pytest.approx(known.sf(c), rel=1e-11)


@laws
def test_the_two_gradients_agree(law, params, known):
    for f in (quadratic(0.45), step(0.5)):
        by_score, by_differences = gradient(f, law, params), gradient_by_differences(f, law, params)
        np.testing.assert_allclose(by_score, by_differences, rtol=2e-9, atol=2e-10)


def test_gradients_are_those_of_the_closed_forms():
    np.testing.assert_allclose(gradient(quadratic(0.45), normal, (0.4, 0.7)), [-0.1, 1.4])
    np.testing.assert_allclose(gradient(linear(), gamma, (2.3, 1.7)), [1 / 1.7, -2.3 / 1.7**2])
    E = expectation(quadratic(0.45), uniform, (0.0, 1.0))
    ends = [E - 0.45**2, 0.55**2 - E]
    np.testing.assert_allclose(gradient(quadratic(0.45), uniform, (0.0, 1.0)), ends, rtol=1e-9)


def test_a_support_that_moves_is_seen_although_there_is_a_score():
    """Of an f that jumps where the circle closes, the mean of f times the score is not it."""
    found = gradient(quadratic(0.45), von_mises, (0.3, 2.0))[0]
    assert found == pytest.approx(-0.3, rel=1e-9)
    assert (
        pytest.approx(-0.282, abs=1e-3) == moments(quadratic(0.45), von_mises, (0.3, 2.0), "loc").G
    )


def test_enumeration_of_independent_numbers_and_of_vectors():
    logits = np.array([0.3, -0.4, 1.1])
    z, p = enumeration(bernoulli, (logits,))
    assert z.shape == (8, 3)
    assert p.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(p @ z, special.expit(logits))
    found = gradient(quadratic(0.45), bernoulli, (logits,))[0]
    s = special.expit(logits)
    np.testing.assert_allclose(found, s * (1 - s) * (0.55**2 - 0.45**2), rtol=1e-12)
    np.testing.assert_allclose(gradient(step(0.5), categorical, (logits,))[0], 0.0, atol=1e-15)


def test_what_it_is_not_for_says_so():
    with pytest.raises(Undefined, match="one number"):
        expectation(linear(), normal, (np.zeros(2), np.ones(2)))
    with pytest.raises(Undefined, match="too many"):
        expectation(linear(), bernoulli, (np.zeros(30),))
    with pytest.raises(Diverges, match="octaves"):
        expectation(linear(), cauchy, (0.0, 1.0))
    with pytest.raises(NotReached, match="overflows or does not end"):
        expectation(exp_of(3.0), geometric, (0.0,))


def test_a_density_that_does_not_integrate_to_one_is_an_error():
    class Wrong:
        __name__, KIND, EVENT, PARAMS = "wrong", "explicit", 0, normal.PARAMS
        noise, sample, support = normal.noise, normal.sample, normal.support

        @staticmethod
        def log_prob(x, loc, scale):
            return normal.log_prob(x, loc, scale)[0] + 0.01, None

    with pytest.raises(NotReached, match=r"add up to 1\.01005"):
        expectation(linear(), Wrong, (0.0, 1.0))


# -- Velocities and variances


def check_velocity(law, params, noise):
    copies = [np.full(len(noise), float(p)) for p in params]
    z, vjp = law.rsample(*copies, noise=noise)
    for found, exact in zip(velocity(law, z, params), vjp(np.ones_like(z)), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize(
    ("law", "params"),
    [(normal, (0.4, 0.7)), (gaussian, (0.4, -0.3)), (exponential, (1.7,)), (laplace, (0.3, 0.8)),
     (logistic, (0.3, 0.8)), (cauchy, (0.3, 0.8)), (gumbel, (0.3, 0.8)), (weibull, (1.4, 0.8))],
)  # fmt: skip
def test_the_velocity_is_the_slope_of_every_explicit_path(law, params):
    check_velocity(law, params, law.noise(np.random.default_rng(0), (40,)))


def test_the_velocity_is_right_far_out():
    z = np.array([-30.0, 25.0])
    np.testing.assert_allclose(velocity(normal, z, (0.0, 1.0)), [[1.0, 1.0], z], rtol=1e-10)
    with pytest.raises(NotReached, match="e\\^-600"):
        velocity(normal, np.array([40.0]), (0.0, 1.0))
    with pytest.raises(Undefined, match="no score"):
        velocity(uniform, np.array([0.5]), (0.0, 1.0))


def test_the_variances_of_a_quadratic_and_a_step_are_those_known():
    d, s = -0.05, 0.7  # loc - k, scale
    f, params = quadratic(0.45), (0.4, s)
    found = variance_of_score(f, normal, params)
    loc = d**4 / s**2 + 14 * d**2 + 15 * s**2
    np.testing.assert_allclose(found, [loc, 2 * d**4 / s**2 + 60 * d**2 + 74 * s**2])
    best = variance_of_score(f, normal, params, rule=with_optimal_baseline)
    np.testing.assert_allclose(best, [8 * d**2 + 6 * s**2, 40 * d**2 + 24 * s**2])
    paths = variance_of_path(f, normal, params)
    np.testing.assert_allclose(paths, [4 * s**2, 4 * d**2 + 8 * s**2], rtol=1e-10)
    at = step(0.5), normal, (0.0, 1.0)
    assert variance_of_score(*at)[0] == pytest.approx(0.36062, abs=5e-6)
    assert variance_of_score(*at, rule=with_optimal_baseline)[0] == pytest.approx(0.12581, abs=5e-6)
    assert variance_of_score(*at)[1] == pytest.approx(0.80613, abs=5e-6)
    assert variance_of_path(*at) == (0.0, 0.0)


RATIOS = [  # f, loc, parameter, D, then (scale, no baseline, optimal baseline): MATH, section 2
    (quadratic(), 1.0, 0, 1, (0.1, 2854, 201.5), (1.0, 7.5, 3.5), (2.0, 4.64, 2.0)),
    (quadratic(), 1.0, 0, 10, (0.5, 726, 50), (1.0, 138, 17)),
    (quadratic(), 1.0, 1, 1, (0.1, 63.9, 9.86), (0.5, 14.4, 7.67), (2.0, 9.90, 3.78)),
    (exp_of(), 0.0, 0, 1, (0.5, 32.7, 10.6), (1.0, 7.33, 5.0), (2.0, 4.31, 4.19)),
    (cosine(), math.pi / 4, 0, 1, (0.5, 14.6, 6.64), (1.0, 1.0, 1.0), (2.0, 0.236, 0.194)),
    (cosine(), math.pi / 4, 0, 10, (1.0, 57.0, 10.0), (2.0, 2.6, 2.4)),
]


@pytest.mark.parametrize("row", RATIOS, ids=range(len(RATIOS)))
def test_the_table_of_ratios(row):
    f, loc, i, D, *cells = row
    for scale, *expected in cells:
        at = f, normal, (loc, scale)
        path = variance_of_path(*at)[i]
        rules = Moments.variance, with_optimal_baseline
        found = [variance_of_score(*at, D, rule)[i] / path for rule in rules]
        np.testing.assert_allclose(found, expected, rtol=0.02)


@pytest.mark.parametrize(("i", "crossover"), [(0, 1.0), (1, math.sqrt(2.0))])
def test_the_score_function_wins_beyond_exactly_the_crossover(i, crossover):
    k, at = 4.0, partial(lambda s: (cosine(4.0), normal, (math.pi / 16, s / 4.0)))
    assert k * at(crossover)[2][1] == pytest.approx(crossover)
    ratio = [variance_of_score(*at(s))[i] / variance_of_path(*at(s))[i]
             for s in (0.99 * crossover, crossover, 1.01 * crossover)]  # fmt: skip
    assert ratio[0] > 1.0 > ratio[2]
    assert ratio[1] == pytest.approx(1.0, abs=1e-10)


def test_leave_one_out_is_between_no_baseline_and_the_mean():
    m = moments(quadratic(), normal, (1.0, 0.5), "loc")
    many = m.leave_one_out(10, 10**9) * 10**9
    assert many == pytest.approx(m.variance(10, 10 * m.A1), rel=1e-6)


@pytest.mark.slow
def test_variances_that_are_infinite_are_inf():
    assert variance_of_path(quadratic(), cauchy, (0.0, 1.0)) == (INF, INF)
    assert variance_of_score(quadratic(), cauchy, (0.0, 1.0)) == (INF, INF)
    with pytest.raises(Diverges):
        path_moments(cosine(), cauchy, (0.0, 1.0), "scale")


def test_a_variance_that_is_finite_is_not_called_infinite():
    """Tails z^4 p ~ z^-2: the octaves far out grow for long, before they shrink."""
    found = path_moments(quadratic(0.45), student_t, (5.0, 0.3, 0.8), "loc")
    np.testing.assert_allclose(found, [-0.3, 4 * 0.64 * 5 / 3], rtol=1e-8)
    assert math.isfinite(path_moments(quadratic(0.45), student_t, (5.0, 0.3, 0.8), "scale")[1])


def test_discrete_laws_have_a_variance_and_a_perfect_baseline():
    found = variance_of_score(quadratic(0.45), bernoulli, (0.3,))[0]
    assert found == pytest.approx(0.014680, abs=5e-7)
    best = variance_of_score(quadratic(0.45), bernoulli, (0.3,), rule=with_optimal_baseline)[0]
    assert best == 0.0  # not the -7e-18 of rounding
