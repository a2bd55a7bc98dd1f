"""Figures of what latents know: traversals, mutual information, and its gap against beta."""

import numpy as np

from tinyvae.errors import check_shape
from tinyvae.plots.canvas import CENTRE, as_array, axes_or_new, label_ends, style
from tinyvae.plots.training import image_grid


@style()
def traversal_grid(pictures, values, image_shape, kl, notes=None, title=None, ax=None):
    """A row a latent, in order of its KL: what the decoder makes while it alone takes `values`.

    pictures (Z, T, D), as `disentanglement.traversals` makes them; values (T,); kl (Z,), the mean
    in nats. notes: Z short texts, written to the right of each latent's row.
    """
    pictures = as_array("pictures", pictures, "Z", "T", "D")
    Z, T, D = pictures.shape
    values, kl = as_array("values", values, T), as_array("kl", kl, Z)
    notes = [""] * Z if notes is None else notes
    check_shape("notes", notes, (Z,))
    order = np.argsort(-kl, kind="stable")
    side = 0.55
    ax = axes_or_new(ax, side * T + 2.2, side * Z + 0.6)
    image_grid(pictures[order].reshape(Z * T, D), image_shape, ax, columns=T)
    (height, width), (rows, columns) = image_shape, ax.images[0].get_array().shape
    across = np.linspace((width - 1) / 2, columns - (width + 1) / 2, T)
    down = np.linspace((height - 1) / 2, rows - (height + 1) / 2, Z)
    every = -(-T // 9)  # no more numbers than there is room for
    ax.set_xticks(across[::every], [f"{v:.2g}".replace("-", "−") for v in values[::every]])
    ax.set_yticks(down, [f"latent {j}, KL {kl[j]:.2f} nats" for j in order])
    beside = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
    for y, j in zip(down, order, strict=True):
        ax.annotate(notes[j], (columns, y), (5, 0), size=8, **beside)
    ax.set(xlabel="value of the one latent that moves, in prior σ", title=title or "")
    return ax


@style()
def information_matrix(share, names, kl, title=None, ax=None):
    """Latents x factors: the part of each factor's entropy that each latent knows.

    share (Z, F), from 0 to 1; names: F factors; kl (Z,), the mean in nats: latents stand in the
    order of theirs. Raises ValueError for a share outside [0, 1].
    """
    share = as_array("share", share, "Z", "F")
    kl = as_array("kl", kl, len(share))
    check_shape("names", names, (share.shape[1],))
    if not -1e-9 <= share.min() <= share.max() <= 1 + 1e-9:
        raise ValueError(f"share must be in [0, 1], but runs {share.min():g} to {share.max():g}")
    order = np.argsort(-kl, kind="stable")
    Z, F = share.shape
    ax = axes_or_new(ax, 0.72 * F + 1.9, 0.36 * Z + 1.1)
    ax.imshow(share[order], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, j in enumerate(order):
        for column, part in enumerate(share[j]):
            colour = "white" if part > 0.55 else "0.15"
            ax.text(column, row, f"{100 * part:.0f}%", color=colour, **CENTRE)
    ax.set_xticks(range(F), names)
    ax.set_yticks(range(Z), [f"latent {j}, KL {kl[j]:.2f}" for j in order])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title or "")
    return ax


@style()
def gap_by_beta(betas, mig, gaps=None, title=None, ax=None):
    """The mutual information gap against beta: a dot a run, a thick line through the means.

    betas (n,), positive and increasing; mig (n, R), of R runs that differ in their seed. gaps:
    {factor: (n,)}, what the mean is made of, drawn as thin lines, named at their ends.
    """
    betas = as_array("betas", betas, "n")
    if betas[0] <= 0 or (np.diff(betas) <= 0).any():
        raise ValueError("betas must be positive, and increase: their axis is logarithmic")
    mig = as_array("mig", mig, len(betas), "R")
    ax = axes_or_new(ax, 6.6, 4.0)
    ax.set(xscale="log", xlabel="β", ylabel="gap, part of a factor's entropy")
    marker = "." if len(betas) == 1 else None  # so that a single beta shows
    ends = []
    for name, values in (gaps or {}).items():
        values = as_array(f"gaps[{name!r}]", values, len(betas))
        (line,) = ax.plot(betas, values, linewidth=1.1, marker=marker)
        ends.append((values[-1], name, line.get_color()))
    look = {"color": "0.1", "zorder": 3}
    line = {"linewidth": 2.4, "marker": marker and "_", "markersize": 14}
    ax.plot(betas, mig.mean(axis=1), **line, **look)
    dots = {"s": 24, "linewidths": 0.8, "edgecolors": "white"}
    ax.scatter(np.repeat(betas, mig.shape[1]), mig.ravel(), **dots, **look)
    ends.append((mig[-1].mean(), "mean over factors (MIG)", "0.1"))
    apart = np.diff(np.log(betas), prepend=-np.inf) > 0.05 * np.log(betas[-1] / betas[0])
    ax.set_xticks(betas, [f"{b:g}" if room else "" for b, room in zip(betas, apart, strict=True)])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_title(title or "")
    ax.figure.draw_without_rendering()  # the names are placed in the limits as they are now
    label_ends(ax, ends)
    return ax
