# %% [markdown]
# # 31. One step of Adam
#
# Chapter 9. Adam keeps two running means of the gradient g, of g itself and of its square:
#
#     m <- beta1 m + (1 - beta1) g          v <- beta2 v + (1 - beta2) g²
#
# Both start at 0, and are too small at first. After t steps the weights add up to 1 - beta1^t and 1
# - beta2^t, so these are divided out:
#
#     m_hat = m / (1 - beta1^t)             v_hat = v / (1 - beta2^t)
#     theta <- theta - lr m_hat / (sqrt(v_hat) + eps)
#
# Write `adam_step(theta, g, m, v, t, lr, beta1, beta2, eps)`: the tuple `(theta, m, v)` after this
# step, new arrays (P,); nothing that came in is changed. t counts this step too: it is 1 at the
# first. Only theta sees the corrected means; m and v are handed on as they are.
#
# On paper: how long is the first step, whatever the size of g?

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "adam_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def adam_step(theta, g, m, v, t, lr, beta1, beta2, eps):
    """(theta, m, v) after step t = 1, 2, ...; theta, g, m, v (P,), the others numbers."""
    ### BEGIN SOLUTION
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g**2
    m_hat = m / (1.0 - beta1**t)
    v_hat = v / (1.0 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "adam_step_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(adam_step)
