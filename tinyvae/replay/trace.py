"""The list: arrays that write down every operation they take part in."""

from dataclasses import dataclass

import numpy as np

# What makes views, or asks for shapes, or is written with ufuncs: nothing of it goes on the list.
THROUGH = {np.shape, np.ndim, np.size, np.expand_dims, np.reshape, np.transpose, np.broadcast_to}
THROUGH |= {np.sum, np.mean, np.max}
OPTIONS = {np.broadcast_to: {"subok": True}}  # or its view would be a plain array
# Options that the methods `sum` and `mean` give, and that change nothing.
IDLE = {"dtype": None, "where": True, "casting": "unsafe", "subok": False}
UNSEEN = (
    "an array was made of a recorded one in a way that a recording does not see, such as .copy(), "
    ".astype() or np.asarray(): use ufuncs or np.full_like"
)


@dataclass(frozen=True)
class Operand:
    """A view of the value number `value`: where it begins, in bytes, and how it goes on."""

    value: int
    offset: int
    shape: tuple
    dtype: np.dtype
    strides: tuple

    def on(self, memory):
        """The view as a plain array, if the value lies in `memory`."""
        return np.ndarray(self.shape, self.dtype, memory, self.offset, self.strides)

    def covers(self, memory):
        """Whether it is all of its memory."""
        return self.offset == 0 and self.nbytes == memory.nbytes

    @property
    def nbytes(self):
        return int(np.prod(self.shape, dtype=int)) * self.dtype.itemsize


@dataclass(frozen=True)
class Call:
    """fn(*args): the args are constants and Operands, and it writes to one of them, `out`."""

    fn: object
    args: tuple
    out: Operand

    def operands(self):
        flat = [part for arg in self.args for part in (arg if isinstance(arg, list) else [arg])]
        return [part for part in flat if isinstance(part, Operand)]

    @property
    def elementwise(self):
        """Whether a number of the result depends on the same number of the arguments alone."""
        return isinstance(self.fn, np.ufunc) and self.fn.signature is None


class Tape:
    """The values so far, each the memory of one array, and the calls that made them."""

    def __init__(self):
        self.values, self.calls = [], []

    def hold(self, memory, shape, strides=None):
        """A Traced array in that memory, as a new value of the tape."""
        self.values.append(memory)
        traced = np.ndarray(shape, memory.dtype, memory, 0, strides).view(Traced)
        traced.tape, traced.value = self, len(self.values) - 1
        return traced

    def new(self, like):
        """A value for a result of that shape, that dtype, and that order in memory."""
        return self.hold(np.empty(like.size, like.dtype), like.shape, like.strides)

    def operand(self, array):
        """The Operand of a Traced array; anything else is a constant, and stays what it is."""
        if not isinstance(array, Traced):
            if isinstance(array, np.ndarray) and any(
                np.may_share_memory(array, memory) for memory in self.values
            ):
                raise TypeError(UNSEEN)
            return array
        memory = self.values[array.value] if array.tape is self else None
        offset = 0 if memory is None else _address(array) - _address(memory)
        if memory is None or not 0 <= offset < max(1, memory.nbytes):
            raise TypeError(UNSEEN)
        return Operand(array.value, offset, array.shape, array.dtype, array.strides)

    def plain(self, operand):
        return operand.on(self.values[operand.value]) if isinstance(operand, Operand) else operand

    def note(self, fn, args, like=None, out=None):
        """Put a call on the list; its result, a new value that is laid out as `like`, or `out`.
        args: a function of the result's Operand."""
        out = self.new(like) if out is None else out
        target = self.operand(out)
        self.calls.append(Call(fn, args(target), target))
        return out

    def ufunc(self, ufunc, method, inputs, out, options):
        operands = [self.operand(a) for a in inputs]
        plain = [self.plain(a) for a in operands]
        options = {k: v for k, v in options.items() if k not in IDLE or v is not IDLE[k]}
        with np.errstate(all="ignore"):  # only the shape and the dtype of the result matter
            if method == "__call__" and not options and ufunc.nout == 1:
                like = ufunc(*plain)
                return self.note(ufunc, lambda target: (*operands, target), like, out)
            if method == "reduce" and not options.keys() - {"axis", "keepdims"}:
                axis, keep = options.get("axis", 0), options.get("keepdims", False)
                like = ufunc.reduce(*plain, axis=axis, keepdims=keep)
                args = lambda target: (*operands, axis, None, target, keep)  # noqa: E731
                return self.note(ufunc.reduce, args, like, out)
        given = f" with {', '.join(options)}" if options else ""
        raise TypeError(f"np.{ufunc.__name__}, {method}{given}, cannot be recorded")


def full_like(tape, like, value):
    value = tape.operand(value)
    like = np.empty_like(tape.plain(tape.operand(like)))
    return tape.note(np.copyto, lambda target: (target, value), like)


def concatenate(tape, parts, axis=0):
    parts = [tape.operand(part) for part in parts]
    like = np.concatenate([tape.plain(part) for part in parts], axis)
    return tape.note(np.concatenate, lambda target: (parts, axis, target), like)


def where(tape, condition, yes, no):
    condition, yes, no = map(tape.operand, (condition, yes, no))
    like = np.where(*map(tape.plain, (condition, yes, no)))
    chosen = tape.note(np.copyto, lambda target: (target, no), like)
    return tape.note(np.copyto, lambda target: (target, yes, "same_kind", condition), out=chosen)


FUNCTIONS = {
    np.full_like: full_like,
    np.zeros_like: lambda tape, like: full_like(tape, like, 0.0),
    np.ones_like: lambda tape, like: full_like(tape, like, 1.0),
    np.concatenate: concatenate,
    np.where: where,
}


class Traced(np.ndarray):
    """An array of a tape. What is done to it with NumPy's functions and operators is written down;
    what would need its numbers now is refused, since they will be others each time."""

    tape, value = None, None

    def __array_finalize__(self, source):
        self.tape, self.value = getattr(source, "tape", None), getattr(source, "value", None)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        out = out[0] if out else None
        if out is not None and not isinstance(out, Traced):
            raise TypeError("a recorded array cannot be written to one that is not recorded")
        return self.tape.ufunc(ufunc, method, inputs, out, options)

    def __array_function__(self, fn, types, args, options):
        if fn in THROUGH:
            return super().__array_function__(fn, types, args, options | OPTIONS.get(fn, {}))
        if fn not in FUNCTIONS or options.keys() - {"axis"}:
            raise TypeError(f"np.{fn.__name__} cannot be recorded")
        return FUNCTIONS[fn](self.tape, *args, **options)

    def _refuse(self, *args):
        raise TypeError(
            "a recording has no numbers yet: it cannot go by `if`, float(), indexing with an "
            "array, assignment to a part, or a method such as .dot() or .argmax()"
        )

    def __repr__(self):
        return f"Traced(shape={self.shape}, dtype={self.dtype})"

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __setitem__ = item = tolist = _refuse
    fill = sort = partition = put = take = dot = trace = searchsorted = nonzero = _refuse
    argmax = argmin = argsort = compress = choose = tobytes = _refuse  # written in C: unseen

    def __getitem__(self, key):
        parts = key if isinstance(key, tuple) else (key,)
        if not all(p is None or p is ... or isinstance(p, (int, slice)) for p in parts):
            self._refuse()
        found = super().__getitem__(key)
        return found if isinstance(found, Traced) else super().__getitem__((*parts, ...))


def _address(array):
    return array.__array_interface__["data"][0]
