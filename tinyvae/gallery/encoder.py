"""The encoder, and mistakes in it: x -> h = x T -> mu = h M + b and logvar = h L + c.

A trunk that both heads read, and no activation: the best q of a linear-Gaussian model is linear in
x. T (D, H), M and L (H, Z), b and c (Z,); x (B, D); mu, logvar (B, Z).
"""

import numpy as np

from tinyvae.gallery.mistake import Mistake
from tinyvae.gallery.world import LR


def encode(T, M, b, L, c, *, x):
    """mu = x T M + b, logvar = x T L + c: what every mistake in this file is a version of."""
    h = x @ T
    mu, logvar = h @ M + b, h @ L + c

    def vjp(dy):
        dmu, dlogvar = dy
        dM, dL = h.T @ dmu, h.T @ dlogvar
        dh = dmu @ M.T + dlogvar @ L.T
        return x.T @ dh, dM, dmu.sum(axis=0), dL, dlogvar.sum(axis=0)

    return (mu, logvar), vjp


def branch_overwritten(T, M, b, L, c, *, x):
    h = x @ T
    mu, logvar = h @ M + b, h @ L + c

    def vjp(dy):
        dmu, dlogvar = dy
        dM, dL = h.T @ dmu, h.T @ dlogvar
        dh = dmu @ M.T
        dh = dlogvar @ L.T
        return x.T @ dh, dM, dmu.sum(axis=0), dL, dlogvar.sum(axis=0)

    return (mu, logvar), vjp


def updated_inside(T, M, b, L, c, *, x):
    h = x @ T
    mu, logvar = h @ M + b, h @ L + c

    def vjp(dy):
        dmu, dlogvar = dy
        dM, dL = h.T @ dmu, h.T @ dlogvar
        M[...] -= LR * dM
        L[...] -= LR * dL
        dh = dmu @ M.T + dlogvar @ L.T
        return x.T @ dh, 0.0 * dM, dmu.sum(axis=0), 0.0 * dL, dlogvar.sum(axis=0)

    return (mu, logvar), vjp


def relu_on_mu(T, M, b, L, c, *, x):
    h = x @ T
    mu, logvar = np.maximum(h @ M + b, 0.0), h @ L + c

    def vjp(dy):
        dmu, dlogvar = dy
        dmu = dmu * (mu > 0.0)
        dM, dL = h.T @ dmu, h.T @ dlogvar
        dh = dmu @ M.T + dlogvar @ L.T
        return x.T @ dh, dM, dmu.sum(axis=0), dL, dlogvar.sum(axis=0)

    return (mu, logvar), vjp


def relu_on_logvar(T, M, b, L, c, *, x):
    h = x @ T
    mu, logvar = h @ M + b, np.maximum(h @ L + c, 0.0)

    def vjp(dy):
        dmu, dlogvar = dy
        dlogvar = dlogvar * (logvar > 0.0)
        dM, dL = h.T @ dmu, h.T @ dlogvar
        dh = dmu @ M.T + dlogvar @ L.T
        return x.T @ dh, dM, dmu.sum(axis=0), dL, dlogvar.sum(axis=0)

    return (mu, logvar), vjp


def tanh_on_heads(T, M, b, L, c, *, x):
    h = x @ T
    mu, logvar = np.tanh(h @ M + b), np.tanh(h @ L + c)

    def vjp(dy):
        dmu, dlogvar = dy
        dmu, dlogvar = dmu * (1.0 - mu * mu), dlogvar * (1.0 - logvar * logvar)
        dM, dL = h.T @ dmu, h.T @ dlogvar
        dh = dmu @ M.T + dlogvar @ L.T
        return x.T @ dh, dM, dmu.sum(axis=0), dL, dlogvar.sum(axis=0)

    return (mu, logvar), vjp


