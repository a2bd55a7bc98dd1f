"""Mistakes: what each claims, what is true, and who catches it."""

import numpy as np

from tinyvae.errors import unknown
from tinyvae.plots.canvas import BLUE, GREEN, ORANGE, PURPLE, as_array, axes_or_new, style

COLOURS = {"gradient": BLUE, "objective": ORANGE, "both": GREEN, "neither": PURPLE}
LABELS = {
    "gradient": "caught by the gradient check",
    "objective": "caught by the objective check",
    "both": "caught by both",
    "neither": "caught by neither",
}
FINE = 0.1  # nats around the optimum that are drawn to scale; farther out, logarithms


@style()
def claims_and_truths(names, claims, truths, caught, title=None, ax=None):
    """A line for each mistake, from what it truly reached (a ring) to what it claims (a dot).

    names: n words. claims, truths (n,): the bound that it states, and the right one, less the
    highest there is, nats. caught: n names out of 'gradient', 'objective', 'both', 'neither'. The
    axis is linear up to a tenth of a nat, logarithmic beyond; no right number is beyond 0.
    """
    if not len(names):
        raise ValueError("names is empty")
    claims = as_array("claims", claims, len(names))
    truths = as_array("truths", truths, len(names))
    for who in caught:
        if who not in COLOURS:
            raise unknown("verdict", who, COLOURS)
    ax = axes_or_new(ax, 7.2, 0.9 + 0.21 * len(names))
    at = np.arange(len(names))
    low = min(-1.0, float(min(claims.min(), truths.min())))
    high = max(1.0, float(max(claims.max(), truths.max())))
    ax.set_xscale("symlog", linthresh=FINE)
    ax.set(xlim=(2.0 * low, 2.0 * high), ylim=(len(names) - 0.4, -0.6), title=title or "")
    ax.axvspan(0.0, 2.0 * high, color="0.93", zorder=0, linewidth=0)
    ax.axvline(0.0, color="0.4", linewidth=1.0)
    for who, colour in COLOURS.items():
        mine = np.array([each == who for each in caught])
        if mine.any():
            ax.hlines(at[mine], truths[mine], claims[mine], color=colour, linewidth=1.4)
            ax.scatter(claims[mine], at[mine], s=16, color=colour, zorder=3, label=LABELS[who])
            rings = {"s": 70, "facecolors": "none", "edgecolors": colour, "linewidths": 1.3}
            ax.scatter(truths[mine], at[mine], zorder=3, **rings)
    ax.set_yticks(at, names)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel(
        "nats from the optimum: dot, the bound it claims; ring, the right bound\n"
        "grey: where no right bound can be"
    )
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    return ax
