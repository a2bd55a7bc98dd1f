"""Figures of gradient estimators: what they cost in variance, and what they cannot see."""

import numpy as np

from tinyvae.plots.canvas import (
    BLUE,
    DASHES,
    GREEN,
    ORANGE,
    PURPLE,
    YELLOW,
    as_array,
    axes_or_new,
    finished,
    increasing,
    legend_above,
    split,
    style,
)

FAMILIES = (  # the first that the name of an estimator begins with gives its colour
    ("score function,", YELLOW),
    ("score function", ORANGE),
    ("pathwise", BLUE),
    ("measure-valued", GREEN),
    ("finite differences", PURPLE),
)


def colour_of(name):
    """The colour of an estimator, the same in every figure."""
    return next((colour for family, colour in FAMILIES if name.startswith(family)), "0.4")


@style()
def variance_by_dimension(dimensions, exact, measured, title=None, ax=None):
    """The variance of each estimator against the dimension D, both axes logarithmic.

    dimensions (n,), increasing. exact: {name: variances (n,)}, drawn as lines, each named at its
    end with its slope there; measured: {name: (n,)}, drawn as dots. A name may be in one alone. A
    variance of 0 has no place on the axis, and is left out.
    """
    dimensions = increasing("dimensions", dimensions)
    ax = axes_or_new(ax, 6.6, 4.2)
    ax.set(xscale="log", yscale="log", xlabel="dimension D", ylabel="variance of one estimate")
    ends = []
    for name, values in exact.items():
        values = as_array(f"exact[{name!r}]", values, len(dimensions))
        ax.plot(dimensions, _positive(values), color=colour_of(name), label=name)
        if not (values[-2:] > 0.0).all():
            continue
        slope = np.log(values[-1] / values[-2]) / np.log(dimensions[-1] / dimensions[-2])
        ends.append((values[-1], f"{name}: slope {slope:.1f}", colour_of(name)))
    for name, values in measured.items():
        values = as_array(f"measured[{name!r}]", values, len(dimensions))
        dots = {"color": colour_of(name), "marker": "o", "linestyle": "none", "zorder": 3}
        ax.plot(dimensions, _positive(values), label=f"{name}, measured", **dots)
        if name not in exact and values[-1] > 0.0:
            ends.append((values[-1], name, colour_of(name)))
    low, high = ax.get_ylim()
    if high < 10.0 * low:  # a decade at least: a line that is level shall look level
        ax.set_ylim((low * high) ** 0.5 / 10.0**0.5, (low * high) ** 0.5 * 10.0**0.5)
    return finished(ax, ends, title)


@style()
def variance_ratio(x, exact, dots, measured, crossings, title=None, ax=None):
    """Var(score function) / Var(pathwise) against x = k sigma, for cos(k z).

    x (n,), increasing; exact {"loc": (n,), "scale": (n,)}, drawn as lines; measured {"loc": (m,),
    ...} at the places `dots` (m,). crossings: {"loc": x where its line is at 1, ...}. Below the
    line at 1 the score function is the better of the two.
    """
    x, dots = increasing("x", x), increasing("dots", dots)
    ax = axes_or_new(ax, 6.2, 4.2)
    ax.set(xscale="log", yscale="log", xlabel="kσ: how far cos(kz) turns within one σ of z")
    ax.set_ylabel("Var(score function) / Var(pathwise)")
    ticks = 2.0 ** np.arange(np.ceil(np.log2(x[0])), np.floor(np.log2(x[-1])) + 1)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.axhline(1.0, color="0.35", linewidth=0.8)
    ends = []
    for name, colour in (("loc", BLUE), ("scale", ORANGE)):
        line = as_array(f"exact[{name!r}]", exact[name], len(x))
        ax.plot(x, line, color=colour)
        look = {"color": colour, "marker": "o", "linestyle": "none", "zorder": 3}
        ax.plot(dots, as_array(f"measured[{name!r}]", measured[name], len(dots)), **look)
        ax.axvline(crossings[name], color=colour, linewidth=0.8, linestyle=":")
        at = {"xytext": (3, 5), "textcoords": "offset points", "color": colour}
        ax.annotate(f"{crossings[name]:.3g}", (crossings[name], 1.0), **at)
        ends.append((line[-1], f"d/d{name}", colour))
    ax.text(0.98, 0.95, "pathwise better", transform=ax.transAxes, ha="right", color="0.35")
    ax.text(0.02, 0.05, "score function better", transform=ax.transAxes, color="0.35")
    return finished(ax, ends, title)


