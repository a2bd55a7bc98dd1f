"""What does a latent mean, and how well do the latents know the causes? Least squares, both ways.

    y = sum_f coefficient_f feature_f(x) + rest,   features 1, x_i and, at degree 2, x_i x_j

R² = 1 - mean rest² / variance of y, on examples that the coefficients were not fitted to: 1 where y
is known from x, 0 where it is no better than its mean, below 0 where it is worse.

From the latents to a parameter: how much of it the code holds, in straight lines, or curved ones.
From all parameters to a latent: whether these are what moves it. One latent and one parameter
alone: what the latent stands for. The prior looks the same after every rotation, so nothing asks a
latent to stand for one parameter, or two trainings for the same: a table of such numbers is about
one training, what the latents know together is not.

Why not the mutual information of disentanglement.py: where posteriors are as narrow as those of
data without noise, z names the example, and so knows whatever one asks, chance included.
"""

import numpy as np

from tinyvae.errors import check_finite, check_shape


def features(x, degree):
    """1, x_i and, at degree 2, the products x_i x_j with i <= j: x (N, A) to (N, F)."""
    if degree not in (1, 2):
        raise ValueError(f"degree must be 1 or 2, not {degree!r}")
    columns = [np.ones((len(x), 1)), x]
    if degree == 2:
        i, j = np.triu_indices(x.shape[1])
        columns.append(x[:, i] * x[:, j])
    return np.hstack(columns)


def r_squared(x, y, x_new, y_new, *, degree=1):
    """R² (B,) of y_new (M, B) from x_new (M, A), by the least squares of y (N, B) on x (N, A).

    ValueError for shapes that do not fit, numbers that are not finite, fewer examples than features
    and a column of y_new that is the same everywhere: there is nothing to explain.
    """
    x, y, x_new, y_new = (np.asarray(each, float) for each in (x, y, x_new, y_new))
    check_shape("x", x, ("N", "A"))
    check_shape("y", y, (len(x), "B"))
    check_shape("x_new", x_new, ("M", x.shape[1]))
    check_shape("y_new", y_new, (len(x_new), y.shape[1]))
    for name, each in (("x", x), ("y", y), ("x_new", x_new), ("y_new", y_new)):
        check_finite(name, each)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)  # so that no feature outweighs the others
    known, new = (features((each - centre) / scale, degree) for each in (x, x_new))
    if len(known) < known.shape[1]:
        raise ValueError(f"x has {len(x)} examples, too few for {known.shape[1]} coefficients")
    spread = y_new.var(axis=0)
    if not (spread > 0.0).all():
        raise ValueError(f"y_new[:, {int(np.argmin(spread))}] is the same for every example")
    coefficients, *_ = np.linalg.lstsq(known, y, rcond=None)
    return 1.0 - ((y_new - new @ coefficients) ** 2).mean(axis=0) / spread


def one_by_one(x, y, x_new, y_new, *, degree=1):
    """The same for each pair of a column of x and one of y: (A, B)."""
    return np.array(
        [
            r_squared(x[:, [j]], y, x_new[:, [j]], y_new, degree=degree)
            for j in range(np.shape(x)[1])
        ]
    )
