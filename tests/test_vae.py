"""The whole model: its formula, the bound it promises, the arrows inside, and bad input."""

import itertools
import re

import numpy as np
import pytest
from scipy import special, stats

from tinyvae import VAE, NotFinite, trace
from tinyvae.diagnostics import explain

LAWS = pytest.mark.parametrize("law", ["bernoulli", "gaussian", "gaussian-learned"])
B, D, Z = 5, 7, 2


def model(law="bernoulli", hidden=(4, 3), seed=0, **kwargs):
    """(vae, theta, x, eps): a small model with no parameter at 0, and data that suit every law."""
    vae = VAE(D, Z, hidden, likelihood=law, **kwargs)
    rng = np.random.default_rng(seed)
    theta = vae.init(rng, np.float64) + 0.3 * rng.standard_normal(vae.layout.size)
    return vae, theta, rng.random((B, D)), rng.standard_normal((B, Z))


# -- The formula


@LAWS
@pytest.mark.parametrize("beta", [1.0, 0.0, 0.25, 4.0])
def test_loss_is_the_formula_of_the_page(law, beta):
    """Written once more, from the names of the weights, with scipy's densities."""
    vae, theta, x, eps = model(law, scale=0.6)
    p = vae.layout.views(theta)

    def dense(h, name):
        return h @ p[f"{name}.W"] + p[f"{name}.b"]

    h = np.tanh(dense(np.tanh(dense(x, "encoder.0")), "encoder.1"))
    mu, logvar = dense(h, "mu"), dense(h, "logvar")
    z = mu + np.exp(logvar / 2) * eps
    out = dense(np.tanh(dense(np.tanh(dense(z, "decoder.0")), "decoder.1")), "out")
    if law == "bernoulli":
        s = special.expit(out)
        log_px = special.xlogy(x, s) + special.xlogy(1 - x, 1 - s)
    else:
        scale = 0.6 if law == "gaussian" else np.exp(p["likelihood.logvar"][0, 0] / 2)
        log_px = stats.norm.logpdf(x, out, scale)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    elbo = log_px.sum(axis=1) - beta * kl.sum(axis=1)

    np.testing.assert_allclose(vae.elbo(theta, x=x, eps=eps, beta=beta)[0], elbo, rtol=1e-12)
    assert vae.loss(theta, x=x, eps=eps, beta=beta)[0] == pytest.approx(-elbo.mean(), rel=1e-13)
    np.testing.assert_allclose(vae.encode(theta, x=x)[0], (mu, logvar), rtol=1e-12)
    np.testing.assert_allclose(vae.decode(theta, z)[0], out, rtol=1e-12)


@LAWS
@pytest.mark.parametrize("hidden", [(), (3,), (4, 3, 2)])
def test_shapes(law, hidden):
    vae, theta, x, eps = model(law, hidden)
    (mu, logvar), encode_vjp = vae.encode(theta, x=x)
    out, decode_vjp = vae.decode(theta, eps)
    elbo, elbo_vjp = vae.elbo(theta, x=x, eps=eps)
    loss, loss_vjp = vae.loss(theta, x=x, eps=eps)
    assert mu.shape == logvar.shape == (B, Z)
    assert (
        out.shape == vae.reconstruct(theta, x=x).shape == vae.sample(theta, eps=eps).shape == (B, D)
    )
    assert elbo.shape == (B,)
    assert np.shape(loss) == ()
    assert loss == pytest.approx(-elbo.mean(), rel=1e-14)
    for grads in (encode_vjp((mu, logvar)), elbo_vjp(elbo), loss_vjp(1.0)):
        assert [grad.shape for grad in grads] == [theta.shape]
    assert [grad.shape for grad in decode_vjp(out)] == [theta.shape, eps.shape]
    noise = vae.px.noise(np.random.default_rng(0), out.shape)
    assert vae.sample(theta, eps=eps, noise=noise).shape == (B, D)


def test_decoder_mirrors_the_encoder():
    shapes = VAE(7, 2, (5, 3)).layout.shapes
    assert shapes["encoder.0.W"] == (7, 5)
    assert shapes["encoder.1.W"] == (5, 3)
    assert shapes["mu.W"] == shapes["logvar.W"] == (3, 2)
    assert shapes["decoder.0.W"] == (2, 3)
    assert shapes["decoder.1.W"] == (3, 5)
    assert shapes["out.W"] == (5, 7)


