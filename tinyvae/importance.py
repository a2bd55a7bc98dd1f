"""log p(x) from below, ever closer: the importance-weighted bound of any number of samples.

    L_k = E[log (1/k) sum over k draws of w],  w = p(x, z) / q(z | x),  z from q(z | x)

L_1 is the ELBO, L_k rises with k, and tends to log p(x), as E[w] = p(x). How far it still is below
depends on the spread of w, about Var(w / p(x)) / 2k.
Source: Burda et al., Importance Weighted Autoencoders (2016), theorem 1.
"""

import math
from functools import reduce
from operator import add

import numpy as np

from tinyvae.backend import backend_of, to_device, to_host
from tinyvae.errors import NotFinite, check_count
from tinyvae.ranks import ALONE

STREAM = 4  # of the seed: the noise of these draws
NUMBERS = 2**21  # in an array of the widest layer, at most: 8 MB in float32


def log_likelihood(vae, theta, x, *, samples=1000, seed=0, ranks=ALONE):
    """An estimate from below of log p(x) (N,), nats, float64: the bound by so many samples.

    x (N, D). Memory does not grow with `samples`. ValueError for bad data or counts; NotFinite if
    a weight is.
    """
    return importance_bounds(vae, theta, x, samples=(samples,), seed=seed, ranks=ranks)[samples]


def importance_bounds(vae, theta, x, *, samples=(1, 10, 100, 1000), seed=0, batch=100, ranks=ALONE):
    """{k: the bound by k samples (N,), nats, float64} for each k, all from the same draws.

    For each example max(samples) draws, in groups of k: the bound by k is the mean over the
    groups of log mean w, so that small k have little noise. The same seed and batch give the same
    draws, whatever k are asked for beside the largest. ranks: who shares the draws, each with a
    stream of its own; all have the bounds. ValueError unless each k divides the largest; NotFinite
    if a weight is not.
    """
    vae.check(x)
    check_count("seed", seed, at_least=0)
    if not isinstance(samples, (tuple, list)) or not samples:
        raise TypeError(f"samples must be numbers of samples, such as (1, 100), not {samples!r}")
    total = max(check_count("samples", k) for k in samples)
    for k in samples:
        if total % k:
            raise ValueError(f"samples: {k} must divide the largest, {total}, to fill whole groups")
    rng = ranks.stream(np.random.default_rng([seed, STREAM]))
    x = x.astype(theta.dtype, copy=False)
    parts = [x[i : i + batch] for i in range(0, len(x), check_count("batch", batch))]
    found = [_bounds(vae, theta, part, samples, total, rng, ranks) for part in parts]
    return {k: np.concatenate([bounds[k] for bounds in found]) for k in samples}


def _bounds(vae, theta, x, samples, total, rng, ranks):
    """The bounds of one batch, a chunk of draws after the other."""

    def share():
        draws = _chunks(vae, len(x), total, samples, ranks)
        means = {k: _GroupMeans(k, draws.start) for k in samples}
        for log_w in log_weights(vae, theta, x, total, rng, groups=samples, ranks=ranks):
            for mean in means.values():
                mean.add(log_w)
        return means

    found = ranks.together(share)
    whole = {k: reduce(add, (one[k] for one in found)) for k in samples}
    return {k: mean.total / (total // k) for k, mean in whole.items()}


def log_weights(vae, theta, x, total, rng, *, groups=(), ranks=ALONE):
    """log w (draws, N), nats, float64, of one chunk after the other of this rank's share of the
    `total` draws.

    A chunk has as many draws as NUMBERS allows, and fills the groups, or whole parts of one.
    NotFinite if a weight is not.
    """
    chunks = _chunks(vae, len(x), total, groups, ranks)
    for done in chunks:
        draws = min(chunks.step, total - done)
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


def _chunks(vae, examples, total, groups, ranks):
    """The first draws of this rank's chunks, a range whose step is their size. Where ranks share,
    the chunks are small enough to leave each about the same number of them."""
    most = NUMBERS // (examples * widest(vae))
    if ranks.size > 1:
        most = min(most, total // (4 * ranks.size))
    starts = range(0, total, _chunk(groups, total, max(1, most)))
    return starts[ranks.share(len(starts))]


def _chunk(samples, total, most):
    """The largest number of draws, up to `most`, that fits the groups: each k but the total is a
    multiple of it, or divides it."""
    smaller = [k for k in samples if k < total]
    return next(
        c for c in range(min(most, total), 0, -1) if all(k % c == 0 or c % k == 0 for k in smaller)
    )


class _GroupMeans:
    """The sum over groups of k draws of log mean w, with the groups that are still open: those of
    {number: (draws, log of the sum of their w)}.

    start: the number of the first draw. Those of other ranks, `+`, bring what a group lacks.
    """

    def __init__(self, k, start=0):
        self.k, self.next, self.total, self.open = k, start, 0.0, {}

    def add(self, log_w):
        """log_w (C, B): whole groups, or a part of one."""
        group = self.next // self.k
        self.next += len(log_w)
        if len(log_w) > self.k:
            log_w = log_w.reshape(-1, self.k, log_w.shape[1])
            self.total = self.total + log_mean_exp(log_w, axis=1).sum(axis=0)
        else:
            self._put(group, len(log_w), log_mean_exp(log_w, axis=0) + math.log(len(log_w)))

    def _put(self, group, draws, part):
        if group in self.open:
            before, log_sum = self.open.pop(group)
            draws, part = before + draws, np.logaddexp(log_sum, part)
        if draws == self.k:
            self.total = self.total + part - math.log(self.k)
        else:
            self.open[group] = draws, part

    def __add__(self, other):
        both = _GroupMeans(self.k)
        both.total, both.open = self.total + other.total, dict(self.open)
        for group, part in other.open.items():
            both._put(group, *part)
        return both


def log_mean_exp(log_w, axis):
    """log of the mean of w along an axis, from log w; no e^log w overflows."""
    largest = log_w.max(axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.exp(log_w - largest).mean(axis=axis))
