"""The gradient oracle: is `vjp` the derivative of `y`?

`gradcheck(fn, *args, **constants)` differentiates `fn` a second way and compares, entry by entry.
`fn` is anything that keeps the protocol `y, vjp = fn(*args, **constants)`: your own, too.

The outputs are contracted with a random cotangent dy to a number L = sum(dy * y), whose derivative
is what `vjp(dy)` claims. Random, because with a cotangent of ones an error that moves gradient
from one output to another cannot be seen. An entry passes if

    |analytic - numeric|  <=  rtol max(|analytic|, |numeric|) + floor,

where the floor is what rounding alone may do to a difference. The reported error is the smallest
rtol of that form, |analytic - numeric| / (max(...) + floor / rtol). An entry that fails is looked
at again with shorter and shorter steps: a gradient that is wrong stays wrong by as much, while a
sharp bend, or a kink beside the point, moves out of reach. What cannot be decided is named, not
shrugged off:

    ok        every entry passed             kink       it passed but for entries at a kink, or
    dead      it passed: no influence at all            every entry is at one (a failure)
    none      vjp gives None for it          unseen     the gradients are below the floor
    wrong     two numbers differ             unstable   two equal calls give different results
    nan       something is not finite        mutated    the function changed its arguments
    shape     vjp's result does not match the arguments

Source: Baydin et al., Automatic Differentiation in Machine Learning: a Survey (2018), section 2.1.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from tinyvae.differences import EPS, METHODS, bend, derivative, is_kink
from tinyvae.errors import check_count, check_number, unknown
from tinyvae.protocol import argument_names, call, float64, name_of, trial
from tinyvae.report import Report, Row

DIRECTIONS = 2  # one sees an error almost surely; two are hardly ever both blind to it
STREAM = 5  # of the seed: the user's inputs may well be the first draws of the same seed


def gradcheck(
    fn, *args, method="central", rtol=None, max_entries=2000, seed=0, layout=None, **constants
):
    """Compare `vjp` of `y, vjp = fn(*args, **constants)` with numerical derivatives: a Report.

    args: float64 arrays, numbers, or dicts of arrays; fn gets copies. y: a float64 array or number,
    or a tuple of them. method: 'central', 'five-point' or 'complex'. rtol: METHODS says what each
    method defaults to. An argument of more than `max_entries` numbers is compared along a few
    random directions, all its entries at once. seed: of the cotangent and the directions. layout:
    an `nn.Layout` of the first argument, a flat vector: its blocks are then checked one by one.

    TypeError for arguments or results that are not float64: a difference of shorter numbers has
    no digits left to compare. TypeError if method is 'complex' and fn stops complex numbers.
    ValueError for an unknown method or an rtol that is not positive.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    rtol = METHODS[method].rtol if rtol is None else check_number("rtol", rtol, above=0)
    check_count("max_entries", max_entries)
    check = _Check(fn, args, constants, METHODS[method], rtol, max_entries, seed, layout)
    return Report(check.name, method, rtol, check.rows())


