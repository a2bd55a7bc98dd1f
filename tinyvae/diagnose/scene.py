"""A function at one point, arrow by arrow: the gradients it claims, and those that follow.

Backpropagation is one local statement, made once for every array u on the way,

    du = sum over the arrays v that are made from u of (dv/du)^T dv.

`Scene` finds each summand by central differences, with u moved and every other array held where
it was, and with the dv that the function itself *claims*. So every step back is held against what
came into it: a step that was handed a wrong gradient, and handed it on correctly, is not blamed.

The arrays are the arguments, the outputs, and what the function shows to `watch` (see watch.py)
under some name together with its gradient, under `d` and that name.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae.diagnose.blocks import Blocks
from tinyvae.differences import EPS
from tinyvae.gradcheck import STREAM
from tinyvae.protocol import call

H = 1e-5  # of the central difference, times max(1, |u|)
BEND = 0.01  # of the slopes: more may be a kink
CLOSE = 1e-5  # of the largest entry: differences are good to about 1e-9
MOST = 5000  # numbers to be moved, one after the other


@dataclass
class Step:
    """One step back: the gradient of `name`, from those of the arrays that are made from it."""

    name: str
    claimed: np.ndarray
    doubled: np.ndarray  # what is claimed when the cotangent is twice as large
    arrows: dict  # {name of v: (dv/du)^T dv}
    floor: float  # what rounding alone may do to a difference
    kinks: np.ndarray  # where the slope to the right is not that to the left

    @property
    def expected(self):
        return sum(self.arrows.values(), np.zeros_like(self.claimed))

    @property
    def compared(self):
        """The claimed gradient; at a kink, where nothing can be said, the expected one."""
        return np.where(self.kinks, self.expected, self.claimed)

    @property
    def right(self):
        return alike(self.compared, self.expected, self.floor) and alike(
            self.doubled, 2.0 * self.claimed, self.floor
        )


def alike(a, b, floor=0.0):
    """Whether two arrays of one shape are equal to what a difference can see."""
    size = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return bool(np.abs(a - b).max(initial=0.0) <= CLOSE * size + floor)


class Listener:
    """A `watch` that copies what it is shown: who made it may go on and change it in place."""

    def __init__(self):
        self.seen, self.repeated = {}, set()

    def __call__(self, name, array):
        if name in self.seen:
            self.repeated.add(name)
        self.seen[name] = np.array(array)
        return array

    def heard(self):
        """What was shown since the last time, by name."""
        seen, self.seen = self.seen, {}
        return seen


class Hold:
    """A `watch` that holds the nodes at `base`, one of them moved; `made` is what they would be."""

    def __init__(self, base, moved):
        self.base, self.moved, self.made = base, moved, {}

    def __call__(self, name, array):
        if name not in self.base:
            return array
        self.made[name] = array
        return self.moved.get(name, self.base[name])


class Scene:
    """`y, vjp = fn(*args, **constants)` at one point; `steps`: from the outputs back.

    The cotangent is `unit`, usually 1, for a number, so that constants are what they look like, and
    random for an array. output: what the outputs are called. ValueError for more than 5000 numbers
    to move.
    """

    def __init__(
        self, fn, args, constants, *, layout=None, watched=False, seed=0, output="y", unit=1.0
    ):
        self.fn, self.constants, self.watched = fn, constants, watched
        self.blocks = Blocks(fn, args, layout)
        self.leaves = {name: block for name, _, block in self.blocks.of(self.blocks.args)}
        self._run(np.random.default_rng([seed, STREAM]), output, unit)
        count = sum(array.size for array in (self.leaves | self.nodes).values())
        if count > MOST:
            raise ValueError(
                f"diagnose moves every number by itself, and here are {count}: give it a smaller "
                f"example of at most {MOST}, with sizes that differ from each other"
            )
        self.steps = self._steps()

    def _run(self, rng, output, unit):
        """Once forward and twice back: outputs, nodes, and what is claimed of everything."""
        listener = Listener()
        y, pull = self._call(self.blocks.args, self.constants, listener)
        dy = [np.asarray(rng.standard_normal(part.shape) if part.ndim else unit) for part in y]
        forward = listener.heard()
        name = "output" if output in self.leaves | forward else output
        labels = [name] if len(y) == 1 else [f"{name}[{i}]" for i in range(len(y))]
        self.outputs = dict(zip(labels, y, strict=True))
        self.claimed, self.doubled = {}, {}
        for claims, scale in ((self.claimed, 1.0), (self.doubled, 2.0)):
            grads = pull([scale * part[()] for part in dy])
            backward = listener.heard()
            claims |= {k: backward[f"d{k}"] for k in forward if f"d{k}" in backward}
            claims |= {k: grad for k, _, grad in self.blocks.of(grads)}
            claims |= {k: scale * part for k, part in zip(labels, dy, strict=True)}
        self.nodes = {
            k: array
            for k, array in forward.items()
            if np.shape(self.claimed.get(k)) == array.shape
            and f"d{k}" in backward
            and not {k, f"d{k}"} & listener.repeated
        }
        self._name_the_rest()

    def _name_the_rest(self):
        fixed = {k: v for k, v in self.constants.items() if isinstance(v, np.ndarray)}
        fixed = {k: v.astype(float) for k, v in fixed.items() if v.dtype.kind in "fiub"}
        self.noises = {k: v for k, v in fixed.items() if v.size > 7}
        self.arrays = self.leaves | self.nodes | fixed
        self.scalars = {
            k: float(v)
            for k, v in self.constants.items()
            if isinstance(v, (int, float)) and not isinstance(v, bool)
        }

    @property
    def sizes(self):
        """{number: what there are so many of}: the lengths of all axes, and all entries."""
        found, arrays = {}, self.constants | self.arrays | self.outputs
        for name, array in arrays.items():
            for axis, size in enumerate(np.shape(array)):
                if size > 2:
                    found.setdefault(size, f"{size} is the length of axis {axis} of {name}")
        for name, array in arrays.items():
            if np.size(array) > 2:
                found.setdefault(np.size(array), f"{np.size(array)} numbers are in {name}")
        return found

    def without(self, name, scalar):
        """The gradient that follows for `name` with a constant, such as beta, put to 0."""
        arrows, _ = self._arrows(name, self.constants | {scalar: 0.0})
        return sum(arrows.values(), np.zeros_like(self.moves[name][0]))

    def _steps(self):
        """Every Step, from the outputs back; a block comes after all arrays that are made of it.

        Of two that are used at one time the later in the list comes first: the last layer's
        weights are usually given last.
        """
        order = {name: k for k, name in enumerate([*self.nodes, *self.outputs])}
        self.moves = {
            name: (array, lambda v, name=name: (self.blocks.args, {name: v}))
            for name, array in self.nodes.items()
        }
        found = [(-order[name], 0, self._step(name)) for name in self.nodes]
        for k, (name, place, block) in enumerate(self.blocks.of(self.blocks.args)):
            if self.claimed[name] is None:
                continue
            self.moves[name] = block, lambda v, place=place: (self.blocks.placed(place, v), {})
            step = self._step(name)
            first = min((order[child] for child in step.arrows), default=0)
            found.append((0.5 - first, -k, step))
        return [step for *_, step in sorted(found, key=lambda row: row[:2])]

    def _step(self, name):
        arrows, kinks = self._arrows(name, self.constants)
        claimed, doubled = (np.asarray(which[name]) for which in (self.claimed, self.doubled))
        if not all(alike(self.doubled[v], 2.0 * np.asarray(self.claimed[v])) for v in arrows):
            doubled = 2.0 * claimed  # what came in did not double: nothing to be seen here
        return Step(name, claimed, doubled, arrows, self._floor(arrows, H), kinks)

    def _floor(self, names, h):
        """What rounding may do to a difference of these arrays."""
        made = self.nodes | self.outputs
        return 10 * EPS * sum(float(np.abs(self.claimed[v] * made[v]).sum()) for v in names) / h

    def _arrows(self, name, constants):
        """{v: (dv/du)^T dv} for the v that move with u while everything else is held, and where u
        sits on a kink."""
        u, _ = self.moves[name]
        found = {v: np.zeros_like(u) for v in [*self.nodes, *self.outputs]}
        kinks = np.zeros(u.shape, bool)
        for index in np.ndindex(u.shape):
            h = H * max(1.0, abs(u[index]))
            slopes, bend = self._slopes(name, constants, index, h)
            for v, slope in slopes.items():
                found[v][index] = slope
            seen = 100.0 * self._floor([v for v, slope in slopes.items() if slope], h)
            if bend > BEND * sum(map(abs, slopes.values())) + seen:
                # A kink stays with a shorter step, a bend goes away.
                kinks[index] = self._slopes(name, constants, index, h / 100)[1] > 0.3 * bend
        return {v: slopes for v, slopes in found.items() if np.any(slopes != 0.0)}, kinks

    def _slopes(self, name, constants, index, h):
        """({v: d(v . dv)/du[index]}, the difference between the slopes to the right and left)."""
        u, moved = self.moves[name]
        made = self.nodes | self.outputs
        sides = [self._made(constants, *moved(_nudged(u, index, step))) for step in (h, -h)]
        slopes, bend = {}, 0.0
        for v in made:
            up, down = (float((self.claimed[v] * (side[v] - made[v])).sum()) for side in sides)
            slopes[v] = (up - down) / (2.0 * h)
            bend += abs(up + down) / (2.0 * h)
        return slopes, bend

    def _made(self, constants, args, nodes):
        """Every node and output as it is made from these arguments, and from the nodes held at
        their values but for `nodes`."""
        hold = Hold(self.nodes, nodes)
        y, _ = self._call(args, constants, hold)
        return hold.made | dict(zip(self.outputs, y, strict=True))

    def _call(self, args, constants, watch):
        return call(self.fn, args, constants | ({"watch": watch} if self.watched else {}))


def _nudged(array, index, step):
    moved = np.array(array)
    moved[index] += step
    return moved
