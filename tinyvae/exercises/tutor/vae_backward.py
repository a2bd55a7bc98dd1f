"""A whole VAE, backward. `gradients` is the way back with switches, which the mistakes turn."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.vae import VAE


def nodes(W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """h, mu, logvar, z, k, logits: as `vae_forward` of the statement."""
    h = np.tanh(x @ W1 + b1)
    mu, logvar = h @ Wm + bm, h @ Wl + bl
    z = mu + np.exp(logvar / 2) * eps
    k = np.tanh(z @ W2 + b2)
    return h, mu, logvar, z, k, k @ W3 + b3


def forward(W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    _, mu, logvar, _, _, logits = nodes(*weights, x=x, eps=eps)
    log_px = np.sum(x * logits - np.logaddexp(0.0, logits), axis=1)
    kl = 0.5 * np.sum(mu**2 + np.exp(logvar) - 1.0 - logvar, axis=1)
    return -np.mean(log_px - kl)


def cases(rng):
    found = []
    for B, D, H, Z in ((4, 6, 5, 2), (3, 3, 3, 3)):
        shapes = (D, H), H, (H, Z), Z, (H, Z), Z, (Z, H), H, (H, D), D
        weights = [0.7 * rng.standard_normal(shape) for shape in shapes]
        x, eps = rng.integers(0, 2, (B, D)) * 1.0, rng.standard_normal((B, Z))
        found.append(case(1.0, *weights, x=x, eps=eps))
    found.append(case(-0.6, *weights, x=x, eps=eps))
    return found


def truth(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The package's VAE of these sizes has the same weights in the same order."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    (D, H), Z = W1.shape, eps.shape[1]
    vae = VAE(D, Z, hidden=(H,))
    _, vjp = vae.loss(np.concatenate([w.reshape(-1) for w in weights]), x=x, eps=eps)
    return tuple(vae.layout.views(vjp(dloss)[0]).values())


def gradients(
    dloss, weights, x, eps, *, kl=1.0, share=True, into_sigma=None, decoder_input="z", heads="both",
    slope=lambda y: 1.0 - y**2, decoder_slope=True, bias=np.sum, mu_path=1.0
):  # fmt: skip
    """The ten gradients, right unless a switch says otherwise."""
    _, _, Wm, _, Wl, _, W2, _, W3, _ = weights
    h, mu, logvar, z, k, logits = nodes(*weights, x=x, eps=eps)
    dloss = dloss / len(x) if share else dloss
    dlogits = dloss * (1.0 / (1.0 + np.exp(-logits)) - x)
    dk = dlogits @ W3.T
    da2 = dk * slope(k) if decoder_slope else dk
    dz = da2 @ W2.T
    sigma = np.exp(0.5 * logvar)
    dsigma = 0.5 * sigma * eps if into_sigma is None else into_sigma(sigma, eps)
    dmu = mu_path * dz + kl * dloss * mu
    dlogvar = dz * dsigma + kl * dloss * 0.5 * np.expm1(logvar)
    dh = (heads != "logvar") * (dmu @ Wm.T) + (heads != "mu") * (dlogvar @ Wl.T)
    da1 = dh * slope(h)
    into_decoder = z if decoder_input == "z" else mu
    pairs = (x, da1), (h, dmu), (h, dlogvar), (into_decoder, da2), (k, dlogits)
    return tuple(g for y, da in pairs for g in (y.T @ da, bias(da, axis=0)))


@misconception
def one_branch_into_h(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """dh has the branch through logvar alone; h is read by both heads. Where two branches meet,
    their gradients add: dh = dmu @ Wm.T + dlogvar @ Wl.T. An `=` in the second line overwrites the
    first."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, heads="logvar")


