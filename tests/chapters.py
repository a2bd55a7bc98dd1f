"""Tutorial chapters as text: their cells, their formulas, and the rules that every chapter keeps.

A rule takes a Chapter and yields complaints, (line, what is wrong and what to do). `complaints`
asks all of them. `formula_faults` alone is for any Markdown.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from tinyvae.exercises import CHAPTERS

INSTALL = """\
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinyvae") is None:  # on Colab, say
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "tinyvae"], check=True)"""
SHOW = """\
if plt.get_backend().lower() != "agg":
    plt.show()"""


@dataclass
class Cell:
    """`text` as a notebook has it: without the marker, and Markdown without its `# `."""

    kind: str  # "markdown" or "code"
    text: str
    line: int  # where its first line is in the file, from 1


@dataclass
class Chapter:
    name: str
    source: str

    @property
    def number(self):
        return int(self.name[:2])

    def cells(self, kind=None):
        """The cells, all or those of a kind, in order."""
        found, marks = [], list(re.finditer(r"^# %%(.*)\n?", self.source, re.M))
        ends = [mark.start() for mark in marks[1:]] + [len(self.source)]
        for mark, end in zip(marks, ends, strict=True):
            text = self.source[mark.end() : end]
            line = self.source.count("\n", 0, mark.end()) + 1
            if mark[1].strip() == "[markdown]":
                found.append(Cell("markdown", re.sub("^# ?", "", text, flags=re.M).strip(), line))
            else:
                found.append(Cell("code", text.strip(), line))
        return [cell for cell in found if kind in (None, cell.kind)]


def read(path):
    return Chapter(Path(path).name, Path(path).read_text(encoding="utf-8"))


# -- The form


def percent_format(chapter):
    if not chapter.source.startswith("# %% [markdown]\n"):
        yield 1, "begin with `# %% [markdown]`, without a header"
    markdown = False
    for number, line in enumerate(chapter.source.splitlines(), 1):
        if line.startswith("# %%"):
            markdown = line == "# %% [markdown]"
            if not markdown and line != "# %%":
                yield number, "a cell begins with `# %%` or `# %% [markdown]` and nothing more"
        elif markdown and line and not re.match("#( |$)", line):
            yield number, "every line of a Markdown cell begins with `# `"


def first_cells(chapter):
    cells = chapter.cells()
    if len(cells) < 2 or not cells[0].text.startswith(f"# {chapter.number}. "):
        yield 1, f"the first cell begins with the title, `# # {chapter.number}. ...`"
    if len(cells) < 2 or (cells[1].kind, cells[1].text) != ("code", INSTALL):
        yield 1, "the second cell is the one that installs the package where it is missing"


def one_title(chapter):
    for index, cell in enumerate(chapter.cells("markdown")):
        for offset, line in enumerate(_without_code(cell.text).splitlines()):
            if line.startswith("# ") and (index or offset):
                yield cell.line + offset, "one title a chapter: begin other headings with `##`"


def shown_at_the_end(chapter):
    *before, last = chapter.cells("code") or [Cell("code", "", 1)]
    if last.text != SHOW or chapter.cells()[-1].kind != "code":
        yield last.line, "the last cell shows the figures, where there is a screen"
    for cell in before:
        if "plt.show(" in cell.text:
            yield cell.line, "plt.show() is in the last cell alone"


def code_parses(chapter):
    for cell in chapter.cells("code"):
        try:
            ast.parse(cell.text)
        except SyntaxError as error:
            yield (
                cell.line + (error.lineno or 1) - 1,
                f"not Python by itself: {error.msg}",
            )


def described(chapter):
    """What certainly draws; the notebook, where it is built, knows the rest."""
    for cell in chapter.cells("code"):
        if _draws(cell.text) and not re.match(r"# alt: \S", cell.text):
            yield cell.line, "a cell that draws begins with `# alt: what the figure shows`"


def exercises(chapter):
    if chapter.number not in CHAPTERS:
        return
    if not any("from tinyvae.exercises import" in cell.text for cell in chapter.cells("code")):
        yield 1, "a cell prints the chapter's exercises, from tinyvae.exercises"
    if "python -m tinyvae exercises" not in chapter.source:
        yield 1, "say how to start them: `python -m tinyvae exercises start`"


def links(chapter):
    for cell in chapter.cells("markdown"):
        for found in re.finditer(r"\]\(([^)]*)\)", _without_code(cell.text)):
            if not found[1].startswith("https://"):
                line = cell.line + cell.text.count("\n", 0, found.start())
                yield line, f"a notebook is read elsewhere, too: no link to {found[1]!r}"


def formulas(chapter):
    for cell in chapter.cells("markdown"):
        for line, what in formula_faults(cell.text):
            yield cell.line + line - 1, what


RULES = (
    percent_format,
    first_cells,
    one_title,
    shown_at_the_end,
    code_parses,
    described,
    exercises,
    links,
    formulas,
)


def complaints(chapter):
    """All that is wrong, as `NN_name.py:line: what`."""
    found = sorted({complaint for rule in RULES for complaint in rule(chapter)})
    return [f"{chapter.name}:{line}: {what}" for line, what in found]


def _draws(code):
    """Whether `code`, outside the functions that it defines, makes a figure."""
    try:
        waiting = list(ast.parse(code).body)
    except SyntaxError:
        return False
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if re.fullmatch(r"plt\.(subplots|subplot_mosaic|figure|plot|imshow|hist)", called):
                return True
            if re.fullmatch(r"(tinyvae\.)?plots\.(?!style$|save$|.*grid_points$)\w+", called):
                return True
        waiting += ast.iter_child_nodes(node)
    return False


# -- Formulas that a code-hosting page, which reads Markdown before TeX, does not break


def formula_faults(markdown):
    """Complaints, (line from 1, what), of the formulas in Markdown."""
    text = _without_code(markdown)

    def line(position):
        return text.count("\n", 0, position) + 1

    for found in re.finditer(r"\$\$(.*?)\$\$", text, re.S):
        before, after = text[: found.start()], text[found.end() :]
        if not re.search(r"(\A|\n[ \t]*\n)[ \t]*\Z", before):
            yield line(found.start()), "a blank line before a display formula"
        if not re.match(r"[.,;:]?[ \t]*(\n[ \t]*\n|\n?\Z)", after):
            yield line(found.end()), "a blank line after a display formula"
        if re.search(r"\n[ \t]*\n", found[1]):
            yield line(found.start()), "no blank line inside a display formula"
        for start in re.finditer(r"^[ \t]*([-=+>*#]|\d+[.)] )", found[1], re.M):
            if "\n" in found[1][: start.start() + 1]:
                at = line(found.start(1) + start.start(1))
                yield (
                    at,
                    f"no line of a display formula begins with {start[1]!r}",
                )
        yield from ((line(found.start()), what) for what in _everywhere(found[1]))
    text = re.sub(r"\$\$.*?\$\$", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)
    for paragraph in re.finditer(r"(?:.+\n?)+", text):
        dollars = [found.start() for found in re.finditer(r"(?<!\\)\$", paragraph[0])]
        if len(dollars) % 2:
            yield line(paragraph.start()), "a $ without its partner in this paragraph"
            continue
        for first, last in zip(dollars[::2], dollars[1::2], strict=True):
            at, formula = line(paragraph.start() + first), paragraph[0][first + 1 : last]
            around = paragraph[0][max(first - 1, 0) : first] + paragraph[0][last + 1 : last + 2]
            yield from ((at, what) for what in (*_everywhere(formula), *_inline(formula, around)))
            row = paragraph[0][:first].rpartition("\n")[2].lstrip().startswith("|")
            if row and "|" in formula:
                yield at, f"| ends a cell of a table: write \\mid or \\lvert in ${formula}$"


def _everywhere(formula):
    if re.search(r"(?<!\\)\\[{}]", formula):
        yield f"\\{{ and \\}} lose their backslash: write \\lbrace, \\rbrace in {formula.strip()!r}"
    if "\\operatorname" in formula:
        yield f"\\operatorname is refused: write \\mathrm in {formula.strip()!r}"
    if re.search(r"<[A-Za-z/!]", formula):
        yield f"< and a letter are a tag: put a space between them in {formula.strip()!r}"


def _inline(formula, around):
    if not formula.strip() or formula != formula.strip():
        yield f"no space next to the dollars of ${formula}$"
    if re.search(r"\w", around):
        yield f"no letter or digit right before or after ${formula}$"
    if formula.startswith(("\\,", "\\;", "\\!")):
        yield f"{formula[:2]} right after the dollar loses its backslash in ${formula}$"
    if "\n" in formula:
        yield f"keep ${' '.join(formula.split())}$ on one line"
    if "](" in formula:
        yield f"]( makes a link: put a space between them in ${formula}$"
    if "\\\\" in formula:
        yield f"\\\\ loses a backslash: a display formula for ${formula}$"
    for mark in "_*":
        if _emphasis(formula, mark):
            yield f"two {mark} make emphasis: a display formula for ${formula}$"


def _emphasis(formula, mark):
    """Whether one `mark` of the formula can open emphasis and a later one close it.

    Source: CommonMark 0.31, section 6.2: left- and right-flanking delimiter runs.
    """
    can_open, can_close = [], []
    for before, now, after in zip("$" + formula, formula, formula[1:] + "$", strict=False):
        if now != mark or before == "\\":
            continue
        left = not after.isspace() and (_word(after) or before.isspace() or not _word(before))
        right = not before.isspace() and (_word(before) or after.isspace() or not _word(after))
        inside_word = mark == "_" and left and right
        can_open.append(left and not (inside_word and _word(before)))
        can_close.append(right and not (inside_word and _word(after)))
    return any(one and any(can_close[i + 1 :]) for i, one in enumerate(can_open))


def _word(character):
    return not re.match(r"[!-/:-@\[-`{-~]", character) and not character.isspace()


def _without_code(markdown):
    """The text, what is between backticks blanked; lines stay where they are."""

    def blank(found):
        return re.sub(r"[^\n]", " ", found[0])

    text = re.sub(r"^ *```.*?^ *```", blank, markdown, flags=re.M | re.S)
    return re.sub(r"(?<!`)(`+)(?!`)(?:(?!\n\n).)+?(?<!`)\1(?!`)", blank, text, flags=re.S)
