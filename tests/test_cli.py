"""The command line, as a user meets it."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyvae import __version__, checkpoint, checks, estimators, ops, storage
from tinyvae import train as training
from tinyvae.__main__ import main
from tinyvae.commands import COMMANDS, figures
from tinyvae.commands import gradcheck as gradcheck_command
from tinyvae.commands import train as train_command
from tinyvae.data import digits
from tinyvae.distributions import LAWS
from tinyvae.train import evaluate

TINY = ("--epochs", "2", "--hidden", "8")
NUMBER = r"-?\d+\.\d+"
FIGURES = ["loss.png", "reconstructions.png", "samples.png", "latent.png", "manifold.png"]
RECORDS = ["history.json", "inspect.json", "checkpoint.npz"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_command, "SAMPLES", 10)  # of the bound at the end: a second else
    return tmp_path


@pytest.fixture
def unseen(monkeypatch):
    """No figures: they take longer than the training."""
    monkeypatch.setattr(figures, "draw", lambda *args, **kwargs: [])


@pytest.fixture
def run(capsys):
    """run(*argv) gives (exit code, stdout, stderr)."""

    def run(*argv):
        try:
            code = main([str(arg) for arg in argv])
        except SystemExit as stop:  # argparse
            code = stop.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(run):
    """refused(*argv) gives the one line that says why; the exit code is 2."""

    def refused(*argv):
        code, _, err = run(*argv)
        assert code == 2, err
        *usage, line = err.strip().splitlines()
        assert line.startswith("tinyvae"), err
        assert "error: " in line
        assert not usage or usage[0].startswith("usage: ")
        return line

    return refused


def process(*argv, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "tinyvae", *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def finish(child):
    out, err = child.communicate(timeout=60)
    return child.returncode, out, err


def table(out):
    """The rows of numbers under the heading `epoch`, as dicts."""
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.split()[:1] == ["epoch"])
    names = lines[start].split()
    rows = []
    for line in lines[start + 1 :]:
        if not re.fullmatch(rf"\s*\d+(\s+{NUMBER})+", line):
            break
        rows.append(dict(zip(names, map(float, line.split()), strict=True)))
    return rows


def theta_of(folder):
    arrays, _ = storage.load(Path(folder) / "checkpoint.npz")
    return arrays["theta"].tobytes()


def unfinished(out, *options, epochs=5):
    """Leave a run in `out` that was interrupted in its second epoch."""
    steps = 0

    def interrupt(state):
        nonlocal steps
        steps += 1
        if steps == 80:
            signal.raise_signal(signal.SIGINT)

    before = training.fit

    def fit(*args, on_step=None, **kwargs):
        return before(*args, on_step=interrupt, **kwargs)

    training.fit = fit
    try:
        return main(["train", "--hidden", "8", "--epochs", str(epochs), "--out", out, *options])
    finally:
        training.fit = before


# -- help and imports --------------------------------------------------------------------------


def test_version(run):
    assert run("--version") == (0, f"tinyvae {__version__}\n", "")


def test_the_module_runs_and_its_help_names_every_command():
    code, out, err = finish(process("--help"))
    assert (code, err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^    {command.__name__.rsplit('.', 1)[1]}\s", out, re.MULTILINE)


def test_importing_and_helping_load_nothing_heavy():
    script = """
import sys
import tinyvae
heavy = {"matplotlib", "tqdm", "scipy", "PIL", "urllib.request", "sklearn", "cupy"}
print(sorted(heavy & set(sys.modules)), "numpy" in sys.modules)
from tinyvae.__main__ import main
for argv in (["--help"], ["train", "--help"]):
    try:
        main(argv)
    except SystemExit:
        print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("[")]
    assert answers == ["[] True", "[]", "[]"]


def option_help(run, monkeypatch, command="train"):
    """Option -> its help, from what `--help` prints."""
    monkeypatch.setenv("COLUMNS", "400")
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    body = out[out.index("show this help message") :]
    return dict(
        re.findall(r"^  --([\w-]+)(?: (?:[A-Z]+|\[\w \.\.\.\]))?(?:\s{2,}(.*))?$", body, re.M)
    )


def test_every_option_has_a_help(run, monkeypatch):
    helps = option_help(run, monkeypatch)
    usage = run("train", "--help")[1].split("\n\n")[0]
    assert set(helps) == set(re.findall(r"--([\w-]+)", usage))
    assert all(len(text) > 5 for text in helps.values())


def test_the_stated_defaults_are_what_a_run_uses(run, monkeypatch):
    stated = {
        name: found[1]
        for name, text in option_help(run, monkeypatch).items()
        if (found := re.search(r"\(default: (.*)\)$", text))
    }
    monkeypatch.setattr(train_command, "fit", lambda *args: False)  # saved before the first step
    assert run("train")[0] == 130
    vae, settings, _, about = checkpoint.load("runs/digits/checkpoint.npz")
    assert stated.pop("out", "runs/<data>") == "runs/<data>"
    assert stated.pop("data") == about["data"]
    assert stated.pop("hidden") == " ".join(map(str, vae.hidden))
    assert stated.pop("lr").startswith(f"adam {training.optimizer('adam').lr:g}")
    assert stated.pop("binarize").startswith(about["binarize"])
    assert stated.pop("likelihood").startswith(vae.likelihood)
    assert float(stated.pop("scale")) == vae.scale
    assert "data set's own" in stated.pop("held-out")
    for name, value in stated.items():
        name = name.replace("-", "_")
        used = getattr(vae, name, None) if name in vae.config else getattr(settings, name)
        assert value == str(used), name
    assert {"epochs", "batch", "beta", "seed", "dtype", "latent", "activation"} <= set(stated)


