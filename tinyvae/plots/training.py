"""Figures of a model and its training."""

from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from tinyvae.errors import check_count, check_finite, check_shape
from tinyvae.plots.canvas import (
    BLUE,
    CENTRE,
    DASHES,
    GREY,
    HALO,
    ORANGE,
    PURPLE,
    as_array,
    axes_or_new,
    finished,
    legend_above,
    size_in_data,
    split,
    spread_apart,
    style,
)


@style()
def loss_curves(history, ax=None, *, tighter=0):
    """Training in nats per example, and the KL below on a scale of its own.

    `history` is a list of rows with the keys epoch, loss, reconstruction, kl, beta and, where it
    was computed, held_out (None elsewhere). The tinted gap above the reconstruction term is
    beta KL. `tighter`: the samples of an importance-weighted bound, 0 for the ELBO; it is no sum of
    the two terms, and the gap is not drawn. The panel of the KL takes the lower quarter of an `ax`
    passed in.
    Raises ValueError for no rows, a missing key or a value that is not finite.
    """
    epoch, reconstruction = _curve(history, "reconstruction")
    kl, beta = _curve(history, "kl")[1], _curve(history, "beta")[1]
    held_out = f"held-out −bound ({tighter})" if tighter else "held-out −ELBO"
    lines = (
        ("reconstruction", "0.4", 1.1, epoch, reconstruction),
        ("training loss", BLUE, 1.8, *_curve(history, "loss")),
        (held_out, ORANGE, 1.8, *_curve(history, "held_out", optional=True)),
    )
    marker = "o" if len(epoch) <= 12 else None  # so that a single epoch shows

    ax, below = split(axes_or_new(ax, 6.2, 4.2), (3, 1))
    top = reconstruction + beta * kl
    edge = 0 if len(epoch) > 1 else 5  # a single epoch has no area, so its edge is drawn
    decimals, ends = 1 if abs(reconstruction[-1]) >= 10 else 3, []
    if not tighter:
        ax.fill_between(epoch, reconstruction, top, color=PURPLE, alpha=0.13, linewidth=edge)
        name = "gap = KL" if (beta == 1).all() else "gap = β KL"
        ends.append(((reconstruction[-1] + top[-1]) / 2, name, PURPLE))
    for name, colour, width, x, y in lines:
        if len(x):
            ax.plot(x, y, color=colour, linewidth=width, marker=marker, label=name)
            ends.append((y[-1], f"{name} {y[-1]:.{decimals}f}", colour))
    ax.set_ylabel("nats per example")
    ax.tick_params(labelbottom=False)

    below.plot(epoch, kl, color=PURPLE, marker=marker, label="KL")
    below.set_ylim(min(0, 1.2 * kl.min()), max(0, 1.2 * kl.max()) or 1)
    below.set(xlabel="epoch", ylabel="nats")
    below.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epoch) == 1:
        below.set_xlim(epoch[0] - 0.9, epoch[0] + 0.9)
    finished(below, [(kl[-1], f"KL {kl[-1]:#.3g}", PURPLE)], None)
    return finished(ax, ends, None)


@style()
def image_grid(images, image_shape, ax=None, columns=None):
    """All of `images` (N, D) in one tiled picture; `columns` is about sqrt(N) if None.

    Image k stands in row k // columns, column k % columns. TypeError if `columns` is not an int.
    """
    images = _pictures("images", images, image_shape)
    columns = int(np.ceil(np.sqrt(len(images)))) if columns is None else columns
    columns = min(check_count("columns", columns), len(images))
    return _show(_tile(images, columns, _gap(image_shape)), ax, columns)


@style()
def samples(x, image_shape, ax=None, data=None):
    """Draws `x` (N, D) from the model: a grid of images, points if D == 2, else 24 curves.

    `data` (M, D) stands behind points and curves in grey; a grid of images does not show it.
    """
    x = as_array("x", x, "N", "D")
    data = None if data is None else as_array("data", data, "M", x.shape[1])
    if image_shape is not None:
        _pictures("x", x, image_shape)  # so that an error names x
        return image_grid(x, image_shape, ax)
    if x.shape[1] == 2:
        ax = _plane(ax)
        if data is not None:
            _dots(ax, data, c=GREY, label="data")
        _dots(ax, x, c=BLUE, label="samples")
    else:
        ax = _profile(ax)
        if data is not None:
            _lines(ax, data[:24], "data", color=GREY, linewidth=0.9)
        _lines(ax, x[:24], "samples", color=BLUE, linewidth=0.9, alpha=0.8)
    if data is not None:
        legend_above(ax)
    return ax


