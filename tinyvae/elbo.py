"""The evidence lower bound: its two terms made one number.

    log p(x) >= ELBO = E_q[log p(x | z)] - KL(q(z | x) || p(z)),    in nats

With one sample z the first term is estimated without bias; the KL is exact. beta = 1 is the bound;
beta > 1 asks more of the latents, beta < 1 less, and neither is a bound that can be compared.
Sources: Kingma & Welling, Auto-Encoding Variational Bayes (2014), equation 10; for beta, Higgins
et al., beta-VAE (2017), equation 4.
"""

import numpy as np


def elbo(log_px, kl, *, beta=1.0):
    """log_px - beta kl, each (B,);  dlog_px = delbo,  dkl = -beta delbo."""
    return log_px - beta * kl, lambda delbo: (delbo, -beta * delbo)


def negative_elbo(log_px, kl, *, beta=1.0):
    """-mean of the elbo over the batch, the number to minimize;  dlog_px = -dloss / B, dkl = ...

    log_px, kl (B,). The way back is the chain rule through the mean and through `elbo`.
    """
    bound, elbo_vjp = elbo(log_px, kl, beta=beta)
    return -bound.mean(), lambda dloss: elbo_vjp(np.full_like(bound, -dloss / len(bound)))
