# %% [markdown]
# # 25. The log-likelihood of black-and-white data, from logits
#
# Chapter 8. The decoder of a VAE puts out a logit l for each of D pixels; with p = sigmoid(l),
#
#     log p(x) = sum over the pixels of x log p + (1 - x) log(1 - p)        in nats, one per example
#
# Computed like this it breaks: for l = 800 the rounded p is 1, and log(1 - p) is minus infinity,
# where the true value is -800. Show on paper that each term is also
#
#     x l - log(1 + e^l)
#
# and write the logarithm so that no exponential overflows: with m = max(l, 0) it is m + log(1 +
# e^(l - 2m)).
#
# Write `bernoulli_log_prob(logits, *, x)` as `y, vjp`: log p(x) (B,), and vjp with `vjp(dy)` the
# tuple `(dlogits,)`, for dy (B,), logits and x (B, D), x in [0, 1]. The derivative of a term is
# short, and needs care at large logits of either sign, too: 0.5 * tanh(0.5 * l) + 0.5 is a sigmoid
# that never overflows.

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "bernoulli_log_prob", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bernoulli_log_prob(logits, *, x):
    """log p(x) (B,) in nats, and vjp: dy (B,) to (dlogits (B, D),); logits, x (B, D)."""
    ### BEGIN SOLUTION
    m = np.maximum(logits, 0.0)
    each = x * logits - m - np.log1p(np.exp(logits - 2.0 * m))

    def vjp(dy):
        p = 0.5 * np.tanh(0.5 * logits) + 0.5
        return (dy[:, None] * (x - p),)

    return np.sum(each, axis=1), vjp
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "bernoulli_log_prob_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(bernoulli_log_prob)
