"""Laws, one a file, each a module of pure functions: `law.py` says what a law offers.

A new law is a file, and its name in the list below: `LAWS` then has it, and with it come the
gradient checks, the contract tests and every estimator that it admits.
"""

# isort: off
from . import law
from . import normal, gaussian
from . import laplace, logistic, cauchy, gumbel, log_normal
from . import uniform, exponential, weibull, kumaraswamy
from . import multivariate_normal
from . import truncated_normal, von_mises, gamma, beta, dirichlet, student_t
from . import bernoulli, categorical, poisson, geometric
from . import concrete, binary_concrete
# isort: on

LAWS = {
    law.name_of(module): module
    for module in (
        normal,
        gaussian,
        laplace,
        logistic,
        cauchy,
        gumbel,
        log_normal,
        uniform,
        exponential,
        weibull,
        kumaraswamy,
        multivariate_normal,
        truncated_normal,
        von_mises,
        gamma,
        beta,
        dirichlet,
        student_t,
        bernoulli,
        categorical,
        poisson,
        geometric,
        concrete,
        binary_concrete,
    )
}

__all__ = ["LAWS", "law", *LAWS]
