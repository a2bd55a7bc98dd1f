# %% [markdown]
# # 21. Two variances with pencil
#
# Chapter 6. Let z = mu + sigma eps with eps ~ N(0, 1), and f(z) = (z - k)². Two estimates of d/dmu
# E[f(z)] from one draw:
#
#     pathwise         f'(z) dz/dmu         = 2 (z - k)
#     score function   f(z) dlog p(z)/dmu   = (z - k)² eps / sigma
#
# Both have the mean 2 (mu - k). Work out the variance of each on paper, exactly: put d = mu - k, so
# that z - k = d + sigma eps, multiply out, and use
#
#     E[eps²] = 1    E[eps⁴] = 3    E[eps⁶] = 15    E of an odd power = 0
#
# Write `exact_variances(mu, sigma, k)`: the tuple `(pathwise, score)` of the two variances, for one
# draw and no baseline. No random number is needed. Then look at what happens when mu moves away
# from k.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "exact_variances", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exact_variances(mu, sigma, k):
    """(pathwise, score): the variances of one estimate of d/dmu E[(z - k)²], z ~ N(mu, sigma²)."""
    ### BEGIN SOLUTION
    d = mu - k
    return 4.0 * sigma**2, d**4 / sigma**2 + 14.0 * d**2 + 15.0 * sigma**2
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "exact_variances_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(exact_variances)
