# %% [markdown]
# # 6. The relu, backward
#
# Chapter 2. The rectifier lets positive numbers through and stops the others:
#
#     y = max(x, 0)        x any shape, y the same
#
# What comes back through it? Where a number went through, its gradient does; where it was stopped,
# moving x a little does not move y. At x = 0, the kink, the slope on the right is 1 and on the
# left it is 0, so there is no derivative; take 0, as most programs do.
#
# Write `relu_backward(dy, x)`, which returns dx. Both dy and x may have any sign, and neither may
# be changed.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "relu_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def relu_backward(dy, x):
    """dx from dy, for y = max(x, 0); all of one shape. At the kink x = 0 the slope is 0."""
    ### BEGIN SOLUTION
    return dy * (x > 0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "relu_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(relu_backward)
