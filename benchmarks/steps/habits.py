"""tinyvae's step with one habit given up, as the variant says; none: as it is."""

import numpy as np

from benchmarks.steps import in_tinyvae
from benchmarks.steps.task import Step
from tinyvae import VAE, Settings, gradient, train
from tinyvae.likelihoods import Bernoulli


class Logaddexp(Bernoulli):
    """The textbook's formulas: log(1 + e^l) by logaddexp, the sigmoid by 1 / (1 + e^-l)."""

    def __call__(self, params, out, *, x):
        log_px = x * out - np.logaddexp(0.0, out)

        def vjp(dy):
            return {}, dy[..., None] * (x - 1.0 / (1.0 + np.exp(-out)))

        return log_px.sum(axis=-1), vjp


class ReadsData(VAE):
    """The gradient of the data is formed as well, though nobody asks for it."""

    def _encode(self, params, x, watch=None):
        h, encoder_vjp = self.encoder(params, x)
        mu, mu_vjp = self.mu(params, h)
        logvar, logvar_vjp = self.logvar(params, h)

        def vjp(dy):
            dp_mu, dh_mu = mu_vjp(dy[0])
            dp_logvar, dh_logvar = logvar_vjp(dy[1])
            dp_encoder, _ = encoder_vjp(dh_mu + dh_logvar)
            return (dp_encoder | dp_mu | dp_logvar,)

        return (mu, logvar), vjp


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


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        s, habit = self.setting, self.variant
        dtype = "float64" if habit == "float64" else "float32"
        kind = ReadsData if habit == "data" else VAE
        self.vae = kind(s.D, s.Z, (s.H,), s.activation)
        if habit == "logaddexp":
            self.vae.px = Logaddexp()
        settings = Settings(batch=s.B, samples=s.S, dtype=dtype)
        self.state = train.start(self.vae, settings)
        self.state.theta[:] = in_tinyvae.flattened(self.vae.layout, self.weights)
        if habit == "textbook":
            self.state.optimizer = TextbookAdam()
        self.work = train.step_for(self.vae, settings, self.state, s.B)
        self.x, self.rng = self.x.astype(dtype, copy=False), np.random.default_rng(0)

    def step(self, rows, eps):
        if self.variant in ("page", "data", "logaddexp"):
            return self.page(rows, eps)
        self.work.draw(self.x, rows, self.rng)
        if eps is not None:
            self.work.eps[...] = eps
        values = self.work(self.state.optimizer, asked=self.variant != "unasked" or eps is not None)
        return None if values is None else values[0]

    def page(self, rows, eps):
        """The readable step, not recorded."""
        x, theta = self.x[rows], self.state.theta
        if eps is None:
            eps = self.rng.standard_normal(self.setting.noise, dtype=x.dtype)
        dtheta, loss, *_ = gradient(self.vae, theta, x=x, eps=eps)
        self.state.optimizer.step(theta, dtheta)
        return loss
