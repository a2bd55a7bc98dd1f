"""The same by MPI, on this machine: the numbers, the command line, and how a job ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tinyvae import VAE, Settings, checkpoint
from tinyvae.data import load
from tinyvae.train import finished, fit

sys.path.append(str(Path(__file__).parents[1]))  # the benchmarks are no part of the package

from benchmarks import ranks as bench

HERE = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
MPIEXEC = shutil.which("mpiexec", path=HERE)
pytestmark = pytest.mark.skipif(
    find_spec("mpi4py") is None or MPIEXEC is None,
    reason="needs mpi4py and mpiexec: pip install '.[mpi]'",
)
# Open MPI wants to be told that there may be more ranks than cores, and that root is who it is.
SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
QUICK = {"epochs": 2, "batch": 97, "lr": 0.01}  # 1500 digits: 15 batches of 97 and one of 45
TRAIN = ("-m", "tinyvae", "train", "--mpi", "--hidden", "8")


def command(size, *argv):
    return [MPIEXEC, "-n", str(size), sys.executable, *map(str, argv)]


def on_ranks(size, *argv, cwd=None):
    """What the job says and its exit code; one that hangs fails."""
    options = {"env": os.environ | SETTINGS, "cwd": cwd, "timeout": 120, "text": True}
    return subprocess.run(command(size, *argv), capture_output=True, check=False, **options)


def hands_on_ctrl_c():
    """Whether this mpiexec is MPICH's."""
    done = subprocess.run([MPIEXEC, "--version"], capture_output=True, text=True, check=False)
    return "HYDRA" in done.stdout


CURVES = f"""
import json, sys
import numpy as np
from tinyvae import VAE, Settings, importance_bounds
from tinyvae.comparison import compare
from tinyvae.data import load
from tinyvae.estimators import by_name
from tinyvae.problem import problem
from tinyvae.ranks import world
from tinyvae.train import fit

ranks, data, vae = world(), load("digits"), VAE(64, 2, (8,))
found = {{"size": ranks.size}}
for dtype in ("float32", "float64"):
    state = fit(vae, data, Settings(**{QUICK}, dtype=dtype), ranks=ranks)
    found[dtype] = state.history
    ranks.agree("parameters", state.theta.tobytes())
chosen, rng = problem("quadratic", "normal"), np.random.default_rng(0)
options = {{"samples": 50_000, "rng": rng, "exact_mean": chosen.exact_mean(), "ranks": ranks}}
args = by_name("score function"), chosen.f, chosen.law, chosen.params
found["z"] = [float(one.z[0]) for one in compare(*args, **options)]
bounds = importance_bounds(vae, state.theta, data.held_out[:50], samples=(1, 100), ranks=ranks)
ranks.agree("bounds", bounds[100].tobytes())
found["bounds"] = [float(bounds[k].mean()) for k in (1, 100)]
if ranks.rank == 0:
    print(json.dumps(found))
"""


@pytest.mark.parametrize(
    "size", [1, 2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)]
)
def test_the_numbers_are_those_of_one_process(size):
    done = on_ranks(size, "-c", CURVES)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["size"] == size
    for dtype, rtol in ("float32", 1e-5), ("float64", 1e-12):
        alone = fit(VAE(64, 2, (8,)), load("digits"), Settings(**QUICK, dtype=dtype)).history
        for ours, theirs in zip(found[dtype], alone, strict=True):
            for name in theirs.keys() - {"seconds"}:
                assert ours[name] == pytest.approx(theirs[name], rel=rtol), (dtype, name)
    assert max(map(abs, found["z"])) < 5
    elbo, tighter = found["bounds"]
    assert elbo < tighter < elbo + 1.0


# -- how a job ends --------------------------------------------------------------------------------

ENDS = f"""
import os, signal, sys
from tinyvae import VAE, Settings, checkpoint
from tinyvae.data import load
from tinyvae.ranks import as_one, world
from tinyvae.train import fit, start

def run():
    ranks, data, vae = world(), load("digits"), VAE(64, 2, (8,))
    settings = Settings(**{QUICK} | {{"epochs": 10**6}})
    def on_step(state):
        if ranks.rank == 0:
            checkpoint.save("run.npz", vae, settings, state, {{}})
        if (ranks.rank, state.step) == (1, 5):
            END
    print("rank", ranks.rank, "begins", flush=True)
    fit(vae, data, settings, on_step=on_step, ranks=ranks)

sys.exit(as_one(run))
"""


