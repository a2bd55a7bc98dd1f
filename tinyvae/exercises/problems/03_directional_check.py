# %% [markdown]
# # 3. The check with a random cotangent
#
# Chapter 1. In this package everything differentiable is a function that returns two things:
#
#     y, vjp = fn(x)
#
# the value y, an array, and a function that goes the way back: if dy, of y's shape, is the
# gradient of some number L with respect to y, then `vjp(dy)` is the tuple `(dx,)` with the
# gradient with respect to x.
#
# Is that dx right? Make a number of the output, L = sum(dy * y), with a dy of your choice, here a
# random one that is given to you. Along a direction v, the slope of L is
#
#     numeric = (L(x + h v) - L(x - h v)) / 2h        by a central difference
#     claimed = sum(dx * v)                           by what vjp says at x
#
# and for a right vjp the two agree, but for the error of the difference. Two evaluations check all
# the entries of dx at once. Why a random dy, and not ones? With ones, a vjp that mixes up the
# outputs would pass.
#
# Write `directional_check(fn, x, v, dy, h)`: the tuple `(numeric, claimed)`, two numbers. Do not
# compare them: some of the functions that the checker gives you are wrong.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "directional_check", "locked": false, "schema_version": 3, "solution": true, "task": false}
def directional_check(fn, x, v, dy, h):
    """(numeric, claimed), two numbers: the slope of sum(dy * y) at x along v; y, vjp = fn(x)."""
    ### BEGIN SOLUTION
    up, _ = fn(x + h * v)
    down, _ = fn(x - h * v)
    _, vjp = fn(x)
    (dx,) = vjp(dy)
    return np.sum(dy * (up - down)) / (2.0 * h), np.sum(dx * v)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "directional_check_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(directional_check)
