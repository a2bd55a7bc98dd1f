"""What a wrong result has in common in all cases: a factor, a constant, too few digits."""

import re

import numpy as np

from tinyvae.exercises.words import at, listed

TRIED = "in every case that was tried"
NAMED = {
    -1.0: f"Only its sign is wrong, {TRIED}.",
    2.0: f"It is twice what it should be, {TRIED}: is a factor 1/2 missing?",
    0.5: f"It is half of what it should be, {TRIED}: is there a factor 1/2 too many?",
}
DIGITS = {"float16": 3, "float32": 7}
NEAR = {"float16": 2e-2, "float32": 1e-4}  # what is left of them after a few operations
CASTS = {  # how code says that numbers are to be short
    "float16": re.compile(rb"float16|np\.half\b|['\"][<>=]?f2['\"]"),
    "float32": re.compile(rb"float32|np\.single\b|['\"][<>=]?f4['\"]"),
}


def pattern(exercise, found, right, place, k):
    """A sentence on the value at `place`, which is wrong in case k; '' if there is no pattern."""
    pairs = [(a.values[place], b.values[place]) for a, b in zip(found, right, strict=True)]
    return factor(exercise, pairs) or offset(exercise, pairs) or rows(exercise, *pairs[k])


def factor(exercise, pairs):
    """Where every value is the right one times a number, the same or the length of an axis."""
    factors = [np.sum(value * wanted) / (np.sum(wanted**2) or 1.0) for value, wanted in pairs]
    if not all(near(exercise, v, c * w) for c, (v, w) in zip(factors, pairs, strict=True)):
        return ""
    same = np.ptp(factors) <= 1e-6 and sum(wanted.size for _, wanted in pairs) > 2
    for number, sentence in NAMED.items():
        if same and np.isclose(factors[0], number, rtol=1e-6):
            return sentence
    for axis, lengths in axes(exercise).items():
        if len(lengths) == len(factors) and np.allclose(factors, lengths, rtol=1e-6):
            return (
                f"It is too large by a factor, {TRIED}: the length of {axis}. Is there a sum where "
                "a mean belongs, or was that length not divided out?"
            )
        if len(lengths) == len(factors) and np.allclose(
            factors, 1.0 / np.array(lengths), rtol=1e-6
        ):
            return (
                f"It is too small by a factor, {TRIED}: the length of {axis}. Is there a mean "
                "where a sum belongs?"
            )
    return f"It is {factors[0]:.6g} times what it should be, {TRIED}." if same else ""


def axes(exercise):
    """{'axis 0 of x': its length in each case}, of all arguments."""
    found = {}
    for case in exercise.drawn():
        values = [*case.args, *case.constants.values()]
        for name, value in zip(exercise.names(case), values, strict=True):
            for axis, length in enumerate(getattr(value, "shape", ())):
                found.setdefault(f"axis {axis} of {name}", []).append(length)
    return found


def offset(exercise, pairs):
    """Where every value is the right one plus one and the same number."""
    differences = np.concatenate([np.ravel(value - wanted) for value, wanted in pairs])
    d = differences.mean()
    if differences.size < 3 or not all(near(exercise, v, w + d) for v, w in pairs):
        return ""
    return f"It is too {'large' if d > 0.0 else 'small'} by {abs(d):.6g}, {TRIED}."


def rows(exercise, value, wanted):
    """Where some rows are right, and others are not."""
    right = np.isclose(value, wanted, rtol=exercise.rtol, atol=exercise.atol)
    if right.ndim == 0 or len(right) == right.size == 1:
        return ""
    right = right.reshape(len(right), -1).all(axis=1)
    if right.all() or not right.any():
        return ""
    few, rest = (right, "wrong") if right.sum() <= len(right) / 2 else (~right, "right")
    numbers = listed([str(i) for i in np.flatnonzero(few)])
    if value.ndim > 1:
        what = "Row" if few.sum() == 1 else "Rows"
    else:
        what = "Entry" if few.sum() == 1 else "Entries"
    is_ = "is" if few.sum() == 1 else "are"
    return f"{what} {numbers} {is_} {'right' if rest == 'wrong' else 'wrong'}, the rest is {rest}."


def near(exercise, value, wanted):
    return np.allclose(value, wanted, rtol=max(exercise.rtol, 1e-6), atol=exercise.atol)


# -- Digits ---------------------------------------------------------------------------------------


def short_of_digits(exercise, found, right, source):
    """What to say if every value is right to the digits that short numbers have; '' if not."""
    line, kind = cast(source)
    kind = min({k for outcome in found for k in outcome.kinds} & DIGITS.keys(), default=kind)
    if kind is None:
        return ""
    names = set()
    for outcome, expected in zip(found, right, strict=True):
        for name, a, b in zip(exercise.returns, outcome.values, expected.values, strict=True):
            if np.abs(a - b).max(initial=0.0) > NEAR[kind] * np.abs(b).max(initial=0.0):
                return ""
            if not np.allclose(a, b, rtol=exercise.rtol, atol=exercise.atol):
                names.add(name)
    names = [name for name in exercise.returns if name in names]
    where = f"in {at(line, source)}" if line else "somewhere in your code (astype, dtype=)"
    return (
        f"{listed(names)} {'is' if len(names) == 1 else 'are'} right to the {DIGITS[kind]} digits "
        f"that {kind} has; asked for are the 16 of float64. All arguments are float64; they become "
        f"{kind} {where}. Leave that out."
    )


def cast(source):
    """(number, kind) of the first line of code that makes numbers short; (None, None) if none."""
    for number, line in enumerate(source.splitlines(), 1):
        for kind, words in CASTS.items():
            if words.search(line.partition(b"#")[0]):
                return number, kind
    return None, None
