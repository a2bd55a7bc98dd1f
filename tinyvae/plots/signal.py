"""Figures of the importance-weighted bound: how close it comes, and what its gradient is worth."""

from tinyvae.plots.canvas import (
    BLUE,
    DASHES,
    GREEN,
    ORANGE,
    as_array,
    axes_or_new,
    finished,
    increasing,
    style,
)

NODES = {"out": ("decoder", GREEN), "mu": ("mu", BLUE), "logvar": ("logvar", ORANGE)}


@style()
def bound_gap(samples, gap, error, limit=None, title=None, ax=None):
    """log p(x) - L_k, in nats, against the number of samples k, both axes logarithmic.

    samples (n,), increasing; gap, error (n,): measured, with its standard error; limit (n,) or
    None: what it tends to for large k, drawn as a line.
    """
    samples = increasing("samples", samples)
    gap, error = (as_array(*pair, len(samples)) for pair in (("gap", gap), ("error", error)))
    ax = axes_or_new(ax, 5.6, 3.8)
    ax.set(xscale="log", yscale="log", xlabel="samples k", ylabel="log p(x) − bound, nats")
    if limit is not None:
        limit = as_array("limit", limit, len(samples))
        ax.plot(samples, limit, color="0.35", linewidth=1.0, linestyle=DASHES)
        at = len(samples) // 2
        ax.text(
            samples[at], 0.8 * limit[at], "Var(w / p(x)) / 2k ", color="0.35", ha="right", va="top"
        )
    seen = gap > error  # on a logarithmic axis there is no zero, nor what is below it
    ax.errorbar(samples[seen], gap[seen], error[seen], color=BLUE, marker="o", capsize=2)
    _powers_of_two(ax, samples)
    return finished(ax, [], title)


@style()
def signal_to_noise(samples, ratios, slopes, title=None, ax=None):
    """|E g| / sd(g) against the number of samples, both axes logarithmic.

    samples (n,), increasing; ratios {(objective, node): (n,)}, nodes 'mu', 'logvar' and 'out';
    slopes {(objective, node): number}, where known, which lines are named with. `iwae` is drawn
    with dashes.
    """
    samples, ends = increasing("samples", samples), []
    ax = axes_or_new(ax, 6.6, 4.2)
    ax.set(xscale="log", yscale="log", xlabel="samples S", ylabel="signal to noise, one estimate")
    for (objective, node), values in ratios.items():
        values = as_array(f"ratios[{objective, node}]", values, len(samples))
        name, colour = NODES[node]
        ax.plot(samples, values, color=colour, linestyle=DASHES if objective == "iwae" else "-")
        text = f"{name}, {objective}"
        if (objective, node) in slopes:
            text += f": slope {slopes[objective, node]:+.2f}".replace("-", "−")
        ends.append((values[-1], text, colour))
    _powers_of_two(ax, samples)
    return finished(ax, ends, title)


def _powers_of_two(ax, samples):
    ax.set_xticks(samples, [f"{k:g}" for k in samples])
    ax.minorticks_off()
