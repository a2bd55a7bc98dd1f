"""The gradient check of a whole VAE: `tinyvae.gradcheck` beside `torch.autograd.gradcheck`.

    python -m benchmarks.gradcheck [--sizes 2016,19792]

float64, the loss a number. All must give the same loss and pass before any is timed. PyTorch says
that a gradient passed (here at its own tolerances, 1e-3 and 1e-5), not how closely.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import cli
from benchmarks.contest import Disagrees, answers_of, contest, present, same
from benchmarks.gradchecks import task
from benchmarks.output import Pages, rows
from benchmarks.peer import Entry

WHERE = "benchmarks.gradchecks"
OURS, THEIRS = f"{WHERE}.in_tinyvae", f"{WHERE}.in_torch"
PEERS = {
    "directions": Entry("tinyvae, directions", OURS, blas=True, variant="directions"),
    "units": Entry("tinyvae, units", f"{WHERE}.units", blas=True),
    "every": Entry("tinyvae, every entry", OURS, blas=True, variant="every"),
    "torch": Entry("PyTorch, every entry", THEIRS, ("torch",), variant="every"),
    "torch-fast": Entry("PyTorch, fast mode", THEIRS, ("torch",), variant="fast"),
}
CLOSE = 1e-13  # of the losses


def parser():
    parser = cli.options("benchmarks.gradcheck", __doc__, PEERS, rounds=9)
    sizes = ",".join(task.SIZES)
    parser.add_argument("--sizes", default=sizes, help=f"parameters, of {sizes} (default: all)")
    parser.set_defaults(threads="1")
    return parser


def run(args):
    cli.checked(args, PEERS)
    sizes = cli.chosen("size", args.sizes, task.SIZES)
    if args.quick:
        sizes, args.seconds, args.threads = sizes[:1], 0.02, args.threads[:1]
    pages = Pages(args, ("numpy", "torch"))
    entries = present(args.peers)
    for threads in args.threads:
        for size in sizes:
            title = f"{int(size):,} parameters; {threads} thread{'s' * (threads > 1)}"
            result, errors = timed(args, title, task.SIZES[size], entries, threads)
            table = rows(result, unit="ms a check", faults=False)
            table[0].append("largest error")
            for row in table[1:]:
                row.append("not said" if np.isnan(errors[row[0]]) else f"{errors[row[0]]:.0e}")
            pages.add(title, table, results=[result])
    return pages.finish("gradcheck")


def timed(args, title, setting, entries, threads):
    """The Result, and {child's name: largest error}."""
    errors = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.npz"
        task.write(path, setting, seed=args.seed)
        reference = answers_of(PEERS["directions"], path)[:1]

        def judge(name, answers):
            same(name, answers[:1], reference, CLOSE, "losses")
            if not answers[1]:
                raise Disagrees(f"{name} says that the gradient is wrong")
            errors[name] = answers[2]

        options = {"threads": threads, "kernels": ["stock"], "rounds": args.rounds}
        rng = np.random.default_rng(args.seed)
        found = contest(title, entries, path, judge, seconds=args.seconds, rng=rng, **options)
        return found, errors


def main(argv=None):
    return cli.main("benchmarks.gradcheck", parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
