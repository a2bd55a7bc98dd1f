"""A problem for gradient estimators, by name: an integrand, a law and its parameters.

`NAME:key=value,key=value` names an integrand or a law with its constants, and what is left out has
a default: `cosine:k=4`, `normal:loc=1,scale=0.5`.
"""

import inspect
import math
from dataclasses import dataclass, replace

import numpy as np

from tinyvae import exact
from tinyvae.distributions import LAWS
from tinyvae.distributions.law import offers
from tinyvae.distributions.sets import check
from tinyvae.errors import check_count, check_number, unknown
from tinyvae.estimators.baselines import DRAWS, PILOT
from tinyvae.exact.variance import Moments, with_optimal_baseline
from tinyvae.integrands import INTEGRANDS

# What a parameter is unless something else is asked for, by its set; not 0, where gradients vanish.
DEFAULTS = {"real": 0.5, "positive": 1.0, "positive number": 0.5, "above low": 2.0}
BY_MOMENTS = {  # the variance of a score function estimate, from the Moments of f and the score
    "score function": Moments.variance,
    # The mean of a pilot is a baseline with a variance of its own.
    "score function, constant baseline": lambda m, D: m.variance(D, D * m.A1, D * m.v / PILOT),
    "score function, optimal baseline": with_optimal_baseline,
    "score function, leave-one-out": lambda m, D: m.leave_one_out(D, DRAWS),
}
OWN_DEFAULTS = {"student_t": {"df": 10.0}}  # with fewer, a variance has no variance


@dataclass(frozen=True)
class Problem:
    """d E[f(z)] / dparams: z has D coordinates of one law, or is one vector of D numbers.

    constants: of the integrand. one: {name: number}, the parameters of each coordinate.
    """

    integrand: str
    constants: dict
    law_name: str
    one: dict
    D: int

    @property
    def f(self):
        return INTEGRANDS[self.integrand](**self.constants)

    @property
    def law(self):
        return LAWS[self.law_name]

    @property
    def params(self):
        """The parameters as arrays (D,); real vectors rise to the value, matrices (D, D) have it on
        the diagonal, and a number that all coordinates share is ()."""
        return tuple(
            _filled(kind, self.one[name], self.D) for name, kind in self.law.PARAMS.items()
        )

    @property
    def breaks(self):
        """Where f jumps, or nearly so: what a quadrature wants to know."""
        return (self.constants["c"],) if self.integrand in ("step", "sigmoid") else ()

    def exact_mean(self):
        """The gradient, a tuple of numbers or arrays, one a parameter; None where it is not known.

        As f is a sum over coordinates, of one coordinate by quadrature or by a sum (of the waves
        under the tails of a Cauchy, which no quadrature gets to the end of, in closed form); of
        vectors from the mean and the variance of the law, for the linear and the quadratic f.
        """
        if self.law_name == "cauchy" and self.integrand == "cosine":
            return exact.cosine_under_cauchy(self.constants["k"], *self.numbers)
        if not self.law.EVENT:
            return exact.gradient(self.f, self.law, self.numbers, breaks=self.breaks)
        if not offers(self.law, "mean") or self.integrand not in ("linear", "quadratic"):
            return None
        mean, mean_vjp = self.law.mean(*self.params)
        if self.integrand == "linear":
            return mean_vjp(np.full_like(mean, self.constants["a"]))
        variance, variance_vjp = self.law.variance(*self.params)
        by_mean = mean_vjp(2.0 * (mean - self.constants["k"]))
        return tuple(map(np.add, by_mean, variance_vjp(np.ones_like(variance))))

    def exact_variance(self, estimator):
        """The variance of one estimate by the estimator of that name, a tuple, one a parameter;
        None where it is not known. For a Normal a closed form, otherwise a quadrature."""
        if self.law_name in ("normal", "gaussian"):
            known = self._closed_form(estimator)
            if known is not None:
                return known
        if self.law.EVENT:
            return None
        arguments = self.f, self.law, self.numbers
        if estimator == "pathwise" and self.has_one_noise and offers(self.law, "score"):
            return exact.variance_of_path(*arguments, breaks=self.breaks)
        if estimator in BY_MOMENTS and offers(self.law, "score"):
            rule = BY_MOMENTS[estimator]
            return exact.variance_of_score(*arguments, self.D, rule, breaks=self.breaks)
        return None

    def _closed_form(self, estimator):
        loc, scale = self.numbers
        in_logvar = self.law_name == "gaussian"
        scale = math.exp(0.5 * scale) if in_logvar else scale
        known = exact.closed_form(estimator, self.integrand, self.constants, loc, scale, self.D)
        if known is None:
            return None
        by_scale = exact.of_logvar(known["scale"], scale) if in_logvar else known["scale"]
        return known["loc"][1], by_scale[1]

    @property
    def numbers(self):
        """The parameters of one coordinate, as numbers."""
        return tuple(self.one.values())

    @property
    def has_one_noise(self):
        """Whether a draw is made of one number: its path is then the only one there is."""
        return self.law.KIND != "none" and self.law.noise(np.random.default_rng(0), (1,)).ndim == 1

    def in_dimension(self, D):
        """The same with another number of coordinates."""
        return replace(self, D=D)

    @property
    def one_coordinate(self):
        """'E f(z), f = cosine(k = 4), z ~ normal(loc = 1, scale = 0.5)'."""

        def listed(values):
            return ", ".join(f"{name} = {value:.4g}" for name, value in values.items())

        f = f"{self.integrand}({listed(self.constants)})"
        return f"E f(z), f = {f}, z ~ {self.law_name}({listed(self.one)})"

    def __str__(self):
        return f"{self.one_coordinate}, D = {self.D}"


