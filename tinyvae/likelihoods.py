"""p(x | z): how a decoder's output becomes a density over the data.

A likelihood is the last layer of the model: `log_px, vjp = likelihood(params, out, x=x)` sums the
log-density over the D numbers of each example, x and out (B, D) to nats (B,), or out (S, B, D) to
(S, B). It may own parameters, as layers do; `start(x)` says where these, and the output, best
start for data x.
"""

import math
from types import MappingProxyType

import numpy as np

from tinyvae.distributions import bernoulli, gaussian
from tinyvae.errors import check_finite, check_number, unknown

TINY = 1e-12  # a variance for data that have none


class Bernoulli:
    """Binary data; the decoder puts out logits (B, D). Data in [0, 1]."""

    shapes = MappingProxyType({})

    def start(self, x):
        """out (D,) of the best constant, the logit of each pixel's mean, and no parameters.

        One success and one failure are added to the counts: no pixel is then certain.
        """
        mean = (x.sum(axis=0) + 1.0) / (len(x) + 2.0)
        return np.log(mean / (1.0 - mean)), {}

    def __call__(self, params, out, *, x):
        log_px, log_px_vjp = bernoulli.log_prob(x, out)

        def vjp(dy):
            _, dout = log_px_vjp(dy[..., None])
            return {}, dout

        return log_px.sum(axis=-1), vjp

    def mean(self, params, out):
        return bernoulli.mean(out)[0]

    def draw(self, params, out, *, noise):
        """Data (B, D) drawn with `noise` (B, D) from the uniform law on [0, 1)."""
        return bernoulli.sample(out, noise=noise)

    def noise(self, rng, shape):
        return rng.random(shape)

    def check(self, x):
        """ValueError unless every number of x is in [0, 1]."""
        check_finite("x", x)
        low, high = float(np.min(x)), float(np.max(x))
        if low < 0 or high > 1:
            raise ValueError(
                f"x must be in [0, 1] for a Bernoulli likelihood, but spans [{low:g}, {high:g}]: "
                "scale it, or use the likelihood 'gaussian' or 'gaussian-learned'"
            )


class Gaussian:
    """Real data with one standard deviation for all numbers; the decoder puts out means (B, D)."""

    shapes = MappingProxyType({})

    def __init__(self, scale):
        self.scale = check_number("scale", scale, above=0)

    def start(self, x):
        """out (D,) of the best constant, the mean, and no parameters."""
        return x.mean(axis=0), {}

    def logvar(self, params, out):
        """The log-variance as an array that broadcasts against `out`, on the same device."""
        return np.full_like(out[:1, :1], 2.0 * math.log(self.scale))

    def __call__(self, params, out, *, x):
        log_px, log_px_vjp = gaussian.log_prob(x, out, self.logvar(params, out))

        def vjp(dy):
            _, dout, dlogvar = log_px_vjp(dy[..., None])
            return self.gradients(dlogvar), dout

        return log_px.sum(axis=-1), vjp

    def gradients(self, dlogvar):
        return {}

    def mean(self, params, out):
        return out

    def draw(self, params, out, *, noise):
        """Data (B, D) drawn with `noise` (B, D) from N(0, 1)."""
        return gaussian.sample(out, self.logvar(params, out), noise=noise)

    def noise(self, rng, shape):
        return rng.standard_normal(shape)

    def check(self, x):
        """ValueError unless x is finite."""
        check_finite("x", x)


class LearnedGaussian(Gaussian):
    """The same with the variance learned: one log-variance shared by all numbers, a parameter.

    One for all, because a variance of its own for every pixel has no optimum: on a pixel that is
    constant, as in the corner of a digit, the density grows without bound.
    """

    shapes = MappingProxyType({"likelihood.logvar": (1, 1)})

    def __init__(self):
        pass

    def start(self, x):
        """out (D,) of the best constant, the mean, and the variance that is left around it."""
        mean = x.mean(axis=0)
        return mean, {"likelihood.logvar": np.log(np.mean((x - mean) ** 2, keepdims=True) + TINY)}

    def logvar(self, params, out):
        return params["likelihood.logvar"]

    def gradients(self, dlogvar):
        return {"likelihood.logvar": dlogvar}


LIKELIHOODS = {
    "bernoulli": lambda scale: Bernoulli(),
    "gaussian": Gaussian,
    "gaussian-learned": lambda scale: LearnedGaussian(),
}


def likelihood(name, *, scale=1.0):
    """The likelihood of that name; `scale` is the fixed Gaussian's standard deviation.

    ValueError for an unknown name or a scale that is not positive.
    """
    if name not in LIKELIHOODS:
        raise unknown("likelihood", name, LIKELIHOODS)
    return LIKELIHOODS[name](scale)
