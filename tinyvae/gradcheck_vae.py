"""Every entry of a VAE's gradient, checked by moving units instead of weights.

In a = h @ W + b the weights into unit j act through a_j alone, and each example acts on its own
bound alone. So one complex step of a_j, in all B examples at once, gives B slopes dL/da_bj, and
with them the derivative in every weight of the unit,

    dL/dW_ij = sum_b h_bi dL/da_bj,        dL/db_j = sum_b dL/da_bj.

A network of 64-128-8 has 19,792 parameters and 336 units, and so many times fewer things to move.
That a weight acts by h @ W + b and in no other way is checked as well, along a random direction.
"""

import numpy as np

from tinyvae.differences import EPS, METHODS
from tinyvae.errors import check_number, check_shape
from tinyvae.protocol import float64
from tinyvae.report import Report, Row
from tinyvae.watch import Recorder

STEP = METHODS["complex"].h
STREAM = 6  # of the seed: another one than those of the user's inputs and of `gradcheck`


def gradcheck_vae(vae, theta, *, x, eps, beta=1.0, rtol=METHODS["complex"].rtol, seed=0):
    """Compare the gradient of `vae.loss` with complex steps of its units: a Report, a row a block.

    theta (P,), x (B, D), eps (B, Z): float64; the objective is 'analytic'. An entry passes if it is
    off by at most rtol times itself, and by what rounding does to the sum over the examples. seed:
    of the random direction.
    TypeError for arrays that are not float64; ValueError for shapes that do not fit, or an rtol
    that is not positive; NotFinite where the loss is not finite.
    """
    arrays = {"theta": theta, "x": x, "eps": eps}
    theta, x, eps = (float64(name, array) for name, array in arrays.items())
    check_shape("eps", eps, (len(x), vae.latent))
    check_number("rtol", rtol, above=0)
    _, vjp = vae.loss(theta, x=x, eps=eps, beta=beta)
    (dtheta,) = vjp(1.0)

    def bound(theta, **watch):
        return vae.bound(theta, x=x, eps=eps, beta=beta, **watch)[0]

    numeric = derivatives(vae, theta, x, bound)
    claimed = vae.layout.views(dtheta)
    rows = [compare(f"theta[{k!r}]", claimed[k], *numeric[k], rtol) for k in claimed]
    whole = vae.layout.flatten({k: number for k, (number, _) in numeric.items()})
    v = np.random.default_rng([seed, STREAM]).standard_normal(len(theta))
    along = -bound(theta + 1j * STEP * v).imag.mean() / STEP
    size = np.abs(whole * v).sum()
    rows += [compare("theta, along a direction", whole @ v, along, 10 * EPS * size, rtol)]
    return Report("VAE.loss", "complex", rtol, rows)


def derivatives(vae, theta, x, bound):
    """{name of a block: (its derivative, what rounding may do to it)}."""
    nodes, found = Recorder(), {}
    bound(theta, watch=nodes)
    for layer, h in layers(vae, nodes, x):
        da = slopes(layer, theta, bound, len(x))
        for kind, reads in (("W", h), ("b", np.ones((len(x), 1)))):
            name, derivative = f"{layer.name}.{kind}", reads.T @ da
            # What the sum over the examples rounds away, and what the slopes themselves have lost.
            floor = 10 * EPS * (np.abs(reads).T @ np.abs(da) + np.abs(derivative).max())
            shape = layer.shapes[name]
            found[name] = derivative.reshape(shape), floor.reshape(shape)
    for name, shape in vae.px.shapes.items():  # the likelihood's own, a number or none
        start = vae.layout.slices[name].start
        moved = theta.astype(complex)
        moved[start] += 1j * STEP
        each = -bound(moved).imag / (STEP * len(x))
        found[name] = each.sum().reshape(shape), 10 * EPS * np.abs(each).sum()
    return found


def layers(vae, nodes, x):
    """(layer, what it reads) for every Dense of the VAE; nodes: the arrays on the way, by name."""
    h = x
    for layer in vae.encoder.layers:
        yield layer, h
        h = nodes[layer.name]
    yield vae.mu, h
    yield vae.logvar, h
    g = nodes["z"]
    for layer in vae.decoder.layers:
        yield layer, g
        g = nodes[layer.name]
    yield vae.out, g


def slopes(layer, theta, bound, B):
    """dL/da (B, outputs) of a layer: one unit after the other, in all examples at once."""
    node = layer.name if layer.activation == "identity" else f"{layer.name}.a"
    da = np.empty((B, layer.outputs))
    for j in range(layer.outputs):

        def watch(name, array, j=j):
            if name != node:
                return array
            moved = array.astype(complex)
            moved[:, j] += 1j * STEP
            return moved

        da[:, j] = -bound(theta, watch=watch).imag / (STEP * B)
    return da


def compare(name, claimed, numeric, floor, rtol):
    """The Row of a block: its worst entry, and whether that is wrong."""
    claimed, numeric = np.asarray(claimed), np.asarray(numeric)
    size = np.maximum(np.abs(claimed), np.abs(numeric)) + floor / rtol
    with np.errstate(invalid="ignore"):
        error = np.abs(claimed - numeric) / np.where(size > 0.0, size, 1.0)
    error = np.where(np.isnan(error), np.inf, error)
    index = np.unravel_index(np.argmax(error), error.shape)
    row = Row(name, claimed.shape, claimed.size, error=float(error[index]), index=index)
    row.analytic, row.numeric = float(claimed[index]), float(numeric[index])
    if row.error > rtol:
        row.verdict = "wrong" if np.isfinite(row.error) else "nan"
        at = f"[{', '.join(map(str, index))}]" if index else ""
        row.note = row.disagreement(f"{name}{at}")
    return row
