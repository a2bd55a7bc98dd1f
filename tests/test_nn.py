"""Networks in one flat vector: the views, and the scale that signals start with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvae import MLP, VAE, Dense, Layout

LAYOUT = Layout({"W": (3, 4), "b": (4,), "s": (1, 1)})


# -- Layout


def test_views_are_views_one_after_the_other():
    theta = np.arange(17.0)
    views = LAYOUT.views(theta)
    assert LAYOUT.size == 17
    np.testing.assert_array_equal(views["W"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(views["b"], [12, 13, 14, 15])
    assert views["s"].shape == (1, 1)
    for view in views.values():
        assert np.shares_memory(view, theta)
    views["b"][1] = -1
    assert theta[13] == -1


shapes = st.lists(st.lists(st.integers(1, 4), max_size=3).map(tuple), min_size=1, max_size=5)


@given(shapes)
def test_flatten_undoes_views(shapes):
    layout = Layout({f"block{i}": shape for i, shape in enumerate(shapes)})
    theta = np.random.default_rng(0).standard_normal(layout.size)
    np.testing.assert_array_equal(layout.flatten(layout.views(theta)), theta)


@pytest.mark.parametrize("shape", [(16,), (18,), (17, 1), (1, 17), ()])
def test_views_refuse_another_size(shape):
    with pytest.raises(ValueError, match=r"theta has shape .*, expected \(17,\)"):
        LAYOUT.views(np.zeros(shape))


def test_flatten_refuses_a_missing_block():
    with pytest.raises(KeyError, match="b"):
        LAYOUT.flatten({"W": np.zeros((3, 4)), "s": np.zeros((1, 1))})


# -- Layers


def test_dense_is_activation_of_affine():
    layer = Dense("hidden", 3, 2, "tanh")
    rng = np.random.default_rng(1)
    W, b, h = rng.standard_normal((3, 2)), rng.standard_normal(2), rng.standard_normal((5, 3))
    y, vjp = layer({"hidden.W": W, "hidden.b": b, "other.W": None}, h)
    np.testing.assert_allclose(y, np.tanh(np.einsum("bi,io->bo", h, W) + b), rtol=1e-14)
    dparams, dh = vjp(np.ones_like(y))
    assert set(dparams) == {"hidden.W", "hidden.b"}
    assert dh.shape == h.shape


def test_mlp_is_its_layers_in_turn():
    mlp = MLP("net", (4, 3, 2), "sigmoid")
    params = mlp.init(np.random.default_rng(2))
    assert {k: v.shape for k, v in params.items()} == mlp.shapes
    x = np.random.default_rng(3).standard_normal((5, 4))

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    by_hand = sigmoid(x @ params["net.0.W"] + params["net.0.b"])
    by_hand = sigmoid(by_hand @ params["net.1.W"] + params["net.1.b"])
    np.testing.assert_allclose(mlp(params, x)[0], by_hand, rtol=1e-13)


def test_data_gets_no_gradient_and_the_parameters_get_the_same():
    mlp = MLP("net", (4, 3, 2), "tanh")
    params = mlp.init(np.random.default_rng(4))
    x, dy = np.ones((5, 4)), np.ones((5, 2))
    of_data, of_input = mlp(params, x=x)[1](dy), mlp(params, x)[1](dy)
    assert len(of_data) == 1
    assert len(of_input) == 2
    for name in mlp.shapes:
        np.testing.assert_array_equal(of_data[0][name], of_input[0][name])


def test_no_layers_is_the_identity():
    mlp = MLP("net", (4,), "tanh")
    x, dy = np.ones((5, 4)), np.full((5, 4), 3.0)
    assert mlp.shapes == {}
    y, vjp = mlp({}, x)
    np.testing.assert_array_equal(y, x)
    dparams, dx = vjp(dy)
    assert dparams == {}
    np.testing.assert_array_equal(dx, dy)
    assert mlp({}, x=x)[1](dy) == ({},)


@pytest.mark.parametrize(
    ("inputs", "outputs", "activation", "error", "message"),
    [
        (0, 2, "tanh", ValueError, "inputs must be at least 1"),
        (2, -1, "tanh", ValueError, "outputs must be at least 1"),
        (2.0, 2, "tanh", TypeError, "inputs must be a whole number"),
        (True, 2, "tanh", TypeError, "inputs must be a whole number"),
        (2, 2, "tahn", ValueError, "did you mean 'tanh'"),
    ],
)
def test_dense_refuses(inputs, outputs, activation, error, message):
    with pytest.raises(error, match=message):
        Dense("layer", inputs, outputs, activation)


# -- The scale at the start


def growth(activation, scale, width=300, depth=6, gain=None, nets=25):
    """mean h² behind the layers over mean h² before them: one number for each of many nets."""
    ratios = []
    for seed in range(nets):
        rng = np.random.default_rng(seed)
        mlp = MLP("net", (width,) * (depth + 1), activation)
        if gain is not None:
            mlp.layers = [Dense(d.name, width, width, activation, gain) for d in mlp.layers]
        x = scale * rng.standard_normal((20, width))
        y, _ = mlp(mlp.init(rng), x)
        ratios.append((y**2).mean() / (x**2).mean())
    return np.array(ratios)


@pytest.mark.parametrize(("activation", "scale"), [("identity", 1), ("tanh", 0.01), ("relu", 1)])
def test_signals_keep_their_scale_through_six_layers(activation, scale):
    ratios = growth(activation, scale)
    assert abs(ratios.mean() - 1) < 4 * ratios.std(ddof=1) / np.sqrt(len(ratios))


def test_without_its_gain_a_rectifier_halves_the_variance_at_each_layer():
    ratios = 2**6 * growth("relu", 1, gain=1.0)
    assert abs(ratios.mean() - 1) < 4 * ratios.std(ddof=1) / np.sqrt(len(ratios))


@pytest.mark.parametrize(("inputs", "gain"), [(50, 1.0), (400, 1.0), (200, 2.0)])
def test_weights_have_variance_gain_squared_over_inputs(inputs, gain):
    blocks = Dense("layer", inputs, 100, gain=gain).init(np.random.default_rng(5))
    W, n = blocks["layer.W"], inputs * 100
    expected = gain**2 / inputs
    assert abs(W.mean()) < 4 * np.sqrt(expected / n)
    assert abs(W.var() - expected) < 4 * expected * np.sqrt(2 / n)
    np.testing.assert_array_equal(blocks["layer.b"], 0)


def test_sigma_starts_near_one():
    vae = VAE(64, 20, (200, 100))
    rng = np.random.default_rng(6)
    theta = vae.init(rng, np.float64)
    (mu, logvar), _ = vae.encode(theta, x=rng.random((50, 64)))
    assert np.abs(np.exp(logvar / 2) - 1).max() < 0.05
    assert logvar.std() < 0.05 * mu.std()


def test_same_generator_same_weights_and_the_dtype_asked_for():
    vae = VAE(6, 2)
    first, again = (vae.init(np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert first.shape == (vae.layout.size,)
    np.testing.assert_array_equal(vae.init(np.random.default_rng(7), np.float64).astype("f"), first)
    assert np.any(vae.init(np.random.default_rng(8)) != first)
