# %% [markdown]
# # 15. The score of a Gaussian
#
# Chapter 5. The *score* of a law is the gradient of its log-density with respect to its parameters,
# at a draw that is held where it is. For z ~ N(mu, sigma²) with sigma = exp(logvar / 2),
#
#     log p(z) = -(z - mu)² / (2 sigma²) - logvar / 2 - log(2 pi) / 2
#
# Write `gaussian_score(z, mu, logvar)`: the tuple `(dlog p/dmu, dlog p/dlogvar)` for draws z (S, Z)
# of Z independent latents with the parameters mu (Z,) and logvar (Z,). Every draw has a score of
# its own, so both are (S, Z).
#
# Write the density in logvar before you differentiate: 1 / sigma² is exp(-logvar). A check on
# paper: the mean of a score over the draws of its own law is 0.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "gaussian_score", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gaussian_score(z, mu, logvar):
    """(dlog p/dmu, dlog p/dlogvar), (S, Z) each; z (S, Z), mu (Z,), logvar (Z,)."""
    ### BEGIN SOLUTION
    precision = np.exp(-logvar)
    error = z - mu
    return error * precision, 0.5 * error**2 * precision - 0.5
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gaussian_score_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(gaussian_score)
