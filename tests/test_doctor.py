"""The doctor: made-up machines, made-up measurements, and the command on this machine."""

import argparse
import os
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tinyvae.backend import describe
from tinyvae.commands import doctor as command
from tinyvae.doctor import blas as blases
from tinyvae.doctor import kernels, machine, measure, report, threads
from tinyvae.doctor.blas import Blas
from tinyvae.doctor.machine import Machine
from tinyvae.doctor.measure import Setting, Trial

AVX2 = "sse sse2 ssse3 sse4_2 avx avx2 fma bmi2"
ZEN4 = f"{AVX2} avx512f avx512dq avx512bw avx512vl avx512cd avx512ifma avx512_bf16 avx512_vnni"
PHI = f"{AVX2} avx512f avx512cd avx512er avx512pf"  # has AVX-512, and not what the kernels need
OLD = "sse sse2 ssse3 sse4_2"
CORETYPE, THREADS = "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS"
SKYLAKEX = f"{CORETYPE}=SkylakeX"


def made_up(core="Haswell", flags=ZEN4, *, used=1, dynamic=True, name="OpenBLAS", **rest):
    blas = Blas(name, "0.3.31", core, dynamic, used)
    return Machine(blas=blas, flags=frozenset(flags.split()), **rest)


# -- which kernels ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("core", "flags", "value"),
    [
        ("Haswell", ZEN4, "SkylakeX"),
        ("Zen", ZEN4, "SkylakeX"),
        ("HASWELL", ZEN4, "SkylakeX"),
        ("Prescott", ZEN4, "SkylakeX"),
        ("Katmai", AVX2, "Haswell"),  # what pip's OpenBLAS calls its Prescott kernels
        ("Nehalem", AVX2, "Haswell"),
        ("Sandybridge", PHI, "Haswell"),
    ],
)
def test_stronger_kernels_are_proposed_to_a_processor_that_has_them(core, flags, value):
    sentence, remedy = kernels.kernels(made_up(core, flags))
    assert (remedy.variable, remedy.value) == (CORETYPE, value)
    assert sentence.startswith(core)


@pytest.mark.parametrize(
    ("core", "flags"),
    [
        ("SkylakeX", ZEN4),
        ("Cooperlake", ZEN4),
        ("SapphireRapids", ZEN4),
        ("Haswell", AVX2),
        ("Zen", AVX2),
        ("Haswell", PHI),
        ("Sandybridge", "sse2 avx"),
        ("Nehalem", OLD),
    ],
)
def test_kernels_that_use_all_that_there_is_are_left_alone(core, flags):
    sentence, remedy = kernels.kernels(made_up(core, flags))
    assert remedy is None
    assert "all that this processor has" in sentence


@pytest.mark.parametrize(
    "missing", ["avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"]
)
def test_without_any_one_of_its_flags_avx_512_is_never_proposed(missing):
    flags = " ".join(flag for flag in ZEN4.split() if flag != missing)
    for core in ("Haswell", "Zen", "Sandybridge", "Prescott"):
        remedy = kernels.kernels(made_up(core, flags))[1]
        assert remedy is None or remedy.value == "Haswell"


@pytest.mark.parametrize("level", kernels.LEVELS, ids=lambda level: level.name)
def test_what_a_level_asks_for_gets_its_own_kernels(level):
    assert level.ask is None or kernels.level_of(level.ask) is level
    assert kernels.best_for(level.needs | {"sse2"}) is level


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (made_up(None, name="MKL"), "unknown; MKL chooses"),
        (made_up(None, name="Accelerate"), "unknown; Accelerate chooses"),
        (made_up(None, name="none"), "NumPy's own loops"),
        (made_up(None), "does not say"),
        (made_up("neoversen1", "asimd"), "not known here"),
        (made_up("Haswell", ""), "what the processor has is unknown"),
        (made_up(dynamic=False), "this OpenBLAS has no other kernels"),
        (made_up(environ={CORETYPE: "skylakex"}), "this OpenBLAS has no skylakex kernels"),
        (made_up("Nehalem", "sse2 avx"), "Nehalem (SSE); the processor has AVX"),
        (made_up("SkylakeX", AVX2), "more than the processor's AVX2"),
    ],
)
def test_where_nothing_can_be_proposed_the_reason_is_said(made, says):
    sentence, remedy = kernels.kernels(made)
    assert remedy is None
    assert says in sentence


