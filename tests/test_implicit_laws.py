"""Gamma, Beta, Dirichlet, Student t: their paths, their densities, and what is lost to rounding."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from tinyvae import gradcheck
from tinyvae.distributions import beta, dirichlet, gamma, student_t
from tinyvae.errors import Undefined

SIGMAS = 5.0


def rng(seed=0):
    return np.random.default_rng(seed)


def per_sample(params, samples):
    """Each parameter once a sample, so that a vjp keeps the gradients of the samples apart."""
    return [np.broadcast_to(param, (samples, *np.shape(param))) for param in params]


def assert_mean(values, truth):
    """The mean over the first axis is the truth within 5 standard errors."""
    se = values.std(axis=0) / math.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - truth) <= SIGMAS * se).all()


def assert_variance(values, truth):
    """The variance is the truth within 5 standard errors, se = sqrt((m4 - v²) / N)."""
    gap = values - values.mean()
    v = np.mean(gap**2)
    assert abs(v - truth) <= SIGMAS * math.sqrt((np.mean(gap**4) - v * v) / len(values))


# -- The path of Gamma


def test_a_gamma_draw_is_the_quantile_of_its_noise():
    u = gamma.noise(rng(), (200, 3))
    a, rate = np.array([0.3, 2.0, 80.0]), np.array([0.5, 1.0, 3.0])
    expected = stats.gamma.ppf(u, a, scale=1.0 / rate)
    np.testing.assert_allclose(gamma.sample(a, rate, noise=u), expected, rtol=1e-12)


@pytest.mark.parametrize("concentration", [0.02, 0.3, 1.0, 30.0, 1e3, 1e4])
def test_the_path_of_gamma_is_right_at_a_fixed_cdf_value(concentration):
    """By five-point differences, of a step in proportion to the concentration."""
    u = np.array([1e-3, 0.1, 0.5, 0.9, 1 - 1e-6])

    def scaled(stretch, rate):
        return gamma.log_rsample(concentration * stretch, rate, noise=u)

    h = 5e-4
    _, vjp = gamma.log_rsample(np.full(5, concentration), 0.7, noise=u)
    f = {k: scaled(1.0 + k * h, 0.7)[0] for k in (-2, -1, 1, 2)}
    slope = (8.0 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12.0 * h * concentration)
    np.testing.assert_allclose(vjp(np.ones(5))[0], slope, rtol=1e-9)


def test_implicit_gives_the_gradients_of_the_quantile():
    u, a, rate = gamma.noise(rng(), (50, 2)), np.array([0.4, 6.0]), np.array([1.5, 0.3])
    dz = rng(1).standard_normal(u.shape)
    z, vjp = gamma.rsample(a, rate, noise=u)
    none, *grads = gamma.implicit(z, a, rate)[1](dz)
    assert none is None
    np.testing.assert_allclose(grads, vjp(dz), rtol=1e-12)
    log_z, vjp = gamma.log_rsample(a, rate, noise=u)
    none, *grads = gamma.log_implicit(log_z, a, rate)[1](dz)
    assert none is None
    np.testing.assert_allclose(grads, vjp(dz), rtol=1e-12)


def test_implicit_gradients_of_a_fast_sampler_have_the_right_mean():
    """d E z²/da = (2 a + 1)/rate², d E z²/drate = -2 a (a + 1)/rate³, with draws of NumPy's own."""
    a, rate = 2.0, 1.5
    z = rng().standard_gamma(a, 100_000) / rate
    _, vjp = gamma.implicit(z, *per_sample((a, rate), len(z)))
    _, da, drate = vjp(2.0 * z)
    assert_mean(da, (2.0 * a + 1.0) / rate**2)
    assert_mean(drate, -2.0 * a * (a + 1.0) / rate**3)


# -- The trap: a seed is no CDF value