# -- a whole run -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """The same run twice, in processes of their own, in folders of the same name."""
    homes = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    options = ("train", "--epochs", "2", "--hidden", "16", "--seed", "3")
    return [(home, *finish(process(*options, cwd=home))) for home in homes]


def test_a_run_prints_a_row_an_epoch_and_writes_its_files(twice):
    home, code, out, err = twice[0]
    assert (code, err) == (0, "")
    rows = table(out)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert list(rows[0]) == ["epoch", "loss", "reconstruction", "kl", "held-out", "seconds"]
    assert rows[1]["loss"] < rows[0]["loss"]
    for row in rows:
        assert row["loss"] == pytest.approx(row["reconstruction"] + row["kl"], abs=2e-3)
    folder = home / "runs" / "digits"
    assert {path.name for path in folder.iterdir()} == {*FIGURES, *RECORDS}
    for name in FIGURES:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    listed = out[out.index("wrote") :].split()[1:]
    assert sorted(listed) == sorted(f"runs/digits/{name}" for name in [*FIGURES, *RECORDS])


def test_the_held_out_figure_is_the_same_everywhere(twice):
    home, _, out, _ = twice[0]
    printed = float(re.search(rf"held-out negative ELBO\s+({NUMBER})", out)[1])
    record = json.loads((home / "runs/digits/history.json").read_text())
    vae, settings, state, about = checkpoint.load(home / "runs/digits/checkpoint.npz")
    held_out = digits().binarized("threshold").held_out
    elbo = evaluate(vae, state.theta, held_out, seed=3)
    assert record["held_out"]["negative_bound"] == -float(elbo.mean())
    assert record["held_out"]["negative_bound"] == record["history"][-1]["held_out"]
    assert record["held_out"]["standard_error"] == pytest.approx(elbo.std(ddof=1) / 297**0.5)
    assert printed == pytest.approx(-float(elbo.mean()), abs=5e-4)
    assert table(out)[-1]["held-out"] == printed
    assert record["history"] == state.history
    assert record["settings"]["seed"] == settings.seed == 3
    assert record["data"] == about
    assert record["model"]["hidden"] == [16]


def test_the_same_seed_gives_the_same_output_and_the_same_files(twice):
    (first, _, out, _), (second, _, again, _) = twice

    def without_seconds(text):
        return re.sub(rf"(?m)^(\s*\d+(?:\s+{NUMBER}){{4}})\s+{NUMBER}$", r"\1", text)

    assert without_seconds(out) == without_seconds(again)
    assert theta_of(first / "runs/digits") == theta_of(second / "runs/digits")
    for name in set(FIGURES) - {"loss.png"}:  # drawn from numbers only, not from seconds
        assert (first / "runs/digits" / name).read_bytes() == (
            second / "runs/digits" / name
        ).read_bytes(), name
    loss = [home / "runs/digits/loss.png" for home in (first, second)]
    assert loss[0].read_bytes() == loss[1].read_bytes()


def test_a_pipe_gets_plain_text(twice):
    for _, _, out, err in twice:
        assert err == ""
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", out)
        assert "step/s" not in out


def test_a_terminal_gets_a_progress_bar_and_the_rows():
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    child = subprocess.Popen(
        [sys.executable, "-m", "tinyvae", "train", *TINY, "--epochs", "40", "--data", "moons"],
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    assert child.wait(timeout=60) == 0
    text = seen.decode()
    assert "step/s" in text
    assert re.search(rf"\b40(\s+{NUMBER}){{5}}", text)
    assert "Traceback" not in text


# -- data and models ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "manifold"),
    [
        (("--latent", "3"), False),
        (("--latent", "1"), False),
        (("--data", "moons", "--n", "300"), True),
        (("--data", "glyphs", "--n", "200", "--held-out", "30"), True),
    ],
)
def test_what_else_is_drawn(run, options, manifold):
    code, out, err = run("train", *TINY, "--out", "o", *options)
    assert (code, err) == (0, "")
    written = {path.name for path in Path("o").iterdir()}
    assert written == {*FIGURES, *RECORDS} - (set() if manifold else {"manifold.png"})
    assert ("manifold.png" in out) == manifold


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--data", "rings"), ("2 numbers", "real", "gaussian-learned")),
        (("--likelihood", "gaussian", "--scale", "0.3"), ("values    grey", "gaussian, scale 0.3")),
        (("--likelihood", "gaussian"), ("gaussian, scale 1:",)),
        (("--likelihood", "gaussian-learned"), ("gaussian-learned: ",)),
        (("--binarize", "threshold"), ("by threshold", "threshold values")),
        (("--binarize", "dynamic"), ("drawn afresh each epoch", "dynamic values")),
        (("--binarize", "grey"), ("no density", "grey values")),
        (("--hidden",), ("model     64-2-64, ",)),
        (("--hidden", "9", "7"), ("model     64-9-7-2-7-9-64, ",)),
        (("--dtype", "float64"), ("float64",)),
        (("--optimizer", "sgd"), ("sgd, lr 0.001,",)),
        (("--optimizer", "momentum", "--lr", "1e-3"), ("momentum, lr 0.001,",)),
        (("--beta", "0.5", "--warmup", "2"), ("beta 0.5 after 2 epochs of warm-up",)),
        (("--beta", "0"), ("beta 0,",)),
        (("--objective", "dreg", "--samples", "3"), ("dreg, 3 samples", "bound by 3 importance")),
        (("--objective", "path"), ("objective path, 1 sample", "held-out negative ELBO")),
        (("--free-bits", "0.5"), ("objective analytic, 1 sample an example, free bits 0.5",)),
        (("--activation", "softplus", "--batch", "1500"), ("softplus", "batch 1500")),
        (("--held-out", "2"), ("2 held out", "(2 examples")),
        (("--patience", "1", "--epochs", "50", "--lr", "0.5"), (", chosen on them)",)),
    ],
)
def test_options_do_what_they_say(run, unseen, options, said):
    code, out, err = run("train", *TINY, *options)
    assert (code, err) == (0, "")
    for text in said:
        assert text in out
    assert not re.search(r"\b(nan|inf)\b", out)


