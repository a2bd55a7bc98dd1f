"""The figures of estimators, by what they hold."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from tinyvae import plots

D = np.array([1, 10, 100])
TAU = np.array([1.0, 0.1, 0.01])
RNG = np.random.default_rng(0)


def by_dimension(**change):
    exact = {"score function": 3.0 * D**2, "pathwise": 4.0 + 0.0 * D}
    arguments = {"dimensions": D, "exact": exact, "measured": {"pathwise": 4.1 + 0.0 * D}}
    return plots.variance_by_dimension(**(arguments | change))


def ratio(**change):
    values = {"loc": np.array([10.0, 1.0, 0.1]), "scale": np.array([20.0, 2.0, 0.2])}
    arguments = {"x": [0.1, 1, 10], "exact": values, "dots": [0.2, 2, 9], "measured": values}
    return plots.variance_ratio(**(arguments | {"crossings": {"loc": 1.0, "scale": 1.4}} | change))


def steepening(**change):
    arguments = {
        "tau": TAU,
        "variances": {"pathwise": 1 / TAU, "score function": 1 + 0 * TAU},
        "truth": 0.3 + 0 * TAU,
        "estimates": {"pathwise": RNG.random((3, 5)), "score function": RNG.random((3, 5))},
    }
    return plots.steepening(**(arguments | change))


def histogram(**change):
    arguments = {"gradients": {"pathwise": RNG.standard_normal(500)}, "exact": 0.1, "name": "loc"}
    return plots.gradient_histogram(**(arguments | change))


def descent(**change):
    arguments = {"paths": {"pathwise": RNG.random((7, 20))}, "goal": 0.5, "name": "loc"}
    return plots.descent(**(arguments | change))


EVERY = pytest.mark.parametrize("draw", [by_dimension, ratio, steepening, histogram, descent])


@EVERY
def test_every_figure_is_drawn_and_saved(draw, tmp_path):
    plots.save(draw(), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


@EVERY
def test_the_same_arrays_give_the_same_bytes(draw, tmp_path):
    global RNG
    for name in ("one.svg", "two.svg"):
        RNG = np.random.default_rng(3)
        plots.save(draw(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_lines_carry_the_exact_variances_and_their_slopes():
    ax = by_dimension()
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["score function"], 3.0 * D**2)
    np.testing.assert_array_equal(lines["pathwise, measured"], 4.1)
    texts = [text.get_text() for text in ax.texts]
    assert "score function: slope 2.0" in texts
    assert "pathwise: slope 0.0" in texts


def test_a_variance_of_zero_is_left_out_not_the_whole_line():
    ax = by_dimension(exact={"score function": [0.0, 2.0, 20.0], "pathwise": [0, 0, 0]})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [np.nan, 2.0, 20.0])
    assert [text.get_text() for text in ax.texts] == ["score function: slope 1.0"]


def test_names_at_line_ends_do_not_overlap_on_a_logarithmic_axis():
    same = {"score function": 3.0 * D, "score function, b": 3.01 * D, "pathwise": 2.99 * D}
    ax = by_dimension(exact=same)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_crossings_are_marked_where_they_are():
    ax = ratio()
    marked = [line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1]]
    assert marked == [1.0, 1.4]


def test_every_estimate_is_shown_beside_the_truth():
    below = steepening().figure.axes[1]
    assert [len(dots.get_offsets()) for dots in below.collections] == [15, 15]
    np.testing.assert_array_equal(below.lines[0].get_ydata(), 0.3)


def test_a_histogram_has_the_area_of_what_it_shows():
    ax = histogram(gradients={"pathwise": np.linspace(0, 1, 10_001)})
    (shape,) = ax.patches
    x, y = shape.get_xy().T
    assert abs(np.sum(0.5 * (y[1:] + y[:-1]) * np.diff(x))) == pytest.approx(1.0, abs=0.02)


def test_a_constant_estimate_is_drawn_too():
    assert histogram(gradients={"pathwise": np.full(50, 2.0)})


def test_descent_shows_the_median_of_the_runs():
    runs = RNG.random((7, 20))
    ax = descent(paths={"pathwise": runs})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(runs, axis=0))


def test_an_estimator_has_one_colour_everywhere():
    colours = {by_dimension().lines[1].get_color(), descent().lines[0].get_color()}
    assert colours == {plots.BLUE}


@pytest.mark.parametrize(
    ("draw", "change", "says"),
    [
        (by_dimension, {"dimensions": [1, 1, 2]}, "dimensions must be two numbers or more, and"),
        (by_dimension, {"exact": {"pathwise": [1.0]}}, r"exact\['pathwise'\] has shape"),
        (by_dimension, {"measured": {"pathwise": [1, np.nan, 2]}}, "measured.* must be finite"),
        (ratio, {"x": [3.0, 2.0, 1.0]}, "x must be two numbers or more, and increase"),
        (steepening, {"tau": [0.1, 1.0, 2.0]}, "1 / tau must be"),
        (histogram, {"gradients": {"pathwise": []}}, "is empty"),
        (descent, {"paths": {"pathwise": [1.0]}}, r"paths\['pathwise'\] has shape"),
    ],
)
def test_bad_arrays_are_named(draw, change, says):
    with pytest.raises(ValueError, match=says):
        draw(**change)
