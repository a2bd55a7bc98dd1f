"""log of a mean weight, kept up to date chunk by chunk."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.importance import log_mean_exp


def cases(rng):
    before, far = rng.standard_normal(3), np.array([-2000.0, 0.0, 900.0])
    return [
        case(np.full(3, -np.inf), 0, rng.standard_normal((4, 3)) - 5.0),
        case(before, 6, rng.standard_normal((2, 3))),
        case(before, 3, 1.0 + rng.standard_normal((3, 3))),
        case(before + far, 10, rng.standard_normal((1, 3)) + far),
    ]


def truth(so_far, count, log_w):
    """The log of the mean over all, as if every draw so far had had the weight of their mean."""
    everything = np.concatenate([np.repeat(so_far[None], count, axis=0), log_w])
    return log_mean_exp(everything, axis=0), count + len(log_w)


@misconception
def logs_averaged(so_far, count, log_w):
    """You averaged the logarithms, with the right counts; the mean of logs is not the log of the
    mean. The weights themselves are averaged: add them up with np.logaddexp."""
    total = count + len(log_w)
    chunk = log_mean_exp(log_w, axis=0)
    old = so_far * count if count else 0.0
    return (old + chunk * len(log_w)) / total, total


@misconception
def chunks_count_alike(so_far, count, log_w):
    """The old mean and the chunk's have the weight 1/2 each, however many draws are in them. A mean
    counts as often as it has draws: weights count and C."""
    total = count + len(log_w)
    chunk = log_mean_exp(log_w, axis=0)
    return (np.logaddexp(so_far, chunk) - np.log(2.0) if count else chunk), total


@misconception
def old_mean_counted_once(so_far, count, log_w):
    """so_far is the log of a mean of `count` draws, and you added it as if it were that of a sum:
    it stands for count times as much, so add log(count) to it first."""
    total = count + len(log_w)
    log_sum = log_mean_exp(log_w, axis=0) + np.log(len(log_w))
    return np.logaddexp(so_far, log_sum) - np.log(total), total


@misconception
def sum_returned(so_far, count, log_w):
    """That is the log of the sum: subtract the log of the new count, so that it is the log of a
    mean."""
    mean, total = truth(so_far, count, log_w)
    return mean + np.log(total), total


@misconception
def out_of_the_logarithms(so_far, count, log_w):
    """It is right for weights of moderate size. But you left the logarithms: e^-2000 is 0 and e^900
    is infinite. Keep the largest log w out of the sum, and use np.logaddexp."""
    total = count + len(log_w)
    with np.errstate(all="ignore"):
        w = count * np.exp(so_far) + np.exp(log_w).sum(axis=0)
        return np.log(w / total), total


@misconception
def count_not_updated(so_far, count, log_w):
    """The mean is right, but the count returned is the old one: C draws have come in."""
    return truth(so_far, count, log_w)[0], count


@misconception
def forgot_what_was(so_far, count, log_w):
    """That is the chunk alone: what was seen before is lost."""
    return log_mean_exp(log_w, axis=0), count + len(log_w)


EXERCISE = Exercise(
    name="add_chunk",
    chapter=10,
    title="A million importance weights in little memory",
    cases=cases,
    returns=("so_far", "count"),
    misconceptions=(
        logs_averaged,
        chunks_count_alike,
        old_mean_counted_once,
        sum_returned,
        out_of_the_logarithms,
        count_not_updated,
        forgot_what_was,
    ),
    hints=(
        "Turn means into sums: the log of the sum of the old weights is so_far + log(count). Then "
        "add two sums, and turn back.",
        "The log of the chunk's sum, without overflow: largest + np.log(np.sum(np.exp(log_w - "
        "largest), axis=0)), with largest = np.max(log_w, axis=0). For count = 0 there is no old "
        "sum.",
        "np.logaddexp(so_far + np.log(count), log_sum) - np.log(count + C) if count is above 0, "
        "else log_sum - np.log(C).",
    ),
    truth=truth,
)
