"""A million score-function estimates in 100 dimensions: NumPy here, PyTorch beside it.

    python benchmarks/score_function.py [--samples 1000000] [--dimension 100] [--threads 1]

Both draw z ~ N(loc, scale²), sum the quadratic f, multiply by both scores, and keep the mean and
the second to fourth central moments of every coordinate, in float64 and in chunks of one size. They
take turns; the times are medians. NumPy uses one thread, PyTorch as many as it is given.
"""

import argparse
import statistics
import time

import numpy as np
import torch

from tinyvae.comparison import CHUNK, compare
from tinyvae.distributions import normal
from tinyvae.estimators import by_name
from tinyvae.integrands import quadratic


def numpy_run(samples, D):
    params = np.full(D, 0.5), np.ones(D)
    rng = np.random.default_rng(0)
    loc, _ = compare(
        by_name("score function"), quadratic(), normal, params, samples=samples, rng=rng
    )
    return loc.mean


def torch_run(samples, D):
    """The same computation: the same chunks, the same moments, merged by the same formulas."""
    loc, scale = torch.full((D,), 0.5, dtype=torch.float64), torch.ones(D, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    total, each = None, CHUNK // D
    for start in range(0, samples, each):
        n = min(each, samples - start)
        z = loc + scale * torch.randn((n, D), generator=generator, dtype=torch.float64)
        f = (z * z).sum(1)
        y = (z - loc) / scale
        scores = (y / scale, (y * y - 1.0) / scale)
        found = [moments(f[:, None] * score) for score in scores]
        total = (
            found if total is None else [merge(*pair) for pair in zip(total, found, strict=True)]
        )
    return total[0][1]


def moments(g):
    mean = g.mean(0)
    x = g - mean
    x2 = x * x
    return len(g), mean, x2.sum(0), (x2 * x).sum(0), (x2 * x2).sum(0)


def merge(one, two):
    (a, m, M2, M3, M4), (b, other, N2, N3, N4) = one, two
    n, gap = a + b, other - m
    return (
        n,
        m + gap * (b / n),
        M2 + N2 + gap**2 * (a * b / n),
        M3 + N3 + gap**3 * (a * b * (a - b) / n**2) + 3 * gap * (a * N2 - b * M2) / n,
        M4
        + N4
        + gap**4 * (a * b * (a * a - a * b + b * b) / n**3)
        + 6 * gap**2 * (a * a * N2 + b * b * M2) / n**2
        + 4 * gap * (a * N3 - b * M3) / n,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    times = {numpy_run: [], torch_run: []}
    for _ in range(args.repeats):
        for run, seconds in times.items():
            start = time.perf_counter()
            run(args.samples, args.dimension)
            seconds.append(time.perf_counter() - start)
    ours, theirs = (statistics.median(seconds) for seconds in times.values())
    print(
        f"tinyvae {ours:.2f} s, torch with {args.threads} thread(s) {theirs:.2f} s: "
        f"ratio {ours / theirs:.2f}"
    )


if __name__ == "__main__":
    main()
