# %% [markdown]
# # 8. One value, used twice
#
# Chapter 2. In this layer x goes two ways, and both end in y:
#
#     y = x + tanh(x @ W)        x (B, D), W (D, D), y (B, D)
#
# If you move x, then y moves for two reasons. The chain rule says: add them up. In code that adds
# in place this is `dx += ...`, and `dx = ...`, which forgets the first way, is the classical bug.
#
# Name the steps, forward: a = x @ W, t = tanh(a), y = x + t. Then go back, one step at a time:
# from dy to dt, from dt to da, from da to dW and to the part of dx that came through W.
#
# Write `residual_backward(dy, x, W)`, which returns `(dx, dW)`.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "residual_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def residual_backward(dy, x, W):
    """(dx, dW) from dy (B, D), for y = x + tanh(x @ W); x (B, D), W (D, D)."""
    ### BEGIN SOLUTION
    t = np.tanh(x @ W)
    da = dy * (1.0 - t * t)
    return dy + da @ W.T, x.T @ da
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "residual_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(residual_backward)
