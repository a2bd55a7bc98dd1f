"""The table of everything differentiable in the package.

`python -m tinyvae gradcheck` goes through it, and so do the contract tests: add a row here and
both cover the new operation.
"""

from dataclasses import dataclass

import numpy as np

from tinyvae import constraints, ops
from tinyvae.distributions import LAWS, gaussian, multivariate_normal
from tinyvae.distributions.law import draw_shape, offers
from tinyvae.elbo import FROM_WEIGHTS, elbo, negative_elbo
from tinyvae.kl import kl, kl_per_latent
from tinyvae.likelihoods import LIKELIHOODS, likelihood
from tinyvae.models.linear_vae import deterministic_elbo
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

    def parameters(self, law):
        """Parameters of a law in the sets that it names: shape (D,), of vectors (D,), too."""
        drawn = []
        for kind in law.PARAMS.values():
            drawn.append(self.member(kind, drawn[-1] if drawn else None))
        return tuple(drawn)

    def member(self, kind, before):
        """An array from the set of that name; `before` is the parameter on its left."""
        if kind == "cholesky":
            return np.tril(0.3 * self.normal(self.D, self.D), -1) + np.diag(self.positive(self.D))
        return {
            "real": lambda: self.normal(self.D),
            "real vector": lambda: self.normal(self.D),
            "real matrix": lambda: self.normal(self.D, self.D),
            "real number": lambda: self.normal(),
            "positive": lambda: self.positive(self.D),
            "positive vector": lambda: self.positive(self.D),
            "positive number": lambda: self.positive(),
            "above low": lambda: before + self.positive(self.D),
        }[kind]()

    def positive(self, *shape):
        return self.rng.uniform(0.6, 2.5, shape)

    def params(self, shapes):
        """Blocks for a layer, with biases off zero: a kink sits at zero."""
        return {name: 0.7 * self.normal(*shape) for name, shape in shapes.items()}


@dataclass(frozen=True)
class Case:
    """One row: `build(draw)` gives (fn, args, constants) for `fn(*args, **constants)`."""

    name: str
    build: object
    smooth: bool = True
    analytic: bool = True  # the complex step goes through: no inverted CDF on the way


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


def _constraint(fn, *shape):
    return Case(fn.__name__, lambda d: (fn, (d.normal(d.B, *(getattr(d, s) for s in shape)),), {}))


def _ordered(d):
    return constraints.ordered, (d.normal(d.D), d.normal(d.B, d.D)), {}


def _factor(d):
    root = d.normal(d.D, d.D)
    return multivariate_normal.factor, (root @ root.T + np.eye(d.D),), {}


def _reparameterize(d):
    return reparameterize, (d.normal(d.B, d.Z), d.normal(d.B, d.Z)), {"eps": d.normal(d.B, d.Z)}


def _reparameterize_samples(d):
    eps = d.normal(d.S, d.B, d.Z)
    return reparameterize, (d.normal(d.B, d.Z), d.normal(d.B, d.Z)), {"eps": eps}


def _kl(fn):
    return lambda d: (fn, (d.normal(d.B, d.Z), d.normal(d.B, d.Z)), {})


def _elbo(fn, *samples, **constants):
    def build(d):
        log_px = d.normal(*(getattr(d, letter) for letter in samples), d.B)
        return fn, (log_px, d.positive(d.B, d.Z)), {"beta": 0.7} | constants

    return build


UNCONSTRAINED = ("uniform", "multivariate_normal")  # with ordered ends; with a matrix
OF_PARAMETERS = ("entropy", "mean", "variance", "covariance", "kl")


def _law(name, law):
    """The rows of one law: each function that it has."""

    def rsample(d):
        params = d.parameters(law)
        return law.rsample, params, {"noise": law.noise(d.rng, (d.B, *draw_shape(law, params)))}

    def log_prob(d):
        params = d.parameters(law)
        x = law.sample(*params, noise=law.noise(d.rng, (16, d.B, *draw_shape(law, params))))
        return law.log_prob, (x[0] if law.KIND == "none" else _inside(law, params, x), *params), {}

    def of_parameters(function):
        # A moment may exist only for parameters above some number: they are moved up by it.
        least = getattr(law, "NEEDS", {}).get(function, {})

        def build(d):
            named = zip(law.PARAMS, d.parameters(law), strict=True)
            return getattr(law, function), tuple(p + least.get(n, 0.0) for n, p in named), {}

        return build

    if offers(law, "rsample"):
        yield Case(f"{name}.rsample", rsample, analytic=law.KIND == "explicit")
    yield Case(f"{name}.log_prob", log_prob)
    for function in OF_PARAMETERS:
        if offers(law, function):
            yield Case(f"{name}.{function}", of_parameters(function))


def _inside(law, params, x):
    """Points of the support away from its ends, where a step leads out: means of draws, and, where
    many may be near one end, of that and the middle."""
    x = x.mean(axis=0)
    if law.EVENT:
        return (x + x.mean(axis=-1, keepdims=True)) / 2
    low, high = law.support(*params)
    middle = (low + high) / 2
    return np.where(np.isfinite(middle), (x + middle) / 2, x)


def _raw(name):
    """Two rows of a law in unconstrained parameters: its other functions are composed alike."""
    rows = _law(f"raw {name}", constraints.unconstrained(LAWS[name]))
    return [case for case in rows if case.name.endswith((".rsample", ".log_prob"))]


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


def _random_vae(d, activation="tanh", likelihood="bernoulli"):
    vae = VAE(d.D, d.Z, (d.H + 2, d.H), activation, likelihood, scale=0.6)
    return vae, vae.init(d.rng, np.float64) + 0.3 * d.normal(vae.layout.size)


