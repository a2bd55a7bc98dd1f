"""Densities against scipy and exact arithmetic; samples against their densities."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import integrate, special, stats

from tinyvae.distributions import bernoulli, gaussian
from tinyvae.likelihoods import LIKELIHOODS, likelihood

RNG = np.random.default_rng
SIZES = [1e-8, 1e-3, 0.5, 1.0, 3.0, 10.0, 20.0, 36.0, 40.0, 88.0, 800.0]
LOGITS = [sign * size for size in SIZES for sign in (1, -1)]


# -- Bernoulli


def exact_log_sigmoid(logit):
    """-log(1 + e^-logit) in 400 digits."""
    with localcontext() as context:
        context.prec = 400
        return float(-(1 + (-Decimal(float(logit))).exp()).ln())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logit", LOGITS)
def test_bernoulli_has_every_digit_at_any_logit(logit, dtype):
    """log p(1) = log sigmoid(l) and log p(0) = log sigmoid(-l), relative to 4 ulp."""
    logit = dtype(logit)
    x, logits = np.array([1, 0], dtype), np.array([logit, logit])
    log_p, vjp = bernoulli.log_prob(x, logits)
    assert log_p.dtype == dtype
    truth = np.array([exact_log_sigmoid(logit), exact_log_sigmoid(-logit)])
    assert np.all(np.isfinite(log_p))
    tiny = np.finfo(dtype).tiny  # below it there are no full digits to keep
    np.testing.assert_allclose(log_p, truth, rtol=4 * np.finfo(dtype).eps, atol=tiny)
    np.testing.assert_allclose(log_p, special.log_expit([logit, -logit]), rtol=1e-6, atol=tiny)
    slope = x - special.expit(np.float64(logit))
    np.testing.assert_allclose(vjp(np.ones(2, dtype))[1], slope, atol=4 * np.finfo(dtype).eps)


def test_bernoulli_is_scipys():
    logits = 3 * RNG(0).standard_normal((4, 5))
    for x in (0.0, 1.0):
        ours, _ = bernoulli.log_prob(np.full((4, 5), x), logits)
        np.testing.assert_allclose(ours, stats.bernoulli.logpmf(x, special.expit(logits)), 1e-12)


def test_bernoulli_of_grey_data_is_the_cross_entropy():
    rng = RNG(1)
    x, logits = rng.random((50, 7)), 3 * rng.standard_normal((50, 7))
    s = special.expit(logits)
    ours, _ = bernoulli.log_prob(x, logits)
    np.testing.assert_allclose(ours, special.xlogy(x, s) + special.xlogy(1 - x, 1 - s), rtol=1e-11)


def test_bernoulli_probabilities_sum_to_one():
    logits = np.array(LOGITS)
    p0, p1 = (np.exp(bernoulli.log_prob(np.full_like(logits, x), logits)[0]) for x in (0.0, 1.0))
    np.testing.assert_allclose(p0 + p1, 1, rtol=1e-15)


def test_bernoulli_mean_and_draws_follow_the_probability():
    px, n = likelihood("bernoulli"), 200_000
    out = np.broadcast_to(np.array([-2.0, 0.0, 1.5]), (n, 3))
    p = special.expit(out[0])
    np.testing.assert_allclose(px.mean({}, out[:1])[0], p, rtol=1e-14)
    x = px.draw({}, out, noise=px.noise(RNG(2), out.shape))
    assert set(np.unique(x)) == {0.0, 1.0}
    assert np.all(np.abs(x.mean(axis=0) - p) < 4 * np.sqrt(p * (1 - p) / n))


def test_bernoulli_log_probability_averages_to_minus_the_entropy():
    px, n, logit = likelihood("bernoulli"), 200_000, -1.3
    out = np.full((n, 1), logit)
    x = px.draw({}, out, noise=px.noise(RNG(3), out.shape))
    log_p, _ = px({}, out, x=x)
    entropy = stats.bernoulli(special.expit(logit)).entropy()
    assert abs(log_p.mean() + entropy) < 4 * log_p.std() / np.sqrt(n)


def test_bernoulli_is_never_drawn_where_impossible_or_missed_where_certain():
    """Noise on [0, 1) below sigmoid(±800), which is 1 or 0: ones, zeros, at either end."""
    ends = np.array([0.0, np.nextafter(1.0, 0.0)])
    np.testing.assert_array_equal(bernoulli.sample(np.full(2, 800.0), noise=ends), 1)
    np.testing.assert_array_equal(bernoulli.sample(np.full(2, -800.0), noise=ends), 0)


# -- Gaussian


def test_gaussian_is_scipys_constants_included():
    x, mu, logvar = RNG(4).standard_normal((3, 5, 7))
    ours, _ = gaussian.log_prob(x, mu, 2 * logvar)
    np.testing.assert_allclose(ours, stats.norm.logpdf(x, mu, np.exp(logvar)), rtol=1e-12)


@pytest.mark.parametrize("logvar", [-4.0, 0.0, 2.0])
def test_gaussian_integrates_to_one(logvar):
    def density(x):
        return np.exp(gaussian.log_prob(np.array([x]), np.array([0.7]), np.array([logvar]))[0][0])

    reach = 12 * np.exp(logvar / 2)
    assert integrate.quad(density, 0.7 - reach, 0.7 + reach)[0] == pytest.approx(1, abs=1e-9)


def test_gaussian_log_probability_averages_to_minus_the_entropy():
    n, logvar = 200_000, 0.8
    mu = np.zeros((n, 1))
    x = gaussian.sample(mu, np.array([[logvar]]), noise=RNG(5).standard_normal((n, 1)))
    log_p, _ = gaussian.log_prob(x, mu, np.array([[logvar]]))
    entropy = stats.norm(0, np.exp(logvar / 2)).entropy()
    assert abs(log_p.mean() + entropy) < 4 * log_p.std() / np.sqrt(n)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_fixed_and_learned_variance_agree_and_sum_over_the_dimensions(scale):
    x, out = RNG(6).standard_normal((2, 5, 7))
    params = {"likelihood.logvar": np.full((1, 1), 2 * np.log(scale))}
    fixed, fixed_vjp = likelihood("gaussian", scale=scale)({}, out, x=x)
    learned, learned_vjp = likelihood("gaussian-learned")(params, out, x=x)
    truth = stats.norm.logpdf(x, out, scale).sum(axis=1)
    np.testing.assert_allclose(fixed, truth, rtol=1e-12)
    np.testing.assert_allclose(learned, truth, rtol=1e-12)
    dy = RNG(7).standard_normal(5)
    np.testing.assert_allclose(fixed_vjp(dy)[1], learned_vjp(dy)[1], rtol=1e-12)
    assert fixed_vjp(dy)[0] == {}


def test_learned_variance_stops_at_the_mean_squared_error():
    """The most likely variance: the gradient is 0 there, and points to it from both sides."""
    x, out = RNG(8).standard_normal((2, 5, 7))
    px = likelihood("gaussian-learned")

    def gradient(variance):
        params = {"likelihood.logvar": np.log([[variance]])}
        _, vjp = px(params, out, x=x)
        return float(vjp(np.ones(5))[0]["likelihood.logvar"][0, 0])

    best = np.mean((x - out) ** 2)
    assert abs(gradient(best)) < 1e-12
    assert gradient(0.9 * best) > 0.1 > -0.1 > gradient(1.1 * best)


@pytest.mark.parametrize("name", ["gaussian", "gaussian-learned"])
def test_gaussian_mean_and_draws(name):
    n, scale = 200_000, 0.6
    px = likelihood(name, scale=scale)
    params = {"likelihood.logvar": np.full((1, 1), 2 * np.log(scale))}
    out = np.broadcast_to(np.array([-2.0, 0.5]), (n, 2))
    np.testing.assert_array_equal(px.mean(params, out), out)
    x = px.draw(params, out, noise=px.noise(RNG(9), out.shape))
    assert np.all(np.abs(x.mean(axis=0) - out[0]) < 4 * scale / np.sqrt(n))
    assert np.all(np.abs(x.var(axis=0) - scale**2) < 4 * scale**2 * np.sqrt(2 / n))
    assert stats.kstest(x[:, 0], stats.norm(-2, scale).cdf).pvalue > 0.01


# -- What a likelihood promises the model


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_start_is_the_best_constant(name):
    """Moving any number of it, either way, lowers the density of the data."""
    x = (RNG(10).random((40, 3)) < [0.2, 0.5, 0.9]) * 1.0
    px = likelihood(name)
    out, params = px.start(x)
    assert {k: v.shape for k, v in params.items()} == dict(px.shapes)
    if name == "bernoulli":  # its best constant is the mean of 42 data: a zero and a one added
        x = np.concatenate([x, np.zeros((1, 3)), np.ones((1, 3))])

    def log_px(move):
        return px(params, np.tile(out + move, (len(x), 1)), x=x)[0].sum()

    for move in 0.01 * np.eye(3):
        assert log_px(move) < log_px(0) > log_px(-move)


def test_start_of_the_learned_variance_is_that_around_the_mean():
    x = RNG(11).standard_normal((40, 3)) * 0.3 + [1.0, 2.0, 3.0]
    out, params = likelihood("gaussian-learned").start(x)
    np.testing.assert_allclose(out, x.mean(axis=0), rtol=1e-14)
    assert np.exp(params["likelihood.logvar"]) == pytest.approx(np.mean(x.var(axis=0)), rel=1e-9)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_start_is_finite_for_data_that_never_change(name):
    x = np.tile([0.0, 1.0, 0.5], (4, 1))
    px = likelihood(name)
    out, params = px.start(x)
    log_px, _ = px(params, np.tile(out, (4, 1)), x=x)
    assert np.all(np.isfinite(log_px))


@pytest.mark.parametrize("bad", [-0.01, 1.01, 255.0])
def test_bernoulli_refuses_data_outside_its_support(bad):
    x = np.array([[0.5, bad]])
    with pytest.raises(ValueError, match=r"in \[0, 1\] for a Bernoulli") as caught:
        likelihood("bernoulli").check(x)
    assert f"{bad:g}" in str(caught.value)
    likelihood("gaussian").check(x)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_every_likelihood_refuses_what_is_not_finite(name, bad):
    with pytest.raises(ValueError, match=r"x\[1, 0\] is"):
        likelihood(name).check(np.array([[0.5, 1.0], [bad, 0.0]]))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_the_ends_of_the_support_belong_to_it(name):
    likelihood(name).check(np.array([[0.0, 1.0]]))


@pytest.mark.parametrize(
    ("name", "near"),
    [("bernouli", "'bernoulli'"), ("gauss", "'gaussian'"), ("normal", "known are")],
)
def test_unknown_names_suggest_the_nearest(name, near):
    with pytest.raises(ValueError, match=f"unknown likelihood '{name}'.*{near}"):
        likelihood(name)


@pytest.mark.parametrize("scale", [0, -1.0, np.nan, np.inf])
def test_scale_must_be_positive_and_finite(scale):
    with pytest.raises(ValueError, match="scale"):
        likelihood("gaussian", scale=scale)


@pytest.mark.parametrize("scale", ["1", None, True])
def test_scale_must_be_a_number(scale):
    with pytest.raises(TypeError, match="scale must be a number"):
        likelihood("gaussian", scale=scale)
