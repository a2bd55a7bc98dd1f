"""`diagnose`: what is wrong with a gradient, in at most three sentences."""

import functools
import inspect
from dataclasses import dataclass

import numpy as np

from tinyvae.diagnose.rules import RULES, Case
from tinyvae.diagnose.scene import Scene
from tinyvae.diagnose.words import are, capital, joined
from tinyvae.gradcheck import STREAM, gradcheck
from tinyvae.protocol import argument_names, name_of

UNCHECKED = {  # gradcheck's verdicts where no two numbers are compared, and what to do
    "unstable": "One draw serves both ways: take the noise as an argument, draw none inside.",
    "mutated": "Work on a copy: the caller, and the rest of the way back, still need the numbers.",
    "shape": "A gradient has the shape of its argument: add up along every axis it was broadcast.",
    "count": "Return a gradient for each argument, in their order.",
    "nan": "Look for a logarithm of 0, a division by 0, or an exp that overflows.",
    "kink": "At a kink there is no derivative to compare with: move the inputs a little.",
    "unseen": "Nothing is said of it: a tanh that is saturated, or a weight that is 0, hides it.",
}
RULED_OUT = (  # of the rules, those that find every mistake of their kind
    "no gradient",
    "a constant factor",
    "the gradient of another array",
    "a transpose or a permutation",
    "a mask",
    "clipping",
)
GRADCHECK = ("method", "rtol", "max_entries")  # constants of these names are not for gradcheck


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found.

    lines: where, what, and what to do, a sentence or two each. mistake: its name in rules.RULES;
    or gradcheck's verdict, where no numbers could be compared; 'ok'; 'unknown'. step: the array
    whose gradient goes wrong first. others: steps that go wrong by themselves, farther on.
    """

    name: str
    mistake: str
    lines: tuple
    step: str | None = None
    others: tuple = ()

    @property
    def ok(self):
        return self.mistake == "ok"

    def __str__(self):
        return "\n".join([f"diagnose of {self.name}", *(f"  {line}" for line in self.lines)])


def diagnose(fn, *args, backward=None, layout=None, seed=0, **constants):
    """What is wrong with the gradient of `y, vjp = fn(*args, **constants)`: a Diagnosis.

    fn: anything that keeps the protocol. Or a plain forward pass, y = fn(*args, **constants), with
    its `backward`: backward(dy, *args, **constants) gives a gradient for each argument, a tuple or
    list, or of one argument the array. If fn has a parameter `watch`, it is walked through from
    the loss back, array by array. args: float64 arrays or dicts of them, of at most 5000 numbers
    in all: a small example says most, with sizes that differ from each other, and beta not 1.
    layout: an `nn.Layout` of the first argument, a flat vector. seed: of the cotangent. (Constants
    called backward, layout or seed have to be bound by functools.partial.)

    Raises what `gradcheck` raises, and ValueError for an example that is too large.
    """
    fn, output = (fn, "y") if backward is None else paired(fn, backward)
    if set(constants) & set(GRADCHECK):
        fn, constants = functools.wraps(fn)(functools.partial(fn, **constants)), {}
    name = name_of(fn)

    def check(**quick):
        return gradcheck(fn, *args, layout=layout, seed=seed, **quick, **constants)

    report = check(max_entries=1)  # along a few directions, if these see that something is wrong
    unclear = unchecked(name, report) and unchecked(name, check())
    if unclear:
        return unclear
    numbers = of_numbers(fn, args, constants)
    options = {"layout": layout, "watched": _watched(fn), "seed": seed, "output": output}
    for unit in (1.0, -1.0):  # what bends a gradient may leave one of the two alone
        where = several(fn, args) if numbers else (fn, args)
        scene = Scene(*where, constants, unit=unit, **options)
        wrong = [step for step in scene.steps if not step.right]
        if wrong:
            with np.errstate(all="ignore"):  # formulas are tried that nobody wrote
                return explain(name, scene, wrong, watchable=backward is None)
    report = check()
    return unchecked(name, report) or too_small(name, report)


def too_small(name, report):
    failed = next(row for row in report.rows if not row.ok)
    off = "Seen by itself every step is right to five digits: the error is smaller than that."
    return Diagnosis(name, "unknown", (f"{failed.note}.", off))


def unchecked(name, report):
    """The Diagnosis where no two numbers that are compared differ; else None."""
    rows = {row.verdict: row for row in reversed(report.rows)}
    if "wrong" in rows:
        return None
    bad = next((row for row in report.rows if not row.ok), None)
    if bad is not None:
        whole = bad.verdict != "shape" or " has shape " in bad.note
        lines = f"{capital(bad.note)}.", UNCHECKED[bad.verdict if whole else "count"]
        return Diagnosis(name, bad.verdict, lines)
    skipped = [f"d{row.argument}" for row in report.rows if row.verdict == "none"]
    left = f"{joined(skipped)} {are(skipped)} None: not differentiable, it says." if skipped else ""
    if not report.entries:
        return Diagnosis(name, "unseen", (f"There is nothing to compare. {left}".strip(),))
    line = f"Every gradient agrees with differences, {report.entries} numbers. {left}"
    return Diagnosis(name, "ok", (line.strip(),))


def explain(name, scene, wrong, watchable=True):
    """The Diagnosis of the first of the wrong steps of a Scene."""
    place, others = whereabouts(wrong, scene), tuple(step.name for step in wrong[1:])
    layer = wrong[:1] if scene.nodes else wrong[:2]  # a bias has few numbers: its weights say more
    for case in (Case(step, scene) for step in layer):
        for mistake, rule in RULES.items():
            found = rule(case)
            if found is not None:
                return Diagnosis(name, mistake, (place, *found), wrong[0].name, others)
    case = Case(wrong[0], scene)
    at = np.unravel_index(np.argmax(np.abs(case.a - case.e)), case.a.shape)
    index = f"[{', '.join(map(str, at))}]" if at else ""
    seen = f"{case.d}{index} is {case.a[at]:.6g}, and should be {case.e[at]:.6g}; I cannot say why."
    last = f"Ruled out: {'; '.join(RULED_OUT)}."
    if watchable and others and not scene.nodes:
        last += " Send the arrays on the way through a `watch`, and I can look at every step."
    return Diagnosis(name, "unknown", (place, seen, last), case.name, others)


def whereabouts(wrong, scene):
    """The first sentence: which gradient goes wrong first, and which are right."""
    d, k = f"d{wrong[0].name}", scene.steps.index(wrong[0])
    also = few([f"d{step.name}" for step in wrong[1:]]) if len(wrong) > 1 else ""
    if scene.nodes:
        before = [f"d{step.name}" for step in scene.steps[:k]]
        text = f"On the way back {d} is the first gradient to go wrong"
        text += f": {few(before)}, before it, {are(before)} right." if before else "."
        return text + (f" By themselves are also wrong: {also}." if also else "")
    right = [f"d{step.name}" for step in scene.steps if step.right]
    text = f"{d} is wrong" + (f", and so {are(wrong[1:])} {also}" if also else "")
    return text + (f"; {few(right)} {are(right)} right." if right else ".")


def few(names, most=4):
    """The last few names."""
    return joined(names if len(names) <= most else ["...", *names[-most:]])


def of_numbers(fn, args, constants):
    """Whether it is a function of numbers, to a number."""
    numbers = all(not isinstance(arg, dict) and np.ndim(arg) == 0 for arg in args)
    return numbers and np.ndim(fn(*args, **constants)[0]) == 0


def several(fn, args):
    """A function of numbers, and its arguments, at eight places at once: one number fits too much.

    The places are close by, so that what has to be positive stays so.
    """

    @functools.wraps(fn)
    def each(*args, **constants):
        pairs = [fn(*place, **constants) for place in zip(*args, strict=True)]

        def vjp(dy):
            grads = [pull(d) for (_, pull), d in zip(pairs, dy, strict=True)]
            return tuple(np.array(grad) for grad in zip(*grads, strict=True))

        return np.array([value for value, _ in pairs]), vjp

    near = np.random.default_rng([0, STREAM]).uniform(0.9, 1.1, (len(args), 8))
    return each, [arg * row for arg, row in zip(args, near, strict=True)]


def paired(forward, backward):
    """(a plain forward and backward pass in the form of the protocol, what the output is called):
    `z` if the first parameter of `backward` is `dz`."""

    @functools.wraps(forward)
    def fn(*args, **constants):
        def vjp(dy):
            grads = backward(dy, *args, **constants)
            return tuple(grads) if isinstance(grads, (tuple, list)) else (grads,)

        return forward(*args, **constants), vjp

    first = next(iter(argument_names(backward, 1)), "dy")
    return fn, first[1:] if first[0] == "d" and first[1:] else "y"


def _watched(fn):
    """Whether a function has a parameter `watch`."""
    try:
        return "watch" in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return False
