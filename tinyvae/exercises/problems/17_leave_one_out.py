# %% [markdown]
# # 17. A baseline for free: leave one out
#
# Chapter 5. A score s has mean 0, so a number b may be taken off f without changing the mean of the
# estimate, and a good b takes off most of its noise:
#
#     E[(f(z) - b) s(z)] = E[f(z) s(z)]        if b does not depend on this z
#
# With S draws there is a good b at hand for each of them: the mean of f over all the *other* draws.
#
# Write `leave_one_out(f, scores)`: one estimate of the gradient, (P,), the mean over the S draws of
# (f - b) times the score, where each draw has its own b. `f` (S,) holds the values at the draws,
# `scores` (S, P) the score of each draw in the P parameters; S is at least 2.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "leave_one_out", "locked": false, "schema_version": 3, "solution": true, "task": false}
def leave_one_out(f, scores):
    """The mean (P,) of (f - b) scores, b the mean of the other f; f (S,), scores (S, P)."""
    ### BEGIN SOLUTION
    baseline = (np.sum(f) - f) / (len(f) - 1)
    return np.mean((f - baseline)[:, None] * scores, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "leave_one_out_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(leave_one_out)
