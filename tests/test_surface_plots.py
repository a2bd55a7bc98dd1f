"""Figures of surfaces by what they hold, and the animation by its frames."""

from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image, ImageSequence

from tinyvae import plots

K = np.linspace(-0.4, 0.6, 11)
DAYS = np.array([6.0, 26.0, 52.0, 182.0, 260.0, 364.0])
SURFACE = 0.2 + 0.1 * K**2 + 0.0001 * DAYS[:, None]
HOLED = np.where((DAYS[:, None] < 20) & (np.abs(K) > 0.3), np.nan, SURFACE)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def solid(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata())]


def dashed(ax):
    return [line for line in ax.lines if line.get_linestyle() != "-" and len(line.get_xdata())]


def test_smiles_are_rows_from_the_first_maturity_to_the_last():
    ax = plots.smiles(K, DAYS, HOLED, SURFACE + 0.01, "a title")
    assert [line.get_label() for line in solid(ax)] == [
        f"{day} days" for day in ("6", "26", "52", "260", "364")
    ]
    np.testing.assert_array_equal(solid(ax)[0].get_ydata(), HOLED[0])
    np.testing.assert_array_equal(solid(ax)[-1].get_ydata(), HOLED[-1])
    np.testing.assert_allclose(dashed(ax)[0].get_ydata(), SURFACE[0] + 0.01)
    assert len(dashed(ax)) == 5
    assert ax.get_title(loc="left") == "a title"
    assert "reconstruction" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_smiles_are_drawn_in_the_axes_given():
    _, ax = plt.subplots()
    assert plots.smiles(K, DAYS, SURFACE, ax=ax) is ax
    assert plots.error_map(K, DAYS, SURFACE, ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_ticks_are_whole_per_cents():
    ax = plots.smiles(K, DAYS, SURFACE)
    ax.figure.draw_without_rendering()
    texts = [label.get_text() for label in ax.get_yticklabels()]
    for value, text in zip(ax.get_yticks(), texts, strict=True):
        assert float(text.rstrip("%").replace("−", "-")) == pytest.approx(100 * value)


def test_small_smiles_share_their_axes_and_have_one_legend():
    surfaces = np.stack([SURFACE, SURFACE + 0.05, SURFACE - 0.05, SURFACE, HOLED])
    figure = plots.small_smiles(K, DAYS, surfaces, titles=list("abcde"), title="five")
    shown = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in shown] == list("abcde")
    assert len({ax.get_ylim() for ax in shown}) == 1
    np.testing.assert_array_equal(solid(shown[4])[0].get_ydata(), HOLED[0])
    assert [legend.get_title().get_text() for legend in figure.legends] == ["five"]
    assert all(ax.get_legend() is None for ax in shown)


def test_an_error_map_shows_each_point_and_leaves_gaps():
    ax = plots.error_map(K, DAYS, HOLED)
    shown = ax.collections[0].get_array()
    np.testing.assert_allclose(np.ma.filled(shown, np.nan).reshape(HOLED.shape), HOLED)
    assert ax.collections[0].get_clim()[0] == 0
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    assert ticks[0] == "−0.4"
    assert ax.get_xticks()[0] == pytest.approx(np.cbrt(-0.4))


def test_latents_stand_in_the_order_of_their_kl():
    values = np.array([-1.0, 0.0, 1.0])
    surfaces = SURFACE + 0.01 * values[:, None, None] * np.arange(1, 4)[:, None, None, None]
    figure = plots.latent_smiles(K, DAYS, surfaces, values, kl=[1.0, 3.0, 2.0])
    upper, lower = figure.axes[:3], figure.axes[3:]
    assert [ax.get_title(loc="left").split(",")[0] for ax in upper] == [
        "latent 1",
        "latent 2",
        "latent 0",
    ]
    np.testing.assert_allclose(upper[0].lines[2].get_ydata(), SURFACE[3] + 0.02)
    np.testing.assert_allclose(lower[2].lines[0].get_ydata(), SURFACE[-1] - 0.01)


def test_quotes_are_dots_with_bars_in_the_panels_that_have_some():
    quotes = np.full_like(SURFACE, np.nan)
    quotes[1, 4], quotes[3, [2, 6]] = 0.25, (0.22, 0.21)
    figure = plots.quote_fit(K, DAYS, SURFACE, SURFACE + 0.001, quotes, 0.002, "quotes")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["26 days", "182 days"]
    dots = figure.axes[1].containers[0]
    x, y = dots[0].get_data()
    np.testing.assert_allclose(y, [0.22, 0.21])
    np.testing.assert_allclose(x, K[[2, 6]])
    bars = np.concatenate(dots[2][0].get_segments())
    np.testing.assert_allclose(sorted(bars[:, 1]), [0.208, 0.212, 0.218, 0.222])
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), SURFACE[1])


def test_a_walk_is_an_animation_of_all_its_frames(tmp_path):
    path = tmp_path / "walk.gif"
    walk = SURFACE + 0.02 * np.linspace(-1, 1, 4)[:, None, None]
    z = np.linspace(-2, 2, 12).reshape(4, 3)
    size = plots.save_walk(path, K, DAYS, walk, z, seconds=0.2)
    assert size == path.stat().st_size < 500_000
    assert [each.name for each in tmp_path.iterdir()] == ["walk.gif"]
    with Image.open(path) as picture:
        assert (picture.format, picture.info["loop"], picture.info["duration"]) == ("GIF", 0, 200)
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]
    assert len(frames) == 4
    assert all((a != b).any() for a, b in pairwise(frames))
    assert plt.get_fignums() == []


def test_a_walk_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "walk.gif"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="z has shape"):
        plots.save_walk(path, K, DAYS, np.stack([SURFACE, SURFACE]), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="at least 2"):
        plots.save_walk(path, K, DAYS, SURFACE[None], np.zeros((1, 2)))
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.smiles(K[::-1], DAYS, SURFACE), "k must be two numbers or more"),
        (lambda: plots.smiles(K, DAYS, SURFACE.T), "surface has shape"),
        (lambda: plots.smiles(K, DAYS, SURFACE * np.nan), "surface must hold numbers"),
        (lambda: plots.smiles(K, DAYS, SURFACE, SURFACE * np.inf), "other must hold numbers"),
        (lambda: plots.error_map(K, DAYS[1:], SURFACE), "error has shape"),
        (lambda: plots.small_smiles(K, DAYS, SURFACE), "surfaces has shape"),
        (lambda: plots.small_smiles(K, DAYS, SURFACE[None], titles=["a", "b"]), "titles has"),
        (
            lambda: plots.latent_smiles(K, DAYS, SURFACE[None, None], [0.0, 1.0], [1.0]),
            "surfaces has shape",
        ),
    ],
)
def test_bad_input_is_named(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
