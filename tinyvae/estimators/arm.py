"""ARM and DisARM: a pair of coupled coins for every coordinate, f at both, and no slope of f.

The pair comes from one uniform number u and its mirror image: b = 1[1 - u < s] and c = 1[u < s]
with s = sigmoid(l). Each is a Bernoulli(l), and they differ as often as they can.
"""

import numpy as np

from tinyvae.distributions import bernoulli
from tinyvae.estimators.estimator import (
    Estimator,
    check_law,
    column,
    per_parameter,
    two_evaluations,
)
from tinyvae.ops import sigmoid


def is_bernoulli(law):
    return law is bernoulli


def arm(f, law, params, noise):
    """(f(b) - f(c)) (u - 1/2): augment, reinforce, merge.

    Approximates: d/dl E[f] = E[f(1[u < s]) (1 - 2 u)], averaged over u and 1 - u.
    Requires: Bernoulli with logits; of f nothing.
    Unbiased. Where the pair agrees in all coordinates the estimate is 0.
    Cost: two evaluations of f.
    Source: Yin & Zhou, ARM: Augment-REINFORCE-Merge Gradient (2019), theorem 1.
    """
    b, c = _pair("arm", law, params, noise)
    difference = f(b)[0] - f(c)[0]
    return per_parameter((column(difference, noise) * (noise - 0.5),), params)


def disarm(f, law, params, noise):
    """(f(b) - f(c)) (-1)^c 1[b != c] sigmoid(|l|) / 2, the mean of ARM given b and c.

    Approximates, requires: as ARM, of which it integrates out what of u the pair does not tell
    (Rao-Blackwell), so that its variance is never larger. Unbiased.
    Cost: two evaluations of f.
    Source: Dong, Mnih & Tucker, DisARM (2020), section 3; Yin et al., U2G (2020).
    """
    b, c = _pair("disarm", law, params, noise)
    difference = 0.5 * (f(b)[0] - f(c)[0])
    larger = sigmoid(np.abs(params[0]))[0]
    # (-1)^c 1[b != c] is b - c.
    return per_parameter((column(difference, noise) * (b - c) * larger,), params)


def _pair(name, law, params, noise):
    check_law(is_bernoulli, law, name, "Bernoulli draws")
    return law.sample(*params, noise=law.mirror(noise)), law.sample(*params, noise=noise)


ESTIMATORS = (
    Estimator("ARM", arm, admits=is_bernoulli, cost=two_evaluations),
    Estimator("DisARM", disarm, admits=is_bernoulli, cost=two_evaluations),
)
