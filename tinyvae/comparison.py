"""An estimator held against the exact answer: is it right, how much does it spread, what does it
cost?

`compare(estimator, f, law, params, samples=, rng=)` runs a row of `tinyvae.estimators.ESTIMATORS`
and reports on each parameter. Samples are drawn and used in chunks that fit into the cache, and
only their moments are kept, so 10^6 samples in 100 dimensions need a few megabytes.
"""

import math
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tinyvae.backend import backend_of, to_device, to_host
from tinyvae.distributions.law import draw_shape
from tinyvae.errors import NotFinite, check_count
from tinyvae.heap import keep_dropped_memory
from tinyvae.ranks import ALONE

CHUNK = 2**16  # numbers in an array of a chunk: half a megabyte, so that it stays in the cache
ON_GPU = 2**22  # the same on a GPU: small arrays would be done before the next call has started
LEAST = 256  # samples in a chunk: what an estimator that looks at others, as cross-fitting, sees


@dataclass(frozen=True)
class SampleMoments:
    """Of n samples, number by number: the mean, and M_k, the sum of (x - mean)^k."""

    n: int
    mean: np.ndarray
    M2: np.ndarray
    M3: np.ndarray
    M4: np.ndarray

    @classmethod
    def of(cls, x):
        """The moments of x (n, ...). Sums over samples are products with ones: where a sample is a
        few numbers, NumPy's sums are ten times slower."""
        n, shape = len(x), x.shape[1:]
        rows = x.reshape(n, -1)
        ones = np.ones_like(rows[:, 0], dtype=np.float64)
        mean = ones @ rows / n
        d = rows - mean
        d2 = d * d
        M2 = ones @ d2
        d *= d2  # in place, as the arrays are ours: now d³
        M3 = ones @ d
        d2 *= d2
        return cls(n, *(m.reshape(shape) for m in (mean, M2, M3, ones @ d2)))

    @property
    def variance(self):
        """That of one sample, without bias: M_2 / (n - 1)."""
        return self.M2 / (self.n - 1)

    def __add__(self, other):
        """The moments of both together. Source: Pebay (2008), equations (3.1) to (3.4)."""
        a, b = self.n, other.n
        n, gap = a + b, other.mean - self.mean
        mean = self.mean + gap * (b / n)
        M2 = self.M2 + other.M2 + gap**2 * (a * b / n)
        M3 = self.M3 + other.M3 + gap**3 * (a * b * (a - b) / n**2)
        M3 = M3 + 3.0 * gap * (a * other.M2 - b * self.M2) / n
        M4 = self.M4 + other.M4 + gap**4 * (a * b * (a * a - a * b + b * b) / n**3)
        M4 = M4 + 6.0 * gap**2 * (a * a * other.M2 + b * b * self.M2) / n**2
        M4 = M4 + 4.0 * gap * (a * other.M3 - b * self.M3) / n
        return SampleMoments(n, mean, M2, M3, M4)


