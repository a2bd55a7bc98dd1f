"""The table of `tinyvae truth`: every estimator of the bound, measured and exact."""

import math

import numpy as np

from tinyvae.models.free_posterior import measured
from tinyvae.models.linear_gaussian import ONE_LATENT
from tinyvae.models.moments import moments
from tinyvae.models.quadrature import quadrature_moments

FARTHEST = 5.0  # standard errors
ROUNDING = 1e-12  # a variance below it is 0
SETTINGS = (  # title, x, m, variance of q
    ("at the exact posterior", 1.5, 0.75, 0.5),
    ("far from it, where q is the prior", 1.5, 0.0, 1.0),
    ("at the posterior of an x that surprises: in logvar the analytic KL loses", 6.0, 3.0, 0.5),
    ("a q that is too narrow: path loses to analytic and sampled", 1.5, 0.75, 0.04),
)
ROWS = (("analytic", 1), ("sampled", 1), ("path", 1), ("score", 1), ("score", 8))


def variances(samples, seed):
    """Print the variance of every estimator, measured and exact; what is wrong."""
    wrong = []
    print("The variance of estimates of the bound and of its gradients in one dimension: measured,")
    print(f"exact, and z, their distance in standard errors; {samples} estimates")
    print("score 8: the mean of 8 draws, each with the mean of the others as its baseline")
    heads = "".join(f"{name:>10}{'exact':>9}{'z':>6}" for name in ("value", "d/dm", "d/dlogvar"))
    for k, (title, x, m, variance) in enumerate(SETTINGS):
        print(f"{title}: x = {x:g}, q = N({m:g}, {variance:g})\n{'':<10}{heads}")
        q, x = (np.array([m]), np.array([math.log(variance)])), np.array([x])
        for objective, S in ROWS:
            name = objective if S == 1 else f"{objective} {S}"
            compared = held_against(
                objective, S, q, x, samples, np.random.default_rng([seed, 2, k])
            )
            line = ""
            for quantity, (v, true, mean_z, z) in compared.items():
                line += f"{shown(v, ROUNDING):>10}{shown(true, ROUNDING):>9}{z:>6.1f}"
                for what, away in (("mean", mean_z), ("variance", z)):
                    if not abs(away) <= FARTHEST:
                        wrong.append(f"{name}, {title}: {what} of {quantity} has z = {away:.1f}")
            print(f"{name:<10}{line}")
    return wrong


def held_against(objective, S, q, x, samples, rng):
    """{"value", "m", "logvar"}: the `scores` of so many estimates, of S draws each."""
    found = measured(ONE_LATENT, objective, *q, x=x, draws=samples, rng=rng, samples=S)
    exact = moments(ONE_LATENT, objective, *q, x=x, samples=S)
    fourth = quadrature_moments(ONE_LATENT, objective, *q, x=x) if S == 1 else exact
    return {name: scores(found[name], exact[name], fourth[name].fourth) for name in found}


def shown(number, rounding=1e-15):
    """The number as text; '0' below what rounding leaves, '-' where there is none."""
    return ("0" if number < rounding else f"{number:.4g}") if math.isfinite(number) else "-"


def scores(found, exact, fourth):
    """(variance, exact variance, z of the mean, z of the variance) of one number.

    found: SampleMoments; exact: Moments; fourth: the exact fourth central moment, or None. Scores
    have so heavy tails that the measured one may be far too small, and the variance's standard
    error with it. Without any spread a z is 0 where right, infinite where wrong.
    """
    n, mean, v = found.n, float(found.mean.sum()), float(found.variance.sum())
    away, true = mean - float(exact.mean.sum()), float(exact.variance.sum())
    if v < ROUNDING and true < ROUNDING:
        return v, true, 0.0 if abs(away) < ROUNDING * (1.0 + abs(mean)) else math.inf, 0.0
    spread = float(found.M4.sum()) / n - v**2 if fourth is None else float(fourth.sum()) - true**2
    if v < ROUNDING or true < ROUNDING:
        return v, true, math.inf, math.inf
    return v, true, away / math.sqrt(true / n), (v - true) / math.sqrt(spread / n)
