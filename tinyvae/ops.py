"""The chain rule, one operation at a time.

Every operation is a pure function `y, vjp = op(*args)`: its value, and a function that pulls a
gradient back through it. With L the number being differentiated at the end of the chain and
`dy = dL/dy`, `vjp(dy)` is the tuple of `dL/darg`, one for each positional argument and of its
shape. What a `vjp` mentions is what backpropagation has to remember; its return line is the
formula of the textbook. Nothing is changed in place, so `vjp` may be called again.

Shapes: B batch, I inputs, O outputs of a layer; `...` any shape. Everything lets complex numbers
through (no abs, no real cast), so the complex step of `gradcheck` can differentiate it exactly.
"""

import numpy as np


def affine(x, W, b):
    """y = x @ W + b, with x (B, I), W (I, O), b (O,).

    dx = dy @ W.T,  dW = x.T @ dy,  db = sum of dy over the batch.
    ValueError if the shapes do not fit.
    """
    y, parameters_vjp = data_affine(W, b, x=x)

    def vjp(dy):
        return dy @ W.T, *parameters_vjp(dy)

    return y, vjp


def data_affine(W, b, *, x):
    """y = x @ W + b with x (B, I) held constant: the first layer, which reads the data.

    Nobody asks for the gradient of the data, and not forming it saves a third of the work there.
    ValueError if the shapes do not fit.
    """
    if np.ndim(x) != 2 or np.ndim(W) != 2 or x.shape[1] != W.shape[0] or np.shape(b) != W.shape[1:]:
        raise ValueError(
            "affine wants x (B, I), W (I, O), b (O,), "
            f"not x {np.shape(x)}, W {np.shape(W)}, b {np.shape(b)}"
        )

    def vjp(dy):
        return x.T @ dy, dy.sum(axis=0)

    return x @ W + b, vjp


def identity(x):
    """y = x: the activation of a layer that has none."""
    return x, lambda dy: (dy,)


def tanh(x):
    """y = tanh x;  dx = dy (1 - y²)."""
    y = np.tanh(x)
    return y, lambda dy: (dy * (1.0 - y * y),)


def relu(x):
    """y = max(x, 0);  dx = dy where x > 0, else 0. At the kink x = 0 the gradient is taken as 0."""
    return np.maximum(x, 0.0), lambda dy: (dy * (x > 0),)


def leaky_relu(x, *, slope=0.01):
    """y = x where x > 0, slope x elsewhere (0 <= slope < 1);  dx = dy or slope dy. At 0: slope."""
    return np.maximum(x, slope * x), lambda dy: (np.where(x > 0, dy, slope * dy),)


def sigmoid(x):
    """y = 1 / (1 + e^-x);  dx = dy y (1 - y).

    Written as (1 + tanh(x / 2)) / 2, which never overflows and is the fastest form in NumPy. Its
    error is absolute, 1e-16 in float64 and 6e-8 in float32: below x = -38 it returns 0. Where the
    digits of a tiny probability matter use softplus: log sigmoid(x) is -softplus(-x).
    """
    y = 0.5 * np.tanh(0.5 * x) + 0.5
    return y, lambda dy: (dy * y * (1.0 - y),)


def softplus(x):
    """y = log(1 + e^x);  dx = dy sigmoid(x).

    Computed as m + log1p(e) with m = max(x, 0) and e = e^-|x|, where -|x| = x - 2m: the exponent is
    never positive, so nothing overflows, and for very negative x, where y and sigmoid(x) are e^x,
    both keep all their digits.
    """
    m = np.maximum(x, 0.0)
    e = np.exp(x - 2.0 * m)
    return m + np.log1p(e), lambda dy: (dy * np.exp(x - m) / (1.0 + e),)


def exp(x):
    """y = e^x;  dx = dy y."""
    y = np.exp(x)
    return y, lambda dy: (dy * y,)


def sum_to(dy, shape):
    """`dy` summed over the axes along which an argument of that `shape` was broadcast.

    Broadcasting uses one number many times; the chain rule adds the gradients of all its uses.
    """
    if np.shape(dy) == shape:
        return dy
    added = dy.ndim - len(shape)
    stretched = [added + i for i, size in enumerate(shape) if size == 1]
    return dy.sum(axis=(*range(added), *stretched), keepdims=True).reshape(shape)


def chain(dy, slopes, args):
    """The chain rule number by number: dy * slope, summed to the shape of each argument.

    slopes: dy/darg, broadcastable to dy; None where there is none, and then so is the gradient.
    """
    return tuple(
        None if slope is None else sum_to(dy * slope, np.shape(arg))
        for slope, arg in zip(slopes, args, strict=True)
    )


RECTIFIERS = ("relu", "leaky_relu")  # they have a kink at 0, and pass half of what comes in

ACTIVATIONS = {
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "identity": identity,
}
