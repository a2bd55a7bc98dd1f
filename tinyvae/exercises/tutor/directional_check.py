"""A gradient checked along one direction, with a random cotangent."""

import numpy as np

from tinyvae import ops
from tinyvae.differences import METHODS, derivative
from tinyvae.exercises.exercise import Exercise, case, misconception

MIX = np.array([[0.3, -1.2], [0.8, 0.5], [-0.4, 1.1]])


def layer(x):
    """tanh(x @ MIX), and its vjp, which is right; x (B, 3), y (B, 2)."""
    y = np.tanh(x @ MIX)
    return y, lambda dy: ((dy * (1.0 - y * y)) @ MIX.T,)


def wrong_layer(x):
    """The same with the derivative of tanh forgotten."""
    return np.tanh(x @ MIX), lambda dy: (dy @ MIX.T,)


def shuffled(x):
    """exp(x), with a vjp that gives each number the gradient of its neighbour."""
    y = np.exp(x)
    return y, lambda dy: (np.roll(dy * y, 1, axis=0),)


def cases(rng):
    found = []
    chosen = ((layer, (4, 3), (4, 2)), (wrong_layer, (5, 3), (5, 2)), (shuffled, (4,), (4,)))
    for h, (fn, inputs, outputs) in zip((1e-5, 1e-4, 0.1), chosen, strict=True):
        x, v = rng.standard_normal(inputs), rng.standard_normal(inputs)
        found.append(case(fn, x, v, rng.standard_normal(outputs), h))
    return [*found, case(ops.tanh, *rng.standard_normal((3, 2, 3)), 1e-5)]


def slope(fn, x, v, dy, h):
    return np.sum(dy * (fn(x + h * v)[0] - fn(x - h * v)[0])) / (2.0 * h)


def claim(fn, x, v, dy):
    return np.sum(fn(x)[1](dy)[0] * v)


@misconception
def ones_as_cotangent(fn, x, v, dy, h):
    """It takes ones where it is given dy. With ones, a vjp that mixes up the outputs looks right:
    use dy in both numbers, sum(dy * y) and vjp(dy)."""
    ones = np.ones_like(dy)
    return slope(fn, x, v, ones, h), claim(fn, x, v, ones)


@misconception
def outputs_summed(fn, x, v, dy, h):
    """numeric is the slope of sum(y); L is sum(dy * y), so multiply by dy before you sum."""
    return slope(fn, x, v, np.ones_like(dy), h), claim(fn, x, v, dy)


@misconception
def direction_forgotten(fn, x, v, dy, h):
    """claimed is the sum of dx. Along v, L changes by dx[i] * v[i] for each entry, so it is sum(dx
    * v)."""
    return slope(fn, x, v, dy, h), claim(fn, x, np.ones_like(v), dy)


@misconception
def gradient_not_contracted(fn, x, v, dy, h):
    """claimed is the whole gradient, an array; its slope along v is one number, sum(dx * v)."""
    return slope(fn, x, v, dy, h), fn(x)[1](dy)[0]


@misconception
def forward_difference(fn, x, v, dy, h):
    """numeric is the one-sided difference: its error falls like h, that of the central one like h².
    Take fn at x + h v and at x - h v, and divide by 2h."""
    return np.sum(dy * (fn(x + h * v)[0] - fn(x)[0])) / h, claim(fn, x, v, dy)


@misconception
def divided_by_h(fn, x, v, dy, h):
    """numeric is twice the slope: x + h v and x - h v are 2h apart, so divide by 2h."""
    return 2.0 * slope(fn, x, v, dy, h), claim(fn, x, v, dy)


@misconception
def claimed_ahead(fn, x, v, dy, h):
    """The vjp comes from the call at x + h v, so claimed is the slope there. Each call of fn
    returns a vjp for its own point: call fn(x), too."""
    return slope(fn, x, v, dy, h), claim(fn, x + h * v, v, dy)


@misconception
def claimed_behind(fn, x, v, dy, h):
    """The vjp comes from the call at x - h v, so claimed is the slope there. Each call of fn
    returns a vjp for its own point: call fn(x), too."""
    return slope(fn, x, v, dy, h), claim(fn, x - h * v, v, dy)


@misconception
def averaged(fn, x, v, dy, h):
    """It takes means where sums are asked for: sum(dy * y), and sum(dx * v). The means of arrays of
    different sizes do not agree."""
    mean = slope(fn, x, v, dy, h) / dy.size
    return mean, claim(fn, x, v, dy) / x.size


@misconception
def compared_with_itself(fn, x, v, dy, h):
    """claimed is numeric once more, so no vjp could ever fail: claimed is what vjp says, sum(dx *
    v) with (dx,) = vjp(dy)."""
    numeric = slope(fn, x, v, dy, h)
    return numeric, numeric


def truth(fn, x, v, dy, h):
    numeric, _ = derivative(lambda moved: [fn(moved)[0]], x, v, [dy], METHODS["central"], h)
    return numeric, np.vdot(fn(x)[1](dy)[0], v)


EXERCISE = Exercise(
    name="directional_check",
    chapter=1,
    title="The check with a random cotangent",
    cases=cases,
    returns=("numeric", "claimed"),
    misconceptions=(
        ones_as_cotangent,
        outputs_summed,
        direction_forgotten,
        gradient_not_contracted,
        forward_difference,
        divided_by_h,
        claimed_ahead,
        claimed_behind,
        averaged,
        compared_with_itself,
    ),
    hints=(
        "You need three calls of fn: at x + h * v and x - h * v for the values, and at x for the "
        "vjp. `y, vjp = fn(x)` takes the two results apart.",
        "L at a point is np.sum(dy * y) with the y of that point, and dy the same for all. For "
        "claimed: `(dx,) = vjp(dy)` takes the gradient out of the tuple.",
        "numeric = (np.sum(dy * up) - np.sum(dy * down)) / (2 * h), claimed = np.sum(dx * v).",
    ),
    truth=truth,
    rtol=1e-6,  # the order in which one adds up decides on the last digits of L, divided by 2h
)
