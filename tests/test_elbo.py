"""The bound's estimators: what they are worth, and what they agree on, by quadrature over eps."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, softmax

from tinyvae import VAE, gradcheck
from tinyvae.elbo import FROM_WEIGHTS, OBJECTIVES, elbo, negative_elbo

B, D, S = 3, 4, 5
NODES = 40


def model(likelihood="bernoulli", hidden=(3,), latent=1, seed=0):
    vae = VAE(D, latent, hidden, likelihood=likelihood, scale=0.8)
    rng = np.random.default_rng(seed)
    theta = vae.init(rng, np.float64) + 0.5 * rng.standard_normal(vae.layout.size)
    vae.layout.views(theta)["logvar.b"][...] = -2.0  # sigma 0.4: quadrature gets on well
    return vae, theta, 1.0 * (rng.random((B, D)) < 0.5)


def expected(vae, theta, x, samples, **kwargs):
    """(E bound (B,), its gradient as the estimator has it), over the samples' eps: Gauss-Hermite.

    One latent; `samples` draws, so the rule is a product of that many.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    weights = weights / weights.sum()
    eps = np.array(list(itertools.product(nodes, repeat=samples))).T
    weight = np.prod(list(itertools.product(weights, repeat=samples)), axis=1)
    count = eps.shape[1]
    rows = np.repeat(x, count, axis=0)
    bound, vjp = vae.elbo(theta, x=rows, eps=np.tile(eps, len(x))[..., None], **kwargs)
    (dtheta,) = vjp(np.tile(weight, len(x)))
    return bound.reshape(len(x), count) @ weight, dtheta


# -- What each is


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_values_are_the_formulas_of_the_page(beta):
    vae, theta, x = model("gaussian")
    eps = np.random.default_rng(1).standard_normal((S, B, 1))
    (mu, logvar), _ = vae.encode(theta, x=x)
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    means = np.stack([vae.decode(theta, draws)[0] for draws in z])
    log_px = stats.norm(means, 0.8).logpdf(x).sum(axis=2)
    ratio = (stats.norm(0, 1).logpdf(z) - stats.norm(mu, sigma).logpdf(z)).sum(axis=2)
    log_w = log_px + beta * ratio
    kl = 0.5 * (mu**2 + sigma**2 - 1 - logvar).sum(axis=1)
    values = {
        "analytic": log_px.mean(axis=0) - beta * kl,
        "sampled": log_w.mean(axis=0),
        "path": log_w.mean(axis=0),
        "score": log_w.mean(axis=0),
        "iwae": logsumexp(log_w, axis=0) - np.log(S),
        "dreg": logsumexp(log_w, axis=0) - np.log(S),
    }
    assert set(values) == set(OBJECTIVES)
    np.testing.assert_allclose(
        vae.log_weights(theta, x=x, eps=eps, beta=beta)[0], log_w, rtol=1e-12
    )
    for objective, value in values.items():
        given = {"x": x, "eps": eps, "beta": beta, "objective": objective}
        np.testing.assert_allclose(vae.elbo(theta, **given)[0], value, rtol=1e-12)
        np.testing.assert_allclose(vae.loss(theta, **given)[0], -value.mean(), rtol=1e-12)


def test_the_table_of_multipliers():
    log_w = np.random.default_rng(0).standard_normal((S, B))
    normalized = softmax(log_w, axis=0)
    others = [np.delete(log_w, s, axis=0).mean(axis=0) for s in range(S)]
    table = {  # weight, path, own; None where it is that of the derivative
        "sampled": (1 / S, None, None),
        "path": (1 / S, None, 0.0),
        "score": (1 / S, 0.0, (log_w - others) / S),
        "iwae": (normalized, None, None),
        "dreg": (normalized, normalized, 0.0),
    }
    for name, columns in table.items():
        _, *found = FROM_WEIGHTS[name](log_w, 1.0)
        for column, value in zip(found, columns, strict=True):
            if value is None:
                assert column is None
            else:
                np.testing.assert_allclose(column, np.broadcast_to(value, (S, B)), atol=1e-15)