class _Check:
    """One run of the check: the function, its arguments in float64, a cotangent, the claim."""

    def __init__(self, fn, args, constants, method, rtol, max_entries, seed, layout):
        self.fn, self.constants, self.layout = fn, constants, layout
        self.method, self.rtol, self.max_entries = method, rtol, max_entries
        self.rng = np.random.default_rng([seed, STREAM])
        self.name = name_of(fn)
        self.names = argument_names(fn, len(args))
        self.args = [float64(name, arg) for name, arg in zip(self.names, args, strict=True)]

    def rows(self):
        """The verdicts: one row if the comparison is meaningless, else a row for each argument."""
        first = trial(self.fn, self.names, self.args, self.constants, self.rng)
        if first.verdict != "ok":
            return [Row("(all)", verdict=first.verdict, note=first.note)]
        self.dy, self.grads = first.dy, first.grads
        return [self.compare(*leaf) for leaf in self.leaves()]

    def leaves(self):
        """(name, array, claimed gradient, function of that array alone) for every block."""
        for k, (name, arg, grad) in enumerate(zip(self.names, self.args, self.grads, strict=True)):
            blocks, grads, whole = {None: arg}, {None: grad}, lambda blocks: blocks[None]
            if isinstance(arg, dict):
                blocks, grads, whole = arg, grad, dict
            elif self.layout is not None and k == 0:
                blocks, whole = self.layout.views(arg), self.layout.flatten
                grads = None if grad is None else self.layout.views(grad)
            for key, array in blocks.items():

                def outputs(value, k=k, key=key, blocks=blocks, whole=whole):
                    moved = whole(blocks | {key: value})
                    return call(
                        self.fn, [*self.args[:k], moved, *self.args[k + 1 :]], self.constants
                    )[0]

                label = name if key is None else f"{name}[{key!r}]"
                yield label, array, None if grads is None else grads[key], outputs

    def compare(self, name, array, claimed, outputs):
        """The verdict on one block."""
        row = Row(name, array.shape, each=array.size <= self.max_entries)
        if claimed is None:
            row.verdict = "none"
            return row
        bad = np.argwhere(~np.isfinite(claimed))
        if len(bad):
            index = tuple(bad[0])
            row.verdict, row.note = "nan", f"at {name}{_at(index)} vjp gives {claimed[index]}"
            return row
        if self.method is METHODS["complex"] and array.size:
            self.trust_complex(array, claimed, outputs)
        points = [self.point(array, claimed, outputs, *along) for along in self.along(array)]
        row.entries, row.kinks = len(points), sum(point.kink for point in points)
        smooth = [point for point in points if not point.kink]
        if not smooth:
            row.verdict = "kink" if points else "ok"
            row.note = f"{name}: every entry sits on a kink, nothing to compare: move the inputs"
            return row
        worst = max(smooth, key=lambda point: point.error)
        row.error, row.index = worst.error, worst.index
        row.analytic, row.numeric = worst.analytic, worst.numeric
        largest = max(max(abs(point.analytic), abs(point.numeric)) for point in smooth)
        if worst.error == np.inf:
            row.verdict = "nan"
            row.note = f"the value is not finite {self.method.h:g} away from {name}{_at(row.index)}"
        elif worst.error > self.rtol:
            row.verdict = "wrong"
            row.note = row.disagreement(f"{name}{_at(row.index)}")
        elif not claimed.any() and not self.repeats(array, outputs, largest, worst.floor):
            row.verdict = "dead"
        elif all(point.faint for point in smooth):
            row.verdict = "unseen"
            row.note = (
                f"{name}: the gradients, at most {largest:.0e}, are too small for differences, "
                f"whose rounding is {worst.floor:.0e}: scale the function up, or use "
                "method='complex'"
            )
        return row

    def along(self, array):
        """(index, direction) of each comparison: every entry, or a few random directions."""
        if array.size > self.max_entries:
            for _ in range(DIRECTIONS):
                yield None, self.direction(array)
            return
        for index in np.ndindex(array.shape):
            v = np.zeros_like(array)
            v[index] = max(1.0, abs(array[index]))  # the step grows with the number it is added to
            yield index, v

    def repeats(self, array, outputs, largest, floor):
        """Whether a derivative below the floor is more than rounding: a longer step agrees."""
        if self.method is METHODS["complex"]:
            return largest > floor
        v = self.direction(array)
        one, two = (
            derivative(outputs, array, v, self.dy, self.method, h)[0]
            for h in (self.method.h, 2.5 * self.method.h)
        )
        return abs(one - two) < 0.01 * abs(one)

    def direction(self, array):
        """A random direction; with signs alone, errors of two entries could cancel in all."""
        signs = self.rng.choice([-1.0, 1.0], array.shape)
        return signs * self.rng.uniform(0.5, 1.5, array.shape) / np.sqrt(array.size)

    def point(self, array, claimed, outputs, index, v):
        """The comparison along the direction v: as often as it takes to tell wrong from kinked."""
        unit = 1.0 if index is None else v[index]
        analytic = float((claimed * v).sum()) / unit
        # Along a random direction gradients cancel: what counts is the size of what is summed.
        typical = float(np.sqrt((claimed * claimed).mean())) if index is None else 0.0
        finest = 10 * EPS * float(np.abs(claimed).max())  # what summing a gradient may round away

        def against(method, h, reach=1):
            numeric, floor = derivative(outputs, array, v, self.dy, method, h, reach)
            numeric, floor = numeric / unit, max(floor / unit, finest)
            size = max(abs(analytic), abs(numeric), typical) + floor / self.rtol
            error = abs(analytic - numeric) / size if size else 0.0
            error = error if np.isfinite(error) else np.inf
            return Point(index, analytic, numeric, floor, error, h)

        point = against(self.method, self.method.h)
        if point.error <= self.rtol or point.error == np.inf:
            return point
        if self.method is METHODS["complex"]:
            # It does not reach for a kink nearby; only one at the point itself excuses it.
            point.kink = is_kink(outputs, array, v, self.dy, METHODS["central"].h / 1000)
            return point

        # It fails. With a shorter step a wrong gradient stays as wrong as it was; a bend too sharp
        # for the step, or a kink beside the point, moves out of reach.
        found = [point]
        for k in range(1, 7):
            closer = against(self.method, self.method.h / 10**k)
            if closer.floor > 0.5 * found[-1].gap:  # rounding alone could now close the gap
                longer = against(self.method, 3.0 * found[-1].h)
                if longer.gap > 5.0 * found[-1].gap and closer.error <= self.rtol:
                    return closer  # it was closing as truncation does, with a power of the step
                break
            if closer.error <= self.rtol and closer.gap < 0.5 * found[-1].gap:
                return closer  # the step closed it
            found.append(closer)
        # The gap stays. It may still be rounding, in outputs so large that h moves them by less
        # than their last digit: a far longer step shows which outputs move at all.
        far = against(self.method, self.method.h, reach=1000)
        if far.gap <= far.floor:
            return far
        if len(found) == 1:  # no shorter step can tell; is there a kink that explains the gap?
            reach = self.method.h * max(self.method.offsets)
            settled = bend(outputs, array, v, self.dy, reach) / unit < point.gap
        else:  # the numbers have settled if the last two agree far better than they do with vjp
            change = abs(found[-1].numeric - found[-2].numeric)
            settled = change <= 0.1 * found[-1].gap + found[-1].floor
        h = METHODS["central"].h  # at a kink all steps see it; near one, the short see it no more
        point.kink = not settled or all(
            is_kink(outputs, array, v, self.dy, step) for step in (h, h / 1000)
        )
        return point

    def trust_complex(self, array, claimed, outputs):
        """TypeError unless the complex step along a random direction is what differences give.

        A function that drops an imaginary part on the way has a complex step that is wrong, and a
        wrong gradient may agree with it.
        """
        v = self.direction(array)
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            try:
                exact, _ = derivative(outputs, array, v, self.dy, self.method, self.method.h)
            except (TypeError, np.exceptions.ComplexWarning) as error:
                raise TypeError(self.stops_complex(error)) from error
        central = METHODS["central"]
        size = max(abs(exact), float(np.sqrt((claimed * claimed).mean())))
        for k in range(5):
            with np.errstate(all="ignore"):
                slope, floor = derivative(outputs, array, v, self.dy, central, central.h / 10**k)
            if abs(slope - exact) <= 1e-5 * max(size, abs(slope)) + floor:
                return
        if not is_kink(outputs, array, v, self.dy, central.h):
            raise TypeError(self.stops_complex("its complex derivative is wrong"))

    def stops_complex(self, why):
        return (
            f"{self.name} does not let complex numbers through ({why}): "
            "use method='central' or 'five-point'"
        )


@dataclass
class Point:
    """One comparison: at an entry, or along a direction (index None)."""

    index: tuple | None
    analytic: float
    numeric: float
    floor: float
    error: float
    h: float
    kink: bool = False

    @property
    def gap(self):
        return abs(self.analytic - self.numeric)

    @property
    def faint(self):
        """Too close to the floor for an error of a percent to be seen."""
        return max(abs(self.analytic), abs(self.numeric)) <= 100 * self.floor


def _at(index):
    return " along a random direction" if index is None else f"[{', '.join(map(str, index))}]"
