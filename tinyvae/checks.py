"""The table of everything differentiable in the package.

`python -m tinyvae gradcheck` goes through it, and so do the contract tests: add a row here and
both cover the new operation.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae import ops
from tinyvae.distributions import bernoulli, gaussian
from tinyvae.elbo import elbo, negative_elbo
from tinyvae.kl import kl, kl_per_latent
from tinyvae.likelihoods import LIKELIHOODS, likelihood
from tinyvae.nn import MLP, Dense
from tinyvae.reparameterize import reparameterize
from tinyvae.vae import VAE


class Draw:
    """Random inputs. The sizes have no common factor, so that a wrong shape or sum cannot hide."""

    def __init__(self, rng, S=4, B=5, D=7, H=3, Z=2):
        self.rng, self.S, self.B, self.D, self.H, self.Z = rng, S, B, D, H, Z

    def normal(self, *shape):
        return self.rng.standard_normal(shape)

    def binary(self, *shape):
        return 1.0 * (self.rng.random(shape) < 0.5)

    def params(self, shapes):
        """Blocks for a layer, with biases off zero: a kink sits at zero."""
        return {name: 0.7 * self.normal(*shape) for name, shape in shapes.items()}


@dataclass(frozen=True)
class Case:
    """One row: `build(draw)` gives (fn, args, constants) for `fn(*args, **constants)`."""

    name: str
    build: object
    smooth: bool = True


def _activation(name):
    def build(d):
        return ops.ACTIVATIONS[name], (2.0 * d.normal(d.B, d.D),), {}

    return Case(name, build, smooth=name not in ops.RECTIFIERS)


def _affine(d):
    return ops.affine, (d.normal(d.B, d.D), d.normal(d.D, d.H), d.normal(d.H)), {}


def _data_affine(d):
    return ops.data_affine, (d.normal(d.D, d.H), d.normal(d.H)), {"x": d.normal(d.B, d.D)}


def _exp(d):
    return ops.exp, (d.normal(d.B, d.D),), {}


def _reparameterize(d):
    return reparameterize, (d.normal(d.B, d.Z), d.normal(d.B, d.Z)), {"eps": d.normal(d.B, d.Z)}


def _reparameterize_samples(d):
    eps = d.normal(d.S, d.B, d.Z)
    return reparameterize, (d.normal(d.B, d.Z), d.normal(d.B, d.Z)), {"eps": eps}


def _kl(fn):
    return lambda d: (fn, (d.normal(d.B, d.Z), d.normal(d.B, d.Z)), {})


def _elbo(fn):
    return lambda d: (fn, (d.normal(d.B), d.normal(d.B)), {"beta": 0.7})


def _bernoulli(d):
    return bernoulli.log_prob, (d.binary(d.B, d.D), 3.0 * d.normal(d.B, d.D)), {}


def _gaussian(d):
    return gaussian.log_prob, (d.normal(d.B, d.D), d.normal(d.B, d.D), d.normal(d.B, d.D)), {}


def _gaussian_broadcast(d):
    return gaussian.log_prob, (d.normal(d.B, d.D), d.normal(d.D), d.normal(1, 1)), {}


def _likelihood(name):
    def build(d):
        px = likelihood(name, scale=0.6)
        return px, (d.params(px.shapes), d.normal(d.B, d.D)), {"x": d.binary(d.B, d.D)}

    return Case(f"likelihood {name}", build)


def _dense(d):
    layer = Dense("dense", d.D, d.H, "tanh")
    return layer, (d.params(layer.shapes), d.normal(d.B, d.D)), {}


def _mlp(d):
    layer = MLP("mlp", (d.D, d.H, d.Z), "tanh")
    return layer, (d.params(layer.shapes), d.normal(d.B, d.D)), {}


def _mlp_data(d):
    layer = MLP("mlp", (d.D, d.H, d.Z), "tanh")
    return layer, (d.params(layer.shapes),), {"x": d.normal(d.B, d.D)}


def _mlp_empty(d):
    return MLP("mlp", (d.D,), "tanh"), ({}, d.normal(d.B, d.D)), {}


def _vae_linear(d):
    vae = VAE(d.D, d.Z, (), likelihood="gaussian-learned")
    x, eps = d.normal(d.B, d.D), d.normal(d.B, d.Z)
    return vae.loss, (0.5 * d.normal(vae.layout.size),), {"x": x, "eps": eps, "beta": 0.7}


def _vae(method, likelihood="bernoulli", activation="tanh"):
    """A whole VAE, with `theta` given as one vector."""

    def build(d):
        vae = VAE(d.D, d.Z, (d.H + 2, d.H), activation, likelihood, scale=0.6)
        theta = vae.init(d.rng, np.float64) + 0.3 * d.normal(vae.layout.size)
        x, eps, z = d.binary(d.B, d.D), d.normal(d.B, d.Z), d.normal(d.B, d.Z)
        return {
            "encode": (vae.encode, (theta,), {"x": x}),
            "decode": (vae.decode, (theta, z), {}),
            "terms": (vae.terms, (theta,), {"x": x, "eps": eps}),
            "elbo": (vae.elbo, (theta,), {"x": x, "eps": eps, "beta": 0.7}),
            "loss": (vae.loss, (theta,), {"x": x, "eps": eps, "beta": 0.7}),
        }[method]

    name = f"VAE {likelihood} {activation}" if method == "loss" else f"VAE.{method}"
    return Case(name, build, smooth=activation not in ops.RECTIFIERS)


CASES = (
    Case("affine", _affine),
    Case("data_affine", _data_affine),
    *(_activation(name) for name in ops.ACTIVATIONS),
    Case("exp", _exp),
    Case("reparameterize", _reparameterize),
    Case("reparameterize, S samples", _reparameterize_samples),
    Case("kl_per_latent", _kl(kl_per_latent)),
    Case("kl", _kl(kl)),
    Case("elbo", _elbo(elbo)),
    Case("negative_elbo", _elbo(negative_elbo)),
    Case("bernoulli.log_prob", _bernoulli),
    Case("gaussian.log_prob", _gaussian),
    Case("gaussian.log_prob, broadcast", _gaussian_broadcast),
    *(_likelihood(name) for name in LIKELIHOODS),
    Case("Dense", _dense),
    Case("MLP", _mlp),
    Case("MLP on data", _mlp_data),
    Case("MLP of no layers", _mlp_empty),
    *(_vae(method) for method in ("encode", "decode", "terms", "elbo")),
    Case("VAE linear", _vae_linear),
    *(_vae("loss", law, activation) for law in LIKELIHOODS for activation in ops.ACTIVATIONS),
)
