# %% [markdown]
# # 16. REINFORCE: the score function estimator
#
# Chapter 5. How does E[f(z)] change with the parameters of the law that z is drawn from, if f is a
# black box? Because dp/dmu = p dlog p/dmu,
#
#     d/dmu E[f(z)] = integral of f(z) dp/dmu dz = E[f(z) dlog p/dmu]
#
# and the same for logvar. So each draw z gives an estimate of the gradient, f(z) times its score,
# and no derivative of f is needed.
#
# Write `score_function(f, z, mu, logvar)`: the tuple of estimates `(dmu, dlogvar)`, (S, Z) each,
# one row for every draw: their mean is the estimate, their spread is what chapter 6 is about. Here
# `f` (S,) holds the values of f at the draws z (S, Z); mu and logvar are (Z,), sigma = exp(logvar /
# 2). The scores of a Gaussian are those of exercise 15:
#
#     dlog p/dmu = (z - mu) / sigma²        dlog p/dlogvar = ((z - mu)² / sigma² - 1) / 2

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "score_function", "locked": false, "schema_version": 3, "solution": true, "task": false}
def score_function(f, z, mu, logvar):
    """Estimates (S, Z) of dE[f]/dmu and dE[f]/dlogvar; f (S,), z (S, Z), mu, logvar (Z,)."""
    ### BEGIN SOLUTION
    precision = np.exp(-logvar)
    error = z - mu
    dmu = error * precision
    dlogvar = 0.5 * error**2 * precision - 0.5
    return f[:, None] * dmu, f[:, None] * dlogvar
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "score_function_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(score_function)
