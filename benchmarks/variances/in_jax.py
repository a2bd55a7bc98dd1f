"""JAX: vmap of grad of one sample's f and log-density, in blocks, one jitted function."""

from functools import partial

import jax
import jax.numpy as jnp

from benchmarks.variances.task import LOC, SCALE, K, Variance


def f(z):
    return jnp.sum((z - K) ** 2)


def log_prob(loc, scale, z):
    return jnp.sum(jax.scipy.stats.norm.logpdf(z, loc, scale))


def gradients(loc, scale, eps):
    """Of one sample: pathwise in loc and scale, then the score function's, (4, D)."""
    z = loc + scale * eps
    path = jax.grad(lambda loc, scale: f(loc + scale * eps), (0, 1))(loc, scale)
    score = jax.grad(log_prob, (0, 1))(loc, scale, z)
    return jnp.stack([*path, *(f(z) * s for s in score)])


@partial(jax.jit, static_argnums=(1, 2))
def moments(key, problem, dtype):
    count, each = problem.blocks
    loc, scale = jnp.full(problem.D, LOC, dtype), jnp.full(problem.D, SCALE, dtype)

    def block(key):
        eps = jax.random.normal(key, (each, problem.D), dtype)
        g = jax.vmap(gradients, (None, None, 0))(loc, scale, eps)
        return g.mean(0), g.var(0)

    means, variances = jax.lax.map(block, jax.random.split(key, count))
    mean = means.mean(0)
    between = jnp.sum((means - mean) ** 2, 0)
    return mean, each * (variances.sum(0) + between) / (count * each - 1)


class Peer(Variance):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        jax.config.update("jax_enable_x64", self.problem.dtype == "float64")
        self.key = jax.random.key(1)

    def moments(self):
        self.key, now = jax.random.split(self.key)
        found = jax.block_until_ready(moments(now, self.problem, self.problem.dtype))
        return [part for pair in zip(*found, strict=True) for part in pair]
