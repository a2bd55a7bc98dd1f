"""Figures of implied-volatility surfaces: smiles, errors, a walk, a fit to a few quotes.

A surface is an array (M, K) of volatilities, 0.2 for 20 %, at maturities `days` (M,) and
log-moneyness `k` (K,); NaN where nothing is known, but not everywhere. A smile is one row of it.
"""

import io
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from tinyvae.errors import check_count, check_shape
from tinyvae.plots.canvas import BLUE, DASHES, ORANGE, as_array, axes_or_new, increasing, style
from tinyvae.storage import replacing

COLOURS = "viridis"  # of maturities, early ones dark
STEPS = (-0.4, -0.2, -0.05, 0.0, 0.05, 0.2, 0.6)  # labels of an axis of cube roots
MONEYNESS = "log-moneyness k = log(strike / forward)"


@style()
def smiles(k, days, surface, other=None, title=None, ax=None, names=("data", "reconstruction")):
    """Some smiles of a `surface` (M, K), a line each, and of an `other` one dashed over them.

    A maturity is named at the right end of its smile.
    """
    k, days, surface = _surface("surface", k, days, surface)
    ax = axes_or_new(ax, 5.6, 3.8)
    for colour, d, row in _coloured(days, surface):
        line = {} if other is None else {"linewidth": 3.2, "alpha": 0.45}
        ax.plot(k, row, color=colour, label=f"{d:g} days", **line)
    if other is not None:
        other = _surface("other", k, days, other)[2]
        for _, _, row in _coloured(days, other):
            ax.plot(k, row, color="0.1", linewidth=1.0, linestyle=DASHES)
        ax.plot([], [], color="0.5", linewidth=3.2, alpha=0.45, label=names[0])
        ax.plot([], [], color="0.1", linewidth=1.0, linestyle=DASHES, label=names[1])
    _dressed(ax, title)
    ax.legend(loc="upper right", handlelength=1.6, labelspacing=0.25)
    return ax


