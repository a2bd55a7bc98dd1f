"""The variational autoencoder: every arrow forward, and every arrow back.

    x -> h -> mu, logvar            encoder q(z | x) = N(mu, diag e^logvar)
              z = mu + sigma * eps  the draw, eps from N(0, I)
         z -> g -> out              decoder p(x | z), `out` its logits or means
    elbo = log p(x | z) - beta KL(q(z | x) || N(0, I))      the bound, see elbo.py

Shapes: x (B, D); mu, logvar (B, Z); eps, z (B, Z), or (S, B, Z) for S samples an example; elbo
(B,). Units: nats per example, summed over the dimensions; only `loss` averages, over the batch.
Source: Kingma & Welling, Auto-Encoding Variational Bayes (2014), equation 10.
"""

import numpy as np

from tinyvae import likelihoods
from tinyvae.diagnostics import explain, not_finite
from tinyvae.elbo import check_free_bits, elbo, from_weights, negative_elbo
from tinyvae.errors import NotFinite, check_count, check_finite, check_number, check_shape
from tinyvae.kl import kl_per_latent
from tinyvae.nn import MLP, Dense, Layout
from tinyvae.reparameterize import reparameterize
from tinyvae.watch import unwatched

# A logvar head that starts near 0 starts every sigma near 1, the prior's: the first gradients then
# come through samples of a sensible size.
SMALL = 0.01


