"""The linear-Gaussian model: a latent-variable model small enough to know everything about.

    p(z) = N(0, I),    p(x | z) = N(z W + b, tau² I),    q(z) = N(m, diag e^logvar)

With r = x - b and the precision Lambda = I + W W' / tau², all that a VAE estimates is a formula:

    posterior   N(z*, Lambda^-1),   z* = r W' Lambda^-1 / tau²
    evidence    log p(x) = log p(x, z*) + (Z log 2 pi - log |Lambda|) / 2
    bound       ELBO(m, logvar) = log p(x) - KL(q || posterior)

A diagonal q is best at m = z* with variances 1 / diag(Lambda), and reaches log p(x) only where
Lambda is diagonal itself. `moments.py` has the means and variances of the estimators of the bound.

Shapes: W (Z, D), b (D,), tau a number; x (..., D), m and logvar (..., Z), whose leading axes
broadcast; values in nats, (...,). Numbers for W and b make the model of one latent and one datum.
Source: Bishop, Pattern Recognition and Machine Learning (2006), equations 2.113 to 2.117.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_finite, check_number, check_shape
from tinyvae.kl import kl
from tinyvae.ops import sum_to

LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True)
class LinearGaussian:
    """p(z) = N(0, I), p(x | z) = N(z W + b, tau² I), with W (Z, D) and b (D,), or numbers.

    ValueError for shapes that do not fit, numbers that are not finite, a tau that is not positive.
    """

    W: np.ndarray
    b: np.ndarray
    tau: float

    def __post_init__(self):
        W, b = np.array(self.W, float, ndmin=2), np.array(self.b, float, ndmin=1)
        check_shape("W", W, ("Z", "D"))
        check_shape("b", b, W.shape[1:])
        check_finite("W", W)
        check_finite("b", b)
        for name, value in (("W", W), ("b", b), ("tau", check_number("tau", self.tau, above=0))):
            object.__setattr__(self, name, value)

    @property
    def latent(self):
        return self.W.shape[0]

    @property
    def data(self):
        return self.W.shape[1]

    @property
    def precision(self):
        """Lambda = I + W W' / tau² (Z, Z): of the posterior, and the same for every x."""
        return np.eye(self.latent) + self.W @ self.W.T / self.tau**2

    def posterior(self, x):
        """(mean (..., Z), covariance (Z, Z)) of p(z | x), which is a Normal."""
        covariance = np.linalg.inv(self.precision)
        return self.residual(x) @ self.W.T @ covariance / self.tau**2, covariance

    def best_diagonal(self, x):
        """(m, logvar), each (..., Z), of the diagonal q with the highest bound.

        Its variances 1 / Lambda_jj are those of z_j when all other latents are known: smaller than
        the posterior's own variances wherever latents are correlated.
        """
        mean, _ = self.posterior(x)
        return mean, np.broadcast_to(-np.log(np.diag(self.precision)), mean.shape).copy()

    def log_prob(self, x):
        """log p(x) (...,), the evidence, exact: log N(x; b, W'W + tau² I).

        As log p(x, z*) and a determinant: a sum of squares, in which nothing cancels however small
        tau is, and no matrix of D x D.
        """
        mean, _ = self.posterior(x)
        _, logdet = np.linalg.slogdet(self.precision)
        return self.log_joint(x, mean) + 0.5 * (self.latent * LOG_2PI - logdet)

    def log_joint(self, x, z):
        """log p(x, z) = log p(x | z) + log p(z)  (...,)."""
        return self.log_likelihood(x, z) - 0.5 * ((z * z).sum(axis=-1) + self.latent * LOG_2PI)

    def log_likelihood(self, x, z):
        """log p(x | z) (...,)."""
        error = self.residual(x) - z @ self.W
        constant = self.data * (LOG_2PI + 2.0 * math.log(self.tau))
        return -0.5 * ((error * error).sum(axis=-1) / self.tau**2 + constant)

    def slope(self, x, z):
        """d log p(x | z) / dz (..., Z)."""
        return (self.residual(x) - z @ self.W) @ self.W.T / self.tau**2

    def bound(self, m, logvar, *, x):
        """E_q[log p(x | z)] - KL(q || p(z)) with no sampling (...,): the deterministic bound.

        E_q[log p(x | z)] = log p(x | m) - 1/2 sum over j of (Lambda_jj - 1) e^logvar_j.
        Gradients: dm = d log p(x | m) / dm - m,  dlogvar_j = (1 - Lambda_jj e^logvar_j) / 2.
        """
        self.check(m, logvar)
        shapes = np.shape(m), np.shape(logvar)
        m, logvar = np.broadcast_arrays(m, logvar)
        variance, excess = np.exp(logvar), np.diag(self.precision) - 1.0
        divergence, kl_vjp = kl(m, logvar)

        def vjp(dy):
            dm_kl, dlogvar_kl = kl_vjp(-dy)
            dy = np.expand_dims(dy, -1)
            dm = dy * self.slope(x, m) + dm_kl
            dlogvar = dy * (-0.5 * excess * variance) + dlogvar_kl
            return tuple(map(sum_to, (dm, dlogvar), shapes))

        return self.log_likelihood(x, m) - 0.5 * variance @ excess - divergence, vjp

    def divergence(self, m, logvar, *, x):
        """KL(q || p(z | x)) (...,), what the bound lacks to log p(x), to full relative accuracy.

        With a = logvar_j + log Lambda_jj it is a sum of terms that are not negative,
        1/2 [(m - z*)' Lambda (m - z*) + sum (e^a - 1 - a) + sum log Lambda_jj - log |Lambda|]:
        near the optimum the difference log p(x) - ELBO would be rounding alone.
        """
        self.check(m, logvar)
        mean, _ = self.posterior(x)
        precision, away = self.precision, m - mean
        a = logvar + np.log(np.diag(precision))
        distance = ((away @ precision) * away).sum(axis=-1)
        return 0.5 * (distance + (np.expm1(a) - a).sum(axis=-1)) + self.diagonal_gap

    @property
    def diagonal_gap(self):
        """What the best diagonal q lacks to log p(x): 0 where Lambda is diagonal (Hadamard)."""
        precision = self.precision
        _, logdet = np.linalg.slogdet(precision)
        return 0.5 * (np.log(np.diag(precision)).sum() - logdet)

    def weight_variance(self, m, logvar, *, x):
        """Var_q(w / p(x)) (...,) of the weights w = p(x, z) / q(z): E_q[(posterior / q)²] - 1.

        With P = diag e^-logvar, d = m - z* and A = 2 Lambda - P it is

            |Lambda| / sqrt(|P| |A|) exp((d' P d + d' P A^-1 P d) / 2) - 1,

        and infinite unless A is positive definite: in some direction q is then narrower than half
        the posterior's variance. log p(x) - E[log mean of k weights] tends to a 2k-th of it.
        """
        self.check(m, logvar)
        mean, _ = self.posterior(x)
        m, logvar = np.broadcast_arrays(m, logvar)
        precision = self.precision
        with np.errstate(over="ignore", under="ignore"):  # what is too large for a float is inf
            # From 2 Lambda_jj on A has a negative diagonal: what P is beyond makes no difference.
            P = np.minimum(np.exp(-logvar), 3.0 * np.diag(precision))
            a, axes = np.linalg.eigh(2.0 * precision - P[..., None] * np.eye(self.latent))
            finite = a[..., :1] > 0.0
            a = np.where(finite, a, 1.0)
            pull = P * (m - mean)
            along = (pull[..., None, :] @ axes)[..., 0, :]
            exponent = (m - mean) * pull + along / a * along  # no term is negative
            logdet = np.linalg.slogdet(precision)[1]
            log_square = logdet + 0.5 * (logvar - np.log(a) + exponent).sum(axis=-1)
            return np.where(finite[..., 0], np.expm1(log_square), np.inf)

    def sample(self, *, eps, noise):
        """x (..., D) from the model: eps (..., Z) and noise (..., D), both from N(0, 1)."""
        return eps @ self.W + self.b + self.tau * noise

    def residual(self, x):
        """x - b; ValueError unless x is (..., D)."""
        if np.ndim(x) == 0 or np.shape(x)[-1] != self.data:
            raise ValueError(f"x has shape {np.shape(x)}, expected (..., {self.data})")
        return x - self.b

    def check(self, m, logvar):
        """ValueError unless m and logvar are (..., Z)."""
        for name, value in (("m", m), ("logvar", logvar)):
            if np.ndim(value) == 0 or np.shape(value)[-1] != self.latent:
                shape = np.shape(value)
                raise ValueError(f"{name} has shape {shape}, expected (..., {self.latent})")


# The smallest example: z ~ N(0, 1), x ~ N(z, 1), at an x whose posterior is N(0.75, 0.5).
ONE_LATENT = LinearGaussian(W=1.0, b=0.0, tau=1.0)
ONE_DATUM = np.array([1.5])
