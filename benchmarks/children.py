"""The parent's side of a worker: start it, ask it, end it."""

import json
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import machine

ROOT = Path(__file__).parents[1]


class PeerFailed(RuntimeError):
    """A peer raised an error or died; the message names it and says what it said last."""


class Child:
    """A peer in a process of its own; it runs only while it is asked something.

    Between two questions it is stopped: the threads of a BLAS go on waiting actively for more work
    for a tenth of a second, and would take a core from the child whose turn is next.
    """

    def __init__(self, entry, task, threads, kernels="stock"):
        self.entry, self.threads, self.kernels = entry, threads, kernels
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `end` closes it
        arguments = [entry.module, str(task), str(threads), entry.variant]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", *arguments],
            cwd=ROOT,
            env=machine.settings(threads, kernels),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )

    @property
    def name(self):
        """'plain NumPy' or, with other kernels than the installed, 'plain NumPy, avx512'."""
        return self.entry.name + (f", {self.kernels}" if self.kernels != "stock" else "")

    def ask(self, what, **arguments):
        """The reply, a dict. PeerFailed if there is none, or if it is an error."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps({"do": what} | arguments) + "\n")
            self.process.stdin.flush()
            reply = json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().strip().splitlines() or ["it said nothing"]
            code = self.process.returncode
            raise PeerFailed(f"{self.name} ended with code {code}: {said[-1]}") from None
        self.process.send_signal(signal.SIGSTOP)
        if "error" in reply:
            raise PeerFailed(f"{self.name}: {reply['error']}")
        return reply

    def end(self):
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@contextmanager
def children(wanted, task):
    """Start a Child for each (entry, threads, kernels); all have ended when the block does."""
    with ExitStack() as stack:
        started = []
        for entry, threads, kernels in wanted:
            started.append(Child(entry, task, threads, kernels))
            stack.callback(started[-1].end)
        yield started
