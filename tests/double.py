"""A GPU made of plain memory: it stands in for CuPy where there is none.

Its arrays are NumPy's, but raise where one of them meets a host array, and where they are asked for
something that CuPy has not (cupy_api.json says what it has). `install(monkeypatch)` puts it where
`import cupy` finds it. What it cannot show: speed, and whether CuPy's results are right.
"""

import functools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text())


class Meeting(TypeError):
    """A host array where the device's belong, or the other way round."""


def bare(value):
    """The value with the device's arrays as NumPy's, of the same memory; Meeting at a host's."""
    if isinstance(value, ndarray):
        return value.view(np.ndarray)
    if isinstance(value, np.ndarray):
        raise Meeting(f"a host array of shape {value.shape} meets the device")
    if isinstance(value, (tuple, list)):
        return type(value)(map(bare, value))
    return value


def dressed(value):
    """NumPy's result as the device's: a number, too, is an array of it."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(dressed, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value).view(ndarray)
    return value


def check_keywords(name, given, accepted):
    """TypeError, as CuPy's, if it takes no such keyword."""
    lacking = sorted(set(given) - set(accepted))
    if lacking:
        raise TypeError(f"CuPy's {name} takes no {', '.join(lacking)}")


class ndarray(np.ndarray):
    __module__ = "cupy"

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        name = ufunc.__name__
        if name not in API["ufuncs"]:
            raise TypeError(f"CuPy has no {name}")
        accepted = {"__call__": ("out", "casting", "dtype"), "at": ()}
        check_keywords(name, kwargs, accepted.get(method, ("axis", "out", "dtype", "keepdims")))
        if any(isinstance(value, (list, tuple)) for value in inputs):
            raise TypeError(f"CuPy's {name} takes no lists")
        out = kwargs.pop("out", ())
        if out:
            kwargs["out"] = bare(out)
        result = getattr(ufunc, method)(*bare(inputs), **kwargs)
        return out[0] if len(out) == 1 else dressed(result)

    def __array_function__(self, func, types, args, kwargs):
        module = func.__module__.removeprefix("numpy").removeprefix(".")
        name = f"{module}.{func.__name__}".lstrip(".")
        if name not in API["functions"]:
            raise TypeError(f"CuPy has no {name}")
        accepted = API["functions"][name]
        if accepted is not None:
            check_keywords(name, kwargs, accepted)
        out = kwargs.get("out")
        kwargs = {key: bare(value) for key, value in kwargs.items()}
        result = func(*bare(args), **kwargs)
        return dressed(result) if out is None else out

    def __getitem__(self, index):
        return dressed(self.view(np.ndarray)[bare(index)])

    def __setitem__(self, index, value):
        self.view(np.ndarray)[bare(index)] = bare(value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        raise TypeError("move the array to the host before it is written")


def _method(name, accepted):
    plain = getattr(np.ndarray, name)

    @functools.wraps(plain)
    def method(self, *args, **kwargs):
        check_keywords(f"array.{name}", kwargs, accepted)
        out = kwargs.get("out")
        kwargs = {key: bare(value) for key, value in kwargs.items()}
        result = plain(self.view(np.ndarray), *bare(args), **kwargs)
        if name in ("item", "tolist", "tobytes"):
            return result  # on the host, on purpose
        return dressed(result) if out is None else out

    return method


def _lacking(name):
    def get(self):
        raise AttributeError(f"CuPy's arrays have no {name}")

    return property(get)


for _name in (name for name in dir(np.ndarray) if not name.startswith("_")):
    _accepted = API["array"].get(_name)
    if _accepted is None:
        setattr(ndarray, _name, _lacking(_name))
    elif _accepted != "attribute" and _name != "view":
        setattr(ndarray, _name, _method(_name, _accepted))


class Generator:
    """NumPy's numbers on the device, by the methods and keywords that CuPy's Generator has."""

    __module__ = "cupy.random"

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def __getattr__(self, name):
        accepted = API["generator"].get(name)
        if accepted is None:
            raise AttributeError(f"CuPy's generators have no {name}")
        draw = getattr(self._rng, name)

        def method(*args, **kwargs):
            check_keywords(f"Generator.{name}", kwargs, accepted)
            return dressed(draw(*bare(args), **{key: bare(value) for key, value in kwargs.items()}))

        return method

    def __deepcopy__(self, memo):
        raise TypeError("no default __reduce__ due to non-trivial __cinit__")

    __reduce_ex__ = __deepcopy__


def asarray(array):
    """A copy of a host array on the device."""
    return array if isinstance(array, ndarray) else np.array(array).view(ndarray)


def asnumpy(array):
    return np.array(array.view(np.ndarray)) if isinstance(array, ndarray) else np.asarray(array)


PROPERTIES = {"name": b"a GPU made of plain memory", "totalGlobalMem": 2**30}
MODULE = SimpleNamespace(
    __version__="double",
    ndarray=ndarray,
    asarray=asarray,
    asnumpy=asnumpy,
    is_available=lambda: True,
    random=SimpleNamespace(default_rng=Generator),
    cuda=SimpleNamespace(
        Device=lambda: SimpleNamespace(synchronize=lambda: None),
        runtime=SimpleNamespace(
            getDeviceCount=lambda: 1, getDeviceProperties=lambda index: PROPERTIES
        ),
    ),
)


def install(monkeypatch):
    """Let `import cupy` find the double until the test ends.

    NumPy would turn the double's arrays into its own where CuPy refuses, in `np.asarray` and the
    like, which no array can forbid: so these are replaced.
    """
    monkeypatch.setitem(sys.modules, "cupy", MODULE)
    for name in ("asarray", "array", "asanyarray", "ascontiguousarray", "asfortranarray"):
        monkeypatch.setattr(np, name, _refusing(getattr(np, name)))
    return MODULE


def _refusing(make):
    @functools.wraps(make)
    def wrapped(value, *args, **kwargs):
        parts = value if isinstance(value, (list, tuple)) else [value]
        if any(isinstance(part, ndarray) for part in parts):
            raise TypeError("Implicit conversion to a NumPy array is not allowed")
        return make(value, *args, **kwargs)

    return wrapped
