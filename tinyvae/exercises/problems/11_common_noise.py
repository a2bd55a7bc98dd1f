# %% [markdown]
# # 11. A difference of two means: the same noise on both sides
#
# Chapter 3. How does the mean of f(z) change with mu, if all you have is draws of z? Take
#
#     z = mu + sigma eps[s]        s = 1 ... S, with draws eps (S,) of a standard normal
#
# and a central difference in mu. With new draws for mu - h, the two means differ by chance, and
# that chance is divided by 2h: with h = 1e-5 nothing is left of the slope. With the same eps on
# both sides, every draw has a difference of its own,
#
#     d[s] = (f(mu + h + sigma eps[s]) - f(mu - h + sigma eps[s])) / 2h
#
# and what you look for is their mean. How sure you are of it is said by the standard error of a
# mean: the standard deviation of the d[s], with S - 1 in the denominator, divided by sqrt(S).
#
# Write `common_noise(f, mu, sigma, eps, h)`: the tuple `(slope, error)`, two numbers. `f(z)` takes
# a whole array.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "common_noise", "locked": false, "schema_version": 3, "solution": true, "task": false}
def common_noise(f, mu, sigma, eps, h):
    """(slope, error): d/dmu of the mean of f(mu + sigma eps), eps (S,), and its standard error."""
    ### BEGIN SOLUTION
    d = (f(mu + h + sigma * eps) - f(mu - h + sigma * eps)) / (2.0 * h)
    return np.mean(d), np.std(d, ddof=1) / np.sqrt(len(d))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "common_noise_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(common_noise)
