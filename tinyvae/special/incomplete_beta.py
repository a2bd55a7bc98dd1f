"""How the quantiles of Beta(a, b) move with a and b: the implicit derivative.

With I the CDF, p the density and theta a or b, dz/dtheta = -(dI/dtheta)/p(z). The functions work
on t = logit z, dt = dz / (z (1 - z)): z near 1 keeps its distance from 1, and a z that underflows
its size. z > 1/2 is turned into 1 - z, which is Beta(b, a). Then, for small (a + b) z the series

    I = z^a / (a B(a, b)) (1 + a A),   A = sum over n >= 1 of (1 - b)_n z^n / (n! (a + n))

is differentiated term by term, (1 - b)_n = (1 - b)(2 - b) ... (n - b); and elsewhere the score is
integrated over the nearer tail by Gauss-Legendre nodes, with s = z e^±u / (1 + z (e^±u - 1)) for
the number at logit t ± u and l = log(1 + z (e^±u - 1)), as for the Gamma law:

    dt/dtheta = ± integral of exp(±a u - (a + b) l) dlog p(s)/dtheta over u > 0.

Source: Abramowitz & Stegun, 26.5.4 and 15.1.1; Figurnov, Mohamed & Mnih (2018), equation 5.
"""

import numpy as np

from tinyvae.errors import check_inside, check_positive
from tinyvae.special.gamma import digamma, digamma_slope
from tinyvae.special.incomplete_gamma import DEPTH, NODES, in_chunks

TERMS = 56  # of the series for z <= 1/2: 2^-56 is 1e-17


def dlogit(t, a, b):
    """(dt/da, dt/db) at a fixed CDF value of z = sigmoid(t) ~ Beta(a, b): the first is positive,
    the second negative. Relative error below 2e-13. ValueError unless a, b > 0 and t is finite."""
    check_inside(t=t)
    check_positive(a=a, b=b)
    return in_chunks(_dlogit, t, a, b)


def _dlogit(t, a, b):
    turned = t > 0
    t, a, b = np.where(turned, -t, t), np.where(turned, b, a), np.where(turned, a, b)
    da, db = np.empty_like(t), np.empty_like(t)
    few = (a + b) * np.exp(t) <= 3.5
    for which, derivatives in ((few, _by_series), (~few, _by_integral)):
        da[which], db[which] = derivatives(t[which], a[which], b[which])
    return np.where(turned, -db, da), np.where(turned, -da, db)


def _by_series(t, a, b):
    """A, and with it N = sum c_n n/(a + n)² = A + a dA/da and M = dA/db; c_n = (1 - b)_n z^n/n!."""
    rest = np.log1p(np.exp(t))  # -log(1 - z)
    z = np.exp(t - rest)
    c, dc, A, N, M = 1.0, 0.0, 0.0, 0.0, 0.0
    for n in range(1, TERMS + 1):
        c, dc = c * (n - b) * z / n, (dc * (n - b) - c) * z / n
        A = A + c / (a + n)
        N = N + c * n / (a + n) ** 2
        M = M + dc / (a + n)
    scale = np.exp(b * rest)
    log_score = t - rest + digamma(a + b) - digamma(a + 1.0)
    da = -scale / a * ((1.0 + a * A) * log_score + N)
    return da, -scale * ((1.0 + a * A) * digamma_slope(b, a) + M)


def _by_integral(t, a, b):
    """Over the tail that is nearer: above z where log(1 - z) is below its mean."""
    rest = np.log1p(np.exp(t))
    score_a = t - rest + b * digamma_slope(a, b)
    score_b = a * digamma_slope(b, a) - rest
    z, sign = np.exp(t - rest), np.where(score_b < 0, 1.0, -1.0)
    step = sign * _width(z, t - rest, rest, a, b, sign)
    da, db = 0.0, 0.0
    for x, share in NODES:
        u = step * x
        ell = np.log1p(z * np.expm1(u))
        mass = share * np.exp(a * u - (a + b) * ell)
        da = da + mass * (score_a + u - ell)
        db = db + mass * (score_b - ell)
    return step * da, step * db


def _width(z, log_z, rest, a, b, sign):
    """Where a u - (a + b) l, which is concave, has fallen to -DEPTH. Newton's method, from the
    outside: l > log z + u above and l > log(1 - z) below give a point beyond."""
    w = np.where(sign > 0, (DEPTH - (a + b) * log_z) / b, (DEPTH + (a + b) * rest) / a)
    for _ in range(60):
        grown = z * np.expm1(sign * w)
        value = sign * a * w - (a + b) * np.log1p(grown) + DEPTH
        step = value / (sign * (a - (a + b) * (z + grown) / (1.0 + grown)))
        w = w - step
        if np.all(step < 0.02 * w):
            break
    return w
