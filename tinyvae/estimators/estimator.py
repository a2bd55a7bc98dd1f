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

from tinyvae.distributions.law import draw_shape, name_of, offers
from tinyvae.ops import sum_to


def law_noise(law, rng, shape):
    """The noise of most estimators: that of one draw an estimate."""
    return law.noise(rng, shape)


def one_evaluation(law, params):
    return 1


def two_evaluations(law, params):
    return 2


def anything(law):
    return True


def has_path(law):
    return offers(law, "rsample")


def has_score(law):
    return offers(law, "score")


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


def check_law(admits, law, estimator, made_for):
    """TypeError, naming the law and what the estimator is made for, unless admits(law)."""
    if not admits(law):
        name = name_of(law)
        raise TypeError(f"{estimator} is made for {made_for}, not for {name}: {law.WHY}")


# Of one parameter; of the sets that are not listed, none.
OWN_AXES = {"real vector": 1, "positive vector": 1, "real matrix": 2, "cholesky": 2}


def path(law, params, noise):
    """z, vjp of `law.rsample` where vjp keeps the samples apart: dz (S, ...) to (S, *shape) each.

    Every sample is given parameters of its own, all the same and not copied, with axes of length 1
    where a parameter has fewer of them than the others.
    """
    samples, kinds = len(noise), law.PARAMS.values()
    batch = [np.ndim(p) - OWN_AXES.get(k, 0) for p, k in zip(params, kinds, strict=True)]
    own = [
        np.broadcast_to(p, (samples, *[1] * (max(batch) - axes), *np.shape(p)))
        for p, axes in zip(params, batch, strict=True)
    ]
    z, law_vjp = law.rsample(*own, noise=noise)

    def vjp(dz):
        return tuple(
            None if dp is None else dp.reshape(samples, *np.shape(p))
            for dp, p in zip(law_vjp(dz), params, strict=True)
        )

    return z, vjp


def scores(law, z, params):
    """dlog p(z)/dparam, (S, *shape) each, at draws z (S, ...); None for one that has no score."""
    return per_parameter(law.score(z, *params), params)


def per_parameter(slopes, params):
    """Slopes (S, *draw), one a parameter, each summed over the axes along which the parameter was
    broadcast: (S, *shape)."""
    return tuple(
        None if slope is None else _summed(slope, np.shape(param))
        for slope, param in zip(slopes, params, strict=True)
    )


def _summed(slope, shape):
    kept = (len(slope), *[1] * (slope.ndim - 1 - len(shape)), *shape)
    return sum_to(slope, kept).reshape(len(slope), *shape)


def weighted(weights, slopes):
    """weights (S,) times each of the slopes (S, *shape); None stays None."""
    return tuple(None if slope is None else column(weights, slope) * slope for slope in slopes)


def column(weights, like):
    """weights (S,) with axes of length 1 added, so that they broadcast against (S, ...)."""
    return weights.reshape(-1, *[1] * (like.ndim - 1))
