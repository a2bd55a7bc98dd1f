"""The sets that parameters live in, by name, and the errors of those that do not."""

import numpy as np

from tinyvae.errors import check_inside, check_positive


def check(sets, *params):
    """ValueError, naming the parameter, unless each is in its set; sets: {name: set}, as PARAMS."""
    before = {}
    for (name, kind), param in zip(sets.items(), params, strict=True):
        SETS[kind](name, param, before)
        before[name] = param


def _real(name, param, before):
    check_inside(**{name: param})


def _positive(name, param, before):
    check_positive(**{name: param})


def _above_low(name, param, before):
    check_positive(**{f"{name} - low": param - before["low"]})


def _cholesky(name, param, before):
    if np.ndim(param) < 2 or param.shape[-1] != param.shape[-2]:
        raise ValueError(f"{name} must be a square matrix, (..., D, D), not {np.shape(param)}")
    diagonal = np.diagonal(param, axis1=-2, axis2=-1)
    check_positive(**{f"the diagonal of {name}": diagonal})
    check_inside(**{name: param})
    # A gradient check moves every entry a little, and finds that those above are not read.
    largest = np.real(diagonal).max(axis=-1)[..., None, None]
    if np.any(np.abs(np.triu(np.real(param), 1)) > 0.01 * largest):
        raise ValueError(f"{name} must be lower triangular, with zeros above the diagonal")


SETS = {
    "real": _real,
    "real vector": _real,
    "real matrix": _real,
    "real number": _real,
    "positive": _positive,
    "positive vector": _positive,
    "positive number": _positive,  # of a law of vectors: one for the whole vector
    "above low": _above_low,
    "cholesky": _cholesky,
}
