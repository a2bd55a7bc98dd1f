"""Probabilistic PCA: the optimum of the linear VAE, from the eigenvalues of the data.

Let l_1 >= l_2 >= ... be the eigenvalues of the covariance of the data (with 1/N) and u_i its
eigenvectors. With a decoder N(z W + b, sigma² I) latent k is worth its price, and active, if and
only if

    l_k > beta sigma²,

and the maximum of the beta-bound (beta in front of the KL), with e = beta sigma², is at

    b = mean,   W_k = sqrt(l_k - e) u_k',   V_k = u_k sqrt(l_k - e) / l_k,   d_k = e / l_k

for the active latents; the others are collapsed: W_k = 0, V_k = 0, d_k = 1, the prior. There is no
local maximum to get stuck in. A beta above 1 is to the optimum what more noise would be: that is
all that "posterior collapse" is here.

Sources: Tipping & Bishop, Probabilistic Principal Component Analysis (1999), equations 7 to 9;
Lucas, Tucker, Grosse & Norouzi, Don't Blame the ELBO! (2019), section 4.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_count, check_finite, check_number, check_shape
from tinyvae.models.linear_gaussian import LOG_2PI, LinearGaussian

TIE = 1e-12  # in parts of the largest eigenvalue: what rounding may put one above the threshold


@dataclass(frozen=True)
class Optimum:
    """The best linear VAE for some data, by `fit`.

    mean (D,); eigenvalues (D,), falling, and eigenvectors (D, D), in columns, of the covariance of
    the data; latent: Z; variance: sigma², the decoder's; beta.
    """

    mean: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray
    latent: int
    variance: float
    beta: float

    @property
    def threshold(self):
        """beta sigma²: an eigenvalue above it is worth a latent, one below it is not."""
        return self.beta * self.variance

    @property
    def active(self):
        """How many latents are in use; the others have collapsed to the prior."""
        tie = TIE * self.eigenvalues[0]
        return int((self.eigenvalues[: self.latent] > self.threshold + tie).sum())

    @property
    def posterior_variances(self):
        """d (Z,): beta sigma² / l_k of the active latents, 1 of the collapsed."""
        return self.threshold / self.kept

    @property
    def kept(self):
        """(Z,): the eigenvalues of the active latents, and the threshold in place of the others:
        with it every formula gives what a collapsed latent has."""
        kept = np.full(self.latent, self.threshold)
        kept[: self.active] = self.eigenvalues[: self.active]
        return kept

    @property
    def directions(self):
        """(Z, D): an eigenvector for every latent; 0 where there are more latents than data."""
        return np.eye(self.latent, len(self.mean)) @ self.eigenvectors.T

    @property
    def W(self):
        """The decoder (Z, D): sqrt(l_k - beta sigma²) u_k'."""
        return np.sqrt(self.kept - self.threshold)[:, None] * self.directions

    @property
    def V(self):
        """The encoder (D, Z): u_k sqrt(l_k - beta sigma²) / l_k, that is W' (W W' + e I)^-1."""
        return (self.W / self.kept[:, None]).T

    @property
    def bound(self):
        """The maximum of the mean beta-bound, nats per example:

        -D/2 log 2 pi sigma² - beta/2 [sum over active (log(l_k / e) + 1) + sum of the rest l_j / e]
        """
        e, used, rest = self.threshold, *np.split(self.eigenvalues, [self.active])
        inside = (np.log(used / e) + 1.0).sum() + rest.sum() / e
        constant = len(self.mean) * (LOG_2PI + math.log(self.variance))
        return float(-0.5 * (constant + self.beta * inside))

    @property
    def model(self):
        """The decoder as a LinearGaussian: its evidence, its posterior."""
        return LinearGaussian(self.W, self.mean, math.sqrt(self.variance))


def fit(x, latent, *, beta=1.0, variance=None):
    """The Optimum for data x (N, D): with `variance` as the decoder's, or with the best one.

    The best variance is the mean of what the latents leave over, with k latents active and beta = 1
    the mean of the D - k smallest eigenvalues: sum of the rest / (D - beta k). As sigma² grows, the
    bound's slope in it changes sign once, so one k alone agrees with its own sigma².

    ValueError for an x that is no finite (N, D), a beta or a variance that is not positive, or data
    that the latents describe without a rest: the density then has no maximum.
    """
    x = np.asarray(x, float)
    check_shape("x", x, ("N", "D"))
    check_finite("x", x)
    if not len(x):
        raise ValueError(f"x is empty: its shape is {x.shape}, expected at least one example")
    latent, beta = check_count("latent", latent), check_number("beta", beta, above=0)
    mean = x.mean(axis=0)
    eigenvalues, eigenvectors = np.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    eigenvalues = np.maximum(eigenvalues[::-1], 0.0)  # rounding may leave them below
    if variance is None:
        variance = best_variance(eigenvalues, latent, beta)
    variance = check_number("variance", variance, above=0)
    return Optimum(mean, eigenvalues, eigenvectors[:, ::-1], latent, variance, beta)


def best_variance(eigenvalues, latent, beta):
    """sigma² of the highest maximum: the one k for which the k-th eigenvalue is above the threshold
    and the next, if there is a latent for it, is not."""
    D, tie = len(eigenvalues), TIE * eigenvalues[0]
    for k in range(min(latent, D) + 1):
        room = D - beta * k
        if room <= 0 or eigenvalues[k:].sum() <= D * tie:
            break
        variance = eigenvalues[k:].sum() / room
        if k == latent or eigenvalues[k] <= beta * variance + tie:
            return variance
    raise ValueError(
        f"the variance has no best value: {latent} latents describe the {D} numbers of an example "
        "without a rest; give a variance, or take fewer latents"
    )


def data_with(eigenvalues, n, rng):
    """x (n, D) whose covariance has just these eigenvalues, about the mean 0, in random directions.

    ValueError for eigenvalues (D,) that are negative or not finite, and unless n is greater than D.
    """
    eigenvalues = np.asarray(eigenvalues, float)
    check_shape("eigenvalues", eigenvalues, ("D",))
    check_finite("eigenvalues", eigenvalues)
    if (eigenvalues < 0.0).any():
        raise ValueError(
            f"eigenvalues must not be negative, but one of them is {eigenvalues.min()}"
        )
    D = len(eigenvalues)
    check_count("n", n, at_least=D + 1)
    drawn = np.linalg.qr(np.c_[np.ones(n), rng.standard_normal((n, D))])[0][:, 1:]  # mean 0
    turn = np.linalg.qr(rng.standard_normal((D, D)))[0]
    return np.sqrt(n) * drawn * np.sqrt(eigenvalues) @ turn
