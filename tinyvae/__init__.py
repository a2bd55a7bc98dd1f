"""tinyvae: gradients through random sampling, written out by hand in NumPy.

Everything differentiable is `y, vjp = fn(*args, **constants)`: a value, and the function that
pulls a gradient back through it. The imports below are in reading order.
"""

# isort: off
from tinyvae import ops
from tinyvae.reparameterize import reparameterize
from tinyvae import distributions, constraints
from tinyvae import integrands, estimators, exact
from tinyvae.comparison import compare
from tinyvae.kl import kl, kl_per_latent
from tinyvae.elbo import OBJECTIVES, elbo, negative_elbo
from tinyvae.nn import MLP, Dense, Layout
from tinyvae.vae import VAE
from tinyvae.diagnostics import trace
from tinyvae import data
from tinyvae.optim import SGD, Adam, Momentum
from tinyvae.train import Settings, evaluate, fit, start
from tinyvae.importance import importance_bounds, log_likelihood
from tinyvae import models
from tinyvae.inspection import effective_beta, inspect
from tinyvae import checkpoint
from tinyvae.gradcheck import gradcheck
from tinyvae.gradcheck_vae import gradcheck_vae
from tinyvae.diagnose import diagnose
from tinyvae.objectivecheck import objectivecheck, objectivecheck_vae
from tinyvae.errors import NotFinite
# isort: on

__version__ = "0.1.0"

__all__ = [  # noqa: RUF022 - in reading order, too
    "ops",
    "reparameterize",
    "distributions",
    "constraints",
    "integrands",
    "estimators",
    "exact",
    "compare",
    "kl",
    "kl_per_latent",
    "OBJECTIVES",
    "elbo",
    "negative_elbo",
    "MLP",
    "Dense",
    "Layout",
    "VAE",
    "trace",
    "data",
    "SGD",
    "Adam",
    "Momentum",
    "Settings",
    "evaluate",
    "fit",
    "start",
    "importance_bounds",
    "log_likelihood",
    "models",
    "effective_beta",
    "inspect",
    "checkpoint",
    "gradcheck",
    "gradcheck_vae",
    "diagnose",
    "objectivecheck",
    "objectivecheck_vae",
    "NotFinite",
]
