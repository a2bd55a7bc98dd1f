"""What another environment variable is worth: matrix products timed in processes of their own.

A BLAS reads its variables once, while NumPy is being imported, and kernels that the processor
cannot run end their process. Both ask for a process for every trial.
"""

import os
import re
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, replace

SECONDS = 2.0  # of matrix products, all processes together
ROUNDS = 5
GAIN = 1.05  # less is lost in the noise of such a short measurement
LONGEST = 60.0  # seconds that a process may take, on a very busy machine
WHAT = "the matrix products of a training step (784-500-20, batch 100, float32)"

# The products of affine layers: forward, to the weights, and back but for the first, which reads
# the data. It imports NumPy alone.
SCRIPT = """
import statistics, sys, time
import numpy as np

rng = np.random.default_rng(0)
products = []
for i, o in (784, 500), (500, 40), (20, 500), (500, 784):
    x, W, dy = (rng.random(s, dtype=np.float32) for s in ((100, i), (i, o), (100, o)))
    y, dW, dx = np.empty_like(dy), np.empty_like(W), np.empty_like(x)
    products += [(x, W, y), (x.T, dy, dW)] + [(dy, W.T, dx)] * (i != 784)

def step():
    start = time.perf_counter()
    for a, b, out in products:
        np.matmul(a, b, out=out)
    return time.perf_counter() - start

step(), step(), step()
end = time.perf_counter() + float(sys.argv[1])
times = [step()]
while time.perf_counter() < end:
    times.append(step())
print(statistics.median(times))
"""


@dataclass(frozen=True)
class Setting:
    """What to try: variables beside those of this process, and the setting to hold it against."""

    name: str
    variables: dict
    against: str | None = None


@dataclass(frozen=True)
class Trial:
    """A setting tried: seconds a step in each round, or how it failed; the kernels that it got;
    in each round, how many times as fast it was as the setting that it is held against."""

    seconds: tuple = ()
    failure: str | None = None
    core: str | None = None
    ratios: tuple = ()
    against: str | None = None

    @property
    def faster(self):
        """By GAIN at least, in the median over the rounds."""
        return bool(self.ratios) and statistics.median(self.ratios) >= GAIN

    @property
    def always(self):
        """Faster in every round."""
        return bool(self.ratios) and min(self.ratios) > 1


def measure(settings, *, seconds=SECONDS, rounds=ROUNDS):
    """{name: Trial}: every Setting once a round, in turn, so that all meet the same noise.

    A setting that fails is not tried again.
    """
    each = seconds / (rounds * len(settings))
    found = {setting.name: [] for setting in settings}
    for turn in range(rounds):
        for setting in settings[:: -1 if turn % 2 else 1]:
            trials = found[setting.name]
            if not any(trial.failure for trial in trials):
                trials.append(run_child(setting.variables, each))
    whole = {name: _joined(trials) for name, trials in found.items()}
    return {s.name: _held_against(whole[s.name], s.against, whole) for s in settings}


def _joined(trials):
    """One Trial of those of all rounds; the last says how it ended."""
    return replace(trials[-1], seconds=sum((trial.seconds for trial in trials), ()))


def _held_against(trial, name, trials):
    if name is None or trial.failure or trials[name].failure:
        return replace(trial, against=name)
    pairs = zip(trials[name].seconds, trial.seconds, strict=True)
    return replace(trial, against=name, ratios=tuple(other / own for other, own in pairs))


def run_child(variables, seconds, script=SCRIPT):
    """The Trial of one process with these variables set. A crash is a Trial, too."""
    # -P: a file called numpy.py or random.py in this folder is not what is to be measured.
    command = [sys.executable or "python", "-P", "-c", script, str(seconds)]
    environ = {**os.environ, "OPENBLAS_VERBOSE": "2", **variables}
    try:
        child = subprocess.run(
            command, env=environ, capture_output=True, timeout=LONGEST, text=True, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Trial(failure=f"did not end within {LONGEST:g} seconds")
    except OSError as error:
        return Trial(failure=f"could not be started: {error}")
    core = core_in(child.stderr)
    if child.returncode:
        return Trial(failure=ending(child.returncode, child.stderr), core=core)
    try:
        return Trial((float(child.stdout.split()[-1]),), core=core)
    except (ValueError, IndexError):
        return Trial(failure="printed no time", core=core)


def core_in(stderr):
    """The kernels that OpenBLAS took, from what OPENBLAS_VERBOSE=2 makes it say, or None."""
    found = re.search(r"^Core: (\S+)", stderr, re.MULTILINE)
    return found[1] if found else None


def ending(code, stderr=""):
    """A process's exit code in words, with its last line; a negative code is a signal's."""
    if code < 0:
        try:
            return f"crashed with {signal.Signals(-code).name}"
        except ValueError:
            return f"crashed with signal {-code}"
    last = stderr.strip().splitlines()[-1:] or ["without a word"]
    return f"ended with exit code {code}: {last[0].strip()}"
