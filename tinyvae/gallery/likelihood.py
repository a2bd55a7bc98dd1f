"""log p(x | z) of a linear decoder with Gaussian noise, and mistakes in it.

z (S, B, Z), W (Z, D), x (B, D), logtau2 a number; to nats (S, B).
"""

import math

import numpy as np

from tinyvae.gallery.mistake import Mistake

LOG_2PI = math.log(2.0 * math.pi)


def log_px(z, logtau2, *, W, x):
    """log N(x; z W, tau² I) = -sum over D of ((x - z W)² / tau² + log 2 pi tau²) / 2."""
    error, tau2 = x - z @ W, np.exp(logtau2)
    each = -0.5 * (error * error / tau2 + logtau2 + LOG_2PI)

    def vjp(dy):
        deach = dy[..., None]
        dlogtau2 = deach * 0.5 * (error * error / tau2 - 1.0)
        return (deach * error / tau2) @ W.T, dlogtau2.sum()

    return each.sum(axis=-1), vjp


def pixels_averaged(z, logtau2, *, W, x):
    error, tau2 = x - z @ W, np.exp(logtau2)
    each = -0.5 * (error * error / tau2 + logtau2 + LOG_2PI)

    def vjp(dy):
        deach = dy[..., None] / x.shape[-1]
        dlogtau2 = deach * 0.5 * (error * error / tau2 - 1.0)
        return (deach * error / tau2) @ W.T, dlogtau2.sum()

    return each.mean(axis=-1), vjp


def no_normalizer(z, logtau2, *, W, x):
    error, tau2 = x - z @ W, np.exp(logtau2)
    each = -0.5 * (error * error / tau2)

    def vjp(dy):
        deach = dy[..., None]
        dlogtau2 = deach * 0.5 * (error * error / tau2)
        return (deach * error / tau2) @ W.T, dlogtau2.sum()

    return each.sum(axis=-1), vjp


def variance_half_gradient(z, logtau2, *, W, x):
    error, tau2 = x - z @ W, np.exp(logtau2)
    each = -0.5 * (error * error / tau2 + logtau2 + LOG_2PI)

    def vjp(dy):
        deach = dy[..., None]
        dlogtau2 = deach * 0.5 * (error * error / tau2 - 0.5)
        return (deach * error / tau2) @ W.T, dlogtau2.sum()

    return each.sum(axis=-1), vjp


MISTAKES = (
    Mistake(
        "pixels-averaged",
        "the reconstruction averaged over the pixels, beside a KL that is summed",
        "log_px",
        pixels_averaged,
        seen="Everywhere: a mean squared error or a mean cross-entropy, as the library returns it; "
        "and then the question why all pictures are one blurred picture.",
        does={
            "The data speak D times more softly: means are pulled to zero, spreads are wide.": (
                lambda t: (t.reach < 0.9).all() and (t.sd > 1.2 * t.exact_sd).all()
            ),
            "It claims more than log p(x), since most of a negative number is left out.": (
                lambda t: t.excess > 0.5
            ),
            "Right code finds nats lost.": lambda t: t.lost > 0.1,
        },
        see="Objective check: the bound is above log p(x). It is a beta of D: with pictures, of "
        "hundreds, and the latents collapse.",
    ),
    Mistake(
        "no-normalizer",
        "a learned variance, and its logarithm left out of the objective",
        "log_px",
        no_normalizer,
        seen="Losses that divide a squared error by a learned variance: the constants of the "
        "density were dropped, as one may while the variance is fixed.",
        does={
            "To make the error cheap is all that is asked for: the variance grows without end.": (
                lambda t: t.tau2 > 20.0 * t.exact_tau2
            ),
            "The latents become useless, and collapse to the prior.": (
                lambda t: (t.sd > 0.95).all() and (t.reach < 0.2).all()
            ),
            "It claims more than log p(x), and right code finds nats lost.": (
                lambda t: t.excess > 1.0 and t.lost > 1.0
            ),
        },
        see="Objective check: the bound is above log p(x). A density integrates to 1: what depends "
        "on a parameter that learns is not a constant.",
        setting="learned variance",
    ),
    Mistake(
        "variance-half-gradient",
        "a learned variance, half of one term of its gradient missing",
        "log_px",
        variance_half_gradient,
        seen="A Gaussian criterion written by hand for an early VAE: -1/4 in the gradient in log "
        "sigma², where -1/2 belongs; a reader whose gradient check failed found it.",
        does={
            "The variance comes out at twice or more of what the data have.": (
                lambda t: t.tau2 > 1.8 * t.exact_tau2
            ),
            "The latents are believed less: means are pulled to zero, spreads are wide.": (
                lambda t: (t.reach < 0.9).all() and (t.sd > 1.1 * t.exact_sd).all()
            ),
            "What it claims is true, and nats are lost.": (
                lambda t: abs(t.claimed - t.true) < 1e-9 and t.lost > 0.1
            ),
        },
        see="Gradient check: one number is wrong, the one of logtau2.",
        setting="learned variance",
    ),
)
