"""A user's own .npy and .npz files."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyvae.data import from_arrays, from_file, load

X = np.linspace(-3, 3, 120).reshape(20, 6)


def test_npy_floats_are_taken_as_they_are(tmp_path):
    np.save(tmp_path / "mine.npy", X)
    d = load(str(tmp_path / "mine.npy"))
    assert (d.name, d.x.shape, d.held_out.shape, d.image_shape) == ("mine", (18, 6), (2, 6), None)
    together = np.concatenate([d.x, d.held_out])
    np.testing.assert_array_equal(together[together[:, 0].argsort()], X.astype(np.float32))
    assert len(load(tmp_path / "mine.npy", held_out=7).held_out) == 7


@pytest.mark.parametrize(
    ("dtype", "divisor"), [(np.uint8, 255), (bool, 1), (np.int32, 1), (">f8", 1), (np.float16, 1)]
)
def test_dtypes_and_images(tmp_path, dtype, divisor):
    x = np.arange(40).reshape(10, 2, 2).astype(dtype)
    np.savez(tmp_path / "images.npz", x_train=x, x_test=x[:4], y_train=np.arange(10))
    d = from_file(tmp_path / "images.npz")
    assert d.image_shape == (2, 2)
    np.testing.assert_array_equal(d.x, x.reshape(10, 4).astype(np.float32) / np.float32(divisor))
    np.testing.assert_array_equal(d.held_out, d.x[:4])
    np.testing.assert_array_equal(d.labels, np.arange(10))
    assert d.held_out_labels is None
    assert ("divided by 255" in d.source) == (divisor == 255)
    assert len(from_file(tmp_path / "images.npz", held_out=3).held_out) == 3


@pytest.mark.parametrize("labels", ["y", "labels", "y_train"])
def test_npz_labels_follow_their_rows(tmp_path, labels):
    y = np.arange(20)
    np.savez_compressed(tmp_path / "mine.npz", x=np.repeat(y[:, None], 3, axis=1), **{labels: y})
    d = from_file(tmp_path / "mine.npz")
    np.testing.assert_array_equal(d.x[:, 0], d.labels)
    np.testing.assert_array_equal(d.held_out[:, 0], d.held_out_labels)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": X}, "it has z; expected an .npy file"),
        ({}, "it has nothing; expected"),
        ({"x": X, "x_train": X}, "it has both x and x_train: which one is meant"),
        ({"x": X[0]}, r"x is float64 of shape \(6,\), expected real numbers of shape \(N, D\)"),
        ({"x": X[:0]}, "and not empty"),
        ({"x": X + 0j}, "x is complex128"),
        ({"x": np.full((3, 3), "a")}, "x is <U1"),
        ({"x": np.full((3, 3), None)}, "cannot be read .*allow_pickle=False"),
        ({"x": np.where(X > 2.9, np.nan, X)}, r"must be finite, but .* is nan"),
        ({"x": X * 1e300}, "must be finite, but .* is -?inf"),
        ({"x": X[:1]}, "held_out=1 leaves nothing to train on"),
        ({"x": X, "y": np.arange(19)}, r"the labels have shape \(19,\), expected \(20,\)"),
        ({"x": X, "y": X[:, 0]}, "labels must be an array of integers"),
        ({"x": X, "x_test": X[:, :2]}, r"x_test is float64 of shape \(20, 2\), but x is"),
        ({"x": X, "x_test": X.astype(np.uint8)}, "x_test is uint8"),
        ({"x": X, "x_test": X, "y_test": np.arange(3)}, "held_out_labels has shape"),
        ({"x": X, "x_test": X[:0]}, r"x_test is .* and not empty"),
    ],
)
def test_npz_refuses(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path))}/bad.npz: .*{message}"):
        from_file(tmp_path / "bad.npz")


def test_paths_that_are_not_files_of_arrays(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none.npz: expected an .npy"):
        from_file(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"is a folder: expected an .npy"):
        load(tmp_path)
    (tmp_path / "mine.csv").write_text("1,2,3")
    with pytest.raises(ValueError, match=r"mine.csv is another file: expected an .npy"):
        load(tmp_path / "mine.csv")
    np.save(tmp_path / "pickled.npy", np.array([{}, None]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"pickled.npy: cannot be read \(.*allow_pickle=False"):
        from_file(tmp_path / "pickled.npy")


@pytest.mark.parametrize("name", ["whole.npy", "whole.npz"])
def test_cut_short_at_any_byte_is_an_error(tmp_path, name):
    np.save(tmp_path / "whole.npy", X[:4])
    np.savez_compressed(tmp_path / "whole.npz", x=X[:4])
    whole, part = (tmp_path / name).read_bytes(), tmp_path / f"part{name[-4:]}"
    for length in range(len(whole)):
        part.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"part.npy?z?: cannot be read"):
            from_file(part)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(where=st.integers(0), value=st.integers(0, 255), name=st.sampled_from(["a.npy", "a.npz"]))
def test_a_damaged_byte_is_an_error_or_a_data_set(tmp_path, where, value, name):
    (np.save if name == "a.npy" else np.savez_compressed)(tmp_path / name, X)
    data = bytearray((tmp_path / name).read_bytes())
    data[where % len(data)] = value
    (tmp_path / name).write_bytes(data)
    try:
        from_file(tmp_path / name)
    except ValueError as error:
        assert name in str(error)  # noqa: PT017


def test_arrays_make_a_data_set(tmp_path):
    x = np.random.default_rng(0).random((30, 4, 5))
    d = from_arrays(x, np.arange(30), held_out=6)
    assert (d.x.shape, d.held_out.shape, d.image_shape) == ((24, 20), (6, 20), (4, 5))
    np.save(tmp_path / "same.npy", x)
    np.testing.assert_array_equal(d.x, from_file(tmp_path / "same.npy", held_out=6).x)
    rows = {tuple(row) for row in np.concatenate([d.x, d.held_out]).tolist()}
    assert rows == {tuple(row) for row in x.reshape(30, 20).astype(np.float32).tolist()}


def test_lists_are_not_arrays():
    with pytest.raises(TypeError, match="x must be a NumPy array, not list"):
        from_arrays([[0.0, 1.0]])
