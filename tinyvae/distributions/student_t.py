"""StudentT(df, loc, scale): a bell with heavy tails, 1/|z|^(df + 1); df the degrees of freedom.

z = loc + scale T with T = eps sqrt((df/2) / g), eps ~ N(0, 1) and g ~ Gamma(df/2): the noise is the
pair of eps and the CDF value u of g. `rsample` differentiates that. `implicit` differentiates the
quantile of T itself, which is the mean of the other at each z (Rao & Blackwell); it goes through
T²/(df + T²), which is Beta(1/2, df/2).
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.gamma import in_precision_of, log_standard
from tinyvae.distributions.law import closed_form, undefined, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import Undefined, check_inside
from tinyvae.ops import chain
from tinyvae.special.gamma import digamma, double, lgamma, trigamma
from tinyvae.special.incomplete_beta import dlogit
from tinyvae.special.incomplete_gamma import dlogz_dalpha

PARAMS = {"df": "positive", "loc": "real", "scale": "positive"}
EVENT = 0
KIND = "implicit"
WHY = "z = loc + scale eps sqrt(df / 2g): the Gamma draw g is differentiated implicitly"
NEEDS = {"mean": {"df": 1.0}, "variance": {"df": 2.0}}  # defined for parameters above these


def noise(rng, shape, dtype=np.float64):
    """(*shape, 2): eps ~ N(0, 1), and u ~ U(0, 1), the CDF value of the Gamma draw."""
    return np.stack([noises.normal(rng, shape, dtype), noises.uniform(rng, shape, dtype)], axis=-1)


def mirror(noise):
    """-eps and the same u: T becomes -T, which is at the quantile 1 - F(T)."""
    return np.stack([-noise[..., 0], noise[..., 1]], axis=-1)


def rsample(df, loc, scale, *, noise):
    """z = loc + scale T, T = eps sqrt((df/2) / g), g = P^-1(df/2, u);

    dz/ddf = scale T (1/df - dlog g/dalpha / 2) / 2 at alpha = df/2, dz/dloc = 1, dz/dscale = T.
    noise (..., 2). ValueError unless df, scale > 0, and for a T beyond 1e150, 1e18 in float32,
    as they come for df below 0.1.
    """
    check(PARAMS, df, loc, scale)
    half, like = 0.5 * double(df), (df, loc, scale, noise)
    log_g = log_standard(half, noise[..., 1])
    log_stretch = 0.5 * (np.log(half) - log_g)
    with np.errstate(over="ignore"):
        T = _near(double(noise[..., 0]) * np.exp(log_stretch), "(z - loc)/scale", *like)
    z = in_precision_of(loc + scale * T, *like)

    def vjp(dz):
        by_df = 0.5 * scale * T * (0.5 / half - 0.5 * dlogz_dalpha(log_g, half))
        return _pull(dz, (by_df, 1.0, T), (df, loc, scale))

    return z, vjp


sample = value_of(rsample)


def implicit(z, df, loc, scale):
    """z itself, with the implicit derivative of its quantile attached: for z drawn in any way.

    With t = log(T²/df), the logit of a Beta(1/2, b) number, b = df/2, and dt/db at its CDF value:
    dz/ddf = scale T (dt/db / 2 + 1/df) / 2. The sum cancels: the relative error grows as 1e-15 df.
    vjp's first entry, for z, is None. Source: Figurnov, Mohamed & Mnih (2018), section 4.
    """
    check(PARAMS, df, loc, scale)
    T = _near((double(z) - loc) / scale, "(z - loc)/scale", z, loc, scale)

    def vjp(dz):
        t = 2.0 * np.log(np.abs(np.where(T == 0, 1.0, T))) - np.log(df)
        by_df = 0.5 * scale * T * (0.5 * dlogit(t, 0.5, 0.5 * double(df))[1] + 1.0 / df)
        return None, *_pull(dz, (by_df, 1.0, T), (df, loc, scale))

    return z, vjp


def log_prob(x, df, loc, scale):
    """log p(x) = log Gamma((df + 1)/2) - log Gamma(df/2) - log(pi df)/2 - log scale

    - (df + 1)/2 log(1 + y²/df) with y = (x - loc)/scale, in nats. dlog p/dx = -dlog p/dloc.
    ValueError unless df, scale > 0, and for |y| > 1e150, or 1e18 in float32.
    """
    check(PARAMS, df, loc, scale)
    y = _near((x - loc) / scale, "(x - loc)/scale", x, loc, scale)
    half = 0.5 * df
    constant = lgamma(half + 0.5) - lgamma(half) - 0.5 * np.log(math.pi * df) - np.log(scale)

    def vjp(dy):
        ddf, dloc, dscale = score(x, df, loc, scale)
        return chain(dy, (-dloc, ddf, dloc, dscale), (x, df, loc, scale))

    return constant - (half + 0.5) * np.log1p(y * y / df), vjp


def score(x, df, loc, scale):
    """With y = (x - loc)/scale and r = y²/(df + y²):

    d/ddf = [psi((df + 1)/2) - psi(df/2) - 1/df - log(1 + y²/df) + (df + 1)/df r] / 2,
    d/dloc = (df + 1) y / ((df + y²) scale), d/dscale = df (y² - 1) / ((df + y²) scale).
    """
    check(PARAMS, df, loc, scale)
    y = _near((x - loc) / scale, "(x - loc)/scale", x, loc, scale)
    half, spread = 0.5 * df, df + y * y
    by_df = digamma(half + 0.5) - digamma(half) - 1.0 / df - np.log1p(y * y / df)
    by_df = by_df + (df + 1.0) / df * (y * y / spread)
    return 0.5 * by_df, (df + 1.0) * y / (spread * scale), df * (y * y - 1.0) / (spread * scale)


def entropy(df, loc, scale):
    """H = (df + 1)/2 [psi((df + 1)/2) - psi(df/2)] + log(df)/2 + log B(df/2, 1/2) + log scale;

    dH/ddf = (df + 1)/4 [psi'((df + 1)/2) - psi'(df/2)] + 1/(2 df), dH/dscale = 1/scale.
    """
    check(PARAMS, df, loc, scale)
    half, more = 0.5 * df, 0.5 * df + 0.5
    H = more * (digamma(more) - digamma(half)) + 0.5 * np.log(df) + np.log(scale)
    H = H + lgamma(half) + 0.5 * math.log(math.pi) - lgamma(more)
    by_df = 0.5 * more * (trigamma(more) - trigamma(half)) + 0.5 / df
    return closed_form(H, (by_df, 0.0, 1.0 / scale), (df, loc, scale))


def mean(df, loc, scale):
    """E z = loc. Undefined (a ValueError) unless df > 1: the integral of |z| p(z) diverges."""
    _check_moment("mean", df, loc, scale)
    return closed_form(loc, (0.0, 1.0, 0.0), (df, loc, scale))


def variance(df, loc, scale):
    """Var z = scale² df / (df - 2). Undefined (a ValueError) unless df > 2: it is infinite."""
    _check_moment("variance", df, loc, scale)
    y = scale * scale * df / (df - 2.0)
    slopes = -2.0 * scale * scale / (df - 2.0) ** 2, 0.0, 2.0 * y / scale
    return closed_form(y, slopes, (df, loc, scale))


kl = undefined(
    "the divergence of a Student t from another one, or from a normal, has no closed form; "
    "estimate it by draws of log p - log q, or integrate it numerically"
)


def support(df, loc, scale):
    """The real line."""
    return -math.inf, math.inf


def _check_moment(name, df, loc, scale):
    check(PARAMS, df, loc, scale)
    least = NEEDS[name]["df"]
    if not np.all(np.real(df) > least):
        lowest = np.min(np.real(df))
        raise Undefined(
            f"the {name} of a Student t exists for df > {least:g}, but df is {lowest:g}"
        )


def _near(y, name, *like):
    """y, unless it is so far out that y² overflows in the precision of the numbers `like`."""
    far = float(np.finfo(np.result_type(*like, 1.0)).max) ** 0.49
    check_inside(**{name: double(y)}, above=-far, below=far)
    return y


def _pull(dz, slopes, params):
    """The chain rule with slopes from float64, in the precision of dz."""
    slopes = [in_precision_of(double(slope), dz) for slope in slopes]
    return chain(dz, slopes, params)
