"""What CuPy's arrays, functions and generators have, written down in cupy_api.json.

The test double refuses what is not in it, on machines without CuPy, too. To make it again, where
CuPy is installed (no GPU is needed): python tests/cupy_api.py
"""

import inspect
import json
import re
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_suffix(".json")


def parameters(function):
    """The names of its parameters, "*" before the keyword-only ones and "*name" of any number, or
    None where neither signature nor docstring says."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        # Compiled methods say it in the first line of the docstring.
        said = re.match(r"[\w.]+\(([^)]*)\)", function.__doc__ or "")
        if said is None:
            return None
        names = [part.split("=")[0].split()[-1] for part in said[1].split(",") if part.strip()]
        return [name.replace("\\", "") for name in names if name not in ("self", "/")]
    names = []
    for p in found:
        if p.kind is p.KEYWORD_ONLY and not any(name.startswith("*") for name in names):
            names.append("*")
        if p.name != "self" and p.kind is not p.VAR_KEYWORD:
            names.append(f"*{p.name}" if p.kind is p.VAR_POSITIONAL else p.name)
    return names


def api(cupy):
    """The names that NumPy and CuPy share, and what CuPy's take."""
    functions = {}
    for prefix, ours, theirs in (("", np, cupy), ("linalg.", np.linalg, cupy.linalg)):
        shared = sorted(set(dir(ours)) & set(dir(theirs)))
        for name in (name for name in shared if not name.startswith("_")):
            function = getattr(theirs, name)
            if function is getattr(ours, name):
                continue  # one of NumPy's that knows no device
            if callable(function) and not inspect.isclass(function):
                functions[prefix + name] = (
                    None if isinstance(function, cupy.ufunc) else parameters(function)
                )
    ufuncs = [name for name in dir(cupy) if isinstance(getattr(cupy, name), cupy.ufunc)]

    def methods(kind):
        public = [name for name in dir(kind) if not name.startswith("_")]
        return {
            name: parameters(getattr(kind, name)) if callable(getattr(kind, name)) else "attribute"
            for name in public
        }

    return {
        "version": cupy.__version__,
        "functions": functions,
        "ufuncs": [*ufuncs, "matmul"],
        "array": methods(cupy.ndarray),
        "generator": methods(cupy.random.Generator),
    }


if __name__ == "__main__":
    import cupy

    PATH.write_text(json.dumps(api(cupy), indent=1, sort_keys=True) + "\n")
