"""The benchmarks: who computes something else is refused, and the numbers are right. No times."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import double
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # the benchmarks are no part of the package

from benchmarks import gradcheck, growth, habits, machine, output, startup, step, variance
from benchmarks.children import PeerFailed, children
from benchmarks.contest import Disagrees, Result, answers_of, same
from benchmarks.peer import Entry, read_task, write_task
from benchmarks.ratios import ratio
from benchmarks.rounds import Times, calibrated, measure
from benchmarks.steps import plain, task
from benchmarks.variances.task import Problem, expected

SMALL = task.Setting(12, 7, 3, 5, "relu")
QUICK = ("--quick", "--rounds", "2", "--out", "out")

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGSTOP"), reason="children are stopped between their turns: POSIX"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # where the tests put peers of their own
    return tmp_path


def peer(folder, name, body):
    """An Entry whose module is `body`, beside the plain step."""
    (folder / f"{name}.py").write_text(f"import os\nfrom benchmarks.steps import plain\n{body}")
    return Entry(name, name)


# -- Ratios


def test_the_ratio_is_the_median_of_the_rounds_ratios():
    found = ratio([1.0, 10.0, 2.0], [2.0, 30.0, 2.0])
    assert found.value == 2.0  # of 2, 3 and 1; the ratio of the medians is 1


def test_a_drift_that_both_share_leaves_no_uncertainty():
    drift = np.array([1.0, 1.3, 2.0, 0.7, 5.0])
    found = ratio(drift, 1.5 * drift)
    assert (found.value, found.low, found.high) == pytest.approx((1.5, 1.5, 1.5))


def test_the_interval_is_the_bootstraps():
    """Of 1, 2, 3 drawn three times the median is 1 in 7 of 27 cases, and 3 in as many."""
    found = ratio([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    assert (found.low, found.high) == (1.0, 3.0)
    # Ten ones and a hundred twos: no draw in 4000 has a median of 1.
    many = ratio(np.ones(110), np.repeat([1.0, 2.0], [10, 100]))
    assert (many.low, many.high) == (2.0, 2.0)


def test_times_of_other_rounds_are_refused():
    with pytest.raises(ValueError, match=r"theirs has shape \(2,\), expected \(3,\)"):
        ratio([1.0, 1.0, 1.0], [1.0, 2.0])


# -- Rounds


class Pretender:
    """A child that takes `each` seconds for a piece of work, and notes its turns."""

    def __init__(self, name, each, turns, first=0.0):
        self.name, self.each, self.turns, self.first = name, each, turns, first

    def ask(self, what, count=None):
        if what == "memory":
            return {"memory": 5.0}
        self.turns.append(self.name)
        took, self.first = count * self.each + self.first, 0.0
        return {"seconds": took, "faults": 3 * count}


def test_every_child_has_one_turn_in_each_round_in_changing_order():
    turns = []
    pretenders = [Pretender(name, 10.0, turns) for name in "abcd"]
    times = measure(pretenders, rounds=6, seconds=1.0, rng=np.random.default_rng(0))
    rounds = np.array(turns[-24:]).reshape(6, 4)
    assert all(sorted(row) == list("abcd") for row in rounds)
    assert len({tuple(row) for row in rounds}) > 3
    np.testing.assert_array_equal(times["b"].seconds, 10.0)
    np.testing.assert_array_equal(times["b"].faults, 3.0)
    assert times["b"].memory == 5.0


def test_a_turn_holds_as_much_work_as_fits():
    assert calibrated(Pretender("quick", 0.01, []), 1.0) == 100
    assert calibrated(Pretender("long", 4.0, []), 1.0) == 1


def test_what_is_compiled_at_first_is_not_taken_for_the_work():
    assert calibrated(Pretender("compiled", 0.01, [], first=60.0), 1.0) == 100


# -- Children


def test_a_child_is_stopped_between_two_questions(folder):
    task.write(folder / "task.npz", SMALL, examples=20)
    with children([(step.PEERS["plain"], 1, "stock")], folder / "task.npz") as (child,):
        assert len(child.ask("answers")["answers"]) == task.JUDGED
        status = Path(f"/proc/{child.process.pid}/stat")
        if status.exists():
            states = []
            while states[-1:] != ["T"] and len(states) < 200:  # it takes a moment to arrive
                time.sleep(0.01)
                states.append(status.read_text().rsplit(")")[1].split()[0])
            assert states[-1] == "T"
        reply = child.ask("run", count=3)
        assert reply["seconds"] > 0
        assert reply["faults"] >= 0
    assert child.process.returncode is not None


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end the children")
def test_no_child_outlives_a_parent_that_is_killed(folder):
    task.write(folder / "task.npz", SMALL, examples=20)
    code = """if True:
        import os, signal, sys
        from benchmarks.children import Child
        from benchmarks.step import PEERS
        child = Child(PEERS["plain"], sys.argv[1], 1)
        child.ask("answers")
        print(child.process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", code, str(folder / "task.npz")]
    root = Path(step.__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    status = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(500):
        if not status.exists() or status.read_text().rsplit(")")[1].split()[0] == "Z":
            break  # gone, or dead and waiting for init
        time.sleep(0.01)
    else:
        pytest.fail("the child is still there")


def test_a_peer_that_prints_does_not_disturb_the_pipe(folder):
    entry = peer(folder, "talker", "print('hello')\nclass Peer(plain.Peer):\n pass\n")
    task.write(folder / "task.npz", SMALL, examples=20)
    assert len(answers_of(entry, folder / "task.npz")) == task.JUDGED


def test_a_peer_that_dies_is_named_with_its_last_words(folder):
    entry = peer(folder, "dying", "import sys\nprint('alas', file=sys.stderr)\nos._exit(3)\n")
    task.write(folder / "task.npz", SMALL, examples=20)
    with pytest.raises(PeerFailed, match="dying ended with code 3: alas"):
        answers_of(entry, folder / "task.npz")


def test_a_peer_that_raises_is_named_with_its_error(folder):
    entry = peer(folder, "raising", "raise KeyError('gone')\n")
    task.write(folder / "task.npz", SMALL, examples=20)
    with pytest.raises(PeerFailed, match="raising: KeyError: 'gone'"):
        answers_of(entry, folder / "task.npz")


def test_a_task_comes_out_of_its_file_as_it_went_in(folder):
    write_task(folder / "t.npz", {"a": np.arange(3.0)}, {"D": 4, "word": "tanh"})
    arrays, about = read_task(folder / "t.npz")
    assert about == {"D": 4, "word": "tanh"}
    np.testing.assert_array_equal(arrays["a"], [0, 1, 2])


# -- The machine


def test_kernels_that_would_crash_are_not_allowed():
    wide = "fma avx2 avx512f avx512dq avx512bw avx512vl avx512cd"
    assert machine.allowed("avx512", wide)
    assert not machine.allowed("avx512", wide.replace("avx512bw", ""))
    assert not machine.allowed("avx512", "fma avx2")
    assert machine.allowed("avx2", "fma avx2")
    assert machine.allowed("stock", "")


def test_a_machine_in_use_is_said(monkeypatch):
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (2.71, 0, 0))
    (line,) = machine.busy()
    assert line.startswith("Other programs compute (2.7 at a time)")
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (0.1, 0, 0))
    assert machine.busy() == []


