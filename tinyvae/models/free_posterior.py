"""A VAE without an encoder: every example has a mu and a logvar of its own.

That is variational inference as it was before encoders: nothing has to be learned about x but the
posterior of one example. Here the decoder is held too, so that the one thing that can be right or
wrong is the estimate of the bound and of its gradient, and these are the package's own.
"""

import numpy as np

from tinyvae.comparison import SampleMoments
from tinyvae.errors import check_shape
from tinyvae.nn import Layout
from tinyvae.vae import VAE
from tinyvae.watch import unwatched


class FreePosterior(VAE):
    """The VAE of a LinearGaussian for `rows` examples; theta starts with mu and logvar (rows, Z).

    Everything but `init` and the encoder is that of `VAE`; `theta` makes a starting vector.
    """

    def __init__(self, model, rows):
        super().__init__(model.data, model.latent, (), likelihood="gaussian", scale=model.tau)
        self.model = model
        table = (rows, model.latent)
        self.layout = Layout({"mu": table, "logvar": table} | self.out.shapes)

    def theta(self, m, logvar):
        """The vector with these mu and logvar, that broadcast to (rows, Z), and the decoder."""
        blocks = {"mu": m, "logvar": logvar, "out.W": self.model.W, "out.b": self.model.b}
        shapes = self.layout.shapes
        return self.layout.flatten(
            {name: np.broadcast_to(block, shapes[name]) for name, block in blocks.items()}
        )

    def _encode(self, params, x, watch=unwatched):
        mu, logvar = params["mu"], params["logvar"]
        check_shape("x", x, (len(mu), self.data))

        def vjp(dy):
            return ({"mu": watch("dmu", dy[0]), "logvar": watch("dlogvar", dy[1])},)

        return (watch("mu", mu), watch("logvar", logvar)), vjp

    @property
    def free(self):
        """The slice of theta that mu and logvar are; what follows is the decoder, held."""
        return slice(0, self.layout.slices["logvar"].stop)


def estimates(model, objective, m, logvar, *, x, eps):
    """One estimate for each draw in eps (S, N, Z): (value (N,), dm (N, Z), dlogvar (N, Z)).

    m, logvar (Z,) and x (D,) are the same for all N. What is called is `VAE.bound` and its vjp.
    """
    vae = FreePosterior(model, eps.shape[1])
    x = np.broadcast_to(x, (eps.shape[1], model.data))
    bound, vjp = vae.bound(vae.theta(m, logvar), x=x, eps=eps, objective=objective)
    gradients = vae.layout.views(*vjp(np.ones_like(bound)))
    return bound, gradients["mu"], gradients["logvar"]


def measured(model, objective, m, logvar, *, x, draws, rng, samples=1):
    """{"value", "m", "logvar"}: the SampleMoments of so many `estimates`, of `samples` draws each,
    with noise from the Generator `rng`."""
    eps = rng.standard_normal((samples, draws, model.latent))
    found = estimates(model, objective, m, logvar, x=x, eps=eps)
    return {
        name: SampleMoments.of(each)
        for name, each in zip(("value", "m", "logvar"), found, strict=True)
    }
