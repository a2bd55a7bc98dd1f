"""Gumbel-softmax, backward."""

import numpy as np

from tinyvae.distributions import concrete
from tinyvae.exercises.exercise import Exercise, case, misconception


def softmax(a):
    y = np.exp(a - a.max(axis=1, keepdims=True))
    return y / y.sum(axis=1, keepdims=True)


def forward(logits, temperature, *, g):
    return softmax((logits + g) / temperature)


def cases(rng):
    found = []
    for B, K, temperature in ((4, 3, 0.7), (3, 3, 1.6), (1, 5, 0.4)):
        dy, logits = rng.standard_normal((2, B, K))
        g = concrete.noise(rng, (B, K))
        found.append(case(dy, logits, temperature, g=g))
    return found


def truth(dy, logits, temperature, *, g):
    return concrete.rsample(logits, temperature, noise=g)[1](dy)


def from_da(da, logits, temperature, g):
    return da / temperature, -(da * (logits + g)).sum() / temperature**2


@misconception
def diagonal_alone(dy, logits, temperature, *, g):
    """You used y (1 - y), the slope of each y_k in its own a_k. In a softmax every y_k depends on
    all a_j through the sum: da = y (dy - sum of dy y over the classes)."""
    y = forward(logits, temperature, g=g)
    return from_da(dy * y * (1.0 - y), logits, temperature, g)


@misconception
def summed_over_the_batch(dy, logits, temperature, *, g):
    """The sum of dy y runs over the batch (axis 0); it belongs to the sum in the softmax, which
    runs over the classes: axis 1, with keepdims."""
    y = forward(logits, temperature, g=g)
    return from_da(y * (dy - (dy * y).sum(axis=0, keepdims=True)), logits, temperature, g)


@misconception
def sum_without_y(dy, logits, temperature, *, g):
    """In the sum over the classes dy is not weighted by y: da = y (dy - sum of dy y), so that da
    adds up to 0 over the classes, as shifting all a changes nothing."""
    y = forward(logits, temperature, g=g)
    return from_da(y * (dy - dy.sum(axis=1, keepdims=True)), logits, temperature, g)


@misconception
def temperature_forgotten(dy, logits, temperature, *, g):
    """dlogits is da. But a = (logits + g) / temperature: the chain rule divides by the temperature
    once more."""
    dlogits, dtemperature = truth(dy, logits, temperature, g=g)
    return dlogits * temperature, dtemperature


@misconception
def noise_forgotten_in_the_temperature(dy, logits, temperature, *, g):
    """dtemperature has the logits alone; the temperature divides logits and noise together:
    da/dtemperature = -(logits + g) / temperature²."""
    dlogits, _ = truth(dy, logits, temperature, g=g)
    return dlogits, -(dlogits * logits).sum() / temperature


@misconception
def temperature_not_summed(dy, logits, temperature, *, g):
    """dtemperature is not one number: the one temperature is used for every example and class, and
    collects the gradients of all of them."""
    dlogits, _ = truth(dy, logits, temperature, g=g)
    return dlogits, -dlogits * (logits + g) / temperature


@misconception
def sign_of_the_temperature(dy, logits, temperature, *, g):
    """dtemperature has the wrong sign: the derivative of 1 / t is -1 / t²."""
    dlogits, dtemperature = truth(dy, logits, temperature, g=g)
    return dlogits, -dtemperature


@misconception
def straight_through(dy, logits, temperature, *, g):
    """You passed dy on as it is, as a straight-through estimator does with a choice that jumps.
    This y does not jump: go back through the softmax, and then through the division."""
    return from_da(dy, logits, temperature, g)


EXERCISE = Exercise(
    name="gumbel_softmax_backward",
    chapter=7,
    title="Gumbel-softmax, backward",
    cases=cases,
    forward=forward,
    returns=("dlogits", "dtemperature"),
    misconceptions=(
        diagonal_alone,
        summed_over_the_batch,
        sum_without_y,
        temperature_forgotten,
        noise_forgotten_in_the_temperature,
        temperature_not_summed,
        sign_of_the_temperature,
        straight_through,
    ),
    hints=(
        "Compute a and y first. Then da_j = sum over k of dy_k dy_k/da_j: put the formula of the "
        "statement in, and do the sum over k on paper.",
        "da = y * (dy - the sum over the classes of dy * y), with keepdims=True so that it fits. "
        "Then a = (logits + g) / temperature: two factors of a product, so two gradients.",
        "dlogits = da / temperature, and dtemperature = -np.sum(da * a) / temperature, since "
        "da/dtemperature = -a / temperature.",
    ),
    truth=truth,
)
