"""The evidence lower bound, and the ways to estimate it and its gradient from samples.

    log p(x) >= ELBO = E_q[log p(x | z)] - KL(q(z | x) || p(z)) = E_q[log w],    in nats,
    log w = log p(x | z) + log p(z) - log q(z | x)

With z = mu + sigma eps from q, log w feels the encoder in two ways: through z, which moves, and
through q's own mu and logvar in log q(z | x), which is looked up at z. The estimators agree on
what they estimate, and differ in what flows back along these two:

    name      value            decoder and z   times, through z    into q's own mu, logvar
    analytic  log p(x|z) - KL  1/S             1                   the gradient of the KL
    sampled   mean log w       1/S             1                   -1/S
    path      mean log w       1/S             1                   0
    score     mean log w       1/S             0                   (log w - baseline) / S
    iwae      log mean w       w~              1                   -w~
    dreg      log mean w       w~              w~                  0

w~ = w / sum of w over the S samples. What `path` and `dreg` leave out has mean zero, or is
rewritten as a path; at the exact posterior log w does not depend on z, and their gradients in the
encoder have no variance.
beta multiplies the KL, or log p(z) - log q(z | x): beta = 1 is the bound; beta > 1 asks more of
the latents, beta < 1 less, and neither is a bound that can be compared.

Sources: Kingma & Welling, Auto-Encoding Variational Bayes (2014), equations 6 and 7; `path`, Roeder
et al., Sticking the Landing (2017); `score`, Ranganath et al., Black Box Variational Inference
(2014), with the baseline of Mnih & Rezende (2016), equation 8; `iwae`, Burda et al., Importance
Weighted Autoencoders (2016), equations 8 and 14; `dreg`, Tucker et al., Doubly Reparameterized
Gradient Estimators (2019), equation 8; beta, Higgins et al., beta-VAE (2017), equation 4.
"""

import numpy as np

from tinyvae.errors import check_number, unknown


def elbo(log_px, kl, *, beta=1.0):
    """mean of log_px over the samples - beta * sum of kl over the latents: (B,), nats.

    log_px (B,) or (S, B); kl (B, Z).  dlog_px = delbo / S,  dkl = -beta delbo.
    """
    samples = tuple(range(np.ndim(log_px) - 1))
    S = len(log_px) if samples else 1

    def vjp(delbo):
        share = delbo / S
        dlog_px = np.broadcast_to(share, np.shape(log_px)) if samples else share
        return dlog_px, np.broadcast_to(-beta * delbo[:, None], np.shape(kl))

    return np.mean(log_px, axis=samples) - beta * kl.sum(axis=-1), vjp


def negative_elbo(log_px, kl, *, beta=1.0, free_bits=0.0):
    """-mean log_px + beta sum_j max(mean kl_j, free_bits): a number, nats per example, to minimize.

    log_px (B,) or (S, B); kl (B, Z), its mean over the batch. A latent pays for no less than
    `free_bits` nats, so that it gains nothing by carrying less; 0 is the mean negative ELBO.
    dlog_px = -dloss / (S B);  dkl_j = beta dloss / B, or 0 where kl_j is below free_bits.
    Source: Kingma et al., Improving Variational Inference with Inverse Autoregressive Flow (2016),
    equation 15.
    """
    each = kl.sum(axis=0) / len(kl)

    def vjp(dloss):
        dlog_px = np.full_like(log_px, -dloss / log_px.size)
        dkl = np.full_like(kl, beta * dloss / len(kl))
        if free_bits:
            dkl *= each >= free_bits
        return dlog_px, dkl

    paid = np.maximum(each, free_bits) if free_bits else each
    return beta * paid.sum() - log_px.sum() / log_px.size, vjp


def sampled(log_w, beta):
    """E_q[log w], differentiated along every arrow."""
    return log_w.mean(axis=0), np.full_like(log_w, 1.0 / len(log_w)), None, None


def path(log_w, beta):
    """The same without dlog q/dmu and dlog q/dlogvar, whose mean is 0 as that of every score."""
    bound, weight, _, _ = sampled(log_w, beta)
    return bound, weight, None, np.zeros_like(log_w)


def score(log_w, beta):
    """REINFORCE: the draws stay where they are, and the likely ones become likelier by log w.

    The baseline of a sample is the mean of the others, which does not depend on it; one sample
    alone has none.
    """
    bound, weight, _, _ = sampled(log_w, beta)
    S = len(log_w)
    baseline = (log_w.sum(axis=0) - log_w) / (S - 1) if S > 1 else 0.0
    return bound, weight, np.zeros_like(log_w), (log_w - baseline) / S


def iwae(log_w, beta):
    """log of the mean weight: between the ELBO, S = 1, and log p(x), S to infinity."""
    largest = log_w.max(axis=0)
    w = np.exp(log_w - largest)
    total = w.sum(axis=0)
    return largest + np.log(total / len(log_w)), w / total, None, None


def dreg(log_w, beta):
    """The importance-weighted bound; what would go into q's own parameters goes through z.

    A score times g(z) has the mean of a path of g: here g = -beta w~, and dw~ = (w~ - w~²) dlog w.
    So w~ along the path becomes w~ - beta (w~ - w~²), which is w~² for beta = 1.
    """
    bound, weight, _, _ = iwae(log_w, beta)
    return bound, weight, 1.0 - beta + beta * weight, np.zeros_like(log_w)


# Each takes log w (S, B) and gives the bound (B,) and, (S, B) each, the table's last three columns:
# the cotangent of log w, the factor on what comes back through z, and the cotangent of log q with
# z held; None where these are those of the plain derivative. `VAE.log_weights` takes them.
FROM_WEIGHTS = {"sampled": sampled, "path": path, "score": score, "iwae": iwae, "dreg": dreg}
OBJECTIVES = ("analytic", *FROM_WEIGHTS)
TIGHTER = ("iwae", "dreg")  # the bounds that rise with the number of samples


def from_weights(objective):
    """The estimator of that name from FROM_WEIGHTS; ValueError for an unknown one."""
    if objective not in FROM_WEIGHTS:
        raise unknown("objective", objective, OBJECTIVES)
    return FROM_WEIGHTS[objective]


def check_free_bits(free_bits, objective):
    """ValueError unless it is a number of nats at least 0, and the objective has a KL to floor."""
    check_number("free_bits", free_bits, at_least=0)
    if objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    if free_bits and objective != "analytic":
        raise ValueError(
            f"free_bits is a floor for the KL of the objective 'analytic', and {objective!r} has "
            "none: choose one of the two"
        )
