# %% [markdown]
# # 24. Gumbel-softmax, backward
#
# Chapter 7. A choice among K classes jumps, and has no path. Its relaxation does not jump:
#
#     a = (logits + g) / temperature        g: Gumbel noise, given
#     y = softmax(a),    y_k = exp(a_k) / sum over j of exp(a_j)
#
# The argmax of a is an exact draw of the class; y comes close to that class as the temperature
# falls.
#
# Write the way back, `gumbel_softmax_backward(dy, logits, temperature, *, g)`: the tuple
# `(dlogits, dtemperature)` from dy (B, K), where logits and g are (B, K) and the temperature is one
# number, shared by all. First da: each y_k depends on every a_j, since all of them share the sum:
#
#     dy_k/da_j = y_k (1[k = j] - y_j)

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "gumbel_softmax_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gumbel_softmax_backward(dy, logits, temperature, *, g):
    """(dlogits (B, K), dtemperature, a number) from dy (B, K); logits, g (B, K)."""
    ### BEGIN SOLUTION
    a = (logits + g) / temperature
    y = np.exp(a - np.max(a, axis=1, keepdims=True))
    y = y / np.sum(y, axis=1, keepdims=True)
    da = y * (dy - np.sum(dy * y, axis=1, keepdims=True))
    return da / temperature, -np.sum(da * a) / temperature
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "gumbel_softmax_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(gumbel_softmax_backward)
