"""z = mu + sigma * eps, and the way back: the heart of the package."""

import numpy as np

from tinyvae.ops import sum_to


def reparameterize(mu, logvar, *, eps):
    """z = mu + sigma * eps, sigma = exp(logvar / 2): a draw from N(mu, sigma²) if eps ~ N(0, 1).

    A sample has no derivative. But draw the randomness first, as `eps`, with no parameter in it,
    and z becomes an ordinary function of mu and logvar, which the chain rule goes through:

        dz/dmu     = 1                so   dmu     = dz
        dz/dlogvar = sigma * eps / 2  so   dlogvar = dz * sigma * eps / 2

    The `eps` of the backward pass is the one of the forward pass: a fresh one would belong to
    another sample. And logvar rather than sigma, because a network may then output any real
    number, sigma stays positive, and a step in logvar is a relative step in the variance.

    mu, logvar: one shape, (B, Z). eps: that shape, or with sample axes before it, (S, B, Z), as
    z then has; the gradients sum over the samples. ValueError if the shapes do not fit.
    Source: Kingma & Welling, Auto-Encoding Variational Bayes (2014), section 2.4.
    """
    shapes = np.shape(mu), np.shape(logvar), np.shape(eps)
    axes = len(shapes[2]) - len(shapes[0])
    if shapes[0] != shapes[1] or axes < 0 or shapes[2][axes:] != shapes[0]:
        raise ValueError(
            "reparameterize wants mu and logvar of one shape and eps of that shape, sample axes "
            "before it allowed, not mu {}, logvar {}, eps {}".format(*shapes)
        )
    spread = np.exp(0.5 * logvar) * eps  # sigma * eps

    def vjp(dz):
        dmu = dz
        dlogvar = dz * (0.5 * spread)
        return sum_to(dmu, shapes[0]), sum_to(dlogvar, shapes[0])

    return mu + spread, vjp