def test_a_variable_that_asks_for_too_much_is_to_be_unset():
    made = made_up("SkylakeX", AVX2, environ={CORETYPE: "SkylakeX"})
    sentence, remedy = kernels.kernels(made)
    assert "SkylakeX (AVX-512), more than the processor's AVX2" in sentence
    assert remedy.value is None
    assert [s.name for s in report.settings([remedy], 1)] == [report.NOW]  # not tried
    lines = report.advice([remedy], {report.NOW: Trial((1.0,))})
    assert f"    unset {CORETYPE}" in lines
    assert "can crash" in lines[-1]
    assert f"    Remove-Item Env:{CORETYPE}" in report.advice([remedy], windows=True)


# -- how many threads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "cores", "quota", "value", "only_measured"),
    [
        (4, 4, None, "1", True),
        (1, 4, None, "4", True),
        (64, 4, None, "4", False),
        (64, 64, 2.0, "2", False),
        (8, 8, 0.5, "1", False),
    ],
)
def test_another_number_of_threads_is_tried(used, cores, quota, value, only_measured):
    remedy = threads.threads(made_up(used=used, cores=cores, quota=quota))[1]
    assert (remedy.variable, remedy.value, remedy.only_measured) == (THREADS, value, only_measured)


@pytest.mark.parametrize(("used", "cores"), [(1, 1), (None, 8)])
def test_one_core_or_unknown_threads_leave_nothing_to_try(used, cores):
    sentence, remedy = threads.threads(made_up(used=used, cores=cores))
    assert remedy is None
    assert f"{cores} core" in sentence
    assert ("unknown" in sentence) == (used is None)


def test_the_time_of_a_container_is_said():
    assert (
        "64 cores for this process, the time of 2.5"
        in threads.threads(made_up(used=2, cores=64, quota=2.5))[0]
    )


# -- what is read -------------------------------------------------------------------------------


def test_the_first_processor_is_read():
    text = (
        "processor\t: 0\nmodel name\t: A: B 9\nflags\t\t: sse2 avx2\npower management:\n\n"
        "processor\t: 1\nmodel name\t: other\nflags\t\t: avx512f\n\n"
    )
    assert machine.parse_cpuinfo(text) == ("A: B 9", {"sse2", "avx2"})
    assert machine.parse_cpuinfo("") == (None, frozenset())
    assert machine.parse_cpuinfo("processor\t: 0\nFeatures\t: asimd\n") == (None, frozenset())


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("200000 100000\n", 2.0),
        ("50000 100000", 0.5),
        ("max 100000\n", None),
        ("", None),
        ("1 0", None),
    ],
)
def test_a_quota_is_read(text, quota):
    assert machine.parse_quota(text) == quota


def test_flags_come_from_numpy_where_there_is_no_cpuinfo(monkeypatch):
    here = machine.examine()
    monkeypatch.setattr(machine, "read", lambda path: "")
    elsewhere = machine.examine()
    assert elsewhere.quota is None
    assert elsewhere.processor
    for level in kernels.LEVELS[:3]:  # SSE2 is not a feature that NumPy always lists
        assert (level.needs <= here.flags) == (level.needs <= elsewhere.flags)


