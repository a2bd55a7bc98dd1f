"""Gradients' means and variances by a million samples: `compare` beside NumPy, PyTorch and JAX.

    python -m benchmarks.variance [--dimensions 10,100] [--samples 1000000]

`variances/task.py` says what is computed. All answers must lie within six standard errors of the
exact ones before any is timed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import cli
from benchmarks.contest import Disagrees, contest, present
from benchmarks.output import Pages, rows
from benchmarks.peer import Entry
from benchmarks.variances.task import Problem, expected
from tinyvae.errors import check_count

WHERE = "benchmarks.variances"
PEERS = {
    "tinyvae": Entry("tinyvae", f"{WHERE}.in_tinyvae", blas=True),
    "torch": Entry("PyTorch in blocks", f"{WHERE}.in_torch", ("torch",)),
    "torch-four": Entry("PyTorch, four moments", f"{WHERE}.in_torch", ("torch",), variant="four"),
    "jax": Entry("JAX vmap", f"{WHERE}.in_jax", ("jax",)),
    "whole": Entry("NumPy, whole arrays", f"{WHERE}.whole"),
}
ON_GPU = {
    "tinyvae": PEERS["tinyvae"],
    "gpu": Entry("tinyvae, GPU", f"{WHERE}.in_tinyvae", variant="gpu"),
}
FAR = 6.0  # standard errors
HELD = 8  # arrays of all samples that `whole` has at once
LIMIT = 4e9  # bytes that it may take


def parser():
    parser = cli.options(
        "benchmarks.variance", __doc__, PEERS, rounds=7, seconds=0.5, on_gpu=ON_GPU
    )
    parser.add_argument("--dimensions", default="10,100", help="D (default: 10,100)")
    parser.add_argument("--samples", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--dtypes", default="float64,float32", help="default: float64,float32")
    return parser


def run(args):
    cli.checked(args, PEERS if args.backend == "numpy" else ON_GPU)
    check_count("samples", args.samples, at_least=10_000)
    dimensions = [cli.number("dimensions", word) for word in args.dimensions.split(",")]
    dtypes = cli.chosen("dtype", args.dtypes, ("float64", "float32"))
    if args.quick:
        args.samples, args.seconds, args.threads = 20_000, 0.02, args.threads[:1]
        dimensions, dtypes = dimensions[:1], dtypes[:1]
    pages = Pages(args, ("numpy", "torch", "jax"))
    for threads in args.threads:
        for dtype in dtypes:
            for D in dimensions:
                problem = Problem(D, args.samples, dtype)
                title = f"{problem}; {threads} thread{'s' * (threads > 1)}"
                result = timed(args, title, problem, threads)
                pages.add(title, rows(result), results=[result])
    return pages.finish("variance" if args.backend == "numpy" else "variance-gpu")


def timed(args, title, problem, threads):
    peers, bytes_each = args.peers, np.dtype(problem.dtype).itemsize
    takes = problem.samples * problem.D * bytes_each * HELD
    if "whole" in peers and takes > LIMIT:
        print(f"\n{peers['whole'].name}: left out, they would take {takes / 1e9:.1f} GB")
        peers = {key: entry for key, entry in peers.items() if key != "whole"}
    exact, errors = expected(problem)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.npz"
        problem.write(path)
        options = {"threads": threads, "kernels": ["stock"], "rounds": args.rounds}
        return contest(
            title,
            present(peers),
            path,
            lambda name, answers: judge(name, answers, exact, errors),
            seconds=args.seconds,
            rng=np.random.default_rng(args.seed),
            **options,
        )


def judge(name, answers, exact, errors):
    """Disagrees unless every answer is near the exact one."""
    if answers.shape != exact.shape:
        raise Disagrees(f"{name} gives {len(answers)} numbers, expected {len(exact)}")
    z = (answers - exact) / errors
    k = int(np.argmax(np.abs(np.nan_to_num(z, nan=np.inf))))
    if not abs(z[k]) <= FAR:
        raise Disagrees(
            f"{name}: number {k + 1} of its means and variances is {answers[k]:.6g}, expected "
            f"{exact[k]:.6g} +- {errors[k]:.2g}: {z[k]:.1f} standard errors away"
        )


def main(argv=None):
    return cli.main("benchmarks.variance", parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
