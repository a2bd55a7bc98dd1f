"""Data sets by name: `load("digits")`. Nothing is fetched unless `download=True` asks for it."""

from functools import partial
from inspect import signature
from pathlib import Path

from tinyvae.data.dataset import Dataset, bernoulli_draw, split
from tinyvae.data.digits import digits
from tinyvae.data.files import from_arrays, from_file
from tinyvae.data.glyphs import glyphs, load_glyphs
from tinyvae.data.heston import heston, heston_surfaces
from tinyvae.data.mnist import mnist
from tinyvae.data.toys import TOYS, load_toy, toy
from tinyvae.errors import unknown

__all__ = [
    "DATASETS",
    "Dataset",
    "bernoulli_draw",
    "digits",
    "from_arrays",
    "from_file",
    "glyphs",
    "heston",
    "heston_surfaces",
    "load",
    "mnist",
    "split",
    "toy",
]

# name -> a function that returns the Dataset; what it takes by keyword is what `load` accepts
DATASETS = {
    "digits": digits,
    "glyphs": load_glyphs,
    "heston": heston,
    "mnist": mnist,
    **{name: partial(load_toy, name) for name in TOYS},
}


def load(name, *, data_dir=None, download=False, n=None, held_out=None):
    """The Dataset called `name`: one of DATASETS, or the path of an .npy or .npz file.

    held_out: how many examples to hold out. n: how many to draw for training (glyphs and toys).
    data_dir, download: the folder with the four files, and whether to fetch them (mnist).

    Raises ValueError for an unknown name or an option that does not apply; what the loader raises.
    """
    if name in DATASETS:
        loader = DATASETS[name]
    elif str(name).endswith((".npy", ".npz")) or Path(name).exists():
        loader = partial(from_file, name)
    else:
        raise unknown("data set", name, [*DATASETS, "a path to an .npy or .npz file"])
    given = {"data_dir": data_dir, "download": download or None, "n": n, "held_out": held_out}
    options = {option: value for option, value in given.items() if value is not None}
    accepted = [option for option in given if option in signature(loader).parameters]
    for option in options:
        if option not in accepted:
            raise ValueError(
                f"{option} does not apply to the data set {str(name)!r},"
                f" which takes {' and '.join(accepted)}"
            )
    return loader(**options)