def test_no_flags_where_numpy_does_not_say(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy._core._multiarray_umath", None)
    assert machine._flags_of_numpy() == frozenset()


def test_the_words_of_openblas_are_read():
    words = "OpenBLAS 0.3.31.188.0  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64"
    assert blases.parse_config(words) == ("0.3.31.188.0", True)
    assert blases.parse_config("OpenBLAS 0.3.20 NO_LAPACKE Haswell") == ("0.3.20", False)
    assert blases.parse_config("") == (None, False)


def test_libraries_in_memory_numpys_own_first():
    maps = (
        "7f00-7f01 r--p 00000000 00:01 1   /usr/lib/openblas-pthread/libblas.so.3\n"
        "7f01-7f02 r-xp 00001000 00:01 1   /usr/lib/openblas-pthread/libblas.so.3\n"
        "7f02-7f03 r-xp 00000000 00:01 2   /a b/numpy.libs/libscipy_openblas64_-32a4.so\n"
        "7f03-7f04 r--p 00000000 00:01 3   /opt/lib/libmkl_rt.so.2\n"
        "7f04-7f05 r--p 00000000 00:01 4   /usr/lib/libm.so.6\n"
        "7f05-7f06 r--p 00000000 00:01 5   /home/me/blas/notes.txt\n"
        "7f06-7f07 rw-p 00000000 00:00 0\n"
        "7f07-7f08 rw-p 00000000 00:00 0   [heap]\n"
    )
    assert blases.libraries_in(maps) == [
        "/a b/numpy.libs/libscipy_openblas64_-32a4.so",
        "/usr/lib/openblas-pthread/libblas.so.3",
        "/opt/lib/libmkl_rt.so.2",
    ]


@pytest.mark.parametrize(
    ("built", "paths", "name"),
    [
        ({"name": "scipy-openblas", "found": True}, [], "OpenBLAS"),
        ({"name": "mkl-sdl", "found": True}, [], "MKL"),
        ({"name": "accelerate", "found": True}, [], "Accelerate"),
        ({"name": "blas", "found": True}, ["/opt/lib/libmkl_rt.so.2"], "MKL"),
        ({"name": "blis", "found": True}, ["/usr/lib/libblis.so"], "blis"),
        ({"name": "blas"}, [], "none"),
        ({}, [], "none"),
    ],
)
def test_a_blas_that_does_not_answer_has_a_name(built, paths, name):
    assert blases.name_of(built, paths) == name


def test_a_file_that_is_no_library_is_not_asked(tmp_path, monkeypatch):
    path = tmp_path / "libopenblas.so"
    path.write_text("not a library")
    monkeypatch.setattr(blases, "_loaded", lambda: [str(path)])
    assert blases.find().core is None


def test_this_process_agrees_with_threadpoolctl():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    np.ones((2, 2)) @ np.ones((2, 2))
    pools = [p for p in threadpoolctl.threadpool_info() if p["internal_api"] == "openblas"]
    if not pools:
        pytest.skip("no OpenBLAS here")
    blas = blases.find()
    known = [(p["version"], p["architecture"].lower(), p["num_threads"]) for p in pools]
    assert (blas.version, blas.core.lower(), blas.threads) in known


# -- CuPy ---------------------------------------------------------------------------------------


def broken_cupy(tmp_path, monkeypatch, text):
    (tmp_path / "cupy.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)


RUNTIME = SimpleNamespace(
    getDeviceCount=lambda: 2,
    getDeviceProperties=lambda i: {"name": b"GPU 9", "totalGlobalMem": 80 * 2**30},
)


def no_driver():
    raise RuntimeError("cudaErrorInsufficientDriver: too old\nmore of it")


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (None, "not installed (optional)"),
        (
            SimpleNamespace(__version__="14.0", cuda=SimpleNamespace(runtime=RUNTIME)),
            "14.0 on GPU 9, 80 GiB, and 1 more",
        ),
        (
            SimpleNamespace(
                cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=no_driver))
            ),
            "imported, but no GPU answers: RuntimeError: cudaErrorInsufficientDriver: too old",
        ),
    ],
)
def test_cupy_is_one_line(monkeypatch, module, says):
    monkeypatch.setitem(sys.modules, "cupy", module)
    assert describe("cupy") == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise RuntimeError('no\\ndriver')", "RuntimeError: no"),
        ("raise OSError()", "OSError"),
        ("import cupy_backends_that_are_not_there", "ModuleNotFoundError: No module named"),
        ("import warnings; warnings.warn('CUDA path?'); raise ImportError('libcuda')", "libcuda"),
    ],
)
def test_a_cupy_that_cannot_be_imported_is_one_line(tmp_path, monkeypatch, text, says):
    broken_cupy(tmp_path, monkeypatch, text)
    line = describe("cupy")
    assert line.startswith("installed, but cannot be imported: ")
    assert says in line
    assert "\n" not in line


# -- the measurement ----------------------------------------------------------------------------


def test_a_child_reports_a_time_and_its_kernels(monkeypatch):
    monkeypatch.setenv(THREADS, "1")
    trial = measure.run_child({}, 0.01)
    assert trial.failure is None
    assert 0 < trial.seconds[0] < measure.LONGEST
    known = blases.find()
    if known.name == "OpenBLAS" and known.dynamic:
        assert trial.core == known.core


