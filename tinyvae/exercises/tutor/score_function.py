"""REINFORCE for a Gaussian, one estimate a draw."""

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.estimators.estimator import weighted
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.exercises.lines import evaluated, mistaken


def cases(rng):
    found = []
    for S, Z in ((6, 3), (4, 4), (5, 1)):
        mu, logvar = 0.5 * rng.standard_normal((2, Z))
        z = mu + np.exp(0.5 * logvar) * rng.standard_normal((S, Z))
        found.append(case(((z - 0.3) ** 2).sum(axis=1), z, mu, logvar))
    return found


def truth(f, z, mu, logvar):
    return weighted(f, gaussian.score(z, mu, logvar))


@misconception
def averaged(f, z, mu, logvar):
    """You averaged over the draws. That is the right thing to do in the end, but the spread of the
    estimates is lost with it: return a row for each draw, (S, Z)."""
    return tuple(g.mean(axis=0) for g in truth(f, z, mu, logvar))


@misconception
def one_value_for_all(f, z, mu, logvar):
    """Every score is multiplied by the mean of f. The mean of a product is not the product of the
    means, and E[score] is 0: each score needs the f of its own draw, f[:, None]."""
    return tuple(f.mean() * s for s in gaussian.score(z, mu, logvar))


@misconception
def density_counted_twice(f, z, mu, logvar):
    """You multiplied by the density p(z), too: f dp/dmu. In the integral p dlog p/dmu stands beside
    dz, and drawing z from p is what the factor p does: f(z) dlog p/dmu is all."""
    p = np.exp(gaussian.log_prob(z, mu, logvar)[0].sum(axis=1))
    return truth(f * p, z, mu, logvar)


@misconception
def of_a_loss_to_descend(f, z, mu, logvar):
    """The sign is turned around. E[f] was asked for its gradient, which points to where E[f] grows;
    the minus belongs to the step of somebody who wants to go down."""
    return truth(-f, z, mu, logvar)


@misconception
def only_the_score(f, z, mu, logvar):
    """That is the score alone, whose mean is 0 whatever f is. Multiply each row by f at its draw:
    f[:, None] * score."""
    return gaussian.score(z, mu, logvar)


@misconception
def standardized(f, z, mu, logvar):
    """You subtracted the mean of f and divided by its standard deviation. That makes the estimate
    another one: its size no longer depends on the size of f, and it is biased, since mean and
    deviation know this draw. Use f as it is; baselines come next."""
    return truth((f - f.mean()) / f.std(), z, mu, logvar)


@misconception
def log_density_in_place_of_score(f, z, mu, logvar):
    """That is f(z) log p(z), whose gradient you want: the log-density itself is no gradient. Each f
    is multiplied by the derivative of log p in the parameter, the score."""
    return weighted(f, (gaussian.log_prob(z, mu, logvar)[0],) * 2)


RIGHT = {
    "f": "f[:, None]",
    "error": "z - mu",
    "of_mu": "error / np.exp(logvar)",
    "of_logvar": "0.5 * error**2 / np.exp(logvar) - 0.5",
    "result": "f * of_mu, f * of_logvar",
}


def estimator(lines):
    """The function that the exercise asks for, with these lines."""

    def score_function(f, z, mu, logvar):
        return evaluated(lines, {"f": f, "z": z, "mu": mu, "logvar": logvar})["result"]

    return score_function