def test_weights_that_e_to_the_power_of_would_overflow():
    log_w = np.array([[2000.0, -3000.0], [2001.0, -3000.0]])
    bound, weight, _, _ = FROM_WEIGHTS["iwae"](log_w, 1.0)
    np.testing.assert_allclose(bound, [2001 + np.log((1 + np.exp(-1)) / 2), -3000])
    np.testing.assert_allclose(weight.sum(axis=0), 1)


# -- What they agree on


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-learned"])
@pytest.mark.parametrize(
    ("objective", "samples"), [("sampled", 1), ("path", 1), ("score", 1), ("score", 2), ("path", 2)]
)
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_every_estimator_of_the_elbo_has_the_same_mean(likelihood, objective, samples, beta):
    vae, theta, x = model(likelihood)
    value, gradient = expected(vae, theta, x, 1, beta=beta)
    found, estimate = expected(vae, theta, x, samples, beta=beta, objective=objective)
    np.testing.assert_allclose(found, value, rtol=1e-9)
    np.testing.assert_allclose(estimate, gradient, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-learned"])
@pytest.mark.parametrize("beta", [1.0, 0.4])
def test_the_doubly_reparameterized_gradient_has_the_mean_of_the_plain_one(likelihood, beta):
    vae, theta, x = model(likelihood)
    value, gradient = expected(vae, theta, x, 2, objective="iwae", beta=beta)
    found, estimate = expected(vae, theta, x, 2, objective="dreg", beta=beta)
    np.testing.assert_allclose(found, value, rtol=1e-12)
    np.testing.assert_allclose(estimate, gradient, rtol=1e-6, atol=1e-7)


def test_to_stick_the_landing_on_the_importance_weighted_bound_is_biased(monkeypatch):
    """The negative control: without q's own parameters, and without the second w~, dreg is off."""

    def slip(log_w, beta):
        bound, weight, _, own = FROM_WEIGHTS["dreg"](log_w, beta)
        return bound, weight, None, own

    vae, theta, x = model()
    _, gradient = expected(vae, theta, x, 2, objective="iwae")
    monkeypatch.setitem(FROM_WEIGHTS, "slip", slip)
    _, estimate = expected(vae, theta, x, 2, objective="slip")
    encoder = vae.layout.slices["out.W"].start - 10
    assert np.abs(estimate - gradient)[:encoder].max() > 0.01


def test_one_sample_makes_the_bounds_equal():
    vae, theta, x = model(latent=2)
    eps = np.random.default_rng(1).standard_normal((B, 2))
    for one, other in (("sampled", "iwae"), ("path", "dreg")):
        left, left_vjp = vae.elbo(theta, x=x, eps=eps, objective=one)
        right, right_vjp = vae.elbo(theta, x=x, eps=eps[None], objective=other)
        np.testing.assert_allclose(left, right, rtol=1e-14)
        np.testing.assert_allclose(left_vjp(left)[0], right_vjp(left)[0], atol=1e-13)


def test_samples_are_averaged():
    """S samples at once are the mean of S bounds by one, in value and gradient."""
    vae, theta, x = model(latent=2)
    eps = np.random.default_rng(1).standard_normal((S, B, 2))
    for objective in ("analytic", "sampled", "path"):
        bound, vjp = vae.elbo(theta, x=x, eps=eps, objective=objective)
        each = [vae.elbo(theta, x=x, eps=one, objective=objective) for one in eps]
        np.testing.assert_allclose(bound, np.mean([y for y, _ in each], axis=0), rtol=1e-13)
        gradients = [one_vjp(np.ones(B))[0] for _, one_vjp in each]
        np.testing.assert_allclose(vjp(np.ones(B))[0], np.mean(gradients, axis=0), atol=1e-13)


# -- At the exact posterior


def at_the_posterior(seed=0):
    """(vae, theta, x, log p(x)): one latent, linear decoder, and its posterior as the encoder."""
    vae, theta, x = model("gaussian", (), seed=seed)
    p = vae.layout.views(theta)
    W, b = p["out.W"], p["out.b"]
    precision = 1.0 + (W**2).sum() / 0.8**2
    p["mu.W"][...] = W.T / (0.8**2 * precision)
    p["mu.b"][...] = -b @ p["mu.W"]
    p["logvar.W"][...], p["logvar.b"][...] = 0.0, -np.log(precision)
    log_p = stats.multivariate_normal(b, W.T @ W + 0.8**2 * np.eye(D)).logpdf(x)
    return vae, theta, x, log_p


@pytest.mark.parametrize("objective", ["sampled", "path", "iwae", "dreg"])
@pytest.mark.parametrize("samples", [1, 7])
def test_the_bound_is_the_truth_whatever_is_drawn(objective, samples):
    vae, theta, x, log_p = at_the_posterior()
    eps = 3 * np.random.default_rng(1).standard_normal((samples, B, 1))
    bound, _ = vae.elbo(theta, x=x, eps=eps, objective=objective)
    np.testing.assert_allclose(bound, log_p, rtol=1e-13)


@pytest.mark.parametrize("samples", [1, 7])
def test_only_the_path_gradients_are_silent_there(samples):
    vae, theta, x, _ = at_the_posterior()
    eps = np.random.default_rng(1).standard_normal((samples, B, 1))
    encoder = slice(0, vae.layout.slices["out.W"].start)
    largest = {
        objective: np.abs(
            vae.elbo(theta, x=x, eps=eps, objective=objective)[1](np.ones(B))[0][encoder]
        ).max()
        for objective in OBJECTIVES
    }
    assert largest["path"] < 1e-13
    assert largest["dreg"] < 1e-13
    for objective in ("analytic", "sampled", "iwae"):
        assert largest[objective] > 0.01
    # log w is the same for all draws, and so the baseline takes all of it, but alone it has none.
    assert largest["score"] < 1e-13 if samples > 1 else largest["score"] > 0.01


# -- Free bits


def test_free_bits_are_a_floor_for_the_mean_kl_of_a_latent():
    log_px, kl = np.array([-1.0, -2.0]), np.array([[0.1, 3.0], [0.3, 1.0]])
    loss, vjp = negative_elbo(log_px, kl, free_bits=0.5, beta=2.0)
    assert loss == pytest.approx(1.5 + 2.0 * (0.5 + 2.0))
    dlog_px, dkl = vjp(1.0)
    np.testing.assert_allclose(dlog_px, [-0.5, -0.5])
    np.testing.assert_allclose(dkl, [[0.0, 1.0], [0.0, 1.0]])
    without, _ = negative_elbo(log_px, kl, beta=2.0)
    assert without == pytest.approx(-elbo(log_px, kl, beta=2.0)[0].mean())


def test_a_latent_below_the_floor_is_not_pulled_to_the_prior():
    vae, theta, x = model(latent=2)
    eps = np.random.default_rng(0).standard_normal((B, 2))
    (mu, logvar), _ = vae.encode(theta, x=x)
    each = (0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)).mean(axis=0)
    between = float(each.mean())
    report = gradcheck(
        vae.loss, theta, method="complex", x=x, eps=eps, free_bits=between, layout=vae.layout
    )
    assert report.raise_if_wrong().error < 1e-12
    plain = vae.loss(theta, x=x, eps=eps, beta=0.0)[1](1.0)[0]
    high = vae.loss(theta, x=x, eps=eps, free_bits=2 * float(each.max()))[1](1.0)[0]
    np.testing.assert_allclose(high, plain, atol=1e-15)


# -- Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "iwa"}, "did you mean 'iwae'"),
        ({"objective": "iwae", "free_bits": 0.1}, "free_bits is a floor .* 'analytic'"),
        ({"free_bits": -1.0}, "free_bits must be at least 0"),
        ({"free_bits": np.nan}, "free_bits must be finite"),
    ],
)
def test_bad_options_are_named(options, message):
    vae, theta, x = model()
    with pytest.raises(ValueError, match=message):
        vae.loss(theta, x=x, eps=np.zeros((B, 1)), **options)
