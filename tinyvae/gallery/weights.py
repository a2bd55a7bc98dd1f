"""The importance-weighted bound log (1/S) sum of w_s, and mistakes in it.

w = p(x | z) p(z) / q(z | x). z (S, B, Z), mu and logvar (B, Z), log_px (S, B); log_w (S, B).
Source: Burda, Grosse & Salakhutdinov, Importance Weighted Autoencoders (2016), equation 8.
"""

import numpy as np

from tinyvae.gallery.mistake import Mistake


def log_weight(log_px, z, mu, logvar):
    """log w = log p(x | z) + log p(z) - log q(z | x), of each sample."""
    sigma = np.exp(0.5 * logvar)
    away = (z - mu) / sigma
    log_w = log_px + 0.5 * (away * away + logvar - z * z).sum(axis=-1)

    def vjp(dy):
        d = dy[..., None]
        dmu, dlogvar = -d * away / sigma, d * 0.5 * (1.0 - away * away)
        return dy, d * (away / sigma - z), dmu.sum(axis=0), dlogvar.sum(axis=0)

    return log_w, vjp


def kl_inside(log_px, z, mu, logvar):
    kl = 0.5 * (mu * mu + np.exp(logvar) - 1.0 - logvar).sum(axis=-1)
    log_w = log_px - kl

    def vjp(dy):
        d = dy[..., None]
        dmu, dlogvar = -d * mu, -d * 0.5 * (np.exp(logvar) - 1.0)
        return dy, np.zeros_like(z), dmu.sum(axis=0), dlogvar.sum(axis=0)

    return log_w, vjp


def average(log_w):
    """log of the mean of w over the samples; its gradient: the weights that add up to 1."""
    largest = log_w.max(axis=0)
    w = np.exp(log_w - largest)
    share = w / w.sum(axis=0)
    bound = largest + np.log(w.mean(axis=0))

    def vjp(dy):
        return (dy * share,)

    return bound, vjp


def mean_of_logs(log_w):
    bound = log_w.mean(axis=0)

    def vjp(dy):
        return (np.broadcast_to(dy / len(log_w), log_w.shape),)

    return bound, vjp


def weights_times_logs(log_w):
    largest = log_w.max(axis=0)
    w = np.exp(log_w - largest)
    share = w / w.sum(axis=0)
    bound = (share * log_w).sum(axis=0)

    def vjp(dy):
        return (dy * share * (1.0 + log_w - bound),)

    return bound, vjp


MISTAKES = (
    Mistake(
        "mean-of-logs",
        "the mean of the logs in place of the log of the mean",
        "average",
        mean_of_logs,
        seen="Importance-weighted autoencoders: samples are averaged as everything else is, after "
        "the logarithm; a reader asked why not before.",
        does={
            "It is the plain bound, from several samples: a valid bound, and a lower one.": (
                lambda t: t.claimed < t.optimum - 0.01 and t.excess < 0.0
            ),
            "Trained, it ends where the plain bound ends, with narrower draws than it should.": (
                lambda t: (
                    np.allclose(t.sd, t.plain_sd, rtol=1e-3) and (t.sd < 0.98 * t.right.sd).all()
                )
            ),
            "Right code finds nats lost.": lambda t: t.lost > 1e-3,
        },
        see="Neither oracle: it is a bound with its own gradient, and says less than it could. "
        "What shows it is a number that does not rise with the samples.",
        setting="importance-weighted",
    ),
    Mistake(
        "kl-inside",
        "the analytic KL inside the importance weights",
        "log_weight",
        kl_inside,
        seen="Collections of VAE variants, where the importance-weighted one inherits the loss of "
        "the plain one, and puts a log-mean-exp around it.",
        does={
            "The KL is the same for all samples: the weights know nothing of q.": (
                lambda t: t.claimed > t.right.claimed + 0.05
            ),
            "q is too wide, and its means are pulled to zero.": (
                lambda t: (t.sd > 1.02 * t.right.sd).all() and (t.reach < 0.95).all()
            ),
            "Right code finds nats lost.": lambda t: t.lost > 0.01,
        },
        see="Objective check: with enough samples the bound is above log p(x). An average over z "
        "inside a logarithm needs the density of that very z.",
        setting="importance-weighted",
    ),
    Mistake(
        "weights-times-logs",
        "sum of weight times log-weight taken for the bound",
        "average",
        weights_times_logs,
        seen="Collections of VAE variants: the formula of the gradient, normalized weights times "
        "the gradients of the logs, written down as a loss, and differentiated through both.",
        does={
            "It claims more than the bound, by what the weights differ from equal ones.": (
                lambda t: t.claimed > t.right.claimed
            ),
            "To have weights that differ is rewarded: q moves away from the posterior.": (
                lambda t: t.lost > 0.02
            ),
        },
        see="Objective check: it can be above log p(x). Hold the weights constant in the backward "
        "pass, or use the logarithm of the mean, whose gradient has them by itself.",
        setting="importance-weighted",
    ),
)
