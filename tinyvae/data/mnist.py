"""MNIST and its look-alikes (Fashion-MNIST, Kuzushiji-MNIST): four IDX files in a folder.

Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, 1998.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from tinyvae.data.dataset import Dataset, first, split
from tinyvae.data.idx import read_idx
from tinyvae.storage import replacing

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SHA256 = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}  # of the .gz files


def mnist(data_dir=None, *, download=False, held_out=None):
    """The Dataset in `data_dir`: x (60000, 784), held_out (10000, 784), grey values in [0, 1].

    data_dir: a folder with the four files, gzipped or not; by default `cache_dir()` / "mnist".
    Where only the train or only the t10k images are there, a tenth of them is held out. Label
    files may be missing. held_out: how many examples to hold out, if not the whole t10k part.
    download: fetch what is missing; the only thing in this package that uses the network.

    Raises FileNotFoundError without images, ValueError for damaged or disagreeing files or a
    wrong held_out, ConnectionError if a download fails.
    """
    folder = cache_dir() / "mnist" if data_dir is None else Path(data_dir).expanduser()
    if download:
        fetch(folder)
    parts = {
        part: pair for part in ("train", "t10k") if (pair := _read_pair(folder, part)) is not None
    }
    if not parts:
        raise FileNotFoundError(
            f"no MNIST images in {folder}: expected {', '.join(SHA256)} there, each with or"
            " without .gz. Name their folder with --data-dir (data_dir=...), fetch them with"
            f" --download (download=True), or {_by_hand(folder)}"
        )
    if len(parts) == 2:
        (x, labels), (aside, aside_labels) = parts.values()
        if x.shape[1:] != aside.shape[1:]:
            raise ValueError(
                f"{folder}: train images of shape {x.shape[1:]}, t10k images of {aside.shape[1:]}"
            )
        aside, aside_labels = first(aside, aside_labels, held_out)
        how = f"the t10k files' first {len(aside)} held out"
    else:
        ((part, (x, labels)),) = parts.items()
        x, aside, labels, aside_labels = split(x, labels, held_out)
        how = f"only {part} images there: a fixed shuffle keeps {len(x)} and holds out {len(aside)}"
    return Dataset(
        name="mnist",
        x=_grey(x),
        held_out=_grey(aside),
        labels=labels,
        held_out_labels=aside_labels,
        image_shape=x.shape[1:],
        source=f"MNIST (LeCun, Cortes and Burges, 1998) or a look-alike, from {folder}; {how}",
    )


def cache_dir():
    """Where downloads are kept: $TINYVAE_CACHE, or ~/.cache/tinyvae."""
    return Path(os.environ.get("TINYVAE_CACHE") or Path.home() / ".cache" / "tinyvae")


def fetch(folder, *, mirrors=MIRRORS, sha256=SHA256, timeout=30):
    """Download MNIST's files that `folder` lacks, each checked by its SHA-256.

    Raises ValueError if a file there is not MNIST's own (nothing is overwritten or mixed),
    ConnectionError with each mirror's reason if none had the right file, OSError if the folder
    cannot be written.
    """
    present = {name: path for name in sha256 if (path := _find(folder, name)) is not None}
    if len(present) == len(sha256):
        return
    for name, path in present.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256[name]:
            raise ValueError(
                f"{path} is not MNIST's {name}.gz (its SHA-256 differs): move it away,"
                " or download into another folder"
            )
    for name in [name for name in sha256 if name not in present]:
        path = folder / f"{name}.gz"
        data = _download(path, mirrors, sha256[name], timeout)
        with replacing(path) as file:
            file.write(data)


def _download(file, mirrors, sha256, timeout):
    """The bytes of the first mirror whose copy has the right SHA-256."""
    from http.client import HTTPException
    from urllib.request import urlopen

    reasons = []
    for mirror in mirrors:
        try:
            with urlopen(mirror + file.name, timeout=timeout) as answer:
                data = answer.read()
        except (OSError, HTTPException) as error:
            reasons.append(f"{mirror}: {error or type(error).__name__}")
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        reasons.append(f"{mirror}: {len(data)} bytes with the wrong SHA-256")
    raise ConnectionError(
        f"could not download {file.name} ({'; '.join(reasons)}): try again later,"
        f" or {_by_hand(file.parent)}"
    )


def _by_hand(folder):
    return f"by hand: save the four .gz files from {MIRRORS[0]} or {MIRRORS[1]} in {folder}"


def _find(folder, name):
    """The path of "train-images-idx3-ubyte" under any of its usual spellings, or None."""
    spellings = (name, name.replace("-idx", ".idx"))
    paths = [folder / f"{spelling}{gz}" for spelling in spellings for gz in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)


def _read_pair(folder, part):
    """images (N, height, width) uint8 and labels (N,) or None; None without images."""
    path = _find(folder, f"{part}-images-idx3-ubyte")
    if path is None:
        return None
    images = read_idx(path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"{path}: {images.dtype} of shape {images.shape}, expected images:"
            " uint8 of shape (N, height, width)"
        )
    if not images.size:
        raise ValueError(f"{path} holds no images: its shape is {images.shape}")
    labels_path = _find(folder, f"{part}-labels-idx1-ubyte")
    if labels_path is None:
        return images, None
    labels = read_idx(labels_path)
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{labels_path}: {labels.dtype} of shape {labels.shape}, expected labels:"
            f" one integer for each of the {len(images)} images in {path.name}"
        )
    return images, labels


def _grey(images):
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32)
