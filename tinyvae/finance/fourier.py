"""European prices from the moments of the law: one integral along a contour that fits the strike.

For Re z = p > 1 it is the call, for p < 0 the put, in units of the forward, at k = log(K/F):

    price = (1/2 pi i) * integral of e^((1 - z) k) E[(S/F)^z] / (z (z - 1)) dz,  upwards.

Every contour through the strip where the moment is finite gives the same number; the one through
the saddle of the integrand gives all its digits. There the integrand is largest, real and
positive, and as small as the price: the price 1e-200 of an option in the deep wing comes with a
relative error of 1e-13, where a fixed contour would leave 1e-16 of rounding and no digit.

From the saddle p the contour bends along a hyperbola into the direction where the integrand falls
without turning, and the trapezoid rule in its parameter t converges geometrically:

    z(t) = p + c (i sinh t cos(tilt) + (cosh t - 1) sin(tilt)).

Sources: Lewis (2001), A Simple Option Formula for General Jump-Diffusion and Other Exponential
Levy Processes; Lord & Kahl (2007), Optimal Fourier Inversion in Semi-Analytical Option Pricing;
Boyarchenko & Levendorskii (2019), SINH-Acceleration.
"""

from typing import NamedTuple

import numpy as np

from tinyvae.errors import check_inside, check_positive, check_shape
from tinyvae.finance.heston import Heston, critical_moments, log_moment

NODES = 48  # of the trapezoid rule, an even number
GOOD = 1e-9  # a relative error; where it is larger, more nodes are taken
WIDTH = 1.0  # of the strikes that share a contour in `surfaces`, in standard deviations of the law
ROWS = 256  # laws at a time: what they need stays in the cache
FALL = 37.0  # the integral stops where the integrand has fallen to e^-37 of its start
REACH = np.arange(2.5, 12.0, 0.75)  # where in t to look for that
FAN = 12  # moments p that are tried for the saddle, and then between the best two
TILT = 0.45  # the most, in radians: more would climb where the law is still like a normal one


class Priced(NamedTuple):
    """The logarithm of prices in units of the forward, and their relative error, estimated."""

    log_price: np.ndarray
    relative_error: np.ndarray

    @property
    def price(self):
        return np.exp(self.log_price)


def out_of_the_money(k, T, model):
    """Priced: the put where k < 0, the call elsewhere. k, T (years) and the model broadcast.

    Every strike has a contour of its own, and more nodes if it needs them. Raises ValueError unless
    k is finite, T positive, and the law has more than one moment at T.
    """
    k, T, model, shape = _broadcast(k, T, model)
    strip = _strip(T, model)
    found = np.full((2, len(k)), np.inf)
    for nodes in (NODES, 4 * NODES, 16 * NODES):
        (rows,) = np.nonzero(found[1] > GOOD)
        for i in np.array_split(rows, np.arange(ROWS, len(rows), ROWS)):
            part = _integral(k[i, None], T[i], model[i], strip[:, i], nodes)
            found[:, i] = part.log_price[:, 0], part.relative_error[:, 0]
    return Priced(*found.reshape(2, *shape))


def surfaces(k, T, model):
    """Priced (N, M, K), as `out_of_the_money`, at every strike k (K,), maturity T (M,) of every one
    of N laws. Strikes close together share a contour, which saves most of the work."""
    k, T = np.asarray(k, float), np.asarray(T, float)
    check_inside(k=k)
    check_positive(T=T)
    check_shape("the model", model.kappa, ("N",))
    strip = _strip(T[:, None], model)
    found = np.empty((2, *model.shape, len(T), len(k)))
    for j in range(len(T)):
        width = WIDTH * np.sqrt(model.mean_total_variance(T[j]).min())
        for columns in _blocks(k, width):
            for row in range(0, len(model.kappa), ROWS):
                i = slice(row, row + ROWS)
                part = _integral(k[None, columns], T[j, None], model[i], strip[:, j, i], NODES)
                found[:, i, j, columns] = part
    law, maturity, strike = np.nonzero(found[1] > GOOD)
    again = out_of_the_money(k[strike], T[maturity], model[law])
    found[:, law, maturity, strike] = again
    return Priced(*found)


def call(k, T, model):
    """The call, by put-call parity where k < 0. k, T and the model broadcast.

    Raises ArithmeticError if a price is not known to 1e-8, otherwise as `out_of_the_money`.
    """
    return _known(out_of_the_money(k, T, model)) - np.minimum(np.expm1(k), 0.0)


def put(k, T, model):
    """The put, by put-call parity where k >= 0. k, T and the model broadcast.

    Raises ArithmeticError if a price is not known to 1e-8, otherwise as `out_of_the_money`.
    """
    return _known(out_of_the_money(k, T, model)) + np.maximum(np.expm1(k), 0.0)


def _known(priced):
    bad = ~(priced.relative_error * priced.price <= 1e-8)
    if bad.any():
        raise ArithmeticError(f"{bad.sum()} of {bad.size} prices are not known to 1e-8")
    return priced.price