@style()
def reconstructions(x, x_hat, image_shape, ax=None):
    """Data `x` (N, D) against its reconstructions `x_hat` (N, D).

    Images: each above its reconstruction, ten pairs to a row. D == 2: every point joined to its
    reconstruction. Other vectors: the first five as curves, solid and dashed.
    """
    x = as_array("x", x, "N", "D")
    x_hat = as_array("x_hat", x_hat, *x.shape)
    if image_shape is not None:
        return _image_pairs(x, x_hat, image_shape, ax)
    if x.shape[1] == 2:
        ax = _plane(ax)
        lift = np.full_like(x, np.nan)  # the pen comes off the paper at a NaN
        threads = np.stack([x, x_hat, lift], axis=1).reshape(-1, 2)
        ax.plot(*threads.T, color="0.55", linewidth=0.7, zorder=0.9)
        _dots(ax, x, c=BLUE, label="data x")
        _dots(ax, x_hat, c=ORANGE, label="reconstruction")
    else:
        ax = _profile(ax)
        _lines(ax, x[:5], "data x")
        ax.set_prop_cycle(None)  # the same colours again
        _lines(ax, x_hat[:5], "reconstruction", linestyle=DASHES)
    legend_above(ax)
    return ax


@style()
def latent_scatter(mu, labels, ax=None, kl=None):
    """Posterior means `mu` (N, Z) by class, with the 1 and 2 sigma circles of the prior N(0, I).

    Z > 2: the two latents with the largest mean KL, `kl` (Z,) in nats, or without `kl` the two
    with the largest variance of mu. Z == 1: one strip a class. `labels` (N,) may be None; up to
    ten classes are named at their medians, more (which must be numbers) get a colour bar.
    """
    mu = as_array("mu", mu, "N", "Z")
    kl = None if kl is None else as_array("kl", kl, mu.shape[1])
    value, classes, paint = _by_class(labels, len(mu))
    score = mu.var(axis=0) if kl is None else kl
    shown = np.sort(np.argsort(-score, kind="stable")[:2])
    names = [f"latent {j}" + ("" if kl is None else f", KL {kl[j]:.1f} nats") for j in shown]
    if len(shown) == 1:
        return _strips(mu[:, 0], value, classes, paint, names[0], ax)

    ax = axes_or_new(ax, 5.2, 4.8)
    dots = _dots(ax, mu[:, shown], **paint)
    for sigma in (1, 2):
        ax.add_patch(plt.Circle((0, 0), sigma, fill=False, ec="0.45", lw=0.8, ls=DASHES))
        gap = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        ax.text(0, -sigma, f"{sigma}σ", size=8, color="0.35", bbox=gap, **CENTRE)
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.set_aspect("equal", adjustable="datalim")
    if classes is None:
        ax.figure.colorbar(dots, ax=ax, label="label").solids.set(alpha=1)
    elif len(classes):
        _name_classes(ax, mu[:, shown], value, classes)
    return ax


def normal_grid(n):
    """Phi^-1((i + 1/2) / n) for i = 0 .. n - 1, shape (n,): steps of equal prior probability."""
    n = check_count("n", n)
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def grid_points(z_grid):
    """The latents (n * n, 2) to decode for `manifold`, from `z_grid` (n,), increasing.

    Row i * n + j is (z_grid[j], z_grid[n - 1 - i]): row by row from the top, where latent 1 is
    largest, and from left to right in latent 0.
    """
    z_grid = _increasing(z_grid)
    return np.stack(np.meshgrid(z_grid, z_grid[::-1]), axis=-1).reshape(-1, 2)


