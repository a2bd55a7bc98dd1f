"""MultivariateNormal(loc, scale_tril): N(loc, L Lᵀ), given by the Cholesky factor L.

The factor, lower triangular with a positive diagonal, is the matrix that makes correlated numbers
of independent ones, z = loc + L eps; any such L is a covariance, and log det L Lᵀ is a sum.
"""

import math

import numpy as np

from tinyvae.distributions import noises
from tinyvae.distributions.law import along_event, value_of
from tinyvae.distributions.sets import check
from tinyvae.ops import sum_to

PARAMS = {"loc": "real vector", "scale_tril": "cholesky"}
EVENT = 1
KIND = "explicit"
WHY = "z = loc + L eps: standard noise, shifted, stretched and sheared"
REFERENCE = ("normal", (0.0, 1.0))  # of each coordinate: N(0, I)
LOG_2PI = math.log(2.0 * math.pi)

noise, mirror = noises.normal, noises.negate


def rsample(loc, scale_tril, *, noise):
    """z = loc + L eps with noise eps ~ N(0, I);  dloc = dz, dL = tril(dz epsᵀ).

    loc (..., D), scale_tril (..., D, D) lower triangular, noise (..., D), which broadcast.
    ValueError unless the diagonal is positive. Source: Kingma & Welling (2014), section 2.4.
    """
    L = _factor(loc, scale_tril)

    def vjp(dz):
        return _sum_to(dz, _outer(dz, noise), loc, scale_tril)

    return loc + (L @ noise[..., None])[..., 0], vjp


sample = value_of(rsample)


def log_prob(x, loc, scale_tril):
    """log p(x) = -|eps|²/2 - sum_i log L_ii - (D/2) log 2 pi, where L eps = x - loc, in nats.

    x (..., D), the result (...). dlog p/dx = -L^-T eps. ValueError as in `rsample`.
    """
    L = _factor(loc, scale_tril)
    eps = _solve(L, x - loc)

    def vjp(dy):
        dloc, dtril = score(x, loc, scale_tril)
        dloc, dtril = along_event(dy) * dloc, along_event(dy, 2) * dtril
        return sum_to(-dloc, np.shape(x)), *_sum_to(dloc, dtril, loc, scale_tril)

    return -0.5 * (eps * eps).sum(axis=-1) - _log_diagonal(L) - 0.5 * LOG_2PI * L.shape[-1], vjp


def score(x, loc, scale_tril):
    """dlog p/dloc = L^-T eps, dlog p/dL = tril(L^-T eps epsᵀ) - diag(1/L_ii), L eps = x - loc.

    Shapes (..., D) and (..., D, D), with the axes of x in front.
    """
    L = _factor(loc, scale_tril)
    eps = _solve(L, x - loc)
    dloc = _solve(L.swapaxes(-1, -2), eps)
    return dloc, np.tril(_outer(dloc, eps)) - _inverse_diagonal(L)


def entropy(loc, scale_tril):
    """H = (D/2) (1 + log 2 pi) + sum_i log L_ii, of shape (...).  dH/dL = diag(1/L_ii)."""
    L = _factor(loc, scale_tril)
    H = 0.5 * (1.0 + LOG_2PI) * L.shape[-1] + _log_diagonal(L)

    def vjp(dy):
        dtril = along_event(dy, 2) * _inverse_diagonal(L)
        return np.zeros_like(loc), sum_to(dtril, np.shape(scale_tril))

    return np.broadcast_to(H, _batch(loc, L))[()], vjp


def mean(loc, scale_tril):
    """E z = loc."""
    L = _factor(loc, scale_tril)
    y = np.broadcast_to(loc, (*_batch(loc, L), L.shape[-1]))
    return y, lambda dy: (sum_to(dy, np.shape(loc)), np.zeros_like(scale_tril))


def variance(loc, scale_tril):
    """Var z_i = sum_j L_ij², the diagonal of L Lᵀ, of shape (..., D)."""
    L = _factor(loc, scale_tril)
    y = np.broadcast_to((L * L).sum(axis=-1), (*_batch(loc, L), L.shape[-1]))

    def vjp(dy):
        return np.zeros_like(loc), sum_to(2.0 * dy[..., None] * L, np.shape(scale_tril))

    return y, vjp


