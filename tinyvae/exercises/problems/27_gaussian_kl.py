# %% [markdown]
# # 27. The price of a posterior: the KL divergence from N(0, 1)
#
# Chapter 8. What the encoder says about an example, q = N(mu, sigma²) with sigma = exp(logvar / 2),
# costs its divergence from the prior N(0, 1). It is E_q[log q(z) - log p(z)], and for two Gaussians
# the integral can be done:
#
#     KL = sum over the Z latents of (mu² + e^logvar - 1 - logvar) / 2      in nats, one per example
#
# Write `gaussian_kl(mu, logvar)` as `y, vjp`: the KL (B,), and vjp with `vjp(dy)` the tuple
# `(dmu, dlogvar)`, for dy (B,) and mu, logvar (B, Z).
#
# Three checks: it is 0 for mu = 0, logvar = 0, and so are its gradients; it is never negative; it
# grows if logvar goes to either side. np.expm1(v) is e^v - 1 with all its digits near v = 0, where
# the plain form can fall below 0 by rounding.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "gaussian_kl", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gaussian_kl(mu, logvar):
    """KL(N(mu, e^logvar) || N(0, 1)) (B,) in nats; vjp: dy (B,) to (dmu, dlogvar), (B, Z) each."""
    ### BEGIN SOLUTION
    excess = np.expm1(logvar)

    def vjp(dy):
        return dy[:, None] * mu, dy[:, None] * 0.5 * excess

    return 0.5 * np.sum(mu**2 + excess - logvar, axis=1), vjp
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gaussian_kl_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(gaussian_kl)