def marsaglia_tsang(eps, a):
    """h and dh/da of the proposal h = d v³, v = 1 + eps/sqrt(9 d), d = a - 1/3."""
    d = a - 1.0 / 3.0
    v = 1.0 + eps / math.sqrt(9.0 * d)
    return d * v**3, v**3 - eps * v**2 / (2.0 * math.sqrt(d))


def test_a_fixed_seed_gives_the_biased_path_of_the_rejection_sampler():
    """At a = 2 its mean is 1.0055, where d E z/da = 1, and d E z²/da comes out 7.5e-3 too small.

    NumPy's generator accepts and rejects by the concentration; a difference small enough that no
    draw changes sides sees only the smooth part.
    """
    a, h, n = 2.0, 1e-8, 400_000
    up, down = (rng(3).standard_gamma(a + sign * h, n) for sign in (1.0, -1.0))
    slope = (up - down) / (2.0 * h)
    assert np.abs(slope).max() < 20.0  # no draw has changed sides
    assert slope.mean() - 1.0 > SIGMAS * slope.std() / math.sqrt(n)

    # The accepted eps have the density q(h(eps)) |dh/deps|: exactly, by quadrature.
    def accepted(eps, g):
        z, slope = marsaglia_tsang(eps, a)
        v = 1.0 + eps / math.sqrt(9.0 * (a - 1.0 / 3.0))
        dz = (a - 1.0 / 3.0) * 3.0 * v**2 / math.sqrt(9.0 * (a - 1.0 / 3.0))
        return z ** (a - 1.0) * np.exp(-z) / special.gamma(a) * dz * g(z, slope)

    lowest = -math.sqrt(9.0 * (a - 1.0 / 3.0))
    total = integrate.quad(accepted, lowest, 12.0, args=(lambda z, s: 1.0,))[0]
    assert total == pytest.approx(1.0, abs=1e-9)
    biased = integrate.quad(accepted, lowest, 12.0, args=(lambda z, s: s,))[0]
    assert biased == pytest.approx(1.0055, abs=1e-4)
    assert abs(slope.mean() - biased) <= SIGMAS * slope.std() / math.sqrt(n)
    squared = integrate.quad(accepted, lowest, 12.0, args=(lambda z, s: 2.0 * z * s,))[0]
    assert squared / (2.0 * a + 1.0) - 1.0 == pytest.approx(-7.5e-3, abs=1e-4)

    # With the CDF value held fixed instead, the mean is right.
    z, vjp = gamma.rsample(*per_sample((a, 1.0), 50_000), noise=gamma.noise(rng(), 50_000))
    assert_mean(vjp(np.ones_like(z))[0], 1.0)
    assert_mean(vjp(2.0 * z)[0], 2.0 * a + 1.0)


# -- Small concentrations

TINY = 1e-3


def test_log_space_keeps_what_underflows():
    """E log z = psi(a), E dlog z/da = psi'(a) = Var log z, at a = 0.001, where half of z are 0."""
    u = gamma.noise(rng(), 100_000)
    params = per_sample((TINY, 1.0), len(u))
    z, vjp = gamma.rsample(*params, noise=u)
    assert 0.45 < np.mean(z == 0.0) < 0.52
    for grad in vjp(np.ones_like(z)):
        assert np.isfinite(grad).all()
        assert (grad[z == 0.0] == 0.0).all()
    log_z, vjp = gamma.log_rsample(*params, noise=u)
    assert np.isfinite(log_z).all()
    assert_mean(log_z, special.digamma(TINY))
    assert_mean(vjp(np.ones_like(log_z))[0], special.polygamma(1, TINY))
    # A z in the last digits before 0 has few of its own; the gradient has as many.
    da = gamma.implicit(z, *params)[1](np.ones_like(z))[1]
    exact = gamma.rsample(*params, noise=u)[1](np.ones_like(z))[0]
    np.testing.assert_allclose(da, exact, rtol=1e-9, atol=1e-300)


