"""Exact answers: enumeration, summation, quadrature and closed forms, and never a Monte-Carlo one.

rules, quadrature    integrals of one variable, to twelve digits or an error
expectation          E f(z)
gradient             d E f(z) / dparam, through the score, and by differences
variance             of the score function and the pathwise estimate, for any law of one number
closed_forms         mean and variance of estimators for a Normal, in any dimension
"""

# isort: off
from tinyvae.exact.rules import gauss_hermite
from tinyvae.exact.quadrature import Diverges, NotReached, integrate
from tinyvae.exact.expectation import enumeration, expectation
from tinyvae.exact.gradient import gradient, gradient_by_differences
from tinyvae.exact.variance import moments, path_moments, variance_of_path, variance_of_score
from tinyvae.exact.variance import velocity
from tinyvae.exact.closed_forms import closed_form, closed_form_with_baseline, of_logvar
from tinyvae.exact.closed_forms import cosine_under_cauchy, optimal_baseline
# isort: on

__all__ = [  # noqa: RUF022 - in reading order
    "gauss_hermite",
    "integrate",
    "Diverges",
    "NotReached",
    "expectation",
    "enumeration",
    "gradient",
    "gradient_by_differences",
    "moments",
    "path_moments",
    "variance_of_score",
    "variance_of_path",
    "velocity",
    "closed_form",
    "closed_form_with_baseline",
    "optimal_baseline",
    "cosine_under_cauchy",
    "of_logvar",
]
