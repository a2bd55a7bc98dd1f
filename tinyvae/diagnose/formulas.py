"""The formulas that people write in a backward pass: products of what there is at that point.

A wrong gradient is seldom arbitrary. It is a formula, made of the gradients that came in and of
the arrays on the way, with a factor forgotten, or another array in the place of one. So a mistake
is named by spelling two gradients, the one that is claimed and the one that follows, as

    c dv,   c (dv f g), summed to the shape that is wanted,   c a.T @ (dv f),   c dv @ W,

with c any number, and f and g simple functions (FEATURES) of the arrays on the way.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np

FIT = 1e-6  # of the norm: a formula is found, not approximated
NOISE = 5e-6  # of a factor, from differences and a fit
ENOUGH = 4  # numbers to fit an unknown factor to; with fewer it has to be one of PLAIN
PLAIN = (1.0, -1.0, 0.5, -0.5, 2.0, -2.0)

FEATURES = (  # the likeliest first
    ("{}", lambda u: u),
    ("exp({}/2)", lambda u: np.exp(0.5 * u)),
    ("exp({})", lambda u: np.exp(u)),
    ("(exp({}) - 1)", lambda u: np.expm1(u)),
    ("(1 - {}²)", lambda u: 1.0 - u * u),
    ("(1 - {})", lambda u: 1.0 - u),
    ("(1 + {})", lambda u: 1.0 + u),
    ("{0} (1 - {0})", lambda u: u * (1.0 - u)),
    ("({} > 0)", lambda u: 1.0 * (u > 0)),
    ("|{}|", lambda u: np.abs(u)),
    ("sign({})", lambda u: np.sign(u)),
    ("{}²", lambda u: u * u),
    ("tanh({})", lambda u: np.tanh(u)),
    ("(1 - tanh({})²)", lambda u: 1.0 - np.tanh(u) ** 2),
    ("sigmoid({})", lambda u: 0.5 + 0.5 * np.tanh(0.5 * u)),
    ("sigmoid'({})", lambda u: 0.25 / np.cosh(0.5 * u) ** 2),
    ("log({})", lambda u: np.log(u)),
)


class Candidate(NamedTuple):
    """A formula without its constant: as text, by its factors, and as the array that it gives."""

    text: str
    factors: tuple
    array: np.ndarray


class Formula(NamedTuple):
    """c times a Candidate."""

    c: float
    of: Candidate

    def __str__(self):
        return self.of.text if self.c == 1.0 else f"{number(self.c)} {self.of.text}"


def number(c):
    """A factor as text; fractions as they are written by hand, and a minus alone for -1."""
    for k in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12):
        top = round(c * k)
        if top and abs(c * k - top) < NOISE * abs(c) * k:
            whole = f"{abs(top)}" if k == 1 else f"{abs(top)}/{k}"
            return "-" if c == -1.0 else "-" * (top < 0) + whole
    return f"{c:.4g}"


def multiple(a, b, enough=ENOUGH):
    """The number c for which a = c b; None if there is none."""
    largest = float(np.abs(b).max(initial=0.0))
    if not 0.0 < largest < np.inf:
        return None
    b = b / largest  # its square could overflow
    c = float((a * b).sum()) / float((b * b).sum())
    if not c or not np.linalg.norm(a - c * b) <= FIT * np.linalg.norm(a):
        return None
    c /= largest
    c = tidy(c)
    return c if a.size >= enough or c in PLAIN else None


def tidy(c):
    """The number, rounded if it is a short one but for the noise of a difference."""
    short = round(float(c), 4)
    return short if abs(c - short) < NOISE * abs(c) else float(c)


def spell(a, candidates):
    """The first Formula that is a; None if none is."""
    found = ((multiple(a, candidate.array), candidate) for candidate in candidates)
    return next((Formula(c, candidate) for c, candidate in found if c is not None), None)


def candidates(shape, gradients, others, arrays):
    """Every Candidate for a gradient of this shape, the simplest first.

    gradients: {name: dv} of what came in; others: further gradients, that were not meant to; arrays
    by name.
    """
    yield from sums(shape, gradients | others)
    if len(shape) > 1:
        yield from matrices(shape, gradients | others, arrays)
    yield from weighted(shape, gradients, arrays)
    if len(shape) == 2:
        yield from bent_matrices(shape, gradients, arrays)
        yield from shifted_matrices(shape, gradients, arrays)


def sums(shape, gradients):
    """dv itself, where it fits; or what is left of it when rows are added, or forgotten."""
    for name, dv in gradients.items():
        dv = widened(dv, shape)
        if fits(dv.shape, shape):
            yield Candidate(name, (name,), np.broadcast_to(dv, shape))
        if dv.ndim == len(shape) + 1 and dv.shape[1:] == shape:
            ways = {"{}.sum(axis=0)": dv.sum(axis=0), "{}[0]": dv[0], "{}[-1]": dv[-1]}
            ways |= {"{}[1:].sum(axis=0)": dv[1:].sum(axis=0)}
            ways |= {"{}[:-1].sum(axis=0)": dv[:-1].sum(axis=0), "{}.max(axis=0)": dv.max(axis=0)}
            yield from (Candidate(t.format(name), (t.format(name),), v) for t, v in ways.items())
        if dv.ndim == len(shape) + 1 and dv.shape[:-1] == shape:
            text = f"{name}.sum(axis=-1)"
            yield Candidate(text, (text,), dv.sum(axis=-1))


def matrices(shape, gradients, arrays):
    """The products of a gradient and a table that have this shape, transposed or not."""
    tables = {name: _flat(u) for name, u in arrays.items() if u.ndim > 1}
    flat = {d: _flat(dv) for d, dv in gradients.items() if dv.ndim > 1}
    rows = math.prod(shape[:-1]), shape[-1]
    for (d, dv), (name, u) in itertools.product(flat.items(), tables.items()):
        for left, right, one, two in (
            (u.T, dv, f"{name}.T", d),
            (dv, u.T, d, f"{name}.T"),
            (dv, u, d, name),
            (u, dv, name, d),
            (dv.T, u, f"{d}.T", name),
        ):
            if left.shape[1] == right.shape[0] and (len(left), right.shape[1]) == rows:
                yield Candidate(f"{one} @ {two}", (one, two), (left @ right).reshape(shape))


def _flat(array):
    """Samples and examples as one longer batch: (S, B, I) as (S B, I)."""
    return array.reshape(-1, array.shape[-1])


def weighted(shape, gradients, arrays):
    """dv f, dv / f and dv f g, added up to the shape."""
    for d, dv in gradients.items():
        dv = widened(dv, shape)
        wide = dv.shape if dv.ndim > len(shape) or not fits(dv.shape, shape) else shape
        known = [*features(arrays, wide), *gates(gradients, wide)]
        for texts, f in itertools.chain(
            (((text,), f) for text, f in known),
            (((f"1/{text}",), 1.0 / f) for text, f in known if f.all()),
            (((t, s), f * g) for (t, f), (s, g) in itertools.combinations(known, 2)),
        ):
            array = dv * f
            if array.shape != shape:
                array = summed(array, shape)
            if array is not None:
                yield Candidate(" ".join((d, *texts)), (d, *texts), array)


def bent_matrices(shape, gradients, arrays):
    """Matrix products with the slope of an activation in between: a.T @ (dv f)."""
    for d, dv in gradients.items():
        if dv.ndim == 2:
            for text, f in features(arrays, dv.shape):
                yield from matrices(shape, {f"({d} {text})": dv * f}, arrays)
    bent = {t: f for u in arrays.values() if u.ndim > 1 for t, f in features(arrays, u.shape)}
    yield from matrices(shape, gradients, {t: f for t, f in bent.items() if t not in arrays})


def shifted_matrices(shape, gradients, arrays):
    """Matrix products of rows that do not belong together, or that were centred first."""
    tables = {name: u for name, u in arrays.items() if u.ndim == 2}
    moved = {f"{name}[::-1]": u[::-1] for name, u in tables.items()}
    moved |= {
        f"np.roll({name}, {k}, 0)": np.roll(u, k, 0) for name, u in tables.items() for k in (1, -1)
    }
    moved |= {f"({name} - {name}.mean(axis=0))": u - u.mean(axis=0) for name, u in tables.items()}
    yield from matrices(shape, gradients, moved)
    for one, two in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
        texts = [f"[{k.start or ''}:{k.stop or ''}]" for k in (one, two)]
        cut = {name + texts[0]: u[one] for name, u in tables.items()}
        late = {d + texts[1]: dv[two] for d, dv in gradients.items() if dv.ndim == 2}
        yield from matrices(shape, late, cut)


def features(arrays, shape):
    """(text, array) of the FEATURES of every array that can be multiplied with this shape."""
    fitting = {k: u for k, u in arrays.items() if fits(u.shape, shape) and np.ptp(u) > 0}
    for text, fn in FEATURES:
        for name, u in fitting.items():
            with np.errstate(all="ignore"):
                f = fn(u)
            if np.isfinite(f).all():
                yield text.format(name), f


def gates(gradients, shape):
    """(text, array) of the signs of gradients, which are taken for those of the argument."""
    for name, dv in gradients.items():
        if fits(dv.shape, shape) and dv.ndim:
            yield f"({name} > 0)", 1.0 * (dv > 0)


def fits(shape, wide):
    """Whether an array of `shape` broadcasts to `wide` without making it larger."""
    pairs = zip(reversed(shape), reversed(wide), strict=False)
    return len(shape) <= len(wide) and all(s in (1, w) for s, w in pairs)


def widened(dv, shape):
    """dv with axes at its end where the forward pass summed over them: (B,) beside (B, Z)."""
    if dv.ndim < len(shape) and dv.shape == shape[: dv.ndim] and not fits(dv.shape, shape):
        return dv.reshape(dv.shape + (1,) * (len(shape) - dv.ndim))
    return dv


def summed(array, shape):
    """The array summed over the axes that `shape` has not, or has with length 1; or None."""
    if not fits(shape, array.shape):
        return None
    added = array.ndim - len(shape)
    ones = [added + k for k, size in enumerate(shape) if size == 1]
    return array.sum(axis=(*range(added), *ones), keepdims=True).reshape(shape)


def two_terms(a, gradients, arrays):
    """a = c1 dv f + c2 dv g, as text; None if there is no such pair, or a has too few numbers."""
    if a.size < 2 * ENOUGH:
        return None
    for name, dv in gradients.items():
        dv = widened(dv, a.shape)
        if not fits(dv.shape, a.shape):
            continue
        known = [(name, np.broadcast_to(dv, a.shape))]
        for text, f in features(arrays, a.shape):
            known.append((f"{name} {text}", np.broadcast_to(dv * f, a.shape)))
        for (one, f), (two, g) in itertools.combinations(known, 2):
            basis = np.stack([f.ravel(), g.ravel()], axis=1)
            c, *_ = np.linalg.lstsq(basis, a.ravel(), rcond=1e-9)
            counts = np.abs(c) * np.linalg.norm(basis, axis=0) > 1e-4 * np.linalg.norm(a)
            if counts.all() and np.linalg.norm(basis @ c - a.ravel()) <= FIT * np.linalg.norm(a):
                sign, size = "-" if c[1] < 0 else "+", abs(c[1])
                return f"{times(c[0], one)} {sign} {times(size, two)}"
    return None


def times(c, text):
    """c times what the text says, as text."""
    word = "times " if text.startswith("the ") else ""
    return text if abs(c - 1.0) < FIT else f"{number(float(c))} {word}{text}"
