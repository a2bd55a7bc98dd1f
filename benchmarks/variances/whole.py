"""NumPy with whole arrays: all samples at once, as one writes it first."""

import numpy as np

from benchmarks.variances.task import LOC, SCALE, K, Variance


class Peer(Variance):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        self.rng = np.random.default_rng(1)

    def moments(self):
        shape = self.problem.samples, self.problem.D
        eps = self.rng.standard_normal(shape, dtype=self.problem.dtype)
        z = LOC + SCALE * eps
        slope = 2 * (z - K)
        f = ((z - K) ** 2).sum(axis=1, keepdims=True)
        gradients = [slope, slope * eps, f * eps / SCALE, f * (eps**2 - 1) / SCALE]
        return [part for g in gradients for part in (g.mean(axis=0), g.var(axis=0, ddof=1))]
