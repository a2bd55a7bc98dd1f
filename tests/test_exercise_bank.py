"""Every exercise: its statement, its solution held against the package, its misconceptions."""

import inspect
import json
import re

import numpy as np
import pytest

from tinyvae.exercises import CHAPTERS, every, stubs
from tinyvae.exercises.check import alike, check, explained, judge, judge_here
from tinyvae.exercises.exercise import pulled
from tinyvae.exercises.outcome import outcomes

EXERCISES = every()
EVERY = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
PAIRS = [(exercise, known) for exercise in EXERCISES for known in exercise.misconceptions]
EVERY_MISTAKE = pytest.mark.parametrize(
    ("exercise", "known"), PAIRS, ids=lambda value: getattr(value, "name", None)
)
ONE_EACH = pytest.mark.parametrize(
    ("exercise", "known"), [(e, e.misconceptions[0]) for e in EXERCISES], ids=lambda v: v.name
)


def header(exercise):
    """The lines of the statement, without the '# ' in front."""
    cell = exercise.source.split("\n\n# %%")[0]
    return [line[2:] for line in cell.splitlines()[1:]]


def as_student(exercise, known):
    """A student's file with a misconception in it."""
    return f"""
from tinyvae.exercises import exercise
known = {{m.name: m.fn for m in exercise({exercise.name!r}).misconceptions}}
{exercise.name} = known[{known.name!r}]
"""


# -- The order and the statements


def test_the_numbers_run_from_1_without_a_gap_and_there_are_enough():
    assert [exercise.number for exercise in EXERCISES] == list(range(1, len(EXERCISES) + 1))
    assert len(EXERCISES) >= 25
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)


def test_every_chapter_from_1_to_12_has_exercises_and_they_say_so():
    assert list(CHAPTERS) == list(range(1, 13))
    for chapter, names in CHAPTERS.items():
        assert names, f"chapter {chapter} has no exercise"
        assert names == tuple(e.name for e in EXERCISES if e.chapter == chapter)


@EVERY
def test_the_statement_names_number_title_chapter_and_function(exercise):
    first, empty, *rest = header(exercise)
    assert first == f"# {exercise.number}. {exercise.title}"
    assert empty == ""
    text = " ".join(rest)
    assert text.startswith(f"Chapter {exercise.chapter}. ")
    assert f"`{exercise.name}(" in text
    assert 5 <= len(rest) <= 45


@EVERY
def test_lines_fit_and_nothing_in_them_breaks_a_renderer(exercise):
    for line in exercise.source.splitlines():
        assert "nbgrader=" in line or len(line) <= 100, line
    assert not re.search(r"\\[({]|\$", "\n".join(header(exercise)))


