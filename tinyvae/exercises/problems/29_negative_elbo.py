# %% [markdown]
# # 29. The loss of a VAE, in nats per example
#
# Chapter 8. The evidence lower bound of an example x, estimated with one draw z, is
#
#     ELBO = log p(x | z) - beta KL(q(z | x) || p(z))
#
#     log p(x | z) = sum over D of  x l - log(1 + e^l)                   l: logits from the decoder
#     KL           = sum over Z of  (mu² + e^logvar - 1 - logvar) / 2    from the encoder
#
# Both terms sum over their dimensions, because the logarithm of a product of densities is a sum.
# What you minimize is minus the mean of the ELBO over the batch.
#
# Write `negative_elbo(x, logits, mu, logvar, beta)`: that loss, one number; x and logits (B, D), mu
# and logvar (B, Z), beta a number. The logits are of moderate size: np.logaddexp(0, l) is log(1 +
# e^l).

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "negative_elbo", "locked": false, "schema_version": 3, "solution": true, "task": false}
def negative_elbo(x, logits, mu, logvar, beta):
    """The mean over the batch of -(log p(x | z) - beta KL), a number in nats per example."""
    ### BEGIN SOLUTION
    log_px = np.sum(x * logits - np.logaddexp(0.0, logits), axis=1)
    kl = 0.5 * np.sum(mu**2 + np.exp(logvar) - 1.0 - logvar, axis=1)
    return -np.mean(log_px - beta * kl)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "negative_elbo_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(negative_elbo)