MISTAKES = (
    Mistake(
        "branch-overwritten",
        "the gradient of one head overwrites that of the other",
        "encode",
        branch_overwritten,
        seen="Networks with two heads and a hand-written way back: the second head's gradient is "
        "assigned to the variable that holds the first's, where it should be added to it.",
        does={
            "The trunk never hears from mu, and hardly leaves the features it was born with.": (
                lambda t: t.trunk_moved < 0.3 * t.right.trunk_moved
            ),
            "The heads do their best with those; nats are lost, and no warning comes.": (
                lambda t: t.lost > 0.02 and t.settled
            ),
            "What it claims is true: it is honestly worse.": lambda t: (
                abs(t.claimed - t.true) < 1e-9
            ),
        },
        see="Gradient check: the trunk's weights are wrong, the heads' are right. Where a variable "
        "is read twice, its gradient is a sum of two: write `+=`, or both terms in one line.",
    ),
    Mistake(
        "updated-inside",
        "weights are updated in the backward pass, then used to go on",
        "encode",
        updated_inside,
        seen="Tutorials of networks from scratch with layers as objects: `backward(grad, lr)` "
        "takes the step, and then multiplies by the new weights to pass the gradient on.",
        does={
            "Where the gradients vanish the order does not matter: it arrives at the optimum.": (
                lambda t: t.lost < 1e-6
            ),
            "It ends with the right means and spreads.": (
                lambda t: (
                    np.allclose(t.sd, t.exact_sd, rtol=1e-3)
                    and np.allclose(t.reach, 1.0, rtol=1e-3)
                )
            ),
        },
        see="Gradient check: the parameters have changed while it looked. With long steps, with "
        "momentum or with noise the trunk's gradient belongs to weights that it was not measured "
        "at. First all gradients, then the step.",
    ),
    Mistake(
        "relu-on-mu",
        "a ReLU on the mu head",
        "encode",
        relu_on_mu,
        seen="Encoders made of one helper, `dense(x, units)`, that has an activation by default: "
        "image and mesh models, where the helper also makes the last layer.",
        does={
            "No posterior mean is below zero; half of the exact ones are.": (
                lambda t: t.mean.min() >= -1e-9 and np.mean(t.exact_mean < 0.0) > 0.3
            ),
            "Examples that should lie apart share a mean of 0.": (
                lambda t: np.mean(t.mean < 1e-9) > 0.3
            ),
            "Nats are lost, and what it claims is true: a right bound of a poor q.": (
                lambda t: t.lost > 0.1 and abs(t.claimed - t.true) < 1e-9
            ),
        },
        see="Neither oracle: the gradient is that of the bound, and the bound is a bound. Look at "
        "a histogram of mu, or hold the bound against an optimum that is known.",
    ),
    Mistake(
        "relu-on-logvar",
        "a ReLU (or a clamp at 0) on the logvar head",
        "encode",
        relu_on_logvar,
        seen="Video prediction, multi-task losses and graph encoders: a default activation, or a "
        "clamp that was put there against overflow with its lower end at 0 or even above.",
        does={
            "No q is narrower than the prior, though each posterior is.": (
                lambda t: t.sd.min() >= 1.0 and t.exact_sd.max() < 1.0
            ),
            "At the kink the gradient is masked: logvar sits at 0 for ever.": (
                lambda t: np.allclose(t.sd, 1.0, atol=1e-6)
            ),
            "Nats are lost, and what it claims is true.": (
                lambda t: t.lost > 0.3 and abs(t.claimed - t.true) < 1e-9
            ),
        },
        see="Neither oracle: it is a valid bound with its own gradient. Look at the smallest sigma "
        "in each latent; a clamp belongs far away from any logvar that could be right.",
    ),
    Mistake(
        "tanh-on-heads",
        "a tanh on both heads",
        "encode",
        tanh_on_heads,
        seen="Course notebooks and models of images, where every layer was given the same "
        "activation and the heads were counted among the layers.",
        does={
            "Posterior means stay between -1 and 1; the exact ones do not.": (
                lambda t: abs(t.mean).max() < 1.0 < abs(t.exact_mean).max()
            ),
            "No variance is below 1/e, so that a narrow posterior cannot be matched.": (
                lambda t: t.sd.min() ** 2 > np.exp(-1.0) > t.exact_sd.min() ** 2
            ),
            "Nats are lost, and what it claims is true.": (
                lambda t: t.lost > 0.05 and abs(t.claimed - t.true) < 1e-9
            ),
        },
        see="Neither oracle. Look whether mu and logvar press against a wall, and leave the last "
        "layer of the encoder linear: any real number is a mean, and a log-variance.",
    ),
)
