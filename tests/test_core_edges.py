"""Small promises of the core that larger tests pass by: defaults, ties, mixed precisions, names.

Each was a change of one sign, name or number that no other test noticed (`tools/mutation.py`).
"""

import math

import numpy as np
import pytest
from test_elbo import model

from tinyvae import VAE, Dense, gradcheck, ops
from tinyvae.elbo import OBJECTIVES, elbo, iwae, negative_elbo
from tinyvae.importance import importance_bounds, log_likelihood, log_mean_exp, log_weights
from tinyvae.likelihoods import likelihood
from tinyvae.optim import Adam, optimizer
from tinyvae.signal import gradient_moments
from tinyvae.watch import Recorder

# -- Activations


def test_at_their_kink_rectifiers_have_the_slope_of_the_left():
    x, dy = np.array([-2.0, 0.0, 3.0]), np.array([5.0, 5.0, 5.0])
    np.testing.assert_array_equal(ops.relu(x)[1](dy)[0], [0.0, 0.0, 5.0])
    np.testing.assert_array_equal(ops.leaky_relu(x, slope=0.5)[1](dy)[0], [2.5, 2.5, 5.0])


def test_a_leaky_rectifier_leaks_a_hundredth():
    """Maas, Hannun & Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models (2013)."""
    y, vjp = ops.leaky_relu(np.array([-2.0]))
    np.testing.assert_array_equal(y, [-0.02])
    np.testing.assert_array_equal(vjp(np.array([1.0]))[0], [0.01])


# -- The bound


def test_without_a_beta_the_bound_is_the_elbo():
    log_px, kl = np.array([-3.0, -5.0]), np.array([[0.5, 0.25], [1.0, 0.0]])
    np.testing.assert_array_equal(elbo(log_px, kl)[0], [-3.75, -6.0])
    assert negative_elbo(log_px, kl)[0] == (3.75 + 6.0) / 2


def test_a_latent_at_its_floor_still_pays_and_so_does_one_whose_kl_is_zero():
    """Without free bits a posterior that is the prior has the gradient of the plain bound."""
    log_px, kl = np.zeros(4), np.array([[0.0, 0.5]] * 4)
    for free_bits in (0.0, 0.5):
        _, vjp = negative_elbo(log_px, kl, free_bits=free_bits)
        expected = [float(free_bits == 0.0) / 4, 1.0 / 4]
        np.testing.assert_array_equal(vjp(1.0)[1], np.broadcast_to(expected, (4, 2)))


def test_the_importance_weighted_bound_of_weights_too_far_apart_for_e_to_the_power_of():
    """log((e^0 + e^-2000)/2) = -log 2, and all the weight is the first sample's."""
    bound, weight, _, _ = iwae(np.array([[0.0], [-2000.0]]), 1.0)
    np.testing.assert_allclose(bound, [-math.log(2.0)], rtol=1e-15)
    np.testing.assert_array_equal(weight, [[1.0], [0.0]])


# -- Likelihoods


def test_the_scale_of_a_gaussian_likelihood_is_one_unless_it_is_told():
    px = likelihood("gaussian")
    log_px, _ = px({}, np.zeros((1, 3)), x=np.zeros((1, 3)))
    np.testing.assert_allclose(log_px, [-1.5 * math.log(2.0 * math.pi)], rtol=1e-15)


def test_data_of_fewer_digits_take_none_from_the_scale():
    """x in float32, the network in float64: the log-variance is the network's."""
    out, scale = np.zeros((1, 2)), 0.6
    log_px, _ = likelihood("gaussian", scale=scale)({}, out, x=np.zeros((1, 2), np.float32))
    exact = -2.0 * math.log(scale) - math.log(2.0 * math.pi)
    np.testing.assert_allclose(log_px, [exact], rtol=1e-14)