def test_config_makes_the_model_again():
    vae, theta, x, eps = model("gaussian", scale=0.3, activation="relu")
    again = VAE(**vae.config)
    assert again.config == vae.config
    assert again.loss(theta, x=x, eps=eps)[0] == vae.loss(theta, x=x, eps=eps)[0]


@LAWS
def test_init_with_data_starts_the_output_at_their_best_constant(law):
    vae, _, x, _ = model(law)
    theta = vae.init(np.random.default_rng(0), np.float64, x=x)
    out, learned = vae.px.start(x)
    p = vae.layout.views(theta)
    np.testing.assert_array_equal(p["out.b"], out)
    for name, block in learned.items():
        np.testing.assert_array_equal(p[name], block)
    plain = vae.layout.views(vae.init(np.random.default_rng(0), np.float64))
    for name in set(p) - {"out.b", *learned}:
        np.testing.assert_array_equal(p[name], plain[name])


@LAWS
def test_each_example_has_its_own_bound(law):
    vae, theta, x, eps = model(law)
    together, _ = vae.elbo(theta, x=x, eps=eps)
    alone = [vae.elbo(theta, x=x[i : i + 1], eps=eps[i : i + 1])[0][0] for i in range(B)]
    np.testing.assert_allclose(together, alone, rtol=1e-13)


def test_reconstruction_decodes_the_mean_and_is_a_mean_itself():
    vae, theta, x, _ = model()
    (mu, _), _ = vae.encode(theta, x=x)
    expected = special.expit(vae.decode(theta, mu)[0])
    np.testing.assert_allclose(vae.reconstruct(theta, x=x), expected, rtol=1e-13)


def test_draws_scatter_around_the_mean():
    vae, theta, _, _ = model()
    n = 20_000
    eps = np.tile(np.array([[0.5, -1.0]]), (n, 1))
    mean = vae.sample(theta, eps=eps[:1])[0]
    noise = vae.px.noise(np.random.default_rng(1), (n, D))
    draws = vae.sample(theta, eps=eps, noise=noise)
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4 * np.sqrt(mean * (1 - mean) / n))


# -- The bound, where log p(x) is known: x = W z + b + s noise is N(b, W^T W + s² I)

SCALE = 0.7


def linear(orthogonal, seed=0):
    """(vae, theta, x, log p(x)): a linear decoder, and a linear encoder that is not the best."""
    vae = VAE(D, Z, (), likelihood="gaussian", scale=SCALE)
    rng = np.random.default_rng(seed)
    theta = 0.5 * rng.standard_normal(vae.layout.size)
    p = vae.layout.views(theta)
    if orthogonal:
        p["out.W"][...] = np.linalg.qr(rng.standard_normal((D, Z)))[0].T * [[1.5], [0.4]]
    W, b = p["out.W"], p["out.b"]
    x = rng.standard_normal((B, D))
    log_p = stats.multivariate_normal(b, W.T @ W + SCALE**2 * np.eye(D)).logpdf(x)
    return vae, theta, x, log_p


def expected_elbo(vae, theta, x, **kwargs):
    """The mean over eps, exactly: the ELBO is quadratic in eps, and eps = ±1 has its moments."""
    corners = itertools.product([-1.0, 1.0], repeat=Z)
    each = [vae.elbo(theta, x=x, eps=np.tile(eps, (len(x), 1)), **kwargs)[0] for eps in corners]
    return np.mean(each, axis=0)


def set_posterior(vae, theta):
    """The exact posterior, N(V W (x - b) / s², V) with V = (I + W W^T / s²)^-1, as encoder."""
    p = vae.layout.views(theta)
    W, b = p["out.W"], p["out.b"]
    V = np.linalg.inv(np.eye(Z) + W @ W.T / SCALE**2)
    p["mu.W"][...] = W.T @ V / SCALE**2
    p["mu.b"][...] = -b @ p["mu.W"]
    p["logvar.W"][...] = 0
    p["logvar.b"][...] = np.log(np.diag(V))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("orthogonal", [True, False])
