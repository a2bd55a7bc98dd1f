"""tinyvae, as `train.steps` does it; the variant 'float64' is the reference for all losses. 'gpu'
draws its noise on the GPU, 'gpu-host' on the host."""

from benchmarks.steps.task import Step
from tinyvae import VAE, Settings, train
from tinyvae.backend import noise_rng, to_device, wait

NAMES = {"encoder.0": "1", "mu": "m", "logvar": "l", "decoder.0": "2", "out": "3"}


def flattened(layout, weights):
    """theta, from the task's names of the weights."""
    names = {f"{layer}.{kind}": kind + name for layer, name in NAMES.items() for kind in "Wb"}
    return layout.flatten({long: weights[short] for long, short in names.items()})


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        s, dtype = self.setting, "float64" if self.variant == "float64" else "float32"
        self.vae = VAE(s.D, s.Z, (s.H,), s.activation)
        settings = Settings(batch=s.B, samples=s.S, dtype=dtype)
        self.state = train.start(self.vae, settings)
        self.state.theta[:] = flattened(self.vae.layout, self.weights)
        self.state.to(self.backend)
        self.work = train.step_for(self.vae, settings, self.state, s.B)
        self.x = to_device(self.x.astype(dtype, copy=False), self.backend)
        self.rng = noise_rng(0, self.backend, "device" if self.variant == "gpu" else "host")

    @property
    def backend(self):
        return "cupy" if self.variant.startswith("gpu") else "numpy"

    def indices(self, rows):
        return to_device(rows, self.backend)

    def step(self, rows, eps, asked=True):
        self.work.draw(self.x, rows, self.rng)
        if eps is not None:
            self.work.eps[...] = to_device(eps, self.backend)
        values = self.work(self.state.optimizer, asked=asked)
        return values and values[0]

    def run(self, count):
        super().run(count)
        wait(self.state.theta)
