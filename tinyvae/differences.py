"""Numerical derivatives: the second way of differentiating, which `gradcheck` holds against vjp.

For outputs y(x) and a cotangent dy, the derivative of L(t) = sum(dy * y(x + t v)) at t = 0 is
approximated from a few values of y. A step h too long bends away from the tangent (truncation),
one too short drowns in rounding; with eps = 2.2e-16 and L of size 1:

    forward      [L(h) - L(0)] / h                                   h = 1e-8, error ~ 1e-8
    central      [L(h) - L(-h)] / 2h                                 h = 1e-5, error ~ 1e-10
    five-point   [8 L(h) - 8 L(-h) - L(2h) + L(-2h)] / 12h           h = 5e-4, error ~ 1e-12
    complex      Im L(ih) / h                                        h = 1e-30, exact to rounding

The complex step subtracts nothing, so nothing cancels; it asks that the code let complex numbers
through. Sources: Fornberg, Generation of Finite Difference Formulas on Arbitrarily Spaced Grids
(1988), table 1; Squire & Trapp, Using Complex Variables to Estimate Derivatives of Real Functions
(1998).
"""

from dataclasses import dataclass

import numpy as np

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Method:
    """L'(0) ~ sum of weight * L(offset h) / h; `rtol` is what to expect of it on smooth code."""

    offsets: tuple
    weights: tuple
    h: float = 0.0
    rtol: float = 0.0


METHODS = {
    "central": Method((1, -1), (1 / 2, -1 / 2), h=1e-5, rtol=1e-7),
    "five-point": Method((1, -1, 2, -2), (2 / 3, -2 / 3, -1 / 12, 1 / 12), h=5e-4, rtol=1e-9),
    "complex": Method((1j,), (-1j,), h=1e-30, rtol=1e-12),
}
RIGHT = Method((1, 0), (1, -1))  # the slopes on either side, which differ at a kink;
LEFT = Method((0, -1), (1, -1))  # `is_kink` brings the step


# [L(h) - 2 L(0) + L(-h)] - 4 [the same with h / 2]: nothing for a parabola, so it shows a kink
# within h of the point.
BEND = Method((1, 0, -1, 1 / 2, -1 / 2), (1, 6, 1, -4, -4))


def derivative(outputs, x, v, dy, method, h, reach=1):
    """(dL/dt at t = 0, its rounding floor) for L(t) = sum(dy * y(x + t v)).

    outputs: maps x to the list of arrays y; dy: a list of cotangents. The floor is 10 eps |L| / h
    for a difference, with |L| at least 1 and over the outputs that move, and 10 eps (|L| + |L'|)
    for the complex step: what vjp itself may round away. `reach` > 1 counts as moving what a step
    of reach * h moves: an output so large that h changes it by less than its last digit.
    """
    values = [outputs(x + offset * h * v) for offset in method.offsets]
    far = outputs(x + reach * h * v) if reach > 1 else values[0]
    slope, size, steep, whole = 0.0, 0.0, 0.0, 0.0
    for cotangent, there, *ys in zip(dy, far, *values, strict=True):
        # Subtract before summing: outputs that did not move then cancel exactly.
        change = cotangent * sum(w * y for w, y in zip(method.weights, ys, strict=True)).real / h
        slope += float(change.sum())
        moves = (change != 0) | (there != ys[0])
        size += float(np.abs((cotangent * ys[0])[moves]).sum())
        steep += float(np.abs(change).sum())
        whole += float(np.abs(cotangent * ys[0]).sum())
    if reach > 1 and not size:  # even that step is lost in the last digit, or nothing depends on x
        size = whole
    return slope, 10 * EPS * (size + steep if method is METHODS["complex"] else max(1.0, size) / h)


def is_kink(outputs, x, v, dy, h):
    """True if L(t) has a kink at t = 0 or within h of it: its slope has no single value there.

    Near a kink, slopes taken with h and with h / 10 disagree. Right at one they may agree, but the
    slope to the right and the one to the left do not, however short the step; on a smooth
    function these two approach each other in proportion to it.
    """
    central, gaps = [], []
    for step in (h, h / 10):
        right, floor = derivative(outputs, x, v, dy, RIGHT, step)
        left, _ = derivative(outputs, x, v, dy, LEFT, step)
        central.append((right + left) / 2)
        gaps.append(abs(right - left))
    visible = 1e-3 * max(map(abs, central)) + 2 * floor
    disagree = abs(central[0] - central[1]) > visible
    return disagree or (gaps[1] > visible and gaps[1] > gaps[0] / 2)


def bend(outputs, x, v, dy, h):
    """What a kink within h may have added to a derivative that is taken with steps up to h."""
    found = (derivative(outputs, x, v, dy, BEND, step) for step in (h, h / 2))
    return max((abs(slope) for slope, floor in found if abs(slope) > floor), default=0.0)
