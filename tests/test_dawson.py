"""Dawson's integral against SciPy's, and against forty digits."""

import math

import numpy as np
import pytest
from scipy import special

from tinyvae.special.dawson import dawson

X = np.concatenate([np.logspace(-300, 300, 601), np.linspace(0.001, 20.0, 4001)])


def test_agrees_with_scipy_from_the_smallest_to_the_largest():
    np.testing.assert_allclose(dawson(X), special.dawsn(X), rtol=1e-14)


def test_agrees_with_forty_digits():
    mpmath = pytest.importorskip("mpmath")
    x = np.concatenate([np.logspace(-8, 2, 60), [9.999999, 10.0, 10.000001]])
    with mpmath.workdps(40):
        exact = [
            float(mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-(mpmath.mpf(t) ** 2)) * mpmath.erfi(t))
            for t in x
        ]
    np.testing.assert_allclose(dawson(x), exact, rtol=3e-15)


def test_is_odd_and_keeps_shapes():
    np.testing.assert_array_equal(dawson(-X), -dawson(X))
    assert dawson(np.ones((2, 3))).shape == (2, 3)
    assert isinstance(dawson(1.0), float)
    assert dawson(0.0) == 0.0
    assert dawson(math.inf) == 0.0
