"""A function at one point, arrow by arrow: the gradients it claims, and those that follow.

Backpropagation is one local statement, made once for every array u on the way,

    du = sum over the arrays v that are made from u of (dv/du)^T dv.

`Scene` finds each summand by central differences, with u moved and every other array held where
it was, and with the dv that the function itself *claims*. So every step back is held against what
came into it: a step that was handed a wrong gradient, and handed it on correctly, is not blamed.

The arrays are the arguments, the outputs, and what the function shows to `watch` (see watch.py)
under some name together with its gradient, under `d` and that name.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tinyvae.differences import EPS
from tinyvae.gradcheck import STREAM
from tinyvae.protocol import argument_names, call, float64, trial
from tinyvae.watch import Recorder

H = 1e-5  # of the central difference, times max(1, |u|)
BEND = 0.01  # of the slopes: more is a kink
CLOSE = 1e-5  # of the largest entry: differences are good to about 1e-9
MOST = 5000  # numbers to be moved, one after the other


@dataclass
class Step:
    """One step back: the gradient of `name`, from those of the arrays that are made from it."""

    name: str
    claimed: np.ndarray
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
        return alike(self.compared, self.expected, self.floor)


def alike(a, b, floor=0.0):
    """Whether two arrays of one shape are equal to what a difference can see."""
    size = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return bool(np.abs(a - b).max(initial=0.0) <= CLOSE * size + floor)


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

    ValueError for more than 5000 numbers to move: a smaller network shows the same mistake.
    """

    def __init__(self, fn, args, constants, *, layout=None, watched=False, seed=0):
        self.fn, self.constants, self.watched = fn, constants, watched
        names = argument_names(fn, len(args))
        self.args = [float64(name, arg) for name, arg in zip(names, args, strict=True)]
        self.layout, self.names = layout, names
        rng = np.random.default_rng([seed, STREAM])
        self.dy = trial(fn, names, self.args, constants, rng).dy
        self.leaves = {key: block for key, _, block in self._blocks(self.args)}
        self._run()
        count = sum(array.size for array in [*self.leaves.values(), *self.nodes.values()])
        if count > MOST:
            raise ValueError(
                f"diagnose moves every number by itself, and here are {count}: give it a smaller "
                f"example of at most {MOST}, with sizes that differ from each other"
            )
        self.steps = self._steps()

    def _blocks(self, args):
        """(name, how to put another in its place, array) for every block of every argument."""
        for k, (name, arg) in enumerate(zip(self.names, args, strict=True)):
            if isinstance(arg, dict):
                prefix = "{}" if len(args) == 1 else name + "[{!r}]"
                for key, block in arg.items():
                    yield prefix.format(key), (k, key), block
            elif self.layout is not None and k == 0:
                for key, block in self.layout.views(arg).items():
                    yield key, (k, key), block
            else:
                yield name, (k, None), arg

    def _placed(self, place, block):
        """The arguments with another block in that place."""
        args, (k, key) = list(self.args), place
        if key is None:
            args[k] = block
        elif isinstance(args[k], dict):
            args[k] = args[k] | {key: block}
        else:
            args[k] = self.layout.flatten(self.layout.views(args[k]) | {key: block})
        return args

    def _call(self, args, constants, watch):
        return call(self.fn, args, constants | ({"watch": watch} if self.watched else {}))

    def _run(self):
        """Once forward and back: outputs, nodes, and the claimed gradient of everything."""
        seen, times = Recorder(), Counter()

        def watch(name, array):
            times[name] += 1
            return seen(name, np.array(array, copy=True))

        y, pull = self._call(self.args, self.constants, watch)
        grads = pull([np.copy(part)[()] for part in self.dy])
        out = next(name for name in ("y", "output") if name not in self.leaves | seen)
        labels = [out] if len(y) == 1 else [f"{out}[{i}]" for i in range(len(y))]
        self.outputs = dict(zip(labels, y, strict=True))
        self.nodes = {
            name: array
            for name, array in seen.items()
            if np.shape(seen.get(f"d{name}", None)) == np.shape(array)
            and f"d{name}" in seen
            and times[name] == 1
        }
        self.claimed = dict(zip(labels, self.dy, strict=True))
        self.claimed |= {name: seen[f"d{name}"] for name in self.nodes}
        self.claimed |= {name: grad for name, _, grad in self._blocks(grads)}
        fixed = {k: v for k, v in self.constants.items() if isinstance(v, np.ndarray)}
        self.noises = {k: v for k, v in fixed.items() if v.dtype.kind == "f" and v.size > 7}
        self.arrays = self.leaves | self.nodes | fixed
        self.scalars = {
            k: float(v)
            for k, v in self.constants.items()
            if isinstance(v, (int, float)) and not isinstance(v, bool)
        }

    @property
    def sizes(self):
        """{length: what has this length} of every axis."""
        found = {}
        for name, array in (self.constants | self.arrays).items():
            for axis, size in enumerate(np.shape(array)):
                if size > 2:
                    found.setdefault(size, f"{size} is the length of axis {axis} of {name}")
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
            name: (array, lambda v, name=name: (self.args, {name: v}))
            for name, array in self.nodes.items()
        }
        found = [(-order[name], 0, self._step(name)) for name in self.nodes]
        for k, (name, place, block) in enumerate(self._blocks(self.args)):
            if self.claimed[name] is None:
                continue
            self.moves[name] = block, lambda v, place=place: (self._placed(place, v), {})
            step = self._step(name)
            first = min((order[child] for child in step.arrows), default=0)
            found.append((0.5 - first, -k, step))
        return [step for *_, step in sorted(found, key=lambda row: row[:2])]

    def _step(self, name):
        arrows, bends = self._arrows(name, self.constants)
        made = self.nodes | self.outputs
        size = sum(float(np.abs(self.claimed[v] * made[v]).sum()) for v in arrows)
        floor = 10 * EPS * size / H
        kinks = bends > BEND * sum(map(np.abs, arrows.values()), 0.0 * bends) + floor
        return Step(name, np.asarray(self.claimed[name]), arrows, floor, kinks)

    def _arrows(self, name, constants):
        """{v: (dv/du)^T dv} for the v that move with u while everything else is held; and by how
        much the slopes to the left and to the right differ, over all v."""
        u, moved = self.moves[name]
        made, bends = self.nodes | self.outputs, np.zeros_like(u)
        found = {v: np.zeros_like(u) for v in made}
        for index in np.ndindex(u.shape):
            h = H * max(1.0, abs(u[index]))
            sides = [self._made(constants, *moved(_nudged(u, index, step))) for step in (h, -h)]
            for v, slope in found.items():
                up, down = (self.claimed[v] * (side[v] - made[v]) for side in sides)
                slope[index] = (up - down).sum() / (2.0 * h)
                bends[index] += abs((up + down).sum()) / (2.0 * h)
        return {v: slope for v, slope in found.items() if np.any(slope != 0.0)}, bends

    def _made(self, constants, args, nodes):
        """Every node and output as it is made from these arguments, and from the nodes held at
        their values but for `nodes`."""
        hold = Hold(self.nodes, nodes)
        y, _ = self._call(args, constants, hold)
        return hold.made | dict(zip(self.outputs, y, strict=True))


def _nudged(array, index, step):
    moved = np.array(array)
    moved[index] += step
    return moved
