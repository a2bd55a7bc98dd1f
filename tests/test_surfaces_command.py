"""`tinyvae surfaces`, and `tinyvae train --data heston`, as a user meets them."""

import json
import re
from dataclasses import replace

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

from tinyvae import VAE, checkpoint
from tinyvae import train as training
from tinyvae.__main__ import main
from tinyvae.commands import figures, runs, surfaces_figures
from tinyvae.commands import train as train_command
from tinyvae.data import DATASETS, heston_surfaces
from tinyvae.data.heston import SurfaceData

DAYS = np.array([26.0, 182.0, 364.0])
K = np.linspace(-0.5, 0.5, 9) ** 3
FIGURES = ["smiles.png", "errors.png", "latents.png", "quotes.png", "walk.png", "walk.gif"]


def small_heston(*, held_out=None):
    """Heston's surfaces on a small grid: the data set of the command, computed in no time."""
    rng = np.random.default_rng(0)
    low, high = (0.1, 0.05**2, -0.9, 0.1), (0.9, 0.25**2, -0.1, 0.5)
    found = heston_surfaces(rng.uniform(low, high, (70, 4)), maturity_days=DAYS, log_moneyness=K)
    kept = found.determined.all(axis=0)
    kept[0, 0] = False  # as if its price did not determine it
    points = found.total_variance[:, kept]
    centre, scale = points.mean(axis=0), points.std(axis=0)
    x = ((points - centre) / scale).astype(np.float32)
    names = ("kappa", "eta", "rho", "vol_of_vol")
    factors = [dict(zip(names, part.T, strict=True)) for part in np.split(found.parameters, [60])]
    return SurfaceData(
        name="heston",
        x=x[:60],
        held_out=x[60:],
        source="a small grid",
        factors=factors[0],
        held_out_factors=factors[1],
        maturity_days=found.maturity_days,
        log_moneyness=found.log_moneyness,
        kept=kept,
        centre=centre,
        scale=scale,
    )


@pytest.fixture(scope="module")
def data():
    return small_heston()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_command, "SAMPLES", 10)
    monkeypatch.setattr(surfaces_figures, "LEG", 2)
    monkeypatch.setitem(DATASETS, "heston", lambda *, held_out=None: data)
    return tmp_path


@pytest.fixture
def trained(data):
    """A run in runs/heston, quickly trained."""
    return make_run(data, "runs/heston")


def make_run(data, out, epochs=150):
    vae = VAE(data.x.shape[1], 4, (16,), "softplus", "gaussian-learned")
    settings = training.Settings(epochs=epochs, lr=3e-3)
    state = training.fit(vae, data, settings)
    about = {name: runs.DATA[name] for name in runs.DATA} | {"data": "heston", "held_out": None}
    about |= {"binarize": "grey", "sha256": runs.fingerprint(data)}
    checkpoint.save(f"{out}/checkpoint.npz", vae, settings, state, about)
    return vae, state


FAST = ("--samples", "20", "--fits", "2", "--restarts", "1")


@pytest.mark.slow
def test_it_measures_draws_and_records(trained, folder, capsys):
    assert main(["surfaces", *FAST]) == 0
    out = capsys.readouterr().out
    for said in (
        "reconstruction of 10 held-out surfaces",
        " of 4 active",
        "held-out data               100.0% 100.0%",
        "descent, all points",
        "published, one surface",
        "all latents, curved",
        "wrote",
    ):
        assert said in out, out
    record = json.loads((folder / "runs/heston/surfaces.json").read_text())
    assert set(record) == {"seed", "reconstruction", "arbitrage", "fits", "regression"}
    assert record["fits"]["full"]["square_days"] <= record["fits"]["encoder"]["square_days"]
    assert len(record["reconstruction"]["kl"]) == 4
    assert record["arbitrage"]["held-out data: any"]["free"] == [1.0] * 5
    shown = f"{100 * record['reconstruction']['rmse']:.3f} volatility points"
    assert shown in out
    assert np.shape(record["regression"]["one_by_one"]) == (4, 4)
    for name in FIGURES:
        path = folder / "runs/heston" / name
        assert path.stat().st_size > 1000
        assert str(path.relative_to(folder)) in out
    assert (folder / "runs/heston/walk.gif").stat().st_size <= 500_000


def test_the_same_seed_gives_the_same_numbers_and_another_others(trained, folder):
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        options = ("--no-figures", "--out", out, "--seed", str(seed))
        assert main(["surfaces", *FAST, *options]) == 0
    texts = [(folder / out / "surfaces.json").read_text() for out in "abc"]
    assert texts[0] == texts[1]
    records = [json.loads(text) for text in texts]
    assert records[0]["fits"]["sparse"] != records[2]["fits"]["sparse"]
    assert records[0]["reconstruction"] == records[2]["reconstruction"]
    assert [each.name for each in (folder / "a").iterdir()] == ["surfaces.json"]


def test_a_larger_quote_error_makes_a_worse_fit(trained, folder):
    for error in ("0.01", "3"):
        options = ("--no-figures", "--out", error, "--error", error, "--fits", "5")
        assert main(["surfaces", "--samples", "5", *options]) == 0
    close, far = (
        json.loads((folder / error / "surfaces.json").read_text())["fits"]["sparse"]["rmse"]
        for error in ("0.01", "3")
    )
    assert far > 3 * close


