"""Your own data: arrays, or an .npy or .npz file with them."""

from pathlib import Path

import numpy as np

from tinyvae.data.dataset import Dataset, first, split

EXPECTED = (
    "expected an .npy file with an array (N, D) or (N, height, width), or an .npz file with it"
    " as x or x_train (and x_test; labels as y, labels or y_train, and y_test)"
)


def from_file(path, *, held_out=None):
    """The Dataset in an .npy or .npz file; its name is the file's stem.

    x or x_train: (N, D) or (N, height, width), real; uint8 is divided by 255, all else is taken
    as it is. x_test is held out (the first `held_out` of it) if the file has one; otherwise
    `held_out` examples of x, by default a tenth, are. Pickled objects are never loaded.

    Raises FileNotFoundError, or ValueError that names the file and says what was expected.
    """
    path = Path(path).expanduser()
    if path.is_dir() or path.suffix not in (".npy", ".npz"):
        raise ValueError(f"{path} is {'a folder' if path.is_dir() else 'another file'}: {EXPECTED}")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: {EXPECTED}")
    arrays = _read(path)
    try:
        return _dataset(path, arrays, held_out)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _dataset(path, arrays, held_out):
    _, x = _pick(arrays, "x", "x_train")
    if x is None:
        raise ValueError(f"it has {', '.join(arrays) or 'nothing'}; {EXPECTED}")
    _, labels = _pick(arrays, "y", "labels", "y_train")
    _, x_test = _pick(arrays, "x_test")
    _, labels_test = _pick(arrays, "y_test")
    test = {"x_test": x_test, "labels_test": labels_test, "held_out": held_out}
    return from_arrays(x, labels, name=path.stem, source=str(path), **test)


def from_arrays(
    x, labels=None, *, x_test=None, labels_test=None, held_out=None, name="arrays", source="arrays"
):
    """The Dataset of your own arrays: x (N, D), or (N, height, width) for pictures; labels (N,).

    Any real dtype; uint8 is divided by 255, all else is taken as it is. x_test is held out (the
    first `held_out` of it) if it is given; otherwise `held_out` examples of x, by default a tenth.

    Raises TypeError or ValueError for arrays of another kind or shape, or that do not match.
    """
    _check("x", x)
    if labels is not None and labels.shape != (len(x),):
        raise ValueError(f"the labels have shape {labels.shape}, expected ({len(x)},)")
    if x_test is None:
        x, x_test, labels, labels_test = split(x, labels, held_out)
        how = f"a fixed shuffle keeps {len(x)} and holds out {len(x_test)}"
    else:
        _check("x_test", x_test)
        if (x_test.dtype, x_test.shape[1:]) != (x.dtype, x.shape[1:]):
            raise ValueError(
                f"x_test is {x_test.dtype} of shape {x_test.shape}, but x is"
                f" {x.dtype} of shape {x.shape}"
            )
        x_test, labels_test = first(x_test, labels_test, held_out)
        how = f"{len(x)} to train on and the first {len(x_test)} of x_test held out"
    scaled = " (uint8, divided by 255)" if x.dtype == np.uint8 else ""
    return Dataset(
        name=name,
        x=_floats(x),
        held_out=_floats(x_test),
        labels=labels,
        held_out_labels=labels_test,
        image_shape=x.shape[1:] if x.ndim == 3 else None,
        source=f"{source}{scaled}; {how}",
    )


def _read(path):
    """The arrays in the file, by name; a single array is called x."""
    with path.open("rb") as file:
        try:
            content = np.load(file, allow_pickle=False)
            return {"x": content} if isinstance(content, np.ndarray) else dict(content)
        except Exception as error:  # a damaged file fails in zipfile, zlib, struct or NumPy
            raise ValueError(f"{path}: cannot be read ({error}): {EXPECTED}") from error


def _pick(arrays, *keys):
    """The one of `keys` that is there, and its array; None if none is."""
    found = [key for key in keys if key in arrays]
    if len(found) > 1:
        raise ValueError(f"it has both {' and '.join(found)}: which one is meant?")
    return (found[0], arrays[found[0]]) if found else (None, None)


def _check(key, x):
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{key} must be a NumPy array, not {type(x).__name__}")
    if x.dtype.kind not in "biuf" or x.ndim not in (2, 3) or x.size == 0:
        raise ValueError(
            f"{key} is {x.dtype} of shape {x.shape}, expected real numbers of shape"
            " (N, D) or (N, height, width), and not empty"
        )


def _floats(x):
    """x as float32 rows (N, D); what float32 cannot hold becomes infinite and is refused."""
    rows = x.reshape(len(x), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        return rows.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 else 1)
