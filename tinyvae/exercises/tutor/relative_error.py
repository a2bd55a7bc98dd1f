"""How far apart two gradients are."""

import numpy as np

from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    n = rng.standard_normal((3, 4))
    ordinary = case(n + 1e-3 * rng.standard_normal(n.shape), n, 1e-8)
    small = n.copy()
    small[0] *= 1e-3
    wrong = small.copy()
    wrong[0, 1] *= -1.5  # one small entry, with another sign
    zeros = np.array([0.0, 1e-12, 2.0, -3.0, 0.0])
    faint = case(zeros + np.array([0.0, -3e-12, 1e-7, 0.0, 4e-10]), zeros, 1e-8)
    dead = case(np.zeros(2), np.zeros(2), 1e-8)
    return [ordinary, case(wrong, small, 1e-8), faint, dead]


@misconception
def absolute(a, n, floor):
    """This is the absolute error: it says little as long as nobody knows how large the gradients
    are. Divide by max(|a|, |n|, floor), entry by entry."""
    return np.max(np.abs(a - n))


@misconception
def without_floor(a, n, floor):
    """It divides by max(|a|, |n|), and where both are 0 that is 0 / 0, no number; where both are
    tiny it is rounding divided by rounding. Divide by nothing smaller than floor."""
    return np.max(np.abs(a - n) / np.maximum(np.abs(a), np.abs(n)))


@misconception
def by_one_of_them(a, n, floor):
    """It divides by |n| alone. An n that is wrongly 0 then gives another error than an a that is
    wrongly 0: divide by the larger of |a| and |n|."""
    return np.max(np.abs(a - n) / np.maximum(np.abs(n), floor))


@misconception
def by_their_sum(a, n, floor):
    """It divides by |a| + |n|, which makes the error up to half as large as was asked; divide by
    the larger of the two."""
    return np.max(np.abs(a - n) / np.maximum(np.abs(a) + np.abs(n), floor))


@misconception
def floor_added(a, n, floor):
    """It adds the floor to the larger of the two; floor is the least that you divide by, the third
    of the numbers of which you take the maximum."""
    return np.max(np.abs(a - n) / (np.maximum(np.abs(a), np.abs(n)) + floor))


@misconception
def sign_kept(a, n, floor):
    """The difference has a sign, and the maximum of signed numbers misses entries where a is too
    small: take |a - n|."""
    return np.max((a - n) / np.maximum(np.maximum(np.abs(a), np.abs(n)), floor))


@misconception
def sizes_with_sign(a, n, floor):
    """It divides by the larger of a and n, and not of |a| and |n|: where both are negative that is
    the floor, or the smaller of the two. Take np.abs of both first."""
    return np.max(np.abs(a - n) / np.maximum(np.maximum(a, n), floor))


@misconception
def averaged(a, n, floor):
    """It is the mean of the errors; one wrong entry among thousands hardly moves a mean. Take the
    largest."""
    return np.mean(np.abs(a - n) / np.maximum(np.maximum(np.abs(a), np.abs(n)), floor))


@misconception
def every_entry(a, n, floor):
    """It is an array with the error of every entry; asked for is one number, the largest of
    them."""
    return np.abs(a - n) / np.maximum(np.maximum(np.abs(a), np.abs(n)), floor)


@misconception
def largest_by_largest(a, n, floor):
    """It divides the largest difference by the largest gradient; a small entry that is altogether
    wrong cannot be seen then. Divide entry by entry, and take the maximum last."""
    return np.max(np.abs(a - n)) / max(np.max(np.abs(a)), np.max(np.abs(n)), floor)


@misconception
def by_norms(a, n, floor):
    """It compares lengths, the root of the sum of squares; a small entry that is altogether wrong
    is lost in that sum. Divide entry by entry, and take the maximum."""
    size = max(np.linalg.norm(a), np.linalg.norm(n), floor)
    return np.linalg.norm(a - n) / size


def truth(a, n, floor):
    """The same in plain Python, a number at a time."""
    pairs = zip(a.ravel().tolist(), n.ravel().tolist(), strict=True)
    return max(abs(p - q) / max(abs(p), abs(q), floor) for p, q in pairs)


EXERCISE = Exercise(
    name="relative_error",
    chapter=1,
    title="Are two gradients the same?",
    cases=cases,
    returns=("error",),
    misconceptions=(
        absolute,
        without_floor,
        by_one_of_them,
        by_their_sum,
        floor_added,
        sign_kept,
        sizes_with_sign,
        averaged,
        every_entry,
        largest_by_largest,
        by_norms,
    ),
    hints=(
        "np.abs and np.maximum work entry by entry; np.max is the largest entry of one array.",
        "First the sizes, an array: the larger of |a| and |n|, but at least floor. np.maximum "
        "takes "
        "two arrays, or an array and a number, so call it twice.",
        "size = np.maximum(np.maximum(np.abs(a), np.abs(n)), floor); then the largest entry of "
        "np.abs(a - n) / size.",
    ),
    truth=truth,
    atol=1e-14,
)