def test_a_child_sees_the_variable_and_this_process_does_not():
    before = dict(os.environ)
    script = "import os, sys; print('numpy' in sys.modules, 40 + int(os.environ['TRIED']))"
    assert measure.run_child({"TRIED": "2"}, 0.0, script).seconds == (42.0,)
    assert dict(os.environ) == before


def test_the_child_imports_numpy_alone(tmp_path, monkeypatch):
    for name in ("numpy", "statistics", "tinyvae"):  # in the folder of a student who tries things
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong file')")
    monkeypatch.chdir(tmp_path)
    script = measure.SCRIPT + "print(float('tinyvae' in sys.modules))"
    assert measure.run_child({}, 0.0, script).seconds == (0.0,)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; sys.exit(3)", "ended with exit code 3: without a word"),
        ("raise ImportError('no numpy')", "ended with exit code 1: ImportError: no numpy"),
        ("print('hello')", "printed no time"),
        ("", "printed no time"),
    ],
)
def test_a_child_that_fails_is_told_and_no_traceback(script, says):
    trial = measure.run_child({}, 0.0, script)
    assert (trial.failure, trial.seconds) == (says, ())


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_child_that_crashes_is_told_by_its_signal():
    script = (
        "import os, resource, signal\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
        "os.kill(os.getpid(), signal.SIGILL)"
    )
    assert measure.run_child({}, 0.0, script).failure == "crashed with SIGILL"
    assert measure.ending(-250) == "crashed with signal 250"


def test_a_child_that_cannot_start_or_does_not_end_is_told(monkeypatch):
    monkeypatch.setattr(measure, "LONGEST", 0.2)
    assert "did not end" in measure.run_child({}, 0.0, "import time; time.sleep(60)").failure
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    assert "could not be started" in measure.run_child({}, 0.0).failure


def test_settings_take_turns_and_are_held_against_their_own(monkeypatch):
    calls = []
    times = {None: iter([4.0, 9.0, 2.0]), "x": iter([2.0, 3.0, 1.0]), "y": iter([1.0, 6.0, 0.1])}

    def child(variables, seconds):
        calls.append((variables.get("V"), seconds))
        return Trial((next(times[variables.get("V")]),), core="Haswell")

    monkeypatch.setattr(measure, "run_child", child)
    plan = [Setting("now", {}), Setting("a", {"V": "x"}, "now"), Setting("b", {"V": "y"}, "a")]
    found = measure.measure(plan, seconds=1.8, rounds=3)
    assert [name for name, _ in calls] == [None, "x", "y", "y", "x", None, None, "x", "y"]
    assert sum(seconds for _, seconds in calls) == pytest.approx(1.8)
    assert found["now"].ratios == ()
    assert found["a"].ratios == (2.0, 3.0, 2.0)
    assert found["b"].ratios == (2.0, 0.5, 10.0)
    assert (found["a"].faster, found["a"].always) == (True, True)
    assert (found["b"].faster, found["b"].always) == (True, False)


def test_a_setting_that_fails_is_not_tried_again(monkeypatch):
    calls = []

    def child(variables, seconds):
        calls.append(variables)
        bad = variables and len(calls) > 2
        return Trial(failure="crashed") if bad else Trial((1.0,), core="Haswell")

    monkeypatch.setattr(measure, "run_child", child)
    found = measure.measure([Setting("now", {}), Setting("a", {"V": "x"}, "now")], rounds=4)
    assert len(calls) == 2 + 2 + 1 + 1
    assert (found["a"].failure, found["a"].ratios, found["a"].faster) == ("crashed", (), False)
    assert len(found["now"].seconds) == 4


@pytest.mark.parametrize(
    ("ratios", "faster", "always"),
    [
        ((1.6, 1.5, 1.7), True, True),
        ((1.04, 1.04, 1.04), False, True),
        ((0.9, 1.6, 1.6), True, False),
        ((0.9, 0.8, 2.0), False, False),
        ((), False, False),
    ],
)
def test_a_gain_is_beyond_the_noise(ratios, faster, always):
    trial = Trial(ratios=ratios)
    assert (trial.faster, trial.always) == (faster, always)


# -- what is advised ----------------------------------------------------------------------------


def remedies_of(made):
    found = kernels.kernels(made)[1], threads.threads(made)[1]
    return [remedy for remedy in found if remedy is not None]


