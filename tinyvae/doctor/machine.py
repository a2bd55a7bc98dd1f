"""What is here: versions, the processor, the cores that are ours, the variables that are set."""

import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tinyvae.doctor.blas import Blas, find

VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Machine:
    """flags: what the processor can do, in the words of /proc/cpuinfo; empty if unknown.
    cores: those that this process may use; quota: how many of them at once, None if all;
    environ: those of VARIABLES that are set."""

    blas: Blas
    flags: frozenset = frozenset()
    cores: int = 1
    quota: float | None = None
    environ: dict = field(default_factory=dict)
    processor: str = "unknown"
    system: str = "unknown"

    @property
    def usable(self):
        """The number of threads that can run at once."""
        return self.cores if self.quota is None else max(1, min(self.cores, int(self.quota)))


def examine():
    """The Machine that this runs on."""
    processor, flags = parse_cpuinfo(read("/proc/cpuinfo"))
    return Machine(
        blas=find(),
        flags=flags or _flags_of_numpy(),
        cores=cores(),
        quota=parse_quota(read("/sys/fs/cgroup/cpu.max")),
        environ={name: os.environ[name] for name in VARIABLES if name in os.environ},
        processor=processor or platform.processor() or platform.machine() or "unknown",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
    )


def parse_cpuinfo(text):
    """(name, flags) of the first processor in the text of /proc/cpuinfo; None, empty if not there.

    Linux leaves out flags that the system does not let programs use.
    """
    about = first_processor(text)
    return about.get("model name"), frozenset(about.get("flags", "").split())


def first_processor(text):
    """{name: value} of the first processor in the text of /proc/cpuinfo."""
    rows = (line.partition(":") for line in text.strip().split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in rows}


def parse_quota(text):
    """Cores' worth of time in a cgroup's cpu.max, "200000 100000" is 2; None if "max" or unknown.

    A container often sees all cores and may use the time of a few. OpenBLAS does not look.
    """
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])


def versions():
    """{"Python": ..., "NumPy": ..., ...}, without importing what is only named."""
    found = {"Python": platform.python_version()}
    for name in ("NumPy", "matplotlib", "tqdm"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def read(path):
    """The text of a file of the system; empty where there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def cores():
    """The processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def _flags_of_numpy():
    """The flags that NumPy found, where there is no /proc/cpuinfo; it knows what the system lets
    programs use. Not a public name: nothing is known where it has gone."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as features
    except ImportError:
        return frozenset()
    names = (name.lower() for name, has in features.items() if has)
    return frozenset("fma" if name == "fma3" else name for name in names)
