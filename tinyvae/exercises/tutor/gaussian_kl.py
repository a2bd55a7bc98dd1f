"""KL(N(mu, e^logvar) || N(0, 1)), value and gradients."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, pulled
from tinyvae.exercises.lines import evaluated, mistaken
from tinyvae.kl import kl as truth


def cases(rng):
    found = []
    for B, Z in ((4, 3), (3, 3), (1, 2)):
        found.append(case(rng.standard_normal(B), *rng.standard_normal((2, B, Z))))
    # Where a logvar that is clipped, at +-4 or at +-30, is another one.
    logvar = np.array([[0.3, -0.5], [5.1, -0.2], [-11.0, 1.0], [0.0, 12.0], [-33.0, 0.7]])
    found.append(case(rng.standard_normal(5), rng.standard_normal((5, 2)), logvar))
    return found


FORWARD = {
    "each": "0.5 * (mu**2 + np.expm1(logvar) - logvar)",
    "KL": "each.sum(axis=1)",
}
BACKWARD = {
    "dKL": "dy[:, None]",
    "dmu": "dKL * mu",
    "dlogvar": "dKL * 0.5 * np.expm1(logvar)",
    "result": "dmu, dlogvar",
}


def divergence(lines):
    """The function that the exercise asks for, with these lines, forward and backward."""
    forward, backward = ({k: lines[k] for k in part} for part in (FORWARD, BACKWARD))

    def gaussian_kl(mu, logvar):
        known = evaluated(forward, {"mu": mu, "logvar": logvar})
        return known["KL"], lambda dy: evaluated(backward, known | {"dy": dy})["result"]

    return gaussian_kl


BOTH = {  # value and gradients fit together, but are those of another function
    "negative": (
        """That is minus the KL: 1 + logvar - mu² - e^logvar, halved, is what some papers write, as
        the term that is added to the bound. A divergence is never below 0: turn all signs
        around.""",
        {"KL": "-each.sum(axis=1)", "dKL": "-dy[:, None]"},
    ),
    "averaged_over_the_latents": (
        """You averaged over the Z latents. The KL of independent latents is the sum of their KLs;
        a mean is a hidden beta of 1/Z.""",
        {"KL": "each.mean(axis=1)", "dKL": "dy[:, None] / mu.shape[1]"},
    ),
    "half_forgotten": (
        """Everything is twice too large: the factor 1/2 is missing. It stands in front of the
        logarithm of a Gaussian's density, and stays.""",
        {"KL": "2 * each.sum(axis=1)", "dKL": "2 * dy[:, None]"},
    ),
    "wrong_way_round": (
        """That is KL(p || q), the prior's divergence from q. The bound has KL(q || p), an average
        over draws of q: no division by the variance of q occurs in it.""",
        {
            "each": "0.5 * ((mu**2 + 1) * np.exp(-logvar) - 1 + logvar)",
            "dmu": "dKL * mu * np.exp(-logvar)",
            "dlogvar": "dKL * 0.5 * (1 - (mu**2 + 1) * np.exp(-logvar))",
        },
    ),
    "sigma_in_place_of_the_variance": (
        """e^logvar is the variance of q, and the KL needs the variance: you put sigma, e^(logvar /
        2), in its place.""",
        {
            "each": "0.5 * (mu**2 + np.exp(0.5 * logvar) - 1 - logvar)",
            "dlogvar": "dKL * 0.5 * (0.5 * np.exp(0.5 * logvar) - 1)",
        },
    ),
    "sigma_in_value_and_gradient": (
        """e^logvar is the variance of q, and the KL needs the variance: in the value and in
        dlogvar you put sigma, e^(logvar / 2), in its place.""",
        {
            "each": "0.5 * (mu**2 + np.exp(0.5 * logvar) - 1 - logvar)",
            "dlogvar": "dKL * 0.5 * (np.exp(0.5 * logvar) - 1)",
        },
    ),
    "logvar_is_log_sigma": (
        """You took exp(logvar) for sigma, and squared it. It is the variance already: e^logvar,
        and log sigma² is logvar.""",
        {
            "each": "0.5 * (mu**2 + np.expm1(2 * logvar) - 2 * logvar)",
            "dlogvar": "dKL * np.expm1(2 * logvar)",
        },
    ),
    "logvar_term_turned_around": (
        """The term -logvar / 2 has lost its minus, in the value and in dlogvar: with + logvar the
        KL would fall without end as the variance goes to 0.""",
        {
            "each": "0.5 * (mu**2 + np.expm1(logvar) + logvar)",
            "dlogvar": "dKL * 0.5 * (np.exp(logvar) + 1)",
        },
    ),
    "logvar_term_forgotten": (
        """The term -logvar / 2 is missing, in the value and in dlogvar: without it a variance of 0
        would cost nothing.""",
        {"each": "0.5 * (mu**2 + np.expm1(logvar))", "dlogvar": "dKL * 0.5 * np.exp(logvar)"},
    ),
    "mu_not_squared": (
        """The value has mu where mu² belongs, and dmu the derivative of that, 1/2: a mean costs
        the same on either side of 0.""",
        {"each": "0.5 * (mu + np.expm1(logvar) - logvar)", "dmu": "dKL * 0.5 * np.ones_like(mu)"},
    ),
}

