"""Do OpenBLAS's kernels use what the processor has?

OpenBLAS has kernels for many processors and picks by the model number. A processor that it does not
know gets older ones: AVX2 kernels work on 8 float32 at a time where AVX-512 has 16. The variable
OPENBLAS_CORETYPE picks by hand, and OpenBLAS does not check that choice: instructions that the
processor does not have end the program. So it is held against the processor's flags first.
"""

from dataclasses import dataclass

CORETYPE = "OPENBLAS_CORETYPE"


@dataclass(frozen=True)
class Level:
    """A set of instructions: the flags it needs, OpenBLAS's kernels of it (lower case), and which
    of these to ask for: one that every build of OpenBLAS with such kernels has."""

    name: str
    needs: frozenset
    cores: frozenset
    ask: str | None = None


def _set(words):
    return frozenset(words.split())


# Strongest first; `driver/others/dynamic.c` of OpenBLAS has the names.
LEVELS = (
    Level(
        "AVX-512",
        _set("avx2 fma avx512f avx512dq avx512bw avx512vl avx512cd"),
        _set("skylakex cooperlake sapphirerapids"),
        ask="SkylakeX",
    ),
    Level("AVX2", _set("avx2 fma"), _set("haswell zen"), ask="Haswell"),
    Level("AVX", _set("avx"), _set("sandybridge bulldozer piledriver steamroller excavator")),
    Level(
        "SSE",
        _set("sse2"),
        _set("prescott core2 penryn dunnington nehalem atom nano barcelona bobcat opteron")
        | _set("opteron_sse3 athlon katmai coppermine northwood banias"),
    ),
)


@dataclass(frozen=True)
class Remedy:
    """An environment variable to set to `value`, or to unset if that is None, and the reason.

    only_measured: not advised unless a measurement shows a gain.
    """

    variable: str
    value: str | None
    why: str
    only_measured: bool = False

    def __str__(self):
        return f"{self.variable}={self.value}"


def level_of(core):
    """The Level of the kernels that OpenBLAS calls `core`, or None."""
    return next((level for level in LEVELS if (core or "").lower() in level.cores), None)


def best_for(flags):
    """The strongest Level that a processor with these flags has, or None."""
    return next((level for level in LEVELS if level.needs <= flags), None)


def kernels(machine):
    """(what is known of the kernels, a Remedy or None)."""
    blas, flags = machine.blas, machine.flags
    if blas.name == "none":
        return "NumPy's own loops, far slower than a BLAS; pip's NumPy brings OpenBLAS", None
    if blas.name != "OpenBLAS":
        return f"unknown; {blas.name} chooses them by itself", None
    if blas.core is None:
        return "unknown; this OpenBLAS does not say", None
    used, best = level_of(blas.core), best_for(flags)
    if used is None:
        return f"{blas.core}; whether the processor has more is not known here", None
    if best is None:
        return f"{blas.core} ({used.name}); what the processor has is unknown", None
    if LEVELS.index(used) < LEVELS.index(best):
        return f"{blas.core} ({used.name}), more than the processor's {best.name}", _danger(machine)
    if used is best:
        return f"{blas.core} ({used.name}), all that this processor has", None
    return _weaker(machine, used, best)


def _danger(machine):
    """The Remedy for kernels that the processor cannot run."""
    if CORETYPE not in machine.environ:
        return None
    why = "It asks for instructions that this processor does not have: programs can crash."
    return Remedy(CORETYPE, None, why)


def _weaker(machine, used, best):
    """As `kernels`, for kernels weaker than the processor."""
    blas, asked = machine.blas, machine.environ.get(CORETYPE, "")
    found = f"{blas.core} ({used.name}); the processor has {best.name}"
    if best.ask is None:
        return found, None
    if not blas.dynamic:
        return f"{found}, but this OpenBLAS has no other kernels", None
    if asked.lower() == best.ask.lower():
        return f"{found}, but this OpenBLAS has no {asked} kernels", None
    why = (
        f"NumPy's OpenBLAS took {used.name} kernels, and the processor has {best.name}. "
        f"Never set it on a processor without {best.name}: programs crash there."
    )
    return found, Remedy(CORETYPE, best.ask, why)
