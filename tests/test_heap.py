"""Arrays that come and go cost no page faults, once malloc has been told."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource
import numpy as np
from tinyvae.heap import keep_dropped_memory

{first}

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    for _ in range(20):
        parts = [np.ones(60_000) for _ in range(8)]  # 480 kB each
    return parts

work()
before = faults()
work()
print(faults() - before)
"""


def faults(first):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(first=first)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that adapts")
def test_dropped_memory_is_kept_for_the_next_array():
    assert faults("pass") > 5000  # 8 arrays of 117 pages, 20 times, are 18,750
    assert faults("keep_dropped_memory()") < 50
