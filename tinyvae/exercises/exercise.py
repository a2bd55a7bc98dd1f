"""What an exercise is: a function to write, inputs to try it on, and the mistakes people make.

The statement and the solution are in `problems/NN_name.py`, in percent format; all that the
checker has to know is in `tutor/name.py`, which ends with `EXERCISE = Exercise(...)`:

    name             the function asked for, and the file's name without its number
    chapter, title
    cases(rng)       a list of `case(*args, **constants)`: what the function is called with. All
                     noise is in them, so the order of anybody's draws cannot matter. The first
                     is an ordinary one: `tinyvae.diagnose` is asked there, and nowhere else
    returns          names of what it returns, for sentences
    misconceptions   wrong versions of the function, each with the sentence that it deserves; a
                     long list of them, as wrong lines, is made by `lines.py`
    hints            from a nudge to nearly the solution
    truth            the same function from elsewhere: package calls, a closed form. For tests alone
    forward          of a backward pass `name(dy, *args, **constants)`: y = forward(*args,
                     **constants), for `tinyvae.diagnose`
    call(fn, *args, **constants)   how fn is turned into numbers; `pulled` where it is asked for as
                     `y, vjp = fn(*args, **constants)`. Solution, misconceptions and truth are
                     called in the same way
    rtol, atol       two entries are equal within rtol |right| + atol
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinyvae.exercises import stubs
from tinyvae.protocol import argument_names

PROBLEMS = Path(__file__).with_name("problems")


class Case(NamedTuple):
    """One call: fn(*args, **constants)."""

    args: tuple
    constants: dict


def case(*args, **constants):
    """The call fn(*args, **constants), to be made later."""
    return Case(args, constants)


@dataclass(frozen=True)
class Misconception:
    """A wrong version of the function, and what is said to who wrote it."""

    fn: Callable
    sentence: str

    @property
    def name(self):
        return self.fn.__name__


def misconception(fn):
    """A Misconception of `fn`; its docstring is the sentence that the student is told."""
    return Misconception(fn, " ".join(inspect.getdoc(fn).split()))


class Mistake(Exception):
    """Raised by a `call` for a result that it cannot use; the message is told to the student."""


def plain(fn, *args, **constants):
    return fn(*args, **constants)


def pulled(fn, dy, *args, **constants):
    """(y, *gradients) of `y, vjp = fn(*args, **constants)`, vjp called with dy."""
    result = fn(*args, **constants)
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        nothing = "It returns nothing (None). " if result is None else ""
        raise Mistake(
            f"{nothing}It must end with `return y, vjp`: the value, and a function defined inside, "
            "which takes dy and returns the tuple of gradients."
        )
    if not callable(result[1]):
        raise Mistake(
            "The second thing that it returns must be the function vjp itself, without parentheses "
            f"after its name, and not a {type(result[1]).__name__}."
        )
    y, vjp = result
    grads = vjp(dy)
    if grads is None:
        names = ", ".join(f"d{name}" for name in argument_names(fn, len(args)))
        wanted = names if len(args) > 1 else f"({names},)"
        raise Mistake(f"vjp returns nothing (None): it must end with `return {wanted}`.")
    if not isinstance(grads, (tuple, list)):
        raise Mistake(
            "vjp(dy) must return a tuple with one gradient for each argument; of a single one, "
            "`return (dx,)` with the comma."
        )
    return y, *grads


@dataclass(frozen=True, repr=False)
class Exercise:
    """One exercise; the fields are explained at the top of this file."""

    name: str
    chapter: int
    title: str
    cases: Callable
    returns: tuple
    misconceptions: tuple
    hints: tuple
    truth: Callable
    forward: Callable | None = None
    call: Callable = plain
    rtol: float = 1e-7
    atol: float = 1e-9

    def __repr__(self):
        return f"Exercise({self.name!r})"

    @cached_property
    def problem(self):
        """The file with statement and solution. FileNotFoundError if it is not there."""
        found = sorted(PROBLEMS.glob(f"[0-9][0-9]_{self.name}.py"))
        if len(found) != 1:
            raise FileNotFoundError(f"{len(found)} files NN_{self.name}.py in {PROBLEMS}, not one")
        return found[0]

    @property
    def number(self):
        """Its position in the course, from 1 on."""
        return int(self.problem.name[:2])

    @property
    def file(self):
        """What its file is called, here and in the student's folder."""
        return self.problem.name

    def names(self, case):
        """The names of all arguments of the case, positional ones first."""
        count = len(case.args)
        if self.call is plain:
            names = argument_names(self.solution, count)
        elif self.call is pulled:
            names = ["dy", *argument_names(self.solution, count - 1)]
        else:
            names = argument_names(self.call, count + 1)[1:]
        return [*names, *case.constants]

    def spelled(self, case):
        """The call of the case, as one would write it."""
        count = len(case.args)
        words = [*self.names(case)[:count], *(f"{name}={name}" for name in case.constants)]
        if self.call is pulled:
            return f"y, vjp = {self.name}({', '.join(words[1:])})` and `vjp(dy)"
        return f"{self.name}({', '.join(words)})"

    @cached_property
    def source(self):
        return self.problem.read_text(encoding="utf-8")

    @cached_property
    def solution(self):
        """The function that the problem's file defines."""
        namespace = {"__name__": self.name}
        exec(compile(stubs.without_grading(self.source), str(self.problem), "exec"), namespace)
        return namespace[self.name]

    def drawn(self):
        """The cases, the same at every call."""
        return self.cases(np.random.default_rng(0))
