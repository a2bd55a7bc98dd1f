"""What is said of a trained model: the numbers, each warning, and the command."""

import json
import math
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy import integrate, stats

from tinyvae import VAE, importance, inspection
from tinyvae import train as training
from tinyvae.__main__ import main
from tinyvae.commands import figures
from tinyvae.data import digits
from tinyvae.inspection import (
    effective_beta,
    impossible,
    inspect,
    lines,
    measure,
    posterior,
    warnings,
)
from tinyvae.inspection.posterior import aggregate
from tinyvae.kl import kl_per_latent
from tinyvae.models import linear_vae
from tinyvae.watch import Recorder, unwatched

D, Z, N = 7, 2, 200
FAR = 5.0  # standard errors


# -- Models: `best`, a linear VAE at the exact posterior, from which each other one is spoiled


def best(scale=0.7, latent=Z, dtype=np.float64, cls=VAE, likelihood="gaussian", **config):
    """(vae, theta, x): a linear decoder of orthogonal rows, its own draws, the exact posterior."""
    vae = cls(D, latent, (), likelihood=likelihood, scale=scale, **config)
    rng = np.random.default_rng(0)
    W = np.linalg.qr(rng.standard_normal((D, latent)))[0].T * np.linspace(1.5, 1.0, latent)[:, None]
    theta = np.zeros(vae.layout.size)
    p = vae.layout.views(theta)
    precision = 1.0 + np.diag(W @ W.T) / scale**2
    p["out.W"][...] = W
    p["mu.W"][...] = W.T / scale**2 / precision
    p["logvar.b"][...] = -np.log(precision)
    if likelihood == "gaussian-learned":
        p["likelihood.logvar"][...] = 2 * np.log(scale)
    x = rng.standard_normal((N, latent)) @ W + scale * rng.standard_normal((N, D))
    return vae, theta.astype(dtype), x.astype(dtype)


def spoiled(changes, **options):
    """`best` with some of its weights replaced."""
    vae, theta, x = best(**options)
    p = vae.layout.views(theta)
    for name, value in changes.items():
        p[name][...] = value
    return vae, theta, x


def only_warning(*model, samples=100, **options):
    """The one sentence that is said of the model, which is nothing impossible."""
    found = inspect(*model, samples=samples, **options)
    assert impossible(found) == []
    (sentence,) = warnings(found)
    return sentence


@pytest.fixture(scope="module")
def trained():
    """(vae, theta, held-out x) after ten epochs on digits."""
    return default_run(epochs=10)


def default_run(**settings):
    data = digits().binarized("threshold")
    vae = VAE(64, 2, (128, 64))
    return vae, training.fit(vae, data, training.Settings(**settings)).parameters, data.held_out


# -- The numbers


def test_a_healthy_default_run_on_digits_gets_no_warning():
    found = inspect(*default_run())
    assert warnings(found) == []
    assert list(found.bounds) == [1, 10, 100, 1000]
    assert all(step.value > 0 for step in found.steps.values())
    assert found.evidence is None


def test_the_elbo_is_the_held_out_figure_of_the_training(trained):
    found = inspect(*trained, seed=3, samples=1)
    elbo = training.evaluate(*trained, seed=3).astype(np.float64)
    assert found.elbo.value == pytest.approx(elbo.mean(), rel=1e-6)
    assert found.elbo.error == pytest.approx(elbo.std(ddof=1) / math.sqrt(len(elbo)), rel=1e-5)
    parts = -found.reconstruction.value - found.divergence.value
    assert parts == pytest.approx(found.elbo.value, rel=1e-6)
    (mu, logvar), _ = trained[0].encode(trained[1], x=trained[2])
    np.testing.assert_allclose(
        [each.value for each in found.kl], kl_per_latent(mu, logvar)[0].mean(axis=0), rtol=1e-5
    )
    np.testing.assert_allclose(found.active, mu.var(axis=0), rtol=1e-5)


