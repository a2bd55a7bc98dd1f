# %% [markdown]
# # 38. A test that a gradient check cannot replace
#
# Chapter 11. A program draws z with sigma = exp(logvar), where exp(logvar / 2) was meant. Its
# gradient check passes: the gradients fit the wrong function. What catches it is a fact about the
# law itself. If z is drawn from q = N(mu, diag e^logvar), then
#
#     E_q[log q(z)] = -H,        H = sum over the Z latents of (1 + log(2 pi) + logvar) / 2
#
# for the entropy H of q. So take S draws, look up log q at each, and ask whether their mean is -H
# up to the noise. The noise of a mean is its standard error: the standard deviation of the S
# numbers (with S - 1) divided by the square root of S.
#
# Write `objective_oracle(log_q, logvar)`: how many standard errors the mean of log_q (S,) lies
# above -H, one number with its sign; logvar (Z,). A right program is within 5; the wrong one is far
# outside.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "objective_oracle", "locked": false, "schema_version": 3, "solution": true, "task": false}
def objective_oracle(log_q, logvar):
    """(mean of log_q + H) / its standard error, a number; log_q (S,), logvar (Z,)."""
    ### BEGIN SOLUTION
    entropy = 0.5 * np.sum(1.0 + np.log(2.0 * np.pi) + logvar)
    error = np.std(log_q, ddof=1) / np.sqrt(len(log_q))
    return (np.mean(log_q) + entropy) / error
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "objective_oracle_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(objective_oracle)