def test_the_divergence_at_a_small_concentration_from_log_space():
    u = gamma.noise(rng(), 100_000)
    log_z = gamma.log_rsample(TINY, 1.0, noise=u)[0]
    p, q = (gamma.log_prob_at_log(log_z, a, 1.0)[0] for a in (TINY, 2.0 * TINY))
    assert_mean(p - q, gamma.kl(TINY, 1.0, reference=(2.0 * TINY, 1.0))[0])
    assert_mean(-p, gamma.entropy(TINY, 1.0)[0])
    assert_mean(gamma.score_at_log(log_z, TINY, 1.0)[0], 0.0)


def test_a_draw_that_underflowed_is_refused_with_the_cure():
    for fn in (gamma.log_prob, gamma.score):
        with pytest.raises(ValueError, match=r"x\[1\] is 0\.0.* log_rsample"):
            fn(np.array([1.0, 0.0]), TINY, 1.0)
        with pytest.raises(ValueError, match="log_prob_at_log"):
            fn(1e-310, TINY, 1.0)  # it has lost its digits, and 1/x overflows
    for fn in (beta.log_prob, beta.score):
        with pytest.raises(ValueError, match=r"x must be .* logit_rsample"):
            fn(0.0, TINY, 1.0)
        with pytest.raises(ValueError, match=r"1 - x must be .* logit_rsample"):
            fn(1.0, TINY, 1.0)
    for fn in (dirichlet.log_prob, dirichlet.score):
        with pytest.raises(ValueError, match=r"x\[0\] is 0\.0.* log_rsample"):
            fn(np.array([0.0, 1.0]), np.array([TINY, 1.0]))


def test_beta_and_dirichlet_of_small_concentrations_have_no_nan():
    """And as a ratio of Gamma draws more than a fifth would be 0/0."""
    n = 20_000
    u = beta.noise(rng(), (n,))
    g1, g2 = (gamma.sample(TINY, 1.0, noise=u[:, k]) for k in (0, 1))
    assert np.mean((g1 == 0) & (g2 == 0)) > 0.2
    ones = np.ones(n)
    z, vjp = beta.rsample(*per_sample((TINY, TINY), n), noise=u)
    t, logit_vjp = beta.logit_rsample(*per_sample((TINY, TINY), n), noise=u)
    direct = beta.implicit(z, *per_sample((TINY, TINY), n))[1](ones)[1:]
    at_logit = beta.logit_implicit(t, *per_sample((TINY, TINY), n))[1](ones)[1:]
    for array in (z, t, *vjp(ones), *logit_vjp(ones), *direct, *at_logit):
        assert np.isfinite(array).all()
    assert_mean(z, 0.5)
    log_p = beta.log_prob_at_logit(t, TINY, TINY)[0]
    assert_mean(-log_p, beta.entropy(TINY, TINY)[0])
    assert_mean(np.stack(beta.score_at_logit(t, TINY, TINY), axis=-1), 0.0)

    c, u = np.full(3, TINY), dirichlet.noise(rng(), (n, 3))
    x, vjp = dirichlet.rsample(c, noise=u)
    log_x, log_vjp = dirichlet.log_rsample(c, noise=u)
    direct = dirichlet.implicit(x, c)[1](x)[1]
    for array in (x, log_x, *vjp(u), *log_vjp(u), direct):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(x.sum(axis=1), 1.0, rtol=1e-14)
    assert_mean(x, 1.0 / 3.0)
    assert_mean(-dirichlet.log_prob_at_log(log_x, c)[0], dirichlet.entropy(c)[0])
    gradcheck(dirichlet.log_prob_at_log, log_x[:5], c, method="complex").raise_if_wrong()


# -- Beta: two paths