def test_kernels_are_compared_on_one_thread():
    plan = report.settings(remedies_of(made_up(used=2, cores=2)), 2)
    assert plan == [
        Setting(report.NOW, {}),
        Setting(f"{THREADS}=1", {THREADS: "1"}, report.NOW),
        Setting(SKYLAKEX, {THREADS: "1", CORETYPE: "SkylakeX"}, f"{THREADS}=1"),
    ]
    assert report.settings(remedies_of(made_up()), 1) == [
        Setting(report.NOW, {}),
        Setting(SKYLAKEX, {CORETYPE: "SkylakeX"}, report.NOW),
    ]
    many = report.settings(remedies_of(made_up(used=64, cores=4)), 64)
    assert [s.name for s in many] == [report.NOW, f"{THREADS}=1", SKYLAKEX, f"{THREADS}=4"]
    assert many[-1] == Setting(f"{THREADS}=4", {THREADS: "4"}, report.NOW)


def advised(trial, made=None, **options):
    trials = {report.NOW: Trial((2e-3,) * 3, core="Haswell"), SKYLAKEX: trial}
    return "\n".join(report.advice(remedies_of(made or made_up()), trials, **options))


FASTER = Trial((1.25e-3,) * 3, core="SkylakeX", ratios=(1.6,) * 3, against=report.NOW)


def test_a_gain_is_advised_with_what_to_type_and_why():
    text = advised(FASTER)
    assert f"\n    export {SKYLAKEX}\n" in text
    assert "1.6 times as fast, measured." in text
    assert "took AVX2 kernels" in text
    assert '\n    $env:OPENBLAS_CORETYPE = "SkylakeX"\n' in advised(FASTER, windows=True)


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        (
            Trial((2e-3,), core="SkylakeX", ratios=(1.01,)),
            "Nothing to set: nothing is to be gained",
        ),
        (Trial((2e-3,), core="SkylakeX", ratios=(0.5,)), "Nothing to set: nothing is to be gained"),
        (
            Trial((2e-3,), core="SkylakeX", ratios=(0.8, 2, 3)),
            "0.8 to 3.0 times as fast. Ask again",
        ),
        (Trial((2e-3,), core="Haswell", ratios=(1.6,)), "does nothing: this OpenBLAS has no such"),
        (
            Trial(failure="crashed with SIGILL"),
            f"Leave {SKYLAKEX} alone: the process that tried it",
        ),
    ],
)
def test_what_does_not_help_is_not_advised(trial, says):
    text = advised(trial)
    assert says in text
    assert "export" not in text


def test_a_measurement_that_fails_advises_nothing():
    failed = Trial(failure="ended with exit code 1: no")
    lines = report.advice(remedies_of(made_up()), {report.NOW: failed, SKYLAKEX: Trial((1.0,))})
    assert lines == ["The measurement failed, so nothing is advised."]
    assert report.measured({report.NOW: failed})[1].endswith("ended with exit code 1: no")


def test_without_a_measurement_the_worth_is_said_to_be_unknown():
    text = "\n".join(report.advice(remedies_of(made_up(used=2, cores=2))))
    assert f"export {SKYLAKEX}" in text
    assert "not measured" in text
    assert THREADS not in text  # fewer threads than cores are a guess
    assert f"export {THREADS}=4" in "\n".join(
        report.advice(remedies_of(made_up("SkylakeX", used=64, cores=4)))
    )
    fine = remedies_of(made_up("SkylakeX", used=2, cores=2))
    assert report.advice(fine) == ["Nothing to set, as far as can be told without a measurement."]
    assert report.advice([]) == ["Nothing to set."]


def test_the_measurement_says_what_was_held_against_what():
    one = f"{THREADS}=1"
    lines = report.measured(
        {
            report.NOW: Trial((4e-3, 5e-3, 4e-3)),
            one: Trial((2e-3,) * 3, ratios=(2.0, 2.5, 2.0), against=report.NOW),
            SKYLAKEX: Trial((1e-3,) * 3, ratios=(2.0,) * 3, against=one),
        }
    )
    assert [re.sub(" +", " ", line).strip() for line in lines[1:]] == [
        "as it is 4.00 ms",
        f"{one} 2.00 ms, 2.00 times as fast",
        f"{SKYLAKEX} 1.00 ms, 2.00 times as fast, both with {one}",
    ]


