"""The objective oracle: do the draws, the density and the bound belong together?

A gradient check proves that the way back fits the way forward; a wrong objective passes it. With
sigma = exp(logvar), or with an eighth of the KL, every derivative is right, and the "bound" ends
above log p(x). `objectivecheck(sample, log_prob, ...)` asks what has to hold of right ones:

    integral of q            1
    E[s dlog q/dz]           0      for each latent; c and s are the centre and the spread of some
    E[(z-c) dlog q/dz]      -1      draws made before, numbers like any other
    E[(z_i-c_i) dlog q/dz_j] 0      for each two latents
    mean, variance           as stated, or from the density of a single latent, by quadrature
    E[log q]                -entropy, as stated or by quadrature
    E[log q/p]               kl, as stated
    bound                    at most log p(x), each example's and their mean

The second to fourth are Stein's identities: they hold for every density, normalised or not, so
that the draws can be held against it without being told its moments. Where the support (low, high)
ends, they have a weight w that vanishes there, w = r / (r + s), r the distance to the end, and
E[w] = 1: E[w' + w dlog q/dz] = 0, E[(z-c) (w' + w dlog q/dz)] + E[w] = 0.

Every claim has a verdict, and the error that it would have shown:

    ok        within `farthest` standard errors       above   a bound above log p(x)
    wrong     farther off                             nan     something is not finite
    unseen    the noise, heavy tails or too few draws could hide an error above `resolution`

Sources: Stein, A Bound for the Error in the Normal Approximation (1972); Gorham & Mackey, Measuring
Sample Quality with Stein's Method (2015), section 2; Geweke, Getting It Right (2004).
"""

import math

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.errors import check_count, check_finite, check_number
from tinyvae.objectivecheck import hints
from tinyvae.objectivecheck.draws import Draws
from tinyvae.objectivecheck.report import Judge, ObjectiveReport
from tinyvae.reparameterize import reparameterize

LINE = (-math.inf, math.inf)


def objectivecheck(
    sample=None,
    log_prob=None,
    *,
    support=LINE,
    mean=None,
    variance=None,
    entropy=None,
    log_prior=None,
    kl=None,
    bound=None,
    log_evidence=None,
    samples=20_000,
    seed=0,
    farthest=5.0,
    resolution=0.5,
):
    """Hold a sampler, its log-density and a bound against each other: an ObjectiveReport.

    sample(rng, n): n draws, (n,) or (n, Z), from the Generator rng. log_prob(z): their log-density
    (n,) in nats, of draws of that shape; what keeps the protocol, `y, vjp`, will do. support: the
    (low, high) between which q is positive, numbers or (Z,); None if it has no derivatives (counts)
    or does not live in a box (a simplex): then only what is stated is checked. mean, variance:
    numbers or (Z,). entropy: a number of nats. log_prior, kl: a log-density like log_prob, and the
    number that E[log q - log prior] should be. bound: S independent estimates for each example,
    (S, B), or (S,) for one, or a function of a Generator that makes them; log_evidence: the exact
    log p(x), (B,) or a number.

    seed: of the draws, or a Generator. farthest: standard errors. Beyond 5 lies one right number in
    two million, for every number compared: of a thousand examples, one right model in two thousand
    is called wrong. resolution: the error that has to be visible, in nats, in spreads of q, or in
    parts of a variance, or of a kl above 1.

    ValueError or TypeError if there is nothing to check, if half of a pair is missing, or for
    shapes that do not fit.
    """
    given = {"sample": sample, "log_prob": log_prob, "bound": bound, "log_evidence": log_evidence}
    given |= {"log_prior": log_prior, "kl": kl}
    given |= {"mean": mean, "variance": variance, "entropy": entropy}
    _check_pairs({name for name, value in given.items() if value is not None}, support)
    for name in ("sample", "log_prob", "log_prior"):
        if given[name] is not None and not callable(given[name]):
            raise TypeError(f"{name} must be a function, not {given[name]!r}")
    check_count("samples", samples, at_least=2)
    judge = Judge(
        check_number("farthest", farthest, above=0), check_number("resolution", resolution, above=0)
    )
    rng, claims, remarks = np.random.default_rng(seed), [], []
    if sample is not None:
        stated = {"mean": mean, "variance": variance, "entropy": entropy, "kl": kl}
        draws = Draws(sample, log_prob, support, samples, rng)
        claims, remarks = draws.claims(judge, log_prior=log_prior, **stated)
    if bound is not None:
        claims += _bound_claims(judge, bound, log_evidence, rng)
    return ObjectiveReport(claims, farthest, remarks)


