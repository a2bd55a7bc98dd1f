"""Where the randomness comes from: noise with no parameter in it, and its mirror image.

Drawn in float64 whatever the `dtype` asked for, and then rounded: a float32 generator returns an
exact 0 once in 10^7 draws, whose logarithm is infinite, and its uniforms cap a Gumbel at 16.6. No
uniform is clipped: clipping at 1e-5 already moves the mean of a Gumbel by 1e-5.

`mirror` turns noise at the quantile u into noise at the quantile 1 - u: an antithetic partner.
"""

import numpy as np


def normal(rng, shape, dtype=np.float64):
    """N(0, 1). Its mirror image is `negate`, as for every symmetric law."""
    return rng.standard_normal(shape).astype(dtype, copy=False)


def uniform(rng, shape, dtype=np.float64):
    """The midpoints of 2^52 cells of (0, 1): never 0, never 1, and 1 - u is exact."""
    cells = 2.0 ** min(52, np.finfo(dtype).nmant)
    return ((np.floor(rng.random(shape) * cells) + 0.5) / cells).astype(dtype, copy=False)


def exponential(rng, shape, dtype=np.float64):
    """Exp(1), which is -log u: all the digits of a tail, as u near 0 has them."""
    return rng.standard_exponential(shape).astype(dtype, copy=False)


def laplace(rng, shape, dtype=np.float64):
    """Laplace(0, 1), the difference of two exponentials."""
    return (rng.standard_exponential(shape) - rng.standard_exponential(shape)).astype(dtype)


def logistic(rng, shape, dtype=np.float64):
    """Logistic(0, 1), the difference of the logarithms of two exponentials."""
    up, down = rng.standard_exponential(shape), rng.standard_exponential(shape)
    return (np.log(up) - np.log(down)).astype(dtype, copy=False)


def cauchy(rng, shape, dtype=np.float64):
    """Cauchy(0, 1), the ratio of two normals."""
    return (rng.standard_normal(shape) / rng.standard_normal(shape)).astype(dtype, copy=False)


def gumbel(rng, shape, dtype=np.float64):
    """Gumbel(0, 1), -log of an exponential."""
    return (-np.log(rng.standard_exponential(shape))).astype(dtype, copy=False)


def negate(noise):
    """The mirror image of symmetric noise."""
    return -noise


def reflect(noise):
    """The mirror image 1 - u of uniform noise."""
    return 1.0 - noise


def reflect_exponential(noise):
    """The mirror image of E = -log u, which is -log(1 - u) = -log(1 - e^-E).

    By expm1 where E is small, by log1p where e^-E is: else a large E has the image 0.
    """
    large = noise > 0.5
    near, far = np.where(large, 0.5, noise), np.where(large, noise, 0.5)
    return np.where(large, -np.log1p(-np.exp(-far)), -np.log(-np.expm1(-near)))


def reflect_gumbel(noise):
    """The mirror image of g = -log E, with E reflected."""
    return -np.log(reflect_exponential(np.exp(-noise)))
