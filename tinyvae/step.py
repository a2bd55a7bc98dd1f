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
from tinyvae.replay import record
from tinyvae.watch import Recorder


def gradient(vae, theta, *, x, eps, beta=1.0, **objective):
    """(dtheta, loss, reconstruction, kl): the gradient of the loss, the loss and its two parts, in
    nats per example. x and eps are trusted to be good, as by `VAE.negative_bound`."""
    nodes = Recorder()
    loss, loss_vjp = vae.negative_bound(theta, x=x, eps=eps, beta=beta, **objective, watch=nodes)
    (dtheta,) = loss_vjp(1.0)
    kl, log_px = nodes.get("kl"), nodes["log_px"]
    if kl is None:  # the objectives that look at log w have no need of it
        kl, _ = kl_per_latent(nodes["mu"], nodes["logvar"])
    return dtheta, loss, -log_px.sum() / log_px.size, kl.sum() / len(x)


class Step:
    """The step on batches of one size: `draw` one, and call it.

    theta: the parameters, which the optimizer changes in place. x (B, D), eps (B, Z) or (S, B, Z),
    beta (): arrays of the Step, of theta's dtype. objective: as for `VAE.negative_bound`.
    """

    def __init__(self, vae, theta, size, *, samples=1, **objective):
        self.vae, self.theta, self.objective = vae, theta, objective
        many = () if samples == 1 else (samples,)
        self.x = np.zeros((size, vae.data), theta.dtype)
        self.eps = np.zeros((*many, size, vae.latent), theta.dtype)
        self.beta = np.ones((), theta.dtype)
        self.programs = {}

    def draw(self, x, rows, rng, beta=1.0):
        """Take rows (B,) of the data x (N, D), trusted to be there, noise, and the KL's weight."""
        np.take(x, rows, axis=0, out=self.x, mode="clip")  # the only mode without a copy
        rng.standard_normal(dtype=self.eps.dtype, out=self.eps)
        self.beta[...] = beta

    def __call__(self, optimizer, *, asked=True):
        """Do it. (loss, reconstruction, kl) in nats per example, or None if they are not asked for:
        the gradient does not need them.

        NotFinite, with the first array that went bad, if the gradient or the loss that was asked
        for is not finite: theta is then as it was before.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # looked at, and explained
            dtheta, square, *values = self.program(asked)()
            # An infinite norm stops the run, too: Adam squares the gradient.
            if not all(map(math.isfinite, (square, *values[:1]))):
                raise NotFinite(self.explain())
            optimizer.step(self.theta, dtheta)
        return tuple(map(float, values)) if asked else None

    def program(self, asked):
        """The gradient and its squared norm, recorded, with the loss and its parts if asked."""
        if asked not in self.programs:
            fn = partial(self.page, asked)
            self.programs[asked] = record(fn, self.theta, self.x, self.eps, self.beta)
        return self.programs[asked]

    def page(self, asked, theta, x, eps, beta):
        """What `program` gives, computed."""
        dtheta, *values = gradient(self.vae, theta, x=x, eps=eps, beta=beta, **self.objective)
        return dtheta, dtheta @ dtheta, *values[: 3 * asked]

    def explain(self):
        """The loss, and which array went bad first."""
        arguments = {"x": self.x, "eps": self.eps, "beta": float(self.beta), **self.objective}
        loss = self.vae.negative_bound(self.theta, **arguments)[0]
        return f"the loss is {loss:g}: {explain(self.vae, self.theta, **arguments)}"


class DeviceStep(Step):
    """The same for a theta on a GPU; the data x are there, and so is the noise of a generator that
    is: NumPy's is drawn on the host, and moved."""

    def __init__(self, vae, theta, size, *, samples=1, **objective):
        self.vae, self.theta, self.objective = vae, theta, objective
        self.shape = (size, vae.latent) if samples == 1 else (samples, size, vae.latent)

    def draw(self, x, rows, rng, beta=1.0):
        self.x, self.beta = x[rows], beta
        eps = rng.standard_normal(self.shape, dtype=self.theta.dtype)
        self.eps = to_device(eps, backend_of(self.theta))

    def program(self, asked):
        return partial(self.page, asked, self.theta, self.x, self.eps, self.beta)
