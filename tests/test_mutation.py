"""The mutation runner of tools/: which mistakes it plants, what it leaves alone, how it judges.

The runs are of a toy project of four lines: the score of tinyvae itself takes an hour, and is no
part of the suite.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

from mutants import operators, targets, verdicts  # noqa: E402


def planted(text, operator=None):
    """The changed lines of all mutants of a text, or of one operator's."""
    found = operators.mutants("tinyvae/toy.py", text)
    return [mutant.change for mutant in found if operator in (None, mutant.operator)]


def function(line, arguments="x, dy"):
    return f"def vjp({arguments}):\n    {line}\n"


PLANTED = [
    ("sign", "y = x + dy", ["y = x - dy"]),
    ("sign", "y = -x", ["y = x"]),
    ("sign", "x += dy", ["x -= dy"]),
    (
        "sign",
        "return x, dy - 1.0",
        ["return -x, dy - 1.0", "return x, -(dy - 1.0)", "return x, dy + 1.0"],
    ),
    ("term", "y = x - 2.0 * dy", ["y = x", "y = -2.0 * dy"]),
    ("term", "y = (x + dy) * 3.0", ["y = (x) * 3.0", "y = (dy) * 3.0"]),
    ("term", "y = x | dy", ["y = x", "y = dy"]),
    ("factor", "y = x * (dy + 1.0)", ["y = x", "y = (dy + 1.0)"]),
    ("factor", "y = x / dy", ["y = x"]),
    ("factor", "y = x**2", ["y = x"]),
    ("constant", "y = 0.5 * x", ["y = 0.25 * x"]),
    ("constant", "y = x**2 + 3.0", ["y = x**2 + 6.0", "y = x**3 + 3.0"]),
    ("product", "y = x * dy", ["y = x / dy"]),
    ("product", "y = x / dy", ["y = x * dy"]),
    ("transpose", "y = x.T @ dy", ["y = x @ dy", "y = x.T @ dy.T", "y = dy @ x.T"]),
    ("axis", "y = x.sum(axis=0)", ["y = x.sum(axis=-1)", "y = x.sum(axis=None)"]),
    ("axis", "y = x[:, None]", ["y = x[None, :]"]),
    ("axis", "y = np.expand_dims(dy, -1)", ["y = np.expand_dims(dy, 0)"]),
    ("slice", "y = x[1:]", ["y = x[:]"]),
    ("slice", "y = x[..., 0]", ["y = x[..., -1]"]),
    ("swap", "y = affine(x, dy)", ["y = affine(dy, x)"]),
    ("swap", "a, b = backward(x)", ["b, a = backward(x)"]),
    ("function", "y = np.expm1(x)", ["y = np.exp(x)"]),
    ("function", "y = x.sum()", ["y = x.mean()"]),
    ("unwrap", "y = np.exp(x + dy) * 3", ["y = (x + dy) * 3"]),
    ("unwrap", "y = x.sum(axis=0)", ["y = x"]),
    ("comparison", "y = x > 0", ["y = x < 0", "y = x >= 0"]),
    ("statement", "x += dy", ["pass", "x[...] = dy"]),
    ("statement", "x = x * dy", ["pass"]),
    ("argument", "y = elbo(x, beta=beta)", ["y = elbo(x)"]),
]


@pytest.mark.parametrize(("operator", "line", "changes"), PLANTED)
def test_each_operator_plants_its_mistake_and_no_other(operator, line, changes):
    assert sorted(planted(function(line), operator)) == sorted(changes)


def test_a_name_stands_in_for_one_of_its_role_that_is_bound_before():
    text = """def f(mu, logvar, *, eps):
    z = mu + logvar * eps
    out = z * z
    def vjp(dz):
        dmu = 2.0 * dz
        return dmu, dz * eps
    return out, vjp
"""
    changes = planted(text, "name")
    assert "z = logvar + logvar * eps" in changes  # a parameter for a parameter
    assert "z = mu + logvar * 1.0" in changes  # the noise is forgotten
    assert "return dz, dz * eps" in changes  # a gradient for a gradient
    assert not any("out = out" in change or "= vjp" in change for change in changes)
    assert not any("2.0 * dmu" in change for change in changes)  # it is not bound there yet


