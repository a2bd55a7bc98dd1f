"""tinyvae's step with one habit given up, as the variant says; none: as it is."""

import numpy as np

from benchmarks.steps import in_tinyvae
from tinyvae import gradient
from tinyvae.likelihoods import Bernoulli


class Logaddexp(Bernoulli):
    """The textbook's formulas: log(1 + e^l) by logaddexp, the sigmoid by 1 / (1 + e^-l)."""

    def __call__(self, params, out, *, x):
        log_px = x * out - np.logaddexp(0.0, out)

        def vjp(dy):
            return {}, dy[..., None] * (x - 1.0 / (1.0 + np.exp(-out)))

        return log_px.sum(axis=-1), vjp


def reads_data(encoder):
    """The encoder, with the gradient of the data formed as well, though nobody asks for it."""

    def reading(params, *, x, watch):
        h, vjp = encoder(params, x, watch=watch)
        return h, lambda dh: vjp(dh)[:1]

    return reading


class TextbookAdam:
    """Adam as it is printed: a new array for every operation."""

    def __init__(self):
        self.m = self.v = self.t = 0

    def step(self, theta, g):
        self.t += 1
        self.m = 0.9 * self.m + (1 - 0.9) * g
        self.v = 0.999 * self.v + (1 - 0.999) * g**2
        m_hat, v_hat = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        theta -= 1e-3 * m_hat / (np.sqrt(v_hat) + 1e-8)


class Peer(in_tinyvae.Peer):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        if self.variant == "textbook":
            self.state.optimizer = TextbookAdam()
        if self.variant == "data":
            self.vae.encoder = reads_data(self.vae.encoder)
        if self.variant == "logaddexp":
            self.vae.px = Logaddexp()

    def step(self, rows, eps):
        if self.variant in ("page", "data", "logaddexp"):
            return self.page(rows, eps)
        return super().step(rows, eps, asked=self.variant != "unasked" or eps is not None)

    def page(self, rows, eps):
        """The readable step, not recorded."""
        x, theta = self.x[rows], self.state.theta
        if eps is None:
            eps = self.rng.standard_normal(self.setting.noise, dtype=x.dtype)
        dtheta, loss, *_ = gradient(self.vae, theta, x=x, eps=eps)
        self.state.optimizer.step(theta, dtheta)
        return loss
