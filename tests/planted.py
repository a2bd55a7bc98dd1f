"""A VAE written out line by line, and mistakes to plant in it: one line of its way back, another.

`network(mistake)` is a function of the protocol with a `watch`. LINES is its backward pass, `MISTAKES` what the
rules of `diagnose` were written against: for each the line that replaces one, the step that has to
be named, and the mistake; and words of the sentence.
"""

from types import SimpleNamespace

import numpy as np

from tinyvae.watch import unwatched


def sigmoid(a):
    return 0.5 * np.tanh(0.5 * a) + 0.5


ACTIVATIONS = {  # value, and slope by the value y and the argument a
    "tanh": (np.tanh, lambda y, a: 1.0 - y * y),
    "softplus": (lambda a: np.logaddexp(a, 0.0), lambda y, a: sigmoid(a)),
    "relu": (lambda a: np.maximum(a, 0.0), lambda y, a: 1.0 * (a > 0)),
}

LINES = {  # v: all arrays so far, by name; f: the slope of the activation
    "dlog_px": lambda v: -v.dy / v.B * np.ones(v.B),
    "dkl": lambda v: v.dy * v.beta / v.B * np.ones(v.B),
    "dout": lambda v: v.dlog_px[:, None] * (v.x - v.p),
    "dW5": lambda v: v.g.T @ v.dout,
    "db5": lambda v: v.dout.sum(axis=0),
    "dg": lambda v: v.dout @ v.W5.T,
    "dc": lambda v: v.dg * v.f(v.g, v.c),
    "dW4": lambda v: v.z.T @ v.dc,
    "db4": lambda v: v.dc.sum(axis=0),
    "dz": lambda v: v.dc @ v.W4.T,
    "dmu": lambda v: v.dz + v.dkl[:, None] * v.mu,
    "dlogvar": lambda v: v.dz * 0.5 * v.sigma * v.eps + v.dkl[:, None] * 0.5 * (v.sigma**2 - 1.0),
    "dW2": lambda v: v.h.T @ v.dmu,
    "db2": lambda v: v.dmu.sum(axis=0),
    "dW3": lambda v: v.h.T @ v.dlogvar,
    "db3": lambda v: v.dlogvar.sum(axis=0),
    "dh": lambda v: v.dmu @ v.W2.T + v.dlogvar @ v.W3.T,
    "da": lambda v: v.dh * v.f(v.h, v.a),
    "dW1": lambda v: v.x.T @ v.da,
    "db1": lambda v: v.da.sum(axis=0),
}
PARAMETERS = ("W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4", "W5", "b5")


def network(mistake=None, activation="tanh"):
    """`loss, vjp = fn(params, *, x, eps, beta, watch)`; mistake: {line: what is written there}."""
    act, slope = ACTIVATIONS[activation]
    lines = LINES | (mistake or {})

    def loss(params, *, x, eps, beta, watch=unwatched):
        v = SimpleNamespace(**params, x=x, eps=eps, beta=beta, f=slope, B=len(x))
        v.a = watch("a", x @ v.W1 + v.b1)
        v.h = watch("h", act(v.a))
        v.mu, v.logvar = watch("mu", v.h @ v.W2 + v.b2), watch("logvar", v.h @ v.W3 + v.b3)
        v.sigma = np.exp(0.5 * v.logvar)
        v.z = watch("z", v.mu + v.sigma * eps)
        v.c = watch("c", v.z @ v.W4 + v.b4)
        v.g = watch("g", act(v.c))
        v.out = watch("out", v.g @ v.W5 + v.b5)
        v.p = sigmoid(v.out)
        v.log_px = watch("log_px", (x * v.out - np.logaddexp(v.out, 0.0)).sum(axis=1))
        v.kl = watch("kl", 0.5 * (v.mu**2 + v.sigma**2 - 1.0 - v.logvar).sum(axis=1))

        def vjp(dy):
            v.dy = dy
            for name, line in lines.items():
                setattr(v, name, watch(name, line(v)))
            return ({name: getattr(v, f"d{name}") for name in params},)

        return -v.log_px.mean() + beta * v.kl.mean(), vjp

    return loss


