"""The linear VAE and its optimum: against SciPy's densities and searches, quadrature, and the
formulas of probabilistic PCA as they are usually written."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from tinyvae import VAE, gradcheck
from tinyvae.models.linear_vae import (
    best,
    decoder,
    deterministic_elbo,
    deterministic_loss,
    log_evidence,
    optimum,
)
from tinyvae.models.ppca import data_with, fit
from tinyvae.models.quadrature import noise_grid
from tinyvae.watch import Recorder

EIGENVALUES = (3.0, 1.5, 0.6, 0.4, 0.2)
N, D, Z = 40, 5, 2
LIKELIHOODS = pytest.mark.parametrize("law", ["gaussian", "gaussian-learned"])


def data(seed=0):
    rng = np.random.default_rng(seed)
    return data_with(EIGENVALUES, N, rng) + rng.standard_normal(D)


def model(law="gaussian", latent=Z, scale=1.0, seed=0):
    """(vae, theta): a linear VAE with no parameter at 0."""
    vae = VAE(D, latent, (), likelihood=law, scale=scale)
    return vae, 0.5 * np.random.default_rng(seed).standard_normal(vae.layout.size)


def lowest(vae, x, beta=1.0, seed=0):
    """The lowest deterministic loss that L-BFGS finds from a random start."""
    loss = deterministic_loss(vae)

    def both(theta):
        value, vjp = loss(theta, x=x, beta=beta)
        return value, vjp(1.0)[0]

    start = 0.3 * np.random.default_rng(seed).standard_normal(vae.layout.size)
    options = {"maxiter": 20_000, "maxfun": 50_000, "ftol": 1e-16, "gtol": 1e-11}
    return optimize.minimize(both, start, jac=True, method="L-BFGS-B", options=options)


# -- log p(x)


@LIKELIHOODS
@pytest.mark.parametrize("latent", [1, 2, 7])
def test_log_evidence_is_that_of_the_marginal_normal(law, latent):
    vae, theta = model(law, latent, scale=0.6)
    x, p = data(), vae.layout.views(theta)
    variance = 0.36 if law == "gaussian" else math.exp(p["likelihood.logvar"][0, 0])
    covariance = p["out.W"].T @ p["out.W"] + variance * np.eye(D)
    expected = stats.multivariate_normal(p["out.b"], covariance).logpdf(x)
    np.testing.assert_allclose(log_evidence(vae, theta, x), expected, rtol=1e-12)
    assert decoder(vae, theta).tau == pytest.approx(math.sqrt(variance), rel=1e-15)


@LIKELIHOODS
def test_log_evidence_of_float32_is_computed_in_float64(law):
    vae, theta = model(law)
    x, theta = data().astype(np.float32), theta.astype(np.float32)
    found = log_evidence(vae, theta, x)
    assert found.dtype == np.float64
    wide = log_evidence(vae, theta.astype(np.float64), x.astype(np.float64))
    np.testing.assert_allclose(found, wide, rtol=1e-12)


def test_log_evidence_is_refused_where_it_has_no_closed_form():
    x = data()
    for arguments, message in (
        ({"hidden": (3,)}, r"hidden=\(\), a linear decoder, not for \(3,\)"),
        ({"hidden": (), "likelihood": "bernoulli"}, "not for 'bernoulli'"),
    ):
        vae = VAE(D, Z, **({"likelihood": "gaussian"} | arguments))
        theta = vae.init(np.random.default_rng(0), np.float64)
        calls = (
            lambda vae=vae, theta=theta: log_evidence(vae, theta, x),
            lambda vae=vae: optimum(vae, x),
            lambda vae=vae: deterministic_loss(vae),
        )
        for call in calls:
            with pytest.raises(ValueError, match=message):
                call()
    vae, theta = model()
    with pytest.raises(ValueError, match="x has shape"):
        log_evidence(vae, theta, x[:, 1:])
    with pytest.raises(ValueError, match="theta has shape"):
        log_evidence(vae, theta[1:], x)


# -- The bound without a sample


@LIKELIHOODS
@pytest.mark.parametrize("beta", [1.0, 0.3, 4.0])
def test_the_deterministic_bound_is_the_mean_of_the_sampled_one(law, beta):
    """By quadrature over eps: the ELBO is a polynomial of the second degree in it."""
    vae, theta = model(law)
    x = data()[:6]
    eps, weights = noise_grid(1, Z, 3)
    for objective in ("analytic", "sampled"):
        each = []
        for node in eps[0]:
            noise = np.tile(node, (6, 1))
            each.append(vae.elbo(theta, x=x, eps=noise, beta=beta, objective=objective)[0])
        expected = weights @ np.array(each)
        found, _ = deterministic_elbo(vae)(theta, x=x, beta=beta)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    loss, _ = deterministic_loss(vae)(theta, x=x, beta=beta)
    assert loss == pytest.approx(-expected.mean(), rel=1e-13)


@LIKELIHOODS
@pytest.mark.parametrize("latent", [1, 3])
def test_its_gradients_are_exact(law, latent):
    vae, theta = model(law, latent)
    for fn in (deterministic_elbo(vae), deterministic_loss(vae)):
        report = gradcheck(fn, theta, x=data()[:4], beta=1.7, method="complex", layout=vae.layout)
        assert report.raise_if_wrong().error < 1e-12


@LIKELIHOODS
def test_without_what_the_spread_of_z_costs_the_bound_is_above_log_p(law):
    """The negative control: the decoder at z = mu alone is no bound."""
    vae, _ = model(law)
    x = data()
    theta = optimum(vae, x)
    found, _ = deterministic_elbo(vae)(theta, x=x)
    log_p = log_evidence(vae, theta, x)
    assert np.all(found <= log_p + 1e-12)
    shifted, _ = vae.elbo(theta, x=x, eps=np.zeros((N, Z)))
    assert shifted.mean() > log_p.mean() + 0.1


def test_nothing_is_changed_and_vjp_may_be_called_twice():
    vae, theta = model("gaussian-learned")
    x = data()
    kept = theta.copy()
    _, vjp = deterministic_loss(vae)(theta, x=x)
    (once,), (twice,) = vjp(1.0), vjp(1.0)
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(theta, kept)
    assert (
        deterministic_loss(vae)(theta.astype(np.float32), x=x.astype(np.float32))[1](
            np.float32(1.0)
        )[0].dtype
        == np.float32
    )


# -- The optimum

CASES = [  # likelihood, scale, beta, latents active at the optimum
    ("gaussian", 1.0, 1.0, 2),
    ("gaussian", 1.0, 2.0, 1),
    ("gaussian", 1.0, 0.5, 2),
    ("gaussian", 1.0, 4.0, 0),
    ("gaussian", 0.6, 4.0, 2),
    ("gaussian", 0.6, 6.0, 1),
    ("gaussian-learned", 1.0, 1.0, 2),
    ("gaussian-learned", 1.0, 2.5, 1),
    ("gaussian-learned", 1.0, 0.4, 2),
    ("gaussian-learned", 1.0, 6.0, 0),
]
every_case = pytest.mark.parametrize(("law", "scale", "beta", "active"), CASES)


@every_case
def test_no_search_gets_above_the_optimum_and_all_get_there(law, scale, beta, active):
    x, (vae, _) = data(), model(law, scale=scale)
    theta, pca = optimum(vae, x, beta=beta), best(vae, x, beta=beta)
    loss, vjp = deterministic_loss(vae)(theta, x=x, beta=beta)
    assert pca.active == active
    assert -loss == pytest.approx(pca.bound, abs=1e-12)
    assert np.max(np.abs(vjp(1.0)[0])) < 1e-12
    for seed in range(2):
        assert -lowest(vae, x, beta, seed).fun == pytest.approx(pca.bound, abs=1e-10)


@every_case
def test_a_latent_is_active_if_its_eigenvalue_is_above_the_threshold(law, scale, beta, active):
    """Found by the search, not put in: the norms of the rows of W, and the posterior variances."""
    x, (vae, _) = data(), model(law, scale=scale)
    pca, p = best(vae, x, beta=beta), vae.layout.views(lowest(vae, x, beta).x)
    norms = np.sort((p["out.W"] ** 2).sum(axis=1))[::-1]
    expected = np.maximum(np.array(EIGENVALUES[:Z]) - pca.threshold, 0.0)
    np.testing.assert_allclose(norms, expected, atol=1e-4)
    np.testing.assert_allclose(
        np.sort(np.exp(p["logvar.b"])), np.sort(pca.posterior_variances), atol=1e-4
    )
    assert np.sum(norms > 1e-3) == active


def test_at_beta_one_the_maximum_is_that_of_the_likelihood():
    """Tipping & Bishop, equation 8, with the covariance as SciPy takes it."""
    x, (vae, _) = data(), model("gaussian-learned")
    theta, pca = optimum(vae, x), best(vae, x)
    rest = np.mean(EIGENVALUES[Z:])
    used = np.log(EIGENVALUES[:Z]).sum() + (D - Z) * math.log(rest)
    assert pca.variance == pytest.approx(rest, rel=1e-13)
    assert pca.bound == pytest.approx(-0.5 * (D * math.log(2 * math.pi) + used + D), rel=1e-13)
    assert log_evidence(vae, theta, x).mean() == pytest.approx(pca.bound, rel=1e-13)
    p = vae.layout.views(theta)
    covariance = p["out.W"].T @ p["out.W"] + rest * np.eye(D)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    kept = np.where(np.arange(D) < D - Z, rest, values)
    np.testing.assert_allclose(covariance, vectors * kept @ vectors.T, atol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_the_encoder_is_the_posterior_of_the_beta_bound(beta):
    """V = W' (W W' + e I)^-1 and d = e / l, the posterior with e = beta sigma² as variance."""
    x, (vae, _) = data(), model()
    pca, p = best(vae, x, beta=beta), vae.layout.views(optimum(vae, x, beta=beta))
    W = p["out.W"]
    inner = np.linalg.inv(W @ W.T + pca.threshold * np.eye(Z))
    np.testing.assert_allclose(p["mu.W"], W.T @ inner, atol=1e-13)
    np.testing.assert_allclose(np.exp(p["logvar.b"]), pca.threshold * np.diag(inner), rtol=1e-12)
    np.testing.assert_allclose(x.mean(axis=0) @ p["mu.W"] + p["mu.b"], 0.0, atol=1e-13)
    if beta == 1.0:
        mean, covariance = pca.model.posterior(x)
        np.testing.assert_allclose(x @ p["mu.W"] + p["mu.b"], mean, atol=1e-12)
        np.testing.assert_allclose(np.exp(p["logvar.b"]), np.diag(covariance), rtol=1e-12)


def test_the_maximum_is_the_formula_of_the_paper():
    x = data()
    for beta, variance in ((1.0, 1.0), (2.0, 1.0), (4.0, 1.0), (1.5, 0.3), (0.2, 2.0)):
        pca, e = fit(x, Z, beta=beta, variance=variance), beta * variance
        used = [v for v in EIGENVALUES[:Z] if v > e]
        rest = EIGENVALUES[len(used) :]
        inside = sum(math.log(v / e) + 1 for v in used) + sum(rest) / e
        expected = -D / 2 * math.log(2 * math.pi * variance) - beta / 2 * inside
        assert pca.bound == pytest.approx(expected, rel=1e-13)
        assert pca.active == len(used)


@pytest.mark.parametrize("largest", [3.2, 1e4])
def test_an_eigenvalue_at_the_threshold_is_not_above_it(largest):
    """Rounding leaves it a little above or below; one part in 10^9 above is another matter."""
    for seed in range(20):
        x = data_with((largest, 1.4, 0.7, 0.5), 40, np.random.default_rng([seed, 0]))
        found = [fit(x, 2, beta=beta, variance=1.0).active for beta in (1.4, 1.4 / (1 + 1e-9))]
        assert found == [1, 2] if largest < 10 else found[0] == 1
        assert fit(x, 2, beta=largest, variance=1.0).active == 0


def test_data_alike_in_all_directions_have_a_best_variance():
    """All eigenvalues are 1, at the threshold, however many latents there are."""
    for seed in range(20):
        x = data_with(np.ones(3), 20, np.random.default_rng(seed))
        pca = fit(x, 3)
        assert pca.active == 0
        assert pca.variance == pytest.approx(1.0, rel=1e-12)


def test_order_and_signs_of_the_latents_are_free_and_a_rotation_costs():
    x, (vae, _) = data(), model()
    theta = optimum(vae, x)
    loss = deterministic_loss(vae)

    def turned(R):
        p = vae.layout.views(theta)
        moved = p | {"out.W": R.T @ p["out.W"], "mu.W": p["mu.W"] @ R, "mu.b": p["mu.b"] @ R}
        if abs(R[0, 0]) < 1e-9:
            moved["logvar.b"] = p["logvar.b"][::-1]
        return loss(vae.layout.flatten(moved), x=x)[0]

    least, _ = loss(theta, x=x)
    assert turned(np.diag([-1.0, 1.0])) == pytest.approx(least, abs=1e-13)
    assert turned(np.array([[0.0, 1.0], [1.0, 0.0]])) == pytest.approx(least, abs=1e-13)
    c, s = math.cos(0.5), math.sin(0.5)
    assert turned(np.array([[c, -s], [s, c]])) > least + 0.01


def test_more_latents_than_data_are_collapsed_beyond_the_data():
    x, (vae, _) = data(), model(latent=7)
    theta, pca = optimum(vae, x), best(vae, x)
    assert pca.active == 2
    assert pca.bound == pytest.approx(fit(x, 2, variance=1.0).bound, rel=1e-14)
    assert deterministic_loss(vae)(theta, x=x)[0] == pytest.approx(-pca.bound, abs=1e-12)
    np.testing.assert_array_equal(pca.posterior_variances[2:], 1.0)


def test_as_many_latents_as_data_give_the_normal_with_their_covariance():
    x = data()
    covariance = np.cov(x.T, bias=True)
    expected = stats.multivariate_normal(x.mean(axis=0), covariance).logpdf(x).mean()
    for latent in (4, 5, 6):
        assert fit(x, latent).bound == pytest.approx(expected, rel=1e-13)


def test_at_the_optimum_the_path_gives_the_encoder_no_noise_and_others_do():
    """Of one example, by quadrature: the encoder is the exact posterior there."""
    x, (vae, _) = data(), model()
    theta = optimum(vae, x)
    eps, _ = noise_grid(1, Z, 3)
    spread = {}
    for objective in ("path", "sampled", "analytic"):
        watched = []
        for node in eps[0]:
            watch, noise = Recorder(), np.tile(node, (1, N, 1))
            _, vjp = vae.bound(theta, x=x, eps=noise, objective=objective, watch=watch)
            vjp(np.ones(N))
            watched.append([watch["dmu"], watch["dlogvar"]])
        spread[objective] = np.var(watched, axis=0).max()
    assert spread["path"] < 1e-25
    assert min(spread["sampled"], spread["analytic"]) > 0.05


def test_data_have_the_eigenvalues_they_were_made_with():
    pca = fit(data_with(EIGENVALUES, 9, np.random.default_rng(3)), 2, variance=1.0)
    np.testing.assert_allclose(pca.eigenvalues, EIGENVALUES, rtol=1e-12)
    np.testing.assert_allclose(pca.mean, 0.0, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: fit(x[:3], 4), "variance has no best value: 4 latents describe the 5 numbers"),
        (lambda x: fit(x, 5, beta=0.9), "without a rest"),
        (lambda x: fit(x, 2, variance=0.0), "variance must be greater than 0"),
        (lambda x: fit(x, 2, beta=0.0), "beta must be greater than 0"),
        (lambda x: fit(x, 0), "latent must be at least 1"),
        (lambda x: fit(x[0], 2), r"x has shape \(5,\), expected \(N, D\)"),
        (lambda x: fit(x[:0], 2), "x is empty"),
        (lambda x: fit(x * np.nan, 2), r"x\[0, 0\] is nan"),
        (lambda x: data_with(EIGENVALUES, 5, np.random.default_rng(0)), "n must be at least 6"),
        (
            lambda x: data_with((1.0, -0.5), 9, np.random.default_rng(0)),
            "eigenvalues must not be negative, but one of them is -0.5",
        ),
        (lambda x: data_with((1.0, np.nan), 9, None), r"eigenvalues\[1\] is nan"),
        (lambda x: data_with(1.0, 9, None), r"eigenvalues has shape \(\), expected \(D,\)"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(data())