def test_the_elbo_is_below_the_log_likelihood(orthogonal, seed):
    vae, theta, x, log_p = linear(orthogonal, seed)
    assert np.all(expected_elbo(vae, theta, x) < log_p)
    # A diagonal q is not the posterior of rows that are not orthogonal: still below.
    set_posterior(vae, theta)
    gap = log_p - expected_elbo(vae, theta, x)
    assert np.all(gap > (-1e-11 if orthogonal else 1e-4))


@pytest.mark.parametrize("seed", range(5))
def test_the_elbo_is_the_log_likelihood_at_the_exact_posterior(seed):
    vae, theta, x, log_p = linear(True, seed)
    set_posterior(vae, theta)
    np.testing.assert_allclose(expected_elbo(vae, theta, x), log_p, rtol=1e-12)
    _, vjp = vae.elbo(theta, x=x, eps=np.ones((B, Z)))
    assert np.any(vjp(np.ones(B))[0])


def test_the_gap_is_the_divergence_from_the_posterior():
    """log p(x) - ELBO = KL(q || p(z | x)), by the formula for two Gaussians."""
    vae, theta, x, log_p = linear(False)
    p = vae.layout.views(theta)
    W, b = p["out.W"], p["out.b"]
    precision = np.eye(Z) + W @ W.T / SCALE**2
    mean = (x - b) @ W.T @ np.linalg.inv(precision) / SCALE**2
    (mu, logvar), _ = vae.encode(theta, x=x)
    away = mu - mean
    divergence = 0.5 * (
        np.exp(logvar) @ np.diag(precision)
        + np.einsum("bi,ij,bj->b", away, precision, away)
        - Z
        - logvar.sum(axis=1)
        - np.linalg.slogdet(precision)[1]
    )
    np.testing.assert_allclose(log_p - expected_elbo(vae, theta, x), divergence, rtol=1e-10)


def test_random_eps_averages_to_the_log_likelihood():
    vae, theta, x, log_p = linear(True)
    set_posterior(vae, theta)
    n = 100_000
    eps = np.random.default_rng(2).standard_normal((n, Z))
    elbo, _ = vae.elbo(theta, x=np.tile(x[:1], (n, 1)), eps=eps)
    assert abs(elbo.mean() - log_p[0]) < 4 * elbo.std() / np.sqrt(n)


@pytest.mark.parametrize("slip", ["sigma is exp(logvar)", "an eighth of the KL"])
def test_a_wrong_objective_breaks_the_bound(slip):
    """The negative control: slips that every gradient check passes end above log p(x)."""
    vae, theta, x, log_p = linear(True)
    set_posterior(vae, theta)
    if slip == "an eighth of the KL":
        elbo = expected_elbo(vae, theta, x, beta=1 / 8)
    else:
        logvar = vae.layout.views(theta)["logvar.b"]
        corners = [
            np.array(eps) * np.exp(logvar / 2) for eps in itertools.product([-1, 1], repeat=Z)
        ]
        each = [vae.elbo(theta, x=x, eps=np.tile(eps, (B, 1)))[0] for eps in corners]
        elbo = np.mean(each, axis=0)
    assert np.all(elbo > log_p)


# -- The arrows inside


@LAWS
@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_the_two_paths_meet_in_mu_and_in_logvar(law, beta):
    vae, theta, x, eps = model(law)
    t = trace(vae, theta, x=x, eps=eps, beta=beta)
    np.testing.assert_array_equal(t["dmu"], t["dmu_z"] + t["dmu_kl"])
    np.testing.assert_array_equal(t["dlogvar"], t["dlogvar_z"] + t["dlogvar_kl"])
    np.testing.assert_array_equal(t["dmu_z"], t["dz"])
    np.testing.assert_allclose(t["dlogvar_z"], t["dz"] * t["sigma"] * eps / 2, rtol=1e-13)
    np.testing.assert_allclose(t["dmu_kl"], beta * t["mu"] / B, rtol=1e-13)
    np.testing.assert_allclose(
        t["dlogvar_kl"], beta * (np.exp(t["logvar"]) - 1) / (2 * B), rtol=1e-9
    )
    np.testing.assert_allclose(t["sigma"], np.exp(t["logvar"] / 2), rtol=1e-15)
    np.testing.assert_allclose(t["z"], t["mu"] + t["sigma"] * eps, rtol=1e-15)