@style()
def small_smiles(k, days, surfaces, others=None, titles=None, title=None):
    """Several surfaces (S, M, K) beside each other on the same axes, each as by `smiles`: a Figure.

    others (S, M, K): dashed over them. titles: S texts, one a surface; title: of all.
    """
    surfaces = np.asarray(surfaces, float)
    check_shape("surfaces", surfaces, ("S", len(days), len(k)))
    count, columns = len(surfaces), min(4, len(surfaces))
    titles = [None] * count if titles is None else titles
    check_shape("titles", titles, (count,))
    rows = -(-count // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(2.1 * columns + 0.6, 1.9 * rows + 0.7), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for n, ax in enumerate(grid.flat):
        if n >= count:
            ax.set_axis_off()
            continue
        smiles(k, days, surfaces[n], None if others is None else others[n], titles[n], ax)
        entries = ax.get_legend_handles_labels()
        ax.get_legend().remove()
        ax.set(xlabel="", ylabel="")
    return _framed(figure, entries, title)


@style()
def latent_smiles(k, days, surfaces, values, kl, title=None):
    """A column a latent, in order of its KL: its smiles while it alone takes `values`: a Figure.

    surfaces (Z, T, M, K); values (T,), in standard deviations of the latent; kl (Z,), in nats. An
    early maturity above, the last below; a colour a value.
    """
    values = as_array("values", values, "T")
    surfaces = np.asarray(surfaces, float)
    check_shape("surfaces", surfaces, ("Z", len(values), len(days), len(k)))
    kl = as_array("kl", kl, len(surfaces))
    order, early = np.argsort(-kl, kind="stable"), min(3, len(days) - 1)
    figure, axes = plt.subplots(
        2, len(kl), figsize=(2.1 * len(kl) + 0.7, 4.4), sharex=True, sharey=True, squeeze=False
    )
    colours = plt.get_cmap("coolwarm")(np.linspace(0.0, 1.0, len(values)))
    for (row, m), (column, j) in product(enumerate((early, -1)), enumerate(order)):
        ax = axes[row, column]
        for value, colour, surface in zip(values, colours, surfaces[j], strict=True):
            ax.plot(k, surface[m], color=colour, label=f"{value:g} σ".replace("-", "−"))
        _dressed(ax, f"latent {j}, KL {kl[j]:.1f} nats" if row == 0 else None)
        ax.set(xlabel="", ylabel=f"{days[m]:g} days" if column == 0 else "")
    return _framed(figure, ax.get_legend_handles_labels(), title)


@style()
def error_map(k, days, error, title=None, ax=None, label="volatility points"):
    """A number (M, K) for each point of the grid as a colour, up to the largest; k as its cube
    root, so that the points that are close together at k = 0 can be seen."""
    k, days, error = _surface("error", k, days, error)
    ax = axes_or_new(ax, 6.2, 3.6)
    x = np.cbrt(k)
    look = {"cmap": "magma_r", "vmin": 0.0, "rasterized": True}
    picture = ax.pcolormesh(x, np.arange(len(days)), error, **look)
    shown = [step for step in STEPS if k[0] - 1e-9 <= step <= k[-1] + 1e-9]
    ax.set_xticks(np.cbrt(shown), [f"{each:g}".replace("-", "−") for each in shown])
    every = max(1, len(days) // 8)
    ax.set_yticks(range(0, len(days), every), [f"{d:g}" for d in days[::every]])
    ax.set(xlabel=f"{MONEYNESS}, on a scale of cube roots", ylabel="days to maturity")
    ax.set_title(title or "")
    ax.figure.colorbar(picture, ax=ax, label=label, pad=0.02)
    return ax


@style()
def quote_fit(k, days, truth, fit, quotes, error, title=None):
    """A panel for each maturity that has quotes: the `truth` (M, K), the `quotes` (M, K), NaN
    where there is none, with their standard error in volatility, and the `fit` to them: a Figure.
    """
    k, days, truth = _surface("truth", k, days, truth)
    fit, quotes = (_surface("fit", k, days, fit)[2], _surface("quotes", k, days, quotes)[2])
    used = np.flatnonzero(np.isfinite(quotes).any(axis=1))
    figure, axes = plt.subplots(
        1, len(used), figsize=(2.3 * len(used) + 0.5, 3.0), sharex=True, sharey=True, squeeze=False
    )
    for m, ax in zip(used, axes[0], strict=True):
        ax.plot(k, truth[m], color="0.75", linewidth=4.0, label="truth, not seen")
        ax.plot(k, fit[m], color=BLUE, linewidth=1.4, label="fit through the decoder")
        bars = {"fmt": "o", "markersize": 3.5, "elinewidth": 1.0, "color": ORANGE, "zorder": 3}
        at = np.isfinite(quotes[m])
        ax.errorbar(k[at], quotes[m, at], error, label="quotes, with their error", **bars)
        _dressed(ax, f"{days[m]:g} days")
        ax.set(xlabel="", ylabel="")
    return _framed(figure, ax.get_legend_handles_labels(), title)


@style()
def walk_frame(k, days, surface, z, limits, figure=None):
    """One moment of a walk: the smiles of the `surface` (M, K), and beside them its latents z (Z,),
    in prior sigma: a Figure. limits: the range of the volatilities of the whole walk."""
    k, days, surface = _surface("surface", k, days, surface)
    z = as_array("z", z, "Z")
    figure = plt.figure(figsize=(5.4, 3.3), dpi=100) if figure is None else figure
    left, right = figure.subplots(1, 2, width_ratios=(3.4, 1))
    for colour, d, row in _coloured(days, surface):
        left.plot(k, row, color=colour, label=f"{d:g} days")
    _dressed(left, None)
    left.set_ylim(limits)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper left", ncols=5, handlelength=1.2,
        title="a walk through the latents", title_fontsize=10, alignment="left", columnspacing=1.0,
    )  # fmt: skip
    right.barh(range(len(z)), z, color=BLUE, height=0.55)
    right.axvline(0.0, color="0.35", linewidth=0.8)
    right.set(xlim=(-3, 3), xticks=(-2, 0, 2), xlabel="prior σ", title="z")
    right.set_yticks(range(len(z)), [f"latent {j}" for j in range(len(z))])
    right.invert_yaxis()
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    return figure


def save_walk(path, k, days, surfaces, z, *, seconds=0.12):
    """The walk surfaces (S, M, K), z (S, Z) as an animation (GIF), whole or not at all; its bytes.

    Frames are rounded to the same 32 colours, and each stores what differs from the one before.
    ValueError for a walk of one frame or wrong shapes.
    """
    from PIL import Image

    surfaces = np.asarray(surfaces, float)
    check_shape("surfaces", surfaces, ("S", len(days), len(k)))
    check_shape("z", z, (len(surfaces), "Z"))
    check_count("len(surfaces)", len(surfaces), at_least=2)
    low, high = np.nanmin(surfaces), np.nanmax(surfaces)
    limits = low - 0.05 * (high - low), high + 0.05 * (high - low)
    frames = list(_frames(k, days, surfaces, z, limits))
    palette = frames[0].quantize(32)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    buffer = io.BytesIO()
    frames[0].save(
        buffer, "GIF", save_all=True, append_images=frames[1:], duration=round(1000 * seconds),
        loop=0, optimize=True,
    )  # fmt: skip
    with replacing(path) as file:
        file.write(buffer.getvalue())
    return buffer.tell()


def _frames(k, days, surfaces, z, limits):
    """The pictures of a walk. The first is laid out, and in the others only what moves is new."""
    from PIL import Image

    figure = walk_frame(k, days, surfaces[0], z[0], limits)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    left, right = figure.axes
    for surface, each in zip(surfaces, z, strict=True):
        rows = [row for _, _, row in _coloured(days, surface)]
        for line, row in zip(left.lines, rows, strict=True):
            line.set_ydata(row)
        for bar, width in zip(right.patches, each, strict=True):
            bar.set_width(width)
        figure.canvas.draw()
        yield Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy())
    plt.close(figure)


