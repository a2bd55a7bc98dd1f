# %% [markdown]
# # 4. The affine layer, backward
#
# Chapter 2. A layer of a network computes
#
#     y = x @ W + b        x (B, I), W (I, O), b (O,), so y (B, O)
#
# for a batch of B examples. At the end of the network stands one number, the loss L. Somebody hands
# you `dy`, the gradient of L with respect to y: `dy[n, o]` says how much L grows if `y[n, o]` does.
#
# Write the way back: `affine_backward(dy, x, W, b)` returns the tuple `(dx, dW, db)`, the gradients
# of L with respect to x, W and b. Each has the shape of what it is the gradient of.
#
# The bias is added to every row of the batch, and a number that is used several times collects the
# gradients of all its uses.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "affine_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def affine_backward(dy, x, W, b):
    """(dx, dW, db) from dy (B, O), for y = x @ W + b; x (B, I), W (I, O), b (O,)."""
    ### BEGIN SOLUTION
    return dy @ W.T, x.T @ dy, np.sum(dy, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "affine_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(affine_backward)
