"""Files that are whole or not there: a run is saved beside its old copy and then renamed over it.

A checkpoint is one .npz: arrays by name, and a JSON text that says what they are. No pickle, so
opening a stranger's checkpoint runs nothing.
"""

import json
import os
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

FORMAT = 1


@contextmanager
def replacing(path):
    """Open a file for writing bytes that takes the name `path` only once it is complete.

    A process killed on the way leaves the old file as it was. OSError, naming path, if its folder
    cannot be written or the disk is full.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # it is gone if all went well
            part.unlink()


def write_json(path, value):
    """`value` as JSON at `path`. ValueError for a number that is not finite."""
    with replacing(path) as file:
        file.write((json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def save(path, arrays, about):
    """Write `arrays`, a dict, and `about`, a dict that JSON can hold, as one file."""
    text = json.dumps({"format": FORMAT, "arrays": list(arrays)} | about, allow_nan=False)
    with replacing(path) as file:
        np.savez(file, about=np.frombuffer(text.encode(), np.uint8), **arrays)


def load(path):
    """(arrays, about) as `save` was given them.

    FileNotFoundError if there is nothing at path; ValueError if it is no checkpoint, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns of headers that no run of ours has
            with np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop("about").tobytes())
        version = about.pop("format")
        if version == FORMAT and arrays.keys() != set(about.pop("arrays")):
            raise ValueError(f"it holds only {', '.join(arrays) or 'nothing'}")
    except Exception as error:  # a damaged file fails in zipfile, zlib, tokenize, json or NumPy
        why = type(error).__name__
        raise ValueError(f"{path} is damaged or is no checkpoint of tinyvae ({why})") from error
    if version != FORMAT:
        raise ValueError(f"{path} has format {version}, this version reads format {FORMAT}")
    return arrays, about
