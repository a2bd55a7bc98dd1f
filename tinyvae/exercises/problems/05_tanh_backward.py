# %% [markdown]
# # 5. The tanh, backward
#
# Chapter 2. An activation acts on each number alone:
#
#     y = tanh(x)        x any shape, y the same
#
# so each entry of dx needs one entry of dy only: dx = dy dy/dx, entry by entry. Derive dy/dx with
# pencil; tanh(x) is (e^x - e^-x) / (e^x + e^-x). It can be written with y alone, without another
# exponential: that is why backpropagation keeps y.
#
# Write `tanh_backward(dy, x)`, which returns dx. Check on paper: at x = 0 the slope is 1, and far
# out it is 0.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "tanh_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def tanh_backward(dy, x):
    """dx from dy, for y = tanh(x); all of one shape."""
    ### BEGIN SOLUTION
    y = np.tanh(x)
    return dy * (1.0 - y * y)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "tanh_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(tanh_backward)
