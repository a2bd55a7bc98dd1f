"""What every figure is drawn on: the style, checked arrays, legends and labels; `save`."""

from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from tinyvae.errors import check_finite, check_shape, unknown
from tinyvae.storage import replacing

BLUE, ORANGE, PURPLE, GREY = "#0072B2", "#D55E00", "#882255", "0.75"
GREEN, YELLOW = "#009E73", "#E69F00"
DASHES = (0, (3, 2))
CENTRE = {"ha": "center", "va": "center"}
HALO = [withStroke(linewidth=2.5, foreground="white")]
STYLE = Path(__file__).with_name("tinyvae.mplstyle")
# What each format would otherwise write about the day and the version of Matplotlib.
UNDATED = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


@contextmanager
def style():
    """The package's style, for one `with` block or as a decorator; rcParams come back after it.

    But not whether figures are shown at once: in a notebook the first figure turns that on.
    """
    with plt.style.context(STYLE, after_reset=True):
        yield
        interactive = plt.isinteractive()
    plt.rcParams["interactive"] = interactive


@style()
def save(ax, path):
    """Write the figure of `ax` (an Axes or a Figure) to `path`, whole or not at all; close it.

    The suffix of `path` is the format. The same figure gives the same bytes: no dates are written.
    Raises ValueError for an unknown format, and OSError, with an older file left as it was, where
    the folder cannot be written.
    """
    figure, path = ax.figure.figure, Path(path)  # an Axes may sit in a subfigure: two steps
    kind, kinds = path.suffix[1:].lower(), figure.canvas.get_supported_filetypes()
    if kind not in kinds:
        raise unknown("figure format", kind, kinds)
    try:
        with replacing(path) as file:
            figure.savefig(file, format=kind, metadata=UNDATED.get(kind))
    finally:
        plt.close(figure)


def as_array(name, value, *shape):
    """`value` as a finite float array of that shape, not empty; ValueError that names it if not."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    check_shape(name, array, shape)
    if array.size == 0:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    check_finite(name, array)
    return array


def axes_or_new(ax, width, height):
    """`ax`, or the Axes of a new figure of so many inches."""
    return plt.subplots(figsize=(width, height))[1] if ax is None else ax


@style()
def side_by_side(count, width=4.5, height=3.7):
    """A new figure and its `count` Axes in a row, of so many inches each."""
    return plt.subplots(1, count, figsize=(count * width, height))


def split(ax, heights):
    """`ax` shrunk to the upper part of its place, and a new Axes in the lower."""
    slot, box = ax.get_subplotspec(), ax.get_position()
    if slot:
        upper, lower = slot.subgridspec(2, 1, height_ratios=heights)
        ax.set_subplotspec(upper)
    else:  # placed by hand, outside any grid
        edges = {"left": box.x0, "right": box.x1, "bottom": box.y0, "top": box.y1}
        upper, lower = ax.figure.add_gridspec(2, 1, height_ratios=heights, **edges)
        ax.set_position(upper.get_position(ax.figure))
    return ax, ax.figure.add_subplot(lower, sharex=ax)


def legend_above(ax):
    """Above the frame, where it hides nothing."""
    legend = ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    for handle in legend.legend_handles:
        handle.set_alpha(1)


def size_in_data(ax, points):
    """A length in points (1/72 inch) along x and y, in the data units of `ax` as it stands."""
    box = ax.get_window_extent()
    inches = np.array([box.width, box.height]) / ax.figure.dpi
    return points / 72 / inches * np.ptp([ax.get_xlim(), ax.get_ylim()], axis=1)


def spread_apart(points, width, height):
    """`points` (K, 2), moved up just so far that boxes of that size around them do not overlap."""
    placed = []
    for i in np.argsort(points[:, 1], kind="stable"):
        x, y = points[i]
        for _, other_x, other_y in sorted(placed, key=lambda p: p[2]):
            if abs(other_x - x) < width and abs(other_y - y) < height:
                y = other_y + height
        placed.append((i, x, y))
    return np.array([(x, y) for _, x, y in sorted(placed)])


def label_ends(ax, ends):
    """Name lines at their right ends: `ends` are (y, text, colour), kept from overlapping."""
    frame = ax.get_yaxis_transform()  # x in parts of the axes, y in data
    height = 72 / ax.figure.dpi * frame.transform([(1, y) for y, _, _ in ends])[:, 1]  # points
    places = spread_apart(np.stack([np.ones(len(ends)), height], axis=1), 1, 11)
    for (y, text, colour), was, (_, now) in zip(ends, height, places, strict=True):
        ax.annotate(text, (1, y), (4, now - was), frame, "offset points", color=colour, va="center")


def finished(ax, ends, title):
    """`ax` with its title, and its lines named at their ends."""
    ax.set_title(title or "")
    ax.figure.draw_without_rendering()  # the names are placed in the limits as they are now
    if ends:
        label_ends(ax, ends)
    return ax


def increasing(name, values):
    """`values` as an array (n,); ValueError unless there are two or more, and they increase."""
    values = as_array(name, values, "n")
    if len(values) < 2 or (np.diff(values) <= 0).any():
        raise ValueError(f"{name} must be two numbers or more, and increase")
    return values
