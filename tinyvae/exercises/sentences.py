"""What a student is told when no misconception of the exercise fits, in a few plain sentences."""

import re
import signal

import numpy as np

from tinyvae.exercises.patterns import pattern
from tinyvae.exercises.words import at, at_index, called, listed, pair, raised, there

# -- Before the function could be called ----------------------------------------------------------


def unloaded(report, source, exercise):
    """The file could be read, but there is no function to call."""
    if report["stage"] == "missing":
        near = f"; there is {report['near'][0]}" if report["near"] else ""
        return f"The file has no function {exercise.name}{near}. Keep the name that it had."
    error, message, line = report["error"], report["message"], report["line"]
    where = at(line, source) or "the file"
    if error in ("SyntaxError", "IndentationError", "TabError"):
        return f"Python cannot read {where}: {message}."
    if error in SAID:
        return SAID[error].format(at=where)
    return f"The file stops at {where}, before the function is called. {raised(error, message)}"


def ended(report, source, exercise, limit):
    """The process ended before the function returned."""
    stack, code = report["stack"], report["code"]
    line = re.search(rf'File "{re.escape(exercise.file)}", line (\d+)', stack)
    where = at(int(line[1]), source) if line else "code that it called"
    if "Timeout (" in stack:
        return f"It was stopped after {limit:g} s, in {where}. Is there a loop that does not end?"
    if "Fatal Python error" in stack or "fatal exception" in stack:
        why = " A function that calls itself without end?" if "Abort" not in stack else ""
        return f"Python itself broke down in {where}.{why}"
    if code == -getattr(signal, "SIGKILL", 0):
        return "The system stopped it, as it does when memory runs out."
    return "It ended Python before it returned: leave out os._exit, and what calls it."


SAID = {
    "NotImplementedError": "Something is still to be written: {at}.",
    "RecursionError": "It calls itself without end, in {at}.",
    "MemoryError": "It asks for more memory than there is (2 GB), in {at}. Does an array have the "
    "shape that you think it has?",
    "EOFError": "It waits for somebody to type, in {at}: leave out input(); all it needs is in "
    "its arguments.",
    "SystemExit": "It ends Python, in {at}: leave out exit() and quit(), and return the result.",
}

# -- What is wrong with a result, whatever was asked ----------------------------------------------


def complaint(exercise, found, right, source):
    """The first general fault of the Outcomes `found`, as text; '' if there is none."""
    for fault in (crash, mistake, nothing, unusable, count, loose, changed, shape, not_finite):
        for case, outcome, expected in zip(exercise.drawn(), found, right, strict=True):
            told = fault(exercise, case, outcome, expected, source)
            if told:
                return told
    return ""


def crash(exercise, case, outcome, expected, source):
    if outcome.problem != "raised":
        return ""
    where = at(outcome.line, source)
    if outcome.error in SAID:
        return SAID[outcome.error].format(at=where or "code that it calls")
    error = raised(outcome.error, outcome.message)
    if not where:
        return f"The checker calls `{exercise.spelled(case)}`, and that fails. {error}"
    return f"It stops at {where}. {error}\n{called(exercise, case)}"


def mistake(exercise, case, outcome, expected, source):
    return outcome.message if outcome.problem == "mistake" else ""


def nothing(exercise, case, outcome, expected, source):
    if outcome.problem != "nothing":
        return ""
    return f"It returns nothing (None): it must end with `return {', '.join(exercise.returns)}`."


def unusable(exercise, case, outcome, expected, source):
    if outcome.problem != "unusable":
        return ""
    if outcome.place is None:
        names = ", ".join(exercise.returns)
        is_ = f"something {outcome.error}" if outcome.error.startswith("of") else outcome.error
        return f"It returns {is_}, expected {listed(exercise.returns)}: `return {names}`."
    if outcome.place >= len(exercise.returns):
        return f"It returns more than {listed(exercise.returns)}."
    name, wanted = exercise.returns[outcome.place], expected.values[outcome.place]
    kind = f"an array of shape {wanted.shape}" if wanted.ndim else "a number"
    if outcome.error == "complex numbers":
        return f"{name} has complex numbers, expected real ones."
    return f"{name} is {outcome.error}, expected {kind}."


def count(exercise, case, outcome, expected, source):
    has, wants = len(outcome.values), len(exercise.returns)
    if outcome.problem or has == wants:
        return ""
    return (
        f"It returns {has} value{'s' * (has != 1)}, expected {wants}: {listed(exercise.returns)}."
    )


def shape(exercise, case, outcome, expected, source):
    for name, value, wanted in _values(exercise, outcome, expected):
        if value.shape != wanted.shape:
            has = f"has shape {value.shape}" if value.ndim else "is a number"
            kind = wanted.shape if value.ndim else f"an array of shape {wanted.shape}"
            return f"{name} {has}, expected {kind if wanted.ndim else 'a number'}.\n" + called(
                exercise, case
            )
    return ""


def not_finite(exercise, case, outcome, expected, source):
    for name, value, wanted in _values(exercise, outcome, expected):
        bad = np.argwhere(~np.isfinite(value) & np.isfinite(wanted))
        if len(bad):
            index = tuple(map(int, bad[0]))
            return (
                f"{name}{at_index(index)} is {value[index]}, expected {wanted[index]:.6g}"
                f"{there(exercise, case, index, value.shape)}. Does something overflow, or is "
                "something divided by 0?"
            )
    return ""


def changed(exercise, case, outcome, expected, source):
    if not outcome.changed:
        return ""
    name = outcome.changed
    return (
        f"It changes {name} in place, and whoever called it still needs {name}. Make a new array: "
        f"`new = {name} * 2`, not `{name} *= 2` or `{name}[...] =`."
    )


def loose(exercise, case, outcome, expected, source):
    names = [name for name, free in zip(exercise.returns, outcome.loose, strict=False) if free]
    if not names:
        return ""
    return (
        f"Called twice with the same arguments, it gives another {listed(names)}: it draws random "
        "numbers of its own, or remembers something. All it needs is in its arguments."
    )


def _values(exercise, outcome, expected):
    return zip(exercise.returns, outcome.values, expected.values, strict=False)


# -- A result that is only wrong ------------------------------------------------------------------


def first_difference(exercise, found, right, k):
    """What is right, and the first entry of case k that is not, with both numbers."""
    case, outcome, expected = exercise.drawn()[k], found[k], right[k]
    good, bad = [], []
    for name, value, wanted in _values(exercise, outcome, expected):
        off = ~np.isclose(value, wanted, rtol=exercise.rtol, atol=exercise.atol)
        (bad if off.any() else good).append((name, value, wanted, off))
    name, value, wanted, off = bad[0]
    index = tuple(map(int, np.argwhere(off)[0]))
    is_, expected = pair(value[index], wanted[index])
    said = f"{name}{at_index(index)} is {is_}, expected {expected}"
    said += there(exercise, case, index, value.shape) + "."
    if good:
        names = [name for name, *_ in good]
        said = f"{listed(names)} {'is' if len(names) == 1 else 'are'} right. {said}"
    if off.size > 1:
        said += f" ({off.sum()} of {off.size} entries of {name} are off.)"
    common = pattern(exercise, found, right, exercise.returns.index(name), k)
    return "\n".join(filter(None, (said, common, called(exercise, case))))