@dataclass(frozen=True)
class Comparison:
    """One parameter under one estimator. Arrays have the parameter's shape; variances are those of
    a single estimate.

    exact_mean, exact_variance: what they should be, None where that is not known.
    """

    estimator: str
    parameter: str
    samples: int
    cost: int
    mean: np.ndarray
    variance: np.ndarray
    variance_error: np.ndarray  # its standard error, sqrt((m4 - v²) / S)
    exact_mean: np.ndarray | None = None
    exact_variance: np.ndarray | None = None

    @property
    def error(self):
        """The standard error of the mean."""
        return np.sqrt(self.variance / self.samples)

    @property
    def z(self):
        """The mean's distance from the exact one in standard errors: 0 where both agree exactly,
        infinite where an estimate without spread is wrong."""
        if self.exact_mean is None:
            return None
        gap = self.mean - self.exact_mean
        largest = np.max(np.abs(self.exact_mean)) + np.sqrt(np.max(self.variance))
        rounding = 1e-11 * largest + 1e-15
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.abs(gap) <= rounding, 0.0, gap / self.error)

    @property
    def signal_to_noise(self):
        """|mean| / standard deviation of one estimate; without spread infinite, or 0 if the mean
        is: an estimate that is always 0 says nothing."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(self.mean) / np.sqrt(self.variance)
        without = np.where(np.abs(self.mean) > 0.0, np.inf, 0.0)
        return np.where(self.variance > 0.0, ratio, without)

    @property
    def cost_adjusted(self):
        """Variance times cost: of one evaluation of f, so that estimators of any cost compare."""
        return self.variance * self.cost

    def row(self, base):
        """Its numbers as text, in the order of HEADS; `base` is the variance that is 1."""
        exact = "-" if self.exact_mean is None else f"{typical(self.exact_mean):.5g}"
        z = "-" if self.z is None else f"{worst(self.z):.1f}"
        v = "-" if self.exact_variance is None else f"{typical(self.exact_variance):.5g}"
        return (
            self.estimator,
            f"{typical(self.mean):.5g}",
            exact,
            z,
            f"{typical(self.variance):.5g}",
            f"{typical(self.variance_error):.1g}",
            v,
            f"{typical(self.variance) / base:.3g}" if base else "-",
            f"{typical(self.signal_to_noise):.2g}",
            str(self.cost),
            f"{typical(self.cost_adjusted):.4g}",
        )


def typical(array):
    """The mean over the coordinates."""
    return float(np.mean(array))


def worst(array):
    """The number of largest size."""
    return float(np.ravel(array)[np.argmax(np.abs(array))])


HEADS = (
    "estimator", "mean", "exact", "z", "variance", "+-", "exact v", "ratio", "snr", "cost", "v*cost"
)  # fmt: skip


def table(comparisons):
    """Comparisons as aligned lines; of arrays the mean over the coordinates, of z the worst.

    The ratio is that of the variance to the pathwise one or, where there is none or it is 0, to
    that of the first row that has one. ValueError if there is nothing to show.
    What is None, a parameter that an estimator has no gradient for, has no line.
    """
    comparisons = [comparison for comparison in comparisons if comparison is not None]
    if not comparisons:
        raise ValueError("comparisons is empty: no estimator has a gradient in this parameter")
    spread = {c.estimator: typical(c.variance) for c in comparisons if typical(c.variance) > 0.0}
    base = spread.get("pathwise", next(iter(spread.values()), 0.0))
    rows = [HEADS, *(comparison.row(base) for comparison in comparisons)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    )


def compare(
    estimator,
    f,
    law,
    params,
    *,
    samples,
    rng,
    exact_mean=None,
    exact_variance=None,
    chunk=None,
    ranks=ALONE,
):
    """One Comparison for each parameter, or None where the estimator has no gradient to offer.

    estimator: a row of `ESTIMATORS`. f, law, params: the problem, d E[f(z)] / dparams. samples: how
    many estimates, 2 at least. exact_mean, exact_variance: a tuple, one a parameter (None for what
    is not known), of numbers or arrays of the parameter's shape. chunk: numbers in an array; by
    default CHUNK (ON_GPU), or those of LEAST samples if they are more. ranks: as for `compare_all`.

    NotFinite (an ArithmeticError) where the estimates overflow, as where E f(z) is infinite.
    An estimator that looks at other samples (running mean, cross-fitting) sees those of its chunk.
    """
    options = {"samples": samples, "rng": rng, "exact_mean": exact_mean, "chunk": chunk}
    options |= {"exact_variances": {estimator.name: exact_variance}, "ranks": ranks}
    (found,) = compare_all([estimator], f, law, params, **options).values()
    if isinstance(found, Exception):
        raise found
    return found


def compare_all(
    estimators,
    f,
    law,
    params,
    *,
    samples,
    rng,
    exact_mean=None,
    exact_variances=MappingProxyType({}),
    chunk=None,
    ranks=ALONE,
):
    """{name: what `compare` gives} of several estimators on the same draws: {name: Exception} of
    one that does not fit the problem (ValueError, ArithmeticError).

    Estimators that take the same kind of noise see the same numbers, drawn once; another kind
    begins where `rng` stood, or, as a GPU's generator cannot be copied, where the first one is.
    exact_variances: {name: tuple}. All is done where params live, which are one backend's; noise
    is moved there; exact means and the result are the host's. ranks: who shares the samples, each
    with a stream of its own that `rng` spawns; all have the result of all.
    """
    check_count("samples", samples, at_least=2)
    keep_dropped_memory()  # every chunk makes and drops the same arrays
    shape = draw_shape(law, params)
    width, backend = max(1, math.prod(shape)), backend_of(params[0])
    if chunk is None:
        each = max(LEAST, (CHUNK if backend == "numpy" else ON_GPU) // width)
    else:
        each = max(2, check_count("chunk", chunk) // width)
    pieces = max(1, samples // each, min(ranks.size, samples // LEAST))
    rng = ranks.stream(rng)
    kinds = list(dict.fromkeys(estimator.noise for estimator in estimators))
    copy = deepcopy if isinstance(rng, np.random.Generator) else lambda rng: rng
    rngs = dict(zip(kinds, [rng, *(copy(rng) for _ in kinds[1:])], strict=False))
    found = {}
    for k in range(pieces)[ranks.share(pieces)]:
        size = samples * (k + 1) // pieces - samples * k // pieces
        noise = {kind: to_device(kind(law, rngs[kind], (size, *shape)), backend) for kind in kinds}
        for estimator in estimators:
            before = found.get(estimator.name)
            if not isinstance(before, Exception):
                arguments = f, law, params, noise[estimator.noise]
                found[estimator.name] = outcome(_added, before, estimator, *arguments)
    found = _merged(ranks.gather(found))
    nothing = (None,) * len(params)
    for estimator in estimators:
        known = exact_mean or nothing, exact_variances.get(estimator.name) or nothing
        if not isinstance(found[estimator.name], Exception):
            total = found[estimator.name]
            found[estimator.name] = outcome(_comparisons, estimator, law, params, total, *known)
    return found


def outcome(make, *args):
    """What it returns, or why not: the exception of an estimator that does not fit the problem."""
    try:
        return make(*args)
    except (ValueError, ArithmeticError) as error:
        return error


def _added(total, estimator, *problem):
    """The moments so far, a list, one a parameter, with those of the estimates by this noise."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused at the end
        grads = estimator.fn(*problem)
        found = [None if grad is None else SampleMoments.of(grad) for grad in grads]
    return found if total is None else list(map(_joined, total, found))


