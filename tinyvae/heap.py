"""Large arrays that come and go, without a page fault for each of their pages.

For an array of 128 kB or more the malloc of Linux (glibc) asks the system for a block, and gives it
back when the array is dropped; the next array gets its pages anew, 4 kB at a time, each with a stop
of the program at its first touch. But malloc adapts: once a block of some size has been dropped,
blocks up to that size stay, and up to twice as many bytes. One array that is never touched, and so
costs nothing, teaches it that. Elsewhere than on glibc it does nothing.

Source: mallopt(3), M_MMAP_THRESHOLD.
"""

from functools import cache

import numpy as np

LARGEST = 2**25 - 2**16  # bytes, just below the 32 MB up to which malloc adapts


@cache  # malloc does not forget
def keep_dropped_memory():
    """From now on, keep up to 64 MB of what arrays of this process give back."""
    np.empty(LARGEST, np.uint8)
