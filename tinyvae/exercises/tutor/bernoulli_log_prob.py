"""The Bernoulli log-likelihood from logits, and its gradient."""

import numpy as np

from tinyvae.distributions import bernoulli
from tinyvae.exercises.exercise import Exercise, case, misconception, pulled


def cases(rng):
    found = []
    for B, D in ((4, 3), (3, 3)):
        x, logits = rng.integers(0, 2, (B, D)) * 1.0, 2.0 * rng.standard_normal((B, D))
        found.append(case(rng.standard_normal(B), logits, x=x))
    grey = rng.random((1, 5))
    found.append(case(np.array([1.5]), 2.0 * rng.standard_normal((1, 5)), x=grey))
    extreme = np.array([[800.0, -800.0, 40.0], [-40.0, 800.0, 0.0]])
    found.append(case(np.array([1.0, -0.5]), extreme, x=np.array([[0.0, 1.0, 0.0], [1.0] * 3])))
    return found


def truth(logits, *, x):
    each, vjp = bernoulli.log_prob(x, logits)
    return each.sum(axis=1), lambda dy: vjp(dy[:, None])[1:]


def probability(logits):
    return bernoulli.mean(logits)[0]


@misconception
def from_a_rounded_probability(logits, *, x):
    """It is right for small logits, and infinite or NaN for large ones: the probability was rounded
    to 0 or 1 before its logarithm was taken. Never form log(p): use x l - log(1 + e^l)."""
    with np.errstate(all="ignore"):
        p = 1.0 / (1.0 + np.exp(-logits))
        each = x * np.log(p) + (1.0 - x) * np.log(1.0 - p)
    _, vjp = truth(logits, x=x)
    return each.sum(axis=1), vjp


@misconception
def clipped_probability(logits, *, x):
    """You clipped the probability to [1e-7, 1 - 1e-7]. Then no pixel costs more than 16 nats, and
    the value no longer fits its gradient, x - p. Nothing needs clipping in x l - log(1 + e^l)."""
    p = np.clip(probability(logits), 1e-7, 1.0 - 1e-7)
    each = x * np.log(p) + (1.0 - x) * np.log(1.0 - p)
    return each.sum(axis=1), truth(logits, x=x)[1]


@misconception
def tiny_number_added(logits, *, x):
    """You added 1e-8 inside the logarithms. That hides the infinity and not the error: no pixel
    costs more than 18 nats then. Nothing needs adding in x l - log(1 + e^l)."""
    p = probability(logits)
    each = x * np.log(p + 1e-8) + (1.0 - x) * np.log(1.0 - p + 1e-8)
    return each.sum(axis=1), truth(logits, x=x)[1]


@misconception
def overflowing_exponential(logits, *, x):
    """It is right for small logits, but e^l overflows at l = 710, and log(1 + e^l) is then infinite
    where it should be l. Take the larger of l and 0 out first: m + log(1 + e^(l - 2m))."""
    with np.errstate(all="ignore"):
        each = x * logits - np.log1p(np.exp(logits))
    _, vjp = truth(logits, x=x)
    return each.sum(axis=1), vjp


@misconception
def loss_in_place_of_log_likelihood(logits, *, x):
    """That is the cross-entropy, -log p(x): the log-likelihood, and so the gradient, has the other
    sign. A log-probability is never above 0."""
    log_px, vjp = truth(logits, x=x)
    return -log_px, lambda dy: vjp(-dy)


@misconception
def averaged_over_the_pixels(logits, *, x):
    """You averaged over the D pixels. The log of a product of probabilities is the sum of the logs;
    with a mean the picture counts D times less against the KL: a hidden beta of D."""
    log_px, vjp = truth(logits, x=x)
    D = x.shape[1]
    return log_px / D, lambda dy: vjp(dy / D)


@misconception
def white_pixels_alone(logits, *, x):
    """Only x log p is there: black pixels, x = 0, cost nothing, and a decoder that makes everything
    white wins. Add (1 - x) log(1 - p)."""
    p = probability(logits)
    log_p = bernoulli.log_prob(np.ones_like(x), logits)[0]
    return (x * log_p).sum(axis=1), lambda dy: (dy[:, None] * x * (1.0 - p),)


@misconception
def in_the_probability(logits, *, x):
    """dlogits is the derivative with respect to p, (x - p) / (p (1 - p)). Multiply by dp/dl = p (1
    - p): what is left is x - p, which is finite everywhere."""
    log_px, _ = truth(logits, x=x)
    with np.errstate(all="ignore"):
        p = probability(logits)
        slope = (x - p) / (p * (1.0 - p))
    return log_px, lambda dy: (dy[:, None] * slope,)


@misconception
def slope_of_the_sigmoid_once_more(logits, *, x):
    """dlogits has a factor p (1 - p) too many: x - p is the derivative in the logit already, the
    slope of the sigmoid is in it."""
    log_px, vjp = truth(logits, x=x)
    p = probability(logits)
    return log_px, lambda dy: (vjp(dy)[0] * p * (1.0 - p),)


@misconception
def logit_in_place_of_probability(logits, *, x):
    """dlogits is x minus the logit; it is x minus the probability, sigmoid(logit)."""
    log_px, _ = truth(logits, x=x)
    return log_px, lambda dy: (dy[:, None] * (x - logits),)


@misconception
def cotangent_forgotten(logits, *, x):
    """vjp does not use dy: the gradient of example n is multiplied by dy[n], whatever comes after
    log p(x). Use dy[:, None]."""
    log_px, vjp = truth(logits, x=x)
    return log_px, lambda dy: vjp(np.ones_like(dy))


EXERCISE = Exercise(
    name="bernoulli_log_prob",
    chapter=8,
    title="The log-likelihood of black-and-white data, from logits",
    cases=cases,
    call=pulled,
    returns=("log p(x)", "dlogits"),
    misconceptions=(
        from_a_rounded_probability,
        clipped_probability,
        tiny_number_added,
        overflowing_exponential,
        loss_in_place_of_log_likelihood,
        averaged_over_the_pixels,
        white_pixels_alone,
        in_the_probability,
        slope_of_the_sigmoid_once_more,
        logit_in_place_of_probability,
        cotangent_forgotten,
    ),
    hints=(
        "log p = l - log(1 + e^l) and log(1 - p) = -log(1 + e^l). Put both in, and x l - log(1 + "
        "e^l) is left. Sum over axis 1.",
        "With m = np.maximum(logits, 0.0) the logarithm is m + np.log1p(np.exp(logits - 2.0 * m)): "
        "the exponent is never above 0. The derivative of x l - log(1 + e^l) is x - sigmoid(l).",
        "vjp(dy) returns (dy[:, None] * (x - p),), with p = 0.5 * np.tanh(0.5 * logits) + 0.5: a "
        "tuple of one array, with the comma.",
    ),
    truth=truth,
)
