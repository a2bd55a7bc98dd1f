# %% [markdown]
# # 9. A network, as `y, vjp`
#
# Chapter 2. From here on forward and backward stand together, in one function that returns the
# value and the way back:
#
#     def square(x):
#         y = x * x
#
#         def vjp(dy):
#             return (dy * 2 * x,)
#
#         return y, vjp
#
# vjp is a function inside the function. It sees the variables around it, x here, so it remembers
# by itself what backpropagation needs. `vjp(dy)` returns a tuple with one gradient for each
# argument.
#
# Write `two_layers(x, W1, b1, W2, b2)` in this form, for
#
#     a = x @ W1 + b1        x (B, I), W1 (I, H), b1 (H,)
#     h = tanh(a)
#     y = h @ W2 + b2        W2 (H, O), b2 (O,)
#
# with `vjp(dy)` returning `(dx, dW1, db1, dW2, db2)`. Go back in the opposite order, one line a
# step: dh, da, and the gradients that need them.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "two_layers", "locked": false, "schema_version": 3, "solution": true, "task": false}
def two_layers(x, W1, b1, W2, b2):
    """y (B, O) = tanh(x @ W1 + b1) @ W2 + b2, and vjp: dy to (dx, dW1, db1, dW2, db2)."""
    ### BEGIN SOLUTION
    h = np.tanh(x @ W1 + b1)
    y = h @ W2 + b2

    def vjp(dy):
        dh = dy @ W2.T
        da = dh * (1.0 - h * h)
        return da @ W1.T, x.T @ da, np.sum(da, axis=0), h.T @ dy, np.sum(dy, axis=0)

    return y, vjp
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "two_layers_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(two_layers)
