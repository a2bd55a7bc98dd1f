# %% [markdown]
# # 32. A whole VAE, backward
#
# Chapter 9. Everything together. `vae_forward` below is a complete VAE, one line an arrow:
#
#     x -> h -> mu, logvar              the encoder: one hidden layer, two heads
#               z = mu + sigma eps      the draw
#          z -> k -> logits             the decoder: one hidden layer
#
#     loss = mean over the batch of -(log p(x | z) - KL)        nats per example
#
# Write `vae_backward(dloss, *weights, x, eps)`: the tuple of the ten gradients, in the order of the
# weights: dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3. `dloss` is the gradient of whatever
# comes after with respect to the loss: in training 1.0.
#
# The nodes are computed for you in the first lines. Go from the last line of `vae_forward` to the
# first: for every node q a line for dq. You know the pieces: the affine layer, tanh, the Bernoulli
# likelihood from logits, the KL, the draw. Three nodes are read in two places, and their gradients
# add.
#
# Shapes: x (B, D), eps, mu, logvar and z (B, Z), h and k (B, H), logits (B, D).

# %%
import numpy as np


def vae_forward(W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """The loss, a number, and the nodes on the way: h, mu, logvar, sigma, z, k, logits."""
    h = np.tanh(x @ W1 + b1)
    mu = h @ Wm + bm
    logvar = h @ Wl + bl
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    k = np.tanh(z @ W2 + b2)
    logits = k @ W3 + b3
    log_px = np.sum(x * logits - np.logaddexp(0.0, logits), axis=1)
    kl = 0.5 * np.sum(mu**2 + np.exp(logvar) - 1.0 - logvar, axis=1)
    return -np.mean(log_px - kl), (h, mu, logvar, sigma, z, k, logits)


# %% nbgrader={"grade": false, "grade_id": "vae_backward", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vae_backward(dloss, W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3, *, x, eps):
    """(dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3), each of the shape of its weight."""
    weights = (W1, b1, Wm, bm, Wl, bl, W2, b2, W3, b3)
    _, nodes = vae_forward(*weights, x=x, eps=eps)
    h, mu, logvar, sigma, z, k, logits = nodes
    ### BEGIN SOLUTION
    share = dloss / len(x)  # the mean over the batch
    dlogits = share * (1.0 / (1.0 + np.exp(-logits)) - x)
    dW3, db3 = k.T @ dlogits, dlogits.sum(axis=0)
    dk = dlogits @ W3.T
    da2 = dk * (1.0 - k**2)
    dW2, db2 = z.T @ da2, da2.sum(axis=0)
    dz = da2 @ W2.T
    dmu = dz + share * mu  # through the draw, and through the KL
    dlogvar = dz * 0.5 * sigma * eps + share * 0.5 * (np.exp(logvar) - 1.0)
    dWm, dbm = h.T @ dmu, dmu.sum(axis=0)
    dWl, dbl = h.T @ dlogvar, dlogvar.sum(axis=0)
    dh = dmu @ Wm.T + dlogvar @ Wl.T  # both heads read h
    da1 = dh * (1.0 - h**2)
    dW1, db1 = x.T @ da1, da1.sum(axis=0)
    return dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "vae_backward_check", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import tinyvae.exercises

tinyvae.exercises.grade(vae_backward)