def objectivecheck_vae(
    vae, theta, x, log_evidence=None, *, example=0, objective="analytic", repeats=2000, **options
):
    """The same of a VAE: its q(z | x) of one example, the KL of that, and the bound of all.

    x (B, D); log_evidence (B,), the exact log p(x), such as `linear_vae.log_evidence` for a linear
    decoder: without it the bound is not checked. objective: the bound's, a name in `OBJECTIVES`;
    repeats: its estimates of each example, from one draw each. options: of `objectivecheck`.
    """
    one = x[example : example + 1]
    (mu, logvar), _ = vae.encode(theta, x=one)
    _, kl = vae.terms(theta, x=one, eps=np.zeros_like(mu))[0]

    def sample(rng, n):
        return reparameterize(mu, logvar, eps=rng.standard_normal((n, *mu.shape)))[0][:, 0]

    def log_q(z):
        return gaussian.log_prob(z, mu, logvar)[0].sum(axis=-1)

    def log_prior(z):
        return gaussian.log_prob(z, np.zeros_like(mu), np.zeros_like(mu))[0].sum(axis=-1)

    def bound(rng):
        draws = rng.standard_normal((repeats, len(x), vae.latent)).astype(x.dtype)
        return np.stack([vae.elbo(theta, x=x, eps=eps, objective=objective)[0] for eps in draws])

    stated = {
        "entropy": float(gaussian.entropy(mu, logvar)[0].sum()),
        "log_prior": log_prior,
        "kl": float(kl.sum()),
    }
    if log_evidence is not None:
        stated |= {"bound": bound, "log_evidence": log_evidence}
    return objectivecheck(sample, log_q, **stated | options)


NEEDS = {
    "log_prob": ("sample",),
    "bound": ("log_evidence",),
    "log_evidence": ("bound",),
    "log_prior": ("kl", "log_prob"),
    "kl": ("log_prior", "log_prob"),
    "mean": ("sample",),
    "variance": ("sample",),
    "entropy": ("log_prob",),
}


def _check_pairs(given, support):
    """ValueError unless the arguments of these names are enough to check something."""
    if not given & {"sample", "log_prob", "bound", "log_evidence"}:
        raise ValueError(
            "there is nothing to check: give sample and log_prob, or bound and log_evidence"
        )
    for name in sorted(given & set(NEEDS)):
        for other in NEEDS[name]:
            if other not in given:
                raise ValueError(f"{name} is checked with {other}, which is missing: give both")
    stated = given & {"mean", "variance", "entropy", "kl"}
    if "sample" in given and not stated and ("log_prob" not in given or support is None):
        raise ValueError(
            "draws alone say nothing: give log_prob, and its support, or a mean or variance"
        )


def _bound_claims(judge, bound, log_evidence, rng):
    """The Claims that each example's bound, and that of all, is at most the exact log p(x)."""
    log_px = np.asarray(log_evidence, dtype=float)
    estimates = np.asarray(bound(rng) if callable(bound) else bound)
    if log_px.ndim == 0 and estimates.ndim == 1:
        estimates = estimates[:, None]
    log_px = np.atleast_1d(log_px)
    fits = log_px.ndim == 1 and estimates.shape[1:] == log_px.shape and estimates.size
    if estimates.dtype.kind != "f" or not fits:
        raise ValueError(
            f"bound has shape {estimates.shape} of {estimates.dtype}, log_evidence {log_px.shape}: "
            "expected (S, B), S estimates for each example, and (B,)"
        )
    check_finite("log_evidence", log_px)
    options = {"at_most": True, "note": hints.bound}
    claims = [judge.drawn("bound", estimates, log_px, **options)]
    if log_px.size > 1:
        all_of_them = estimates.mean(axis=1), log_px.mean()
        claims.append(judge.drawn("mean bound", *all_of_them, **options))
    return claims
