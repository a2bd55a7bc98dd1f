"""The gradient of an expectation: the points stay, the density moves."""

import numpy as np

from tinyvae import exact
from tinyvae.distributions import normal
from tinyvae.exercises.exercise import Exercise, case, misconception

STEPS = np.arange(-10.0, 10.0, 0.05)


def square(z):
    return z * z


def bend(z):
    return np.sin(2.0 * z) + 0.3 * z


def cases(rng):
    found = []
    for f, mu, sigma in ((square, 0.7, 0.6), (bend, -0.4, 1.3), (np.cos, 0.2, 0.9)):
        z = mu + sigma * STEPS
        found.append(case(f, mu, sigma, z, np.full_like(z, sigma * (STEPS[1] - STEPS[0]))))
    return found


def density(mu, sigma, z):
    return np.exp(-0.5 * ((z - mu) / sigma) ** 2) / (sigma * np.sqrt(2.0 * np.pi))


def sums(f, mu, sigma, z, w, dmu, dsigma, p=None):
    """(value, dmu, dsigma) with these factors in place of the scores, and p of the density."""
    terms = w * f(z) * (density(mu, sigma, z) if p is None else p)
    return np.sum(terms), np.sum(terms * dmu), np.sum(terms * dsigma)


@misconception
def sigma_not_squared(f, mu, sigma, z, w):
    """dmu has (z - mu) / sigma where it needs (z - mu) / sigma²: the inner derivative of -(z - mu)²
    / (2 sigma²) keeps the square."""
    u = (z - mu) / sigma
    return sums(f, mu, sigma, z, w, u, (u * u - 1.0) / sigma)


@misconception
def sign_of_mu(f, mu, sigma, z, w):
    """dmu has the wrong sign: the inner derivative of (z - mu)² with respect to mu is -2 (z - mu),
    and the minus cancels that of the exponent. To the right of mu, the density rises with mu."""
    u = (z - mu) / sigma
    return sums(f, mu, sigma, z, w, -u / sigma, (u * u - 1.0) / sigma)


@misconception
def normalizer_forgotten(f, mu, sigma, z, w):
    """dsigma differentiates the exponential alone. The 1 / sigma in front depends on sigma, too,
    and brings the -1: p times ((z - mu)² / sigma² - 1) / sigma."""
    u = (z - mu) / sigma
    return sums(f, mu, sigma, z, w, u / sigma, u * u / sigma)


@misconception
def with_respect_to_log_sigma(f, mu, sigma, z, w):
    """dsigma is sigma times too large: this is the derivative with respect to log sigma. With
    respect to sigma itself it is p times ((z - mu)² / sigma² - 1) / sigma."""
    u = (z - mu) / sigma
    return sums(f, mu, sigma, z, w, u / sigma, u * u - 1.0)


@misconception
def with_respect_to_the_variance(f, mu, sigma, z, w):
    """dsigma is the derivative with respect to the variance sigma²; with respect to sigma it is 2
    sigma times as much: p times ((z - mu)² / sigma² - 1) / sigma."""
    u = (z - mu) / sigma
    return sums(f, mu, sigma, z, w, u / sigma, (u * u - 1.0) / (2.0 * sigma**2))


@misconception
def density_forgotten(f, mu, sigma, z, w):
    """The density p is missing in the two gradients: the derivative of p is p times the score, so
    each term is w f(z) p(z) times the score."""
    u = (z - mu) / sigma
    value = np.sum(w * f(z) * density(mu, sigma, z))
    return value, np.sum(w * f(z) * u / sigma), np.sum(w * f(z) * (u * u - 1.0) / sigma)


@misconception
def f_forgotten(f, mu, sigma, z, w):
    """f is missing in the two gradients, and without it they are 0, for any density: its integral
    stays 1. Each term is w f(z) p(z) times the score."""
    p, u = density(mu, sigma, z), (z - mu) / sigma
    value = np.sum(w * f(z) * p)
    return value, np.sum(w * p * u / sigma), np.sum(w * p * (u * u - 1.0) / sigma)


@misconception
def weights_forgotten(f, mu, sigma, z, w):
    """The weights w are missing: a sum over points is an integral only if every point counts for
    the stretch that it stands for."""
    u = (z - mu) / sigma
    return sums(f, mu, sigma, z, 1.0, u / sigma, (u * u - 1.0) / sigma)


@misconception
def sigma_missing_in_front(f, mu, sigma, z, w):
    """The density is not divided by sigma, so it is that of no distribution: its integral is sigma,
    not 1."""
    u = (z - mu) / sigma
    p = sigma * density(mu, sigma, z)
    return sums(f, mu, sigma, z, w, u / sigma, (u * u - 1.0) / sigma, p)


@misconception
def sigma_as_variance(f, mu, sigma, z, w):
    """It takes sigma for the variance: in the exponent stands 2 sigma², and in front sigma."""
    s = np.sqrt(sigma)
    u = (z - mu) / s
    return sums(f, mu, s, z, w, u / s, (u * u - 1.0) / (2.0 * sigma))


def truth(f, mu, sigma, z, w):
    """By the package's quadrature, which chooses points of its own."""

    def integrand(z):
        return f(z), None

    params = np.array(mu), np.array(sigma)
    value = exact.expectation(integrand, normal, params)
    return value, *exact.gradient_by_differences(integrand, normal, params)


EXERCISE = Exercise(
    name="expectation_gradient",
    chapter=3,
    title="The gradient of an expectation, by a sum",
    cases=cases,
    returns=("value", "dmu", "dsigma"),
    misconceptions=(
        sigma_not_squared,
        sign_of_mu,
        normalizer_forgotten,
        with_respect_to_log_sigma,
        with_respect_to_the_variance,
        density_forgotten,
        f_forgotten,
        weights_forgotten,
        sigma_missing_in_front,
        sigma_as_variance,
    ),
    hints=(
        "In the sum, only p depends on mu and sigma. Since dp = p d(log p), it is enough to "
        "differentiate log p(z) = -(z - mu)² / (2 sigma²) - log(sigma) + a constant.",
        "dlog p/dmu = (z - mu) / sigma². For sigma there are two terms: the first gives "
        "(z - mu)² / sigma³, the logarithm -1 / sigma.",
        "terms = w * f(z) * p; then np.sum(terms), np.sum(terms * (z - mu) / sigma**2), and "
        "np.sum(terms * (((z - mu) / sigma)**2 - 1) / sigma).",
    ),
    truth=truth,
)
