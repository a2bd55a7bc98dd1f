"""The figures of a run show what they say they show."""

import matplotlib as mpl
import numpy as np
import pytest

from tinyvae import VAE, data, plots
from tinyvae.commands import figures

mpl.use("Agg")

HISTORY = [{"epoch": 1, "loss": 2, "reconstruction": 1, "kl": 1, "beta": 1, "held_out": 2}]


@pytest.fixture
def shown(monkeypatch):
    """What was given to each function of plots, by the function's name."""
    given = {}

    def watch(draw):
        def spy(*args, **kwargs):
            given[draw.__name__] = args, kwargs
            return draw(*args, **kwargs)

        monkeypatch.setattr(plots, draw.__name__, spy)

    for draw in (plots.manifold, plots.samples, plots.reconstructions, plots.latent_scatter):
        watch(draw)
    return given


def test_a_run_is_drawn_from_its_own_decoder_and_encoder(shown, tmp_path):
    rng = np.random.default_rng(0)
    digits = data.load("digits").binarized("threshold")
    vae = VAE(64, 2, (8,))
    theta = vae.init(rng, np.float64)
    figures.draw(vae, theta, digits, HISTORY, tmp_path, seed=0)

    (decoded, shape, grid), _ = shown["manifold"]
    assert shape == (8, 8)
    top_left, bottom_right = np.array([[grid[0], grid[-1]]]), np.array([[grid[-1], grid[0]]])
    np.testing.assert_allclose(decoded[:1], vae.mean(theta, top_left), rtol=1e-12)
    np.testing.assert_allclose(decoded[-1:], vae.mean(theta, bottom_right), rtol=1e-12)

    (x, x_hat, _), _ = shown["reconstructions"]
    np.testing.assert_array_equal(x, digits.held_out[: len(x)])
    np.testing.assert_allclose(x_hat, vae.reconstruct(theta, x=x), rtol=1e-12)

    (mu, labels), _ = shown["latent_scatter"]
    x = digits.x.astype(np.float64)
    np.testing.assert_allclose(mu, vae.encode(theta, x=x)[0][0], rtol=1e-12)
    np.testing.assert_array_equal(labels, digits.labels)


def test_points_are_drawn_with_their_spread(shown, tmp_path):
    moons = data.load("moons", n=200, held_out=50)
    vae = VAE(2, 2, (8,), likelihood="gaussian", scale=3.0)
    theta = np.zeros(vae.layout.size, np.float32)  # every mean is 0: all that is left is the spread
    figures.draw(vae, theta, moons, HISTORY, tmp_path, seed=0)
    (points, _), _ = shown["samples"]
    # 2000 normal numbers: their variance has a standard error of 9 sqrt(2 / 2000)
    assert abs(points.var() - 9) < 5 * 9 * np.sqrt(2 / points.size)
