"""The softplus, backward, with all its digits."""

import numpy as np

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(x):
    return ops.softplus(x)[0]


def cases(rng):
    ordinary = case(*rng.standard_normal((2, 4, 3)))
    far = np.array([-30.0, -40.0, 30.0, 40.0, 0.0, -700.0])
    farther = np.array([800.0, -800.0, 100.0, -100.0])
    return [
        ordinary,
        case(rng.uniform(0.5, 1.5, 6), far),
        case(-rng.uniform(0.5, 1.5, 4), farther),
    ]


def sigmoid(x):
    """1 / (1 + e^-x) for any x."""
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1.0, e) / (1.0 + e)


@misconception
def infinite_by_infinite(dy, x):
    """The formula is right, but e^800 is infinite for the computer, and infinite divided by
    infinite is no number. Divide above and below by e^x: 1 / (1 + e^-x)."""
    return dy * np.exp(x) / (1.0 + np.exp(x))


@misconception
def digits_lost_in_tanh(dy, x):
    """The slope is right on paper. But far to the left it is tiny, e^x, and here it is what is left
    of nearly equal numbers, -0.5 + 0.5 or 1 - 1: the digits are lost. Do not subtract. With e =
    e^-|x| it is e / (1 + e) for negative x, and 1 / (1 + e) for positive x."""
    return dy * (0.5 * np.tanh(0.5 * x) + 0.5)


@misconception
def digits_lost_in_a_difference(dy, x):
    """The slope is right on paper, as 1 less something. But far to the left it is tiny, and 1 - 1
    leaves none of its digits. Do not subtract: 1 - 1 / (1 + e^x) is e^x / (1 + e^x), or, safe at x
    = 800, too, 1 / (1 + e^-x)."""
    return dy * (1.0 - 1.0 / (1.0 + np.exp(x)))


@misconception
def sigmoid_slope(dy, x):
    """y (1 - y) is the derivative of the sigmoid. The derivative of the softplus is the sigmoid
    itself, 1 / (1 + e^-x)."""
    s = sigmoid(x)
    return dy * s * sigmoid(-x)


@misconception
def sigmoid_of_the_output(dy, x):
    """It takes the sigmoid of the output y; the derivative of log(1 + e^x) is the sigmoid of the
    input x."""
    return dy * sigmoid(np.logaddexp(0.0, x))


@misconception
def inner_derivative_forgotten(dy, x):
    """It is 1 / (1 + e^x), the derivative of the logarithm alone; the chain rule multiplies it by
    that of 1 + e^x, which is e^x."""
    return dy * sigmoid(-x)


@misconception
def like_relu(dy, x):
    """This is the derivative of the relu, a step; that of the softplus goes smoothly from 0 to 1:
    it is 1 / (1 + e^-x)."""
    return dy * (x > 0)


@misconception
def slope_alone(dy, x):
    """It is the slope dy/dx alone. The chain rule multiplies it by what comes back: dy times it."""
    return sigmoid(x)


@misconception
def clipped(dy, x):
    """It clips x before the exponential, so the slope far out is that of another point. Clipping
    hides an overflow; 1 / (1 + e^-x) has none that matters."""
    return dy * sigmoid(np.clip(x, -20.0, 20.0))


def truth(dy, x):
    return ops.softplus(x)[1](dy)


EXERCISE = Exercise(
    name="softplus_backward",
    chapter=2,
    title="The softplus, backward, at any x",
    cases=cases,
    forward=forward,
    returns=("dx",),
    misconceptions=(
        infinite_by_infinite,
        digits_lost_in_tanh,
        digits_lost_in_a_difference,
        sigmoid_slope,
        sigmoid_of_the_output,
        inner_derivative_forgotten,
        like_relu,
        slope_alone,
        clipped,
    ),
    hints=(
        "The derivative of log(u) is 1/u times the derivative of u, here e^x. What is the quotient "
        "called, and how does it look if you divide above and below by e^x?",
        "It is the sigmoid, 1 / (1 + e^-x) = e^x / (1 + e^x). The first form is safe for positive "
        "x, the second for negative x. In both, the exponential is then e^-|x|, at most 1.",
        "e = np.exp(-np.abs(x)), and the slope is np.where(x > 0, 1, e) / (1 + e).",
    ),
    truth=truth,
    rtol=1e-9,
    atol=0.0,
)
