"""TruncatedNormal(loc, scale, low, high): N(loc, scale²), given that it fell between low and high.

All is measured from the mode, the point of [low, high] nearest to loc, in units of the scale:

    d = (z - mode)/scale,  c = (mode - loc)/scale,  density of d = e^(-d (c + d/2)) / K,

K the integral of the numerator. Nothing then underflows or cancels where the interval lies 30, or a
million, scales away from loc: c is large, and d close to an exponential variate of mean 1/c.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.ops import chain
from tinyvae.special.normal import above, cdf, mills, strip

PARAMS = {"loc": "real", "scale": "positive", "low": "real", "high": "above low"}
EVENT = 0
KIND = "implicit"
WHY = "z = F^-1(u): its CDF, a piece of the normal one, has no inverse in elementary functions"
REFERENCE = ("normal", (0.0, 1.0))

noise, mirror = noises.uniform, noises.reflect


def rsample(loc, scale, low, high, *, noise):
    """z = F^-1(u) with noise u ~ U(0, 1). With a, b, y the standardised low, high and z:

    dz/dlow = (1 - u) phi(a)/phi(y), dz/dhigh = u phi(b)/phi(y), dz/dloc = 1 - dz/dlow - dz/dhigh,
    dz/dscale = y - a dz/dlow - b dz/dhigh, where phi is the density of N(0, 1).
    ValueError unless scale > 0 and low < high.
    """
    params = loc, scale, low, high
    frame = _Frame(*params)
    d = frame.quantile(noise)
    z = np.minimum(np.maximum(frame.mode + scale * d, low), high)
    return z, lambda dz: chain(dz, frame.slopes(d), params)


sample = value_of(rsample)


def implicit(z, loc, scale, low, high):
    """z itself, and the same derivatives attached to it, for z drawn in any other way.

    ValueError unless low <= z <= high. vjp's first entry, for z, is None.
    """
    params = loc, scale, low, high
    frame = _Frame(*params)
    d = frame.distance(z)
    return z, lambda dz: (None, *chain(dz, frame.slopes(d), params))


def log_prob(x, loc, scale, low, high):
    """log p(x) = -y²/2 - log(2 pi)/2 - log scale - log(Phi(b) - Phi(a)) for low <= x <= high.

    Phi is the normal CDF, and y, a, b are x, low and high, less loc and over scale. The slopes in
    low and high, p(low) and -p(high), are those at an x that stays inside; see `score`.
    ValueError unless low <= x <= high, scale > 0 and low < high.
    """
    params = loc, scale, low, high
    frame = _Frame(*params)
    d = frame.distance(x)

    def vjp(dy):
        slopes = *_statistics(d, frame), frame.at_low / scale, -frame.at_high / scale
        return chain(dy, (-(frame.c + d) / scale, *slopes), (x, *params))

    return -d * (frame.c + 0.5 * d) - np.log(scale) - np.log(frame.K), vjp


def score(x, loc, scale, low, high):
    """dlog p/dloc = (y - E y)/scale, dlog p/dscale = (y² - E y²)/scale, y = (x - loc)/scale.

    None for low and high: the support moves with them, and E[dlog p/dlow] = p(low) is not 0.
    """
    frame = _Frame(loc, scale, low, high)
    return *_statistics(frame.distance(x), frame), None, None


def _statistics(d, frame):
    """The scores of loc and scale: of an exponential family, a statistic less its mean."""
    c, (m1, m2) = frame.c, frame.moments(2)
    return (d - m1) / frame.scale, (2.0 * c * (d - m1) + d * d - m2) / frame.scale


def entropy(loc, scale, low, high):
    """H = log scale + log K + E[d (c + d/2)]."""
    params = loc, scale, low, high
    frame = _Frame(*params)
    c, (m1, m2, m3, m4) = frame.c, frame.moments(4)
    excess = c * m1 + 0.5 * m2
    # With f = d (c + d/2): dE f/dloc = Cov(f, d)/scale, dE f/dscale = Cov(f, 2cd + d²)/scale.
    with_d, with_d2 = c * (m2 - m1 * m1) + 0.5 * (m3 - m1 * m2), c * (m3 - m1 * m2)
    with_d2 = with_d2 + 0.5 * (m4 - m2 * m2)
    at_left = frame.left * (0.5 * frame.left - c)
    at_right = frame.right * (0.5 * frame.right + c)
    slopes = (
        with_d,
        2.0 * c * with_d + with_d2,
        frame.at_low * (excess - at_left - 1.0),
        frame.at_high * (at_right - excess + 1.0),
    )
    H = np.log(scale) + np.log(frame.K) + excess
    return closed_form(H, [slope / scale for slope in slopes], params)


def mean(loc, scale, low, high):
    """E z = mode + scale E d, which is loc + scale (phi(a) - phi(b))/(Phi(b) - Phi(a)).

    dE z/dlow = p(low) (E z - low), dE z/dhigh = p(high) (high - E z), dE z/dloc = Var d.
    """
    params = loc, scale, low, high
    frame = _Frame(*params)
    m1, m2, m3 = frame.moments(3)
    spread = m2 - m1 * m1
    slopes = (
        spread,
        2.0 * frame.c * spread + (m3 - m1 * m2),
        frame.at_low * (m1 + frame.left),
        frame.at_high * (frame.right - m1),
    )
    return closed_form(frame.mode + scale * m1, slopes, params)


def variance(loc, scale, low, high):
    """Var z = scale² Var d."""
    params = loc, scale, low, high
    frame = _Frame(*params)
    m1, m2, m3, m4 = frame.moments(4)
    v = m2 - m1 * m1
    third = m3 - 3.0 * m1 * m2 + 2.0 * m1**3
    fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1 * m1 * m2 - 3.0 * m1**4
    slopes = (
        third,
        2.0 * (frame.c + m1) * third + fourth - v * v,
        frame.at_low * (v - (m1 + frame.left) ** 2),
        frame.at_high * ((frame.right - m1) ** 2 - v),
    )
    return closed_form(scale * scale * v, [scale * slope for slope in slopes], params)


def kl(loc, scale, low, high):
    """KL(q || N(0, 1)) = -H + (Var z + (E z)² + log 2 pi)/2."""
    params = loc, scale, low, high
    (H, H_vjp), (m, m_vjp), (v, v_vjp) = (fn(*params) for fn in (entropy, mean, variance))

    def vjp(dy):
        grads = H_vjp(-dy), m_vjp(dy * m), v_vjp(0.5 * dy)
        return tuple(sum(parts) for parts in zip(*grads, strict=True))

    return 0.5 * (v + m * m + math.log(2.0 * math.pi)) - H, vjp


def support(loc, scale, low, high):
    """The interval itself."""
    return low, high


class _Frame:
    """The law seen from its mode; the interval goes from -left to right, both >= 0."""

    def __init__(self, loc, scale, low, high):
        check(PARAMS, loc, scale, low, high)
        self.scale, self.low, self.high = scale, low, high
        # A place to measure from: all below is true of any, so it need not move in a complex step.
        self.mode = np.minimum(np.maximum(np.real(loc), np.real(low)), np.real(high))
        self.c = (self.mode - loc) / scale
        self.left = np.minimum((self.mode - low) / scale, 1e9)  # an end out there is no end
        self.right = np.minimum((high - self.mode) / scale, 1e9)
        self.K = self.area(0)
        # scale * p at the ends
        self.at_low = np.exp(self.left * (self.c - 0.5 * self.left)) / self.K
        self.at_high = np.exp(-self.right * (self.c + 0.5 * self.right)) / self.K

    def area(self, power):
        """The integral of d^power e^(-d (c + d/2)) from -left to right."""
        behind = strip(-self.c, self.left, power)
        return strip(self.c, self.right, power) + (-1.0) ** power * behind

    def moments(self, count):
        """E d, E d², ..."""
        return [self.area(power) / self.K for power in range(1, count + 1)]

    def distance(self, x):
        """d of x. ValueError unless low <= x <= high."""
        if not np.all((np.real(x) >= np.real(self.low)) & (np.real(x) <= np.real(self.high))):
            raise ValueError("x must be between low and high; some of it is not, or is NaN")
        return (x - self.mode) / self.scale

    def quantile(self, u):
        """d at the CDF value u. From the upper tail; the mirror image of it where y < 0."""
        c, left, right, rest = self.c, self.left, self.right, 1.0 - u
        below = rest * cdf(c - left) + u * cdf(c + right) < 0.5
        c = np.where(below, -c, c)
        left, right = np.where(below, right, left), np.where(below, left, right)
        u, rest = np.where(below, rest, u), np.where(below, u, rest)
        at_left = np.where(left > 0, math.sqrt(2.0 * math.pi) * cdf(left), mills(c))
        at_right = np.exp(-right * (c + 0.5 * right)) * mills(c + right)
        d = np.minimum(above(c, np.log(rest * at_left + u * at_right)), right)
        # One step more, now on the area from d to right: in a strip far narrower than the scale
        # it has the digits that the difference of two tails has not.
        density = np.exp(-np.minimum(d * (c + 0.5 * d), 700.0))
        d = d + strip(c + d, right - d) - rest * self.K / density
        return np.where(below, -d, d)[()]

    def slopes(self, d):
        """dz/dloc, dz/dscale, dz/dlow, dz/dhigh at d.

        The first two are the integral of p times the score, from z on, over p(z). As
        1 - dz/dlow - dz/dhigh they would cancel in a tail. Where d < 0: the mirror image.
        """
        side = np.copysign(1.0, d)
        c, m1, m2 = side * self.c, side * self.moments(1)[0], self.moments(2)[1]
        e, ahead = side * d, side > 0
        left, right = np.where(ahead, self.left, self.right), np.where(ahead, self.right, self.left)
        r0, r1, r2 = (strip(c + e, right - e, power) for power in range(3))
        dloc = (e - m1) * r0 + r1
        dscale = side * (2.0 * c * dloc + (e * e - m2) * r0 + 2.0 * e * r1 + r2)
        dnear = r0 * np.where(ahead, self.at_low, self.at_high)
        before = (strip(-c, left) + strip(c, e)) / self.K
        dfar = before * np.exp((e - right) * (c + 0.5 * (e + right)))
        return dloc, dscale, np.where(ahead, dnear, dfar), np.where(ahead, dfar, dnear)
