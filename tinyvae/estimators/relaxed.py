"""The Concrete, or Gumbel-softmax, relaxation: differentiate another expectation, a smooth one."""

import numpy as np

from tinyvae.distributions import bernoulli, binary_concrete, categorical, concrete
from tinyvae.estimators.estimator import Estimator, check_law

TAU = 0.5

# law: (the law that softens it, from the noise of a draw to that of the softened draw)
SOFTENED = {
    bernoulli: (binary_concrete, lambda u: np.log1p(-u) - np.log(u)),
    categorical: (concrete, lambda E: -np.log(E)),
}


def has_relaxation(law):
    return law in SOFTENED


def soften(law, params, noise, tau):
    """The softened draw y (S, *draw), and its vjp to the logits, (S, *shape).

    Of the same noise as `law.sample`: that draw is y, rounded to 0 and 1. The vjp is sample by
    sample, so every sample is given logits of its own, all the same and not copied.
    """
    (logits,), (soft, translated) = params, SOFTENED[law]
    own = np.broadcast_to(logits, (len(noise), *np.shape(logits)))
    y, vjp = soft.rsample(own, tau, noise=translated(noise))
    return y, lambda dy: vjp(dy)[:1]


def relaxed(f, law, params, noise, *, tau=TAU):
    """f'(y) dy/dl at the softened draw y = softmax((l + g)/tau), or sigmoid((l + g)/tau).

    Approximates: d/dl E[f(y)], which is not d/dl E[f(x)] of the one-hot or binary x.
    Requires: Bernoulli or Categorical with logits; f defined and differentiable between the draws.
    Biased: towards 0 the temperature removes the bias, though not at every step of the way, and
    the variance grows as 1/tau.
    Cost: one evaluation of f and of its gradient.
    Source: Maddison, Mnih & Teh, The Concrete Distribution (2017); Jang, Gu & Poole,
    Categorical Reparameterization with Gumbel-Softmax (2017).
    """
    check_law(has_relaxation, law, "relaxed", "Bernoulli and Categorical draws")
    y, y_vjp = soften(law, params, noise, tau)
    value, f_vjp = f(y)
    return y_vjp(*f_vjp(np.ones_like(value)))


ESTIMATORS = (
    Estimator(
        "Concrete relaxation",
        relaxed,
        admits=has_relaxation,
        unbiased="biased: the gradient of f's mean at softened draws, right as tau goes to 0",
        needs_slope=True,
    ),
)
