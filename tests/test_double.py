"""The double of a GPU is at least as strict as CuPy 14.2.

What CuPy says of these was seen without a GPU, with arrays over memory of the host's: it looks at
the arguments before it looks for a device.
"""

import math
import pickle

import double
import numpy as np
import pytest

from tinyvae import backend


@pytest.fixture
def device(monkeypatch):
    return double.install(monkeypatch)


def generator():
    return backend.default_rng(3, "cupy")


REFUSED = {
    "NumPy's own makers of arrays": lambda v, m, h: np.asarray(v),
    "and in a list": lambda v, m, h: np.array([v[0], v[1]]),
    "NumPy's iterators": lambda v, m, h: np.ndenumerate(v),
    "NumPy's methods": lambda v, m, h: np.ndarray.sum(v),
    "NumPy's scalars": lambda v, m, h: np.float32(v),  # float64 asks for a float first
    "NumPy's assertions": lambda v, m, h: np.testing.assert_allclose(v, v),
    "NumPy's generators": lambda v, m, h: np.random.default_rng(0).permutation(v),
    "functions that only look": lambda v, m, h: np.shape([v]),
    "a host array": lambda v, m, h: v + h,
    "on the left, too": lambda v, m, h: h - v,
    "of no dimension": lambda v, m, h: v * np.array(1.0),  # CuPy: a number. Nobody wrote it down
    "in place": lambda v, m, h: h.__iadd__(v),
    "into it": lambda v, m, h: np.multiply(v, 2.0, out=h),
    "in a matrix product": lambda v, m, h: v @ h,
    "in a comparison": lambda v, m, h: v < h,
    "in a function": lambda v, m, h: np.where(m, v, h),
    "in a list of arrays": lambda v, m, h: np.stack([v, h]),
    "a host array's index": lambda v, m, h: h[m],
    "an index of the host": lambda v, m, h: v[np.arange(2)],  # CuPy moves it
    "a mask of the host": lambda v, m, h: v[h > 0],  # CuPy moves it
    "a list in a slice": lambda v, m, h: v.__setitem__(slice(0, 2), [1.0, 2.0]),
    "an array in a slice": lambda v, m, h: v.__setitem__(slice(None), h),
    "a list as an operand": lambda v, m, h: v - [1.0, 2.0, 3.0],
    "a list to a ufunc": lambda v, m, h: np.add(v, [1.0, 2.0, 3.0]),
    "a list to be joined": lambda v, m, h: np.concatenate([v, [1.0]]),
    "a number to be joined": lambda v, m, h: np.stack([v[0], 1.0]),
    "None": lambda v, m, h: v == None,  # noqa: E711
    "a ufunc that it lacks": lambda v, m, h: np.spacing(v),
    "a function that it lacks": lambda v, m, h: np.insert(v, 0, 1.0),
    "and in linalg": lambda v, m, h: np.linalg.vector_norm(v),
    "a module that it lacks": lambda v, m, h: np.polynomial.Polynomial([1.0, 2.0])(v),
    "a keyword of a ufunc": lambda v, m, h: np.exp(v, order="C"),
    "where= of a ufunc": lambda v, m, h: np.exp(v, where=m),  # the rest is not initialised
    "where= of a sum": lambda v, m, h: v.sum(where=m),
    "initial=": lambda v, m, h: v.max(initial=0.0),
    "initial= of a function": lambda v, m, h: np.min(v, initial=0.0),
    "casting=": lambda v, m, h: v.astype("f", casting="unsafe"),
    "np.eye beside an array": lambda v, m, h: np.eye(3, like=v),  # NumPy passes on device=
    "reductions by a ufunc": lambda v, m, h: np.maximum.reduce(v),
    "sums along the way": lambda v, m, h: np.maximum.accumulate(v),
    "scattered sums": lambda v, m, h: np.multiply.at(v, 0, 1.0),
    "a condition of the host": lambda v, m, h: np.where(True, v, v),
    "a number to broadcast": lambda v, m, h: np.broadcast_arrays(v, 1.0),  # CuPy: as it is
    "matrices to broadcast": lambda v, m, h: np.linalg.solve(
        (v[:, None] + 1.0) * v, np.ones_like(v, shape=(2, 3, 1))
    ),
    "an array as a count": lambda v, m, h: range(v.argmax()),
    "as a place in a list": lambda v, m, h: [1, 2, 3][v.argmax()],
    "as a size": lambda v, m, h: np.arange(v.argmax()),
    "round": lambda v, m, h: round(v[0]),
    "a hash": lambda v, m, h: hash(v),
    "the length of a number": lambda v, m, h: len(v[0]),
    "the parts of a number": lambda v, m, h: iter(v[0]),
    "the truth of many": lambda v, m, h: bool(v),
    "methods that it lacks": lambda v, m, h: v.setflags(write=False),
    "attributes that it lacks": lambda v, m, h: v.ctypes,
    "more digits than a GPU has": lambda v, m, h: v * np.longdouble(1.0),
    "to be written": lambda v, m, h: pickle.dumps(v),
    "a method of generators": lambda v, m, h: generator().permutation(3),
    "a keyword of generators": lambda v, m, h: generator().standard_normal(3, mean=0.0),
    "a host array for numbers": lambda v, m, h: generator().standard_normal(out=h),
}


