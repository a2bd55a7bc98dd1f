"""The CDF of Gamma(alpha), its inverse, and how the quantiles move with alpha.

    P(alpha, z) = 1/Gamma(alpha) * integral of t^(alpha-1) e^-t over t < z,      Q = 1 - P

For z <= 1 the power series of P. For z > 1, with t = z e^±u, the integral of the nearer tail, which
has no cancellation, by 40 Gauss-Legendre nodes:

    Q or P = z p(z) * integral of exp(±alpha u - z (e^±u - 1)) over u > 0

p is the density. How a quantile moves, F = P being held fixed, is the implicit derivative
dz/dalpha = -(dP/dalpha) / p(z): the same integral with the score log t - psi(alpha) of Gamma as a
factor, which is of one sign on either side of z = e^psi(alpha). All functions work on log z, or on
y = log(z / alpha): for alpha = 1e-3 half of all z are smaller than the smallest float64.

Source: Figurnov, Mohamed & Mnih, Implicit Reparameterization Gradients (2018), equation 5; for the
series and the starting values Temme (1994) and Press et al., Numerical Recipes, section 6.2.1.
"""

import math

import numpy as np

from tinyvae.errors import check_inside, check_positive
from tinyvae.special.gamma import digamma, double, lgamma1p, stirling_correction

CHUNK = 1 << 13  # numbers at a time: a dozen arrays of that size stay in the processor's cache
TERMS = 20  # of the series for z <= 1: 1/20! is 4e-19
DEPTH = 34.0  # a tail is integrated until its integrand has fallen to e^-34 = 2e-15 of the start


def _nodes():
    """(x, weight) on (0, 1) as Python numbers. Two short rules: the weights of a long one from
    `leggauss` are wrong by 1e-12 at its ends, which would be the largest error here."""
    found = []
    for low, high, n in ((0.0, 0.4, 22), (0.4, 1.0, 18)):
        x, weight = np.polynomial.legendre.leggauss(n)
        width = 0.5 * (high - low)
        found += zip((low + width * (x + 1.0)).tolist(), (width * weight).tolist(), strict=True)
    return found


NODES = _nodes()


def cdf(z, alpha):
    """P(alpha, z), relative error 1e-14 (times sqrt(alpha), for large alpha). z, alpha > 0."""
    check_positive(z=z, alpha=alpha)
    return np.exp(in_chunks(lambda y, alpha: _log_tails(y, alpha)[0], np.log(z / alpha), alpha))


def survival(z, alpha):
    """Q(alpha, z) = 1 - P(alpha, z), with all its digits where it is small. z, alpha > 0."""
    check_positive(z=z, alpha=alpha)
    return np.exp(in_chunks(lambda y, alpha: _log_tails(y, alpha)[1], np.log(z / alpha), alpha))


def log_quantile(u, alpha):
    """log z such that P(alpha, z) = u, to the last digits; for 0 < u < 1 and alpha > 0.

    Newton's method in y = log(z / alpha), with Halley's correction for the curvature, on log P
    where u <= 1/2, on log Q where u > 1/2: both are concave in y, so that it converges from
    anywhere. 1 - u is exact there, and the upper tail reaches as far as u can say, to 1 - 1e-16.
    """
    check_inside(u=u, above=0.0, below=1.0)
    check_positive(alpha=alpha)
    return in_chunks(_log_quantile, u, alpha)


def quantile(u, alpha):
    """z such that P(alpha, z) = u. Smaller ones than 1e-308 underflow to 0: see `log_quantile`."""
    return np.exp(log_quantile(u, alpha))


def dlogz_dalpha(log_z, alpha):
    """d log z/dalpha at a fixed CDF value P(alpha, z); relative error 1e-13 for alpha <= 1e4.

    = +- integral of exp(±alpha u - z (e^±u - 1)) (log z - psi(alpha) ± u) over u > 0, z > 1;
    = (e^z/alpha) [(1 + alpha A) (psi(1 + alpha) - log z) - B] of the series, z <= 1.
    log_z is given, not z: where z underflows the derivative is large, about -log(z)/alpha.
    """
    check_inside(log_z=log_z)
    check_positive(alpha=alpha)
    return in_chunks(_dlogz_dalpha, log_z, alpha)


def in_chunks(fn, *arrays):
    """fn of a few thousand numbers at a time, in float64: millions then need little memory."""
    arrays = [double(array) for array in arrays]
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    flat = [np.broadcast_to(array, shape).ravel() if np.ndim(array) else array for array in arrays]
    found = [
        fn(*_together(array[start : start + CHUNK] if np.ndim(array) else array for array in flat))
        for start in range(0, max(math.prod(shape), 1), CHUNK)
    ]
    if isinstance(found[0], tuple):
        return tuple(np.concatenate(parts).reshape(shape)[()] for parts in zip(*found, strict=True))
    return np.concatenate(found).reshape(shape)[()]


def _together(arrays):
    """The arrays (n,), and what is a number among them as such an array, where they live."""
    arrays = list(arrays)
    zeros = np.zeros_like(np.atleast_1d(sum(arrays)))
    return [array + zeros for array in arrays]


