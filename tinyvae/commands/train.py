"""`tinyvae train`: from data to a trained model, its figures and its checkpoint."""

import hashlib
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from tinyvae import train as training
from tinyvae.commands import figures
from tinyvae.data import DATASETS, load
from tinyvae.data.dataset import BINARIZATIONS
from tinyvae.errors import check_count
from tinyvae.likelihoods import LIKELIHOODS
from tinyvae.ops import ACTIVATIONS
from tinyvae.optim import OPTIMIZERS
from tinyvae.storage import write_json
from tinyvae.train import Settings
from tinyvae.vae import VAE

AUTOSAVE = 20.0  # seconds between checkpoints

# What is not given on the command line. None: it depends, and the help says on what.
DATA = {"data": "digits", "data_dir": None, "n": None, "held_out": None, "binarize": None}
MODEL = {"latent": 2, "hidden": [256, 128], "activation": "tanh", "likelihood": None, "scale": None}
TRAINING = asdict(Settings())


def add(subparsers):
    parser = subparsers.add_parser(
        "train",
        help="train a VAE and look at it",
        description="Train a variational autoencoder with hand-written gradients. Prints one row "
        "an epoch, in nats per example, and writes figures, history.json and a checkpoint. The "
        "held-out column is the negative ELBO at beta = 1 on data that the training never sees. "
        "Ctrl-C saves; --resume goes on to the bit as if nothing had happened.",
    )
    defaults = DATA | MODEL | TRAINING

    def option(group, name, help, type=str, **kwargs):
        default = defaults.get(name.replace("-", "_"))
        if isinstance(default, list):
            default = " ".join(map(str, default))
        shown = help if default is None else f"{help} (default: {default})"
        metavar = kwargs.pop("metavar", {int: "N", float: "X"}.get(type, "NAME"))
        group.add_argument(f"--{name}", type=type, help=shown, metavar=metavar, **kwargs)

    data = parser.add_argument_group("data")
    option(data, "data", f"{', '.join(DATASETS)}, or the path of an .npy or .npz file")
    option(data, "data-dir", "folder with the IDX files of mnist or a look-alike", metavar="DIR")
    data.add_argument("--download", action="store_true", help="fetch mnist if it is not there")
    option(data, "n", "examples to draw (glyphs and the two-dimensional toys)", int)
    option(data, "held-out", "examples to hold out (default: the data set's own number)", int)
    option(
        data,
        "binarize",
        f"{', '.join(BINARIZATIONS)}: how grey values are made 0 or 1 (default: threshold, at 0.5, "
        "under a Bernoulli likelihood, grey otherwise)",
    )

    model = parser.add_argument_group("model")
    option(model, "latent", "latent size Z", int)
    option(model, "hidden", "sizes of the encoder's hidden layers; the decoder's are the reverse; "
           "none for a linear model", int, nargs="*")  # fmt: skip
    option(model, "activation", ", ".join(ACTIVATIONS))
    option(
        model,
        "likelihood",
        f"{', '.join(LIKELIHOODS)} (default: bernoulli for pictures in [0, 1], gaussian-learned "
        "otherwise)",
    )
    option(model, "scale", "standard deviation of the likelihood 'gaussian' (default: 1)", float)

    fit = parser.add_argument_group("training")
    option(fit, "epochs", "passes over the data", int)
    option(fit, "batch", "examples in a step", int)
    rates = ", ".join(f"{name} {kind.default_lr:g}" for name, kind in OPTIMIZERS.items())
    option(fit, "lr", f"learning rate (default: {rates})", float)
    option(fit, "optimizer", ", ".join(OPTIMIZERS))
    option(fit, "beta", "weight of the KL", float)
    option(fit, "warmup", "epochs over which beta rises from 0", int)
    option(
        fit, "patience", "stop after N epochs without a better held-out bound, and keep the best "
        "parameters; 0: never", int)  # fmt: skip
    option(fit, "dtype", "float32 or float64")
    option(fit, "seed", "of the first weights, the order and the noise", int)

    files = parser.add_argument_group("files")
    option(files, "out", "folder for what is written (default: runs/<data>)", metavar="DIR")
    files.add_argument(
        "--resume", action="store_true", help="go on with the run in --out; --epochs may be raised"
    )
    files.add_argument(
        "--overwrite", action="store_true", help="start anew even if --out holds an unfinished run"
    )
    parser.set_defaults(run=run)