def test_the_bounds_are_those_of_importance_sampling(trained):
    vae, theta, x = trained
    found = inspect(vae, theta, x, seed=2, samples=30, examples=50)
    index = np.arange(50) * len(x) // 50
    bounds = importance.importance_bounds(vae, theta, x[index], samples=(1, 10, 30), seed=2)
    assert found.bounds.keys() == bounds.keys()
    for k, bound in bounds.items():
        assert found.bounds[k].value == pytest.approx(bound.mean(), rel=1e-12)
        assert found.bounds[k].count == found.examples == 50
    gain = bounds[30] - bounds[10]
    assert found.steps[30].error == pytest.approx(gain.std(ddof=1) / math.sqrt(50), rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_the_exact_posterior_every_bound_is_the_truth_and_nothing_is_off(dtype):
    """Every gap is rounding alone, with a standard error as small, and is not called a finding."""
    vae, theta, x = best(dtype=dtype)
    found = inspect(vae, theta, x, samples=100)
    assert warnings(found) == []
    exact = linear_vae.log_evidence(vae, theta, x).mean()
    assert found.evidence.value == pytest.approx(exact, rel=1e-12)
    for mean in (found.elbo, *found.bounds.values()):
        # The ELBO is by one draw an example; at the exact posterior log w is the same for every z.
        assert abs(mean.value - exact) < FAR * mean.error
    for k in found.bounds:
        assert abs(found.above[k].value) < found.rounding
    assert found.ess == pytest.approx(100, rel=1e-3)


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-learned"])
def test_residual_and_variance_of_a_gaussian_decoder(likelihood):
    """E_q (x - out)² = sum of (x - b - mu W)² + e^logvar W², over D."""
    vae, theta, x = best(likelihood=likelihood)
    found = inspect(vae, theta, x, samples=1)
    p = vae.layout.views(theta)
    (mu, logvar), _ = vae.encode(theta, x=x)
    each = ((x - mu @ p["out.W"]) ** 2 + np.exp(logvar) @ p["out.W"] ** 2).mean(axis=1)
    assert found.variance == pytest.approx(0.49, rel=1e-12)
    assert abs(found.residual - each.mean()) < FAR * each.std() / math.sqrt(N)
    assert found.spread == pytest.approx(x.var(axis=0).mean())
    assert found.grid == 0.0


def test_values_on_a_grid_are_seen():
    vae, theta, x = best()
    assert inspect(vae, theta, np.round(4 * x) / 4, samples=1).grid == 0.25
    assert inspect(vae, theta, np.zeros_like(x), samples=1).grid == 0.0


def test_the_same_seed_gives_the_same_inspection_and_nothing_is_changed():
    vae, theta, x = best()
    theta.flags.writeable = x.flags.writeable = False
    one, two = (asdict(inspect(vae, theta, x, seed=5, samples=10)) for _ in range(2))
    assert one == two
    assert one["bounds"] != asdict(inspect(vae, theta, x, seed=6, samples=10))["bounds"]


def test_the_effective_size_of_weights_whose_law_is_known():
    """log w = c e² with e from N(0, 1): (E w)² / E w² = sqrt(1 - 4c) / (1 - 2c)."""

    class Known(VAE):
        def log_weights(self, theta, *, x, eps, **kwargs):
            return -0.8 * eps[:, :, 0] ** 2 + 700.0, None

    sizes = measure.effective_sizes(
        Known(D, Z, ()), np.zeros(1), np.zeros((20, D)), 20_000, np.random.default_rng(0)
    )
    assert sizes.mean() / 20_000 == pytest.approx(math.sqrt(1 + 3.2) / (1 + 1.6), rel=0.01)


# -- effective_beta


@pytest.mark.parametrize(
    ("reconstruction", "kl", "weight", "beta"),
    [
        ("sum nll", "sum", 1.0, 1.0),
        ("sum nll", "sum", 4.0, 4.0),
        ("mean nll", "sum", 1.0, 784.0),
        ("sum squares", "sum", 1.0, 0.5),
        ("mean squares", "sum", 1.0, 392.0),
        ("mean squares", "sum", 0.5, 196.0),
        ("sum nll", "mean", 1.0, 1 / 20),
        ("mean nll", "mean", 1.0, 784 / 20),
        ("sum squares", "mean", 2.0, 1 / 20),
        ("mean squares", "mean", 1.0, 392 / 20),
        ("mean nll", "sum", 0.0, 0.0),
    ],
)
def test_effective_beta_of_a_stated_reduction(reconstruction, kl, weight, beta):
    sizes = {"data": 784, "latent": 20, "weight": weight}
    assert effective_beta(reconstruction=reconstruction, kl=kl, **sizes) == pytest.approx(beta)


@pytest.mark.parametrize("reconstruction", measure.RECONSTRUCTIONS)
@pytest.mark.parametrize("kl", measure.DIVERGENCES)
def test_the_loss_as_written_is_a_multiple_of_the_bound_at_that_beta(reconstruction, kl):
    """Its changes, from one model to the next, are in one proportion to those of -log p + beta KL,
    written with scipy's density."""
    rng = np.random.default_rng(0)
    x, outs, divergences = rng.random(6), rng.random((5, 6)), rng.random((5, 3))
    beta = effective_beta(reconstruction=reconstruction, kl=kl, data=6, latent=3, weight=0.7)
    nll = -stats.norm.logpdf(x, outs)
    which, what = reconstruction.split()
    term = getattr(np, which)(nll if what == "nll" else (x - outs) ** 2, axis=1)
    loss = term + 0.7 * getattr(np, kl)(divergences, axis=1)
    bound = nll.sum(axis=1) + beta * divergences.sum(axis=1)
    ratios = np.diff(loss) / np.diff(bound)
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-10)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"reconstruction": "mean square"}, ValueError, "did you mean 'mean squares'"),
        ({"kl": "average"}, ValueError, "unknown kl 'average'"),
        ({"data": 0}, ValueError, "data must be at least 1"),
        ({"latent": 2.0}, TypeError, "latent must be a whole number"),
        ({"weight": -1.0}, ValueError, "weight must be at least 0"),
    ],
)
def test_effective_beta_refuses_what_it_does_not_know(wrong, error, message):
    stated = {"reconstruction": "sum nll", "kl": "sum", "data": 3, "latent": 2}
    with pytest.raises(error, match=message):
        effective_beta(**stated | wrong)


