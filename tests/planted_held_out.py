"""Mistakes that the rules of `diagnose` were not written against when the list was made.

It was written down, with what a teacher would say, before any of it was run. IN_NETWORK plants in
the VAE of planted.py; IN_FUNCTIONS are pairs of a forward pass and a wrong way back. The outcome
was judged by reading what is printed, in forty random examples where it varies:

    NAMED      what is said is the true cause (of two mistakes: of the first)
    LOCATED    the right array, with no cause, with none that helps, or with several to choose from
    SEEN       that something is wrong, and no array
    MISJUDGED  a cause that is not the true one, or the wrong array

The first result, with nothing tuned on the list: 35 NAMED, 48 LOCATED, 1 SEEN, 9 MISJUDGED (33, 46,
0 and 14 with the worst that is printed of each). Then rules were added because of it. Today's,
which is in the tables: 54, 37, 1 and 1. These mistakes are held out no longer,
and today's figures say nothing of a mistake nobody has seen: planted_held_out_second.py does.
"""

import numpy as np
from planted import FACTOR, FORMULA, LINES, PATH, PLACES, TERM, kl_part, path, sigmoid

NAMED, LOCATED, SEEN, MISJUDGED = "named", "located only", "seen only", "misjudged"
MASK, SURPLUS, TWO = "a mask", "a factor that does not belong there", "a wrong term of two"
NOISE, PART, UNSTABLE = "noise drawn anew", "a part alone", "unstable"
LINK, UNKNOWN, CLIPPING = "another parametrization", "unknown", "clipping"
OPERATION, NONLINEAR = (
    "an operation on the right gradient",
    "not linear in the gradient that came in",
)
DIFFERENTIATE, NOTHING = "a formula that is no derivative", "no gradient"


def softmax(a, axis=-1):
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def logsumexp(a, axis=-1):
    top = a.max(axis=axis, keepdims=True)
    return (top + np.log(np.exp(a - top).sum(axis=axis, keepdims=True))).squeeze(axis)


def fresh(like, seed=8):
    return np.random.default_rng(seed).standard_normal(like.shape)


MEMORY = {}  # what a stateful mistake keeps from call to call; emptied before each run


def momentum(g):
    MEMORY["g"] = 0.9 * MEMORY.get("g", 0.0) + g
    return MEMORY["g"]


def in_place(v):
    v.dz += v.dkl[:, None] * v.mu
    return v.dz


def by_log_sigma(v):
    return v.dkl[:, None] * (np.exp(2 * v.logvar) - 1)


def rows_of_length_one(g):
    return g / np.sqrt((g**2).sum(axis=1, keepdims=True))


