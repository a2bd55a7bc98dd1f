"""Exponential(rate): the waiting time for an event that comes `rate` times per unit of time."""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain

PARAMS = {"rate": "positive"}
EVENT = 0
KIND = "explicit"
WHY = "z = E / rate, E = -log u: the CDF 1 - e^(-rate z) inverts in closed form"
REFERENCE = ("exponential", (1.0,))

noise, mirror = noises.exponential, noises.reflect_exponential


def rsample(rate, *, noise):
    """z = E / rate with noise E ~ Exp(1);  dz/drate = -z/rate. ValueError unless rate > 0."""
    check(PARAMS, rate)
    z = noise / rate
    return z, lambda dz: chain(dz, (-z / rate,), (rate,))


sample = value_of(rsample)


def log_prob(x, rate):
    """log p(x) = log rate - rate x for x > 0, in nats;  dlog p/dx = -rate.

    ValueError unless x > 0 and rate > 0.
    """
    check(PARAMS, rate)
    check_inside(x=x, above=0.0)

    def vjp(dy):
        return chain(dy, (-rate, *score(x, rate)), (x, rate))

    return np.log(rate) - rate * x, vjp


def score(x, rate):
    """dlog p/drate = 1/rate - x."""
    check(PARAMS, rate)
    return (1.0 / rate - x,)


def entropy(rate):
    """H = 1 - log rate."""
    check(PARAMS, rate)
    return closed_form(1.0 - np.log(rate), (-1.0 / rate,), (rate,))


def mean(rate):
    """E z = 1/rate."""
    check(PARAMS, rate)
    return closed_form(1.0 / rate, (-1.0 / rate**2,), (rate,))


def variance(rate):
    """Var z = 1/rate²."""
    check(PARAMS, rate)
    return closed_form(1.0 / rate**2, (-2.0 / rate**3,), (rate,))


def kl(rate):
    """KL(Exp(rate) || Exp(1)) = log rate + 1/rate - 1."""
    check(PARAMS, rate)
    return closed_form(np.log(rate) + (1.0 - rate) / rate, ((rate - 1.0) / rate**2,), (rate,))


def support(rate):
    """The positive half-line."""
    return 0.0, math.inf
