"""Laws, one a file, each a module of pure functions: `law.py` says what a law offers.

A new law is a file, and its name in the list below: `LAWS` then has it, and with it come the
gradient checks, the contract tests and every estimator that it admits. A law is imported when it
is first asked for: a VAE needs two of them.
"""

from importlib import import_module

NAMES = (
    "normal",
    "gaussian",
    "laplace",
    "logistic",
    "cauchy",
    "gumbel",
    "log_normal",
    "uniform",
    "exponential",
    "weibull",
    "kumaraswamy",
    "multivariate_normal",
    "truncated_normal",
    "von_mises",
    "gamma",
    "beta",
    "dirichlet",
    "student_t",
    "bernoulli",
    "categorical",
    "poisson",
    "geometric",
    "concrete",
    "binary_concrete",
)

__all__ = ["LAWS", "law", *NAMES]


def __getattr__(name):
    """A law's module, or `LAWS`, {name: module}, at its first use: PEP 562."""
    if name == "LAWS":
        globals()[name] = {law: import_module(f"{__name__}.{law}") for law in NAMES}
        return globals()[name]
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")


def __dir__():
    return [*globals(), *__all__]
