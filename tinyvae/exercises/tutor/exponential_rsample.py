"""The inverse CDF of an Exponential law, in the logarithm of its rate."""

import numpy as np

from tinyvae.distributions import exponential
from tinyvae.exercises.exercise import Exercise, case, misconception, pulled


def cases(rng):
    found = []
    for S, B in ((5, 3), (4, 4), (1, 2)):
        u, dz = rng.random((S, B)), rng.standard_normal((S, B))
        found.append(case(dz, rng.standard_normal(B), u=u))
    return found


def truth(log_rate, *, u):
    rate = np.exp(log_rate)
    z, vjp = exponential.rsample(rate, noise=-np.log1p(-u))
    return z, lambda dz: (vjp(dz)[0] * rate,)


@misconception
def rate_taken_for_a_scale(log_rate, *, u):
    """You multiplied by the rate. Many events per unit of time mean short waiting times: from 1 -
    exp(-rate z) = u it follows that z = -log(1 - u) / rate."""
    z = -np.log1p(-u) * np.exp(log_rate)
    return z, lambda dz: ((dz * z).sum(axis=0),)


@misconception
def in_the_rate(log_rate, *, u):
    """dlog_rate is the derivative with respect to the rate, -z / rate. Multiply by drate/dlog_rate
    = rate: what is left is -z."""
    z, _ = truth(log_rate, u=u)
    return z, lambda dz: ((dz * -z / np.exp(log_rate)).sum(axis=0),)


@misconception
def inverted_the_upper_tail(log_rate, *, u):
    """z is -log(u) / rate. That has the right law, since 1 - u is uniform as well, but F(z) is 1 -
    u there, and the statement asks for F(z) = u."""
    return truth(log_rate, u=1.0 - u)


@misconception
def not_summed(log_rate, *, u):
    """dlog_rate has a row for each draw, but all S draws share one rate: add up their gradients,
    dlog_rate (B,)."""
    z, _ = truth(log_rate, u=u)
    return z, lambda dz: (dz * -z,)


@misconception
def averaged(log_rate, *, u):
    """dlog_rate is the mean over the draws; the chain rule adds. If the loss is a mean over the
    draws, the 1/S is in dz already."""
    z, _ = truth(log_rate, u=u)
    return z, lambda dz: ((dz * -z).mean(axis=0),)


@misconception
def wrong_sign(log_rate, *, u):
    """dlog_rate has the wrong sign: a higher rate makes z smaller, so dz/dlog_rate = -z."""
    z, _ = truth(log_rate, u=u)
    return z, lambda dz: ((dz * z).sum(axis=0),)


@misconception
def score_in_place_of_path(log_rate, *, u):
    """dlog_rate is made of the score, 1 - rate z: that belongs to REINFORCE, multiplied by f. Here
    z itself is a function of log_rate: differentiate z, u held fixed."""
    z, _ = truth(log_rate, u=u)
    return z, lambda dz: ((dz * (1.0 - np.exp(log_rate) * z)).sum(axis=0),)


EXERCISE = Exercise(
    name="exponential_rsample",
    chapter=7,
    title="A path without a location and a scale: the inverse CDF",
    cases=cases,
    call=pulled,
    returns=("z", "dlog_rate"),
    misconceptions=(
        rate_taken_for_a_scale,
        in_the_rate,
        inverted_the_upper_tail,
        not_summed,
        averaged,
        wrong_sign,
        score_in_place_of_path,
    ),
    hints=(
        "Solve 1 - exp(-rate z) = u for z: bring the exponential to one side, take the logarithm.",
        "z = -log(1 - u) e^-log_rate. The only place where log_rate occurs is an exponential: what "
        "is its derivative, written with z?",
        "dz/dlog_rate = -z, so vjp returns (np.sum(dz * -z, axis=0),): a tuple of one array, with "
        "the comma.",
    ),
    truth=truth,
)
