"""A value that is used twice: the gradients of both uses are added."""

import numpy as np

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(x, W):
    return x + np.tanh(x @ W)


def cases(rng):
    found = []
    for B, D in ((5, 3), (1, 4), (3, 3)):
        found.append(case(*rng.standard_normal((2, B, D)), rng.standard_normal((D, D))))
    return found


def back_to_a(dy, x, W):
    """da, for a = x @ W and t = tanh(a)."""
    t = np.tanh(x @ W)
    return dy * (1.0 - t * t)


@misconception
def branch_overwritten(dy, x, W):
    """dx holds only what came through W: the way straight from x to y is lost. x is used twice, so
    its gradient has two parts, and they are added: dx = dy + da @ W.T."""
    da = back_to_a(dy, x, W)
    return da @ W.T, x.T @ da


@misconception
def straight_way_only(dy, x, W):
    """dx holds only the straight way, dy: what came through W and tanh is lost. The two parts are
    added: dx = dy + da @ W.T."""
    return dy.copy(), x.T @ back_to_a(dy, x, W)


@misconception
def branches_multiplied(dy, x, W):
    """It multiplies the two ways by each other; ways that lead to the same y are added: dx = dy +
    da @ W.T. Along one way, the slopes are multiplied."""
    da = back_to_a(dy, x, W)
    return dy * (da @ W.T), x.T @ da


@misconception
def straight_way_through_tanh(dy, x, W):
    """The straight way, too, is multiplied by the slope of tanh. It goes from x to y directly and
    brings dy as it is: dx = dy + da @ W.T."""
    da = back_to_a(dy, x, W)
    return da + da @ W.T, x.T @ da


@misconception
def tanh_forgotten(dy, x, W):
    """It goes back through W, but not through tanh: before the product comes da = dy (1 - t²), with
    t = tanh(x @ W)."""
    return dy + dy @ W.T, x.T @ dy


@misconception
def slope_of_the_sum(dy, x, W):
    """It takes 1 - y² with y = x + t, the output of the layer; the slope of tanh is 1 - t², with t
    = tanh(x @ W) alone."""
    y = x + np.tanh(x @ W)
    da = dy * (1.0 - y * y)
    return dy + da @ W.T, x.T @ da


@misconception
def slope_at_a(dy, x, W):
    """It takes 1 - a² with a = x @ W, the input of tanh; the slope is 1 - t², with the output t =
    tanh(a)."""
    a = x @ W
    da = dy * (1.0 - a * a)
    return dy + da @ W.T, x.T @ da


@misconception
def not_transposed(dy, x, W):
    """da goes back through W where it needs W.T: forward, W leads from x to a, so the gradient
    comes back by its transpose, da @ W.T."""
    da = back_to_a(dy, x, W)
    return dy + da @ W, x.T @ da


@misconception
def weights_from_the_output(dy, x, W):
    """dW is t.T @ da, with the output of the layer; a = x @ W multiplies W by x, so dW = x.T @
    da."""
    da = back_to_a(dy, x, W)
    return dy + da @ W.T, np.tanh(x @ W).T @ da


@misconception
def added_in_place(dy, x, W):
    """The numbers are right, but `dx = dy` makes no copy: `dx += ...` then writes into dy, which
    belongs to whoever called you. Write dx = dy + da @ W.T."""
    da = back_to_a(dy, x, W)
    dx = dy
    dx += da @ W.T
    return dx, x.T @ da


def truth(dy, x, W):
    a, back_from_a = ops.affine(x, W, np.zeros(len(W)))
    _, back_from_t = ops.tanh(a)
    dx, dW, _ = back_from_a(*back_from_t(dy))
    return dy + dx, dW


EXERCISE = Exercise(
    name="residual_backward",
    chapter=2,
    title="One value, used twice",
    cases=cases,
    forward=forward,
    returns=("dx", "dW"),
    misconceptions=(
        branch_overwritten,
        straight_way_only,
        branches_multiplied,
        straight_way_through_tanh,
        tanh_forgotten,
        slope_of_the_sum,
        slope_at_a,
        not_transposed,
        weights_from_the_output,
        added_in_place,
    ),
    hints=(
        "y = x + t is a sum: a step in t moves y as much, so dt = dy; and the straight way "
        "brings dy "
        "to x.",
        "da = dt * (1 - t * t). From a = x @ W come two gradients, as in the affine layer "
        "without a "
        "bias: one for W, one for x.",
        "dW = x.T @ da, and dx is the sum of both ways: dy + da @ W.T.",
    ),
    truth=truth,
)
