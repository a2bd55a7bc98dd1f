"""JAX: one jitted function is the whole step, with gather and noise; old buffers are donated."""

from functools import partial

import jax
import jax.numpy as jnp

from benchmarks.steps.task import Step

LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8


def loss(p, x, eps, activation):
    act = jnp.tanh if activation == "tanh" else jax.nn.relu
    h = act(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wl"] + p["bl"]
    z = mu + jnp.exp(0.5 * logvar) * eps
    g = act(z @ p["W2"] + p["b2"])
    logits = g @ p["W3"] + p["b3"]
    reconstruction = (jax.nn.softplus(logits) - x * logits).sum(axis=-1).mean()
    kl = -0.5 * jnp.sum(1 + logvar - mu**2 - jnp.exp(logvar), axis=-1).mean()
    return reconstruction + kl


def adam(p, d, m, v, t):
    """Kingma & Ba, algorithm 1, over the whole tree."""
    m = jax.tree.map(lambda m, d: BETA1 * m + (1 - BETA1) * d, m, d)
    v = jax.tree.map(lambda v, d: BETA2 * v + (1 - BETA2) * d**2, v, d)

    def moved(p, m, v):
        m_hat, v_hat = m / (1 - BETA1**t), v / (1 - BETA2**t)
        return p - LR * m_hat / (jnp.sqrt(v_hat) + EPS)

    return jax.tree.map(moved, p, m, v), m, v


@partial(jax.jit, static_argnums=4, donate_argnums=0)
def step(state, data, rows, eps, activation):
    """The new state and the loss."""
    p, m, v, t = state
    value, d = jax.value_and_grad(loss)(p, data[rows], eps, activation)
    return (*adam(p, d, m, v, t + 1), t + 1), value


@partial(jax.jit, static_argnums=(4, 5), donate_argnums=(0, 3))
def drawn_step(state, data, rows, key, shape, activation):
    """The same with noise drawn inside; the new key, too."""
    key, now = jax.random.split(key)
    state, value = step(state, data, rows, jax.random.normal(now, shape), activation)
    return state, key, value


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        p = jax.tree.map(jnp.asarray, self.weights)
        zeros = partial(jax.tree.map, jnp.zeros_like)
        self.state, self.key = (p, zeros(p), zeros(p), jnp.zeros(())), jax.random.key(0)
        self.data = jnp.asarray(self.x)

    def indices(self, rows):
        return jnp.asarray(rows)

    def step(self, rows, eps):
        activation = self.setting.activation
        if eps is not None:
            self.state, value = step(self.state, self.data, rows, eps, activation)
            return value
        self.state, self.key, value = drawn_step(
            self.state, self.data, rows, self.key, self.setting.noise, activation
        )
        return value

    def run(self, count):
        super().run(count)
        jax.block_until_ready(self.state)
