# %% [markdown]
# # 23. A path without an inverse: the implicit derivative of a Gamma draw
#
# Chapter 7. Nobody can write down the z with F(z, alpha) = u for a Gamma law: its CDF F has no
# inverse in closed form. The derivative of z needs none. Hold u fixed, move alpha, and z moves
# along so that F stays what it was:
#
#     F(z(alpha), alpha) = u    so    dF/dz dz/dalpha + dF/dalpha = 0
#
# And dF/dz is the density. Solve for dz/dalpha.
#
# Write `implicit_gamma(dz, z, alpha)`: the gradient dalpha (B,) from dz (S, B), at draws z (S, B)
# of Gamma laws with the shapes alpha (B,) and rate 1. `gamma_cdf(z, alpha)` and
# `gamma_pdf(z, alpha)` below are yours to call. Take dF/dalpha, z held fixed, as the central
# difference
#
#     (F(z, alpha + h) - F(z, alpha - h)) / (2 h)        with h = 1e-5

# %%
import math

import numpy as np

log_gamma = np.vectorize(math.lgamma)


def gamma_pdf(z, alpha):
    """The density z^(alpha - 1) e^-z / Gamma(alpha)."""
    return np.exp((alpha - 1.0) * np.log(z) - z - log_gamma(alpha))


def gamma_cdf(z, alpha):
    """Its integral from 0 to z, by the series that Gamma's own recurrence gives; z below 50."""
    term = total = np.ones_like(z * alpha)
    for n in range(1, 200):
        term = term * z / (alpha + n)
        total = total + term
    return np.exp(alpha * np.log(z) - z - log_gamma(alpha + 1.0)) * total


# %% nbgrader={"grade": false, "grade_id": "implicit_gamma", "locked": false, "schema_version": 3, "solution": true, "task": false}
def implicit_gamma(dz, z, alpha):
    """dalpha (B,) from dz (S, B), at draws z (S, B) of Gamma(alpha (B,), rate 1)."""
    ### BEGIN SOLUTION
    h = 1e-5
    dcdf_dalpha = (gamma_cdf(z, alpha + h) - gamma_cdf(z, alpha - h)) / (2.0 * h)
    return np.sum(dz * -dcdf_dalpha / gamma_pdf(z, alpha), axis=0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "implicit_gamma_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(implicit_gamma)
