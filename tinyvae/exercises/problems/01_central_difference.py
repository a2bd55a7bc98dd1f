# %% [markdown]
# # 1. The central difference
#
# Chapter 1. Before you derive gradients by hand, you need something that tells you whether they
# are right. Differences do: move the input a little, and see how much the output moves.
#
# `f` takes an array x and returns a number. Its slope at x along a direction v (an array of x's
# shape) is approximately
#
#     f(x + h v) - f(x - h v)
#     -----------------------        for a small step h, 1e-5 say
#               2 h
#
# Both sides of x are used, because then the curvature of f cancels: the error falls like h², that
# of the one-sided difference (f(x + h v) - f(x)) / h only like h.
#
# Write `central_difference(f, x, v, h)`, which returns this number. Leave x as it is: who called
# you still needs it.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "central_difference", "locked": false, "schema_version": 3, "solution": true, "task": false}
def central_difference(f, x, v, h):
    """The slope of f, a number, at the array x along v: (f(x + h v) - f(x - h v)) / 2h."""
    ### BEGIN SOLUTION
    return (f(x + h * v) - f(x - h * v)) / (2.0 * h)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "central_difference_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(central_difference)
