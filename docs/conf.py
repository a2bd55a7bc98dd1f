"""Sphinx: `python docs/build.py` writes the pages and calls it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings

import tinyvae

project = "tinyvae"
version = release = tinyvae.__version__
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # MathJax comes with the site: no network
]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are executed: tutorials/build.py
smartquotes = False  # quotes and dashes stay those of the formulas

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True  # as they are written
autodoc_typehints = "none"
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "tinyvae"
html_static_path = [str(Path(__file__).parent / "_static")]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False


def setup(app):
    app.connect("autodoc-process-docstring", docstrings.process)
