"""From a claim that failed to the mistake that it looks like, in a sentence each."""

import math

import numpy as np

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
LOST = {HALF_LOG_2PI: "1/2 log 2 pi", 0.5: "1/2", HALF_LOG_2PI + 0.5: "(1 + log 2 pi) / 2"}
ALIKE = 0.1  # two logarithms of spreads that agree, as far as draws can tell
ENDS = ". Or does the density end somewhere? Then give its support=(low, high)"


def centre(claim, whole_line):
    """E[s dlog q/dz] is, of a Normal, (its mean - the draws' mean) s / its variance."""
    side = "small" if claim.measured > 0.0 else "large"
    return (
        f"the draws are too {side} for the density: its slope at them is {claim.measured:.3g} on "
        f"average, in units of their spread, not 0" + ENDS * whole_line
    )


def spread(claim, measured, sd, whole_line):
    """-E[(z-c) dlog q/dz] is, of a Normal, the draws' variance / its variance.

    measured, sd (Z,): that of all latents, and the draws' standard deviations.
    """
    if not whole_line or claim.measured >= 0.0:
        return (
            f"the spread of the draws is not what the density claims: {claim.measured:.4g}, not -1"
        )
    ratio = np.sqrt(np.maximum(-measured, 1e-300))
    text = f"the spread of the draws is {math.sqrt(-claim.measured):.3g} of what the density claims"
    off = abs(np.log(ratio)) > ALIKE
    draws, claimed = np.log(sd[off]), np.log(sd[off] / ratio[off])
    if off.any() and (abs(draws - 2.0 * claimed) < ALIKE).all():
        return f"{text}: is sigma exp(logvar) in the sampler instead of exp(logvar / 2)?"
    if off.any() and (abs(2.0 * draws - claimed) < ALIKE).all():
        return f"{text}: is sigma exp(logvar) in the density instead of exp(logvar / 2)?"
    return text + ENDS * (not off.all())


def pair(claim, other):
    i = claim.place[0]
    return f"latents {i} and {other} are not correlated in the draws as in the density"


def integral(claim, latents):
    """The integral of exp(log_prob): its logarithm is what log_prob is off by."""
    mass = max(claim.measured, 1e-300)
    gap = math.log(mass)
    side = "high" if gap > 0.0 else "low"
    text = f"exp(log_prob) integrates to {mass:.5g}: it is {_each(abs(gap), latents)} too {side}"
    name = _lost(gap, latents, claim.visible / mass)
    return text + (f": is {name} {'missing' if gap > 0.0 else 'there twice'}?" if name else "")


def mean_log(claim, latents, fits):
    """E[log q] against -entropy; fits: whether nothing else speaks against the draws."""
    text = f"E[log q] and -entropy are {_each(abs(claim.gap), latents)} apart"
    name = _lost(claim.gap, latents, claim.visible) if fits else ""
    return text + (f": is {name} missing in one of them?" if name else "")


def _each(nats, latents):
    return f"{nats / latents:.3g} nats{' a latent' if latents > 1 else ''}"


def _lost(gap, latents, visible):
    """The name of the constant that is lost in each latent, if it looks like one."""
    names = [n for lost, n in LOST.items() if abs(abs(gap) - lost * latents) <= visible + 1e-3]
    return names[0] if names else ""


def moment(claim):
    return f"that of the draws is {claim.measured:.5g}, the one claimed {claim.expected:.5g}"


def divergence(claim, latents):
    """A stated KL against E[log q/p]."""
    if abs(claim.measured) <= claim.visible:
        return (
            f"the KL of the draws is {claim.measured:.2g} nats, the stated one {claim.expected:.4g}"
        )
    ratio = claim.expected / claim.measured
    text = f"the KL of the draws is {claim.measured:.4g} nats, the stated one {ratio:.3g} of it"
    noise = abs(ratio) * claim.visible / abs(claim.measured)
    if abs(ratio + 1.0) <= noise:
        return f"{text}: is its sign wrong?"
    if latents > 1 and abs(ratio - 1.0 / latents) <= noise:
        return f"{text}: is it the mean over {latents} latents instead of their sum?"
    for factor in (2.0, 0.5):
        if abs(ratio - factor) <= noise:
            return f"{text}: is a factor 1/2 {'missing' if factor > 1.0 else 'there twice'}?"
    return text


def bound(claim):
    return (
        f"the bound is {claim.gap:.3g} nats above log p(x), which no bound can be: is the KL too "
        "small (a mean over latents, a lost factor, a KL inside the logarithm of an importance-"
        "weighted bound), a constant of log p(x | z) missing, or z not from the q of the KL?"
    )
