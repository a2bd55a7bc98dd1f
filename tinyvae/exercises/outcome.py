"""What one call of a function gave: arrays, or a problem, and what it did on the way."""

import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tinyvae.diagnose import diagnose
from tinyvae.exercises.exercise import Mistake, pulled
from tinyvae.protocol import equal

LONGEST = 300  # characters of an error's message


@dataclass
class Outcome:
    """What one call gave.

    problem: '' or one of 'raised', 'mistake', 'nothing' (None came back), 'unusable' (no numbers);
    kinds: of each value its dtype as the function returned it; the values are float64.
    error, message, line: of an exception; of what is not usable what it is and its place among the
    results, None if it is all that was returned, for several. changed: the argument that was
    changed in place, or ''. loose: for each value, whether a second call gave another one.
    """

    values: list = field(default_factory=list)
    kinds: list = field(default_factory=list)
    problem: str = ""
    error: str = ""
    message: str = ""
    line: int | None = None
    place: int | None = 0
    changed: str = ""
    loose: list = field(default_factory=list)


def outcomes(exercise, fn):
    """The Outcome of each case, each called twice with copies of its arguments."""
    return [attempt(exercise, fn, case) for case in exercise.drawn()]


def attempt(exercise, fn, case):
    """The Outcome of one case."""
    first = once(exercise, fn, case)
    if not first.problem:
        again = once(exercise, fn, case)
        if again.problem or len(again.values) != len(first.values):
            return again if again.problem else first
        first.loose = [not equal([a], [b]) for a, b in zip(first.values, again.values, strict=True)]
    return first


def once(exercise, fn, case):
    """The Outcome of a single call; warnings of NumPy are for the student's own runs."""
    args = [_copied(v) for v in case.args]
    constants = {k: _copied(v) for k, v in case.constants.items()}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = exercise.call(fn, *args, **constants)
            outcome = numbers(result, len(exercise.returns))
    except Mistake as mistake:
        outcome = Outcome(problem="mistake", message=str(mistake))
    except (Exception, SystemExit) as error:
        outcome = failure(error, exercise.file)
    before = [*case.args, *case.constants.values()]
    after = [*args, *constants.values()]
    for name, old, new in zip(exercise.names(case), before, after, strict=True):
        if isinstance(old, np.ndarray) and not equal([old], [new]):
            outcome.changed = outcome.changed or name
    return outcome


def _copied(value):
    return np.array(value) if isinstance(value, np.ndarray) else value


def numbers(result, count):
    """The Outcome of a call that returned `result`, from which `count` values are expected."""
    if result is None:
        return Outcome(problem="nothing")
    several = isinstance(result, tuple) or (count > 1 and isinstance(result, list))
    values, kinds = [], []
    for part in result if several else [result]:
        try:
            array = np.array(part)
        except Exception:
            array = np.array(None)
        if array.dtype.kind not in "biuf":
            place = len(values) if several or count == 1 else None
            return Outcome(problem="unusable", error=described(part, array), place=place)
        kinds.append(array.dtype.name)
        values.append(array.astype(np.float64))
    return Outcome(values, kinds)


def described(part, array):
    """What somebody returned in place of real numbers; `array` is what NumPy makes of it."""
    if array.dtype.kind == "c":
        return "complex numbers"
    if isinstance(part, np.ndarray):
        entries = {"O": "objects", "U": "text", "S": "text"}.get(array.dtype.kind, array.dtype)
        return f"an array of {entries}, not of numbers"
    return "None" if part is None else f"of type {type(part).__name__}"


def failure(error, file):
    """The Outcome of a call that raised; `file` is the name that the student's code goes by."""
    with suppress(Exception):  # of an error whose own text fails
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        message = " ".join(text.split())[:LONGEST]
        return Outcome((), (), "raised", type(error).__name__, message, line_of(error, file))
    return Outcome((), (), "raised", type(error).__name__, "", line_of(error, file))


def line_of(error, file):
    """The line of the student's file where it happened, or None."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return lines[-1] if lines else None


def diagnosis(exercise, fn):
    """What `tinyvae.diagnose` says of a wrong function at the first case, a list of lines.

    Empty where it has nothing to say: of a function without gradients, of one that it finds right
    or cannot run at the inputs that it chooses.
    """
    args, constants = exercise.drawn()[0]
    if exercise.forward is not None:
        asked = partial(diagnose, exercise.forward, *args[1:], backward=fn, **constants)
    elif exercise.call is pulled:
        asked = partial(diagnose, fn, *args[1:], **constants)
    else:
        return []
    try:
        found = asked()
    except Exception:  # of the student's code, at inputs beside those of the case
        return []
    return [] if found.ok else list(found.lines)