def test_one_held_out_example_has_no_standard_error_and_that_is_said(run, unseen):
    code, out, err = run("train", *TINY, "--held-out", "1", "--out", "o")
    assert (code, err) == (0, "")
    assert "nan" not in out
    json.loads(Path("o/history.json").read_text())


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((60, 1), "1 numbers"), ((60, 3), "3 numbers"), ((60, 3, 4), "3x4"), ((60, 1, 5), "1x5")],
)
def test_your_own_array(run, shape, kind):
    np.save("mine.npy", np.random.default_rng(0).standard_normal(shape))
    code, out, err = run("train", *TINY, "--data", "mine.npy")
    assert (code, err) == (0, "")
    assert f"mine: 54 to train on, 6 held out, {kind}" in out
    assert "gaussian-learned" in out
    assert set(RECORDS) < {path.name for path in Path("runs/mine").iterdir()}


def test_your_own_pictures_with_labels_and_a_test_part(run):
    images = np.random.default_rng(0).integers(0, 256, (70, 4, 4), dtype=np.uint8)
    labels = np.arange(50) % 3
    np.savez("mine.npz", x_train=images[:50], x_test=images[50:], y_train=labels)
    code, out, err = run("train", *TINY, "--data", "mine.npz")
    assert (code, err) == (0, "")
    assert "50 to train on, 20 held out, 4x4" in out
    assert "bernoulli" in out
    assert "divided by 255" in out


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_pictures_train_without_a_warning(run, value):
    np.save("flat.npy", np.full((40, 3, 3), value))
    code, out, err = run("train", *TINY, "--data", "flat.npy")
    assert (code, err) == (0, "")
    assert "nan" not in out


def test_constant_numbers_train_without_a_warning(run):
    np.save("flat.npy", np.full((40, 3), -7.0))
    code, _, err = run("train", *TINY, "--data", "flat.npy")
    assert (code, err) == (0, "")


# -- stopped and resumed -----------------------------------------------------------------------


def test_ctrl_c_saves_and_resume_reaches_the_same_numbers(run, unseen, folder):
    options = ("train", "--hidden", "8", "--batch", "50", "--binarize", "dynamic")
    child = process(*options, "--epochs", "100000", "--out", "stopped")
    while not re.match(rf"\s+2\s+{NUMBER}", line := child.stdout.readline()):
        assert line, child.stderr.read()
    child.send_signal(signal.SIGINT)
    code, out, err = finish(child)
    assert (code, err) == (130, "")
    assert "interrupted in epoch " in out
    command = re.search(r"go on with: python -m tinyvae (train --resume --out stopped)\n", out)[1]

    _, _, state, _ = checkpoint.load("stopped/checkpoint.npz")
    epochs = state.epoch + 2
    code, out, _ = run(*command.split(), "--epochs", epochs)
    assert code == 0
    assert "resumed   stopped/checkpoint.npz" in out
    assert table(out)[-1]["epoch"] == epochs
    assert run(*options, "--epochs", epochs, "--out", "straight")[0] == 0
    assert theta_of("stopped") == theta_of("straight")
    a, b = (json.loads(Path(d, "history.json").read_text()) for d in ("stopped", "straight"))
    assert a["held_out"] == b["held_out"]


def test_ctrl_c_in_the_middle_of_an_epoch_loses_no_step(run, unseen):
    assert unfinished("stopped") == 130
    _, _, state, _ = checkpoint.load("stopped/checkpoint.npz")
    assert (state.epoch, state.step) == (1, 5)
    assert run("train", "--resume", "--out", "stopped")[0] == 0
    assert run("train", "--hidden", "8", "--epochs", "5", "--out", "straight")[0] == 0
    assert theta_of("stopped") == theta_of("straight")


