"""Two-dimensional toys: shapes that a Gaussian is not, small enough to plot.

Each law is a function of its labels' number and a generator that returns points as the textbook
draws them and the mean of their squared length; `toy` divides by its root, so that a coordinate
has unit size (E[x1^2 + x2^2] = 2). The constants are the law's own, never the sample's:
training and held-out points share one scale.
"""

import numpy as np

from tinyvae.data.dataset import Dataset
from tinyvae.errors import check_count, unknown


def _polar(radius, angle):
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def moons(n, rng):
    """Two interleaved half circles of radius 1, blurred by 0.1."""
    label = rng.integers(0, 2, size=n)
    arc = _polar(1, np.pi * (rng.random(n) + label)) + np.outer(label - 0.5, [1.0, 0.5])
    # with the centres at (-+1/2, -+1/4), E|x|^2 = 1 + 1/4 + 1/16 - 2 (1/4) (2/pi)
    return arc + 0.1 * rng.standard_normal((n, 2)), 21 / 16 - 1 / np.pi + 0.02, label


def rings(n, rng):
    """Three rings of radius 1, 2 and 3, blurred by 0.1."""
    label = rng.integers(0, 3, size=n)
    ring = _polar(1 + label, 2 * np.pi * rng.random(n))
    return ring + 0.1 * rng.standard_normal((n, 2)), 14 / 3 + 0.02, label


def spiral(n, rng):
    """Two arms of one and a half turns, out to radius 1, blurred by 0.02."""
    label = rng.integers(0, 2, size=n)
    radius = np.sqrt(rng.random(n))  # as many points on each stretch of the arm
    arm = _polar(radius, np.pi * (3 * radius + label))
    return arm + 0.02 * rng.standard_normal((n, 2)), 1 / 2 + 0.0008, label


def pinwheel(n, rng):
    """Five Gaussian blades, twisted more the further out (Johnson et al. 2016)."""
    label = rng.integers(0, 5, size=n)
    along, across = (rng.standard_normal((n, 2)) * [0.3, 0.1] + [1.0, 0.0]).T
    twist = 2 * np.pi * label / 5 + 0.25 * np.exp(along)
    blade = _polar(along, twist) + _polar(across, twist + np.pi / 2)
    return blade, 1 + 0.09 + 0.01, label


def grid(n, rng):
    """Twenty-five Gaussians of standard deviation 0.1 on a square grid of spacing 1."""
    label = rng.integers(0, 25, size=n)
    centre = np.stack([label % 5, label // 5], axis=1) - 2
    return centre + 0.1 * rng.standard_normal((n, 2)), 4 + 0.02, label


TOYS = {law.__name__: law for law in (moons, rings, spiral, pinwheel, grid)}


def toy(name, n, *, rng):
    """n points (n, 2), float32, centred on the origin at unit scale, and their labels (n,).

    name: one of TOYS. Raises ValueError for another name, TypeError or ValueError for n.
    """
    if name not in TOYS:
        raise unknown("toy", name, TOYS)
    points, mean_square, labels = TOYS[name](check_count("n", n), rng)
    return (points * np.sqrt(2 / mean_square)).astype(np.float32), labels


def load_toy(name, *, n=2000, held_out=500):
    """The Dataset of n and held_out points from two fixed seeds."""
    check_count("held_out", held_out)
    x, labels = toy(name, n, rng=np.random.default_rng([0, 0]))
    aside, aside_labels = toy(name, held_out, rng=np.random.default_rng([0, 1]))
    return Dataset(
        name=name,
        x=x,
        held_out=aside,
        labels=labels,
        held_out_labels=aside_labels,
        source=f"points drawn from the toy {name!r}; {n} to train on and {held_out} held out,"
        " each from its own fixed seed",
    )
