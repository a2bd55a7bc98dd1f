# %% [markdown]
# # 26. The log-likelihood of real data, with a variance that is learned
#
# Chapter 8. For data that are real numbers the decoder puts out the means mu (B, D), and each of
# the D dimensions has a log-variance of its own, a parameter (D,) shared by all examples:
#
#     log p(x) = sum over d of -((x - mu)² exp(-logvar) + logvar + log(2 pi)) / 2        in nats
#
# Write `gaussian_log_prob(mu, logvar, *, x)` as `y, vjp`: log p(x) (B,), and vjp with `vjp(dy)` the
# tuple `(dmu, dlogvar)`, for dy (B,), mu and x (B, D), logvar (D,).
#
# The term logvar / 2 is what keeps the variance from growing without end, and log(2 pi) is what
# makes the result a density whose logarithm may be compared: keep both.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "gaussian_log_prob", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gaussian_log_prob(mu, logvar, *, x):
    """log p(x) (B,), nats; vjp: dy to (dmu (B, D), dlogvar (D,)); mu, x (B, D), logvar (D,)."""
    ### BEGIN SOLUTION
    precision = np.exp(-logvar)
    error = x - mu
    r2 = error**2 * precision

    def vjp(dy):
        dmu = dy[:, None] * error * precision
        dlogvar = np.sum(dy[:, None] * 0.5 * (r2 - 1.0), axis=0)
        return dmu, dlogvar

    return -0.5 * np.sum(r2 + logvar + np.log(2.0 * np.pi), axis=1), vjp
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gaussian_log_prob_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(gaussian_log_prob)