def example(rng, *, hidden=4, other=6, latent=3, data=7, batch=5, scale=1.0):
    """(params, constants) at random: sizes that differ, beta that is no simple number."""
    shapes = {
        "W1": (data, hidden), "b1": (hidden,), "W2": (hidden, latent), "b2": (latent,),
        "W3": (hidden, latent), "b3": (latent,), "W4": (latent, other), "b4": (other,),
        "W5": (other, data), "b5": (data,),
    }  # fmt: skip
    params = {k: scale * rng.standard_normal(s) / np.sqrt(s[0]) for k, s in shapes.items()}
    eps = rng.standard_normal((batch, latent))
    return params, {"x": rng.random((batch, data)), "eps": eps, "beta": 0.3 * np.sqrt(2.0)}


def kl_part(v):
    return v.dkl[:, None] * 0.5 * (v.sigma**2 - 1.0)


def path(v):
    return v.dz * 0.5 * v.sigma * v.eps


def cut(g):
    return np.clip(g, -0.4 * abs(g).max(), 0.4 * abs(g).max())


def normed(g):
    return g / np.linalg.norm(g) * 0.1


FACTOR, PATH, FORMULA = (
    "a constant factor", "a path that is lost, doubled or negative", "another formula",
)  # fmt: skip
OTHER, PLACES, TERM = (
    "the gradient of another array", "a transpose or a permutation", "a term too much or too little",
)  # fmt: skip

