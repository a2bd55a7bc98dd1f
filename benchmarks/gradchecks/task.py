"""What every peer does: hold the gradient of the negative ELBO in all parameters against numerical
derivatives, in float64, at the same weights, data and noise."""

from dataclasses import asdict

import numpy as np

from benchmarks.peer import Contestant, write_task
from benchmarks.steps.task import Setting

SIZES = {  # by the number of their parameters
    "2016": Setting(64, 14, 3, 8),
    "19792": Setting(64, 128, 8, 8),
}


def write(path, setting, *, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {"x": (rng.random((setting.B, setting.D)) < 0.4).astype(np.float64)}
    arrays["eps"] = rng.standard_normal(setting.noise)
    for name, shape in setting.shapes.items():
        arrays[name] = rng.standard_normal(shape) / np.sqrt(shape[0])
    write_task(path, arrays, asdict(setting))


class Check(Contestant):
    """The common part; each peer has `loss()` and `check()`: (passed, largest relative error).

    Answers: the loss, 1 if the gradient passed, and the error, NaN where the package says none.
    """

    def __init__(self, arrays, about):
        about = dict(about)
        self.threads, self.variant = about.pop("threads"), about.pop("variant")
        self.setting = Setting(**about)
        self.weights = {name: arrays[name] for name in self.setting.shapes}
        self.x, self.eps = arrays["x"], arrays["eps"]

    def answers(self):
        return [self.loss(), *self.check()]

    def run(self, count):
        for _ in range(count):
            self.check()