@style()
def manifold(decoded, image_shape, z_grid, ax=None):
    """What the decoder makes of a grid of latents: latent 0 to the right, latent 1 upwards.

    `decoded` (n * n, D) are the decodings of grid_points(z_grid), in its order. Images are tiled
    n x n; for D == 2 the grid is drawn as a mesh in data space, bent by the decoder.
    """
    z_grid = _increasing(z_grid)
    n = len(z_grid)
    decoded = as_array("decoded", decoded, n * n, "D")
    if image_shape is not None:
        gap = _gap(image_shape)
        ax = _show(_tile(_pictures("decoded", decoded, image_shape), n, gap), ax, n, labels=0.5)
        # Five ticks or, where no tile is the middle one, four: a symmetric choice.
        ticks = np.unique(np.linspace(0, n - 1, 4 + n % 2).round().astype(int))
        names = [f"{z:.1f}".replace("-", "−") for z in z_grid[ticks]]
        height, width = image_shape
        ax.set_xticks(ticks * (width + gap) + (width - 1) / 2, names)
        ax.set_yticks((n - 1 - ticks) * (height + gap) + (height - 1) / 2, names)
        ax.set(xlabel="latent 0", ylabel="latent 1")
        ax.tick_params(length=3)
        return ax
    if decoded.shape[1] != 2:
        raise ValueError(f"image_shape is None, but decoded has {decoded.shape[1]} columns, not 2")
    mesh = decoded.reshape(n, n, 2)
    ax = _plane(ax)
    for name, colour, strands in (
        ("latent 0 varies", BLUE, mesh),
        ("latent 1 varies", ORANGE, mesh.swapaxes(0, 1)),
    ):
        _lines(ax, strands[..., 1], name, strands[..., 0], color=colour, linewidth=0.9)
    legend_above(ax)
    return ax


def _pictures(name, value, image_shape):
    """The rows of `value` (N, D) as pictures (N, H, W)."""
    array = as_array(name, value, "N", "D")
    check_shape("image_shape", image_shape, (2,))
    height, width = (check_count("image_shape", side) for side in image_shape)
    if height * width != array.shape[1]:
        raise ValueError(
            f"image_shape {(height, width)} means {height * width} pixels,"
            f" but {name} has {array.shape[1]} columns"
        )
    return array.reshape(-1, height, width)


def _increasing(z_grid):
    z_grid = as_array("z_grid", z_grid, "n")
    if (np.diff(z_grid) <= 0).any():
        raise ValueError("z_grid must increase: its order is the direction of the axes")
    return z_grid


def _curve(history, key, optional=False):
    """Epochs and values of one key, (E,) each, from the rows that have it."""
    if not len(history):
        raise ValueError("history is empty: train for one epoch at least")
    for i, row in enumerate(history):
        for needed in ("epoch",) if optional else ("epoch", key):
            if row.get(needed) is None:
                raise ValueError(f"history[{i}] has no {needed!r}")
    have = [row for row in history if row.get(key) is not None]
    if not have:
        return np.empty((2, 0))
    return [as_array(f"{k} in history", [row[k] for row in have], "E") for k in ("epoch", key)]


def _by_class(labels, count):
    """Each point's place on a label axis (N,), the classes (None if more than ten), its paint."""
    if labels is None:
        return np.zeros(count), [], {"c": BLUE}
    labels = np.asarray(labels)
    check_shape("labels", labels, (count,))
    if labels.dtype.kind == "f":
        check_finite("labels", labels)
    classes, code = np.unique(labels, return_inverse=True)
    if len(classes) <= 10:
        ten = np.array(plt.rcParams["axes.prop_cycle"].by_key()["color"])
        return code, classes, {"c": ten[code]}
    if labels.dtype.kind not in "iuf":
        raise ValueError(f"labels has {len(classes)} classes: more than ten must be numbers")
    return labels, None, {"c": labels, "cmap": "viridis"}


def _plane(ax):
    """Axes for data of two dimensions."""
    ax = axes_or_new(ax, 4.6, 4.4)
    ax.set(xlabel="$x_0$", ylabel="$x_1$", aspect="equal")
    return ax