# -- The aggregate posterior


def draws(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_equal_posteriors_tell_nothing_about_the_example():
    mu, logvar = np.full((50, 3), 0.4), np.full((50, 3), -1.2)
    found = aggregate(mu, logvar, eps=draws(50, 3))
    divergence = kl_per_latent(mu[0], logvar[0])[0].sum()
    np.testing.assert_allclose(found.information, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.divergence, divergence, rtol=1e-12)
    np.testing.assert_allclose(found.least, divergence, rtol=1e-12)


def test_posteriors_far_apart_tell_which_example_it_is():
    mu, logvar = np.linspace(-1, 1, 40)[:, None], np.full((40, 1), 2 * math.log(1e-4))
    found = aggregate(mu, logvar, eps=draws(40, 1))
    np.testing.assert_allclose(found.information, math.log(40), rtol=1e-12)
    assert np.all(found.least < 0)  # so few examples leave open where others would go


def test_no_draw_tells_more_than_log_n():
    mu, logvar = draws(30, 2), draws(30, 2, seed=1)
    eps = 3.0 * draws(30, 2, seed=2)
    assert np.all(aggregate(mu, logvar, eps=eps).information <= math.log(30))


def test_the_split_is_what_a_quadrature_gives():
    mu, sigma = np.array([[-0.6], [0.3], [1.4]]), np.array([[0.5], [0.9], [0.4]])

    def q(z):
        return stats.norm.pdf(z, mu, sigma).mean()

    def integral(f):
        return integrate.quad(f, -8, 8, points=[-0.6, 0.3, 1.4], limit=200)[0]

    divergence = integral(lambda z: q(z) * (np.log(q(z)) - stats.norm.logpdf(z)))
    entropies = (0.5 * np.log(2 * np.pi * np.e * sigma**2)).mean()
    information = integral(lambda z: -q(z) * np.log(q(z))) - entropies
    runs = [aggregate(mu, 2 * np.log(sigma), eps=draws(3, 1, seed=k)) for k in range(3000)]
    for name, exact in (("information", information), ("divergence", divergence)):
        means = np.array([getattr(run, name).mean() for run in runs])
        assert abs(means.mean() - exact) < FAR * means.std() / math.sqrt(len(means)), name


def test_its_two_sides_enclose_an_endless_supply_of_data():
    """mu from N(0, a), sigma² = s: q(z) tends to N(0, a + s), I to log(1 + a/s) / 2 a latent."""
    a, s, count = 0.9, 0.05, 300
    mu = math.sqrt(a) * draws(count, 3)
    found = aggregate(mu, np.full_like(mu, math.log(s)), eps=draws(count, 3, seed=1))
    divergence = 3 * kl_per_latent(0.0, math.log(a + s))[0]
    least, most = found.least, found.divergence
    assert least.mean() < divergence + FAR * least.std() / math.sqrt(count)
    assert most.mean() > divergence + 0.3  # few examples look like a q(z) far from the prior
    information = 1.5 * math.log(1 + a / s)
    assert found.information.mean() < information - 0.3


def test_moments_of_the_aggregate():
    mu, logvar = draws(20, 2), 0.3 * draws(20, 2, seed=1)
    found = aggregate(mu, logvar, eps=draws(20, 2, seed=2))
    n = 20_000
    z = mu + np.exp(logvar / 2) * draws(n, 20, 2, seed=3)
    each, squares = z.mean(axis=1), ((z - found.mean) ** 2).mean(axis=1)
    assert np.all(abs(each.mean(axis=0) - found.mean) < FAR * each.std(axis=0) / math.sqrt(n))
    assert np.all(
        abs(squares.mean(axis=0) - found.variance) < FAR * squares.std(axis=0) / math.sqrt(n)
    )


def test_blocks_do_not_change_the_aggregate(monkeypatch):
    mu, logvar, eps = draws(23, 2), draws(23, 2, seed=1), draws(23, 2, seed=2)
    whole = aggregate(mu, logvar, eps=eps)
    monkeypatch.setattr("tinyvae.inspection.posterior.BLOCK", 50)
    parts = aggregate(mu, logvar, eps=eps)
    for name in ("information", "divergence", "least"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_tiny_sigmas_and_large_means_lose_no_digits():
    """Shifted and shrunk together, the examples are as easy to tell apart as before."""
    mu, eps = draws(30, 2), draws(30, 2, seed=1)
    plain = aggregate(mu, np.zeros((30, 2)), eps=eps)
    shrunk = aggregate(1e-6 * mu + 2.0, np.full((30, 2), math.log(1e-12)), eps=eps)
    np.testing.assert_allclose(shrunk.information, plain.information, atol=1e-7)


def test_the_aggregate_refuses_bad_input():
    good = np.zeros((4, 2))
    with pytest.raises(ValueError, match=r"logvar has shape \(4, 3\), expected \(4, 2\)"):
        aggregate(good, np.zeros((4, 3)), eps=good)
    with pytest.raises(ValueError, match="mu has shape"):
        aggregate(good[0], good[0], eps=good[0])
    with pytest.raises(ValueError, match=r"eps must be finite, but eps\[0, 0\] is nan"):
        aggregate(good, good, eps=np.full((4, 2), np.nan))


# -- What cannot be: slips in a model's formulas, and in its inspection


class NegativeKL(VAE):
    """The KL with the sign of its logarithm turned: (mu² + sigma² - 1 + log sigma²) / 2."""

    def terms(self, theta, *, x, eps, watch=unwatched):
        nodes = Recorder()
        (log_px, kl), vjp = super().terms(
            theta, x=x, eps=eps, watch=lambda name, array: watch(name, nodes(name, array))
        )
        return (log_px, kl + nodes["logvar"]), vjp


class EighthKL(VAE):
    """An eighth of the KL, as after a mean where a sum belongs."""

    def terms(self, theta, *, x, eps, watch=unwatched):
        (log_px, kl), vjp = super().terms(theta, x=x, eps=eps, watch=watch)
        return (log_px, kl / 8), vjp


class LostConstant(VAE):
    """A log-density of the prior without its log 2 pi / 2, in the weights."""

    def log_weights(self, theta, *, x, eps, **kwargs):
        log_w, vjp = super().log_weights(theta, x=x, eps=eps, **kwargs)
        return log_w + 0.5 * self.latent * math.log(2 * math.pi), vjp


class AnalyticInside(VAE):
    """Weights with the closed-form KL in the place of log q - log p, seen in public code."""

    def log_weights(self, theta, *, x, eps, **kwargs):
        nodes = Recorder()
        _, vjp = super().log_weights(theta, x=x, eps=eps, watch=nodes)
        kl = kl_per_latent(nodes["mu"], nodes["logvar"])[0].sum(axis=-1)
        return nodes["log_px"] - kl, vjp


def said(vae, theta, x, samples=100):
    return " | ".join(impossible(inspect(vae, theta, x, samples=samples)))


def test_a_negative_kl_is_impossible():
    assert "nats, but no divergence is below 0" in said(*best(cls=NegativeKL))


def test_a_kl_that_is_too_small_puts_the_elbo_above_the_truth():
    found = inspect(*best(cls=EighthKL), samples=100)
    text = " | ".join(impossible(found))
    assert "the ELBO is +" in text
    assert "nats above the exact log p(x)" in text
    assert "the formula of the KL or a density" in text
    assert found.above[100].value < found.rounding  # the weights know nothing of it


def test_a_kl_that_is_too_small_is_seen_where_no_truth_is_known(trained):
    wrong = EighthKL(**trained[0].config)
    assert "they have the same mean: one of the two is wrong" in said(wrong, *trained[1:])


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.1])
def test_a_kl_that_is_almost_right_is_seen_by_its_draws(trained, factor):
    class Almost(VAE):
        def terms(self, theta, *, x, eps, watch=unwatched):
            (log_px, kl), vjp = super().terms(theta, x=x, eps=eps, watch=watch)
            return (log_px, factor * kl), vjp

    text = said(Almost(**trained[0].config), *trained[1:])
    assert "log q(z|x) - log p(z) over draws of z is not the KL by its formula" in text


