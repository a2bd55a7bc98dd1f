"""The KL of the encoder to the prior N(0, I), and mistakes in it; mu, logvar (B, Z) to (B,)."""

import numpy as np

from tinyvae.gallery.mistake import Mistake


def kl(mu, logvar):
    """KL(q || p) = sum over the latents of (mu² + e^logvar - 1 - logvar) / 2."""
    each = 0.5 * (mu * mu + np.exp(logvar) - 1.0 - logvar)

    def vjp(dkl):
        deach = dkl[:, None]
        return deach * mu, deach * 0.5 * (np.exp(logvar) - 1.0)

    return each.sum(axis=-1), vjp


def kl_averaged(mu, logvar):
    each = 0.5 * (mu * mu + np.exp(logvar) - 1.0 - logvar)

    def vjp(dkl):
        deach = dkl[:, None] / mu.shape[-1]
        return deach * mu, deach * 0.5 * (np.exp(logvar) - 1.0)

    return each.mean(axis=-1), vjp


def kl_without_half(mu, logvar):
    each = mu * mu + np.exp(logvar) - 1.0 - logvar

    def vjp(dkl):
        deach = dkl[:, None]
        return deach * 2.0 * mu, deach * (np.exp(logvar) - 1.0)

    return each.sum(axis=-1), vjp


def kl_of_log_sigma(mu, logvar):
    each = 0.5 * (mu * mu + np.exp(2.0 * logvar) - 1.0 - 2.0 * logvar)

    def vjp(dkl):
        deach = dkl[:, None]
        return deach * mu, deach * (np.exp(2.0 * logvar) - 1.0)

    return each.sum(axis=-1), vjp


def kl_sigma_not_squared(mu, logvar):
    each = 0.5 * (mu * mu + np.exp(0.5 * logvar) - 1.0 - logvar)

    def vjp(dkl):
        deach = dkl[:, None]
        return deach * mu, deach * 0.5 * (0.5 * np.exp(0.5 * logvar) - 1.0)

    return each.sum(axis=-1), vjp


def kl_sign_back(mu, logvar):
    each = 0.5 * (mu * mu + np.exp(logvar) - 1.0 - logvar)

    def vjp(dkl):
        deach = dkl[:, None]
        return deach * mu, deach * 0.5 * (1.0 - np.exp(logvar))

    return each.sum(axis=-1), vjp


def kl_no_gradient(mu, logvar):
    each = 0.5 * (mu * mu + np.exp(logvar) - 1.0 - logvar)

    def vjp(dkl):
        return np.zeros_like(mu), np.zeros_like(logvar)

    return each.sum(axis=-1), vjp


def kl_shown_averaged(mu, logvar):
    each = 0.5 * (mu * mu + np.exp(logvar) - 1.0 - logvar)

    def vjp(dkl):
        deach = dkl[:, None]
        return deach * mu, deach * 0.5 * (np.exp(logvar) - 1.0)

    return each.mean(axis=-1), vjp


