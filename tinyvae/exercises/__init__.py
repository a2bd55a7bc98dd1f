"""Exercises: a function to write for every idea of the course, and a checker that explains.

`python -m tinyvae exercises start` copies the statements to a folder of yours, without their
solutions; `check` runs what you wrote, in a process of its own, and says what is wrong with it;
`hint N` helps. An exercise is two files, `problems/NN_name.py` (statement and solution, for
nbgrader, too) and `tutor/name.py` (what the checker knows of it); `exercise.py` has the contract.

    every()            all of them, in the order of the course
    exercise(which)    one of them, by number or name
    grade(fn)          AssertionError, with the explanation, if a function is wrong
"""

from difflib import get_close_matches
from functools import cache
from importlib import import_module

import tinyvae.exercises.exercise  # noqa: F401 - now: it would take the place of the function
from tinyvae.exercises.later import LATER

CHAPTERS = {
    1: ("central_difference", "relative_error", "directional_check"),
    2: (
        "affine_backward",
        "tanh_backward",
        "relu_backward",
        "softplus_backward",
        "residual_backward",
        "two_layers",
    ),
    3: ("expectation_gradient", "common_noise"),
    4: ("reparameterize", "reparameterize_backward", "reparameterize_samples_backward"),
} | LATER

NAMES = tuple(name for names in CHAPTERS.values() for name in names)


def every():
    """All exercises, in the order of the course."""
    return tuple(map(_loaded, NAMES))


def exercise(which):
    """The Exercise with this number, or this name. ValueError if there is none."""
    for number, name in enumerate(NAMES, 1):
        known = name, str(number), f"{number:02d}", f"{number:02d}_{name}.py"
        if str(which) in known:
            return _loaded(name)
    near = get_close_matches(str(which), NAMES, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are 1 to {len(NAMES)}"
    raise ValueError(f"no exercise {which}: {hint}")


@cache
def _loaded(name):
    """Imported when it is asked for: to load all of them takes longer than a short command."""
    return import_module(f"tinyvae.exercises.tutor.{name}").EXERCISE


def grade(fn):
    """Check `fn`, a function named as an exercise asks for it, in this process: for notebooks.

    AssertionError, with the explanation, if it is wrong; ValueError if no exercise has its name.
    """
    from tinyvae.exercises.check import judge_here  # here: it imports more than a list needs

    verdict = judge_here(exercise(fn.__name__), fn)
    if not verdict.passed:
        raise AssertionError(verdict.text)
