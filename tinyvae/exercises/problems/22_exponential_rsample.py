# %% [markdown]
# # 22. A path without a location and a scale: the inverse CDF
#
# Chapter 7. The trick does not need a Gaussian. If u is uniform on (0, 1) and F the cumulative
# distribution function of a law, then the z with F(z) = u is a draw of it. For the waiting time
# with `rate` events per unit of time,
#
#     F(z) = 1 - exp(-rate z)
#
# A network puts out log_rate, so that rate = exp(log_rate) is positive. Solve F(z) = u for z, and
# differentiate z with respect to log_rate: the slope is simple once you write it with z.
#
# Write `exponential_rsample(log_rate, *, u)` as `y, vjp`: it returns z (S, B) and a function `vjp`
# with `vjp(dz)` the tuple `(dlog_rate,)`. log_rate (B,), u and dz (S, B): S draws for each of B
# rates, and the gradient of a rate collects what all its draws say. For log(1 - u) there is
# np.log1p(-u), which keeps its digits where u is small.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "exponential_rsample", "locked": false, "schema_version": 3, "solution": true, "task": false}
def exponential_rsample(log_rate, *, u):
    """z (S, B) with F(z) = u, and vjp: dz (S, B) to (dlog_rate (B,),); log_rate (B,), u (S, B)."""
    ### BEGIN SOLUTION
    z = -np.log1p(-u) / np.exp(log_rate)

    def vjp(dz):
        return (np.sum(dz * -z, axis=0),)

    return z, vjp
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "exponential_rsample_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(exponential_rsample)
