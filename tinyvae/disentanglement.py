"""Does each latent know one factor? Mutual information with known causes, and traversals.

    I(z_j; v) = H(v) - H(v | z_j)                                            in nats

for a latent j and a factor v of data whose causes are known, under the aggregate posterior
q(z_j) = 1/N sum_n N(mu_nj, sigma_nj²). The mutual information gap (MIG) asks of each factor that
one latent know it, and no other.

Two limits of what it says. A latent's information is at most its mean KL, which is I(z_j; n) +
KL(q(z_j) || N(0, 1)): a large beta lowers both. And a prior N(0, I) looks the same after every
rotation, so that a rotated, entangled code can reach the same bound: nothing in an unsupervised
objective guarantees disentanglement (Locatello et al., Challenging Common Assumptions in the
Unsupervised Learning of Disentangled Representations, 2019, theorem 1), and runs that differ in
their seed alone can differ in their MIG.
Shapes: mu, logvar (N, Z); a factor (N,).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_count, check_finite, check_shape

BINS = 10
STEP = 0.25  # of the grid, in the narrowest sigma of the latent
REACH = 9.0  # sigma, beyond which a component is left out: 2e-19 of its mass
POINTS, BLOCK = 2_000_000, 256  # the longest grid, and how much of it is computed at once


def mutual_information(mu, logvar, factor, *, bins=BINS):
    """I(z_j; v) = sum_k p(v_k) ∫ q(z_j | v_k) log(q(z_j | v_k) / q(z_j)) dz_j: (Z,), in nats.

    q(z_j | v_k) is the mean of the components N(mu_nj, e^logvar_nj) whose factor is v_k. The
    integral is a sum over a grid, four points to the narrowest sigma, within 1e-9 of the
    integral. It costs N times the grid, whose length goes with 1 / sigma.

    factor (N,): whole numbers or names are classes as they are; floating-point numbers are cut
    into `bins` bins of equal counts. Of a finite N chance alone gives more than 0: compare with a
    shuffled factor.

    Raises ValueError or TypeError for wrong shapes, a value that is not finite, a factor that is
    the same everywhere, or a sigma so small that the grid would exceed POINTS points.
    """
    return _information(mu, logvar, {"factor": factor}, bins)[0][:, 0]


@dataclass(frozen=True)
class Gap:
    """What the mutual information gap is made of, for F factors.

    information (Z, F) and entropy (F,) in nats; share (Z, F), the part of each factor's entropy
    that each latent knows; gaps (F,), the largest share less the second largest; mig, their mean.
    """

    names: tuple
    information: np.ndarray
    entropy: np.ndarray

    @property
    def share(self):
        return self.information / self.entropy

    @property
    def gaps(self):
        second, first = np.sort(self.share, axis=0)[-2:]
        return first - second

    @property
    def mig(self):
        return float(self.gaps.mean())


def mutual_information_gap(mu, logvar, factors, *, bins=BINS):
    """MIG = mean over the factors v of (I(z_a; v) - I(z_b; v)) / H(v), as a `Gap`.

    a and b are the latents that know most and second most of v: 1 if each factor is known to one
    latent alone and fully, 0 if every factor is known to two alike, or to none.

    factors: {name: (N,)}, each as `mutual_information` takes it. Raises what that raises, and
    ValueError for fewer than two latents or no factors.
    Source: Chen et al., Isolating Sources of Disentanglement in VAEs (2018), equation 6.
    """
    if not isinstance(factors, Mapping):
        kind = type(factors).__name__
        raise TypeError(f"factors must be a dict, name -> (N,), not {kind}")
    if not factors:
        raise ValueError("factors is empty: a gap needs at least one factor")
    information, entropy = _information(mu, logvar, factors, bins)
    if len(information) < 2:
        raise ValueError("mu has one latent: a gap is between the best two")
    return Gap(tuple(factors), information, entropy)


def traversals(vae, theta, mu0, values):
    """E[x | z] where z is mu0 (Z,) but for one latent, which takes the `values` (T,): (Z, T, D).

    Raises ValueError for wrong shapes and what `vae.mean` raises.
    """
    check_shape("mu0", mu0, (vae.latent,))
    check_shape("values", values, ("T",))
    z = np.tile(np.asarray(mu0, theta.dtype), (vae.latent, len(values), 1))
    for j in range(vae.latent):
        z[j, :, j] = values
    return vae.mean(theta, z.reshape(-1, vae.latent)).reshape(*z.shape[:2], -1)


def classes(factor, bins=BINS, name="factor"):
    """Each example's class, (N,), counted from 0: what `mutual_information` makes of a factor."""
    factor = np.asarray(factor)
    check_shape(name, factor, ("N",))
    bins = check_count("bins", bins, at_least=2)
    if factor.dtype.kind == "f":
        check_finite(name, factor)
        _, code, counts = np.unique(factor, return_inverse=True, return_counts=True)
        middle = np.cumsum(counts) - 0.5 * counts  # the rank of each value: equal ones share a bin
        factor = np.floor(bins * middle / len(factor))[code]
    elif factor.dtype.kind not in "iubU":
        raise TypeError(f"{name} must be numbers or names, not {factor.dtype}")
    values, code = np.unique(factor, return_inverse=True)
    if len(values) < 2:
        raise ValueError(f"{name} is the same for every example: there is nothing to know")
    return code


