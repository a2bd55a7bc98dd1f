"""Bernoulli(logits): x is 1 with probability sigmoid(logits), else 0.

Parameters are not checked, as this runs in every step of a training (see `gaussian.py`), nor is x:
the likelihood of the VAE takes any grey in [0, 1], and checks the data once.
"""

import math

import numpy as np

from tinyvae.backend import like
from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, undefined
from tinyvae.ops import chain, sigmoid, softplus

PARAMS = {"logits": "real"}
EVENT = 0
KIND = "none"
WHY = "x = 1[u < sigmoid(logits)] jumps: its derivative is 0 wherever there is one"
REFERENCE = ("bernoulli", (0.0,))

noise, mirror = noises.uniform, noises.reflect

rsample = undefined(
    "a Bernoulli draw has no path: it jumps from 0 to 1, its derivative in the logits is 0 where "
    "there is one, and the gradient is all in the jumps; use score_function, or an estimator made "
    "for it (DisARM, REBAR), or sum over both values"
)
implicit = rsample


def sample(logits, *, noise):
    """1 where noise < sigmoid(logits), else 0; `noise` uniform on (0, 1)."""
    s = sigmoid(logits)[0]
    return (noise < s).astype(s.dtype)


def log_prob(x, logits):
    """log p(x) = x log s + (1 - x) log(1 - s) with s = sigmoid(logits), which is x l - softplus(l).

    From the logits, never from a probability: log(s) of a rounded s is -inf where the true value
    is -800. With m = max(l, 0) it is computed as (x l - m) - log1p(e^(l - 2m)): for x in {0, 1}
    the bracket is exact, so nothing cancels, at any logit.

    x (...) in [0, 1]; logits broadcast against it; the result in nats, for each number apart.
    Gradients: None for x, which is discrete; dlogits = dy (x - s).
    """
    m = np.maximum(logits, 0.0)
    y = (x * logits - m) - np.log1p(np.exp(logits - 2.0 * m))
    return y, lambda dy: chain(dy, (None, *score(x, logits)), (x, logits))


def score(x, logits):
    """dlog p/dlogits = x - sigmoid(logits)."""
    return ((x - 0.5) - 0.5 * np.tanh(0.5 * logits),)  # sigmoid by its tanh, see ops.py


def entropy(logits):
    """H = softplus(l) - l sigmoid(l);  dH/dl = -l sigmoid(l) sigmoid(-l).

    Even in l, and computed at l <= 0, where nothing cancels.
    """
    low = logits - 2.0 * np.maximum(logits, 0.0)
    s = np.exp(low) / (1.0 + np.exp(low))
    return closed_form(softplus(low)[0] - low * s, (-logits * s * (1.0 - s),), (logits,))


def mean(logits):
    """E x = sigmoid(logits)."""
    return sigmoid(logits)


def variance(logits):
    """Var x = s (1 - s) with s = sigmoid(logits)."""
    s = sigmoid(logits)[0]
    return closed_form(s * (1.0 - s), (s * (1.0 - s) * (1.0 - 2.0 * s),), (logits,))


def kl(logits):
    """KL(Bernoulli(l) || Bernoulli(0)) = log 2 - H(l): the divergence from a fair coin."""
    H, vjp = entropy(logits)
    return math.log(2.0) - H, lambda dy: vjp(-dy)


def values(logits):
    """The two draws."""
    return like(np.array([0.0, 1.0]), logits)
