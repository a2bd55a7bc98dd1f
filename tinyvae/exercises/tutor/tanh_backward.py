"""The tanh, backward."""

import numpy as np

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(x):
    return ops.tanh(x)[0]


def cases(rng):
    return [case(*rng.standard_normal((2, *shape))) for shape in ((4, 3), (7,), (2, 1, 5))]


@misconception
def square_forgotten(dy, x):
    """It is dy (1 - tanh(x)): the derivative of tanh is 1 - tanh(x)². With y = np.tanh(x), that is
    1 - y * y."""
    return dy * (1.0 - np.tanh(x))


@misconception
def at_the_input(dy, x):
    """It squares x, and not the output: with y = np.tanh(x) the slope is 1 - y * y."""
    return dy * (1.0 - x * x)


@misconception
def output_taken_for_the_input(dy, x):
    """It takes tanh twice: y = np.tanh(x) is the output already, so the slope is 1 - y * y, not 1 -
    np.tanh(y)²."""
    return dy * (1.0 - np.tanh(np.tanh(x)) ** 2)


@misconception
def at_the_gradient(dy, x):
    """It squares dy. The slope is that of the forward pass at x, whatever comes back: 1 - y * y
    with y = np.tanh(x)."""
    return dy * (1.0 - dy * dy)


@misconception
def slope_alone(dy, x):
    """It is the slope dy/dx alone. The chain rule multiplies it by what comes back: dy times it."""
    return 1.0 - np.tanh(x) ** 2


@misconception
def product_squared(dy, x):
    """dy is inside the square: write dy * (1 - y * y), the slope first and then the product."""
    return dy - (dy * np.tanh(x)) ** 2


@misconception
def sigmoid_slope(dy, x):
    """y (1 - y) is the derivative of the sigmoid; that of tanh is 1 - y²."""
    y = np.tanh(x)
    return dy * y * (1.0 - y)


@misconception
def sign_turned(dy, x):
    """The sign is turned: tanh rises everywhere, so its slope 1 - y² is never negative."""
    return dy * (np.tanh(x) ** 2 - 1.0)


@misconception
def passed_on(dy, x):
    """It passes dy on unchanged, as if y were x: multiply by the slope of tanh at x, 1 - y²."""
    return dy.copy()


def truth(dy, x):
    return ops.tanh(x)[1](dy)


EXERCISE = Exercise(
    name="tanh_backward",
    chapter=2,
    title="The tanh, backward",
    cases=cases,
    forward=forward,
    returns=("dx",),
    misconceptions=(
        square_forgotten,
        at_the_input,
        output_taken_for_the_input,
        at_the_gradient,
        slope_alone,
        product_squared,
        sigmoid_slope,
        sign_turned,
        passed_on,
    ),
    hints=(
        "tanh = s / c with s = (e^x - e^-x) / 2 and c = (e^x + e^-x) / 2. The derivative of s "
        "is c, "
        "that of c is s. Use the quotient rule.",
        "(c² - s²) / c² = 1 - (s / c)²: there is the output again.",
        "y = np.tanh(x), and dx = dy * (1 - y * y).",
    ),
    truth=truth,
)
