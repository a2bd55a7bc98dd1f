"""The largest exponent there is room for."""

import math

import numpy as np

from tinyvae.errors import check_inside


def check_exponent(**exponents):
    """ValueError, naming it and the place, unless e^exponent is finite in its own precision.

    That is an exponent below 709.78 in float64, 88.72 in float32.
    """
    for name, exponent in exponents.items():
        room = math.log(np.finfo(np.result_type(exponent, 1.0)).max)
        check_inside(**{f"the exponent {name}": exponent}, below=room)
