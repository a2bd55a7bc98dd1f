"""BinaryConcrete(logits, temperature): a Bernoulli moved inside (0, 1).

Where the Bernoulli asks whether l + g > 0, with logistic noise g, it takes the sigmoid of
(l + g)/temperature. At a low temperature a draw is exactly 0 or 1 in floating point: then work
with a = log(y/(1 - y)), by `logit_rsample` and `log_prob_of_logit`.
"""

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import undefined, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain, softplus

PARAMS = {"logits": "real", "temperature": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "y = sigmoid((logits + g) / temperature) with logistic noise g: a coin, softened"

noise, mirror = noises.logistic, noises.negate

_NO_INTEGRAL = (
    "the {} of a BinaryConcrete has no closed form, only its density and the median "
    "sigmoid(logits / temperature) have{}; average over draws, or integrate over (0, 1)"
)
mean = undefined(_NO_INTEGRAL.format("mean", ", and it is not sigmoid(logits)"))
variance = undefined(_NO_INTEGRAL.format("variance", ""))
entropy = undefined(_NO_INTEGRAL.format("entropy", ""))
kl = undefined(_NO_INTEGRAL.format("divergence", ""))


def logit_rsample(logits, temperature, *, noise):
    """a = (l + g)/temperature, the logit of y, with logistic noise g;  da/dl = 1/temperature,
    da/dtemperature = -a/temperature. ValueError unless temperature > 0."""
    check(PARAMS, logits, temperature)
    with np.errstate(over="ignore"):
        a = (logits + noise) / temperature
    check_inside(**{"(logits + noise)/temperature": a})
    slopes = 1.0 / temperature, -a / temperature
    return a, lambda da: chain(da, slopes, (logits, temperature))


def rsample(logits, temperature, *, noise):
    """y = sigmoid(a) with a = logit_rsample(...), and da = dy y (1 - y).

    Both y = e^-softplus(-a) and y (1 - y) keep all their digits in the tails.
    Source: Maddison, Mnih & Teh, The Concrete Distribution (2017), appendix B.
    """
    a, a_vjp = logit_rsample(logits, temperature, noise=noise)
    log_y, log_rest = -softplus(-a)[0], -softplus(a)[0]
    return np.exp(log_y), lambda dy: a_vjp(dy * np.exp(log_y + log_rest))


sample = value_of(rsample)


def log_prob(x, logits, temperature):
    """The log-density at x in (0, 1), in nats: `log_prob_of_logit(log x - log(1 - x))`.

    da/dx = 1/(x (1 - x)). ValueError where x is 0 or 1: at a low temperature that is rounding.
    """
    check(PARAMS, logits, temperature)
    y, vjp_of_logit = log_prob_of_logit(_logit(x), logits, temperature)

    def vjp(dy):
        da, *rest = vjp_of_logit(dy)
        return da / (x * (1.0 - x)), *rest

    return y, vjp


def log_prob_of_logit(a, logits, temperature):
    """The log-density of y = sigmoid(a), read at its logit a, finite where y is 0 or 1:

    log tau + d - 2 softplus(d) - log y - log(1 - y) with d = l - tau a.

    It is that of y, not of a: the two differ by log y + log(1 - y). Source: Maddison et al.
    (2017), appendix B.
    """
    check(PARAMS, logits, temperature)
    d = logits - temperature * a
    # d - 2 softplus(d) is even in d, and so written as -softplus(d) - softplus(-d).
    inside = -softplus(d)[0] - softplus(-d)[0]
    y = np.log(temperature) + inside + softplus(a)[0] + softplus(-a)[0]

    def vjp(dy):
        dlogits, dtemperature = _score(a, logits, temperature)
        da = np.tanh(0.5 * a) - temperature * dlogits
        return chain(dy, (da, dlogits, dtemperature), (a, logits, temperature))

    return y, vjp


def score(x, logits, temperature):
    """dlog p/dlogits = -tanh(d/2) and dlog p/dtemperature = 1/temperature + a tanh(d/2), with
    a = log x - log(1 - x) and d = logits - temperature a."""
    check(PARAMS, logits, temperature)
    return _score(_logit(x), logits, temperature)


def _logit(x):
    if np.any((np.real(x) == 0.0) | (np.real(x) == 1.0)):
        raise ValueError(
            "the density of a BinaryConcrete at 0 or 1: at this temperature the draw was rounded "
            "to an end; take a from `logit_rsample`, and `log_prob_of_logit(a, ...)`"
        )
    check_inside(x=x, above=0.0, below=1.0)
    return np.log(x) - np.log1p(-x)


def _score(a, logits, temperature):
    bend = np.tanh(0.5 * (logits - temperature * a))
    return -bend, 1.0 / temperature + a * bend


def support(logits, temperature):
    """The open interval."""
    return 0.0, 1.0