def beta_paths(a, b, n, seed=0):
    """z, and (dz/da, dz/db) of the ratio and of the direct path."""
    params = per_sample((a, b), n)
    z, vjp = beta.rsample(*params, noise=beta.noise(rng(seed), (n,)))
    return z, vjp(np.ones(n)), beta.implicit(z, *params)[1](np.ones(n))[1:]


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 3.0), (40.0, 0.7)])
def test_the_direct_path_of_beta_is_the_conditional_mean_of_the_ratio(a, b):
    """So their difference has mean zero times any function of z; and the direct one varies less."""
    z, ratio, direct = beta_paths(a, b, 60_000)
    for indirect, mean in zip(ratio, direct, strict=True):
        for g in (np.ones_like(z), z, np.sin(9.0 * z), 1.0 * (z > 0.5)):
            assert_mean(g * (indirect - mean), 0.0)
        assert indirect.var() > mean.var()


def test_the_direct_path_of_beta_moves_its_quantiles():
    u, a, b, h = np.linspace(0.05, 0.95, 19), 1.7, 0.6, 1e-3
    z = stats.beta.ppf(u, a, b)
    _, da, db = beta.implicit(z, *per_sample((a, b), len(z)))[1](np.ones_like(z))

    def slope(quantile):
        return (8.0 * (quantile(h) - quantile(-h)) - (quantile(2 * h) - quantile(-2 * h))) / (
            12 * h
        )

    np.testing.assert_allclose(da, slope(lambda s: stats.beta.ppf(u, a + s, b)), rtol=1e-8)
    np.testing.assert_allclose(db, slope(lambda s: stats.beta.ppf(u, a, b + s)), rtol=1e-8)


@pytest.mark.parametrize(
    ("a", "b", "ratio", "direct", "score", "baseline"),
    [(1.0, 1.0, 0.01301, 0.01045, 0.02438, 0.00871), (2.0, 3.0, 0.00157, 0.00145, 0.0048, 0.0020)],
)
def test_variances_of_four_gradients_of_beta(a, b, ratio, direct, score, baseline):
    """d/da E (z - 0.3)²: both paths, the score function, and the latter with its best baseline.

    For Beta(1, 1) the last is the best of the four, though f is smooth: lower variance of the path
    is a tendency, not a theorem. The table was made with 2e6 draws and has 1 % of its own.
    """
    z, (of_ratio, _), (of_direct, _) = beta_paths(a, b, 100_000)
    f, s = (z - 0.3) ** 2, beta.score(z, a, b)[0]
    best = np.mean(f * s * s) / np.mean(s * s)
    rows = 2.0 * (z - 0.3) * of_ratio, 2.0 * (z - 0.3) * of_direct, f * s, (f - best) * s
    means = [row.mean() for row in rows]
    np.testing.assert_allclose(means, means[1], atol=4e-3)
    for row, truth in zip(rows, (ratio, direct, score, baseline), strict=True):
        gap = row - row.mean()
        v = np.mean(gap**2)
        se = math.sqrt((np.mean(gap**4) - v * v) / len(row))
        assert abs(v - truth) <= SIGMAS * se + 0.01 * truth
    if a == b == 1.0:
        assert rows[3].var() < rows[1].var() < rows[0].var() < rows[2].var()


def test_the_direct_variance_at_the_uniform_law_is_exact():
    """At a = b = 1 the path is dz/da = -z log z: E [2 (z - 0.3) z log z]², by quadrature."""

    def path(z):
        return -2.0 * (z - 0.3) * z * np.log(z)

    mean = integrate.quad(path, 0.0, 1.0)[0]
    exact = integrate.quad(lambda z: path(z) ** 2, 0.0, 1.0)[0] - mean**2
    assert exact == pytest.approx(0.01045, abs=1e-5)
    z, _, (direct, _) = beta_paths(1.0, 1.0, 50_000)
    np.testing.assert_allclose(direct, -z * np.log(z), rtol=1e-9)
    assert_variance(2.0 * (z - 0.3) * direct, exact)


