# %% [markdown]
# # 33. Using a trained VAE: reconstructions and samples
#
# Chapter 9. Training is over, and you want pictures. There are two kinds:
#
#     reconstruction    x -> mu -> the picture that the decoder makes of z = mu
#     sample            z from the prior N(0, I) -> the picture that the decoder makes of z
#
# For a reconstruction one takes the middle of q(z | x), without noise; for a sample no x is needed
# at all. The picture is the mean of p(x | z), the probability of each pixel to be 1.
#
# Write `reconstruct_and_sample(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)`: the tuple
# `(reconstructions, samples)`, (B, D) each, for x (B, D) and prior noise eps (B, Z) from N(0, I).
# The model is that of exercise 32:
#
#     h = tanh(x @ W1 + b1),  mu = h @ Wm + bm,  logvar = h @ Wl + bl
#     logits = tanh(z @ W2 + b2) @ W3 + b3,  probability = sigmoid(logits)

# %%
import numpy as np


# %% nbgrader={"grade": false, "grade_id": "reconstruct_and_sample", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reconstruct_and_sample(x, eps, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3):
    """(reconstructions, samples), probabilities (B, D) each; x (B, D), eps (B, Z)."""
    ### BEGIN SOLUTION
    mu = np.tanh(x @ W1 + b1) @ Wm + bm

    def picture(z):
        logits = np.tanh(z @ W2 + b2) @ W3 + b3
        return 1.0 / (1.0 + np.exp(-logits))

    return picture(mu), picture(eps)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "reconstruct_and_sample_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(reconstruct_and_sample)