def test_numbers_have_three_digits():
    numbers = (0, 0.01451, 1, 10, 99.96, 1043.2)
    assert [output.number(x) for x in numbers] == ["0", "0.0145", "1.00", "10.0", "100", "1,043"]


def test_a_childs_kernels_are_its_own(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "OPENBLAS_CORETYPE" not in machine.settings(1)
    assert machine.settings(2, "avx512")["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert machine.settings(2)["OPENBLAS_NUM_THREADS"] == "2"


def test_forbidden_kernels_are_bad_input(monkeypatch, capsys):
    monkeypatch.setattr(machine, "allowed", lambda name, flags=None: name == "stock")
    assert step.main([*QUICK, "--kernels", "avx512"]) == 2
    assert "the processor has no AVX512" in capsys.readouterr().err


# -- A training step


def reference(setting, folder, examples=20):
    task.write(folder / "task.npz", setting, examples=examples)
    return answers_of(step.REFERENCE, folder / "task.npz")


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_plain_gradient_is_the_derivative_of_the_plain_loss(activation):
    rng = np.random.default_rng(0)
    p = {k: rng.normal(0, 0.5, shape) for k, shape in SMALL.shapes.items()}
    x, eps = rng.random((5, 12)), rng.standard_normal((5, 3))
    _, d = plain.loss_and_gradients(p, x, eps, activation)
    for name, block in p.items():
        v = rng.standard_normal(block.shape)
        ends = [
            plain.loss_and_gradients(p | {name: block + h * v}, x, eps, activation)[0]
            for h in (1e-6, -1e-6)
        ]
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx((d[name] * v).sum(), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["tinyvae", "plain", "autograd"])
def test_the_losses_of_a_peer_are_those_of_the_reference(name, folder):
    if step.PEERS[name].missing:
        pytest.skip(f"{name} is not installed")
    losses = reference(SMALL, folder)
    same(name, answers_of(step.PEERS[name], folder / "task.npz"), losses, step.CLOSE, "losses")


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("name", ["torch", "torch-fused", "torch-compiled", "jax"])
def test_so_are_those_of_the_frameworks(name, activation, samples, folder):
    if step.PEERS[name].missing:
        pytest.skip(f"{name} is not installed")
    losses = reference(task.Setting(12, 7, 3, 5, activation, samples), folder)
    same(name, answers_of(step.PEERS[name], folder / "task.npz"), losses, step.CLOSE, "losses")


def test_the_floor_has_the_products_of_a_step(folder):
    """Twice a batch of multiplications for each weight, and once more for all but the first's."""
    from benchmarks.steps.products import Peer

    task.write(folder / "task.npz", SMALL, examples=20)
    arrays, about = read_task(folder / "task.npz")
    floor = Peer(arrays, about | {"threads": 1, "variant": ""})
    floor.run(1)
    sizes = {name: np.prod(shape) for name, shape in SMALL.shapes.items() if name[0] == "W"}
    expected = 5 * (3 * sum(sizes.values()) - sizes["W1"])
    assert sum(a.size * b.shape[1] for a, b, _ in floor.products) == expected


def test_a_quick_run_prints_a_table_and_keeps_every_time(folder, capsys):
    assert step.main([*QUICK, "--peers", "tinyvae,plain,floor", "--kernels", "stock"]) == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert any(line.startswith("64-128(tanh)-8, batch 64; 1 thread") for line in lines)
    for name in ("tinyvae", "plain NumPy", "matrix products"):
        assert sum(line.startswith(f"{name} ") for line in lines) >= 1
    assert "times its own matrix products" in said
    (record,) = json.loads((folder / "out" / "step.json").read_text())
    assert list(record["times"]) == ["tinyvae", "plain NumPy", "matrix products"]
    assert all(len(t["seconds"]) == 2 and min(t["seconds"]) > 0 for t in record["times"].values())


@pytest.mark.slow
def test_growth_has_a_table_for_each_size_that_grows(folder, monkeypatch, capsys):
    monkeypatch.setattr(growth, "AXES", {axis: growth.AXES[axis] for axis in ("width", "samples")})
    options = ("--growth", "--rounds", "1", "--peers", "tinyvae,plain", "--kernels", "stock")
    assert step.main([*QUICK, *options]) == 0
    said = capsys.readouterr().out
    for axis in growth.AXES:
        assert f"Growth with the {axis}" in said
    assert "plain NumPy" not in said  # it has one sample
    assert len(json.loads((folder / "out" / "growth.json").read_text())) == 4


WRONG = """
def loss_and_gradients(p, x, eps, activation):
    loss, d = right(p, x, eps, activation)
    {mistake}
    return loss, d
right, plain.loss_and_gradients = plain.loss_and_gradients, loss_and_gradients
class Peer(plain.Peer):
    pass
"""


@pytest.mark.parametrize(
    ("mistake", "number"),
    [("loss = 1.0001 * loss", 1), ("d['bl'] = -d['bl']", 2), ("loss = float('nan')", 1)],
)
def test_a_peer_that_does_something_else_is_refused(mistake, number, folder, monkeypatch, capsys):
    wrong = peer(folder, "wrong", WRONG.format(mistake=mistake))
    monkeypatch.setitem(step.PEERS, "wrong", wrong)
    assert step.main([*QUICK, "--peers", "tinyvae,wrong"]) == 1
    told = capsys.readouterr()
    assert f"wrong does something else: of its losses number {number} is " in told.err
    assert "over tinyvae" not in told.out
    assert not (folder / "out").exists()


def test_answers_that_are_missing_are_refused():
    with pytest.raises(Disagrees, match="short gives 1 losses, expected 2"):
        same("short", np.ones(1), np.ones(2), 1e-5, "losses")


def test_an_absent_peer_is_said_and_the_rest_runs(monkeypatch, capsys):
    absent = Entry("Absent", "benchmarks.steps.plain", ("no_such_package",))
    monkeypatch.setitem(step.PEERS, "absent", absent)
    assert step.main([*QUICK, "--peers", "tinyvae,absent", "--kernels", "stock"]) == 0
    said = capsys.readouterr().out
    assert "Absent: left out, no_such_package not installed" in said
    assert "over tinyvae" in said


# -- The others


@pytest.mark.parametrize(
    ("command", "options", "names"),
    [
        (variance, ("--peers", "tinyvae,whole"), ["tinyvae", "NumPy, whole arrays"]),
        (gradcheck, ("--peers", "directions"), ["tinyvae, directions"]),
        (startup, ("--rounds", "1", "--peers", "tinyvae"), ["numpy", "tinyvae"]),
    ],
)
def test_each_of_the_others_runs(command, options, names, folder, capsys):
    assert command.main([*QUICK, *options]) == 0
    name = command.__name__.rpartition(".")[2]
    record, *_ = json.loads((folder / "out" / f"{name}.json").read_text())
    assert list(record["times"]) == names
    assert "written" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("command", [variance, gradcheck, startup])
def test_each_of_them_runs_with_all_peers(command):
    assert command.main(list(QUICK)) == 0


def test_variances_that_are_off_are_refused():
    problem = Problem(2, 10_000)
    exact, errors = expected(problem)
    variance.judge("right", exact + 5.9 * errors, exact, errors)
    for k in (0, 7, 15):
        off = exact.copy()
        off[k] += 7.0 * errors[k]
        with pytest.raises(Disagrees, match=rf"off: number {k + 1} of .* 7.0 standard errors"):
            variance.judge("off", off, exact, errors)
    with pytest.raises(Disagrees, match="nan standard errors"):
        variance.judge("nothing", np.full(16, np.nan), exact, errors)


def test_whole_arrays_that_would_not_fit_are_left_out(monkeypatch, capsys):
    monkeypatch.setattr(variance, "LIMIT", 1e5)
    assert variance.main([*QUICK, "--peers", "tinyvae,whole"]) == 0
    assert "NumPy, whole arrays: left out, they would take 0.0 GB" in capsys.readouterr().out


def test_the_networks_to_check_have_as_many_parameters_as_they_say():
    from benchmarks.gradchecks.task import SIZES

    for size, setting in SIZES.items():
        assert sum(int(np.prod(shape)) for shape in setting.shapes.values()) == int(size)


def test_a_check_that_finds_a_mistake_stops_the_benchmark(folder, monkeypatch, capsys):
    body = "from benchmarks.gradchecks import in_tinyvae as i\nclass Peer(i.Peer):\n"
    body += " def check(self):\n  return False, 1.0\n"
    (folder / "finder.py").write_text(body)
    finder = Entry("finder", "finder", variant="directions")
    monkeypatch.setitem(gradcheck.PEERS, "finder", finder)
    assert gradcheck.main([*QUICK, "--peers", "finder"]) == 1
    assert "finder says that the gradient is wrong" in capsys.readouterr().err


def test_the_modules_of_numpy_are_not_counted_again():
    found = dict(startup.longest("matplotlib"))
    assert len(found) == startup.LONGEST
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert any(name.startswith("matplotlib") for name in found)
    assert not any(name.startswith("numpy._core") for name in found)


# -- Tables and options


def result():
    seconds = {"tinyvae": [1.0, 2.0, 1.0], "tinyvae, avx512": [0.5, 1.0, 0.5], "other": [3.0] * 3}
    return Result("t", {k: Times(np.array(v), np.zeros(3), None) for k, v in seconds.items()})


def test_a_table_compares_with_each_kind_of_kernels():
    heads, *rows = output.rows(result())
    assert heads[:4] == ["", "ms", "over tinyvae", "over tinyvae, avx512"]
    assert rows[0] == ["tinyvae", "1,000", "1", "2.00 [2.00, 2.00]", "0", "-"]
    assert rows[2][:4] == ["other", "3,000", "3.00 [1.50, 3.00]", "6.00 [3.00, 6.00]"]
    assert output.markdown([heads, *rows]).splitlines()[1] == "|---|---:|---:|---:|---:|---:|"


def test_figures_are_drawn_whole(folder):
    from benchmarks.figure import bars, lines

    bars([result()], folder / "bars.png")
    lines({"batch": {1: result(), 2: result()}, "width": {3: result()}}, folder / "lines.png")
    for name in ("bars.png", "lines.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir()) == ["bars.png", "lines.png"]


def test_tables_take_their_place_in_a_readme(folder):
    readme = folder / "README.md"
    readme.write_text("a\n<!-- step -->\nold\n<!-- end of step -->\nb\n")
    output.write_into(readme, "step", "new")
    assert readme.read_text() == "a\n<!-- step -->\nnew\n<!-- end of step -->\nb\n"
    with pytest.raises(ValueError, match="needs the lines <!-- growth -->"):
        output.write_into(readme, "growth", "new")


def test_the_readme_of_the_benchmarks_has_a_place_for_every_table():
    readme = (Path(step.__file__).parent / "README.md").read_text()
    for name in ("step", "growth", "variance", "gradcheck", "startup"):
        for line in output.section(name):
            assert readme.count(line) == 1


@pytest.mark.parametrize(
    ("command", "options", "says"),
    [
        (step, ("--peers", "tensorflow"), "unknown peer 'tensorflow'"),
        (step, ("--settings", "tanhh"), "unknown setting 'tanhh': did you mean 'tanh'"),
        (step, ("--rounds", "0"), "rounds must be at least 1, not 0"),
        (step, ("--seconds", "nan"), "seconds must be finite"),
        (step, ("--threads", "two"), "threads must be whole numbers from 1, as 1,2, not 'two'"),
        (step, ("--threads", "0"), "threads must be whole numbers"),
        (step, ("--threads", "100000"), "threads must be at most"),
        (step, ("--kernels", "mmx"), "unknown kernels 'mmx'"),
        (step, ("--seed", "-1"), "seed must be at least 0"),
        (variance, ("--samples", "10"), "samples must be at least 10000"),
        (variance, ("--dimensions", "x"), "dimensions must be whole numbers"),
        (variance, ("--dtypes", "int"), "unknown dtype 'int'"),
        (gradcheck, ("--sizes", "7"), "unknown size '7'"),
        (startup, ("--peers", ""), "unknown peer ''"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(command, options, says, capsys):
    assert command.main(list(options)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error


def test_the_commands_run_as_modules(folder):
    options = ["--rounds", "1", "--peers", "floor", "--quick", "--out", str(folder / "out")]
    command = [sys.executable, "-m", "benchmarks.step", *options]
    root = Path(step.__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "matrix products" in done.stdout


@pytest.mark.slow
def test_every_habit_does_the_same_step(capsys):
    """All variants of the step give the losses of tinyvae in float64, or the run would end."""
    assert habits.main([*QUICK]) == 0
    said = capsys.readouterr().out
    for entry in habits.PEERS.values():
        assert f"\n{entry.name} " in said


# -- On a GPU: the double of one, in this process and in the children


@pytest.fixture
def gpu(folder, monkeypatch):
    double.install(monkeypatch)
    tests = str(Path(double.__file__).parent)
    code = f"import sys; sys.path.append({tests!r}); import double\n"
    (folder / "cupy.py").write_text(code + "sys.modules['cupy'] = double.MODULE\n")


def test_a_step_on_a_gpu_has_the_losses_of_the_cpu_and_is_timed(gpu, folder, capsys):
    peers = "tinyvae,gpu,gpu-host"
    assert step.main([*QUICK, "--backend", "cupy", "--peers", peers]) == 0
    out = capsys.readouterr().out
    assert "CuPy double on a GPU made of plain memory" in out
    (record,) = json.loads((folder / "out" / "gpu.json").read_text())
    assert list(record["times"]) == ["tinyvae", "tinyvae, GPU", "tinyvae, GPU, noise of the host"]
    assert all(seconds > 0 for row in record["times"].values() for seconds in row["seconds"])


def test_the_variances_of_a_gpu_are_held_against_the_exact_ones(gpu, folder):
    assert variance.main([*QUICK, "--backend", "cupy"]) == 0
    (record,) = json.loads((folder / "out" / "variance-gpu.json").read_text())
    assert list(record["times"]) == ["tinyvae", "tinyvae, GPU"]


@pytest.mark.parametrize("command", [step, variance])
def test_without_a_gpu_the_benchmarks_say_so_in_one_line(command, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert command.main([*QUICK, "--backend", "cupy"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("benchmarks: error: backend 'cupy' needs a GPU and CuPy, which is not")
    assert err.count("\n") == 1