# -- the command --------------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    def run(*argv):
        parser = argparse.ArgumentParser()
        command.add(parser.add_subparsers())
        args = parser.parse_args(["doctor", *argv])
        return args.run(args), *capsys.readouterr()

    return run


ROWS = ["tinyvae", "system", "processor", "BLAS", "kernels", "threads", "variables", "CuPy"]


def test_the_command_looks_and_changes_nothing(run, monkeypatch):
    monkeypatch.setattr(measure, "run_child", lambda *args: pytest.fail("a process was started"))
    before = dict(os.environ)
    code, out, err = run("--no-measure")
    assert (code, err) == (0, "")
    assert dict(os.environ) == before
    facts, said = out.rstrip().split("\n\n")
    assert [line.split()[0] for line in facts.splitlines()] == ROWS
    assert {line[:11].rstrip() for line in facts.splitlines()} == set(ROWS)  # aligned
    assert f"NumPy {np.__version__}" in facts
    assert said.startswith(("Nothing to set", "Type in"))
    assert "None" not in out


def test_the_command_on_a_machine_with_weaker_kernels(run, monkeypatch):
    made = made_up(used=2, cores=2, processor="AMD EPYC", environ={"OMP_NUM_THREADS": "2"})
    tried = []

    def child(variables, seconds):
        tried.append(variables)
        core = variables.get(CORETYPE, "Haswell")
        return Trial((1e-3 if core == "SkylakeX" else 1.6e-3,), core=core)

    monkeypatch.setattr(machine, "examine", lambda: made)
    monkeypatch.setattr(measure, "run_child", child)
    code, out, _ = run()
    assert code == 0
    assert "kernels    Haswell (AVX2); the processor has AVX-512\n" in out
    assert "variables  OMP_NUM_THREADS=2\n" in out
    assert f"export {SKYLAKEX}\n" in out
    assert "1.6 times as fast, measured" in out
    assert f"export {THREADS}" not in out  # as fast as two
    assert len(tried) == 3 * measure.ROUNDS
    assert len(out.splitlines()) <= 20


def test_a_machine_without_avx_512_never_tries_it(run, monkeypatch):
    tried = []

    def child(variables, seconds):
        tried.append(variables)
        return Trial((1e-3,), core="Haswell")

    monkeypatch.setattr(machine, "examine", lambda: made_up("Haswell", AVX2, used=4, cores=4))
    monkeypatch.setattr(measure, "run_child", child)
    code, out, _ = run()
    assert code == 0
    assert tried
    assert not any(CORETYPE in variables for variables in tried)
    assert "Nothing to set: nothing is to be gained" in out


@pytest.mark.parametrize("name", ["MKL", "Accelerate", "none"])
def test_another_blas_is_timed_as_it_is(run, monkeypatch, name):
    made = made_up(None, name=name, used=None, dynamic=None, cores=4)
    monkeypatch.setattr(machine, "examine", lambda: made)
    monkeypatch.setattr(measure, "run_child", lambda variables, seconds: Trial((1e-3,)))
    code, out, _ = run()
    assert code == 0
    assert re.search(rf"^BLAS +{name}", out, re.MULTILINE)
    assert "1.00 ms" in out
    assert out.endswith("Nothing to set.\n")


def test_a_broken_cupy_does_not_stop_the_command(run, tmp_path, monkeypatch):
    broken_cupy(tmp_path, monkeypatch, "raise RuntimeError('no driver')")
    code, out, err = run("--no-measure")
    assert (code, err) == (0, "")
    assert "CuPy       installed, but cannot be imported: RuntimeError: no driver\n" in out


@pytest.mark.slow
def test_the_measured_command_on_this_machine(run):
    before = dict(os.environ)
    code, out, err = run()
    assert (code, err) == (0, "")
    assert re.search(r"^  as it is +\d+\.\d\d ms$", out, re.MULTILINE)
    assert "crashed" not in out
    assert "ended with" not in out
    assert dict(os.environ) == before


def test_nothing_of_the_doctor_is_imported_before_it_is_asked():
    script = (
        "import sys, tinyvae, tinyvae.commands.doctor\n"
        "print(float(any(name.startswith('tinyvae.doctor') for name in sys.modules)))"
    )
    assert measure.run_child({}, 0.0, script).seconds == (0.0,)
