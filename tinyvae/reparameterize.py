"""z = mu + sigma * eps, and the way back: the heart of the package."""

import numpy as np


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
    axes = np.ndim(eps) - np.ndim(mu)
    if mu.shape != logvar.shape or axes < 0 or eps.shape[axes:] != mu.shape:
        raise ValueError(
            "reparameterize wants mu and logvar of one shape and eps of that shape, sample axes "
            f"before it allowed, not mu {mu.shape}, logvar {logvar.shape}, eps {eps.shape}"
        )
    samples = tuple(range(axes))
    sigma = np.exp(0.5 * logvar)

    def vjp(dz):
        dmu = dz
        dlogvar = dz * (0.5 * sigma * eps)
        return dmu.sum(axis=samples), dlogvar.sum(axis=samples)

    return mu + sigma * eps, vjp
