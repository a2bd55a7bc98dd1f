"""The results file, the known equivalent mutants, and the report."""

import hashlib
import json
import os
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

KILLED = ("killed", "late")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Results:
    """What became of each mutant, by its key, in a JSON file that is written whole.

    A verdict holds for one text of its file: `of` gives none once the file has changed.
    """

    def __init__(self, path):
        self.path, self.rows = Path(path) if path else None, {}

    def load(self):
        if self.path and self.path.exists():
            self.rows = json.loads(self.path.read_text())
        return self

    def add(self, mutant, text, verdict, test, seconds, thorough):
        self.rows[mutant.key] = {
            "file": mutant.file,
            "operator": mutant.operator,
            "function": mutant.function,
            "number": mutant.number,
            "line": mutant.line,
            "change": mutant.change,
            "turn": mutant.turn,
            "digest": digest(text),
            "verdict": verdict,
            "test": test,
            "seconds": round(seconds, 2),
            "thorough": thorough,
        }

    def of(self, mutant, text):
        row = self.rows.get(mutant.key)
        return row if row and row["digest"] == digest(text) else None

    def save(self):
        if not self.path:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
        with os.fdopen(handle, "w") as file:
            json.dump(self.rows, file, indent=1)
        os.replace(beside, self.path)


class Known:
    """The mutants that change no behaviour, each with the reason: a TOML file of [[mutant]].

    file, line and change are as the report shows them; `function` and `turn` where equal lines
    have to be told apart. ValueError for an entry without a reason.
    """

    def __init__(self, path):
        path = Path(path)
        self.entries = tomllib.loads(path.read_text()).get("mutant", []) if path.exists() else []
        for entry in self.entries:
            if not entry.get("reason", "").strip():
                raise ValueError(f"{path.name}: no reason for {entry.get('change')!r}")
        self.used = [0] * len(self.entries)

    def reason(self, mutant):
        """Why this mutant is equivalent, or None; remembers that the entry has been met."""
        for i, entry in enumerate(self.entries):
            if all(getattr(mutant, name) == entry[name] for name in entry if name != "reason"):
                self.used[i] += 1
                return entry["reason"]
        return None

    def stale(self, files):
        """The entries about these files that no mutant fits any more."""
        pairs = zip(self.entries, self.used, strict=True)
        return [entry for entry, used in pairs if not used and entry["file"] in files]


def report(mutants, rows, known, files):
    """(the lines of the report, whether all is well) for mutants that have a row each.

    files: those of which these are all the mutants, so that an entry without one is stale.
    """
    reasons = {mutant.key: known.reason(mutant) for mutant in mutants}
    survived = [m for m in mutants if rows[m.key]["verdict"] == "survived"]
    equivalent = [m for m in survived if reasons[m.key]]
    open_ones = [m for m in survived if not reasons[m.key]]
    noticed = [m for m in mutants if reasons[m.key] and m not in equivalent]
    late = sum(rows[m.key]["verdict"] == "late" for m in mutants)
    counted = len(mutants) - len(equivalent)
    killed = counted - len(open_ones)
    lines = [
        *_table("operator", mutants, equivalent, open_ones, lambda m: m.operator),
        *_table("file", mutants, equivalent, open_ones, lambda m: m.file),
        f"{len(mutants)} mutants, {len(equivalent)} of them change no behaviour (with a reason)",
        f"{killed} of {counted} killed, {late} of these by the time limit",
        f"score {100.0 * killed / max(counted, 1):.2f} %",
    ]
    if equivalent:
        lines += ["", "change no behaviour:"]
        lines += [line for m in equivalent for line in (*shown(m), f"    {reasons[m.key]}")]
    if open_ones:
        lines += ["", "survived:"]
        lines += [line for m in open_ones for line in shown(m)]
    stale = known.stale(files)
    if stale or noticed:
        lines += ["", "entries of the file of known mutants that are stale:"]
        lines += [f"  {e['file']}: {e['change']}  (there is no such mutant)" for e in stale]
        told = [f"(killed by {rows[m.key]['test']})" for m in noticed]
        lines += [f"  {m.file}: {m.change}  {t}" for m, t in zip(noticed, told, strict=True)]
    return lines, not (open_ones or stale or noticed)


def shown(mutant):
    """A mutant as a diff of one line."""
    place = f"{mutant.file}:{mutant.number} {mutant.function} [{mutant.operator}]"
    turn = f" (turn {mutant.turn})" if mutant.turn > 1 else ""
    return f"{place}{turn}", f"  - {mutant.line}", f"  + {mutant.change}"


def _table(title, mutants, equivalent, open_ones, of):
    total, same, left = (Counter(map(of, group)) for group in (mutants, equivalent, open_ones))
    width = max(map(len, [*total, title]))
    head = f"{title:<{width}}{'mutants':>9}{'killed':>8}{'same':>6}{'survived':>10}"
    rows = (
        f"{key:<{width}}{total[key]:>9}{total[key] - same[key] - left[key]:>8}"
        f"{same[key]:>6}{left[key]:>10}"
        for key in total
    )
    return [head, *rows, ""]