def _profile(ax):
    """Axes for vectors drawn as curves."""
    ax = axes_or_new(ax, 5.2, 3.2)
    ax.set(xlabel="dimension", ylabel="value")
    return ax


def _dots(ax, points, **paint):
    size = np.clip(8000 / len(points), 4, 18)  # square points: smaller where there are many
    return ax.scatter(*points.T, s=size, alpha=0.8, linewidths=0, **paint)


def _lines(ax, rows, label, x=None, **look):
    """One curve a row, the first of them named for the legend."""
    x = np.arange(rows.shape[1]) if x is None else x.T
    ax.plot(x, rows.T, **look)[0].set_label(label)


def _gap(image_shape):
    return max(1, round(max(image_shape) / 14))


def _tile(images, columns, gap, row_gap=None):
    """`images` (N, H, W) row by row in one picture; gaps and empty tiles are NaN, drawn white."""
    count, height, width = images.shape
    down, right = height + (gap if row_gap is None else row_gap), width + gap
    picture = np.full((-(-count // columns) * down, columns * right), np.nan)
    for k, image in enumerate(images):
        top, left = k // columns * down, k % columns * right
        picture[top : top + height, left : left + width] = image
    return picture[: len(picture) - down + height, : columns * right - gap]


def _show(picture, ax, columns, labels=0.0):
    """The picture, pixel (r, c) at data point (c, r); `labels` is room for tick labels, inches."""
    height, width = picture.shape
    inches = min(6.2 - labels, max(1.5, 0.6 * columns))
    ax = axes_or_new(ax, inches + labels, inches * height / width + labels / 2)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _image_pairs(x, x_hat, image_shape, ax):
    x, x_hat = _pictures("x", x, image_shape), _pictures("x_hat", x_hat, image_shape)
    (count, height, width), gap = x.shape, _gap(image_shape)
    # A pair is one tall picture, so that its seam can be thinner than the gap between rows.
    seam = np.full((count, gap, width), np.nan)
    columns = min(10, count)
    picture = _tile(np.concatenate([x, seam, x_hat], axis=1), columns, gap, 4 * gap)
    ax = _show(picture, ax, columns, labels=1.0)
    upper = np.arange(0, len(picture), 2 * height + 5 * gap) + (height - 1) / 2
    centres = np.stack([upper, upper + height + gap], axis=1).ravel()
    ax.set_yticks(centres, ["data x", "reconstruction"] * len(upper))
    return ax


def _strips(mu, value, classes, paint, name, ax):
    """One latent, `mu` (N,): a strip for each class, or up the page by the label itself."""
    bare = classes is not None and len(classes) == 0
    ax = axes_or_new(ax, 5.2, 1.6 if bare else 3.6)
    # Multiples of the golden ratio fill a strip evenly, without random numbers.
    jitter = 0 if classes is None else 0.7 * (np.arange(len(mu)) * 0.6180339887 % 1 - 0.5)
    _dots(ax, np.stack([mu, value + jitter], axis=1), **paint)
    for sigma in (-2, -1, 1, 2):
        ax.axvline(sigma, color="0.45", linewidth=0.8, linestyle=DASHES)
        place = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        frame = ax.get_xaxis_transform()  # x in data, y in parts of the axes
        ax.annotate(f"{abs(sigma)}σ", (sigma, 1), xycoords=frame, size=8, color="0.35", **place)
    ax.set(xlabel=name, ylabel="" if bare else "label")
    if classes is not None:
        ax.set_yticks(range(len(classes)), classes)
    return ax


def _name_classes(ax, points, code, classes):
    """Each class's name at the median of its points (N, 2)."""
    medians = np.array([np.median(points[code == k], axis=0) for k in range(len(classes))])
    longest = max(len(str(name)) for name in classes)
    places = spread_apart(medians, *size_in_data(ax, np.array([8 * longest + 3, 13])))
    for median, place, name in zip(medians, places, classes, strict=True):
        ax.plot(*np.stack([median, place], axis=1), color="0.35", linewidth=0.8, zorder=2.5)
        ax.text(*place, name, size=11, weight="bold", path_effects=HALO, **CENTRE)
