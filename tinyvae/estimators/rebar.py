"""REBAR: the score function, less the score function of a relaxed f, plus the path of that."""

import numpy as np

from tinyvae.estimators.arm import is_bernoulli
from tinyvae.estimators.baselines import cross_fit
from tinyvae.estimators.control_variates import best_coefficient
from tinyvae.estimators.estimator import Estimator, check_law, column, per_parameter
from tinyvae.ops import sigmoid, softplus

TAU = 0.5


def rebar(f, law, params, noise, *, tau=TAU, eta=1.0):
    """(f(b) - eta f(y~)) (b - s) + eta (d f(y)/dl - d f(y~)/dl) = A - eta C, with

        z = l + logit(u),  b = 1[z > 0],  y = sigmoid(z / tau),  s = sigmoid(l)
        z~ drawn anew, by v, given b,  y~ = sigmoid(z~ / tau).

    Approximates: the score function A = f(b) (b - s), with the control variate C of mean 0: by
    z~ the part of E[f(y) score] that b can see, by the paths the rest.
    Requires: Bernoulli with logits; f defined and differentiable on (0, 1), not only at its ends.
    noise: (S, *draw, 2) uniform numbers, u and v.
    Unbiased for every tau and eta, as E[C] = 0. Here neither is tuned: see `rebar_fitted`.
    Cost: three evaluations of f, two of them with the gradient.
    Source: Tucker et al., REBAR (2017), section 3.
    """
    A, C = _parts(f, law, params, noise, tau)
    return per_parameter((A - eta * C,), params)


def rebar_fitted(f, law, params, noise, *, tau=TAU):
    """REBAR with eta = E[A C] / E[C²], which minimises the variance of A - eta C, as E[C] = 0.

    Approximates, requires: as `rebar`; two samples at least. Unbiased: eta is fitted coordinate by
    coordinate, each half of the samples for the other (`baselines.cross_fit`).
    Cost: three evaluations of f. Source: Tucker et al. (2017), section 3.2, and cross-fitting.
    """
    A, C = _parts(f, law, params, noise, tau)
    return per_parameter(
        (cross_fit(best_coefficient, lambda eta, A, C: A - eta * C, A, C),), params
    )


def _parts(f, law, params, noise, tau):
    """A and C, number by number: (S, *draw)."""
    check_law(is_bernoulli, law, "rebar", "Bernoulli draws")
    (logits,) = params
    u, v = noise[..., 0], noise[..., 1]
    z = logits + np.log(u) - np.log1p(-u)
    b = (z > 0.0).astype(z.dtype)
    score = b - sigmoid(logits)[0]
    again, again_slope = given(b, logits, v)
    (_, slope), (relaxed, relaxed_slope) = _relaxed(f, z, tau), _relaxed(f, again, tau)
    return (
        column(f(b)[0], z) * score,
        column(relaxed, z) * score - slope + relaxed_slope * again_slope,
    )


def given(b, logits, v):
    """z~ = l + logit(u) for u uniform where it makes this b, and dz~/dl at fixed b and v.

    Where b = 1, u is uniform on (1 - s, 1), and z~ = log(1 + v / ((1 - v) (1 - s))); where b = 0,
    -log(1 + (1 - v) / (v s)). As softplus(logit(v) + softplus(l)) and its mirror image it needs
    no s, which may be 0 in floating point, and has the sign that b says.
    """
    sign = 2.0 * b - 1.0
    inner, inner_vjp = softplus(sign * logits)
    outer, outer_vjp = softplus(sign * (np.log(v) - np.log1p(-v)) + inner)
    return sign * outer, outer_vjp(1.0)[0] * inner_vjp(1.0)[0]


def _relaxed(f, z, tau):
    """f(y) (S,) and df(y)/dz (S, *draw) at y = sigmoid(z / tau)."""
    y, y_vjp = sigmoid(z / tau)
    value, f_vjp = f(y)
    (dy,) = f_vjp(np.ones_like(value))
    return value, y_vjp(dy)[0] / tau


def two_uniforms(law, rng, shape):
    """u and v, for every number of a draw."""
    return law.noise(rng, (*shape, 2))


def three_evaluations(law, params):
    return 3


ESTIMATORS = tuple(
    Estimator(
        name,
        fn,
        admits=is_bernoulli,
        needs_slope=True,
        noise=two_uniforms,
        cost=three_evaluations,
    )
    for name, fn in (("REBAR", rebar), ("REBAR, fitted eta", rebar_fitted))
)
