"""The one contract of all gradient estimators, and what they share.

An estimator is a function

    grads = estimator(f, law, params, noise)

of an integrand f, `y, vjp = f(z)` with z (S, ...) to y (S,); a law, its parameters, and noise with
no parameter in it. It returns a tuple, one array (S, *shape) for each parameter: S independent (or
at least uncorrelated) estimates of d E[f(z)] / dparam, None where it has none to offer. Their mean
is the estimate; their spread is the point of the whole part. It draws nothing itself.

`Estimator` is a row of the table `ESTIMATORS`: the function, and what there is to know about it.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae.distributions.law import draw_shape


def law_noise(law, rng, shape):
    """The noise of most estimators: that of one draw an estimate."""
    return law.noise(rng, shape)


def one_evaluation(law, params):
    return 1


def anything(law):
    return True


@dataclass(frozen=True)
class Estimator:
    """A row of the table.

    name: 'score function, leave-one-out'. fn: the function. admits(law): whether it applies.
    unbiased: for every f that it may be given; a str says when it is not. needs_slope: whether it
    calls f's vjp. noise(law, rng, shape): the noise of S estimates for shape (S, *draw_shape).
    cost(law, params): the evaluations of f in one estimate, of all parameters together; an
    evaluation with its vjp counts as one.
    """

    name: str
    fn: object
    admits: object = anything
    unbiased: bool | str = True
    needs_slope: bool = False
    noise: object = law_noise
    cost: object = one_evaluation

    def __call__(self, f, law, params, rng, samples):
        """`samples` estimates with noise from `rng`: a tuple of arrays (samples, *shape)."""
        return self.fn(f, law, params, self.noise(law, rng, (samples, *draw_shape(law, params))))


def per_sample(params, samples):
    """Each parameter (S, *shape), the same for every sample and not copied: a vjp then keeps the
    gradients of the samples apart instead of summing them."""
    return [np.broadcast_to(param, (samples, *np.shape(param))) for param in params]


def weighted(weights, slopes):
    """weights (S,) times each of the slopes (S, *shape); None stays None."""
    return tuple(
        None if slope is None else weights.reshape(-1, *[1] * (slope.ndim - 1)) * slope
        for slope in slopes
    )