VALUE = {  # the gradients are right
    "value_negative": (
        """The gradients are right, but the value is minus the KL. A divergence is never below 0:
        turn all its signs around.""",
        {"KL": "-each.sum(axis=1)"},
    ),
    "value_without_half": (
        """The gradients are right, but the value is twice too large: the factor 1/2 is missing.""",
        {"KL": "2 * each.sum(axis=1)"},
    ),
    "value_averaged": (
        """The gradients are right, but the value is a mean over the Z latents: sum over axis 1.""",
        {"KL": "each.mean(axis=1)"},
    ),
    "value_without_minus_one": (
        """The gradients are right, but the value lacks a -1/2 for each latent: mu² + e^logvar - 1
        - logvar. For mu = 0, logvar = 0 it must be 0.""",
        {"each": "0.5 * (mu**2 + np.exp(logvar) - logvar)"},
    ),
    "value_with_plus_one": (
        """The gradients are right, but the value has +1 where -1 belongs: mu² + e^logvar - 1 -
        logvar. For mu = 0, logvar = 0 it must be 0.""",
        {"each": "0.5 * (mu**2 + np.exp(logvar) + 1 - logvar)"},
    ),
    "value_with_sigma": (
        """The gradients are right, but the value has sigma, e^(logvar / 2), where the variance
        e^logvar belongs.""",
        {"each": "0.5 * (mu**2 + np.exp(0.5 * logvar) - 1 - logvar)"},
    ),
    "value_with_variance_squared": (
        """The gradients are right, but the value has e^(2 logvar), the variance squared: the
        variance is e^logvar.""",
        {"each": "0.5 * (mu**2 + np.exp(2 * logvar) - 1 - logvar)"},
    ),
    "value_without_logvar": (
        """The gradients are right, but the value lacks the term -logvar / 2.""",
        {"each": "0.5 * (mu**2 + np.expm1(logvar))"},
    ),
    "value_with_logvar_turned_around": (
        """The gradients are right, but in the value the term -logvar / 2 has lost its minus.""",
        {"each": "0.5 * (mu**2 + np.expm1(logvar) + logvar)"},
    ),
    "half_on_the_square_alone": (
        """The gradients are right, but in the value the 1/2 belongs to mu² alone, for want of a
        parenthesis: (mu² + e^logvar - 1 - logvar) / 2.""",
        {"each": "0.5 * mu**2 + np.expm1(logvar) - logvar"},
    ),
    "value_of_the_whole_batch": (
        """The gradients are right, but the value is one number, summed over the batch: sum over
        the latents, axis 1, which leaves a KL for each example.""",
        {"KL": "each.sum()"},
    ),
}

