"""What every data set is: examples to learn from, examples held out, and where they come from."""

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from tinyvae.errors import check_count, check_finite, check_shape, unknown

BINARIZATIONS = ("grey", "threshold", "dynamic")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples x (N, D) and held_out (M, D), float32, read-only; an image is one row, row-major.

    labels (N,), held_out_labels (M,): integers, or None. factors, held_out_factors: the true
    causes of drawn data, name -> (N,) or (M,), or None. image_shape: (height, width) where a row
    is an image, whose grey values are in [0, 1] (ink is 1). source: one line of credit that also
    says how the split was made. values: the binarization applied, "grey" for none.

    Raises TypeError for a wrong dtype, ValueError for a wrong shape or a value that is not finite.
    """

    name: str
    x: np.ndarray = field(repr=False)
    held_out: np.ndarray = field(repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    held_out_labels: np.ndarray | None = field(default=None, repr=False)
    image_shape: tuple[int, int] | None = None
    source: str = ""
    factors: dict | None = field(default=None, repr=False)
    held_out_factors: dict | None = field(default=None, repr=False)
    values: str = "grey"

    def __post_init__(self):
        if self.values not in BINARIZATIONS:
            raise unknown("binarization", self.values, BINARIZATIONS)
        for part, labels, factors in (
            ("x", "labels", "factors"),
            ("held_out", "held_out_labels", "held_out_factors"),
        ):
            rows = self._freeze_rows(part)
            self._freeze_labels(labels, len(rows))
            self._freeze_factors(factors, len(rows))
        if self.x.shape[1] != self.held_out.shape[1]:
            raise ValueError(
                f"x has {self.x.shape[1]} columns and held_out {self.held_out.shape[1]}:"
                " they must have the same"
            )
        if self.image_shape is not None and (
            len(self.image_shape) != 2 or prod(self.image_shape) != self.x.shape[1]
        ):
            raise ValueError(
                f"image_shape {self.image_shape} does not fit rows of {self.x.shape[1]} values:"
                " expected (height, width) with height * width of them"
            )

    def _freeze_rows(self, part):
        rows = getattr(self, part)
        if getattr(rows, "dtype", None) != np.float32:
            kind = getattr(rows, "dtype", type(rows).__name__)
            raise TypeError(f"{part} must be a float32 array, not {kind}")
        check_shape(part, rows, ("N", "D"))
        if rows.size == 0:
            raise ValueError(f"{part} has shape {rows.shape}: it must not be empty")
        check_finite(part, rows)
        object.__setattr__(self, part, read_only(rows))
        return rows

    def _freeze_labels(self, part, count):
        labels = getattr(self, part)
        if labels is None:
            return
        if getattr(labels, "dtype", np.dtype(object)).kind not in "iu":
            raise TypeError(f"{part} must be an array of integers, not {labels!r:.60}")
        check_shape(part, labels, (count,))
        object.__setattr__(self, part, read_only(labels))

    def _freeze_factors(self, part, count):
        factors = getattr(self, part)
        if factors is None:
            return
        for name, values in factors.items():
            check_shape(f"{part}[{name!r}]", values, (count,))
        frozen = {name: read_only(np.asarray(values)) for name, values in factors.items()}
        object.__setattr__(self, part, frozen)

    def binarized(self, how, *, rng=None):
        """The data set with black and white pixels: `how` is "grey", "threshold" or "dynamic".

        "grey": itself. "threshold": x > 0.5. "dynamic": each pixel is a Bernoulli draw with the
        grey value as its probability; held_out is drawn here, once, from `rng`, so that held-out
        figures can be compared, while x stays grey for the training loop to draw afresh each
        epoch with `bernoulli_draw` (Salakhutdinov & Murray 2008; Burda et al. 2016).

        Raises ValueError for an unknown name, values outside [0, 1], or a missing generator.
        """
        if how not in BINARIZATIONS:
            raise unknown("binarization", how, BINARIZATIONS)
        if self.values != "grey":
            raise ValueError(f"{self.name} is binarized already (values={self.values!r})")
        if how == "grey":
            return self
        for part in ("x", "held_out"):
            low, high = getattr(self, part).min(), getattr(self, part).max()
            if low < 0 or high > 1:
                raise ValueError(
                    f"binarization {how!r} needs values in [0, 1], but {part} of {self.name}"
                    f" runs from {low:g} to {high:g}"
                )
        if how == "threshold":
            x, held_out = ((part > 0.5).astype(np.float32) for part in (self.x, self.held_out))
            return replace(self, x=x, held_out=held_out, values=how)
        if rng is None:
            raise ValueError("binarization 'dynamic' draws held_out: pass rng, a numpy Generator")
        noise = rng.random(self.held_out.shape, dtype=np.float32)
        return replace(self, held_out=bernoulli_draw(self.held_out, noise=noise), values=how)


def bernoulli_draw(x, *, noise):
    """1 where noise < x, else 0: a Bernoulli(x) draw, if `noise` is uniform on [0, 1).

    x, noise (..., D); the result has x's shape and dtype.
    """
    return (noise < x).astype(x.dtype)


def split(x, labels=None, held_out=None, *, seed=0):
    """x, held-out x, labels, held-out labels: `held_out` examples set aside by a fixed shuffle.

    x (N, ...), labels (N,) or None; held_out None sets a tenth aside. `seed` is not the training
    seed: everybody who splits the same data holds out the same examples, and a smaller held-out
    set is part of a larger one.

    Raises TypeError or ValueError unless 1 <= held_out < N.
    """
    held_out = max(1, len(x) // 10) if held_out is None else check_count("held_out", held_out)
    if held_out >= len(x):
        raise ValueError(f"held_out={held_out} leaves nothing to train on: there are {len(x)}")
    # Sorting raw bits, not Generator.permutation: only the bit stream is the same in every NumPy.
    order = np.random.PCG64(seed).random_raw(len(x)).argsort(kind="stable")
    aside, kept = order[:held_out], order[held_out:]
    if labels is None:
        return x[kept], x[aside], None, None
    return x[kept], x[aside], labels[kept], labels[aside]


def first(x, labels, held_out):
    """The first `held_out` examples of a held-out part that came as its own file (None: all)."""
    if held_out is None:
        return x, labels
    if check_count("held_out", held_out) > len(x):
        raise ValueError(f"held_out={held_out}, but the held-out part has {len(x)} examples")
    return x[:held_out], None if labels is None else labels[:held_out]


def read_only(array):
    """A view of it that cannot be written to."""
    view = array.view()  # the caller's own array stays writable
    view.flags.writeable = False
    return view
