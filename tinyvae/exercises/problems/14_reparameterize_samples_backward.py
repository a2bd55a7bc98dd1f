# %% [markdown]
# # 14. Many draws from one distribution
#
# Chapter 4. One draw of z says little about the mean of the loss; with S draws for each example
# one knows more. So eps gets one more axis, in front:
#
#     z = mu + exp(logvar / 2) eps        mu, logvar (B, Z), eps and z (S, B, Z)
#
# and the same mu and logvar are used by all the S draws. dz (S, B, Z) is the gradient of the loss
# with respect to every z. (If the loss is a mean over the draws, its 1/S is in dz already.)
#
# Write `reparameterize_samples_backward(dz, mu, logvar, *, eps)`, which returns `(dmu, dlogvar)`,
# both (B, Z): the shapes of what they are the gradients of.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "reparameterize_samples_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reparameterize_samples_backward(dz, mu, logvar, *, eps):
    """(dmu, dlogvar) (B, Z) from dz (S, B, Z), for z = mu + exp(logvar / 2) eps; eps (S, B, Z)."""
    ### BEGIN SOLUTION
    sigma = np.exp(0.5 * logvar)
    return np.sum(dz, axis=0), 0.5 * sigma * np.sum(dz * eps, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "reparameterize_samples_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(reparameterize_samples_backward)
