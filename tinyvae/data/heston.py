"""Implied-volatility surfaces of Heston's model: computed, not fetched.

A surface is the volatility that Black and Scholes' formula needs to give the model's price, for
each maturity and strike. The grid of parameters, maturities and strikes is fixed below: spot 1,
no rates, v0 = 0.05.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import product

import numpy as np

from tinyvae.data.dataset import Dataset, read_only, split
from tinyvae.errors import check_finite, check_number, check_positive, check_shape
from tinyvae.finance import black_scholes, fourier
from tinyvae.finance.heston import Heston

PARAMETERS = ("kappa", "eta", "rho", "vol_of_vol")
V0 = 0.05
YEAR = 365.0  # days
MATURITY_DAYS = np.array([6, 12, 18, *range(26, 365, 26)], float)  # (17,)

# x³ for x from -0.4^(1/3) to 0.6^(1/3). No even grid of 101 points has 0 in it: here there are 47
# equal steps below 0 and 53 above, 0.01568 and 0.01591.
LOG_MONEYNESS = (
    np.concatenate([np.linspace(-np.cbrt(0.4), 0, 48)[:-1], np.linspace(0, np.cbrt(0.6), 54)]) ** 3
)

# The 625 combinations, (625, 4); eta is the square of five equally spaced volatilities.
GRID = np.array(
    list(
        product(
            np.linspace(0.1, 0.9, 5),
            np.linspace(0.05, 0.25, 5) ** 2,
            np.linspace(-0.9, -0.1, 5),
            np.linspace(0.1, 0.5, 5),
        )
    )
)


@dataclass(frozen=True, eq=False)
class Surfaces:
    """N surfaces on M maturities and K strikes.

    parameters (N, 4): the columns kappa, eta, rho, vol_of_vol; v0 (). maturity_days (M,), of years
    of 365 days; log_moneyness (K,): log(strike/forward). volatility (N, M, K), per root of a year,
    NaN where it is not determined; determined (N, M, K).
    """

    parameters: np.ndarray = field(repr=False)
    maturity_days: np.ndarray = field(repr=False)
    log_moneyness: np.ndarray = field(repr=False)
    volatility: np.ndarray = field(repr=False)
    determined: np.ndarray = field(repr=False)
    v0: float = V0

    def __post_init__(self):
        _freeze(self, "parameters maturity_days log_moneyness volatility determined")

    @property
    def total_variance(self):
        """(N, M, K): volatility² T, T in years. In days, volatility² times days, it is 365 times
        as large; a squared error, 365² times."""
        return self.volatility**2 * (self.maturity_days / YEAR)[:, None]


def heston_surfaces(
    parameters=None,
    *,
    v0=V0,
    maturity_days=MATURITY_DAYS,
    log_moneyness=LOG_MONEYNESS,
    resolution=0.0,
    tolerance=1e-4,
):
    """The Surfaces of parameters (N, 4), columns as PARAMETERS; None: of the 625 of GRID.

    A volatility is determined by its price where error/vega <= tolerance, by default a hundredth
    of a volatility point: the error of the price, which fourier.py estimates, and `resolution`,
    the smallest difference of prices that counts, in units of the forward, would move it by no
    more. With resolution 0 every point of the grid is determined, since the prices keep their
    digits however small they are. With 1e-12, what a pricer with rounding errors of the size of
    the forward can have, it is not in a third of the points at 6 days, and in 6 % of all.

    Raises TypeError or ValueError for what is not finite, in range or in shape.
    """
    parameters = np.array(GRID if parameters is None else parameters, float)
    days, k = np.array(maturity_days, float), np.array(log_moneyness, float)
    check_shape("parameters", parameters, ("N", 4))
    check_shape("maturity_days", days, ("M",))
    check_shape("log_moneyness", k, ("K",))
    for name, array in (("parameters", parameters), ("maturity_days", days), ("log_moneyness", k)):
        if not array.size:
            raise ValueError(f"{name} must not be empty")
    check_positive(maturity_days=days)
    check_finite("log_moneyness", k)
    check_number("v0", v0, above=0.0)
    check_number("resolution", resolution, at_least=0.0)
    check_number("tolerance", tolerance, above=0.0)
    model = Heston(*parameters.T, np.full(len(parameters), v0))
    years = days / YEAR
    priced = fourier.surfaces(k, years, model)
    total, determined = black_scholes.variance_of_log_price(priced.log_price, k)
    total[~determined] = 1.0  # any number: the point is left out
    root = np.sqrt(years)[:, None]
    with np.errstate(divide="ignore"):  # in logarithms, since both price and vega may underflow
        log_error = np.logaddexp(
            priced.log_price + np.log(priced.relative_error), np.log(resolution)
        )
    log_vega = black_scholes.log_vega(k, total) + np.log(root)
    determined &= log_error <= np.log(tolerance) + log_vega
    volatility = np.where(determined, np.sqrt(total) / root, np.nan)
    return Surfaces(parameters, days, k, volatility, determined, v0)


@dataclass(frozen=True, eq=False)
class SurfaceData(Dataset):
    """Surfaces as examples: a row is the total variance at the kept points of the grid, less
    `centre`, divided by `scale`, the mean and standard deviation of the training surfaces.

    maturity_days (M,), log_moneyness (K,), kept (M, K) with D points, centre (D,), scale (D,).
    """

    maturity_days: np.ndarray | None = field(default=None, repr=False)
    log_moneyness: np.ndarray | None = field(default=None, repr=False)
    kept: np.ndarray | None = field(default=None, repr=False)
    centre: np.ndarray | None = field(default=None, repr=False)
    scale: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self):
        super().__post_init__()
        check_shape("kept", self.kept, (len(self.maturity_days), len(self.log_moneyness)))
        points = (int(np.sum(self.kept)),)
        check_shape("centre", self.centre, points)
        check_shape("scale", self.scale, points)
        check_shape("x", self.x, ("N", *points))
        _freeze(self, "maturity_days log_moneyness kept centre scale")

    def total_variance(self, x):
        """(N, M, K) of features x (N, D), in float64: variance times years, NaN where not kept."""
        check_shape("x", x, ("N", len(self.centre)))
        surface = np.full((len(x), *self.kept.shape), np.nan)
        surface[:, self.kept] = self.centre + self.scale * x
        return surface

    def volatility(self, x):
        """(N, M, K) of features x (N, D); NaN where not kept, or where the total variance, which a
        model may make so, is negative."""
        total = self.total_variance(x)
        return np.sqrt(np.where(total >= 0, total, np.nan) / (self.maturity_days / YEAR)[:, None])

    def standardize(self, total_variance):
        """The features (N, D), float32, of total_variance (N, M, K), finite where kept."""
        check_shape("total_variance", total_variance, ("N", *self.kept.shape))
        points = np.asarray(total_variance)[:, self.kept]
        check_finite("total_variance[:, kept]", points)
        return ((points - self.centre) / self.scale).astype(np.float32)


def heston(*, held_out=None):
    """The data set: the 625 surfaces of GRID, of which `held_out`, or a tenth, are held out."""
    return surface_data(_grid(), held_out=held_out)


def surface_data(surfaces, *, held_out=None):
    """SurfaceData of `surfaces`, on the points that are determined in all of them.

    Raises ValueError for a wrong held_out, and if no point is left or one never changes.
    """
    train, aside, _, _ = split(np.arange(len(surfaces.parameters)), None, held_out)
    kept = surfaces.determined.all(axis=0)
    if not kept.any():
        raise ValueError("no point of the grid is determined in all surfaces")
    total = surfaces.total_variance[:, kept]
    centre, scale = total[train].mean(axis=0), total[train].std(axis=0)
    if not (scale > 0).all():
        raise ValueError(f"the {len(train)} surfaces to train on are the same somewhere")
    x = ((total - centre) / scale).astype(np.float32)
    factors = dict(zip(PARAMETERS, surfaces.parameters.T, strict=True))
    return SurfaceData(
        name="heston",
        x=x[train],
        held_out=x[aside],
        source=f"total implied variances of Heston models at {kept.sum()} maturities and strikes,"
        f" {len(train)} to train on and {len(aside)} held out by a fixed shuffle",
        factors={name: values[train] for name, values in factors.items()},
        held_out_factors={name: values[aside] for name, values in factors.items()},
        maturity_days=surfaces.maturity_days,
        log_moneyness=surfaces.log_moneyness,
        kept=kept,
        centre=centre,
        scale=scale,
    )


def _freeze(record, names):
    for name in names.split():
        object.__setattr__(record, name, read_only(getattr(record, name)))


@cache  # the same for every caller, and it takes seconds
def _grid():
    return heston_surfaces()
