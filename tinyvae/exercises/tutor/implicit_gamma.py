"""The implicit derivative of a Gamma draw in its shape."""

import numpy as np

from tinyvae.distributions import gamma
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.special.gamma import digamma
from tinyvae.special.incomplete_gamma import cdf, dlogz_dalpha


def cases(rng):
    found = []
    for S, B in ((5, 3), (3, 3), (1, 2)):
        alpha = 0.7 + 4.0 * rng.random(B)
        found.append(case(rng.standard_normal((S, B)), rng.standard_gamma(alpha, (S, B)), alpha))
    return found


def slope(z, alpha):
    return z * dlogz_dalpha(np.log(z), alpha)


def density(z, alpha):
    return np.exp(gamma.log_prob(z, alpha, 1.0)[0])


def truth(dz, z, alpha):
    return (dz * slope(z, alpha)).sum(axis=0)


@misconception
def sign_forgotten(dz, z, alpha):
    """The sign is turned around. A larger alpha moves the law to the right, so F at a fixed z
    falls, and z must rise to make up for it: dz/dalpha = -(dF/dalpha) / p(z)."""
    return -truth(dz, z, alpha)


@misconception
def density_forgotten(dz, z, alpha):
    """That is -dF/dalpha, the change of a probability. How far z has to move to make up for it
    depends on how dense the law is there: divide by p(z)."""
    return (dz * slope(z, alpha) * density(z, alpha)).sum(axis=0)


@misconception
def as_if_alpha_were_a_scale(dz, z, alpha):
    """You took z / alpha for the slope, as if alpha stretched z. That is so for a scale; alpha
    changes the shape of the law: use the implicit formula."""
    return (dz * z / alpha).sum(axis=0)


@misconception
def score_in_place_of_path(dz, z, alpha):
    """That is dz times the score, dlog p/dalpha: the difference was taken of the log-density. Take
    it of the CDF, and divide by the density."""
    return (dz * (np.log(z) - digamma(alpha))).sum(axis=0)


@misconception
def density_differentiated(dz, z, alpha):
    """The upper half of the quotient is the derivative of the density in alpha, and should be that
    of the CDF: F is what stays fixed."""
    return (dz * -(np.log(z) - digamma(alpha))).sum(axis=0)


@misconception
def not_summed(dz, z, alpha):
    """dalpha has a row for each draw, but all S draws share one alpha: add up their gradients,
    dalpha (B,)."""
    return dz * slope(z, alpha)


@misconception
def step_not_divided_out(dz, z, alpha):
    """The difference of the two values of F is not divided by 2 h: it is a change, not yet a
    slope."""
    return truth(dz, z, alpha) * 2e-5


@misconception
def half_a_step(dz, z, alpha):
    """The result is twice too large: from alpha - h to alpha + h is a step of 2 h, and you divided
    by h."""
    return truth(dz, z, alpha) * 2.0


def one_sided(dz, z, alpha, h):
    dcdf = (cdf(z, alpha + h) - cdf(z, alpha)) / h
    return np.sum(dz * -dcdf / density(z, alpha), axis=0)


@misconception
def step_to_one_side(dz, z, alpha):
    """The difference is one-sided, (F(alpha + h) - F(alpha)) / h: its error is of the size of h,
    and five digits are right. That of the central one is of the size of h²: go to alpha - h, as
    well."""
    return one_sided(dz, z, alpha, 1e-5)


@misconception
def step_to_the_other_side(dz, z, alpha):
    """The difference is one-sided, (F(alpha) - F(alpha - h)) / h: its error is of the size of h,
    and five digits are right. That of the central one is of the size of h²: go to alpha + h, as
    well."""
    return one_sided(dz, z, alpha, -1e-5)


EXERCISE = Exercise(
    name="implicit_gamma",
    chapter=7,
    title="A path without an inverse: the implicit derivative of a Gamma draw",
    cases=cases,
    returns=("dalpha",),
    misconceptions=(
        sign_forgotten,
        density_forgotten,
        as_if_alpha_were_a_scale,
        score_in_place_of_path,
        density_differentiated,
        not_summed,
        step_not_divided_out,
        half_a_step,
        step_to_one_side,
        step_to_the_other_side,
    ),
    hints=(
        "From p(z) dz/dalpha + dF/dalpha = 0 you get dz/dalpha. What of that is in the functions "
        "that you are given?",
        "dF/dalpha is (gamma_cdf(z, alpha + h) - gamma_cdf(z, alpha - h)) / (2 h), an array (S, B) "
        "as z is. Divide it by gamma_pdf(z, alpha), and mind the sign.",
        "np.sum(dz * -dF / gamma_pdf(z, alpha), axis=0), with dF from the line above: each alpha "
        "collects the gradients of its S draws.",
    ),
    truth=truth,
    rtol=3e-7,  # a central difference with any h from 1e-3 to 1e-7; no one-sided one with 1e-5
    atol=1e-9,
)
