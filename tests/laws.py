"""What the tests of the laws share: settings of the parameters, and sums that trust no law.

`nodes(law, params)` are points x and weights w with sum(w f(x)) ~ the integral of f over the
support: panels of Gauss and Legendre for numbers, a grid for vectors, the values themselves for
discrete laws. `Numbers` adds the CDF, by integrating the density that the law claims.
"""

import functools
import math

import numpy as np

from tinyvae.checks import Draw
from tinyvae.distributions.law import draw_shape, offers
from tinyvae.errors import Undefined

N = 20_000  # draws of the statistical tests
SIGMAS = 5.0  # and what they allow: 6e-7 of false alarms

# -- Settings of the parameters

SMALL = {"real": -4.0, "positive": 0.3, "gap": 0.05}
LARGE = {"real": 6.0, "positive": 9.0, "gap": 30.0}
SETTINGS, MORE_SETTINGS = range(5), range(5, 15)  # see `settings`


def parameters(law, seed=0, D=None):
    """From the sets that the law names, as the gradient checks draw them: of one draw."""
    D = D or event_size(law)
    drawn = Draw(np.random.default_rng(seed), D=D).parameters(law)
    return drawn if law.EVENT else tuple(np.ravel(param)[0][()] for param in drawn)


@functools.cache
def event_size(law):
    """3 for points of a simplex, discrete or not, 2 for other vectors: what can be summed over."""
    if not law.EVENT:
        return 1
    drawn = Draw(np.random.default_rng(0), D=3).parameters(law)
    z = law.sample(*drawn, noise=law.noise(np.random.default_rng(0), (9, 3)))
    return 3 if np.allclose(z.sum(axis=-1), 1.0) else 2


def extreme(law, at):
    """Each parameter at the small or the large end of its set; vectors mix both ends."""
    D, params = event_size(law), []
    for kind in law.PARAMS.values():
        stem, _, shape = kind.partition(" ")
        if kind == "above low":
            params.append(params[-1] + at["gap"])
        elif kind == "cholesky":
            params.append(np.diag(np.linspace(0.5, at["positive"], D)) + np.tri(D, k=-1))
        elif stem not in at:
            return parameters(law, seed=99)
        elif shape == "vector":
            params.append(np.linspace(0.5, at[stem], D))
        else:
            params.append(np.float64(at[stem]))
    return tuple(params)


@functools.cache
def settings(law):
    """Three at random, two at the ends of the sets, and ten further out, for the slow tests."""
    ends = [extreme(law, SMALL), extreme(law, LARGE)]
    far = [legal(law, seed, spread=0.8) for seed in range(10)]
    return [*(parameters(law, seed) for seed in (1, 2, 3)), *ends, *far]


def legal(law, seed, spread):
    """Parameters `spread` times as wide as a unit normal, or its exponential."""
    rng = np.random.default_rng(seed)
    params = []
    for kind, start in zip(law.PARAMS.values(), parameters(law, seed), strict=True):
        stray = np.asarray(spread * rng.standard_normal(np.shape(start)))[()]
        if kind in {"real", "real vector"}:
            params.append(stray)
        elif kind.startswith("positive"):
            params.append(np.exp(stray))
        elif kind == "above low":
            params.append(params[-1] + np.exp(stray))
        else:
            params.append(start)
    return tuple(params)


# -- Draws


@functools.cache
def _noise(law, shape, seed):
    noise = law.noise(np.random.default_rng(seed), shape)
    noise.flags.writeable = False
    return noise


def noise_of(law, params, count=N, seed=0):
    """Noise of `count` draws, the same for all settings."""
    return _noise(law, (count, *draw_shape(law, params)), seed)


@functools.cache
def draws(law, setting):
    """N draws at a setting, (N, event)."""
    params = settings(law)[setting]
    z = law.sample(*params, noise=noise_of(law, params))
    z.flags.writeable = False
    return z


def rounded(law, params, z):
    """Whether each draw has been rounded to an end of its support, where there is no density."""
    tiny = np.finfo(z.dtype).tiny
    if discrete(law):
        return np.zeros(len(z), bool)
    if law.EVENT:
        return event_size(law) == 3 and (z < tiny).any(axis=-1)
    low, high = law.support(*params)
    return (z <= low) | (z >= high) | ((low == 0.0) & (z < tiny))


def standard_errors(values, expected, axis=0):
    """How many standard errors the mean of `values` is from `expected`, the worst of them."""
    se = values.std(axis=axis) / math.sqrt(values.shape[axis])
    gap = np.abs(values.mean(axis=axis) - expected)
    floor = 1e-12 * (1.0 + np.abs(expected))
    return float(np.max(np.maximum(gap - floor, 0.0) / np.maximum(se, 1e-300)))


# -- Integrals

GAUSS, WEIGHTS = np.polynomial.legendre.leggauss(24)
WIDEST = 2.0**200


