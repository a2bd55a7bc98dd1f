"""How the time of a step grows with the batch, the width, the latents and the samples."""

from dataclasses import replace
from pathlib import Path

from benchmarks.contest import present
from benchmarks.output import number
from benchmarks.steps.task import Setting

BASE = Setting(784, 500, 20, 100)
AXES = {
    "batch": ("B", (25, 50, 100, 200, 400, 800, 1600)),
    "width": ("H", (125, 250, 500, 1000, 2000)),
    "latents": ("Z", (2, 5, 20, 80, 320)),
    "samples": ("S", (1, 2, 4, 8, 16)),
}
TINY = Setting(64, 128, 8, 64)
TAKE_SAMPLES = ("tinyvae", "torch", "torch-fused", "torch-compiled", "jax", "floor")


def run(args, pages, timed):
    """A table for each size that grows, and one figure; timed(...) is `step.timed`."""
    base = TINY if args.quick else BASE
    entries = present({k: entry for k, entry in args.peers.items() if k in TAKE_SAMPLES})
    threads, curves = max(args.threads), {}
    for axis, (letter, sizes) in AXES.items():
        points = {}
        for size in sizes[:2] if args.quick else sizes:
            setting = replace(base, **{letter: size})
            points[size] = timed(args, f"{axis} {size}", setting, entries, threads)
        curves[axis] = points
        title = f"Growth with the {axis}, else {base}; {threads} thread{'s' * (threads > 1)}; ms"
        pages.add(title, table(axis, points), results=points.values())
    if not (args.no_figures or args.quick):
        from benchmarks.figure import lines

        print(f"written: {lines(curves, Path(args.out) / 'growth.png')}")
    return pages.finish("growth")


def table(axis, points):
    """Milliseconds a step: a row for each peer, a column for each size."""
    heads = [axis, *map(str, points)]
    names = next(iter(points.values())).times
    return [heads] + [
        [name, *(number(1e3 * result.times[name].median) for result in points.values())]
        for name in names
    ]
