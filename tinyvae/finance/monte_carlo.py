"""Heston prices by simulation: slow, and independent of every formula with a transform in it.

Full truncation: the variance may become negative, but only its positive part v+ acts,

    x += -v+ h/2 + sqrt(v+ h) N1,   v += kappa (eta - v+) h + vol_of_vol sqrt(v+ h) N2,

with x = log(S/F), h = T/steps and N1, N2 standard normal with correlation rho. E[e^x] = 1 holds
for every h, so that e^x - 1 is a control variate; the other error, of the step, is of order h.

Source: Lord, Koekkoek & van Dijk (2010), A Comparison of Biased Simulation Schemes for Stochastic
Volatility Models.
"""

import math
from typing import NamedTuple

import numpy as np

from tinyvae.errors import check_count, check_finite, check_number, check_shape

PATHS_AT_A_TIME = 4096


class Simulated(NamedTuple):
    """price (K,) with its standard_error; step_error (K,), the price less that with half as many
    steps on the same Brownian paths, with its own standard error."""

    price: np.ndarray
    standard_error: np.ndarray
    step_error: np.ndarray
    step_standard_error: np.ndarray


def log_prices(T, model, *, noise):
    """x = log(S_T/F), (P,), of one law; noise (steps, 2, P), standard normal, NumPy's or CuPy's."""
    kappa, eta, rho, vol_of_vol, v0 = (float(value) for value in vars(model).values())
    h = float(T) / len(noise)
    x = np.zeros_like(noise[0, 0])
    v = x + v0
    for i in range(len(noise)):
        positive = np.maximum(v, 0.0)
        deviation = np.sqrt(h * positive)
        across = rho * noise[i, 0] + math.sqrt(1.0 - rho * rho) * noise[i, 1]
        x = x - 0.5 * h * positive + deviation * noise[i, 0]
        v = v + kappa * h * (eta - positive) + vol_of_vol * deviation * across
    return x


def half_as_many_steps(noise):
    """Noise (steps/2, 2, P) of the same Brownian paths: each increment is the sum of two."""
    return (noise[0::2] + noise[1::2]) * math.sqrt(0.5)


def out_of_the_money(k, T, model, *, steps, paths, rng):
    """Simulated: the put where k < 0, the call elsewhere, k (K,), T a number, one law.

    steps: an even number. paths: at least this many pairs of antithetic paths. rng: a Generator,
    whose arrays, NumPy's or CuPy's, are those that are computed on.

    Raises TypeError or ValueError for a wrong number or shape.
    """
    check_shape("k", k, ("K",))
    check_finite("k", np.asarray(k))
    check_number("T", T, above=0.0)
    if model.shape != ():
        raise ValueError(f"a simulation is of one law, not of the shape {model.shape}")
    check_count("paths", paths, at_least=2)
    if check_count("steps", steps, at_least=2) % 2:
        raise ValueError(f"steps must be even, to be halved, not {steps}")
    strikes, size = [float(strike) for strike in k], min(paths, PATHS_AT_A_TIME)
    chunks = -(-paths // size)
    moments = np.zeros((len(strikes), 4, 4))
    for _ in range(chunks):
        noise = rng.standard_normal((steps, 2, size))
        coarse_noise = half_as_many_steps(noise)
        fine, coarse = (
            [np.exp(log_prices(T, model, noise=sign * n)) for sign in (1.0, -1.0)]
            for n in (noise, coarse_noise)
        )
        for j, strike in enumerate(strikes):
            moments[j] += _moments(strike, fine, coarse)
    return _summary(moments / (chunks * size), chunks * size)


def _moments(k, fine, coarse):
    """(4, 4): the sums of products of 1, e^x - 1, the payoff, and what halving changes of it."""
    strike, sign = math.exp(k), -1.0 if k < 0 else 1.0
    payoff, rough = (
        sum(0.5 * np.maximum(sign * (end - strike), 0.0) for end in ends) for ends in (fine, coarse)
    )
    control = 0.5 * (fine[0] + fine[1]) - 1.0
    rows = np.stack([np.ones_like(control), control, payoff, payoff - rough])
    return np.array((rows @ rows.T).tolist())


def _summary(moments, n):
    """Simulated, from the means (K, 4, 4) of those products over n pairs."""
    mean = moments[:, 0]
    covariance = (moments - mean[:, :, None] * mean[:, None, :]) * (n / (n - 1))
    slope = covariance[:, 1, 2] / covariance[:, 1, 1]
    variance = covariance[:, 2, 2] - slope * covariance[:, 1, 2]
    return Simulated(
        price=mean[:, 2] - slope * mean[:, 1],
        standard_error=np.sqrt(np.maximum(variance, 0.0) / n),  # rounding may take it below 0
        step_error=mean[:, 3],
        step_standard_error=np.sqrt(np.maximum(covariance[:, 3, 3], 0.0) / n),
    )
