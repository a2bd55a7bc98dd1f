"""What is timed: a class with `answers` and `run`, in a module of its own.

The module is imported in a process of its own, which may use `threads` threads; its `Peer` is made
with the task that all peers have.
"""

import json
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np


class Contestant:
    """The contract, and all that a peer has to have.

    Peer(arrays, about): the task, {name: array} and {name: number or text}.
    answers(): numbers that must be the same for all peers; each benchmark says which, and how
    close. run(count): do the work `count` times, and come back when it is done.
    """

    def __init__(self, arrays, about):
        self.arrays, self.about = arrays, about

    def answers(self):
        raise NotImplementedError

    def run(self, count):
        raise NotImplementedError


@dataclass(frozen=True)
class Entry:
    """A row in a benchmark's table of peers.

    module: where `Peer` is, as 'benchmarks.steps.plain'. needs: the packages that it imports.
    blas: whether its matrix products are NumPy's, so that the kernels of OpenBLAS matter to it.
    judged: whether it has answers to compare. variant: a word that its task gets, "" for none.
    """

    name: str
    module: str
    needs: tuple = ()
    blas: bool = False
    judged: bool = True
    variant: str = ""

    @property
    def missing(self):
        """The packages that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]


def write_task(path, arrays, about):
    """One file for all children; JSON beside the arrays."""
    np.savez(path, about=np.array(json.dumps(about)), **arrays)


def read_task(path):
    """(arrays, about) as `write_task` was given them."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop("about")))
