"""tinyvae: `gradcheck`, block by block; 'every' entry by central differences, or the complex step
along a few random 'directions' in every block."""

from benchmarks.gradchecks.task import Check
from benchmarks.steps.in_tinyvae import flattened
from tinyvae import VAE, gradcheck

VARIANTS = {
    "every": {"method": "central", "max_entries": 10**9},
    "directions": {"method": "complex", "max_entries": 1},
}


class Peer(Check):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        s = self.setting
        self.vae = VAE(s.D, s.Z, (s.H,), s.activation)
        self.theta = flattened(self.vae.layout, self.weights)

    def loss(self):
        return self.vae.loss(self.theta, x=self.x, eps=self.eps)[0]

    def check(self):
        report = gradcheck(
            self.vae.loss,
            self.theta,
            x=self.x,
            eps=self.eps,
            layout=self.vae.layout,
            **VARIANTS[self.variant],
        )
        return report.ok, report.error
