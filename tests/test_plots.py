"""Figures by what they hold, not by their pixels: the right numbers in the right places."""

import errno
import os
import re
import subprocess
import sys
from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.stats import norm

from tinyvae import plots

RNG = np.random.default_rng(0)
PICTURES = RNG.random((12, 6))  # image_shape (2, 3): H and W differ, so that a swap shows
POINTS = RNG.standard_normal((30, 2))
CURVES = RNG.standard_normal((7, 5))
LABELS = np.arange(30) % 3


def history(epochs=4, **other):
    rows = []
    for e in range(1, epochs + 1):
        row = {"epoch": e, "loss": 100 / e + 4, "reconstruction": 100 / e, "kl": 4.0, "beta": 1.0}
        rows.append({**row, "held_out": 106 / e, "seconds": 0.1, **other})
    return rows


# name -> call(ax): every figure of the file, in each of its forms
FIGURES = {
    "loss": lambda ax: plots.loss_curves(history(), ax),
    "loss, one epoch": lambda ax: plots.loss_curves(history(1), ax),
    "loss, none held out": lambda ax: plots.loss_curves(history(held_out=None), ax),
    "loss, importance-weighted": lambda ax: plots.loss_curves(history(), ax, tighter=50),
    "loss, KL of zero": lambda ax: plots.loss_curves(history(kl=0.0), ax),
    "grid": lambda ax: plots.image_grid(PICTURES, (2, 3), ax),
    "samples, images": lambda ax: plots.samples(PICTURES, (2, 3), ax),
    "samples, points": lambda ax: plots.samples(POINTS, None, ax, data=POINTS + 1),
    "samples, curves": lambda ax: plots.samples(CURVES, None, ax, data=CURVES + 1),
    "reconstructions, images": lambda ax: plots.reconstructions(PICTURES, PICTURES, (2, 3), ax),
    "reconstructions, points": lambda ax: plots.reconstructions(POINTS, POINTS, None, ax),
    "reconstructions, curves": lambda ax: plots.reconstructions(CURVES, CURVES, None, ax),
    "latents, Z = 1": lambda ax: plots.latent_scatter(POINTS[:, :1], LABELS, ax),
    "latents, Z = 1, bare": lambda ax: plots.latent_scatter(POINTS[:, :1], None, ax),
    "latents, Z = 1, many": lambda ax: plots.latent_scatter(POINTS[:, :1], np.arange(30), ax),
    "latents, Z = 2": lambda ax: plots.latent_scatter(POINTS, LABELS, ax),
    "latents, bare": lambda ax: plots.latent_scatter(POINTS, None, ax),
    "latents, many": lambda ax: plots.latent_scatter(POINTS, np.arange(30), ax),
    "manifold, images": lambda ax: plots.manifold(PICTURES[:9], (2, 3), [-1, 0, 1], ax),
    "manifold, mesh": lambda ax: plots.manifold(POINTS[:9], None, [-1, 0, 1], ax),
}
every_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def line(ax, label):
    return next(each for each in ax.lines if each.get_label() == label)


def offsets(ax, k=0):
    return np.asarray(ax.collections[k].get_offsets())


def picture(ax):
    return np.ma.filled(ax.images[0].get_array().astype(float), np.nan)


# What holds for every figure


@every_figure
def test_draws_in_the_axes_it_is_given(draw):
    figure = Figure()
    ax = figure.subplots()
    assert draw(ax) is ax
    assert plt.get_fignums() == []
    assert ax.has_data()


@every_figure
def test_makes_its_own_figure_and_leaves_the_style_alone(draw):
    before = matplotlib.rcParams.copy()
    ax = draw(None)
    assert plt.get_fignums() == [ax.figure.number]
    assert matplotlib.rcParams == before


@every_figure
def test_no_text_is_smaller_than_eight_points(draw):
    figure = draw(None).figure
    figure.draw_without_rendering()
    sizes = [t.get_fontsize() for t in figure.findobj(plt.Text) if t.get_text() and t.get_visible()]
    assert all(size >= 8 for size in sizes)


@every_figure
def test_nothing_reaches_out_of_the_figure(draw):
    figure = draw(None).figure
    figure.draw_without_rendering()
    ink, page = figure.get_tightbbox(), figure.bbox_inches
    assert min(ink.x0, ink.y0, page.x1 - ink.x1, page.y1 - ink.y1) > -0.02  # inches


