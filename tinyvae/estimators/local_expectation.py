"""Local expectation gradients: each coordinate summed exactly, the others at their draws."""

import numpy as np

from tinyvae.estimators.enumeration import has_values
from tinyvae.estimators.estimator import Estimator, check_law, per_parameter


def local_expectation(f, law, params, noise):
    """g_i = sum over the values v of f(z with z_i = v) dp_i(v)/dparam_i, z a draw.

    Approximates: E over the other coordinates of the sum over coordinate i, which is exact.
    Requires: a law of one parameter with finitely many values, coordinates that are independent.
    Unbiased. It is the score function with z_i integrated out (Rao-Blackwell), so its variance is
    never larger; of a single coordinate it is 0, and so it is wherever f is a sum over coordinates.
    Cost: N n evaluations of f for n coordinates of N values.
    Source: Titsias & Lázaro-Gredilla, Local Expectation Gradients (2015), section 3.
    """
    check_law(has_values, law, "local_expectation", "laws with finitely many values")
    z = law.sample(*params, noise=noise)
    batch = z.shape[1 : z.ndim - law.EVENT]
    values = law.values(*params).astype(z.dtype)
    each = values.reshape(len(values), *[1] * len(batch), *values.shape[1:])
    each = np.broadcast_to(each, (len(values), *z.shape[1:]))
    (score,) = law.score(each, *params)
    p = np.exp(law.log_prob(each, *params)[0])
    dp = p.reshape(*p.shape, *[1] * law.EVENT) * score

    grad = np.empty_like(z)
    for i in np.ndindex(*batch):
        here = (slice(None), *i)
        y = np.stack([f(_changed(z, here, value))[0] for value in values], axis=1)
        grad[here] = y @ dp[here]
    return per_parameter((grad,), params)


def _changed(z, here, value):
    """z with `value` at the place `here`, in every sample."""
    changed = z.copy()
    changed[here] = value
    return changed


def all_values(law, params):
    """N n: for one-hot vectors, the number of their entries."""
    (param,) = params
    return np.size(param) * (1 if law.EVENT else len(law.values(*params)))


ESTIMATORS = (
    Estimator("local expectation", local_expectation, admits=has_values, cost=all_values),
)
