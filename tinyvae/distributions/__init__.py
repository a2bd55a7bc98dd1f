"""Laws, one a file, each a module of pure functions: `law.py` says what a law offers.

A new law is a file, and its name in the list below: `LAWS` then has it, and with it come the
gradient checks, the contract tests and every estimator that it admits.
"""

# isort: off
from . import law
from . import normal, gaussian
from . import uniform, exponential
from . import bernoulli
# isort: on

LAWS = {
    module.__name__.rpartition(".")[2]: module
    for module in (normal, gaussian, uniform, exponential, bernoulli)
}

__all__ = ["LAWS", "law", *LAWS]
