"""Every chapter runs and keeps the rules of `chapters.py`; its notebook is of this source."""

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from chapters import INSTALL, RULES, SHOW, Chapter, complaints, formula_faults, read

ROOT = Path(__file__).parent.parent
TUTORIALS = ROOT / "tutorials"
SOURCES = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))
NOTEBOOKS = sorted(TUTORIALS.glob("notebooks/*.ipynb"))
LARGEST = 600_000  # bytes: a page that a browser opens at once
# Chapters that take more than about four seconds.
SLOW = {"06", "07", "09", "10", "11", "12", "13"}

_spec = importlib.util.spec_from_file_location("build", TUTORIALS / "build.py")
build = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(build)


def name(path):
    return path.stem


def python(*arguments, folder, **environment):
    quiet = {"MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | quiet | environment,
        check=False,
    )


# -- The chapters


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(source, marks=[pytest.mark.slow] if source.stem[:2] in SLOW else [])
        for source in SOURCES
    ],
    ids=name,
)
def test_it_runs_without_a_warning_and_leaves_no_file(source, tmp_path):
    script = f"import runpy; runpy.run_path({str(source)!r}, run_name='__main__')"
    done = python("-W", "error", "-c", script, folder=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", SOURCES, ids=name)
def test_it_keeps_the_rules(source):
    found = complaints(read(source))
    assert not found, "\n".join(found)


def test_they_are_numbered_without_a_gap():
    assert [source.stem[:2] for source in SOURCES] == [f"{i:02d}" for i in range(len(SOURCES))]


def test_the_map_names_every_chapter_and_no_other():
    text = (TUTORIALS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\b\d\d_[a-z_]+(?=\.py)", text)) == {source.stem for source in SOURCES}


@pytest.mark.parametrize("page", sorted(TUTORIALS.glob("*.md")), ids=lambda path: path.name)
def test_pages_have_whole_links_and_formulas(page):
    text = page.read_text(encoding="utf-8")
    assert list(formula_faults(text)) == []
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert target.startswith("https://") or (TUTORIALS / target).exists(), target


# -- The rules: each sees its own mistakes, and none where there is none

SAMPLE = f"""\
# %% [markdown]
# # 3. A sample
#
# Let $z_i = \\mu_i + \\sigma_i$ be a draw, with $n$-th entry $z_n$, `$` and \\$5 aside.
#
# $$
# \\mathbb{{E}}_{{q}}[f] = \\mathbb{{E}}_{{p}}[g] \\\\
# x < y
# $$
#
# Read on: [a paper](https://doi.org/10.0/0).

# %%
{INSTALL}

# %%
import matplotlib.pyplot as plt

from tinyvae.exercises import CHAPTERS, exercise

for name in CHAPTERS[3]:
    print(exercise(name).title)  # python -m tinyvae exercises start

# %%
# alt: A line that rises from 0 to 1.
fig, ax = plt.subplots()
ax.plot([0, 1])

# %%
{SHOW}
"""
IN_PROSE = "\\$5 aside."

PLANTED = [
    ("percent_format", "# %% [markdown]\n# # 3", "# ---\n# %% [markdown]\n# # 3"),
    ("percent_format", "# %% [markdown]\n# # 3", "# %% [md]\n# # 3"),
    ("percent_format", "# Read on:", "Read on:"),
    ("percent_format", "# %%\n# alt", "# %% figure\n# alt"),
    ("first_cells", "# # 3. A", "# # 4. A"),
    ("first_cells", '"--quiet", ', ""),
    ("one_title", "# Read on:", "# # Read on\n#"),
    ("shown_at_the_end", "ax.plot([0, 1])", "plt.show()"),
    ("shown_at_the_end", SHOW, "plt.show()"),
    ("shown_at_the_end", SHOW, f"{SHOW}\n\n# %% [markdown]\n# The end."),
    ("code_parses", "ax.plot([0, 1])", "ax.plot([0, 1]"),
    ("described", "# alt: A line that rises from 0 to 1.\n", ""),
    ("described", "A line that rises from 0 to 1.", ""),
    ("exercises", "from tinyvae.exercises", "from exercises"),
    ("exercises", "python -m tinyvae exercises", "tinyvae exercises"),
    ("links", "https://doi.org/10.0/0", "04_reparameterization.py"),
    ("formulas", "#\n# $$\n", "# $$\n"),
    ("formulas", "# $$\n#\n# Read", "# $$\n# Read"),
    ("formulas", "# x < y", "#\n# x < y"),
    ("formulas", "# x < y", "# = x"),
    ("formulas", "# x < y", "# + x"),
    ("formulas", "# x < y", "# - x"),
    ("formulas", "# x < y", "# > x"),
    ("formulas", "# x < y", "# x <y"),
    ("formulas", "# x < y", "# \\{x\\}"),
    ("formulas", "# x < y", "# \\operatorname{KL}"),
    ("formulas", IN_PROSE, "$5 aside."),
    ("formulas", IN_PROSE, "$\\{x\\}$"),
    ("formulas", IN_PROSE, "$\\,x$"),
    ("formulas", IN_PROSE, "$x $"),
    ("formulas", IN_PROSE, "$x$s"),
    ("formulas", IN_PROSE, "3$x$"),
    ("formulas", IN_PROSE, "$x\n# + y$"),
    ("formulas", IN_PROSE, "$[a](b)$"),
    ("formulas", IN_PROSE, "$a \\\\ b$"),
    ("formulas", IN_PROSE, "$\\operatorname{KL}$"),
    ("formulas", IN_PROSE, "$\\mathbb{E}_{q} - \\mathbb{E}_{p}$"),
    ("formulas", IN_PROSE, "$q^*(z) - p^*(z)$"),
    ("formulas", IN_PROSE, "\n# | $|x|$ |"),
]


def test_the_sample_keeps_the_rules():
    assert complaints(Chapter("03_sample.py", SAMPLE)) == []


@pytest.mark.parametrize(("rule", "right", "wrong"), PLANTED)
def test_a_planted_mistake_is_seen_by_its_rule(rule, right, wrong):
    assert SAMPLE.count(right) == 1
    chapter = Chapter("03_sample.py", SAMPLE.replace(right, wrong))

    assert rule in {check.__name__ for check in RULES if list(check(chapter))}


def test_every_rule_has_a_planted_mistake():
    assert {rule for rule, _, _ in PLANTED} == {rule.__name__ for rule in RULES}


def test_complaints_name_the_line():
    wrong = SAMPLE.replace(IN_PROSE, "$x $")
    (complaint,) = complaints(Chapter("03_sample.py", wrong))
    assert complaint.startswith("03_sample.py:4: no space")


@pytest.mark.parametrize(
    "formula",
    [
        "$z_i = \\mu_i + \\sigma_i$",
        "$\\mathbb{E}_q[f] - \\mathbb{E}_p[g]_i$",
        "$\\mu_{j} \\sigma_{j}$",
        "($x$), $y$.",
        "`$x $` and ``$ y`` and\n\n```\n$x $\n```",
        "$\\lbrace x \\mid x < 1 \\rbrace$",
    ],
)
def test_what_is_whole_is_not_blamed(formula):
    assert list(formula_faults(formula)) == []


# -- The notebooks


def test_every_chapter_has_its_notebook_and_no_other_is_there():
    assert [path.stem for path in NOTEBOOKS] == [path.stem for path in SOURCES]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_the_notebook_is_of_this_source(notebook):
    source = TUTORIALS / f"{notebook.stem}.py"
    assert build.recorded(notebook) == build.digest(source), "run: python tutorials/build.py"
    page = json.loads(notebook.read_text(encoding="utf-8"))
    cells = [("".join(cell["source"]), cell["cell_type"]) for cell in page["cells"]]
    assert cells == [(cell.text, cell.kind) for cell in read(source).cells()]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_the_notebook_is_whole(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    assert not re.search(r"\d{4}-\d\d-\d\dT\d\d:|/tmp/|/home/", text)
    page = json.loads(text)
    assert page["metadata"]["kernelspec"]["name"] == "python3"
    assert [page["nbformat"], page["nbformat_minor"]] == [4, 5]
    codes = [cell for cell in page["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in codes] == list(range(1, len(codes) + 1))
    for cell in codes:
        pictures = [output for output in cell["outputs"] if "image/png" in output.get("data", {})]
        alt = build.alt_text("".join(cell["source"]))
        assert bool(pictures) == bool(alt), f"a description without a figure: {alt}"
        for picture in pictures:
            assert picture["metadata"]["image/png"]["alt"] == alt
            assert cell["metadata"]["mystnb"]["image"]["alt"] == alt
            assert base64.b64decode(picture["data"]["image/png"]).startswith(b"\x89PNG")
        assert all(output["output_type"] != "error" for output in cell["outputs"])
        assert all(output.get("name") != "stderr" for output in cell["outputs"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=name)
def test_the_notebook_is_one_to_jupyter(notebook):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(notebook, as_version=nbformat.NO_CONVERT))


# -- The command that makes them


def make(tmp_path, code, *options, place="ax.plot([0, 1])"):
    """The sample, with `code` in that place, made into a notebook."""
    source, out = tmp_path / "03_sample.py", tmp_path / "out"
    source.write_text(SAMPLE.replace(place, code), encoding="utf-8")
    command = TUTORIALS / "build.py", source, "--out", out, *options
    return python(*command, folder=tmp_path), out / "03_sample.ipynb"


def needs_jupyter():
    for module in "jupytext", "nbclient", "ipykernel", "matplotlib_inline":
        pytest.importorskip(module)


@pytest.mark.slow
def test_a_notebook_is_made_once_and_again_the_same(tmp_path):
    needs_jupyter()
    done, notebook = make(tmp_path, "ax.plot([0, 1])\nprint(1)")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("03_sample: 1 figures, ")
    test_the_notebook_is_whole(notebook)
    first = notebook.read_bytes()
    done, _ = make(tmp_path, "ax.plot([0, 1])\nprint(1)")
    assert done.stdout == "03_sample: up to date\n"
    done, _ = make(tmp_path, "ax.plot([0, 1])\nprint(1)", "--force")
    assert done.stdout.startswith("03_sample: 1 figures, ")
    assert notebook.read_bytes() == first
    done, _ = make(tmp_path, "ax.plot([0, 1])\nprint(2)")  # another source: made again
    assert done.stdout.startswith("03_sample: 1 figures, ")
    then = [cell["id"] for cell in json.loads(first)["cells"]]
    now = [cell["id"] for cell in json.loads(notebook.read_bytes())["cells"]]
    assert [a == b for a, b in zip(then, now, strict=True)] == [True, True, True, False, True]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings; warnings.warn('old')", "it writes on stderr: "),
        ("print(object())", "it shows an address, another in every run: "),
        ("# %%\nplt.subplots()", "it draws; begin it with `# alt: ...`"),
    ],
)
def test_a_cell_that_fails_is_named_and_nothing_is_written(tmp_path, code, said):
    needs_jupyter()
    done, notebook = make(tmp_path, code)
    assert done.returncode == 1
    cell, line = (5, 32) if code.startswith("# %%") else (4, 29)
    assert done.stderr.startswith(f"03_sample.py, cell {cell} (line {line}): {said}")
    assert done.stderr.count("\n") == 1
    assert not notebook.parent.exists()


STYLED = """\
from tinyvae.plots import style

with style():
    plt.subplots()

# %%
# alt: The same again.
with style():
    fig, ax = plt.subplots()"""


@pytest.mark.slow
def test_figures_in_the_style_of_the_package_stand_below_their_cells(tmp_path):
    needs_jupyter()
    done, notebook = make(tmp_path, STYLED, place="fig, ax = plt.subplots()")
    assert (done.returncode, done.stderr) == (0, "")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert [len(cell.get("outputs", ())) for cell in cells] == [0, 0, 1, 1, 1, 0]


def test_the_digest_does_not_see_line_ends(tmp_path):
    for ends, text in ("unix", b"a\nb\n"), ("dos", b"a\r\nb\r\n"):
        (tmp_path / ends).write_bytes(text)
    assert build.digest(tmp_path / "unix") == build.digest(tmp_path / "dos")
    assert build.recorded(tmp_path / "unix") is None
    assert build.recorded(tmp_path / "nowhere") is None


def test_alternative_text_goes_on_over_comment_lines():
    for again in "# ", "# alt: ":
        code = f"# alt: One line,\n{again}and another.\nplt.plot()\n# more"
        assert build.alt_text(code) == "One line, and another."
    assert build.alt_text("# A comment\n# alt: late") is None


def test_cell_ids_come_from_the_cells():
    class Cell:
        def __init__(self, source):
            self.cell_type, self.source = "code", source

    ids = list(build.cell_ids([Cell("a"), Cell("b"), Cell("a")]))
    assert len(set(ids)) == 3
    assert ids[2] == f"{ids[0]}-2"
    assert list(build.cell_ids([Cell("b"), Cell("a")])) == [ids[1], ids[0]]
