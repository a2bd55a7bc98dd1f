"""VonMises(loc, concentration): the normal law of the circle, of angles about loc.

p(z) = e^(kappa cos(z - loc)) / (2 pi I0(kappa)); kappa = 0 would be uniform, a large kappa is close
to N(loc, 1/kappa). Draws are in (loc - pi, loc + pi]; a density is asked at any angle.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain
from tinyvae.special.bessel import cosine_moments
from tinyvae.special.gamma import double
from tinyvae.special.legendre import DEPTH, NODES
from tinyvae.special.normal import above

PARAMS = {"loc": "real", "concentration": "positive"}
EVENT = 0
KIND = "implicit"
WHY = "z = loc + F^-1(u): the CDF has no closed form, and so no inverse; generators use rejection"
REFERENCE = ("uniform", (-math.pi, math.pi))
PERIOD = 2.0 * math.pi

noise, mirror = noises.uniform, noises.reflect


def rsample(loc, concentration, *, noise):
    """z = loc + t with t = F^-1(u), noise u ~ U(0, 1), F the CDF of kappa on (-pi, pi);

    dz/dloc = 1, dz/dkappa = 1/p(t) * integral of p(s) (cos s - A) over t < s < pi, A = I1/I0.
    ValueError unless kappa > 0. Source: Figurnov, Mohamed & Mnih (2018), section 4.
    """
    check(PARAMS, loc, concentration)
    t = _quantile(double(noise), double(concentration))
    z = _like(loc + t, loc, concentration, noise)
    return z, lambda dz: chain(dz, _slopes(t, loc, concentration, noise), (loc, concentration))


sample = value_of(rsample)


def implicit(z, loc, concentration):
    """z itself, and the same derivatives attached to it, for angles drawn in any other way, such as
    `rng.vonmises(loc, concentration)`. Angles that differ by a turn are the same to it.

    vjp's first entry, for z, is None.
    """
    check(PARAMS, loc, concentration)
    check_inside(z=z)
    t = double(z) - loc
    t = t - 2.0 * math.pi * np.ceil((t - math.pi) / (2.0 * math.pi))

    def vjp(dz):
        return None, *chain(dz, _slopes(t, loc, concentration, z), (loc, concentration))

    return z, vjp


def log_prob(x, loc, concentration):
    """log p(x) = kappa cos(x - loc) - log 2 pi I0(kappa), in nats, of any angle x.

    dlog p/dx = -kappa sin(x - loc). Computed from cos - 1, as what remains is small beside kappa.
    """
    check(PARAMS, loc, concentration)
    check_inside(x=x)
    area, _, _ = cosine_moments(concentration)

    def vjp(dy):
        dloc, dconcentration = score(x, loc, concentration)
        return chain(dy, (-dloc, dloc, dconcentration), (x, loc, concentration))

    d = 2.0 * np.sin(0.5 * (x - loc)) ** 2
    return -concentration * d - np.log(area) - math.log(2.0 * math.pi), vjp


def score(x, loc, concentration):
    """dlog p/dloc = kappa sin(x - loc), dlog p/dkappa = cos(x - loc) - A with A = I1/I0.

    The score is one of angles: for loc, E[f score] is the gradient of E f only if f has the period
    2 pi. Of another f the path knows the jump at loc ± pi, which moves with loc.
    """
    check(PARAMS, loc, concentration)
    check_inside(x=x)
    _, d, _ = cosine_moments(concentration)
    return concentration * np.sin(x - loc), d - 2.0 * np.sin(0.5 * (x - loc)) ** 2


def entropy(loc, concentration):
    """H = log 2 pi I0(kappa) - kappa A;  dH/dkappa = -kappa dA/dkappa."""
    check(PARAMS, loc, concentration)
    area, d, d2 = cosine_moments(concentration)
    H = math.log(2.0 * math.pi) + np.log(area) + concentration * d
    return closed_form(H, (0.0, -concentration * (d2 - d * d)), (loc, concentration))


def mean(loc, concentration):
    """loc, the direction of the mean of (cos z, sin z), and of draws in (loc - pi, loc + pi] the
    mean, too."""
    check(PARAMS, loc, concentration)
    return closed_form(loc, (1.0, 0.0), (loc, concentration))


def variance(loc, concentration):
    """The circular variance 1 - A, A = I1/I0: 1 less the length of the mean of (cos z, sin z).

    It is E[1 - cos(z - loc)], between 0 and 1; not E (z - loc)², of which it is nearly the half
    where kappa is large.
    """
    check(PARAMS, loc, concentration)
    _, d, d2 = cosine_moments(concentration)
    return closed_form(d, (0.0, d * d - d2), (loc, concentration))


def kl(loc, concentration):
    """KL(VonMises(loc, kappa) || U(-pi, pi)) = log 2 pi - H: from the uniform law of the circle."""
    H, vjp = entropy(loc, concentration)
    return math.log(2.0 * math.pi) - H, lambda dy: vjp(-dy)


def support(loc, concentration):
    """One turn about loc."""
    return loc - math.pi, loc + math.pi


def _quantile(u, kappa):
    """t in (-pi, pi) with F(t) = u: Newton's method on the log of the tail beyond |t|.

    Where a step leaves the bracket, which closes in around the root, it is halved instead.
    """
    tail = np.minimum(u, 1.0 - u)
    area, _, _ = cosine_moments(kappa)
    target = np.log(2.0 * math.pi * area * tail)
    q = above(0.0, np.log(math.sqrt(2.0 * math.pi) * tail))
    flat = math.pi * (1.0 - 2.0 * tail)  # the root if kappa is 0; and if it is large:
    t = np.minimum(flat, 2.0 * np.arcsin(np.minimum(0.5 * q / np.sqrt(kappa), 1.0)))
    low, high = np.zeros_like(t), np.full_like(t, math.pi)
    for _ in range(100):
        rest, _ = _tail(t, kappa)
        excess = np.log(rest) - 2.0 * kappa * np.sin(0.5 * t) ** 2 - target
        low, high = np.where(excess > 0, t, low), np.where(excess > 0, high, t)
        step = t + rest * excess
        t = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        if np.all(np.abs(excess) < 1e-9):
            break
    return np.where(u < 0.5, -t, t)


def _tail(t, kappa):
    """The integrals of r and of (1 - cos s) r, r = p(s)/p(t), over t < s < pi, for t >= 0."""
    sin2 = np.sin(0.5 * t) ** 2
    end = 2.0 * np.arcsin(np.sqrt(np.minimum(sin2 + 0.5 * DEPTH / kappa, 1.0)))
    length, total, weighted = end - t, 0.0, 0.0
    for x, weight in NODES:
        half = 0.5 * x * length
        r = weight * np.exp(-2.0 * kappa * np.sin(t + half) * np.sin(half))
        total, weighted = total + r, weighted + r * np.sin(0.5 * t + half) ** 2
    return length * total, 2.0 * length * weighted


def _slopes(t, loc, concentration, draw):
    """dz/dloc and dz/dkappa, which is odd in t, in the precision of the arguments."""
    kappa = double(concentration)
    _, mean_d, _ = cosine_moments(kappa)
    rest, rest_d = _tail(np.abs(t), kappa)
    return 1.0, _like(np.sign(t) * (mean_d * rest - rest_d), loc, concentration, draw)


def _like(value, *args):
    """The value in the precision of the arguments: float64 unless they are arrays of less."""
    return value.astype(np.result_type(*args))[()]
