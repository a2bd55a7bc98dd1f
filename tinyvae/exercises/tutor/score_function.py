"""REINFORCE for a Gaussian, one estimate a draw."""

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.estimators.estimator import weighted
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for S, Z in ((6, 3), (4, 4), (5, 1)):
        mu, logvar = 0.5 * rng.standard_normal((2, Z))
        z = mu + np.exp(0.5 * logvar) * rng.standard_normal((S, Z))
        found.append(case(((z - 0.3) ** 2).sum(axis=1), z, mu, logvar))
    return found


def truth(f, z, mu, logvar):
    return weighted(f, gaussian.score(z, mu, logvar))


@misconception
def averaged(f, z, mu, logvar):
    """You averaged over the draws. That is the right thing to do in the end, but the spread of the
    estimates is lost with it: return a row for each draw, (S, Z)."""
    return tuple(g.mean(axis=0) for g in truth(f, z, mu, logvar))


@misconception
def one_value_for_all(f, z, mu, logvar):
    """Every score is multiplied by the mean of f. The mean of a product is not the product of the
    means, and E[score] is 0: each score needs the f of its own draw, f[:, None]."""
    return tuple(f.mean() * s for s in gaussian.score(z, mu, logvar))


@misconception
def density_counted_twice(f, z, mu, logvar):
    """You multiplied by the density p(z), too: f dp/dmu. In the integral p dlog p/dmu stands beside
    dz, and drawing z from p is what the factor p does: f(z) dlog p/dmu is all."""
    p = np.exp(gaussian.log_prob(z, mu, logvar)[0].sum(axis=1))
    return truth(f * p, z, mu, logvar)


@misconception
def of_a_loss_to_descend(f, z, mu, logvar):
    """The sign is turned around. E[f] was asked for its gradient, which points to where E[f] grows;
    the minus belongs to the step of somebody who wants to go down."""
    return truth(-f, z, mu, logvar)


@misconception
def only_the_score(f, z, mu, logvar):
    """That is the score alone, whose mean is 0 whatever f is. Multiply each row by f at its draw:
    f[:, None] * score."""
    return gaussian.score(z, mu, logvar)


@misconception
def standardized(f, z, mu, logvar):
    """You subtracted the mean of f and divided by its standard deviation. That makes the estimate
    another one: its size no longer depends on the size of f, and it is biased, since mean and
    deviation know this draw. Use f as it is; baselines come next."""
    return truth((f - f.mean()) / f.std(), z, mu, logvar)


@misconception
def log_density_in_place_of_score(f, z, mu, logvar):
    """That is f(z) log p(z), whose gradient you want: the log-density itself is no gradient. Each f
    is multiplied by the derivative of log p in the parameter, the score."""
    return weighted(f, (gaussian.log_prob(z, mu, logvar)[0],) * 2)


EXERCISE = Exercise(
    name="score_function",
    chapter=5,
    title="REINFORCE: the score function estimator",
    cases=cases,
    returns=("dmu", "dlogvar"),
    misconceptions=(
        averaged,
        one_value_for_all,
        density_counted_twice,
        of_a_loss_to_descend,
        only_the_score,
        standardized,
        log_density_in_place_of_score,
    ),
    hints=(
        "Two steps: the score of each draw, as in exercise 15, and its product with f at that "
        "draw. No derivative of f occurs anywhere.",
        "The shapes: f is (S,), the score (S, Z). To multiply row s by f[s], give f a second axis "
        "of length 1.",
        "With error = z - mu and precision = np.exp(-logvar) it is f[:, None] * error * precision "
        "for mu, and f[:, None] * (0.5 * error**2 * precision - 0.5) for logvar.",
    ),
    truth=truth,
)
