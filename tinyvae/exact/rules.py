"""The arithmetic under `quadrature.py`: the rule on one panel, and the limit of a sequence.

Sources: Kronrod (1965), with the numbers of QUADPACK's QK15 (Piessens et al., 1983); Berrut &
Trefethen, Barycentric Lagrange Interpolation (2004), section 9.3; Wynn, On a Device for Computing
the e_m(S_n) Transformation (1956).
"""

import math

import numpy as np

EPS = float(np.finfo(np.float64).eps)

# Kronrod's nodes from the edge 1 to the middle 0, their weights, and Gauss's on every second one.
_X = (
    "0.991455371120812639206854697526329 0.949107912342758524526189684047851 "
    "0.864864423359769072789712788640926 0.741531185599394439863864773280788 "
    "0.586087235467691130294144691693600 0.405845151377397166906606412076961 "
    "0.207784955007898467600689403773245 0.0"
)
_K = (
    "0.022935322010529224963732008058970 0.063092092629978553290700663189204 "
    "0.104790010322250183839876322541518 0.140653259715525918745189590510238 "
    "0.169004726639267902826583426598550 0.190350578064785409913256402421014 "
    "0.204432940075298892414161999234649 0.209482141084727828012999174891714"
)
_G = (
    "0.129484966168869693270611432679082 0.279705391489276667901467771423780 "
    "0.381830050505118944950369775488975 0.417959183673469387755102040816327"
)


def _mirrored(text, sign=1.0):
    half = np.array([float(number) for number in text.split()])
    return np.concatenate([sign * half, half[-2::-1]])


NODES = _mirrored(_X, sign=-1.0)  # 15, on (-1, 1)
KRONROD = _mirrored(_K)
GAUSS = np.zeros(15)
GAUSS[1::2] = _mirrored(_G)


def interpolation(nodes):
    """Of the polynomial through values at the nodes: (its slopes there, its values at -1 and 1).

    With v_i = 1 / prod over j of (x_i - x_j): l_j'(x_i) = (v_j / v_i) / (x_i - x_j), l_i' such that
    the slopes of a constant are 0; l_j(x) = v_j / (x - x_j), divided by the sum of these over j.
    """
    gaps = nodes[:, None] - nodes + np.eye(len(nodes))
    v = 1.0 / gaps.prod(axis=1)
    slopes = v / v[:, None] / gaps - np.eye(len(nodes))
    slopes -= np.diag(slopes.sum(axis=1))
    ends = v / (np.array([[-1.0], [1.0]]) - nodes)
    return slopes, ends / ends.sum(axis=1, keepdims=True)


SLOPES, ENDS = interpolation(NODES)
BLIND = 1.0 - NODES[-1]  # from the last node to the edge


def kronrod(g, beside):
    """(integral, error, integral of |g|) on [-1, 1], from g (..., 17) at the nodes and at -1 and 1.

    beside (17,) says how far beside these places g was read; the slope of the polynomial p through
    the nodes takes that out to first order. The error is QUADPACK's, from the difference of the two
    rules, and what a step behind the last node may add: g at the edge is then not where p is.
    """
    slopes = g[..., :15] @ SLOPES.T
    edges = g[..., 15:] - beside[..., 15:] * (slopes @ ENDS.T)
    g = g[..., :15] - beside[..., :15] * slopes
    y, size = g @ KRONROD, np.abs(g) @ KRONROD
    spread = np.abs(g - 0.5 * y[..., None]) @ KRONROD
    error = np.minimum(1.0, (200.0 * np.abs(y - g @ GAUSS) / spread) ** 1.5) * spread
    missed = np.abs(edges - g @ ENDS.T) - 1e3 * EPS * size[..., None]
    error = np.where(spread == 0, 0.0, error) + BLIND * np.maximum(missed, 0.0).sum(axis=-1)
    return y, error, size


def limit(sums):
    """(limit, error) of a sequence of at least three sums, by Wynn's epsilon algorithm.

    e_{k+1}(n) = e_{k-1}(n+1) + 1 / (e_k(n+1) - e_k(n)), e_0 = the sums, e_{-1} = 0. The column 2k
    is constant, and the limit, for k geometric sequences, or for one times a polynomial, r^n n²:
    what the octaves of a power times powers of a logarithm are. The column that moves least is
    taken; as the sums go on like r^n, 1/(1 - r) of its last steps may be missing. The algorithm
    has a limit for r >= 1, too, where the sums have none: their error is infinite.
    """
    before, column = np.zeros(len(sums) + 1), np.asarray(sums, dtype=float)
    y, error = column[-1], abs(column[-1] - column[-2])
    r = abs((sums[-1] - sums[-2]) / ((sums[-2] - sums[-3]) or math.inf))
    if not r < 1.0:
        return y, math.inf
    for k in range(1, len(sums) - 2):
        with np.errstate(all="ignore"):
            before, column = column, before[1:-1] + 1.0 / np.diff(column)
        if not np.isfinite(column).all():
            break
        if k % 2 == 0:
            moved = abs(np.diff(column[-3:])).max()
            if moved < error:
                y, error = column[-1], moved
    return y, error / (1.0 - r) + 8.0 * EPS * abs(y)


def gauss_hermite(f, nodes=80):
    """E f(eps), eps ~ N(0, 1): the sum of w_i f(x_i), exact for polynomials of degree < 2 nodes.

    f takes the array of nodes. For a smooth f alone; `integrate` is for kinks and steps.
    """
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    return f(x) @ w / math.sqrt(2.0 * math.pi)