@pytest.mark.parametrize("seed", [0, 1])
def test_a_posterior_as_narrow_as_rounding_is_no_wrong_formula(seed):
    """In float32 (z - mu) / sigma is rounding alone where sigma is e^-20: eps is not."""
    vae, theta, x = default_run(epochs=5, lr=0.1, seed=seed)
    assert impossible(inspect(vae, theta, x, samples=10)) == []
    single, double = (inspect(vae, t, x, samples=10) for t in (theta, theta.astype(np.float64)))
    assert single.bounds[1].value == pytest.approx(double.bounds[1].value, abs=0.2)


@pytest.mark.parametrize("slip", [LostConstant, AnalyticInside])
def test_wrong_weights_put_a_bound_above_the_truth(slip):
    text = said(*best(cls=slip))
    assert "the bound by 100 importance samples is +" in text
    assert "nats above the exact log p(x)" in text


def test_a_bound_that_falls_with_more_samples_is_impossible(trained, monkeypatch):
    """The smallest weight in the place of the mean weight."""
    monkeypatch.setattr(importance, "log_mean_exp", lambda log_w, axis: log_w.min(axis=axis))
    text = said(*trained)
    assert "the bound by 10 importance samples is -" in text
    assert "on average it rises with their number" in text


def test_a_negative_divergence_from_the_prior_is_impossible(trained, monkeypatch):
    right = posterior.kl
    monkeypatch.setattr(
        posterior, "kl", lambda *args: (lambda kl, vjp: (kl / 8, vjp))(*right(*args))
    )
    assert "KL(q(z) || p(z)) is estimated as -" in said(*trained, samples=1)


