# %% [markdown]
# # 12. A draw that can be differentiated
#
# Chapter 4. A network says which normal distribution to draw from: it puts out the mean mu, and
# the logarithm of the variance, logvar = log(sigma²). Why the logarithm? It may be any real
# number, as a network's output is, and sigma is positive all the same.
#
# To draw z from N(mu, sigma²), draw eps from N(0, 1) first, and then shift and stretch it:
#
#     z = mu + sigma eps
#
# Now the randomness has no parameter in it, and z is an ordinary function of mu and sigma.
#
# Write `reparameterize(mu, logvar, *, eps)`, which returns the tuple `(z, sigma)`. First work out
# sigma from logvar. mu and logvar are (B, Z); eps is (B, Z), or (S, B, Z) for S draws of each, and
# so is z. Draw nothing: eps is given, so that the way back can use the same.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "reparameterize", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reparameterize(mu, logvar, *, eps):
    """(z, sigma): z = mu + sigma eps; mu, logvar, sigma (B, Z), eps and z (B, Z) or (S, B, Z)."""
    ### BEGIN SOLUTION
    sigma = np.exp(0.5 * logvar)
    return mu + sigma * eps, sigma
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "reparameterize_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(reparameterize)
