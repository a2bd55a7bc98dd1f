"""Optimizers: a few in-place operations on the flat vector.

`optimizer.step(theta, dtheta)` changes theta in place and uses dtheta as scratch: a temporary of
their size costs more than the arithmetic. `optimizer.state` is a dict of all it remembers, arrays
by name, so that a run can be saved and go on exactly where it stopped.
"""

import math

import numpy as np

from tinyvae.errors import check_number, unknown


class SGD:
    """theta <- theta - lr g."""

    default_lr = 1e-3  # the loss sums over the dimensions, and so does its gradient

    def __init__(self, lr=default_lr):
        self.lr = check_number("lr", lr, above=0)
        self.state = {}

    def step(self, theta, dtheta):
        dtheta *= self.lr
        theta -= dtheta


class Momentum:
    """v <- momentum v + g;  theta <- theta - lr v.

    Source: Polyak, Some methods of speeding up the convergence of iteration methods (1964).
    """

    default_lr = 1e-4  # a tenth of SGD's: momentum adds up about ten gradients

    def __init__(self, lr=default_lr, momentum=0.9):
        self.lr = check_number("lr", lr, above=0)
        self.momentum = check_number("momentum", momentum, at_least=0)
        self.state = {}

    def step(self, theta, dtheta):
        if not self.state:
            self.state = {"v": np.zeros_like(theta)}
        v = self.state["v"]
        v *= self.momentum
        v += dtheta
        np.multiply(v, self.lr, out=dtheta)
        theta -= dtheta


class Adam:
    """theta <- theta - lr m_hat / (sqrt(v_hat) + eps), with the bias-corrected moments

        m <- beta1 m + (1 - beta1) g,   m_hat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g²,  v_hat = v / (1 - beta2^t)

    The moments are kept divided by (1 - beta1) and (1 - beta2), and these constants moved into
    two numbers a step: then no pass over the vector needs a temporary.
    Source: Kingma & Ba, Adam: A Method for Stochastic Optimization (2015), algorithm 1.
    """

    default_lr = 1e-3

    def __init__(self, lr=default_lr, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.eps = check_number("lr", lr, above=0), check_number("eps", eps, above=0)
        self.beta1 = check_number("beta1", beta1, at_least=0, below=1)
        self.beta2 = check_number("beta2", beta2, at_least=0, below=1)
        self.state = {}

    def step(self, theta, dtheta):
        if not self.state:
            zeros = np.zeros_like
            self.state = {"m": zeros(theta), "v": zeros(theta), "t": np.zeros((), np.int64)}
        m, v, g = self.state["m"], self.state["v"], dtheta
        self.state["t"] += 1
        t = int(self.state["t"])
        rate = self.lr * (1 - self.beta1) / (1 - self.beta1**t)
        spread = math.sqrt((1 - self.beta2) / (1 - self.beta2**t))

        m *= self.beta1
        m += g  # m = m_t / (1 - beta1)
        g *= g
        v *= self.beta2
        v += g  # v = v_t / (1 - beta2)
        np.sqrt(v, out=g)
        g += self.eps / spread
        np.divide(m, g, out=g)
        g *= rate / spread
        theta -= g


def constant(done):
    """lr as it is."""
    return 1.0


def cosine(done):
    """(1 + cos(pi done)) / 2: from lr down to 0 along half a wave. done: the share of the training
    that is behind, from 0 to 1.

    Noisy gradients keep theta at a distance from the optimum that grows with lr.
    Source: Loshchilov & Hutter, SGDR (2017), equation 5, without restarts.
    """
    return 0.5 * (1.0 + math.cos(math.pi * done))


SCHEDULES = {"constant": constant, "cosine": cosine}
OPTIMIZERS = {"adam": Adam, "momentum": Momentum, "sgd": SGD}


def optimizer(name, lr=None):
    """A fresh optimizer of that name; lr None is its own default.

    ValueError for an unknown name or a learning rate that is not positive.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]() if lr is None else OPTIMIZERS[name](lr)
