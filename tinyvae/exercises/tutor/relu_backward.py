"""The relu, backward, and what happens at its kink."""

import numpy as np

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(x):
    return ops.relu(x)[0]


def cases(rng):
    found = [case(*rng.standard_normal((2, *shape))) for shape in ((4, 3), (9,))]
    dy, x = rng.standard_normal((2, 3, 4))
    x[1, 2] = x[2, 0] = 0.0
    close = np.array([-1.0, -1e-3, -1e-12, 1e-12, 1e-3, 0.5])
    return [*found, case(dy, x), case(rng.standard_normal(6), close)]


@misconception
def kink_passes(dy, x):
    """All is right but for x = 0: there the slope is to be 0, so let the gradient through where x >
    0, not where x >= 0."""
    return dy * (x >= 0)


@misconception
def half_at_the_kink(dy, x):
    """All is right but for x = 0: half the gradient is between the two slopes, too, but asked for
    is 0, as in most programs."""
    return dy * np.heaviside(x, 0.5)


@misconception
def gradient_rectified(dy, x):
    """It rectifies dy: negative gradients are lost. What counts is whether the number went through
    forward, so keep dy where x > 0, whatever the sign of dy."""
    return np.maximum(dy, 0.0)


@misconception
def both_positive(dy, x):
    """It keeps dy only where dy and x are positive. A gradient may be negative: keep it where x >
    0, whatever its sign."""
    return np.maximum(dy, 0.0) * (x > 0)


@misconception
def mask_alone(dy, x):
    """It is the slope alone, 1 or 0; the chain rule multiplies it by what comes back, dy."""
    return (x > 0) * 1.0


@misconception
def value_as_slope(dy, x):
    """It multiplies dy by the output max(x, 0); the slope of y = x is 1, not x."""
    return dy * np.maximum(x, 0.0)


@misconception
def sign_as_slope(dy, x):
    """It multiplies dy by the sign of x; where x is negative the output does not move at all, so
    the slope is 0, not -1."""
    return dy * np.sign(x)


@misconception
def mask_turned(dy, x):
    """It lets through what was stopped, and stops what went through: keep dy where x > 0."""
    return dy * (x <= 0)


@misconception
def written_into_dy(dy, x):
    """The numbers are right, but `dy[x <= 0] = 0` writes into the array of whoever called you, and
    in a network that array may be needed on another branch. Make a new one: dy * (x > 0)."""
    dy[x <= 0] = 0.0
    return dy


def truth(dy, x):
    return ops.relu(x)[1](dy)


EXERCISE = Exercise(
    name="relu_backward",
    chapter=2,
    title="The relu, backward",
    cases=cases,
    forward=forward,
    returns=("dx",),
    misconceptions=(
        kink_passes,
        half_at_the_kink,
        gradient_rectified,
        both_positive,
        mask_alone,
        value_as_slope,
        sign_as_slope,
        mask_turned,
        written_into_dy,
    ),
    hints=(
        "For a positive x, y is x itself: what is dy/dx there? And for a negative one?",
        "`x > 0` is an array of True and False, and Python counts True as 1 and False as 0.",
        "dx = dy * (x > 0).",
    ),
    truth=truth,
)