# title: (what is written where, step, what a teacher says, outcome, mistake and words printed, and
# options of the example or the network); step: the array that is wrong, or all that are
IN_NETWORK = {
    # activations
    "the sigmoid's slope for tanh's": ({"dc": lambda v: v.dg * v.g * (1 - v.g)}, "c", "g(1 - g) is the slope of a sigmoid; tanh has 1 - g²", NAMED, FORMULA, "g (1 - g) stands where (1 - g²)"),
    "tanh's slope twice": ({"dc": lambda v: v.dg * (1 - v.g**2) ** 2}, "c", "the slope 1 - g² is multiplied in twice", NAMED, FORMULA, "(1 - tanh(c)²) does not belong there"),
    "relu's slope for tanh's": ({"dc": lambda v: v.dg * (v.c > 0)}, "c", "(c > 0) is the slope of a relu; tanh has 1 - g²", NAMED, FORMULA, "(c > 0) stands where (1 - g²)"),
    "the two arguments of tanh's backward swapped": ({"dc": lambda v: v.g * (1 - v.dg**2)}, "c", "g and dg have changed places", LOCATED, NONLINEAR, "dc does not double when dg doubles"),
    "softplus' slope at its value": ({"dc": lambda v: v.dg * sigmoid(v.g)}, "c", "sigmoid of c, not of g", NAMED, FORMULA, "sigmoid(g) stands where sigmoid(c)", {"activation": "softplus"}),
    "a leak in relu's slope": ({"dc": lambda v: v.dg * np.where(v.c > 0, 1, 0.1)}, "c", "wrong where c is below 0: a leaky slope, relu has 0", NAMED, TWO, "0.1 dg + 0.9 dg (c > 0)", {"activation": "relu"}),
    "the gradient sent through relu too": ({"dc": lambda v: np.maximum(v.dg, 0) * (v.c > 0)}, "c", "negative gradients are cut to 0 (guided backprop)", NAMED, MASK, "A mask, a clip", {"activation": "relu"}),
    "the slope of another layer": ({"da": lambda v: v.dh * (1 - v.g**2)}, "a", "g stands where h", NAMED, FORMULA, "(1 - g²) stands where (1 - h²)", {"hidden": 6}),
    # layers
    "an outer product of sums": ({"dW4": lambda v: np.outer(v.z.mean(axis=0), v.dc.sum(axis=0))}, "W4", "z is averaged before the product; sum the products of each example", LOCATED, TERM, "off by - (z - z.mean(axis=0)).T @ dc"),
    "weights after their update": ({"dz": lambda v: v.dc @ (v.W4 - 0.5 * v.dW4).T}, "z", "W4 has been changed already when dz is computed", LOCATED, NONLINEAR, "dz does not double when dc doubles"),
    "the gradient of the other head": ({"dW3": lambda v: v.h.T @ v.dmu}, "W3", "dmu stands where dlogvar", NAMED, FORMULA, "dmu stands where dlogvar belongs"),
    "a bias summed over the wrong axis": ({"db4": lambda v: v.dc.sum(axis=1)}, "b4", "sum over axis 0, not 1", NAMED, FORMULA, "dc.sum(axis=-1) stands where dc.sum(axis=0)", {"batch": 6}),
    "a square weight not transposed": ({"dz": lambda v: v.dc @ v.W4}, "z", "W4 stands where W4.T", NAMED, FORMULA, "W4 stands where W4.T", {"latent": 6}),
    "rows off by one": ({"dW4": lambda v: v.z[:-1].T @ v.dc[1:]}, "W4", "each z meets the dc of the next example", NAMED, FORMULA, "z[:-1].T and dc[1:] stand where z.T and dc belong", {"batch": 9}),
    "a shuffled input": ({"dW1": lambda v: v.x[::-1].T @ v.da}, "W1", "the rows of x are in another order", NAMED, FORMULA, "x[::-1].T stands where x.T"),
    "an input centred on the way back": ({"dW1": lambda v: (v.x - v.x.mean(axis=0)).T @ v.da}, "W1", "x has its mean taken off, on the way forward it had not", NAMED, FORMULA, "(x - x.mean(axis=0)).T stands where x.T"),
    "activated twice": ({"dW5": lambda v: np.tanh(v.g).T @ v.dout}, "W5", "tanh(g) stands where g", NAMED, FORMULA, "tanh(g).T stands where g.T"),
    "z made anew with exp(logvar)": ({"dW4": lambda v: (v.mu + v.sigma**2 * v.eps).T @ v.dc}, "W4", "z is recomputed, with exp(logvar) for exp(logvar/2)", LOCATED, UNKNOWN, "cannot say why"),
    "z drawn anew": ({"dW4": lambda v: (v.mu + v.sigma * fresh(v.eps)).T @ v.dc}, "W4", "another z than on the way forward: fresh noise", LOCATED, UNKNOWN, "cannot say why"),
    "the bias added to the gradient": ({"dW4": lambda v: v.z.T @ v.dc + v.b4}, "W4", "b4 is added and does not belong there", NAMED, TERM, "the right one + 1 b4"),
    "an L1 penalty inside": ({"dW2": lambda v: v.h.T @ v.dmu + 0.01 * np.sign(v.W2)}, "W2", "a term in the sign of W2 (an L1 penalty) is not in the loss", NAMED, TERM, "+ 0.01 sign(W2)"),
    "the learning rate inside": ({"dW4": lambda v: -0.003 * v.z.T @ v.dc}, "W4", "-0.003 times: the update, not the gradient", NAMED, FACTOR, "-0.003 times"),
    "momentum inside": ({"dW4": lambda v: momentum(v.z.T @ v.dc)}, "W4", "not the same twice: it remembers earlier calls", NAMED, UNSTABLE, "keeps a state"),
    "gradients added up over calls": ({"dW4": lambda v: getattr(v, "dW4", 0.0) + v.z.T @ v.dc}, "W4", "the second call of one vjp adds to the first", NAMED, UNSTABLE, "keeps a state"),
    # what is done to a gradient
    "half precision": ({"dout": lambda v: LINES["dout"](v).astype(np.float16).astype(float)}, "out", "rounded to three digits (float16)", NAMED, OPERATION, "three digits, a float16"),
    "only the sign": ({"dz": lambda v: np.sign(v.dc @ v.W4.T)}, "z", "only the signs are left", NAMED, OPERATION, "the sign of the right one alone"),
    "each row's norm made 1": ({"dz": lambda v: rows_of_length_one(v.dc @ v.W4.T)}, "z", "each row is scaled, to norm 1", NAMED, OPERATION, "makes all norms there the same"),
    "the batch mean taken off": ({"dz": lambda v: v.dc @ v.W4.T - (v.dc @ v.W4.T).mean(axis=0)}, "z", "the mean over the batch is taken off", NAMED, OPERATION, "less its mean over axis 0"),
    "noise added": ({"dz": lambda v: v.dc @ v.W4.T + 0.05 * fresh(v.z)}, "z", "something random is added", LOCATED, NONLINEAR, "something is added, or bent"),
    "dropout only on the way back": ({"dg": lambda v: v.dout @ v.W5.T * 2 * (fresh(v.g) > 0)}, "g", "zero at random places, twice at the others: a dropout mask not used forward", NAMED, MASK, "2 times the right one, but 0 at"),
    # the loss
    "the loss in bits": ({"dlog_px": lambda v: -v.dy / v.B / np.log(2) * np.ones(v.B)}, "log_px", "1/log 2 times: bits, not nats", NAMED, FACTOR, "1/log(2) times the right one"),
    "a batch size written down": ({"dlog_px": lambda v: -v.dy / 64 * np.ones(v.B)}, "log_px", "divided by 64, the batch has 5", NAMED, FACTOR, "64 is written down where it is 5"),
    "free bits only on the way back": ({"dkl": lambda v: LINES["dkl"](v) * (v.kl > np.median(v.kl))}, "kl", "zero where kl is small: free bits that the loss has not", NAMED, MASK, "nothing in the forward pass does"),
    "a Bernoulli by p, with eps": ({"dout": lambda v: v.dlog_px[:, None] * (v.x / (v.p + 1e-6) - (1 - v.x) / (1 - v.p + 1e-6)) * v.p * (1 - v.p)}, "out", "slightly wrong: an eps added to p", SEEN, UNKNOWN, "the error is smaller than that"),
    "a Bernoulli by p, not by its logit": ({"dout": lambda v: v.dlog_px[:, None] * (v.x - v.p) / (v.p * (1 - v.p))}, "out", "the gradient by p; the slope p(1 - p) is missing", NAMED, SURPLUS, "divided by sigmoid'(out)"),
    "softmax for sigmoid": ({"dout": lambda v: v.dlog_px[:, None] * (v.x - softmax(v.out))}, "out", "softmax(out) stands where sigmoid(out)", LOCATED, UNKNOWN, "cannot say why"),
    "the data binarised on the way back": ({"dout": lambda v: v.dlog_px[:, None] * ((v.x > 0.5) - v.p)}, "out", "another x: rounded to 0 and 1", LOCATED, UNKNOWN, "cannot say why"),
    "p clipped on the way back": ({"dout": lambda v: v.dlog_px[:, None] * (v.x - np.clip(v.p, 0.3, 0.7))}, "out", "p is clipped here and not on the way forward", LOCATED, PART, "a condition, a clip, an index"),
    # the Gaussian
    "a KL with mu - 1": ({"dmu": lambda v: v.dz + v.dkl[:, None] * (v.mu - 1)}, "mu", "mu - 1 for mu: the prior's mean is 0", NAMED, FORMULA, "(1 - mu) stands where mu"),
    "a KL with mu squared": ({"dmu": lambda v: v.dz + v.dkl[:, None] * v.mu**2}, "mu", "mu² for mu, through kl", NAMED, FORMULA, "mu² stands where mu"),
    "a KL with z": ({"dmu": lambda v: v.dz + v.dkl[:, None] * v.z}, "mu", "z stands where mu, through kl", NAMED, FORMULA, "z stands where mu"),
    "the KL the other way round": ({"dmu": lambda v: v.dz + v.dkl[:, None] * v.mu / v.sigma**2}, "mu", "mu / sigma² for mu, through kl: KL(p || q)", NAMED, SURPLUS, "through kl is the right one divided by exp(logvar)"),
    "log sigma in the KL": ({"dlogvar": lambda v: path(v) + by_log_sigma(v)}, "logvar", "through kl, logvar is taken for log sigma", LOCATED, UNKNOWN, "cannot say why"),
    "log sigma in both": ({"dlogvar": lambda v: v.dz * np.exp(v.logvar) * v.eps + by_log_sigma(v)}, "logvar", "logvar is taken for log sigma", LOCATED, UNKNOWN, "cannot say why"),
    "by the variance": ({"dlogvar": lambda v: v.dz * 0.5 * v.eps / v.sigma + v.dkl[:, None] * 0.5 * (1 - 1 / v.sigma**2)}, "logvar", "the gradient by sigma², not by logvar", NAMED, LINK, "with respect to exp(logvar), not logvar"),
    "a variance held fixed in the KL": ({"dlogvar": lambda v: path(v) - v.dkl[:, None] * 0.5}, "logvar", "exp(logvar) is missing in the KL's part", NAMED, FORMULA, "is -1/2 dkl; it should be 1/2 dkl (exp(logvar) - 1)"),
    "a KL summed over latents too early": ({"dlogvar": lambda v: path(v) + kl_part(v).sum(axis=1, keepdims=True)}, "logvar", "the KL's part is summed over latents and broadcast", NAMED, OPERATION, "the sum of the right one over axis 1, spread"),
    "eps of another example": ({"dlogvar": lambda v: v.dz * 0.5 * v.sigma * np.roll(v.eps, 1, axis=0) + kl_part(v)}, "logvar", "the rows of eps are shifted by one", NAMED, NOISE, "the rows of eps in another order"),
    "one eps for the whole batch": ({"dlogvar": lambda v: v.dz * 0.5 * v.sigma * v.eps[0] + kl_part(v)}, "logvar", "eps of the first example, for all", NAMED, NOISE, "the eps of the first example, for all"),
    "dz changed in place": ({"dmu": in_place}, "logvar", "dz was overwritten when dmu was made", LOCATED, UNKNOWN, "cannot say why"),
    # two at once
    "no beta, and a slope forgotten": ({"dkl": lambda v: v.dy / v.B * np.ones(v.B), "da": lambda v: v.dh}, ("kl", "a"), "beta is missing; and farther on a's slope", NAMED, FACTOR, "beta is left out"),
    "a factor, and the wrong array": ({"dout": lambda v: 2 * LINES["dout"](v), "dW4": lambda v: v.mu.T @ v.dc}, ("out", "W4"), "out is 2 times; and farther on W4 with mu for z", NAMED, FACTOR, "dout is twice the right one"),
    "eps and sigma both forgotten": ({"dlogvar": lambda v: v.dz * 0.5 + kl_part(v)}, "logvar", "through z, sigma * eps is missing", NAMED, FORMULA, "eps exp(logvar/2) is missing"),
    "a sign here, a factor there": ({"dmu": lambda v: -v.dz + 2 * v.dkl[:, None] * v.mu}, "mu", "through z the sign, through kl a factor of 2", NAMED, PATH, "through z is the right one with the wrong sign"),
}  # fmt: skip