def _integral(k, T, model, strip, nodes):
    """Priced (R, K) at k (R, K) or (1, K), sorted, for R laws, with one contour for each."""
    T, model, centre = T[:, None], model[:, None], 0.5 * (k[:, :1] + k[:, -1:])
    p, c = _saddle(centre, T, model, strip[:, :, None])
    tilt = _tilt(k[:, :1], k[:, -1:], T, model)

    def contour(t):
        z = p + c * (1j * np.sinh(t) * np.cos(tilt) + (np.cosh(t) - 1.0) * np.sin(tilt))
        dz = c * (1j * np.cosh(t) * np.cos(tilt) + np.sinh(t) * np.sin(tilt))
        return z, log_moment(z, T, model) + np.log(dz / (z * (z - 1.0)))

    z, log_f = contour(np.concatenate([[0.0], REACH]))
    height = (log_f + (1.0 - z) * centre).real
    end = REACH[np.minimum((height[:, 1:] > height[:, :1] - FALL).sum(axis=1), len(REACH) - 1)]
    h = (end / nodes)[:, None]
    z, log_f = contour(h * np.arange(nodes + 1))
    start = log_f[:, :1].real
    z, log_f, k_ = (z - p)[:, None, :], (log_f - start)[:, None, :], k[..., None]
    f = np.exp(log_f.real - z.real * k_) * np.sin(log_f.imag - z.imag * k_)
    f[..., 0] *= 0.5
    total, relative_error = _trapezoid(f)
    total = np.where(total > 0, total, np.nan)  # all digits lost: the error says so
    return Priced(start + (1.0 - p) * k + np.log(total * h / np.pi), relative_error)


def _trapezoid(f):
    """The sum over the last axis, and its relative error: half of the nodes err by about its root,
    what lies behind the last node is about as much as that, and rounding errs by the terms' size.
    """
    total, size = f.sum(axis=-1), np.abs(f).sum(axis=-1)
    half = 2.0 * f[..., ::2].sum(axis=-1) - total
    with np.errstate(divide="ignore"):
        error = np.abs(half / total) ** 1.5 + (np.abs(f[..., -1]) + 1e-14 * size) / total
    return total, np.where(total > 0, error, np.inf)


def _saddle(k, T, model, strip):
    """p: where the integrand is smallest on the real line, between the pole and the end of the
    strip; and the width of its peak there. All is (R, 1)."""
    is_call = k >= 0
    room = np.where(is_call, strip[1] - 1.0, -strip[0])

    def height(z):
        return (log_moment(z, T, model) + (1.0 - z) * k).real - np.log(np.abs(z * (z - 1.0)))

    low = 0.5 / (np.sqrt(model.mean_total_variance(T)) * room)
    high = np.full_like(low, 20.0)
    for _ in range(2):
        step = (high / low) ** (1.0 / (FAN - 1))
        y = low * step ** np.arange(FAN)
        away = room * y / (1.0 + y)  # from the pole, which is at 1 or 0
        p = np.where(is_call, 1.0 + away, -away)
        best = height(p).argmin(axis=1, keepdims=True)
        p, away, y = (np.take_along_axis(a, best, 1) for a in (p, away, y))
        low, high = y / step, y * step
    i = 0.01j * np.minimum(away, room - away)
    curvature = 2.0 * (height(p) - height(p + i)) / np.abs(i) ** 2
    return p, 1.4 / np.sqrt(curvature)


def _tilt(first, last, T, model):
    """Far away e^((1 - z) k) E[S^z] is e^(-z (k + (v/vol_of_vol) e^(-i theta))), cos theta = rho,
    v = v0 + kappa eta T; it falls fastest where the exponent is real. One direction serves the
    strikes from first to last if it is the least tilted of theirs, and upright if they disagree."""
    slope = (model.v0 + model.kappa * model.eta * T) / model.vol_of_vol
    turned = slope * (model.rho - 1j * np.sqrt(1.0 - model.rho**2))
    low, high = (0.5 * np.pi + np.angle(k + turned) for k in (first, last))
    return np.clip(np.clip(0.0, low, high), -TILT, TILT)


def _broadcast(k, T, model):
    """Flat k, T and model, of one length, and the shape they had."""
    k, T = np.asarray(k, float), np.asarray(T, float)
    check_inside(k=k)
    check_positive(T=T)
    k, T, *columns = np.broadcast_arrays(k, T, *vars(model).values())
    return k.ravel(), T.ravel(), Heston(*(c.ravel() for c in columns)), k.shape


def _blocks(k, width):
    """The indices of k in rows, each sorted, no wider than `width`, and none of both signs."""
    order = np.argsort(k, kind="stable")
    rows = [[order[0]]]
    for this in order[1:]:
        first = k[rows[-1][0]]
        if k[this] - first > width or (first < 0) != (k[this] < 0):
            rows.append([])
        rows[-1].append(this)
    return rows


def _strip(T, model):
    """(2, ...): critical_moments; ValueError if they leave no room for a contour."""
    strip = np.stack(critical_moments(T, model))
    bad = (strip[0] > -1e-9) | (strip[1] < 1.0 + 1e-9)
    if bad.any():
        raise ValueError(
            f"the moments of {bad.sum()} of {bad.size} laws are infinite outside [0, 1], first at"
            f" T={np.broadcast_to(T, bad.shape)[bad][0]:g}: kappa is too small beside vol_of_vol"
        )
    return strip
