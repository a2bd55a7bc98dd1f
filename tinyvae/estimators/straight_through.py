"""Straight-through: f at the hard draw, and a way back through something soft instead of the jump.

Both pretend: the forward pass and the backward pass belong to different functions.
"""

import numpy as np

from tinyvae.estimators.estimator import Estimator, check_law
from tinyvae.estimators.relaxed import TAU, has_relaxation, soften


def jumps(law):
    return law.KIND == "none"


def straight_through(f, law, params, noise):
    """f'(x) dm/dparam at the draw x, m = E[x]: as if dx/dm were 1.

    Approximates: for f linear in x, d/dparam E[f(x)] = f' dm/dparam, which is exact. For any
    other f it takes the slope of f where f had to be a difference.
    Requires: a discrete law; f differentiable at the draws, whose values between them it trusts.
    Biased: of f = x² of a coin the mean is 2 s ds/dl, and the truth is ds/dl.
    Cost: one evaluation of f and of its gradient.
    Source: Bengio, Léonard & Courville, Estimating or Propagating Gradients Through Stochastic
    Neurons (2013), after Hinton.
    """
    check_law(jumps, law, "straight_through", "discrete laws")
    own = [np.broadcast_to(param, (len(noise), *np.shape(param))) for param in params]
    mean_vjp = law.mean(*own)[1]
    return mean_vjp(_slope(f, law, params, noise))


def straight_through_gumbel(f, law, params, noise, *, tau=TAU):
    """f'(x) dy/dl, at the hard draw x, through the softened draw y of the same noise.

    Approximates: nothing; for f linear in x it is the relaxed estimate.
    Requires: Bernoulli or Categorical with logits; f differentiable at the draws.
    Biased, for a linear f too.
    Cost: one evaluation of f and of its gradient.
    Source: Jang, Gu & Poole (2017), section 2.2.
    """
    check_law(has_relaxation, law, "straight_through_gumbel", "Bernoulli and Categorical draws")
    _, y_vjp = soften(law, params, noise, tau)
    return y_vjp(_slope(f, law, params, noise))


def _slope(f, law, params, noise):
    """f'(x) (S, *draw) at the draws x."""
    y, f_vjp = f(law.sample(*params, noise=noise))
    return f_vjp(np.ones_like(y))[0]


ESTIMATORS = (
    Estimator(
        "straight-through",
        straight_through,
        admits=jumps,
        unbiased="biased, but for f linear in the draw",
        needs_slope=True,
    ),
    Estimator(
        "straight-through Gumbel",
        straight_through_gumbel,
        admits=has_relaxation,
        unbiased="biased: the slope belongs to another function than the value",
        needs_slope=True,
    ),
)
