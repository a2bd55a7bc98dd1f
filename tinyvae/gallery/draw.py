"""The noise and the draw z = mu + sigma eps, and mistakes in them.

mu, logvar (B, Z); eps, z (S, B, Z).
"""

import numpy as np

from tinyvae.gallery.mistake import Mistake


def noise(rng, shape):
    """eps from N(0, I): of no parameter, and of the caller's Generator."""
    return rng.standard_normal(shape)


def draw(mu, logvar, *, eps):
    """z = mu + sigma eps with sigma = exp(logvar / 2)."""
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps

    def vjp(dz):
        dsigma = (dz * eps).sum(axis=0)
        return dz.sum(axis=0), dsigma * 0.5 * sigma

    return z, vjp


def sigma_exp_logvar(mu, logvar, *, eps):
    sigma = np.exp(logvar)
    z = mu + sigma * eps

    def vjp(dz):
        dsigma = (dz * eps).sum(axis=0)
        return dz.sum(axis=0), dsigma * sigma

    return z, vjp


def half_missing(mu, logvar, *, eps):
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps

    def vjp(dz):
        dsigma = (dz * eps).sum(axis=0)
        return dz.sum(axis=0), dsigma * sigma

    return z, vjp


def fresh_noise(mu, logvar, *, eps, rng):
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps

    def vjp(dz):
        eps = rng.standard_normal(dz.shape)
        dsigma = (dz * eps).sum(axis=0)
        return dz.sum(axis=0), dsigma * 0.5 * sigma

    return z, vjp


def noise_inside(mu, logvar, *, eps, rng):
    eps = rng.standard_normal(eps.shape)
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps

    def vjp(dz):
        dsigma = (dz * eps).sum(axis=0)
        return dz.sum(axis=0), dsigma * 0.5 * sigma

    return z, vjp


def faint_noise(mu, logvar, *, eps):
    sigma = 0.01 * np.exp(0.5 * logvar)
    z = mu + sigma * eps

    def vjp(dz):
        dsigma = (dz * eps).sum(axis=0)
        return dz.sum(axis=0), dsigma * 0.5 * sigma

    return z, vjp


def rand_for_randn(rng, shape):
    return rng.random(shape)


MISTAKES = (
    Mistake(
        "sigma-exp-logvar",
        "sigma = exp(logvar), which is the variance",
        "draw",
        sigma_exp_logvar,
        seen="Examples of large frameworks and what was copied from them, speech synthesis, world "
        "models of agents: the head was log sigma once, or is called that and is not.",
        does={
            "It claims more than log p(x), which no bound can be.": lambda t: t.excess > 0.05,
            "The draws are narrower than the sigma that the KL is paid for.": (
                lambda t: (t.sd < 0.8 * t.head_sd).all()
            ),
            "They are not those of the posterior, either.": (
                lambda t: abs(t.sd / t.exact_sd - 1.0).max() > 0.2
            ),
        },
        see="Objective check: the spread of the draws is not what logvar says. A gradient check "
        "cannot see it: the way back fits the way forward.",
    ),
    Mistake(
        "half-missing",
        "the 1/2 of d sigma / d logvar is missing in the way back",
        "draw",
        half_missing,
        seen="Hand-written backward passes, where sigma = exp(logvar / 2) was differentiated as if "
        "it were exp(logvar).",
        does={
            "The pull of the data on sigma counts twice: every q is too narrow.": (
                lambda t: (t.sd < 0.9 * t.exact_sd).all()
            ),
            "The means are right.": lambda t: np.allclose(t.reach, 1.0, rtol=1e-3),
            "It claims what is true, and nats are lost.": (
                lambda t: abs(t.claimed - t.true) < 1e-9 and t.lost > 0.05
            ),
        },
        see="Gradient check: what comes through logvar is off by a factor that is not the same for "
        "all, since the KL's part is right.",
    ),
    Mistake(
        "fresh-noise",
        "the backward pass draws its own noise",
        "draw",
        fresh_noise,
        seen="Hand-written backward passes: the sampling layer keeps no state, and its backward "
        "method calls the generator again for the derivative in sigma.",
        does={
            "The new eps knows nothing of the sample: the data do not pull on sigma at all.": (
                lambda t: np.allclose(t.sd, 1.0, atol=0.1)
            ),
            "The KL alone decides, and sigma goes to the prior's: it looks like a collapse.": (
                lambda t: (t.sd > 1.2 * t.exact_sd).all()
            ),
            "The means are right.": lambda t: np.allclose(t.reach, 1.0, atol=0.05),
        },
        see="Gradient check: the backward pass gives another answer each time. Keep the eps of the "
        "forward pass; better, take it as an argument.",
    ),
    Mistake(
        "noise-inside",
        "the forward pass draws its noise inside",
        "draw",
        noise_inside,
        seen="Nearly every model in a framework, and checkers that call such a model twice: the "
        "finite difference is then one of two different samples.",
        does={
            "Training is right: it ends near the optimum, as close as the noise lets it.": (
                lambda t: t.lost < 0.02
            ),
            "The means and the spreads are right, up to noise.": (
                lambda t: (
                    np.allclose(t.sd, t.exact_sd, rtol=0.1) and np.allclose(t.reach, 1.0, atol=0.1)
                )
            ),
        },
        see="The gradient check refuses it: two calls give two answers. The mistake is not in the "
        "training but in what it hides: no gradient of it can be checked. Pass eps in.",
    ),
    Mistake(
        "faint-noise",
        "noise of standard deviation 0.01 in place of 1",
        "draw",
        faint_noise,
        seen="An example of a large framework, where a constant for the noise went to and fro "
        "between 1 and 0.01 for sharper pictures. To decode mu itself is its limit.",
        does={
            "Almost no noise reaches the decoder: it is an autoencoder.": (
                lambda t: (t.sd < 0.02).all()
            ),
            "The KL is paid for a sigma that nothing needs to be small: it goes to the prior's.": (
                lambda t: np.allclose(t.head_sd, 1.0, atol=1e-3)
            ),
            "It claims more than log p(x), and right code finds nats lost.": (
                lambda t: t.excess > 0.3 and t.lost > 0.3
            ),
        },
        see="Objective check: the draws have a hundredth of the spread that logvar says.",
    ),
    Mistake(
        "rand-for-randn",
        "uniform noise from [0, 1) where Normal noise was meant",
        "noise",
        rand_for_randn,
        seen="Recommenders and example collections: `rand_like` for `randn_like`, one letter.",
        does={
            "The noise has a mean, and moves the draws up by half a sigma.": (
                lambda t: np.allclose(t.offset, 0.5 * t.head_sd, rtol=0.05)
            ),
            "To make room for it mu moves down.": lambda t: (t.mu.mean(axis=0) < -0.1).all(),
            "Its spread is only 0.29: sigma stays too large, and right code finds nats lost.": (
                lambda t: (t.head_sd > 1.1 * t.exact_sd).all() and t.lost > 0.2
            ),
        },
        see="Objective check: the draws lie to one side of mu. A gradient check takes any eps.",
    ),
)
