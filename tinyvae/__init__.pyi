# For editors, which do not call `__getattr__`: what `__init__.py` offers, in reading order.
# isort: off
from tinyvae import ops as ops
from tinyvae.reparameterize import reparameterize as reparameterize
from tinyvae import distributions as distributions, constraints as constraints
from tinyvae import integrands as integrands, estimators as estimators, exact as exact
from tinyvae.comparison import compare as compare, compare_all as compare_all
from tinyvae.kl import kl as kl, kl_per_latent as kl_per_latent
from tinyvae.elbo import OBJECTIVES as OBJECTIVES, elbo as elbo, negative_elbo as negative_elbo
from tinyvae.nn import MLP as MLP, Dense as Dense, Layout as Layout
from tinyvae.vae import VAE as VAE
from tinyvae.diagnostics import trace as trace
from tinyvae import data as data
from tinyvae.optim import SGD as SGD, Adam as Adam, Momentum as Momentum
from tinyvae.step import Step as Step, gradient as gradient
from tinyvae.train import Settings as Settings, evaluate as evaluate, fit as fit, start as start
from tinyvae.importance import importance_bounds as importance_bounds
from tinyvae.importance import log_likelihood as log_likelihood
from tinyvae import models as models, finance as finance
from tinyvae.inspection import effective_beta as effective_beta, inspect as inspect
from tinyvae import checkpoint as checkpoint
from tinyvae.gradcheck import gradcheck as gradcheck
from tinyvae.gradcheck_vae import gradcheck_vae as gradcheck_vae
from tinyvae.diagnose import diagnose as diagnose
from tinyvae.objectivecheck import objectivecheck as objectivecheck
from tinyvae.objectivecheck import objectivecheck_vae as objectivecheck_vae
from tinyvae import backend as backend, ranks as ranks
from tinyvae.errors import NotFinite as NotFinite
# isort: on

__version__: str
