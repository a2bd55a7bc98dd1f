"""The measure-valued estimator: the derivative of a density is a difference of two densities.

    dp/dparam = c (p+ - p-),  so that  d/dparam E[f] = c (E+ f - E- f):

f is evaluated at a draw of each, and its slope never. `DECOMPOSITIONS` has the triples c, p+, p-.
"""

import math
from dataclasses import dataclass

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import draw_shape, name_of
from tinyvae.estimators.estimator import Estimator, check_law, per_parameter
from tinyvae.ops import sigmoid


def rayleigh(rng, shape):
    """W with density w e^(-w²/2), w > 0: the square root of 2 E."""
    return np.sqrt(2.0 * rng.standard_exponential(shape))


def maxwell_and_uniform(rng, shape):
    """M with density m² e^(-m²/2) / sqrt(2 pi), the length of a normal vector of three numbers with
    the sign of the first, and U; M U is then N(0, 1)."""
    first, second, third = rng.standard_normal((3, *shape))
    length = np.sqrt(first * first + second * second + third * third)
    return np.copysign(length, first), noises.uniform(rng, shape)


def exponential(rng, shape):
    return rng.standard_exponential(shape)


def nothing(rng, shape):
    return None


@dataclass(frozen=True)
class Triple:
    """One parameter's: `at(z, noise, *params)` gives c, z+, z-, number by number.

    z is a draw of the law, which they may start from; noise(rng, shape) is the rest of what they
    need. z+ and z- are coupled, made from the same noise, so that f(z+) - f(z-) varies little.
    """

    at: object
    noise: object = nothing


def normal_loc(z, W, loc, scale):
    """c = 1/(scale sqrt(2 pi)): loc + scale W against loc - scale W."""
    return 1.0 / (scale * math.sqrt(2.0 * math.pi)), loc + scale * W, loc - scale * W


def normal_scale(z, noise, loc, scale):
    """c = 1/scale: loc + scale M against loc + scale M U, which is the Normal itself."""
    M, U = noise
    return 1.0 / scale, loc + scale * M, loc + scale * M * U


def gaussian_mu(z, W, mu, logvar):
    """As the location of a Normal."""
    return normal_loc(z, W, mu, np.exp(0.5 * logvar))


def gaussian_logvar(z, noise, mu, logvar):
    """As the scale of a Normal, times dsigma/dlogvar = sigma/2."""
    sigma = np.exp(0.5 * logvar)
    c, up, down = normal_scale(z, noise, mu, sigma)
    return 0.5 * sigma * c, up, down


def exponential_rate(z, E, rate):
    """c = 1/rate: Exponential(rate) against Gamma(2, rate), which is one more waiting time."""
    return 1.0 / rate, z, z + E / rate


def gamma_rate(z, E, concentration, rate):
    """c = a/rate: Gamma(a, rate) against Gamma(a + 1, rate), which is one more waiting time."""
    return concentration / rate, z, z + E / rate


def poisson_rate(z, noise, rate):
    """c = 1: one more count against the count."""
    return 1.0, z + 1.0, z


def bernoulli_logits(z, noise, logits):
    """c = s (1 - s): 1 against 0."""
    s, _ = sigmoid(logits)
    return s * (1.0 - s), np.ones_like(z), np.zeros_like(z)


# For each parameter in turn; None where no triple is known that one can draw from.
DECOMPOSITIONS = {
    "normal": (Triple(normal_loc, rayleigh), Triple(normal_scale, maxwell_and_uniform)),
    "gaussian": (Triple(gaussian_mu, rayleigh), Triple(gaussian_logvar, maxwell_and_uniform)),
    "exponential": (Triple(exponential_rate, exponential),),
    "gamma": (None, Triple(gamma_rate, exponential)),
    "poisson": (Triple(poisson_rate),),
    "bernoulli": (Triple(bernoulli_logits),),
}


def measure_valued(f, law, params, noise):
    """c (f(z with z_j = z+_j) - f(z with z_j = z-_j)) for each coordinate j of each parameter.

    Approximates: d/dparam E[f] = c (E+ f - E- f), the other coordinates at a draw of the law.
    Requires: a law in `DECOMPOSITIONS`, whose coordinates are independent; of f nothing but finite
    moments: it may jump, and is never differentiated. None for a parameter without a triple.
    Unbiased. It moves one coordinate at a time, so that of a sum over coordinates all else
    cancels: its variance does not grow with their number, but its cost does.
    noise: (the law's, then what each parameter's triple needs), as `measure_valued_noise` draws.
    Cost: two evaluations of f for each number in a draw and each parameter: 2 D of D locations.
    Source: Pflug (1989); Heidergott & Vázquez-Abad (2008); Mohamed et al. (2020), section 6.
    """
    check_law(has_triples, law, "measure_valued", f"the laws {', '.join(DECOMPOSITIONS)}")
    own, *rest = noise
    z = law.sample(*params, noise=own)
    slopes = [
        None if triple is None else differences(f, z, *triple.at(z, other, *params))
        for triple, other in zip(triples(law), rest, strict=True)
    ]
    return per_parameter(slopes, params)


def differences(f, z, c, up, down):
    """c (f(up) - f(down)), where one number after the other of z is taken from `up` and `down`."""
    slope = np.empty_like(z)
    for i in np.ndindex(z.shape[1:]):
        here = (slice(None), *i)
        slope[here] = f(replaced(z, here, up))[0] - f(replaced(z, here, down))[0]
    return c * slope


def replaced(z, here, other):
    """z with what `other` has at that place."""
    changed = z.copy()
    changed[here] = other[here]
    return changed


def triples(law):
    return DECOMPOSITIONS[name_of(law)]


def has_triples(law):
    return name_of(law) in DECOMPOSITIONS


def measure_valued_noise(law, rng, shape):
    """(the law's own, and for each parameter what its triple needs)."""
    rest = (None if triple is None else triple.noise(rng, shape) for triple in triples(law))
    return law.noise(rng, shape), *rest


def two_a_number(law, params):
    """2 D for each parameter that has a triple, D the numbers in a draw."""
    return 2 * math.prod(draw_shape(law, params)) * sum(t is not None for t in triples(law))


ESTIMATORS = (
    Estimator(
        "measure-valued",
        measure_valued,
        admits=has_triples,
        noise=measure_valued_noise,
        cost=two_a_number,
    ),
)
