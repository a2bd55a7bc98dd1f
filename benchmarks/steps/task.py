"""What every peer does, and with what: the settings, the weights, the data, the noise.

A step: gather a batch x (B, D) from the data by indices, draw the noise eps (B, Z), forward, the
loss, back, Adam with its defaults. One hidden layer each way:

    h = act(x W1 + b1),  mu = h Wm + bm,  logvar = h Wl + bl,  z = mu + e^(logvar/2) eps
    g = act(z W2 + b2),  logits = g W3 + b3
    loss = -mean over the batch of [log Bernoulli(x | logits) - KL(q || N(0, I))]
"""

from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.peer import Contestant, write_task

JUDGED = 5  # steps whose losses are compared before any is timed


@dataclass(frozen=True)
class Setting:
    """The sizes: D numbers in an example, H hidden units, Z latents, B in a batch, S samples."""

    D: int
    H: int
    Z: int
    B: int
    activation: str = "tanh"
    S: int = 1

    def __str__(self):
        samples = f", {self.S} samples" if self.S > 1 else ""
        return f"{self.D}-{self.H}({self.activation})-{self.Z}, batch {self.B}{samples}"

    @property
    def shapes(self):
        D, H, Z = self.D, self.H, self.Z
        blocks = {"1": (D, H), "m": (H, Z), "l": (H, Z), "2": (Z, H), "3": (H, D)}
        weights = {f"W{name}": shape for name, shape in blocks.items()}
        return weights | {f"b{name}": shape[1:] for name, shape in blocks.items()}

    @property
    def noise(self):
        """The shape of eps: (B, Z), or (S, B, Z)."""
        return (self.B, self.Z) if self.S == 1 else (self.S, self.B, self.Z)


SETTINGS = {
    "tanh": Setting(784, 500, 20, 100),
    "relu": Setting(784, 400, 20, 128, "relu"),
    "large": Setting(784, 500, 20, 1024),
    "tiny": Setting(64, 128, 8, 64),
}

FOR_GPU = {f"{H}-{B}": Setting(784, H, 20, B) for H in (500, 4000) for B in (100, 1000, 10_000)}


def write(path, setting, *, examples=10_000, seed=0):
    """Binary data around ten patterns, weights, the batches' indices, the first steps' noise."""
    rng = np.random.default_rng(seed)
    examples = max(examples, setting.B)
    patterns = rng.beta(0.5, 1.0, (10, setting.D))
    x = rng.random((examples, setting.D)) < patterns[rng.integers(10, size=examples)]
    order = rng.permutation(examples)[: examples // setting.B * setting.B].reshape(-1, setting.B)
    arrays = {"x": x, "order": order, "eps": rng.standard_normal((JUDGED, *setting.noise))}
    for name, shape in setting.shapes.items():
        scale = np.sqrt(1.0 / shape[0]) if name[0] == "W" else 0.0
        arrays[name] = scale * rng.standard_normal(shape)
    single = {k: v if k == "order" else v.astype(np.float32) for k, v in arrays.items()}
    write_task(path, single, asdict(setting))


class Step(Contestant):
    """The common part of all peers; each of them has `step(rows, eps)`.

    `rows` (B,) are indices of examples, as the peer's `indices` makes them. `eps` is given for the
    comparison; when it is None the peer draws it. The loss, or an array of it, comes back.
    """

    def __init__(self, arrays, about):
        about = dict(about)
        self.threads, self.variant = about.pop("threads"), about.pop("variant")
        self.setting = Setting(**about)
        self.weights = {name: arrays[name] for name in self.setting.shapes}
        self.x, self.first, self.t = arrays["x"], arrays["eps"], 0
        self.order = [self.indices(rows) for rows in arrays["order"]]

    def indices(self, rows):
        return rows

    def batch(self):
        """The next indices, over and over."""
        self.t += 1
        return self.order[(self.t - 1) % len(self.order)]

    def answers(self):
        """The losses of the first steps."""
        return [self.step(self.batch(), eps) for eps in self.first]

    def run(self, count):
        for _ in range(count):
            self.step(self.batch(), None)