def _information(mu, logvar, factors, bins):
    """(information (Z, F), entropy (F,)) of all factors on one grid a latent."""
    check_shape("mu", mu, ("N", "Z"))
    check_shape("logvar", logvar, np.shape(mu))
    mu, logvar = np.asarray(mu, float), np.asarray(logvar, float)
    check_finite("mu", mu)
    check_finite("logvar", logvar)
    members, owner = [], []  # a row a class: 1 / N at its examples; and the factor it belongs to
    for f, (name, factor) in enumerate(factors.items()):
        check_shape(name, factor, (len(mu),))
        code = classes(factor, bins, name)
        members.append((code == np.arange(code.max() + 1)[:, None]) / len(mu))
        owner += [f] * len(members[-1])
    members = np.concatenate(members)
    p, starts = members.sum(axis=1), np.searchsorted(owner, range(len(factors)))
    entropy = np.add.reduceat(-p * np.log(p), starts)
    each = [_of_a_latent(j, mu[:, j], logvar[:, j], members, p) for j in range(mu.shape[1])]
    return np.array([np.add.reduceat(terms, starts) for terms in each]), entropy


def _of_a_latent(j, mu, logvar, members, p):
    """∫ p_k q_k log(q_k / q) dz for each class k: (K,), from mu and logvar (N,)."""
    with np.errstate(over="ignore"):
        sigma = np.exp(0.5 * logvar)
    low, high = (mu - REACH * sigma).min(), (mu + REACH * sigma).max()
    h = STEP * sigma.min()
    if not high - low < POINTS * h:
        raise ValueError(
            f"logvar[:, {j}] reaches {logvar.min():.3g}: a grid from {low:.3g} to "
            f"{high:.3g} that resolves so narrow a posterior has more than {POINTS} points"
        )
    terms = np.zeros(len(p))
    count = int((high - low) / h) + 2
    for start in range(0, count, BLOCK):
        z = low + h * np.arange(start, min(start + BLOCK, count))
        near = (mu + REACH * sigma > z[0]) & (mu - REACH * sigma < z[-1])
        if not near.any():
            continue
        scaled = (z - mu[near, None]) / sigma[near, None]
        density = np.exp(-0.5 * scaled * scaled) / sigma[near, None]  # but for sqrt(2 pi)
        joint = members[:, near] @ density  # p_k q_k(z)
        q = density.sum(axis=0) / len(mu)
        ratio = np.divide(joint, p[:, None] * q, out=np.ones_like(joint), where=joint > 1e-280)
        terms += (joint * np.log(ratio)).sum(axis=1)
    return terms * (h / np.sqrt(2 * np.pi))
