"""Baselines: the score function estimator of f - b, for a b that is not allowed to see the draw.

(f(z) - b) s(z) has the mean of f(z) s(z) for every b that is independent of z, as E[s] = 0, and
the variance of another integrand. What differs here is where b comes from.
"""

import numpy as np

from tinyvae.errors import check_count
from tinyvae.estimators.estimator import Estimator, column, has_score, scores, weighted

PILOT = 100  # draws, once for all samples: the constant of the table is the mean of f over them
DRAWS = 4  # an estimate, in the leave-one-out of the table


def values_and_scores(f, law, params, noise):
    """f(z) (S,) and the scores (S, *shape) each: what all of these start from."""
    z = law.sample(*params, noise=noise)
    return f(z)[0], scores(law, z, params)


def less(y, b, s):
    """(y - b) s for values y (S,), a score s (S, *shape) and b (*shape) or a number."""
    return None if s is None else (column(y, s) - b) * s


def constant_baseline(b):
    """A row of the table with a constant of your own: a number, or a tuple, one a parameter.

    (f(z) - b) s(z)
    Approximates, requires: as the score function. Unbiased, if b was chosen without these draws.
    Variance: least, coordinate by coordinate, at b* = E[f s²] / E[s²], and a parabola in b about
    it: 2 b* is as bad as 0, and what lies beyond is worse than no baseline.
    Cost: one evaluation of f.
    Source: Williams (1992), section 4; b*: Greensmith, Bartlett & Baxter, Variance Reduction
    Techniques for Gradient Estimates in Reinforcement Learning (2004).
    """

    def score_function_constant_baseline(f, law, params, noise):
        y, slopes = values_and_scores(f, law, params, noise)
        each = b if isinstance(b, tuple) else (b,) * len(slopes)
        return tuple(less(y, own, s) for own, s in zip(each, slopes, strict=True))

    return Estimator(
        "score function, constant baseline", score_function_constant_baseline, admits=has_score
    )


def pilot_noise(law, rng, shape):
    """(the noise of the pilot, that of the samples)."""
    return law.noise(rng, (PILOT, *shape[1:])), law.noise(rng, shape)


def score_function_pilot_baseline(f, law, params, noise):
    """(f(z) - b) s(z), where b is the mean of f over a pilot of other draws, the same for all.

    noise: (pilot, samples), two of the law's.
    Approximates, requires: as the score function. Unbiased; the samples are independent given the
    pilot, and have the right mean whatever it is, so they are uncorrelated.
    Cost: one evaluation of f an estimate, and the pilot's once for all.
    Source: as `constant_baseline`.
    """
    pilot, noise = noise
    b = f(law.sample(*params, noise=pilot))[0].mean()
    return constant_baseline(b).fn(f, law, params, noise)


def cross_fit(fit, use, *arrays):
    """use(fit(one half), the other half) for both halves of the samples: nothing judges itself."""
    samples = check_count(
        "samples (half of which fit what the rest uses)", len(arrays[0]), at_least=2
    )
    first, second = slice(0, samples // 2), slice(samples // 2, samples)
    return np.concatenate(
        [
            use(fit(*(a[there] for a in arrays)), *(a[here] for a in arrays))
            for here, there in ((first, second), (second, first))
        ]
    )


def best_constant(y, s):
    """b* = E[f s²] / E[s²] for each coordinate, from draws: y (S,), s (S, *shape) to (*shape)."""
    s2 = s * s
    total = s2.sum(axis=0)
    # A score may be 0 in every draw (Poisson, at a whole rate): any b will do, but not 0/0.
    return np.tensordot(y, s2, axes=1) / np.where(total > 0.0, total, 1.0)


def score_function_optimal_baseline(f, law, params, noise):
    """(f(z) - b*) s(z) with the constant of least variance, fitted on the other half of the draws.

    b* = E[f s²] / E[s²] for each coordinate of each parameter. The first half of the samples takes
    it from the second and the second from the first (cross-fitting): fitted on the draws that it
    is used on, b would know them, and leave a bias of order 1/S.
    Approximates, requires: as the score function; two samples at least. Unbiased.
    Coupling: samples of one half are uncorrelated. Of two halves their covariance is the square of
    E[s_i b(own half)], so of order 1/S², which adds a part of order 1/S² to the Var/S of the mean.
    With the exact b* there is none: `constant_baseline((b_loc, b_scale))`.
    Cost: one evaluation of f.
    Source: Greensmith, Bartlett & Baxter (2004); Ranganath et al., Black Box Variational
    Inference (2014), section 3.2.
    """
    y, slopes = values_and_scores(f, law, params, noise)
    return tuple(
        None if s is None else cross_fit(best_constant, lambda b, y, s: less(y, b, s), y, s)
        for s in slopes
    )


def score_function_running_mean(f, law, params, noise):
    """(f(z_i) - b_i) s(z_i), where b_i is the mean of f over the draws before z_i; the first is 0.

    Approximates, requires: as the score function. Unbiased, as b_i does not know z_i. Given all the
    draws before it a sample has the right mean, so the samples are uncorrelated; their variances
    differ, the first being that without a baseline.
    Cost: one evaluation of f.
    Source: Williams (1992), section 4; Mnih & Gregor, Neural Variational Inference and Learning in
    Belief Networks (2014), section 2.3.
    """
    y, slopes = values_and_scores(f, law, params, noise)
    before = np.zeros_like(y)
    before[1:] = np.cumsum(y)[:-1] / np.cumsum(np.ones_like(y))[:-1]
    return weighted(y - before, slopes)


def leave_one_out(draws):
    """A row of the table for K = `draws` draws an estimate, each the baseline of the others.

    mean over k of (f(z_k) - b_k) s(z_k) with b_k the mean of f over the other K - 1 draws, which
    is sum over k of (f(z_k) - m) s(z_k) / (K - 1) with m the mean of f over all K.
    Approximates, requires: as the score function. Unbiased, as b_k does not know z_k.
    noise: (S, K, *draw).
    Cost: K evaluations of f.
    Source: Kool, van Hoof & Welling, Buy 4 REINFORCE Samples, Get a Baseline for Free! (2019);
    Salimans & Knowles (2014).
    """
    check_count("draws", draws, at_least=2)

    def score_function_leave_one_out(f, law, params, noise):
        samples = len(noise)
        y, slopes = values_and_scores(f, law, params, noise.reshape(-1, *noise.shape[2:]))
        y = y.reshape(samples, draws)
        weights = (y - y.mean(axis=1, keepdims=True)) / (draws - 1)
        return tuple(
            None if g is None else g.reshape(samples, draws, *g.shape[1:]).sum(axis=1)
            for g in weighted(weights.reshape(-1), slopes)
        )

    return Estimator(
        "score function, leave-one-out",
        score_function_leave_one_out,
        admits=has_score,
        noise=lambda law, rng, shape: law.noise(rng, (shape[0], draws, *shape[1:])),
        cost=lambda law, params: draws,
    )


ESTIMATORS = (
    Estimator(
        "score function, constant baseline",
        score_function_pilot_baseline,
        admits=has_score,
        noise=pilot_noise,
    ),
    Estimator(
        "score function, optimal baseline", score_function_optimal_baseline, admits=has_score
    ),
    Estimator("score function, running mean", score_function_running_mean, admits=has_score),
    leave_one_out(DRAWS),
)
