"""The gradient of the importance-weighted bound in a model of one latent."""

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.elbo import iwae
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.reparameterize import reparameterize


def log_weights(mu, logvar, x, eps):
    z = mu + np.exp(0.5 * logvar) * eps
    log_w = -0.5 * ((x - z) ** 2 + z**2 - eps**2 - logvar + np.log(2.0 * np.pi))
    return z, log_w


def forward(mu, logvar, *, x, eps):
    return np.log(np.mean(np.exp(log_weights(mu, logvar, x, eps)[1]), axis=0))


def cases(rng):
    found = []
    for S, B in ((5, 3), (4, 4), (2, 1)):
        dbound, mu, logvar, x = rng.standard_normal((4, B))
        found.append(case(dbound, mu, logvar, x=2.0 * x, eps=rng.standard_normal((S, B))))
    return found


def truth(dbound, mu, logvar, *, x, eps):
    """By the vjps of the package: log q with its own mu and logvar, as a program would do it."""
    z, z_vjp = reparameterize(mu, logvar, eps=eps)
    log_px, px_vjp = gaussian.log_prob(x, z, np.zeros_like(z))
    log_pz, pz_vjp = gaussian.log_prob(z, 0.0, 0.0)
    log_q, q_vjp = gaussian.log_prob(z, mu, logvar)
    dlog_w = dbound * iwae(log_px + log_pz - log_q, 1.0)[1]
    dz_q, dmu_q, dlogvar_q = q_vjp(-dlog_w)
    dmu, dlogvar = z_vjp(px_vjp(dlog_w)[1] + pz_vjp(dlog_w)[0] + dz_q)
    return dmu + dmu_q, dlogvar + dlogvar_q


def normalized(log_w, axis=0):
    w = np.exp(log_w - log_w.max(axis=axis, keepdims=True))
    return w / w.sum(axis=axis, keepdims=True)


def pulled_back(dlog_w, dz, logvar, eps, direct=0.5):
    """From the cotangents of log w and of z; `direct` is the slope of log w in logvar, z held."""
    dlogvar = dz * 0.5 * np.exp(0.5 * logvar) * eps + direct * dlog_w
    return dz.sum(axis=0), dlogvar.sum(axis=0)


@misconception
def equal_weights(dbound, mu, logvar, *, x, eps):
    """Every draw has the weight 1/S: that is the gradient of the ELBO, the mean of log w. Of the
    log of the mean of w the draw s has the weight w_s / (sum of w)."""
    z, _ = log_weights(mu, logvar, x, eps)
    dlog_w = np.broadcast_to(dbound / len(eps), z.shape)
    return pulled_back(dlog_w, dlog_w * (x - 2.0 * z), logvar, eps)


@misconception
def no_weights(dbound, mu, logvar, *, x, eps):
    """The draws are added up without weights. The derivative of log mean w in log w_s is w_s / (sum
    of w), and these add up to 1."""
    z, _ = log_weights(mu, logvar, x, eps)
    dlog_w = np.broadcast_to(dbound, z.shape)
    return pulled_back(dlog_w, dlog_w * (x - 2.0 * z), logvar, eps)


@misconception
def weights_along_the_batch(dbound, mu, logvar, *, x, eps):
    """The weights are normalized over the batch (axis 1): they must add up to 1 over the S draws of
    each example, axis 0."""
    z, log_w = log_weights(mu, logvar, x, eps)
    dlog_w = dbound * normalized(log_w, axis=1)
    return pulled_back(dlog_w, dlog_w * (x - 2.0 * z), logvar, eps)


@misconception
def weights_differentiated_twice(dbound, mu, logvar, *, x, eps):
    """That is the gradient of the sum of w~ log w, with w~ differentiated as well. The bound is log
    mean w: its gradient is the sum of w~ dlog w, and that is all; w~ came from differentiating the
    logarithm."""
    z, log_w = log_weights(mu, logvar, x, eps)
    w = normalized(log_w)
    dlog_w = dbound * w * (1.0 + log_w - (w * log_w).sum(axis=0))
    return pulled_back(dlog_w, dlog_w * (x - 2.0 * z), logvar, eps)


@misconception
def direct_part_forgotten(dbound, mu, logvar, *, x, eps):
    """logvar acts through z alone in yours; in log w it also stands by itself, as + logvar / 2. Add
    1/2 for each draw, times its weight."""
    z, log_w = log_weights(mu, logvar, x, eps)
    dlog_w = dbound * normalized(log_w)
    return pulled_back(dlog_w, dlog_w * (x - 2.0 * z), logvar, eps, direct=0.0)


@misconception
def path_alone(dbound, mu, logvar, *, x, eps):
    """You let log q(z) feel z, but not its own mu and logvar. For the ELBO that leaves the mean as
    it is ("sticking the landing"); under the weights w~ it is biased. Use log q written with eps,
    as in the statement."""
    z, log_w = log_weights(mu, logvar, x, eps)
    dlog_w = dbound * normalized(log_w)
    dz = dlog_w * (x - 2.0 * z + eps * np.exp(-0.5 * logvar))
    return pulled_back(dlog_w, dz, logvar, eps, direct=0.0)


@misconception
def doubly_reparameterized(dbound, mu, logvar, *, x, eps):
    """That is the doubly reparameterized estimator, with squared weights: it has the right mean and
    less noise, but it is not the derivative of this bound at these draws, which was asked."""
    z, log_w = log_weights(mu, logvar, x, eps)
    dlog_w = dbound * normalized(log_w) ** 2
    dz = dlog_w * (x - 2.0 * z + eps * np.exp(-0.5 * logvar))
    return pulled_back(dlog_w, dz, logvar, eps, direct=0.0)


@misconception
def cotangent_forgotten(dbound, mu, logvar, *, x, eps):
    """dbound is not used: multiply the gradient of example b by dbound[b]."""
    return truth(np.ones_like(dbound), mu, logvar, x=x, eps=eps)


EXERCISE = Exercise(
    name="iwae_backward",
    chapter=10,
    title="The gradient of the importance-weighted bound",
    cases=cases,
    forward=forward,
    returns=("dmu", "dlogvar"),
    misconceptions=(
        equal_weights,
        no_weights,
        weights_along_the_batch,
        weights_differentiated_twice,
        direct_part_forgotten,
        path_alone,
        doubly_reparameterized,
        cotangent_forgotten,
    ),
    hints=(
        "First question: d bound / d log w_s. Differentiate the log of a sum of exponentials: it "
        "is the w~ of exercise 34. So dlog_w = dbound * w~, (S, B).",
        "Second question: dlog w/dz = (x - z) - z, with eps held; z moves with mu by 1 and with "
        "logvar by sigma eps / 2. And log w has + logvar / 2 besides.",
        "dz = dlog_w * (x - 2 z). dmu is the sum of dz over axis 0; dlogvar that of dz * 0.5 * "
        "sigma * eps + 0.5 * dlog_w.",
    ),
    truth=truth,
)