def test_a_negative_information_is_impossible():
    found = inspect(*best(), samples=1)
    found = replace(found, information=inspection.Mean(-0.2, 0.01, 100))
    assert "I(x; z) is estimated as -0.2 +- 0.01 nats, but it" in " ".join(impossible(found))


def test_few_examples_are_no_ground_for_a_verdict():
    vae, theta, x = best(cls=EighthKL)
    assert impossible(inspect(vae, theta, x[:29], samples=10)) == []
    assert impossible(inspect(vae, theta, x[:30], samples=10)) != []


# -- What is off with a model that is right


def test_full_collapse():
    vae, theta, x = best()
    text = only_warning(vae, np.zeros_like(theta), x / x.std())
    assert text.startswith("posterior collapse: no latent carries 0.01 nats")


@pytest.mark.parametrize(
    ("unused", "words"),
    [(1, "1 of 4 latents is unused"), (3, "3 of 4 latents are unused")],
)
def test_some_latents_unused(unused, words):
    vae, theta, x = best(latent=4)
    p = vae.layout.views(theta)
    for block in (p["out.W"].T, p["mu.W"], p["logvar.b"]):
        block[..., :unused] = 0
    rng = np.random.default_rng(1)
    x = rng.standard_normal((N, 4)) @ p["out.W"] + 0.7 * rng.standard_normal(x.shape)
    text = only_warning(vae, theta, x)
    assert words in text
    assert "usually harmless" in text


