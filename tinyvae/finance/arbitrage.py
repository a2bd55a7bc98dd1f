"""Static arbitrage in surfaces of total variance: trades that can earn something and never lose.

A surface w(T, k) = IV² T prices the call of strike K = e^k at c = Black(k, w): forward 1, no rates.
Quotes on a grid come from some model if and only if three kinds of trades earn nothing (Carr &
Madan, A note on sufficient conditions for no arbitrage, 2005; of continuous surfaces: Roper,
Arbitrage free implied volatility surfaces, 2010, theorem 2.9):

    calendar    buy a maturity, sell an earlier one at the same k: w may not fall in T
    butterfly   sell a call, buy two around it that average its strike: c is convex in K, from the
                call of strike 0 on, which is worth 1
    vertical    buy a strike, sell a higher one: c may not rise in K, nor the put fall

Why not the density, Gatheral's g(k) >= 0 (Gatheral & Jacquier, Arbitrage-free SVI volatility
surfaces, 2014, lemma 2.2)? It needs two derivatives of w. On a grid whose steps differ by 1e4, as
that of cubes does, differences make densities up; convexity is exact for quotes on any grid.

Each quote is held against the best trade on it: for the butterfly that is its distance from the
lower convex hull of its maturity. Neighbours alone would not do: on a fine grid any three of them
are almost straight, however negative the density.

All gains are of trades in one option of the quote. Where no kind earns anything, no trade at all
does. Where some do, a trade of two kinds at once may earn more than either.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_finite, check_number, check_positive, check_shape
from tinyvae.finance.black_scholes import call, implied_variance, put

ROUNDING = 1e-6  # of a volatility. Features in float32 move one by 1e-7; no market quotes it
TINY = 1e-12  # the total variance that prices a quote whose own is not positive


@dataclass(frozen=True, eq=False)
class Arbitrage:
    """What was found at each quote, by kind: {name: (N, M, K)}, NaN where nothing is quoted.

    depth: the volatility by which the quote is off, 0 where it is not (0.01 is one volatility
    point). gain: what the best trade of the kind earns on one option, in units of the forward. The
    kind 'negative' is a total variance below 0, which has no price: its depth is sqrt(-w / T), its
    gain infinite.
    """

    depth: dict
    gain: dict

    def deepest(self, kind=None):
        """The depth (N,) of each surface, of one kind or of any."""
        return _largest(self.depth, kind)

    def most(self, kind=None):
        """The gain (N,) of the best trade on each surface, of one kind or of any."""
        return _largest(self.gain, kind)

    def free(self, kind=None, *, tolerance=ROUNDING, cost=0.0):
        """Which surfaces (N,) have no quote that is off by more than `tolerance` in volatility and
        on which a trade of the kind earns more than `cost` an option, in units of the forward."""
        check_number("tolerance", tolerance, at_least=0)
        check_number("cost", cost, at_least=0)
        kinds = self.depth if kind is None else (kind,)
        found = [(self.depth[name] > tolerance) & (self.gain[name] > cost) for name in kinds]
        return ~np.any(found, axis=(0, 2, 3))

    def where(self, kind):
        """(n, m, j): the surface, maturity and strike of the deepest arbitrage of that kind."""
        each = self.depth[kind]
        return tuple(map(int, np.unravel_index(np.nanargmax(each), each.shape)))


def _largest(found, kind):
    kinds = found if kind is None else (kind,)
    return np.max([np.nanmax(found[name], axis=(1, 2)) for name in kinds], axis=0)


def static_arbitrage(w, k, T):
    """The `Arbitrage` of surfaces w (N, M, K), total variances at maturities T (M,), in years, and
    log-moneyness k (K,), both increasing. NaN where nothing is quoted, at the same places in all.

    ValueError for wrong shapes, T or k that do not increase, quotes that are infinite or are not
    the same ones in every surface, and a maturity without any.
    """
    w, k, T = (np.asarray(each, float) for each in (w, k, T))
    quoted = _checked(w, k, T)
    priced = np.maximum(w, TINY)
    earlier = np.fmax.accumulate(priced, axis=1)  # the largest up to each maturity
    below = np.sqrt(np.maximum(-w, 0.0) / T[:, None])
    depth = {name: np.full(w.shape, np.nan) for name in ("calendar", "butterfly", "vertical")}
    depth, gain = depth | {"negative": below}, {name: each.copy() for name, each in depth.items()}
    gain["negative"] = np.where(below > 0.0, np.inf, below)
    for m, at in enumerate(quoted):
        found = _at_one_maturity(priced[:, m, at], earlier[:, m, at], k[at], T[m])
        for name, each in found.items():
            depth[name][:, m, at], gain[name][:, m, at] = each
    return Arbitrage(depth, gain)


def _checked(w, k, T):
    """Where there are quotes, (M, K)."""
    check_shape("w", w, ("N", len(T), len(k)))
    for name, grid in (("k", k), ("T", T)):
        check_finite(name, grid)
        if (np.diff(grid) <= 0).any():
            raise ValueError(f"{name} must increase")
    check_positive(T=T)
    quoted = ~np.isnan(w)
    if not len(w) or (quoted != quoted[:1]).any():
        raise ValueError("w must hold one surface or more, with NaN at the same places in all")
    if not quoted[0].any(axis=1).all():
        raise ValueError("w must have a quote at every maturity, but one has NaN alone")
    check_finite("w", w[:, quoted[0]])
    return quoted[0]


def _at_one_maturity(w, earlier, k, T):
    """{kind: (depth, gain)}, each (N, K), of quotes w (N, K) and the largest w before them."""
    price, butterfly, vertical = _prices(w, k)
    before = np.where(k < 0, put(k, earlier), call(k, earlier))
    found = {"calendar": (np.sqrt(earlier / T) - np.sqrt(w / T), before - price)}
    for name, fair in (("butterfly", butterfly), ("vertical", vertical)):
        dear, depth = fair < price, np.zeros_like(price)
        fair_w, possible = implied_variance(fair[dear], np.broadcast_to(k, w.shape)[dear])
        fair_w = np.where(possible, fair_w, 0.0)
        depth[dear] = np.maximum(np.sqrt(w[dear] / T) - np.sqrt(fair_w / T), 0.0)
        found[name] = depth, np.maximum(price - fair, 0.0)
    return found


def _prices(w, k):
    """(price, fair by butterflies, fair by vertical spreads), each (N, K), of the puts below k = 0
    and the calls above: there the prices of the others have lost their digits. c - p = 1 - K is a
    straight line, so one is convex where the other is, and their hulls differ by that line."""
    c, p, strikes = call(k, w), put(k, w), np.r_[0.0, np.exp(k)]
    below, above = np.zeros((len(w), 1)), np.ones((len(w), 1))  # the put and the call of strike 0
    hulls = (lower_hull(strikes, np.hstack(both))[:, 1:] for both in ((below, p), (above, c)))
    falls = np.minimum.accumulate(c, axis=1)  # no call may cost more than one of a lower strike
    rises = np.minimum.accumulate(p[:, ::-1], axis=1)[:, ::-1]
    line = -np.expm1(k)
    # Where no other strike is the bound the price stands for itself: parity would cost its digits.
    vertical = (
        np.where(falls < c, np.minimum(rises, falls - line), rises),
        np.where(rises < p, np.minimum(falls, rises + line), falls),
    )
    return (np.where(k < 0, *pair) for pair in ((p, c), hulls, vertical))


def lower_hull(x, y):
    """The largest convex function below the points (x_i, y_ni), at each x: (N, n).

    x (n,) increases; y (N, n). A point on the hull keeps its y. One scan from left to right, all
    rows at once: a point goes when it lies above the chord of its neighbours.
    Source: Andrew, Another efficient algorithm for convex hulls in two dimensions (1979).
    """
    rows, n = np.arange(len(y)), len(x)
    hull, top = np.zeros((len(y), n), int), np.zeros(len(y), int)  # the points kept, a row a stack
    for i in range(1, n):
        while True:
            a, b = hull[rows, top - 1], hull[rows, top]
            rise = (y[rows, b] - y[rows, a]) * (x[i] - x[a])
            above = (top > 0) & (rise > (y[:, i] - y[rows, a]) * (x[b] - x[a]))
            if not above.any():
                break
            top = top - above
        top = top + 1
        hull[rows, top] = i
    left, right = np.zeros((len(y), n), int), np.full((len(y), n), n - 1)
    for depth in range(int(top.max()) + 1):
        on = rows[depth <= top], hull[depth <= top, depth]
        left[on] = right[on] = on[1]
    left = np.maximum.accumulate(left, axis=1)
    right = np.minimum.accumulate(right[:, ::-1], axis=1)[:, ::-1]
    run = np.where(right > left, x[right] - x[left], 1.0)
    y_left, y_right = np.take_along_axis(y, left, 1), np.take_along_axis(y, right, 1)
    return y_left + (y_right - y_left) * (x - x[left]) / run
