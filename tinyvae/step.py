"""One step of training: a batch, its gradient, and the optimizer.

`gradient` is the page to read, and `PlainStep` runs it on a batch. `Step` records it once (see
replay/) on arrays of its own, and then does the same calls again for every batch; a GPU's arrays
are not recorded, as their memory is kept for them anyway.
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
    """(dtheta, loss, reconstruction, kl): part times the gradient of the loss, and the loss and its
    two parts, in nats per example. x and eps are trusted to be good, as by `VAE.negative_bound`.
    part: what x is of a batch; the gradients of all its parts add up to that of the batch."""
    nodes = Recorder()
    loss, loss_vjp = vae.negative_bound(theta, x=x, eps=eps, beta=beta, **objective, watch=nodes)
    (dtheta,) = loss_vjp(part)
    kl, log_px = nodes.get("kl"), nodes["log_px"]
    if kl is None:  # the objectives that look at log w have no need of it
        kl, _ = kl_per_latent(nodes["mu"], nodes["logvar"])
    return dtheta, loss, -log_px.sum() / log_px.size, kl.sum() / len(x)


class PlainStep:
    """The step on batches of one size, where theta lives: `draw` one, and call it.

    theta: the parameters, which the optimizer changes in place. x (B, D), eps (B, Z) or (S, B, Z),
    beta: what was drawn. objective: as for `VAE.negative_bound`.
    Of several ranks each has its share of the batch in x, maybe none, and the noise of all of it:
    that is the same however many there are. What they find is added up, and then each does the
    same.
    """

    def __init__(self, vae, theta, size, *, samples=1, ranks=ALONE, **objective):
        self.vae, self.theta, self.ranks, self.objective = vae, theta, ranks, objective
        self.shape = (size, vae.latent) if samples == 1 else (samples, size, vae.latent)
        self.own = ranks.share(size)
        self.part = (self.own.stop - self.own.start) / size

    def draw(self, x, rows, rng, beta=1.0):
        """Take rows (B,) of the data x (N, D), trusted to be there, noise, and the KL's weight."""
        self.x, self.beta = x[rows[self.own]], beta
        eps = rng.standard_normal(self.shape, dtype=self.theta.dtype)
        self.eps = to_device(eps, backend_of(self.theta))  # a generator of the host is welcome

    def __call__(self, optimizer, *, asked=True):
        """Do it. (loss, reconstruction, kl) in nats per example, or None if they are not asked for:
        the gradient does not need them.

        NotFinite, with the first array that went bad, if the gradient or the loss that was asked
        for is not finite: theta is then as it was before.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # looked at, and explained
            mine = self.program(asked)() if self.part else self.nothing(asked)
            dtheta, *values = self.ranks.sum(*mine)
            # An infinite norm stops the run, too: Adam squares the gradient.
            if not all(map(math.isfinite, (dtheta @ dtheta, *values[:1]))):
                raise NotFinite(self.explain())
            optimizer.step(self.theta, dtheta)
        return tuple(map(float, values)) if asked else None

    def program(self, asked):
        """A call that gives what this rank adds to the gradient, and if asked to the values."""
        return partial(self.page, asked, self.theta, self.x, self.eps, self.beta)

    def page(self, asked, theta, x, eps, beta):
        """(part of the gradient, and if asked of the loss, the reconstruction and the KL)."""
        options = {"x": x, "eps": eps[..., self.own, :], "beta": beta, **self.objective}
        dtheta, *values = gradient(self.vae, theta, part=self.part, **options)[: 4 if asked else 1]
        if self.part < 1.0:  # alone there is nothing to multiply, and nothing to record
            values = [self.part * value for value in values]
        return dtheta, *values

    def nothing(self, asked):
        """The same of no examples, which have no mean."""
        return np.zeros_like(self.theta), *np.zeros_like(self.theta[: 3 * asked])

    def explain(self):
        """The loss, and which array went bad first: of several ranks on the first where one did."""
        _, rank, said = max(self.ranks.gather(self.found()))
        return said if self.ranks.size == 1 else f"on rank {-rank} {said}"

    def found(self):
        """(how bad this rank's share is, minus its rank, what there is to say of it)."""
        if not self.part:
            return -1, -self.ranks.rank, ""
        eps, beta = self.eps[..., self.own, :], float(self.beta)
        arguments = {"x": self.x, "eps": eps, "beta": beta, **self.objective}
        dtheta, loss, *_ = gradient(self.vae, self.theta, **arguments)
        bad = not math.isfinite(dtheta @ dtheta + loss)
        why = explain(self.vae, self.theta, **arguments)
        return bad, -self.ranks.rank, f"the loss is {loss:g}: {why}"


class Step(PlainStep):
    """The same, recorded: x, eps and beta () are arrays of its own, of theta's dtype, which `draw`
    fills."""

    def __init__(self, vae, theta, size, *, samples=1, ranks=ALONE, **objective):
        super().__init__(vae, theta, size, samples=samples, ranks=ranks, **objective)
        self.x = np.zeros((self.own.stop - self.own.start, vae.data), theta.dtype)
        self.eps = np.zeros(self.shape, theta.dtype)
        self.beta = np.ones((), theta.dtype)
        self.programs = {}

    def draw(self, x, rows, rng, beta=1.0):
        np.take(x, rows[self.own], axis=0, out=self.x, mode="clip")  # the only mode without a copy
        rng.standard_normal(dtype=self.eps.dtype, out=self.eps)
        self.beta[...] = beta

    def program(self, asked):
        if asked not in self.programs:
            fn = partial(self.page, asked)
            self.programs[asked] = record(fn, self.theta, self.x, self.eps, self.beta)
        return self.programs[asked]