@EVERY
def test_the_cases_fit_the_signature_that_the_student_sees(exercise):
    namespace = {}
    exec(compile(stubs.stub(exercise.source), exercise.file, "exec"), namespace)
    asked = inspect.signature(namespace[exercise.name])
    for args, constants in exercise.drawn():
        given = args[1:] if exercise.call is pulled else args  # vjp takes the dy
        bound = asked.bind(*given, **constants)
        assert set(constants) <= set(bound.arguments)
    keywords = [p.name for p in asked.parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert keywords == list(constants)


@EVERY
def test_nbgrader_finds_one_solution_cell_and_one_that_grades(exercise):
    cells = re.findall(r"^# %% nbgrader=(.*)$", exercise.source, flags=re.MULTILINE)
    solution, grading = (json.loads(cell) for cell in cells)
    common = {"schema_version": 3, "task": False}
    assert solution == common | {
        "grade_id": exercise.name,
        "grade": False,
        "locked": False,
        "solution": True,
    }
    assert grading == common | {
        "grade_id": f"{exercise.name}_check",
        "grade": True,
        "locked": True,
        "solution": False,
        "points": 1,
    }


@EVERY
def test_the_whole_file_runs_and_grades_itself(exercise):
    assert f"tinyvae.exercises.grade({exercise.name})" in exercise.source
    exec(compile(exercise.source, exercise.file, "exec"), {"__name__": "notebook"})


def test_jupytext_makes_notebooks_of_them_with_the_marks_of_nbgrader():
    jupytext = pytest.importorskip("jupytext")
    for exercise in EXERCISES:
        cells = jupytext.reads(exercise.source, fmt="py:percent").cells
        assert [cell.cell_type for cell in cells] == ["markdown", "code", "code", "code"]
        solved = [cell.metadata.get("nbgrader", {}).get("solution") for cell in cells]
        assert solved == [None, None, True, False]
        assert f"def {exercise.name}(" in cells[2].source


# -- What a student gets


@EVERY
def test_the_stub_holds_the_statement_and_nothing_of_the_solution(exercise):
    stub = stubs.stub(exercise.source)
    begin = exercise.source.index(stubs.BEGIN) + len(stubs.BEGIN)
    solution = exercise.source[begin : exercise.source.index(stubs.END)].strip()
    assert solution not in stub
    assert "SOLUTION" not in stub
    assert "nbgrader" not in stub
    assert "tinyvae" not in stub
    assert stub.startswith(exercise.source.split("\n\n# %%")[0])
    assert not stubs.begun(exercise.source, stub)
    namespace = {}
    exec(compile(stub, exercise.file, "exec"), namespace)
    verdict = judge_here(exercise, namespace[exercise.name])
    assert not verdict.passed
    assert "still to be written" in verdict.text


@EVERY
def test_the_stub_is_not_begun(exercise, tmp_path):
    path = tmp_path / exercise.file
    path.write_text(stubs.stub(exercise.source) + "# a thought\n", encoding="utf-8")
    assert check(exercise, path).state == "not begun"


@EVERY
def test_there_are_hints_and_misconceptions_enough(exercise):
    assert len(exercise.misconceptions) >= 3
    assert len(exercise.hints) >= 2
    said = [*exercise.hints, *(known.sentence for known in exercise.misconceptions)]
    assert len(set(said)) == len(said)
    for text in said:
        assert text.endswith((".", "?")), text
        assert 10 < len(text) < 420, text


# -- Right and wrong


@EVERY
def test_the_solution_passes_and_agrees_with_the_package(exercise):
    right = outcomes(exercise, exercise.solution)
    assert all(not o.problem and not o.changed and not any(o.loose) for o in right)
    assert all(np.isfinite(value).all() for o in right for value in o.values)
    assert judge_here(exercise, exercise.solution).passed
    assert judge_here(exercise, exercise.truth).passed


@EVERY
def test_the_cases_are_the_same_at_every_call(exercise):
    first, again = (outcomes(exercise, exercise.solution) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        for u, v in zip(a.values, b.values, strict=True):
            np.testing.assert_array_equal(u, v)


@EVERY
def test_every_result_matters(exercise):
    """A result that is 1 % off, or 0, does not pass: no tolerance is wider than the numbers."""
    for place, name in enumerate(exercise.returns):
        for change in (lambda value: 1.01 * value, np.zeros_like):
            found = outcomes(exercise, exercise.solution)
            for outcome in found:
                outcome.values[place] = change(outcome.values[place])
            assert not alike(exercise, found, outcomes(exercise, exercise.solution)), name


@EVERY_MISTAKE
def test_every_misconception_fails_and_gets_its_own_sentence(exercise, known):

    def not_asked():
        raise AssertionError("a misconception comes before the diagnosis")

    verdict = judge(exercise, outcomes(exercise, known.fn), not_asked)
    assert (verdict.state, verdict.text) == ("wrong", known.sentence)


@EVERY
def test_no_misconception_claims_another_mistake(exercise):
    """The first value slightly off is nobody's misconception."""
    found = outcomes(exercise, exercise.solution)
    for outcome in found:
        outcome.values[0] = outcome.values[0] * 1.0371 + 0.0193
    assert explained(exercise, found) is None


@pytest.mark.slow
@ONE_EACH
def test_through_the_process_of_its_own_solutions_pass_and_misconceptions_fail(
    exercise, known, tmp_path
):
    path = tmp_path / exercise.file
    path.write_text(stubs.without_grading(exercise.source), encoding="utf-8")
    assert check(exercise, path, limit=60).passed
    path.write_text(as_student(exercise, known), encoding="utf-8")
    assert check(exercise, path, limit=60).text == known.sentence


@pytest.mark.parametrize("which", [0, -1])
def test_the_process_says_the_same_as_the_comparison_here(which, tmp_path):
    exercise = EXERCISES[which]
    path = tmp_path / exercise.file
    known = exercise.misconceptions[-1]
    path.write_text(as_student(exercise, known), encoding="utf-8")
    assert check(exercise, path).text == known.sentence
