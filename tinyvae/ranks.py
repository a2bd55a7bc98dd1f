"""One computation on many machines: each rank does its share, and what they find is added up.

    mpiexec -n 4 python -m tinyvae train --mpi

starts the same program four times, as the ranks 0, 1, 2, 3. Each has all the data, and takes its
share of every batch. A rank learns two things of the others, and by nothing else do they hold
together: the sum of an array over the ranks, and the list of what each of them has.

    d/dtheta mean over the batch  =  sum over the ranks of d/dtheta (sum over its share / batch)

`ALONE` is rank 0 of 1, where a sum is what it was: the functions that can be shared take
`ranks=ALONE`. `world()` is all that mpiexec has started; it needs mpi4py, and no other file does.
A program of your own is best called by `as_one`: then an error on one rank ends them all.
Source: MPI: A Message-Passing Interface Standard, version 4.0 (2021), chapter 6.
"""

import io
import os
import sys
import time
import traceback
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from itertools import accumulate

import numpy as np

from tinyvae.backend import backend_of, to_device, to_host
from tinyvae.heap import keep_dropped_memory

PATIENCE = 2.0  # seconds that a rank in trouble waits for the others to be in the same
PAUSE = 0.01  # seconds between two looks at whether they are
MPI = "share the work among the ranks that mpiexec started, as in: mpiexec -n 4 python -m tinyvae \
COMMAND --mpi; with OPENBLAS_NUM_THREADS=1 where several share the cores of a machine"
STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # how many processes mpiexec says it started


class Alone:
    """Rank 0 of 1. Another kind of ranks gives `rank`, `size`, `sum` and `gather`."""

    rank, size = 0, 1

    def sum(self, *arrays):
        """The arrays (of one dtype), each added up over the ranks: one message, and the same
        numbers on every rank."""
        return arrays

    def gather(self, thing):
        """[what each rank has], on every rank."""
        return [thing]

    def share(self, n):
        """The slice of n things in a row that is this rank's; it is empty on some if n < size."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def stream(self, rng):
        """A Generator whose numbers no other rank draws; alone, it is `rng`. (They depend on its
        seed, not on what it has drawn before, and on how often it was asked.)

        ValueError for a GPU's, which has no other streams.
        """
        if self.size == 1:
            return rng
        if not hasattr(rng, "spawn"):
            raise ValueError("a GPU's generator cannot be shared by ranks: draw noise on the host")
        return rng.spawn(self.size)[self.rank]

    def any(self, flag):
        """Whether it is true on any rank."""
        (count,) = self.sum(np.array([float(bool(flag))]))
        return bool(count[0])

    def together(self, make, *args):
        """[make(*args) of each rank]. What goes wrong on one is raised on all: none waits for it.

        Raises what make raises, on the first rank where it does.
        """
        try:
            found = make(*args), None
        except Exception as error:
            found = None, error
        found = self.gather(found)
        for _, error in found:
            if error is not None:
                raise error
        return [each for each, _ in found]

    def agree(self, what, thing):
        """ValueError, naming the ranks, unless `thing` is the same on all."""
        things = self.gather(thing)
        others = [str(rank) for rank, other in enumerate(things) if other != things[0]]
        if others:
            raise ValueError(
                f"{what} must be the same on all ranks, but differ on rank {', '.join(others)} "
                "from those on rank 0"
            )


ALONE = Alone()


class Ranks(Alone):
    """The processes of an MPI communicator, as mpi4py's COMM_WORLD."""

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        keep_dropped_memory()  # every sum makes and drops the same arrays

    def sum(self, *arrays):
        if self.size == 1:
            return arrays
        mine = to_host(np.concatenate([array.reshape(-1) for array in arrays]))
        total = np.empty_like(mine)
        self.comm.Allreduce(mine, total)
        total = to_device(total, backend_of(arrays[0]))
        ends = accumulate(array.size for array in arrays)
        return tuple(
            total[end - array.size : end].reshape(array.shape)
            for array, end in zip(arrays, ends, strict=True)
        )

    def gather(self, thing):
        return self.comm.allgather(thing)


def world():
    """The Ranks that mpiexec started; without mpiexec, one.

    ValueError if mpi4py or its MPI library is not there, or is not the one of this mpiexec.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ValueError(
            "ranks need mpi4py and an MPI library: pip install 'tinyvae[mpi]', or on a cluster "
            f"mpi4py with the cluster's MPI ({error})"
        ) from error
    ranks = Ranks(MPI.COMM_WORLD)
    started = max(int(os.environ.get(name, 1)) for name in STARTED)
    if started > ranks.size:
        name, version = MPI.get_vendor()
        raise ValueError(
            f"mpiexec started {started} processes, but each of them is alone: take the mpiexec of "
            f"the MPI that mpi4py uses, {name} {'.'.join(map(str, version))}"
        )
    return ranks


def as_one(run, answered=None):
    """run() on every rank, and the exit code of all: the largest. Rank 0 alone is seen and heard.

    run returns its exit code; None is 0. answered(run): the exit code, too, of what run may raise;
    by default the trace is printed, and the code is 1.
    Bad input is bad on all ranks alike, and rank 0 says so. A rank that fails by itself would be
    waited for by the others without end: it says what and which it is, and ends the whole job.
    """
    ranks, ended = world(), False

    def to_its_end():
        nonlocal ended
        code = run()
        ended = True
        return code

    doors = ranks.comm.Dup()  # apart from what else they say to each other
    said = io.StringIO()
    with heard(ranks.rank == 0, said):
        code = outcome(to_its_end if answered is None else partial(answered, to_its_end))
    # A rank that came to its end waits, whatever its code: rank 0 may still have files to write.
    if not arrived(doors.Ibarrier(), PATIENCE if code and not ended else np.inf):
        print(
            f"{said.getvalue()}tinyvae: rank {ranks.rank} of {ranks.size} failed alone, and the "
            "job ends with it",
            file=sys.stderr,
            flush=True,
        )
        doors.Abort(code)
    return max(doors.allgather(code))


@contextmanager
def heard(first, said):
    """Rank 0 prints as ever; of another rank the errors are kept, in `said`, and nothing else."""
    if first:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(said):
        yield


def outcome(run):
    """The exit code of run(): of sys.exit() too, and of an exception, whose trace is printed."""
    try:
        return run() or 0
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)  # as Python does with sys.exit("why")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1


def arrived(request, seconds):
    """Whether all ranks come to a barrier within so many seconds; waiting takes no time from
    others that compute."""
    end = time.monotonic() + seconds
    while not request.Test():
        if time.monotonic() > end:
            return False
        with suppress(KeyboardInterrupt):  # a rank that still works hears it, too
            time.sleep(PAUSE)
    return True
