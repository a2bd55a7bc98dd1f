# %% [markdown]
# # 35. The gradient of the importance-weighted bound
#
# Chapter 10. A model that you can differentiate by hand: one latent, z ~ N(0, 1) and x | z ~ N(z,
# 1), and for each example the posterior q = N(mu, sigma²), sigma = exp(logvar / 2). With S draws z
# = mu + sigma eps,
#
#     log w = log p(x | z) + log p(z) - log q(z)
#           = -(x - z)² / 2 - z² / 2 + eps² / 2 + logvar / 2 - log(2 pi) / 2
#
#     bound = log( (1/S) sum over s of w_s )
#
# (log q is written with eps, as (z - mu) / sigma = eps.) Two questions: how does the bound change
# with one log w_s? And how does log w_s change with mu and with logvar, through z and directly?
#
# Write `iwae_backward(dbound, mu, logvar, *, x, eps)`: the tuple `(dmu, dlogvar)`, (B,) each, from
# dbound (B,); mu, logvar and x (B,), eps (S, B).

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "iwae_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def iwae_backward(dbound, mu, logvar, *, x, eps):
    """(dmu, dlogvar), (B,) each, from dbound (B,); mu, logvar, x (B,), eps (S, B)."""
    ### BEGIN SOLUTION
    sigma = np.exp(0.5 * logvar)
    z = mu + sigma * eps
    log_w = -0.5 * (x - z) ** 2 - 0.5 * z**2 + 0.5 * eps**2 + 0.5 * logvar
    w = np.exp(log_w - np.max(log_w, axis=0))
    dlog_w = dbound * w / np.sum(w, axis=0)
    dz = dlog_w * (x - 2.0 * z)
    return np.sum(dz, axis=0), np.sum(dz * 0.5 * sigma * eps + dlog_w * 0.5, axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "iwae_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(iwae_backward)