MISTAKES = {
    "half_forgotten": (
        """dmu is right, but dlogvar is twice too large: its score is ((z - mu)² / sigma² - 1) / 2,
        with a 1/2 for both terms.""",
        {"of_logvar": "error**2 / np.exp(logvar) - 1"},
    ),
    "half_on_one_term": (
        """dmu is right, but in dlogvar the 1/2 belongs to the first term alone, for want of a
        parenthesis: ((z - mu)² / sigma² - 1) / 2.""",
        {"of_logvar": "0.5 * error**2 / np.exp(logvar) - 1"},
    ),
    "half_on_the_constant": (
        """dmu is right, but in dlogvar the 1/2 belongs to the -1 alone: ((z - mu)² / sigma² - 1) /
        2.""",
        {"of_logvar": "error**2 / np.exp(logvar) - 0.5"},
    ),
    "minus_one_forgotten": (
        """dmu is right, but dlogvar lacks the -1/2, which comes from the normalizer of the
        density: without it the score's mean is not 0.""",
        {"of_logvar": "0.5 * error**2 / np.exp(logvar)"},
    ),
    "plus_one": (
        """dmu is right, but dlogvar has + 1/2 where - 1/2 belongs: without the minus the score's
        mean is not 0.""",
        {"of_logvar": "0.5 * error**2 / np.exp(logvar) + 0.5"},
    ),
    "sigma_for_variance": (
        """Both are divided by sigma, exp(logvar / 2), where sigma² = exp(logvar) belongs.""",
        {
            "of_mu": "error / np.exp(0.5 * logvar)",
            "of_logvar": "0.5 * error**2 / np.exp(0.5 * logvar) - 0.5",
        },
    ),
    "sigma_for_variance_in_dmu": (
        """dlogvar is right, but dmu is divided by sigma, exp(logvar / 2), where sigma² =
        exp(logvar) belongs.""",
        {"of_mu": "error / np.exp(0.5 * logvar)"},
    ),
    "sigma_for_variance_in_dlogvar": (
        """dmu is right, but in dlogvar (z - mu)² is divided by sigma, where sigma² = exp(logvar)
        belongs.""",
        {"of_logvar": "0.5 * error**2 / np.exp(0.5 * logvar) - 0.5"},
    ),
    "logvar_is_log_sigma": (
        """Both are divided by exp(2 logvar), as if logvar were the logarithm of sigma: the
        variance is exp(logvar).""",
        {
            "of_mu": "error / np.exp(2 * logvar)",
            "of_logvar": "0.5 * error**2 / np.exp(2 * logvar) - 0.5",
        },
    ),
    "multiplied_by_the_variance": (
        """(z - mu) and its square are multiplied by the variance; divide by it: / np.exp(logvar),
        or * np.exp(-logvar).""",
        {
            "of_mu": "error * np.exp(logvar)",
            "of_logvar": "0.5 * error**2 * np.exp(logvar) - 0.5",
        },
    ),
    "variance_forgotten": (
        """Neither is divided by sigma²: (z - mu) / sigma², and (z - mu)² / sigma² in dlogvar.""",
        {"of_mu": "error", "of_logvar": "0.5 * error**2 - 0.5"},
    ),
    "variance_forgotten_in_dmu": (
        """dlogvar is right, but dmu is not divided by sigma²: its score is (z - mu) / sigma².""",
        {"of_mu": "error"},
    ),
    "mu_minus_z": (
        """dlogvar is right, but dmu has the wrong sign: mu - z where z - mu belongs. The density
        at z grows where mu comes nearer.""",
        {"of_mu": "(mu - z) / np.exp(logvar)"},
    ),
    "dlogvar_turned_around": (
        """dmu is right, but dlogvar has the wrong sign: the density of a z far out grows with the
        variance, so its score is above 0 there.""",
        {"of_logvar": "0.5 - 0.5 * error**2 / np.exp(logvar)"},
    ),
    "error_not_squared": (
        """dmu is right, but dlogvar has z - mu where its square belongs.""",
        {"of_logvar": "0.5 * error / np.exp(logvar) - 0.5"},
    ),
    "in_sigma": (
        """dmu is right, but dlogvar is the derivative in sigma, ((z - mu)² / sigma² - 1) / sigma:
        multiply by dsigma/dlogvar = sigma / 2.""",
        {"of_logvar": "(error**2 / np.exp(logvar) - 1) / np.exp(0.5 * logvar)"},
    ),
    "in_the_variance": (
        """dmu is right, but dlogvar is the derivative in sigma², ((z - mu)² / sigma² - 1) / (2
        sigma²): multiply by dsigma²/dlogvar = sigma².""",
        {"of_logvar": "0.5 * (error**2 / np.exp(logvar) - 1) / np.exp(logvar)"},
    ),
    "value_forgotten_in_dmu": (
        """dlogvar is right, but dmu is the score alone: multiply it by f[:, None], too.""",
        {"result": "of_mu, f * of_logvar"},
    ),
    "value_forgotten_in_dlogvar": (
        """dmu is right, but dlogvar is the score alone: multiply it by f[:, None], too.""",
        {"result": "f * of_mu, of_logvar"},
    ),
    "value_on_one_term": (
        """dmu is right, but in dlogvar f multiplies the first term alone, for want of a
        parenthesis: f[:, None] * (... - 0.5).""",
        {"result": "f * of_mu, f * (of_logvar + 0.5) - 0.5"},
    ),
    "baseline": (
        """You subtracted the mean of f. That makes the spread smaller, and the mean a little
        wrong, since it knows this draw. Use f as it is; baselines come next.""",
        {"f": "f[:, None] - f.mean()"},
    ),
    "divided_by_the_draws": (
        """Each row is divided by the number of draws: the mean over the rows is taken later, and
        the rows are estimates of their own.""",
        {"f": "f[:, None] / len(f)"},
    ),
    "swapped": (
        """The estimates have changed places: first dmu, then dlogvar.""",
        {"result": "f * of_logvar, f * of_mu"},
    ),
}


EXERCISE = Exercise(
    name="score_function",
    chapter=5,
    title="REINFORCE: the score function estimator",
    cases=cases,
    returns=("dmu", "dlogvar"),
    misconceptions=(
        averaged,
        one_value_for_all,
        density_counted_twice,
        of_a_loss_to_descend,
        only_the_score,
        standardized,
        log_density_in_place_of_score,
        *mistaken(RIGHT, estimator, MISTAKES),
    ),
    hints=(
        "Two steps: the score of each draw, as in exercise 15, and its product with f at that "
        "draw. No derivative of f occurs anywhere.",
        "The shapes: f is (S,), the score (S, Z). To multiply row s by f[s], give f a second axis "
        "of length 1.",
        "With error = z - mu and precision = np.exp(-logvar) it is f[:, None] * error * precision "
        "for mu, and f[:, None] * (0.5 * error**2 * precision - 0.5) for logvar.",
    ),
    truth=truth,
)
