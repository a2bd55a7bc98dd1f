"""tinyvae: gradients through random sampling, written out by hand in NumPy.

Everything differentiable is `y, vjp = fn(*args, **constants)`: a value, and the function that
pulls a gradient back through it. Read the files in the order of the imports below; the map is in
the README.
"""

from tinyvae import data, distributions, ops
from tinyvae.diagnostics import trace
from tinyvae.errors import NotFinite
from tinyvae.gradcheck import gradcheck
from tinyvae.kl import kl, kl_per_latent
from tinyvae.nn import MLP, Dense, Layout
from tinyvae.optim import SGD, Adam, Momentum
from tinyvae.reparameterize import reparameterize
from tinyvae.train import Settings, evaluate, fit, start
from tinyvae.vae import VAE

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "SGD",
    "VAE",
    "Adam",
    "Dense",
    "Layout",
    "Momentum",
    "NotFinite",
    "Settings",
    "data",
    "distributions",
    "evaluate",
    "fit",
    "gradcheck",
    "kl",
    "kl_per_latent",
    "ops",
    "reparameterize",
    "start",
    "trace",
]
