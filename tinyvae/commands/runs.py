"""What a run of `tinyvae train` is: made anew from options, or found in its checkpoint."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tinyvae import backend, checkpoint, inspection
from tinyvae import train as training
from tinyvae.data import load
from tinyvae.errors import check_count
from tinyvae.ranks import ALONE
from tinyvae.train import Settings
from tinyvae.vae import VAE

# What is not given on the command line. None: it depends, and the help says on what.
DATA = {"data": "digits", "data_dir": None, "n": None, "held_out": None, "binarize": None}
MODEL = {"latent": 2, "hidden": [128, 64], "activation": "tanh", "likelihood": None, "scale": None}
TRAINING = asdict(Settings())
# Where a data set is better served by something else. Surfaces have no noise, so their variance can
# be learned ever smaller: that takes smooth layers and many passes, and the smaller it is the
# farther a step can throw the loss back. So the steps become smaller, too, and the best parameters
# are kept, not the last.
SUITED = {
    "heston": {
        "latent": 4,
        "hidden": [32, 64, 128],
        "activation": "softplus",
        "epochs": 2000,
        "lr": 2e-3,
        "schedule": "cosine",
        "patience": 1000,
    },
}
DRAWN = {
    "host": "the numbers of a run on the CPU (faster: --noise device)",
    "device": "not the numbers of a run on the CPU (those: --noise host)",
}
FREE = "epochs", "backend", "data_dir"  # what a resumed run may change


def fresh(path, given):
    """(vae, settings, state, data, about) of a new run."""
    if path.is_file() and not given["overwrite"]:
        _, settings, state, _ = checkpoint.load(path)
        if not training.finished(state, settings):
            raise ValueError(
                f"{path} holds an unfinished run, after epoch {state.epoch} of {settings.epochs}: "
                "go on with --resume, or name another --out, or start anew with --overwrite"
            )
    suited = SUITED.get(given.get("data", DATA["data"]), {})
    options = DATA | MODEL | TRAINING | suited | given
    data = load(
        options["data"],
        data_dir=options["data_dir"],
        download=options["download"],
        n=options["n"],
        held_out=options["held_out"],
    )
    pictures = data.image_shape is not None and data.x.min() >= 0 and data.x.max() <= 1
    likelihood = options["likelihood"]
    if likelihood is None:
        likelihood = "bernoulli" if pictures else "gaussian-learned"
    if options["scale"] is not None and likelihood != "gaussian":
        raise ValueError(f"scale does not apply to the likelihood {likelihood!r}, only 'gaussian'")
    vae = VAE(
        data.x.shape[1],
        options["latent"],
        options["hidden"],
        options["activation"],
        likelihood,
        1.0 if options["scale"] is None else options["scale"],
    )
    settings = Settings(**{name: options[name] for name in TRAINING})
    backend.module(settings.backend)  # is there a GPU? Better to know now
    how = options["binarize"]
    if how is None:
        how = "threshold" if likelihood == "bernoulli" else "grey"
    data = binarized(data, how)
    about = {name: options[name] for name in DATA}
    about |= {"binarize": how, "held_out": len(data.held_out)}
    about["sha256"] = fingerprint(data)
    return vae, settings, training.start(vae, settings, data.x), data, about


def checkpoint_of(run):
    """The Path of a run's checkpoint: `run` is its folder, or that file itself."""
    path = Path(run)
    return path if path.suffix == ".npz" and not path.is_dir() else path / "checkpoint.npz"


def resumed(path, given):
    """The same of the run that was saved at `path`."""
    vae, settings, state, about = checkpoint.load(path)
    stored = vae.config | asdict(settings) | about
    stored["lr"] = state.optimizer.lr
    stored["hidden"] = list(stored["hidden"])
    for name, value in given.items():
        free = name in FREE or name not in DATA | MODEL | TRAINING
        if not free and value != stored[name]:
            raise ValueError(
                f"--{name.replace('_', '-')} {value} differs from the run in {path}, which has "
                f"{stored[name]}: a resumed run goes on as it was, and only --epochs and --backend "
                "may change"
            )
    epochs = check_count("epochs", given.get("epochs", settings.epochs))
    if epochs < state.epoch:
        raise ValueError(f"epochs is {epochs}, but the run in {path} has done {state.epoch}")
    settings = replace(settings, epochs=epochs, backend=given.get("backend", settings.backend))
    backend.module(settings.backend)
    data = load(
        about["data"],
        data_dir=given.get("data_dir", about["data_dir"]),
        n=about["n"],
        held_out=about["held_out"],
    )
    data = binarized(data, about["binarize"])
    if fingerprint(data) != about["sha256"]:
        raise ValueError(f"the data are not those that the run in {path} was trained on")
    return vae, settings, state, data, about