def test_trace_ends_in_the_loss_and_its_gradient():
    vae, theta, x, eps = model()
    t = trace(vae, theta, x=x, eps=eps, beta=0.4)
    loss, vjp = vae.loss(theta, x=x, eps=eps, beta=0.4)
    assert t["loss"] == pytest.approx(loss, rel=1e-14)
    np.testing.assert_allclose(t["dtheta"], vjp(1.0)[0], rtol=1e-13)


@LAWS
def test_dz_and_dmu_are_the_slopes_at_these_nodes(law):
    """Moving eps by h / sigma moves z alone by h; moving the bias of mu moves mu, and z with it."""
    vae, theta, x, eps = model(law)
    x, eps, h = x[:1], eps[:1], 1e-5
    t = trace(vae, theta, x=x, eps=eps)

    def loss(move_z, move_mu):
        moved = theta.copy()
        vae.layout.views(moved)["mu.b"][...] += move_mu
        return vae.loss(moved, x=x, eps=eps + move_z / t["sigma"])[0]

    for k, step in enumerate(h * np.eye(Z)):
        dz = (loss(step, 0) - loss(-step, 0)) / (2 * h)
        dmu = (loss(0, step) - loss(0, -step)) / (2 * h)
        assert t["dz"][0, k] == pytest.approx(dz, rel=1e-7)
        assert t["dmu"][0, k] == pytest.approx(dmu, rel=1e-7)


# -- Bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"data": 0}, ValueError, "data must be at least 1, not 0"),
        ({"latent": -2}, ValueError, "latent must be at least 1, not -2"),
        ({"hidden": (5, 0)}, ValueError, "hidden must be at least 1"),
        ({"data": True}, TypeError, "data must be a whole number, not True"),
        ({"latent": False}, TypeError, "latent must be a whole number"),
        ({"hidden": (True,)}, TypeError, "hidden must be a whole number"),
        ({"latent": 2.0}, TypeError, "latent must be a whole number"),
        ({"data": "7"}, TypeError, "data must be a whole number"),
        ({"hidden": 64}, TypeError, "hidden"),
        ({"activation": "rely"}, ValueError, "unknown activation 'rely': did you mean 'relu'"),
        ({"activation": "rely", "hidden": ()}, ValueError, "unknown activation 'rely'"),
        ({"likelihood": "bernouli"}, ValueError, "did you mean 'bernoulli'"),
        ({"likelihood": "gaussian", "scale": 0.0}, ValueError, "scale must be greater than 0"),
        ({"scale": -1.0}, ValueError, "scale must be greater than 0"),
        ({"likelihood": "gaussian", "scale": "1"}, TypeError, "scale must be a number"),
    ],
)
def test_bad_models_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        VAE(**{"data": D, "latent": Z, **arguments})


def spoiled(value):
    x = np.full((B, D), 0.5)
    x[3, 4] = value
    return x


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((B, D), int), TypeError, "floating-point numbers, not int64"),
        (np.ones((B, D), bool), TypeError, "floating-point numbers, not bool"),
        ([[0.5] * D] * B, TypeError, "floating-point numbers, not list"),
        (np.zeros((B, D + 1)), ValueError, r"x has shape \(5, 8\), expected \(B, 7\)"),
        (np.zeros(D), ValueError, r"x has shape \(7,\), expected \(B, 7\)"),
        (np.zeros((1, B, D)), ValueError, r"expected \(B, 7\)"),
        (np.zeros((0, D)), ValueError, "x is empty"),
        (spoiled(np.nan), ValueError, r"x\[3, 4\] is nan"),
        (spoiled(np.inf), ValueError, r"x\[3, 4\] is inf"),
        (spoiled(1.5), ValueError, r"x must be in \[0, 1\] .* \[0.5, 1.5\]"),
        (spoiled(-0.5), ValueError, r"x must be in \[0, 1\]"),
    ],
)
def test_bad_data_are_refused_by_everything_that_takes_data(x, error, message):
    vae, theta, _, eps = model()
    calls = (
        lambda: vae.loss(theta, x=x, eps=eps),
        lambda: vae.elbo(theta, x=x, eps=eps),
        lambda: vae.encode(theta, x=x),
        lambda: vae.reconstruct(theta, x=x),
    )
    for call in calls:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("shape", [(B, Z + 1), (B + 1, Z), (Z,), (0, B, Z), (1, 1, B, Z), ()])
