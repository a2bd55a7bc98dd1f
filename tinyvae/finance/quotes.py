"""A few quotes with errors, as a market gives them, in place of a whole surface."""

from dataclasses import dataclass, field

import numpy as np

from tinyvae.data.heston import YEAR
from tinyvae.errors import check_finite, check_number, check_positive, check_shape

MATURITIES = (26.0, 78.0, 182.0, 364.0)  # days
STRIKES = (-1.5, -0.75, 0.0, 0.75, 1.5)  # log-moneyness over LEVEL sqrt(T)
LEVEL = 0.22  # about sqrt(v0)


@dataclass(frozen=True, eq=False)
class Quotes:
    """N surfaces of which few points are known. volatility (N, M, K), NaN where there is no quote;
    its standard error, in volatility; and what `fit_latents` takes: x (N, D), weights (N, D)."""

    volatility: np.ndarray = field(repr=False)
    error: float
    x: np.ndarray = field(repr=False)
    weights: np.ndarray = field(repr=False)

    @property
    def count(self):
        """How many points of a surface are quoted."""
        return int(np.isfinite(self.volatility[0]).sum())


def quoted_points(data, maturities=MATURITIES, strikes=STRIKES):
    """Where there are quotes: (M, K), the kept points of the grid that are nearest to those
    maturities, in days, and to log-moneyness strike · LEVEL · sqrt(T), T in years."""
    days, k, at = data.maturity_days, data.log_moneyness, np.zeros(data.kept.shape, bool)
    for each in maturities:
        m = int(np.abs(days - each).argmin())
        near = np.array(strikes)[:, None] * LEVEL * np.sqrt(days[m] / YEAR)
        at[m, np.abs(k - near).argmin(axis=1)] = True
    return at & data.kept


def quote(data, total_variance, at, *, error, noise):
    """The `Quotes` of surfaces (N, M, K) at the points `at` (M, K): volatility + error · noise.

    noise (N, M, K) from N(0, 1).
    x is the total variance of the noisy quote, standardised as data.x; dx = 2 volatility T / scale
    is what a volatility moves it by, and the weight of a quote is 1 / (error dx)².
    ValueError for wrong shapes, an error or a total variance that is not positive, noise that is
    not finite, points that are not kept, and a quote that the noise takes to 0 or below.
    """
    total, noise = (np.asarray(each, float) for each in (total_variance, noise))
    check_shape("total_variance", total, ("N", *data.kept.shape))
    check_shape("at", at, data.kept.shape)
    check_shape("noise", noise, total.shape)
    error = check_number("error", error, above=0)
    if not at.any() or (at & ~data.kept).any():
        raise ValueError("at must mark one point or more, all of them kept")
    check_positive(**{"total_variance[:, at]": total[:, at]})
    check_finite("noise[:, at]", noise[:, at])
    years = (data.maturity_days / YEAR)[:, None]
    total = np.where(at, total, np.nan)
    volatility = np.sqrt(total / years) + error * noise
    if (lowest := volatility[:, at].min()) <= 0:
        raise ValueError(
            f"error must be smaller: {100 * error:g} volatility points take a quote down to"
            f" {100 * lowest:.3g}"
        )
    x = ((volatility**2 * years)[:, data.kept] - data.centre) / data.scale
    moved = error * (2.0 * volatility * years)[:, data.kept] / data.scale
    return Quotes(volatility, error, x, np.nan_to_num(1.0 / moved**2))