@pytest.mark.parametrize(
    ("end", "says"),
    [
        pytest.param(
            "raise RuntimeError('no more')",
            "RuntimeError: no more\ntinyvae: rank 1 of 2 failed alone",
            marks=pytest.mark.slow,  # it waits for the others to fail, too
            id="raises",
        ),
        pytest.param(
            "os.kill(os.getpid(), signal.SIGKILL)",
            "(?i)killed|signal 9|sigkill",  # says mpiexec
            id="killed",
        ),
    ],
)
def test_a_rank_that_dies_ends_the_job_and_leaves_whole_files(tmp_path, end, says):
    done = on_ranks(2, "-c", ENDS.replace("END", end), cwd=tmp_path)
    assert done.returncode != 0
    assert re.search(says, done.stdout + done.stderr), done
    assert done.stdout.count("begins") == 1  # rank 0 alone is heard
    state = checkpoint.load(tmp_path / "run.npz")[2]
    assert state.epoch == 0
    assert state.step in (4, 5, 6)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--epochs", 0), "epochs must be at least 1, not 0"),
        (("--download",), "download is for one process: ranks would all write the same files"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, option, says):
    done = on_ranks(2, *TRAIN, *option, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    said = done.stderr.splitlines()  # Open MPI's mpiexec has something to add
    assert said[0] == f"tinyvae: error: {says}"
    assert done.stderr.count("tinyvae:") == 1


@pytest.mark.slow
def test_bad_input_on_one_rank_alone_is_said_with_its_number(tmp_path):
    """A file that is not there for rank 1, as on a machine without the others' disk."""
    code = (
        "import sys\nfrom tinyvae import __main__, ranks\n"
        "from tinyvae.commands import runs\n"
        "def load(*args, **kwargs): raise OSError('no such file here')\n"
        "if ranks.world().rank == 1: runs.load = load\n"
        "sys.exit(__main__.main())"
    )
    done = on_ranks(2, "-c", code, *TRAIN[2:], cwd=tmp_path)
    assert done.returncode == 2
    assert "tinyvae: error: no such file here\ntinyvae: rank 1 of 2 failed alone" in done.stderr


def test_a_file_that_rank_0_cannot_write_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "file").touch()
    done = on_ranks(2, *TRAIN, "--out", "file/run", cwd=tmp_path)
    assert done.returncode == 2
    assert "tinyvae: error: cannot write file/run/checkpoint.npz" in done.stderr
    assert done.stderr.count("tinyvae:") == 1


LATER = """
import sys, time
from tinyvae import ranks

ranks.PATIENCE = 0.1

def run():
    if ranks.world().rank == 0:
        time.sleep(0.5)
        print("written")
    return 1

sys.exit(ranks.as_one(run))
"""


def test_a_code_that_all_end_with_is_no_trouble_however_long_rank_0_still_writes():
    """As after Ctrl-C, 130, or with figures of a model that deserves a 1."""
    done = on_ranks(2, "-c", LATER)
    assert (done.returncode, done.stdout, done.stderr) == (1, "written\n", "")


