"""REINFORCE for independent coins, in their logits."""

import numpy as np

from tinyvae.distributions import bernoulli
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = []
    for S, D in ((6, 3), (4, 4), (3, 1)):
        logits = 1.5 * rng.standard_normal(D)
        x = bernoulli.sample(logits, noise=rng.random((S, D)))
        x[0], x[1] = 0.0, 1.0  # both sides of every coin, whatever was drawn
        found.append(case(((x - 0.45) ** 2).sum(axis=1), x, logits))
    return found


def probability(logits):
    return bernoulli.mean(logits)[0]


def truth(f, x, logits):
    return f[:, None] * bernoulli.score(x, logits)[0]


@misconception
def in_the_probability(f, x, logits):
    """That is the score with respect to p; the logits were asked. Multiply by dp/dlogit = p (1 -
    p): what is left is x - p."""
    p = probability(logits)
    return f[:, None] * (x - p) / (p * (1.0 - p))


@misconception
def logit_in_place_of_probability(f, x, logits):
    """You subtracted the logit itself; the score is x minus the probability, 1 / (1 + exp(-logit)),
    so that its mean is 0."""
    return f[:, None] * (x - logits)


@misconception
def only_heads(f, x, logits):
    """Only the draws with x = 1 count: the term (1 - x) log(1 - p) is forgotten. A 0 has a score,
    too: -p."""
    return f[:, None] * x * (1.0 - probability(logits))


@misconception
def through_the_mean(f, x, logits):
    """That is f p (1 - p), the slope of the probability: as if the draw were the probability, and
    had a path. But x jumps. Use the score, x - p."""
    p = probability(logits)
    return f[:, None] * np.broadcast_to(p * (1.0 - p), x.shape)


@misconception
def other_way_round(f, x, logits):
    """The sign is turned around: if x is 1, a larger logit makes it likelier, so the score is
    positive, x - p, not p - x."""
    return -truth(f, x, logits)


@misconception
def log_probability(f, x, logits):
    """That is f times log p(x), not its derivative. Differentiate log p(x) in the logit first."""
    return f[:, None] * bernoulli.log_prob(x, logits)[0]


@misconception
def averaged(f, x, logits):
    """You averaged over the draws: return a row for each draw, (S, D). Their spread is what the
    next chapter looks at."""
    return truth(f, x, logits).mean(axis=0)


EXERCISE = Exercise(
    name="bernoulli_score_function",
    chapter=5,
    title="REINFORCE for coins",
    cases=cases,
    returns=("dlogits",),
    misconceptions=(
        in_the_probability,
        logit_in_place_of_probability,
        only_heads,
        through_the_mean,
        other_way_round,
        log_probability,
        averaged,
    ),
    hints=(
        "First dlog p(x)/dp for one coin: x / p - (1 - x) / (1 - p). Then the chain rule to the "
        "logit: what is dp/dlogit?",
        "dp/dlogit = p (1 - p). Multiply, and everything cancels that can: for x = 1 it leaves "
        "1 - p, for x = 0 it leaves -p. One formula for both?",
        "The score is x - p. The estimate is f[:, None] * (x - p) with p = 1 / (1 + "
        "np.exp(-logits)).",
    ),
    truth=truth,
)