def _objective(objective, likelihood="bernoulli"):
    """The bound by S samples, where the estimator of elbo.py is the derivative of its value."""

    def build(d):
        vae, theta = _random_vae(d, likelihood=likelihood)
        constants = {"x": d.binary(d.B, d.D), "eps": d.normal(d.S, d.B, d.Z), "beta": 0.7}
        return vae.elbo, (theta,), constants | {"objective": objective}

    about = "S samples" if likelihood == "bernoulli" else likelihood
    return Case(f"VAE.elbo {objective}, {about}", build)


def _surrogate(objective):
    """The same where it is not: the vjp against what it is the derivative of.

    That is a sum of log w in which theta plays three parts, in the decoder, along the path of z,
    and in q's own parameters. One part at a time moves; the others, and the multipliers, stay.
    """

    def build(d):
        vae, start = _random_vae(d)

        def surrogate(theta, *, x, eps, beta):
            still = start.astype(theta.real.dtype)
            log_w = _parts(vae, still, still, still, x, eps, beta)
            _, weight, path, own = FROM_WEIGHTS[objective](log_w, beta)
            path = 1.0 if path is None else path
            own = -beta * weight if own is None else own
            y = weight * _parts(vae, theta, still, still, x, eps, beta)
            y = y + weight * path * _parts(vae, still, theta, still, x, eps, beta)
            y = y - own / beta * _parts(vae, still, still, theta, x, eps, beta)
            bound_vjp = vae.bound(theta, x=x, eps=eps, beta=beta, objective=objective)[1]
            return y.sum(axis=0), bound_vjp

        constants = {"x": d.binary(d.B, d.D), "eps": d.normal(d.S, d.B, d.Z), "beta": 0.7}
        return surrogate, (start,), constants

    return Case(f"VAE.elbo {objective}, S samples", build)


def _parts(vae, decoder, path, own, x, eps, beta):
    """log w (S, B) with a theta for each of its three parts."""
    z, _ = reparameterize(*vae.encode(path, x=x)[0], eps=eps)
    out, _ = vae.decode(decoder, z.reshape(-1, vae.latent))
    log_px, _ = vae.px(vae.layout.views(decoder), out.reshape(*z.shape[:-1], vae.data), x=x)
    mu, logvar = vae.encode(own, x=x)[0]
    log_pz, _ = gaussian.log_prob(z, np.zeros_like(mu), np.zeros_like(mu))
    log_q, _ = gaussian.log_prob(z, mu, logvar)
    return log_px + beta * (log_pz - log_q).sum(axis=-1)


def _deterministic(likelihood):
    """The bound of a linear VAE without a sample."""

    def build(d):
        vae = VAE(d.D, d.Z, (), likelihood=likelihood, scale=0.6)
        constants = {"x": d.normal(d.B, d.D), "beta": 0.7}
        return deterministic_elbo(vae), (0.5 * d.normal(vae.layout.size),), constants

    return Case(f"exact ELBO, {likelihood}", build)


def _vae(method, likelihood="bernoulli", activation="tanh"):
    """A whole VAE, with `theta` given as one vector."""

    def build(d):
        vae, theta = _random_vae(d, activation, likelihood)
        x, eps, z = d.binary(d.B, d.D), d.normal(d.B, d.Z), d.normal(d.B, d.Z)
        samples = d.normal(d.S, d.B, d.Z)
        return {
            "encode": (vae.encode, (theta,), {"x": x}),
            "decode": (vae.decode, (theta, z), {}),
            "terms": (vae.terms, (theta,), {"x": x, "eps": eps}),
            "log_weights": (vae.log_weights, (theta,), {"x": x, "eps": samples, "beta": 0.7}),
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
    _constraint(constraints.positive, "D"),
    _constraint(constraints.unit_interval, "D"),
    _constraint(constraints.simplex, "D"),
    _constraint(constraints.cholesky, "D", "D"),
    Case("ordered", _ordered),
    Case("multivariate_normal.factor", _factor, analytic=False),
    Case("reparameterize", _reparameterize),
    Case("reparameterize, S samples", _reparameterize_samples),
    Case("kl_per_latent", _kl(kl_per_latent)),
    Case("kl", _kl(kl)),
    Case("elbo", _elbo(elbo)),
    Case("elbo, S samples", _elbo(elbo, "S")),
    Case("negative_elbo", _elbo(negative_elbo)),
    Case("negative_elbo, S samples", _elbo(negative_elbo, "S")),
    Case("negative_elbo, free bits", _elbo(negative_elbo, free_bits=1.55)),
    *(case for name, law in LAWS.items() for case in _law(name, law)),
    *(case for name in UNCONSTRAINED for case in _raw(name)),
    *(_likelihood(name) for name in LIKELIHOODS),
    Case("Dense", _dense),
    Case("MLP", _mlp),
    Case("MLP on data", _mlp_data),
    Case("MLP of no layers", _mlp_empty),
    *(_vae(method) for method in ("encode", "decode", "terms", "log_weights", "elbo")),
    *(_objective(objective) for objective in ("analytic", "sampled", "iwae")),
    _objective("iwae", "gaussian-learned"),
    *(_surrogate(objective) for objective in ("path", "score", "dreg")),
    Case("VAE linear", _vae_linear),
    *(_deterministic(likelihood) for likelihood in ("gaussian", "gaussian-learned")),
    *(_vae("loss", law, activation) for law in LIKELIHOODS for activation in ops.ACTIVATIONS),
)