@every_figure
def test_the_same_numbers_give_the_same_bytes(draw, tmp_path):
    for name in ("a.png", "b.png"):
        plots.save(draw(None), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert plt.get_fignums() == []


def test_the_users_own_style_does_not_change_the_bytes(tmp_path):
    plots.save(plots.image_grid(PICTURES, (2, 3)), tmp_path / "a.png")
    with plt.style.context({"image.origin": "lower", "font.size": 20, "savefig.dpi": 30}):
        plots.save(plots.image_grid(PICTURES, (2, 3)), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_only_this_file_imports_matplotlib():
    code = "import sys, tinyvae; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Loss curves


def test_loss_lines_hold_the_history():
    rows = history(5)
    ax = plots.loss_curves(rows)
    below = ax.figure.axes[1]
    names = {
        "loss": "training loss",
        "held_out": "held-out −ELBO",
        "reconstruction": "reconstruction",
    }
    for key, label in names.items():
        np.testing.assert_array_equal(line(ax, label).get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(line(ax, label).get_ydata(), [row[key] for row in rows])
    np.testing.assert_array_equal(line(below, "KL").get_ydata(), [4.0] * 5)
    low, high = below.get_ylim()
    assert low == 0
    assert high > 4
    assert ax.get_ylabel() == "nats per example"


def test_the_shaded_gap_is_beta_times_kl():
    ax = plots.loss_curves(history(3, beta=0.5))
    edge = ax.collections[0].get_paths()[0].vertices
    last = edge[edge[:, 0] == 3][:, 1]
    np.testing.assert_allclose([last.min(), last.max()], [100 / 3, 100 / 3 + 0.5 * 4])
    assert any(text.get_text() == "gap = β KL" for text in ax.texts)


def test_a_single_epoch_shows_as_markers():
    ax = plots.loss_curves(history(1))
    assert line(ax, "training loss").get_marker() == "o"
    below = ax.figure.axes[1]
    low, high = below.get_xlim()
    assert [tick for tick in below.get_xticks() if low <= tick <= high] == [1]


def test_held_out_may_be_computed_now_and_then():
    rows = history(6)
    for row in rows[::2]:
        row["held_out"] = None
    np.testing.assert_array_equal(
        line(plots.loss_curves(rows), "held-out −ELBO").get_xdata(), [2, 4, 6]
    )


def test_a_negative_kl_estimate_stays_in_its_panel():
    below = plots.loss_curves(history(kl=-0.2)).figure.axes[1]
    assert below.get_ylim()[0] < -0.2 < below.get_ylim()[1]


def test_end_labels_do_not_overlap():
    ax = plots.loss_curves(history(20, kl=0.001, loss=100.0, held_out=100.01, reconstruction=100.0))
    ax.figure.draw_without_rendering()
    boxes = sorted((t.get_window_extent() for t in ax.texts), key=lambda box: box.y0)
    assert len(boxes) == 4
    for lower, upper in pairwise(boxes):
        assert upper.y0 >= lower.y1 - 2  # pixels: the white above the letters


def test_both_panels_stay_in_the_place_of_the_axes_passed_in():
    figure = Figure()
    ax = figure.add_axes([0.2, 0.3, 0.5, 0.4])
    plots.loss_curves(history(), ax)
    boxes = [each.get_position() for each in figure.axes]
    assert boxes[0].y1 == pytest.approx(0.7)
    assert boxes[1].y0 == pytest.approx(0.3)
    assert boxes[1].y1 < boxes[0].y0


# Images


def test_pixel_r_c_of_image_k_lands_in_tile_k():
    seen = picture(plots.image_grid(PICTURES[:7], (2, 3), columns=3))
    assert seen.shape == (3 * 2 + 2, 3 * 3 + 2)  # gaps of one pixel
    for k in range(7):
        top, left = k // 3 * 3, k % 3 * 4
        np.testing.assert_array_equal(
            seen[top : top + 2, left : left + 3], PICTURES[k].reshape(2, 3)
        )
    assert np.isnan(seen[2]).all()
    assert np.isnan(seen[:, 3]).all()
    assert np.isnan(seen[6:, 4:]).all()  # the tiles that no image fills


def test_rows_run_downwards_and_grey_is_absolute():
    ax = plots.image_grid(0.4 + 0.1 * PICTURES, (2, 3))
    low, high = ax.get_ylim()
    assert low > high
    assert ax.images[0].get_clim() == (0, 1)


def test_the_grid_is_about_square():
    assert picture(plots.image_grid(PICTURES[:10], (2, 3))).shape == (3 * 3 - 1, 4 * 4 - 1)
    assert picture(plots.image_grid(PICTURES[:2], (2, 3), columns=5)).shape == (2, 2 * 4 - 1)


def test_each_image_stands_above_its_reconstruction():
    x, x_hat = PICTURES, PICTURES[::-1]
    ax = plots.reconstructions(x, x_hat, (2, 3))
    seen = picture(ax)
    for k in range(12):
        top, left = k // 10 * 9, k % 10 * 4  # a pair: 2 + 1 + 2 pixels; 4 between rows of pairs
        np.testing.assert_array_equal(seen[top : top + 2, left : left + 3], x[k].reshape(2, 3))
        np.testing.assert_array_equal(
            seen[top + 3 : top + 5, left : left + 3], x_hat[k].reshape(2, 3)
        )
    assert [t.get_text() for t in ax.get_yticklabels()] == ["data x", "reconstruction"] * 2
    np.testing.assert_array_equal(ax.get_yticks(), [0.5, 3.5, 9.5, 12.5])


# Points and curves


def test_points_are_joined_to_their_reconstructions():
    x_hat = POINTS + 0.1
    ax = plots.reconstructions(POINTS, x_hat, None)
    np.testing.assert_array_equal(offsets(ax, 0), POINTS)
    np.testing.assert_array_equal(offsets(ax, 1), x_hat)
    threads = ax.lines[0].get_xydata().reshape(-1, 3, 2)
    np.testing.assert_array_equal(threads[:, 0], POINTS)
    np.testing.assert_array_equal(threads[:, 1], x_hat)
    assert np.isnan(threads[:, 2]).all()


def test_a_curve_and_its_reconstruction_share_a_colour():
    ax = plots.reconstructions(CURVES, CURVES + 1, None)
    assert len(ax.lines) == 10
    for k in range(5):
        np.testing.assert_array_equal(ax.lines[k].get_ydata(), CURVES[k])
        np.testing.assert_array_equal(ax.lines[5 + k].get_ydata(), CURVES[k] + 1)
        assert ax.lines[k].get_color() == ax.lines[5 + k].get_color()


def test_samples_stand_before_the_data():
    ax = plots.samples(POINTS, None, data=POINTS - 3)
    np.testing.assert_array_equal(offsets(ax, 0), POINTS - 3)
    np.testing.assert_array_equal(offsets(ax, 1), POINTS)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["data", "samples"]
    assert plots.samples(POINTS, None).get_legend() is None


def test_sampled_curves_hold_the_samples():
    ax = plots.samples(CURVES, None)
    np.testing.assert_array_equal([each.get_ydata() for each in ax.lines], CURVES)


# Latents


def test_two_latents_are_a_scatter_over_the_circles_of_the_prior():
    ax = plots.latent_scatter(POINTS, LABELS)
    np.testing.assert_array_equal(offsets(ax), POINTS)
    assert [circle.radius for circle in ax.patches] == [1, 2]
    assert ax.get_aspect() == 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("latent 0", "latent 1")


def test_classes_have_ten_different_colours_and_their_names_at_the_medians():
    centres = 3 * np.stack([np.cos(np.arange(10)), np.sin(np.arange(10))], axis=1)
    labels = np.repeat(np.arange(10), 5)
    ax = plots.latent_scatter(centres[labels], labels)
    assert len(np.unique(ax.collections[0].get_facecolors(), axis=0)) == 10
    named = {t.get_text(): t.get_position() for t in ax.texts}
    for k in range(10):
        np.testing.assert_allclose(named[str(k)], centres[k])


def test_names_of_classes_that_coincide_are_moved_apart():
    ax = plots.latent_scatter(np.zeros((8, 2)), list("aabbccdd"))
    heights = sorted(t.get_position()[1] for t in ax.texts if t.get_text() in "abcd")
    assert np.diff(heights).min() > 0.05
    np.testing.assert_array_equal([each.get_xydata()[0] for each in ax.lines], np.zeros((4, 2)))


@pytest.mark.parametrize(
    ("kl", "shown", "names"),
    [
        (None, [0, 2], ("latent 0", "latent 2")),
        ([0.0, 1.94, 0.5, 2.0], [1, 3], ("latent 1, KL 1.9 nats", "latent 3, KL 2.0 nats")),
    ],
)
def test_the_two_most_informative_latents_are_shown(kl, shown, names):
    mu = RNG.standard_normal((40, 4)) * [3, 1, 2, 0.1]
    ax = plots.latent_scatter(mu, None, kl=kl)
    np.testing.assert_array_equal(offsets(ax), mu[:, shown])
    assert (ax.get_xlabel(), ax.get_ylabel()) == names


def test_one_latent_is_a_strip_for_each_class():
    labels = np.array(["cat", "dog", "eel"])[LABELS]
    ax = plots.latent_scatter(POINTS[:, :1], labels, kl=[1.25])
    np.testing.assert_array_equal(offsets(ax)[:, 0], POINTS[:, 0])
    np.testing.assert_array_equal(offsets(ax)[:, 1].round(), LABELS)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog", "eel"]
    assert ax.get_xlabel() == "latent 0, KL 1.2 nats"


def test_more_than_ten_classes_get_a_colour_bar():
    ax = plots.latent_scatter(POINTS, np.arange(30))
    np.testing.assert_array_equal(ax.collections[0].get_array(), np.arange(30))
    assert [each.get_ylabel() for each in ax.figure.axes] == ["latent 1", "label"]


# The manifold


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_normal_grid_is_the_inverse_normal_cdf(n):
    np.testing.assert_allclose(plots.normal_grid(n), norm.ppf((np.arange(n) + 0.5) / n), atol=1e-14)


def test_grid_points_start_at_the_top_left():
    points = plots.grid_points([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(points[:4], [[-1, 2], [0, 2], [2, 2], [-1, 0]])
    np.testing.assert_array_equal(points[-1], [2, -1])


def test_manifold_has_latent_0_to_the_right_and_latent_1_upwards():
    z_grid = plots.normal_grid(5)
    z = plots.grid_points(z_grid)
    decoded = np.repeat(z, 3, axis=1)  # a picture: its z0 all along the top row, z1 along the other
    ax = plots.manifold(decoded, (2, 3), z_grid)
    ax.figure.draw_without_rendering()
    seen, (low, high) = picture(ax), ax.get_ylim()
    assert low > high  # row 0 is the top
    # Where the ticks say z, the pictures decoded from that z stand.
    for position, tick in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
        z0 = float(tick.get_text().replace("−", "-"))
        np.testing.assert_allclose(seen[0::3, int(position)], z0, atol=0.051)  # 2 rows and a gap
    for position, tick in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
        z1 = float(tick.get_text().replace("−", "-"))
        row = seen[int(position + 0.5)]
        np.testing.assert_allclose(row[~np.isnan(row)], z1, atol=0.051)
    assert seen[1, 0] == z_grid[-1]
    assert seen[-1, 0] == z_grid[0]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10, 15, 20])
def test_manifold_ticks_are_symmetric(n):
    ticks = plots.manifold(np.zeros((n * n, 6)), (2, 3), plots.normal_grid(n)).get_xticks()
    np.testing.assert_allclose(ticks + ticks[::-1], 3 * n + (n - 1) - 1)  # n tiles, n - 1 gaps


def test_a_mesh_has_a_strand_for_every_row_and_column():
    z_grid = np.array([-1.0, 0.0, 1.5])
    ax = plots.manifold(plots.grid_points(z_grid), None, z_grid)  # the identity as decoder
    assert len(ax.lines) == 6
    for row, strand in enumerate(ax.lines[:3]):
        np.testing.assert_array_equal(strand.get_xdata(), z_grid)
        np.testing.assert_array_equal(strand.get_ydata(), [z_grid[2 - row]] * 3)
    for column, strand in enumerate(ax.lines[3:]):
        np.testing.assert_array_equal(strand.get_xdata(), [z_grid[column]] * 3)


# Saving


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_saved_files_carry_no_date(kind, tmp_path):
    path = tmp_path / f"figure.{kind}"
    plots.save(plots.samples(POINTS, None, data=POINTS), path)
    first = path.read_bytes()
    plots.save(plots.samples(POINTS, None, data=POINTS).figure, path)
    assert path.read_bytes() == first
    assert not re.search(rb"CreationDate|<dc:date>|tIME|Software", first)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_save_finds_the_figure_of_an_axes_in_a_subfigure(tmp_path):
    figure = plt.figure()
    plots.save(figure.subfigures(1, 2)[0].subplots(), str(tmp_path / "a.png"))
    assert (tmp_path / "a.png").exists()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(errno.ENOSPC, "No space left")])
def test_a_save_cut_short_leaves_the_old_file(stop, tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"old")

    def half(self, file, **kwargs):
        file.write(b"ha")
        raise stop

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(stop if isinstance(stop, type) else OSError):
        plots.save(plots.samples(POINTS, None), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert plt.get_fignums() == []


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write .*a\.png"):
        plots.save(plots.samples(POINTS, None), tmp_path / "file" / "a.png")


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 0)() == 0, reason="as root")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match=r"cannot write .*a\.png"):
            plots.save(plots.samples(POINTS, None), tmp_path / "a.png")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("name", ["figure", "figure.pgn"])