@pytest.mark.parametrize("fn", REFUSED.values(), ids=REFUSED)
def test_the_double_refuses_what_cupy_refuses(device, fn):
    v = backend.to_device(np.array([0.5, 1.5, 2.5]))
    with pytest.raises((TypeError, ValueError, AttributeError, NotImplementedError)):
        fn(v, v > 1.0, np.ones(3))


ACCEPTED = {
    "numbers": lambda v: 2.0 * v + 1 - True,
    "NumPy's numbers": lambda v: np.float64(2.0) * v,
    "powers": lambda v: v**2 + 2.0**v,
    "0-d results": lambda v: v.sum() + v.max(),
    "matrix products": lambda v: v[:, None] @ v[None, :] + np.matmul(v, v),
    "sum of a list": lambda v: sum([v, v]),
    "iteration": lambda v: sum(part for part in v),
    "unpacking": lambda v: v * [*v][1],
    "a mask": lambda v: v[v > 1.0],
    "places": lambda v: v[v.argmax()] + v[np.argsort(v)],
    "np.where with numbers": lambda v: np.where(v > 1.0, 1.0, 0.0),
    "a NumPy condition": lambda v: np.where(np.bool_(True), v, 0.0),
    "np.full_like of a number of the device": lambda v: np.full_like(v, v[1]),
    "makers beside an array": lambda v: (
        np.ones_like(v, shape=(2, 3)) + np.zeros(3, v.dtype, like=v)
    ),
    "constants beside an array": lambda v: v + np.array([1.0, 2.0, 3.0], like=v),
    "counts beside an array": lambda v: v * np.arange(3, like=v) + np.identity(3, like=v),
    "a number's format": lambda v: v * float(f"{v[1]:g}"),
    "math, by a copy": lambda v: v * math.sqrt(v[1]),
    "comparison with None by is": lambda v: v if v is not None else 0.0,
    "in place": lambda v: np.multiply(v.copy(), 2.0, out=v.copy()),
}


@pytest.mark.parametrize("fn", ACCEPTED.values(), ids=ACCEPTED)
def test_the_double_does_what_cupy_does(device, fn):
    v = np.array([0.5, 1.5, 2.5], np.float32)
    found = fn(backend.to_device(v))
    assert backend.backend_of(found) == "cupy"
    np.testing.assert_array_equal(found.get(), fn(v))
    assert found.dtype == np.asarray(fn(v)).dtype


def test_masks_and_places_are_written_to_as_on_the_host(device):
    here = np.array([0.5, 1.5, 2.5])
    there = backend.to_device(here)
    for v in (here, there):
        v[v > 1.0] = v[v > 1.0] + 1.0
        v[0] = v[2]
        v[1:] *= 2.0
    np.testing.assert_array_equal(there.get(), here)


def test_a_matrix_that_is_not_positive_definite_has_no_error_on_a_gpu(device):
    """So `multivariate_normal.factor` looks at the result."""
    assert np.isnan(np.linalg.cholesky(backend.to_device(-np.eye(2)))).all()