def normal(*shape):
    """An argument: numbers of this shape."""
    return lambda rng: rng.standard_normal(shape)


def uniform(*shape):
    return lambda rng: rng.uniform(0.2, 0.8, shape)


def mask(*shape):
    return lambda rng: 1.0 * (rng.random(shape) < 0.6)


def centred(a):
    return a - a.mean(axis=0)


def standardised(x):
    return (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)


def drawn(mu, logvar, eps):
    return mu + np.exp(0.5 * logvar) * eps


def conv(x, w):
    return np.stack([x[:, i : i + len(w)] @ w for i in range(x.shape[1] - len(w) + 1)], axis=1)


def conv_back(dy, x, w, flip=True, last=0):
    k, n = len(w), dy.shape[1]
    dx = conv(np.pad(dy, ((0, 0), (k - 1, k - 1))), w[::-1] if flip else w)
    return dx, np.array([(dy[:, : n - last] * x[:, i : i + n - last]).sum() for i in range(k)])


def rows_written(dy, W, idx):
    dW = np.zeros_like(W)
    dW[idx] = dy
    return dW


def recur(x, W, U):
    h = np.zeros((len(x), len(W)))
    for t in range(x.shape[1]):
        h = np.tanh(h @ W + x[:, t] @ U)
    return h


