"""The same prices in another way: the density of x = log(S_T/F) as a series of cosines.

On [a, b], which holds nearly all of the law, with w_n = n pi/(b - a), and ' for half the first:

    put = sum' of Re[E[e^(i w_n x)] e^(-i w_n a)] V_n,
    V_n = 2/(b - a) * integral of (e^k - e^x) cos(w_n (x - a)) dx over a < x < k.

No contour, no saddle, no integral: it checks `fourier`. Its error is absolute, about 1e-13, so
that it says nothing of the deep wings.

Source: Fang & Oosterlee (2008), A Novel Pricing Method for European Options Based on
Fourier-Cosine Series Expansions, section 3.
"""

import numpy as np

from tinyvae.errors import check_inside, check_positive
from tinyvae.finance.heston import critical_moments, log_moment

LEFT_OUT = 33.0  # no more than e^-33 of the law is on either side of [a, b]
LAST = 34.0  # the series ends where its terms are below e^-34


def puts(k, T, model):
    """The put (N, M, K) at every strike k (K,), maturity T (M,), and each of N laws.

    Raises ValueError unless k is finite and T positive.
    """
    k, T = np.asarray(k, float), np.asarray(T, float)
    check_inside(k=k)
    check_positive(T=T)
    laws = range(model.shape[0])
    return np.array([[put(k, maturity, model[i]) for maturity in T] for i in laws])


def put(k, T, model):
    """The put (K,) at every strike k (K,), for one maturity and one law."""
    a, b = _range(T, model)
    n = np.arange(np.ceil(_highest(T, model) * (b - a) / np.pi))
    w = n * np.pi / (b - a)
    weight = np.exp(log_moment(1j * w, T, model) - 1j * w * a).real * 2.0 / (b - a)
    weight[0] *= 0.5
    end = np.clip(k, a, b)[:, None]
    cosine, sine = np.cos(w * (end - a)), np.sin(w * (end - a))
    one = np.where(n > 0, sine / np.where(n > 0, w, 1.0), end - a)  # of cos
    growth = (np.exp(end) * (cosine + w * sine) - np.exp(a)) / (1.0 + w * w)  # of e^x cos
    return (np.exp(k)[:, None] * one - growth) @ weight


def _range(T, model):
    """a and b, by Chernoff's bound: P(x > b) <= E[e^(p x)] e^(-p b) for every p > 0."""
    found = []
    for end in critical_moments(T, model):
        p = end * np.linspace(0.0, 1.0, 201)[1:-1]
        found.append((log_moment(p, T, model).real + LEFT_OUT) / p)
    return found[0].max(), found[1].min()


def _highest(T, model):
    """A frequency from which |E[e^(iux)]| is below e^-LAST."""
    u = 2.0 ** np.arange(0.0, 20.0, 0.25)
    (small,) = np.nonzero(log_moment(1j * u, T, model).real < -LAST)
    if not small.size:
        raise ValueError(f"T={T:g} is too short for a series: more than {u[-1]:.0e} frequencies")
    return u[small[0]]
