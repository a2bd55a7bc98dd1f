"""The constant baseline of least variance."""

import numpy as np

from tinyvae.estimators.baselines import best_constant
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for S, P in ((8, 3), (6, 6), (5, 1)):
        scores = rng.standard_normal((S, P)) * np.linspace(0.5, 2.0, P)
        found.append(case(3.0 + rng.standard_normal(S), scores))
    return found


def truth(f, scores):
    return best_constant(f, scores)


@misconception
def mean_of_f(f, scores):
    """That is the mean of f, a good baseline, but not the best: it makes the variance of f
    smallest, not that of (f - b) s. Draws with a large s count for more: weigh each f by s²."""
    return np.full(scores.shape[1], f.mean())


@misconception
def forgot_the_square(f, scores):
    """You divided E[f s] by E[s]. Both squares are missing: the variance has (f - b)² s² in it. And
    E[s] is 0, so that your quotient is noise."""
    return f @ scores / scores.sum(axis=0)


@misconception
def square_in_one_place(f, scores):
    """The upper expectation is E[f s], and should be E[f s²]: differentiate (f - b)² s² in b, and
    the factor s² stays on both terms."""
    return f @ scores / (scores**2).sum(axis=0)


@misconception
def one_for_all_parameters(f, scores):
    """You took one baseline for all parameters, with the squared length of the whole score as the
    weight. Every parameter may have a b of its own, and is better off: do not sum over P."""
    weight = (scores**2).sum(axis=1)
    return np.full(scores.shape[1], f @ weight / weight.sum())


@misconception
def absolute_weights(f, scores):
    """You weighed f by |s|; the variance is about squares, so the weight is s²."""
    size = np.abs(scores)
    return f @ size / size.sum(axis=0)


@misconception
def regression(f, scores):
    """That is the slope of a regression, Cov(f s, s) / Var(s), with the means of s subtracted. With
    many draws it comes to the same, but E[s] = 0 is known: estimating it only adds noise."""
    product = f[:, None] * scores
    centred = scores - scores.mean(axis=0)
    return (product * centred).sum(axis=0) / (centred**2).sum(axis=0)


@misconception
def sum_over_mean(f, scores):
    """One of the two expectations is a sum, the other a mean: the result is too large by the number
    of draws. Take the mean in both, or the sum in both."""
    return len(f) * truth(f, scores)


EXERCISE = Exercise(
    name="optimal_baseline",
    chapter=5,
    title="The best constant baseline",
    cases=cases,
    returns=("b",),
    misconceptions=(
        mean_of_f,
        forgot_the_square,
        square_in_one_place,
        one_for_all_parameters,
        absolute_weights,
        regression,
        sum_over_mean,
    ),
    hints=(
        "E[(f - b)² s²] = E[f² s²] - 2 b E[f s²] + b² E[s²]: a parabola in b. Where is its lowest "
        "point?",
        "The derivative is -2 E[f s²] + 2 b E[s²]. Set it to 0 and solve for b.",
        "b = E[f s²] / E[s²]: the mean over axis 0 of f[:, None] * scores**2, divided by the mean "
        "over axis 0 of scores**2.",
    ),
    truth=truth,
)
