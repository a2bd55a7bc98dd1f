"""The weight that the KL really has in a loss made of means."""

from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.inspection import effective_beta


def cases(rng):
    return [case(1.0, 784, 20), case(0.5, 64, 2), case(3.0, 10, 10), case(2.0, 6, 1)]


def truth(weight, data, latent):
    return effective_beta(
        reconstruction="mean squares", kl="mean", data=data, latent=latent, weight=weight
    )


@misconception
def as_written(weight, data, latent):
    """That is the weight as it was written. But neither term is what it is in the bound: how often
    does the loss count -log p(x | z), and how often the KL?"""
    return weight


@misconception
def half_forgotten(weight, data, latent):
    """It is twice too large: -log p(x | z) has half the sum of squares, so the squares count it
    twice, the mean of D squares 2/D times."""
    return weight * data / latent


@misconception
def only_the_pixels(weight, data, latent):
    """The KL is a mean over the latents as well: the loss counts the bound's KL, which is a sum,
    only 1/Z times."""
    return weight * data / 2.0


@misconception
def only_the_latents(weight, data, latent):
    """The reconstruction is a mean over the D pixels: the loss counts -log p(x | z) only 2/D times,
    which makes the KL heavier beside it."""
    return weight / latent


@misconception
def upside_down(weight, data, latent):
    """It is upside down: divide what the loss counts of the KL, weight / Z, by what it counts of
    the reconstruction, 2 / D, not the other way round."""
    return weight * 2.0 * latent / data


@misconception
def factors_multiplied(weight, data, latent):
    """You multiplied the two factors, weight / Z and 2 / D. Averaging the reconstruction over D
    pixels makes it lighter, and so the KL beside it heavier: divide by 2 / D."""
    return weight * 2.0 / (data * latent)


@misconception
def latents_multiplied(weight, data, latent):
    """Z is in the wrong place: a mean over the Z latents makes the KL lighter. Divide by Z."""
    return weight * data * latent / 2.0


EXERCISE = Exercise(
    name="hidden_beta",
    chapter=8,
    title="The beta that nobody wrote down",
    cases=cases,
    returns=("beta",),
    misconceptions=(
        as_written,
        half_forgotten,
        only_the_pixels,
        only_the_latents,
        upside_down,
        factors_multiplied,
        latents_multiplied,
    ),
    hints=(
        "Write the mean of the squares as c (-log p(x | z)) + constant. What is c, for D pixels?",
        "c = 2 / D, since -log p(x | z) has half the sum of squares. And the mean of the KL_j is "
        "their sum, divided by Z.",
        "loss = c (-log p + (weight / Z / c) KL) + constant: beta = weight / Z divided by 2 / D.",
    ),
    truth=truth,
)
