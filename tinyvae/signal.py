"""Signal and noise in the gradient of a bound, by the number of its samples.

    signal-to-noise = |E g| / sd(g)

With more samples the importance-weighted bound comes closer to log p(x), which does not depend on
the encoder: its gradient there fades as 1/S, and its noise only as 1/sqrt(S). So `iwae` gives the
encoder a signal-to-noise that falls as S^-1/2, while that of the decoder rises as S^1/2; with
`dreg` both rise. Sources: Rainforth et al., Tighter Variational Bounds are Not Necessarily Better
(2018), theorem 1; Tucker et al., Doubly Reparameterized Gradient Estimators (2019), section 4.
"""

import numpy as np

from tinyvae.comparison import SampleMoments
from tinyvae.diagnostics import explain
from tinyvae.errors import NotFinite, check_count
from tinyvae.importance import widest
from tinyvae.ranks import ALONE
from tinyvae.watch import Recorder

NODES = ("mu", "logvar", "out")  # the encoder's heads, and what the decoder puts out
NUMBERS = 2**18  # in a chunk of draws, at most


def gradient_moments(vae, theta, x, *, objective, samples, repeats, rng, ranks=ALONE):
    """{node: SampleMoments} of d bound / d node for one example x (D,), over `repeats` estimates.

    Each estimate is made of so many samples, with eps from the Generator `rng`. The nodes are mu
    and logvar (Z,), and out (D,), summed over the samples: the gradient in the bias of the decoder.
    ranks: who shares the estimates, each with a stream of its own; all have the moments of all.
    ValueError for bad data or counts; NotFinite, with the first array that is not.
    """
    samples, repeats = check_count("samples", samples), check_count("repeats", repeats, at_least=2)
    vae.check(x[None])
    own, rng = ranks.share(repeats), ranks.stream(rng)
    options = {"objective": objective, "samples": samples, "repeats": own.stop - own.start}
    found = ranks.together(lambda: _moments(vae, theta, x, rng=rng, **options))
    return _joined(found)


def _moments(vae, theta, x, *, objective, samples, repeats, rng):
    """The same of one rank's share of them; None of none."""
    size, total = max(1, NUMBERS // (samples * widest(vae))), None
    for done in range(0, repeats, size):
        count = min(size, repeats - done)
        eps = rng.standard_normal((samples, count, vae.latent), dtype=theta.dtype)
        rows, nodes = np.broadcast_to(x, (count, len(x))), Recorder()
        with np.errstate(over="ignore", invalid="ignore"):  # looked at
            bound, vjp = vae.bound(theta, x=rows, eps=eps, objective=objective, watch=nodes)
            (dtheta,) = vjp(np.ones_like(bound))
        if not np.isfinite(dtheta).all():
            raise NotFinite(explain(vae, theta, x=rows, eps=eps, objective=objective))
        gradients = {"mu": nodes["dmu"], "logvar": nodes["dlogvar"]}
        gradients["out"] = nodes["dout"].sum(axis=0)  # one bias for all samples
        found = {node: SampleMoments.of(gradients[node]) for node in NODES}
        total = _joined([total, found])
    return total


def _joined(parts):
    """The moments of all parts, a None apart, together."""
    total = None
    for part in filter(None, parts):
        total = part if total is None else {node: total[node] + part[node] for node in NODES}
    return total


def slope(samples, ratios):
    """The exponent a of ratio ~ samples^a, by least squares on the logarithms."""
    return float(np.polynomial.Polynomial.fit(np.log(samples), np.log(ratios), 1).convert().coef[1])
