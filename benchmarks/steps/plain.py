"""Plain NumPy, as a textbook has it and most people would write it: no tricks, one sample.

float32, a dictionary of parameters, a new array for every result.
"""

import numpy as np

from benchmarks.steps.task import Step

LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


def loss_and_gradients(p, x, eps, activation):
    """The loss, a number, and a dictionary of gradients like p."""
    tanh = activation == "tanh"

    # forward
    a1 = x @ p["W1"] + p["b1"]
    h = np.tanh(a1) if tanh else np.maximum(a1, 0)
    mu = h @ p["Wm"] + p["bm"]
    logvar = h @ p["Wl"] + p["bl"]
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps
    a2 = z @ p["W2"] + p["b2"]
    g = np.tanh(a2) if tanh else np.maximum(a2, 0)
    logits = g @ p["W3"] + p["b3"]

    # the loss
    B = len(x)
    reconstruction = np.sum(np.logaddexp(0, logits) - x * logits) / B
    kl = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar)) / B

    # backward
    d = {}
    dlogits = (1 / (1 + np.exp(-logits)) - x) / B
    d["W3"], d["b3"] = g.T @ dlogits, dlogits.sum(axis=0)
    dg = dlogits @ p["W3"].T
    da2 = dg * (1 - g**2) if tanh else dg * (a2 > 0)
    d["W2"], d["b2"] = z.T @ da2, da2.sum(axis=0)
    dz = da2 @ p["W2"].T
    dmu = dz + mu / B
    dlogvar = dz * eps * 0.5 * sigma + 0.5 * (np.exp(logvar) - 1) / B
    d["Wm"], d["bm"] = h.T @ dmu, dmu.sum(axis=0)
    d["Wl"], d["bl"] = h.T @ dlogvar, dlogvar.sum(axis=0)
    dh = dmu @ p["Wm"].T + dlogvar @ p["Wl"].T
    da1 = dh * (1 - h**2) if tanh else dh * (a1 > 0)
    d["W1"], d["b1"] = x.T @ da1, da1.sum(axis=0)
    return reconstruction + kl, d


def adam(p, d, m, v, t):
    """Kingma & Ba, algorithm 1, parameter by parameter."""
    for name in p:
        m[name] = BETA1 * m[name] + (1 - BETA1) * d[name]
        v[name] = BETA2 * v[name] + (1 - BETA2) * d[name] ** 2
        m_hat = m[name] / (1 - BETA1**t)
        v_hat = v[name] / (1 - BETA2**t)
        p[name] = p[name] - LR * m_hat / (np.sqrt(v_hat) + EPS)


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        self.p, self.rng = self.weights, np.random.default_rng(0)
        self.m = {name: np.zeros_like(value) for name, value in self.p.items()}
        self.v = {name: np.zeros_like(value) for name, value in self.p.items()}

    def step(self, rows, eps):
        if eps is None:
            eps = self.rng.standard_normal(self.setting.noise, dtype=np.float32)
        loss, d = loss_and_gradients(self.p, self.x[rows], eps, self.setting.activation)
        adam(self.p, d, self.m, self.v, self.t)
        return loss