def test_beta_near_one_keeps_its_distance_in_the_logit():
    u = np.array([[0.5, 1e-12]])
    z, t = beta.sample(1.0, 0.1, noise=u), beta.logit_rsample(1.0, 0.1, noise=u)[0]
    assert z[0] == 1.0
    assert t[0] > 200.0
    log_p = beta.log_prob_at_logit(t, 1.0, 0.1)[0]
    assert log_p[0] == pytest.approx(0.9 * t[0] + math.log(0.1), rel=1e-12)
    x = np.array([0.1, 0.6])
    t = np.log(x) - np.log1p(-x)
    np.testing.assert_allclose(
        beta.log_prob_at_logit(t, 2.0, 0.3)[0], stats.beta.logpdf(x, 2.0, 0.3), rtol=1e-12
    )
    gradcheck(beta.log_prob_at_logit, t, 2.0, 0.3, method="complex").raise_if_wrong()
    gradcheck(gamma.log_prob_at_log, t, 2.0, 0.3, method="complex").raise_if_wrong()


# -- Dirichlet


def test_dirichlet_of_two_is_beta():
    a, b, u = 0.7, 2.2, dirichlet.noise(rng(), (30, 2))
    c = np.broadcast_to(np.array([a, b]), (30, 2))
    x, vjp = dirichlet.rsample(c, noise=u)
    z, beta_vjp = beta.rsample(*per_sample((a, b), 30), noise=u)
    np.testing.assert_allclose(x[:, 0], z, rtol=1e-13)
    dz = rng(1).standard_normal(30)
    dx = np.stack([dz, np.zeros(30)], axis=-1)
    np.testing.assert_allclose(vjp(dx)[0].T, beta_vjp(dz), rtol=1e-12)
    direct = dirichlet.implicit(x, c)[1](dx)[1].T
    expected = beta.implicit(z, *per_sample((a, b), 30))[1](dz)[1:]
    np.testing.assert_allclose(direct, expected, rtol=1e-10)
    at = x[0]
    assert dirichlet.log_prob(at, c[0])[0] == pytest.approx(beta.log_prob(at[0], a, b)[0])
    for function in ("entropy", "kl"):
        same = getattr(beta, function)(a, b)[0]
        assert getattr(dirichlet, function)(c[0])[0] == pytest.approx(same, rel=1e-12)


def test_the_implicit_path_of_dirichlet_is_the_conditional_mean_of_softmax():
    n, c, weight = 60_000, np.array([0.6, 1.4, 3.0]), np.array([1.0, -2.0, 0.5])
    params = per_sample((c,), n)
    x, vjp = dirichlet.rsample(*params, noise=dirichlet.noise(rng(), (n, 3)))
    dx = weight * np.cos(3.0 * x)
    (ratio,), (_, direct) = vjp(dx), dirichlet.implicit(x, *params)[1](dx)
    for g in (1.0, x[:, :1], np.sin(7.0 * x[:, 1:2])):
        assert_mean(g * (ratio - direct), 0.0)
    assert (ratio.var(axis=0) > direct.var(axis=0)).all()


def test_implicit_gradients_of_dirichlet_draws_have_the_right_mean():
    """d E [w . x]/dc_j = (w_j - w . m)/sum c, with draws of NumPy's own."""
    n, c, w = 50_000, np.array([0.3, 1.4, 3.0]), np.array([1.0, -2.0, 0.5])
    g = rng().standard_gamma(c, (n, 3))
    x = g / g.sum(axis=1, keepdims=True)
    direct = dirichlet.implicit(x, *per_sample((c,), n))[1](np.broadcast_to(w, x.shape))[1]
    assert_mean(direct, (w - w @ c / c.sum()) / c.sum())


def test_dirichlet_densities_are_those_of_scipy():
    c = np.array([0.3, 0.4, 1.0, 6.0])
    x = dirichlet.sample(c, noise=dirichlet.noise(rng(), (50, 4)))
    expected = stats.dirichlet.logpdf(x.T, c)
    np.testing.assert_allclose(dirichlet.log_prob(x, c)[0], expected, rtol=1e-10, atol=1e-10)
    assert dirichlet.entropy(c)[0] == pytest.approx(stats.dirichlet.entropy(c), rel=1e-12)


