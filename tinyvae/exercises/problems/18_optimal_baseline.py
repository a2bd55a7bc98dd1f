# %% [markdown]
# # 18. The best constant baseline
#
# Chapter 5. Any constant b leaves the mean of (f - b) s as it is, since E[s] = 0. Which b makes its
# variance smallest? For one parameter with the score s
#
#     Var[(f - b) s] = E[(f - b)² s²] - E[f s]²
#
# Only the first term depends on b. Set its derivative in b to 0 and solve for b: with pencil,
# first.
#
# Write `optimal_baseline(f, scores)`: that b for each of the P parameters, (P,), with every
# expectation E replaced by the mean over the draws. `f` (S,) holds the values at the draws,
# `scores` (S, P) the scores. Use E[s] = 0 as a fact; do not estimate it.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "optimal_baseline", "locked": false, "schema_version": 3, "solution": true, "task": false}
def optimal_baseline(f, scores):
    """The constant of least variance for each parameter, (P,); f (S,), scores (S, P)."""
    ### BEGIN SOLUTION
    return np.mean(f[:, None] * scores**2, axis=0) / np.mean(scores**2, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "optimal_baseline_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(optimal_baseline)
