"""The VAE of the gallery: parts that can be taken out one by one, and a wrong one put in.

x -> encode -> mu, logvar -> draw -> z -> log_px;   kl of mu, logvar;   elbo of both;   loss
"""

from types import SimpleNamespace

import numpy as np

from tinyvae.gallery import bounds, divergence, draw, encoder, likelihood, weights
from tinyvae.gallery.world import ENCODER

PARTS = {
    "noise": draw.noise,
    "encode": encoder.encode,
    "draw": draw.draw,
    "log_px": likelihood.log_px,
    "kl": divergence.kl,
    "elbo": bounds.elbo,
    "log_weight": weights.log_weight,
    "average": weights.average,
    "loss": bounds.loss,
}


class Assembled:
    """The VAE of a Setting with a Mistake in it, or with none."""

    def __init__(self, setting, mistake=None, seed=0):
        self.setting, self.mistake, parts = setting, mistake, dict(PARTS)
        if mistake is not None:
            parts[mistake.part] = mistake.function(seed)
        self.parts = SimpleNamespace(**parts)

    @property
    def righted(self):
        """The same encoder, and everything after it as it should be."""
        mine = self.mistake is not None and self.mistake.part == "encode"
        return Assembled(self.setting, self.mistake if mine else None)

    def encode(self, params, *, x):
        blocks = (params[name] for name in ENCODER)
        return self.parts.encode(*blocks, x=x)

    def bound(self, params, *, x, eps):
        """The bound (B,), as this code computes it, from x (B, D) and eps (S, B, Z)."""
        (mu, logvar), encode_vjp = self.encode(params, x=x)
        z, draw_vjp = self.parts.draw(mu, logvar, eps=eps)
        log_px, log_px_vjp = self.parts.log_px(z, params["logtau2"], W=self.setting.W, x=x)
        join = self.weighted if self.setting.weighted else self.plain
        bound, join_vjp = join(log_px, z, mu, logvar)

        def vjp(dy):
            dlog_px, dz, dmu, dlogvar = join_vjp(dy)
            dz_px, dlogtau2 = log_px_vjp(dlog_px)
            dmu_z, dlogvar_z = draw_vjp(dz + dz_px)
            heads = encode_vjp((dmu + dmu_z, dlogvar + dlogvar_z))
            blocks = dict(zip(ENCODER, heads, strict=True))
            return (blocks | {"logtau2": dlogtau2},)

        return bound, vjp

    def plain(self, log_px, z, mu, logvar):
        """E log p(x | z) - KL; its vjp gives the gradients of all four arguments."""
        kl, kl_vjp = self.parts.kl(mu, logvar)
        bound, elbo_vjp = self.parts.elbo(log_px, kl)

        def vjp(dy):
            dlog_px, dkl = elbo_vjp(dy)
            return dlog_px, np.zeros_like(z), *kl_vjp(dkl)

        return bound, vjp

    def weighted(self, log_px, z, mu, logvar):
        """The importance-weighted bound."""
        log_w, log_w_vjp = self.parts.log_weight(log_px, z, mu, logvar)
        bound, average_vjp = self.parts.average(log_w)
        return bound, lambda dy: log_w_vjp(*average_vjp(dy))

    def loss(self, params, *, x, eps, weights=1.0):
        """What training minimizes; weights (B,): of the places of a quadrature, 1 on average."""
        bound, bound_vjp = self.bound(params, x=x, eps=eps)
        loss, loss_vjp = self.parts.loss(weights * bound)
        return loss, lambda dloss: bound_vjp(weights * loss_vjp(dloss)[0])
