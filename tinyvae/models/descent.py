"""How close to the optimum a training comes, with the exact gradient and with noisy ones.

Near the optimum the loss is a bowl. Along its axis i, with the curvature r_i, and n_i the variance
of the gradient, a step of length h takes the distance u from the bottom to (1 - h r_i) u and adds
noise of variance h² n_i. In the long run u² is on average h n_i / (r_i (2 - h r_i)), and the gap,
the sum of r_i u² / 2, does not go to 0 but

    h constant       to the sum of h n_i / (2 (2 - h r_i)), about h / 4 times all the noise
    h = a / t        like c / t, c the sum of a² r_i n_i / (2 (2 a r_i - 1)), if all a r_i > 1/2
    no noise there   to 0, geometrically, at any constant step that is short enough

The last are the exact gradient, and `path` where q can be the exact posterior.

Source: Bottou, Curtis & Nocedal, Optimization Methods for Large-Scale Machine Learning (2018),
theorems 4.6 and 4.7; here with the constants of a bowl.
"""

import numpy as np

from tinyvae.errors import check_number
from tinyvae.models.free_posterior import FreePosterior
from tinyvae.models.linear_vae import best, deterministic_loss, optimum
from tinyvae.models.moments import moments
from tinyvae.models.quadrature import noise_grid

EXACT = "exact"  # in place of an objective: the gradient without a sample
STEP = 1e-30  # of the complex step


def descend(fit, objective, optimizer, at, *, rng=None, schedule=None, until=0.0):
    """(theta, gaps (n,)): gradient descent from `fit.start`, and the gap after the steps `at` (n,).

    fit: a PosteriorFit or a LinearVAEFit. objective: a name in `elbo.OBJECTIVES`, whose noise comes
    from the Generator `rng`, one draw for each example and step; or EXACT. at: whole numbers that
    increase; the last is that of all steps. schedule(t): the learning rate of step t = 0, 1, ...;
    None: the optimizer's own. until: at the first of `at` where the exact gradient's norm is below
    it the descent ends, and the gaps with it.
    """
    theta, gaps, done = fit.start.copy(), [], 0
    for stop in at:
        for t in range(done, stop):
            if schedule is not None:
                optimizer.lr = schedule(t)
            optimizer.step(theta, fit.gradient(theta, objective, rng))
        done = stop
        gaps.append(fit.gap(theta))
        if until and slope_at(fit, theta) < until:
            break
    return theta, np.array(gaps)


def slope_at(fit, theta):
    """The norm of the exact gradient: 0 where a training has arrived."""
    return float(np.linalg.norm(fit.gradient(theta, EXACT, None)))


def floor_at(bowl, lr):
    """The gap at which the constant step `lr` settles; bowl: (curvatures, noise), (P,) each.

    ValueError for an lr so long, 2 / curvature, that it never settles.
    """
    r, n = bowl
    lr = check_number("lr", lr, above=0, below=2.0 / float(np.max(r)))
    return float(np.sum(0.5 * lr * n / (2.0 - lr * r)))


def fall_by(bowl, a):
    """The c of gap = c / t under the steps a / t; infinite where `a` is too short for c / t."""
    r, n = bowl
    if 2.0 * a * np.min(r) <= 1.0:
        return np.inf
    return float(np.sum(0.5 * a**2 * r * n / (2.0 * a * r - 1.0)))