def recur_back_one_step(dy, x, W, U):
    before, h = recur(x[:, :-1], W, U), recur(x, W, U)
    da, dx = dy * (1 - h**2), np.zeros_like(x)
    dx[:, -1] = da @ U.T
    return dx, before.T @ da, x[:, -1].T @ da


def gumbel(logits, g, tau):
    return softmax((logits + g) / tau)


def gumbel_back(dy, logits, g, tau):
    y = gumbel(logits, g, tau)
    d = y * (dy - (dy * y).sum(axis=1, keepdims=True))  # and / tau is left out
    return d, d


def gauss(mu, logvar, x):
    return -0.5 * (logvar + (x - mu) ** 2 * np.exp(-logvar) + np.log(2 * np.pi)).sum(axis=1)


def kl_of_two(m, a, n, b):
    return 0.5 * (b - a + (np.exp(a) + (m - n) ** 2) / np.exp(b) - 1).sum(axis=1)


def kl_of_two_back(dy, m, a, n, b):
    dy, r = dy[:, None], (m - n) / np.exp(b)
    db = 0.5 * (1 - (np.exp(a) + (m - n) ** 2) / np.exp(b))
    return dy * r, dy * 0.5 * (np.exp(a - b) - 1), -dy * (m - n) / np.exp(a), dy * db


