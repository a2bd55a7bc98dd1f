"""Geometric(logits): the failures before the first success of probability sigmoid(logits)."""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, undefined
from tinyvae.distributions.sets import check
from tinyvae.errors import check_counts
from tinyvae.ops import chain, softplus

PARAMS = {"logits": "real"}
EVENT = 0
KIND = "none"
WHY = "x = floor(E / softplus(logits)) is a staircase: its derivative is 0 on every step"
REFERENCE = ("geometric", (0.0,))

noise, mirror = noises.exponential, noises.reflect_exponential

rsample = undefined(
    "a Geometric draw has no path: it is a waiting time rounded down to a whole number, flat in "
    "the logits between its jumps, and the gradient is all in the jumps; use score_function with "
    "a baseline (its values are too many to sum over)"
)
implicit = rsample


def sample(logits, *, noise):
    """floor(E / softplus(l)) with noise E ~ Exp(1), since P(x >= k) = (1 - s)^k = e^(-k softplus).

    Above 2^53 (logits below -37) the draws are rounded, as all numbers are. ValueError where
    the draw overflows: at logits below -700 (float32: -80) the wait is longer than the largest
    number.
    """
    check(PARAMS, logits)
    with np.errstate(divide="ignore", over="ignore"):
        x = np.floor(noise / softplus(logits)[0])
    return _not_too_large(x, "draw", logits)


def log_prob(x, logits):
    """log p(x) = log s + x log(1 - s) = -softplus(-l) - x softplus(l), in nats; x = 0, 1, 2, ...

    The gradient of x is None: it is discrete. ValueError unless x is a count.
    """
    check(PARAMS, logits)
    check_counts(x=x)
    y = -softplus(-logits)[0] - x * softplus(logits)[0]
    return y, lambda dy: chain(dy, (None, *score(x, logits)), (x, logits))


def score(x, logits):
    """dlog p/dlogits = sigmoid(-l) - x sigmoid(l), each a slope of a softplus: all its digits."""
    check(PARAMS, logits)
    s, fail = softplus(logits)[1](1.0)[0], softplus(-logits)[1](1.0)[0]
    return (fail - x * s,)


def entropy(logits):
    """H = softplus(-l) + e^-l softplus(l), the entropy of a coin times the tosses 1 + e^-l.

    dH/dl = -e^-l softplus(l).
    """
    wait, up = mean(logits)[0], softplus(logits)[0]
    return closed_form(softplus(-logits)[0] + wait * up, (-wait * up,), (logits,))


def mean(logits):
    """E x = (1 - s)/s = e^-l. ValueError where it overflows."""
    check(PARAMS, logits)
    with np.errstate(over="ignore"):
        wait = _not_too_large(np.exp(-logits), "mean", logits)
    return closed_form(wait, (-wait,), (logits,))


def variance(logits):
    """Var x = (1 - s)/s² = w (1 + w) with w = e^-l;  dVar/dl = -w (1 + 2 w)."""
    wait = mean(logits)[0]
    with np.errstate(over="ignore"):
        slope = _not_too_large(-wait * (1.0 + 2.0 * wait), "variance", logits)
    return closed_form(wait * (1.0 + wait), (slope,), (logits,))


def kl(logits):
    """KL(Geometric(l) || Geometric(0)) = (1 + e^-l) log 2 - H(l)."""
    wait, (H, _) = mean(logits)[0], entropy(logits)
    excess = softplus(logits)[0] - math.log(2.0)
    return closed_form((1.0 + wait) * math.log(2.0) - H, (wait * excess,), (logits,))


def support(logits):
    """All counts: 0, 1, 2, ..."""
    return 0.0, math.inf


def _not_too_large(y, what, logits):
    if not np.isfinite(y).all():
        low = np.min(np.real(logits))
        kind = np.result_type(y)
        raise ValueError(f"the {what} of Geometric(logits) overflows {kind} at logits = {low}")
    return y
