# %% [markdown]
# # 2. Are two gradients the same?
#
# Chapter 1. You have one gradient by hand, `a`, and one by differences, `n`, two arrays of one
# shape. They never agree to the last digit. How far apart are they?
#
# |a - n| alone says little: 0.001 is much for a gradient of 0.002, and nothing for one of 5000. So
# divide by the larger of the two. But where both are nearly 0 that divides rounding by rounding;
# so divide by nothing smaller than a `floor`, 1e-8 say. For each entry,
#
#                  |a - n|
#     error = -----------------------
#              max(|a|, |n|, floor)
#
# Write `relative_error(a, n, floor)`: the largest of these errors, a number. The largest, because
# one wrong entry among thousands is a bug, too.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "relative_error", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relative_error(a, n, floor):
    """The largest |a - n| / max(|a|, |n|, floor) over all entries of the arrays a and n."""
    ### BEGIN SOLUTION
    size = np.maximum(np.maximum(np.abs(a), np.abs(n)), floor)
    return np.max(np.abs(a - n) / size)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "relative_error_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(relative_error)
