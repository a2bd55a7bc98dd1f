# %% [markdown]
# # 30. The beta that nobody wrote down
#
# Chapter 8. A program trains a VAE with the loss, for one example,
#
#     loss = mean over the D pixels of (x - out)²  +  weight * mean over the Z latents of KL_j
#
# and says that it maximizes the ELBO. The decoder's density is a Gaussian of variance 1, so
#
#     -log p(x | z) = (1/2) sum over the D pixels of (x - out)² + constant
#
# A loss may be multiplied by any constant without moving its minimum. So write it as
#
#     loss = c (-log p(x | z) + beta * sum over the Z latents of KL_j) + constant
#
# and find beta, the weight that the KL really has: 1 would be the ELBO.
#
# Write `hidden_beta(weight, data, latent)`: beta, a number, for D = data and Z = latent. Try
# pictures of 28 x 28 with 20 latents and weight 1.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "hidden_beta", "locked": false, "schema_version": 3, "solution": true, "task": false}
def hidden_beta(weight, data, latent):
    """The beta of: mean over `data` pixels of (x - out)² + weight * mean over `latent` KLs."""
    ### BEGIN SOLUTION
    return weight * data / (2.0 * latent)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "hidden_beta_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(hidden_beta)
