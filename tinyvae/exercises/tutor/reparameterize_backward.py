"""The way back through z = mu + sigma eps: the heart of the course."""

import numpy as np

import tinyvae
from tinyvae.exercises.exercise import Exercise, case, misconception


def forward(mu, logvar, *, eps):
    return mu + np.exp(0.5 * logvar) * eps


def cases(rng):
    found = []
    for shape in ((4, 3), (1, 5), (3, 3)):
        dz, mu, logvar, eps = rng.standard_normal((4, *shape))
        found.append(case(dz, mu, logvar, eps=eps))
    return found


@misconception
def half_forgotten(dz, mu, logvar, *, eps):
    """dlogvar is twice too large: the exponent logvar / 2 has an inner derivative, 1/2, so
    dsigma/dlogvar = sigma / 2."""
    return dz.copy(), dz * np.exp(0.5 * logvar) * eps


@misconception
def stopped_at_sigma(dz, mu, logvar, *, eps):
    """What stands for dlogvar is dsigma = dz eps, the gradient with respect to sigma. One step is
    missing, from sigma to logvar: multiply by dsigma/dlogvar = sigma / 2."""
    return dz.copy(), dz * eps


@misconception
def half_without_sigma(dz, mu, logvar, *, eps):
    """dlogvar lacks the factor sigma: the derivative of exp(logvar / 2) is exp(logvar / 2) / 2, the
    exponential stays."""
    return dz.copy(), 0.5 * dz * eps


@misconception
def noise_forgotten(dz, mu, logvar, *, eps):
    """dlogvar lacks eps: in z = mu + sigma eps, a step in sigma moves z eps times as far, so dsigma
    = dz * eps."""
    return dz.copy(), dz * 0.5 * np.exp(0.5 * logvar)


@misconception
def variance_for_sigma(dz, mu, logvar, *, eps):
    """dlogvar has exp(logvar), the variance, where sigma = exp(logvar / 2) belongs."""
    return dz.copy(), dz * 0.5 * np.exp(logvar) * eps


@misconception
def variance_for_sigma_without_half(dz, mu, logvar, *, eps):
    """dlogvar is dz exp(logvar) eps, as if sigma were exp(logvar). It is exp(logvar / 2), and its
    derivative is sigma / 2."""
    return dz.copy(), dz * np.exp(logvar) * eps


@misconception
def incoming_forgotten(dz, mu, logvar, *, eps):
    """These are the slopes dz/dmu and dz/dlogvar alone: multiply both by what comes back, dz."""
    return np.ones_like(mu), 0.5 * np.exp(0.5 * logvar) * eps


@misconception
def mean_scaled(dz, mu, logvar, *, eps):
    """dmu is multiplied by sigma. A step in mu moves z by just as much, whatever sigma is, so dmu =
    dz."""
    sigma = np.exp(0.5 * logvar)
    return dz * sigma, dz * 0.5 * sigma * eps


@misconception
def drawn_anew(dz, mu, logvar, *, eps):
    """It draws noise of its own for the way back, so dlogvar belongs to another z than the one that
    was used. Use the eps of the forward pass."""
    fresh = np.random.default_rng().standard_normal(eps.shape)
    return dz.copy(), dz * 0.5 * np.exp(0.5 * logvar) * fresh


@misconception
def noise_without_sign(dz, mu, logvar, *, eps):
    """dlogvar has |eps|: where eps is negative, a larger sigma moves z down, and the sign must
    stay. Use eps as it is."""
    return dz.copy(), dz * 0.5 * np.exp(0.5 * logvar) * np.abs(eps)


@misconception
def draw_for_noise(dz, mu, logvar, *, eps):
    """dlogvar has z where eps belongs: what sigma multiplies in z = mu + sigma eps is eps."""
    sigma = np.exp(0.5 * logvar)
    return dz.copy(), dz * 0.5 * sigma * (mu + sigma * eps)


@misconception
def sign_turned(dz, mu, logvar, *, eps):
    """dlogvar has the wrong sign: there is no minus in z = mu + exp(logvar / 2) eps."""
    return dz.copy(), -dz * 0.5 * np.exp(0.5 * logvar) * eps


def truth(dz, mu, logvar, *, eps):
    return tinyvae.reparameterize(mu, logvar, eps=eps)[1](dz)


EXERCISE = Exercise(
    name="reparameterize_backward",
    chapter=4,
    title="The way back through a random number",
    cases=cases,
    forward=forward,
    returns=("dmu", "dlogvar"),
    misconceptions=(
        half_forgotten,
        stopped_at_sigma,
        half_without_sigma,
        noise_forgotten,
        variance_for_sigma,
        variance_for_sigma_without_half,
        incoming_forgotten,
        mean_scaled,
        drawn_anew,
        noise_without_sign,
        draw_for_noise,
        sign_turned,
    ),
    hints=(
        "Hold eps fixed: it is just a number. In z = mu + sigma eps, what is the slope of z in mu? "
        "And in sigma?",
        "dmu = dz, and dsigma = dz * eps. Now sigma = exp(logvar / 2): what is its derivative with "
        "respect to logvar?",
        "dsigma/dlogvar = sigma / 2, so dlogvar = dz * eps * sigma / 2.",
    ),
    truth=truth,
)
