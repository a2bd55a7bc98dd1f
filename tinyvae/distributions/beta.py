"""Beta(a, b): a number between 0 and 1, of mean a / (a + b).

z = g1 / (g1 + g2) with g1 ~ Gamma(a), g2 ~ Gamma(b), which is the sigmoid of log g1 - log g2: the
noise is the pair of their CDF values. In logarithms, because the ratio of two numbers that have
underflowed is 0/0: at a = b = 0.001 that is one draw in four. z itself still rounds to 0 or to 1
then, and log(1 - z) of a rounded z has lost its digits well before: where that matters work with
logit z = log z - log(1 - z), by `logit_rsample`, `logit_implicit`, `log_prob_at_logit` and
`score_at_logit`.

There are two paths. `rsample` differentiates the ratio. `implicit` differentiates the quantile of
Beta itself, dz/da = -(dI/da) / p(z), I the CDF: at each z the mean of what the ratio gives there
(Rao & Blackwell), and so never of a larger variance in any linear use of it.
"""

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.gamma import in_precision_of, log_inside, log_standard
from tinyvae.distributions.law import closed_form, value_of
from tinyvae.distributions.sets import check
from tinyvae.errors import check_inside
from tinyvae.ops import chain, softplus
from tinyvae.special.gamma import digamma, double, lgamma, trigamma
from tinyvae.special.incomplete_beta import dlogit
from tinyvae.special.incomplete_gamma import dlogz_dalpha

PARAMS = {"a": "positive", "b": "positive"}
EVENT = 0
KIND = "implicit"
WHY = "z = g1 / (g1 + g2) of two Gamma draws, whose inverse CDFs are differentiated implicitly"
REFERENCE = ("beta", (1.0, 1.0))

mirror = noises.reflect


def noise(rng, shape, dtype=np.float64):
    """Uniforms (*shape, 2): the CDF values of the two Gamma draws behind each number."""
    return noises.uniform(rng, (*shape, 2), dtype)


def rsample(a, b, *, noise):
    """z = sigmoid(log g1 - log g2);  dz/da = z (1 - z) dlog g1/da, dz/db = -z (1 - z) dlog g2/db.

    noise (..., 2) on (0, 1). ValueError unless a, b > 0.
    """
    t, slopes = _ratio(a, b, noise)
    z, rest = _sigmoid(t)
    spread = in_precision_of(z * rest, a, b, noise)
    return in_precision_of(z, a, b, noise), lambda dz: _pull(dz * spread, slopes(), (a, b))


sample = value_of(rsample)


def logit_rsample(a, b, *, noise):
    """t = logit z = log g1 - log g2, which is never rounded to an end;  dt/da = dlog g1/da."""
    t, slopes = _ratio(a, b, noise)
    return in_precision_of(t, a, b, noise), lambda dt: _pull(dt, slopes(), (a, b))


def implicit(z, a, b):
    """z itself, and the implicit derivatives dz/da > 0 and dz/db < 0 of Beta attached to it.

    For z drawn in any way. It is the Rao-Blackwellised path, usually of lower variance than the
    ratio, whose two draws hold more than z does. vjp's first entry, for z, is None.
    ValueError unless 0 <= z <= 1; where z has been rounded to an end its gradient is 0.
    """
    check(PARAMS, a, b)
    if not np.all((z >= 0) & (z <= 1)):
        raise ValueError("z must lie between 0 and 1")

    def vjp(dz):
        inside = np.where((z > 0) & (z < 1), double(z), 0.5)
        spread = in_precision_of(z * (1.0 - z), z)
        return None, *_pull(dz * spread, dlogit(np.log(inside) - np.log1p(-inside), a, b), (a, b))

    return z, vjp


def logit_implicit(t, a, b):
    """t = logit z itself, and its implicit derivatives: `implicit` for z that would be rounded."""
    check(PARAMS, a, b)
    check_inside(t=t)
    return t, lambda dt: (None, *_pull(dt, dlogit(t, a, b), (a, b)))


def log_prob(x, a, b):
    """log p(x) = (a - 1) log x + (b - 1) log(1 - x) - log B(a, b), in nats.

    dlog p/dx = (a - 1)/x - (b - 1)/(1 - x). ValueError unless 0 < x < 1 and a, b > 0.
    """
    y, logit_vjp = log_prob_at_logit(_logit(x), a, b)

    def vjp(dy):
        dt, *dparams = logit_vjp(dy)
        return dt / (x * (1.0 - x)), *dparams

    return y, vjp