def test_the_simplex_of_one_number_is_a_point():
    c = np.array([1.7])
    x, vjp = dirichlet.rsample(c, noise=np.array([[0.2], [0.8]]))
    np.testing.assert_array_equal(x, np.ones((2, 1)))
    np.testing.assert_array_equal(vjp(np.ones((2, 1)))[0], [0.0])
    np.testing.assert_array_equal(dirichlet.implicit(x, c)[1](np.ones((2, 1)))[1], [0.0])
    for fn in (dirichlet.entropy, dirichlet.kl):
        y, vjp = fn(c)
        assert y == pytest.approx(0.0, abs=1e-15)
        assert vjp(1.0)[0] == pytest.approx([0.0], abs=1e-15)


def test_dirichlet_refuses_what_is_off_the_simplex():
    with pytest.raises(ValueError, match=r"sum\(x\) must be greater than 0.99"):
        dirichlet.log_prob(np.array([0.5, 0.2]), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match=r"concentration\[1\] is 0.0"):
        dirichlet.sample(np.array([1.0, 0.0]), noise=np.array([0.5, 0.5]))


# -- Student t


def test_both_paths_of_student_t_move_its_quantiles():
    u, df, h = np.linspace(0.05, 0.95, 19), 2.7, 1e-3
    T = stats.t.ppf(u, df)
    z = 0.5 + 1.5 * T
    _, ddf, dloc, dscale = student_t.implicit(z, *per_sample((df, 0.5, 1.5), 19))[1](np.ones(19))

    def at(s):
        return 1.5 * stats.t.ppf(u, df + s)

    slope = (8.0 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12.0 * h)
    np.testing.assert_allclose(ddf, slope, rtol=1e-7, atol=1e-10)
    np.testing.assert_array_equal(dloc, np.ones(19))
    np.testing.assert_allclose(dscale, T, rtol=1e-12, atol=1e-15)

    # The path of rsample has it as its conditional mean, and varies more.
    n = 60_000
    params = per_sample((df, 0.5, 1.5), n)
    z, vjp = student_t.rsample(*params, noise=student_t.noise(rng(), (n,)))
    ratio, direct = vjp(np.ones(n))[0], student_t.implicit(z, *params)[1](np.ones(n))[1]
    for g in (np.cos(z), np.exp(-z * z), np.tanh(z)):
        assert_mean(g * (ratio - direct), 0.0)
    assert np.var(np.cos(z) * ratio) > np.var(np.cos(z) * direct)


def test_student_t_of_one_degree_is_cauchy():
    u, params = np.array([0.01, 0.3, 0.5, 0.8]), (1.0, 0.4, 2.0)
    x = 0.4 + 2.0 * np.tan(math.pi * (u - 0.5))
    np.testing.assert_allclose(
        student_t.log_prob(x, *params)[0], stats.cauchy.logpdf(x, 0.4, 2.0), rtol=1e-13
    )
    assert student_t.entropy(*params)[0] == pytest.approx(math.log(8.0 * math.pi), rel=1e-13)
    grads = student_t.implicit(x, *per_sample(params, 4))[1](np.ones(4))
    assert all(np.isfinite(grad).all() for grad in grads[1:])
    assert grads[1][2] == 0.0  # the median stays where it is


@pytest.mark.parametrize("df", [0.3, 3.0, 1e5])
def test_student_t_densities_are_those_of_scipy(df):
    x = np.array([-1e4, -1.0, 0.0, 0.3, 8.0])
    expected = stats.t.logpdf(x, df, 0.4, 2.0)
    np.testing.assert_allclose(student_t.log_prob(x, df, 0.4, 2.0)[0], expected, rtol=1e-9)


