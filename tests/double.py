"""A GPU made of plain memory: it stands in for CuPy where there is none.

Its arrays hold one of NumPy's and are none, as CuPy's: what takes only NumPy's arrays, `np.asarray`
or an index of the host's, raises here too. They raise where one of them meets a host array, and
where they are asked for something that CuPy has not (cupy_api.json says what it has).
`install(monkeypatch)` puts it where `import cupy` finds it. What it cannot show: speed, and whether
CuPy's results are right.

It is at least as strict as CuPy 14.2, whose refusals were seen with arrays that need no GPU, and
read in its source: cupy/_core/core.pyx, _kernel.pyx, cupy/linalg/_solve.py. Stricter where CuPy
would move an array by itself (an index, a 0-d operand): that is a transfer nobody wrote down.
"""

import functools
import json
import operator
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

API = json.loads(Path(__file__).with_name("cupy_api.json").read_text())
INFIX = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor")
NUMBERS = (bool, int, float, complex, np.number, np.bool_)
MOVING = ("array", "asarray", "asanyarray", "ascontiguousarray")  # with like=: from the host


class Meeting(TypeError):
    """A host array where the device's belong, or the other way round."""


def bare(value):
    """The value with the device's arrays as NumPy's, of the same memory; Meeting at a host's."""
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, np.ndarray):
        raise Meeting(f"a host array of shape {value.shape} meets the device")
    if isinstance(value, (tuple, list)):
        kinds = {isinstance(part, ndarray) for part in value}
        # CuPy joins arrays alone: np.concatenate([device, [1.0]]) has a TypeError.
        if len(kinds) > 1 and not any(isinstance(part, np.ndarray) for part in value):
            raise TypeError("arrays of the device and other things in one list")
        return type(value)(map(bare, value))
    return value


def operand(value):
    """What an operator or a ufunc takes: CuPy knows its own arrays and numbers, and no lists."""
    if isinstance(value, (ndarray, np.ndarray)):
        return bare(value)
    if not isinstance(value, NUMBERS):
        raise TypeError(f"unsupported type {type(value).__name__}")
    return value


def index(value):
    """An index: numbers, slices, None, and masks and places that are on the device."""
    return tuple(map(index, value)) if isinstance(value, tuple) else bare(value)


