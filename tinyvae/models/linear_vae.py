"""The linear VAE: its exact log p(x), its bound without a sample, and the optimum it should reach.

    decoder N(z W + b, sigma² I),   encoder N((x - b) V, diag d),   prior N(0, I)

    ELBO = -D/2 log 2 pi sigma² - (||x - mu W - b||² + sum_k d_k ||W_k||²) / (2 sigma²) - KL

with mu = (x - b) V, and no sample anywhere: E||x - z W - b||² is known; this is the bound itself.
Its maximum is probabilistic PCA, see ppca.py; `optimum` writes it into a VAE's theta.

Source: Lucas, Tucker, Grosse & Norouzi, Don't Blame the ELBO! (2019), section 4.
"""

import math

import numpy as np

from tinyvae.kl import kl
from tinyvae.likelihoods import Gaussian
from tinyvae.models.linear_gaussian import LinearGaussian
from tinyvae.models.ppca import fit


def decoder(vae, theta):
    """The LinearGaussian that a VAE with a linear decoder (hidden=()) is, in float64.

    ValueError for a VAE with hidden layers or a likelihood that is not Gaussian.
    """
    check_linear(vae)
    params = vae.layout.views(theta)
    logvar = np.float64(vae.px.logvar(params, params["out.b"][None])[0, 0])
    return LinearGaussian(params["out.W"], params["out.b"], math.exp(0.5 * logvar))


def log_evidence(vae, theta, x):
    """log p(x) (N,), exact, of each row of x (N, D) under a VAE whose decoder is linear.

    In nats, computed in float64. ValueError for a VAE with hidden layers or a likelihood that is
    not Gaussian, and for an x that the VAE refuses.
    """
    model = decoder(vae, theta)
    vae.check(x)
    return model.log_prob(x.astype(np.float64))


def check_linear(vae):
    """ValueError unless `vae` has a linear decoder and a Gaussian likelihood."""
    if vae.hidden:
        raise ValueError(
            f"the evidence has a closed form for hidden=(), a linear decoder, not for {vae.hidden}"
        )
    if not isinstance(vae.px, Gaussian):
        raise ValueError(
            "the evidence has a closed form for the likelihoods 'gaussian' and "
            f"'gaussian-learned', not for {vae.likelihood!r}"
        )


def best(vae, x, *, beta=1.0):
    """The Optimum, by `ppca.fit`, that `vae` can reach on the data x (N, D): with the variance of
    its likelihood, or the best one where that is learned. ValueError as in `fit`."""
    check_linear(vae)
    vae.check(x)
    learned = "likelihood.logvar" in vae.layout.shapes
    return fit(x, vae.latent, beta=beta, variance=None if learned else vae.px.scale**2)


def optimum(vae, x, *, beta=1.0):
    """theta, in float64, at which `vae` has its highest mean beta-bound for the data x (N, D).

    vae: with hidden=() and a Gaussian likelihood, whose variance is given or learned. The order and
    the signs of the latents are a choice: all others give the same bound. ValueError as in `fit`.
    """
    pca = best(vae, x, beta=beta)
    blocks = {
        "mu.W": pca.V,
        "mu.b": -pca.mean @ pca.V,
        "logvar.W": np.zeros_like(pca.V),
        "logvar.b": np.log(pca.posterior_variances),
        "out.W": pca.W,
        "out.b": pca.mean,
        "likelihood.logvar": np.full((1, 1), math.log(pca.variance)),
    }
    return vae.layout.flatten(blocks)


# -- the bound without a sample -------------------------------------------------------------------


def deterministic_elbo(vae):
    """`elbo(theta, *, x, beta=1.0)`: the mean over all noise of `vae.elbo`, (B,), in closed form.

    It is the package's forward pass at z = mu, plus what the spread of z costs:

        E log p(x | z) = log p(x | z = mu) - sum_k ||W_k||² e^logvar_k / (2 sigma²)

    The result keeps the protocol, `vjp(delbo)` is `(dtheta,)`. ValueError for a VAE with hidden
    layers or a likelihood that is not Gaussian.
    """
    check_linear(vae)

    def elbo(theta, *, x, beta=1.0):
        params = vae.layout.views(theta)
        W = params["out.W"]
        (mu, logvar), encode_vjp = vae.encode(theta, x=x)
        out, decode_vjp = vae.decode(theta, mu)
        log_px, log_px_vjp = vae.px(params, out, x=x)
        precision = np.exp(-vae.px.logvar(params, out))  # (1, 1)
        variance, norms = np.exp(logvar), (W * W).sum(axis=1)
        spread = 0.5 * precision[0] * (variance @ norms)
        divergence, kl_vjp = kl(mu, logvar)

        def vjp(delbo):
            dp_px, dout = log_px_vjp(delbo)
            dtheta_out, dmu = decode_vjp(dout)
            dmu_kl, dlogvar_kl = kl_vjp(-beta * delbo)
            share = -0.5 * precision * delbo[:, None]  # of variance @ norms
            dlogvar = share * variance * norms
            (dtheta,) = encode_vjp((dmu + dmu_kl, dlogvar + dlogvar_kl))
            dtheta = dtheta + dtheta_out
            blocks = vae.layout.views(dtheta)
            blocks["out.W"] += 2.0 * (share * variance).sum(axis=0)[:, None] * W
            dp_spread = vae.px.gradients((delbo @ spread).reshape(1, 1))
            for name in dp_px:
                blocks[name] += dp_px[name] + dp_spread[name]
            return (dtheta,)

        return log_px - spread - beta * divergence, vjp

    return elbo


def deterministic_loss(vae):
    """`loss(theta, *, x, beta=1.0)`: the mean over all noise of `vae.loss`, a number to minimize.

    It keeps the protocol and raises what `deterministic_elbo` does.
    """
    elbo = deterministic_elbo(vae)

    def loss(theta, *, x, beta=1.0):
        bound, elbo_vjp = elbo(theta, x=x, beta=beta)
        return -bound.mean(), lambda dloss: elbo_vjp(np.full_like(bound, -dloss / len(bound)))

    return loss
