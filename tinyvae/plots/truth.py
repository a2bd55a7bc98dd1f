"""How far trainings are from an optimum that is known."""

import numpy as np

from tinyvae.plots.canvas import (
    BLUE,
    DASHES,
    GREEN,
    ORANGE,
    PURPLE,
    as_array,
    axes_or_new,
    label_ends,
    style,
)

LOOKS = (  # the first that a curve's name begins with gives its colour
    ("exact", "0.15"),
    ("path, encoder", PURPLE),
    ("path", ORANGE),
    ("sampled, a/t", GREEN),
    ("sampled, h/", "#56B4E9"),
    ("sampled", BLUE),
)
LOWEST = 1e-8  # nats: a training below it has arrived
NAMED = 1e-6  # where a curve is named that goes below it


@style()
def gap_curves(curves, floors=(), falls=(), title=None, ax=None):
    """The gap to the optimum against the steps of several trainings, both axes logarithmic.

    curves {name: (steps (n,), gaps (n,))}, nats; steps of 1 and more. Dashed: floors, the gaps at
    which trainings are predicted to settle; falls, the numbers c of a predicted c / step. A curve
    that ends below 1e-8 leaves the frame, and is named on the way; a gap that rounding has made
    negative counts as such.
    """
    if not curves:
        raise ValueError("curves is empty")
    lines = {name: _line(name, *curve) for name, curve in curves.items()}
    floors = as_array("floors", floors, "n") if len(floors) else ()
    falls = as_array("falls", falls, "n") if len(falls) else ()
    ax = axes_or_new(ax, 5.6, 4.0)
    ends, leaving, last = [], [], max(steps[-1] for steps, _ in lines.values())
    for name, (steps, gaps) in lines.items():
        ax.plot(steps, gaps, color=colour_of(name), label=name)
        if gaps[-1] > LOWEST:
            ends.append((gaps[-1], name, colour_of(name)))
        else:
            leaving.append((steps[gaps > NAMED].max(initial=1.0), name))
    dashed = {"linestyle": DASHES, "linewidth": 1.1, "color": "0.15", "zorder": 3}
    for floor in floors:
        ax.plot([last ** (1 / 2), last], [floor, floor], **dashed)
    for c in falls:
        steps = np.array([last ** (2 / 3), last])
        ax.plot(steps, c / steps, **dashed)
    ax.set(xscale="log", yscale="log", xlabel="step", ylabel="gap to the optimum, nats")
    ax.set(xlim=(1.0, last), title=title or "")
    ax.set_ylim(LOWEST, max(10.0 * LOWEST, ax.get_ylim()[1]))
    if len(floors) or len(falls):
        note = "dashed: predicted from the noise\nat the optimum; a/t: slope −1"
        ax.text(0.98, 0.98, note, color="0.35", ha="right", va="top", transform=ax.transAxes)
    for k, (step, name) in enumerate(sorted(leaving)):
        left = k == 0 and len(leaving) > 1  # the first on its left side, others on their right
        place = {"xytext": (-8 if left else 10, -12 * max(k - 1, 0)), "va": "center"}
        place |= {"textcoords": "offset points", "ha": "right" if left else "left"}
        ax.annotate(name, (step, NAMED), color=colour_of(name), **place)
    ax.figure.draw_without_rendering()  # the names are placed in the limits as they are now
    if ends:
        label_ends(ax, ends)
    return ax


def colour_of(name):
    """The colour of a training, the same in every panel."""
    return next((colour for start, colour in LOOKS if name.startswith(start)), "0.5")


def _line(name, steps, gaps):
    """(steps, gaps) that a logarithmic axis can take; ValueError for those it cannot."""
    steps = as_array(f"steps of {name!r}", steps, "n")
    if (np.diff(steps) <= 0.0).any() or steps[0] < 1.0:
        raise ValueError(f"steps of {name!r} must be 1 or more, and increase")
    return steps, np.maximum(as_array(f"gaps of {name!r}", gaps, len(steps)), 1e-8 * LOWEST)