# title: (line, what is written there, step named, mistake, words of the sentence)
MISTAKES = {
    # the loss
    "no mean over the batch": ("dlog_px", lambda v: -v.dy * np.ones(v.B), "log_px", FACTOR, "mean"),
    "a mean taken twice": ("dlog_px", lambda v: -v.dy / v.B**2 * np.ones(v.B), "log_px", FACTOR, "1/5"),
    "the loss with the wrong sign": ("dlog_px", lambda v: v.dy / v.B * np.ones(v.B), "log_px", FACTOR, "sign"),
    "a KL without beta": ("dkl", lambda v: v.dy / v.B * np.ones(v.B), "kl", FACTOR, "beta is left out"),
    "beta twice": ("dkl", lambda v: v.dy * v.beta**2 / v.B * np.ones(v.B), "kl", FACTOR, "beta"),
    "a KL that is dropped": ("dkl", lambda v: np.zeros(v.B), "kl", "no gradient", "constant"),
    "a KL with the wrong sign": ("dkl", lambda v: -v.dy * v.beta / v.B * np.ones(v.B), "kl", FACTOR, "sign"),
    # the likelihood
    "logits taken for probabilities": ("dout", lambda v: v.dlog_px[:, None] * (v.x - v.out), "out", None, ""),
    "a Bernoulli of the wrong sign": ("dout", lambda v: v.dlog_px[:, None] * (v.p - v.x), "out", FACTOR, "sign"),
    "a mean over pixels": ("dout", lambda v: v.dlog_px[:, None] * (v.x - v.p) / 7, "out", FACTOR, "1/7"),
    "the sigmoid's slope once more": ("dout", lambda v: v.dlog_px[:, None] * (v.x - v.p) * v.p * (1 - v.p), "out", None, ""),
    "some pixels masked": ("dout", lambda v: v.dlog_px[:, None] * (v.x - v.p) * (v.x > 0.5), "out", "a mask", "where x is below"),
    # layers
    "a bias gradient that is a mean": ("db4", lambda v: v.dc.mean(axis=0), "b4", FACTOR, "1/5"),
    "a bias gradient of one example": ("db5", lambda v: v.dout[0], "b5", FORMULA, "dout.sum(axis=0)"),
    "no bias gradient": ("db2", lambda v: 0 * v.b2, "b2", "no gradient", ""),
    "mu where z went in": ("dW4", lambda v: v.mu.T @ v.dc, "W4", FORMULA, "mu.T stands where z.T"),
    "the input before its activation": ("dW5", lambda v: v.c.T @ v.dout, "W5", FORMULA, "c.T stands where g.T"),
    "an activation's slope forgotten": ("dc", lambda v: v.dg, "c", FORMULA, ""),
    "an activation's slope at its argument": ("dc", lambda v: v.dg * (1 - v.c**2), "c", FORMULA, "(1 - c²) stands"),
    "a slope 1 - y": ("da", lambda v: v.dh * (1 - v.h), "a", FORMULA, "(1 - h)"),
    "a gradient past the activation": ("dW1", lambda v: v.x.T @ v.dh, "W1", None, ""),
    "a factor in one layer": ("dg", lambda v: 3.0 * v.dout @ v.W5.T, "g", FACTOR, "3 times"),
    "a weight read in another order": ("dW5", lambda v: (v.g.T @ v.dout).T.reshape(v.W5.shape), "W5", PLACES, "transpose"),
    "clipping inside": ("dz", lambda v: cut(v.dc @ v.W4.T), "z", "clipping", "cut off"),
    "a norm clipped inside": ("dz", lambda v: normed(v.dc @ v.W4.T), "z", FACTOR, "norm"),
    "weight decay inside": ("dW2", lambda v: v.h.T @ v.dmu + 0.01 * v.W2, "W2", TERM, "W2"),
    # the trick
    "a draw that is a constant": ("dz", lambda v: 0 * v.z, "z", "no gradient", ""),
    "no path through the sample in mu": ("dmu", lambda v: v.dkl[:, None] * v.mu, "mu", PATH, "through z is missing"),
    "the KL forgotten in mu": ("dmu", lambda v: v.dz, "mu", PATH, "through kl is missing"),
    "the KL forgotten in logvar": ("dlogvar", path, "logvar", PATH, "through kl is missing"),
    "the sample forgotten in logvar": ("dlogvar", kl_part, "logvar", PATH, "through z is missing"),
    "no 1/2 in the draw": ("dlogvar", lambda v: 2 * path(v) + kl_part(v), "logvar", PATH, "twice"),
    "the draw's sign": ("dlogvar", lambda v: -path(v) + kl_part(v), "logvar", PATH, "sign"),
    "eps forgotten": ("dlogvar", lambda v: v.dz * 0.5 * v.sigma + kl_part(v), "logvar", FORMULA, "eps is missing"),
    "|eps|": ("dlogvar", lambda v: v.dz * 0.5 * v.sigma * abs(v.eps) + kl_part(v), "logvar", FORMULA, "|eps|"),
    "sigma forgotten": ("dlogvar", lambda v: v.dz * 0.5 * v.eps + kl_part(v), "logvar", FORMULA, "exp(logvar/2) is missing"),
    "by sigma, not logvar": ("dlogvar", lambda v: v.dz * v.eps + kl_part(v), "logvar", "another parametrization", "sigma"),
    "exp(logvar) for sigma": ("dlogvar", lambda v: v.dz * 0.5 * v.sigma**2 * v.eps + kl_part(v), "logvar", FORMULA, "exp(logvar) stands"),
    "a fresh draw on the way back": ("dlogvar", lambda v: v.dz * 0.5 * v.sigma * np.random.default_rng(8).standard_normal(v.eps.shape) + kl_part(v), "logvar", "noise drawn anew", "drawn anew"),
    "the KL without its -1": ("dlogvar", lambda v: path(v) + v.dkl[:, None] * 0.5 * v.sigma**2, "logvar", None, ""),
    "the KL with +1": ("dlogvar", lambda v: path(v) + v.dkl[:, None] * 0.5 * (v.sigma**2 + 1), "logvar", None, ""),
    "the KL with sigma for its square": ("dlogvar", lambda v: path(v) + v.dkl[:, None] * 0.5 * (v.sigma - 1), "logvar", None, ""),
    "the KL without its 1/2": ("dlogvar", lambda v: path(v) + 2 * kl_part(v), "logvar", PATH, "twice"),
    "the KL averaged over latents": ("dmu", lambda v: v.dz + v.dkl[:, None] * v.mu / 3, "mu", PATH, "1/3"),
    "the heads swapped": ("dmu", LINES["dlogvar"], "mu", None, ""),
    # the trunk
    "a branch overwritten": ("dh", lambda v: v.dlogvar @ v.W3.T, "h", PATH, "through mu is missing"),
    "a branch counted twice": ("dh", lambda v: v.dmu @ v.W2.T + 2 * v.dlogvar @ v.W3.T, "h", PATH, "twice"),
    "the weights of the other head": ("dh", lambda v: v.dmu @ v.W3.T + v.dlogvar @ v.W3.T, "h", FORMULA, "W3.T stands where W2.T"),
    "examples left out": ("dh", lambda v: (v.dmu @ v.W2.T + v.dlogvar @ v.W3.T) * (np.arange(5) < 4)[:, None], "h", "a mask", "at 4 of axis 0"),
}  # fmt: skip