def surrogate(logits, b, f):
    return (f * (b * logits - np.logaddexp(0, logits)).sum(axis=1)).mean()


# title: (forward, wrong backward, arguments, constants, step, what a teacher says, outcome, mistake
# and words printed)
IN_FUNCTIONS = {
    # layers
    "a bias summed over everything": (lambda x, W, b: x @ W + b, lambda dy, x, W, b: (dy @ W.T, x.T @ dy, np.full(b.shape, dy.sum())), {"x": normal(5, 3), "W": normal(3, 4), "b": normal(4)}, {}, "b", "summed over both axes", NAMED, OPERATION, "the sum of the right one over axis 0, spread"),
    "a skip forgotten": (lambda x, W: x + np.tanh(x @ W), lambda dy, x, W: ((d := dy * (1 - np.tanh(x @ W) ** 2)) @ W.T, x.T @ d), {"x": normal(5, 3), "W": normal(3, 3)}, {}, "x", "dy itself is missing: the path past the layer", NAMED, TERM, "off by - dy"),
    "tied weights, one use counted": (lambda x, W: np.tanh(x @ W) @ W.T, lambda dy, x, W: ((d := dy @ W * (1 - np.tanh(x @ W) ** 2)) @ W.T, x.T @ d), {"x": normal(5, 4), "W": normal(4, 3)}, {}, "W", "W is used twice; the part of its second use is missing", LOCATED, UNKNOWN, "cannot say why"),
    "the dropout mask forgotten": (lambda x, m: x * m / 0.6, lambda dy, x, m: dy / 0.6, {"x": normal(5, 4)}, {"m": mask(5, 4)}, "x", "the mask m is missing", NAMED, FORMULA, "The factor m is missing"),
    "batch statistics held fixed": (lambda x: centred(x) / x.std(axis=0), lambda dy, x: dy / x.std(axis=0), {"x": normal(6, 3)}, {}, "x", "mean and deviation depend on x too", LOCATED, UNKNOWN, "cannot say why"),
    "layer norm without the deviation's part": (standardised, lambda dy, x: (dy - dy.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True), {"x": normal(5, 4)}, {}, "x", "the deviation depends on x too", LOCATED, UNKNOWN, "cannot say why"),
    "a norm held fixed": (lambda x: x / np.sqrt((x**2).sum()), lambda dy, x: dy / np.sqrt((x**2).sum()), {"x": normal(5)}, {}, "x", "the norm depends on x too", LOCATED, TERM, "is added on the way back and does not come from the loss, or is missing"),
    "an embedding's rows overwritten": (lambda W, idx: W[idx], rows_written, {"W": normal(4, 3)}, {"idx": lambda rng: np.array([0, 2, 2, 1, 0])}, "W", "rows used twice must be added up", LOCATED, PART, "not at 0 and 2 of axis 0"),
    "a kernel not turned round": (conv, lambda dy, x, w: conv_back(dy, x, w, flip=False), {"x": normal(4, 7), "w": normal(3)}, {}, "x", "the kernel has to be reversed", LOCATED, UNKNOWN, "cannot say why"),
    "the last place of a convolution left out": (conv, lambda dy, x, w: conv_back(dy, x, w, last=1), {"x": normal(4, 7), "w": normal(3)}, {}, "w", "the last place is left out of the sum", LOCATED, UNKNOWN, "cannot say why"),
    "a recurrence cut after one step": (recur, recur_back_one_step, {"x": normal(4, 3, 2), "W": normal(3, 3), "U": normal(2, 3)}, {}, ("U", "W", "x"), "only the last step is counted, in all three", LOCATED, UNKNOWN, "cannot say why"),
    "a sum over time not reversed": (lambda x: np.cumsum(x, axis=1), lambda dy, x: np.cumsum(dy, axis=1), {"x": normal(3, 5)}, {}, "x", "the sum runs from the end", LOCATED, UNKNOWN, "cannot say why"),
    "keys as queries": (lambda q, k: q @ k.T, lambda dy, q, k: (dy @ k, dy @ q), {"q": normal(5, 3), "k": normal(5, 3)}, {}, "k", "dy stands where dy.T", NAMED, FORMULA, "dy stands where dy.T"),
    "a maximum spread over all": (lambda x: x.max(axis=1), lambda dy, x: np.repeat(dy[:, None] / 4, 4, axis=1), {"x": normal(5, 4)}, {}, "x", "only the largest gets it", LOCATED, OPERATION, "1/4 times the sum of the right one over axis 1"),
    # scalar functions
    "log-sigmoid's slope mirrored": (lambda a: -np.logaddexp(0, -a), lambda dy, a: dy * sigmoid(a), {"a": normal(4, 3)}, {}, "a", "sigmoid(-a), not sigmoid(a)", NAMED, FORMULA, "is dy exp(y); it should be - dy (exp(y) - 1)"),
    "softplus' slope from its argument": (lambda a: np.logaddexp(0, a), lambda dy, a: dy * (1 - np.exp(-a)), {"a": normal(4, 3)}, {}, "a", "1 - exp(-y) of the value, not of the argument", LOCATED, UNKNOWN, "cannot say why"),
    "swish without its second term": (lambda a: a * sigmoid(a), lambda dy, a: dy * sigmoid(a), {"a": normal(4, 3)}, {}, "a", "a product has two terms; a s'(a) is missing", NAMED, TERM, "off by - dy a sigmoid'(a)"),
    "elu's slope without its + 1": (lambda a: np.where(a > 0, a, np.exp(np.minimum(a, 0)) - 1), lambda dy, a: dy * np.where(a > 0, 1, np.exp(np.minimum(a, 0)) - 1), {"a": normal(5, 4)}, {}, "a", "below 0 the slope is y + 1, not y", MISJUDGED, PART, "Something happens there that does not in the forward pass"),
    "Huber's loss without its cut": (lambda r: np.where(abs(r) < 0.5, r**2 / 2, 0.5 * abs(r) - 0.125), lambda dy, r: dy * r, {"r": normal(5, 4)}, {}, "r", "wrong where |r| is above 0.5: there the slope is constant", LOCATED, DIFFERENTIATE, "that is not the derivative"),
    "straight through a step": (lambda a: 1.0 * (a > 0), lambda dy, a: dy, {"a": normal(4, 3)}, {}, "a", "the true gradient is 0: this is the straight-through estimate", NAMED, NOTHING, "such as straight-through"),
    # softmax and its kin
    "softmax, its diagonal only": (softmax, lambda dy, a: dy * softmax(a) * (1 - softmax(a)), {"a": normal(5, 4)}, {}, "a", "each output depends on all of a row", LOCATED, DIFFERENTIATE, "that is not the derivative"),
    "log-softmax without the sum of dy": (lambda a: a - logsumexp(a)[:, None], lambda dy, a: dy - softmax(a), {"a": normal(5, 4)}, {}, "a", "softmax times the sum of dy", LOCATED, NONLINEAR, "something is added, or bent"),
    "targets that are thought to sum to 1": (lambda a, t: -(t * (a - logsumexp(a)[:, None])).sum(), lambda dy, a, t: dy * (softmax(a) - t), {"a": normal(5, 4)}, {"t": uniform(5, 4)}, "a", "softmax times the sum of t", LOCATED, UNKNOWN, "cannot say why"),
    "logsumexp without its sum": (logsumexp, lambda dy, a: dy[:, None] * np.exp(a - a.max(axis=1, keepdims=True)), {"a": normal(5, 4)}, {}, "a", "the weights do not sum to 1: divide by their sum", LOCATED, OPERATION, "a sum, a norm, a sign or a weight"),
    "a temperature forgotten": (gumbel, gumbel_back, {"logits": normal(5, 4), "g": normal(5, 4)}, {"tau": lambda rng: 0.7}, ("g", "logits"), "1/tau is missing, in both", NAMED, FACTOR, "the right one times tau"),
    "equal importance weights": (lambda w: logsumexp(w, 0) - np.log(4), lambda dy, w: np.full(w.shape, dy / 4), {"w": normal(4, 5)}, {}, "w", "the weights of the samples are softmax(w), not 1/4", LOCATED, OPERATION, "1/4 times the sum of the right one over axis 0"),
    "importance weights over the batch": (lambda w: logsumexp(w, 0) - np.log(4), lambda dy, w: dy * softmax(w, 1), {"w": normal(4, 5)}, {}, "w", "normalise over the samples, axis 0", LOCATED, UNKNOWN, "cannot say why"),
    "importance weights squared": (lambda w: logsumexp(w, 0) - np.log(4), lambda dy, w: dy * softmax(w, 0) ** 2, {"w": normal(4, 5)}, {}, "w", "the weights are squared", LOCATED, UNKNOWN, "cannot say why"),
    # laws and samples
    "a Gaussian's mu over sigma": (gauss, lambda dy, mu, logvar, x: (dy[:, None] * (x - mu) * np.exp(-0.5 * logvar), dy[:, None] * 0.5 * ((x - mu) ** 2 * np.exp(-logvar) - 1)), {"mu": normal(5, 3), "logvar": normal(5, 3)}, {"x": normal(5, 3)}, "mu", "exp(-logvar/2) stands where exp(-logvar)", NAMED, SURPLUS, "the right one times exp(logvar/2)"),
    "a Gaussian without its normaliser": (gauss, lambda dy, mu, logvar, x: (dy[:, None] * (x - mu) * np.exp(-logvar), dy[:, None] * 0.5 * (x - mu) ** 2 * np.exp(-logvar)), {"mu": normal(5, 3), "logvar": normal(5, 3)}, {"x": normal(5, 3)}, "logvar", "the -1/2 of the normaliser is missing", NAMED, TERM, "off by 1/2 dy"),
    "the variance of the wrong law": (kl_of_two, kl_of_two_back, {k: normal(5, 3) for k in "manb"}, {}, "n", "exp(a) stands where exp(b)", LOCATED, UNKNOWN, "cannot say why"),
    "half of a Bernoulli KL": (lambda q, p: (q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))).sum(), lambda dy, q, p: (dy * np.log(q / p), dy * ((1 - q) / (1 - p) - q / p)), {"q": uniform(4, 3), "p": uniform(4, 3)}, {}, "q", "the part of 1 - q is missing", LOCATED, TWO, "dy log(q) - dy log(p)"),
    "a baseline only on the way back": (surrogate, lambda dy, logits, b, f: dy * centred(f)[:, None] * (b - sigmoid(logits)) / 6, {"logits": normal(6, 3)}, {"b": mask(6, 3), "f": normal(6)}, "logits", "the mean of f is taken off on the way back only", LOCATED, OPERATION, "a sum, a norm, a sign or a weight"),
    "samples averaged twice": (lambda mu, eps: ((mu + eps) ** 2).mean(axis=0).sum(axis=1), lambda dy, mu, eps: (2 * dy[:, None] * (mu + eps) / 4).mean(axis=0), {"mu": normal(5, 3)}, {"eps": normal(4, 5, 3)}, "mu", "1/4 times: a mean over samples too much", NAMED, FACTOR, "divided by 4 once too often"),
    "eps averaged before the product": (lambda mu, logvar, eps: (drawn(mu, logvar, eps) ** 2).mean(axis=0).sum(axis=1), lambda dy, mu, logvar, eps: ((d := 2 * dy[:, None] * drawn(mu, logvar, eps).mean(axis=0)), d * 0.5 * np.exp(0.5 * logvar) * eps.mean(axis=0)), {"mu": normal(5, 3), "logvar": normal(5, 3)}, {"eps": normal(4, 5, 3)}, "logvar", "multiply sample by sample, then average", LOCATED, UNKNOWN, "cannot say why"),
    "a full matrix for a triangle": (lambda mu, L, eps: mu + eps @ np.tril(L).T, lambda dy, mu, L, eps: (dy.sum(axis=0), dy.T @ eps), {"mu": normal(3), "L": normal(3, 3)}, {"eps": normal(5, 3)}, "L", "wrong above the diagonal, which is not used", LOCATED, PART, "on one way and not on the other"),
    "a normal law through a sigmoid, unbent": (lambda mu, logvar, eps: sigmoid(drawn(mu, logvar, eps)), lambda dy, mu, logvar, eps: (dy, dy * 0.5 * np.exp(0.5 * logvar) * eps), {"mu": normal(5, 3), "logvar": normal(5, 3)}, {"eps": normal(5, 3)}, ("logvar", "mu"), "the slope of the sigmoid is missing in both", NAMED, SURPLUS, "divided by y (1 - y)"),
    # matrices
    "an inverse not transposed": (lambda A: np.linalg.slogdet(A)[1], lambda dy, A: dy * np.linalg.inv(A), {"A": normal(4, 4)}, {}, "A", "the transpose of the inverse", NAMED, PLACES, "a transpose"),
    "a quadratic form thought symmetric": (lambda x, A: ((x @ A) * x).sum(axis=1), lambda dy, x, A: (2 * dy[:, None] * (x @ A), x.T @ (dy[:, None] * x)), {"x": normal(5, 3), "A": normal(3, 3)}, {}, "x", "x (A + A.T), not 2 x A", LOCATED, UNKNOWN, "cannot say why"),
}  # fmt: skip

