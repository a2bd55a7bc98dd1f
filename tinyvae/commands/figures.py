"""The figures that `tinyvae train` leaves behind."""

import numpy as np

from tinyvae.kl import kl_per_latent

FIGURES = 3  # the stream of the seed that the samples come from
SHOWN = 5000  # dots in the latent space
GRID = 15  # pictures along an edge of the manifold


def draw(vae, theta, data, history, out, *, seed):
    """Draw them all into the folder `out`; the names of the files.

    loss.png, reconstructions.png (of held-out data), samples.png (means of p(x|z), z from the
    prior), latent.png (posterior means of the training data) and, for two latents, manifold.png.
    """
    from tinyvae import plots  # matplotlib takes a while to import

    rng = np.random.default_rng([seed, FIGURES])
    shape = data.image_shape
    held_out = data.held_out.astype(theta.dtype, copy=False)
    count = 20 if shape else 300
    eps = rng.standard_normal((64 if shape else 1000, vae.latent), dtype=theta.dtype)
    # Points and curves are drawn with their spread; of a picture the mean is easier to read.
    noise = None if shape else vae.px.noise(rng, (len(eps), vae.data)).astype(theta.dtype)
    (mu, logvar), _ = vae.encode(theta, x=data.x[:SHOWN].astype(theta.dtype, copy=False))
    each, _ = kl_per_latent(mu, logvar)
    labels = None if data.labels is None else data.labels[:SHOWN]

    axes = {
        "loss.png": plots.loss_curves(history),
        "reconstructions.png": plots.reconstructions(
            held_out[:count], vae.reconstruct(theta, x=held_out[:count]), shape
        ),
        "samples.png": plots.samples(
            vae.sample(theta, eps=eps, noise=noise), shape, data=None if shape else held_out
        ),
        "latent.png": plots.latent_scatter(mu, labels, kl=each.mean(axis=0)),
    }
    if vae.latent == 2:
        grid = plots.normal_grid(GRID)
        z = plots.grid_points(grid).astype(theta.dtype)
        if shape or vae.data == 2:
            axes["manifold.png"] = plots.manifold(vae.sample(theta, eps=z), shape, grid)
    for name, ax in axes.items():
        plots.save(ax, out / name)
    return list(axes)
