"""Times that can be compared: in every round each child has one turn, in a new order each time.

A machine's speed drifts, by its clock, its heat and its other users. What is done within one round
shares these, so that the ratio of two times of one round holds where the times do not.
"""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm


@dataclass(frozen=True)
class Times:
    """Of one child: seconds and page faults of one unit of work, a number for each round."""

    seconds: np.ndarray
    faults: np.ndarray
    memory: float | None  # MB, above packages and data

    @property
    def median(self):
        return float(np.median(self.seconds))


def measure(children, *, rounds, seconds, rng, label=""):
    """{child.name: Times}, of turns that take about `seconds` each.

    A turn begins with a tenth of its work untimed: the caches are as the last child left them.
    """
    counts = [calibrated(child, seconds) for child in children]
    found = np.zeros((2, len(children), rounds))
    for r in tqdm(range(rounds), label, leave=False, disable=None):
        for i in rng.permutation(len(children)):
            if counts[i] > 1:  # a turn of one long piece of work warms itself up
                children[i].ask("run", count=-(-counts[i] // 10))
            reply = children[i].ask("run", count=counts[i])
            found[:, i, r] = reply["seconds"] / counts[i], reply["faults"] / counts[i]
    return {
        child.name: Times(*found[:, i], child.ask("memory")["memory"])
        for i, child in enumerate(children)
    }


def calibrated(child, seconds):
    """How often the work fits into so many seconds, once at least; the child is warm after it."""
    child.ask("run", count=1)  # some compile in their first run
    count = 1
    while True:
        took = child.ask("run", count=count)["seconds"]
        if took >= 0.5 * seconds:
            return max(1, round(count * seconds / took))
        count *= 2
