"""The figures of the benchmarks."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from benchmarks.output import number
from benchmarks.ratios import ratio
from tinyvae.plots import BLUE, GREY, ORANGE, PURPLE, save, style

COLOURS = {"tinyvae": ORANGE, "PyTorch": BLUE, "JAX": PURPLE, "matrix products": "0.2"}


def colour(name):
    """That of the family of peers."""
    return next((c for start, c in COLOURS.items() if name.startswith(start)), GREY)


@style()
def bars(results, path):
    """A panel for each Result: times over the first peer's, with their intervals; the path."""
    columns = min(4, len(results))
    lines = -(-len(results) // columns)
    most = max(len(result.times) for result in results)
    size = (1.5 + 3.4 * columns, lines * (1.0 + 0.24 * most))
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False)
    for ax in axes.flat[len(results) :]:
        ax.set_visible(False)
    for ax, result in zip(axes.flat, results, strict=False):
        base = next(iter(result.times))
        for place, (name, times) in enumerate(result.times.items()):
            found = ratio(result.times[base].seconds, times.seconds)
            ax.barh(place, found.value, color=colour(name))
            ax.plot([found.low, found.high], [place, place], color="0.3", lw=1.5)
            ax.annotate(f" {number(1e3 * times.median)} ms", (found.high, place), va="center")
        ax.axvline(1, color="0.3", lw=0.8)
        ax.margins(x=0.3)
        ax.set(title=result.title.replace("; ", "\n"), xlabel=f"time over that of {base}")
        shown = ax in axes[:, 0] or list(result.times) != list(results[0].times)
        ax.set_yticks(range(len(result.times)), result.times if shown else [""] * len(result.times))
        ax.invert_yaxis()
    save(figure, path)
    return path


@style()
def lines(curves, path):
    """{axis: {size: Result}}: milliseconds a step against each size, both logarithmic; the path."""
    figure, axes = plt.subplots(1, len(curves), figsize=(3.4 * len(curves), 3.6), sharey=True)
    for ax, (axis, points) in zip(axes, curves.items(), strict=True):
        for name in next(iter(points.values())).times:
            times = [1e3 * result.times[name].median for result in points.values()]
            dashed = "--" if "," in name or name == "matrix products" else "-"
            ax.plot(list(points), times, dashed, color=colour(name), marker=".", label=name)
        ax.set(xscale="log", yscale="log", xlabel=axis)
        ax.set_xticks(list(points), list(points))
        ax.minorticks_off()
    axes[0].set_ylabel("ms a step")
    axes[-1].legend()
    save(figure, path)
    return path
