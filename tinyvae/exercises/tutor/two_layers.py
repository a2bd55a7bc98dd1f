"""A network of two layers, as `y, vjp`."""

import numpy as np

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception, pulled


def cases(rng):
    found = []
    for B, I, H, O in ((5, 3, 4, 2), (1, 2, 3, 5), (3, 3, 3, 3)):  # noqa: E741
        shapes = (B, O), (B, I), (I, H), (H,), (H, O), (O,)
        found.append(case(*(rng.standard_normal(shape) for shape in shapes)))
    return found


def network(da=None, h_of=None, dW2=None, db1=None, dh=None):
    """The right network with one step replaced: what most misconceptions are."""

    def two_layers(x, W1, b1, W2, b2):
        a = x @ W1 + b1
        h = np.tanh(a)
        y = h @ W2 + b2

        def vjp(dy):
            back = dh(dy, W1, W2) if dh else dy @ W2.T
            delta = da(back, a, h) if da else back * (1.0 - h * h)
            above = dW2(x, a, h, dy) if dW2 else h.T @ dy
            bias = db1(delta, back) if db1 else delta.sum(axis=0)
            return delta @ W1.T, x.T @ delta, bias, above, dy.sum(axis=0)

        return (h_of(y) if h_of else y), vjp

    return two_layers


@misconception
def slope_forgotten(x, W1, b1, W2, b2):
    """It goes back from h to a without the slope of tanh: da = dh * (1 - h * h)."""
    return network(da=lambda dh, a, h: dh)(x, W1, b1, W2, b2)


@misconception
def slope_at_the_input(x, W1, b1, W2, b2):
    """It takes 1 - a², but a is the input of tanh; the slope is 1 - h², with its output h."""
    return network(da=lambda dh, a, h: dh * (1.0 - a * a))(x, W1, b1, W2, b2)


@misconception
def second_weights_from_a(x, W1, b1, W2, b2):
    """dW2 is a.T @ dy, but what W2 multiplies is h = tanh(a): dW2 = h.T @ dy."""
    return network(dW2=lambda x, a, h, dy: a.T @ dy)(x, W1, b1, W2, b2)


@misconception
def first_bias_before_tanh(x, W1, b1, W2, b2):
    """db1 is summed from dh; b1 is added before tanh, so it gets da: db1 = da.sum(axis=0)."""
    return network(db1=lambda da, dh: dh.sum(axis=0))(x, W1, b1, W2, b2)


@misconception
def first_bias_not_summed(x, W1, b1, W2, b2):
    """db1 has a row for each example; all examples share b1, so add them up: da.sum(axis=0)."""
    return network(db1=lambda da, dh: da)(x, W1, b1, W2, b2)


@misconception
def tanh_at_the_end(x, W1, b1, W2, b2):
    """y is the tanh of what was asked for: the second layer has no activation, y = h @ W2 + b2."""
    return network(h_of=np.tanh)(x, W1, b1, W2, b2)


@misconception
def second_weights_not_transposed(x, W1, b1, W2, b2):
    """dh = dy @ W2 needs the transpose: forward, W2 leads from h to y, so the gradient comes back
    by dy @ W2.T."""
    return network(dh=lambda dy, W1, W2: dy @ W2)(x, W1, b1, W2, b2)


@misconception
def cotangent_ignored(x, W1, b1, W2, b2):
    """vjp does not use its dy: it goes back with ones, as if the loss were the sum of y. Begin with
    the dy that vjp is given."""
    y, vjp = network()(x, W1, b1, W2, b2)
    return y, lambda dy: vjp(np.ones_like(dy))


@misconception
def gradients_without_vjp(x, W1, b1, W2, b2):
    """It returns numbers where a function is asked for. Nobody knows dy yet when the forward pass
    runs: define `def vjp(dy):` inside, and `return y, vjp` without parentheses after vjp."""
    y, vjp = network()(x, W1, b1, W2, b2)
    return y, vjp(y)


@misconception
def order_mixed_up(x, W1, b1, W2, b2):
    """The gradients are right but come in the order in which they are found, from the last layer to
    the first; return them in the order of the arguments: dx, dW1, db1, dW2, db2."""
    y, vjp = network()(x, W1, b1, W2, b2)

    def reversed_order(dy):
        dx, dW1, db1, dW2, db2 = vjp(dy)
        return dW2, db2, dW1, db1, dx

    return y, reversed_order


def truth(x, W1, b1, W2, b2):
    a, back_to_x = ops.affine(x, W1, b1)
    h, back_to_a = ops.tanh(a)
    y, back_to_h = ops.affine(h, W2, b2)

    def vjp(dy):
        dh, dW2, db2 = back_to_h(dy)
        return *back_to_x(*back_to_a(dh)), dW2, db2

    return y, vjp


EXERCISE = Exercise(
    name="two_layers",
    chapter=2,
    title="A network, as `y, vjp`",
    cases=cases,
    call=pulled,
    returns=("y", "dx", "dW1", "db1", "dW2", "db2"),
    misconceptions=(
        slope_forgotten,
        slope_at_the_input,
        second_weights_from_a,
        first_bias_before_tanh,
        first_bias_not_summed,
        tanh_at_the_end,
        second_weights_not_transposed,
        cotangent_ignored,
        gradients_without_vjp,
        order_mixed_up,
    ),
    hints=(
        "Forward is three lines. In vjp, take them from the last to the first: y = h @ W2 + b2 "
        "is an "
        "affine layer and gives dh, dW2, db2; tanh gives da; a = x @ W1 + b1 is affine again.",
        "dh = dy @ W2.T, dW2 = h.T @ dy, db2 = dy.sum(axis=0). Then da = dh * (1 - h * h).",
        "The first layer is the second one with other names: dx = da @ W1.T, dW1 = x.T @ da, "
        "db1 = da.sum(axis=0). End vjp with `return dx, dW1, db1, dW2, db2`, and the function with "
        "`return y, vjp`.",
    ),
    truth=truth,
)
