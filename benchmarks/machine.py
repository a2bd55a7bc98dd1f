"""The machine: its name, its flags, the kernels that NumPy's OpenBLAS took, what a process uses."""

import ctypes
import os
import platform
import signal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

# What OpenBLAS's kernels for AVX-512 are made of; on a processor without them they crash.
AVX512 = {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"}
KERNELS = {"stock": None, "avx512": "SkylakeX", "avx2": "Haswell"}  # OPENBLAS_CORETYPE


def cpu_field(name):
    """The first value of that name in /proc/cpuinfo; '' where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in lines if line.split(":")[0].strip() == name)
    return next(found, "")


def allowed(kernels, flags=None):
    """Whether the processor can run these kernels; `flags` is a text, by default its own."""
    flags = set((cpu_field("flags") if flags is None else flags).split())
    return {"stock": True, "avx512": flags >= AVX512, "avx2": {"avx2", "fma"} <= flags}[kernels]


def cores():
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def core_type():
    """The kernels that NumPy's OpenBLAS has taken, as 'SkylakeX'; 'unknown' of another BLAS."""
    for path in Path(np.__file__).parent.with_name("numpy.libs").glob("*openblas*"):
        library = ctypes.CDLL(str(path))
        for name in ("scipy_openblas_get_corename64_", "openblas_get_corename64_"):
            if hasattr(library, name):
                function = getattr(library, name)
                function.restype = ctypes.c_char_p
                return function().decode()
    return "unknown"


def confine(threads):
    """Keep this process to so many cores, where the system can; True if it did.

    JAX has no other way to say how many threads it may use.
    """
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    return True


def die_with_parent():
    """Linux: this process ends when its parent does. One that is stopped would not notice."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def settings(threads, kernels="stock"):
    """A child's environment: so many threads, these kernels, and what else the user has set."""
    environment = dict(os.environ)
    environment.pop("OPENBLAS_CORETYPE", None)
    for name in ("OPENBLAS", "OMP", "MKL"):
        environment[f"{name}_NUM_THREADS"] = str(threads)
    if KERNELS[kernels]:
        environment["OPENBLAS_CORETYPE"] = KERNELS[kernels]
    return environment


def memory(field):
    """Mebibytes of this process now ('VmRSS') or at most so far ('VmHWM'); None where unknown."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), None)


def forget_peak():
    """Let VmHWM begin anew; False where the system does not."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def busy():
    """A warning if other programs compute; none where that is not known, or nobody does."""
    try:
        load = os.getloadavg()[0]
    except OSError:
        return []
    warning = "times are uncertain, and with all cores in use they mean nothing"
    return [f"Other programs compute ({load:.1f} at a time): {warning}."] if load > 0.5 else []


def described(packages):
    """One line: processor, cores, kernels, system, versions."""
    versions = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    flags = set(cpu_field("flags").split())
    vectors = "AVX-512" if flags >= AVX512 else "AVX2" if "avx2" in flags else "vectors unknown"
    model = cpu_field("model name") or platform.processor() or platform.machine()
    family = f"family {cpu_field('cpu family')}, model {cpu_field('model')}"
    return (
        f"{model} ({family if flags else platform.machine()}), {cores()} cores, {vectors}; NumPy's "
        f"kernels {core_type()}; {platform.system()}; {', '.join(versions)}"
    )
