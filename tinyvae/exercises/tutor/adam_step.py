"""One step of Adam."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.optim import Adam


def cases(rng):
    found = []
    for P, t, eps in ((3, 1, 1e-8), (4, 2, 0.05), (2, 30, 1e-8)):
        theta, g, m = rng.standard_normal((3, P))
        v = rng.random(P)
        if t == 1:
            m, v = np.zeros(P), np.zeros(P)
        found.append(case(theta, g, m, v, t, 0.1, 0.9, 0.999, eps))
    return found


def truth(theta, g, m, v, t, lr, beta1, beta2, eps):
    """`Adam` keeps its moments divided by (1 - beta1) and (1 - beta2)."""
    adam, theta = Adam(lr, beta1, beta2, eps), theta.copy()
    adam.state = {"m": m / (1.0 - beta1), "v": v / (1.0 - beta2), "t": np.array(t - 1)}
    adam.step(theta, g.copy())
    return theta, adam.state["m"] * (1.0 - beta1), adam.state["v"] * (1.0 - beta2)


def moments(g, m, v, beta1, beta2):
    return beta1 * m + (1.0 - beta1) * g, beta2 * v + (1.0 - beta2) * g**2


def corrected(theta, m, v, t, lr, beta1, beta2, eps):
    m_hat, v_hat = m / (1.0 - beta1**t), v / (1.0 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps)


@misconception
def no_correction(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The moments are not corrected: m and v start at 0 and are too small at first, v more so than
    m, which makes the first steps too long. Divide by 1 - beta1^t and 1 - beta2^t."""
    m, v = moments(g, m, v, beta1, beta2)
    return theta - lr * m / (np.sqrt(v) + eps), m, v


@misconception
def corrected_moments_kept(theta, g, m, v, t, lr, beta1, beta2, eps):
    """theta is right, but you handed the corrected moments on: they would be corrected again in the
    next step. m_hat and v_hat are for theta alone; return m and v as they are."""
    m, v = moments(g, m, v, beta1, beta2)
    theta = corrected(theta, m, v, t, lr, beta1, beta2, eps)
    return theta, m / (1.0 - beta1**t), v / (1.0 - beta2**t)


@misconception
def one_step_behind(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The correction is that of step t - 1: t counts this step, too. At t = 1 yours divides by
    0."""
    m, v = moments(g, m, v, beta1, beta2)
    with np.errstate(all="ignore"):
        powers = np.array([beta1, beta2]) ** (t - 1)
        m_hat, v_hat = m / (1.0 - powers[0]), v / (1.0 - powers[1])
        return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v


@misconception
def one_step_ahead(theta, g, m, v, t, lr, beta1, beta2, eps):
    """The correction is that of step t + 1: t counts this step already, it is 1 at the first."""
    m, v = moments(g, m, v, beta1, beta2)
    return corrected(theta, m, v, t + 1, lr, beta1, beta2, eps), m, v


@misconception
def eps_under_the_root(theta, g, m, v, t, lr, beta1, beta2, eps):
    """eps is added under the root, where it weighs as much as its root: 1e-8 becomes 1e-4. It is
    added to the root: sqrt(v_hat) + eps."""
    m, v = moments(g, m, v, beta1, beta2)
    m_hat, v_hat = m / (1.0 - beta1**t), v / (1.0 - beta2**t)
    return theta - lr * m_hat / np.sqrt(v_hat + eps), m, v


@misconception
def square_forgotten(theta, g, m, v, t, lr, beta1, beta2, eps):
    """v follows g, and should follow g²: it is a mean of squares, and its root the size of g."""
    v_next = beta2 * v + (1.0 - beta2) * g
    m, _ = moments(g, m, v, beta1, beta2)
    with np.errstate(invalid="ignore"):
        return corrected(theta, m, v_next, t, lr, beta1, beta2, eps), m, v_next


@misconception
def root_forgotten(theta, g, m, v, t, lr, beta1, beta2, eps):
    """You divided by v_hat, without the root. v_hat has the unit of g²: only its root makes the
    step independent of the size of g."""
    m, v = moments(g, m, v, beta1, beta2)
    m_hat, v_hat = m / (1.0 - beta1**t), v / (1.0 - beta2**t)
    return theta - lr * m_hat / (v_hat + eps), m, v


@misconception
def uphill(theta, g, m, v, t, lr, beta1, beta2, eps):
    """theta goes uphill: g is the gradient of a loss, so the step is subtracted."""
    below, m, v = truth(theta, g, m, v, t, lr, beta1, beta2, eps)
    return 2.0 * theta - below, m, v


EXERCISE = Exercise(
    name="adam_step",
    chapter=9,
    title="One step of Adam",
    cases=cases,
    returns=("theta", "m", "v"),
    misconceptions=(
        no_correction,
        corrected_moments_kept,
        one_step_behind,
        one_step_ahead,
        eps_under_the_root,
        square_forgotten,
        root_forgotten,
        uphill,
    ),
    hints=(
        "It is the statement, line by line: the new m and v first, then m_hat and v_hat from them, "
        "then theta. All of it works on whole arrays.",
        "`m = beta1 * m + ...` makes a new array; `m *= beta1` would change that of the caller. "
        "Give m_hat and v_hat names of their own, so that m and v stay what they are.",
        "m_hat = m / (1.0 - beta1**t), v_hat = v / (1.0 - beta2**t), and theta becomes "
        "theta - lr * m_hat / (np.sqrt(v_hat) + eps). Return theta, m, v.",
    ),
    truth=truth,
)
