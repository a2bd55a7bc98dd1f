"""The room of data: what a Dataset promises, the bundled digits, the toys, loading by name."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvae import data
from tinyvae.data import DATASETS, Dataset, bernoulli_draw, load, split, toy

DRAWN = [name for name in DATASETS if name != "mnist"]
TOYS = ["moons", "rings", "spiral", "pinwheel", "grid"]


def small(**changes):
    grey = np.linspace(0, 1, 24, dtype=np.float32).reshape(4, 6)
    fields = {"name": "small", "x": grey, "held_out": grey[:2], "image_shape": (2, 3)}
    return Dataset(**{**fields, **changes})


def test_import_is_light():
    heavy = "{'matplotlib', 'sklearn', 'scipy', 'urllib.request', 'http.client'}"
    code = f"import sys, tinyvae.data; print(sorted({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# -- Dataset


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": np.zeros((4, 6))}, TypeError, "x must be a float32 array, not float64"),
        ({"held_out": [[0.0]]}, TypeError, "held_out must be a float32 array, not list"),
        ({"x": np.zeros(6, np.float32)}, ValueError, r"x has shape \(6,\), expected \(N, D\)"),
        ({"held_out": np.zeros((0, 6), np.float32)}, ValueError, "held_out .* must not be empty"),
        (
            {"x": np.full((4, 6), np.nan, np.float32)},
            ValueError,
            r"x must be finite, but x\[0, 0\]",
        ),
        ({"x": np.zeros((4, 5), np.float32)}, ValueError, "x has 5 columns and held_out 6"),
        ({"labels": np.arange(3)}, ValueError, r"labels has shape \(3,\), expected \(4,\)"),
        ({"labels": np.zeros(4)}, TypeError, "labels must be an array of integers"),
        ({"held_out_labels": [0, 1]}, TypeError, "held_out_labels must be an array of integers"),
        ({"image_shape": (3, 3)}, ValueError, r"image_shape \(3, 3\) does not fit rows of 6"),
        ({"image_shape": (6,)}, ValueError, r"image_shape \(6,\) does not fit"),
        ({"factors": {"slant": np.zeros(5)}}, ValueError, r"factors\['slant'\] has shape"),
        ({"values": "gray"}, ValueError, "unknown binarization 'gray': did you mean 'grey'"),
    ],
)
def test_dataset_validates_itself(changes, error, message):
    with pytest.raises(error, match=message):
        small(**changes)


def test_dataset_is_read_only_and_leaves_the_callers_arrays_alone():
    mine, labels = np.zeros((4, 6), np.float32), np.arange(4)
    d = small(x=mine, labels=labels, factors={"slant": np.zeros(4)})
    for array in (d.x, d.held_out, d.labels, d.factors["slant"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    mine[0] = labels[0] = 1
    assert "array" not in repr(d)


def test_grey_is_itself_and_threshold_is_black_and_white():
    d = small()
    assert d.binarized("grey") is d
    b = d.binarized("threshold")
    assert b.values == "threshold"
    assert b.x.dtype == np.float32
    np.testing.assert_array_equal(b.x, d.x > 0.5)
    np.testing.assert_array_equal(b.held_out, d.held_out > 0.5)


def test_dynamic_draws_held_out_once_with_the_grey_value_as_mean():
    grey = np.linspace(0, 1, 11, dtype=np.float32)
    n = 4000
    d = small(x=grey[None], held_out=np.tile(grey, (n, 1)), image_shape=None)
    b = d.binarized("dynamic", rng=np.random.default_rng(3))
    assert b.values == "dynamic"
    np.testing.assert_array_equal(b.x, d.x)  # stays grey, drawn afresh each epoch
    assert set(np.unique(b.held_out)) == {0, 1}
    mean, se = b.held_out.mean(axis=0), np.sqrt(grey * (1 - grey) / n)
    assert (np.abs(mean - grey) <= 4 * se).all()  # 4 standard errors; exact at 0 and 1
    again = d.binarized("dynamic", rng=np.random.default_rng(3))
    assert again.held_out.tobytes() == b.held_out.tobytes()


def test_binarized_refuses():
    with pytest.raises(ValueError, match="unknown binarization 'thresh': did you mean 'threshold'"):
        small().binarized("thresh")
    with pytest.raises(ValueError, match="pass rng"):
        small().binarized("dynamic")
    with pytest.raises(ValueError, match=r"needs values in \[0, 1\], but held_out of small runs"):
        small(held_out=np.full((1, 6), 1.5, np.float32)).binarized("threshold")
    with pytest.raises(ValueError, match="needs values in"):
        load("moons").binarized("dynamic", rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="binarized already"):
        small().binarized("threshold").binarized("dynamic", rng=np.random.default_rng(0))


def test_bernoulli_draw_is_certain_at_zero_and_one():
    x = np.array([0, 0, 1, 1, 0.5], np.float32)
    noise = np.array([0, 0.999, 0, 0.999, 0.25], np.float32)
    drawn = bernoulli_draw(x, noise=noise)
    assert drawn.dtype == x.dtype
    np.testing.assert_array_equal(drawn, [0, 0, 1, 1, 1])


# -- split


@given(n=st.integers(2, 60), part=st.floats(0, 1), seed=st.integers(0, 5))
def test_split_is_a_fixed_partition(n, part, seed):
    held_out = 1 + int(part * (n - 2))
    x = np.arange(n)
    kept, aside, y, y_aside = split(x, 10 * x, held_out, seed=seed)
    assert len(aside) == held_out
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, aside])), x)
    np.testing.assert_array_equal(y, 10 * kept)
    np.testing.assert_array_equal(y_aside, 10 * aside)
    fewer = split(x, None, max(1, held_out - 1), seed=seed)[1]
    np.testing.assert_array_equal(fewer, aside[: len(fewer)])


def test_split_is_the_same_everywhere():
    assert split(np.arange(1000), None, 5)[1].tolist() == [855, 921, 269, 11, 850]


@pytest.mark.parametrize(
    ("held_out", "error", "message"),
    [
        (10, ValueError, "held_out=10 leaves nothing to train on: there are 10"),
        (0, ValueError, "held_out must be at least 1, not 0"),
        (0.1, TypeError, "held_out must be a whole number, not 0.1"),
    ],
)
def test_split_refuses(held_out, error, message):
    with pytest.raises(error, match=message):
        split(np.arange(10), None, held_out)


# -- digits


def test_digits():
    d = load("digits")
    assert (d.x.shape, d.held_out.shape, d.image_shape) == ((1500, 64), (297, 64), (8, 8))
    assert (d.x.min(), d.x.max()) == (0, 1)
    assert np.bincount(d.labels).min() > 130
    assert "Alpaydin" in d.source
    assert load("digits", held_out=97).x.shape == (1700, 64)
    with pytest.raises(ValueError, match="held_out=1797 leaves nothing"):
        data.digits(held_out=1797)


def test_digits_are_scikit_learns(tmp_path):
    sklearn = pytest.importorskip("sklearn.datasets")
    from tinyvae.data.digits import FILE
    from tinyvae.data.make_digits import make_digits

    images, labels = sklearn.load_digits(return_X_y=True)
    with np.load(FILE) as bundled:
        np.testing.assert_array_equal(bundled["images"], images)
        np.testing.assert_array_equal(bundled["labels"], labels)
    make_digits(tmp_path / "digits.npz")
    with np.load(tmp_path / "digits.npz") as made:
        np.testing.assert_array_equal(made["images"], images)


# -- toys


@pytest.mark.parametrize("name", TOYS)
def test_toy_is_centred_at_unit_scale(name):
    n = 20_000
    x, labels = toy(name, n, rng=np.random.default_rng(1))
    assert x.shape == (n, 2)
    assert x.dtype == np.float32
    assert len(np.unique(labels)) == labels.max() + 1
    square = (x.astype(float) ** 2).sum(axis=1)
    assert abs(square.mean() - 2) < 4 * square.std() / np.sqrt(n)
    assert (np.abs(x.mean(axis=0)) < 4 * x.std(axis=0) / np.sqrt(n)).all()


@pytest.mark.parametrize("name", TOYS)
def test_toy_labels_name_the_cluster_of_the_nearest_neighbour(name):
    x, labels = toy(name, 1500, rng=np.random.default_rng(2))
    distance = ((x[:, None] - x) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    assert (labels[distance.argmin(axis=1)] == labels).mean() > 0.98


def test_toy_refuses():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="unknown toy 'moon': did you mean 'moons'"):
        toy("moon", 10, rng=rng)
    with pytest.raises(ValueError, match="n must be at least 1"):
        toy("moons", 0, rng=rng)


# -- load


@pytest.mark.parametrize("name", DRAWN)
def test_load_is_the_same_every_time(name):
    first, second = load(name), load(name)
    assert first.name == name
    assert "\n" not in first.source
    assert f"{len(first.x)}" in first.source
    for part in ("x", "held_out", "labels", "held_out_labels"):
        np.testing.assert_array_equal(getattr(first, part), getattr(second, part))
    assert (first.x[0] != first.held_out[0]).any()


@pytest.mark.parametrize("name", ["glyphs", "spiral"])
def test_load_n_leaves_the_held_out_examples_as_they_are(name):
    few, more = load(name, n=20, held_out=7), load(name, n=30, held_out=7)
    assert (len(few.x), len(more.x), len(few.held_out)) == (20, 30, 7)
    np.testing.assert_array_equal(few.held_out, more.held_out)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("digit", {}, ValueError, "unknown data set 'digit': did you mean 'digits'"),
        ("mine", {}, ValueError, "known are a path to an .npy or .npz file, digits, glyphs"),
        ("digits", {"n": 5}, ValueError, "n does not apply to the data set 'digits', which takes"),
        ("glyphs", {"data_dir": "."}, ValueError, "data_dir does not apply .* n and held_out"),
        ("moons", {"download": True}, ValueError, "download does not apply .* 'moons'"),
        ("mnist", {"n": 5}, ValueError, "n does not apply .* data_dir and download and held_out"),
        ("a.npy", {"n": 5}, ValueError, "n does not apply .* 'a.npy', which takes held_out"),
        ("a.npy", {}, FileNotFoundError, "there is no file a.npy: expected an .npy"),
        ("glyphs", {"n": 0}, ValueError, "n must be at least 1"),
        ("glyphs", {"held_out": -1}, ValueError, "held_out must be at least 1"),
        ("rings", {"held_out": 2.0}, TypeError, "held_out must be a whole number"),
    ],
)
def test_load_refuses(name, options, error, message):
    with pytest.raises(error, match=message):
        load(name, **options)


def test_replace_validates_again():
    with pytest.raises(ValueError, match="held_out_labels has shape"):
        replace(load("digits"), held_out_labels=np.arange(3))
