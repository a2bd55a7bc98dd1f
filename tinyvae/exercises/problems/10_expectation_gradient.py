# %% [markdown]
# # 10. The gradient of an expectation, by a sum
#
# Chapter 3. A network's loss may depend on a random number z, so what one minimizes is a mean.
# Here is one with a single z, with the density of a normal distribution, mean mu, standard
# deviation sigma:
#
#     E f(z) = integral of f(z) p(z) dz
#
#     p(z) = exp(-(z - mu)² / (2 sigma²)) / (sigma sqrt(2 pi))
#
# On a grid of points z (K,) with weights w (K,), an integral is a sum:
#
#     E f(z) = sum over k of  w[k] f(z[k]) p(z[k])
#
# The points of the grid do not move when mu and sigma do: the density does. So f is only
# evaluated, never differentiated, and it may have steps. Differentiate p with respect to mu and to
# sigma, with pencil. Both derivatives are p times something simple, the derivative of log p, which
# is called the score.
#
# Write `expectation_gradient(f, mu, sigma, z, w)`: the tuple `(value, dmu, dsigma)`, three
# numbers; value is the mean itself. `f(z)` takes the whole array.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "expectation_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def expectation_gradient(f, mu, sigma, z, w):
    """(E f, dE f/dmu, dE f/dsigma), numbers, under N(mu, sigma²) by the sum over z, w (K,)."""
    ### BEGIN SOLUTION
    u = (z - mu) / sigma
    terms = w * f(z) * np.exp(-0.5 * u * u) / (sigma * np.sqrt(2.0 * np.pi))
    return np.sum(terms), np.sum(terms * u / sigma), np.sum(terms * (u * u - 1.0) / sigma)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "expectation_gradient_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(expectation_gradient)