def _surface(name, k, days, surface):
    """k, days and the surface as arrays, of the shapes that fit, with something to draw."""
    k, days = increasing("k", k), as_array("days", days, "M")
    surface = np.asarray(surface, float)
    check_shape(name, surface, (len(days), len(k)))
    if np.isinf(surface).any() or np.isnan(surface).all():
        raise ValueError(f"{name} must hold numbers, or NaN where there are none")
    return k, days, surface


def _coloured(days, surface, most=5):
    """(colour, days, row) of at most so many smiles, from the first maturity to the last."""
    rows = np.unique(np.linspace(0, len(days) - 1, min(most, len(days))).round().astype(int))
    colours = plt.get_cmap(COLOURS)(np.linspace(0.0, 0.85, len(rows)))
    return [(colour, days[m], surface[m]) for colour, m in zip(colours, rows, strict=True)]


def _framed(figure, entries, title):
    """The figure with one legend, one title above it, and one name for each axis of its panels."""
    figure.legend(
        *entries, loc="outside upper left", ncols=len(entries[1]), columnspacing=1.2,
        title=title, title_fontsize=10, alignment="left",
    )  # fmt: skip
    figure.supxlabel(MONEYNESS, size=9)
    figure.supylabel("implied volatility", size=9)
    return figure


def _dressed(ax, title):
    ax.yaxis.set_major_locator(MaxNLocator(7, steps=(1, 2, 5, 10)))
    ax.yaxis.set_major_formatter(lambda volatility, _: f"{100 * volatility:g}%")
    ax.set(xlabel=MONEYNESS, ylabel="implied volatility", title=title or "")
