"""Make the notebooks from the chapters: `python tutorials/build.py`.

tutorials/NN_name.py is the source, in percent format; tutorials/notebooks/NN_name.ipynb is the
same, executed, with its figures inside. A notebook records the hash of its source, and one whose
hash fits is left alone; `--force` makes it again. The same source, package and machine give the
same bytes: cell ids come from the cells, and no times are written.

    python tutorials/build.py                              # all that are stale
    python tutorials/build.py tutorials/04_*.py --force    # this one, in any case

The comment at the top of a cell, `# alt: what the figure shows`, becomes the alternative text of
the cell's figures. What makes a cell fail: an error, a warning or anything else on stderr, an
address in memory in what it shows, a figure without that comment. It needs
`pip install -e ".[tutorials]"`.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

from tinyvae.storage import replacing

HERE = Path(__file__).resolve().parent
CELL = re.compile(r"^# %%", re.M)
SECONDS = 600  # for one cell, on a slow machine

# The kernel's: figures go into the notebook, and nothing depends on who runs it.
ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or the debugger warns
    "COLUMNS": "80",
}
ARGUMENTS = [
    "--log-level=ERROR",  # of the kernel itself: it has words about its own connection
    "--InteractiveShell.ast_node_interactivity=none",  # a script does not show it either
    "--InlineBackend.print_figure_kwargs={'bbox_inches': 'tight', 'metadata': {'Software': None}}",
]


class Failed(Exception):
    """One line: which chapter, which cell, what."""


def chapters():
    """The sources, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def notebook_of(source, folder=None):
    return (folder or source.parent / "notebooks") / f"{source.stem}.ipynb"


def digest(source):
    """sha256 of the text: the same with the line ends of another system."""
    return _hash(source.read_text(encoding="utf-8"))


def _hash(text):
    return hashlib.sha256(text.encode()).hexdigest()


def recorded(notebook):
    """The digest of the source that `notebook` was made from; None if it is not one of ours."""
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["metadata"]["tinyvae"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def alt_text(code):
    """What the comment at the top of a cell says after `alt:`; None if there is none.

    It may go on over more lines of the comment, each with `# alt:` or `#` before it.
    """
    if not code.startswith("# alt:"):
        return None
    comment = re.match(r"(?:#.*\n?)+", code)[0]
    return " ".join(re.sub(r"^#( alt:)?", "", comment, flags=re.M).split())


def build(source, notebook):
    """Execute `source` and write `notebook`, whole or not at all; the notebook as a dict.

    Failed, naming the chapter, the cell and its line, if a cell fails.
    """
    import jupytext
    import nbformat

    text = source.read_text(encoding="utf-8")  # once: it may be edited in the meantime
    page = jupytext.reads(text, fmt="py:percent")
    page.nbformat, page.nbformat_minor = 4, 5
    for cell, name in zip(page.cells, cell_ids(page.cells), strict=True):
        cell.id, cell.metadata = name, {}
    _execute(page, source, text)
    _describe(page, source, text)
    page.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"file_extension": ".py", "name": "python"},
        "tinyvae": {"source": source.name, "sha256": _hash(text)},
    }
    nbformat.validate(page)
    with replacing(notebook) as file:
        file.write((nbformat.writes(page).rstrip("\n") + "\n").encode())
    return page


def cell_ids(cells):
    """One a cell, from what is in it: another cell that changes does not change it."""
    seen = {}
    for cell in cells:
        name = _hash(f"{cell.cell_type}\n{cell.source}")[:12]
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


def _execute(page, source, text):
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    at = [0]  # the cell that runs
    with tempfile.TemporaryDirectory() as scratch:  # a chapter may write there
        client = NotebookClient(
            page,
            timeout=SECONDS,
            kernel_name="python3",
            extra_arguments=ARGUMENTS,
            record_timing=False,
            coalesce_streams=True,  # how the text was cut up is chance
            on_cell_start=lambda cell, cell_index: at.__setitem__(0, cell_index),
            resources={"metadata": {"path": scratch}},
        )
        try:
            client.execute(env=os.environ | ENVIRONMENT)
        except CellExecutionError as error:
            raise failed(source, text, at[0], f"{error.ename}: {error.evalue}") from error
        except CellTimeoutError as error:
            raise failed(source, text, at[0], f"not done after {SECONDS} s") from error
        except DeadKernelError as error:
            raise failed(source, text, at[0], "the Python process died") from error


def failed(source, text, index, why):
    """A Failed of cell `index`, from 0, of `source`: the cell is named as a reader counts it."""
    line = [text.count("\n", 0, found.start()) + 1 for found in CELL.finditer(text)][index]
    why = " ".join(why.split())
    why = why if len(why) <= 200 else why[:199] + "…"
    return Failed(f"{source.name}, cell {index + 1} (line {line}): {why}")


def _describe(page, source, text):
    """Give the figures their texts, where nbconvert, nbsphinx and myst-nb look for them."""
    for index, cell in enumerate(page.cells):
        alt = alt_text(cell.source) if cell.cell_type == "code" else None
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise failed(source, text, index, f"it writes on stderr: {output.text}")
            shown = output.get("text", "") or output.get("data", {}).get("text/plain", "")
            if re.search(r" at 0x[0-9a-f]{6,}", shown):
                raise failed(
                    source, text, index, f"it shows an address, another in every run: {shown}"
                )
            if "image/png" in output.get("data", {}):
                if not alt:
                    raise failed(source, text, index, "it draws; begin it with `# alt: ...`")
                output.metadata = {"image/png": {"alt": alt}}
                cell.metadata = {"alt": alt, "mystnb": {"image": {"alt": alt}}}


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapters", nargs="*", type=Path, help="sources; without any, all")
    parser.add_argument("--force", action="store_true", help="also those that are up to date")
    parser.add_argument("--out", type=Path, help="another folder than notebooks/ beside the source")
    options = parser.parse_args(arguments)
    try:
        import ipykernel  # noqa: F401
        import jupytext  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as error:
        print(f'{error}: pip install -e ".[tutorials]"', file=sys.stderr)
        return 1
    for source in options.chapters or chapters():
        notebook = notebook_of(source, options.out)
        try:
            if recorded(notebook) == digest(source) and not options.force:
                print(f"{source.stem}: up to date")
                continue
            page = build(source, notebook)
        except (Failed, OSError, UnicodeDecodeError) as error:
            print(error, file=sys.stderr)
            return 1
        outputs = [output for cell in page.cells for output in cell.get("outputs", ())]
        figures = sum("image/png" in output.get("data", {}) for output in outputs)
        print(f"{source.stem}: {figures} figures, {notebook.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