@pytest.mark.parametrize(
    "text",
    [
        '"""a + b, and 0.5 * c"""\n',
        'def f(x):\n    """-x * 2.0"""\n',
        "import numpy as np\nTABLE = {'a': (1, 2)}\nCHUNK = 2**12\n",
        "def f(x):\n    if x < 0:\n        raise ValueError(f'{x + 1}')\n",
        "def f(x):\n    check_number('x', x, above=0.5 * x)\n",
        "def check_x(x):\n    return x + 1.0\n",
        "def f(x):\n    assert x * 2.0 > 1\n",
        "def f(x: tuple[2 * int]) -> -1:\n    pass\n",
    ],
)
def test_what_is_no_formula_is_left_alone(text):
    assert planted(text) == []


def test_the_branch_beside_an_error_is_mutated():
    text = "def f(x):\n    if x < 0:\n        raise ValueError\n    else:\n        y = x + 1.0\n"
    assert "y = x - 1.0" in planted(text)


def test_every_mutant_of_a_real_file_is_one_small_change_that_can_be_compiled():
    path = "tinyvae/ops.py"
    text = (ROOT / path).read_text()
    found = operators.mutants(path, text)
    assert len(found) > 100
    assert len({mutant.key for mutant in found}) == len(found)
    before = text.splitlines()
    for mutant in found:
        changed = operators.Source(path, text).apply(mutant.edit)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))
        after = changed.splitlines()
        assert len(after) == len(before)
        different = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert different == [mutant.number - 1]
        assert " ".join(after[mutant.number - 1].split()) == mutant.change


def test_places_are_right_behind_letters_of_many_bytes():
    text = 'def f(x):\n    """σ²"""\n    return {"μ": x + 1.0}, x - 1.0  # σ\n'
    assert 'return {"μ": x - 1.0}, x - 1.0 # σ' in planted(text)
    assert 'return {"μ": x + 1.0}, x + 1.0 # σ' in planted(text)


def test_every_default_target_has_tests_that_exist():
    paths = targets.default_targets(ROOT)
    assert len(paths) > 25
    for path in paths:
        for step in targets.steps(ROOT, path):
            assert (ROOT / step.split()[0]).exists(), (path, step)


def test_files_are_chosen_by_their_names_and_folders():
    assert targets.chosen_targets(ROOT, ["kl.py"]) == ["tinyvae/kl.py"]
    assert "tinyvae/estimators/arm.py" in targets.chosen_targets(ROOT, ["estimators"])
    with pytest.raises(ValueError, match=r"no file of tinyvae is called 'nothing\.py'"):
        targets.chosen_targets(ROOT, ["nothing.py"])


# -- A toy project

OPS = """def double(x):
    return 2.0 * x


def untested(x):
    return x + 0.0


def count(n):
    while n > 0:
        n -= 1
    return n
"""
TESTS = """from tinyvae.ops import count, double
def test_double():
    assert double(3.0) == 6.0
def test_count():
    assert count(2) == 0
"""


@pytest.fixture
def toy(tmp_path):
    root = tmp_path / "toy"
    for name, text in {"tinyvae/__init__.py": "", "tinyvae/ops.py": OPS, "setup.cfg": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "tests").mkdir()
    (root / "tests/test_ops.py").write_text(TESTS)
    return root


def mutation(root, *options):
    command = [
        sys.executable,
        ROOT / "tools/mutation.py",
        "ops.py",
        "--root",
        root,
        "--least",
        "0.3",
    ]
    files = ["--results", root / "found.json", "--known", root / "known.toml"]
    step = ["--tests", "tests/test_ops.py", "--jobs", "2"]
    return subprocess.run(
        [*map(str, [*command, *files, *step, *options])],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
    )


def verdict_of(root, change):
    rows = json.loads((root / "found.json").read_text()).values()
    return {row["verdict"] for row in rows if row["change"] == change}