def test_the_printed_command_survives_a_space_in_the_folder(run, capsys):
    import shlex

    assert unfinished("two words") == 130
    out = capsys.readouterr().out
    command = re.search(r"go on with: python -m tinyvae (.*)\n", out)[1]
    assert shlex.split(command) == ["train", "--resume", "--out", "two words"]


def test_an_unfinished_run_is_not_overwritten_by_accident(refused, run, unseen):
    unfinished("o")
    before = theta_of("o")
    line = refused("train", *TINY, "--out", "o")
    assert "o/checkpoint.npz holds an unfinished run, after epoch 1 of 5" in line
    assert "--resume" in line
    assert "--overwrite" in line
    assert theta_of("o") == before
    assert run("train", *TINY, "--out", "o", "--overwrite")[0] == 0
    assert checkpoint.load("o/checkpoint.npz")[2].epoch == 2


def test_bad_options_do_not_cost_the_run_that_is_there(refused, run, unseen):
    assert run("train", *TINY, "--out", "o")[0] == 0
    before = theta_of("o")
    np.save("big.npy", np.full((50, 4), 7.0))
    for options in (
        ("--batch", "5000"),
        ("--latent", "0"),
        ("--data", "big.npy", "--likelihood", "bernoulli"),
        ("--data", "big.npy", "--likelihood", "bernoulli", "--binarize", "grey"),
    ):
        refused("train", *TINY, "--out", "o", *options)
        refused("train", *TINY, "--out", "o", "--overwrite", *options)
        assert theta_of("o") == before


@pytest.mark.parametrize(
    ("option", "value", "stored"),
    [
        ("--latent", "3", "2"),
        ("--hidden", "9", "[8]"),
        ("--lr", "0.5", "None"),
        ("--seed", "1", "0"),
        ("--beta", "2", "1.0"),
        ("--batch", "30", "20"),
        ("--data", "moons", "digits"),
        ("--binarize", "dynamic", "threshold"),
        ("--likelihood", "gaussian", "bernoulli"),
        ("--dtype", "float64", "float32"),
        ("--held-out", "5", "None"),
        ("--scale", "3", "1.0"),
    ],
)
def test_an_option_that_differs_from_the_resumed_run_is_named(refused, option, value, stored):
    unfinished("o")
    line = refused("train", "--resume", "--out", "o", option, value)
    shown = str(float(value)) if option in ("--lr", "--beta", "--scale") else value
    shown = f"[{value}]" if option == "--hidden" else shown
    assert f"{option} {shown} differs from the run in o/checkpoint.npz" in line
    if stored != "None":
        assert f"which has {stored}" in line


def test_options_that_agree_with_the_resumed_run_may_be_repeated(run, unseen):
    given = ("--data", "digits", "--latent", "2", "--batch", "20", "--binarize", "threshold")
    given += ("--hidden", "8", "--beta", "1", "--likelihood", "bernoulli", "--seed", "0")
    unfinished("o", *given[:2])
    code, _, err = run("train", "--resume", "--out", "o", *given)
    assert (code, err) == (0, "")


def test_a_default_spelled_out_is_no_difference(run, unseen):
    unfinished("o")
    code, _, err = run("train", "--resume", "--out", "o", "--lr", "0.001")
    assert (code, err) == (0, "")


def test_a_finished_run_goes_on_with_more_epochs(refused, run, unseen):
    assert run("train", *TINY, "--out", "o")[0] == 0
    assert "has done 2" in refused("train", "--resume", "--out", "o", "--epochs", "1")
    code, out, _ = run("train", "--resume", "--out", "o", "--epochs", "4")
    assert code == 0
    assert [row["epoch"] for row in table(out)] == [3, 4]
    assert run("train", *TINY, "--epochs", "4", "--out", "straight")[0] == 0
    assert theta_of("o") == theta_of("straight")


def test_a_run_that_patience_stopped_is_not_told_to_raise_epochs(refused, run, unseen):
    options = ("--patience", "1", "--epochs", "50", "--lr", "0.5", "--out", "o")
    code, out, _ = run("train", "--hidden", "8", *options)
    assert code == 0
    assert len(table(out)) < 50
    code, out, _ = run("train", "--resume", "--out", "o", "--epochs", "90")
    assert code == 0
    assert "nothing is left to train (its patience ended it)" in out


def test_a_finished_run_is_drawn_again(run):
    assert run("train", *TINY, "--out", "o")[0] == 0
    before = theta_of("o")
    Path("o/loss.png").unlink()
    code, out, _ = run("train", "--resume", "--out", "o")
    assert code == 0
    assert "nothing is left to train (raise --epochs)" in out
    assert theta_of("o") == before
    assert Path("o/loss.png").is_file()


def test_resume_needs_a_run(refused):
    assert "no checkpoint at runs/digits/checkpoint.npz" in refused("train", "--resume")
    assert "no checkpoint at o/checkpoint.npz" in refused("train", "--resume", "--out", "o")


def test_resume_notices_that_the_data_have_changed(refused):
    rng = np.random.default_rng(0)
    np.save("mine.npy", rng.standard_normal((1000, 3)))
    unfinished("o", "--data", "mine.npy", "--batch", "10")
    np.save("mine.npy", rng.standard_normal((1000, 3)))
    assert "the data are not those" in refused("train", "--resume", "--out", "o")
    Path("mine.npy").unlink()
    assert "there is no file mine.npy" in refused("train", "--resume", "--out", "o")


