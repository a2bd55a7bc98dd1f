"""Finite differences of the sample: a gradient for those who derive nothing."""

import numpy as np

from tinyvae.estimators.estimator import Estimator

STEP = 0.01


def finite_differences(f, law, params, noise, *, step=STEP):
    """(f(z(param + h)) - f(z(param - h))) / 2h, both z from the same noise.

    h is `step`, times the parameter if it has to be positive; one number of a parameter is moved
    at a time, and of a Cholesky factor only the lower triangle.
    Approximates: (E f at param + h - E f at param - h) / 2h.
    Requires: a law whose noise has no parameter in it, which is every law here; of f nothing.
    Biased by h²/6 times the third derivative of E f in the parameter, whatever the law.
    Variance: where f and the path are smooth that of the pathwise estimator; at a jump, of f or of
    a discrete law, the difference is 1/2h with a chance of order h and else 0: of order 1/h. With
    fresh noise on the two sides it would be Var f / 2h² for every f.
    Cost: two evaluations of f for each number in the parameters.
    Source: Glasserman, Monte Carlo Methods in Financial Engineering (2003), section 7.1.
    """
    kinds = law.PARAMS.values()
    return tuple(
        _differences(f, law, params, k, noise, _step(kind, param, step), numbers(kind, param))
        for k, (kind, param) in enumerate(zip(kinds, params, strict=True))
    )


def _differences(f, law, params, k, noise, h, places):
    """Those in the numbers of the k-th parameter at these places, (S, *shape); elsewhere 0."""

    def value(move):
        there = params[k] + move
        return f(law.sample(*params[:k], there, *params[k + 1 :], noise=noise))[0]

    grad = None
    for i in places:
        move = np.zeros_like(h)
        move[i] = h[i]
        slope = (value(move) - value(-move)) / (2.0 * h[i])
        grad = np.zeros_like(slope, shape=(len(slope), *h.shape)) if grad is None else grad
        grad[(slice(None), *i)] = slope
    return grad


def _step(kind, param, step):
    """h for each number of the parameter."""
    return np.zeros_like(param) + step * (param if kind.startswith("positive") else 1.0)


def numbers(kind, param):
    """The places of the numbers that may be moved."""
    return [i for i in np.ndindex(np.shape(param)) if kind != "cholesky" or i[-2] >= i[-1]]


def two_a_parameter(law, params):
    kinds = law.PARAMS.values()
    return 2 * sum(len(numbers(kind, p)) for kind, p in zip(kinds, params, strict=True))


ESTIMATORS = (
    Estimator(
        "finite differences",
        finite_differences,
        unbiased=f"its bias is of order h², the square of the step, here {STEP:g}",
        cost=two_a_parameter,
    ),
)
