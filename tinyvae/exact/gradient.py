"""d E f(z) / dparam in two ways that share no formula: the score, and differences.

    gradient                  ∫ f(z) s(z) p(z) dz with the score s = dlog p/dparam, where there is
                              one; where the support moves, by differences
    gradient_by_differences   [E f at param + h, less E f at param - h] / 2h, extrapolated to h = 0

Neither differentiates f, so both are right for steps.
"""

import numpy as np

from tinyvae.distributions.law import name_of, offers
from tinyvae.exact.expectation import averages, expectation, landmarks
from tinyvae.exact.quadrature import NotReached

LEVELS = 9  # of halved steps, at most: h0, h0/2, ..., h0/256


def gradient(f, law, params, *, breaks=(), rtol=1e-11):
    """d E f(z) / dparam for each parameter: a tuple of floats, or of arrays of its shape.

    Arguments and errors as `expectation`.
    """
    params = tuple(np.asarray(p, dtype=float) for p in params)
    found = [None] * len(params)
    if offers(law, "score"):
        scores = enumerate(_probe(law, params))
        valid = [i for i, s in scores if s is not None and not _moves_support(law, params, i)]

        def functions(z):
            y, scores = f(z)[0], law.score(z, *params)
            return tuple(y.reshape(-1, *[1] * (scores[i].ndim - 1)) * scores[i] for i in valid)

        what = "the gradient of the expectation"
        averaged = averages(functions, law, params, breaks=breaks, rtol=rtol, what=what)
        for i, g in zip(valid, averaged, strict=True):
            found[i] = _to_shape(g, params[i])
    return tuple(
        _differences(f, law, params, i, breaks, rtol) if g is None else g
        for i, g in enumerate(found)
    )


def gradient_by_differences(f, law, params, *, breaks=(), rtol=1e-12):
    """The same, as `gradient`, without the score: differences of the expectation, 1e-9 or so.

    NotReached unless their extrapolation settles to 1e-8 of the size of E f a step.
    """
    params = tuple(np.asarray(p, dtype=float) for p in params)
    return tuple(_differences(f, law, params, i, breaks, rtol) for i in range(len(params)))


def extrapolated(difference, step):
    """(limit, error) of difference(h) = d + c2 h² + c4 h^4 + ... as h = step, step/2, ... to 0.

    Each column of the table removes one more power. Shorter steps round more: the best entry is
    the one that differs least from its neighbours. Source: Ridders (1982).
    """
    row, best, error = [], np.nan, np.inf
    for level in range(LEVELS):
        before, row = row, [difference(step / 2.0**level)]
        for k, old in enumerate(before):
            row.append(row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1.0))
            apart = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - old))
            if apart < error:
                best, error = row[k + 1], apart
    return best, error


def _probe(law, params):
    """The scores at one draw, to see which parameters have one."""
    noise = law.noise(np.random.default_rng(0), (1, *np.broadcast_shapes(*map(np.shape, params))))
    return law.score(law.sample(*params, noise=noise), *params)


def _moves_support(law, params, i):
    """Whether it does: f p at its ends then counts, and no score sees it (von Mises, its loc)."""
    if not offers(law, "support") or offers(law, "values"):
        return False
    moved = params[i] + 1e-3 * np.minimum(1.0, np.abs(params[i]) + (params[i] == 0.0))
    return law.support(*params) != law.support(*params[:i], moved, *params[i + 1 :])


def _to_shape(g, param):
    """A gradient (*draw) summed over the axes along which the parameter was broadcast."""
    added = g.ndim - param.ndim if isinstance(g, np.ndarray) else 0
    return np.asarray(g).sum(axis=tuple(range(added)))[()]


def _differences(f, law, params, i, breaks, rtol):
    kind, param = list(law.PARAMS.values())[i], params[i]
    step = _step(law, params, kind, param)
    found = np.empty_like(param)
    for at in np.ndindex(param.shape):

        def mean(h, at=at):
            moved = param.copy()
            moved[at] += h
            changed = (*params[:i], moved, *params[i + 1 :])
            return expectation(f, law, changed, breaks=breaks, rtol=rtol)

        def difference(h, mean=mean):
            return (mean(h) - mean(-h)) / (2.0 * h)

        h = float(step[at] if np.ndim(step) else step)
        found[at], error = extrapolated(difference, h)
        size = abs(found[at]) + (abs(mean(h)) + abs(mean(-h))) / h
        if not error <= 1e-8 * size:
            raise NotReached(
                f"the difference of the expectation of {name_of(law)} in {list(law.PARAMS)[i]} "
                f"settled to {error / size:.1g} of its size only, not 1e-8"
            )
    return found[()]


def _step(law, params, kind, param):
    """A fifth of what the law is wide, that stays inside the set of the parameter."""
    number = not law.EVENT and law.KIND != "none" and not np.ndim(param)
    spread = float(np.ptp(landmarks(law, params))) if number else 1.0
    if kind == "above low":
        return 0.2 * (param - params[list(law.PARAMS.values()).index(kind) - 1])
    if kind.startswith("positive"):
        return 0.2 * np.minimum(param, spread) if number else 0.2 * param
    return 0.2 * spread