def dressed(value):
    """NumPy's result as the device's: a number, too, is an array of it."""
    if isinstance(value, (tuple, list)):
        return type(value)(map(dressed, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(value)
    return value


def check_call(name, args, keywords, accepted):
    """TypeError, as CuPy's, if it takes no such keyword, or fewer arguments."""
    if accepted is None:
        return
    lacking = sorted(set(keywords) - {word for word in accepted if not word.startswith("*")})
    if lacking:
        raise TypeError(f"CuPy's {name} takes no {', '.join(lacking)}")
    places = [word for word in accepted if not word.startswith("*") or word == "*"]
    most = places.index("*") if "*" in places else len(places)
    if len(args) > most and all(word == "*" or not word.startswith("*") for word in accepted):
        raise TypeError(f"CuPy's {name} takes {most} arguments, not {len(args)}")


class ndarray:
    __module__ = "cupy"
    __hash__ = None
    __array_priority__ = 100

    def __init__(self, host):
        self.host = np.asarray(host)
        if self.host.dtype.char not in "?bhilqBHILQefdFD":
            raise ValueError(f"Unsupported dtype {self.host.dtype}")  # longdouble, object, str

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        name = ufunc.__name__
        if name not in API["ufuncs"]:
            raise TypeError(f"CuPy has no {name}")
        if method != "__call__":
            # CuPy has reduce and accumulate of add and multiply alone, and `at` of a few.
            raise NotImplementedError(f"`{name}.{method}` is not supported yet")
        # Not `where`: what it leaves out is not initialised; order and subok CuPy does not take.
        check_call(name, (), kwargs, ("out", "casting", "dtype"))
        out = kwargs.pop("out", None)
        if out is not None:
            if len(out) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            kwargs["out"] = bare(out)
        result = ufunc(*map(operand, inputs), **kwargs)
        return out[0] if out else dressed(result)

    def __array_function__(self, func, types, args, kwargs):
        module = func.__module__.removeprefix("numpy").removeprefix(".")
        name = f"{module}.{func.__name__}".lstrip(".")
        if name not in API["functions"]:
            raise TypeError(f"no implementation found for 'numpy.{name}'")
        check_call(name, args, kwargs, API["functions"][name])
        if name in MOVING:
            return dressed(func(*(a.host if isinstance(a, ndarray) else a for a in args), **kwargs))
        out = kwargs.get("out")
        args, kwargs = map(bare, args), {key: bare(value) for key, value in kwargs.items()}
        result = STRICTER.get(name, func)(*args, **kwargs)
        return dressed(result) if out is None else out

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getitem__(self, i):
        return dressed(self.host[index(i)])

    def __setitem__(self, i, value):
        self.host[index(i)] = operand(value)  # CuPy takes no list here, and no host array

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # Numbers for the host: CuPy waits for the device and copies. There is no __index__, and so no
    # range(n), list[n] or np.arange(n), and no __round__.
    def __bool__(self):
        return bool(self.host)

    def __int__(self):
        return int(self.host)

    def __float__(self):
        return float(self.host)

    def __complex__(self):
        return complex(self.host)

    def __repr__(self):
        return repr(self.host)

    def __str__(self):
        return str(self.host)

    def __format__(self, spec):
        return format(self.host, spec)

    def get(self):
        return self.host.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        raise TypeError("move the array to the host before it is written")


# -- Operators: those of the host's array, so that the bits are the same (a power by a square)


def _infix(fn):
    def method(self, other):
        return dressed(fn(self.host, operand(other)))

    def reflected(self, other):
        return dressed(fn(operand(other), self.host))

    return method, reflected


def _in_place(fn):
    def method(self, other):
        fn(self.host, operand(other))
        return self

    return method


def _prefix(fn):
    return lambda self: dressed(fn(self.host))


for _name in INFIX:
    _fn = getattr(operator, f"__{_name}__")
    _method, _reflected = _infix(_fn)
    setattr(ndarray, f"__{_name}__", _method)
    setattr(ndarray, f"__r{_name}__", _reflected)
    setattr(ndarray, f"__i{_name}__", _in_place(getattr(operator, f"__i{_name}__")))
for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    setattr(ndarray, f"__{_name}__", _infix(getattr(operator, f"__{_name}__"))[0])
for _name in ("neg", "pos", "abs", "invert"):
    setattr(ndarray, f"__{_name}__", _prefix(getattr(operator, f"__{_name}__")))


def _matmul(self, other):
    return dressed(self.host @ _array(other))


def _rmatmul(self, other):
    return dressed(_array(other) @ self.host)


def _array(value):
    if not isinstance(value, ndarray):
        raise Meeting(f"@ takes arrays of the device, not {type(value).__name__}")
    return value.host


ndarray.__matmul__, ndarray.__rmatmul__ = _matmul, _rmatmul


# -- Methods and attributes


def _method(name, accepted):
    plain = getattr(np.ndarray, name)

    @functools.wraps(plain)
    def method(self, *args, **kwargs):
        check_call(f"array.{name}", args, kwargs, accepted)
        if name == "astype" and {"casting", "subok"} & set(kwargs):
            raise TypeError("casting is not supported yet")  # though its signature has it
        out = kwargs.get("out")
        kwargs = {key: bare(value) for key, value in kwargs.items()}
        result = plain(self.host, *map(bare, args), **kwargs)
        if name in ("item", "tolist", "tobytes"):
            return result  # on the host, on purpose
        return dressed(result) if out is None else out

    return method


def _attribute(name):
    return property(lambda self: dressed(getattr(self.host, name)))


for _name in (name for name in API["array"] if hasattr(np.ndarray, name)):
    if API["array"][_name] != "attribute":
        setattr(ndarray, _name, _method(_name, API["array"][_name]))
    elif _name not in ("base", "data", "flags", "flat", "device"):
        setattr(ndarray, _name, _attribute(_name))


# -- Functions of CuPy that refuse, or answer, what NumPy's do not


def _where(condition, *values):
    # CuPy asks the condition for its `astype`: a Python bool has none.
    if not isinstance(condition, (np.ndarray, np.bool_)):
        raise TypeError(f"where takes an array of conditions, not {type(condition).__name__}")
    return np.where(condition, *values)


def _broadcast_arrays(*arrays):
    # CuPy gives a number back as it came, of no shape.
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise TypeError("broadcast_arrays leaves numbers as they are")
    return np.broadcast_arrays(*arrays)


def _solve(a, b):
    # CuPy broadcasts a vector over the matrices, and nothing else.
    if b.ndim != 1 and a.shape[:-1] != b.shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K)")
    return np.linalg.solve(a, b)


def _cholesky(a):
    # CuPy does not look at what the solver says of a matrix that is not positive definite.
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return np.full_like(a, np.nan)


def _refused(*args, **kwargs):
    # These two have the names, and no ear for lists.
    raise TypeError("CuPy takes arrays alone here")


STRICTER = {
    "choose": _refused,
    "polyval": _refused,
    "where": _where,
    "broadcast_arrays": _broadcast_arrays,
    "linalg.solve": _solve,
    "linalg.cholesky": _cholesky,
}


# -- The module


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
            check_call(f"Generator.{name}", args, kwargs, accepted)
            kwargs = {key: bare(value) for key, value in kwargs.items()}
            return ndarray(draw(*map(bare, args), **kwargs))

        return method

    def __deepcopy__(self, memo):
        raise TypeError("no default __reduce__ due to non-trivial __cinit__")

    __reduce_ex__ = __deepcopy__


def asarray(array):
    """A copy of a host array on the device."""
    return array if isinstance(array, ndarray) else ndarray(np.array(array))


def asnumpy(array):
    return array.get() if isinstance(array, ndarray) else np.asarray(array)


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
    """Let `import cupy` find the double until the test ends."""
    monkeypatch.setitem(sys.modules, "cupy", MODULE)
    return MODULE
