# %% [markdown]
# # 37. A million importance weights in little memory
#
# Chapter 10. To estimate log p(x) well you need so many draws that their weights do not fit into
# memory. So they come in chunks, and you carry along, for each example,
#
#     so_far = log of the mean of w over all the draws seen, `count` of them
#
# Write `add_chunk(so_far, count, log_w)`: the tuple `(so_far, count)` with the draws of one more
# chunk included; so_far (B,), log_w (C, B) with C at least 1. Chunks need not have the same size.
# Before the first chunk so_far is minus infinity everywhere and count is 0.
#
#     mean over all = (count * old mean + sum over the chunk of w) / (count + C)
#
# Do this without leaving the logarithms: np.logaddexp(a, b) is log(e^a + e^b), and e^-1000 is 0 in
# a computer.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "add_chunk", "locked": false, "schema_version": 3, "solution": true, "task": false}
def add_chunk(so_far, count, log_w):
    """(log mean w (B,), count) with a chunk log_w (C, B) added to so_far (B,), of count draws."""
    ### BEGIN SOLUTION
    largest = np.max(log_w, axis=0)
    log_sum = largest + np.log(np.sum(np.exp(log_w - largest), axis=0))
    if count > 0:
        log_sum = np.logaddexp(so_far + np.log(count), log_sum)
    count = count + len(log_w)
    return log_sum - np.log(count), count
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "add_chunk_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(add_chunk)
