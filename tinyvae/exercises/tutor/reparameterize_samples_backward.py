"""The way back through many draws of the same distribution."""

import numpy as np

import tinyvae
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(mu, logvar, *, eps):
    return mu + np.exp(0.5 * logvar) * eps


def cases(rng):
    found = []
    for S, B, Z in ((5, 3, 2), (1, 4, 3), (3, 3, 3)):
        dz, eps = rng.standard_normal((2, S, B, Z))
        found.append(case(dz, *rng.standard_normal((2, B, Z)), eps=eps))
    return found


def half_sigma(logvar):
    return 0.5 * np.exp(0.5 * logvar)


@misconception
def not_summed(dz, mu, logvar, *, eps):
    """Both gradients still have the axis of the draws. All S draws use the same mu and logvar, so
    add their gradients up: sum over axis 0."""
    return dz.copy(), dz * half_sigma(logvar) * eps


@misconception
def averaged(dz, mu, logvar, *, eps):
    """It takes means over the draws; the chain rule adds the gradients of all uses. If the loss is
    a mean over the draws, the 1/S is in dz already: sum over axis 0."""
    return dz.mean(axis=0), half_sigma(logvar) * (dz * eps).mean(axis=0)


@misconception
def only_mu_summed(dz, mu, logvar, *, eps):
    """dmu is summed over the draws, dlogvar is not: the same logvar is used by all of them, too."""
    return dz.sum(axis=0), dz * half_sigma(logvar) * eps


@misconception
def summed_over_the_batch(dz, mu, logvar, *, eps):
    """It sums over axis 1, the examples; each example has a mu of its own. What is shared is shared
    by the draws, axis 0."""
    return dz.sum(axis=1), (dz * half_sigma(logvar) * eps).sum(axis=1)


@misconception
def product_of_sums(dz, mu, logvar, *, eps):
    """dlogvar is a sum of dz times a sum of eps; each draw pairs its own dz with its own eps:
    multiply first, then sum."""
    return dz.sum(axis=0), half_sigma(logvar) * dz.sum(axis=0) * eps.sum(axis=0)


@misconception
def noise_averaged(dz, mu, logvar, *, eps):
    """dlogvar uses the mean of eps for all draws; each draw pairs its own dz with its own eps:
    multiply first, then sum."""
    return dz.sum(axis=0), half_sigma(logvar) * dz.sum(axis=0) * eps.mean(axis=0)


@misconception
def first_draw_only(dz, mu, logvar, *, eps):
    """It uses the first draw alone; all S of them came from mu and logvar, and all have a say: sum
    over axis 0."""
    return dz[0].copy(), half_sigma(logvar) * dz[0] * eps[0]


@misconception
def half_forgotten(dz, mu, logvar, *, eps):
    """The sums are right, but dlogvar is twice too large: dsigma/dlogvar = sigma / 2."""
    return dz.sum(axis=0), 2.0 * half_sigma(logvar) * (dz * eps).sum(axis=0)


@misconception
def stopped_at_sigma(dz, mu, logvar, *, eps):
    """The sums are right, but what stands for dlogvar is dsigma: multiply by dsigma/dlogvar = sigma
    / 2."""
    return dz.sum(axis=0), (dz * eps).sum(axis=0)


@misconception
def sum_kept_as_an_axis(dz, mu, logvar, *, eps):
    """The numbers are right, but an axis of length 1 is left in front: sum without keepdims, so
    that the gradients have the shape of mu, (B, Z)."""
    dlogvar = half_sigma(logvar) * (dz * eps).sum(axis=0, keepdims=True)
    return dz.sum(axis=0, keepdims=True), dlogvar


def truth(dz, mu, logvar, *, eps):
    return tinyvae.reparameterize(mu, logvar, eps=eps)[1](dz)


EXERCISE = Exercise(
    name="reparameterize_samples_backward",
    chapter=4,
    title="Many draws from one distribution",
    cases=cases,
    forward=forward,
    returns=("dmu", "dlogvar"),
    misconceptions=(
        not_summed,
        averaged,
        only_mu_summed,
        summed_over_the_batch,
        product_of_sums,
        noise_averaged,
        first_draw_only,
        half_forgotten,
        stopped_at_sigma,
        sum_kept_as_an_axis,
    ),
    hints=(
        "For one draw you have solved it in the exercise before. Now each mu[n, k] is used S "
        "times, "
        "once in every z[s, n, k].",
        "A number that is used several times collects the gradients of all its uses: add up along "
        "the axis of the draws, the first one.",
        "dmu = dz.sum(axis=0), and dlogvar is the sum over axis 0 of dz * eps * sigma / 2, the "
        "product of each draw first.",
    ),
    truth=truth,
)
