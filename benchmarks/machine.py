"""The machine: its name, its flags, the kernels that NumPy's OpenBLAS took, what a process uses."""

import ctypes
import os
import platform
import signal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tinyvae.backend import describe
from tinyvae.doctor import blas
from tinyvae.doctor.kernels import LEVELS as KNOWN
from tinyvae.doctor.machine import cores, first_processor, read

# By what OpenBLAS would be told, and by the instructions that it then needs, or it crashes.
LEVELS = {"avx512": KNOWN[0], "avx2": KNOWN[1]}
KERNELS = {"stock": None} | {name: level.ask for name, level in LEVELS.items()}


def processor():
    """{name: value} of /proc/cpuinfo; empty where there is none."""
    return first_processor(read("/proc/cpuinfo"))


def allowed(kernels, flags=None):
    """Whether the processor can run these kernels; `flags` is a text, by default its own."""
    flags = processor().get("flags", "") if flags is None else flags
    return kernels == "stock" or LEVELS[kernels].needs <= set(flags.split())


def core_type():
    """The kernels that NumPy's OpenBLAS has taken, as 'SkylakeX'; 'unknown' of another BLAS."""
    return blas.find().core or "unknown"


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


def described(packages, backend="numpy"):
    """One line: processor, cores, kernels, system, versions, and the GPU that is asked for."""
    gpu = "" if backend == "numpy" else f"; CuPy {describe(backend)}"
    versions = [f"Python {platform.python_version()}"]
    for name in packages:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    about = processor()
    found = (level.name for name, level in LEVELS.items() if allowed(name))
    model = about.get("model name") or platform.processor() or platform.machine()
    family = f"family {about.get('cpu family')}, model {about.get('model')}"
    return (
        f"{model} ({family if about else platform.machine()}), {cores()} cores, "
        f"{next(found, 'vectors unknown')}; NumPy's "
        f"kernels {core_type()}; {platform.system()}; {', '.join(versions)}{gpu}"
    )