def test_wrong_options_are_said_once(tmp_path):
    done = on_ranks(2, *TRAIN, "--epochs", "many", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("invalid int value: 'many'") == 1


def test_an_mpiexec_of_another_mpi_is_noticed(tmp_path, monkeypatch):
    """It starts several processes, each of which believes that it is alone, and would write."""
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    options = {"capture_output": True, "text": True, "check": False, "cwd": tmp_path}
    done = subprocess.run([sys.executable, *TRAIN], **options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "mpiexec started 3 processes, but each of them is alone" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif("not hands_on_ctrl_c()", reason="Open MPI's mpiexec kills at Ctrl-C")
def test_ctrl_c_saves_on_four_ranks_and_two_go_on(tmp_path):
    """mpiexec hands the signal to every rank; all stop after the same step."""
    argv = command(4, *TRAIN, "--dtype", "float64", "--epochs", 200, "--out", "run")
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, env=os.environ | SETTINGS, cwd=tmp_path, **options) as job:
        timer = threading.Timer(100, job.kill)
        timer.start()
        said = [next(line for line in job.stdout if re.match(r" +1 +\d", line))]
        job.send_signal(signal.SIGINT)
        out, err = job.communicate()
        timer.cancel()
    assert job.returncode == 130, err
    assert len(re.findall(r"interrupted in epoch", "".join([*said, out]))) == 1
    vae, settings, state, _ = checkpoint.load(tmp_path / "run/checkpoint.npz")
    assert not finished(state, settings)
    assert len(state.history) == state.epoch >= 1

    epochs = state.epoch + 1
    resumed = on_ranks(2, *TRAIN, "--resume", "--out", "run", "--epochs", epochs, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "ranks     2, each with 10 of the 20 examples of a step" in resumed.stdout
    run = json.loads((tmp_path / "run/history.json").read_text())
    alone = fit(vae, load("digits").binarized("threshold"), Settings(**run["settings"]))
    losses = [[row["loss"] for row in history] for history in (run["history"], alone.history)]
    np.testing.assert_allclose(*losses, rtol=1e-9)


@pytest.mark.slow
def test_rank_0_alone_prints_and_writes_what_one_process_does(tmp_path):
    said, written = [], []
    for size in (1, 3):
        folder = tmp_path / str(size)
        folder.mkdir()
        done = on_ranks(size, *TRAIN, "--epochs", 2, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        said.append([re.sub(r"[\d.]+", "", line)[:20] for line in done.stdout.split("\n")])
        written.append(sorted(p.relative_to(folder) for p in folder.rglob("*")))
    assert "ranks     3, each with 6 or 7 of the 20 examples of a step" in done.stdout
    assert said[0] == said[1]
    assert written[0] == written[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "argv",
    [
        ("variance", "--samples", 20_000, "--no-figures"),
        ("importance", "--repeats", 2000, "--no-figures"),
    ],
)
def test_the_laboratories_are_shared(tmp_path, argv):
    done = on_ranks(2, "-m", "tinyvae", *argv, "--mpi", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall("shared by 2 ranks", done.stdout, re.IGNORECASE)) == 1
    again = on_ranks(2, "-m", "tinyvae", *argv, "--mpi", cwd=tmp_path)
    assert done.stdout == again.stdout
    assert done.stdout != on_ranks(1, "-m", "tinyvae", *argv, "--mpi", cwd=tmp_path).stdout


# -- how far sharing pays, on paper ----------------------------------------------------------------


def test_a_sum_over_a_network_costs_messages_and_bytes():
    network = bench.Network("1 MB/s, 1 ms", 1e-3, 1e6)
    assert network.sum(1, 10**6) == 0.0
    assert network.sum(2, 10**6) == pytest.approx(2e-3 + 1.0)
    assert network.sum(8, 10**6) == pytest.approx(6e-3 + 1.75)


def test_growth_is_fitted_and_a_free_sum_leaves_what_does_not_shrink():
    times = {batch: {"whole": np.full(3, 1e-3 + 1e-4 * batch)} for batch in (1, 10, 100)}
    growth = bench.fitted(times)
    np.testing.assert_allclose(growth, [1e-3, 1e-4], rtol=1e-9)
    free = bench.Network("free", 0.0, np.inf)
    assert bench.speed_up(growth, 100, 1, free, 8) == pytest.approx(1.0)
    assert bench.speed_up(growth, 100, 3, free, 8) == pytest.approx(11.0 / 4.4)  # of 34 examples
    assert bench.speed_up(growth, 100, 200, free, 8) == pytest.approx(11.0 / 1.1)
    slow = bench.Network("slow", 1.0, 1.0)
    assert bench.speed_up(growth, 100, 2, slow, 8) < 1.0


@pytest.mark.slow
def test_a_quick_benchmark_prints_its_tables(tmp_path, capsys):
    assert bench.main(["--quick", "--peers", "deep", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "784-128-64-20, 0.9 MB of gradient; 2 ranks" in out
    assert "784-128-64-20, on paper" in out
    record = json.loads((tmp_path / "ranks.json").read_text())
    assert set(record[-1]["times"]) == {"whole", "share", "shared", "sum", "flag"}