def test_resume_and_overwrite_together_are_refused(refused):
    unfinished("o")
    refused("train", "--resume", "--overwrite", "--out", "o")


def test_a_damaged_checkpoint_is_refused_and_stays(refused, run, unseen):
    Path("o").mkdir()
    Path("o/checkpoint.npz").write_bytes(b"PK\x03\x04 something")
    for options in ((), ("--resume",)):
        assert "o/checkpoint.npz is damaged" in refused("train", *TINY, "--out", "o", *options)
    assert Path("o/checkpoint.npz").read_bytes() == b"PK\x03\x04 something"
    assert run("train", *TINY, "--out", "o", "--overwrite")[0] == 0


def test_a_figure_that_cannot_be_written_costs_neither_the_run_nor_its_record(run):
    Path("o/loss.png").mkdir(parents=True)
    code, _, err = run("train", *TINY, "--out", "o")
    assert code == 2
    assert "cannot write o/loss.png" in err
    assert checkpoint.load("o/checkpoint.npz")[2].epoch == 2
    assert len(json.loads(Path("o/history.json").read_text())["history"]) == 2


# -- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("train --data digts", "unknown data set 'digts': did you mean 'digits'"),
        ("train --data moon", "did you mean 'moons'"),
        ("train --activation tahn", "unknown activation 'tahn': did you mean 'tanh'"),
        ("train --likelihood bernouli", "did you mean 'bernoulli'"),
        ("train --optimizer adm", "did you mean 'adam'"),
        ("train --dtype float16", "unknown dtype 'float16': did you mean 'float64'"),
        ("train --binarize dynamik", "did you mean 'dynamic'"),
        ("train --latent 0", "latent must be at least 1, not 0"),
        ("train --latent -2", "latent must be at least 1, not -2"),
        ("train --hidden 0", "hidden must be at least 1, not 0"),
        ("train --hidden 8 -8", "hidden must be at least 1, not -8"),
        ("train --epochs 0", "epochs must be at least 1, not 0"),
        ("train --batch 0", "batch must be at least 1, not 0"),
        ("train --batch -20", "batch must be at least 1, not -20"),
        ("train --batch 1501", "batch is 1501, but there are only 1500 examples"),
        ("train --warmup -1", "warmup must be at least 0"),
        ("train --patience -1", "patience must be at least 0"),
        ("train --seed -1", "seed must be at least 0, not -1"),
        ("train --lr nan", "lr must be finite, not nan"),
        ("train --lr inf", "lr must be finite, not inf"),
        ("train --lr 0", "lr must be greater than 0, not 0"),
        ("train --lr -1", "lr must be greater than 0, not -1"),
        ("train --lr 1e400", "lr must be finite, not inf"),
        ("train --beta -1", "beta must be at least 0, not -1"),
        ("train --beta nan", "beta must be finite, not nan"),
        ("train --scale 0 --likelihood gaussian", "scale must be greater than 0"),
        ("train --scale nan --likelihood gaussian", "scale must be finite"),
        ("train --scale 0.5", "scale does not apply to the likelihood 'bernoulli'"),
        ("train --scale 0.5 --likelihood bernoulli", "scale does not apply"),
        ("train --scale 0.5 --likelihood gaussian-learned", "scale does not apply"),
        ("train --n 100", "n does not apply to the data set 'digits'"),
        ("train --data-dir .", "data_dir does not apply to the data set 'digits'"),
        ("train --download", "download does not apply to the data set 'digits'"),
        ("train --data moons --n 0", "n must be at least 1, not 0"),
        ("train --held-out 0", "held_out must be at least 1, not 0"),
        ("train --held-out -3", "held_out must be at least 1, not -3"),
        ("train --held-out 1797", "held_out=1797 leaves nothing to train on"),
        ("train --data moons --binarize threshold", "needs values in [0, 1]"),
        ("train --data moons --likelihood bernoulli", "needs values in [0, 1]"),
        ("train --data moons --likelihood bernoulli --binarize grey", "must be in [0, 1]"),
        ("train --data mnist --data-dir .", "no MNIST images in ."),
        ("train --data missing.npy", "there is no file missing.npy"),
        ("train --data missing/x.npz", "there is no file missing/x.npz"),
        ("train --data .", ". is a folder"),
        ("train --latent 1000000000000", "Unable to allocate"),
        ("train --latent 100000000000000000000", "latent is too large"),
        ("train --hidden 100000000000000000000", "hidden is too large"),
        ("train --data moons --n 100000000000000000000", "n is too large"),
        ("train --warmup 1" + 400 * "0", "warmup is too large"),
        ("train --data=", "data"),
        ("train --data-dir= --data mnist", "no MNIST images"),
        ("train --activation=", "unknown activation ''"),
        ("train --optimizer=", "unknown optimizer ''"),
        ("train --likelihood=", "unknown likelihood ''"),
        ("train --binarize=", "unknown binarization ''"),
        ("train --latent two", "invalid int value: 'two'"),
        ("train --latent 2.0", "invalid int value: '2.0'"),
        ("train --lr fast", "invalid float value: 'fast'"),
        ("train --latnt 3", "unrecognized arguments: --latnt 3"),
        ("train 3", "unrecognized arguments: 3"),
        ("trian", "invalid choice: 'trian'"),
        ("", "required: COMMAND"),
        ("gradcheck sigmoit", "unknown check 'sigmoit': did you mean 'sigmoid'"),
        ("gradcheck --seed -1", "seed must be at least 0, not -1"),
        ("gradcheck --seed x", "invalid int value: 'x'"),
        ("trace --latent 0", "latent must be at least 1, not 0"),
        ("trace --latent 6", "latent must be at most 5"),
        ("trace --beta nan", "beta must be finite, not nan"),
        ("trace --beta -1", "beta must be at least 0, not -1"),
        ("trace --seed -1", "seed must be at least 0, not -1"),
        ("trace --laten x", "invalid int value: 'x'"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing_behind(refused, folder, argv, said):
    argv = argv.split()
    if argv[:1] == ["train"]:
        argv += [] if "--epochs" in argv else ["--epochs", "2"]
        argv += [] if "--hidden" in argv else ["--hidden", "8"]
    assert said in refused(*argv)
    assert not [path for path in folder.rglob("*") if path.is_file()]


DAMAGED = {
    "empty.npy": b"",
    "text.npy": b"1,2,3\n4,5,6\n",
    "short.npy": b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9,",
    "empty.npz": b"",
    "short.npz": b"PK\x03\x04 and no more",
    "mine.csv": b"1,2,3\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_data_files_are_named(refused, name):
    Path(name).write_bytes(DAMAGED[name])
    assert name in refused("train", *TINY, "--data", name)


@pytest.mark.parametrize(
    "x",
    [
        np.full((20, 3), np.nan),
        np.full((20, 3), 1e39),
        np.zeros((0, 3)),
        np.zeros((1, 3)),
        np.zeros(20),
        np.zeros((20, 3), complex),
        np.array([["a"] * 3] * 20),
    ],
)
def test_arrays_that_are_no_data_are_named(refused, x):
    np.save("mine.npy", x)
    assert "mine.npy" in refused("train", *TINY, "--data", "mine.npy")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0", b"\0\0\x08\x03\0\0\0\x05", b"\x1f\x8b broken", b"not idx at all"],
)
def test_damaged_idx_files_are_named(refused, content):
    Path("idx").mkdir()
    Path("idx/train-images-idx3-ubyte").write_bytes(content)
    line = refused("train", *TINY, "--data", "mnist", "--data-dir", "idx")
    assert "idx/train-images-idx3-ubyte" in line


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/tinyvae"])
def test_a_folder_that_cannot_be_written_is_named(refused, out):
    Path("file").write_text("mine")
    assert f"cannot write {out}/checkpoint.npz" in refused("train", *TINY, "--out", out)
    assert Path("file").read_text() == "mine"


def test_an_empty_out_is_refused(refused, folder):
    refused("train", *TINY, "--out=")
    assert not list(folder.iterdir())


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
@pytest.mark.parametrize("lr", ["1e30", "1e38", "1e308"])
def test_a_run_that_blows_up_says_why(run, unseen, lr, optimizer):
    code, _, err = run("train", *TINY, "--lr", lr, "--optimizer", optimizer, "--out", "o")
    assert code in (1, 2)  # 2 if such a learning rate is refused outright
    assert err.startswith("tinyvae: ")
    assert len(err.splitlines()) == 1
    assert re.search("is the first array that is not finite|overflow|lr must be", err)
    if Path("o/checkpoint.npz").exists():
        checkpoint.load("o/checkpoint.npz")  # it refuses what is not finite


# -- output that nobody reads -------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv", [("train", *TINY), ("gradcheck", "tanh"), ("trace",), ("train", "-h")]
)
def test_a_closed_pipe_ends_the_program_quietly(argv):
    child = process(*argv)
    child.stdout.readline()
    child.stdout.close()
    child.stdout = None
    assert finish(child)[2] == ""


