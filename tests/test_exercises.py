"""The exercise kit: stubs, a student's folder, the verdict and its sentences, the command."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from tinyvae.commands import exercises as command
from tinyvae.exercises import check as checking
from tinyvae.exercises import every, exercise, grade, stubs
from tinyvae.exercises.check import check, judge_here
from tinyvae.exercises.exercise import misconception
from tinyvae.exercises.folder import Folder, start

EXERCISES = every()
AFFINE = exercise("affine_backward")
LAYERS = exercise("two_layers")
GAMMA = exercise("implicit_gamma")
RIGHT = "return dy @ W.T, x.T @ dy, dy.sum(axis=0)"
SOURCE = '''\
# %% [markdown]
# # A title
# %%
import numpy as np
# %% nbgrader={"grade": false}
def one(x):
    """x + 1"""
    ### BEGIN SOLUTION
    y = x
    return y + 1
    ### END SOLUTION


def two(x):
    if x:
        ### BEGIN SOLUTION
        return 2
        ### END SOLUTION
    return 0
# %% nbgrader={"grade": true}
import tinyvae.exercises ; tinyvae.exercises.grade(one)
'''
STUB = '''\
# %% [markdown]
# # A title
# %%
import numpy as np
# %%
def one(x):
    """x + 1"""
    raise NotImplementedError("your code here")


def two(x):
    if x:
        raise NotImplementedError("your code here")
    return 0
'''


def written(body, path, of=AFFINE):
    """A student's file at path, with this body in place of the stub's."""
    lines = body.replace("\n", "\n    ")
    path.write_text(stubs.stub(of.source).replace(stubs.TODO, lines), encoding="utf-8")
    return path


@pytest.fixture
def verdict(tmp_path):
    """The verdict of the process of its own on the affine layer with this body."""
    return lambda body, **options: check(AFFINE, written(body, tmp_path / AFFINE.file), **options)


def said(fn, of=AFFINE):
    """What is said of a function of this process."""
    found = judge_here(of, fn)
    assert not found.passed
    return found.text


# -- Stubs


def test_a_stub_has_cells_and_text_but_no_solution_and_no_nbgrader():
    assert stubs.stub(SOURCE) == STUB


@pytest.mark.parametrize("mark", [stubs.BEGIN, stubs.END])
def test_an_unbalanced_region_is_refused(mark):
    with pytest.raises(ValueError, match="SOLUTION"):
        stubs.stub(SOURCE.replace(f"    {mark}\n", "", 1))


@pytest.mark.parametrize(
    ("change", "begun"),
    [
        (lambda text: text, False),
        (lambda text: text.replace("\n", "\r\n") + "\n# thoughts\n", False),
        (
            lambda text: text.replace('raise NotImplementedError("your code here")', "return 1"),
            True,
        ),
        (lambda text: text + "x = 1\n", True),
        (lambda text: text + "(\n", True),
        (lambda text: "\0", True),
    ],
)
def test_a_file_is_begun_once_its_code_is_another(change, begun):
    assert stubs.begun(SOURCE, change(STUB).encode()) is begun


# -- The folder


def test_start_copies_the_stubs_and_never_over_a_file(tmp_path):
    path = tmp_path / "mine" / AFFINE.file
    assert start(path.parent, EXERCISES) == [one.file for one in EXERCISES]
    assert path.read_text(encoding="utf-8") == stubs.stub(AFFINE.source)
    path.write_text("mine", encoding="utf-8")
    (path.parent / EXERCISES[0].file).unlink()
    assert start(path.parent, EXERCISES) == [EXERCISES[0].file]
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_verdict_does_not_outlive_a_change_of_the_file_or_of_the_exercise(tmp_path):
    mine, path = Folder(tmp_path), tmp_path / AFFINE.file
    assert mine.state(AFFINE) == "missing"
    start(tmp_path, [AFFINE])
    assert mine.state(AFFINE) == ""
    written(RIGHT, path)
    assert mine.state(AFFINE) == "begun"
    mine.remember(AFFINE, path.read_bytes(), "passed")
    assert mine.state(AFFINE) == "passed"
    changed = replace(AFFINE)
    changed.__dict__["source"] = AFFINE.source.replace("Chapter", "chapter")
    assert mine.state(changed) == "changed"
    written(RIGHT + "  # done", path)
    assert mine.state(AFFINE) == "changed"
    start(tmp_path, [AFFINE])
    written(stubs.TODO, path)
    assert mine.state(AFFINE) == ""


def test_hints_come_one_after_the_other_and_the_last_stays(tmp_path):
    mine = Folder(tmp_path)
    numbers = [mine.hint(AFFINE)[0] for _ in range(4)]
    assert numbers == [1, 2, 3, 3]
    assert mine.hint(AFFINE, 2) == (2, AFFINE.hints[1])
    assert mine.hint(LAYERS) == (1, LAYERS.hints[0])


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "\xff",
        "[" * 100_000,
        *(
            json.dumps({"affine_backward": entry})
            for entry in (
                3,
                {"state": "passed"},
                {"hash": "0"},
                {"state": "passed", "hash": None},
                {"state": "passed", "hash": 3},
                {"state": "perfect", "hash": "0"},
                {"state": ["passed"], "hash": "0"},
                {"hints": "a"},
                {"hints": -1},
                {"hints": 1.5},
                {"hints": None},
                {"hints": True},
            )
        ),
    ],
)
def test_a_damaged_progress_file_is_told_and_not_guessed_at(text, tmp_path):
    (tmp_path / "progress.json").write_text(text, encoding="latin-1")
    start(tmp_path, [AFFINE])
    written(RIGHT, tmp_path / AFFINE.file)
    mine = Folder(tmp_path)
    for ask in (mine.progress, lambda: mine.state(AFFINE), lambda: mine.hint(AFFINE)):
        with pytest.raises(ValueError, match=r"progress\.json is damaged: delete it"):
            ask()


def test_a_progress_file_with_hints_alone_or_of_an_exercise_that_is_gone_is_whole(tmp_path):
    known = {"affine_backward": {"hints": 2}, "an_old_one": {"state": "wrong", "hash": "0"}}
    (tmp_path / "progress.json").write_text(json.dumps(known))
    assert Folder(tmp_path).progress() == known


# -- The verdict, in this process


def test_right_answers_pass_however_they_are_written():
    assert judge_here(AFFINE, lambda dy, x, W, b: [dy @ W.T, x.T @ dy, sum(dy)]).passed
    assert judge_here(exercise("tanh_backward"), lambda dy, x: dy / np.cosh(x) ** 2).passed
    assert judge_here(exercise("tanh_backward"), lambda dy, x: (dy / np.cosh(x) ** 2,)).passed


def nothing(dy, x, W, b):
    x.sum()


def too_few(dy, x, W, b):
    return dy @ W.T, x.T @ dy


def text(dy, x, W, b):
    return dy @ W.T, "x.T @ dy", dy.sum(axis=0)


def none(dy, x, W, b):
    return dy @ W.T, None, dy.sum(axis=0)


def complex_numbers(dy, x, W, b):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0) + 0j


def other_shape(dy, x, W, b):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)[:, None]


def a_number(dy, x, W, b):
    return dy @ W.T, x.T @ dy, dy.sum()


def not_a_number(dy, x, W, b):
    return dy @ W.T, x.T @ dy / 0.0, dy.sum(axis=0)


def a_dict(dy, x, W, b):
    return {"dx": dy @ W.T, "dW": x.T @ dy, "db": dy.sum(axis=0)}


def a_dict_for_one(dy, x, W, b):
    return dy @ W.T, {"dW": x.T @ dy}, dy.sum(axis=0)


def objects(dy, x, W, b):
    return dy @ W.T, (x.T @ dy).astype(object), dy.sum(axis=0)


def all_objects(dy, x, W, b):
    return np.array([dy @ W.T, x.T @ dy, None], dtype=object)


def words(dy, x, W, b):
    return dy @ W.T, (x.T @ dy).astype("U9"), dy.sum(axis=0)


def in_place(dy, x, W, b):
    dy *= 2.0
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)


def noisy(dy, x, W, b):
    rng = np.random.default_rng()
    return dy @ W.T, x.T @ dy, dy.sum(axis=0) * rng.uniform()


def other_arguments(dy, x, W):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)


def endless(dy, x, W, b):
    return endless(dy, x, W, b)


def leaves(dy, x, W, b):
    raise SystemExit


def asks(dy, x, W, b):
    raise EOFError


@pytest.mark.parametrize(
    ("fn", "sentence"),
    [
        (nothing, "It returns nothing (None): it must end with `return dx, dW, db`."),
        (too_few, "It returns 2 values, expected 3: dx, dW and db."),
        (text, "dW is of type str, expected an array of shape (3, 2)."),
        (none, "dW is None, expected an array of shape (3, 2)."),
        (a_dict, "It returns something of type dict, expected dx, dW and db: `return dx, dW, db`."),
        (a_dict_for_one, "dW is of type dict, expected an array of shape (3, 2)."),
        (objects, "dW is an array of objects, not of numbers, expected an array of shape (3, 2)."),
        (
            all_objects,
            "It returns an array of objects, not of numbers, expected dx, dW and db: `re",
        ),
        (words, "dW is an array of text, not of numbers, expected an array of shape (3, 2)."),
        (complex_numbers, "db has complex numbers, expected real ones."),
        (other_shape, "db has shape (2, 1), expected (2,)."),
        (a_number, "db is a number, expected an array of shape (2,)."),
        (in_place, "It changes dy in place, and whoever called it still needs dy."),
        (noisy, "Called twice with the same arguments, it gives another db: it draws random"),
        (other_arguments, "The checker calls `affine_backward(dy, x, W, b)`, and that fails. Type"),
        (endless, "It calls itself without end, in "),
        (leaves, "It ends Python, in "),
        (asks, "It waits for somebody to type, in "),
    ],
)
def test_general_mistakes_get_a_sentence(fn, sentence):
    assert said(fn).startswith(sentence)


def test_what_is_not_finite_is_named_with_the_inputs_that_it_is_at():
    assert said(not_a_number).startswith("dW[0, 0] is ")
    found = said(lambda dy, x: dy / x - dy / x + 1 / (x > 0), exercise("relu_backward"))
    assert "relu" not in found
    assert "is inf, expected 0, where dy is " in found
    assert found.endswith("Does something overflow, or is something divided by 0?")


def test_a_wrong_number_without_a_name_is_shown_beside_the_right_one():
    def half(f, mu, sigma, eps, h):
        slope, error = exercise("common_noise").solution(f, mu, sigma, eps, h)
        return slope, 0.7 * error

    found = said(half, exercise("common_noise"))
    assert found.startswith("slope is right. error is ")
    assert ", expected " in found
    assert "\nIt was called with f a function, mu = " in found


def changed(change, name="sampled_kl"):
    """What is said of a solution whose result goes through change(result, *args)."""
    of = exercise(name)
    return said(lambda *args: change(of.solution(*args), *args), of)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda y, *args: 2.0 * y, "It is twice what it should be, in every case that was tried: "),
        (lambda y, *args: 0.5 * y, "It is half of what it should be, in every case that was tri"),
        (lambda y, *args: -1.7 * y, "It is -1.7 times what it should be, in every case that was"),
        (lambda y, *args: y + 0.25, "It is too large by 0.25, in every case that was tried."),
        (lambda y, *args: y - 3.0, "It is too small by 3, in every case that was tried."),
        (lambda y, mu, *args: y * len(mu), "It is too large by a factor, in every case that was t"),
        (
            lambda y, mu, logvar, eps: y / len(eps),
            "It is too small by a factor, in every case that was tried: the length of axis 0 of "
            "eps. Is there a mean",
        ),
        (
            lambda y, *args: np.concatenate([y[:-1], y[-1:] ** 2]),
            "Row 3 is wrong, the rest is right.",
        ),
    ],
)
def test_what_is_wrong_in_the_same_way_in_all_cases_is_said(change, sentence):
    assert f"\n{sentence}" in changed(change)


def test_a_wrong_sign_alone_is_said():
    found = changed(lambda y, *args: -y, "hidden_beta")
    assert "\nOnly its sign is wrong, in every case that was tried.\n" in found


def test_rows_of_a_single_axis_are_called_entries():
    found = said(
        lambda dz, z, alpha: GAMMA.solution(dz, z, alpha) ** [1.0, 2.0, 1.0][: len(alpha)], GAMMA
    )
    assert "\nEntry 1 is wrong, the rest is right.\n" in found


@pytest.mark.parametrize(
    "change",
    [
        lambda y, *args: np.sin(y),
        lambda y, mu, *args: y * (2.0 if len(mu) == 3 else 0.5),  # not the same in all cases
        lambda y, mu, *args: y + len(mu),
    ],
)
def test_no_pattern_is_seen_where_there_is_none(change):
    """The negative control."""
    lines = changed(change).splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("It was called with ")


@pytest.mark.parametrize(("kind", "digits"), [("float32", 7), ("float16", 3)])
def test_short_numbers_are_named_and_not_called_wrong(kind, digits):
    def short(*args):
        return exercise("sampled_kl").solution(*(arg.astype(kind) for arg in args))

    assert said(short, exercise("sampled_kl")) == (
        f"log q - log p is right to the {digits} digits that {kind} has; asked for are the 16 of "
        f"float64. All arguments are float64; they become {kind} somewhere in your code (astype, "
        "dtype=). Leave that out."
    )


def test_short_numbers_that_are_wrong_are_not_excused():
    def wrong(dy, x, W, b):
        dx, dW, db = AFFINE.solution(dy, x, W, b)
        return dx, np.float32(3.0 * dW), db

    assert "digits" not in said(wrong)


def test_an_array_where_a_number_is_asked_for_is_told():
    found = said(lambda f, x, v, h: x, exercise("central_difference"))
    assert found.startswith("slope has shape (3,), expected a number.\nIt was called with f a func")


def test_a_wrong_gradient_without_a_name_is_diagnosed():
    def wrong(dy, x, W, b):
        return dy @ W.T, 3.0 * x.T @ dy, dy.sum(axis=0)

    found = said(wrong)
    assert "dW" in found.splitlines()[0]
    assert "3 times" in found


def test_what_is_wrong_in_special_cases_alone_is_shown_there():
    def wrong_near_zero(dy, x):
        return dy * (x > 0.01)

    found = said(wrong_near_zero, exercise("relu_backward"))
    assert ", expected " in found
    assert "x is 1e-12" in found


def layers(change):
    """two_layers with what it returns changed."""

    def two_layers(x, W1, b1, W2, b2):
        return change(*LAYERS.solution(x, W1, b1, W2, b2))

    return two_layers


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda y, vjp: y, "It must end with `return y, vjp`"),
        (lambda y, vjp: None, "It returns nothing (None). It must end with `return y, vjp`"),
        (
            lambda y, vjp: (y, lambda dy: None),
            "vjp returns nothing (None): it must end with `return dx, dW1, db1, dW2, db2`.",
        ),
        (lambda y, vjp: (y, lambda dy: vjp(dy)[0]), "vjp(dy) must return a tuple"),
        (lambda y, vjp: (y, lambda dy: vjp(dy)[:4]), "It returns 5 values, expected 6: y, dx, "),
        (lambda y, vjp: (y, lambda: vjp(y)), "The checker calls `y, vjp = two_layers(x, W1, b1,"),
        (lambda y, vjp: (y + 1.0, vjp), "dx, dW1, db1, dW2 and db2 are right. y[0, 0] is "),
        (
            lambda y, vjp: (y, lambda dy: vjp(5.0 * dy)),
            "db2 is wrong, and so are dW2, db1",
        ),
    ],
)
def test_a_closure_is_pulled_and_its_mistakes_are_named(change, sentence):
    assert said(layers(change), LAYERS).startswith(sentence)


def test_a_vjp_of_a_single_argument_without_return_is_told_of_the_comma():
    of = exercise("exponential_rsample")

    def exponential_rsample(log_rate, *, u):
        y, vjp = of.solution(log_rate, u=u)
        return y, lambda dz: vjp(dz) and None

    assert said(exponential_rsample, of).endswith("it must end with `return (dlog_rate,)`.")


def test_a_list_is_as_good_as_a_tuple():
    assert judge_here(LAYERS, layers(lambda y, vjp: (y, lambda dy: list(vjp(dy))))).passed
    assert judge_here(LAYERS, layers(lambda y, vjp: [y, vjp])).passed
    assert judge_here(AFFINE, lambda dy, x, W, b: [dy @ W.T, x.T @ dy, dy.sum(axis=0)]).passed


def test_a_misconception_wins_over_the_general_sentence_only_where_it_fits_to_the_letter():
    @misconception
    def crashes(dy, x, W, b):
        """It multiplies what does not fit."""
        return dy @ x, x, W

    of = replace(AFFINE, misconceptions=(crashes,))
    assert said(lambda dy, x, W, b: (dy @ x, 1, 2), of) == "It multiplies what does not fit."
    assert said(lambda dy, x, W, b: (x @ dy, 1, 2), of).startswith("The checker calls ")
    assert said(lambda dy, x, W, b: (dy @ W, 1, 2), of).startswith("The checker calls ")
    assert not judge_here(of, lambda dy, x, W, b: (W, x, dy)).text.startswith("It multiplies")


def test_notebooks_are_graded_by_an_assertion():
    grade(AFFINE.solution)

    def affine_backward(dy, x, W, b):
        return dy @ W.T, x.T @ dy, dy

    with pytest.raises(AssertionError, match="db is a row for each example"):
        grade(affine_backward)
    with pytest.raises(ValueError, match=r"no exercise affine_bakward: did you mean affine_back"):
        exercise("affine_bakward")


def test_exercises_are_found_by_number_name_and_file():
    for which in (AFFINE.number, str(AFFINE.number), "04", AFFINE.name, AFFINE.file):
        assert exercise(which) is AFFINE
    with pytest.raises(ValueError, match=rf"no exercise 99: there are 1 to {len(EXERCISES)}$"):
        exercise(99)


# -- The verdict, by a process of its own


def test_right_code_passes_and_what_it_prints_is_not_shown(verdict, capfd):
    assert verdict(f"print('x' * 10**6)\n{RIGHT}").passed
    assert capfd.readouterr() == ("", "")


def test_a_loop_without_end_is_stopped_at_its_line_with_what_it_has_started(verdict, tmp_path):
    body = f"""\
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
while True:
    print("on and on")"""
    start_time = time.monotonic()
    found = verdict(body, limit=1.5)
    assert time.monotonic() - start_time < 30
    assert found.text.startswith("It was stopped after 1.5 s, in line 2")
    assert found.text.endswith("Is there a loop that does not end?")
    if hasattr(os, "killpg"):
        pid = int((tmp_path / "pid").read_text())
        for _ in range(100):
            if not alive(pid):
                break
            time.sleep(0.05)
        assert not alive(pid)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import os; os._exit(0)", "It ended Python before it returned: leave out os._exit"),
        ("import ctypes; ctypes.string_at(0)", "Python itself broke down in line 24, `import ct"),
        ("return np.ones((10**6, 10**6))", "It asks for more memory than there is (2 GB), in line"),
        ("return dy @ W, x.T @ dy, dy.sum(axis=0)", "dx uses W where it needs W.T"),
        (
            "return dy @ x",
            "It stops at line 24, `return dy @ x`. ValueError: matmul: Input operand 1",
        ),
        ("return dy @ W.T, x.T @ dy, 7 * dy.sum(axis=0)", "db is wrong"),
        (
            f"# float32 is short\nx = x.astype(np.float16)\n{RIGHT}",
            "dW is right to the 3 digits that float16 has; asked for are the 16 of float64. All "
            "arguments are float64; they become float16 in line 25, `x = x.astype(np.float16)`.",
        ),
    ],
)
def test_what_happens_in_the_process_gets_a_sentence(body, sentence, verdict):
    assert verdict(body).text.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:\n", "Python cannot read line 1, `def f(:`: invalid syntax."),
        ("\n1 / 0\n", "The file stops at line 2, `1 / 0`, before the function is called. ZeroDiv"),
        ("def afine_backward(): pass\n", "The file has no function affine_backward; there is afi"),
        ("affine_backward = 3\n", "The file has no function affine_backward. Keep the name"),
    ],
)
def test_files_that_give_no_function_get_a_sentence(text, sentence, tmp_path):
    path = tmp_path / AFFINE.file
    path.write_text(text, encoding="utf-8")
    assert check(AFFINE, path).text.startswith(sentence)


def test_a_process_that_breaks_off_by_our_fault_is_an_error_and_not_the_students(
    verdict, monkeypatch
):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(OSError, match=r"the process that runs .* broke off"):
        verdict(RIGHT)


def test_the_students_folder_cannot_stand_in_for_a_module(verdict, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    assert verdict(RIGHT).passed


# -- The command


@pytest.fixture
def tinyvae(tmp_path, monkeypatch, capsys):
    """The command line in an empty folder, where each check takes no process: (code, output)."""
    import argparse

    def here(of, path):
        if not stubs.begun(of.source, path.read_bytes()):
            return checking.Verdict("not begun", "Write it.")
        namespace = {"__name__": of.name}
        exec(compile(path.read_bytes(), of.file, "exec"), namespace)
        return judge_here(of, namespace[of.name])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checking, "check", here)

    def run(*words):
        parser = argparse.ArgumentParser()
        command.add(parser.add_subparsers())
        args = parser.parse_args(["exercises", *words])
        code = args.run(args)
        return code, capsys.readouterr().out

    return run


def test_list_tells_how_far_one_is(tinyvae, tmp_path):
    code, out = tinyvae()
    assert (code, out.count("\n")) == (0, len(EXERCISES) + 3)
    assert "not started: `python -m tinyvae exercises start`" in out
    tinyvae("start")
    written(RIGHT, tmp_path / "exercises" / AFFINE.file)
    _, out = tinyvae("list")
    assert f"0 of {len(EXERCISES)} passed in exercises" in out
    assert "begun  " in next(line for line in out.splitlines() if AFFINE.name in line)
    assert tinyvae("check", "4")[0] == 0
    (tmp_path / "exercises" / LAYERS.file).unlink()
    for words in ((), ("list",), ("--dir", "exercises", "list"), ("list", "--dir", "exercises")):
        _, out = tinyvae(*words)
        assert f"1 of {len(EXERCISES)} passed in exercises" in out
        assert "missing: `python -m tinyvae exercises start exercises` brings the files" in out


def test_check_says_what_is_wrong_and_exits_with_1(tinyvae, tmp_path):
    _, out = tinyvae("start", "mine")
    assert out.splitlines()[-1] == "python -m tinyvae exercises check 1 --dir mine"
    path = tmp_path / "mine" / AFFINE.file
    code, out = tinyvae("check", "--dir", "mine")
    assert (code, out) == (1, f"nothing begun yet in mine: open mine/{EXERCISES[0].file}\n")
    code, out = tinyvae("check", "4", "--dir", "mine")
    assert (code, out) == (1, " 4  affine_backward: not begun\n    Write it.\n")
    written("return dy @ W.T, x.T @ dy, dy", path)
    code, out = tinyvae("check", "--dir", "mine")
    assert code == 1
    assert out.startswith(" 4  affine_backward: wrong\n    db is a row for each example, but b is")
    assert out.endswith("    Stuck? python -m tinyvae exercises hint 4 --dir mine\n")
    assert all(len(line) <= command.WIDTH for line in out.splitlines())
    written(RIGHT, path)
    code, out = tinyvae("check", "--dir", "mine")
    assert (code, out) == (0, " 4  affine_backward: passed\nnext: mine/05_tanh_backward.py\n")


def test_check_of_several_counts_them(tinyvae, tmp_path):
    tinyvae("start")
    written(RIGHT, tmp_path / "exercises" / AFFINE.file)
    code, out = tinyvae("check", "4", "tanh_backward")
    assert code == 1
    assert out.endswith("\n1 of 2 passed\n")


def test_hint_gives_the_next_one(tinyvae, tmp_path):
    tinyvae("start")
    code, out = tinyvae("hint", "4")
    assert code == 0
    assert out.startswith(" 4  affine_backward: hint 1 of 3\n    Write one entry out:")
    assert tinyvae("hint", "4")[1].startswith(" 4  affine_backward: hint 2 of 3\n")
    assert tinyvae("hint", "4", "3")[1].startswith(" 4  affine_backward: hint 3 of 3\n")
    kept = json.loads((tmp_path / "exercises" / "progress.json").read_text())
    assert kept == {"affine_backward": {"hints": 3}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check",), "there is no folder exercises: `python -m tinyvae exercises start exercises`"),
        (("hint", "4"), "there is no folder exercises"),
        (("check", "4", "--dir", ""), "DIR is empty: it must name a folder"),
        (("start", ""), "DIR is empty: it must name a folder"),
        (("--dir", ""), "DIR is empty: it must name a folder"),
        (("--dir", "a_file"), "a_file is a file, expected a folder"),
        (("start", "a_file"), "a_file is a file, expected a folder"),
        (("hint", "4", "--dir", "a_file"), "a_file is a file, expected a folder"),
        (("check", "--dir", "a_file"), "a_file is a file, expected a folder"),
        (("check", "foo", "--dir", "."), "no exercise foo: there are 1 to"),
        (("check", "4", "--dir", "."), "there is no file 04_affine_backward.py: `python -m tiny"),
        (("hint", "4", "0", "--dir", "."), "K must be at least 1"),
        (("hint", "4", "9", "--dir", "."), "affine_backward has 3 hints, there is no hint 9"),
    ],
)
def test_bad_input_is_an_error_that_says_what_to_do(words, message, tinyvae, tmp_path):
    (tmp_path / "a_file").touch()
    with pytest.raises((ValueError, OSError), match="^" + message.replace("(", r"\(")):
        tinyvae(*words)


def test_a_damaged_progress_file_is_told_before_anything_is_checked(tinyvae, tmp_path, monkeypatch):
    tinyvae("start")
    written(RIGHT, tmp_path / "exercises" / AFFINE.file)
    (tmp_path / "exercises" / "progress.json").write_text('{"affine_backward": {"hints": "a"}}')
    monkeypatch.setattr(checking, "check", None)
    for words in (("check", "4"), ("check",), ("list",), ("hint", "4")):
        with pytest.raises(ValueError, match=r"progress\.json is damaged: delete it"):
            tinyvae(*words)


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import tinyvae.__main__", 0),
        ("from tinyvae.exercises import exercise; exercise(4)", 1),
        ("from tinyvae.exercises import every; every()", len(EXERCISES)),
    ],
)
def test_exercises_are_loaded_when_they_are_asked_for(code, loaded):
    count = "sum(hasattr(m, 'EXERCISE') for n, m in sys.modules.items() if '.tutor.' in n)"
    command = [sys.executable, "-c", f"import sys\n{code}\nprint({count})"]
    assert int(subprocess.run(command, capture_output=True, check=True).stdout) == loaded
