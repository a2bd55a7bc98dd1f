"""The protocol that the whole package keeps: `y, vjp = fn(*args, **constants)`.

- Positional arguments are differentiated; keyword arguments (noise, targets, beta) are constants.
- `vjp(dy)` is a tuple with one gradient for each positional argument, of that argument's shape;
  None where fn is not differentiable in it. A dict of arrays has a dict of gradients.
- If y is a tuple, vjp takes a matching tuple.
- Nothing is changed in place, and no random number is drawn inside: calling twice gives the same.

Here is what the checkers need to handle any function that keeps it.
"""

import inspect

import numpy as np


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
