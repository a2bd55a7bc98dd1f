"""Networks whose parameters live in one flat vector.

`theta` is one contiguous 1-D array; a `Layout` hands out named, shaped views of it, and these are
the weights. So Adam is a few operations on a vector, a checkpoint is one array, and the whole
model is a function of one argument that the gradient check can take.

A layer is called with the dict of views and its input: `y, vjp = layer(params, h)`, and
`dparams, dh = vjp(dy)`, where `dparams` has the layer's own names only. With the input given by
keyword, `layer(params, x=x)`, it is data, a constant: `(dparams,) = vjp(dy)`.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_count, check_shape, unknown
from tinyvae.ops import ACTIVATIONS, RECTIFIERS, affine, data_affine
from tinyvae.watch import unwatched


class Layout:
    """Where each named block lies in the flat vector: `shapes` maps a name to its shape."""

    def __init__(self, shapes):
        self.shapes = dict(shapes)
        self.slices, self.size = {}, 0
        for name, shape in self.shapes.items():
            self.slices[name] = slice(self.size, self.size + math.prod(shape))
            self.size = self.slices[name].stop

    def views(self, theta):
        """The blocks of theta (size,) by name: views, so writing to one writes to theta.

        ValueError unless theta has the layout's size.
        """
        check_shape("theta", theta, (self.size,))
        return {name: theta[self.slices[name]].reshape(self.shapes[name]) for name in self.shapes}

    def flatten(self, blocks):
        """The vector (size,) whose views are `blocks`; KeyError if one is missing."""
        return np.concatenate([blocks[name].reshape(-1) for name in self.shapes])


@dataclass(frozen=True)
class Dense:
    """y = activation(a), a = h @ W + b, with W (inputs, outputs) and b (outputs,).

    W starts as N(0, gain² / inputs): a sum over the inputs then has the scale of one of them, and
    signals neither die nor explode with depth (LeCun et al., Efficient BackProp, 1998, eq. 16).
    A rectifier halves the mean square, so the layer before it has gain sqrt 2 (He et al.,
    Delving Deep into Rectifiers, 2015, eq. 10). b starts at 0.
    """

    name: str
    inputs: int
    outputs: int
    activation: str = "identity"
    gain: float = 1.0

    def __post_init__(self):
        check_count("inputs", self.inputs)
        check_count("outputs", self.outputs)
        if self.activation not in ACTIVATIONS:
            raise unknown("activation", self.activation, ACTIVATIONS)

    @property
    def shapes(self):
        return {f"{self.name}.W": (self.inputs, self.outputs), f"{self.name}.b": (self.outputs,)}

    def init(self, rng):
        """The starting blocks by name, float64, drawn from `rng`."""
        W = rng.standard_normal((self.inputs, self.outputs)) * (self.gain / math.sqrt(self.inputs))
        return {f"{self.name}.W": W, f"{self.name}.b": np.zeros(self.outputs)}

    def __call__(self, params, h=None, *, x=None, watch=unwatched):
        W, b = params[f"{self.name}.W"], params[f"{self.name}.b"]
        a, affine_vjp = data_affine(W, b, x=x) if h is None else affine(h, W, b)
        before = unwatched if self.activation == "identity" else watch  # there a is y
        a = before(f"{self.name}.a", a)
        y, activation_vjp = ACTIVATIONS[self.activation](a)

        def vjp(dy):
            (da,) = activation_vjp(watch(f"d{self.name}", dy))
            da = before(f"d{self.name}.a", da)
            *dh, dW, db = affine_vjp(da)  # dh is empty when the input is data
            return {f"{self.name}.W": dW, f"{self.name}.b": db}, *dh

        return watch(self.name, y), vjp


class MLP:
    """Dense layers of the given sizes one after the other, each with the activation.

    `sizes` (inputs, ..., outputs) has one number more than there are layers; one size alone is
    no layer at all, and y = h.
    """

    def __init__(self, name, sizes, activation):
        if activation not in ACTIVATIONS:
            raise unknown("activation", activation, ACTIVATIONS)
        gain = math.sqrt(2.0) if activation in RECTIFIERS else 1.0
        self.layers = [
            Dense(f"{name}.{i}", inputs, outputs, activation, gain)
            for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes))
        ]
        self.shapes = {name: shape for layer in self.layers for name, shape in layer.shapes.items()}

    def init(self, rng):
        """The starting blocks by name, float64, drawn from `rng`."""
        return {name: block for layer in self.layers for name, block in layer.init(rng).items()}

    def __call__(self, params, h=None, *, x=None, watch=unwatched):
        vjps, data = [], h is None
        for layer in self.layers:
            h, layer_vjp = layer(params, h, x=x, watch=watch)  # x is read by the first layer only
            vjps.append(layer_vjp)

        def vjp(dy):
            dparams, dh = {}, (dy,)
            for layer_vjp in reversed(vjps):
                dlayer, *dh = layer_vjp(*dh)
                dparams |= dlayer
            return (dparams,) if data else (dparams, *dh)

        return x if h is None else h, vjp
