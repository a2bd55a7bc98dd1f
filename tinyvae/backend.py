"""NumPy or CuPy: the only file that knows that arrays may live on a GPU.

The mathematics needs no word of it. NumPy's functions hand CuPy's arrays to CuPy (NEP 13 and 18),
so `np.exp(0.5 * logvar)` runs where logvar lives. What is left is here: to move arrays there and
back, to make a generator there, and to ask whether there is a GPU at all. A host array and one on
a device never mix by themselves: CuPy raises a TypeError where they meet.

    theta, x = to_device(theta), to_device(x)
    eps = default_rng(0, "cupy").standard_normal((100, 20), dtype=np.float32)
    loss, vjp = vae.loss(theta, x=x, eps=eps)       # as on the host

What is computed on the host alone (tinyvae.exact, gradcheck, diagnose) refuses a device's arrays.
"""

import importlib
import sys
import warnings

import numpy as np

from tinyvae.errors import unknown

BACKENDS = ("numpy", "cupy")
NOISE = ("host", "device")  # where it is drawn: the same numbers everywhere, or fast


def array_module(array):
    """The module whose array this is: NumPy, or CuPy for an array on a GPU."""
    cupy = sys.modules.get("cupy")  # nobody has its arrays without having imported it
    return np if cupy is None or not isinstance(array, cupy.ndarray) else cupy


def backend_of(array):
    """Where the array lives: "numpy" or "cupy"."""
    return "numpy" if array_module(array) is np else "cupy"


def to_device(array, backend="cupy"):
    """The array on that backend's device; itself if it is there. A tuple, part by part.

    ValueError for an unknown backend, or if there is no GPU.
    """
    if isinstance(array, tuple):
        return tuple(to_device(part, backend) for part in array)
    if backend == backend_of(array):
        return array
    return to_host(array) if module(backend) is np else module(backend).asarray(array)


def like(constant, array):
    """A constant of the host, such as a table, where the array lives."""
    return to_device(constant, backend_of(array))


def to_host(array):
    """The array as NumPy's; itself if it is one. A tuple, part by part."""
    if isinstance(array, tuple):
        return tuple(map(to_host, array))
    xp = array_module(array)
    return array if xp is np else xp.asnumpy(array)


def default_rng(seed=None, backend="numpy"):
    """A Generator whose arrays are that backend's. Theirs are not the numbers of NumPy's.

    ValueError for an unknown backend, or if there is no GPU.
    """
    return module(backend).random.default_rng(seed)


def noise_rng(seed, backend, noise):
    """The Generator of the noise: with 'host' NumPy's, the same numbers on every backend.

    ValueError for an unknown backend or place, or if there is no GPU.
    """
    check_noise(noise, backend)
    return default_rng(seed, backend if noise == "device" else "numpy")


def check_noise(noise, backend):
    """ValueError for an unknown backend or place, or for a place that the backend has not."""
    if backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    if noise not in NOISE:
        raise unknown("noise", noise, NOISE)
    if noise == "device" and backend == "numpy":
        raise ValueError("noise 'device' is drawn by a GPU, and backend is 'numpy': use 'cupy'")


def module(backend):
    """NumPy or CuPy by name, ready to be used.

    ValueError for another name, or if there is no GPU: CuPy can be imported without one.
    """
    if backend not in BACKENDS:
        raise unknown("backend", backend, BACKENDS)
    if backend == "numpy":
        return np
    cupy, why = _cupy()
    if cupy is None:
        raise ValueError(f"backend 'cupy' needs a GPU and CuPy, which is {why}")
    try:
        found, why = cupy.is_available(), ""
    except Exception as error:  # CuPy 13 raises where there is no driver
        found, why = False, f": {_first_line(error)}"
    if not found:
        raise ValueError(f"backend 'cupy' needs a GPU, and CuPy finds none that answers{why}")
    return cupy


def describe(backend):
    """One line: the backend's version, and the device that it works on. Whatever goes wrong when a
    GPU is asked is such a line, too."""
    if backend == "numpy":
        return f"NumPy {np.__version__}"
    cupy, why = _cupy()
    if cupy is None:
        return why
    try:
        count = cupy.cuda.runtime.getDeviceCount()
        about = cupy.cuda.runtime.getDeviceProperties(0)
    except Exception as error:  # a driver that does not fit can raise anything
        return f"imported, but no GPU answers: {_first_line(error)}"
    device = f"{about['name'].decode()}, {about['totalGlobalMem'] / 2**30:.0f} GiB"
    more = f", and {count - 1} more" if count > 1 else ""
    return f"{cupy.__version__} on {device}{more}"


def wait(array):
    """Return when the device has done all that it was asked to: without it a clock sees only how
    long the asking took."""
    xp = array_module(array)
    if xp is not np:
        xp.cuda.Device().synchronize()


def _cupy():
    """(CuPy, None), or (None, why not)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on its search for CUDA
            return importlib.import_module("cupy"), None
    except Exception as error:  # a driver that does not fit can raise anything
        if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
            return None, "not installed (optional)"
        return None, f"installed, but cannot be imported: {_first_line(error)}"


def _first_line(error):
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip()}" if lines else type(error).__name__
