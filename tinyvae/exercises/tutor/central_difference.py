"""The central difference of a function of an array."""

import numpy as np

from tinyvae.differences import METHODS, derivative
from tinyvae.exercises.exercise import Exercise, case, misconception


def wave(x):
    return np.sum(np.sin(x) + 0.3 * x**3)


def product(x):
    return np.prod(1.5 + x) * np.exp(-np.sum(x * x))


def cases(rng):
    found = []
    for f, shape, h in ((wave, (3,), 1e-5), (product, (2, 3), 1e-3), (wave, (4,), 0.5)):
        x, v = rng.standard_normal(shape), rng.standard_normal(shape)
        found.append(case(f, x, v, h))
    return found


@misconception
def forward_difference(f, x, v, h):
    """This is the one-sided difference: it takes f at x itself, and its error falls like h only.
    Take f on both sides, at x + h v and x - h v, which are 2h apart."""
    return (f(x + h * v) - f(x)) / h


@misconception
def backward_difference(f, x, v, h):
    """This is the one-sided difference to the left: its error falls like h only. Take f on both
    sides, at x + h v and x - h v, which are 2h apart."""
    return (f(x) - f(x - h * v)) / h


@misconception
def divided_by_h(f, x, v, h):
    """It is twice the slope: the two points are 2h apart, so divide by 2h, not by h."""
    return (f(x + h * v) - f(x - h * v)) / h


@misconception
def multiplied_by_h(f, x, v, h):
    """`/ 2 * h` divides by 2 and then multiplies by h, as Python reads from the left. Put the 2 and
    the h in parentheses: `/ (2 * h)`."""
    return (f(x + h * v) - f(x - h * v)) / 2 * h


@misconception
def one_term_divided(f, x, v, h):
    """Only the second f is divided by 2h: a division comes before a subtraction. Put the difference
    in parentheses: (f(...) - f(...)) / (2 * h)."""
    return f(x + h * v) - f(x - h * v) / (2 * h)


@misconception
def all_entries_moved(f, x, v, h):
    """It moves every entry of x by h, whatever v is: multiply the step by the direction, x + h * v
    and x - h * v."""
    return (f(x + h) - f(x - h)) / (2 * h)


@misconception
def direction_normalized(f, x, v, h):
    """It divides v by its length. The slope along 2 v is twice the slope along v, so take v as it
    is."""
    v = v / np.sqrt(np.sum(v * v))
    return (f(x + h * v) - f(x - h * v)) / (2 * h)


@misconception
def sides_swapped(f, x, v, h):
    """The sign is turned: subtract the value behind, at x - h v, from the value ahead, at x + h v,
    and not the other way round."""
    return (f(x - h * v) - f(x + h * v)) / (2 * h)


@misconception
def entry_by_entry(f, x, v, h):
    """It takes a difference for each entry of x and adds them up with v: almost the same number,
    but f is called twice for every entry. Along v, two calls do: at x + h v and at x - h v."""
    slope = 0.0
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slope += v[index] * (f(x + step) - f(x - step)) / (2 * h)
    return slope


@misconception
def moved_in_place(f, x, v, h):
    """The number is right, but `x += h * v` changes the array of whoever called you, who then goes
    on from another point. Make new arrays: x + h * v, and x - h * v."""
    x += h * v
    up = f(x)
    x -= 2 * h * v
    return (up - f(x)) / (2 * h)


def truth(f, x, v, h):
    return derivative(lambda moved: [f(moved)], x, v, [1.0], METHODS["central"], h)[0]


EXERCISE = Exercise(
    name="central_difference",
    chapter=1,
    title="The central difference",
    cases=cases,
    returns=("slope",),
    misconceptions=(
        forward_difference,
        backward_difference,
        divided_by_h,
        multiplied_by_h,
        one_term_divided,
        all_entries_moved,
        direction_normalized,
        sides_swapped,
        entry_by_entry,
        moved_in_place,
    ),
    hints=(
        "You need f at two points: a little ahead of x along v, and a little behind.",
        "The points are x + h * v and x - h * v, arrays like x. How far apart are they, counted in "
        "steps of v?",
        "They are 2h apart: (f(ahead) - f(behind)) / (2 * h), with all the parentheses.",
    ),
    truth=truth,
    rtol=1e-6,  # the order in which one adds up decides on the last digits of f, divided by 2h
)