def discrete(law):
    return offers(law, "values") or law.KIND == "none"


def one_dimensional(law):
    """A continuous number made from one number of noise: its path is then the only one."""
    noise = law.noise(np.random.default_rng(0), (3,)) if law.EVENT == 0 else None
    return law.EVENT == 0 and not discrete(law) and noise.shape == (3,)


@functools.cache
def circle(law):
    """Angles: the support is one turn, and the density goes on beyond it."""
    if law.EVENT or discrete(law) or not offers(law, "support"):
        return False
    low, high = law.support(*parameters(law))
    return abs(high - low - 2.0 * math.pi) < 1e-12


def density(law, x, params):
    with np.errstate(under="ignore"):
        return np.exp(law.log_prob(x, *params)[0])


@functools.cache
def integral(law, setting):
    """`nodes` at a setting."""
    return nodes(law, settings(law)[setting])


def nodes(law, params):
    """(x, w, p): points, weights, and the density at the points; sum(w p f) ~ E f."""
    x, w = _nodes(law, params)
    return x, w, density(law, x, params)


def _nodes(law, params):
    if offers(law, "values"):
        x = law.values(*params)
        return x, np.ones(len(x))
    if discrete(law):
        return counts(law, params)
    if law.EVENT == 0:
        line = Numbers(law, params)
        return line.x, line.w
    return simplex(law, params) if event_size(law) == 3 else plane(law, params)


def counts(law, params):
    """0, 1, 2, ... until the terms are below 1e-17 of a nat of anything."""
    last = 64.0
    while True:
        x = np.arange(last)
        logs = law.log_prob(x[-2:], *params)[0]
        if logs[-1] + 3.0 * math.log(last) < -40.0 and logs[-1] < logs[0]:
            return x, np.ones(len(x))
        last *= 2.0


