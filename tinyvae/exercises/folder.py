"""A student's folder: the files to write in, and `progress.json`, what the checker last said.

A verdict is remembered with a hash of the file that it was about: it does not outlive a change.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tinyvae.exercises import stubs
from tinyvae.storage import replacing, write_json

PROGRESS = "progress.json"


def start(directory, exercises):
    """Copy the stubs into the directory, but never over a file; the names of those written.

    OSError if it cannot be written.
    """
    written = []
    for exercise in exercises:
        path = Path(directory) / exercise.file
        if not path.exists():
            with replacing(path) as file:
                file.write(stubs.stub(exercise.source).encode())
            written.append(exercise.file)
    return written


@dataclass
class Folder:
    """The files of a student. FileNotFoundError if there is no such folder."""

    path: Path

    def __post_init__(self):
        if not self.path.is_dir():
            raise FileNotFoundError(
                f"there is no folder {self.path}: `python -m tinyvae exercises start {self.path}` "
                "makes it"
            )

    def file(self, exercise):
        """The path of an exercise's file. FileNotFoundError if it is not there."""
        path = self.path / exercise.file
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no file {path}: `python -m tinyvae exercises start {self.path}` brings "
                "back what is missing"
            )
        return path

    def state(self, exercise):
        """'passed', 'wrong', 'changed' since either, 'begun', '' or 'missing'."""
        try:
            source = self.file(exercise).read_bytes()
        except FileNotFoundError:
            return "missing"
        if not stubs.begun(exercise.source, source):
            return ""
        known = self.entry(exercise)
        if "state" not in known:
            return "begun"
        return known["state"] if known["hash"] == fingerprint(exercise, source) else "changed"

    def remember(self, exercise, source, state):
        """Write down the state that the checker found for the file with these bytes."""
        self.write(exercise, state=state, hash=fingerprint(exercise, source))

    def hint(self, exercise, which=None):
        """(number, text) of a hint: the one asked for, else the next, and the last ever after."""
        last = self.entry(exercise).get("hints", 0)
        number = which or min(last + 1, len(exercise.hints))
        self.write(exercise, hints=max(number, last))
        return number, exercise.hints[number - 1]

    def entry(self, exercise):
        return self.progress().get(exercise.name, {})

    def write(self, exercise, **fields):
        known = self.progress()
        known[exercise.name] = known.get(exercise.name, {}) | fields
        write_json(self.path / PROGRESS, known)

    def progress(self):
        """What is remembered: {name: {'state', 'hash', 'hints'}}. ValueError if it is damaged."""
        path = self.path / PROGRESS
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(known, dict) and all(map(_whole, known.values())):
                return known
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            pass
        raise ValueError(f"{path} is damaged: delete it, and check again")


def _whole(entry):
    """Whether an entry of the progress is one that was written here."""
    if not isinstance(entry, dict) or ("state" in entry) != ("hash" in entry):
        return False
    hints = entry.get("hints", 0)
    return (
        entry.get("state", "passed") in ("passed", "wrong")
        and isinstance(entry.get("hash", ""), str)
        and type(hints) is int
        and hints >= 0
    )


def fingerprint(exercise, source):
    """A hash of a student's file and of the exercise, so that neither may have changed."""
    return hashlib.sha256(source + exercise.source.encode()).hexdigest()[:16]
