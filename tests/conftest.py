"""For all tests."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _no_figure_left():
    """Figures are global: one that a test leaves open is found by whatever runs next."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