GRADIENTS = {  # the value is right
    "minus_one_forgotten": (
        """The KL is right, but dlogvar lacks its -1/2: the term -logvar / 2 has a derivative, too.
        At logvar = 0 the gradient must be 0.""",
        {"dlogvar": "dKL * 0.5 * np.exp(logvar)"},
    ),
    "plus_one": (
        """The KL is right, but dlogvar has +1 where -1 belongs: the term is -logvar / 2. At logvar
        = 0 the gradient must be 0.""",
        {"dlogvar": "dKL * 0.5 * (np.exp(logvar) + 1)"},
    ),
    "half_forgotten_in_dlogvar": (
        """The KL is right, but dlogvar is twice too large: the derivative of e^logvar / 2 is
        e^logvar / 2, the 1/2 stays.""",
        {"dlogvar": "dKL * np.expm1(logvar)"},
    ),
    "half_forgotten_in_dmu": (
        """The KL is right, but dmu is 2 mu, the derivative of mu²; of mu² / 2 it is mu.""",
        {"dmu": "dKL * 2 * mu"},
    ),
    "half_forgotten_in_both": (
        """The KL is right, but both gradients are twice too large: the factor 1/2 stands in front
        of everything.""",
        {"dKL": "2 * dy[:, None]"},
    ),
    "half_of_mu": (
        """The KL is right, but dmu is mu / 2: the derivative of mu² / 2 is mu.""",
        {"dmu": "dKL * 0.5 * mu"},
    ),
    "sigma_in_the_gradient": (
        """The KL is right, but dlogvar has sigma, e^(logvar / 2), where the variance belongs: the
        derivative of e^logvar is e^logvar.""",
        {"dlogvar": "dKL * 0.5 * (np.exp(0.5 * logvar) - 1)"},
    ),
    "variance_squared_in_the_gradient": (
        """The KL is right, but dlogvar has e^(2 logvar), the variance squared: the derivative of
        e^logvar is e^logvar.""",
        {"dlogvar": "dKL * 0.5 * np.expm1(2 * logvar)"},
    ),
    "in_sigma": (
        """The KL is right, but dlogvar is its derivative in sigma, sigma - 1 / sigma: multiply by
        dsigma/dlogvar = sigma / 2.""",
        {"dlogvar": "dKL * (np.exp(0.5 * logvar) - np.exp(-0.5 * logvar))"},
    ),
    "dmu_turned_around": (
        """The KL is right, but dmu has the wrong sign: the KL grows where mu goes away from 0.""",
        {"dmu": "-dKL * mu"},
    ),
    "dlogvar_turned_around": (
        """The KL is right, but dlogvar has the wrong sign: the KL grows with logvar where the
        variance is above 1.""",
        {"dlogvar": "-dKL * 0.5 * np.expm1(logvar)"},
    ),
    "gradients_turned_around": (
        """The KL is right, but both gradients have the wrong sign: these point to where the KL
        falls.""",
        {"dKL": "-dy[:, None]"},
    ),
    "gradients_averaged": (
        """The KL is right, but both gradients are divided by the number of latents: it is a sum
        over them.""",
        {"dKL": "dy[:, None] / mu.shape[1]"},
    ),
    "gradients_averaged_over_the_batch": (
        """The KL is right, but both gradients are divided by the batch size: there is a KL for
        each example, and no mean. If one is taken later, its 1/B is in dy.""",
        {"dKL": "dy[:, None] / len(mu)"},
    ),
    "gradients_swapped": (
        """The gradients have changed places: first dmu, then dlogvar, as the arguments stand.""",
        {"result": "dlogvar, dmu"},
    ),
    "cotangent_forgotten": (
        """vjp does not use dy: the gradients of example n are multiplied by dy[n], whatever comes
        after the KL. Use dy[:, None].""",
        {"dKL": "np.ones_like(dy)[:, None]"},
    ),
    "cotangent_forgotten_in_dmu": (
        """dmu does not use dy, dlogvar does: both are multiplied by dy[:, None].""",
        {"dmu": "mu + 0.0"},
    ),
    "cotangent_forgotten_in_dlogvar": (
        """dlogvar does not use dy, dmu does: both are multiplied by dy[:, None].""",
        {"dlogvar": "0.5 * np.expm1(logvar)"},
    ),
}


EXERCISE = Exercise(
    name="gaussian_kl",
    chapter=8,
    title="The price of a posterior: the KL divergence from N(0, 1)",
    cases=cases,
    call=pulled,
    returns=("KL", "dmu", "dlogvar"),
    misconceptions=mistaken(FORWARD | BACKWARD, divergence, BOTH | VALUE | GRADIENTS),
    hints=(
        "The value is the formula of the statement, summed over axis 1. For the gradients look at "
        "one latent, and differentiate term by term.",
        "In mu only mu² / 2 depends on it. In logvar two terms do: e^logvar / 2 and -logvar / 2.",
        "vjp(dy) returns dy[:, None] * mu and dy[:, None] * 0.5 * np.expm1(logvar).",
    ),
    truth=truth,
)