def log_prob_at_logit(t, a, b):
    """log p(x), the density of x (not of its logit), from t = logit x;

    d/dt = (a - 1) (1 - x) - (b - 1) x.
    """
    check(PARAMS, a, b)
    y = -(a - 1.0) * softplus(-t)[0] - (b - 1.0) * softplus(t)[0] - _log_beta(a, b)

    def vjp(dy):
        x, rest = _sigmoid(t)
        slope = (a - 1.0) * rest - (b - 1.0) * x
        return chain(dy, (slope, *score_at_logit(t, a, b)), (t, a, b))

    return y, vjp


def score(x, a, b):
    """dlog p/da = log x - psi(a) + psi(a + b), dlog p/db = log(1 - x) - psi(b) + psi(a + b)."""
    return score_at_logit(_logit(x), a, b)


def score_at_logit(t, a, b):
    """The score at x = sigmoid(t)."""
    check(PARAMS, a, b)
    both = digamma(a + b)
    return both - digamma(a) - softplus(-t)[0], both - digamma(b) - softplus(t)[0]


def entropy(a, b):
    """H = log B(a, b) - (a - 1) psi(a) - (b - 1) psi(b) + (a + b - 2) psi(a + b);

    dH/da = (a + b - 2) psi'(a + b) - (a - 1) psi'(a), and so for b.
    """
    check(PARAMS, a, b)
    H, by_a, by_b = _divergence(a, b, 1.0, 1.0)
    return closed_form(-H, (-by_a, -by_b), (a, b))


def mean(a, b):
    """E z = a / (a + b)."""
    check(PARAMS, a, b)
    both = a + b
    return closed_form(a / both, (b / both**2, -a / both**2), (a, b))


def variance(a, b):
    """Var z = a b / ((a + b)² (a + b + 1))."""
    check(PARAMS, a, b)
    both = a + b
    y = a / both * (b / both) / (both + 1.0)
    common = 2.0 / both + 1.0 / (both + 1.0)
    return closed_form(y, (y * (1.0 / a - common), y * (1.0 / b - common)), (a, b))


def kl(a, b, *, reference=(1.0, 1.0)):
    """KL(Beta(a, b) || Beta(a0, b0)) = log B(a0, b0) - log B(a, b) + (a - a0) psi(a)

    + (b - b0) psi(b) - (a - a0 + b - b0) psi(a + b). reference: (a0, b0), a constant; Beta(1, 1)
    is Uniform(0, 1), and the divergence from it is -H.
    """
    check(PARAMS, a, b)
    check(PARAMS, *reference)
    y, by_a, by_b = _divergence(a, b, *reference)
    y = in_precision_of(y + _log_beta(*reference), a, b)
    return closed_form(y, (by_a, by_b), (a, b))


def support(a, b):
    """The unit interval."""
    return 0.0, 1.0


def _ratio(a, b, noise):
    """t = log g1 - log g2 in float64, and a function that gives its slopes."""
    check(PARAMS, a, b)
    log_g = log_standard(a, noise[..., 0]), log_standard(b, noise[..., 1])
    return log_g[0] - log_g[1], lambda: (dlogz_dalpha(log_g[0], a), -dlogz_dalpha(log_g[1], b))


def _pull(dt, slopes, params):
    """The chain rule with slopes from float64, in the precision of dt."""
    return chain(dt, [in_precision_of(slope, dt) for slope in slopes], params)


def _sigmoid(t):
    """x = sigmoid(t) and 1 - x, both with all their digits."""
    low = np.exp(t - 2.0 * np.maximum(t, 0.0))  # e^-|t|
    near, far = 1.0 / (1.0 + low), low / (1.0 + low)
    return np.where(t > 0, near, far)[()], np.where(t > 0, far, near)[()]


def _logit(x):
    """log x - log(1 - x). An x that has been rounded to an end has no logit."""
    cure = "draw its logit with logit_rsample, and use log_prob_at_logit and score_at_logit"
    return log_inside("x", x, cure) - log_inside("1 - x", 1.0 - x, cure)


def _log_beta(a, b):
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _divergence(a, b, a0, b0):
    """E log p - E log[x^(a0 - 1) (1 - x)^(b0 - 1)], and its slopes in a and b."""
    both, more = a + b, a - a0 + (b - b0)
    y = (a - a0) * digamma(a) + (b - b0) * digamma(b) - more * digamma(both) - _log_beta(a, b)
    common = more * trigamma(both)
    return y, (a - a0) * trigamma(a) - common, (b - b0) * trigamma(b) - common
