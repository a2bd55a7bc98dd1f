"""The runs of test_device.py, noise and a training, on a real GPU. Where there is none: skipped.

CuPy compiles each kernel at its first use and keeps it: the first time this takes minutes.
"""

from dataclasses import replace

import numpy as np
import pytest
from test_device import DTYPES, EVERY, LAW, compare, parameters, rounded

import tinyvae
from tinyvae import backend
from tinyvae.checks import Draw
from tinyvae.distributions.law import draw_shape
from tinyvae.elbo import OBJECTIVES
from tinyvae.errors import Undefined
from tinyvae.step import gradient
from tinyvae.train import Settings, fit


def missing():
    """Why there is no GPU to test on, or None."""
    cupy, why = backend._cupy()
    if cupy is None:
        return f"no GPU: CuPy is {why}"
    return None if cupy.is_available() else "no GPU: CuPy finds none"


if missing():
    pytest.skip(missing(), allow_module_level=True)
pytestmark = pytest.mark.gpu

# Of the largest number of an array: the functions of a GPU differ from the host's by an ulp or two.
CLOSE = {"float32": 1e-5, "float64": 1e-12}
# These magnify it: a difference over a step of 0.01, 1 - x of an x near 1, a sum that cancels. With
# an ulp more or less in every function of the double they move by up to 1e-3 and 2e-12.
MAGNIFYING = (
    "finite differences", "delta method", " of beta", " of dirichlet", " of kumaraswamy",
    " of concrete", " of binary_concrete", "law log_normal: log_prob",
)  # fmt: skip
MAGNIFIED = {"float32": 5e-3, "float64": 1e-11}


def near(there, here, share):
    size = float(np.abs(here).max(initial=0.0)) or 1.0
    np.testing.assert_allclose(there, here, rtol=0.0, atol=share * size)


@EVERY
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_gpu_gives_the_numbers_of_the_host(run, dtype):
    share = (MAGNIFIED if any(part in run.name for part in MAGNIFYING) else CLOSE)[dtype]
    compare(run, dtype, lambda there, here: near(there, here, share))


# -- Noise


@LAW
@pytest.mark.parametrize("dtype", DTYPES)
def test_draws_from_the_gpus_own_noise_have_the_mean_of_the_law(law, dtype):
    """To five standard errors of 100,000 draws, where there is a mean."""
    params = rounded(parameters(law, Draw(np.random.default_rng(0))), dtype)
    there = backend.to_device(params)
    shape = (100_000, *draw_shape(law, params))
    noise = law.noise(backend.default_rng(3, "cupy"), shape, dtype)
    assert backend.backend_of(noise) == "cupy"
    assert noise.dtype == dtype
    z = backend.to_host(law.sample(*there, noise=noise)).astype(float)
    assert np.isfinite(z).all()
    try:
        mean = backend.to_host(law.mean(*there)[0])
    except Undefined:
        return
    gap = np.abs(z.mean(axis=0) - mean)
    assert (gap < 5.0 * z.std(axis=0) / len(z) ** 0.5 + 1e-6 * np.abs(mean)).all()


def test_the_same_seed_draws_the_same_noise_on_the_gpu():
    one, two = (backend.default_rng(3, "cupy").standard_normal((100, 20)) for _ in range(2))
    np.testing.assert_array_equal(backend.to_host(one), backend.to_host(two))


# -- The model, at the size that it has


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_of_a_real_model_are_those_of_the_cpu(objective, dtype):
    vae = tinyvae.VAE(data=784, latent=20, hidden=(500, 500))
    rng = np.random.default_rng(0)
    theta, x = vae.init(rng, np.float64), 1.0 * (rng.random((100, 784)) < 0.3)
    theta, x, eps = rounded((theta, x, rng.standard_normal((2, 100, 20))), dtype)
    there = dict(zip(("theta", "x", "eps"), backend.to_device((theta, x, eps)), strict=True))
    found = gradient(vae, **there, objective=objective)
    here = gradient(vae, theta, x=x, eps=eps, objective=objective)
    for one, two in zip(found, here, strict=True):
        assert backend.backend_of(one) == "cupy"
        assert one.dtype == two.dtype == dtype
        near(backend.to_host(one), two, CLOSE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_training_has_the_curve_of_the_cpu(dtype):
    """With the host's noise, number by number; roundings grow a little along the way."""
    digits = tinyvae.data.load("digits", held_out=1500).binarized("threshold")
    vae = tinyvae.VAE(data=64, latent=3, hidden=(16,))
    settings = Settings(epochs=3, batch=100, seed=3, dtype=dtype)
    here = fit(vae, digits, settings)
    there = fit(vae, digits, replace(settings, backend="cupy"))
    assert backend.backend_of(there.theta) == "cupy"
    assert there.theta.dtype == dtype
    for one, two in zip(there.history, here.history, strict=True):
        one, two = ({k: v for k, v in row.items() if k != "seconds"} for row in (one, two))
        assert one == pytest.approx(two, rel=1e-4 if dtype == "float32" else 1e-9)
