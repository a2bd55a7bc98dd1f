"""The words of the findings: what a factor is, how two formulas differ, where a mask is."""

import numpy as np

from tinyvae.diagnose.formulas import NOISE, number


def of_factor(c, scene):
    """(what a gradient is that is c times the right one, what to do about it)."""
    if c == -1.0:
        return "the right one with the wrong sign", "Look for a minus: a loss is minus a bound."
    if c == 2.0:
        return "twice the right one", "A factor 1/2 is missing, or something is added twice."
    if c == 0.5:
        return "half the right one", "A factor 2 is missing, or there is a 1/2 too much."
    for sign, word in ((1.0, ""), (-1.0, "minus ")):
        for name, value in scene.scalars.items():
            if value and abs(c * sign / value - 1.0) < NOISE:
                what = f"{word}the right one times {name} = {value:g}"
                return what, f"{name} is multiplied in once too often on the way back."
            if abs(c * sign * value - 1.0) < NOISE:
                what = f"{word}the right one divided by {name} = {value:g}"
                return what, f"{name} is left out on the way back."
    return of_size(c, scene)


def of_size(c, scene):
    """The same for a factor that may be the length of an axis, or its inverse."""
    for k in (1.0, -1.0, 2.0):
        for size, meaning in sorted(scene.sizes.items(), reverse=True):
            if abs(c / (k * size) - 1.0) < NOISE:
                do = f"A division by {size} is missing: the forward pass takes a mean, or divides."
                return f"{number(c)} times the right one; {meaning}", do
            if abs(c * size / k - 1.0) < NOISE:
                do = f"It is divided by {size} once too often: a mean where a sum belongs."
                return f"{number(c)} of the right one; {meaning}", do
    return f"{number(c)} times the right one", "Look for a constant that is there, or is missing."


def of_formulas(part, have, due):
    """(how a gradient and the right one differ, what to do), both as Formulas; due may be None."""
    if due is None:
        do = "Differentiate this line of the forward pass once more."
        return f"{part} is {have}, and that is not its derivative.", do
    seen = f"{part} is {have}; it should be {due}."
    missing = [f for f in due.of.factors if f not in have.of.factors]
    extra = [f for f in have.of.factors if f not in due.of.factors]
    if missing and extra:
        there, belongs = ("s" if len(names) == 1 else "" for names in (extra, missing))
        return seen, f"{joined(extra)} stand{there} where {joined(missing)} belong{belongs}."
    if missing:
        return seen, f"The factor {' '.join(missing)} is missing."
    if extra:
        return seen, f"The factor {' '.join(extra)} does not belong there."
    return seen, "The constant in front is not the right one."


def where(mask, arrays):
    """Where a mask is True: some rows or columns, or where an array is large or small."""
    for axis in range(mask.ndim):
        others = tuple(k for k in range(mask.ndim) if k != axis)
        lines = mask.any(axis=others)
        if not lines.all() and (mask == np.expand_dims(lines, others)).all():
            found = [int(i) for i in np.flatnonzero(lines)]
            shown = joined(found if len(found) < 6 else [*found[:4], "..."])
            return f"at {shown}" + (f" of axis {axis}" if mask.ndim > 1 else "")
    for name, u in arrays.items():
        if u.shape == mask.shape and 0 < mask.sum() < mask.size:
            if u[mask].min() > u[~mask].max():
                return f"where {name} is above {u[~mask].max():.3g}"
            if u[mask].max() < u[~mask].min():
                return f"where {name} is below {u[~mask].min():.3g}"
    return f"at {mask.sum()} of its {mask.size} entries"


def are(names):
    return "is" if len(names) == 1 else "are"


def joined(names):
    """'a', 'a and b', 'a, b and c'."""
    names = [str(name) for name in names]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"


def numbers(array):
    """The first three numbers of an array."""
    return "[" + ", ".join(f"{x:.3g}" for x in array.ravel()[:3]) + ", ...]"


def capital(sentence):
    """With a capital, but for a name such as dmu."""
    return "T" + sentence[1:] if sentence.startswith("the ") else sentence
