"""HIPS autograd: the loss alone is written, the gradients come; Adam as in plain NumPy."""

import autograd.numpy as np
import numpy
from autograd import value_and_grad

from benchmarks.steps.plain import adam
from benchmarks.steps.task import Step


def loss(p, x, eps, activation):
    act = np.tanh if activation == "tanh" else lambda a: np.maximum(a, 0)
    h = act(np.dot(x, p["W1"]) + p["b1"])
    mu, logvar = np.dot(h, p["Wm"]) + p["bm"], np.dot(h, p["Wl"]) + p["bl"]
    z = mu + np.exp(0.5 * logvar) * eps
    g = act(np.dot(z, p["W2"]) + p["b2"])
    logits = np.dot(g, p["W3"]) + p["b3"]
    reconstruction = np.sum(np.logaddexp(0, logits) - x * logits)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return (reconstruction + kl) / len(x)


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        self.p, self.rng = self.weights, numpy.random.default_rng(0)
        self.m = {name: numpy.zeros_like(value) for name, value in self.p.items()}
        self.v = {name: numpy.zeros_like(value) for name, value in self.p.items()}
        self.gradients = value_and_grad(loss)

    def step(self, rows, eps):
        if eps is None:
            eps = self.rng.standard_normal(self.setting.noise, dtype=numpy.float32)
        value, d = self.gradients(self.p, self.x[rows], eps, self.setting.activation)
        adam(self.p, d, self.m, self.v, self.t)
        return value
