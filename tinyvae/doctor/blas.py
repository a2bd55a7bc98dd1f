"""Which BLAS NumPy calls, and what it says of itself: its version, its kernels, its threads."""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# pip's NumPy has renamed the functions of its copy, so that it does not meet another one.
PREFIXES = ("scipy_openblas_", "openblas_")
SUFFIXES = ("64_", "", "_64")

NAMES = {"openblas": "OpenBLAS", "mkl": "MKL", "accelerate": "Accelerate"}


@dataclass(frozen=True)
class Blas:
    """A BLAS; None where it was not found out.

    name: "OpenBLAS", "MKL", "Accelerate", "none", or what NumPy's build calls it;
    core: OpenBLAS's name for the kernels it took; dynamic: has it kernels to choose from?
    """

    name: str
    version: str | None = None
    core: str | None = None
    dynamic: bool | None = None
    threads: int | None = None


def find():
    """The Blas of this process."""
    built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    paths = _loaded()
    for path in paths:
        blas = _ask(path)
        if blas is not None:
            return blas
    return Blas(name_of(built, paths), built.get("version"))


def name_of(built, paths):
    """The name of a BLAS that does not answer, from NumPy's build and the files in memory.

    built: {"name", "found", ...} of np.show_config. A build for "blas" is one for whichever
    library the system has under this name, so the file in memory knows better.
    """
    for text in (*(Path(path).name for path in paths), built.get("name", "")):
        for word, name in NAMES.items():
            if word in text.lower():
                return name
    return built.get("name", "unknown") if built.get("found") else "none"


def parse_config(config):
    """(version, dynamic) from OpenBLAS's own words: "OpenBLAS 0.3.31  DYNAMIC_ARCH Haswell ...".

    Without DYNAMIC_ARCH it was built for one kind of processor, and has nothing to choose.
    """
    words = config.split()
    return (words[1] if words[:1] == ["OpenBLAS"] and words[1:] else None), "DYNAMIC_ARCH" in words


def libraries_in(maps):
    """The libraries with blas or mkl in their path, from the text of /proc/self/maps."""
    paths = dict.fromkeys(line.split(maxsplit=5)[5] for line in maps.splitlines() if "/" in line)
    libraries = [p for p in paths if ".so" in Path(p).name and ("blas" in p or "mkl" in p)]
    return sorted(libraries, key=lambda path: "numpy.libs" not in path)


def _loaded():
    """Paths of libraries that may be the BLAS: those in memory, or those that NumPy came with."""
    try:
        return libraries_in(Path("/proc/self/maps").read_text(errors="replace"))
    except OSError:  # not Linux
        numpy = Path(np.__file__).parent
        places = (numpy / ".dylibs", numpy.parent / "numpy.libs")
        return [str(path) for place in places for path in sorted(place.glob("*openblas*"))]


def _ask(path):
    """The Blas at `path` if it is an OpenBLAS, or None."""
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return None
    for prefix in PREFIXES:
        for suffix in SUFFIXES:
            config = _text(library, f"{prefix}get_config{suffix}")
            if config is not None:
                threads = getattr(library, f"{prefix}get_num_threads{suffix}", None)
                version, dynamic = parse_config(config)
                return Blas(
                    "OpenBLAS",
                    version,
                    _text(library, f"{prefix}get_corename{suffix}"),
                    dynamic,
                    None if threads is None else threads(),
                )
    return None


def _text(library, name):
    """What the C function `char *name(void)` returns, or None if there is none."""
    function = getattr(library, name, None)
    if function is None:
        return None
    function.restype = ctypes.c_char_p
    return function().decode(errors="replace")