def _merged(found):
    """What the ranks have found, as one."""
    total = {}
    for name, mine in (item for one in found for item in one.items()):
        total[name] = _both(total[name], mine) if name in total else mine
    return total


def _both(one, two):
    """The moments of two ranks together; what failed on one of them has failed."""
    failed = [found for found in (one, two) if isinstance(found, Exception)]
    with np.errstate(over="ignore", invalid="ignore"):
        return failed[0] if failed else list(map(_joined, one, two))


def _comparisons(estimator, law, params, total, *known):
    return tuple(
        None if moments is None else _comparison(estimator, name, law, params, moments, *exact)
        for name, moments, *exact in zip(law.PARAMS, total, *known, strict=True)
    )


def _joined(one, two):
    return None if one is None else one + two


def _comparison(estimator, name, law, params, moments, exact_mean, exact_variance):
    moments = SampleMoments(
        moments.n, *map(to_host, (moments.mean, moments.M2, moments.M3, moments.M4))
    )
    if not np.isfinite(moments.M4).all():
        raise NotFinite(
            f"the estimates of d/d{name} by {estimator.name} overflow: is E f(z) finite at all?"
        )
    variance = moments.variance
    # Estimates that differ by their rounding alone have no variance.
    spread = variance > (1e-11 * moments.mean) ** 2
    variance = np.where(spread, variance, 0.0)
    fourth = moments.M4 / moments.n
    # Rounding may leave the fourth moment just below the square of the variance.
    error = np.sqrt(np.where(spread, np.maximum(fourth - variance**2, 0.0), 0.0) / moments.n)
    cost = estimator.cost(law, params)
    known = (exact_mean, exact_variance)
    shapes = [k if k is None else np.broadcast_to(k, np.shape(moments.mean)) for k in known]
    return Comparison(estimator.name, name, moments.n, cost, moments.mean, variance, error, *shapes)
