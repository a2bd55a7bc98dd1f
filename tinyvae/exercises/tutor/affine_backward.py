"""The affine layer, backward."""

from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(x, W, b):
    return x @ W + b


def cases(rng):
    found = []
    for B, I, O in ((5, 3, 2), (4, 3, 3), (1, 2, 7)):  # noqa: E741
        x, W, b, dy = (rng.standard_normal(shape) for shape in ((B, I), (I, O), O, (B, O)))
        found.append(case(dy, x, W, b))
    return found


@misconception
def bias_not_summed(dy, x, W, b):
    """db is a row for each example, but b is one row that all examples share: add up what they say,
    db = dy.sum(axis=0)."""
    return dy @ W.T, x.T @ dy, dy


@misconception
def bias_averaged(dy, x, W, b):
    """db is the mean over the batch; the chain rule adds, it does not average. If L is a mean, then
    the 1/B is in dy already: db = dy.sum(axis=0)."""
    return dy @ W.T, x.T @ dy, dy.mean(axis=0)


@misconception
def bias_summed_along_the_wrong_axis(dy, x, W, b):
    """db is summed over the outputs (axis 1), which leaves a number for each example; sum over the
    examples (axis 0), which leaves one for each output, as b has."""
    return dy @ W.T, x.T @ dy, dy.sum(axis=1)


@misconception
def weights_not_transposed(dy, x, W, b):
    """dx uses W where it needs W.T: forward, W leads from inputs to outputs; the gradient goes from
    outputs to inputs, so dx = dy @ W.T."""
    return dy @ W, x.T @ dy, dy.sum(axis=0)


@misconception
def weight_gradient_transposed(dy, x, W, b):
    """dW is transposed: it must have the shape of W, (inputs, outputs), so dW = x.T @ dy, not dy.T
    @ x."""
    return dy @ W.T, dy.T @ x, dy.sum(axis=0)


@misconception
def weight_gradient_averaged(dy, x, W, b):
    """dW is divided by the batch size; the chain rule adds over the examples, and x.T @ dy does
    that. If L is a mean, then the 1/B is in dy already."""
    return dy @ W.T, x.T @ dy / len(x), dy.sum(axis=0)


def truth(dy, x, W, b):
    return ops.affine(x, W, b)[1](dy)


EXERCISE = Exercise(
    name="affine_backward",
    chapter=2,
    title="The affine layer, backward",
    cases=cases,
    forward=forward,
    returns=("dx", "dW", "db"),
    misconceptions=(
        bias_not_summed,
        bias_averaged,
        bias_summed_along_the_wrong_axis,
        weights_not_transposed,
        weight_gradient_transposed,
        weight_gradient_averaged,
    ),
    hints=(
        "Write one entry out: y[n, o] = sum over i of x[n, i] W[i, o], plus b[o]. "
        "In which entries of y does W[i, o] occur? And b[o]?",
        "W[i, o] occurs in y[n, o] for every n, multiplied by x[n, i]: so dW[i, o] is the sum over "
        "n of x[n, i] dy[n, o]. Which matrix product is that? The shapes allow only one.",
        "dW = x.T @ dy. In the same way dx[n, i] is the sum over o of dy[n, o] W[i, o], and db[o] "
        "the sum over n of dy[n, o].",
    ),
    truth=truth,
)
