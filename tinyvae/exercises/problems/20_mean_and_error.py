# %% [markdown]
# # 20. A mean, a variance, and how sure you are of them
#
# Chapter 6. You have S independent estimates of a gradient with P parameters, g (S, P). Their mean
# is your answer. Which digits of it can you trust? And if you claim that one estimator has a
# smaller variance than another: how sure are you of that? For each parameter apart:
#
#     mean            of the estimates
#     error           the standard error of the mean: the square root of variance / S
#     variance        of one estimate, v: sum of (g - mean)², divided by S - 1
#     variance_error  the standard error of v: the square root of (m4 - v²) / S, where m4 is the
#                     mean of (g - mean)⁴, divided by S
#
# Write `mean_and_error(g)`: the tuple of these four, (P,) each. The last is what tells a difference
# between two variances from luck; it makes no assumption about the law of g.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "mean_and_error", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mean_and_error(g):
    """(mean, error, variance, variance_error), (P,) each, of independent estimates g (S, P)."""
    ### BEGIN SOLUTION
    S = len(g)
    mean = np.mean(g, axis=0)
    variance = np.sum((g - mean) ** 2, axis=0) / (S - 1)
    m4 = np.mean((g - mean) ** 4, axis=0)
    return mean, np.sqrt(variance / S), variance, np.sqrt((m4 - variance**2) / S)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "mean_and_error_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(mean_and_error)