def problem(integrand, law, D=None):
    """The Problem of an integrand and a law, each as `NAME:key=value,...`, in D dimensions.

    D is 1 if it is None, or 3 for a law of vectors.

    ValueError, naming what was wrong, for an unknown name or key, for a value that is no number,
    for parameters that are not in the sets of the law, and on a circle for an f that jumps.
    """
    integrand, constants = _read("integrand", integrand, INTEGRANDS)
    defaults = inspect.signature(INTEGRANDS[integrand]).parameters
    constants = {name: p.default for name, p in defaults.items()} | constants
    _known(f"constant of {integrand}", constants, defaults)
    name, given = _read("law", law, LAWS)
    D = (3 if LAWS[name].EVENT else 1) if D is None else check_count("dimension", D)
    sets = LAWS[name].PARAMS
    _known(f"parameter of {name}", given, sets)
    kinds = {"real vector": "real", "positive vector": "positive", "cholesky": "positive"}
    one = {key: DEFAULTS[kinds.get(kind, kind)] for key, kind in sets.items()}
    one = one | OWN_DEFAULTS.get(name, {}) | given
    chosen = Problem(integrand, constants, name, one, D)
    check(sets, *chosen.params)
    chosen.f  # noqa: B018 - its constants are checked, too
    if hasattr(chosen.law, "PERIOD"):
        _check_periodic(chosen)
    return chosen


def _check_periodic(chosen):
    ends = np.array(chosen.law.support(*chosen.numbers))
    low, high = chosen.f(ends[:, None])[0]
    if abs(high - low) > 1e-9 * (1.0 + abs(high)):
        raise ValueError(
            f"{chosen.law_name} lives on a circle, so f must repeat after {chosen.law.PERIOD:.6g}, "
            f"and {chosen.integrand} does not: take cosine with a whole k"
        )


def _filled(kind, value, D):
    if kind == "positive number":
        return np.array(value)
    if kind == "real vector":  # equal logits would have a gradient of 0
        return value * np.arange(1.0, D + 1.0) / D
    return value * np.eye(D) if kind == "cholesky" else np.full(D, value)


def _read(what, text, table):
    """('cosine', {'k': 4.0}) from 'cosine:k=4'."""
    name, _, rest = text.partition(":")
    if name not in table:
        raise unknown(what, name, table)
    values = {}
    for part in rest.split(",") if rest else []:
        key, _, value = part.partition("=")
        key = key.strip()
        if key in values:
            raise ValueError(f"{what} {text!r} sets {key} twice")
        try:
            values[key] = float(value)
        except ValueError:
            raise ValueError(
                f"{what} {text!r}: expected NAME:key=number,..., but {key} is {value!r}"
            ) from None
        check_number(key, values[key])
    return name, values


def _known(what, given, known):
    for key in given:
        if key not in known:
            raise unknown(what, key, known)
