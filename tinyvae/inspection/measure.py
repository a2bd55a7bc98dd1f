"""The numbers of an inspection.

Everything is in nats per example, at beta = 1 whatever the training used; every mean over examples
has its standard error.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tinyvae.diagnostics import not_finite
from tinyvae.errors import NotFinite, check_count, check_number, unknown
from tinyvae.importance import importance_bounds, log_weights
from tinyvae.inspection.posterior import aggregate
from tinyvae.likelihoods import Bernoulli, Gaussian
from tinyvae.models import linear_vae
from tinyvae.ranks import ALONE
from tinyvae.train import HELD_OUT
from tinyvae.watch import Recorder

WEIGHTED = 300  # examples for the importance bounds: seconds, for pictures of 28 x 28
SIZED = 30  # of these, for the effective sample size
DRAWS = 50  # of each posterior, for its KL
AGGREGATE, WEIGHTS = 5, 6  # streams of the seed
BATCH = 1000  # as in `train.evaluate`, whose draws these are
LEVELS = 256  # of a grey value; data of more values than that are taken as continuous

# What the loss is, as a multiple of -log p(x | z) and of the KL, both summed over the dimensions,
# up to constants that no gradient sees; D numbers in an example, Z latents.
RECONSTRUCTIONS = {
    "sum nll": lambda D: 1.0,
    "mean nll": lambda D: 1.0 / D,
    "sum squares": lambda D: 2.0,
    "mean squares": lambda D: 2.0 / D,
}
DIVERGENCES = {"sum": lambda Z: 1.0, "mean": lambda Z: 1.0 / Z}


def effective_beta(*, reconstruction, kl, data, latent, weight=1.0):
    """The beta for which loss = constant · (-E log p(x | z) + beta KL), loss as it was written.

    A loss R + weight · K is a multiple of the negative bound only if R and K count -log p and the
    KL the same number of times. With R = r (-log p) + constant and K = k KL,

        R + weight K = r (-log p + (weight k / r) KL) + constant,   so   beta = weight k / r.

    reconstruction: 'sum nll', r = 1; 'mean nll', a mean over the D numbers, r = 1/D; 'sum squares',
    r = 2, as a Gaussian of variance 1 has -log p = 1/2 sum (x - out)² + constant; 'mean squares',
    r = 2/D. kl: 'sum', k = 1; 'mean', over the Z latents, k = 1/Z. data, latent: D and Z.
    A mean over the batch in both changes nothing. So mean squares + weight · summed KL is
    beta = weight D / 2: 392 for pictures of 28 x 28, where the formula on the page said 1.
    ValueError or TypeError for an unknown name, a size below 1, a weight below 0.
    """
    if reconstruction not in RECONSTRUCTIONS:
        raise unknown("reconstruction", reconstruction, RECONSTRUCTIONS)
    if kl not in DIVERGENCES:
        raise unknown("kl", kl, DIVERGENCES)
    r = RECONSTRUCTIONS[reconstruction](check_count("data", data))
    k = DIVERGENCES[kl](check_count("latent", latent))
    return check_number("weight", weight, at_least=0) * k / r


@dataclass(frozen=True)
class Mean:
    """A mean over `count` examples, with its standard error; None of one example."""

    value: float
    error: float | None
    count: int


def mean_of(values):
    """The Mean of values (N,)."""
    values = np.asarray(values, np.float64)
    N = len(values)
    return Mean(float(values.mean()), float(values.std(ddof=1) / N**0.5) if N > 1 else None, N)


@dataclass(frozen=True, eq=False)
class Inspection:
    """The numbers, in nats per example.

    kl, active: of each latent, the Mean KL and Var_x(E[z_j | x]). bounds: {samples: Mean} of the
    importance-weighted bounds; steps: what each gains on the one before it; above: {what: Mean} of
    each bound less the exact log p(x), where that is known; disagreement: the bound by one sample
    less the bound with the closed-form KL; kl_disagreement: the KL by DRAWS draws less that KL.
    over_constant: the ELBO less log p(x) under the best constant output. ess: the median effective
    sample size of the weights. q_mean, q_variance: of the aggregate posterior. least: the marginal
    divergence that more of the same data would show, at least. beta_of_a_mean: beta, had the loss
    averaged over the data's numbers what it summed. grey, binary: values between 0 and 1 under a
    Bernoulli; none under a Gaussian. residual, variance: of a Gaussian decoder, the mean squared
    error and the variance that it states. spread, grid: the data's variance, and the distance
    between their values, 0 where these are no grid. rounding: nats that may be rounding.
    """

    model: dict
    beta: float
    beta_of_a_mean: float
    free_bits: float
    kl: list
    active: list
    lowest_kl: float
    reconstruction: Mean
    divergence: Mean
    elbo: Mean
    bounds: dict
    steps: dict
    evidence: Mean | None
    above: dict
    disagreement: Mean
    kl_disagreement: Mean
    over_constant: Mean
    ess: float
    q_mean: list
    q_variance: list
    information: Mean
    marginal: Mean
    least: Mean
    grey: bool
    binary: bool
    residual: float | None
    variance: float | None
    spread: float
    grid: float
    rounding: float

    @property
    def examples(self):
        return self.elbo.count

    @property
    def samples(self):
        return max(self.bounds)


def inspect(
    vae,
    theta,
    x,
    *,
    beta=1.0,
    free_bits=0.0,
    seed=0,
    samples=1000,
    examples=None,
    ranks=ALONE,
):
    """The Inspection of a model with the parameters theta by the examples x (N, D), best held out.

    beta, free_bits: of the training, for the warnings. seed: of all noise; the ELBO is that of
    `train.evaluate` with the same seed. samples: of the tightest importance-weighted bound.
    examples: how many to use, spread evenly over x. By default all, but for these bounds, which
    cost `samples` decodings an example, no more than WEIGHTED. ranks: who shares these.
    ValueError or TypeError for x that the model refuses and numbers out of range; NotFinite.
    """
    vae.check(x)
    check_number("beta", beta, at_least=0)
    check_number("free_bits", free_bits, at_least=0)
    check_count("seed", seed, at_least=0)
    if examples is not None and check_count("examples", examples) > len(x):
        raise ValueError(f"examples is {examples}, but there are only {len(x)}")
    x = x[spread_over(len(x), examples or len(x))].astype(theta.dtype, copy=False)
    few = spread_over(len(x), examples or WEIGHTED)

    seen = terms(vae, theta, x, np.random.default_rng([seed, HELD_OUT]))
    log_px, kl = seen["log_px"], seen["kl"].astype(np.float64)
    elbo = log_px - kl.sum(axis=-1)
    rng = np.random.default_rng([seed, AGGREGATE])
    whole = aggregate(seen["mu"], seen["logvar"], eps=rng.standard_normal(kl.shape))
    options = {"samples": ladder(samples), "seed": seed, "ranks": ranks}
    bounds = importance_bounds(vae, theta, x[few], **options)
    rng = np.random.default_rng([seed, WEIGHTS])
    ess = effective_sizes(vae, theta, x[few[:SIZED]], samples, rng)
    drawn_kl = kl_of_draws(seen["mu"], seen["logvar"], rng)
    evidence, above = None, {}
    if isinstance(vae.px, Gaussian) and not vae.hidden:
        exact = linear_vae.log_evidence(vae, theta, x)
        evidence, above = mean_of(exact[few]), {"ELBO": mean_of(elbo - exact)}
        above |= {k: mean_of(bound - exact[few]) for k, bound in bounds.items()}
    size = np.abs(log_px).mean() + np.abs(kl).sum(axis=-1).mean()
    return Inspection(
        model=vae.config,
        beta=float(beta),
        beta_of_a_mean=effective_beta(
            reconstruction="mean nll", kl="sum", data=vae.data, latent=vae.latent, weight=beta
        ),
        free_bits=float(free_bits),
        kl=[mean_of(each) for each in kl.T],
        active=seen["mu"].astype(np.float64).var(axis=0).tolist(),
        lowest_kl=float(kl.min()),
        reconstruction=mean_of(-log_px),
        divergence=mean_of(kl.sum(axis=-1)),
        elbo=mean_of(elbo),
        bounds={k: mean_of(bound) for k, bound in bounds.items()},
        steps={k: mean_of(bounds[k] - bounds[before]) for before, k in pairwise(bounds)},
        evidence=evidence,
        above=above,
        disagreement=mean_of(bounds[1] - elbo[few]),
        kl_disagreement=mean_of(drawn_kl - kl.sum(axis=-1)),
        over_constant=mean_of(elbo - constant(vae, theta, x)),
        ess=float(np.median(ess)),
        q_mean=whole.mean.tolist(),
        q_variance=whole.variance.tolist(),
        information=mean_of(whole.information),
        marginal=mean_of(whole.divergence),
        least=mean_of(whole.least),
        rounding=float(100 * np.finfo(theta.dtype).eps * (1.0 + size)),
        **about_the_decoder(vae, theta, x, seen["error"], few),
    )


def terms(vae, theta, x, rng):
    """{name: array} of the bound's parts by one draw an example: log_px (N,); kl, mu, logvar (N, Z)
    as the model computes them; and error (N,), the mean square of x - out."""
    found = {name: [] for name in ("log_px", "kl", "mu", "logvar", "error")}
    for part in (x[i : i + BATCH] for i in range(0, len(x), BATCH)):
        nodes = Recorder(x=part)
        eps = rng.standard_normal((len(part), vae.latent), dtype=part.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # looked at, and explained
            (log_px, kl), _ = vae.terms(theta, x=part, eps=eps, watch=nodes)
            nodes.update(log_px=log_px, kl=kl)  # what it returns is what counts
            nodes["error"] = ((part - nodes["out"]) ** 2).mean(axis=-1)
        bad = not_finite(vae.layout.views(theta) | nodes)
        if bad is not None:
            raise NotFinite(bad)
        for name, parts in found.items():
            parts.append(nodes[name])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def effective_sizes(vae, theta, x, samples, rng):
    """(sum w)² / sum w² (N,) of so many importance weights: between 1 and `samples`.

    That many equal weights would make a mean as sure as these do (Kong 1992). Source: Owen, Monte
    Carlo Theory, Methods and Examples (2013), section 9.3.
    """
    log_w = np.concatenate(list(log_weights(vae, theta, x, samples, rng)))
    w = np.exp(log_w - log_w.max(axis=0))
    return w.sum(axis=0) ** 2 / (w * w).sum(axis=0)


def kl_of_draws(mu, logvar, rng):
    """The mean of log q(z) - log p(z) = (z² - eps² - logvar) / 2 over DRAWS draws of z, summed over
    the latents: (N,), nats, float64. What the closed form of the KL is to be."""
    mu, logvar = mu.astype(np.float64), logvar.astype(np.float64)
    sigma, kl = np.exp(0.5 * logvar), np.zeros(len(mu))
    for _ in range(DRAWS):
        eps = rng.standard_normal(mu.shape)
        kl += 0.5 * ((mu + sigma * eps) ** 2 - eps**2 - logvar).sum(axis=-1)
    return kl / DRAWS


def constant(vae, theta, x):
    """log p(x) (N,) if the decoder puts out the best constant for these x, whatever z is."""
    x = x.astype(np.float64)
    out, learned = vae.px.start(x)
    return vae.px(vae.layout.views(theta) | learned, np.broadcast_to(out, x.shape), x=x)[0]


def about_the_decoder(vae, theta, x, error, few):
    """What the Inspection says about the data under this likelihood; see there."""
    found = {"grey": False, "binary": False}
    found |= {"residual": None, "variance": None, "spread": 0.0, "grid": 0.0}
    between = bool(np.any((x != 0) & (x != 1)))
    if isinstance(vae.px, Bernoulli):
        return found | {"grey": between}
    if isinstance(vae.px, Gaussian):
        logvar = vae.px.logvar(vae.layout.views(theta), x)
        values = np.unique(x[few])
        on_grid = 1 < len(values) <= min(LEVELS, x[few].size // 2)  # each value is there twice
        found["binary"] = not between
        found["residual"] = float(error.mean(dtype=np.float64))
        found["variance"] = float(np.exp(np.float64(logvar[0, 0])))
        found["spread"] = float(x.astype(np.float64).var(axis=0).mean())
        found["grid"] = float(np.diff(values).min()) if on_grid else 0.0
    return found


def ladder(samples):
    """1, 10, 100, ..., samples: of the powers of ten those that divide it, as groups have to."""
    check_count("samples", samples)
    tens = (10**k for k in range(len(str(samples))))
    return [*(k for k in tens if k < samples and samples % k == 0), samples]


def spread_over(total, count):
    """The indices of `count` of `total` examples, at even distances; all if there are no more.

    Not the first ones: the easier half of MNIST's test part comes first.
    """
    count = min(count, total)
    return np.arange(count) * total // count
