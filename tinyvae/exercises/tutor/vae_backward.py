"""A whole VAE, backward.

What people write in place of these lines is in `vae_backward_layers.py` and `_terms.py`.
"""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case
from tinyvae.exercises.lines import evaluated, mistaken
from tinyvae.exercises.tutor import vae_backward_layers, vae_backward_terms
from tinyvae.vae import VAE

GRADIENTS = "dW1", "db1", "dWm", "dbm", "dWl", "dbl", "dW2", "db2", "dW3", "db3"
RIGHT = {
    "p": "1 / (1 + np.exp(-logits))",
    "share": "dloss / B",
    "dlogits": "share * (p - x)",
    "dW3": "k.T @ dlogits",
    "db3": "dlogits.sum(axis=0)",
    "dk": "dlogits @ W3.T",
    "da2": "dk * (1 - k**2)",
    "dW2": "z.T @ da2",
    "db2": "da2.sum(axis=0)",
    "dz": "da2 @ W2.T",
    "slope": "0.5 * sigma * eps",  # dz/dlogvar
    "kl_mu": "share * mu",
    "kl_logvar": "share * 0.5 * np.expm1(logvar)",
    "dmu": "dz + kl_mu",
    "dlogvar": "dz * slope + kl_logvar",
    "dWm": "h.T @ dmu",
    "dbm": "dmu.sum(axis=0)",
    "dWl": "h.T @ dlogvar",
    "dbl": "dlogvar.sum(axis=0)",
    "dh": "dmu @ Wm.T + dlogvar @ Wl.T",
    "da1": "dh * (1 - h**2)",
    "dW1": "x.T @ da1",
    "db1": "da1.sum(axis=0)",
    "result": ", ".join(GRADIENTS),
}
MISTAKES = vae_backward_layers.MISTAKES | vae_backward_terms.MISTAKES


def nodes(W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """{name: array} of the arguments, the sizes, and all that `vae_forward` computes."""
    a1 = x @ W1 + b1
    h = np.tanh(a1)
    mu, logvar = h @ Wm + bm, h @ Wl + bl
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    a2 = z @ W2 + b2
    k = np.tanh(a2)
    logits = k @ W3 + b3
    (B, D), Z = x.shape, eps.shape[1]
    return locals()


def forward(W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    now = nodes(W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, x=x, eps=eps)
    mu, logvar, logits = now["mu"], now["logvar"], now["logits"]
    log_px = np.sum(x * logits - np.logaddexp(0.0, logits), axis=1)
    kl = 0.5 * np.sum(mu**2 + np.exp(logvar) - 1.0 - logvar, axis=1)
    return -np.mean(log_px - kl)


def backward(lines):
    """The function that the exercise asks for, with these lines."""

    def vae_backward(dloss, *weights, x, eps):
        return evaluated(lines, {"dloss": dloss} | nodes(*weights, x=x, eps=eps))["result"]

    return vae_backward


def cases(rng):
    found = []
    for B, D, H, Z in ((4, 6, 5, 2), (3, 3, 3, 3)):
        shapes = (D, H), H, (H, Z), Z, (H, Z), Z, (Z, H), H, (H, D), D
        weights = [0.7 * rng.standard_normal(shape) for shape in shapes]
        x, eps = rng.integers(0, 2, (B, D)) * 1.0, rng.standard_normal((B, Z))
        found.append(case(1.0, *weights, x=x, eps=eps))
    found.append(case(-0.6, *weights, x=x, eps=eps))
    return found


def truth(dloss, *weights, x, eps):
    """The package's VAE of these sizes has the same weights in the same order."""
    (D, H), Z = weights[0].shape, eps.shape[1]
    vae = VAE(D, Z, hidden=(H,))
    _, vjp = vae.loss(np.concatenate([w.reshape(-1) for w in weights]), x=x, eps=eps)
    return tuple(vae.layout.views(vjp(dloss)[0]).values())


EXERCISE = Exercise(
    name="vae_backward",
    chapter=9,
    title="A whole VAE, backward",
    cases=cases,
    forward=forward,
    returns=GRADIENTS,
    misconceptions=mistaken(RIGHT, backward, MISTAKES),
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
