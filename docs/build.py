"""Make the site: `python docs/build.py`, then open docs/_build/html/index.html.

It is made of what is there: README.md is the start page, tutorials/notebooks/ the chapters, as they
were executed, and the docstrings the reference, in the order of the README's map. The pages are
written to docs/_build/pages, with their links set right, and Sphinx makes HTML of them, where a
warning is an error. It needs `pip install -e ".[docs]"`, and no network.
"""

import importlib
import pkgutil
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES, HTML = DOCS / "_build" / "pages", DOCS / "_build" / "html"
# Rooms that are shown from outside: their parts are solutions, and command lines.
WITHOUT_PARTS = {"exercises", "commands"}
FILE = re.compile(r"`(\w+)(?:\.py|/)`")  # in the README's map: `ops.py`, `data/`
FENCED = re.compile(r"(^```.*?^```$)", re.M | re.S)


def rooms():
    """(heading, modules) for each group of the README's map, in its order."""
    groups = []
    for files, says in re.findall(r"^\|([^|]*)\|([^|]*)\|$", _the_map(), re.M):
        if heading := re.fullmatch(r" \*([^*]+)\* ", says):
            groups.append((heading[1], []))
        elif groups:
            groups[-1][1].extend(f"tinyvae.{file}" for file in FILE.findall(files))
    return groups


def _the_map():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme[slice(*_map_ends(readme))]


def _map_ends(readme):
    return readme.index("## The map"), readme.index("## Scope")


def parts(module):
    """The modules inside a room that is a package, by name; none in a file."""
    if not hasattr(module, "__path__") or module.__name__.split(".")[-1] in WITHOUT_PARTS:
        return []
    names = sorted(part.name for part in pkgutil.iter_modules(module.__path__) if not part.ispkg)
    return [f"{module.__name__}.{name}" for name in names]


def api(name, inside=()):
    """The page of a module: its docstring, links to what is inside, and its members."""
    lines = [name, "=" * len(name), "", f".. automodule:: {name}"]
    if inside:
        # A function that has its file's name is on the page of that file.
        lines += ["   :exclude-members: " + ", ".join(part.rpartition(".")[2] for part in inside)]
        lines += ["", "Its files", "---------", "", ".. toctree::", "   :maxdepth: 1", ""]
        lines += [f"   {part}" for part in inside]
    return "\n".join(lines) + "\n"


def reference():
    """Pages by path: the reference's index, and one a module."""
    index = ["# Reference", "", "Every module, in reading order.", ""]
    pages = {}
    for heading, names in rooms():
        index += [f"## {heading[0].upper()}{heading[1:]}", ""]
        for name in names:
            module = importlib.import_module(name)
            inside = parts(module)
            pages[f"api/{name}.rst"] = api(name, inside)
            pages |= {f"api/{part}.rst": api(part) for part in inside}
            index.append(f"- [`{name}`]({name}.rst): {_plain(module.__doc__.splitlines()[0])}")
        index += ["", *_toctree(names), ""]
    return pages | {"api/index.md": "\n".join(index)}


def _plain(line):
    """Markdown of a line that is meant as it stands, but for `code`."""
    return re.sub(r"`[^`]*`|[*_<|~]", lambda m: m[0] if "`" in m[0] else f"\\{m[0]}", line)


def _toctree(entries):
    return ["```{toctree}", ":hidden:", ":maxdepth: 1", "", *entries, "```"]


def texts():
    """The Markdown files of the repository that become pages: file -> page."""
    found = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
    found |= {"CHANGELOG.md": "changelog.md", "benchmarks/README.md": "benchmarks/index.md"}
    for file in sorted((ROOT / "tutorials").glob("*.md")):
        name = "index" if file.stem == "README" else file.stem.lower()
        found[f"tutorials/{file.name}"] = f"tutorials/{name}.md"
    return found


def linked(file, page, pages):
    """The text of a Markdown file, its links leading to pages; what has no page is copied beside.

    FileNotFoundError, naming the file, for a link that leads nowhere.
    """

    def replaced(found):
        target, anchor = found[1], found[2] or ""
        if not target or re.match(r"\w+:", target):
            return found[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        module = re.sub(r"(/__init__)?\.py$", "", place).replace("/", ".")
        chapter = re.sub(r"^tutorials/(?:notebooks/)?(\d\d_\w+)\.(py|ipynb)$", r"\1", place)
        if place in texts():
            goal = texts()[place]
        elif f"api/{module}.rst" in pages:
            goal = f"api/{module}.rst"
        elif (ROOT / "tutorials" / "notebooks" / f"{chapter}.ipynb").is_file():
            goal = f"tutorials/{chapter}.ipynb"
        elif (ROOT / place).is_file():
            goal = place
            _copy(ROOT / place, PAGES / place)
        elif place in ("tutorials", "tutorials/notebooks"):
            goal = "tutorials/index.md"
        else:
            raise FileNotFoundError(f"{file} links to {target}, and nothing is there")
        return f"]({posixpath.relpath(goal, posixpath.dirname(page) or '.')}{anchor})"

    text = (ROOT / file).read_text(encoding="utf-8")
    pieces = FENCED.split(text)  # every second one is code
    pieces[::2] = (re.sub(r"\]\(([^)#]*)(#[^)]*)?\)", replaced, each) for each in pieces[::2])
    return "".join(pieces)


def write():
    """All pages, from the sources as they are now."""
    shutil.rmtree(PAGES, ignore_errors=True)
    pages = reference()
    for file, page in texts().items():
        pages[page] = linked(file, page, pages)
    notebooks = sorted((ROOT / "tutorials" / "notebooks").glob("*.ipynb"))
    for notebook in notebooks:
        _copy(notebook, PAGES / "tutorials" / notebook.name)
    others = [Path(page).stem for page in pages if re.match(r"tutorials/(?!index)", page)]
    chapters = _toctree([*(notebook.stem for notebook in notebooks), *others])
    pages.setdefault("tutorials/index.md", "# The chapters\n")
    pages["tutorials/index.md"] = re.sub(
        r"(?<=^\| )`((\d\d_\w+)\.py)`", r"[](\2.ipynb)", pages["tutorials/index.md"], flags=re.M
    )
    pages["tutorials/index.md"] += "\n" + "\n".join(chapters) + "\n"
    whole = ["tutorials/index", "api/index", "benchmarks/index", "contributing", "changelog"]
    first, last = _map_ends(pages["index.md"])
    start = pages["index.md"]
    pages["index.md"] = start[:first] + FILE.sub(_to_module, start[first:last]) + start[last:]
    pages["index.md"] += "\n" + "\n".join(_toctree(whole)) + "\n"
    for page, text in pages.items():
        (PAGES / page).parent.mkdir(parents=True, exist_ok=True)
        (PAGES / page).write_text(text, encoding="utf-8")


def _to_module(found):
    return f"[{found[0]}](api/tinyvae.{found[1]}.rst)" if found[1] != "tinyvae" else found[0]


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def main():
    try:
        write()
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", DOCS, PAGES, HTML]
    done = subprocess.run([*map(str, command), *sys.argv[1:]], check=False)
    if done.returncode == 0:
        print(f"open {HTML / 'index.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