def test_moments_of_student_t_that_do_not_exist_say_so():
    assert student_t.mean(1.5, 0.3, 2.0)[0] == 0.3
    assert student_t.variance(4.0, 0.3, 2.0)[0] == 8.0
    with pytest.raises(Undefined, match=r"the mean .* exists for df > 1, but df is 1"):
        student_t.mean(1.0, 0.3, 2.0)
    with pytest.raises(ValueError, match=r"the variance .* exists for df > 2, but df is 1.5"):
        student_t.variance(np.array([1.5, 3.0]), 0.3, 2.0)
    with pytest.raises(Undefined, match="no closed form"):
        student_t.kl(3.0, 0.0, 1.0)


def test_draws_of_student_t_that_overflow_say_so():
    noise = np.array([[1.0, 1e-3], [1.0, 0.5]])
    with pytest.raises(ValueError, match=r"\(z - loc\)/scale must be .*\[0\] is inf"):
        student_t.rsample(0.005, 0.0, 1.0, noise=noise)
    with pytest.raises(ValueError, match=r"\(x - loc\)/scale must be .* less than"):
        student_t.log_prob(1e200, 3.0, 0.0, 1.0)


# -- Divergences


@pytest.mark.parametrize("reference", [(1.0, 1.0), (0.4, 2.5), (7.0, 0.6)])
def test_divergences_from_any_reference(reference):
    for law, of, params in (
        (gamma, lambda a, r: stats.gamma(a, scale=1.0 / r), (2.3, 1.4)),
        (beta, stats.beta, (2.3, 1.4)),
    ):
        p, q = of(*params), of(*reference)
        truth = integrate.quad(
            lambda x, p=p, q=q: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), *p.support(), epsabs=1e-12
        )[0]
        assert law.kl(*params, reference=reference)[0] == pytest.approx(truth, rel=1e-8)
        assert law.kl(*reference, reference=reference)[0] == pytest.approx(0.0, abs=1e-14)
        gradcheck(law.kl, *params, method="complex", reference=reference).raise_if_wrong()


def test_divergences_of_dirichlet_from_any_reference():
    """The difference of the means of the two log-densities, which are linear in log x."""
    c, r = np.array([0.6, 1.4, 3.0]), np.array([2.0, 0.5, 1.1])
    log_x = special.digamma(c) - special.digamma(c.sum())
    truth = dirichlet.log_prob_at_log(log_x, c)[0] - dirichlet.log_prob_at_log(log_x, r)[0]
    assert dirichlet.kl(c, reference=(r,))[0] == pytest.approx(truth, rel=1e-12)
    assert dirichlet.kl(c, reference=(c,))[0] == pytest.approx(0.0, abs=1e-14)
    gradcheck(dirichlet.kl, c, method="complex", reference=(r,)).raise_if_wrong()
    gradcheck(dirichlet.kl, c, method="complex", reference=(0.5,)).raise_if_wrong()


# -- Shapes and precision

LAWS = [
    (gamma, (2.0, 0.7)),
    (beta, (2.0, 0.7)),
    (dirichlet, (np.array([2.0, 0.7, 1.1]),)),
    (student_t, (3.0, 0.4, 0.7)),
]
EVERY = pytest.mark.parametrize(
    ("law", "params"), LAWS, ids=lambda law: getattr(law, "WHY", "")[:9]
)


@EVERY
def test_gradients_a_sample_sum_to_the_gradient(law, params):
    shape = np.shape(params[0])
    noise = law.noise(rng(), (11, *shape))
    z, vjp = law.rsample(*params, noise=noise)
    dz = rng(1).standard_normal(z.shape)
    apart, same_z = (
        law.rsample(*per_sample(params, 11), noise=noise)[1](dz),
        law.implicit(z, *params),
    )
    for one, total in zip(apart, vjp(dz), strict=True):
        assert one.shape == (11, *np.shape(total))
        np.testing.assert_allclose(one.sum(axis=0), total, rtol=1e-12)
    assert same_z[0] is z
    direct = law.implicit(z, *per_sample(params, 11))[1](dz)
    for one, total in zip(direct[1:], same_z[1](dz)[1:], strict=True):
        np.testing.assert_allclose(one.sum(axis=0), total, rtol=1e-12)