class PosteriorFit:
    """q = N(m, diag e^logvar) fitted to the posterior of one x (D,) of a LinearGaussian.

    theta is m and logvar, from the prior's 0 on, of `runs` fits beside each other; the gap is the
    mean of their KL(q || posterior) = log p(x) - ELBO, in nats.
    """

    def __init__(self, model, x, runs=1):
        self.model, self.x = model, np.broadcast_to(x, (runs, model.data))
        self.vae = FreePosterior(model, runs)
        whole = self.vae.theta(0.0, 0.0)
        self.start, self.decoder = np.split(whole, [self.vae.free.stop])

    @property
    def exact(self):
        """log p(x), the highest bound there is."""
        return float(self.model.log_prob(self.x[0]))

    def reached(self, theta):
        """The mean bound of the fits."""
        return float(self.model.bound(*self.blocks(theta), x=self.x)[0].mean())

    def gap(self, theta):
        """exact - reached, as a divergence: to all its digits, however small it is."""
        return float(self.model.divergence(*self.blocks(theta), x=self.x).mean())

    def gradient(self, theta, objective, rng):
        if objective == EXACT:
            bound, vjp = self.model.bound(*self.blocks(theta), x=self.x)
            return -np.concatenate([d.ravel() for d in vjp(np.ones_like(bound))])
        eps = rng.standard_normal((1, len(self.x), self.model.latent))
        whole = np.concatenate([theta, self.decoder])
        bound, vjp = self.vae.bound(whole, x=self.x, eps=eps, objective=objective)
        return -vjp(np.ones_like(bound))[0][self.vae.free]

    def bowl(self, objective):
        """(curvatures, noise) of one fit at its optimum: Lambda_jj in m_j and 1/2 in logvar_j.

        They are the axes of the bowl where Lambda is diagonal, as with one latent.
        """
        best = self.model.best_diagonal(self.x[0])
        found = moments(self.model, objective, *best, x=self.x[0])
        curvatures = np.diag(self.model.precision), np.full(self.model.latent, 0.5)
        noise = found["m"].variance, found["logvar"].variance
        return np.concatenate(curvatures), np.concatenate(noise)

    def blocks(self, theta):
        return theta.reshape(2, len(self.x), self.model.latent)


class LinearVAEFit:
    """A VAE with hidden=() and a Gaussian likelihood trained on all of x (N, D) at every step.

    start: a whole theta. With `encoder_alone` the decoder is the optimal one from the start, and is
    held. The gap is the highest mean beta-bound minus the one reached, in nats per example.
    """

    def __init__(self, vae, x, start, *, beta=1.0, encoder_alone=False):
        self.vae, self.x, self.beta = vae, x, beta
        self.loss, self.best = deterministic_loss(vae), best(vae, x, beta=beta)
        self.optimum = optimum(vae, x, beta=beta)
        stop = vae.layout.slices["logvar.b"].stop if encoder_alone else vae.layout.size
        self.start, self.held = start[:stop], self.optimum[stop:]

    @property
    def exact(self):
        """The highest mean beta-bound; for beta = 1 that is the mean log p(x) of the optimum."""
        return self.best.bound

    def reached(self, theta):
        return -float(self.loss(self.whole(theta), x=self.x, beta=self.beta)[0])

    def gap(self, theta):
        """exact - reached."""
        return self.exact - self.reached(theta)

    def gradient(self, theta, objective, rng):
        whole, constants = self.whole(theta), {"x": self.x, "beta": self.beta}
        if objective == EXACT:
            _, vjp = self.loss(whole, **constants)
        else:
            eps = rng.standard_normal((1, len(self.x), self.vae.latent))
            _, vjp = self.vae.loss(whole, eps=eps, objective=objective, **constants)
        return vjp(1.0)[0][: len(theta)]

    def bowl(self, objective):
        """(curvatures, noise) along the axes of the bowl at the optimum.

        The curvatures are those of the deterministic loss, by the complex step of its gradient. The
        noise is exact, too: an example's gradient is a polynomial of the second degree in its eps,
        and three nodes a latent give its covariance.
        """
        P, loss = len(self.start), self.loss
        hessian = np.empty((P, P))
        for row, direction in zip(hessian, np.eye(P, self.optimum.size), strict=True):
            _, vjp = loss(self.optimum + 1j * STEP * direction, x=self.x, beta=self.beta)
            row[:] = vjp(1.0)[0].imag[:P] / STEP
        curvatures, axes = np.linalg.eigh(0.5 * (hessian + hessian.T))

        eps, weights = noise_grid(1, self.vae.latent, 3)
        noise, options = np.zeros(P), {"beta": self.beta, "objective": objective}
        for one in self.x[:, None]:
            g = []
            for node in eps[0]:
                _, vjp = self.vae.loss(self.optimum, x=one, eps=node[None, None], **options)
                g.append(vjp(1.0)[0][:P] @ axes)
            noise += weights @ (g - weights @ g) ** 2
        return curvatures, noise / len(self.x) ** 2

    def whole(self, theta):
        return np.concatenate([theta, self.held])
