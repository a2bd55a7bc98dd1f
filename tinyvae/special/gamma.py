"""log Gamma(x) and its first two derivatives, for x with a positive real part.

One method for all three. Stirling's series in 1/y is exact to rounding for y >= 10; a smaller x is
first moved up to y = x + 10 by the recurrence Gamma(x + 1) = x Gamma(x), ten times. Errors are
below 1e-14 of max(1, |value|), by comparison with 40-digit arithmetic; lgamma near its zeros at 1
and 2 and digamma near its zero at 1.46 have that absolute error, not a relative one. float32 is
computed in float64 and rounded; complex x passes, as the complex step needs.

Source: Abramowitz & Stegun, 6.1.15, 6.1.40, 6.3.18 and 6.4.12.
"""

import math

import numpy as np

from tinyvae.errors import check_positive

# B_2, B_4, ... B_16
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
SHIFT = 10


def lgamma(x):
    """log Gamma(x) = (y - 1/2) log y - y + log(2 pi)/2 + sum_k B_2k / (2k (2k - 1) y^(2k-1)),

    less log x (x + 1) ... (x + 9) where x was moved up: that is taken together with the ten
    log y there are too many, as one small logarithm. ValueError unless x > 0.
    """
    small, y, steps = _moved_up(x)
    back = np.log((steps[0] + SHIFT) ** SHIFT / math.prod(steps))
    value = (double(x) - 0.5) * np.log(y) - y + 0.5 * math.log(2.0 * math.pi)
    return _like(x, value + stirling_correction(y) + np.where(small, back, 0.0))


def lgamma1p(x):
    """log Gamma(1 + x) for x >= 0, with all its digits near its zero at x = 0.

    It is the difference of `lgamma` at 11 + x and at 11, taken term by term, each of order x.
    """
    x = double(x)
    y0, y = SHIFT + 1.0, SHIFT + 1.0 + x
    value = (y - 0.5) * np.log1p(x / y0) + x * (math.log(y0) - 1.0)
    value = value + (stirling_correction(y) - stirling_correction(y0))
    return value - sum(np.log1p(x / k) for k in range(1, SHIFT + 1))


def digamma(x):
    """psi(x) = d log Gamma(x)/dx = log y - 1/(2y) - sum_k B_2k / (2k y^2k),

    less the sum of 1/(x + k), k < 10, where x was moved up. ValueError unless x > 0.
    """
    small, y, steps = _moved_up(x)
    series = _horner([b / (2 * k) for k, b in enumerate(BERNOULLI, 1)], y) / y
    back = sum(1.0 / step for step in steps)
    return _like(x, np.log(y) - 0.5 / y - series - np.where(small, back, 0.0))


def digamma_slope(x, h):
    """[psi(x + h) - psi(x)] / h for x, h > 0, with all its digits also where h is small beside x:

    log(1 + h/y)/h + 1/(2 y (y + h)) - ..., and 1/((x + k)(x + k + h)) for the ten steps up.
    """
    x, h = double(x), double(h)
    y = x + SHIFT
    terms = [b / (2 * k) for k, b in enumerate(BERNOULLI, 1)]
    series = (_horner(terms, y + h) / (y + h) - _horner(terms, y) / y) / h
    back = sum(1.0 / ((x + k) * (x + k + h)) for k in range(SHIFT))
    return back + np.log1p(h / y) / h + 0.5 / (y * (y + h)) - series


def trigamma(x):
    """psi'(x) = 1/y + 1/(2y²) + sum_k B_2k / y^(2k+1),

    plus the sum of 1/(x + k)², k < 10, where x was moved up. ValueError unless x > 0.
    """
    small, y, steps = _moved_up(x)
    series = _horner(BERNOULLI, y) / (y * y)
    back = sum(1.0 / (step * step) for step in steps)
    return _like(x, 1.0 / y + 0.5 / (y * y) + series + np.where(small, back, 0.0))


def stirling_correction(y):
    """sum_k B_2k / (2k (2k - 1) y^(2k-1)) for y >= 10: what Stirling's formula leaves out."""
    return _horner([b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)], y)


def double(x):
    """x in double precision, real or complex as it is."""
    return np.add(x, 0.0, dtype=np.result_type(x, np.float64))


def _like(x, value):
    """The value in the precision of x; a number where x is one."""
    return value.astype(np.result_type(x, 1.0), copy=False)[()]


def _moved_up(x):
    """Where x < 10, and y = x + 10 there, and the x + k on the way (1 + k where x stays)."""
    check_positive(x=x)
    x = double(x)
    small = np.real(x) < SHIFT
    safe = np.where(small, x, 1.0)
    return small, np.where(small, x + SHIFT, x), [safe + k for k in range(SHIFT)]


def _horner(coefficients, y):
    """sum_k c_k / y^(2k-1), k = 1, 2, ..."""
    t, total = 1.0 / (y * y), 0.0
    for c in reversed(coefficients):
        total = total * t + c
    return total / y
