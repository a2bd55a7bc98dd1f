"""Heston's model: a price whose variance is itself random, and the transform of its law.

    d log S = -v/2 dt + sqrt(v) dW,   dv = kappa (eta - v) dt + vol_of_vol sqrt(v) dZ,
    dW dZ = rho dt,   v = v0 at the start; S stands for the forward, which has no drift.

All that European options need is the moment E[(S_T/F)^z] for complex z, which is known in closed
form. At z = iu it is the characteristic function of log(S_T/F).

Source: Heston (1993), A Closed-Form Solution for Options with Stochastic Volatility.
"""

from dataclasses import astuple, dataclass

import numpy as np

from tinyvae.errors import check_inside, check_positive


@dataclass(frozen=True, eq=False)
class Heston:
    """The parameters, numbers or arrays that broadcast: one law, or a whole table of them.

    kappa: mean reversion, per year; eta: the variance it reverts to, and v0, that of today, per
    year; rho: correlation of price and variance; vol_of_vol: per year, sigma in the literature.

    Raises ValueError unless all are positive and finite, and rho is between -1 and 1.
    """

    kappa: np.ndarray
    eta: np.ndarray
    rho: np.ndarray
    vol_of_vol: np.ndarray
    v0: np.ndarray

    def __post_init__(self):
        positive = {name: value for name, value in vars(self).items() if name != "rho"}
        check_positive(**positive)
        check_inside(rho=self.rho, above=-1.0, below=1.0)
        arrays = np.broadcast_arrays(*(np.asarray(value, float) for value in vars(self).values()))
        for name, array in zip(vars(self), arrays, strict=True):
            object.__setattr__(self, name, array)

    @property
    def shape(self):
        """The shape that the parameters broadcast to."""
        return self.kappa.shape

    def __getitem__(self, index):
        """The laws at an index; [..., None] gives a last axis to broadcast against others."""
        return Heston(*(array[index] for array in astuple(self)))

    def mean_total_variance(self, T):
        """E[integral of v over (0, T)] = eta T + (v0 - eta) (1 - e^(-kappa T))/kappa."""
        return self.eta * T - (self.v0 - self.eta) * np.expm1(-self.kappa * T) / self.kappa


def log_moment(z, T, model):
    """log E[(S_T/F)^z] for complex z with critical_moments < Re z < critical_moments.

    With beta = kappa - rho vol_of_vol z, m = z² - z, d = sqrt(beta² - vol_of_vol² m), Re d >= 0,
    r = (beta - d)/vol_of_vol², q = (1 - e^(-dT))/d and x = vol_of_vol² r q/2:

        v0 m q/(2 + 2x) + kappa eta (r T - 2 log(1 + x)/vol_of_vol²).

    That is the "little Heston trap": only e^(-dT) occurs, nothing overflows, and the logarithm
    stays on its principal branch. r = m/(beta + d), too: of the two the one that does not cancel
    is taken, so that nothing is lost as vol_of_vol -> 0. z, T and the model broadcast.

    Sources: Albrecher, Mayer, Schoutens & Tistaert (2007), The Little Heston Trap; Lord & Kahl
    (2010), Complex Logarithms in Heston-Like Models.
    """
    variance = model.vol_of_vol**2
    beta = model.kappa - model.rho * model.vol_of_vol * z
    m = z * (z - 1.0)
    d = np.sqrt(beta * beta - variance * m + 0j)
    d = np.where(d == 0, 1e-150, d)  # q -> T
    r = np.where(beta.real > 0, m / _nonzero(beta + d), (beta - d) / variance)
    q = -np.expm1(-d * T) / d
    x = 0.5 * variance * r * q
    drift = model.kappa * model.eta * (r * T - 2.0 / variance * _log1p(x))
    return 0.5 * model.v0 * m * q / (1.0 + x) + drift


def characteristic_function(u, T, model):
    """E[e^(iu log(S_T/F))] for real or complex u; u, T and the model broadcast."""
    return np.exp(log_moment(1j * np.asarray(u), T, model))


def explosion_time(p, model):
    """The time from which E[S^p] is infinite, p real: infinity where there is none.

    The first zero of cosh(dT/2) + (beta/d) sinh(dT/2), beta and d as in `log_moment`.
    Source: Andersen & Piterbarg (2007), Moment Explosions in Stochastic Volatility Models, 3.1.
    """
    beta = model.kappa - model.rho * model.vol_of_vol * p
    square = beta * beta - model.vol_of_vol**2 * (p * p - p)
    d = np.sqrt(np.abs(square))
    with np.errstate(divide="ignore", invalid="ignore"):  # in branches that are not taken
        real = np.where(beta < 0, np.log((beta - d) / (beta + d)) / d, np.inf)
        imaginary = 2.0 / d * np.arctan2(d, -beta)
    return np.where(square < 0, imaginary, np.where(d == 0, _double(beta), real))


def critical_moments(T, model):
    """(lower, upper), lower < 0 and upper > 1: E[S_T^p] is finite between them, by bisection.

    Both are a rounding inside; beyond 1e6 they are not looked for, and 1e6 stands.
    """
    shape = np.broadcast_shapes(np.shape(T), model.shape)
    found = []
    for start, sign in ((0.0, -1.0), (1.0, 1.0)):
        inside, outside = np.zeros(shape), np.ones(shape)
        for _ in range(20):
            finite = explosion_time(start + sign * outside, model) > T
            inside = np.where(finite, outside, inside)
            outside = np.where(finite, 2.0 * outside, outside)
        for _ in range(50):
            middle = 0.5 * (inside + outside)
            finite = explosion_time(start + sign * middle, model) > T
            inside, outside = np.where(finite, middle, inside), np.where(finite, outside, middle)
        found.append(start + sign * inside)
    return tuple(found)


def _log1p(z):
    """log(1 + z) with its digits near z = 0, which NumPy's own loses for complex z."""
    x, y = z.real, z.imag
    return 0.5 * np.log1p(x * (2.0 + x) + y * y) + 1j * np.arctan2(y, 1.0 + x)


def _double(beta):
    """The explosion time where d = 0: the zero of 1 + beta T/2."""
    with np.errstate(divide="ignore"):
        return np.where(beta < 0, -2.0 / beta, np.inf)


def _nonzero(z):
    return np.where(z == 0, 1.0, z)
