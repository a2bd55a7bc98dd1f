"""The protocol that the whole package keeps: `y, vjp = fn(*args, **constants)`.

- Positional arguments are differentiated; keyword arguments (noise, targets, beta) are constants.
- `vjp(dy)` is a tuple with one gradient for each positional argument, of that argument's shape;
  None where fn is not differentiable in it. A dict of arrays has a dict of gradients.
- If y is a tuple, vjp takes a matching tuple.
- Nothing is changed in place, and no random number is drawn inside: calling twice gives the same.

Here is what the checkers need to handle any function that keeps it.
"""

import inspect
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass
class Trial:
    """A first look at fn: random cotangents dy, the gradients of them; and a verdict other than
    'ok' where it breaks the protocol, with a note that says how."""

    dy: list = field(default_factory=list)
    grads: list = field(default_factory=list)
    verdict: str = "ok"
    note: str = ""


def trial(fn, names, args, constants, rng):
    """Call fn twice and vjp three times, and see whether it keeps the protocol: a Trial.

    args: float64 arrays or dicts of them, called `names`. TypeError if fn does not return (y, vjp),
    or returns anything but float64.
    """
    given, held = [copy(arg) for arg in args], _arrays(constants)
    y, pull = call(fn, given, constants)
    for part in y:
        if part.dtype != np.float64:
            raise TypeError(
                f"{name_of(fn)} returned {part.dtype}, expected float64: a difference of shorter "
                "numbers has no digits left to compare"
            )
    if not all(np.isfinite(part).all() for part in y):
        return Trial(verdict="nan", note="the value at the point of the check is not finite")
    dy = [np.asarray(rng.standard_normal(part.shape))[()] for part in y]
    spent = _spend(dy)
    grads = pull(spent)
    wrong = misfit(names, args, grads)
    if wrong:
        return Trial(dy, verdict="shape", note=wrong)
    first = Trial(dy, [copy(grad) for grad in grads])

    def broken(verdict, note):
        return replace(first, verdict=verdict, note=note)

    for name, before, after in zip(names, args, given, strict=True):
        if not equal([before], [after]):
            return broken("mutated", f"{name} was changed in place")
    for name, before in held.items():
        if not equal([before], [constants[name]]):
            constants[name][...] = before
            return broken("mutated", f"the constant {name} was changed in place")
    if not equal(dy, spent):
        return broken("mutated", "vjp changed the cotangent in place")
    try:
        again = pull(_spend(dy))
    except Exception as error:
        return broken("unstable", f"vjp cannot be called a second time ({error!r})")
    if not equal(first.grads, again):
        return broken("unstable", "vjp changes between calls: it draws noise, or keeps a state")
    y_again, pull = call(fn, [copy(arg) for arg in args], constants)
    if not equal(y, y_again):
        return broken("unstable", "fn changes between calls: draw its noise outside and pass it in")
    if not equal(first.grads, pull(_spend(dy))):
        return broken("unstable", "the backward pass changes between calls: it draws its own noise")
    return first


def call(fn, args, constants):
    """(outputs, pull): a list of arrays, copied since an op may return its argument; and vjp, as a
    function of a list of cotangents."""
    result = fn(*args, **constants)
    if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
        raise TypeError(
            f"{name_of(fn)} must return (y, vjp), its value and the function that pulls a gradient "
            f"back, not {type(result).__name__}"
        )
    y, vjp = result
    if isinstance(y, tuple):
        return [np.array(part) for part in y], lambda dy: vjp(tuple(dy))
    return [np.array(y)], lambda dy: vjp(dy[0])


def name_of(fn):
    """'VAE.loss', of the class that it was called on; 'tanh'; a callable's class."""
    if hasattr(fn, "__self__"):
        return f"{type(fn.__self__).__name__}.{fn.__name__}"
    return getattr(fn, "__qualname__", type(fn).__name__)


def argument_names(fn, count):
    """The names of fn's positional parameters, or arg0, arg1, ... where it has none."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in kinds][:count]
    return names + [f"arg{i}" for i in range(len(names), count)]


def float64(name, arg):
    """A copy of the argument; TypeError unless it is float64 or a Python float."""
    if isinstance(arg, dict):
        return {key: float64(f"{name}[{key!r}]", block) for key, block in arg.items()}
    array = np.array(arg)
    if array.dtype != np.float64:
        raise TypeError(
            f"{name} is {array.dtype}, expected float64: rounding at 1e-7 drowns a difference of "
            "float32 numbers, and integers cannot be moved by a small step"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite to be checked")
    return array


def copy(arg):
    if arg is None:
        return None
    if isinstance(arg, dict):
        return {key: copy(block) for key, block in arg.items()}
    return np.array(arg)


def equal(left, right):
    """Whether two sequences of arrays, dicts of arrays and Nones are the same to the bit."""
    for a, b in zip(left, right, strict=True):
        if isinstance(a, dict):
            if a.keys() != b.keys() or not equal(a.values(), b.values()):
                return False
        elif a is None or b is None:
            if a is not b:
                return False
        elif not np.array_equal(a, b, equal_nan=True):
            return False
    return True


def misfit(names, args, grads):
    """What is wrong with the structure of vjp's result, or None."""
    if not isinstance(grads, tuple):
        return f"vjp must return a tuple, one gradient an argument, not {type(grads).__name__}"
    if len(grads) != len(args):
        return f"vjp returned {len(grads)} gradients for {len(args)} arguments"
    for name, arg, grad in zip(names, args, grads, strict=True):
        if grad is None:
            continue
        if isinstance(arg, dict):
            if not isinstance(grad, dict) or grad.keys() != arg.keys():
                return f"the gradient of {name} must be a dict with the keys of {name}"
            keys = [f"{name}[{key!r}]" for key in arg]
            wrong = misfit(keys, arg.values(), tuple(grad[key] for key in arg))
            if wrong:
                return wrong
        elif np.shape(grad) != np.shape(arg):
            return f"the gradient of {name} has shape {np.shape(grad)}, expected {np.shape(arg)}"
    return None


def _spend(dy):
    """Copies of the cotangents, for a vjp that may write to them; a number stays a number."""
    return [np.copy(part)[()] for part in dy]


def _arrays(constants):
    return {k: v.copy() for k, v in constants.items() if isinstance(v, np.ndarray)}
