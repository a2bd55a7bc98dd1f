"""The mistakes that can be named: RULES, a rule each, the plainest first.

A rule takes a `Case`, one wrong step on the way back, and returns a Finding, what is seen and what
to do about it, or None. It compares `a`, the gradient that is claimed, with `e`, the one that
follows from the gradients that came in: the sum of `arrows`, one for each use of the array.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from tinyvae.diagnose.formulas import (
    ENOUGH,
    FIT,
    NOISE,
    PLAIN,
    candidates,
    features,
    fits,
    multiple,
    number,
    spell,
    tidy,
    two_terms,
)
from tinyvae.diagnose.scene import alike
from tinyvae.diagnose.words import are, capital, joined, numbers, of_factor, of_formulas, where


class Finding(NamedTuple):
    """A mistake by name: what is seen, and what to do about it, a sentence or two each."""

    seen: str
    do: str


class Case:
    """One wrong step of a Scene, with what the rules look at."""

    def __init__(self, step, scene):
        self.scene, self.name, self.d = scene, step.name, f"d{step.name}"
        self.a, self.e, self.arrows = step.compared, step.expected, step.arrows
        self.arrays = scene.arrays | scene.outputs
        self.gradients = {f"d{v}": np.asarray(scene.claimed[v]) for v in step.arrows}

    @cached_property
    def known(self):
        others = {f"d{name}": self.scene.claimed[name] for name in self.scene.nodes}
        others = {d: dv for d, dv in others.items() if d not in self.gradients and d != self.d}
        arrays = self.arrays | self.gradients
        return list(candidates(self.a.shape, self.gradients, others, arrays))

    def spelled(self, array):
        """The Formula that gives the array, or None."""
        return spell(array, self.known)

    def parts(self):
        """(words, what is claimed of it, what is due) for the whole, then for each path by itself:
        the others are taken to be right."""
        yield self.d, self.a, self.e
        for v, due in self.arrows.items() if len(self.arrows) > 1 else ():
            yield f"the part of {self.d} that comes through {v}", self.a - self.e + due, due


def nothing(case):
    if case.a.any():
        return None
    uses = joined(case.arrows)
    return Finding(
        f"{case.d} is 0 everywhere, as if {case.name} were a constant.",
        f"But {uses} {are(list(case.arrows))} made from {case.name}: what comes "
        f"back from there, {joined(case.gradients)}, has to reach it.",
    )


def scaled(case):
    c = multiple(case.a, case.e, enough=2)
    if c is None:
        return None
    norm = float(np.linalg.norm(case.a))
    if c > 0 and c not in PLAIN and abs(norm / float(f"{norm:.1g}") - 1.0) < NOISE:
        return Finding(
            f"{case.d} is the right one, but its norm is {norm:.1g}, and not {norm / c:.4g}.",
            "Clip or normalize after the whole backward pass: here what is clipped flows on.",
        )
    what, do = of_factor(c, case.scene)
    return Finding(f"{case.d} is {what}.", do)


def swapped(case):
    for other in case.scene.steps:
        came_in = other.name == case.name or other.name in case.arrows
        same = other.claimed.shape == case.a.shape and case.a.size > 1 and not came_in
        if same and alike(case.a, other.expected):
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


def paths(case):
    off = _shares(case.a, case.arrows)
    if off is None:
        return None
    right = [v for v in case.arrows if v not in off]
    rest = f"; what comes through {joined(right)} is right" if right else ""
    lost = [v for v, c in off.items() if c == 0.0]
    if lost:
        return Finding(
            f"In {case.d} what comes back through {joined(lost)} is missing{rest}.",
            f"{case.name} is used {len(case.arrows)} times, and its gradients add up: write +=, "
            "where = overwrites.",
        )
    v, c = next(iter(off.items()))
    what, do = of_factor(c, case.scene)
    return Finding(f"In {case.d} what comes back through {v} is {what}{rest}.", do)


def constants(case):
    for name in case.scene.scalars:
        without = case.scene.without(case.name, name)
        off = _shares(case.a, {"else": without, name: case.e - without})
        if off is not None and list(off) == [name]:
            seen = f"In {case.d} what {name} multiplies is"
            if off[name] == 0.0:
                do = f"Its gradient has to be added, times {name}."
                return Finding(f"{seen} missing; the rest is right.", do)
            what, do = of_factor(off[name], case.scene)
            return Finding(f"{seen} {what}; the rest is right.", do)
    return None


def _shares(a, parts):
    """{name: c} of the parts whose c is not 1 in a = sum of c part; None if a is no such sum."""
    if len(parts) < 2 or a.size < 2 * len(parts):
        return None
    basis = np.stack([part.ravel() for part in parts.values()], axis=1)
    found, _, rank, _ = np.linalg.lstsq(basis, a.ravel(), rcond=1e-9)
    miss = np.linalg.norm(basis @ found - a.ravel())
    if rank < len(parts) or miss > FIT * np.linalg.norm(a):
        return None
    c = {v: 0.0 if abs(c) < NOISE else tidy(c) for v, c in zip(parts, found, strict=True)}
    return {v: c for v, c in c.items() if c != 1.0}


def masked(case):
    zero = (case.a == 0.0) & (np.abs(case.e) > FIT * np.abs(case.e).max())
    if not zero.any() or not alike(case.a, np.where(zero, 0.0, case.e)):
        return None
    return Finding(
        f"{case.d} is right, but 0 {where(zero, case.arrays)}.",
        "A mask, a clip or an index stops the gradient there, and nothing in the forward pass "
        "does.",
    )


def clipped(case):
    bound = float(np.abs(case.a).max())
    cut = np.abs(case.e) > bound * (1.0 + FIT)
    if not cut.any() or cut.all() or not alike(case.a, np.clip(case.e, -bound, bound)):
        return None
    return Finding(
        f"{case.d} is right up to {bound:g}, and cut off there, {cut.sum()} of {cut.size} entries.",
        "Clip after the whole backward pass: here the clipped gradient flows on.",
    )


def parametrization(case):
    if case.a.size < ENOUGH or not case.a.any():
        return None
    u, name = case.arrays[case.name], case.name
    with np.errstate(all="ignore"):
        slopes = {
            f"sigma = exp({name}/2)": 0.5 * np.exp(0.5 * u),
            f"exp({name})": np.exp(u),
            f"log({name})": 1.0 / np.where(u > 0.0, u, np.nan),
            f"{name}²": 2.0 * u,
        }
        for part, have, due in case.parts():
            for other, slope in slopes.items():
                if np.isfinite(slope).all() and np.ptp(slope) and alike(have * slope, due):
                    return Finding(
                        f"{capital(part)} is the derivative with respect to {other}, not {name}.",
                        f"A link of the chain is missing: multiply by the derivative of "
                        f"{other.split(' = ')[-1]} in {name}.",
                    )
    return None


def formula(case):
    for part, have, due in case.parts():
        found = case.spelled(have)
        if found is not None:
            seen, do = of_formulas(part, found, case.spelled(due))
            return Finding(capital(seen), do)
    return None


def multiplied(case):
    for part, have, due in case.parts():
        for text, f in features(case.arrays, have.shape):
            ways = {f"times {text}": due * f}
            if f.all():
                ways[f"divided by {text}"] = due / f
            for way, array in ways.items():
                c = multiple(have, array)
                if c is not None:
                    front = "" if c == 1.0 else f"{number(c)} times "
                    seen = f"{part} is {front}the right one {way}."
                    return Finding(capital(seen), "A factor is there that does not belong there.")
    return None


def other_noise(case):
    for name, eps in case.scene.noises.items():
        for part, have, due in case.parts():
            if eps.shape != have.shape or not due.all() or case.spelled(due / eps) is None:
                continue
            drawn = eps * have / due
            if 0.3 < drawn.std() < 3 and abs(np.corrcoef(drawn.ravel(), eps.ravel())[0, 1]) < 0.9:
                return Finding(
                    f"{capital(part)} is made with other noise than the forward pass: as if {name} "
                    f"were {numbers(drawn)}, not {numbers(eps)}.",
                    f"Draw {name} once, and keep it for the way back: a fresh draw belongs to "
                    "another sample.",
                )
    return None


def added(case):
    rest = case.a - case.e
    if rest.size < ENOUGH:
        return None
    own = {"": np.ones_like(rest)} | dict(features(case.arrays, rest.shape))
    for text, f in own.items():
        c = multiple(rest, np.broadcast_to(f, rest.shape)) if fits(f.shape, rest.shape) else None
        if c is not None:
            return Finding(
                f"{case.d} is the right one + {f'{number(c)} {text}'.strip()}.",
                "Something is added on the way back that does not come from the loss, or that is "
                "not multiplied by the gradient that came in.",
            )
    found = case.spelled(rest)
    if found is not None:
        due = case.spelled(case.e)
        return Finding(
            f"{case.d} is off by {found}" + (f": it should be {due}." if due else "."),
            "A term is left out on the way back, or has another sign or factor.",
        )
    return None


def terms(case):
    for part, have, due in case.parts():
        found = two_terms(have, case.gradients, case.arrays)
        if found is not None:
            right = case.spelled(due) or two_terms(due, case.gradients, case.arrays)
            seen = f"{part} is {found}" + (f"; it should be {right}." if right else ".")
            return Finding(capital(seen), "Look at the signs and the factors, term by term.")
    return None


def partly(case):
    off = np.abs(case.a - case.e) > 1e-5 * np.abs(case.e).max()
    if 2 * off.sum() > off.size or off.size < 2:
        return None
    at = tuple(int(i) for i in np.argwhere(off)[0])
    return Finding(
        f"{case.d} is right, but not {where(off, case.arrays)}: at {list(at)} it is "
        f"{case.a[at]:.4g}, and should be {case.e[at]:.4g}.",
        "Look at the ends: a loop, a slice or an index that is off by one.",
    )


RULES = {
    "no gradient": nothing,
    "a constant factor": scaled,
    "the gradient of another array": swapped,
    "a transpose or a permutation": rearranged,
    "a path that is lost, doubled or negative": paths,
    "a term of the loss that is lost, doubled or negative": constants,
    "a mask": masked,
    "clipping": clipped,
    "another parametrization": parametrization,
    "another formula": formula,
    "a factor that does not belong there": multiplied,
    "noise drawn anew": other_noise,
    "a wrong term of two": terms,
    "a term too much or too little": added,
    "a part alone": partly,
}