def covariance(loc, scale_tril):
    """Cov z = L Lᵀ, of shape (..., D, D);  dL = tril((dy + dyᵀ) L)."""
    L = _factor(loc, scale_tril)
    y = np.broadcast_to(L @ L.swapaxes(-1, -2), (*_batch(loc, L), *L.shape[-2:]))

    def vjp(dy):
        dtril = np.tril((dy + dy.swapaxes(-1, -2)) @ L)
        return np.zeros_like(loc), sum_to(dtril, np.shape(scale_tril))

    return y, vjp


def factor(covariance):
    """The factor L of a covariance (..., D, D), symmetric and positive definite: L Lᵀ = covariance.

    dcovariance = (S + Sᵀ)/2 with S = L^-T Phi(Lᵀ dL) L^-1, where Phi keeps the lower triangle and
    halves the diagonal: what turns the gradients above into those of a covariance. Where it is not
    symmetric its symmetric part is meant. LinAlgError unless it is positive definite.
    Source: Murray, Differentiation of the Cholesky Decomposition (2016), equation 10.
    """
    L = np.linalg.cholesky(0.5 * (covariance + covariance.swapaxes(-1, -2)))
    if not np.isfinite(L).all():  # of which a GPU says nothing
        raise np.linalg.LinAlgError("Matrix is not positive definite")

    def vjp(dL):
        transposed = L.swapaxes(-1, -2)
        phi = np.tril(transposed @ np.tril(dL))
        phi = phi - 0.5 * phi * np.identity(L.shape[-1], L.dtype, like=L)
        half = np.linalg.solve(transposed, phi)  # L^-T Phi
        S = np.linalg.solve(transposed, half.swapaxes(-1, -2))  # and the transpose of S
        return (0.5 * (S + S.swapaxes(-1, -2)),)

    return L, vjp


def kl(loc, scale_tril):
    """KL(N(loc, L Lᵀ) || N(0, I)) = (|L|² + |loc|² - D)/2 - sum_i log L_ii, of shape (...).

    dloc = loc, dL = L - diag(1/L_ii). The terms of the diagonal, (L_ii² - 1)/2 - log L_ii, are
    computed from r = L_ii - 1 as in `normal.kl`.
    """
    L = _factor(loc, scale_tril)
    r = _diagonal(L) - 1.0
    below = np.tril(L, -1)
    y = 0.5 * ((loc * loc).sum(axis=-1) + (below * below).sum(axis=(-1, -2)))
    y = y + (0.5 * r * (r + 2.0) - np.log1p(r)).sum(axis=-1)

    def vjp(dy):
        dtril = along_event(dy, 2) * (L - _inverse_diagonal(L))
        return _sum_to(along_event(dy) * loc, dtril, loc, scale_tril)

    return y, vjp


def _factor(loc, scale_tril):
    """L, checked: what is above the diagonal is not read."""
    check(PARAMS, loc, scale_tril)
    return np.tril(scale_tril)


def _solve(L, x):
    """L⁻¹ x, for x (..., D). It broadcasts: `solve` does so by itself only on the host."""
    D, batch = L.shape[-1], np.broadcast_shapes(L.shape[:-2], x.shape[:-1])
    L, x = np.broadcast_to(L, (*batch, D, D)), np.broadcast_to(x, (*batch, D))
    return np.linalg.solve(L, x[..., None])[..., 0]


def _outer(x, y):
    """x yᵀ, for x and y (..., D)."""
    return x[..., :, None] * y[..., None, :]


def _diagonal(L):
    return np.diagonal(L, axis1=-2, axis2=-1)


def _log_diagonal(L):
    """sum_i log L_ii, which is half of log det L Lᵀ."""
    return np.log(_diagonal(L)).sum(axis=-1)


def _inverse_diagonal(L):
    """The matrix diag(1/L_ii), the gradient of sum_i log L_ii."""
    return np.identity(L.shape[-1], L.dtype, like=L) / _diagonal(L)[..., None]


def _batch(loc, L):
    """The axes in front of those of one draw."""
    return np.broadcast_shapes(np.shape(loc)[:-1], L.shape[:-2])


def _sum_to(dloc, dtril, loc, scale_tril):
    """The gradients, of what there is one of for each draw."""
    return sum_to(dloc, np.shape(loc)), sum_to(np.tril(dtril), np.shape(scale_tril))
