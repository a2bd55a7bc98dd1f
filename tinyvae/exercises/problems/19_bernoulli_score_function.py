# %% [markdown]
# # 19. REINFORCE for coins
#
# Chapter 5. A coin has no path to differentiate: x jumps from 0 to 1. But it has a probability, and
# so a score. Let x be D independent coins, given by logits:
#
#     p = sigmoid(logits) = 1 / (1 + exp(-logits))
#     log p(x) = sum over d of x log p + (1 - x) log(1 - p)
#
# Find the derivative of log p(x) with respect to one logit (it becomes very short), and write
# `bernoulli_score_function(f, x, logits)`: for each draw its estimate of the gradient of E[f(x)] in
# the logits, (S, D). `f` (S,) holds the values of f at the draws x (S, D), whose entries are 0.0 or
# 1.0; logits (D,).

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "bernoulli_score_function", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bernoulli_score_function(f, x, logits):
    """Estimates of d E[f]/dlogits, (S, D): a row for each draw. f (S,), x (S, D), logits (D,)."""
    ### BEGIN SOLUTION
    p = 1.0 / (1.0 + np.exp(-logits))
    return f[:, None] * (x - p)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bernoulli_score_function_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(bernoulli_score_function)
