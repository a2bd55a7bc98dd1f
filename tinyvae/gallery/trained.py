"""What happens when one trains it: plain gradient descent, and the end held against the exact one.

Every code of the gallery starts at the same weights and takes the same steps, along the gradients
that it computes itself, averaged over the noise exactly. Where the mistake is in the drawing of
noise, noise is drawn, from several seeds; the weights are then the mean over the second half of the
steps, and what is reported is the mean of the runs.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from tinyvae.gallery.vae import Assembled
from tinyvae.gallery.world import SETTINGS

SEEDS = 4
DRAWS = 16  # an example and step, where noise is drawn
MANY = 4000  # draws an example, to measure what was trained with drawn noise
SETTLED = 1e-3  # a norm of the gradient, below which a training has come to rest
FAR = 10.0  # a weight that goes so far in one step: the training has diverged
MEASURED = ("claimed", "true", "sd", "head_sd", "mean", "reach", "offset")  # of every run


@dataclass(frozen=True)
class Trained:
    """Where a training ended. Bounds in nats, means over the data; latents (Z,), data (B, Z).

    claimed: the bound as the code computes it. true: the right bound of the q that its encoder
    gives, with its decoder. evidence: log p(x) under that decoder, exact.
    sd: of its draws, root mean square over the data; head_sd: the one that logvar says. mean: of
    the draws; exact_mean: of the posterior; reach: the first in parts of the second, by least
    squares; offset: of the draws' mean from mu. tau2: the decoder's variance. trunk_moved: how far
    the trunk went from where it began. settled: the gradient is 0; diverged: a weight has
    leapt out of any use, and the numbers are those of the step before.
    errors: {name: standard error over the seeds}; empty where there is no noise.
    right: the same for right code in this setting.
    """

    claimed: float
    true: float
    evidence: float
    sd: np.ndarray
    head_sd: np.ndarray
    mean: np.ndarray
    exact_mean: np.ndarray
    reach: np.ndarray
    offset: np.ndarray
    tau2: float
    trunk_moved: float
    settled: bool
    diverged: bool
    setting: object
    params: dict
    errors: dict = field(default_factory=dict)
    right: "Trained | None" = None

    @property
    def optimum(self):
        """The highest bound: a closed form; of the importance-weighted, what right code reaches."""
        return self.setting.best or self.right.true

    @property
    def exact_sd(self):
        """(Z,) of the q with the highest bound."""
        return self.right.sd if self.setting.weighted else self.plain_sd

    @property
    def plain_sd(self):
        """(Z,) of the diagonal q with the highest plain bound: 1 / sqrt(Lambda_jj)."""
        return np.diag(self.setting.model().precision) ** -0.5

    @property
    def exact_tau2(self):
        return self.setting.optimum.variance

    @property
    def mu(self):
        """(B, Z), of the encoder."""
        return self.mean - self.offset

    @property
    def lost(self):
        """Nats below the optimum, by the right bound."""
        return self.optimum - self.true

    @property
    def excess(self):
        """Nats that it claims above log p(x), where no bound can be."""
        return self.claimed - self.evidence


def train(mistake=None, setting="elbo"):
    """The Trained of a Mistake, in its own setting; of right code in the setting of that name."""
    if mistake is None:
        return right(setting)
    seeds = SEEDS if noisy(mistake) else 1
    runs = [run(SETTINGS[mistake.setting], mistake, seed) for seed in range(seeds)]
    found = {name: np.array([getattr(each, name) for each in runs]) for name in MEASURED}
    means = {name: values.mean(axis=0) for name, values in found.items()}
    end = replace(runs[0], **means, right=right(mistake.setting))
    if seeds == 1:
        return end
    error = {name: v.std(axis=0, ddof=1) / np.sqrt(seeds) for name, v in found.items()}
    return replace(end, errors=error)


@lru_cache
def right(setting):
    found = run(SETTINGS[setting])
    return replace(found, right=found)


def noisy(mistake):
    """Whether it has to be trained with noise that is drawn."""
    return mistake is not None and (mistake.draws_noise or mistake.part == "noise")


def run(setting, mistake=None, seed=0):
    """One training, from its start to its end."""
    code, rng = Assembled(setting, mistake, seed), np.random.default_rng([seed, 1])
    params, history, diverged = setting.params(), [], False
    with np.errstate(all="ignore"):  # one that diverges says so by its weights
        for step in range(setting.steps):
            after, norm = descend(code, params, rng)
            diverged = not all((abs(after[k] - params[k]) <= FAR).all() for k in params)
            if diverged:
                break
            params = after
            if noisy(mistake) and step >= setting.steps // 2:
                history.append(params)
        if history:
            params = {name: np.mean([each[name] for each in history], axis=0) for name in params}
        found = measured(code, params, rng)
    return Trained(
        **found,
        settled=bool(norm < SETTLED),
        diverged=diverged,
        setting=setting,
        params=params,
    )


def descend(code, params, rng):
    """(weights after one step of plain gradient descent, the norm of the gradient)."""
    x, eps, weights = code.setting.batch
    if code.mistake is not None and code.mistake.part == "noise":
        eps = code.parts.noise(rng, (DRAWS, *eps.shape[1:]))
    _, vjp = code.loss(params, x=x, eps=eps, weights=weights)
    (grads,) = vjp(1.0)
    lr, learned = code.setting.lr, code.setting.learned
    after = {k: block - lr * grads[k] if k in learned else block for k, block in params.items()}
    return after, np.sqrt(sum((grads[k] ** 2).sum() for k in learned))


def measured(code, params, rng):
    """What Trained says of these weights."""
    setting, drawn = code.setting, noisy(code.mistake)
    x, eps, weights = setting.batch
    mine = code.parts.noise(rng, (MANY, *eps.shape[1:])) if drawn else eps
    mu, logvar = code.encode(params, x=setting.x)[0]
    corners = mine if drawn else setting.corners
    z, _ = code.parts.draw(mu, logvar, eps=corners)
    mean, (exact_mean, _) = z.mean(axis=0), setting.model().posterior(setting.x)
    return {
        "claimed": float(np.mean(weights * code.bound(params, x=x, eps=mine)[0])),
        "true": float(np.mean(weights * code.righted.bound(params, x=x, eps=eps)[0])),
        "evidence": float(setting.model(params["logtau2"]).log_prob(setting.x).mean()),
        "sd": np.sqrt(z.var(axis=0).mean(axis=0)),
        "head_sd": np.sqrt(np.exp(logvar).mean(axis=0)),
        "mean": mean,
        "exact_mean": exact_mean,
        "reach": (mean * exact_mean).sum(axis=0) / (exact_mean**2).sum(axis=0),
        "offset": (mean - mu).mean(axis=0),
        "tau2": float(np.exp(params["logtau2"])),
        "trunk_moved": float(np.linalg.norm(params["T"] - setting.params()["T"])),
    }