def test_data_without_variance_start_at_a_variance_of_1e_minus_12():
    _, learned = likelihood("gaussian-learned").start(np.full((5, 3), 0.25))
    np.testing.assert_allclose(np.exp(learned["likelihood.logvar"]), [[1e-12]], rtol=1e-10)


# -- Optimizers


@pytest.mark.parametrize(("name", "lr"), [("sgd", 1e-3), ("momentum", 1e-4), ("adam", 1e-3)])
def test_the_default_learning_rates(name, lr):
    """Adam's is that of the paper, section 2; momentum adds up ten gradients, and has a tenth."""
    assert optimizer(name).lr == lr


def test_adam_keeps_each_moment_under_its_own_name():
    """m, divided by 1 - beta1, is the gradient after one step, and v likewise its square."""
    opt, g = Adam(), np.array([0.5, -3.0])
    opt.step(np.zeros(2), g.copy())
    np.testing.assert_array_equal(opt.state["m"], g)
    np.testing.assert_array_equal(opt.state["v"], g * g)


# -- The bound of many samples, and its gradient


def test_the_seed_of_an_estimate_is_that_of_its_draws():
    vae, theta, x = model(latent=2)
    first, other = (log_likelihood(vae, theta, x, samples=10, seed=seed) for seed in (0, 3))
    np.testing.assert_array_equal(
        other, importance_bounds(vae, theta, x, samples=(10,), seed=3)[10]
    )
    assert np.all(first != other)


def test_the_precision_is_that_of_the_parameters_whatever_that_of_the_data():
    vae, theta, x = model(latent=2)
    theta, x = theta.astype(np.float32), x.astype(np.float32)
    wide, narrow = (log_likelihood(vae, theta, data, samples=4) for data in (x.astype(float), x))
    np.testing.assert_array_equal(wide, narrow)


def test_a_chunk_is_as_large_as_the_memory_allows(monkeypatch):
    """One group of 97 draws may be cut anywhere: 97 is prime, and no reason to go one by one."""
    vae, theta, x = model(latent=2)
    widest = max(vae.data, vae.latent, *vae.hidden)
    monkeypatch.setattr("tinyvae.importance.NUMBERS", 20 * len(x) * widest)
    chunks = log_weights(vae, theta, x, 97, np.random.default_rng(0), groups=(97,))
    assert [len(chunk) for chunk in chunks] == [20, 20, 20, 20, 17]


def test_the_mean_of_weights_that_e_to_the_power_of_would_overflow_or_lose():
    """Far apart within an example, and from one example to the next."""
    log_w = np.array([[0.0, -5000.0], [-2000.0, -5000.0]])
    np.testing.assert_allclose(log_mean_exp(log_w, axis=0), [-math.log(2.0), -5000.0], rtol=1e-14)


@pytest.mark.parametrize("objective", ["analytic", "iwae"])
def test_a_chunk_of_gradients_takes_no_more_memory_than_was_said(monkeypatch, objective):
    vae = VAE(6, 2, (10,))
    theta, x = vae.init(np.random.default_rng(0), np.float64), np.full(6, 0.5)
    sizes, bound = [], vae.bound

    def watched(theta, *, eps, **options):
        sizes.append(eps.shape[0] * eps.shape[1])
        return bound(theta, eps=eps, **options)

    monkeypatch.setattr(vae, "bound", watched)
    monkeypatch.setattr("tinyvae.signal.NUMBERS", 240)
    options = {"objective": objective, "samples": 4, "repeats": 20}
    found = gradient_moments(vae, theta, x, **options, rng=np.random.default_rng(0))
    assert sizes == [24, 24, 24, 8]  # 24 draws of ten numbers each
    assert found["mu"].n == 20


# -- The network


