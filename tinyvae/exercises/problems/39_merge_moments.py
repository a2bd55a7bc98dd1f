# %% [markdown]
# # 39. Mean and variance in one pass, without losing the digits
#
# Chapter 12. Samples come in chunks that fit into the processor's cache, and none of them is kept.
# For each of P numbers you carry along
#
#     n       how many samples there have been
#     mean    their mean
#     M2      the sum of (g - mean)² over them, so that the variance is M2 / (n - 1)
#
# The textbook's way, sums of g and of g², subtracts two huge numbers where the mean is large beside
# the spread, and loses every digit of the variance. Instead, merge two groups, a and b:
#
#     n = a + b,   gap = mean_b - mean_a
#     mean = mean_a + gap b / n
#     M2   = M2_a + M2_b + gap² a b / n
#
# (Where does the last term come from? Each group's squares were taken about its own mean.)
#
# Write `merge_moments(n, mean, M2, chunk)`: the tuple `(n, mean, M2)` with a chunk (C, P) of
# samples included; mean and M2 (P,), and n may be 0, with mean and M2 zero.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "merge_moments", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merge_moments(n, mean, M2, chunk):
    """(n, mean (P,), M2 (P,)) of the samples seen before and those of chunk (C, P) together."""
    ### BEGIN SOLUTION
    C = len(chunk)
    chunk_mean = np.mean(chunk, axis=0)
    chunk_M2 = np.sum((chunk - chunk_mean) ** 2, axis=0)
    total = n + C
    gap = chunk_mean - mean
    return total, mean + gap * C / total, M2 + chunk_M2 + gap**2 * n * C / total
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "merge_moments_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(merge_moments)
