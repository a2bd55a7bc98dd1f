"""A control variate from the slope of f: the delta method, for the score function estimator.

A baseline takes a constant away from f; this takes away a parabola, the Taylor expansion of f
about the mean of the law, and adds the gradient of its expectation, which is known.
"""

import numpy as np

from tinyvae.distributions.law import offers
from tinyvae.errors import Undefined
from tinyvae.estimators.baselines import cross_fit
from tinyvae.estimators.estimator import Estimator, column, has_score, scores

STEP = 0.01  # of the difference that gives the curvature, in standard deviations


def score_function_delta_method(f, law, params, noise, *, order=2, coefficient=1.0):
    """s(z) (f(z) - c h(z)) + c d/dparam E[h(z)] with the parabola

        h(z) = f(m) + sum_j [ f'_j (z_j - m_j) + f''_j (z_j - m_j)² / 2 ],   f', f'' at m = E z.

    As m is held still, E[h] moves with the parameters through the mean and the variances v alone:
        d/dparam E[h] = sum_j [ f'_j dm_j/dparam + (f''_j / 2) dv_j/dparam ],
    for a Normal f' in the location and f'' scale in the scale. `order` 1 leaves f'' out.
    `coefficient` is c, a number, or "fitted": of least variance for each coordinate, from the
    other half of the samples (as in `baselines.score_function_optimal_baseline`).

    Approximates, requires: as the score function; also the slope of f near the mean, and a law
    that has a mean and variances. The mixed second derivatives of f are left out.
    Unbiased, whatever numbers stand for f' and f'', if they are the same in both places: taking
    f'' from a central difference of the slope costs no bias.
    Variance: that of the score function for f - h. A separable quadratic f has none; where the
    parabola leaves f within the width of the law the variance can be larger than without it.
    Cost: one evaluation of f an estimate, and 1 + 2 D with their slopes once for all samples.
    Source: Paisley, Blei & Jordan, Variational Bayesian Inference with Stochastic Search (2012);
    Mohamed et al. (2020), section 7.4.
    """
    if order not in (1, 2):
        raise ValueError(f"order must be 1 or 2, not {order!r}")
    if isinstance(coefficient, str) and coefficient != "fitted":
        raise ValueError(f"coefficient must be a number or 'fitted', not {coefficient!r}")
    if hasattr(law, "PERIOD"):
        raise Undefined("a parabola in an angle does not close around the circle: use a baseline")
    (m, mean_vjp), (v, variance_vjp) = law.mean(*params), law.variance(*params)
    top, slope, curvature = taylor(f, m, v)
    curvature = curvature if order == 2 else np.zeros_like(slope)

    def parabola(z):
        off = z - m
        bend = off * (slope + 0.5 * curvature * off)
        return top + bend.reshape(len(z), -1).sum(axis=1)

    z = law.sample(*params, noise=noise)
    y, h, slopes = f(z)[0], parabola(z), scores(law, z, params)
    known = zip(mean_vjp(slope), variance_vjp(0.5 * curvature), strict=True)
    return tuple(
        None if s is None else controlled(y, h, s, by_mean + by_variance, coefficient)
        for s, (by_mean, by_variance) in zip(slopes, known, strict=True)
    )


def taylor(f, m, v):
    """f(m), f'_j and f''_j at the point m (*draw), for a law of variance v there.

    f''_j is the difference of the slopes at m_j +- h, h a hundredth of a standard deviation.
    """
    y, vjp = f(m[None])
    (slope,) = vjp(np.ones_like(y))
    h = STEP * np.sqrt(v).reshape(-1)
    moves = np.diag(h).reshape(m.size, *m.shape)
    y_both, vjp = f(np.concatenate([m + moves, m - moves]))
    (both,) = vjp(np.ones_like(y_both))
    up, down = both.reshape(2, m.size, m.size).diagonal(axis1=1, axis2=2)
    wide = np.where(h > 0.0, 2.0 * h, 1.0)  # a coordinate that cannot move has no curvature
    return y[0], slope[0], ((up - down) / wide).reshape(m.shape)


def controlled(y, h, s, known, coefficient):
    """y s - c (h s - known), with `known` = E[h s]."""
    if coefficient == "fitted":
        g, zero = column(y, s) * s, column(h, s) * s - known
        return cross_fit(best_coefficient, lambda c, g, zero: g - c * zero, g, zero)
    return column(y - coefficient * h, s) * s + coefficient * known


def best_coefficient(g, zero):
    """c = E[g zero] / E[zero²], which minimises the variance of g - c zero when E[zero] = 0."""
    square = (zero * zero).sum(axis=0)
    return (g * zero).sum(axis=0) / np.where(square > 0.0, square, 1.0)


def has_moments(law):
    # The moments of an angle are not those of a number, and a parabola has no period.
    moments = offers(law, "mean") and offers(law, "variance")
    return has_score(law) and moments and not hasattr(law, "PERIOD")


ESTIMATORS = (
    Estimator(
        "score function, delta method",
        score_function_delta_method,
        admits=has_moments,
        needs_slope=True,
    ),
)
