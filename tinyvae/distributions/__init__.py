"""Laws, one a file. Each is a module of pure functions; the densities are `y, vjp` like every op.

A law's `log_prob(x, *params)` works number by number, in nats; whoever uses it sums over the
dimensions that belong to one example. Parameters may broadcast against x.
"""

from . import bernoulli, gaussian

__all__ = ["bernoulli", "gaussian"]
