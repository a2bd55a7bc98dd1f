"""A training step: tinyvae beside PyTorch, JAX, HIPS autograd, plain NumPy, and the floor.

    python -m benchmarks.step [--settings tanh,relu,large,tiny] [--peers tinyvae,torch,...]
    python -m benchmarks.step --growth      how the time grows with batch, width, latents, samples
    python -m benchmarks.step --backend cupy    a GPU beside the CPU, and PyTorch on the same GPU

`steps/task.py` says what a step is. The losses of the first steps must be those of tinyvae in
float64 before any is timed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import cli, growth, machine
from benchmarks.contest import answers_of, contest, present, same
from benchmarks.output import Pages, rows
from benchmarks.peer import Entry
from benchmarks.ratios import ratio
from benchmarks.steps import task
from benchmarks.steps.task import FOR_GPU, SETTINGS

STEPS = "benchmarks.steps"
PEERS = {
    "tinyvae": Entry("tinyvae", f"{STEPS}.in_tinyvae", blas=True),
    "unasked": Entry("tinyvae without loss", f"{STEPS}.habits", blas=True, variant="unasked"),
    "torch": Entry("PyTorch", f"{STEPS}.in_torch", ("torch",), variant="eager"),
    "torch-fused": Entry("PyTorch, fused Adam", f"{STEPS}.in_torch", ("torch",), variant="fused"),
    "torch-compiled": Entry(
        "PyTorch, compiled", f"{STEPS}.in_torch", ("torch",), variant="compiled"
    ),
    "jax": Entry("JAX", f"{STEPS}.in_jax", ("jax",)),
    "autograd": Entry("HIPS autograd", f"{STEPS}.in_autograd", ("autograd",), blas=True),
    "plain": Entry("plain NumPy", f"{STEPS}.plain", blas=True),
    "floor": Entry("matrix products", f"{STEPS}.products", blas=True, judged=False),
}
ON_GPU = {
    "tinyvae": PEERS["tinyvae"],
    "gpu": Entry("tinyvae, GPU", f"{STEPS}.in_tinyvae", variant="gpu"),
    "gpu-host": Entry("tinyvae, GPU, noise of the host", f"{STEPS}.in_tinyvae", variant="gpu-host"),
    "torch-gpu": Entry("PyTorch, GPU", f"{STEPS}.in_torch", ("torch",), variant="gpu"),
}
REFERENCE = Entry("tinyvae in float64", f"{STEPS}.in_tinyvae", variant="float64")
CLOSE = 5e-6  # relative: ten times what rounding in float32 makes of a loss in these steps
PACKAGES = ("numpy", "torch", "jax", "autograd")


def parser():
    parser = cli.options("benchmarks.step", __doc__, PEERS, rounds=21, on_gpu=ON_GPU)
    known = f"of {', '.join(SETTINGS)}; with --backend cupy of {', '.join(FOR_GPU)}"
    parser.add_argument("--settings", help=f"{known} (default: all)")
    parser.add_argument(
        "--kernels",
        default="auto",
        help=f"of NumPy's OpenBLAS: of {', '.join(machine.KERNELS)} (default: stock, and avx512 "
        "where the processor has it and stock does not use it)",
    )
    parser.add_argument("--growth", action="store_true", help="with batch, width, latents, samples")
    parser.add_argument("--no-figures", action="store_true", help="print the tables alone")
    return parser


def run(args):
    on_gpu = args.backend == "cupy"
    cli.checked(args, ON_GPU if on_gpu else PEERS)
    known = FOR_GPU if on_gpu else SETTINGS
    names = list(known) if args.settings is None else cli.chosen("setting", args.settings, known)
    args.kernels = cli.kernels(args.kernels)
    if args.quick:
        known, names = SETTINGS, ["tiny"]
        args.seconds, args.threads = 0.02, args.threads[:1]
    pages = Pages(args, PACKAGES)
    if args.growth:
        return growth.run(args, pages, timed)
    entries = present(args.peers)
    for threads in args.threads:
        for name in names:
            title = f"{known[name]}; {threads} thread{'s' * (threads > 1)}"
            result = timed(args, title, known[name], entries, threads)
            pages.add(title, rows(result, unit="ms a step"), over_floor(result), [result])
    if not (args.no_figures or args.quick):
        from benchmarks.figure import bars

        print(f"written: {bars(pages.results, Path(args.out) / 'step.png')}")
    return pages.finish("gpu" if on_gpu else "step")


def timed(args, title, setting, entries, threads):
    """The Result of one setting with so many threads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.npz"
        task.write(path, setting, examples=1000 if args.quick else 10_000, seed=args.seed)
        reference = answers_of(REFERENCE, path)
        return contest(
            title,
            entries,
            path,
            lambda name, losses: same(name, losses, reference, CLOSE, "losses"),
            threads=threads,
            kernels=args.kernels,
            rounds=args.rounds,
            seconds=args.seconds,
            rng=np.random.default_rng(args.seed),
        )


def over_floor(result):
    """tinyvae's step over its own matrix products, a line for each kind of kernels."""
    floor, lines = PEERS["floor"].name, []
    for own in (PEERS["tinyvae"].name, PEERS["unasked"].name):
        for name, times in result.times.items():
            kernels = name.removeprefix(own)  # "", or ", avx512"
            products = result.times.get(floor + kernels)
            if name.startswith(own) and products is not None:
                over = ratio(products.seconds, times.seconds)
                lines.append(f"{name} takes {over} times its own matrix products")
    return lines


def main(argv=None):
    return cli.main("benchmarks.step", parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
