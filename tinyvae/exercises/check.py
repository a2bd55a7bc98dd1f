"""The verdict on a student's function, explained: the first of these that applies.

It was not begun; it cannot be loaded, ends Python or does not end; it is right; it does exactly
what a known misconception does, in all cases; it crashes, returns nothing, or something of the
wrong type, number or shape, or not finite; it changes its arguments, or its mind; it is short of
digits; what `tinyvae.diagnose` says of its gradients; the first entry that is wrong, what it should
be, and a pattern if there is one.
"""

import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tinyvae
from tinyvae.exercises import stubs
from tinyvae.exercises.exercise import pulled
from tinyvae.exercises.outcome import attempt, diagnosis, outcomes
from tinyvae.exercises.patterns import short_of_digits
from tinyvae.exercises.runner import BEGUN, RETURNED, read
from tinyvae.exercises.sentences import complaint, ended, first_difference, unloaded

LIMIT = 10.0  # seconds that the student's code may take, for all cases
START = 60.0  # seconds in which Python and NumPy must have started


@dataclass(frozen=True)
class Verdict:
    """state: 'passed', 'wrong' or 'not begun'; text: what the student is told."""

    state: str
    text: str = ""

    @property
    def passed(self):
        return self.state == "passed"


def check(exercise, path, limit=LIMIT):
    """The Verdict on the student's file at `path`. OSError if it cannot be read."""
    source = Path(path).read_bytes()
    if not stubs.begun(exercise.source, source):
        return Verdict("not begun", f"Write {exercise.name} in {path}, then check again.")
    report, found = run(exercise, path, limit)
    if found is None:
        return Verdict("wrong", ended(report, source, exercise, limit))
    if report["stage"] != "called":
        return Verdict("wrong", unloaded(report, source, exercise))

    def diagnosed():
        report, found = run(exercise, path, limit, "diagnose")
        return [] if found is None else report.get("lines", [])

    return judge(exercise, found, diagnosed, source)


def judge_here(exercise, fn):
    """The Verdict on a function of this process, which a loop without an end would stop."""
    return judge(exercise, outcomes(exercise, fn), lambda: diagnosis(exercise, fn))


def judge(exercise, found, diagnosed, source=b""):
    """The Verdict on the Outcomes `found`, one for each case.

    diagnosed(): the lines of `tinyvae.diagnose` for the first case. source: of the student's file.
    """
    right = outcomes(exercise, exercise.solution)
    if alike(exercise, found, right):
        return Verdict("passed")
    known = explained(exercise, found)
    if known is not None:
        return Verdict("wrong", known.sentence)
    told = complaint(exercise, found, right, source)
    told = told or short_of_digits(exercise, found, right, source)
    if told:
        return Verdict("wrong", told)
    k = next(k for k, outcome in enumerate(found) if not same(exercise, outcome, right[k]))
    # Of a wrong y, the gradient may be right, and says nothing.
    value = exercise.call is not pulled or close(exercise, found[0].values[0], right[0].values[0])
    lines = diagnosed() if k == 0 and value else []
    return Verdict("wrong", "\n".join(lines) or first_difference(exercise, found, right, k))


# -- Comparing ------------------------------------------------------------------------------------


def explained(exercise, found):
    """The Misconception that gives just these Outcomes, or None."""
    cases = exercise.drawn()
    for known in exercise.misconceptions:
        # One case after the other: most do not fit the first.
        if all(
            same(exercise, outcome, attempt(exercise, known.fn, case))
            for outcome, case in zip(found, cases, strict=True)
        ):
            return known
    return None


def alike(exercise, left, right):
    return len(left) == len(right) and all(
        same(exercise, a, b) for a, b in zip(left, right, strict=True)
    )


def same(exercise, a, b):
    """Whether two Outcomes are the same: the same error, or equal values where they repeat."""
    for name in ("problem", "error", "message", "place", "changed", "loose"):
        if getattr(a, name) != getattr(b, name):
            return False
    if len(a.values) != len(b.values):
        return False
    loose = a.loose or [False] * len(a.values)
    return all(
        u.shape == v.shape and (free or close(exercise, u, v))
        for u, v, free in zip(a.values, b.values, loose, strict=True)
    )


def close(exercise, a, b):
    """Whether two arrays are equal within the exercise's tolerance; so are two NaNs."""
    return a.shape == b.shape and np.allclose(
        a, b, rtol=exercise.rtol, atol=exercise.atol, equal_nan=True
    )


# -- The student's process ------------------------------------------------------------------------


def run(exercise, path, limit, *words):
    """(report, Outcomes) of the function in the file at `path`, called in a process of its own.

    (what is known of the end, None) if the process ended without a report. OSError if it broke off
    outside the student's code.
    """
    with tempfile.TemporaryDirectory(prefix="tinyvae-") as folder:
        words = [str(word) for word in (path, exercise.name, folder, limit, *words)]
        command = [sys.executable, "-P", "-m", "tinyvae.exercises.runner", *words]
        code = wait(command, START + limit)
        folder = Path(folder)
        if (folder / "report.json").exists():
            return read(folder)
        stack = ""
        with suppress(FileNotFoundError):
            stack = (folder / "stack").read_text(errors="replace")
        if BEGUN not in stack or RETURNED in stack:
            raise OSError(f"the process that runs {path} broke off (code {code})")
        return {"code": code, "stack": stack}, None


def wait(command, seconds):
    """Run a command with no input and no output; its exit code, negative if a signal ended it.

    It is killed when the time is over, and with it, in any case, all that it has started.
    """
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    process = subprocess.Popen(command, env=environment(), start_new_session=True, **quiet)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    return process.returncode


def environment():
    """One thread, no windows, and this package, wherever it was imported from."""
    root = str(Path(tinyvae.__file__).parents[1])
    paths = [root] if root not in sysconfig.get_paths().values() else []
    paths += [p for p in [os.environ.get("PYTHONPATH")] if p]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return os.environ | threads | {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join(paths)}