def test_an_unknown_format_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="unknown figure format"):
        plots.save(plots.samples(POINTS, None), tmp_path / name)


# Errors name the argument, and come before any figure is made

NAN = np.full((4, 2), np.nan)
FLAT = np.zeros((4, 6))
ERRORS = [
    ("images is empty", lambda: plots.image_grid(np.zeros((0, 6)), (2, 3))),
    ("images must be an array of numbers", lambda: plots.image_grid([[1], [1, 2]], (1, 1))),
    ("images has shape", lambda: plots.image_grid(np.zeros(6), (2, 3))),
    ("image_shape .* 4 pixels, but images has 6", lambda: plots.image_grid(FLAT, (2, 2))),
    ("image_shape has shape", lambda: plots.image_grid(FLAT, None)),
    ("image_shape must be at least 1", lambda: plots.image_grid(FLAT, (-2, -3))),
    ("columns must be at least 1", lambda: plots.image_grid(FLAT, (2, 3), columns=0)),
    ("x must be finite", lambda: plots.samples(NAN, None)),
    ("but x has 6 columns", lambda: plots.samples(FLAT, (2, 2))),
    ("data has shape", lambda: plots.samples(POINTS, None, data=FLAT)),
    ("x must be finite", lambda: plots.reconstructions(NAN, NAN, None)),
    ("x_hat has shape", lambda: plots.reconstructions(POINTS, POINTS[:3], None)),
    ("x_hat must be finite", lambda: plots.reconstructions(POINTS[:4], NAN, None)),
    ("but x has 6 columns", lambda: plots.reconstructions(FLAT, FLAT, (6, 6))),
    ("mu has shape", lambda: plots.latent_scatter(POINTS[:, 0], None)),
    ("mu must be finite", lambda: plots.latent_scatter(NAN, None)),
    ("labels has shape", lambda: plots.latent_scatter(POINTS, LABELS[:4])),
    ("labels must be finite", lambda: plots.latent_scatter(POINTS[:4], NAN[:, 0])),
    ("labels has 30 classes", lambda: plots.latent_scatter(POINTS, [f"c{i}" for i in range(30)])),
    ("kl has shape", lambda: plots.latent_scatter(POINTS, None, kl=[1.0])),
    ("kl must be finite", lambda: plots.latent_scatter(POINTS, None, kl=[1.0, np.inf])),
    ("n must be at least 1", lambda: plots.normal_grid(0)),
    ("z_grid must increase", lambda: plots.grid_points([1.0, 0.0])),
    ("z_grid has shape", lambda: plots.grid_points(np.zeros((2, 2)))),
    ("z_grid is empty", lambda: plots.grid_points([])),
    ("decoded has shape", lambda: plots.manifold(FLAT, (2, 3), [0.0])),
    ("image_shape .* but decoded has 6", lambda: plots.manifold(FLAT, (3, 3), [0.0, 1.0])),
    ("image_shape is None, but decoded", lambda: plots.manifold(FLAT, None, [0.0, 1.0])),
    ("history is empty", lambda: plots.loss_curves([])),
    (r"history\[0\] has no 'epoch'", lambda: plots.loss_curves([{"reconstruction": 1.0}])),
    (r"history\[0\] has no 'kl'", lambda: plots.loss_curves(history(kl=None))),
    ("loss in history must be finite", lambda: plots.loss_curves(history(loss=np.nan))),
    ("held_out in history must be finite", lambda: plots.loss_curves(history(held_out=np.inf))),
    ("beta in history must be an array of num", lambda: plots.loss_curves(history(beta="one"))),
]


@pytest.mark.parametrize(("message", "call"), ERRORS, ids=[message for message, _ in ERRORS])
def test_bad_input_is_named_before_anything_is_drawn(message, call):
    with pytest.raises(ValueError, match=message):
        call()
    assert plt.get_fignums() == []


def test_columns_must_be_whole():
    with pytest.raises(TypeError, match="columns must be a whole number"):
        plots.image_grid(FLAT, (2, 3), columns=2.5)


def test_the_first_figure_of_a_notebook_may_turn_showing_on():
    """Its backend is loaded by the first figure, often in the style; later ones are to be shown."""
    before = plt.rcParams["font.size"]
    try:
        with plots.style():
            plt.ion()
        assert plt.isinteractive()
        assert plt.rcParams["font.size"] == before
    finally:
        plt.ioff()
    with plots.style():
        pass
    assert not plt.isinteractive()
