"""A run in a file: everything that the next step depends on, so that it goes on to the bit."""

from dataclasses import asdict

import numpy as np

from tinyvae import storage
from tinyvae.backend import to_host
from tinyvae.errors import check_count
from tinyvae.optim import optimizer
from tinyvae.train import Settings, State
from tinyvae.vae import VAE

PLAIN = ("epoch", "step", "sums", "history")  # the parts of a State that JSON can hold


def save(path, vae, settings, state, about):
    """Write the run to `path`, whole or not at all; `about`, a dict, says what it is trained on.

    OSError if the file cannot be written.
    """
    run = {"model": vae.config, "settings": asdict(settings), "data": about}
    run |= {name: getattr(state, name) for name in PLAIN}
    host = isinstance(state.rng, np.random.Generator)  # a GPU's is made anew, and brought there
    run["noise"] = state.rng.bit_generator.state if host else None
    storage.save(path, _arrays(state), run)


def load(path):
    """(vae, settings, state, about) of a saved run; its parameters are `state.parameters`.

    FileNotFoundError, or ValueError for a file that is damaged or whose parts do not fit together.
    """
    arrays, run = storage.load(path)
    try:
        vae, settings, about = VAE(**run["model"]), Settings(**run["settings"]), run["data"]
        _check(arrays, vae, settings)
        state = State(arrays["theta"], optimizer(settings.optimizer, settings.lr))
        for name in PLAIN:
            setattr(state, name, run[name])
        check_count("epoch", state.epoch, at_least=len(state.history))
        check_count("step", state.step, at_least=0)
        if run["noise"] is not None:
            state.rng = np.random.default_rng()
            state.rng.bit_generator.state = run["noise"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is no run of tinyvae: {error}") from error
    state.best = arrays.get("best")
    moments = {name for name in arrays if name.startswith("optimizer.")}
    state.optimizer.state = {name.removeprefix("optimizer."): arrays[name] for name in moments}
    return vae, settings, state, about


def _arrays(state):
    arrays = {"theta": state.theta}
    arrays |= {f"optimizer.{name}": array for name, array in state.optimizer.state.items()}
    arrays |= {} if state.best is None else {"best": state.best}
    return {name: to_host(array) for name, array in arrays.items()}


def _check(arrays, vae, settings):
    """ValueError unless the arrays are those of a run with this model and these settings."""
    example = State(np.zeros(vae.layout.size, settings.dtype), optimizer(settings.optimizer))
    before = _arrays(example)
    example.optimizer.step(example.theta, np.zeros_like(example.theta))
    example.best = example.theta
    expected = _arrays(example)
    if arrays.keys() - {"best"} not in (before.keys(), expected.keys() - {"best"}):
        raise ValueError(f"it holds {', '.join(arrays)}, expected {', '.join(expected)}")
    for name, array in arrays.items():
        like = expected[name]
        if (array.shape, array.dtype) != (like.shape, like.dtype):
            raise ValueError(
                f"{name} is {array.dtype} of shape {array.shape}, expected {like.dtype} of shape "
                f"{like.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
