"""Antithetic pairs: a draw and its mirror image, from the other end of the noise."""

from tinyvae.distributions.law import offers
from tinyvae.estimators.estimator import Estimator, has_path, has_score, two_evaluations
from tinyvae.estimators.pathwise import pathwise
from tinyvae.estimators.score_function import score_function


def antithetic(estimator):
    """(g(noise) + g(mirrored noise)) / 2, where g(noise) are the estimates of that estimator.

    Approximates, requires: as the estimator. Unbiased if it is, as mirrored noise has the same law.
    Variance: (Var g + Cov(g, mirrored g)) / 2, against Var g / 2 of two independent draws: the pair
    gains where the covariance is negative, and loses where it is positive. Of a Normal, whose
    noise is symmetric about 0: the path of the location loses the odd part of f' and is constant
    for a quadratic f; the score of the location loses the even part of f, and a constant with it,
    a baseline for free; the score of the scale loses the odd part, and keeps the constant.
    Cost: two evaluations of f.
    Source: Hammersley & Morton (1956); Mohamed et al. (2020), section 7.2 on coupling.
    """

    def pair(f, law, params, noise):
        first = estimator(f, law, params, noise)
        second = estimator(f, law, params, law.mirror(noise))
        return tuple(
            None if a is None else 0.5 * (a + b) for a, b in zip(first, second, strict=True)
        )

    return pair


def mirrored(admits):
    """The same question of a law, which must have a mirror too."""
    return lambda law: admits(law) and offers(law, "mirror")


ESTIMATORS = (
    Estimator(
        "pathwise, antithetic",
        antithetic(pathwise),
        admits=mirrored(has_path),
        needs_slope=True,
        cost=two_evaluations,
    ),
    Estimator(
        "score function, antithetic",
        antithetic(score_function),
        admits=mirrored(has_score),
        cost=two_evaluations,
    ),
)
