"""Categorical(logits): one of K classes, class k with probability softmax(logits)_k.

A draw is a one-hot vector (..., K): it is a corner of the simplex, f may read it as such, and
`concrete.py` moves it inside.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import along_event, undefined
from tinyvae.distributions.sets import check
from tinyvae.ops import sum_to

PARAMS = {"logits": "real vector"}
EVENT = 1
KIND = "none"
WHY = "x = onehot(argmax(logits + g)) jumps: its derivative is 0 wherever there is one"
REFERENCE = ("categorical", (0.0,))  # a number stands for a vector of K of it: the uniform law

noise, mirror = noises.exponential, noises.reflect_exponential

rsample = undefined(
    "a Categorical draw has no path: it jumps from corner to corner of the simplex, and the "
    "gradient is all in the jumps; use score_function with a baseline, or sum over the classes "
    "(local_expectation, enumeration); concrete.py has a path, and a bias"
)
implicit = rsample


def sample(logits, *, noise):
    """onehot(argmax_k l_k - log E_k) with noise E ~ Exp(1), so that -log E is Gumbel noise.

    It is the race of K exponential clocks E_k / e^l_k: the first to ring is k with probability
    softmax(l)_k. Source: Gumbel (1954); Maddison et al., A* Sampling (2014), section 3.
    """
    check(PARAMS, logits)
    raced = logits - np.log(noise)
    first = raced.argmax(axis=-1)[..., None]
    return (np.arange(raced.shape[-1], like=raced) == first).astype(raced.dtype)


def log_prob(x, logits):
    """log p(x) = sum_k x_k log softmax(l)_k, in nats;  dlogits = dy (x - softmax(l)).

    x (..., K) one-hot, logits (..., K), the result (...). The gradient of x is None: it is
    discrete. ValueError unless x is one-hot.
    """
    check(PARAMS, logits)
    _check_one_hot(x, logits)
    log_p = log_softmax(logits if np.ndim(logits) else np.full(np.shape(x)[-1:], logits))

    def vjp(dy):
        return None, sum_to(along_event(dy) * (x - np.exp(log_p)), np.shape(logits))

    return (x * log_p).sum(axis=-1), vjp


def score(x, logits):
    """dlog p/dlogits = x - softmax(logits)."""
    check(PARAMS, logits)
    return (x - np.exp(log_softmax(logits)),)


def entropy(logits):
    """H = -sum_k p_k log p_k;  dH/dl_k = -p_k (log p_k + H)."""
    check(PARAMS, logits)
    log_p = log_softmax(logits)
    p = np.exp(log_p)
    H = -(p * log_p).sum(axis=-1)
    slope = -p * (log_p + H[..., None])
    return H, lambda dy: (along_event(dy) * slope,)


def mean(logits):
    """E x = softmax(logits) = p;  dl = p (dp - sum_k p_k dp_k)."""
    check(PARAMS, logits)
    p = np.exp(log_softmax(logits))
    return p, lambda dy: (p * (dy - (p * dy).sum(axis=-1, keepdims=True)),)


def variance(logits):
    """Var x_k = p_k (1 - p_k), a coordinate; between two coordinates it is -p_j p_k."""
    p, vjp = mean(logits)
    return p * (1.0 - p), lambda dy: vjp(dy * (1.0 - 2.0 * p))


def kl(logits):
    """KL(Categorical(l) || uniform on the K classes) = log K - H(l)."""
    H, vjp = entropy(logits)
    return math.log(logits.shape[-1]) - H, lambda dy: vjp(-dy)


def values(logits):
    """The K one-hot vectors, (K, K)."""
    return np.identity(logits.shape[-1], logits.dtype, like=logits)


def log_softmax(l):  # noqa: E741
    """l_k - log sum_j e^l_j over the last axis.

    With the largest, l_m, taken out of the sum as l_m + log1p(sum over j != m of e^(l_j - l_m)):
    nothing overflows, and the logarithm of a probability near 1 keeps its digits.
    """
    first = l.argmax(axis=-1)[..., None]
    largest = np.take_along_axis(l, first, axis=-1)
    others = np.where(np.arange(l.shape[-1], like=l) == first, 0.0, np.exp(l - largest))
    return (l - largest) - np.log1p(others.sum(axis=-1, keepdims=True))


def _check_one_hot(x, logits):
    K = np.shape(logits)[-1:] or np.shape(x)[-1:]
    if np.shape(x)[-1:] != K:
        raise ValueError(f"x must be one-hot vectors, (..., {K[0]}), but has shape {np.shape(x)}")
    if not (np.all((x == 0.0) | (x == 1.0)) and np.all(x.sum(axis=-1) == 1.0)):
        raise ValueError("x must be one-hot vectors: one 1 in each, and zeros")