def _tail(z, alpha, above, weight):
    """The integral over u > 0 of exp(±alpha u - z (e^±u - 1)) weight(u); + where `above`.

    It ends at w, where the exponent is at most -DEPTH, by e^u - 1 > u + u²/2 above and
    e^-u - 1 + u > u²/(2 + u) below.
    """
    d = z - alpha
    lower = DEPTH + 2.0 * d
    w = np.where(
        above,
        2.0 * DEPTH / (d + np.sqrt(d * d + 2.0 * DEPTH * z)),
        0.5 * (lower + np.sqrt(lower * lower + 8.0 * DEPTH * alpha)) / alpha,
    )
    step = np.where(above, w, -w)
    total = 0.0
    for x, share in NODES:
        u = step * x
        total = total + share * weight(w * x) * np.exp(alpha * u - z * np.expm1(u))
    return w * total


def _series(z, alpha):
    """A = sum (-z)^n/(n! (alpha + n)), B = sum (-z)^n n/(n! (alpha + n)²), n >= 1, for z <= 1.

    P = z^alpha/Gamma(alpha + 1) (1 + alpha A), and A + alpha dA/dalpha = B.
    """
    A, B, power = 0.0, 0.0, 1.0
    for n in range(1, TERMS + 1):
        power = power * z / -n
        A = A + power / (alpha + n)
        B = B + power * n / (alpha + n) ** 2
    return A, B


def _log_stirling(alpha):
    """log [alpha^alpha e^-alpha / Gamma(alpha + 1)], near -log(2 pi alpha)/2 for large alpha."""
    a = np.minimum(alpha, 10.0)
    y = np.maximum(alpha, 10.0)
    small = a * np.log(a) - a - lgamma1p(a)
    return np.where(alpha < 10.0, small, -0.5 * np.log(2.0 * math.pi * y) - stirling_correction(y))


def _log_tails(y, alpha):
    """log P, log Q and log(z p(z)) at z = alpha e^y."""
    z = alpha * np.exp(y)
    constant = _log_stirling(alpha)
    log_zp = np.log(alpha) + constant - alpha * (np.expm1(y) - y)
    log_P, log_Q = np.empty_like(z), np.empty_like(z)

    few = z <= 1.0
    A, _ = _series(z[few], alpha[few])
    log_P[few] = constant[few] + alpha[few] * (1.0 + y[few]) + np.log1p(alpha[few] * A)
    log_Q[few] = np.log(-np.expm1(log_P[few]))

    many = ~few
    above = z[many] > alpha[many]
    near = log_zp[many] + np.log(_tail(z[many], alpha[many], above, lambda u: 1.0))
    far = np.log1p(-np.exp(near))
    log_P[many], log_Q[many] = np.where(above, far, near), np.where(above, near, far)
    return log_P, log_Q, log_zp


def _start(u, alpha):
    """A first log z, good to a few per cent: Wilson & Hilferty's cube of a normal for alpha > 1,
    two pieces that meet at z = 1 below. P <= z^alpha/Gamma(alpha + 1) bounds log z from below."""
    least = (np.log(u) + lgamma1p(alpha)) / alpha

    t = np.sqrt(-2.0 * np.log(np.minimum(u, 1.0 - u)))
    eps = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (
        1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    )
    root = 1.0 - 1.0 / (9.0 * alpha) + np.where(u > 0.5, eps, -eps) / (3.0 * np.sqrt(alpha))
    cube = np.log(alpha) + 3.0 * np.log(np.maximum(root, 1e-9))

    a = np.minimum(alpha, 1.0)
    at_one = 1.0 - a * (0.253 + 0.12 * a)  # P(alpha, 1), nearly
    beyond = np.log1p(np.maximum(-np.log((1.0 - u) / (1.0 - at_one)), 0.0))
    pieces = np.where(u < at_one, least, beyond)
    return np.maximum(np.where(alpha > 1.0, cube, pieces), least)


def _log_quantile(u, alpha):
    y = _start(u, alpha) - np.log(alpha)
    todo = np.ones_like(y, dtype=bool)
    for _ in range(100):
        step = _newton_step(y[todo], u[todo], alpha[todo])
        y[todo] = y[todo] + step
        # Halley's error is of the order of the step cubed: after a step this short there is none.
        todo[todo] = ~(np.abs(step) < 1e-7 * np.maximum(1.0, np.abs(y[todo])))
        if not todo.any():
            return np.log(alpha) + y
    raise ArithmeticError(f"no quantile found for u = {u[todo][0]}, alpha = {alpha[todo][0]}")


def _newton_step(y, u, alpha):
    """Towards log P = log u or log Q = log(1 - u). Either has the slope g and g' = g h."""
    log_P, log_Q, log_zp = _log_tails(y, alpha)
    lower = u <= 0.5
    tail = np.where(lower, log_P, log_Q)
    g = np.where(lower, 1.0, -1.0) * np.exp(log_zp - tail)
    h = alpha - alpha * np.exp(y) - g
    newton = (np.where(lower, np.log(u), np.log1p(-u)) - tail) / g
    return newton / np.maximum(1.0 + 0.5 * newton * h, 0.5)


def _dlogz_dalpha(log_z, alpha):
    psi = digamma(alpha)
    z = np.exp(log_z)
    slope = np.empty_like(z)

    few = z <= 1.0
    A, B = _series(z[few], alpha[few])
    away = digamma(1.0 + alpha[few]) - log_z[few]
    slope[few] = np.exp(z[few]) / alpha[few] * ((1.0 + alpha[few] * A) * away - B)

    many = ~few
    score = log_z[many] - psi[many]
    slope[many] = _tail(z[many], alpha[many], score > 0, lambda u: np.abs(score) + u)
    return slope
