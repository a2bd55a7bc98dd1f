"""The standard normal CDF, its tails and its quantiles, to the last digits, and strips of its area.

All come from the ratio of Mills, m(x) = Q(x)/phi(x), phi the density and Q the upper tail: it
changes slowly where both underflow. All but `quantile` and `above` are analytic in their
arguments, so that the complex step goes through.
"""

import math

import numpy as np

from tinyvae.special.legendre import DEPTH, NODES

ROOT_2PI = math.sqrt(2.0 * math.pi)
STEP = 0.65  # of the rule for `mills`: its error is e^(-2 pi²/STEP²) = 5e-21


def mills(x):
    """m(x) = Q(x)/phi(x) = integral of e^(-x t - t²/2) over t > 0, for x >= 0.

    By the midpoint rule for x/sqrt(2 pi) * integral of e^(-t²/2)/(x² + t²) over all t, which errs
    by what the pole at t = ix leaves, sqrt(2 pi) e^(x²/2)/(1 + e^(2 pi x/h)), and by little else.
    Source: Hunter & Regan, A Note on the Evaluation of the Complementary Error Function (1972).
    """
    total = 0.0
    for k in range(14):
        t2 = ((k + 0.5) * STEP) ** 2
        total = total + math.exp(-0.5 * t2) / (x * x + t2)
    reach = 2.0 * math.pi / STEP
    near = np.minimum(x, reach)
    pole = np.exp(near * (0.5 * near - reach)) / (1.0 + np.exp(-near * reach))
    pole = np.where(x < reach, pole, 0.0)[()]  # beyond it there is nothing to correct
    return (2.0 * STEP / ROOT_2PI) * x * total + ROOT_2PI * pole


def survival(x):
    """Q(x) = 1 - cdf(x), with all its digits where it is small."""
    small = _tail(np.maximum(x, -x))
    return np.where(x > 0, small, 1.0 - small)[()]


def cdf(x):
    """The area under phi to the left of x."""
    return survival(-x)


def log_survival(x):
    """log Q(x) = -x²/2 - log(2 pi)/2 + log m(x), which does not underflow."""
    size = np.maximum(x, -x)
    deep = np.log(mills(size)) - 0.5 * x * x - math.log(ROOT_2PI)
    return np.where(x > 0, deep, np.log1p(-_tail(size)))[()]


def log_cdf(x):
    """log cdf(x)."""
    return log_survival(-x)


def quantile(u):
    """x such that cdf(x) = u, for 0 < u < 1: to the last digits of x, near u = 1/2, too."""
    p = np.minimum(u, 1.0 - u)
    x = above(0.0, np.log(ROOT_2PI * p))
    # Near 0 the digits are in 1/2 - p, which is exact, and not in log p.
    near = np.minimum(x, 1.0)
    better = near + (ROOT_2PI * (0.5 - p) - strip(0.0, near)) * np.exp(0.5 * near * near)
    x = np.where(x < 1.0, better, x)
    return np.where(u < 0.5, -x, x)[()]


def above(c, log_ratio):
    """s >= 0 such that Q(c + s) = ratio * phi(c), for c >= 0 and ratio <= m(c).

    Newton's method for log Q, which is concave: from a start that is too large, as a bound of s is,
    it comes down to the root and never passes it.
    """
    drop = np.maximum(np.log(mills(c)) - log_ratio, 0.0)
    s = np.minimum(drop * mills(c), 2.0 * drop / (c + np.sqrt(c * c + 2.0 * drop) + 1e-30))
    enough = 0.1 * float(np.finfo(s.dtype).eps) ** 0.5
    for _ in range(30):
        m = mills(c + s)
        excess = np.log(m) - s * (c + 0.5 * s) - log_ratio
        s = np.maximum(s + m * excess, 0.0)
        if np.all(np.abs(excess) < enough):
            break
    return s


def strip(c, width, power=0):
    """The integral of s^power e^(-s (c + s/2)) over 0 < s < width, for c >= 0, or where width is 0.

    That of phi from c to c + width, in units of phi(c), for power 0. All is positive and nothing
    cancels, however narrow the strip or deep in the tail. `width` may be infinite.
    """
    start = np.maximum(np.real(c), 0.0)
    end = 2.0 * DEPTH / (start + np.sqrt(start * start + 2.0 * DEPTH))
    length = np.where(width < end, width, end)
    total = 0.0
    for x, weight in NODES:
        s = x * length
        total = total + weight * x**power * np.exp(-s * (c + 0.5 * s))
    return total * length ** (power + 1)


def _tail(x):
    """Q(x) for x >= 0. The square is split: its rounding would be magnified in e^-x²/2."""
    coarse = np.floor(16.0 * np.real(x)) / 16.0
    rest = (x - coarse) * (x + coarse)
    return np.exp(-0.5 * coarse * coarse) * np.exp(-0.5 * rest) * mills(x) / ROOT_2PI
