"""The import: `import tinyvae` over `import numpy`, in fresh processes that take turns.

    python -m benchmarks.startup

Also `import tinyvae.train`, since the package loads its modules when they are asked for, the
packages that tinyvae is compared with, and what the imports are made of.
"""

import subprocess
import sys
import time

import numpy as np
from tqdm import tqdm

from benchmarks import cli
from benchmarks.children import ROOT, PeerFailed
from benchmarks.contest import Result, present
from benchmarks.output import Pages, rows
from benchmarks.peer import Entry
from benchmarks.rounds import Times

NAMES = ("numpy", "tinyvae", "tinyvae.train", "torch", "jax", "autograd")
PEERS = {name: Entry(name, name, (name.partition(".")[0],)) for name in NAMES}
CODE = "from time import perf_counter as now; t = now(); import {}; print(now() - t)"
LONGEST = 12  # modules that are listed


def parser():
    parser = cli.options("benchmarks.startup", __doc__, PEERS, rounds=31)
    parser.set_defaults(threads="1")
    return parser


def run(args):
    cli.checked(args, PEERS)
    args.rounds = min(args.rounds, 3) if args.quick else args.rounds
    names = [entry.name for entry in present({"numpy": PEERS["numpy"]} | args.peers)]
    pages = Pages(args, names)
    rng = np.random.default_rng(args.seed)
    inside, whole = seconds(names, args.rounds, rng)
    for title, found in (("The import statement", inside), ("The whole process", whole)):
        result = Result(title, {name: Times(found[name], 0 * found[name], None) for name in names})
        pages.add(title, rows(result, faults=False), results=[result])
    for package in ("tinyvae", "tinyvae.train"):
        if package in names:
            table = [["module", "ms"], *((name, f"{ms:.1f}") for name, ms in longest(package))]
            pages.add(f"import {package}: its longest modules, without NumPy's", table)
    return pages.finish("startup")


def seconds(names, rounds, rng):
    """{name: (rounds,)} of the import statement, and of the whole process."""
    inside, whole = ({name: np.zeros(rounds) for name in names} for _ in range(2))
    for name in names:
        fresh("-c", CODE.format(name))  # so that the files are read and compiled
    for r in tqdm(range(rounds), "imports", leave=False, disable=None):
        for name in rng.permutation(names):
            began = time.perf_counter()
            inside[name][r] = float(fresh("-c", CODE.format(name)).stdout)
            whole[name][r] = time.perf_counter() - began
    return inside, whole


def fresh(*arguments):
    """A finished Python process; PeerFailed, with its last line, if it failed."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise PeerFailed(f"{' '.join(arguments)}: {done.stderr.strip().splitlines()[-1]}")
    return done


def longest(package):
    """[(module, its own milliseconds)] of the longest, of what `import numpy` does not load."""
    times, known = (own_times(name) for name in (package, "numpy"))
    found = {name: ms for name, ms in times.items() if name not in known}
    return sorted(found.items(), key=lambda item: -item[1])[:LONGEST]


def own_times(package):
    """{module: its own milliseconds}, without the modules that it imports in turn."""
    lines = fresh("-X", "importtime", "-c", f"import {package}").stderr.splitlines()
    parts = [line.removeprefix("import time:").split("|") for line in lines]
    return {
        part[2].strip(): int(part[0]) / 1000
        for part in parts
        if len(part) == 3 and part[0].strip().isdigit()
    }


def main(argv=None):
    return cli.main("benchmarks.startup", parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
