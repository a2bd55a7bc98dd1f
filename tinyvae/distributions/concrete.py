"""Concrete(logits, temperature), or Gumbel-softmax: a Categorical moved inside the simplex.

Where the Categorical takes the argmax of l + g, it takes the softmax of (l + g)/temperature. At a
low temperature a draw is all but one-hot, and its smaller entries are exactly 0 in floating point:
then work with log y, by `log_rsample` and `log_prob_of_log`.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.categorical import log_softmax
from tinyvae.distributions.law import along_event, undefined, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import sum_to

PARAMS = {"logits": "real vector", "temperature": "positive number"}
EVENT = 1
KIND = "explicit"
WHY = "y = softmax((logits + g) / temperature) with Gumbel noise g: an argmax, softened"

noise, mirror = noises.gumbel, noises.reflect_gumbel

_NO_INTEGRAL = (
    "the {} of a Concrete has no closed form: it is an integral over the simplex; {}; average over "
    "draws of `rsample`, whose path gives the gradient too"
)
mean = undefined(
    _NO_INTEGRAL.format("mean", "it is not softmax(logits), which is that of the Categorical")
)
variance = undefined(_NO_INTEGRAL.format("variance", "only the density is closed"))
entropy = undefined(_NO_INTEGRAL.format("entropy", "average -log_prob instead"))
kl = undefined(_NO_INTEGRAL.format("divergence", "average log q - log p instead"))


def log_rsample(logits, temperature, *, noise):
    """t = log y = log softmax(a), a = (l + g)/temperature, with Gumbel noise g (..., K).

    logits (..., K), temperature (...). With y = e^t:
    da = dt - y sum_k dt_k,  dl = da/temperature,  dtemperature = -sum_k da_k a_k/temperature.
    """
    check(PARAMS, logits, temperature)
    tau = along_event(temperature)
    with np.errstate(over="ignore"):
        a = (logits + noise) / tau
    check_inside(**{"(logits + noise)/temperature": a})
    t = log_softmax(a)

    def vjp(dt):
        dl = (dt - np.exp(t) * dt.sum(axis=-1, keepdims=True)) / tau
        dtau = -(dl * a).sum(axis=-1)
        return sum_to(dl, np.shape(logits)), sum_to(dtau, np.shape(temperature))

    return t, vjp


def rsample(logits, temperature, *, noise):
    """y = e^t with t = log_rsample(...): softmax((l + g)/temperature), and dt = dy y.

    ValueError unless temperature > 0. Source: Maddison, Mnih & Teh, The Concrete Distribution
    (2017), section 3; Jang, Gu & Poole, Categorical Reparameterization with Gumbel-Softmax (2017).
    """
    t, t_vjp = log_rsample(logits, temperature, noise=noise)
    y = np.exp(t)
    return y, lambda dy: t_vjp(dy * y)


sample = value_of(rsample)


def log_prob(x, logits, temperature):
    """The log-density at x, with respect to its first K - 1 entries: `log_prob_of_log(log x)`.

    x (..., K), positive, of sum 1 (which is not checked); the result (...), in nats.
    ValueError where an entry of x is 0 or less: at a low temperature that is rounding.
    """
    check(PARAMS, logits, temperature)
    y, vjp_of_log = log_prob_of_log(_log(x), logits, temperature)

    def vjp(dy):
        dt, *rest = vjp_of_log(dy)
        return dt / x, *rest

    return y, vjp


def log_prob_of_log(t, logits, temperature):
    """The log-density of y = e^t, read at t = log y, which is finite where y is 0:

    log (K-1)! + (K - 1) log tau + sum_k (l_k - (tau + 1) t_k) - K logsumexp(l - tau t).

    It is that of y, not of t: the two differ by sum_k t_k. Source: Maddison et al. (2017),
    definition 1.
    """
    check(PARAMS, logits, temperature)
    b = logits - along_event(temperature) * t
    K = b.shape[-1]
    log_w = log_softmax(b)  # b - logsumexp(b)
    y = math.lgamma(K) + (K - 1) * np.log(temperature) + (log_w - t).sum(axis=-1)

    def vjp(dy):
        dt, dlogits, dtemperature = _slopes(t, temperature, np.exp(log_w))
        dy_k = along_event(dy)
        return (
            sum_to(dy_k * dt, np.shape(t)),
            sum_to(dy_k * dlogits, np.shape(logits)),
            sum_to(dy * dtemperature, np.shape(temperature)),
        )

    return y, vjp


def score(x, logits, temperature):
    """dlog p/dlogits = 1 - K w with w = softmax(l - temperature log x), and
    dlog p/dtemperature = (K - 1)/temperature - sum_k (1 - K w_k) log x_k."""
    check(PARAMS, logits, temperature)
    t = _log(x)
    w = np.exp(log_softmax(logits - along_event(temperature) * t))
    return _slopes(t, temperature, w)[1:]


def _log(x):
    if np.any(np.real(x) == 0.0):
        raise ValueError(
            "the density of a Concrete at an entry that is 0: at this temperature e^t fell below "
            "the smallest number; take t = log y from `log_rsample`, and `log_prob_of_log(t, ...)`"
        )
    check_inside(x=x, above=0.0)
    return np.log(x)


def _slopes(t, temperature, w):
    """dlog p/dt, dlog p/dlogits, dlog p/dtemperature."""
    K = w.shape[-1]
    dlogits = 1.0 - K * w
    dt = -1.0 - along_event(temperature) * dlogits
    return dt, dlogits, (K - 1) / temperature - (dlogits * t).sum(axis=-1)