@pytest.mark.skipif(os.name != "posix", reason="closes a file descriptor by number")
@pytest.mark.parametrize("argv", ["trace", "train --epochs 1 --hidden 8 --data moons"])
def test_no_standard_output_at_all_is_no_traceback(argv):
    done = subprocess.run(
        ["sh", "-c", f'exec "{sys.executable}" -m tinyvae {argv} >&-'],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tinyvae", "trace"],
            stdout=full,
            stderr=-1,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


# -- gradcheck ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_gradcheck_passes_on_every_row(run):
    code, out, err = run("gradcheck")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    rows = lines[1 : lines.index("")]
    assert len(rows) == len(checks.CASES)
    for case, line in zip(checks.CASES, rows, strict=True):
        assert line.startswith(f"{case.name} ")
        found = re.fullmatch(r".*?\s(\d+)((?:\s+\S+){3})  (ok.*|none|dead)", line)
        assert int(found[1]) > 0
        central, five_point, exact = found[2].split()
        if case.smooth:
            assert float(central) <= 1e-7
            assert float(five_point) <= 1e-9
            assert float(exact) <= 1e-12 if case.analytic else exact == "-"
    assert f"{len(rows)} checked;" in out
    estimates = out[out.index("estimates under") :].splitlines()[1 : len(LAWS) + 1]
    assert [line.split()[0] for line in estimates] == list(LAWS)
    for line in estimates:
        _, estimators, gradients, sees, z, *_ = line.split()
        assert int(gradients) >= int(estimators) >= 2
        assert float(sees.rstrip("%")) < 50
        assert abs(float(z)) <= 5
    assert out.endswith("\n0 failed\n")


def test_gradcheck_of_a_law_and_its_estimates(run):
    code, out, err = run("gradcheck", "gamma")
    assert (code, err) == (0, "")
    assert re.search(r"^gamma\.rsample .* -  ok$", out, re.M)
    assert re.search(r"^gamma\.log_prob .*e-1\d  ok$", out, re.M)
    assert re.search(r"^gamma +11 +21 ", out, re.M)
    assert out.endswith("\n0 failed\n")


def test_gradcheck_of_some_names(run):
    code, out, _ = run("gradcheck", "tanh", "kl_", "--seed", "4")
    assert code == 0
    expected = sum("tanh" in case.name or "kl_" in case.name for case in checks.CASES)
    assert f"{expected} checked;" in out
    assert "estimates under" not in out


def test_gradcheck_of_estimates_alone(run):
    code, out, _ = run("gradcheck", "estimates uniform", "estimates exponential")
    assert code == 0
    assert "checked" not in out
    assert [line.split()[0] for line in out.splitlines()[2:4]] == ["uniform", "exponential"]


def test_a_biased_estimate_fails_gradcheck(run, monkeypatch):
    def doubled(*args):
        return tuple(1.1 * grad for grad in estimators.by_name("pathwise").fn(*args))

    row = estimators.estimator.Estimator("wrong", doubled)
    monkeypatch.setattr("tinyvae.estimates.ESTIMATORS", (row,))
    code, out, _ = run("gradcheck", "estimates exponential")
    assert code == 1
    assert re.search(r"wrong under exponential: d/drate is -?[\d.]+ standard errors off", out)
    assert "1 failed" in out


# -- variance -------------------------------------------------------------------------------------


def test_variance_prints_every_estimator_and_draws(run, tmp_path):
    code, out, err = run("variance", "--samples", "2000", "--out", str(tmp_path / "v"))
    assert (code, err) == (0, "")
    for row in estimators.ESTIMATORS:
        assert (f"\n{row.name}  " in out) == row.admits(LAWS["normal"]), row.name
    assert "written to" in out
    names = {path.name for path in (tmp_path / "v").iterdir()}
    assert names == {"dimension.png", "ratio.png", "step.png", "histogram.png", "descent.png"}


def test_variance_is_the_same_for_the_same_seed(run):
    args = ("variance", "--no-figures", "--samples", "500")
    assert run(*args)[1] == run(*args)[1]
    assert run(*args)[1] != run(*args, "--seed", "1")[1]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("dimension", [1, 3])
@pytest.mark.filterwarnings("error")
def test_variance_of_every_law(run, law, dimension):
    f = "cosine:k=1" if law == "von_mises" else "sigmoid:c=0.3"
    code, out, err = run(
        *("variance", "--no-figures", "--samples", "200", "--law", law, "--integrand", f),
        *("--dimension", dimension),
    )
    assert (code, err) == (0, "")
    assert "nan" not in out
    assert f"d/d{next(iter(LAWS[law].PARAMS))}" in out


def test_a_step_is_invisible_to_the_path_and_said_to_be(run):
    args = ("--integrand", "step:c=0.5", "--law", "normal:loc=0", "--samples", "20000")
    _, out, _ = run("variance", "--no-figures", *args)
    path, score = (
        re.search(rf"^{name}  +(.*)", out, re.M)[1].split()  # of d/dloc, which comes first
        for name in ("pathwise", "score function")
    )
    assert path[:4] == ["0", "0.35207", "-inf", "0"]  # mean, exact, z, variance
    assert abs(float(score[2])) < 5
    assert score[5] == "0.36062"  # the exact variance


@pytest.mark.slow
def test_waves_under_a_cauchy_where_the_path_has_infinite_variance(run):
    args = ("--law", "cauchy", "--integrand", "cosine", "--samples", "5000")
    _, out, _ = run("variance", "--no-figures", *args)
    path, score = (
        re.search(rf"d/dscale.*^{name}  +([^\n]*)", out, re.M | re.S)[1].split()
        for name in ("pathwise", "score function")
    )
    assert path[5] == "inf"
    assert abs(float(score[2])) < 5


@pytest.mark.filterwarnings("error")
def test_an_expectation_that_is_infinite_is_a_remark_not_a_number(run):
    args = ("--law", "cauchy", "--integrand", "exponential", "--samples", "2000")
    code, out, err = run("variance", "--no-figures", *args)
    assert (code, err) == (0, "")
    assert "nan" not in out
    assert "by pathwise overflow: is E f(z) finite at all?" in out


@pytest.mark.slow
@pytest.mark.parametrize("law", ["normal:loc=1e300", "gamma:concentration=0.001"])
@pytest.mark.filterwarnings("error")
def test_a_figure_that_cannot_be_drawn_is_a_remark_not_the_end(run, law):
    code, out, err = run("variance", "--samples", "200", "--law", law)
    assert (code, err) == (0, "")
    assert "written to runs/variance: ratio.png, step.png, descent.png\n" in out
    assert "dimension.png is not drawn" in out
    assert "histogram.png is not drawn" in out


def test_a_blind_estimator_is_named(run):
    args = ("--integrand", "step", "--samples", "2000")
    _, out, _ = run("variance", "--no-figures", *args)
    assert re.search(r"^pathwise, d/dloc, .*: far from exact", out, re.M)


def test_vectors_have_three_coordinates_unless_told(run):
    _, out, _ = run("variance", "--no-figures", "--law", "dirichlet", "--samples", "100")
    assert "D = 3, 100 estimates" in out


def test_the_score_of_a_moving_support_is_not_in_the_table(run):
    _, out, _ = run("variance", "--no-figures", "--law", "uniform", "--samples", "500")
    assert "pathwise" in out
    assert "score function" not in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--law norml", "unknown law 'norml': did you mean 'normal'"),
        ("--law normal:scale=-1", "scale must be greater than 0"),
        ("--integrand cosine:k=", "expected NAME:key=number,..., but k is ''"),
        ("--law normal:loc=1,loc=2", "sets loc twice"),
        ("--dimension 0", "dimension must be at least 1, not 0"),
        ("--samples 1", "samples must be at least 2, not 1"),
        ("--seed -1", "seed must be at least 0"),
        ("--estimators nothing", "unknown estimator 'nothing'"),
        ("--law von_mises", "lives on a circle"),
        ("--out /dev/null/x", "/dev/null"),
    ],
)
def test_variance_refuses_bad_input_in_one_line(run, options, says):
    code, out, err = run("variance", *options.split())
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def wrong_tanh(a):
    y, vjp = ops.tanh(a)
    return y, lambda dy: (1.01 * vjp(dy)[0],)


