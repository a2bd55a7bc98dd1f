"""Mistakes that show in a gradient and the right one alone: what was done to it afterwards.

Each function is a rule (see rules.py): from a Case to a Finding, or None.
"""

import numpy as np

from tinyvae.diagnose.formulas import ENOUGH, FIT, NOISE, PLAIN, multiple, number, times
from tinyvae.diagnose.scene import alike
from tinyvae.diagnose.words import Finding, are, at_ends, capital, joined, numbers, of_factor, where

CLIP = "Clip or normalize after the whole backward pass: here what comes out flows on."


def nothing(case):
    if not case.arrows:
        return Finding(
            f"{case.d} should be 0: as far as one sees here, nothing depends on {case.name}.",
            "Where a function is flat, or steps, its slope is 0: something else in its place is an "
            "estimate, such as straight-through, and not its gradient.",
        )
    if case.a.any():
        return None
    return Finding(
        f"{case.d} is 0 everywhere, as if {case.name} were a constant.",
        f"But {joined(case.arrows)} {are(list(case.arrows))} made from {case.name}: what comes "
        f"back from there, {joined(case.gradients)}, has to reach it.",
    )


def scaled(case):
    c = multiple(case.a, case.e, enough=2)
    if c is None:
        return None
    norm = float(np.linalg.norm(case.a))
    if c > 0 and c not in PLAIN and abs(norm / float(f"{norm:.1g}") - 1.0) < NOISE:
        seen = f"{case.d} is the right one, but its norm is {norm:.1g}, and not {norm / c:.4g}."
        return Finding(seen, CLIP)
    what, do = of_factor(c, case.scene)
    return Finding(f"{case.d} is {what}.", do)


def swapped(case):
    """Only where the other is wrong, too: else a formula says more."""
    for other in case.scene.steps:
        same = other.name not in (case.name, *case.arrows) and other.claimed.shape == case.a.shape
        if same and not other.right and case.a.size > 1 and alike(case.a, other.expected):
            return Finding(
                f"{case.d} is what d{other.name} should be.",
                "The two changed places: return gradients in the order of the arguments.",
            )
    return None


def rearranged(case):
    a, e = case.a, case.e
    ways = {"with its rows and columns swapped, a transpose": e.T}
    if a.ndim == 2:
        ways["read off in the order of its transpose by a reshape"] = e.T.reshape(a.shape)
        ways["filled in the order of its transpose by a reshape"] = e.reshape(a.shape[::-1]).T
    for axis in range(a.ndim):
        ways[f"in reverse along axis {axis}"] = np.flip(e, axis)
        ways |= {f"shifted by {k} along axis {axis}": np.roll(e, k, axis) for k in (1, -1)}
    for way, other in ways.items():
        if other.shape == a.shape and alike(a, other):
            return Finding(
                f"{case.d} has the right numbers in the wrong places: {way}.",
                "Write the shape beside each line, (batch, outputs), (inputs, outputs): it tells "
                "what is multiplied with what.",
            )
    if a.size >= ENOUGH and np.unique(e).size > 2 and alike(np.sort(a, None), np.sort(e, None)):
        return Finding(
            f"{case.d} has the right numbers in the wrong places.",
            "Look for a reshape, a sort or an index that the way back does not undo.",
        )
    return None


def masked(case):
    zero = (case.a == 0.0) & (np.abs(case.e) > FIT * np.abs(case.e).max())
    if not zero.any() or zero.all():
        return None
    c = multiple(case.a[~zero], case.e[~zero])
    if c is None or not alike(case.a, np.where(zero, 0.0, c * case.e)):
        return None
    rest = "right" if c == 1.0 else f"{number(c)} times the right one"
    return Finding(
        f"{case.d} is {rest}, but 0 {where(zero, case.arrays | {f'the right {case.d}': case.e})}.",
        "A mask, a clip or an index stops the gradient there, and nothing in the forward pass "
        "does.",
    )


def clipped(case):
    low, high = float(case.a.min()), float(case.a.max())
    slack = FIT * np.abs(case.e).max()
    cut = (case.e > high + slack) | (case.e < low - slack)
    if not cut.any() or cut.all() or not alike(case.a, np.clip(case.e, low, high)):
        return None
    ends = {low: case.e < low - slack, high: case.e > high + slack}
    shown = joined(f"{end:g}" for end, past in ends.items() if past.any())
    seen = f"{case.d} is right but cut off at {shown}, {cut.sum()} of {cut.size} times."
    return Finding(seen, CLIP)


def altered(case):
    for part, a, e in case.parts():
        ways = (signs, rounded, centred, spread, rescaled) if a.size >= ENOUGH and e.any() else ()
        found = next(filter(None, (way(a, e) for way in ways)), None)
        if found is not None:
            return Finding(capital(f"{part} is {found.seen}."), found.do)
    return None


def signs(a, e):
    if not alike(a, np.sign(e)):
        return None
    return Finding("the sign of the right one alone", "How large a gradient is counts, too.")


def rounded(a, e):
    if not np.array_equal(a, a.astype(np.float16)) or not np.allclose(a, e, rtol=1e-3, atol=1e-7):
        return None
    return Finding("the right one with three digits, a float16", "Compute with more of them.")


def centred(a, e):
    for axis in range(a.ndim):
        if e.shape[axis] > 1 and alike(a, e - e.mean(axis=axis, keepdims=True)):
            return Finding(
                f"the right one less its mean over axis {axis}",
                "Nothing is centred in the forward pass: leave the mean in.",
            )
    return None


def spread(a, e):
    for axis in range(a.ndim):
        total = np.broadcast_to(e.sum(axis=axis, keepdims=True), e.shape)
        c = multiple(a, total)
        if c is not None and multiple(e, total) is None:
            return Finding(
                f"{times(c, 'the sum of the right one')} over axis {axis}, spread along it",
                "Add up along an axis only what was broadcast along it; the rest stays in place.",
            )
    return None


def rescaled(a, e):
    for axis in range(a.ndim if a.ndim > 1 else 0):
        size = (e * e).sum(axis=axis, keepdims=True)
        own = (a * e).sum(axis=axis, keepdims=True) / np.where(size > 0.0, size, 1.0)
        if np.ptp(own) > NOISE * np.abs(own).max() and alike(a, own * e):
            norms = np.linalg.norm(a, axis=axis)
            seen = f"the right one times a factor that is the same along axis {axis} "
            if np.ptp(norms) < NOISE * norms.max():
                return Finding(f"{seen}and makes all norms there the same", CLIP)
            return Finding(
                f"{seen}alone, {numbers(own)}",
                "Such a factor is missing or too much: a sum, a norm, a sign or a weight.",
            )
    return None


def partly(case):
    off = np.abs(case.a - case.e) > 1e-5 * np.abs(case.e).max()
    if 2 * off.sum() > off.size or off.size < 2:
        return None
    at = tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(case.a - case.e)), off.shape))
    do = "Something happens there on one way and not on the other: a condition, a clip, an index."
    if at_ends(off):
        do = "Look at the ends: a loop, a slice or an index that is off by one."
    return Finding(
        f"{case.d} is right, but not {where(off, case.arrays)}: at {list(at)} it is "
        f"{case.a[at]:.6g}, and should be {case.e[at]:.6g}.",
        do,
    )
