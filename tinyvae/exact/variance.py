"""The variance of estimators of d E F / dparam by quadrature, for any law of one number.

F(z) = sum_j f(z_j) over D independent numbers of one law; the gradient is that of one of them. With
n = D - 1, the moments below and a constant baseline b on F, the score function estimate
(F - b) s(z_1) has

    mean G,   variance B2 + 2 (n A1 - b) C + (n v + (n A1 - b)²) S2 - G²,
    which b* = n A1 + C / S2 makes smallest: with no baseline it grows like D², with b* like D.

The pathwise one, f'(z_1) dz_1/dparam, does not see the other numbers.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinyvae.distributions.law import offers
from tinyvae.errors import check_count
from tinyvae.exact.expectation import averages, landmarks, one_number, times_density
from tinyvae.exact.quadrature import Diverges, NotReached, pieces

FAINT = -600.0  # log of the density below which a tail is too light for a float64


@dataclass(frozen=True)
class Moments:
    """Of f and the score s of one parameter: A1 = E f, v = Var f, G = E f s, C = E f s²,
    B2 = E f² s², S2 = E s²."""

    A1: float
    v: float
    G: float
    C: float
    B2: float
    S2: float

    def optimal_baseline(self, D=1):
        """b* = n A1 + C / S2, the constant of least variance."""
        return (D - 1) * self.A1 + self.C / self.S2

    def variance(self, D=1, baseline=0.0, baseline_variance=0.0):
        """Of (F - b) s, with b = `baseline`, or random with that mean and a variance, and
        independent of z."""
        n, shift = D - 1, (D - 1) * self.A1 - baseline
        noise = n * self.v + shift * shift + baseline_variance
        terms = self.B2, 2.0 * shift * self.C, noise * self.S2, -(self.G**2)
        total, size = sum(terms), sum(map(abs, terms))
        return total if total > 1e-14 * size else 0.0  # rounding alone; of one coin b* leaves none

    def leave_one_out(self, D=1, draws=2):
        """Of the mean over K draws of (F_k - mean of the other F) s_k: each has a baseline of
        variance D v / (K - 1), and each two have the covariance G² / (K - 1)²."""
        each = self.variance(D, D * self.A1, D * self.v / (draws - 1))
        return (each + self.G**2 / (draws - 1)) / draws


def moments(f, law, params, parameter, *, breaks=(), rtol=1e-9):
    """The Moments of f and the score of that parameter, by its name, for a law of one number.

    By quadrature or summation. Diverges if one is infinite; errors as `expectation`.
    """
    params = tuple(np.asarray(p, dtype=float) for p in params)
    one_number(law, params, "the variance")
    i = list(law.PARAMS).index(parameter)
    options = {
        "what": f"the variance of the score function estimate of {parameter}",
        "rtol": rtol,
        "breaks": breaks,
    }
    (A1,) = averages(lambda z: (f(z)[0],), law, params, **options)

    def functions(z):
        y, s = f(z)[0], law.score(z, *params)[i]
        # What rounding leaves of a constant f has no variance that a quadrature could settle on.
        off = np.where(abs(y - A1) > 1e-13 * abs(A1), y - A1, 0.0)
        return off * off, y * s, y * s * s, (y * s) ** 2, s * s

    v, G, C, B2, S2 = averages(functions, law, params, **options)
    return Moments(*map(float, (A1, v, G, C, B2, S2)))


def with_optimal_baseline(m, D):
    """The variance with b*, from the Moments m."""
    return m.variance(D, m.optimal_baseline(D))


def variance_of_score(f, law, params, D=1, rule=Moments.variance, *, breaks=(), rtol=1e-9):
    """Of (F(z) - b) s(z_1), for each parameter; inf where it is infinite.

    rule(m, D): the variance from the Moments m, such as `with_optimal_baseline`; by itself that
    without a baseline. params: numbers. None for a parameter that has no score, or whose integrals
    did not reach the accuracy.
    """
    check_count("D", D)

    def variance(parameter):
        return rule(moments(f, law, params, parameter, breaks=breaks, rtol=rtol), D)

    return _each(variance, law, params)


def _each(variance, law, params):
    """variance(name) of each parameter with a score; inf where an integral diverges, None where it
    is not reached, or there is no score."""
    one_number(law, params, "the variance")
    some = law.sample(*params, noise=law.noise(np.random.default_rng(0), (1,)))
    found = []
    for parameter, score in zip(law.PARAMS, law.score(some, *params), strict=True):
        try:
            found.append(None if score is None else variance(parameter))
        except Diverges:
            found.append(np.inf)
        except NotReached:
            found.append(None)
    return tuple(found)


def velocity(law, z, params, *, rtol=1e-11):
    """dz/dparam at a fixed value of the CDF, for each parameter, in the shape of z.

    dz/dparam = -(1/p(z)) ∫ p s up to z = (1/p(z)) ∫ p s from z on, the score s = dlog p/dparam:
    as the CDF F(z; param) stays where it is, p dz + dF = 0. The shorter side is integrated.
    In one dimension every valid path has this velocity on average, given z, and an explicit one
    with one noise has it exactly. None for a parameter without a score; Undefined without any.
    NotReached where the density is below e^-600.
    """
    params = tuple(np.asarray(p, dtype=float) for p in params)
    z = np.asarray(z, dtype=float)
    one_number(law, params, "the velocity")
    log_p = law.log_prob(z, *params)[0]
    if not (log_p > FAINT).all():
        raise NotReached(f"the velocity is not found where the density is below e^{FAINT:g}")
    scores = law.score(z, *params)
    valid = [i for i, s in enumerate(scores) if s is not None]

    def rows(t):
        return times_density(lambda t: [law.score(t, *params)[i] for i in valid], law, params, t)

    marks = landmarks(law, params)
    low, high = map(float, law.support(*params))
    inside = np.unique(np.concatenate([z.ravel(), marks]))
    inside = inside[(low < inside) & (inside < high)]
    points = [low, *inside, high]
    try:
        parts = pieces(rows, points, scale=np.ptp(marks), rtol=rtol, what="the velocity")
    except Diverges as error:  # one of its pieces seems to, not what the caller asks for
        raise NotReached(f"the velocity was not found: {error}") from error
    below = np.cumsum(parts, axis=1)
    above = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
    at = np.searchsorted(inside, z)
    shorter = np.where(below[0, at] < 0.5, -below[1:, at], above[1:, at + 1]) / np.exp(log_p)
    found = dict(zip(valid, shorter, strict=True))
    return tuple(found.get(i) for i in range(len(scores)))


def path_moments(f, law, params, parameter, *, breaks=(), rtol=1e-7):
    """(mean, variance) of f'(z) dz/dparam for the parameter of that name, by quadrature.

    f' is taken from f's vjp. dz/dparam is the law's own implicit derivative, if it has one, and
    else the velocity, by quadrature too. A path with more than one noise (Student-t) has a speed
    that varies at a given z, and adds to this.
    """
    i = list(law.PARAMS).index(parameter)
    ends = [end for end in law.support(*params) if end != 0.0 and math.isfinite(end)]

    def inside(z):
        # Too few floats are beside an end that is not 0 to integrate over them; and nothing moves
        # there: a path that stays inside has a velocity of 0 at a fixed end.
        return np.all([abs(z - end) > 2.0**26 * np.spacing(abs(end)) for end in ends], axis=0)

    def functions(z):
        g = np.zeros_like(z)
        bulk = (law.log_prob(z, *params)[0] > FAINT) & inside(z)
        if bulk.any():
            y, vjp = f(z[bulk])
            g[bulk] = vjp(np.ones_like(y))[0] * _speed(law, z[bulk], params, i, 0.1 * rtol)
        return g, g * g

    what = f"the variance of the pathwise estimate of {parameter}"
    options = {
        "breaks": breaks,
        "rtol": rtol,
        "panels": 8_000 if offers(law, "implicit") else 2_000,
    }
    mean, square = averages(functions, law, params, what=what, **options)
    return float(mean), float(square - mean * mean)


def _speed(law, z, params, i, rtol):
    if offers(law, "implicit"):
        copies = [np.broadcast_to(np.asarray(p, dtype=float), z.shape) for p in params]
        return law.implicit(z, *copies)[1](np.ones_like(z))[1 + i]
    return velocity(law, z, params, rtol=rtol)[i]


def variance_of_path(f, law, params, *, breaks=(), rtol=1e-7):
    """Of f'(z) dz/dparam, for each parameter; inf where it is infinite.

    params: numbers. None for a parameter that has no score, or whose integral did not reach the
    accuracy; Undefined for a law without any score.
    """
    return _each(
        lambda name: path_moments(f, law, params, name, breaks=breaks, rtol=rtol)[1], law, params
    )
