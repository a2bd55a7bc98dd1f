"""Every estimator on every law that it admits, held against an exact gradient.

`python -m tinyvae gradcheck` prints the outcome, and the tests ask the same: a new law or estimator
is covered with its line in the table.
"""

import numpy as np

from tinyvae import exact
from tinyvae.comparison import compare
from tinyvae.distributions import LAWS, binary_concrete
from tinyvae.estimators import ESTIMATORS
from tinyvae.problem import problem

# Smooth, and bounded where tails are heavy; on the circle f must not jump where it closes.
SCALAR_F, CIRCLE_F, VECTOR_F = "sigmoid:c=0.3,tau=0.7", "cosine:k=1", "quadratic:k=0.3"
FARTHEST = 5.0  # standard errors: one right estimate in two million is farther away
WIDTH = 3  # of a vector
OWN_NUMBERS = {"student_t": "loc=2"}  # near c, f hardly depends on the scale and on df


def truth(law_name):
    """(the Problem, its exact gradient).

    For numbers the finite difference of a quadrature, which knows nothing of scores and paths; for
    vectors the closed forms of mean and variance; for a Concrete, which has none, two coordinates:
    y and 1 - y, where y is a binary Concrete of the difference of the logits.
    """
    if law_name == "concrete":
        chosen = problem(VECTOR_F, law_name, 2)
        return chosen, _two_coordinates(chosen)
    if LAWS[law_name].EVENT:
        chosen = problem(VECTOR_F, law_name, WIDTH)
        return chosen, chosen.exact_mean()
    f = CIRCLE_F if hasattr(LAWS[law_name], "PERIOD") else SCALAR_F
    chosen = problem(
        f, f"{law_name}:{OWN_NUMBERS[law_name]}" if law_name in OWN_NUMBERS else law_name
    )
    return chosen, exact.gradient_by_differences(chosen.f, chosen.law, chosen.numbers)


def _two_coordinates(chosen):
    def both(y):
        return chosen.f(np.stack([y, 1.0 - y], axis=-1))

    logits, temperature = chosen.params
    numbers = logits[0] - logits[1], temperature
    dlogit, dtemperature = exact.gradient_by_differences(both, binary_concrete, numbers)
    return np.array([dlogit, -dlogit]), dtemperature


def estimates(row, chosen, gradient, samples, rng):
    """The Comparisons of one estimator on one problem, without those it has no gradient for."""
    found = compare(
        row, chosen.f, chosen.law, chosen.params, samples=samples, rng=rng, exact_mean=gradient
    )
    return [comparison for comparison in found if comparison is not None]


def unbiased(law):
    """The estimators that promise the exact mean for a draw of this law."""
    return [row for row in ESTIMATORS if row.unbiased is True and row.admits(law)]
