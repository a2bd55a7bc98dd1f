"""Bernoulli(logits): x is 1 with probability sigmoid(logits), else 0.

No path leads from a sample back to the logits: x jumps. Its density is what we differentiate.
"""

import numpy as np

from tinyvae.ops import sigmoid, sum_to


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

    def vjp(dy):
        return None, sum_to(dy * (x - sigmoid(logits)[0]), np.shape(logits))

    return y, vjp


def mean(logits):
    """E x = sigmoid(logits), an array."""
    return sigmoid(logits)[0]


def sample(logits, *, noise):
    """1 where noise < sigmoid(logits), else 0; `noise` uniform on [0, 1) and of logits' shape."""
    return (noise < mean(logits)).astype(logits.dtype)
