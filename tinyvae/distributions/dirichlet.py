"""Dirichlet(concentration): K positive numbers that sum to 1, of mean concentration / sum.

x = g / sum(g) with g_i ~ Gamma(concentration_i), which is the softmax of log g: the noise is the
vector of their CDF values. In logarithms, because for a small concentration all of g may underflow
and the ratio be 0/0. What of x itself still underflows is kept by the functions of log x:
`log_rsample`, `log_prob_at_log` and `score_at_log`.
"""

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.gamma import CURE, in_precision_of, log_inside, log_standard
from tinyvae.distributions.law import along_event, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import sum_to
from tinyvae.special.gamma import digamma, double, lgamma, trigamma
from tinyvae.special.incomplete_beta import dlogit
from tinyvae.special.incomplete_gamma import dlogz_dalpha

PARAMS = {"concentration": "positive vector"}
EVENT = 1
KIND = "implicit"
WHY = "x = g / sum(g) of Gamma draws, whose inverse CDFs are differentiated implicitly"
REFERENCE = ("dirichlet", (1.0,))

noise, mirror = noises.uniform, noises.reflect


def rsample(concentration, *, noise):
    """x = softmax(log g);  dx_i/dconcentration_j = (delta_ij - x_i) x_j dlog g_j/dconcentration_j.

    noise (..., K) on (0, 1). ValueError unless the concentration is positive.
    """
    log_g, log_x = _log_draw(concentration, noise)
    x = in_precision_of(np.exp(log_x), concentration, noise)

    def vjp(dx):
        slope = in_precision_of(dlogz_dalpha(log_g, concentration), dx)
        return (sum_to(_through_softmax(dx, x) * slope, np.shape(concentration)),)

    return x, vjp


sample = value_of(rsample)


def log_rsample(concentration, *, noise):
    """log x, which never underflows;  dlog x_i/dc_j = (delta_ij - x_j) dlog g_j/dc_j."""
    log_g, log_x = _log_draw(concentration, noise)
    log_x = in_precision_of(log_x, concentration, noise)

    def vjp(dlog_x):
        dlog_g = dlog_x - np.exp(log_x) * dlog_x.sum(axis=-1, keepdims=True)
        slope = in_precision_of(dlogz_dalpha(log_g, concentration), dlog_g)
        return (sum_to(dlog_g * slope, np.shape(concentration)),)

    return log_x, vjp


def implicit(x, concentration):
    """x itself, with the Rao-Blackwellised path attached: for x drawn in any way.

    dx_i/dc_j = (delta_ij - x_i) x_j dt_j/dc_j with t_j = logit x_j and x_j ~ Beta(c_j, sum of the
    others): the mean of what `rsample` gives at that x, as g holds more than x does. vjp's first
    entry, for x, is None; an x_j that has underflowed to 0 has the gradient 0.
    """
    check(PARAMS, concentration)
    if not np.all(x >= 0):
        raise ValueError("x must be draws, positive or underflowed to 0, not negative or NaN")

    def vjp(dx):
        c = np.broadcast_to(concentration, np.shape(x))
        rest = _others(double(x))
        inside = (x > 0) & (rest > 0)
        t = np.log(np.where(inside, x, 1.0)) - np.log(np.where(inside, rest, 1.0))
        slope = dlogit(t, c, np.where(inside, _others(c), 1.0))[0]
        dc = _through_softmax(dx, x) * in_precision_of(np.where(inside, slope, 0.0), dx)
        return None, sum_to(dc, np.shape(concentration))

    return x, vjp


def log_prob(x, concentration):
    """log p(x) = log Gamma(sum c) - sum_i log Gamma(c_i) + sum_i (c_i - 1) log x_i, in nats.

    c = concentration; x (..., K), the result (...). dlog p/dx_i = (c_i - 1)/x_i, as if x were free
    to leave the simplex. ValueError unless x is positive and sums to 1 within 0.01.
    """
    y, log_vjp = log_prob_at_log(_log(x), concentration)

    def vjp(dy):
        dlog_x, dconcentration = log_vjp(dy)
        return dlog_x / x, dconcentration

    return y, vjp


def log_prob_at_log(log_x, concentration):
    """log p(x), the density of x (not of its logarithm), from log x;  d/dlog x_i = c_i - 1."""
    check(PARAMS, concentration)
    y = ((concentration - 1.0) * log_x).sum(axis=-1) + _log_scale(concentration)

    def vjp(dy):
        dy = along_event(dy)
        dconcentration = dy * score_at_log(log_x, concentration)[0]
        dlog_x = dy * (concentration - 1.0)
        return sum_to(dlog_x, np.shape(log_x)), sum_to(dconcentration, np.shape(concentration))

    return y, vjp


