"""For all tests."""

import os
import sys

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # several on the same cores: their threads would wait
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported


@pytest.fixture(autouse=True)
def _no_figure_left():
    """Figures are global: one that a test leaves open is found by whatever runs next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
