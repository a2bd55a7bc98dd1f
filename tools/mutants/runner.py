"""One mutant after the other: a warm process that forks a child for each, in a private copy.

The parent imports NumPy, SciPy, pytest and what else the tests import, but never tinyvae; so a
child starts with everything warm, imports the mutated package afresh, and runs the tests until one
fails. The package, its tests and what they read are copied once for each job, and the file of the
mutant is changed there: what the tests start as a new process sees the mutant too. Hypothesis is
told to draw the same examples in every run, and not to shrink what it finds.
"""

import ast
import compileall
import contextlib
import gc
import importlib
import multiprocessing
import os
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
from multiprocessing import connection
from pathlib import Path
from py_compile import PycInvalidationMode

KEPT = ("tinyvae", "tests", "benchmarks", ".ci", "assets")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "test_mutation.py")
LEFT_ALONE = ("cacheprovider", "xdist", "unraisableexception", "threadexception")  # of pytest
MEMORY = 6 * 2**30  # bytes a child may allocate: a mutant may ask for a petabyte
PATIENCE = 1800.0  # seconds, for tests without a mutant
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTHONDONTWRITEBYTECODE": "1",
}
fork = multiprocessing.get_context("fork")


def private_copy(root):
    """A folder with the package, its tests and the files beside them; the caller removes it.

    The package is compiled there, each file with the hash of its text: a mutant, which may have
    the size and the time of the original, is never taken for it.
    """
    copy = Path(tempfile.mkdtemp(prefix="tinyvae_mutants_"))
    for path in root.iterdir():
        if path.is_file() and not path.name.startswith("."):
            shutil.copy2(path, copy)
        elif path.name in KEPT:
            shutil.copytree(path, copy / path.name, ignore=LEFT_OUT)
    mode = PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(copy / "tinyvae", quiet=2, invalidation_mode=mode)
    return copy


def warm_up(copy):
    """Import what the tests import, but for the package and the tests' own helpers."""
    own = {path.stem for path in (copy / "tests").glob("*.py")} | {"tinyvae"}
    modules = {"pytest", "hypothesis"}
    for path in (copy / "tests").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module)
                modules |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Constant) and node.value in ("torch", "mpmath"):
                modules.add(node.value)
    for module in sorted(modules):
        if module.partition(".")[0] not in own:
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
    if "tinyvae" in sys.modules:
        raise RuntimeError("tinyvae is imported already: a child would not see its mutant")
    from hypothesis import Phase, settings
    from hypothesis.internal.conjecture import providers

    # It mixes the constants of the package's text into its examples, and so a mutant's too.
    providers.is_local_module_file = lambda path: False
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutants", derandomize=True, database=None, phases=phases)
    settings.load_profile("mutants")
    gc.freeze()


class _Watcher:
    """A plugin: what failed lately is run first, and the first failure is remembered."""

    def __init__(self, likely):
        self.likely, self.failed, self.count = likely, None, 0

    def pytest_collection_modifyitems(self, items):
        rank = {nodeid: i for i, nodeid in enumerate(self.likely)}
        items.sort(key=lambda item: rank.get(item.nodeid, len(rank)))

    def pytest_runtest_logreport(self, report):
        self.count += report.when == "call"
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def pytest_collectreport(self, report):
        if report.failed and self.failed is None:
            self.failed = report.nodeid


def run_steps(copy, steps, likely, send, first=False):
    """In a child: the steps in turn until a test fails; send (the test or None, tests run).

    The first child of a copy leaves the compiled tests behind for the others.
    """
    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.environ.update(SETTINGS, PYTHONPATH=str(copy), HYPOTHESIS_STORAGE_DIRECTORY=str(copy / ".h"))
    os.environ.pop("PYTEST_ADDOPTS", None)
    sys.dont_write_bytecode = not first
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    import pytest

    options = ["-x", "-q", "--tb=no", f"--rootdir={copy}", "-c", "setup.cfg"]
    options += [f"-pno:{plugin}" for plugin in LEFT_ALONE]
    ran = 0
    for step in steps:
        watcher = _Watcher(likely)
        code = pytest.main([*options, *shlex.split(step)], plugins=[watcher])
        if code not in (0, 5):
            send.send((watcher.failed or f"pytest ended with {int(code)}", ran))
            return
        ran += watcher.count
    send.send((None, ran))


class Child:
    """A running child: `sentinel` becomes ready when it ends; `result()` is what it found."""

    def __init__(self, copy, steps, likely, limit, first=False):
        self.receive, send = fork.Pipe(duplex=False)
        self.process = fork.Process(target=run_steps, args=(copy, steps, likely, send, first))
        self.start, self.limit = time.monotonic(), limit
        self.process.start()
        send.close()
        self.sentinel = self.process.sentinel

    @property
    def is_late(self):
        return time.monotonic() - self.start > self.limit

    def end(self):
        """End it and whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def result(self):
        """(verdict, the test that told, seconds, tests run)."""
        seconds = time.monotonic() - self.start
        late = not connection.wait([self.sentinel], timeout=0)
        try:
            failed, count = self.receive.recv() if self.receive.poll() else ("crash", 0)
        except EOFError:
            failed, count = "crash", 0
        self.end()
        self.receive.close()
        if late:
            return "late", None, seconds, 0
        return ("survived" if failed is None else "killed"), failed, seconds, count


class Workshop:
    """`jobs` private copies of the project at root; `run` puts mutants through them."""

    def __init__(self, root, jobs):
        self.original = private_copy(root)
        self.free = [private_copy(root) for _ in range(jobs)]
        self.copies = [self.original, *self.free]
        warm_up(self.original)
        for copy in self.copies:
            self.outcome(Child(copy, ["tests --collect-only"], (), PATIENCE, first=True))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for copy in self.copies:
            shutil.rmtree(copy, ignore_errors=True)

    def outcome(self, child):
        """Wait for one child, and what it found."""
        connection.wait([child.sentinel], timeout=child.limit)
        return child.result()

    def baseline(self, steps):
        """Seconds that the steps take on the package as it is.

        RuntimeError if a test fails there, or none is run: no verdict would mean anything.
        """
        child = Child(self.original, steps, (), PATIENCE)
        verdict, failed, seconds, count = self.outcome(child)
        if verdict != "survived":
            raise RuntimeError(f"without any mutant the tests are not green: {failed or verdict}")
        if not count:
            raise RuntimeError(f"no test was run by {steps}")
        return seconds

    def run(self, mutants, plan):
        """Yield (mutant, verdict, test, seconds) as the children end.

        plan(mutant) is (text of the mutated file, steps, likely tests, limit in seconds).
        """
        waiting, running = list(reversed(mutants)), {}
        try:
            while waiting or running:
                while waiting and self.free:
                    copy, mutant = self.free.pop(), waiting.pop()
                    text, steps, likely, limit = plan(mutant)
                    original = (copy / mutant.file).read_bytes()
                    (copy / mutant.file).write_text(text)
                    running[Child(copy, steps, likely, limit)] = copy, mutant, original
                sentinels = [child.sentinel for child in running]
                ready = connection.wait(sentinels, timeout=0.5)
                for child in [c for c in running if c.sentinel in ready or c.is_late]:
                    verdict, failed, seconds, _ = child.result()
                    copy, mutant, original = running.pop(child)
                    (copy / mutant.file).write_bytes(original)
                    self.free.append(copy)
                    yield mutant, verdict, failed, seconds
        finally:
            for child in running:
                child.end()
