"""tinyvae: `gradcheck_vae`, every entry by complex steps of the units in place of the weights."""

from benchmarks.gradchecks import in_tinyvae
from tinyvae.gradcheck_vae import gradcheck_vae


class Peer(in_tinyvae.Peer):
    def check(self):
        report = gradcheck_vae(self.vae, self.theta, x=self.x, eps=self.eps)
        return report.ok, report.error
