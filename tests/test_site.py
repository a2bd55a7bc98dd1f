"""The site's pages: all chapters and modules are there, links lead somewhere, docstrings keep
their formulas. `python docs/build.py` itself, with warnings as errors, is a step of .ci/run."""

import importlib.util
import re
from pathlib import Path

import pytest

from tinyvae import HOMES

ROOT = Path(__file__).parent.parent


def load(name):
    """A file of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"site_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    site = load("build")
    site.PAGES = tmp_path_factory.mktemp("pages")
    site.write()
    return site.PAGES


def test_every_chapter_and_every_public_module_has_a_page(pages):
    for notebook in ROOT.glob("tutorials/notebooks/*.ipynb"):
        assert (pages / "tutorials" / notebook.name).is_file()
        assert notebook.stem in (pages / "tutorials" / "index.md").read_text(encoding="utf-8")
    for home in HOMES:
        assert (pages / "api" / f"tinyvae.{home}.rst").is_file()
    assert (pages / "api" / "tinyvae.distributions.gamma.rst").is_file()
    assert not list(pages.glob("api/tinyvae.exercises.*.rst"))  # solutions


def test_every_link_of_every_page_leads_to_a_page_or_a_file(pages):
    links = 0
    for page in pages.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            links += 1
            assert re.match("https?:", target) or (page.parent / target).is_file(), target
    assert links > 50


def test_a_link_that_leads_nowhere_is_an_error(tmp_path):
    site = load("build")
    site.ROOT, site.PAGES = tmp_path, tmp_path / "pages"
    (tmp_path / "README.md").write_text("[there](docs/nothing.py)", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"README.md links to docs/nothing.py"):
        site.linked("README.md", "index.md", {})


def test_code_has_no_links(tmp_path):
    site = load("build")
    site.ROOT = tmp_path
    text = "```python\ny = f[0](x)\n```\n[up](https://doi.org/10.0/0), [here](#there)\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    assert site.linked("README.md", "index.md", {}) == text


def restructured(text):
    return "\n".join(load("docstrings").restructured(text.splitlines())).strip()


def test_docstrings_flow_and_formulas_keep_their_lines():
    text = """\
A title with z_ and *args, of `theta` and `f(x)`s:

    dmu     = dz     |x| `raw`
      and on

    dlogvar = dz * 2
After it. This goes
on.
Source: Someone (2014).

- one
  and more
- two"""
    assert (
        restructured(text)
        == """\
A title with z\\_ and \\*args, of :py:obj:`theta` and ``f(x)``\\ s:

.. code-block:: text

   dmu     = dz     |x| `raw`
     and on

   dlogvar = dz * 2

After it. This goes on.

Source: Someone (2014).

- one and more
- two"""
    )


@pytest.mark.parametrize("start", ["(a - b) c", "> 1", "A. Name", "1. x", ":x: y", "+ 1", ".. x"])
def test_no_paragraph_becomes_a_list_or_a_field(start):
    assert restructured(start).startswith("\\ ")


@pytest.mark.slow
def test_every_docstring_is_whole_reStructuredText(pages):
    docutils = pytest.importorskip("docutils.core")
    roles = pytest.importorskip("docutils.parsers.rst.roles")
    nodes = pytest.importorskip("docutils.nodes")
    roles.register_local_role(
        "py:obj", lambda role, raw, text, *_, **__: ([nodes.literal(raw, text)], [])
    )
    strict = {"report_level": 1, "halt_level": 2, "syntax_highlight": "none"}
    for page in pages.glob("api/*.rst"):
        module = importlib.import_module(page.stem)
        ours = [thing for thing in vars(module).values() if callable(thing)]
        ours = [thing for thing in ours if getattr(thing, "__module__", None) == page.stem]
        for text in filter(None, (thing.__doc__ for thing in (module, *ours))):
            docutils.publish_doctree(restructured(text), settings_overrides=strict)