@pytest.mark.slow
def test_a_run_kills_what_the_tests_see_and_lists_what_they_do_not(toy):
    done = mutation(toy)
    assert done.returncode == 1, done.stderr
    assert verdict_of(toy, "return 4.0 * x") == {"killed"}
    assert verdict_of(toy, "return x - 0.0") == {"survived"}
    assert verdict_of(toy, "n += 1") == {"late"}  # and not the end of the run
    assert "  - return x + 0.0\n  + return x - 0.0\n" in done.stdout
    assert (toy / "tinyvae/ops.py").read_text() == OPS  # mutants live in a copy

    reasons = [
        f"[[mutant]]\nfile='tinyvae/ops.py'\nline='return x + 0.0'\nchange='{change}'\nreason='0'\n"
        for change in ("return x - 0.0", "return x", "return x + 7.0")
    ]
    (toy / "known.toml").write_text("".join(reasons))
    again = mutation(toy, "--resume")
    survivors = [line for line in done.stdout.splitlines() if line.startswith("  + ")]
    # Neither what was killed is run again, nor what survived for a reason.
    assert f"\n{len(survivors) - 2} were run" in again.stdout
    assert "return x + 7.0  (there is no such mutant)" in again.stdout


def test_without_a_mutant_the_tests_must_be_green(toy):
    (toy / "tests/test_ops.py").write_text("def test_red():\n    assert 0\n")
    done = mutation(toy)
    assert done.returncode != 0
    assert "without any mutant the tests are not green" in done.stderr
    assert "test_red" in done.stderr


def test_numbers_and_samples_choose_mutants(toy):
    listed = mutation(toy, "--list").stdout.splitlines()
    assert len(listed) > 5
    assert (
        mutation(toy, "--list", "--only", "2,4-5")
        .stdout.splitlines()[1]
        .endswith(listed[3].split("]")[1])
    )
    assert len(mutation(toy, "--list", "--sample", "3").stdout.splitlines()) == 3
    assert "--only wants numbers from 1 to" in mutation(toy, "--only", "999").stderr


# -- The file of known mutants, and the report


def some_mutants():
    return operators.mutants("tinyvae/toy.py", "def f(x):\n    return 2.0 * x\n")


def rows_of(mutants, verdicts_):
    rows = verdicts.Results(None)
    for mutant, verdict in zip(mutants, verdicts_, strict=True):
        rows.add(mutant, "", verdict, "tests/test_toy.py::test_f", 1.0, False)
    return rows.rows


def known(tmp_path, entries):
    path = tmp_path / "known.toml"
    lines = ["[[mutant]]\n" + "".join(f"{k} = {v!r}\n" for k, v in e.items()) for e in entries]
    path.write_text("\n".join(lines))
    return verdicts.Known(path)


def entry(mutant, reason="an equal number"):
    return {"file": mutant.file, "line": mutant.line, "change": mutant.change, "reason": reason}


def test_a_known_survivor_is_left_out_of_the_score_and_shown_with_its_reason(tmp_path):
    first, *others = mutants = some_mutants()
    rows = rows_of(mutants, ["survived"] + ["killed"] * len(others))
    lines, well = verdicts.report(mutants, rows, known(tmp_path, []), ["tinyvae/toy.py"])
    assert not well
    assert f"score {100 * len(others) / len(mutants):.2f} %" in lines
    lines, well = verdicts.report(
        mutants, rows, known(tmp_path, [entry(first)]), ["tinyvae/toy.py"]
    )
    assert well
    assert "score 100.00 %" in lines
    assert "    an equal number" in lines


def test_a_known_mutant_that_is_killed_is_named_as_stale(tmp_path):
    mutants = some_mutants()
    rows = rows_of(mutants, ["killed"] * len(mutants))
    lines, well = verdicts.report(
        mutants, rows, known(tmp_path, [entry(mutants[0])]), ["tinyvae/toy.py"]
    )
    assert not well
    assert any("(killed by tests/test_toy.py::test_f)" in line for line in lines)


def test_a_known_mutant_needs_a_reason(tmp_path):
    with pytest.raises(ValueError, match="no reason"):
        known(tmp_path, [entry(some_mutants()[0], reason=" ")])


def test_a_verdict_holds_for_one_text_of_the_file(tmp_path):
    mutant = some_mutants()[0]
    results = verdicts.Results(tmp_path / "found.json")
    results.add(mutant, "one text", "killed", None, 1.0, False)
    results.save()
    kept = verdicts.Results(tmp_path / "found.json").load()
    assert kept.of(mutant, "one text")["verdict"] == "killed"
    assert kept.of(mutant, "another text") is None
