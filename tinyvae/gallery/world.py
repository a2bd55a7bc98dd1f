"""Where the gallery trains: linear-Gaussian models, whose best answer is known.

    p(z) = N(0, I),   p(x | z) = N(z W, tau² I)

The data x (B, D) have covariance W'W + tau² I to the last digit, so that the decoder is the best
there is, and the encoder is trained towards its posterior. The best bound is a closed form:

    elbo                the rows of W are orthogonal: q can be the posterior, the bound log p(x)
    learned variance    the same; tau² is learned, too, and log p(x) is highest at the true one
    importance-weighted the same decoder with its latents turned by 45°: they are correlated in the
                        posterior, a diagonal q falls short of it, and samples make up for a part;
                        what the right code reaches there is the best

The bound is a quadratic in the noise, so that its mean over all noise is the mean over the corners
(±1, ±1), which are handed to the code as if they were its draws; that of the importance-weighted
bound is a quadrature.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tinyvae.models import ppca
from tinyvae.models.linear_gaussian import LinearGaussian
from tinyvae.models.quadrature import noise_grid

LATENT, HIDDEN = 2, 2
ENCODER = ("T", "M", "b", "L", "c")  # the blocks of its weights
LR = 0.1  # of the plain gradient descent, for the mean over the batch
START = 5  # the seed of the first weights: one at which no ReLU is dead from the start
NODES = 6  # of the quadrature, for each latent of each sample


@dataclass(frozen=True)
class Setting:
    """A model, its data, and how long to train."""

    name: str
    eigenvalues: tuple  # of the covariance of the data; the last is tau²
    examples: int
    steps: int
    lr: float
    samples: int = 1
    turned: bool = False
    learned: tuple = ENCODER
    start: float | None = None  # of logtau2; None: the true one

    @cached_property
    def x(self):
        return ppca.data_with(self.eigenvalues, self.examples, np.random.default_rng(0))

    @cached_property
    def optimum(self):
        """The best linear VAE for the data: its `bound` is the highest mean log p(x)."""
        return ppca.fit(self.x, LATENT)

    @cached_property
    def W(self):
        turn = np.array([[1.0, 1.0], [-1.0, 1.0]]) / np.sqrt(2.0)
        return turn @ self.optimum.W if self.turned else self.optimum.W

    @property
    def weighted(self):
        return self.samples > 1

    def model(self, logtau2=None):
        """The decoder as a LinearGaussian; logtau2 None: with the true variance."""
        tau2 = self.optimum.variance if logtau2 is None else np.exp(float(logtau2))
        return LinearGaussian(self.W, np.zeros(self.x.shape[1]), float(np.sqrt(tau2)))

    def params(self):
        """A start for the encoder, the same for every mistake, and logtau2."""
        rng, D = np.random.default_rng(START), self.x.shape[1]
        logtau2 = np.log(self.optimum.variance) if self.start is None else self.start
        return {
            "T": rng.standard_normal((D, HIDDEN)) / np.sqrt(D),
            "M": 0.5 * rng.standard_normal((HIDDEN, LATENT)),
            "b": np.zeros(LATENT),
            "L": 0.1 * rng.standard_normal((HIDDEN, LATENT)),
            "c": np.zeros(LATENT),
            "logtau2": np.array(logtau2),
        }

    @property
    def best(self):
        """The highest mean bound, where it is a closed form; None for the importance-weighted."""
        return None if self.weighted else self.optimum.bound

    @cached_property
    def corners(self):
        """eps (4, B, Z): of equal weight, with the mean and the covariance of N(0, I)."""
        corners = np.array(list(itertools.product((-1.0, 1.0), repeat=LATENT)))
        return corners[:, None].repeat(self.examples, axis=1)

    @cached_property
    def batch(self):
        """(x (B, D), eps (S, B, Z), weights (B,)) that average over the noise exactly.

        The corners are S draws for each example. The places of a quadrature have unequal weights:
        each example is there once for every place, and the mean of the weights is 1.
        """
        if not self.weighted:
            return self.x, self.corners, np.ones(self.examples)
        eps, weights = noise_grid(self.samples, LATENT, NODES)
        x = np.tile(self.x, (len(weights), 1))
        return x, eps.repeat(self.examples, axis=1), (weights * len(weights)).repeat(self.examples)


SETTINGS = {
    each.name: each
    for each in (
        Setting("elbo", (2.0, 1.0, 0.5), 12, 1000, LR),
        Setting(
            "learned variance",
            (2.0, 1.0, 0.5),
            12,
            1000,
            LR,
            learned=(*ENCODER, "logtau2"),
            start=0.5,
        ),
        Setting("importance-weighted", (4.0, 0.6, 0.5), 4, 600, 0.6 * LR, samples=2, turned=True),
    )
}
