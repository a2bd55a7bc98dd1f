# %% [markdown]
# # 13. The way back through a random number
#
# Chapter 4. Forward, with the noise eps held fixed,
#
#     sigma = exp(logvar / 2)
#     z     = mu + sigma eps        all (B, Z)
#
# and somebody hands you dz, the gradient of the loss with respect to z. Write the way back:
# `reparameterize_backward(dz, mu, logvar, *, eps)` returns `(dmu, dlogvar)`.
#
# In two steps it is easy: first dsigma, the gradient with respect to sigma; then from sigma to
# logvar. This line is the heart of every variational autoencoder, and is wrong in many of them, so
# check it with pencil: dmu, dsigma, and the derivative of exp(logvar / 2).

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "reparameterize_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reparameterize_backward(dz, mu, logvar, *, eps):
    """(dmu, dlogvar) from dz, for z = mu + exp(logvar / 2) eps; all (B, Z)."""
    ### BEGIN SOLUTION
    sigma = np.exp(0.5 * logvar)
    return dz, dz * 0.5 * sigma * eps
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "reparameterize_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(reparameterize_backward)