@misconception
def other_branch_into_h(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """dh has the branch through mu alone; h is read by the logvar head, too. Add dlogvar @ Wl.T."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, heads="mu")


@misconception
def no_kl(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The decoder is right, but the KL sends nothing back: mu and logvar are read in two places, by
    the draw and by the KL. Add mu / B to dmu, and (exp(logvar) - 1) / 2B to dlogvar, times
    dloss."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, kl=0.0)


@misconception
def kl_turned_around(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The gradients of the KL have the wrong sign: the loss is -log p(x | z) plus the KL."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, kl=-1.0)


@misconception
def kl_not_averaged(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The reconstruction's gradient is divided by the batch size, the KL's is not: the mean over
    the batch is taken of both."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, kl=float(len(x)))


@misconception
def batch_not_averaged(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """Everything is too large by the batch size: the loss is a mean over the batch, so the very
    first step back divides dloss by B."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, share=False)


@misconception
def eps_forgotten(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """On the way from z to logvar eps is missing: z = mu + sigma eps, so dz/dlogvar = sigma eps /
    2."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, into_sigma=lambda sigma, eps: 0.5 * sigma)


@misconception
def half_forgotten(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """On the way from z to logvar the factor 1/2 is missing: sigma = exp(logvar / 2), so dz/dlogvar
    = sigma eps / 2."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, into_sigma=lambda sigma, eps: sigma * eps)


@misconception
def stopped_at_sigma(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """On the way from z to logvar you stopped at sigma: dz * eps is dsigma. One step is missing,
    dsigma/dlogvar = sigma / 2."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, into_sigma=lambda sigma, eps: eps)


@misconception
def no_path_to_logvar(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """dlogvar has the KL alone: logvar decides how far the draw goes, so the reconstruction sends
    something back, too, dz * sigma * eps / 2."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, into_sigma=lambda sigma, eps: 0.0)


@misconception
def no_path_to_mu(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """dmu has the KL alone: the draw z = mu + sigma eps moves with mu, so dz goes to mu as it
    is."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, mu_path=0.0)


@misconception
def mu_into_the_decoder(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """dW2 is made with mu; what the decoder read on the way forward was the draw: z.T @ da."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, decoder_input="mu")


@misconception
def tanh_of_tanh(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The slope of tanh is taken at its output: 1 - tanh(h)². But h is a tanh already: the slope is
    1 - h², and in the decoder 1 - k²."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, slope=lambda y: 1.0 - np.tanh(y) ** 2)


@misconception
def tanh_of_the_decoder_forgotten(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The tanh of the decoder is passed over: between dk and W2 comes a factor 1 - k²."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, decoder_slope=False)


@misconception
def biases_averaged(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The weights are right, but the biases are averaged over the batch: the 1/B is in the
    gradients already, so add up, .sum(axis=0)."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    return gradients(dloss, weights, x, eps, bias=np.mean)


EXERCISE = Exercise(
    name="vae_backward",
    chapter=9,
    title="A whole VAE, backward",
    cases=cases,
    forward=forward,
    returns=("dW1", "db1", "dWm", "dbm", "dWl", "dbl", "dW2", "db2", "dW3", "db3"),
    misconceptions=(
        one_branch_into_h,
        other_branch_into_h,
        no_kl,
        kl_turned_around,
        kl_not_averaged,
        batch_not_averaged,
        eps_forgotten,
        half_forgotten,
        stopped_at_sigma,
        no_path_to_logvar,
        no_path_to_mu,
        mu_into_the_decoder,
        tanh_of_tanh,
        tanh_of_the_decoder_forgotten,
        biases_averaged,
    ),
    hints=(
        "Start from the end. log p(x | z) is exercise 25: its gradient in the logits is x - p; the "
        "loss has a minus and a mean over the batch: dlogits = dloss / B * (p - x). Then W3, b3.",
        "dk = dlogits @ W3.T, da2 = dk * (1 - k**2), then W2, b2, and dz = da2 @ W2.T. At z the "
        "path splits: dmu gets dz, dlogvar gets dz * sigma * eps / 2, and each gets the KL's part.",
        "dmu = dz + dloss / B * mu; dlogvar = dz * 0.5 * sigma * eps + dloss / B * 0.5 * "
        "(np.exp(logvar) - 1); dh = dmu @ Wm.T + dlogvar @ Wl.T; da1 = dh * (1 - h**2). Each "
        "weight: input.T @ gradient; each bias: gradient.sum(axis=0).",
    ),
    truth=truth,
)