class VAE:
    """The model without its parameters: those are `theta`, a vector that every method takes first.

    data: D, the numbers in an example. latent: Z. hidden: the sizes of the encoder's hidden
    layers; the decoder has them in reverse. activation: a name in `ops.ACTIVATIONS`. likelihood:
    'bernoulli', 'gaussian' (of standard deviation `scale`) or 'gaussian-learned'.
    ValueError or TypeError for a size below 1, an unknown name, a scale that is not positive.
    """

    def __init__(
        self, data, latent, hidden=(128,), activation="tanh", likelihood="bernoulli", scale=1.0
    ):
        self.data, self.latent = check_count("data", data), check_count("latent", latent)
        if not isinstance(hidden, (tuple, list)):
            raise TypeError(f"hidden must be a sequence of sizes, such as (128,), not {hidden!r}")
        self.hidden = tuple(check_count("hidden", size) for size in hidden)
        self.activation, self.likelihood = activation, likelihood
        self.scale = check_number("scale", scale, above=0)

        down, up = (data, *self.hidden), (latent, *reversed(self.hidden))
        self.encoder = MLP("encoder", down, activation)
        self.mu = Dense("mu", down[-1], latent)
        self.logvar = Dense("logvar", down[-1], latent, gain=SMALL)
        self.decoder = MLP("decoder", up, activation)
        self.out = Dense("out", up[-1], data)
        self.px = likelihoods.likelihood(likelihood, scale=scale)
        self.parts = (self.encoder, self.mu, self.logvar, self.decoder, self.out, self.px)
        self.layout = Layout({k: shape for part in self.parts for k, shape in part.shapes.items()})

    @property
    def config(self):
        """The arguments that make this model again: `VAE(**vae.config)`."""
        names = ("data", "latent", "hidden", "activation", "likelihood", "scale")
        return {name: getattr(self, name) for name in names}

    def init(self, rng, dtype=np.float32, *, x=None):
        """A starting theta, drawn from the Generator `rng`.

        With data x (N, D) the output starts at the best constant, so that no latent has to learn
        that the background is black, and then forgets it where no data are.
        """
        layers = (self.encoder, self.mu, self.logvar, self.decoder, self.out)
        blocks = {name: block for layer in layers for name, block in layer.init(rng).items()}
        blocks |= {name: np.zeros(shape) for name, shape in self.px.shapes.items()}
        if x is not None:
            self.check(x)
            blocks["out.b"], learned = self.px.start(x.astype(np.float64))
            blocks |= learned
        return self.layout.flatten(blocks).astype(dtype)

    # -- the arrows -------------------------------------------------------------------------------

    def _encode(self, params, x, watch=unwatched):
        h, encoder_vjp = self.encoder(params, x=x, watch=watch)
        mu, mu_vjp = self.mu(params, h, watch=watch)
        logvar, logvar_vjp = self.logvar(params, h, watch=watch)

        def vjp(dy):
            dmu, dlogvar = dy
            dp_mu, dh_mu = mu_vjp(dmu)
            dp_logvar, dh_logvar = logvar_vjp(dlogvar)
            (dp_encoder,) = encoder_vjp(dh_mu + dh_logvar)  # both heads read h: gradients add
            return (dp_encoder | dp_mu | dp_logvar,)

        return (mu, logvar), vjp

    def _decode(self, params, z, watch=unwatched):
        rows = z.reshape(-1, self.latent)  # to the decoder S samples are a longer batch
        g, decoder_vjp = self.decoder(params, rows, watch=watch)
        out, out_vjp = self.out(params, g)

        def vjp(dout):
            dp_out, dg = out_vjp(watch("dout", dout).reshape(-1, self.data))
            dp_decoder, drows = decoder_vjp(dg)
            return dp_decoder | dp_out, drows.reshape(z.shape)

        return watch("out", out.reshape(*z.shape[:-1], self.data)), vjp

    def terms(self, theta, *, x, eps, watch=unwatched):
        """The two terms of the bound, in nats: log p(x | z), (B,) or (S, B), and each latent's KL,
        (B, Z): all the arrows.

        `vjp((dlog_px, dkl))` is `(dtheta,)`. x and eps are trusted to be good: `elbo` and `loss`
        check them. `watch` sees every array on the way, forward and backward: see watch.py.
        """
        params = self.layout.views(theta)
        (mu, logvar), encode_vjp = self._encode(params, x, watch)
        z, z_vjp = reparameterize(mu, logvar, eps=eps)
        out, decode_vjp = self._decode(params, watch("z", z), watch)
        log_px, log_px_vjp = self.px(params, out, x=x)
        kl, kl_vjp = kl_per_latent(mu, logvar)

        def vjp(dy):
            dlog_px, dkl = dy
            dp_px, dout = log_px_vjp(watch("dlog_px", dlog_px))
            dp_decoder, dz = decode_vjp(dout)
            dmu_z, dlogvar_z = z_vjp(watch("dz", dz))  # the first path back: through the sample
            dmu_kl, dlogvar_kl = kl_vjp(watch("dkl", dkl))  # the second: through the KL
            dmu_z, dlogvar_z = watch("dmu_z", dmu_z), watch("dlogvar_z", dlogvar_z)
            dmu_kl, dlogvar_kl = watch("dmu_kl", dmu_kl), watch("dlogvar_kl", dlogvar_kl)
            dmu, dlogvar = dmu_z + dmu_kl, dlogvar_z + dlogvar_kl  # where they meet they add
            (dp_encoder,) = encode_vjp((dmu, dlogvar))
            return (self.layout.flatten(dp_encoder | dp_decoder | dp_px),)

        return (watch("log_px", log_px), watch("kl", kl)), vjp

    def log_weights(self, theta, *, x, eps, beta=1.0, watch=unwatched):
        """log w = log p(x | z) + beta (log p(z) - log q(z | x)), (S, B) in nats; eps (S, B, Z).

        At z = mu + sigma eps the second is (eps² + logvar - z²) / 2, summed over the latents: eps
        is (z - mu) / sigma to all its digits, which z - mu is not where sigma is small.

        `vjp(dlog_w)` is `(dtheta,)`. The estimators of elbo.py ask for less than the derivative:
        `path` (S, B) multiplies what comes back through z, and `own` (S, B) takes the place of
        -beta dlog_w, the cotangent of log q(z | x) with z held.
        """
        params = self.layout.views(theta)
        (mu, logvar), encode_vjp = self._encode(params, x, watch)
        z, z_vjp = reparameterize(mu, logvar, eps=eps)
        z = watch("z", z)
        out, decode_vjp = self._decode(params, z, watch)
        log_px, log_px_vjp = self.px(params, out, x=x)
        log_px = watch("log_px", log_px)
        log_w = log_px + beta * 0.5 * (eps * eps + logvar - z * z).sum(axis=-1)

        def vjp(dlog_w, path=None, own=None):
            dlog_q = -beta * dlog_w if own is None else own
            slope = eps * np.exp(-0.5 * logvar)  # dlog q/dmu = (z - mu) / sigma² = -dlog q/dz
            watch("dlog_w", dlog_w)
            dp_px, dout = log_px_vjp(watch("dlog_px", dlog_w))
            dp_decoder, dz_px = decode_vjp(dout)
            dz = dz_px + beta * dlog_w[..., None] * (slope - z)  # z is read in three places
            if path is not None:
                dz = dz * path[..., None]
            dmu_z, dlogvar_z = z_vjp(watch("dz", dz))
            dmu_q = (dlog_q[..., None] * slope).sum(axis=0)
            dlogvar_q = (dlog_q[..., None] * (0.5 * eps * eps - 0.5)).sum(axis=0)
            dmu_z, dlogvar_z = watch("dmu_z", dmu_z), watch("dlogvar_z", dlogvar_z)
            dmu_q, dlogvar_q = watch("dmu_q", dmu_q), watch("dlogvar_q", dlogvar_q)
            dmu, dlogvar = dmu_z + dmu_q, dlogvar_z + dlogvar_q
            (dp_encoder,) = encode_vjp((dmu, dlogvar))
            return (self.layout.flatten(dp_encoder | dp_decoder | dp_px),)

        return watch("log_w", log_w), vjp

    def bound(self, theta, *, x, eps, beta=1.0, objective="analytic", watch=unwatched):
        """The bound (B,) by an estimator of elbo.py, and its `vjp(dbound)`; nothing is checked."""
        if objective == "analytic":
            terms, terms_vjp = self.terms(theta, x=x, eps=eps, watch=watch)
            bound, bound_vjp = elbo(*terms, beta=beta)
            return bound, lambda dbound: terms_vjp(bound_vjp(dbound))
        estimator = from_weights(objective)
        eps = eps if eps.ndim == 3 else eps[None]
        log_w, log_w_vjp = self.log_weights(theta, x=x, eps=eps, beta=beta, watch=watch)
        bound, *multipliers = estimator(log_w, beta)

        def vjp(dbound):
            weight, path, own = multipliers
            return log_w_vjp(dbound * weight, path, None if own is None else dbound * own)

        return bound, vjp

    def negative_bound(
        self, theta, *, x, eps, beta=1.0, objective="analytic", free_bits=0.0, watch=unwatched
    ):
        """What training minimizes, a number: -bound.mean(), or with free bits; unchecked, too."""
        if objective == "analytic":
            terms, terms_vjp = self.terms(theta, x=x, eps=eps, watch=watch)
            loss, loss_vjp = negative_elbo(*terms, beta=beta, free_bits=free_bits)
            return loss, lambda dloss: terms_vjp(loss_vjp(dloss))
        bound, bound_vjp = self.bound(
            theta, x=x, eps=eps, beta=beta, objective=objective, watch=watch
        )
        return -bound.mean(), lambda dloss: bound_vjp(np.full_like(bound, -dloss / len(bound)))

    # -- what a user calls ------------------------------------------------------------------------

    def elbo(self, theta, *, x, eps, beta=1.0, objective="analytic", watch=unwatched):
        """The bound (B,), nats, to maximize, by the samples z = mu + sigma * eps of each example.

        x (B, D), eps (B, Z) or (S, B, Z) from N(0, I); objective: a name in `OBJECTIVES`, see
        elbo.py; watch: see watch.py; `vjp(delbo)` is `(dtheta,)`. ValueError for wrong shapes, a
        beta below 0, an unknown objective, data outside the likelihood's support; NotFinite, naming
        the first array that went bad.
        """
        return self._checked(self.bound, theta, x, eps, beta, watch, objective=objective)

    def loss(
        self, theta, *, x, eps, beta=1.0, objective="analytic", free_bits=0.0, watch=unwatched
    ):
        """-elbo.mean(): a number, nats per example, to minimize; `vjp(1.0)` is `(dtheta,)`.

        free_bits: nats below which a latent's mean KL costs nothing more, of 'analytic' alone. It
        takes and raises what `elbo` does.
        """
        check_free_bits(free_bits, objective)
        options = {"objective": objective, "free_bits": free_bits}
        return self._checked(self.negative_bound, theta, x, eps, beta, watch, **options)

    def _checked(self, fn, theta, x, eps, beta, watch, **options):
        self.check(x)
        if not hasattr(eps, "ndim"):
            raise TypeError(f"eps must be an array, not {type(eps).__name__}")
        samples = ("S",) if eps.ndim == 3 and len(eps) else ()
        check_shape("eps", eps, (*samples, len(x), self.latent))
        beta = check_number("beta", beta, at_least=0)
        with np.errstate(over="ignore", invalid="ignore"):  # reported below, with its cause
            bound, vjp = fn(theta, x=x, eps=eps, beta=beta, watch=watch, **options)
        if not np.isfinite(bound).all():
            raise NotFinite(explain(self, theta, x=x, eps=eps, beta=beta, **options))
        return bound, vjp

    def encode(self, theta, *, x):
        """(mu, logvar), each (B, Z), of q(z | x);  `vjp((dmu, dlogvar))` is `(dtheta,)`."""
        self.check(x)
        params = self.layout.views(theta)
        (mu, logvar), vjp = self._encode(params, x)
        if not (np.isfinite(mu).all() and np.isfinite(logvar).all()):
            raise NotFinite(not_finite(params | {"x": x, "mu": mu, "logvar": logvar}))
        return (mu, logvar), lambda dy: (self._fill(theta, *vjp(dy)),)

    def decode(self, theta, z):
        """out (B, D), the logits or means of p(x | z), from z (B, Z);  `vjp(dout)`: dtheta, dz."""
        check_shape("z", z, ("B", self.latent))
        check_finite("z", z)
        params = self.layout.views(theta)
        out, decode_vjp = self._decode(params, z)
        if not np.isfinite(out).all():
            blocks = {name: params[name] for name in params if name.startswith(("decoder", "out"))}
            raise NotFinite(not_finite(blocks | {"out": out}))

        def vjp(dout):
            dparams, dz = decode_vjp(dout)
            return self._fill(theta, dparams), dz

        return out, vjp

    def reconstruct(self, theta, *, x):
        """E[x | z] (B, D) at z = mu, the mean of q(z | x): a plain array."""
        (mu, _), _ = self.encode(theta, x=x)
        return self.mean(theta, mu)

    def mean(self, theta, z):
        """E[x | z] (B, D), the picture that the decoder makes of z (B, Z): a plain array."""
        out, _ = self.decode(theta, z)
        return self.px.mean(self.layout.views(theta), out)

    def sample(self, theta, *, eps, noise=None):
        """New data (B, D) from z = eps (B, Z), eps from the prior N(0, I): a plain array.

        The mean E[x | z]; with `noise` (B, D), made by `vae.px.noise`, a draw from p(x | z).
        """
        if noise is None:
            return self.mean(theta, eps)
        out, _ = self.decode(theta, eps)
        check_shape("noise", noise, out.shape)
        return self.px.draw(self.layout.views(theta), out, noise=noise)

    def check(self, x):
        """ValueError or TypeError unless x is (B, D), floating point, and in the support."""
        if getattr(x, "dtype", np.dtype(object)).kind != "f":
            kind = getattr(x, "dtype", type(x).__name__)
            raise TypeError(f"x must be an array of floating-point numbers, not {kind}")
        check_shape("x", x, ("B", self.data))
        if not len(x):
            raise ValueError(f"x is empty: its shape is {x.shape}, expected at least one example")
        self.px.check(x)

    def _fill(self, theta, dparams):
        """A gradient of theta's size: `dparams` where it has a block, 0 elsewhere."""
        return self.layout.flatten(self.layout.views(np.zeros_like(theta)) | dparams)
