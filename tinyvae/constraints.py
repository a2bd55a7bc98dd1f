"""Unconstrained parametrisations: from any real numbers into the set that a parameter lives in.

An optimiser steps anywhere on the real line, and a scale must stay positive. So one trains `raw`
and uses scale = softplus(raw): a differentiable function like any other, `y, vjp = positive(raw)`.
`from_positive` and its like go back, to find the raw numbers to start from; plain arrays.

`unconstrained(law)` is a law in such parameters. Path and score are both multiplied by the same
dparam/draw, so which of them has the lower variance is not changed by it, parameter by parameter.
"""

from functools import wraps
from types import ModuleType

import numpy as np

from tinyvae.distributions.law import name_of, offers
from tinyvae.errors import check_inside, check_positive
from tinyvae.ops import sigmoid, softplus, sum_to


def positive(raw):
    """y = log(1 + e^raw) > 0;  draw = dy sigmoid(raw). About raw where that is large, and e^raw
    where it is very negative; `ops.exp` is the choice where orders of magnitude matter, as for a
    log-variance."""
    return softplus(raw)


def from_positive(y):
    """raw = log(e^y - 1) = y + log(1 - e^-y), which does not overflow, nor lose a tiny y.

    ValueError unless y > 0.
    """
    check_positive(y=y)
    return y + np.log(-np.expm1(-y))


def unit_interval(raw):
    """y = sigmoid(raw), in (0, 1);  draw = dy y (1 - y)."""
    return sigmoid(raw)


def from_unit_interval(y):
    """raw = log y - log(1 - y), the logit. ValueError unless 0 < y < 1."""
    check_inside(y=y, above=0.0, below=1.0)
    return np.log(y) - np.log1p(-y)


def ordered(low, raw):
    """(low, high), high = low + softplus(raw);  dlow = dlow + dhigh, draw = dhigh sigmoid(raw)."""
    gap, gap_vjp = softplus(raw)

    def vjp(dy):
        dlow, dhigh = dy
        if dhigh is None:
            return None, None
        (draw,) = gap_vjp(sum_to(dhigh, np.shape(raw)))
        return None if dlow is None else dlow + sum_to(dhigh, np.shape(low)), draw

    return (low, low + gap), vjp


def from_ordered(low, high):
    """(low, raw)."""
    return low, from_positive(high - low)


