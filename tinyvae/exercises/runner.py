"""The process in which a student's file is loaded and their function called.

    python -m tinyvae.exercises.runner FILE NAME FOLDER LIMIT [diagnose]

writes into FOLDER what became of it: `outcomes.npz` and `report.json` (numbers and text, no
pickle); with `diagnose`, what `tinyvae.diagnose` says of the first case. `stack` has the line
that was running when the LIMIT, in seconds, was over, or when Python broke down. It is no sandbox:
it keeps honest mistakes, not attacks, away from the terminal and from the other exercises.
"""

import difflib
import faulthandler
import json
import os
import sys
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tinyvae.exercises import exercise
from tinyvae.exercises.outcome import Outcome, diagnosis, failure, outcomes

MEMORY = 2 << 30  # bytes of address space
DISK = 100 << 20  # bytes in one file
LARGEST = 1_000_000  # entries of a result; all right ones are far smaller
BEGUN, RETURNED = "begun", "returned"  # lines in `stack`: the student's code has, and is over


def main(path, name, folder, limit, what="call"):
    wanted, folder, path = exercise(name), Path(folder), Path(path)
    sys.argv = [str(path)]
    sys.path.append(str(path.parent))
    restrict()
    stack = open(folder / "stack", "w")  # noqa: SIM115 - open to the end, for faulthandler
    faulthandler.enable(stack)
    faulthandler.dump_traceback_later(float(limit), exit=True, file=stack)
    print(BEGUN, file=stack, flush=True)
    report, values = run(wanted, path.read_bytes(), what)
    faulthandler.cancel_dump_traceback_later()
    print(RETURNED, file=stack, flush=True)
    np.savez(folder / "outcomes.npz", **values)
    (folder / "report.part").write_text(json.dumps(report))
    (folder / "report.part").replace(folder / "report.json")
    os._exit(0)  # whatever threads and exit handlers the file has left


def restrict():
    """Bound memory and files, where the system can: Linux, and in part others."""
    with suppress(ImportError):
        import resource

        for kind, limit in (("AS", MEMORY), ("FSIZE", DISK), ("CORE", 0)):
            with suppress(ValueError, OSError, AttributeError):
                kind = getattr(resource, f"RLIMIT_{kind}")
                _, most = resource.getrlimit(kind)
                if most != resource.RLIM_INFINITY:
                    limit = min(limit, most)
                resource.setrlimit(kind, (limit, most))


def run(exercise, source, what):
    """(report, arrays by name) of the function in `source`."""
    fn, report = load(exercise, source)
    if fn is None:
        return report, {}
    if what == "diagnose":
        return {"stage": "diagnosed", "lines": diagnosis(exercise, fn)}, {}
    found = outcomes(exercise, fn)
    report, arrays = {"stage": "called", "outcomes": []}, {}
    for k, outcome in enumerate(found):
        values, outcome.values = outcome.values, []
        shapes = [value.shape for value in values]
        report["outcomes"].append(asdict(outcome) | {"shapes": shapes})
        arrays |= {f"{k}_{i}": v for i, v in enumerate(values) if v.size <= LARGEST}
    return report, arrays


def load(exercise, source):
    """(the function, None), or (None, the report of why there is none)."""
    namespace = {"__name__": exercise.name, "__file__": exercise.file}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(source, exercise.file, "exec"), namespace)
    except (Exception, SystemExit) as error:
        return None, {"stage": "load"} | asdict(failure(error, exercise.file))
    fn = namespace.get(exercise.name)
    if not callable(fn):
        known = [n for n, v in namespace.items() if callable(v) and not n.startswith("_")]
        near = difflib.get_close_matches(exercise.name, known, n=1, cutoff=0.6)
        return None, {"stage": "missing", "near": near}
    return fn, None


def read(folder):
    """(report, outcomes) that `main` has left in the folder."""
    report = json.loads((folder / "report.json").read_text())
    with np.load(folder / "outcomes.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    found = []
    for k, fields in enumerate(report.pop("outcomes", [])):
        shapes = fields.pop("shapes")
        empty = [np.broadcast_to(np.nan, shape) for shape in shapes]
        fields["values"] = [arrays.get(f"{k}_{i}", none) for i, none in enumerate(empty)]
        found.append(Outcome(**fields))
    return report, found


if __name__ == "__main__":
    main(*sys.argv[1:])