# Where the step that is printed is not the right one.
STEP_PRINTED = {
    "momentum inside": None,
    "gradients added up over calls": None,
    "a Bernoulli by p, with eps": None,
}

# What is printed in a few of the random examples instead, and how that was judged.
SOMETIMES = {
    "the gradient sent through relu too": {UNKNOWN: SEEN},
    "a Bernoulli by p, with eps": {OPERATION: MISJUDGED, CLIPPING: MISJUDGED},
    "p clipped on the way back": {UNKNOWN: LOCATED},
    "dz changed in place": {NOISE: MISJUDGED},
    "elu's slope without its + 1": {UNKNOWN: LOCATED},
    "Huber's loss without its cut": {PART: MISJUDGED},
}

# The first result where it was another: what was printed usually, and at worst.
FIRST = {
    **dict.fromkeys(
        ["rows off by one", "a shuffled input", "an input centred on the way back", "activated twice",
         "half precision", "only the sign", "each row's norm made 1", "the batch mean taken off",
         "dropout only on the way back", "the loss in bits", "a batch size written down",
         "a KL summed over latents too early", "swish without its second term",
         "straight through a step", "a normal law through a sigmoid, unbent"],
        LOCATED),
    **dict.fromkeys(
        ["the gradient of the other head", "eps of another example", "one eps for the whole batch",
         "a bias summed over everything", "p clipped on the way back", "dz changed in place",
         "an embedding's rows overwritten", "a baseline only on the way back"], MISJUDGED),
}  # fmt: skip
FIRST_AT_WORST = {
    "the gradient sent through relu too": LOCATED,
    **dict.fromkeys(
        ["a Bernoulli by p, with eps", "a KL with mu squared", "log sigma in the KL",
         "log sigma in both", "a KL summed over latents too early"], MISJUDGED),
}  # fmt: skip
