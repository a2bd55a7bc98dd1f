"""log p(x) from below, ever closer: the importance-weighted bound of any number of samples.

    L_k = E[log (1/k) sum over k draws of w],  w = p(x, z) / q(z | x),  z from q(z | x)

L_1 is the ELBO, L_k rises with k, and tends to log p(x), as E[w] = p(x). How far it still is below
depends on the spread of w, about Var(w / p(x)) / 2k.
Source: Burda et al., Importance Weighted Autoencoders (2016), theorem 1.
"""

import math

import numpy as np

from tinyvae.backend import backend_of, to_device, to_host
from tinyvae.errors import NotFinite, check_count

STREAM = 4  # of the seed: the noise of these draws
NUMBERS = 2**21  # in an array of the widest layer, at most: 8 MB in float32


def log_likelihood(vae, theta, x, *, samples=1000, seed=0):
    """An estimate from below of log p(x) (N,), nats, float64: the bound by so many samples.

    x (N, D). Memory does not grow with `samples`. ValueError for bad data or counts; NotFinite if
    a weight is.
    """
    return importance_bounds(vae, theta, x, samples=(samples,), seed=seed)[samples]


def importance_bounds(vae, theta, x, *, samples=(1, 10, 100, 1000), seed=0, batch=100):
    """{k: the bound by k samples (N,), nats, float64} for each k, all from the same draws.

    For each example max(samples) draws, in groups of k: the bound by k is the mean over the
    groups of log mean w, so that small k have little noise. The same seed and batch give the same
    draws, whatever k are asked for beside the largest. ValueError unless each k divides the
    largest; NotFinite if a weight is.
    """
    vae.check(x)
    check_count("seed", seed, at_least=0)
    if not isinstance(samples, (tuple, list)) or not samples:
        raise TypeError(f"samples must be numbers of samples, such as (1, 100), not {samples!r}")
    total = max(check_count("samples", k) for k in samples)
    for k in samples:
        if total % k:
            raise ValueError(f"samples: {k} must divide the largest, {total}, to fill whole groups")
    rng = np.random.default_rng([seed, STREAM])
    x = x.astype(theta.dtype, copy=False)
    parts = [x[i : i + batch] for i in range(0, len(x), check_count("batch", batch))]
    found = [_bounds(vae, theta, part, samples, total, rng) for part in parts]
    return {k: np.concatenate([bounds[k] for bounds in found]) for k in samples}


def _bounds(vae, theta, x, samples, total, rng):
    """The bounds of one batch, a chunk of draws after the other."""
    means = {k: _GroupMeans(k) for k in samples}
    for log_w in log_weights(vae, theta, x, total, rng, groups=samples):
        for mean in means.values():
            mean.add(log_w)
    return {k: mean.total / (total // k) for k, mean in means.items()}


def log_weights(vae, theta, x, total, rng, *, groups=()):
    """log w (draws, N), nats, float64, of one chunk of the `total` draws after the other.

    A chunk has as many draws as NUMBERS allows, and fills the groups, or whole parts of one.
    NotFinite if a weight is.
    """
    size = _chunk(groups, total, max(1, NUMBERS // (len(x) * widest(vae))))
    for done in range(0, total, size):
        draws = min(size, total - done)
        eps = rng.standard_normal((draws, len(x), vae.latent), dtype=theta.dtype)
        there = to_device((x, eps), backend_of(theta))
        with np.errstate(over="ignore", invalid="ignore"):
            log_w, _ = vae.log_weights(theta, x=there[0], eps=there[1])
        if not np.isfinite(log_w).all():
            raise NotFinite(
                "an importance weight is not finite: a posterior is wide, or a reconstruction far "
                "off, beyond what the dtype of theta holds"
            )
        yield to_host(log_w).astype(np.float64)


def widest(vae):
    """The numbers of an example in the widest layer, which decide what a draw takes in memory."""
    return max(vae.data, vae.latent, *vae.hidden)


def _chunk(samples, total, most):
    """The largest number of draws, up to `most`, that fits the groups: each k but the total is a
    multiple of it, or divides it."""
    smaller = [k for k in samples if k < total]
    return next(
        c for c in range(min(most, total), 0, -1) if all(k % c == 0 or c % k == 0 for k in smaller)
    )


class _GroupMeans:
    """The sum over groups of k draws of log mean w, with the group that is still open."""

    def __init__(self, k):
        self.k, self.count, self.total, self.open = k, 0, 0.0, None

    def add(self, log_w):
        """log_w (C, B): whole groups, or a part of one."""
        if len(log_w) > self.k:
            log_w = log_w.reshape(-1, self.k, log_w.shape[1])
            self.total = self.total + log_mean_exp(log_w, axis=1).sum(axis=0)
            return
        part = log_mean_exp(log_w, axis=0) + math.log(len(log_w))
        self.open = part if self.open is None else np.logaddexp(self.open, part)
        self.count += len(log_w)
        if self.count == self.k:
            self.total = self.total + self.open - math.log(self.k)
            self.count, self.open = 0, None


def log_mean_exp(log_w, axis):
    """log of the mean of w along an axis, from log w; no e^log w overflows."""
    largest = log_w.max(axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.exp(log_w - largest).mean(axis=axis))
