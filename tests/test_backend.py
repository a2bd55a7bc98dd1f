"""The backend, and a training, a checkpoint and a comparison on a device: the double of it."""

import ast
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import double
import numpy as np
import pytest

import tinyvae
from tinyvae import backend, checkpoint, estimators, integrands
from tinyvae.__main__ import main
from tinyvae.comparison import compare_all
from tinyvae.distributions import normal
from tinyvae.elbo import OBJECTIVES
from tinyvae.importance import log_likelihood
from tinyvae.train import Settings, evaluate, fit, start


@pytest.fixture
def device(monkeypatch):
    return double.install(monkeypatch)


@pytest.fixture(scope="module")
def digits():
    return tinyvae.data.load("digits", held_out=1500).binarized("threshold")


VAE = tinyvae.VAE(data=64, latent=3, hidden=(16,))
HOST = Settings(epochs=2, batch=100, seed=3)
DEVICE = replace(HOST, backend="cupy")


def curve(state):
    """What the run says of itself, but for its seconds."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in state.history]


def assert_same_curve(one, two, rtol):
    for a, b in zip(curve(one), curve(two), strict=True):
        assert a == pytest.approx(b, rel=rtol)


# -- where arrays live


def test_an_array_comes_back_from_the_device_as_it_was(device):
    x = np.random.default_rng(0).standard_normal((3, 2), dtype=np.float32)
    there = backend.to_device(x)
    assert backend.backend_of(x) == "numpy"
    assert backend.backend_of(there) == "cupy"
    assert backend.array_module(there) is device
    assert backend.to_device(there) is there
    assert backend.to_host(x) is x
    np.testing.assert_array_equal(backend.to_host(there), x)
    np.testing.assert_array_equal(backend.to_device((there, x), "numpy"), (x, x))
    assert backend.to_host(there).dtype == np.float32
    backend.wait(there)


def test_a_devices_generator_has_other_numbers_than_the_hosts(device):
    there = backend.noise_rng(0, "cupy", "device").standard_normal(5)
    assert backend.backend_of(there) == "cupy"
    for name in backend.BACKENDS:
        here = backend.noise_rng(0, name, "host").standard_normal(5)
        np.testing.assert_array_equal(here, np.random.default_rng(0).standard_normal(5))


@pytest.mark.parametrize(
    ("cupy", "says"),
    [
        (None, "backend 'cupy' needs a GPU and CuPy, which is not installed"),
        (
            SimpleNamespace(ndarray=double.ndarray, is_available=lambda: False),
            "CuPy finds none that answers",
        ),
        (
            SimpleNamespace(ndarray=double.ndarray, is_available=partial(open, "no/driver")),
            "CuPy finds none that answers: FileNotFoundError: ",
        ),
    ],
)
def test_without_a_gpu_asking_for_it_is_one_clear_line(monkeypatch, capsys, tmp_path, cupy, says):
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(ValueError, match=says):
        backend.to_device(np.zeros(2))
    for command in ("train", "variance"):
        assert main([command, "--backend", "cupy", "--out", str(tmp_path / "run")]) == 2
        captured = capsys.readouterr()
        assert says in captured.err
        assert captured.err.count("\n") == 1
        assert captured.out == ""
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backend": "gpu"}, "unknown backend 'gpu': "),
        ({"backend": "cupy", "noise": "gpu"}, "unknown noise 'gpu': "),
        ({"noise": "device"}, "noise 'device' is drawn by a GPU, and backend is 'numpy'"),
    ],
)
def test_settings_that_no_backend_has_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Settings(**options)


def test_no_other_file_names_cupy():
    room = Path(tinyvae.__file__).parent
    for path in room.rglob("*.py"):
        tree = ast.parse(path.read_text())
        names = {
            getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree)
        }
        names |= {
            name.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in [*node.names, SimpleNamespace(name=getattr(node, "module", None) or "")]
        }
        assert ("cupy" in names) == (path.name == "backend.py"), path


# -- training


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_device_trains_to_the_same_curve(device, digits, objective, dtype):
    samples = 1 if objective == "analytic" else 3
    settings = replace(HOST, objective=objective, samples=samples, dtype=dtype)
    here = fit(VAE, digits, settings)
    there = fit(VAE, digits, replace(settings, backend="cupy"))
    assert backend.backend_of(there.theta) == "cupy"
    assert there.theta.dtype == dtype
    assert_same_curve(there, here, 1e-5 if dtype == "float32" else 1e-12)
    there.to("numpy")
    np.testing.assert_allclose(there.theta, here.theta, rtol=0, atol=1e-4)


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "sgd"])
@pytest.mark.parametrize("noise", backend.NOISE)
def test_a_run_stopped_on_a_device_goes_on_from_its_file(
    device, digits, tmp_path, optimizer, noise
):
    settings = replace(DEVICE, noise=noise, optimizer=optimizer, warmup=2, patience=2)
    data = replace(digits, values="dynamic")
    whole = fit(VAE, data, settings)
    stopped = start(VAE, settings, data.x)

    class Enough(Exception):
        pass

    def stop(state):
        if (state.epoch, state.step) == (1, 2):
            raise Enough

    with pytest.raises(Enough):
        fit(VAE, data, settings, stopped, on_step=stop)
    checkpoint.save(tmp_path / "run.npz", VAE, settings, stopped, {})
    vae, settings, state, _ = checkpoint.load(tmp_path / "run.npz")
    assert backend.backend_of(state.theta) == "numpy"
    again = fit(vae, data, settings, state)
    assert curve(again) == curve(whole)
    np.testing.assert_array_equal(*map(backend.to_host, (again.parameters, whole.parameters)))


def test_a_run_of_a_device_goes_on_on_the_host(device, digits, tmp_path):
    run = ["--epochs", "2", "--batch", "100", "--held-out", "1500", "--out", str(tmp_path / "run")]
    assert main(["train", *run, "--backend", "cupy"]) == 0
    assert main(["train", *run[2:], "--resume", "--epochs", "3", "--backend", "numpy"]) == 0
    _, settings, state, _ = checkpoint.load(tmp_path / "run" / "checkpoint.npz")
    assert settings.backend == "numpy"
    assert state.epoch == 3


def test_the_output_says_where_it_was_done(device, digits, tmp_path, capsys):
    run = ["train", "--epochs", "1", "--held-out", "1500", "--backend", "cupy", "--out"]
    assert main([*run, str(tmp_path / "one"), "--noise", "device"]) == 0
    out = capsys.readouterr().out
    assert "backend   CuPy double on a GPU made of plain memory, 1 GiB\n" in out
    assert "noise drawn on the device: not the numbers of a run on the CPU" in out


def test_a_loss_that_is_not_finite_is_explained_on_a_device(device, digits):
    with pytest.raises(tinyvae.NotFinite, match=r"in epoch 1, step \d+, where the loss is"):
        fit(VAE, digits, replace(DEVICE, optimizer="sgd", lr=1e3))


def test_bounds_on_a_device_are_those_of_the_host(device, digits):
    theta = VAE.init(np.random.default_rng(0), np.float64)
    there = backend.to_device(theta)
    for options in ({}, {"objective": "iwae", "samples": 3}):
        here = evaluate(VAE, theta, digits.held_out, **options)
        np.testing.assert_allclose(evaluate(VAE, there, digits.held_out, **options), here, 1e-12)
    x = digits.held_out[:20]
    here = log_likelihood(VAE, theta, x, samples=50)
    np.testing.assert_allclose(log_likelihood(VAE, there, x, samples=50), here, 1e-12)


# -- the laboratory


@pytest.mark.parametrize("noise", backend.NOISE)
def test_estimates_on_a_device_are_those_of_the_host(device, noise):
    params = np.array(0.3), np.array(0.8)
    there = backend.to_device(params)
    rows = [row for row in estimators.ESTIMATORS if row.admits(normal)]
    f = integrands.cosine(k=2.0)
    options = {"samples": 5000, "exact_mean": tinyvae.exact.gradient(f, normal, params)}
    rng = backend.noise_rng(1, "cupy", noise)
    found = compare_all(rows, f, normal, there, rng=rng, **options)
    here = compare_all(rows, f, normal, params, rng=np.random.default_rng(1), **options)
    assert found.keys() == here.keys()
    for name in here:
        for one, two in zip(found[name], here[name], strict=True):
            assert backend.backend_of(one.mean) == "numpy"
            if noise == "host":
                np.testing.assert_allclose(one.mean, two.mean, rtol=1e-9, atol=1e-12)
                np.testing.assert_allclose(one.variance, two.variance, rtol=1e-9, atol=1e-12)
            elif next(row for row in rows if row.name == name).unbiased is True:
                assert np.abs(one.z).max() < 5


def test_the_laboratory_says_where_it_was_done(device, capsys):
    assert main(["variance", "--backend", "cupy", "--samples", "2000", "--no-figures"]) == 0
    there = capsys.readouterr().out
    assert main(["variance", "--samples", "2000", "--no-figures"]) == 0
    here = capsys.readouterr().out
    said = "By CuPy double on a GPU made of plain memory, 1 GiB, noise drawn on the host\n"
    assert said in there
    assert there.replace(said, "") == here
