"""From the two terms to the bound, from the bound to the loss, and mistakes on the way.

log_px (S, B) and kl (B,) to nats (B,); the bound (B,) to a number to minimize.
"""

import numpy as np

from tinyvae.gallery.mistake import Mistake


def elbo(log_px, kl):
    """The mean of log p(x | z) over the samples, minus the KL."""

    def vjp(dy):
        return np.broadcast_to(dy / len(log_px), log_px.shape), -dy

    return log_px.mean(axis=0) - kl, vjp


def kl_rewarded(log_px, kl):
    def vjp(dy):
        return np.broadcast_to(dy / len(log_px), log_px.shape), dy

    return log_px.mean(axis=0) + kl, vjp


def loss(bound):
    """Minus the mean of the bound over the batch."""

    def vjp(dloss):
        return (np.full(len(bound), -dloss / len(bound)),)

    return -bound.mean(), vjp


def batch_summed(bound):
    def vjp(dloss):
        return (np.full(len(bound), -dloss),)

    return -bound.sum(), vjp


MISTAKES = (
    Mistake(
        "kl-rewarded",
        "the KL added to the bound, not subtracted",
        "elbo",
        kl_rewarded,
        seen="Translations of formulas between what is maximized and what is minimized: a function "
        "called `kl` returns minus the KL, and is given another minus, or none.",
        does={
            "A larger KL is a better number: the claim goes far above log p(x), and on.": (
                lambda t: t.excess > 5.0
            ),
            "Means run away until the training diverges.": (
                lambda t: t.diverged and abs(t.reach).max() > 5.0
            ),
            "The right bound falls faster than this one rises.": lambda t: t.lost > t.excess > 0.0,
        },
        see="Objective check: the bound is above log p(x). And a loss that falls below any loss "
        "that has been seen is no reason to be glad.",
    ),
    Mistake(
        "batch-summed",
        "the loss summed over the batch, with the step of a mean",
        "loss",
        batch_summed,
        seen="Settings copied from one project to another, where one sums and one averages; or the "
        "batch size was raised. Adam, which divides by the gradient's size, hides it.",
        does={
            "Each step is B times as long, too long for the curvature: the training diverges.": (
                lambda t: t.diverged
            ),
            "It gets worse with every step, and never near the optimum.": lambda t: t.lost > 1.0,
        },
        see="Neither oracle: a sum is as good an objective as a mean, and its gradient is right. "
        "The learning curve shows it. State the loss in nats per example.",
    ),
)