class Numbers:
    """The line, half-line or interval of a continuous law of numbers, cut into panels.

    In t, where x = t, low + e^t or low + (high - low) / (1 + e^-t): the panels are finest where
    `typical` draws are, grow by half outwards, and end where the density is below e^-70, or
    further out where x leaves the floating-point numbers; they meet at the parameters, where
    there may be kinks.
    """

    def __init__(self, law, params, typical=None):
        self.law, self.params = law, params
        self.low, self.high = (float(end) for end in law.support(*params))
        if typical is None:
            typical = law.sample(*params, noise=noise_of(law, params, 400, seed=7))
        inside = typical[(typical > self.low) & (typical < self.high)]
        t = np.sort(self.to_t(inside))
        marks = np.quantile(t, np.linspace(0.1, 0.9, 17))
        step = max(marks[12] - marks[4], 1e-12) / 2.0
        out = step * 2.0 * (1.5 ** np.arange(400) - 1.0)
        out = out[out < WIDEST]
        edges = np.concatenate([marks[0] - out, marks, marks[-1] + out, self.kinks()])
        if self.low > -math.inf:
            far = 170.0 if self.high == math.inf else 45.0
            edges = edges[(edges > -700.0) & (edges < far)]
        edges = np.unique(edges)
        keep = np.flatnonzero(self.logs(edges) > -70.0)
        self.edges = edges[keep[0] : keep[-1] + 2]
        half = 0.5 * np.diff(self.edges)[:, None]
        t = 0.5 * (self.edges[1:] + self.edges[:-1])[:, None] + half * GAUSS
        slope, x, ok = self.at(t.ravel())
        weights = (half * WEIGHTS).ravel() * slope
        self.x, self.w = x[ok], weights[ok]
        mass = np.zeros(len(ok))
        mass[ok] = self.w * density(law, self.x, params)
        self.below = np.concatenate([[0.0], np.cumsum(mass.reshape(half.size, -1).sum(axis=1))])

    def logs(self, edges):
        """log of the mass of each panel, times x^4; far out, where a density may refuse, -inf."""
        slope, x, ok = self.at(0.5 * (edges[1:] + edges[:-1]))
        logs = np.full(len(x), -np.inf)
        middle = len(x) // 2
        for side in (range(middle, len(x)), range(middle - 1, -1, -1)):
            some = np.array([i for i in side if ok[i]])
            while len(some):
                try:
                    logs[some] = self.law.log_prob(x[some], *self.params)[0]
                    break
                except ValueError:
                    some = some[: -max(1, len(some) // 20)]
        with np.errstate(divide="ignore"):
            return logs + np.log(slope * np.diff(edges)) + 4.0 * np.log1p(np.abs(x))

    def kinks(self):
        values = np.array([0.0, *map(float, self.params)])  # at 0: that of a reference
        values = values[(values > self.low) & (values < self.high)]
        return self.to_t(values)

    def to_t(self, x):
        if self.low == -math.inf:
            return x
        with np.errstate(divide="ignore"):  # a draw may be rounded to an end
            if self.high == math.inf:
                return np.log(x - self.low)
            return np.log(x - self.low) - np.log(self.high - x)

    def at(self, t):
        """dx/dt, x, and whether x is a number inside the support."""
        if self.low == -math.inf:
            return np.ones_like(t), t, np.isfinite(t)
        if self.high == math.inf:
            return np.exp(t), self.low + np.exp(t), self.low + np.exp(t) > self.low
        width, s, r = self.high - self.low, 1.0 / (1.0 + np.exp(-t)), 1.0 / (1.0 + np.exp(t))
        x = np.where(t < 0.0, self.low + width * s, self.high - width * r)
        return width * s * r, x, (x > self.low) & (x < self.high)

    def cdf(self, z):
        """F(z) = the integral of the density up to z."""
        t = np.clip(self.to_t(z), self.edges[0], self.edges[-1])
        panel = np.clip(np.searchsorted(self.edges, t) - 1, 0, len(self.edges) - 2)
        left = self.edges[panel]
        half = 0.5 * (t - left)[..., None]
        inner = (left[..., None] + half + half * GAUSS).ravel()
        slope, x, ok = self.at(inner)
        mass = np.zeros(inner.shape)
        mass[ok] = slope[ok] * density(self.law, x[ok], self.params)
        return self.below[panel] + (half * WEIGHTS * mass.reshape(*half.shape[:-1], -1)).sum(-1)


def simplex(law, params, h=0.18, reach=25.0):
    """x1 = s, x2 = (1 - s) t in equal steps of the logits of s and t, which converge fastest."""
    z = law.sample(*params, noise=noise_of(law, params, 4000, seed=7))
    z = np.log(np.maximum(z, 1e-300))
    parts, weights = [], []
    for logit in (z[:, 0] - np.logaddexp(z[:, 1], z[:, 2]), z[:, 1] - z[:, 2]):
        far, step = reach * logit.std(), min(h * logit.std(), 0.5)
        a = logit.mean() + np.arange(-far, far, step)
        a = a[np.abs(a) < 690.0]
        parts.append((1.0 / (1.0 + np.exp(-a)), 1.0 / (1.0 + np.exp(a))))
        weights.append(parts[-1][0] * parts[-1][1] * step)
    (s, r), (t, u) = parts
    x = np.stack(np.broadcast_arrays(s[:, None], r[:, None] * t, r[:, None] * u), axis=-1)
    w = ((weights[0] * r)[:, None] * weights[1]).ravel()
    x, w = x.reshape(-1, 3)[w > 1e-300], w[w > 1e-300]
    some = law.log_prob(x, *params)[0] + np.log(w) > -100.0  # elsewhere a density may overflow
    return x[some], w[some]


def plane(law, params, h=0.3, reach=10.0):
    """Equal steps in the plane, along the axes that the draws have."""
    z = law.sample(*params, noise=noise_of(law, params, 4000, seed=7))
    L = np.linalg.cholesky(np.cov(z.T))
    step = np.arange(-reach, reach + h / 2.0, h)
    grid = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 2)
    return z.mean(axis=0) + grid @ L.T, np.full(len(grid), h * h * np.linalg.det(L))


# -- Derivatives


def five_point(fn, params, k, count, step, matrix=False):
    """d fn(*params) / d params[k], for every draw apart: (count, *shape of the parameter).

    fn maps parameters (count, *shape) to (count,). Of a matrix only the lower triangle is moved.
    """
    params = [np.array(np.broadcast_to(param, (count, *np.shape(param)))) for param in params]
    slope = np.zeros_like(params[k])
    for index in np.ndindex(slope.shape[1:]):
        if matrix and index[0] < index[1]:
            continue
        values = []
        for offset in (1, -1, 2, -2):
            moved = params[k].copy()
            h = np.broadcast_to(step, slope.shape)[(slice(None), *index)]
            moved[(slice(None), *index)] += offset * h
            values.append(fn(*params[:k], moved, *params[k + 1 :]))
        difference = 8.0 * (values[0] - values[1]) - (values[2] - values[3])
        slope[(slice(None), *index)] = difference / (12.0 * h)
    return slope


def steps(law, params, z):
    """A step for each parameter: small against it, and against the width of the law."""
    width = min(1.0, float(np.ptp(np.quantile(z, [0.25, 0.75]))))
    if discrete(law) or law.EVENT:
        width = 1.0
    return [
        1e-3 * (np.minimum(np.abs(param), 1.0) if kind.startswith("positive") else width)
        if kind != "cholesky"
        else 1e-3
        for kind, param in zip(law.PARAMS.values(), params, strict=True)
    ]


def maybe(fn, *args, **constants):
    """fn(...), or None where that does not exist."""
    try:
        return fn(*args, **constants)
    except Undefined:
        return None
