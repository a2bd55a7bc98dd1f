# %% [markdown]
# # 36. Which latents are in use?
#
# Chapter 10. A trained VAE often leaves some of its latents unused: their q(z | x) is the prior,
# whatever x is. Two numbers for each latent show it, over a set of N examples:
#
#     kl        the mean over the examples of (mu² + e^logvar - 1 - logvar) / 2, in nats
#     activity  the variance over the examples of E[z | x], which is mu
#
# An unused latent has both near 0. A latent counts as active if its activity is above 0.01.
#
# Write `active_units(mu, logvar)`: the tuple `(kl, activity, active)`, kl and activity (Z,), active
# the number of active latents; mu and logvar (N, Z). The variance is that of these N examples:
# divide by N.
#
# Source of the threshold: Burda et al., Importance Weighted Autoencoders (2016), section 5.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "active_units", "locked": false, "schema_version": 3, "solution": true, "task": false}
def active_units(mu, logvar):
    """(kl (Z,), activity (Z,), how many activities are above 0.01); mu, logvar (N, Z)."""
    ### BEGIN SOLUTION
    kl = np.mean(0.5 * (mu**2 + np.expm1(logvar) - logvar), axis=0)
    activity = np.var(mu, axis=0)
    return kl, activity, np.sum(activity > 0.01)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "active_units_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(active_units)
