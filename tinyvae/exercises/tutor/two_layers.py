"""A network of two layers, as `y, vjp`."""

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception, pulled
from tinyvae.exercises.lines import evaluated, mistaken

FORWARD = {"a": "x @ W1 + b1", "h": "np.tanh(a)", "y": "h @ W2 + b2", "returned": "y"}
BACKWARD = {
    "dy": "dy",
    "db2": "dy.sum(axis=0)",
    "dW2": "h.T @ dy",
    "dh": "dy @ W2.T",
    "da": "dh * (1 - h * h)",
    "db1": "da.sum(axis=0)",
    "dW1": "x.T @ da",
    "dx": "da @ W1.T",
    "result": "dx, dW1, db1, dW2, db2",
}


def network(lines):
    """The function that the exercise asks for, with these lines, forward and backward."""
    forward, backward = ({k: lines[k] for k in part} for part in (FORWARD, BACKWARD))

    def two_layers(x, W1, b1, W2, b2):
        known = evaluated(forward, {"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2})
        return known["returned"], lambda dy: evaluated(backward, known | {"dy": dy})["result"]

    return two_layers


def cases(rng):
    found = []
    for B, I, H, O in ((5, 3, 4, 2), (1, 2, 3, 5), (3, 3, 3, 3)):  # noqa: E741
        shapes = (B, O), (B, I), (I, H), (H,), (H, O), (O,)
        found.append(case(*(rng.standard_normal(shape) for shape in shapes)))
    return found


MISTAKES = {
    "slope_forgotten": (
        """It goes back from h to a without the slope of tanh: da = dh * (1 - h * h).""",
        {"da": "dh"},
    ),
    "slope_at_the_input": (
        """It takes 1 - a², but a is the input of tanh; the slope is 1 - h², with its output h.""",
        {"da": "dh * (1 - a * a)"},
    ),
    "tanh_of_tanh": (
        """It takes 1 - tanh(h)², but h is the tanh already: the slope is 1 - h².""",
        {"da": "dh * (1 - np.tanh(h)**2)"},
    ),
    "slope_not_squared": (
        """It takes 1 - h for the slope of tanh; the square is missing: 1 - h².""",
        {"da": "dh * (1 - h)"},
    ),
    "slope_of_the_sigmoid": (
        """It takes h (1 - h), the slope of a sigmoid, from its output; that of tanh is 1 - h².""",
        {"da": "dh * h * (1 - h)"},
    ),
    "h_for_the_slope": (
        """It multiplies dh by h, what tanh gives, and not by its slope: 1 - h².""",
        {"da": "dh * h"},
    ),
    "slope_at_the_end": (
        """The slope is taken at y, and before W2: the tanh stands after the first layer, so it
        comes after dh = dy @ W2.T: da = dh * (1 - h * h).""",
        {"dh": "(dy * (1 - y * y)) @ W2.T", "da": "dh"},
    ),
    "second_weights_from_a": (
        """dW2 is a.T @ dy, but what W2 multiplies is h = tanh(a): dW2 = h.T @ dy.""",
        {"dW2": "a.T @ dy"},
    ),
    "first_weights_before_tanh": (
        """dW1 is x.T @ dh; W1 acts before tanh, so it gets da = dh * (1 - h * h): dW1 = x.T @
        da.""",
        {"dW1": "x.T @ dh"},
    ),
    "first_bias_before_tanh": (
        """db1 is summed from dh; b1 is added before tanh, so it gets da: db1 = da.sum(axis=0).""",
        {"db1": "dh.sum(axis=0)"},
    ),
    "first_layer_before_tanh": (
        """dW1 and db1 are made with dh; both act before tanh, so they get da = dh * (1 - h * h),
        as dx does.""",
        {"dW1": "x.T @ dh", "db1": "dh.sum(axis=0)"},
    ),
    "input_before_tanh": (
        """dx is dh @ W1.T; between dh and W1 comes the slope of tanh, as it does for dW1: dx = da
        @ W1.T.""",
        {"dx": "dh @ W1.T"},
    ),
    "biases_not_summed": (
        """db1 and db2 have a row for each example; all examples share the biases, so add them up:
        .sum(axis=0).""",
        {"db1": "da", "db2": "dy"},
    ),
    "first_bias_not_summed": (
        """db1 has a row for each example; all examples share b1, so add them up:
        da.sum(axis=0).""",
        {"db1": "da"},
    ),
    "second_bias_not_summed": (
        """db2 has a row for each example; all examples share b2, so add them up:
        dy.sum(axis=0).""",
        {"db2": "dy"},
    ),
    "biases_averaged": (
        """The biases' gradients are means over the batch; the chain rule adds. If the loss is a
        mean, the 1/B is in dy already: .sum(axis=0).""",
        {"db1": "da.mean(axis=0)", "db2": "dy.mean(axis=0)"},
    ),
    "weights_averaged": (
        """The weights' gradients are divided by the batch size; the chain rule adds. If the loss
        is a mean, the 1/B is in dy already: x.T @ da, h.T @ dy.""",
        {"dW1": "x.T @ da / len(x)", "dW2": "h.T @ dy / len(x)"},
    ),
    "all_averaged": (
        """The gradients of weights and biases are divided by the batch size; the chain rule adds.
        If the loss is a mean, the 1/B is in dy already.""",
        {
            "dW1": "x.T @ da / len(x)",
            "dW2": "h.T @ dy / len(x)",
            "db1": "da.mean(axis=0)",
            "db2": "dy.mean(axis=0)",
        },
    ),
    "biases_summed_along_the_wrong_axis": (
        """The biases' gradients are summed over axis 1, which leaves a number for each example;
        sum over the examples, axis 0.""",
        {"db1": "da.sum(axis=1)", "db2": "dy.sum(axis=1)"},
    ),
    "biases_with_an_axis_too_many": (
        """The numbers are right, but db1 and db2 have an axis of length 1 in front: sum without
        keepdims, so that they have the shapes of b1 and b2.""",
        {"db1": "da.sum(axis=0, keepdims=True)", "db2": "dy.sum(axis=0, keepdims=True)"},
    ),
    "tanh_at_the_end": (
        """y is the tanh of what was asked for: the second layer has no activation, y = h @ W2 +
        b2.""",
        {"returned": "np.tanh(y)"},
    ),
    "second_weights_not_transposed": (
        """dh = dy @ W2 needs the transpose: forward, W2 leads from h to y, so the gradient comes
        back by dy @ W2.T.""",
        {"dh": "dy @ W2"},
    ),
    "first_weights_not_transposed": (
        """dx = da @ W1 needs the transpose: forward, W1 leads from x to a, so the gradient comes
        back by da @ W1.T.""",
        {"dx": "da @ W1"},
    ),
    "no_weights_transposed": (
        """dh = dy @ W2 and dx = da @ W1 need the transposes: forward, the weights lead from inputs
        to outputs, so the gradients come back by W2.T and W1.T.""",
        {"dh": "dy @ W2", "dx": "da @ W1"},
    ),
    "gradients_of_weights_transposed": (
        """dW1 and dW2 are transposed: they must have the shapes of W1 and W2, so x.T @ da and h.T
        @ dy.""",
        {"dW1": "da.T @ x", "dW2": "dy.T @ h"},
    ),
    "cotangent_ignored": (
        """vjp does not use its dy: it goes back with ones, as if the loss were the sum of y. Begin
        with the dy that vjp is given.""",
        {"dy": "np.ones_like(y)"},
    ),
    "cotangent_replaced": (
        """vjp does not use its dy: it goes back with y. dy is the gradient of whatever comes
        after, and only who calls vjp knows it.""",
        {"dy": "y"},
    ),
    "order_mixed_up": (
        """The gradients are right but come in the order in which they are found, from the last
        layer to the first; return them in the order of the arguments: dx, dW1, db1, dW2, db2.""",
        {"result": "dW2, db2, dW1, db1, dx"},
    ),
    "turned_around": (
        """The gradients are right but stand in the opposite order; return them in the order of the
        arguments: dx, dW1, db1, dW2, db2.""",
        {"result": "db2, dW2, db1, dW1, dx"},
    ),
    "weights_before_biases": (
        """The gradients are right but the weights stand before the biases; return them in the
        order of the arguments: dx, dW1, db1, dW2, db2.""",
        {"result": "dx, dW1, dW2, db1, db2"},
    ),
    "input_last": (
        """The gradients are right but dx comes last; return them in the order of the arguments:
        dx, dW1, db1, dW2, db2.""",
        {"result": "dW1, db1, dW2, db2, dx"},
    ),
    "input_left_out": (
        """dx is missing: vjp returns a gradient for every argument, and x is the first: dx, dW1,
        db1, dW2, db2.""",
        {"result": "dW1, db1, dW2, db2"},
    ),
}


@misconception
def gradients_without_vjp(x, W1, b1, W2, b2):
    """It returns numbers where a function is asked for. Nobody knows dy yet when the forward pass
    runs: define `def vjp(dy):` inside, and `return y, vjp` without parentheses after vjp."""
    y, vjp = network(FORWARD | BACKWARD)(x, W1, b1, W2, b2)
    return y, vjp(y)


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
        *mistaken(FORWARD | BACKWARD, network, MISTAKES),
        gradients_without_vjp,
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
