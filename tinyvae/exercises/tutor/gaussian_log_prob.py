"""The Gaussian log-likelihood with a learned log-variance for each dimension."""

import math

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.exercises.exercise import Exercise, case, misconception, pulled


def cases(rng):
    found = []
    for B, D in ((4, 3), (3, 3), (1, 2)):
        mu, x = rng.standard_normal((2, B, D))
        found.append(case(rng.standard_normal(B), mu, 0.8 * rng.standard_normal(D), x=x))
    return found


def truth(mu, logvar, *, x):
    each, vjp = gaussian.log_prob(x, mu, logvar)
    return each.sum(axis=1), lambda dy: vjp(dy[:, None])[1:]


def squares(mu, logvar, x):
    return (x - mu) ** 2 * np.exp(-logvar)


@misconception
def one_for_each_example(mu, logvar, *, x):
    """dlogvar has a row for each example, but one logvar (D,) is shared by all of them: add up what
    they say, over axis 0."""
    log_px, vjp = truth(mu, logvar, x=x)

    def pull(dy):
        dlogvar = dy[:, None] * 0.5 * (squares(mu, logvar, x) - 1.0)
        return vjp(dy)[0], dlogvar

    return log_px, pull


@misconception
def averaged_over_the_batch(mu, logvar, *, x):
    """dlogvar is a mean over the examples; the chain rule adds. If the loss is a mean, the 1/B is
    in dy already."""
    log_px, vjp = truth(mu, logvar, x=x)

    def pull(dy):
        dmu, dlogvar = vjp(dy)
        return dmu, dlogvar / len(dy)

    return log_px, pull


@misconception
def squares_alone(mu, logvar, *, x):
    """The term logvar / 2 is missing, and its -1/2 in the gradient: that is a weighted square, not
    a density, and it is best for an infinite variance."""
    _, vjp = truth(mu, logvar, x=x)
    r2 = squares(mu, logvar, x)

    def pull(dy):
        return vjp(dy)[0], (dy[:, None] * 0.5 * r2).sum(axis=0)

    return -0.5 * (r2 + math.log(2.0 * math.pi)).sum(axis=1), pull


@misconception
def constant_forgotten(mu, logvar, *, x):
    """The gradients are right, but log(2 pi) / 2 for each dimension is missing in the value: then
    it is no log-density, and no bound on log p(x)."""
    log_px, vjp = truth(mu, logvar, x=x)
    return log_px + 0.5 * x.shape[1] * math.log(2.0 * math.pi), vjp


@misconception
def logvar_is_log_sigma(mu, logvar, *, x):
    """You took exp(logvar) for sigma; it is the variance. So the square is multiplied by
    exp(-logvar), and log sigma is logvar / 2."""
    log_px, vjp = truth(mu, 2.0 * logvar, x=x)

    def pull(dy):
        dmu, dlogvar = vjp(dy)
        return dmu, 2.0 * dlogvar

    return log_px, pull


@misconception
def in_sigma(mu, logvar, *, x):
    """dlogvar is the derivative with respect to sigma; logvar was asked. Multiply by dsigma/dlogvar
    = sigma / 2."""
    log_px, vjp = truth(mu, logvar, x=x)

    def pull(dy):
        dmu, dlogvar = vjp(dy)
        return dmu, dlogvar * 2.0 * np.exp(-0.5 * logvar)

    return log_px, pull


@misconception
def sign_of_dmu(mu, logvar, *, x):
    """dmu has the wrong sign: it is the derivative with respect to x. An x above mu becomes
    likelier if mu goes up: (x - mu) exp(-logvar)."""
    log_px, vjp = truth(mu, logvar, x=x)

    def pull(dy):
        dmu, dlogvar = vjp(dy)
        return -dmu, dlogvar

    return log_px, pull


@misconception
def averaged_over_the_dimensions(mu, logvar, *, x):
    """You averaged over the D dimensions. The log of a product of densities is the sum of the logs;
    with a mean the data count D times less against the KL: a hidden beta of D."""
    log_px, vjp = truth(mu, logvar, x=x)
    D = x.shape[1]
    return log_px / D, lambda dy: vjp(dy / D)


EXERCISE = Exercise(
    name="gaussian_log_prob",
    chapter=8,
    title="The log-likelihood of real data, with a variance that is learned",
    cases=cases,
    call=pulled,
    returns=("log p(x)", "dmu", "dlogvar"),
    misconceptions=(
        one_for_each_example,
        averaged_over_the_batch,
        squares_alone,
        constant_forgotten,
        logvar_is_log_sigma,
        in_sigma,
        sign_of_dmu,
        averaged_over_the_dimensions,
    ),
    hints=(
        "Name r2 = (x - mu)**2 * np.exp(-logvar), (B, D). The value is a sum over axis 1 of three "
        "terms; NumPy stretches logvar (D,) over the rows by itself.",
        "In mu: (x - mu) exp(-logvar), for each entry. In logvar: (r2 - 1) / 2 for each entry, and "
        "logvar[d] is used by every example.",
        "vjp(dy) returns dy[:, None] * (x - mu) * np.exp(-logvar) and "
        "np.sum(dy[:, None] * 0.5 * (r2 - 1.0), axis=0).",
    ),
    truth=truth,
)
