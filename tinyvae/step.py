"""One step of training: a batch, its gradient, and the optimizer.

`gradient` is the page to read. `Step` records it once (see replay/) on arrays of its own, for
batches of one size, and then does the same calls again for every batch. `DeviceStep` runs the page
itself: a GPU's arrays are not recorded, as their memory is kept for them anyway.
"""

import math
from functools import partial

import numpy as np

from tinyvae.backend import backend_of, to_device
from tinyvae.diagnostics import explain
from tinyvae.errors import NotFinite
from tinyvae.kl import kl_per_latent
from tinyvae.ranks import ALONE
from tinyvae.replay import record
from tinyvae.watch import Recorder


def gradient(vae, theta, *, x, eps, beta=1.0, part=1.0, **objective):
    """(dtheta, loss, reconstruction, kl): the gradient of the loss, the loss and its two parts, in
    nats per example. x and eps are trusted to be good, as by `VAE.negative_bound`. part: all four
    are multiplied by it; if x is that part of a batch, they add up to those of the batch."""
    nodes = Recorder()
    loss, loss_vjp = vae.negative_bound(theta, x=x, eps=eps, beta=beta, **objective, watch=nodes)
    (dtheta,) = loss_vjp(part)
    kl, log_px = nodes.get("kl"), nodes["log_px"]
    if kl is None:  # the objectives that look at log w have no need of it
        kl, _ = kl_per_latent(nodes["mu"], nodes["logvar"])
    reconstruction, kl = -log_px.sum() / log_px.size, kl.sum() / len(x)
    return dtheta, part * loss, part * reconstruction, part * kl


class Step:
    """The step on batches of one size: `draw` one, and call it.

    theta: the parameters, which the optimizer changes in place. x (B, D), eps (B, Z) or (S, B, Z),
    beta (): arrays of the Step, of theta's dtype. objective: as for `VAE.negative_bound`.
    Of several ranks each has its share of the batch in x and eps, maybe none; what they find is
    added up, and then each does the same.
    """

    def __init__(self, vae, theta, size, *, samples=1, ranks=ALONE, **objective):
        self.take(vae, theta, size, ranks, objective)
        many = () if samples == 1 else (samples,)
        self.x = np.zeros((self.count, vae.data), theta.dtype)
        self.noise = np.zeros((*many, size, vae.latent), theta.dtype)
        self.eps = np.zeros((*many, self.count, vae.latent), theta.dtype)
        self.beta = np.ones((), theta.dtype)
        self.programs = {}

    def take(self, vae, theta, size, ranks, objective):
        self.vae, self.theta, self.ranks, self.objective = vae, theta, ranks, objective
        self.own = ranks.share(size)
        self.count = self.own.stop - self.own.start
        self.part = self.count / size

    def draw(self, x, rows, rng, beta=1.0):
        """Take rows (B,) of the data x (N, D), trusted to be there, noise, and the KL's weight.

        Every rank draws the noise of the whole batch: it is the same however many there are.
        """
        np.take(x, rows[self.own], axis=0, out=self.x, mode="clip")  # the only mode without a copy
        rng.standard_normal(dtype=self.noise.dtype, out=self.noise)
        self.eps[...] = self.noise[..., self.own, :]
        self.beta[...] = beta

    def __call__(self, optimizer, *, asked=True):
        """Do it. (loss, reconstruction, kl) in nats per example, or None if they are not asked for:
        the gradient does not need them.

        NotFinite, with the first array that went bad, if the gradient or the loss that was asked
        for is not finite: theta is then as it was before.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # looked at, and explained
            mine = self.program(asked)() if self.count else self.nothing(asked)
            dtheta, *values = self.ranks.sum(*mine)
            # An infinite norm stops the run, too: Adam squares the gradient.
            if not all(map(math.isfinite, (dtheta @ dtheta, *values[:1]))):
                raise NotFinite(self.explain())
            optimizer.step(self.theta, dtheta)
        return tuple(map(float, values)) if asked else None

    def program(self, asked):
        """The gradient, recorded, with the loss and its parts if asked."""
        if asked not in self.programs:
            fn = partial(self.page, asked)
            self.programs[asked] = record(fn, self.theta, self.x, self.eps, self.beta)
        return self.programs[asked]

    def page(self, asked, theta, x, eps, beta):
        """What `program` gives, computed."""
        arguments = {"x": x, "eps": eps, "beta": beta, "part": self.part, **self.objective}
        return gradient(self.vae, theta, **arguments)[: 4 if asked else 1]

    def nothing(self, asked):
        """The same of no examples."""
        dtheta = np.zeros_like(self.theta)
        return dtheta, *(dtheta[i] for i in range(3 * asked))

    def explain(self):
        """The loss, and which array went bad first: on the first rank where one did."""
        found = self.ranks.gather(self.found())
        rank = max(range(len(found)), key=lambda rank: found[rank][0])
        where = f"on rank {rank} " if len(found) > 1 else ""
        return f"{where}the loss is {found[rank][1]}"

    def found(self):
        """(how bad this rank's share is, what there is to say of it)."""
        if not self.count:
            return -1, ""
        arguments = {"x": self.x, "eps": self.eps, "beta": float(self.beta), **self.objective}
        dtheta, loss, *_ = gradient(self.vae, self.theta, **arguments)
        bad = not math.isfinite(dtheta @ dtheta + loss)
        return bad, f"{loss:g}: {explain(self.vae, self.theta, **arguments)}"


class DeviceStep(Step):
    """The same for a theta on a GPU; the data x are there, and so is the noise of a generator that
    is: NumPy's is drawn on the host, and moved."""

    def __init__(self, vae, theta, size, *, samples=1, ranks=ALONE, **objective):
        self.take(vae, theta, size, ranks, objective)
        self.shape = (size, vae.latent) if samples == 1 else (samples, size, vae.latent)

    def draw(self, x, rows, rng, beta=1.0):
        self.x, self.beta = x[rows[self.own]], beta
        eps = rng.standard_normal(self.shape, dtype=self.theta.dtype)[..., self.own, :]
        self.eps = to_device(eps, backend_of(self.theta))

    def program(self, asked):
        return partial(self.page, asked, self.theta, self.x, self.eps, self.beta)
