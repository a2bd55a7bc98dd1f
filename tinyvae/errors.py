"""Errors that teach: each names the argument, what was wrong with it, and what was expected."""

import difflib
import math
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


def check_inside(above=-math.inf, below=math.inf, **arrays):
    """ValueError unless every number of the named arrays is greater than `above` and less than
    `below`, and so neither NaN nor infinite; of a complex number the real part counts."""
    for name, array in arrays.items():
        values = np.atleast_1d(np.real(array))
        outside = ~((values > above) & (values < below))
        if outside.any():
            bounds = [f"greater than {above:g}"] if above > -math.inf else []
            bounds += [f"less than {below:g}"] if below < math.inf else []
            where = tuple(int(i[0]) for i in np.nonzero(outside))
            index = f"[{', '.join(map(str, where))}]" if np.ndim(array) else ""
            raise ValueError(
                f"{name} must be {' and '.join(bounds) or 'finite'}, "
                f"but {name}{index} is {values[where]}"
            )


def check_positive(**arrays):
    """ValueError unless every number of the named arrays is positive and finite."""
    check_inside(above=0.0, **arrays)


def check_counts(**arrays):
    """ValueError unless every number of the named arrays is a count: 0, 1, 2, ..."""
    for name, array in arrays.items():
        values = np.atleast_1d(array)
        wrong = values[~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))]
        if wrong.size:
            raise ValueError(f"{name} must be counts, 0, 1, 2, ..., but one of it is {wrong[0]}")