def test_beta_and_free_bits_are_no_bound():
    assert "beta = 4: its loss is no bound" in only_warning(*best(), beta=4.0)
    assert "no less than 0.5 nats" in only_warning(*best(), free_bits=0.5)


def test_a_model_that_is_worse_than_a_constant(trained):
    vae, theta, x = trained
    theta = theta.copy()
    vae.layout.views(theta)["out.b"][...] += 3.0
    (sentence, *_) = warnings(inspect(vae, theta, x, samples=10))
    assert "worse than knowing nothing about x" in sentence


def test_no_model_is_worse_than_the_constant_that_it_is(trained):
    vae, _, x = trained
    theta = vae.init(np.random.default_rng(0), x=digits().binarized("threshold").x)
    assert not any("knowing nothing" in text for text in warnings(inspect(vae, theta, x)))


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-learned"])
def test_data_of_0_and_1_under_a_gaussian(likelihood):
    vae, theta, x = best(likelihood=likelihood)
    said = warnings(inspect(vae, theta, 1.0 * (x > 0), samples=10))
    assert sum("data of 0 and 1 alone under a Gaussian" in text for text in said) == 1


def test_grey_values_under_a_bernoulli(trained):
    vae, theta, _ = trained
    grey = digits().held_out
    assert any(
        "grey values under a Bernoulli" in text
        for text in warnings(inspect(vae, theta, grey, samples=1))
    )
    assert inspect(*trained, samples=1).grey is False


@pytest.mark.parametrize(
    ("scale", "values", "why"),
    [
        (1e-6, 0.0, "at its floor, the data do not vary there"),
        (1e-4, 1.0, "less than a thousandth of the data's spread"),
        (0.02, 0.25, "finer than the data, whose values are 0.25 apart"),
    ],
)
def test_a_learned_variance_at_its_floor(scale, values, why):
    """Data that the decoder can reproduce: constant, on a plane, on a grid."""
    vae, theta, x = best(scale=scale, likelihood="gaussian-learned")
    p = vae.layout.views(theta)
    z = draws(N, Z, seed=3)
    x = z @ p["out.W"] * (values > 0) + scale * draws(N, D, seed=4)
    found = inspect(vae, theta, np.round(x / values) * values if values == 0.25 else x, samples=10)
    text = " ".join(warnings(found))
    assert why in text
    assert "the density grows without bound" in text
    assert "times too" not in text  # once is enough


def test_a_training_on_constant_data_reaches_the_floor():
    vae = VAE(3, 1, (4,), likelihood="gaussian-learned")
    x = np.ones((40, 3), np.float32)
    theta = vae.init(np.random.default_rng(0), x=x)
    assert any("at its floor" in text for text in warnings(inspect(vae, theta, x, samples=10)))


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-learned"])
@pytest.mark.parametrize(
    ("factor", "words"),
    [(3.0, r"(2.9\d|3|3.0\d) times too large"), (1 / 3, r"(2.9\d|3|3.0\d) times too small")],
)
def test_a_decoder_scale_far_from_the_residual(factor, words, likelihood):
    """The data keep their noise of 0.7; the decoder states another, and its encoder agrees."""
    vae, theta, _ = best(scale=0.7 * factor, likelihood=likelihood)
    p = vae.layout.views(theta)
    p["mu.W"][...], p["out.W"][...], p["logvar.b"][...] = 0.0, 0.0, 0.0  # out is the mean, 0
    x = 0.7 * draws(4000, D, seed=2)
    found = inspect(vae, theta, x, samples=1)
    (text,) = [text for text in warnings(found) if "times too" in text]
    assert re.search(words, text)
    assert f"{np.sqrt((x**2).mean()):.3g}, would be best" in text
    stated = stats.norm.logpdf(x, 0, 0.7 * factor).sum(axis=1)
    ideal = stats.norm.logpdf(x, 0, np.sqrt((x**2).mean())).sum(axis=1)
    assert f"costs {ideal.mean() - stated.mean():.3g} nats" in text
    assert ("--scale 0.7" in text) == (likelihood == "gaussian")


