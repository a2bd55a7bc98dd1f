"""The figures that `tinyvae train` leaves behind."""

import numpy as np

from tinyvae import plots
from tinyvae.commands.surfaces_figures import SAMPLES, beside_reconstructions, of_samples
from tinyvae.data.heston import SurfaceData
from tinyvae.kl import kl_per_latent

STREAM = 3  # of the seed: the samples
SHOWN = 5000  # dots in the latent space
GRID = 15  # pictures along an edge of the manifold


def draw(vae, theta, data, history, out, *, seed, tighter=0):
    """Draw them all into the folder `out`; the names of the files.

    tighter: the samples of the importance-weighted bound that was trained, 0 for the ELBO.
    """
    rng, names = np.random.default_rng([seed, STREAM]), []
    for name, ax in figures(vae, theta, data, history, rng, tighter):
        plots.save(ax, out / name)
        names.append(name)
    return names


def figures(vae, theta, data, history, rng, tighter):
    """(file name, Axes or Figure) one after the other.

    loss.png, reconstructions.png (of held-out data), samples.png (from the prior), latent.png
    (posterior means of the training data) and, for two latents, manifold.png.
    """
    shape = data.image_shape
    x, held_out = (part.astype(theta.dtype, copy=False) for part in (data.x, data.held_out))
    yield "loss.png", plots.loss_curves(history, tighter=tighter)
    of_data = surfaces if isinstance(data, SurfaceData) else pictures
    yield from of_data(vae, theta, data, x, held_out, rng)

    (mu, logvar), _ = vae.encode(theta, x=x[:SHOWN])
    labels, by = data.labels, ""
    if isinstance(data, SurfaceData):
        labels = data.factors["vol_of_vol"].round(6)  # as short names
        by = ", by volatility of variance"
    kl = kl_per_latent(mu, logvar)[0].mean(axis=0)
    latent = plots.latent_scatter(mu, None if labels is None else labels[:SHOWN], kl=kl)
    latent.set_title(f"posterior means of the training data{by}")
    yield "latent.png", latent

    if vae.latent == 2 and (shape or vae.data == 2):
        grid = plots.normal_grid(GRID)
        z = plots.grid_points(grid).astype(theta.dtype)
        yield "manifold.png", plots.manifold(vae.mean(theta, z), shape, grid)


def surfaces(vae, theta, data, x, held_out, rng):
    """reconstructions.png and samples.png of volatility surfaces: their smiles."""
    x_hat = vae.reconstruct(theta, x=held_out)
    yield "reconstructions.png", beside_reconstructions(data, x_hat)
    eps = rng.standard_normal((SAMPLES, vae.latent), dtype=theta.dtype)
    yield "samples.png", of_samples(data, vae.mean(theta, eps))


def pictures(vae, theta, data, x, held_out, rng):
    """reconstructions.png and samples.png of pictures, points and other vectors."""
    shape = data.image_shape
    held_out = held_out[: 20 if shape else 300]
    x_hat = vae.reconstruct(theta, x=held_out)
    yield "reconstructions.png", plots.reconstructions(held_out, x_hat, shape)

    eps = rng.standard_normal((64 if shape else 1000, vae.latent), dtype=theta.dtype)
    if shape:  # of a picture the mean is easier to read than a draw
        samples = plots.samples(vae.mean(theta, eps), shape)
    else:
        noise = vae.px.noise(rng, (len(eps), vae.data)).astype(theta.dtype)
        samples = plots.samples(vae.sample(theta, eps=eps, noise=noise), None, data=x[:1000])
    samples.set_title(f"{'means E[x | z]' if shape else 'draws from p(x | z)'} for z ~ N(0, I)")
    yield "samples.png", samples
