"""Integrals of functions of one number: to twelve digits, or an error.

    integrate(f, low, high)    ∫ f(z) dz over a finite, half-infinite or infinite interval
    pieces(f, points)          the integrals between consecutive points, each to its own accuracy

Gauss-Kronrod on panels that are halved until the 7 Gauss nodes agree with the 15 that hold them.
Three things are added to the textbook.

The ends. A density may be infinite there (Beta, Gamma), or the interval may be. Every piece is cut
in two, and each half is measured from its own end by u in (0, 1], as z = end ± w u, or as
z = point ± w/u towards infinity. Halving towards u = 0 makes octaves. Where they never end (beside
z = 1 there is no float between 1 - 1e-16 and 1) Wynn's algorithm continues them to their limit.

The blind spot. Fifteen nodes see nothing of a step between the last of them and the edge of the
panel. So the integrand is read at both edges too, and has to be where the polynomial through the
nodes says it is.

The rounding of z. A node 1 - 1e-9 lies up to 1e-16 beside where it should, 1e-7 of its distance
from the end. How far is known exactly, as z - end is exact; the slope of the same polynomial takes
it out to first order.

Source: Piessens et al., QUADPACK (1983), QAGS, for all but the last two.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tinyvae.exact.rules import EPS, NODES, kronrod, limit

PANELS = 8_000  # at most, beyond eight for each half of a piece: 136,000 values of f
NEAR = 1e-9  # where the edge u = 0 of a panel is read, as a part of it: there may be no f at 0
OCTAVES = 40  # every so many of them their limit is tried


class NotReached(ArithmeticError):
    """An integral that was not found to the accuracy asked for; the message says how far it is."""


class Diverges(NotReached):
    """An integral of |f| that grows without bound: a mean or a variance that is infinite."""


def integrate(
    f, low, high, *, breaks=(), scale=None, rtol=1e-12, what="the integral", panels=PANELS
):
    """(∫ f(z) dz from low to high, an estimate of its error), to rtol of ∫ |f(z)| dz.

    f: z (n,) to (n,), or to (R, n) for R integrals at once, each to that accuracy; it is not asked
    at low, at high or at the breaks. breaks: where f has kinks or steps, or a peak that is narrow
    for the interval. They save work; but a peak that no node meets is not seen without them.
    scale: of the first step towards infinity; else the distance of the outermost breaks.
    panels: when to give up. An rtol above 1e-12 asks for no less work, but accepts an error up to
    it. ValueError unless low < high. NotReached (an ArithmeticError) where the accuracy is not
    reached, Diverges where the octaves towards an end do not shrink; `what` is what they call it.
    """
    if not low < high:
        raise ValueError(f"{what} must go from low to a high above it, not from {low} to {high}")
    points = [low, *sorted({float(b) for b in breaks if low < b < high}), high]
    if math.isinf(low) and math.isinf(high) and len(points) == 2:
        points.insert(1, 0.0)
    y, error = _solve(f, points, scale, rtol, what, panels, _together)
    return y.sum(axis=-1)[()], error.sum(axis=-1)[()]


def pieces(f, points, *, scale=None, rtol=1e-12, what="the integral"):
    """∫ f(z) dz between each two neighbours of the points, (R, len(points) - 1): sums of them from
    either end have rtol of what ∫ |f| they cover, on the shorter side. Errors as `integrate`.

    The points increase; the first and the last may be infinite, with one between them.
    """
    return _solve(f, points, scale, rtol, what, PANELS, _shorter_side)[0]


def _together(size):
    return np.broadcast_to(size.sum(axis=1, keepdims=True), size.shape)


def _shorter_side(size):
    return np.minimum(np.cumsum(size, axis=1), np.cumsum(size[:, ::-1], axis=1)[:, ::-1])


class _Halves:
    """Halves of pieces, as arrays: z = origin + way * w * u, or origin + way * w / u if outward."""

    def __init__(self, points, scale):
        finite = [p for p in points if math.isfinite(p)]
        centre, step = finite[len(finite) // 2], scale or (finite[-1] - finite[0]) or 1.0
        rows = []  # piece, origin, way, w, outward
        for i, (a, b) in enumerate(itertools.pairwise(points)):
            if math.isinf(a) or math.isinf(b):
                origin, way = (b, -1.0) if math.isinf(a) else (a, 1.0)
                w = max(step, abs(origin - centre))
                rows += [(i, origin, way, w, False), (i, origin, way, w, True)]
            else:
                middle = 0.5 * (b - a)
                rows += [(i, a, 1.0, middle, False), (i, b, -1.0, middle, False)]
        columns = map(np.array, zip(*rows, strict=True))
        self.piece, self.origin, self.way, self.w, self.outward = columns
        # The shortest octave: of sixteen floats. At an end, where the limit is taken, of a million
        # or the sixteenth octave: their rounding can still be taken out.
        self.end = (self.origin == points[0]) | (self.origin == points[-1]) | self.outward
        ulp = np.spacing(np.abs(self.origin)) / self.w
        floats = np.where(
            self.end, np.maximum(16.0 * ulp, np.minimum(2.0**-16, 2.0**20 * ulp)), 16.0 * ulp
        )
        floats = np.where(self.origin == 0.0, 2.0**-1000 / self.w, floats)
        self.shortest = np.where(self.outward, 2.0**-400, floats)

    def new(self, f, half, u0, u1):
        """The panels [u0, u1] of these halves."""
        columns = self.origin, self.way, self.w, self.outward
        origin, way, w, outward = (column[half, None] for column in columns)
        middle, r = 0.5 * (u0 + u1)[:, None], 0.5 * (u1 - u0)[:, None]
        first = np.where(u0 > 0.0, u0, NEAR * u1)[:, None]
        u = np.concatenate([middle + r * NODES, first, u1[:, None]], axis=1)
        with np.errstate(all="ignore"):
            far = np.where(outward, w / u, w * u)
            z = origin + way * far
            beside = ((z - origin) * way - far) * np.where(outward, -1.0, 1.0)
            # Not on an end, where f may be infinite: two floats inside.
            z = np.where(z == origin, origin + way * 2.0 * np.spacing(np.abs(z)), z)
            dz = r * (far / u)
            g = np.asarray(f(z.ravel()), dtype=float).reshape(-1, *z.shape) * dz
            found = kronrod(g, beside / dz)
        floats = np.ptp(z, axis=1) / np.spacing(np.abs(z).max(axis=1))
        return _Panels(half, u0, u1, *found, closed=(u0 > 0.0) & (floats < 8.0))

    def add(self, panels, column):
        """A column (R, P) of the panels summed over each piece, (R, pieces)."""
        sums = np.zeros((len(column), 1 + self.piece[-1]))
        np.add.at(sums, (slice(None), self.piece[panels.half]), column)
        return sums


@dataclass
class _Panels:
    """Panels [u0, u1] of halves, (P,); what was found, (R, P); closed: not to be halved, (P,)."""

    half: np.ndarray
    u0: np.ndarray
    u1: np.ndarray
    y: np.ndarray
    error: np.ndarray
    size: np.ndarray
    closed: np.ndarray

    def only(self, kept):
        return _Panels(*(column[..., kept] for column in vars(self).values()))

    def join(self, other):
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Panels(*(np.concatenate(pair, axis=-1) for pair in pairs))

    def octaves(self, half, column):
        """A column of one half summed over each u in [2^-(j+1), 2^-j], j = 0, 1, ..., (R, J)."""
        here = (self.half == half) & (self.u0 > 0.0)
        j = -np.frexp(0.5 * (self.u0 + self.u1)[here])[1]
        sums = np.zeros((len(column), 1 + j.max(initial=-1)))
        np.add.at(sums, (slice(None), j), column[:, here])
        return sums


def _solve(f, points, scale, rtol, what, most, of):
    """(integrals, errors) of the pieces, (R, pieces) each. Every panel is halved until its error is
    a small part of 1e-12 of size, where `of` makes from ∫ |f| of each piece what is its size."""
    halves = _Halves(points, scale)
    half = np.arange(len(halves.piece))
    panels = halves.new(f, half, np.zeros(len(half)), np.ones(len(half)))
    most, early = most + 8 * len(half), 2_000 + 8 * len(half)
    while True:
        size = of(halves.add(panels, panels.size))
        goal = min(rtol, 1e-12) / 200.0 * size[:, halves.piece[panels.half]]
        goal = np.maximum(goal, 50.0 * EPS * panels.size)
        bad = ~(panels.error <= goal).all(axis=0)
        rough = bad & ~panels.closed
        if len(rough) > early:
            early *= 2
            failure = _failure(panels, halves, bad, halves.add(panels, panels.error), size, what)
            if isinstance(failure, Diverges):
                raise failure
        if len(rough) > most or not np.isfinite(size).all():
            break
        _continue(panels, halves, rough, goal, what)
        if not rough.any():
            break
        half, u0, u1 = panels.half[rough], panels.u0[rough], panels.u1[rough]
        middle = 0.5 * (u0 + u1)
        new = np.tile(half, 2), np.concatenate([u0, middle]), np.concatenate([middle, u1])
        panels = panels.only(~rough).join(halves.new(f, *new))
    error = halves.add(panels, panels.error)
    if not (error <= rtol * size).all() or not np.isfinite(size).all():
        raise _failure(panels, halves, bad, error, size, what)
    return halves.add(panels, panels.y), error


def _continue(panels, halves, rough, goal, what):
    """Close the end panels whose octaves can be continued to their limit, or not be halved: in
    place, in `panels` and `rough`. A half that has other rough panels has to wait."""
    for i in np.flatnonzero(rough & (panels.u0 == 0.0)):
        half, u1 = panels.half[i], panels.u1[i]
        last = u1 / 2.0 < halves.shortest[half]
        octave = 1 - math.frexp(u1)[1]
        if not last and (octave == 0 or octave % OCTAVES):
            continue
        if (rough & (panels.half == half)).sum() > 1:
            rough[i] = False
            continue
        if _grow(panels.octaves(half, panels.size), steadily=not last):
            raise _diverges(halves, half, what)
        sums = np.cumsum(panels.octaves(half, panels.y)[:, -15:], axis=1)
        if sums.shape[1] >= 3:
            ends, errors = np.array([limit(row) for row in sums]).T
            if last or (errors <= goal[:, i]).all():
                panels.y[:, i], panels.error[:, i] = ends - sums[:, -1], errors
                panels.closed[i] = True
        panels.closed[i] |= last
        rough[i] = not panels.closed[i]


def _grow(octaves, steadily=False):
    """Whether the last five octaves (R, J) of an integral do not shrink; steadily: like a power."""
    ratios = octaves[:, -4:] / np.maximum(octaves[:, -5:-1], 1e-300)
    drift = np.ptp(ratios, axis=1) if octaves.shape[1] >= 5 else math.inf
    return octaves.shape[1] >= 5 and bool(
        ((ratios > 0.999).all(axis=1) & (drift < (1e-6 if steadily else math.inf))).any()
    )


def _diverges(halves, half, what):
    end = halves.way[half] * math.inf if halves.outward[half] else halves.origin[half]
    return Diverges(
        f"{what} is infinite, or has no value: towards {end:g} its octaves do not shrink"
    )


def _failure(panels, halves, bad, error, size, what):
    """The NotReached that says how far it is; Diverges if octaves towards an end do not shrink."""
    for half in np.unique(panels.half[bad & halves.end[panels.half]]):
        octaves = panels.octaves(half, panels.size)
        busy = bad & (panels.half == half) & (panels.u0 > 0.0)
        known = min([*-np.frexp(panels.u0[busy])[1], octaves.shape[1]])
        if _grow(octaves[:, : max(known, 0)]):
            return _diverges(halves, half, what)
    if not np.isfinite(size).all():
        return NotReached(f"{what} has values that are infinite or no numbers, or that overflow")
    with np.errstate(all="ignore"):
        relative = np.nanmax(error / size)
    return NotReached(
        f"{what} was found to {relative:.1g} of its size only, with {len(panels.half)} panels: its "
        "integrand oscillates or rounds too much; or give its kinks and peaks as breaks"
    )
