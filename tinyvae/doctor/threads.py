"""Do OpenBLAS's threads fit the cores?

More threads than cores wait for each other, and small matrix products do not gain by a second one.
How many are best depends on the products and on what else the machine does: it is measured.
"""

from tinyvae.doctor.kernels import Remedy

THREADS = "OPENBLAS_NUM_THREADS"


def threads(machine):
    """(what is known of the threads, a Remedy to try or None)."""
    usable, used = machine.usable, machine.blas.threads
    ours = f"{machine.cores} core{'s' * (machine.cores > 1)} for this process"
    if machine.quota is not None and machine.quota < machine.cores:
        ours += f", the time of {machine.quota:g}"
    if used is None:
        return f"unknown; {ours}", None
    known = f"{used}; {ours}"
    if used > usable:
        why = f"OpenBLAS starts {used} threads, and {usable} can run at once."
        return known, Remedy(THREADS, str(usable), why)
    other = 1 if used > 1 else usable
    if other == used:
        return known, None
    slow = "1 thread is" if used == 1 else f"{used} threads are"
    why = f"{slow} slower for products of this size, with what else the machine does now."
    return known, Remedy(THREADS, str(other), why, only_measured=True)
