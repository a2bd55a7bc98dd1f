"""What each oracle says of a code of the gallery: verdicts that are computed, never written down.

The gradient oracle holds the way back against finite differences, at the first weights. The
objective oracle holds the draws against the q that the KL is for, the KL against the draws, and the
bound against the exact log p(x), at the first weights and at those that the training ended with;
where these have a sigma below the last digits of mu, no draws are left to look at, and the first
weights have to do. An importance-weighted bound is a bound for any number of samples, and is asked
for many.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae.distributions import gaussian
from tinyvae.gallery.vae import Assembled
from tinyvae.gallery.world import LATENT
from tinyvae.gradcheck import gradcheck
from tinyvae.objectivecheck import objectivecheck

ROWS = 5  # examples of the gradient check
REPEATS = 2000  # estimates of the bound, of each example
MANY = 64  # samples in each estimate of an importance-weighted bound
KINDS = {"bound": "bound", "mean bound": "bound", "E[log q/p]": "KL"}  # other claims: draws
FINEST = 1e-10  # a sigma below it
CAUGHT = ("wrong", "above", "nan")  # verdicts on a claim; 'unseen' is none


@dataclass(frozen=True)
class Verdicts:
    """gradient: 'ok', 'wrong', 'unstable' or 'mutated'. objective: 'ok', or what is wrong: 'draws',
    'KL' or 'bound', the first of these. The sentences are those of the two reports."""

    gradient: str
    objective: str
    gradient_says: str
    objective_says: str

    @property
    def caught_by(self):
        names = ("gradient", self.gradient), ("objective", self.objective)
        found = [name for name, verdict in names if verdict != "ok"]
        return {0: "neither", 1: found[0] if found else "", 2: "both"}[len(found)]


def verdicts(setting, mistake, params):
    """The Verdicts on a Mistake, or on right code for None; params: the weights of its end."""
    gradient, said = gradient_verdict(setting, mistake)
    objective, text = objective_verdict(setting, mistake, setting.params())
    (_, logvar), _ = Assembled(setting, mistake).encode(params, x=setting.x)
    if objective == "ok" and np.exp(0.5 * logvar).min() > FINEST:
        objective, text = objective_verdict(setting, mistake, params)
    return Verdicts(gradient, objective, said, text)


def gradient_verdict(setting, mistake):
    """('ok' or the verdict, what the check says)."""
    code, rng = Assembled(setting, mistake), np.random.default_rng(2)
    x = setting.x[:ROWS]
    eps = code.parts.noise(rng, (setting.samples, len(x), LATENT))
    report = gradcheck(code.loss, setting.params(), x=x, eps=eps)
    if report.ok:
        return "ok", ""
    return report.verdict, next(row.note for row in report.rows if not row.ok)


def objective_verdict(setting, mistake, params):
    """('ok' or what is wrong, what the check says)."""
    code = Assembled(setting, mistake)
    mu, logvar = (head[:1] for head in code.encode(params, x=setting.x)[0])
    zero, samples = np.zeros_like(mu), MANY if setting.weighted else 1

    def sample(rng, n):
        return code.parts.draw(mu, logvar, eps=code.parts.noise(rng, (n, 1, LATENT)))[0][:, 0]

    def bound(rng):
        x = np.tile(setting.x, (REPEATS, 1))
        eps = code.parts.noise(rng, (samples, len(x), LATENT))
        return code.bound(params, x=x, eps=eps)[0].reshape(REPEATS, -1)

    stated = {}
    if not setting.weighted:
        stated["kl"] = float(code.parts.kl(mu, logvar)[0][0])
        stated["log_prior"] = lambda z: gaussian.log_prob(z, zero, zero)[0].sum(axis=-1)
    report = objectivecheck(
        sample,
        lambda z: gaussian.log_prob(z, mu, logvar)[0].sum(axis=-1),
        entropy=float(gaussian.entropy(mu, logvar)[0].sum()),
        bound=bound,
        log_evidence=setting.model(params["logtau2"]).log_prob(setting.x),
        **stated,
    )
    return worst(report)


def worst(report):
    """The first kind of claim that fails, and its note."""
    wrong = [claim for claim in report.claims if claim.verdict in CAUGHT]
    kinds = [KINDS.get(claim.claim, "draws") for claim in wrong]
    for kind in ("draws", "KL", "bound"):
        if kind in kinds:
            claim = wrong[kinds.index(kind)]
            return kind, f"{claim.label}: {claim.note}"
    return "ok", ""
