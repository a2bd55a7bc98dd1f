# %% [markdown]
# # 28. The same price, from samples
#
# Chapter 8. Not every pair of laws has a KL in closed form, but every KL is a mean over draws of q:
#
#     KL(q || p) = E_q[log q(z) - log p(z)]        z = mu + sigma eps, sigma = exp(logvar / 2)
#
# with q = N(mu, sigma²) and the prior p = N(0, 1), sum over the Z latents. Write both densities
# out. Much cancels: (z - mu) / sigma is eps, and log(2 pi) is in both.
#
# Write `sampled_kl(mu, logvar, eps)`: log q(z) - log p(z) for every draw, (S, B), in nats; mu and
# logvar (B, Z), eps (S, B, Z). The mean over many draws is the closed form of exercise 27; each
# draw alone is a noisy version of it, and may well be negative.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "sampled_kl", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sampled_kl(mu, logvar, eps):
    """log q(z) - log p(z) (S, B) at z = mu + sigma eps; mu, logvar (B, Z), eps (S, B, Z)."""
    ### BEGIN SOLUTION
    z = mu + np.exp(0.5 * logvar) * eps
    return 0.5 * np.sum(z**2 - eps**2 - logvar, axis=-1)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sampled_kl_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(sampled_kl)
