"""What an objective check asks, and of whom: of a sampler and a bound, or of a VAE."""

import math

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.elbo import OBJECTIVES
from tinyvae.errors import check_count, check_finite, check_number, unknown
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

    ValueError or TypeError if there is nothing to check, if half of a pair is missing, for shapes
    that do not fit, or if what is stated is not finite.
    """
    given = {"sample": sample, "log_prob": log_prob, "bound": bound, "log_evidence": log_evidence}
    given |= {"log_prior": log_prior, "kl": kl}
    given |= {"mean": mean, "variance": variance, "entropy": entropy}
    _check_pairs({name for name, value in given.items() if value is not None}, support)
    for name in ("sample", "log_prob", "log_prior"):
        if given[name] is not None and not callable(given[name]):
            raise TypeError(f"{name} must be a function, not {given[name]!r}")
    for name in ("mean", "variance", "entropy", "kl"):
        if given[name] is not None:
            _check_stated(name, given[name])
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
    ValueError or TypeError for x that the model refuses, an example that x does not have, an
    unknown objective, fewer than one of the repeats.
    """
    vae.check(x)
    if check_count("example", example, at_least=0) >= len(x):
        raise ValueError(f"example is {example}, but x has only {len(x)}, counted from 0")
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    check_count("repeats", repeats)
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


def _check_stated(name, value):
    """ValueError or TypeError unless it is a finite number; a mean and a variance may be arrays."""
    array = np.asarray(value)
    if name in ("mean", "variance") and array.ndim and array.dtype.kind in "fiu":
        check_finite(name, array)
    else:
        check_number(name, value if array.ndim else array.item())


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