def test_a_watcher_sees_the_gradient_on_either_side_of_the_activation():
    """Of tanh the one is 1 - y² times the other."""
    rng, seen = np.random.default_rng(0), Recorder()
    layer = Dense("layer", 3, 2, "tanh")
    _, vjp = layer(layer.init(rng), rng.standard_normal((5, 3)), watch=seen)
    dy = rng.standard_normal((5, 2))
    vjp(dy)
    np.testing.assert_array_equal(seen["dlayer"], dy)
    np.testing.assert_allclose(seen["dlayer.a"], dy * (1.0 - seen["layer"] ** 2), rtol=1e-13)


def test_the_spread_of_the_starting_weights():
    """1/sqrt(inputs) for a sum of the size of one of them; a hundredth of it for the logvar."""
    vae = VAE(4, 50, (400,))
    views = vae.layout.views(vae.init(np.random.default_rng(0), np.float64))
    for name, gain in (("mu.W", 1.0), ("logvar.W", 0.01)):
        assert views[name].std() * math.sqrt(400) == pytest.approx(gain, rel=0.03)


def test_the_scale_of_a_gaussian_model_is_one_unless_it_is_told():
    assert VAE(2, 1, likelihood="gaussian").px.scale == 1.0


def test_theta_lies_in_the_order_of_the_arrows_and_is_drawn_in_it():
    """Saved runs are vectors, and seeds are promises: no later version may shuffle them."""
    vae = VAE(4, 2, (3,), likelihood="gaussian-learned")
    order = ["encoder.0", "mu", "logvar", "decoder.0", "out"]
    names = [f"{layer}.{block}" for layer in order for block in "Wb"]
    assert list(vae.layout.shapes) == [*names, "likelihood.logvar"]
    views = vae.layout.views(vae.init(np.random.default_rng(5), np.float64))
    rng = np.random.default_rng(5)
    for layer in order:
        W = views[f"{layer}.W"]
        gain = 0.01 if layer == "logvar" else 1.0
        np.testing.assert_allclose(W, rng.standard_normal(W.shape) * gain / math.sqrt(len(W)))


def test_log_weights_are_those_of_the_bound_unless_beta_is_told_and_show_their_z():
    """log w = log p(x|z) + (eps² + logvar - z²)/2, from what a watcher saw on the way."""
    vae, theta, x = model(latent=2)
    eps, seen = np.random.default_rng(3).standard_normal((4, len(x), 2)), Recorder()
    log_w, _ = vae.log_weights(theta, x=x, eps=eps, watch=seen)
    z = seen["mu"] + np.exp(seen["logvar"] / 2) * eps
    np.testing.assert_allclose(seen["z"], z, rtol=1e-13)
    rest = 0.5 * (eps**2 + seen["logvar"] - z**2).sum(axis=-1)
    np.testing.assert_allclose(log_w, seen["log_px"] + rest, rtol=1e-12)
    np.testing.assert_array_equal(log_w, seen["log_w"])


def test_without_options_training_minimizes_minus_the_mean_of_the_bound():
    vae, theta, x = model(latent=2)
    eps = np.random.default_rng(4).standard_normal((3, len(x), 2))
    for method in (vae.negative_bound, vae.loss):
        assert method(theta, x=x, eps=eps)[0] == pytest.approx(
            -vae.elbo(theta, x=x, eps=eps, beta=1.0, objective="analytic")[0].mean(), rel=1e-14
        )


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_gradient_of_the_loss_is_a_mean_over_the_batch_whatever_the_objective(objective):
    vae, theta, x = model(latent=2)
    eps = np.random.default_rng(4).standard_normal((3, len(x), 2))
    options = {"x": x, "eps": eps, "beta": 0.7, "objective": objective}
    if objective in ("analytic", "sampled", "iwae"):  # of the others the value has another slope
        gradcheck(vae.loss, theta, **options).raise_if_wrong()
    (each,) = vae.elbo(theta, **options)[1](np.full(len(x), -1.0 / len(x)))
    np.testing.assert_allclose(vae.loss(theta, **options)[1](1.0)[0], each, rtol=1e-13)
