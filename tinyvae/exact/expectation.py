"""E f(z) of one draw z of a law, without a random number: a sum or a quadrature.

    values offered        sum over all of them; of independent numbers, shape (D,), over all N^D
    counts 0, 1, 2, ...   a sum that goes on until what is left is below 1e-17 of it
    numbers               quadrature of f(z) p(z) over the support

Every sum takes the probabilities along: unless they add up to 1 something was missed, and that is
an error. f is an integrand, `y, vjp = f(z)`, as everywhere (`tinyvae/integrands.py`).
"""

import itertools
from functools import partial

import numpy as np

from tinyvae.distributions.law import draw_shape, name_of, offers
from tinyvae.distributions.sets import check
from tinyvae.errors import Undefined
from tinyvae.exact.quadrature import NotReached, integrate

ALL = 2**20  # draws that are enumerated at most
COUNTS = 2**26  # counts that are summed at most
CUT = 1e-290  # below it a density has lost digits, and is multiplied as a logarithm


def expectation(f, law, params, *, breaks=(), rtol=1e-12):
    """E f(z), z ~ law(*params): a float.

    params: numbers; of a law with values also arrays (D,), for D independent numbers or a vector.
    breaks: kinks and steps of f, if known. ArithmeticError (`NotReached`, `Diverges`) where the
    accuracy is not reached or there is no expectation; Undefined for a law it cannot be summed for.
    """
    return float(averages(lambda z: (f(z)[0],), law, params, breaks=breaks, rtol=rtol)[0])


def averages(functions, law, params, *, what="the expectation", rtol=1e-12, **options):
    """[E g(z) for each array g of the tuple functions(z)], with g (n, ...) for n draws z.

    options: of `integrate`. Errors as `expectation`, with `what` it is.
    """
    params = tuple(np.asarray(p, dtype=float) for p in params)
    check(law.PARAMS, *params)
    if offers(law, "values"):
        z, p = enumeration(law, params)
        found, mass = [np.tensordot(p, g, axes=1) for g in functions(z)], p.sum()
    else:
        one_number(law, params, f"{what}, where the values are not few,")
        rows = partial(times_density, functions, law, params)
        if law.KIND == "none":
            mass, *found = _summed(rows, law, params, what)
        else:
            mass, *found = _integrated(rows, law, params, rtol=rtol, what=what, **options)
    if not abs(mass - 1.0) <= max(1e-9, 100.0 * rtol):
        raise NotReached(
            f"{what}: the probabilities of {name_of(law)} add up to {mass:.10g}, not 1"
        )
    return found


def one_number(law, params, what):
    """Undefined unless a draw is one number."""
    shape = draw_shape(law, params)
    if law.EVENT or shape:
        raise Undefined(
            f"{what} is for a draw of one number, not of shape {shape} of {name_of(law)}"
        )


def enumeration(law, params):
    """All the draws (N, ...) and their probabilities (N,)."""
    z = law.values(*params)
    if law.EVENT:
        if len(draw_shape(law, params)) > law.EVENT:
            raise Undefined("one vector is enumerated, not a batch of them")
        return z, np.exp(law.log_prob(z, *params)[0])
    shape = draw_shape(law, params)
    count = len(z) ** int(np.prod(shape))
    if count > ALL:
        raise Undefined(f"{len(z)} values of each number of shape {shape} are too many to sum over")
    z = np.array(list(itertools.product(z, repeat=int(np.prod(shape))))).reshape(count, *shape)
    return z, np.exp(law.log_prob(z, *params)[0].reshape(count, -1).sum(axis=1))


def times_density(functions, law, params, z):
    """Rows (1 + R, n): the density p(z), and each function times it.

    0 where the density is below e^-1500, and the functions are not asked: no float could change
    that. Where it has lost digits, the product is made of logarithms: it may be no small number.
    """
    with np.errstate(all="ignore"):
        log_p = _log_prob(law, params, z)
        there = log_p > -1500.0
        log_p, g = log_p[there], functions(z[there])
        g = np.stack(np.broadcast_arrays(np.ones_like(log_p), *g))
        p = np.exp(log_p)
        y = np.zeros((len(g), len(z)))
        y[:, there] = np.where(p > CUT, g * p, np.sign(g) * np.exp(np.log(np.abs(g)) + log_p))
    return y


def _log_prob(law, params, z):
    """log p(z), and -inf where the law refuses: far out, as where e^-z overflows in a Gumbel. (It
    is the check of the mass that makes sure of "far".) Finds the places by halving."""
    try:
        return law.log_prob(z, *params)[0]
    except Undefined:
        raise
    except ValueError:
        if len(z) == 1:
            return np.array([-np.inf])
        order = np.argsort(z)
        log_p = np.empty_like(z)
        for part in np.array_split(order, 2):
            log_p[part] = _log_prob(law, params, z[part])
        return log_p


def landmarks(law, params):
    """Three points of the support about the bulk of the mass: (10 %, 50 %, 90 %), roughly.

    The deciles of draws from a generator of their own. No result depends on them: they tell the
    quadrature where to look first.
    """
    noise = law.noise(np.random.default_rng(0), (101,))
    draws = np.sort(law.sample(*params, noise=noise))
    return draws[[10, 50, 90]]


def _integrated(rows, law, params, breaks=(), **options):
    marks = landmarks(law, params)
    low, high = map(float, law.support(*params))
    points = (*marks, *breaks)
    return integrate(rows, low, high, breaks=points, scale=np.ptp(marks), **options)[0]


def _summed(rows, law, params, what):
    first = int(law.support(*params)[0]) if offers(law, "support") else 0
    total, size, block = 0.0, 0.0, 256
    while first < COUNTS:
        y = rows(np.arange(first, first + block, dtype=float))
        added = np.abs(y).sum(axis=1)
        total, size = total + y.sum(axis=1), size + added
        if not np.isfinite(size).all():
            break
        if size[0] > 0.99 and (added <= 1e-17 * size).all():
            return total
        first, block = first + block, 2 * block
    raise NotReached(f"{what}: its sum over {name_of(law)} overflows or does not end: infinite?")
