"""One rank of a job: what a step, a share of it and the sum take.

    mpiexec -n 2 python -m benchmarks.rank ABOUT.json TIMES.json

In every round each kind of work has one turn, in an order that the ranks have in common; what one
rank does alone it does while the others sleep. The time of a turn is that of its slowest rank.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import die_with_parent
from tinyvae import VAE, Settings, train
from tinyvae.ranks import ALONE, arrived, world

EXAMPLES = 2048


def works(about, batch, ranks):
    """{name: (the ranks that do it, a call)}."""
    rng = np.random.default_rng(0)
    x = (rng.random((EXAMPLES, about["data"])) < 0.3).astype(np.float32)
    vae = VAE(about["data"], about["latent"], about["hidden"])
    every = range(ranks.size)
    found = {"whole": (range(1), stepper(vae, x, batch, ALONE))}
    if batch in about["shared"]:
        theta = vae.init(rng)
        own = ranks.share(batch)
        found["share"] = every, stepper(vae, x, own.stop - own.start, ALONE)
        found["shared"] = every, stepper(vae, x, batch, ranks)
        found["sum"] = every, lambda: ranks.sum(theta)
        found["flag"] = every, lambda: ranks.any(False)
    return found


def stepper(vae, x, size, ranks):
    """Training steps on batches of that size, as `train.steps` does them."""
    settings, rng = Settings(batch=size), np.random.default_rng(1)
    state = train.start(vae, settings)
    step = train.step_for(vae, settings, state, size, ranks)
    rows = rng.integers(len(x), size=size)

    def do():
        step.draw(x, rows, rng)
        step(state.optimizer)

    return do


def turn(ranks, doers, work, count):
    """Seconds of one unit of the work, on the slowest rank."""
    ranks.comm.Barrier()
    began = time.perf_counter()
    for _ in range(count if ranks.rank in doers else 0):
        work()
    took = time.perf_counter() - began
    arrived(ranks.comm.Ibarrier(), np.inf)
    return max(ranks.gather(took)) / count


def measure(about, ranks):
    """{batch: {name: [seconds, one a round]}}."""
    order, times = np.random.default_rng(about["seed"]), {}
    for batch in about["batches"]:
        todo = works(about, batch, ranks)
        for each in todo.values():
            turn(ranks, *each, 1)  # records the step
        counts = {k: max(1, round(about["seconds"] / turn(ranks, *w, 2))) for k, w in todo.items()}
        found = times[batch] = {name: [] for name in todo}
        for _ in range(about["rounds"]):
            for name in order.permutation(list(todo)):
                found[name].append(turn(ranks, *todo[name], counts[name]))
    return times


def main(about, out):
    die_with_parent()
    about, ranks = json.loads(Path(about).read_text()), world()
    times = measure(about, ranks)
    if ranks.rank == 0:
        Path(out).write_text(json.dumps(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