def run(args):
    given = {k: v for k, v in vars(args).items() if v is not None}
    name = Path(given.get("data", DATA["data"])).stem
    out = Path(given.get("out", Path("runs") / name))
    path = out / "checkpoint.npz"
    vae, settings, state, data, about = (resumed if args.resume else fresh)(path, given)
    describe(vae, settings, data)
    if args.resume:
        print(f"resumed   {path}, after epoch {state.epoch} and {state.step} steps")
    training.save(path, vae, settings, state, about)  # can it be written? Better to know now

    finished = fit(
        vae, settings, state, data, lambda: training.save(path, vae, settings, state, about)
    )
    training.save(path, vae, settings, state, about)
    if not finished:
        print(
            f"\ninterrupted in epoch {state.epoch + 1} and saved in {path}\n"
            f"go on with: python -m tinyvae train --resume --out {out}"
        )
        return 130
    report(vae, settings, state, data, about, out)
    return 0


def fresh(path, given):
    """(vae, settings, state, data, about) of a new run."""
    if path.is_file() and not given["overwrite"]:
        _, settings, state, _ = training.load(path)
        if not training.finished(state, settings):
            raise ValueError(
                f"{path} holds an unfinished run, after epoch {state.epoch} of {settings.epochs}: "
                "go on with --resume, or name another --out, or start anew with --overwrite"
            )
    options = DATA | MODEL | TRAINING | given
    data = load(
        options["data"],
        data_dir=options["data_dir"],
        download=options["download"],
        n=options["n"],
        held_out=options["held_out"],
    )
    pictures = data.image_shape is not None and data.x.min() >= 0 and data.x.max() <= 1
    likelihood = options["likelihood"] or ("bernoulli" if pictures else "gaussian-learned")
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
    how = options["binarize"] or ("threshold" if likelihood == "bernoulli" else "grey")
    data = binarized(data, how)
    about = {name: options[name] for name in DATA} | {"binarize": how}
    about["sha256"] = fingerprint(data)
    return vae, settings, training.start(vae, settings, data.x), data, about


def resumed(path, given):
    """The same of the run that was saved at `path`."""
    vae, settings, state, about = training.load(path)
    stored = about | vae.config | asdict(settings)
    for name, value in given.items():
        free = name in ("epochs", "data_dir") or name not in DATA | MODEL | TRAINING
        if not free and value != (list(stored[name]) if name == "hidden" else stored[name]):
            raise ValueError(
                f"--{name.replace('_', '-')} {value} differs from the run in {path}, which has "
                f"{stored[name]}: a resumed run goes on as it was, and only --epochs may change"
            )
    epochs = check_count("epochs", given.get("epochs", settings.epochs))
    settings = replace(settings, epochs=epochs)
    if training.finished(state, settings):
        raise ValueError(f"{path} is finished, after {state.epoch} epochs: raise --epochs to go on")
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


def binarized(data, how):
    return data.binarized(how, rng=np.random.default_rng(0))


def fingerprint(data):
    return hashlib.sha256(data.x.tobytes() + data.held_out.tobytes()).hexdigest()