def test_eps_and_z_of_a_wrong_shape_are_refused(shape):
    vae, theta, x, _ = model()
    with pytest.raises(ValueError, match=r"eps has shape .*, expected \(5, 2\)"):
        vae.loss(theta, x=x, eps=np.zeros(shape))
    if shape != (B + 1, Z):  # any number of draws may be decoded
        with pytest.raises(ValueError, match=r"z has shape .*, expected \(B, 2\)"):
            vae.decode(theta, np.zeros(shape))


def test_noise_of_a_wrong_shape_is_refused():
    vae, theta, _, eps = model()
    with pytest.raises(ValueError, match=r"noise has shape \(5, 2\), expected \(5, 7\)"):
        vae.sample(theta, eps=eps, noise=eps)


@pytest.mark.parametrize("change", [1, -1])
def test_theta_of_a_wrong_size_is_refused(change):
    vae, theta, x, eps = model()
    with pytest.raises(ValueError, match=r"theta has shape"):
        vae.loss(np.zeros(theta.size + change), x=x, eps=eps)


@pytest.mark.parametrize(
    ("name", "value", "first", "why"),
    [
        ("encoder.1.W", np.nan, "encoder.1.W", ""),
        ("out.b", np.inf, "out.b", ""),
        ("logvar.b", 1500.0, "z", ""),  # sigma = e^750
        ("logvar.b", 720.0, "kl", "709"),  # e^720 overflows, sigma = e^360 does not
        ("mu.b", 1e200, "kl", ""),
    ],
)
def test_not_finite_names_the_first_array_that_went_bad(name, value, first, why):
    vae, theta, x, eps = model()
    vae.layout.views(theta)[name].flat[0] = value
    for call in (vae.loss, vae.elbo):
        with pytest.raises(NotFinite, match=rf"^{first} is the first array") as caught:
            call(theta, x=x, eps=eps)
        assert why in str(caught.value)


def test_encode_and_decode_name_it_too():
    vae, theta, x, eps = model()
    vae.layout.views(theta)["mu.W"][0, 0] = np.nan
    vae.layout.views(theta)["out.W"][0, 0] = np.inf
    with pytest.raises(NotFinite, match=r"mu\.W is the first array"):
        vae.encode(theta, x=x)
    with pytest.raises(NotFinite, match="is the first array"):
        vae.decode(theta, eps)
    with pytest.raises(ValueError, match=r"z\[0, 1\] is nan"):
        vae.decode(theta, np.array([[0.0, np.nan]]))


def test_not_finite_names_the_noise():
    vae, theta, x, eps = model()
    eps[0, 0] = np.nan
    with pytest.raises(NotFinite, match="eps is the first array"):
        vae.loss(theta, x=x, eps=eps)


@pytest.mark.parametrize("beta", [np.nan, np.inf])
def test_not_finite_names_beta(beta):
    vae, theta, x, eps = model()
    with pytest.raises((NotFinite, ValueError), match="beta"):
        vae.loss(theta, x=x, eps=eps, beta=beta)


def test_not_finite_names_the_hidden_layer_that_overflows_first():
    rng = np.random.default_rng(0)
    vae = VAE(6, 2, (5, 4), "relu")
    theta = vae.init(rng)
    vae.layout.views(theta)["encoder.0.W"][:] = 3e38
    x, eps = np.ones((3, 6), np.float32), np.ones((3, 2), np.float32)
    with pytest.raises(NotFinite, match=r"^encoder\.0\.a is the first .* learning rate"):
        vae.loss(theta, x=x, eps=eps)


def test_a_gradient_too_large_to_square_is_named_by_its_block():
    rng = np.random.default_rng(0)
    vae = VAE(6, 2, (5,))
    theta = vae.init(rng)
    x, eps = np.ones((3, 6), np.float32), np.ones((3, 2), np.float32)
    said = explain(vae, theta, x=x, eps=eps, beta=1e25)
    assert re.match(r"the gradient is too large to be squared, dmu\.\w reaches .* learning", said)