def test_an_aggregate_posterior_with_other_moments():
    found = inspect(*spread_out(), samples=100)
    assert impossible(found) == []
    costs_more_than_it_tells, text = warnings(found)
    assert "worse than knowing nothing" in costs_more_than_it_tells
    assert "far from the prior: latent" in text
    assert "not 0 and 1" in text


def spread_out():
    """Latents of variance 9, where the decoder compensates: the same reconstructions."""
    vae, theta, x = best()
    p = vae.layout.views(theta)
    p["mu.W"][...] *= 3.0
    p["out.W"][...] /= 3.0
    p["logvar.b"][...] += 2 * math.log(3.0)
    return vae, theta, x


def test_an_aggregate_posterior_with_holes():
    """Two narrow heaps at -1 and 1: mean 0 and variance 1, as the prior, and nothing between."""
    vae = VAE(1, 1, (), likelihood="gaussian", scale=0.2)
    theta = np.zeros(vae.layout.size)
    p = vae.layout.views(theta)
    p["mu.W"][...] = p["out.W"][...] = 1.0
    p["logvar.b"][...] = 2 * math.log(0.05)
    x = np.repeat([[-1.0], [1.0]], 100, axis=0) + 0.1 * draws(200, 1)
    found = inspect(vae, theta, x, samples=10)
    assert abs(found.q_mean[0]) < 0.1
    assert found.q_variance[0] == pytest.approx(1.0, abs=0.1)
    assert any("draws from holes, where no example was" in text for text in warnings(found))


def test_a_posterior_that_is_missed_has_noisy_weights():
    """A decoder of scale 0.05, and an encoder as wide as for 0.7 around the wrong place."""
    vae, theta, x = spoiled({"logvar.b": 0.0}, scale=0.001)
    found = inspect(vae, theta, x, samples=1000)
    assert found.ess < 2
    assert any("1000 importance weights one outweighs" in text for text in warnings(found))
    assert impossible(found) == []
    assert not any("outweighs" in text for text in warnings(inspect(vae, theta, x, samples=10)))


# -- The printout


def test_the_lines_say_what_was_measured(trained):
    found = inspect(*trained, samples=100)
    text = "\n".join(lines(found))
    assert max(map(len, lines(found))) <= 100
    for mean in (found.elbo, found.reconstruction, *found.bounds.values(), found.information):
        assert f"{mean.value:.3f} +- {mean.error:.3f}" in text
    assert "2 of 2 units are active" in text
    assert "beta 1; averaged over them it would act like beta 64" in text
    assert "exact" not in text


def test_the_lines_of_a_linear_decoder_show_the_exact_evidence():
    found = inspect(*best(), samples=10)
    text = "\n".join(lines(found))
    (line,) = [line for line in lines(found) if "exact (the decoder is linear)" in line]
    assert f"{found.evidence.value:.3f} +- {found.evidence.error:.3f}" in line
    assert "decoder: sigma 0.7;" in text


def test_latents_are_sorted_by_their_kl_and_only_so_many_shown():
    vae = VAE(D, 30, (4,))
    theta = vae.init(np.random.default_rng(0), np.float64)
    vae.layout.views(theta)["mu.b"][...] = np.random.default_rng(1).random(30)
    found = inspect(vae, theta, np.ones((40, D)), samples=1)
    text = lines(found)
    start = next(i for i, line in enumerate(text) if line.split()[:1] == ["latent"])
    shown = [float(line.split()[1]) for line in text[start + 1 : start + 21]]
    assert shown == sorted(shown, reverse=True)
    assert (
        f"... 10 more, of KL {sorted(k.value for k in found.kl)[9]:.3f} and less"
        in text[start + 21]
    )


def test_one_example_of_a_good_model_is_no_collapse(trained):
    vae, theta, x = trained
    found = inspect(vae, theta, x, examples=1, samples=10)
    assert not any("collapse" in text for text in warnings(found))
    assert not any("active" in line for line in lines(found)[8:11] if line.startswith("     "))


