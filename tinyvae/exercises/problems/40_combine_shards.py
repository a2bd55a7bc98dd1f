# %% [markdown]
# # 40. Many machines, one gradient
#
# Chapter 12. M machines each hold a copy of theta and a shard of the batch. Machine i has n_i
# examples, and sends the gradient of *its own* loss, which is a mean over its n_i examples. You
# want the gradient that one machine with all the examples would have found: that of the mean over
# all n_1 + ... + n_M.
#
# The last shard is often smaller than the others, and a machine may have got no example at all:
# what it sends is then without meaning, NaN even (a mean over nothing), and must not count.
#
# Write `combine_shards(gradients, sizes)`: that gradient (P,), from gradients (M, P) and sizes
# (M,), whole numbers of which at least one is above 0.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "combine_shards", "locked": false, "schema_version": 3, "solution": true, "task": false}
def combine_shards(gradients, sizes):
    """The gradient (P,) of the mean over all examples; gradients (M, P), sizes (M,)."""
    ### BEGIN SOLUTION
    used = sizes > 0
    return sizes[used] @ gradients[used] / np.sum(sizes)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "combine_shards_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(combine_shards)