def score(x, concentration):
    """dlog p/dc_i = log x_i - psi(c_i) + psi(sum c), of shape (..., K)."""
    return score_at_log(_log(x), concentration)


def score_at_log(log_x, concentration):
    """The score at x = e^log_x."""
    check(PARAMS, concentration)
    return (log_x - digamma(concentration) + digamma(_sum(concentration)),)


def entropy(concentration):
    """H = sum log Gamma(c_i) - log Gamma(sum c) + (sum c - K) psi(sum c) - sum (c_i - 1) psi(c_i),

    of shape (...);  dH/dc_i = (sum c - K) psi'(sum c) - (c_i - 1) psi'(c_i).
    """
    check(PARAMS, concentration)
    y, vjp = _divergence(concentration, 1.0)
    return -y, lambda dy: vjp(-dy)


def mean(concentration):
    """E x = m = c / sum c, of shape (..., K);  dm_i/dc_j = (delta_ij - m_i) / sum c."""
    check(PARAMS, concentration)
    m, total = concentration / _sum(concentration), _sum(concentration)
    return m, lambda dy: ((dy - _sum(dy * m)) / total,)


def variance(concentration):
    """Var x_i = m_i (1 - m_i) / (sum c + 1), with m = c / sum c, of shape (..., K)."""
    m, mean_vjp = mean(concentration)
    more = _sum(concentration) + 1.0

    def vjp(dy):
        (dc,) = mean_vjp(dy * (1.0 - 2.0 * m) / more)
        return (dc - _sum(dy * m * (1.0 - m)) / more**2,)

    return m * (1.0 - m) / more, vjp


def kl(concentration, *, reference=(1.0,)):
    """KL(Dir(c) || Dir(r)) = log Gamma(sum c) - sum log Gamma(c_i) - log Gamma(sum r)

    + sum log Gamma(r_i) + sum (c_i - r_i) (psi(c_i) - psi(sum c)), of shape (...). reference: (r,)
    with r a vector, or a number that stands for a vector of it; Dir(1) is uniform on the simplex.
    """
    check(PARAMS, concentration)
    check(PARAMS, *reference)
    y, vjp = _divergence(concentration, reference[0])
    constant = _log_scale(np.zeros_like(double(concentration)) + reference[0])
    return in_precision_of(y - constant, concentration), vjp


def _log_draw(concentration, noise):
    """log g and log x = log g - log sum g, in float64."""
    check(PARAMS, concentration)
    log_g = log_standard(concentration, noise)
    top = log_g.max(axis=-1, keepdims=True)
    return log_g, log_g - top - np.log(_sum(np.exp(log_g - top)))


def _through_softmax(dx, x):
    """The gradient at the logits of x: x_j (dx_j - sum_i dx_i x_i)."""
    return x * (dx - _sum(dx * x))


def _log(x):
    """log x, of an x that is on the simplex but for the steps of a gradient check."""
    log_x = log_inside("x", x, CURE)
    check_inside(**{"sum(x)": np.real(x).sum(axis=-1)}, above=0.99, below=1.01)
    return log_x


def _sum(c):
    """Over the event's axis, which stays."""
    return c.sum(axis=-1, keepdims=True)


def _others(c):
    """For each i the sum of the c_j, j != i: those before and those after, nothing subtracted."""
    before, after = np.zeros_like(c), np.zeros_like(c)
    before[..., 1:] = np.cumsum(c, axis=-1)[..., :-1]
    after[..., :-1] = np.cumsum(c[..., ::-1], axis=-1)[..., ::-1][..., 1:]
    return before + after


def _log_scale(c):
    """log Gamma(sum c) - sum log Gamma(c_i), the constant of the density."""
    return lgamma(_sum(c))[..., 0] - lgamma(c).sum(axis=-1)


def _divergence(c, r):
    """E log p - E log prod x_i^(r_i - 1), y, vjp."""
    total = _sum(c)
    y = _log_scale(c) + ((c - r) * (digamma(c) - digamma(total))).sum(axis=-1)
    slope = in_precision_of((c - r) * trigamma(c) - trigamma(total) * _sum(c - r), c)
    return y, lambda dy: (along_event(dy) * slope,)