MISTAKES = (
    Mistake(
        "kl-averaged",
        "the KL averaged over the latents, not summed",
        "kl",
        kl_averaged,
        seen="Tutorials, models of molecules and of grammars: `mean` over everything, as other "
        "losses are taken. It is often defended, since it trains well.",
        does={
            "It claims more than log p(x).": lambda t: t.excess > 0.05,
            "The latents are paid for with a part of their price: means go farther than they "
            "should, spreads are too small.": (
                lambda t: (t.reach > 1.05).all() and (t.sd < 0.9 * t.exact_sd).all()
            ),
            "Right code finds nats lost.": lambda t: t.lost > 0.02,
        },
        see="Objective check: the KL of the draws is Z times what the code says. It is a beta of "
        "1/Z, which is a choice; but then the number is not a bound, and not to be called one.",
    ),
    Mistake(
        "kl-without-half",
        "the 1/2 in front of the KL forgotten",
        "kl",
        kl_without_half,
        seen="Losses rewritten from a formula in log sigma, where no 1/2 stands in front of the "
        "logarithm, to one in logvar.",
        does={
            "The latents cost twice: means are pulled to zero, spreads are too large.": (
                lambda t: (t.reach < 0.95).all() and (t.sd > 1.05 * t.exact_sd).all()
            ),
            "It claims less than is true: the number is still below log p(x).": (
                lambda t: t.claimed < t.true - 0.1 and t.excess < 0.0
            ),
        },
        see="Objective check, but only because it holds the KL against the draws: the bound itself "
        "is low, and nothing is suspicious about that.",
    ),
    Mistake(
        "kl-of-log-sigma",
        "the head is log sigma to the KL, and logvar to the draw",
        "kl",
        kl_of_log_sigma,
        seen="Graph autoencoders and tutorials where the head was renamed in one of two places: a "
        "KL with `2 * log_std` beside a draw with `exp(log_std / 2)`.",
        does={
            "sigma counts in full where half of it was meant: the draws are too wide.": (
                lambda t: (t.sd > 1.1 * t.exact_sd).all()
            ),
            "The means are right.": lambda t: np.allclose(t.reach, 1.0, rtol=1e-3),
            "Right code finds nats lost.": lambda t: t.lost > 0.02,
        },
        see="Objective check: the KL that the code states is not that of its draws. Give the head "
        "one name, that says what it is, and compute sigma in one place.",
    ),
    Mistake(
        "kl-sigma-not-squared",
        "sigma in the KL where sigma² belongs",
        "kl",
        kl_sigma_not_squared,
        seen="Graph autoencoders and ports from one framework to another: the last term of the "
        "formula loses its square.",
        does={
            "sigma / 2 pulls a wide q back less than sigma² does, and narrow ones more: a spread "
            "above 1/2 comes out too large.": (
                lambda t: (t.sd > 1.05 * t.exact_sd)[t.exact_sd > 0.51].all()
            ),
            "One of exactly 1/2 is right, by luck.": (
                lambda t: np.isclose(t.sd, t.exact_sd, rtol=1e-3)[np.isclose(t.exact_sd, 0.5)].any()
            ),
            "It claims less than is true.": lambda t: t.claimed < t.true - 0.1,
        },
        see="Objective check: the stated KL is not that of the draws. By hand: at mu = 0 and "
        "sigma = 2 this KL is below zero, which no divergence is.",
    ),
    Mistake(
        "kl-sign-back",
        "the KL's gradient in logvar with the wrong sign",
        "kl",
        kl_sign_back,
        seen="Hand-written backward passes: in one of a model with discrete latents a reader found "
        "the sign, and the samples became more diverse.",
        does={
            "What should keep sigma up pushes it down: it goes to zero without end.": (
                lambda t: (t.sd < 1e-3).all()
            ),
            "The bound falls and falls; the means are right.": (
                lambda t: t.lost > 5.0 and np.allclose(t.reach, 1.0, rtol=1e-3)
            ),
        },
        see="Gradient check: everything that comes through logvar is wrong, mu is right. In the "
        "log: the KL grows while the loss should fall.",
    ),
    Mistake(
        "kl-no-gradient",
        "the KL is in the loss that is printed, and not in the gradient",
        "kl",
        kl_no_gradient,
        seen="Layers from scratch whose loss has two terms and whose backward pass has one; "
        "frameworks, where the KL was computed from copies that carry no gradient.",
        does={
            "It is an autoencoder: the means go to what reconstructs best.": (
                lambda t: (t.reach > 1.2).all()
            ),
            "Nothing holds sigma up: it shrinks without end, and the bound falls with it.": (
                lambda t: (t.sd < 0.5 * t.exact_sd).all() and t.lost > 0.3
            ),
        },
        see="Gradient check: mu and logvar lack a term, the decoder is right.",
    ),
    Mistake(
        "kl-shown-averaged",
        "the loss that is printed averages the KL, the gradient sums it",
        "kl",
        kl_shown_averaged,
        seen="Networks from scratch: the gradients came from a derivation, the printed loss was "
        "written later, and nothing but the eye ever reads it.",
        does={
            "Training is right: it reaches the optimum.": lambda t: t.lost < 1e-6,
            "What it prints is above log p(x), and looks better than any right code.": (
                lambda t: t.excess > 0.1
            ),
        },
        see="Both oracles. The gradient check sees that gradient and value do not fit, and blames "
        "the gradient, since it takes the value as given. The objective check asks for the value "
        "itself, and finds that it is not the KL of the draws: it is the value that is wrong.",
    ),
)
