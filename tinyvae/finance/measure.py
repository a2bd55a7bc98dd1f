"""How far one set of surfaces is from another, in the units in which people speak of them."""

from dataclasses import dataclass

import numpy as np

from tinyvae.data.heston import YEAR
from tinyvae.errors import check_finite, check_shape

# What the project whose case this is reports for one surface fitted through its decoder: a mean
# square of IV² times days.
PUBLISHED = 6.6e-3


@dataclass(frozen=True, eq=False)
class Distance:
    """Of N surfaces. rmse, worst: of the volatility, 0.01 a volatility point; where (n, m, j) the
    worst is. square_days (N,): each surface's mean square of IV² times days; map (M, K): the root
    mean square volatility at each point, NaN where there is none."""

    rmse: float
    worst: float
    where: tuple
    square_days: np.ndarray
    map: np.ndarray


def distance(data, found, true):
    """The `Distance` of total variances found (N, M, K) from the true ones, NaN where not kept.

    A total variance below 0 counts as a volatility of 0. ValueError for shapes that do not fit,
    and numbers that are not finite where kept.
    """
    check_shape("found", found, ("N", *data.kept.shape))
    check_shape("true", true, found.shape)
    for name, each in (("found", found), ("true", true)):
        check_finite(f"{name}[:, kept]", each[:, data.kept])
    years = (data.maturity_days / YEAR)[:, None]
    off = np.sqrt(np.maximum(found, 0.0) / years) - np.sqrt(np.maximum(true, 0.0) / years)
    inside = off[:, data.kept]
    each = np.full(data.kept.shape, np.nan)
    each[data.kept] = np.sqrt((inside**2).mean(axis=0))
    where = np.unravel_index(np.nanargmax(np.abs(off)), off.shape)
    return Distance(
        rmse=float(np.sqrt((inside**2).mean())),
        worst=float(np.abs(inside).max()),
        where=tuple(map(int, where)),
        square_days=(((found - true)[:, data.kept] * YEAR) ** 2).mean(axis=1),
        map=each,
    )
