"""The contract of the gallery: what a mistake is, and how its lines are held beside the right ones.

A mistake takes the place of one part of a VAE that is right in all others. It is a function with
the part's own signature, so that everything else (training, oracles, the printed page) is shared.
"""

import ast
import difflib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper

import numpy as np


@dataclass(frozen=True)
class Mistake:
    """One row of the gallery.

    name: what `python -m tinyvae bugs NAME` takes. part: a name in `vae.PARTS`. wrong: the
    function that is put in its place; it draws its own noise if it has an argument `rng`.
    setting: a name in `world.SETTINGS`, the training in which it shows. seen: the kind of project
    where it was found. does: {sentence: predicate of a `Trained`}, what happens when one trains
    it; the page shows the sentences, and a test asks the predicates. see: how one would notice.
    """

    name: str
    title: str
    part: str
    wrong: Callable
    seen: str
    does: dict[str, Callable]
    see: str
    setting: str = "elbo"

    @property
    def draws_noise(self):
        """Whether it draws noise of its own, where it should be given it."""
        return self.part != "noise" and "rng" in inspect.signature(self.wrong).parameters

    def function(self, seed=0):
        """`wrong`, with the part's signature: what it draws comes from a Generator of `seed`."""
        if not self.draws_noise:
            return self.wrong
        bound = partial(self.wrong, rng=np.random.default_rng(seed))
        return update_wrapper(bound, self.wrong)


def lines_of(function):
    """The lines of a function as its file has them, without its docstring."""
    text = textwrap.dedent(inspect.getsource(function))
    body = ast.parse(text).body[0].body
    lines, first = text.splitlines(), body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
        while not lines[first.lineno - 1].strip():  # the empty lines that followed it
            del lines[first.lineno - 1]
    return lines


def side_by_side(right, wrong):
    """[(label, line)]: the lines of both functions, in order; label is 'right' or 'wrong' where
    they differ, and '' where they do not. The wrong one is shown under the right one's name."""
    old, new = lines_of(right), lines_of(wrong)
    new[0] = new[0].replace(f"def {wrong.__name__}(", f"def {right.__name__}(")
    found = []
    for tag, i, j, k, n in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [("", line) for line in old[i:j]]
        else:
            found += [("right", line) for line in old[i:j]]
            found += [("wrong", line) for line in new[k:n]]
    return found
