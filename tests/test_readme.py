"""The README is true: its example runs, its map is the package, its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def run(folder, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_examples_run_and_learn(tmp_path):
    example, reload, oracle, diagnosis, estimators, device = re.findall(
        r"^```python\n(.*?)^```", README, re.M | re.S
    )
    run(tmp_path, "-m", "tinyvae", "train", "--epochs", "1", "--hidden", "8")
    run(tmp_path, "-c", reload + "assert pictures.shape == (16, 64)")
    said = " ".join(run(tmp_path, "-c", oracle).stdout.split())  # its lines are wrapped
    assert "is sigma exp(logvar) in the sampler" in said
    (shown,) = re.findall(r"^```text\n(.*?)^```", README, re.M | re.S)
    assert run(tmp_path, "-c", diagnosis).stdout == shown
    table = run(tmp_path, "-c", estimators).stdout
    assert "score function, leave-one-out" in table
    assert "rejection path with correction" in table
    run(tmp_path, "-c", device + "assert dtheta.shape == theta.shape")
    done = run(tmp_path, "-c", example)
    bound = float(re.search(r"held-out negative ELBO ([\d.]+) nats", done.stdout)[1])
    # Independent pixels with their training frequencies reach 24.7 (see test_train.py).
    assert bound < 22
    assert done.stdout.count(" ok") == 2


def test_the_map_names_every_file_of_the_package():
    package = ROOT / "tinyvae"
    rooms = {path.name for path in package.glob("*.py")} - {"__init__.py", "__main__.py"}
    rooms |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    table = README[README.index("## The map") : README.index("## Scope")]
    assert set(re.findall(r"`([a-z_]+(?:\.py|/))`", table)) - {"tinyvae/"} == rooms


def test_links_and_pictures_are_there():
    titles = re.findall(r"^## (.*)$", README.lower(), re.M)
    headings = {"#" + re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (
            target.startswith("https://doi.org/") or target in headings or (ROOT / target).is_file()
        ), target


def test_the_continuous_integration_runs_the_commands_of_the_readme():
    run = (ROOT / ".ci" / "run").read_text()
    assert "readme_commands.py README.md" in run
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "readme_commands.py", ROOT / "README.md"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("pip install . && python -m tinyvae train\n")
    assert 'pip install -e ".[test]" && pytest -n 2' in done.stdout