@style()
def steepening(tau, variances, truth, estimates, title=None, ax=None):
    """What a sigmoid of width tau costs while it becomes a step, from left to right.

    tau (n,), decreasing. variances: {name: (n,)}, of one estimate, drawn above; truth (n,), the
    exact gradient, and estimates {name: (n, R)}, R means of a batch each, drawn below. The panel of
    the estimates takes the lower part of an `ax` passed in.
    """
    tau = increasing("1 / tau", 1.0 / as_array("tau", tau, "n"))
    ax, below = split(axes_or_new(ax, 6.6, 5.6), (1, 1))
    ax.set(xscale="log", yscale="log", ylabel="variance of one estimate")
    ends = []
    for name, values in variances.items():
        values = as_array(f"variances[{name!r}]", values, len(tau))
        ax.plot(tau, values, color=colour_of(name))
        ends.append((values[-1], name, colour_of(name)))
    below.plot(tau, as_array("truth", truth, len(tau)), color="0.2", linewidth=1.0, label="exact")
    for k, (name, values) in enumerate(estimates.items()):
        values = as_array(f"estimates[{name!r}]", values, len(tau), "R")
        x = tau * 1.06 ** (2 * k - len(estimates) + 1)  # side by side
        dots = {"color": colour_of(name), "s": 9, "linewidths": 0, "alpha": 0.6}
        below.scatter(np.repeat(x, values.shape[1]), values.ravel(), label=name, **dots)
    # One batch in a hundred of a blind estimator hits the step, and would stretch the axis.
    low, high = np.quantile([v for values in estimates.values() for v in values], [0.005, 0.995])
    margin = 0.15 * (high - low)
    below.set(ylim=(low - margin, high + margin), ylabel="means of a batch")
    below.set(xlabel="steepness 1/τ of the sigmoid: a step at the right end")
    ax.tick_params(labelbottom=False)
    return finished(ax, ends, title)


@style()
def gradient_histogram(gradients, exact, name, ax=None):
    """The spread of single estimates, {estimator: (S,)}, around the exact gradient, a number.

    name: the parameter's. The tails beyond the central 99 % of the widest are cut off, and said.
    """
    arrays = {key: as_array(f"gradients[{key!r}]", g, "S") for key, g in gradients.items()}
    ax = axes_or_new(ax, 6.2, 3.8)
    low = min(np.quantile(g, 0.005) for g in arrays.values())
    high = max(np.quantile(g, 0.995) for g in arrays.values())
    pad = 0.05 * (high - low) or 1.0
    bins = np.linspace(low - pad, high + pad, 81)
    for key, g in arrays.items():
        weights = np.full(len(g), 1.0 / (len(g) * (bins[1] - bins[0])))  # of all, also those cut
        look = {"histtype": "stepfilled", "fc": (colour_of(key), 0.15), "ec": colour_of(key)}
        ax.hist(g, bins, weights=weights, label=f"{key}: variance {g.var():.3g}", lw=1.4, **look)
    if exact is not None:
        ax.axvline(exact, color="0.2", linewidth=1.0, linestyle=DASHES, label=f"exact {exact:.4g}")
    ax.set(yscale="log", xlabel=f"one estimate of the gradient in {name}", ylabel="density")
    legend_above(ax)
    return ax


@style()
def descent(paths, goal, name, title=None, ax=None):
    """Runs of gradient descent under each estimator: {estimator: (R, T) values of a parameter}.

    Of R runs the median and the band from the 10th to the 90th percentile; `goal` is where the
    minimum is, `name` the parameter's.
    """
    ax = axes_or_new(ax, 4.6, 3.6)
    for key, runs in paths.items():
        runs = as_array(f"paths[{key!r}]", runs, "R", "T")
        low, middle, high = np.quantile(runs, [0.1, 0.5, 0.9], axis=0)
        steps = np.arange(runs.shape[1])
        ax.fill_between(steps, low, high, color=colour_of(key), alpha=0.2, linewidth=0)
        ax.plot(steps, middle, color=colour_of(key), label=key)
    ax.axhline(goal, color="0.2", linewidth=1.0, linestyle=DASHES, label="minimum")
    ax.set(xlabel="step, one draw each", ylabel=name, title=title or "")
    ax.legend(loc="best")
    return ax


def _positive(values):
    return np.where(values > 0.0, values, np.nan)