def test_one_example_has_no_standard_errors():
    vae, theta, x = best()
    found = inspect(vae, theta, x[:1], samples=10)
    assert "+- " not in "\n".join(lines(found)[1:])
    assert found.elbo.error is None
    assert impossible(found) == []
    json.dumps(asdict(found), allow_nan=False)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"samples": 0}, ValueError, "samples must be at least 1"),
        ({"samples": 2.5}, TypeError, "samples must be a whole number"),
        ({"examples": 0}, ValueError, "examples must be at least 1"),
        ({"examples": N + 1}, ValueError, "examples is 201, but there are only 200"),
        ({"beta": -1}, ValueError, "beta must be at least 0"),
        ({"free_bits": math.nan}, ValueError, "free_bits must be finite"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_inspect_refuses_bad_options(options, error, message):
    with pytest.raises(error, match=message):
        inspect(*best(), **options)


def test_a_model_that_is_not_finite_is_named():
    with pytest.raises(ArithmeticError, match="logvar ran away"):
        inspect(*spoiled({"logvar.b": 2000.0}))


def test_examples_are_spread_over_all_of_them():
    assert measure.spread_over(10, 4).tolist() == [0, 2, 5, 7]
    assert measure.spread_over(3, 300).tolist() == [0, 1, 2]


# -- The command


@pytest.fixture(scope="module")
def a_run(tmp_path_factory):
    """The folder of a short run."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "draw", lambda *args, **kwargs: [])
        main(["train", "--epochs", "2", "--hidden", "8", "--out", str(folder)])
    return folder


def test_inspect_prints_and_writes_what_it_found(a_run, capsys):
    capsys.readouterr()
    assert main(["inspect", str(a_run), "--samples", "20"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "digits, threshold values, bernoulli, after epoch 2 of 2" in out
    written = json.loads((a_run / "inspect.json").read_text())
    assert written["elbo"]["count"] == 297
    assert f"{written['bounds']['20']['value']:.3f}" in out
    assert [f"warning: {text}" in out for text in written["warnings"]] == [True] * len(
        written["warnings"]
    )
    history = json.loads((a_run / "history.json").read_text())
    held_out = history["history"][-1]["held_out"]
    assert written["elbo"]["value"] == pytest.approx(-held_out, rel=1e-6)


def test_inspect_takes_a_checkpoint_and_fewer_examples(a_run, capsys):
    assert (
        main(["inspect", str(a_run / "checkpoint.npz"), "--examples", "40", "--samples", "7"]) == 0
    )
    assert "importance samples (40 examples)" in capsys.readouterr().out


def test_an_unfinished_warm_up_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(figures, "draw", lambda *args, **kwargs: [])
    options = ("--epochs", "2", "--warmup", "40", "--hidden", "8", "--out", str(tmp_path))
    assert main(["train", *options]) == 0
    assert "weighed the KL with beta = 0.05" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path), "--samples", "10"]) == 0
    assert "weighed the KL with beta = 0.05" in capsys.readouterr().out


def test_inspect_fails_on_what_cannot_be(a_run, monkeypatch, capsys):
    right = importance.log_mean_exp
    monkeypatch.setattr(
        importance, "log_mean_exp", lambda log_w, axis: right(log_w, axis) - log_w.shape[axis]
    )
    assert main(["inspect", str(a_run), "--samples", "10"]) == 1
    assert "warning: the bound by 10 importance samples" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nowhere"], "no checkpoint at nowhere"),
        (["nowhere.npz"], "no checkpoint at nowhere.npz"),
        (["RUN", "--samples", "0"], "samples must be at least 1"),
        (["RUN", "--examples", "298"], "examples is 298, but there are only 297"),
        (["RUN", "--seed", "-1"], "seed must be at least 0"),
    ],
)
def test_inspect_refuses_bad_input_in_one_line(argv, words, a_run, capsys):
    capsys.readouterr()
    assert main(["inspect", *(str(a_run) if word == "RUN" else word for word in argv)]) == 2
    out, err = capsys.readouterr()
    assert "wrote" not in out
    assert err.startswith("tinyvae: error: ")
    assert words in err
    assert len(err.splitlines()) == 1
