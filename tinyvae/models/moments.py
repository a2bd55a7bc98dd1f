"""What each estimator of the bound gives on average, and how much it spreads: closed forms.

In the linear-Gaussian model a log weight is a quadratic function of the noise. At z = m + s eps,
with s = e^(logvar/2), and with g the gradient of log p(x, z) at z = m,

    log w = log p(x, z) - log q(z) = c + b'eps + eps'H eps / 2,    b = s g,   H = I - s Lambda s

and log p(x | z) is the same with g and Lambda those of log p(x | z) alone: H = s (I - Lambda) s.
So everything is a moment of a quadratic in normal noise, and the noise has, by Stein's identity
E[eps f] = E[f'], a formula for each. With K the matrix of what comes back through z,

    estimator   b, H of          K        the gradient in m, and in logvar, of one sample
    sampled     log w            H - I    (b + K eps) / s,  eps (b + K eps) / 2 + 1/2
    path        log w            H        (b + K eps) / s,  eps (b + K eps) / 2
    analytic    log p(x | z)     H        the same, + the gradient of -KL
    score       log w                     (log w - a) eps / s,  (log w - a) (eps² - 1) / 2

    value       mean c + tr H / 2,  variance b'b + ||H||² / 2
    K           variance  ||K_j||² / s_j²  in m_j,   (b_j² + ||K_j||² + K_jj²) / 4  in logvar_j

At the exact posterior b = 0 and H = 0: log w is constant, and `path` has no variance in m and
logvar; `sampled` keeps that of K = -I, the score of q, which is what sticking the landing leaves
out. In a VAE these are the gradients of its encoder. Its decoder's, d log p(x, z) / dtheta at a
random z, keeps a noise of its own at the optimum, of the linear VAE's too, whatever the estimator.

Sources: the estimators, see elbo.py; Stein (1981), lemma 1, for the moments.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_count, unknown
from tinyvae.kl import kl
from tinyvae.models.linear_gaussian import LOG_2PI

ESTIMATORS = ("sampled", "analytic", "path", "score")


@dataclass(frozen=True)
class Moments:
    """Mean and variance of one quantity, arrays of its shape; the variance is that of an estimate
    of all the samples it was asked for. fourth: the fourth central moment, where it is known."""

    mean: np.ndarray
    variance: np.ndarray
    fourth: np.ndarray | None = None


@dataclass(frozen=True)
class Quadratic:
    """Q = c + b'eps + eps'H eps / 2 of eps ~ N(0, I): c (...,), b (..., Z), H (..., Z, Z)."""

    c: np.ndarray
    b: np.ndarray
    H: np.ndarray

    @property
    def diagonal(self):
        return np.diagonal(self.H, axis1=-2, axis2=-1)

    @property
    def mean(self):
        return self.c + 0.5 * self.diagonal.sum(axis=-1)

    @property
    def variance(self):
        return (self.b**2).sum(axis=-1) + 0.5 * (self.H**2).sum(axis=(-2, -1))

    def squares(self, a):
        """E[(Q - a)² eps_j²] and E[(Q - a)² (eps_j² - 1)²], each (..., Z), with a (..., Z).

        eps_j² = 1 + h2 and (eps_j² - 1)² = 2 + 4 h2 + h4 with the Hermite polynomials h2, h4, and
        by Stein E[Q² h2] = E[d²Q²/deps_j²], E[Q² h4] = E[d⁴Q²/deps_j⁴] = 6 H_jj².
        """
        mean = self.mean[..., None] - a
        square = mean**2 + self.variance[..., None]
        second = 2.0 * (self.b**2 + (self.H**2).sum(axis=-1)) + 2.0 * self.diagonal * mean
        return square + second, 6.0 * self.diagonal**2 + 4.0 * second + 2.0 * square


def log_weight(model, m, logvar, *, x):
    """log w = log p(x, z) - log q(z) at z = m + s eps, as a Quadratic in eps."""
    s = np.exp(0.5 * logvar)
    log_q = -0.5 * (logvar.sum(axis=-1) + model.latent * LOG_2PI)  # at eps = 0
    curvature = s[..., None] * model.precision * s[..., None, :]
    c = model.log_joint(x, m) - log_q
    return Quadratic(c, s * (model.slope(x, m) - m), np.eye(model.latent) - curvature)


def log_likelihood(model, m, logvar, *, x):
    """log p(x | z) - KL(q || prior) at z = m + s eps, as a Quadratic: the KL is a constant."""
    s = np.exp(0.5 * logvar)
    excess = model.precision - np.eye(model.latent)
    c = model.log_likelihood(x, m) - kl(m, logvar)[0]
    return Quadratic(c, s * model.slope(x, m), -s[..., None] * excess * s[..., None, :])


def moments(model, objective, m, logvar, *, x, samples=1, baseline=None):
    """{"value", "m", "logvar"}: the Moments of an estimate of the bound and of its gradients.

    objective: a name in ESTIMATORS. m, logvar (..., Z); x (..., D), whose leading axes broadcast.
    samples: independent ones, whose mean is taken. baseline, of 'score' alone: a number, or a pair
    for m and logvar, subtracted from log w; None: as in training, none for one sample, and for more
    the mean of the others (leave-one-out).

    The gradient in log sigma is twice that in logvar, and its variance four times as large.
    ValueError for another name, shapes that do not fit, a number of samples below 1.
    """
    if objective not in ESTIMATORS:
        raise unknown("objective", objective, ESTIMATORS)
    if baseline is not None and objective != "score":
        raise ValueError(f"baseline is for the objective 'score', and {objective!r} has none")
    model.check(m, logvar)
    S = check_count("samples", samples)
    of = log_likelihood if objective == "analytic" else log_weight
    Q, s = of(model, m, logvar, x=x), np.exp(0.5 * logvar)
    found = {"value": Moments(Q.mean, Q.variance / S)}
    if objective == "score":
        if baseline is None:
            return found | leave_one_out(Q, s, S)
        return found | score(Q, s, S, *np.broadcast_to(baseline, (2, *Q.b.shape)))
    if objective == "analytic":
        K, dm, dlogvar = Q.H, -m, -0.5 * np.expm1(logvar)  # of -KL
    elif objective == "sampled":
        K, dm, dlogvar = Q.H - np.eye(model.latent), 0.0, 0.5  # log q has + logvar / 2
    else:
        K, dm, dlogvar = Q.H, 0.0, 0.0
    diagonal, rows = np.diagonal(K, axis1=-2, axis2=-1), (K**2).sum(axis=-1)
    return found | {
        "m": Moments(Q.b / s + dm, rows / s**2 / S),
        "logvar": Moments(0.5 * diagonal + dlogvar, 0.25 * (Q.b**2 + rows + diagonal**2) / S),
    }


def score(Q, s, S, a_m, a_logvar):
    """The score function with constant baselines (..., Z): they change the variance alone."""
    mean_m, mean_logvar = Q.b / s, 0.5 * Q.diagonal
    square_m, square_logvar = Q.squares(a_m)[0] / s**2, 0.25 * Q.squares(a_logvar)[1]
    return {
        "m": Moments(mean_m, (square_m - mean_m**2) / S),
        "logvar": Moments(mean_logvar, (square_logvar - mean_logvar**2) / S),
    }


def leave_one_out(Q, s, S):
    """The score function with the mean of the other samples as baseline; with S = 1 without one.

    The sum of (Q_k - mean of the others) score_k is S times the sample covariance of Q and score:
    its variance is (C22 - C11²) / S + (C20 C02 + C11²) / (S (S - 1)), with C the central moments.
    """
    if S == 1:
        return score(Q, s, 1, 0.0, 0.0)
    mean = Q.mean[..., None]
    central = score(Q, s, 1, mean, mean)
    fisher = {"m": 1.0 / s**2, "logvar": 0.5}  # the variance of the score itself
    found = {}
    for name, of in central.items():
        pairs = Q.variance[..., None] * fisher[name] + of.mean**2
        found[name] = Moments(of.mean, of.variance / S + pairs / (S * (S - 1)))
    return found


def best_baselines(model, m, logvar, *, x):
    """The constants, a pair (..., Z) for m and logvar, with the least variance of 'score'.

    E[Q score²] / E[score²]: E[Q] + H_jj for m_j, E[Q] + 2 H_jj for logvar_j. Not E[Q] itself, which
    is the usual choice, unless H is 0.
    """
    Q = log_weight(model, m, logvar, x=x)
    mean = Q.mean[..., None]
    return mean + Q.diagonal, mean + 2.0 * Q.diagonal
