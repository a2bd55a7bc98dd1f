"""`diagnose`: what is wrong with a gradient, in at most three sentences."""

import functools
import inspect
from dataclasses import dataclass

import numpy as np

from tinyvae.diagnose.rules import RULES, Case
from tinyvae.diagnose.scene import Scene
from tinyvae.diagnose.words import are, capital, joined
from tinyvae.gradcheck import STREAM, gradcheck
from tinyvae.protocol import name_of

UNCHECKED = {  # gradcheck's verdicts where no two numbers are compared, and what to do
    "unstable": "One draw serves both ways: take the noise as an argument, draw none inside.",
    "mutated": "Work on a copy: the caller, and the rest of the way back, still need the numbers.",
    "shape": "A gradient has the shape of its argument: add up along every axis it was broadcast.",
    "nan": "Look for a logarithm of 0, a division by 0, or an exp that overflows.",
    "kink": "At a kink there is no derivative to compare with: move the inputs a little.",
    "unseen": "Nothing is said of it: a tanh that is saturated, or a weight that is 0, hides it.",
}


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
    its `backward`: backward(dy, *args, **constants) gives a gradient for each argument, a tuple,
    or of one argument the array. If fn has a parameter `watch`, it is walked through from the loss
    back, array by array. args: float64 arrays or dicts of them, of at most 5000 numbers in all: a
    small example says most, with sizes that differ from each other, and beta not 1. layout: an
    `nn.Layout` of the first argument, a flat vector. seed: of the cotangent.

    Raises what `gradcheck` raises, and ValueError for an example that is too large.
    """
    if backward is not None:
        fn = paired(fn, backward)
    report = checked(fn, *args, layout=layout, seed=seed, **constants)
    name = name_of(fn)
    if report.verdict == "wrong" and of_numbers(fn, args, constants):
        fn, args = several(fn, args)
    if report.ok:
        line = f"Every gradient agrees with differences, {report.entries} numbers."
        return Diagnosis(name, "ok", (line,))
    failed = next(row for row in report.rows if not row.ok)
    if failed.verdict in UNCHECKED:
        lines = f"{capital(failed.note)}.", UNCHECKED[failed.verdict]
        return Diagnosis(name, failed.verdict, lines)
    scene = Scene(fn, args, constants, layout=layout, watched=_watched(fn), seed=seed)
    wrong = [step for step in scene.steps if not step.right]
    if wrong:
        return explain(name, scene, wrong)
    off = "Seen by itself every step is right to five digits: the error is smaller than that."
    return Diagnosis(name, "unknown", (f"{failed.note}.", off))


def checked(fn, *args, **options):
    """The Report of gradcheck: along a few directions, if that is enough to see that something is
    wrong; and by the complex step, if it can be, where differences see nothing."""
    report = gradcheck(fn, *args, max_entries=1, **options)
    if report.verdict == "wrong":
        return report
    report = gradcheck(fn, *args, **options)
    if report.verdict != "unseen":
        return report
    try:
        return gradcheck(fn, *args, method="complex", **options)
    except TypeError:  # fn does not let complex numbers through
        return report


def explain(name, scene, wrong):
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
    index = f"[{', '.join(map(str, at))}]"
    seen = f"{case.d}{index} is {case.a[at]:.6g}, and should be {case.e[at]:.6g}; I cannot say why."
    last = f"It is not: {'; '.join(RULES)}."
    if not scene.nodes and others:
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
    """A plain forward and backward pass in the form of the protocol."""

    @functools.wraps(forward)
    def fn(*args, **constants):
        def vjp(dy):
            grads = backward(dy, *args, **constants)
            return grads if isinstance(grads, tuple) else (grads,)

        return forward(*args, **constants), vjp

    return fn


def _watched(fn):
    """Whether a function has a parameter `watch`."""
    try:
        return "watch" in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return False