def swapped(a):
    """The rows' gradients exchanged: a cotangent of ones would not notice for a sum."""
    return a * 1.0, lambda dy: (dy[::-1] * 1.0,)


@pytest.mark.parametrize("planted", [wrong_tanh, swapped])
def test_gradcheck_finds_a_planted_error(run, monkeypatch, planted):
    def build(draw):
        return planted, (draw.normal(4, 3),), {}

    cases = [replace(checks.CASES[0], name="planted", build=build), *checks.CASES[:2]]
    monkeypatch.setattr(gradcheck_command, "CASES", cases)
    code, out, err = run("gradcheck", "planted")
    assert (code, err) == (1, "")
    assert re.search(r"^planted .* wrong$", out, re.MULTILINE)
    assert "1 checked;" in out
    assert "3 failed" in out
    for method in ("central", "five-point", "complex"):
        assert re.search(rf"^planted, {method}: {planted.__name__}.*\[\d, \d\]", out, re.MULTILINE)


# -- trace --------------------------------------------------------------------------------------


def numbers(text):
    return [float(value) for value in re.findall(r"-?\d+\.\d+", text)]


def holds(printed, values):
    """Whether every value is among the printed numbers, as rounded there."""
    return all(min(abs(np.subtract(printed, value))) <= 6e-4 for value in np.ravel(values))


