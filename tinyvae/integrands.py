"""Integrands f(z): what the estimators differentiate the expectation of.

Each keeps the protocol, `y, vjp = f(z)`: z (S, ...) to y (S,), the sum over all the numbers of a
draw, so that in D dimensions F(z) = sum_j f(z_j). Make one with its constants: `quadratic(k=0.3)`.
The exact gradient, and the exact variance of its estimators, are in `tinyvae.exact`.
"""

import numpy as np

from tinyvae.errors import check_positive


def summed(f, slope):
    """The integrand sum_j f(z_j), from f and its derivative, number by number."""

    def integrand(z):
        def vjp(dy):
            return (dy.reshape(-1, *[1] * (z.ndim - 1)) * slope(z),)

        return f(z).sum(axis=tuple(range(1, z.ndim))), vjp

    return integrand


def linear(a=1.0, c=0.0):
    """f(z) = a z + c."""
    return summed(lambda z: a * z + c, lambda z: np.full_like(z, a))


def quadratic(k=0.0):
    """f(z) = (z - k)²."""
    return summed(lambda z: (z - k) ** 2, lambda z: 2.0 * (z - k))


def exponential(k=1.0):
    """f(z) = e^(k z)."""
    return summed(lambda z: np.exp(k * z), lambda z: k * np.exp(k * z))


def cosine(k=1.0):
    """f(z) = cos(k z)."""
    return summed(lambda z: np.cos(k * z), lambda z: -k * np.sin(k * z))


def step(c=0.0):
    """f(z) = 1[z > c]. Its derivative is 0 wherever there is one, and that is what vjp gives."""
    return summed(lambda z: (z > c).astype(np.result_type(z, 1.0)), lambda z: np.zeros_like(z))


def sigmoid(c=0.0, tau=1.0):
    """f(z) = 1 / (1 + e^(-(z - c)/tau)): the step, smoothed over a width tau. ValueError unless
    tau > 0."""
    check_positive(tau=tau)

    def f(z):
        return 0.5 + 0.5 * np.tanh(0.5 * (z - c) / tau)

    return summed(f, lambda z: f(z) * (1.0 - f(z)) / tau)


INTEGRANDS = {
    "linear": linear,
    "quadratic": quadratic,
    "exponential": exponential,
    "cosine": cosine,
    "step": step,
    "sigmoid": sigmoid,
}
