"""The figures that `tinyvae variance` leaves behind."""

import math

import numpy as np

from tinyvae import plots
from tinyvae.commands.variance import attempt
from tinyvae.comparison import compare, typical
from tinyvae.estimators import by_name
from tinyvae.problem import Problem

PATH, SCORE, BASELINE = "pathwise", "score function", "score function, optimal baseline"
DIMENSIONS = (1, 3, 10, 30, 100, 300, 1000)
WAVES = np.geomspace(0.125, 8.0, 49)  # k sigma
WIDTHS = np.geomspace(1.0, 1e-4, 17)  # of the sigmoid
BATCHES, BATCH = 25, 1000  # estimates at each width
REPEATS, STEPS = 40, 100  # runs of gradient descent
RUNS = (  # title, integrand and its constants, loc at the start, rate, loc at the minimum
    ("min E z², z ~ N(loc, 1)", "quadratic", {"k": 0.0}, 3.0, 0.05, 0.0),
    ("min E cos(2z), z ~ N(loc, 1)", "cosine", {"k": 2.0}, 0.8, 0.1, math.pi / 2),
)


def draw(chosen, samples, seed, out):
    """Draw them all into the folder `out`: (the names of the files, what could not be drawn)."""
    names, notes = [], []
    for stream, (name, make) in enumerate(FIGURES.items(), start=1):  # each with noise of its own
        if name == "dimension" and chosen.law.EVENT:
            continue  # a vector's dimension is part of its law
        with np.errstate(all="ignore"):  # what is not finite is refused by the figure
            ax, why = attempt(make, chosen, samples, np.random.default_rng([seed, stream]))
        if why:
            notes.append((f"{name}.png is not drawn", why))
            continue
        plots.save(ax, out / f"{name}.png")
        names.append(f"{name}.png")
    return names, notes


def by_dimension(chosen, samples, rng):
    """Variance of the gradient in the first parameter, in 1 to 1000 dimensions."""
    exactly, measured = {}, {}
    for row in rows(chosen.law):
        each = [chosen.in_dimension(D) for D in DIMENSIONS]
        known = [attempt(one.exact_variance, row.name)[0] for one in each]
        if all(found and found[0] is not None and found[0] < math.inf for found in known):
            exactly[row.name] = [found[0] for found in known]
        # Fewer samples where there are more coordinates, over which the mean is taken.
        measured[row.name] = [
            variances(row, one, max(2000, min(samples, 20_000) // one.D), rng)[0] for one in each
        ]
    title = f"d/d{first(chosen)} of {chosen.one_coordinate}"
    return plots.variance_by_dimension(DIMENSIONS, exactly, measured, title)


def cosine_ratio(chosen, samples, rng):
    """Both variances for cos(k z) at the phase pi/4: equal at k sigma = 1 (loc), sqrt 2 (scale)."""
    exactly, measured = ({"loc": [], "scale": []} for _ in range(2))
    for k in WAVES:
        one = under_normal("cosine", {"k": k}, loc=math.pi / 4 / k)
        path, score = one.exact_variance(PATH), one.exact_variance(SCORE)
        for i, ratios in enumerate(exactly.values()):
            ratios.append(score[i] / path[i])
    dots = WAVES[::4]
    for k in dots:
        one = under_normal("cosine", {"k": k}, loc=math.pi / 4 / k)
        found = (
            variances(by_name(name), one, min(samples, 100_000), rng) for name in (PATH, SCORE)
        )
        path, score = found
        for i, ratios in enumerate(measured.values()):
            ratios.append(score[i] / path[i])
    title = "cos(kz) under N(μ, σ²) with kμ = π/4: exact lines, measured dots"
    crossings = {"loc": 1.0, "scale": math.sqrt(2.0)}
    return plots.variance_ratio(WAVES, exactly, dots, measured, crossings, title)


def steepening(chosen, samples, rng):
    """The gradient in loc of E sigmoid((z - 1/2) / tau), z ~ N(0, 1), as tau goes to 0."""
    curves, estimates, truth = {PATH: [], SCORE: []}, {PATH: [], SCORE: []}, []
    for tau in WIDTHS:
        one = under_normal("sigmoid", {"c": 0.5, "tau": tau}, loc=0.0)
        truth.append(one.exact_mean()[0])
        for name in curves:
            curves[name].append(one.exact_variance(name)[0])
            grads, _ = by_name(name)(one.f, one.law, one.params, rng, BATCHES * BATCH)
            estimates[name].append(grads.reshape(BATCHES, BATCH).mean(axis=1))
    title = f"d/dloc of E sigmoid((z − ½)/τ), z ~ N(0, 1); below, each dot is a mean of {BATCH}"
    return plots.steepening(WIDTHS, curves, truth, estimates, title)


def histogram(chosen, samples, rng):
    """Single estimates of the gradient in the first entry of the first parameter."""
    gradients, samples = {}, min(samples, 200_000)
    for row in rows(chosen.law):
        grads = row(chosen.f, chosen.law, chosen.params, rng, samples)[0]
        if grads is not None:
            gradients[row.name] = grads.reshape(samples, -1)[:, 0]
    truth, _ = attempt(chosen.exact_mean)
    truth = None if truth is None else np.ravel(truth[0])[0]
    return plots.gradient_histogram(gradients, truth, first(chosen))


def descents(chosen, samples, rng):
    """Gradient descent in loc with one draw a step: on a parabola, and on a wave."""
    with plots.style():
        figure, panels = plots.side_by_side(2)
    for ax, (title, integrand, constants, loc, rate, goal) in zip(panels, RUNS, strict=True):
        one = under_normal(integrand, constants, loc)
        paths = {name: descend(by_name(name), one, rate, rng) for name in (SCORE, PATH)}
        plots.descent(paths, goal, "loc", title, ax)
    return figure


def descend(row, chosen, rate, rng):
    """`loc` along REPEATS runs of STEPS steps, (REPEATS, STEPS + 1)."""
    loc, scale = chosen.numbers
    paths = np.full((REPEATS, STEPS + 1), loc)
    for path in paths:
        for t in range(STEPS):
            params = path[t], np.array(scale)
            path[t + 1] = path[t] - rate * row(chosen.f, chosen.law, params, rng, 1)[0][0]
    return paths


def under_normal(integrand, constants, loc):
    """The Problem of one draw from N(loc, 1)."""
    return Problem(integrand, constants, "normal", {"loc": loc, "scale": 1.0}, D=1)


def rows(law):
    """The estimators that are shown, of those that the law admits."""
    return [by_name(name) for name in (PATH, BASELINE, SCORE) if by_name(name).admits(law)]


def first(chosen):
    return next(iter(chosen.law.PARAMS))


def variances(row, chosen, samples, rng):
    """Of each parameter, the mean over its coordinates."""
    found = compare(row, chosen.f, chosen.law, chosen.params, samples=samples, rng=rng)
    return [None if each is None else typical(each.variance) for each in found]


FIGURES = {  # make(chosen, samples, rng): the first and the fourth of the problem that was chosen,
    "dimension": by_dimension,
    "ratio": cosine_ratio,  # the others of problems that show where each estimator wins
    "step": steepening,
    "histogram": histogram,
    "descent": descents,
}
