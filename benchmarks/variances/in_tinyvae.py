"""tinyvae: `compare_all`, both estimators on one noise."""

import numpy as np

from benchmarks.variances.task import LOC, NAMES, SCALE, K, Variance
from tinyvae.backend import default_rng, to_device
from tinyvae.comparison import compare_all
from tinyvae.distributions import normal
from tinyvae.estimators import by_name
from tinyvae.integrands import quadratic


class Peer(Variance):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        D, dtype = self.problem.D, self.problem.dtype
        backend = "cupy" if self.variant == "gpu" else "numpy"
        params = np.full(D, LOC, dtype), np.full(D, SCALE, dtype)
        self.params = to_device(params, backend)
        self.rng = default_rng(1, backend)

    def moments(self):
        chunk = self.problem.chunk if self.variant == "" else None  # a GPU has its own
        options = {"samples": self.problem.samples, "rng": self.rng, "chunk": chunk}
        rows = [by_name(name) for name in NAMES]
        found = compare_all(rows, quadratic(K), normal, self.params, **options)
        return [part for name in NAMES for c in found[name] for part in (c.mean, c.variance)]
