"""The child: one peer in a process of its own, which says how long it took.

    python -m benchmarks.worker MODULE TASK THREADS [VARIANT]

A line of JSON in, a line of JSON out: {"do": "answers"}, {"do": "run", "count": 10},
{"do": "memory"}. It ends with its input.
"""

import json
import os
import resource
import sys
import time
from importlib import import_module

from benchmarks.machine import confine, die_with_parent, forget_peak, memory
from benchmarks.peer import read_task


class Worker:
    """The peer and what it is asked for."""

    def __init__(self, module, task, threads, variant):
        confine(threads)  # before the peer's packages count the cores
        arrays, about = read_task(task)
        make = import_module(module).Peer
        # What is asked for is the memory of the work: from here, with packages and data in place.
        self.counts = forget_peak()
        self.before = memory("VmRSS")
        self.peer = make(arrays, about | {"threads": threads, "variant": variant})

    def answers(self):
        return {"answers": [float(number) for number in self.peer.answers()]}

    def run(self, count):
        """Seconds and page faults of `count` times the work."""
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        began = time.perf_counter()
        self.peer.run(count)
        seconds = time.perf_counter() - began
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        return {"seconds": seconds, "faults": faults}

    def memory(self):
        """The most that the work has taken so far, above packages and data."""
        peak = memory("VmHWM") if self.counts else None
        return {"memory": None if peak is None else peak - self.before}


def main(module, task, threads, variant=""):
    die_with_parent()
    # Packages may print: what they say goes to the errors, and the pipe is ours alone.
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            worker = worker or Worker(module, task, int(threads), variant)
            reply = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
        print(json.dumps(reply), file=pipe, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
