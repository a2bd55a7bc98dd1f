"""Estimators of d E[f(z)] / dparam, one idea a file: `estimator.py` says what each of them keeps.

A new estimator is a file that ends with `ESTIMATORS = (Estimator(...), ...)`, and its name in the
list below: the table `ESTIMATORS` then has its rows, and with them come the tests of the mean.
(`bonnet_price` has none: its estimators are of a Normal alone, in v = scale².)
"""

# isort: off
from tinyvae.errors import unknown
from . import estimator
from . import pathwise, score_function
from . import baselines, control_variates, antithetic
from . import measure_valued, finite_differences, rejection, bonnet_price
from . import enumeration, local_expectation, arm, rebar
from . import relaxed, straight_through
# isort: on

ESTIMATORS = tuple(
    row
    for module in (
        pathwise,
        score_function,
        baselines,
        control_variates,
        antithetic,
        measure_valued,
        finite_differences,
        rejection,
        enumeration,
        local_expectation,
        arm,
        rebar,
        relaxed,
        straight_through,
    )
    for row in module.ESTIMATORS
)


def by_name(name):
    """The row of that name, as 'score function, leave-one-out'; ValueError if there is none."""
    rows = {row.name: row for row in ESTIMATORS}
    if name not in rows:
        raise unknown("estimator", name, rows)
    return rows[name]


__all__ = ["ESTIMATORS", "bonnet_price", "by_name", "estimator"]
