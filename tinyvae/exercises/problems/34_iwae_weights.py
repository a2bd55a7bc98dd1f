# %% [markdown]
# # 34. A tighter bound: the log of the mean weight
#
# Chapter 10. With S draws z from q(z | x), each has an importance weight
#
#     w = p(x | z) p(z) / q(z | x),        E[w] = p(x)
#
# The ELBO is the mean of log w. The importance-weighted bound averages first, and takes the
# logarithm then: it lies between the ELBO and log p(x), the closer to log p(x) the more draws there
# are.
#
#     bound = log( (1/S) sum over s of w_s )        w~_s = w_s / (sum over the draws of w)
#
# Write `iwae_weights(log_w)`: the tuple `(bound, normalized)`, the bound (B,) in nats and w~ (S,
# B), from log_w (S, B). The logarithms are around -1000 for a picture, and e^-1000 is 0 in a
# computer: take the largest log w of each example out of the sum before you exponentiate.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "iwae_weights", "locked": false, "schema_version": 3, "solution": true, "task": false}
def iwae_weights(log_w):
    """(log mean w (B,), w / sum of w (S, B)) over the S draws, from log_w (S, B)."""
    ### BEGIN SOLUTION
    largest = np.max(log_w, axis=0)
    w = np.exp(log_w - largest)
    return largest + np.log(np.mean(w, axis=0)), w / np.sum(w, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "iwae_weights_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(iwae_weights)
