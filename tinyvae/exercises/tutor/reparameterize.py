"""A draw from N(mu, sigma²) as a function of mu, logvar and noise."""

import numpy as np

import tinyvae
from tinyvae import ops
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for noise, shape in (((4, 3), (4, 3)), ((5, 2, 3), (2, 3)), ((1, 6), (1, 6))):
        mu, logvar = rng.standard_normal((2, *shape))
        found.append(case(mu, logvar, eps=rng.standard_normal(noise)))
    return found


@misconception
def variance_for_sigma(mu, logvar, *, eps):
    """sigma is exp(logvar), which is the variance; the standard deviation is its square root,
    exp(logvar / 2). No gradient check sees this mistake: every derivative fits."""
    sigma = np.exp(logvar)
    return mu + sigma * eps, sigma


@misconception
def stretched_by_the_variance(mu, logvar, *, eps):
    """sigma is right, but z is stretched by the variance sigma²; stretch eps by sigma itself."""
    sigma = np.exp(0.5 * logvar)
    return mu + sigma**2 * eps, sigma


@misconception
def logvar_for_sigma(mu, logvar, *, eps):
    """It takes logvar for sigma, and logvar is negative wherever the variance is below 1: first
    sigma = exp(logvar / 2)."""
    return mu + logvar * eps, logvar.copy()


@misconception
def root_of_the_logarithm(mu, logvar, *, eps):
    """It takes the square root of logvar, which has none where it is negative: first undo the
    logarithm, then take the root: sqrt(exp(logvar)), or exp(logvar / 2)."""
    sigma = np.sqrt(logvar)
    return mu + sigma * eps, sigma


@misconception
def precision_for_sigma(mu, logvar, *, eps):
    """sigma is exp(-logvar / 2), one divided by what it should be: exp(logvar / 2), without the
    minus."""
    sigma = np.exp(-0.5 * logvar)
    return mu + sigma * eps, sigma


@misconception
def exponent_doubled(mu, logvar, *, eps):
    """sigma is exp(2 logvar); a square root halves the exponent: exp(logvar / 2)."""
    sigma = np.exp(2.0 * logvar)
    return mu + sigma * eps, sigma


@misconception
def mean_forgotten(mu, logvar, *, eps):
    """z is stretched, but not shifted: add mu."""
    sigma = np.exp(0.5 * logvar)
    return sigma * eps + np.zeros_like(mu), sigma


@misconception
def noise_added_alone(mu, logvar, *, eps):
    """It adds sigma and eps; eps is stretched by sigma, so multiply them: mu + sigma * eps."""
    sigma = np.exp(0.5 * logvar)
    return mu + sigma + eps, sigma


@misconception
def noise_of_its_own(mu, logvar, *, eps):
    """It draws noise of its own, so z changes from call to call, and the way back, which needs the
    same noise, cannot know it. Use eps."""
    sigma = np.exp(0.5 * logvar)
    return mu + sigma * np.random.default_rng().standard_normal(eps.shape), sigma


@misconception
def noise_like_mu(mu, logvar, *, eps):
    """It draws noise of its own, and only one for each entry of mu; so z changes from call to call,
    and the way back, which needs the same noise, cannot know it. Use eps."""
    sigma = np.exp(0.5 * logvar)
    return mu + sigma * np.random.default_rng().standard_normal(mu.shape), sigma


@misconception
def every_draw_has_a_sigma(mu, logvar, *, eps):
    """z is right. sigma is blown up to the shape of z; it depends on logvar alone, and has its
    shape."""
    sigma = np.exp(0.5 * logvar) * np.ones_like(eps)
    return mu + sigma * eps, sigma


def truth(mu, logvar, *, eps):
    z, _ = tinyvae.reparameterize(mu, logvar, eps=eps)
    return z, ops.exp(0.5 * logvar)[0]


EXERCISE = Exercise(
    name="reparameterize",
    chapter=4,
    title="A draw that can be differentiated",
    cases=cases,
    returns=("z", "sigma"),
    misconceptions=(
        variance_for_sigma,
        stretched_by_the_variance,
        logvar_for_sigma,
        root_of_the_logarithm,
        precision_for_sigma,
        exponent_doubled,
        mean_forgotten,
        noise_added_alone,
        noise_of_its_own,
        noise_like_mu,
        every_draw_has_a_sigma,
    ),
    hints=(
        "logvar = log(sigma²) = 2 log(sigma). Solve for sigma.",
        "sigma = exp(logvar / 2), an array like logvar. NumPy stretches it along the axis of the "
        "draws by itself.",
        "sigma = np.exp(0.5 * logvar); return mu + sigma * eps, sigma.",
    ),
    truth=truth,
)
