"""What each habit of a fast step is worth: tinyvae's step, and the same without one of them.

python -m benchmarks.habits [--settings tanh,large,tiny]
"""

import sys

from benchmarks import cli, machine
from benchmarks.contest import present
from benchmarks.output import Pages, rows
from benchmarks.peer import Entry
from benchmarks.step import timed
from benchmarks.steps.task import SETTINGS

HERE = "benchmarks.steps.habits"
PEERS = {
    "tinyvae": Entry("tinyvae", HERE, blas=True),
    "unasked": Entry("without loss", HERE, blas=True, variant="unasked"),
    "page": Entry("not recorded", HERE, blas=True, variant="page"),
    "logaddexp": Entry("not recorded, logaddexp", HERE, blas=True, variant="logaddexp"),
    "data": Entry("not recorded, gradient of x", HERE, blas=True, variant="data"),
    "textbook": Entry("Adam with temporaries", HERE, blas=True, variant="textbook"),
    "float64": Entry("float64", HERE, blas=True, variant="float64"),
}


def parser():
    parser = cli.options("benchmarks.habits", __doc__, PEERS, rounds=21)
    parser.add_argument("--settings", default="tanh,large,tiny", help=f"of {', '.join(SETTINGS)}")
    parser.set_defaults(threads="1", kernels=["stock"])
    return parser


def run(args):
    cli.checked(args, PEERS)
    names = cli.chosen("setting", args.settings, SETTINGS)
    if args.quick:
        names, args.seconds, args.threads = ["tiny"], 0.02, args.threads[:1]
    pages = Pages(args, machine.described(("numpy",)))
    for threads in args.threads:
        for name in names:
            title = f"{SETTINGS[name]}; {threads} thread{'s' * (threads > 1)}"
            result = timed(args, title, SETTINGS[name], present(args.peers), threads)
            pages.add(title, rows(result, unit="ms a step"), results=[result])
    return pages.finish("habits")


def main(argv=None):
    return cli.main("benchmarks.habits", parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
