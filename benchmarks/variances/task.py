"""What every peer does: the mean and the variance of two estimators of a gradient.

    d/dloc, d/dscale of E f(z),  f(z) = sum_j (z_j - k)²,  z ~ N(loc, scale²) in D dimensions
    pathwise        df/dz, and df/dz * eps,  with z = loc + scale eps
    score function  f(z) * dlog q/dloc, and f(z) * dlog q/dscale

of one sample each, from `samples` of them. Samples are drawn and used up in blocks of so many that
an array of them has `chunk` numbers, and one draw serves both estimators. tinyvae keeps third and
fourth moments, too, as a variant of PyTorch's does.
"""

from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.peer import Contestant, write_task
from tinyvae.comparison import CHUNK, compare
from tinyvae.distributions import normal
from tinyvae.estimators import by_name
from tinyvae.exact import closed_form
from tinyvae.integrands import quadratic

LOC, SCALE, K = 0.5, 1.25, 0.2
NAMES = ("pathwise", "score function")


@dataclass(frozen=True)
class Problem:
    D: int
    samples: int
    dtype: str = "float64"
    chunk: int = CHUNK

    def __str__(self):
        return f"D = {self.D}, {self.samples:,} samples, {self.dtype}"

    @property
    def blocks(self):
        """(how many, samples in each)."""
        count = max(1, self.samples * self.D // self.chunk)
        return count, -(-self.samples // count)

    def write(self, path):
        write_task(path, {}, asdict(self))


def expected(problem):
    """What the answers should be, and their standard errors, each (8 D,).

    Means and variances are exact; the fourth moments behind the standard errors of the variances
    come from a hundred thousand samples.
    """
    exact, errors, n = [], [], 100_000
    params = np.full(problem.D, LOC), np.full(problem.D, SCALE)
    rng = np.random.default_rng(0)
    for name in NAMES:
        known = closed_form(name, "quadratic", {"k": K}, LOC, SCALE, problem.D)
        found = compare(by_name(name), quadratic(K), normal, params, samples=n, rng=rng)
        for comparison in found:
            mean, variance = known[comparison.parameter]
            exact += [np.full(problem.D, mean), np.full(problem.D, variance)]
            share = np.sqrt(n / problem.samples) * comparison.variance_error
            errors += [np.full(problem.D, np.sqrt(variance / problem.samples)), share]
    return np.concatenate(exact), np.concatenate(errors)


class Variance(Contestant):
    """The common part; each peer has `moments()`: mean and variance (D,) of the pathwise estimator
    in loc and in scale, then of the score function's, eight arrays."""

    def __init__(self, arrays, about):
        about = dict(about)
        self.threads, self.variant = about.pop("threads"), about.pop("variant")
        self.problem = Problem(**about)

    def answers(self):
        return np.concatenate([np.asarray(part, np.float64) for part in self.moments()])

    def run(self, count):
        for _ in range(count):
            self.moments()
