"""Errors that teach: each names the argument, what was wrong with it, and what was expected."""

import difflib
import sys

import numpy as np


class NotFinite(ArithmeticError):
    """A loss or a gradient became infinite or NaN; the message names the first array that did."""


def unknown(what, name, known):
    """The ValueError for a name that is not in a table, with the nearest names that are."""
    if not isinstance(name, str):
        return TypeError(f"{what} must be a name, one of {', '.join(known)}, not {name!r}")
    known = sorted(known)
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    return ValueError(f"unknown {what} {name!r}: {hint}known are {', '.join(known)}")


def check_count(name, value, *, at_least=1):
    """`value` as an int; TypeError unless it is a whole number, ValueError below `at_least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, not {value}")
    if value > sys.maxsize:
        raise ValueError(f"{name} is too large: {str(value)[:20]}...")
    return int(value)


def check_number(name, value, *, above=None, at_least=None, below=None):
    """`value` as a float; TypeError unless it is a real number, ValueError if out of range."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value}")
    if above is not None and not value > above:
        raise ValueError(f"{name} must be greater than {above:g}, not {value:g}")
    if at_least is not None and not value >= at_least:
        raise ValueError(f"{name} must be at least {at_least:g}, not {value:g}")
    if below is not None and not value < below:
        raise ValueError(f"{name} must be less than {below:g}, not {value:g}")
    return float(value)


def check_shape(name, array, expected):
    """ValueError unless `array` has the shape `expected`; a letter there stands for any size."""
    shape = np.shape(array)
    if len(shape) != len(expected) or any(
        isinstance(e, int) and e != s for s, e in zip(shape, expected, strict=True)
    ):
        wanted = f"({', '.join(map(str, expected))}{',' * (len(expected) == 1)})"
        raise ValueError(f"{name} has shape {shape}, expected {wanted}")


def check_finite(name, array):
    """ValueError, naming the first place, if `array` holds a NaN or an infinity."""
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i[0]) for i in np.nonzero(~finite))
        raise ValueError(
            f"{name} must be finite, but {name}[{', '.join(map(str, where))}] is {array[where]}"
            f" ({int((~finite).sum())} of {array.size} entries are not finite)"
        )


class Undefined(ValueError):
    """Something was asked for that does not exist: a path through a jump, a mean of a Cauchy."""


def check_inside(above=None, below=None, **arrays):
    """ValueError unless every number of the named arrays is greater than `above`, less than
    `below`; a NaN is in no interval. Of a complex number the real part counts."""
    for name, array in arrays.items():
        inside = True if above is None else np.real(array) > above
        inside = inside if below is None else inside & (np.real(array) < below)
        if not np.all(inside):
            bounds = [f"greater than {above:g}"] * (above is not None)
            bounds += [f"less than {below:g}"] * (below is not None)
            where = tuple(int(i[0]) for i in np.nonzero(~np.atleast_1d(inside)))
            index = f"[{', '.join(map(str, where))}]" if np.ndim(array) else ""
            value = np.atleast_1d(array)[where]
            raise ValueError(f"{name} must be {' and '.join(bounds)}, but {name}{index} is {value}")


def check_positive(**arrays):
    """ValueError unless every number of the named arrays is greater than 0 and finite."""
    check_inside(above=0.0, below=np.inf, **arrays)
