"""The mistakes that can be named: RULES, a rule each, the plainest first.

A rule takes a `Case`, one wrong step on the way back, and returns a Finding, what is seen and what
to do about it, or None. It compares `a`, the gradient that is claimed, with `e`, the one that
follows from the gradients that came in: the sum of `arrows`, one for each use of the array.
"""

import numpy as np

from tinyvae.diagnose.formulas import (
    ENOUGH,
    FIT,
    NOISE,
    candidates,
    features,
    fits,
    multiple,
    number,
    spell,
    tidy,
    two_terms,
)
from tinyvae.diagnose.relations import (
    altered,
    clipped,
    masked,
    nothing,
    partly,
    rearranged,
    scaled,
    swapped,
)
from tinyvae.diagnose.scene import alike
from tinyvae.diagnose.words import Finding, capital, joined, numbers, of_factor, of_formulas


class Case:
    """One wrong step of a Scene, with what the rules look at."""

    def __init__(self, step, scene):
        self.scene, self.name, self.d = scene, step.name, f"d{step.name}"
        self.a, self.e, self.arrows = step.compared, step.expected, step.arrows
        self.doubled = np.where(step.kinks, 2.0 * step.expected, step.doubled)
        self.arrays = scene.arrays | scene.outputs
        self.gradients = {f"d{v}": np.asarray(scene.claimed[v]) for v in step.arrows}
        others = {f"d{name}": scene.claimed[name] for name in scene.nodes}
        others = {d: dv for d, dv in others.items() if d not in (*self.gradients, self.d)}
        self._made = []
        self._more = candidates(self.a.shape, self.gradients, others, self.arrays)

    def spelled(self, array):
        """The Formula that gives the array, or None."""
        return spell(array, self._known())

    def _known(self):
        """The Candidates, made when they are asked for, and once: there are thousands."""
        yield from self._made
        for candidate in self._more:
            self._made.append(candidate)
            yield candidate

    def parts(self):
        """(words, what is claimed of it, what is due) for the whole, then for each path by itself:
        the others are taken to be right."""
        yield self.d, self.a, self.e
        for v, due in self.arrows.items() if len(self.arrows) > 1 else ():
            yield f"the part of {self.d} that comes through {v}", self.a - self.e + due, due


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


def parametrization(case):
    if case.a.size < ENOUGH or not case.a.any():
        return None
    u, name = case.arrays[case.name], case.name
    with np.errstate(all="ignore"):
        slopes = {
            f"sigma = exp({name}/2)": 0.5 * np.exp(0.5 * u),
            f"exp({name})": np.exp(u),
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
        right = None if found is None else case.spelled(due)
        if right is not None:
            seen, do = of_formulas(part, found, right)
            return Finding(capital(seen), do)
    return None


def no_derivative(case):
    found = case.spelled(case.a)
    if found is None:
        return None
    return Finding(
        f"{case.d} is {found}, and that is not the derivative.",
        "Differentiate this line of the forward pass once more.",
    )


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
                    return Finding(
                        capital(seen), "A factor is there that does not belong, or one is missing."
                    )
    return None


def other_noise(case):
    for name, eps in case.scene.noises.items():
        for part, have, due in case.parts():
            if eps.shape != have.shape or not (due.all() and eps.all()):
                continue
            if case.spelled(due / eps) is None:
                continue
            drawn = eps * have / due
            rows, drawn_rows = (np.sort(np.atleast_2d(v), axis=0) for v in (eps, drawn))
            if alike(drawn, np.broadcast_to(eps[:1], eps.shape)):
                return _noise(part, f"the {name} of the first example, for all", "Keep its rows.")
            if alike(rows, drawn_rows):
                do = "What belongs to an example has to stay in its row."
                return _noise(part, f"the rows of {name} in another order", do)
            if _plausible(drawn, eps):
                seen = f"other noise than the forward pass: as if {name} were {numbers(drawn)}, "
                do = f"If it is drawn anew on the way back: keep the {name} of the forward pass."
                return _noise(part, f"{seen}not {numbers(eps)}", do)
    return None


def _noise(part, what, do):
    return Finding(capital(f"{part} is made with {what}."), do)


def _plausible(drawn, eps):
    """Whether numbers may be a draw from N(0, 1), and not the one of the forward pass."""
    again = abs(np.corrcoef(drawn.ravel(), eps.ravel())[0, 1]) if np.ptp(drawn) else 1.0
    usual = 0.4 < drawn.std() < 2.5 and abs(drawn.mean()) < 1.0 and np.abs(drawn).max() < 4.5
    return usual and again < 0.8 and np.unique(drawn).size == drawn.size


def added(case):
    rest = case.a - case.e
    if rest.size < ENOUGH:
        return None
    own = {"": np.ones_like(rest)} | dict(features(case.arrays, rest.shape))
    for text, f in own.items():
        c = multiple(rest, np.broadcast_to(f, rest.shape)) if fits(f.shape, rest.shape) else None
        if c is not None:
            sign, size = "-" if c < 0 else "+", number(abs(c))
            return Finding(
                f"{case.d} is the right one {sign} {f'{size} {text}'.strip()}.",
                "Such a term is added on the way back and does not come from the loss, or is "
                "missing, with the other sign.",
            )
    found = case.spelled(rest)
    if found is not None:
        due = case.spelled(case.e)
        return Finding(
            f"{case.d} is off by {found}" + (f": it should be {due}." if due else "."),
            "A term is left out on the way back, is too much, or has another sign or factor.",
        )
    return None


def terms(case):
    for part, have, due in case.parts():
        found = None
        if case.spelled(have) is None:
            found = two_terms(have, case.gradients, case.arrays)
        if found is not None:
            right = case.spelled(due) or two_terms(due, case.gradients, case.arrays)
            seen = f"{part} is {found}" + (f"; it should be {right}." if right else ".")
            return Finding(capital(seen), "Look at the signs and the factors, term by term.")
    return None


def at_one_size(case):
    """Of a loss the gradient that comes in is 1, and whether it is used cannot be seen at once."""
    return not_linear(case) if alike(case.a, case.e) else None


def not_linear(case):
    gradient = joined(case.gradients)
    if alike(case.doubled, 2.0 * case.a) or not case.a.any():
        return None
    if alike(case.doubled, case.a):
        return Finding(
            f"{case.d} stays the same when {gradient} doubles: it is not used.",
            f"The chain rule begins with what came in: multiply by {gradient}.",
        )
    if alike(case.doubled, 4.0 * case.a):
        return Finding(
            f"{case.d} grows fourfold when {gradient} doubles: it is there as a square.",
            f"Every product on the way back has {gradient} in it once.",
        )
    return Finding(
        f"{case.d} does not double when {gradient} doubles.",
        "A gradient is linear in the one that came in: something is added, or bent, on the way.",
    )


RULES = {
    "right for one gradient that comes in, alone": at_one_size,
    "no gradient": nothing,
    "a constant factor": scaled,
    "the gradient of another array": swapped,
    "a transpose or a permutation": rearranged,
    "a path that is lost, doubled or negative": paths,
    "a term of the loss that is lost, doubled or negative": constants,
    "a mask": masked,
    "clipping": clipped,
    "an operation on the right gradient": altered,
    "another parametrization": parametrization,
    "another formula": formula,
    "a factor that does not belong there": multiplied,
    "noise drawn anew": other_noise,
    "a wrong term of two": terms,
    "a term too much or too little": added,
    "not linear in the gradient that came in": not_linear,
    "a part alone": partly,
    "a formula that is no derivative": no_derivative,
}
