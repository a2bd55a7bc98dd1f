"""The importance-weighted bound of many samples: its value, its order, its memory."""

import tracemalloc

import numpy as np
import pytest
from scipy.special import logsumexp
from test_elbo import at_the_posterior, model

from tinyvae import VAE, NotFinite
from tinyvae.importance import STREAM, importance_bounds, log_likelihood

KS = (1, 4, 12, 24)


def plain(vae, theta, x, total, seed=0):
    """All of log w (total, N), with the draws that the module makes for one batch."""
    rng = np.random.default_rng([seed, STREAM])
    eps = rng.standard_normal((total, len(x), vae.latent))
    return vae.log_weights(theta, x=x, eps=eps)[0]


@pytest.mark.parametrize("numbers", [1, 40, 200, 10**6])
def test_bounds_are_means_over_groups_however_the_draws_are_cut(monkeypatch, numbers):
    monkeypatch.setattr("tinyvae.importance.NUMBERS", numbers)
    vae, theta, x = model(latent=2)
    log_w = plain(vae, theta, x, 24)
    found = importance_bounds(vae, theta, x, samples=KS)
    assert list(found) == list(KS)
    for k, bounds in found.items():
        groups = log_w.reshape(24 // k, k, len(x))
        np.testing.assert_allclose(bounds, (logsumexp(groups, axis=1) - np.log(k)).mean(axis=0))


@pytest.mark.parametrize("numbers", [1, 100, 10**6])
@pytest.mark.parametrize("samples", [1, 2, 97, 100])
def test_any_number_of_samples(monkeypatch, numbers, samples):
    """97 is prime: the last chunk may be a smaller one."""
    monkeypatch.setattr("tinyvae.importance.NUMBERS", numbers)
    vae, theta, x = model(latent=2)
    expected = logsumexp(plain(vae, theta, x, samples), axis=0) - np.log(samples)
    np.testing.assert_allclose(log_likelihood(vae, theta, x, samples=samples), expected)


def test_at_the_exact_posterior_every_bound_is_the_truth():
    vae, theta, x, log_p = at_the_posterior()
    for bounds in importance_bounds(vae, theta, x, samples=KS).values():
        np.testing.assert_allclose(bounds, log_p, rtol=1e-13)


def test_elsewhere_the_bounds_rise_and_stay_below_the_truth():
    """In standard errors over 4000 examples, of differences between bounds by the same draws."""
    vae, theta, x, log_p = at_the_posterior()
    vae.layout.views(theta)["mu.b"][...] += 0.5
    vae.layout.views(theta)["logvar.b"][...] -= 1.0
    n = 4000
    found = importance_bounds(vae, theta, np.repeat(x[:1], n, axis=0), samples=(1, 10, 100))
    last = None
    for bounds in (*found.values(), np.full(n, log_p[0])):
        if last is not None:
            gap = bounds - last
            assert gap.mean() > 5 * gap.std() / np.sqrt(n)
        last = bounds


def test_more_samples_take_no_more_memory(monkeypatch):
    monkeypatch.setattr("tinyvae.importance.NUMBERS", 2**14)
    rng = np.random.default_rng(0)
    vae = VAE(64, 2, (16,))
    theta, x = vae.init(rng), np.zeros((8, 64), np.float32)
    peaks = []
    for samples in (100, 2000):
        tracemalloc.start()
        log_likelihood(vae, theta, x, samples=samples)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_examples_are_independent_of_how_many_there_are_in_a_batch():
    vae, theta, x = model(latent=2)
    x = np.concatenate([x, x, x])
    found = importance_bounds(vae, theta, x, samples=(1, 50), batch=4)
    assert all(bounds.shape == (9,) for bounds in found.values())
    again = importance_bounds(vae, theta, x[:4], samples=(1, 50), batch=4)
    np.testing.assert_array_equal(found[50][:4], again[50])


def test_float32_parameters_give_float64_bounds():
    vae, theta, x, log_p = at_the_posterior()
    single = log_likelihood(vae, theta.astype(np.float32), x, samples=500)
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, log_p, rtol=1e-5)


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ((3, 10), ValueError, "samples: 3 must divide the largest, 10"),
        ((0,), ValueError, "samples must be at least 1"),
        ((2.5,), TypeError, "samples must be a whole number"),
    ],
)
def test_bad_counts_are_named(samples, error, message):
    vae, theta, x = model()
    with pytest.raises(error, match=message):
        importance_bounds(vae, theta, x, samples=samples)


def test_weights_that_are_not_finite_are_refused():
    vae, theta, x = model()
    vae.layout.views(theta)["logvar.b"][...] = 1500.0
    with pytest.raises(NotFinite, match="an importance weight is not finite"):
        log_likelihood(vae, theta, x, samples=10)


@pytest.mark.parametrize("samples", [(), 10, None])
def test_samples_must_be_numbers_of_samples(samples):
    vae, theta, x = model()
    with pytest.raises(TypeError, match="samples must be numbers of samples"):
        importance_bounds(vae, theta, x, samples=samples)


def test_a_wide_hidden_layer_counts_for_the_memory():
    rng = np.random.default_rng(0)
    vae = VAE(2, 2, (1024,))
    theta, x = vae.init(rng), np.zeros((50, 2), np.float32)
    tracemalloc.start()
    log_likelihood(vae, theta, x, samples=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # 500 x 50 x 1024 numbers are 102 MB, and there are several such arrays