def test_a_negative_variance_of_a_sample_is_shown_and_recorded(data, folder, capsys):
    vae, state = make_run(data, "runs/heston", epochs=1)
    views = vae.layout.views(state.theta)
    views["out.W"] *= 30.0  # samples of a wild decoder
    checkpoint.save("wild/checkpoint.npz", *stored("runs/heston/checkpoint.npz", state))
    assert main(["surfaces", "wild", "--no-figures", *FAST]) == 0
    assert "  negative" in capsys.readouterr().out
    record = json.loads((folder / "wild/surfaces.json").read_text())
    row = record["arbitrage"]["samples, z from the prior: negative"]
    assert row["earns"][1] is None
    assert row["free"][-1] < 1


def stored(path, state):
    vae, settings, loaded, about = checkpoint.load(path)
    return vae, settings, replace(loaded, theta=state.theta), about


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("nowhere",), "no checkpoint at"),
        (("--fits", "0"), "fits must be at least 1"),
        (("--fits", "11"), "fits is 11, but 10 surfaces are held out"),
        (("--samples", "0"), "samples must be at least 1"),
        (("--error", "0"), "error must be greater than 0"),
        (
            ("--error", "50", "--fits", "5"),
            "error must be smaller: 50 volatility points take a quote down to -",
        ),
        (("--seed", "-1"), "seed must be at least 0"),
    ],
)
def test_bad_input_is_one_line_and_code_2(trained, capsys, argv, message):
    assert main(["surfaces", *argv]) == 2
    err = capsys.readouterr().err
    assert re.fullmatch(rf"tinyvae: error: .*{message}.*\n", err), err


def test_held_out_surfaces_that_do_not_differ_are_refused(data, monkeypatch, capsys):
    same = {name: values[:1] for name, values in data.held_out_factors.items()}
    one = replace(data, held_out=data.held_out[:1], held_out_factors=same)
    monkeypatch.setitem(DATASETS, "heston", lambda *, held_out=None: one)
    make_run(one, "runs/heston", epochs=1)
    assert main(["surfaces", "--fits", "1"]) == 2
    message = "tinyvae: error: too few surfaces are held out: all 1 have the same kappa\n"
    assert capsys.readouterr().err == message


def test_a_run_on_other_data_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda *args, **kwargs: [])
    assert main(["train", "--data", "moons", "--n", "50", "--epochs", "1"]) == 0
    assert main(["surfaces", "runs/moons"]) == 2
    assert "it needs one of train --data heston" in capsys.readouterr().err


# -- train --data heston --------------------------------------------------------------------------


def test_training_on_surfaces_has_defaults_of_its_own_and_draws_smiles(folder, capsys):
    code = main(["train", "--data", "heston", "--epochs", "3"])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "26-32-64-128-4-128-64-32-26, softplus, gaussian-learned" in out
    names = ["loss.png", "reconstructions.png", "samples.png", "latent.png"]
    for name in names:
        assert (folder / "runs/heston" / name).stat().st_size > 1000
    settings = checkpoint.load("runs/heston/checkpoint.npz")[1]
    assert settings.patience == runs.SUITED["heston"]["patience"]


def test_what_is_given_goes_before_what_suits(folder, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda *args, **kwargs: [])
    given = ("--latent", "2", "--hidden", "5", "--activation", "tanh", "--patience", "0")
    assert main(["train", "--data", "heston", "--epochs", "1", *given]) == 0
    vae, settings, _, _ = checkpoint.load("runs/heston/checkpoint.npz")
    assert (vae.latent, vae.hidden, vae.activation, settings.patience) == (2, (5,), "tanh", 0)


def test_other_data_have_the_defaults_that_they_had():
    options = runs.MODEL | runs.TRAINING
    assert (options["latent"], options["hidden"], options["activation"]) == (2, [128, 64], "tanh")
    assert (options["epochs"], options["patience"], options["batch"]) == (80, 0, 20)
    assert set(runs.SUITED) == {"heston"}


def test_the_help_says_what_suits_surfaces(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert "latent size Z; heston: 4 (default: 2)" in out
    assert "heston: 32 64 128 (default: 128 64)" in out
    assert "heston: softplus (default: tanh)" in out
    assert "heston: 2000 (default: 80)" in out


def test_long_runs_print_fewer_rows(folder, capsys, monkeypatch):
    monkeypatch.setattr(figures, "draw", lambda *args, **kwargs: [])
    assert main(["train", "--data", "heston", "--epochs", "124", "--hidden", "4"]) == 0
    rows = re.findall(r"^ +(\d+)(?: +-?\d+\.\d+){5}$", capsys.readouterr().out, re.MULTILINE)
    assert rows == [*map(str, range(1, 100)), "100", "110", "120", "124"]
    assert len(json.loads((folder / "runs/heston/history.json").read_text())["history"]) == 124


def test_the_walk_comes_back_to_where_it_began(trained, data):
    from types import SimpleNamespace

    from tinyvae.commands.surfaces import Case

    vae, state = trained
    case = Case(vae, state.parameters, data, SimpleNamespace(seed=0))
    z = surfaces_figures.walk(case)
    assert z.shape == (surfaces_figures.STOPS * surfaces_figures.LEG, 4)
    legs = z.reshape(surfaces_figures.STOPS, surfaces_figures.LEG, 4)
    for leg, after in zip(legs, np.roll(legs, -1, axis=0), strict=True):
        steps = np.diff(np.concatenate([leg, after[:1]]), axis=0)
        np.testing.assert_allclose(steps, steps[:1].repeat(len(steps), 0), atol=1e-12)
        assert np.isclose(case.mu, leg[0], atol=1e-6).all(axis=1).any()  # a held-out code
