# %% [markdown]
# # 7. The softplus, backward, at any x
#
# Chapter 2. The softplus turns any number into a positive one, smoothly:
#
#     y = log(1 + e^x)        x any shape, y the same
#
# Its derivative is a function that you know. Derive it with pencil, and then look at what the
# computer does with your formula at x = 800 and at x = -40. e^800 is infinite in floating point,
# and infinite divided by infinite is no number; and at x = -40 the slope is 4e-18, small, but not
# 0, and whoever takes its logarithm wants its digits.
#
# Write `softplus_backward(dy, x)`, which returns dx, to nine digits, for x from -800 to 800.
# (Beyond -745 the slope is below the smallest floating-point number: 0 is right there.)

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "softplus_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def softplus_backward(dy, x):
    """dx from dy, for y = log(1 + e^x); all of one shape, x from -800 to 800."""
    ### BEGIN SOLUTION
    e = np.exp(-np.abs(x))  # the exponent is never positive: nothing overflows
    return dy * np.where(x > 0, 1.0, e) / (1.0 + e)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "softplus_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(softplus_backward)
