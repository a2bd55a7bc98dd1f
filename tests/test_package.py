"""The package's names: what is imported when, and that all of them are there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tinyvae
from tinyvae import distributions

STUB = Path(tinyvae.__file__).with_suffix(".pyi")


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_every_public_name_is_there():
    for name in tinyvae.__all__:
        assert getattr(tinyvae, name) is not None
    assert set(tinyvae.__all__) <= set(dir(tinyvae))
    with pytest.raises(AttributeError, match="no attribute 'vea'"):
        tinyvae.vea  # noqa: B018


def test_editors_are_told_of_the_same_names_from_the_same_modules():
    told = {}
    for node in ast.parse(STUB.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            told |= {alias.asname: f"{node.module}.{alias.name}" for alias in node.names}
    right = {
        name: f"tinyvae.{home}.{name}" if names else f"tinyvae.{home}"
        for home, names in tinyvae.HOMES.items()
        for name in names or (home,)
    }
    assert told == right


def test_importing_it_imports_numpy_and_nothing_else_of_its_own():
    code = "import sys, tinyvae; print([m for m in sys.modules if m.startswith('tinyvae.')])"
    assert python(code).strip() == "[]"
    assert python(code.replace("tinyvae;", "tinyvae; tinyvae.ops;")).strip() == "['tinyvae.ops']"


@pytest.mark.parametrize(
    "first", ["import tinyvae.kl", "import tinyvae.vae", "from tinyvae.kl import kl", "pass"]
)
def test_a_function_is_not_hidden_by_the_module_of_its_name(first):
    code = f"{first}\nimport tinyvae\nprint(callable(tinyvae.kl), callable(tinyvae.gradcheck))"
    assert python(code).split() == ["True", "True"]


def test_a_vae_does_not_wait_for_the_laws_that_it_does_not_need():
    code = (
        "import sys; from tinyvae import VAE; print('tinyvae.distributions.gamma' in sys.modules)"
    )
    assert python(code).strip() == "False"


def test_the_table_of_laws_has_every_file_of_the_folder():
    folder = Path(distributions.__file__).parent
    files = {path.stem for path in folder.glob("[!_]*.py")} - {"law", "limits", "noises", "sets"}
    assert set(distributions.LAWS) == set(distributions.NAMES) == files
    assert distributions.LAWS["gamma"] is distributions.gamma
    with pytest.raises(AttributeError, match="no attribute 'gama'"):
        distributions.gama  # noqa: B018
