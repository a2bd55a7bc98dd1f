"""The path through a rejection sampler, for a Gamma: biased alone, unbiased with its correction.

Marsaglia & Tsang (2000) draw a Gamma(a, 1), a >= 1, as g = h(eps; a) with

    d = a - 1/3,  v = 1 + eps / sqrt(9 d),  h = d v³,

from a normal eps that is accepted or not. It looks like a path: noise, and a smooth function. But
whether eps is accepted depends on a, so its law q(eps; a) does too, and

    d/da E[f(g)] = E[f'(g) dh/da] + E[f(g) dlog q(eps; a)/da]:

the first term is the path, the second the correction, a score function. What a finite difference
with a fixed seed sees is the first alone. The accepted eps has exactly the law of h^-1(g; a) for
any g ~ Gamma(a, 1), so here g is an inverse CDF of u, and nothing is ever rejected.
"""

import numpy as np

from tinyvae.distributions import gamma
from tinyvae.errors import check_count
from tinyvae.estimators.estimator import Estimator, check_law, column, per_parameter


def rejection_path(f, law, params, noise):
    """f'(z) dz/dparam with z = h(eps; a + B) prod_i u_i^(1/(a + i - 1)) / rate, i = 1 ... B.

    dh/da = v³ - eps v²/(2 sqrt d).  B, the shape augmentation, moves the sampler to a shape where
    it rejects less: Gamma(a) = Gamma(a + 1) u^(1/a). It is what allows a < 1.
    Approximates: the first term above alone. For the rate, which no acceptance depends on, all.
    Requires: a Gamma; f as for pathwise. ValueError if B = 0 and a < 1.
    Biased in the concentration: E z² at a = 2 and B = 0 by 0.75 %, log z at a = 1 by 16 %; the
    bias falls as a + B grows.
    noise: (S, 1 + B, *draw), uniform; row 0 is g's.
    Cost: one evaluation of f and its gradient.
    Source: Naesseth, Ruiz, Linderman & Blei, Reparameterization Gradients through Acceptance-
    Rejection Sampling Algorithms (2017), section 3.
    """
    z, dz, _ = draws(law, params, noise)
    y, vjp = f(z)
    (dy,) = vjp(np.ones_like(y))
    return per_parameter([dy * slope for slope in dz], params)


def corrected_rejection_path(f, law, params, noise):
    """The rejection path and f(z) dlog q(eps; a + B)/da, the correction.

    dlog q/da = log h - psi(a) + ((a - 1)/h - 1) dh/da + 1/(2d) - eps/(3 d^1.5 v):
    the density of g at h(eps; a), and the volume dh/deps = sqrt(d) v².
    Approximates: d/dparam E[f(z)], whole. Requires, noise: as `rejection_path`. Unbiased.
    Cost: one evaluation of f and its gradient.
    Variance: the correction is small and shrinks with B; the implicit path has none.
    Source: Naesseth et al. (2017), section 3.
    """
    z, dz, correction = draws(law, params, noise)
    y, vjp = f(z)
    (dy,) = vjp(np.ones_like(y))
    by_shape, by_rate = (dy * slope for slope in dz)
    return per_parameter((by_shape + column(y, correction) * correction, by_rate), params)


def draws(law, params, noise):
    """z, its path slopes (dz/dconcentration, dz/drate), and dlog q(eps)/dconcentration."""
    check_law(is_gamma, law, "rejection_path", "Gamma draws")
    concentration, rate = params
    B = noise.shape[1] - 1
    a = concentration + float(B)
    if not np.all(a >= 1.0):
        raise ValueError(
            f"concentration must be at least 1 where B = 0, but is {np.min(a):g}: Marsaglia and "
            "Tsang's sampler starts there; augment the shape, B = 1 or more"
        )
    g = gamma.sample(a, 1.0, noise=noise[:, 0])
    d = a - 1.0 / 3.0
    v = np.cbrt(g / d)
    eps = (v - 1.0) * (9.0 * d) ** 0.5
    dg = v**3 - eps * v**2 / (2.0 * d**0.5)
    by_density = gamma.score(g, a, np.ones_like(g))[0] + ((a - 1.0) / g - 1.0) * dg
    by_volume = 1.0 / (2.0 * d) - eps / (3.0 * d**1.5 * v)

    log_z, dlog_z = np.log(g), dg / g
    for i in range(B):
        log_u = np.log(noise[:, 1 + i])
        log_z = log_z + log_u / (concentration + i)
        dlog_z = dlog_z - log_u / (concentration + i) ** 2
    z = np.exp(log_z) / rate
    return z, (z * dlog_z, -z / rate), by_density + by_volume


def is_gamma(law):
    return law is gamma


def row(name, fn, augmentation, **facts):
    """A row of the table for B = `augmentation`."""
    return Estimator(
        name,
        fn,
        admits=is_gamma,
        needs_slope=True,
        noise=lambda law, rng, shape: law.noise(rng, (shape[0], 1 + augmentation, *shape[1:])),
        **facts,
    )


BIASED = "without its correction it misses how the acceptance depends on the concentration"


def rejection_estimators(augmentation):
    """Both rows for B = `augmentation`, 0 or more."""
    check_count("augmentation", augmentation, at_least=0)
    return (
        row("rejection path", rejection_path, augmentation, unbiased=BIASED),
        row("rejection path with correction", corrected_rejection_path, augmentation),
    )


ESTIMATORS = rejection_estimators(augmentation=1)