def shown_row(state):
    """The row of the history whose parameters the run has to show, or None before the first."""
    if not state.history:
        return None
    if state.best is None:
        return state.history[-1]
    return min(state.history, key=lambda row: row["held_out"])


def inspection_of(vae, settings, state, x, **options):
    """The Inspection of a run by the examples x, at the beta that its parameters were trained at:
    in a warm-up that is not yet the one it was to have."""
    row = shown_row(state)
    beta = settings.beta if row is None else row["beta"]
    options = {"beta": beta, "free_bits": settings.free_bits, "seed": settings.seed} | options
    return inspection.inspect(vae, state.parameters, x, **options)


def binarized(data, how):
    return data.binarized(how, rng=np.random.default_rng(0))


def fingerprint(data):
    return hashlib.sha256(data.x.tobytes() + data.held_out.tobytes()).hexdigest()


def values_of(data):
    """One word for what the numbers are: threshold, dynamic, binary, grey or real."""
    if data.values != "grey":
        return data.values
    if not np.any((data.x != 0) & (data.x != 1)):
        return "binary"
    return "grey" if data.image_shape else "real"


def describe(vae, settings, data, ranks=ALONE):
    """Print what is about to be trained on what."""
    values = values_of(data)
    notes = {
        "threshold": "0 or 1, by threshold at 0.5",
        "dynamic": "0 or 1, drawn afresh each epoch (dynamic binarization)",
        "binary": "0 or 1, as they came",
    }
    note = notes.get(values, values)
    if values in ("grey", "real") and vae.likelihood == "bernoulli":
        note += ", under a Bernoulli: the bound is then no density of the data; see --binarize"
    size = "x".join(map(str, data.image_shape)) if data.image_shape else f"{vae.data} numbers"
    sizes = [vae.data, *vae.hidden]
    shape = "-".join(map(str, [*sizes, vae.latent, *reversed(sizes)]))
    likelihood = vae.likelihood + (f", scale {vae.scale:g}" if vae.likelihood == "gaussian" else "")
    print(
        f"data      {data.name}: {len(data.x)} to train on, {len(data.held_out)} held out, {size}"
    )
    print(f"          {data.source}")
    print(f"values    {note}")
    print(
        f"model     {shape}, {vae.activation}, {likelihood}: {vae.layout.size} parameters, "
        f"{settings.dtype}"
    )
    rate = f"{training.optimizer(settings.optimizer, settings.lr).lr:g}"
    rate += "" if settings.schedule == "constant" else f" ({settings.schedule})"
    warmup = f" after {settings.warmup} epochs of warm-up" if settings.warmup else ""
    samples = f"{settings.samples} samples" if settings.samples > 1 else "1 sample"
    floor = f", free bits {settings.free_bits:g}" if settings.free_bits else ""
    print(
        f"training  {settings.optimizer}, lr {rate}, batch {settings.batch}, "
        f"beta {settings.beta:g}{warmup}, seed {settings.seed}"
    )
    print(f"          objective {settings.objective}, {samples} an example{floor}")
    if ranks is not ALONE:
        low, high = settings.batch // ranks.size, -(-settings.batch // ranks.size)
        own = low if low == high else f"{low} or {high}"
        print(f"ranks     {ranks.size}, each with {own} of the {settings.batch} examples of a step")
    if settings.backend != "numpy":
        print(f"backend   CuPy {backend.describe(settings.backend)}")
        print(f"          noise drawn on the {settings.noise}: {DRAWN[settings.noise]}")
    if settings.objective == "score" and settings.samples == 1:
        print("          a score function alone has no baseline, and learns slowly: see --samples")