@pytest.mark.parametrize(("latent", "beta", "seed"), [(2, 1.0, 0), (1, 0.0, 3), (3, 4.0, 7)])
def test_trace_prints_numbers_that_hang_together(run, monkeypatch, latent, beta, seed):
    from tinyvae.commands import trace as trace_command

    kept = {}
    original = trace_command.trace

    def watched(*args, **kwargs):
        kept.update(original(*args, **kwargs))
        return dict(kept)

    monkeypatch.setattr(trace_command, "trace", watched)
    code, out, err = run("trace", "--latent", latent, "--beta", beta, "--seed", seed)
    assert (code, err) == (0, "")
    printed = numbers(out)
    n = kept
    np.testing.assert_allclose(n["z"], n["mu"] + np.exp(n["logvar"] / 2) * n["eps"])
    np.testing.assert_allclose(n["dmu"], n["dz"] + beta * n["mu"], atol=1e-12)
    factor = np.exp(n["logvar"] / 2) * n["eps"] / 2
    np.testing.assert_allclose(
        n["dlogvar"], n["dz"] * factor + beta * np.expm1(n["logvar"]) / 2, atol=1e-12
    )
    for name in ("x", "mu", "logvar", "sigma", "eps", "z", "loss", "dout", "dz", "dmu", "dlogvar"):
        assert holds(printed, n[name]), name
    assert holds(printed, 1 / (1 + np.exp(-n["out"])))
    assert holds(printed, factor)
    assert not re.search(r"\b(nan|inf)\b", out)


def test_trace_is_the_same_each_time_and_depends_on_the_seed(run):
    assert run("trace") == run("trace")
    assert run("trace", "--seed", "1")[1] != run("trace")[1]


def test_a_run_that_ends_worse_than_it_began_is_told(run, unseen):
    line = "warning: that is worse than after the first epoch"
    assert line not in run("train", *TINY, "--out", "good")[1]
    options = ("--likelihood", "gaussian-learned", "--optimizer", "sgd", "--lr", "0.01")
    code, out, _ = run("train", *options, "--epochs", "8")
    assert (code, line in out) == (0, True)
