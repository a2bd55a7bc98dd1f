"""Which z makes what was seen? Fitting data through the decoder, by its hand-written gradient.

    misfit(z) = -log p(x | z) - log p(z) = sum_d weight_d (x_d - out_d(z))² / 2 + prior |z|² / 2

in nats, up to a constant, with weight = 1 / error² for numbers that are known within an error, and
0 for those that were not seen. Its minimum is the most probable z (MAP, maximum a posteriori). The
prior term matters where little is seen: it keeps z where the decoder has been trained. Where all is
seen, and well, it is outweighed. It asks for codes that are distributed as the prior says, mean 0
and variance 1: see codes.py.

The encoder answers the same question at once, for data of which everything is seen: it has no way
to be told that a number is missing. It was trained to be right on average over the data; the fit
is to be right for this one. The misfit of a deep decoder has more than one minimum, so z is sought
from several places, all as one batch: the encoder's answer, if there is one, and draws from the
prior. In float64 whatever the model was trained in.
"""

from dataclasses import dataclass, field

import numpy as np

from tinyvae.distributions import bernoulli
from tinyvae.errors import check_count, check_finite, check_number, check_shape
from tinyvae.likelihoods import Gaussian
from tinyvae.optim import Adam

RATES = 0.1, 1e-5  # of Adam, in prior sigma: the first, and the one at which it stops
EVERY, LITTLE, FALL = 50, 0.01, 0.3  # where so many steps gained less than a hundredth, it falls
AGREE = 0.01  # nats: two z as probable as each other, for all that the data say


def misfit(z, *, vae, theta, x, weights, prior=1.0):
    """sum_d weight_d (x_d - out_d)² / 2 + prior |z|² / 2: z (B, Z) to nats (B,); `vjp` gives dz.

    Of a Bernoulli decoder the first term is the sum of -weight_d log p(x_d | out_d), and weights
    are 1 for what was seen. x, weights (B, D). With r = x - out:
    dout = -dy weight r,  dz = dout through the decoder + dy prior z.
    """
    out, decode_vjp = vae.decode(theta, z)
    if isinstance(vae.px, Gaussian):
        r = x - out
        each, slope = 0.5 * r * r, -r
    else:
        each, slope = -bernoulli.log_prob(x, out)[0], -bernoulli.score(x, out)[0]

    def vjp(dy):
        _, dz = decode_vjp(dy[:, None] * weights * slope)
        return (dz + dy[:, None] * prior * z,)

    return (weights * each).sum(axis=1) + 0.5 * prior * (z * z).sum(axis=1), vjp


@dataclass(frozen=True, eq=False)
class Fit:
    """z (N, Z) of the lowest misfit (N,), in nats, and the same of all R starts: every_z (N, R, Z),
    every_misfit (N, R). slope (N,): the norm of the gradient that is left. steps: done by Adam;
    settled: whether it stopped because no misfit fell any more."""

    every_z: np.ndarray = field(repr=False)
    every_misfit: np.ndarray = field(repr=False)
    slope: np.ndarray = field(repr=False)
    steps: int
    settled: bool

    @property
    def best(self):
        """The start that came lowest: (N,)."""
        return self.every_misfit.argmin(axis=1)

    @property
    def z(self):
        return self.every_z[np.arange(len(self.best)), self.best]

    @property
    def misfit(self):
        return self.every_misfit.min(axis=1)

    @property
    def agreeing(self):
        """The part of the starts that came within AGREE nats of the best: (N,)."""
        return (self.every_misfit <= self.misfit[:, None] + AGREE).mean(axis=1)


def fit_latents(
    vae, theta, x, *, rng, weights=None, starts=None, restarts=4, prior=1.0, steps=3000
):
    """The z that make x (N, D) most probable: a `Fit`.

    weights (D,) or (N, D), at least 0: 1 / error² of each number, 0 where x is not known, which may
    then be NaN; None takes all as seen, with the decoder's own variance. starts (N, Z), or None:
    where to begin, beside `restarts` draws from N(0, I) by the Generator `rng`. prior: the weight
    of |z|² / 2, 0 for the best fit whatever its z. Adam takes at most so many steps, less if all
    starts have settled before.

    TypeError or ValueError for wrong shapes, weights below 0, numbers that are not finite.
    """
    check_shape("x", x, ("N", vae.data))
    check_count("restarts", restarts, at_least=int(starts is None))
    check_count("steps", steps)
    prior = check_number("prior", prior, at_least=0)
    check_finite("theta", theta)
    theta, N = theta.astype(np.float64), len(x)
    x, weights = _seen(vae, theta, np.asarray(x, float), weights)
    z = rng.standard_normal((N, restarts, vae.latent))
    if starts is not None:
        starts = np.asarray(starts, float)
        check_shape("starts", starts, (N, vae.latent))
        check_finite("starts", starts)
        z = np.concatenate([starts[:, None], z], axis=1)
    many = z.shape[1]
    problem = {"vae": vae, "theta": theta, "prior": prior}
    problem |= {"x": np.repeat(x, many, axis=0), "weights": np.repeat(weights, many, axis=0)}
    z, values, slope, taken, settled = _descend(z.reshape(N * many, -1), problem, steps)
    values, slope = values.reshape(N, many), slope.reshape(N, many)
    slope = slope[np.arange(N), values.argmin(axis=1)]
    return Fit(z.reshape(N, many, -1), values, slope, taken, settled)


def _seen(vae, theta, x, weights):
    """x with 0 where its weight is 0, and weights (N, D), both float64."""
    if weights is None:
        weights = np.ones(vae.data)
        if isinstance(vae.px, Gaussian):
            weights = np.exp(-vae.px.logvar(vae.layout.views(theta), x)[0]) * weights
    weights = np.asarray(weights, float)
    if weights.shape != x.shape:
        check_shape("weights", weights, (vae.data,))
    check_finite("weights", weights)
    if (weights < 0).any():
        raise ValueError(f"weights must be at least 0, but one is {weights.min():g}")
    weights = np.broadcast_to(weights, x.shape)
    x = np.where(weights > 0, x, 0.0)
    vae.check(x)
    return x, weights


def _descend(z, problem, steps):
    """(z (B, Z), misfit (B,), norm of its gradient (B,), steps done, settled), by Adam.

    Each row is a problem of its own, with a rate of its own: Adam treats every number apart. The
    rate falls where EVERY steps brought little; of all z on the way each row keeps its lowest.
    """
    adam, rate = Adam(beta2=0.99), np.full(len(z), RATES[0])
    best, lowest = z.copy(), np.full(len(z), np.inf)
    slope, before = lowest.copy(), lowest.copy()
    step = 0
    while True:
        values, vjp = misfit(z, **problem)
        (dz,) = vjp(np.ones_like(values))
        better = values < lowest
        best[better], lowest[better] = z[better], values[better]
        slope[better] = np.sqrt((dz[better] ** 2).sum(axis=1))
        if step and step % EVERY == 0:
            rate[before - lowest <= LITTLE * np.abs(lowest)] *= FALL
            before = lowest.copy()
        settled = bool((rate < RATES[1]).all())
        if settled or step == steps:
            return best, lowest, slope, step, settled
        adam.lr = rate[:, None]
        adam.step(z, dz)
        step += 1