def describe(vae, settings, data):
    """Print what is about to be trained on what."""
    binary = not np.any((data.x != 0) & (data.x != 1))
    values = {
        "threshold": "0 or 1, by threshold at 0.5",
        "dynamic": "0 or 1, drawn afresh each epoch (dynamic binarization)",
        "grey": "0 or 1, as they came" if binary else "grey" if data.image_shape else "real",
    }[data.values]
    if data.values == "grey" and vae.likelihood == "bernoulli" and not binary:
        values += ", under a Bernoulli: the bound is then no density of the data; see --binarize"
    size = "x".join(map(str, data.image_shape)) if data.image_shape else f"{vae.data} numbers"
    sizes = [vae.data, *vae.hidden]
    shape = "-".join(map(str, [*sizes, vae.latent, *reversed(sizes)]))
    likelihood = vae.likelihood + (f", scale {vae.scale:g}" if vae.likelihood == "gaussian" else "")
    print(
        f"data      {data.name}: {len(data.x)} to train on, {len(data.held_out)} held out, {size}"
    )
    print(f"          {data.source}")
    print(f"values    {values}")
    print(
        f"model     {shape}, {vae.activation}, {likelihood}: {vae.layout.size} parameters, "
        f"{settings.dtype}"
    )
    rate = training.optimizer(settings.optimizer, settings.lr).lr
    warmup = f" after {settings.warmup} epochs of warm-up" if settings.warmup else ""
    print(
        f"training  {settings.optimizer}, lr {rate:g}, batch {settings.batch}, "
        f"beta {settings.beta:g}{warmup}, seed {settings.seed}"
    )


def fit(vae, settings, state, data, save):
    """Train, with a progress bar on a terminal and plain rows elsewhere; False if interrupted."""
    from tqdm import tqdm

    count = -(-len(data.x) // settings.batch)
    saved = time.monotonic()
    terminal = sys.stdout.isatty() and sys.stderr.isatty()
    print(
        f"\n{'epoch':>5}{'loss':>11}{'reconstruction':>16}{'kl':>9}{'held-out':>11}{'seconds':>9}"
    )
    with tqdm(
        total=settings.epochs * count,
        initial=state.epoch * count + state.step,
        unit="step",
        leave=False,
        disable=not terminal,
    ) as bar:

        def on_epoch(state):
            nonlocal saved
            r = state.history[-1]
            text = (
                f"{r['epoch']:>5}{r['loss']:>11.3f}{r['reconstruction']:>16.3f}{r['kl']:>9.3f}"
                f"{r['held_out']:>11.3f}{r['seconds']:>9.2f}"
            )
            if terminal:
                bar.write(text)
            else:
                print(text, flush=True)
            if time.monotonic() - saved > AUTOSAVE:
                save()
                saved = time.monotonic()

        training.fit(
            vae, data, settings, state, on_step=lambda state: bar.update(), on_epoch=on_epoch
        )
    return training.finished(state, settings)


def report(vae, settings, state, data, about, out):
    """Evaluate the trained model, draw its figures, and say what was reached and written."""
    theta = state.theta if state.best is None else state.best
    elbo = training.evaluate(vae, theta, data.held_out, seed=settings.seed)
    bound, error = -float(elbo.mean()), float(elbo.std(ddof=1) / np.sqrt(len(elbo)))
    which = "the last epoch"
    if state.best is not None:
        which = f"epoch {int(np.argmin([row['held_out'] for row in state.history])) + 1}, the best"
    print(
        f"\nheld-out negative ELBO  {bound:.3f} +- {error:.3f} nats per example "
        f"({len(elbo)} examples, {data.values} values, {which})"
    )
    written = figures.draw(vae, theta, data, state.history, out, seed=settings.seed)
    write_json(
        out / "history.json",
        {
            "model": vae.config,
            "settings": asdict(settings),
            "data": about,
            "held_out": {"negative_elbo": bound, "standard_error": error, "examples": len(elbo)},
            "history": state.history,
        },
    )
    print(
        "wrote",
        *(f"  {out / name}" for name in [*written, "history.json", "checkpoint.npz"]),
        sep="\n",
    )
