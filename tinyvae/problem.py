"""A problem for gradient estimators, by name: an integrand, a law and its parameters.

`NAME:key=value,key=value` names an integrand or a law with its constants, and what is left out has
a default: `cosine:k=4`, `normal:loc=1,scale=0.5`.
"""

import inspect
from dataclasses import dataclass

import numpy as np

from tinyvae.distributions import LAWS
from tinyvae.distributions.sets import check
from tinyvae.errors import check_count, check_number, unknown
from tinyvae.integrands import INTEGRANDS

# What a parameter is unless something else is asked for, by its set; not 0, where gradients vanish.
DEFAULTS = {"real": 0.5, "positive": 1.0, "positive number": 0.5, "above low": 2.0}
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
        """The parameters as arrays: (D,), a matrix (D, D) with the value on its diagonal, or ()."""
        return tuple(
            _filled(kind, self.one[name], self.D) for name, kind in self.law.PARAMS.items()
        )

    def __str__(self):
        def listed(values):
            return ", ".join(f"{name} = {value:g}" for name, value in values.items())

        f = f"{self.integrand}({listed(self.constants)})"
        return f"E f(z), f = {f}, z ~ {self.law_name}({listed(self.one)}), D = {self.D}"


def problem(integrand, law, D=1):
    """The Problem of an integrand and a law, each as `NAME:key=value,...`, in D dimensions.

    ValueError, naming what was wrong, for an unknown name or key, for a value that is no number,
    and for parameters that are not in the sets of the law.
    """
    check_count("dimension", D)
    integrand, constants = _read("integrand", integrand, INTEGRANDS)
    defaults = inspect.signature(INTEGRANDS[integrand]).parameters
    constants = {name: p.default for name, p in defaults.items()} | constants
    _known(f"constant of {integrand}", constants, defaults)
    if constants.get("tau", 1.0) <= 0:
        raise ValueError(f"tau must be greater than 0, not {constants['tau']:g}")
    name, given = _read("law", law, LAWS)
    sets = LAWS[name].PARAMS
    _known(f"parameter of {name}", given, sets)
    kinds = {"real vector": "real", "positive vector": "positive", "cholesky": "positive"}
    one = {key: DEFAULTS[kinds.get(kind, kind)] for key, kind in sets.items()}
    one = one | OWN_DEFAULTS.get(name, {}) | given
    chosen = Problem(integrand, constants, name, one, D)
    check(sets, *chosen.params)
    return chosen


def _filled(kind, value, D):
    if kind == "positive number":
        return np.array(value)
    return value * np.eye(D) if kind == "cholesky" else np.full(D, value)


def _read(what, text, table):
    """('cosine', {'k': 4.0}) from 'cosine:k=4'."""
    name, _, rest = text.partition(":")
    if name not in table:
        raise unknown(what, name, table)
    values = {}
    for part in rest.split(",") if rest else []:
        key, _, value = part.partition("=")
        try:
            values[key.strip()] = check_number(key, float(value))
        except ValueError as error:
            raise ValueError(f"{what} {text!r}: expected NAME:key=number,..., {error}") from error
    return name, values


def _known(what, given, known):
    for key in given:
        if key not in known:
            raise unknown(what, key, known)
