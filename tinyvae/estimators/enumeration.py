"""The exact sum over all draws that there are: no estimate at all, where it can be afforded."""

import math

import numpy as np

from tinyvae.backend import like
from tinyvae.distributions.law import draw_shape, offers
from tinyvae.estimators.estimator import Estimator, check_law, column

MOST = 2**20  # states that are summed
CHUNK = 2**12  # states that f is given at a time


def has_values(law):
    return offers(law, "values")


def states(law, params):
    """How many draws there are: the values of a coordinate, to the power of the coordinates."""
    return len(law.values(*params)) ** _coordinates(law, params)


def enumeration(f, law, params, noise):
    """sum over all z of f(z) dp(z)/dparam, with dp = p dlog p: the same for every sample.

    Approximates: nothing. d/dparam E[f(z)] = sum_z f(z) dp(z)/dparam is the gradient itself.
    Requires: a law with finitely many values (Bernoulli, Categorical); n independent coordinates
    of N values are N^n states. Of the noise only the number of samples is read.
    Unbiased, without variance.
    Cost: N^n evaluations of f, once for all samples. ValueError above 2^20.
    Source: the definition; it is the truth that the other estimators are held against.
    """
    check_law(has_values, law, "enumeration", "laws with finitely many values")
    count, grads = states(law, params), [0.0 for _ in params]
    if count > MOST:
        N, n = len(law.values(*params)), _coordinates(law, params)
        raise ValueError(
            f"enumeration would sum over {N}^{n} = {count} states, and sums over {MOST} at most: "
            "take local_expectation, whose cost is N n, or sample"
        )
    for start in range(0, count, CHUNK):
        z = _draws(law, params, np.arange(start, min(start + CHUNK, count)), noise.dtype)
        log_p, vjp = law.log_prob(z, *params)
        weights = f(z)[0] * np.exp(log_p.reshape(len(z), -1).sum(axis=1))
        _, *added = vjp(np.broadcast_to(column(weights, log_p), log_p.shape))
        grads = [grad + more for grad, more in zip(grads, added, strict=True)]
    return tuple(np.broadcast_to(grad, (len(noise), *np.shape(grad))) for grad in grads)


def _coordinates(law, params):
    """The independent draws in one: numbers, or vectors of a law of vectors."""
    shape = draw_shape(law, params)
    return math.prod(shape[: len(shape) - law.EVENT])


def _draws(law, params, which, dtype):
    """The draws of these numbers, counted as the digits of a number to the base N."""
    values = law.values(*params).astype(dtype)
    digits = which[:, None] // len(values) ** np.arange(_coordinates(law, params)) % len(values)
    return values[like(digits, values)].reshape(len(which), *draw_shape(law, params))


ESTIMATORS = (Estimator("enumeration", enumeration, admits=has_values, cost=states),)