def simplex(raw):
    """y_k = e^raw_k / sum_j e^raw_j, the softmax of the last axis;  draw = y (dy - sum_k y_k dy_k).

    A number added to all of raw changes nothing.
    """
    e = np.exp(raw - raw.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y, lambda dy: (y * (dy - (y * dy).sum(axis=-1, keepdims=True)),)


def from_simplex(y):
    """raw = log y, the one of many with the softmax's denominator 1. ValueError unless y > 0."""
    check_positive(y=y)
    return np.log(y)


def cholesky(raw):
    """L (..., D, D) of raw: what is below the diagonal as it is, softplus on it, 0 above."""
    on = np.identity(raw.shape[-1], bool, like=raw)
    size, size_vjp = softplus(raw)

    def vjp(dL):
        return (np.where(on, size_vjp(dL)[0], np.tril(dL, -1)),)

    return np.where(on, size, np.tril(raw, -1)), vjp


def from_cholesky(L):
    """raw, with 0 above the diagonal."""
    on = np.identity(L.shape[-1], bool, like=L)
    return np.where(on, from_positive(np.where(on, L, 1.0)), np.tril(L, -1))


def compose(outer, inner):
    """fn(*args, **constants) = outer(*inner(*args), **constants), and the way back through both.

    inner may return one array or a tuple of them; its vjp then gets a matching tuple of outer's,
    with None where outer is not differentiable. Where all are None, so are all gradients.
    """

    def composed(*args, **constants):
        middle, inner_vjp = inner(*args)
        several = isinstance(middle, tuple)
        y, outer_vjp = outer(*(middle if several else (middle,)), **constants)

        def vjp(dy):
            grads = outer_vjp(dy)
            if all(grad is None for grad in grads):
                return (None,) * len(args)
            return inner_vjp(grads if several else grads[0])

        return y, vjp

    return composed


def _real(raw):
    return raw, lambda dy: (dy,)


def _from_real(y):
    return y


# The set of a parameter: the function into it, the way back, and the set that raw is from.
# "above low" takes the parameter `low` as well, and is `ordered`.
SETS = {
    "real": (_real, _from_real, "real"),
    "real vector": (_real, _from_real, "real vector"),
    "real matrix": (_real, _from_real, "real matrix"),
    "real number": (_real, _from_real, "real number"),
    "positive": (positive, from_positive, "real"),
    "positive vector": (positive, from_positive, "real vector"),
    "positive number": (positive, from_positive, "real number"),
    "above low": (ordered, from_ordered, "real"),
    "cholesky": (cholesky, from_cholesky, "real matrix"),
}


def constrain(sets):
    """The function from raw numbers to the parameters of a law whose PARAMS are `sets`."""
    names = list(sets)
    into = [SETS[kind][0] for kind in sets.values()]
    low = names.index("low") if "low" in names else None

    def constrained(*raws):
        params, pulls = [], []
        for fn, raw in zip(into, raws, strict=True):
            y, pull = fn(params[low], raw) if fn is ordered else fn(raw)
            params.append(y[1] if fn is ordered else y)
            pulls.append(pull)

        def vjp(dparams):
            grads = list(dparams)
            for i, fn in reversed(list(enumerate(into))):
                if fn is ordered:
                    grads[low], grads[i] = pulls[i]((grads[low], grads[i]))
                elif grads[i] is not None:
                    (grads[i],) = pulls[i](grads[i])
            return tuple(grads)

        return tuple(params), vjp

    return constrained


def from_constrained(sets, *params):
    """The raw numbers of which `constrain(sets)` makes these parameters."""
    given = dict(zip(sets, params, strict=True))
    return tuple(
        from_ordered(given["low"], param)[1]
        if sets[name] == "above low"
        else SETS[sets[name]][1](param)
        for name, param in given.items()
    )


OF_PARAMETERS = ("entropy", "mean", "variance", "covariance", "kl")


def unconstrained(law):
    """The same law as a function of raw numbers: all that `distributions/law.py` says of a law.

    `unconstrained(normal).rsample(loc, raw, noise=eps)` is that of normal at softplus(raw), and its
    vjp gives draw. PARAMS keep their names and are "real". To start: `from_constrained(law.PARAMS,
    loc, scale)`. What the law does not have, this has not, and says why in the same words.
    """
    inner = constrain(law.PARAMS)

    def beside(x, *raws):
        """x as it is, and the parameters."""
        params, vjp = inner(*raws)
        return (x, *params), lambda grads: (grads[0], *vjp(grads[1:]))

    def value(name):
        def of_parameters(*raws, **constants):
            return getattr(law, name)(*inner(*raws)[0], **constants)

        return of_parameters

    def score(x, *raws):
        slopes = law.score(x, *inner(*raws)[0])
        # One raw number a draw: the way back then keeps the draws apart instead of summing them.
        shapes = [np.shape(raw if s is None else s) for raw, s in zip(raws, slopes, strict=True)]
        if not law.EVENT:
            shapes = [np.broadcast_shapes(*shapes)] * len(shapes)
        pairs = list(zip(raws, slopes, shapes, strict=True))
        _, vjp = inner(*(np.broadcast_to(raw, shape) for raw, _, shape in pairs))
        return vjp([None if s is None else np.broadcast_to(s, shape) for _, s, shape in pairs])

    made = {"score": score}
    made |= {name: value(name) for name in ("sample", "support", "values")}
    made |= {name: compose(getattr(law, name, None), beside) for name in ("log_prob", "implicit")}
    made |= {name: compose(getattr(law, name, None), inner) for name in ("rsample", *OF_PARAMETERS)}

    same = ModuleType(f"unconstrained {name_of(law)}", law.__doc__)
    same.law, same.PARAMS = law, {name: SETS[kind][2] for name, kind in law.PARAMS.items()}
    for name in ("EVENT", "KIND", "WHY", "REFERENCE", "PERIOD", "noise", "mirror"):
        if hasattr(law, name):
            setattr(same, name, getattr(law, name))
    for name, fn in made.items():
        if offers(law, name):
            setattr(same, name, wraps(getattr(law, name))(fn))
        elif hasattr(law, name):  # it refuses, and so does this
            setattr(same, name, getattr(law, name))
    return same
