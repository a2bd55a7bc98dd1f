"""From a table of peers to their times: who is there, do they agree, how long do they take."""

from dataclasses import dataclass

import numpy as np

from benchmarks.children import children
from benchmarks.rounds import measure


class Disagrees(ArithmeticError):
    """A peer's answers are not those of the reference: its time would say nothing."""


@dataclass(frozen=True)
class Result:
    """One contest: its title, and {child's name: Times}, the first of which is compared to."""

    title: str
    times: dict

    def record(self):
        """What is kept of it: every time of every round."""
        rows = {
            name: {"seconds": list(t.seconds), "faults": list(t.faults), "memory": t.memory}
            for name, t in self.times.items()
        }
        return {"title": self.title, "times": rows}


def present(peers):
    """The entries of {key: Entry} whose packages are there; a line is printed for each other."""
    for entry in peers.values():
        if entry.missing:
            print(f"{entry.name}: left out, {' and '.join(entry.missing)} not installed")
    return [entry for entry in peers.values() if not entry.missing]


def contest(title, entries, task, judge, *, threads, kernels, rounds, seconds, rng):
    """The Result of peers that agree; judge(name, answers) raises Disagrees where one does not.

    Peers whose matrix products are NumPy's run once with each of `kernels`, the others once.
    """
    wanted = [(e, threads, k) for e in entries for k in (kernels if e.blas else kernels[:1])]
    with children(wanted, task) as started:
        for child in started:
            if child.entry.judged:
                judge(child.name, np.array(child.ask("answers")["answers"]))
        options = {"rounds": rounds, "seconds": seconds, "rng": rng, "label": title}
        return Result(title, measure(started, **options))


def answers_of(entry, task):
    """The answers (n,) of one peer, alone: a reference."""
    with children([(entry, 1, "stock")], task) as (child,):
        return np.array(child.ask("answers")["answers"])


def same(name, answers, reference, rtol, what):
    """Disagrees unless each answer is within rtol of the reference's, both (n,)."""
    if answers.shape != reference.shape:
        raise Disagrees(f"{name} gives {len(answers)} {what}, expected {len(reference)}")
    gaps = np.abs(answers - reference) / np.abs(reference)
    bad = np.flatnonzero(~(gaps <= rtol))
    if len(bad):
        k = bad[0]
        raise Disagrees(
            f"{name} does something else: of its {what} number {k + 1} is {answers[k]:.9g}, "
            f"expected {reference[k]:.9g} to within {rtol:g}"
        )
