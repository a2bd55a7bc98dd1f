"""A training step shared by ranks: what the sum costs, and to how many machines sharing pays.

    python -m benchmarks.ranks

Measured with the ranks of this machine: the whole step on one of them, a share of it, the sum of
the gradients, the shared step. From these, on paper, for many machines of this kind and a network
that is assumed:

    t_N = t(B / N) + s_N,    t(B) = a + b B,
    s_N = 2 latency ceil(log2 N) + 2 (N - 1) / N bytes / bandwidth
"""

import json
import math
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import cli, machine
from benchmarks.children import ROOT, PeerFailed
from benchmarks.contest import Result
from benchmarks.output import Pages, number
from benchmarks.ratios import ratio
from benchmarks.rounds import Times
from tinyvae import VAE

MODELS = {"wide": (784, (500,), 20), "deep": (784, (128, 64), 20)}
SHARED = (100, 128, 1024)  # the batches that ranks share
BATCHES = (1, 10, 25, 50, 100, 128, 256, 512, 1024)  # whole ones, for t(B)
MOST = 256  # machines, on paper
WORTH = 0.5  # of the machines' work is to be work: speed-up / N


@dataclass(frozen=True)
class Network:
    """Assumed, not measured: seconds of a message, bytes a second."""

    name: str
    latency: float
    bandwidth: float

    def sum(self, ranks, nbytes):
        """Seconds of a sum over so many machines.

        Halving and doubling: each sends and gets all but its own Nth of the bytes twice, in
        2 log2 N messages. Source: Thakur et al., Optimization of Collective Communication
        Operations in MPICH (2005), section 4.
        """
        if ranks == 1:
            return 0.0
        messages = 2 * math.ceil(math.log2(ranks))
        return messages * self.latency + 2 * (ranks - 1) / ranks * nbytes / self.bandwidth


NETWORKS = (
    Network("1 Gbit/s, 50 µs", 50e-6, 1e9 / 8),
    Network("25 Gbit/s, 20 µs", 20e-6, 25e9 / 8),
    Network("200 Gbit/s, 2 µs", 2e-6, 200e9 / 8),
)


def parser():
    parser = cli.options("benchmarks.ranks", __doc__, MODELS, rounds=15, seconds=0.1)
    parser.add_argument("--ranks", default="2", help="numbers of ranks (default: 2)")
    parser.set_defaults(threads="1")
    return parser


def run(args):
    cli.checked(args, MODELS)
    sizes = [cli.number("ranks", word) for word in args.ranks.split(",")]
    launcher = mpiexec()
    pages = Pages(args, ("numpy", "mpi4py", "mpich", "openmpi"))
    for data, hidden, latent in args.peers.values():
        about = about_job(args, data, hidden, latent)
        name = "-".join(map(str, (data, *hidden, latent)))
        for size in sizes:
            times = job(launcher, size, about)
            title = f"{name}, {about['bytes'] / 1e6:.1f} MB of gradient; {size} ranks"
            results = [kept(f"{title}, batch {batch}", one) for batch, one in times.items()]
            pages.add(title, measured(times), results=results)
        growth = fitted(times)
        note = f"t(B) = {1e3 * growth[0]:.3g} ms + B · {1e6 * growth[1]:.3g} µs on one of its cores"
        pages.add(f"{name}, on paper", on_paper(growth, about["bytes"]), [note])
    return pages.finish("ranks")


def mpiexec():
    """The mpiexec that belongs to this Python, or else the first that there is."""
    here = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if here is None:
        raise ValueError("there is no mpiexec: pip install 'tinyvae[mpi]'")
    return here


def about_job(args, data, hidden, latent):
    """What every rank is told."""
    about = {"data": data, "hidden": hidden, "latent": latent, "seed": args.seed}
    about |= {"rounds": args.rounds, "seconds": args.seconds, "shared": SHARED, "batches": BATCHES}
    if args.quick:
        about |= {"rounds": 2, "seconds": 0.01, "shared": SHARED[:1], "batches": BATCHES[3:5]}
    return about | {"bytes": 4 * VAE(data, latent, hidden).layout.size}


def job(launcher, size, about):
    """{batch: {work: (R,) seconds}}; PeerFailed, with its last words, if the job fails."""
    with tempfile.TemporaryDirectory() as folder:
        task, out = Path(folder) / "about.json", Path(folder) / "times.json"
        task.write_text(json.dumps(about))
        command = [launcher, "-n", str(size), sys.executable, "-m", "benchmarks.rank", task, out]
        options = {"cwd": ROOT, "env": machine.settings(1), "capture_output": True, "text": True}
        done = subprocess.run(list(map(str, command)), **options)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise PeerFailed(f"{size} ranks ended with code {done.returncode}: {said[-1]}")
        found = json.loads(out.read_text())
    return {int(b): {k: np.array(t) for k, t in one.items()} for b, one in found.items()}


def kept(title, times):
    """The Result that is written to the file."""
    return Result(title, {name: Times(t, 0 * t, None) for name, t in times.items()})


def measured(times):
    """Milliseconds, and how many times as fast as one rank alone the shared step is."""
    heads = ["batch", "one rank", "a share", "the sum", "the flag", "shared", "speed-up"]
    table = [heads]
    for batch, one in times.items():
        if "shared" in one:
            works = ("whole", "share", "sum", "flag", "shared")
            row = [number(1e3 * float(np.median(one[work]))) for work in works]
            table.append([str(batch), *row, str(ratio(one["shared"], one["whole"]))])
    return table


def fitted(times):
    """(a, b) of t(B) = a + b B, seconds, by least squares on relative errors."""
    batches = np.array(list(times), float)
    t = np.array([np.median(one["whole"]) for one in times.values()])
    columns = np.stack([np.ones_like(batches), batches], axis=1)
    return np.linalg.lstsq(columns / t[:, None], np.ones_like(t), rcond=None)[0]


def speed_up(growth, batch, ranks, network, nbytes):
    """t_1 / t_N: the slowest machine has ceil(B / N) examples."""
    a, b = growth
    share = math.ceil(batch / ranks)
    return (a + b * batch) / (a + b * share + network.sum(ranks, nbytes))


def on_paper(growth, nbytes):
    """For each batch and network: the speed-up of 2 and 8 machines, the most machines of whose
    time the part WORTH is work, and the most that can be reached."""
    table = [["batch, network", "2", "8", f"N at {100 * WORTH:.0f} %", "best N", "its speed-up"]]
    for batch in SHARED:
        for network in NETWORKS:
            found = [speed_up(growth, batch, N, network, nbytes) for N in range(1, MOST + 1)]
            worth = max(N for N, gain in enumerate(found, start=1) if gain >= WORTH * N)
            best = int(np.argmax(found)) + 1
            row = [f"{found[1]:.2f}", f"{found[7]:.2f}", str(worth), str(best)]
            table.append([f"{batch}, {network.name}", *row, f"{found[best - 1]:.2f}"])
    return table


def main(argv=None):
    return cli.main("benchmarks.ranks", parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
