"""The words of the findings: what a factor is, how two formulas differ, where a mask is."""

import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from tinyvae.diagnose.formulas import NOISE, number

WRITTEN_DOWN = (8, 16, 32, 64, 128, 256, 512, 100)  # batch sizes, as they are copied from others


class Finding(NamedTuple):
    """A mistake by name: what is seen, and what to do about it, a sentence or two each."""

    seen: str
    do: str


def of_factor(c, scene):
    """(what a gradient is that is c times the right one, what to do about it)."""
    if c == -1.0:
        return "the right one with the wrong sign", "A minus is missing, or one is too much."
    if c == 2.0:
        return "twice the right one", "A factor 1/2 is missing, or something is added twice."
    if c == 0.5:
        return "half the right one", "A factor 2 is missing, or there is a 1/2 too much."
    for sign, word in ((1.0, ""), (-1.0, "minus ")):
        for name, value in scene.scalars.items():
            if value and abs(c * sign / value - 1.0) < NOISE:
                what = f"{word}the right one times {name} = {value:g}"
                do = f"{name} is multiplied in once too often, or a division by it is left out."
                return what, do
            if abs(c * sign * value - 1.0) < NOISE:
                what = f"{word}the right one divided by {name} = {value:g}"
                return what, f"{name} is left out on the way back, or divided by once too often."
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
    for text, log in {"log(2)": math.log(2), "log(10)": math.log(10)}.items():
        for word, value in ((text, log), (f"1/{text}", 1.0 / log)):
            if abs(c / value - 1.0) < NOISE:
                do = "Logarithms are to the base e here, and what they measure is in nats."
                return f"{word} times the right one", do
    lengths = {size: meaning for size, meaning in scene.sizes.items() if "length" in meaning}
    for size, meaning in lengths.items():
        if abs(c * (size - 1) / size - 1.0) < NOISE:
            do = f"A mean over {size} is divided by {size}, not by {size - 1}."
            return f"{number(c)} times the right one; {meaning}", do
    for size, meaning in lengths.items():
        for usual in WRITTEN_DOWN:
            if abs(c * usual / size - 1.0) < NOISE:
                do = f"{usual} is written down where it is {size} here: ask the array."
                return f"{size}/{usual} times the right one; {meaning}", do
    return f"{number(c)} times the right one", "Look for a constant that is there, or is missing."


def of_formulas(part, have, due):
    """(how a gradient and the right one differ, what to do), both as Formulas."""
    seen = f"{part} is {have}; it should be {due}."
    missing = list((Counter(due.of.factors) - Counter(have.of.factors)).elements())
    extra = list((Counter(have.of.factors) - Counter(due.of.factors)).elements())
    front = "" if have.c == due.c else ", and the constant in front is another"
    if missing and extra:
        there, belongs = ("s" if len(names) == 1 else "" for names in (extra, missing))
        return seen, f"{joined(extra)} stand{there} where {joined(missing)} belong{belongs}{front}."
    if missing:
        return seen, f"The factor {' '.join(missing)} is missing{front}."
    if extra:
        return seen, f"The factor {' '.join(extra)} does not belong there{front}."
    return seen, "The constant in front is another."


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


def at_ends(mask):
    """Whether a mask is True in the first or the last row or column alone."""
    for axis in range(mask.ndim):
        lines = mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis))
        if len(lines) > 2 and not lines[1:-1].any() and lines.sum() == 1:
            return True
    return False
