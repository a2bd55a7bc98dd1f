"""What a trained VAE is used for: reconstructions at z = mu, samples from the prior."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.vae import VAE


def cases(rng):
    found = []
    for B, D, H, Z in ((4, 6, 5, 2), (3, 3, 3, 3)):
        shapes = (D, H), H, (H, Z), Z, (H, Z), Z, (Z, H), H, (H, D), D
        weights = [0.7 * rng.standard_normal(shape) for shape in shapes]
        found.append(case(rng.integers(0, 2, (B, D)) * 1.0, rng.standard_normal((B, Z)), *weights))
    return found


def truth(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    (D, H), Z = W1.shape, eps.shape[1]
    vae, theta = VAE(D, Z, hidden=(H,)), np.concatenate([w.reshape(-1) for w in weights])
    return vae.reconstruct(theta, x=x), vae.sample(theta, eps=eps)


def encoded(x, W1, b1, Wm, bm, Wl, bl):
    h = np.tanh(x @ W1 + b1)
    return h @ Wm + bm, np.exp(0.5 * (h @ Wl + bl))


def logits(z, W2, b2, W3, b3):
    return np.tanh(z @ W2 + b2) @ W3 + b3


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


@misconception
def logits_returned(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """Those are the logits, any real numbers: a picture needs probabilities, sigmoid(logits),
    between 0 and 1."""
    mu, _ = encoded(x, W1, b1, Wm, bm, Wl, bl)
    return logits(mu, W2, b2, W3, b3), logits(eps, W2, b2, W3, b3)


@misconception
def noise_in_the_reconstruction(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """The reconstruction is made at z = mu + sigma eps. Noise is needed in training; here take the
    middle, z = mu, so that the same x gives the same picture."""
    mu, sigma = encoded(x, W1, b1, Wm, bm, Wl, bl)
    _, samples = truth(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return sigmoid(logits(mu + sigma * eps, W2, b2, W3, b3)), samples


@misconception
def samples_from_the_posterior(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """The samples are made from q(z | x): they are blurred versions of the x that went in. New data
    come from the prior, z = eps, and need no x."""
    mu, sigma = encoded(x, W1, b1, Wm, bm, Wl, bl)
    pictures, _ = truth(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return pictures, sigmoid(logits(mu + sigma * eps, W2, b2, W3, b3))


@misconception
def samples_too_narrow(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """The samples are made from z = sigma eps, with the encoder's sigma: the prior is N(0, I), so z
    = eps."""
    _, sigma = encoded(x, W1, b1, Wm, bm, Wl, bl)
    pictures, _ = truth(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return pictures, sigmoid(logits(sigma * eps, W2, b2, W3, b3))


@misconception
def rounded(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """You rounded the probabilities to 0 and 1: the mean of p(x | z) is the probability itself, a
    grey value where the decoder is not sure."""
    pictures = truth(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return tuple((p > 0.5) * 1.0 for p in pictures)


@misconception
def tanh_forgotten(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """The hidden layer of the decoder has lost its tanh: two affine layers in a row are one."""
    mu, _ = encoded(x, W1, b1, Wm, bm, Wl, bl)
    return tuple(sigmoid((z @ W2 + b2) @ W3 + b3) for z in (mu, eps))


EXERCISE = Exercise(
    name="reconstruct_and_sample",
    chapter=9,
    title="Using a trained VAE: reconstructions and samples",
    cases=cases,
    returns=("reconstructions", "samples"),
    misconceptions=(
        logits_returned,
        noise_in_the_reconstruction,
        samples_from_the_posterior,
        samples_too_narrow,
        rounded,
        tanh_forgotten,
    ),
    hints=(
        "Both are the same function of z, the decoder: write it once, a function `picture(z)` "
        "inside yours.",
        "picture(z) is the sigmoid of np.tanh(z @ W2 + b2) @ W3 + b3. For the reconstruction z is "
        "mu, for the sample z is eps: which weights are not needed at all?",
        "mu = np.tanh(x @ W1 + b1) @ Wm + bm, and return picture(mu), picture(eps). The logvar "
        "head is not used.",
    ),
    truth=truth,
)
