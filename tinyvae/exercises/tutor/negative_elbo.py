"""The loss of a VAE, in nats per example."""

from tinyvae.elbo import negative_elbo as package_loss
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.kl import kl_per_latent
from tinyvae.likelihoods import Bernoulli


def cases(rng):
    found = []
    for B, D, Z, beta in ((4, 5, 2, 1.0), (3, 3, 3, 0.25), (2, 4, 3, 4.0)):
        x, logits = rng.integers(0, 2, (B, D)) * 1.0, rng.standard_normal((B, D))
        found.append(case(x, logits, *rng.standard_normal((2, B, Z)), beta))
    return found


def terms(x, logits, mu, logvar):
    """log p(x | z) (B,) and the KL of each latent (B, Z)."""
    return Bernoulli()({}, logits, x=x)[0], kl_per_latent(mu, logvar)[0]


def truth(x, logits, mu, logvar, beta):
    return package_loss(*terms(x, logits, mu, logvar), beta=beta)[0]


@misconception
def mean_over_the_pixels(x, logits, mu, logvar, beta):
    """The reconstruction is a mean over the D pixels, the KL a sum: so the KL has D times the
    weight that beta says. Sum over the pixels; only the batch is averaged."""
    log_px, kl = terms(x, logits, mu, logvar)
    return package_loss(log_px / x.shape[1], kl, beta=beta)[0]


@misconception
def mean_over_the_latents(x, logits, mu, logvar, beta):
    """The KL is a mean over the Z latents, the reconstruction a sum: so the KL has 1/Z of the
    weight that beta says, and the loss is no bound any more. Sum over the latents."""
    log_px, kl = terms(x, logits, mu, logvar)
    return package_loss(log_px, kl / mu.shape[1], beta=beta)[0]


@misconception
def mean_over_everything(x, logits, mu, logvar, beta):
    """Both terms are means over their dimensions, D pixels here and Z latents there: that weighs
    the KL by D/Z times beta. Sum over dimensions, average over the batch alone."""
    log_px, kl = terms(x, logits, mu, logvar)
    return package_loss(log_px / x.shape[1], kl / mu.shape[1], beta=beta)[0]


@misconception
def sum_over_the_batch(x, logits, mu, logvar, beta):
    """You added up the examples: then the size of the loss, and of a step, depends on the batch
    size. Nats per example: average over the batch."""
    return len(x) * truth(x, logits, mu, logvar, beta)


@misconception
def rewarded_kl(x, logits, mu, logvar, beta):
    """The KL has the wrong sign: minus the ELBO is -log p(x | z) + beta KL. As it is, the loss gets
    better the farther q is from the prior."""
    return truth(x, logits, mu, logvar, -beta)


@misconception
def to_be_maximized(x, logits, mu, logvar, beta):
    """That is the ELBO itself, to be made large. The loss is to be made small: minus its mean."""
    return -truth(x, logits, mu, logvar, beta)


@misconception
def beta_forgotten(x, logits, mu, logvar, beta):
    """beta is not used: it multiplies the KL."""
    return truth(x, logits, mu, logvar, 1.0)


@misconception
def beta_on_everything(x, logits, mu, logvar, beta):
    """beta multiplies both terms: then it is nothing but another learning rate. It belongs to the
    KL alone."""
    return beta * truth(x, logits, mu, logvar, 1.0)


EXERCISE = Exercise(
    name="negative_elbo",
    chapter=8,
    title="The loss of a VAE, in nats per example",
    cases=cases,
    returns=("the loss",),
    misconceptions=(
        mean_over_the_pixels,
        mean_over_the_latents,
        mean_over_everything,
        sum_over_the_batch,
        rewarded_kl,
        to_be_maximized,
        beta_forgotten,
        beta_on_everything,
    ),
    hints=(
        "Make two arrays (B,) first, log_px and kl: each is a sum over axis 1. Print them: log_px "
        "is below 0, kl above.",
        "The ELBO of each example is log_px - beta * kl. What you minimize is minus its mean.",
        "-np.mean(log_px - beta * kl), with log_px = np.sum(x * logits - np.logaddexp(0.0, "
        "logits), axis=1).",
    ),
    truth=truth,
)
