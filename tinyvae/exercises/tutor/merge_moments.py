"""Mean and sum of squares, merged chunk by chunk."""

import numpy as np

from tinyvae.comparison import SampleMoments
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    found = [case(0, np.zeros(3), np.zeros(3), 2.0 + rng.standard_normal((4, 3)))]
    for n, C in ((5, 3), (4, 4), (10, 1)):
        before = 1.0 + rng.standard_normal((n, 2))
        mean, M2 = before.mean(axis=0), ((before - before.mean(axis=0)) ** 2).sum(axis=0)
        found.append(case(n, mean, M2, 2.0 * rng.standard_normal((C, 2))))
    # Around 2^40 a square has no digits left for a spread of 1: the sums of squares give exactly 0.
    far = 2.0**40
    chunk = far + np.array([[-1.0, 3.0], [1.0, -3.0], [-2.0, 1.0], [2.0, -1.0]])
    found.append(case(4, np.array([far, far]), np.array([10.0, 4.0]), chunk))
    return found


def truth(n, mean, M2, chunk):
    """M3 and M4, which nobody asks for, are of no matter to the others."""
    old = SampleMoments(n, mean, M2, np.zeros_like(mean), np.zeros_like(mean))
    both = old + SampleMoments.of(chunk)
    return both.n, both.mean, both.M2


def of(chunk):
    mean = chunk.mean(axis=0)
    return len(chunk), mean, ((chunk - mean) ** 2).sum(axis=0)


@misconception
def sums_of_squares(n, mean, M2, chunk):
    """It is right for small means. But you went by the sum of g² less n mean²: where the mean is
    large beside the spread the two are nearly equal, and their difference has no digit left. Merge
    the two groups with the gap of their means."""
    total, new_mean, _ = truth(n, mean, M2, chunk)
    squares = M2 + n * mean**2 + (chunk**2).sum(axis=0)
    return total, new_mean, squares - total * new_mean**2


@misconception
def gap_forgotten(n, mean, M2, chunk):
    """The two M2 are only added: each was taken about the mean of its own group, and these differ.
    Add gap² a b / n."""
    total, new_mean, _ = truth(n, mean, M2, chunk)
    return total, new_mean, M2 + of(chunk)[2]


@misconception
def means_averaged(n, mean, M2, chunk):
    """The mean is halfway between the old one and the chunk's, however many samples are in them:
    weigh each by its number of samples."""
    total, _, new_M2 = truth(n, mean, M2, chunk)
    return total, 0.5 * (mean + of(chunk)[1]), new_M2


@misconception
def gap_not_squared(n, mean, M2, chunk):
    """The gap is not squared in M2: it is a sum of squares, and must not depend on which of the two
    means is the larger."""
    total, new_mean, _ = truth(n, mean, M2, chunk)
    C, chunk_mean, chunk_M2 = of(chunk)
    return total, new_mean, M2 + chunk_M2 + (chunk_mean - mean) * n * C / total


@misconception
def gap_without_sizes(n, mean, M2, chunk):
    """gap² stands alone in M2: it is multiplied by a b / n. With one group empty there is no gap to
    speak of, and the factor is 0."""
    total, new_mean, _ = truth(n, mean, M2, chunk)
    _, chunk_mean, chunk_M2 = of(chunk)
    return total, new_mean, M2 + chunk_M2 + (chunk_mean - mean) ** 2


@misconception
def variance_returned(n, mean, M2, chunk):
    """The third is the variance, M2 / (n - 1): carry M2 along as it is, so that the next chunk can
    be merged; divide when all is done."""
    total, new_mean, new_M2 = truth(n, mean, M2, chunk)
    return total, new_mean, new_M2 / (total - 1)


@misconception
def old_number_in_the_mean(n, mean, M2, chunk):
    """In the mean you divided by the number of samples of before; n is to be the new one, a + b."""
    total, _, new_M2 = truth(n, mean, M2, chunk)
    C, chunk_mean, _ = of(chunk)
    with np.errstate(all="ignore"):
        return total, mean + (chunk_mean - mean) * C / np.float64(n), new_M2


EXERCISE = Exercise(
    name="merge_moments",
    chapter=12,
    title="Mean and variance in one pass, without losing the digits",
    cases=cases,
    returns=("n", "mean", "M2"),
    misconceptions=(
        sums_of_squares,
        gap_forgotten,
        means_averaged,
        gap_not_squared,
        gap_without_sizes,
        variance_returned,
        old_number_in_the_mean,
    ),
    hints=(
        "The chunk is group b: first its own number, mean and M2, about its own mean. Group a is "
        "what came in.",
        "C = len(chunk), chunk_mean = np.mean(chunk, axis=0), chunk_M2 = np.sum((chunk - "
        "chunk_mean) ** 2, axis=0), and gap = chunk_mean - mean.",
        "total = n + C; then mean + gap * C / total and M2 + chunk_M2 + gap**2 * n * C / total. "
        "Return total first.",
    ),
    truth=truth,
)