@EVERY
def test_float32_is_computed_in_float64_and_rounded(law, params):
    noise = law.noise(rng(), (50, *np.shape(params[0])), np.float32)
    short = [np.float32(param) for param in params]
    z32, vjp32 = law.rsample(*short, noise=noise)
    z, vjp = law.rsample(*map(np.float64, short), noise=np.float64(noise))
    dz = np.cos(5.0 * z32)
    assert z32.dtype == np.float32
    np.testing.assert_allclose(z32, z, rtol=3e-7)
    for a, b in zip(vjp32(dz), vjp(np.float64(dz)), strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-5)
    for a in law.implicit(z32, *short)[1](dz)[1:]:
        assert a.dtype == np.float32


@pytest.mark.parametrize(("law", "params"), [LAWS[0], LAWS[3]], ids=["gamma", "student t"])
def test_the_mirror_image_is_at_the_other_end(law, params):
    noise = law.noise(rng(), (1000,))
    z, other = law.sample(*params, noise=noise), law.sample(*params, noise=law.mirror(noise))
    np.testing.assert_array_equal(law.mirror(law.mirror(noise)), noise)
    of = stats.gamma(2.0, scale=1.0 / 0.7) if law is gamma else stats.t(3.0, 0.4, 0.7)
    np.testing.assert_allclose(of.cdf(z) + of.cdf(other), 1.0, rtol=1e-12)


@pytest.mark.parametrize("noise", [0.0, 1.0, np.nan])
def test_noise_that_is_no_probability_is_refused(noise):
    with pytest.raises(ValueError, match="noise must be greater than 0 and less than 1"):
        gamma.rsample(1.0, 1.0, noise=noise)


# -- The densities and entropies that SciPy has, too


@pytest.mark.parametrize("a", [0.03, 0.7, 1.0, 4.5, 300.0])
@pytest.mark.parametrize("b", [0.2, 1.0, 7.0])
def test_densities_and_entropies_are_scipys(a, b):
    z = np.array([1e-6, 0.01, 0.3, 0.8, 0.999])
    pairs = [
        (gamma, (a, b), 3.0 * z, stats.gamma(a, scale=1.0 / b)),
        (beta, (a, b), z, stats.beta(a, b)),
        (student_t, (a, 0.4, b), 9.0 * z - 4.0, stats.t(a, 0.4, b)),
    ]
    for law, params, x, twin in pairs:
        np.testing.assert_allclose(
            law.log_prob(x, *params)[0], twin.logpdf(x), rtol=1e-9, atol=1e-9
        )
        np.testing.assert_allclose(law.entropy(*params)[0], twin.entropy(), rtol=1e-8, atol=1e-8)
    concentration = np.array([a, b, 2.0])
    x = np.array([0.2, 0.5, 0.3])
    twin = stats.dirichlet(concentration)
    np.testing.assert_allclose(dirichlet.log_prob(x, concentration)[0], twin.logpdf(x), rtol=1e-10)
    np.testing.assert_allclose(dirichlet.entropy(concentration)[0], twin.entropy(), rtol=1e-9)


def test_densities_are_those_of_torch():
    torch = pytest.importorskip("torch")
    laws, tensor = torch.distributions, lambda x: torch.tensor(x, dtype=torch.float64)
    x = np.array([0.1, 0.4, 0.8])
    for law, params, twin in (
        (gamma, (0.7, 2.0), laws.Gamma),
        (beta, (0.7, 2.0), laws.Beta),
        (student_t, (3.5, 0.2, 0.7), laws.StudentT),
    ):
        y = twin(*map(tensor, params)).log_prob(tensor(x)).numpy()
        np.testing.assert_allclose(law.log_prob(x, *params)[0], y, rtol=1e-12)
