"""`tinyvae train`: from data to a trained model, its figures and its checkpoint."""

import shlex
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tinyvae import checkpoint, inspection
from tinyvae import train as training
from tinyvae.backend import BACKENDS
from tinyvae.commands import inspect
from tinyvae.commands.runs import (
    DATA,
    MODEL,
    SUITED,
    TRAINING,
    describe,
    fresh,
    inspection_of,
    resumed,
    shown_row,
    values_of,
)
from tinyvae.data import DATASETS
from tinyvae.data.dataset import BINARIZATIONS
from tinyvae.elbo import OBJECTIVES, TIGHTER
from tinyvae.errors import NotFinite
from tinyvae.likelihoods import LIKELIHOODS
from tinyvae.ops import ACTIVATIONS
from tinyvae.optim import OPTIMIZERS, SCHEDULES
from tinyvae.ranks import ALONE, MPI, world
from tinyvae.storage import write_json

SAMPLES = 1000  # of the importance-weighted bound at the end
FARTHEST = 5.0  # standard errors
AUTOSAVE = 20.0  # seconds between checkpoints


def add(subparsers):
    parser = subparsers.add_parser(
        "train",
        help="train a VAE and look at it",
        description="Train a variational autoencoder with hand-written gradients. Prints one row "
        "an epoch, of long runs fewer, in nats per example, and writes figures, history.json and a "
        "checkpoint. The held-out column is the negative bound at beta = 1 on data that the "
        "training never sees: the ELBO, or with iwae and dreg the importance-weighted bound, as is "
        "the loss there. "
        "Ctrl-C saves; --resume goes on to the bit as if nothing had happened.",
    )
    defaults = DATA | MODEL | TRAINING

    def option(group, name, help, type=str, default=None, **kwargs):
        key = name.replace("-", "_")
        shown = help
        for data, suited in SUITED.items():
            shown += f"; {data}: {in_words(suited[key])}" if key in suited else ""
        default = defaults.get(key) if default is None else default
        shown += "" if default is None else f" (default: {in_words(default)})"
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
    option(fit, "lr", "learning rate", float, rates)
    option(fit, "schedule", f"{', '.join(SCHEDULES)}: of the learning rate, over the epochs")
    option(fit, "optimizer", ", ".join(OPTIMIZERS))
    option(fit, "objective", f"{', '.join(OBJECTIVES)}: how the bound and its gradient are "
           "estimated; iwae and dreg maximize the importance-weighted bound")  # fmt: skip
    option(fit, "samples", "samples of z an example in a step", int)
    option(fit, "beta", "weight of the KL", float)
    option(fit, "free-bits", "nats below which a latent's mean KL costs nothing more; of the "
           "objective 'analytic'", float)  # fmt: skip
    option(fit, "warmup", "epochs over which beta rises from 0", int)
    option(fit, "loss-every", "look at the loss every so many steps", int)
    option(
        fit, "patience", "stop after N epochs without a better held-out bound, and keep the best "
        "parameters; 0: never", int)  # fmt: skip
    option(fit, "dtype", "float32 or float64")
    option(fit, "seed", "of the first weights, the order and the noise", int)
    option(fit, "backend", f"{', '.join(BACKENDS)}: cupy is a GPU")
    option(fit, "noise", "host: the same numbers on every backend; device: by the GPU itself")

    fit.add_argument("--mpi", action="store_true", help=MPI)

    files = parser.add_argument_group("files")
    option(
        files,
        "out",
        "folder for what is written (default: runs/<data>); a finished run in it is replaced",
        metavar="DIR",
    )
    files.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out; --epochs may be raised; a finished run is drawn again",
    )
    files.add_argument(
        "--overwrite", action="store_true", help="start anew even if --out holds an unfinished run"
    )
    parser.set_defaults(run=run)


def every(epoch):
    """The first hundred epochs are all printed, then every tenth, of thousands every hundredth."""
    return 10 ** max(0, len(str(epoch)) - 2)


def in_words(value):
    """A default as it would be typed."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def run(args):
    given = {k: v for k, v in vars(args).items() if v is not None}
    for name in ("data", "out"):
        if given.get(name) == "":
            raise ValueError(f"{name} must not be empty")
    if args.resume and args.overwrite:
        raise ValueError("resume goes on with the run in --out, overwrite starts anew: not both")
    if args.download and args.mpi:
        raise ValueError("download is for one process: ranks would all write the same files")
    name = Path(given.get("data", DATA["data"])).stem
    out = Path(given.get("out", Path("runs") / name))
    path = out / "checkpoint.npz"
    vae, settings, state, data, about = (resumed if args.resume else fresh)(path, given)
    ranks = world() if args.mpi else ALONE
    describe(vae, settings, data, ranks)
    if args.resume:
        print(f"resumed   {path}, after epoch {state.epoch} and {state.step} steps")
        if training.finished(state, settings):
            why = "raise --epochs" if state.epoch == settings.epochs else "its patience ended it"
            print(f"          nothing is left to train ({why}); the figures are drawn again")

    def save():
        if ranks.rank == 0:
            checkpoint.save(path, vae, settings, state, about)

    training.check_fit(vae, data, settings)
    training.check_ranks(settings, ranks)
    ranks.agree("data", about)  # and all have looked at what is in --out
    ranks.together(save)  # can it be written? Better to know now
    with training.interruptible():  # Ctrl-C reaches some ranks later, and must not hit the save
        finished = fit(vae, data, settings, state, save, ranks)
        state.to("numpy")  # the figures and records are the host's
        ranks.together(save)
    if not finished:
        print(
            f"\ninterrupted in epoch {state.epoch + 1} and saved in {path}\n"
            f"go on with: python -m tinyvae train --resume --out {shlex.quote(str(out))}"
        )
        return 130
    return report(vae, settings, state, data, about, out, ranks)


def fit(vae, data, settings, state, save, ranks):
    """Train, with a progress bar on a terminal and plain rows elsewhere; False if interrupted."""
    from tqdm import tqdm

    count = training.count_steps(data, settings)
    saved = time.monotonic()
    terminal = all(stream is not None and stream.isatty() for stream in (sys.stdout, sys.stderr))
    print(
        f"\n{'epoch':>5}{'loss':>11}{'reconstruction':>16}{'kl':>9}{'held-out':>11}{'seconds':>9}"
    )
    with tqdm(
        total=settings.epochs * count,
        initial=state.epoch * count + state.step,
        unit="step",
        leave=False,
        ncols=shutil.get_terminal_size().columns,  # 80 where the terminal does not say
        disable=not terminal,
    ) as bar:

        def on_epoch(state):
            nonlocal saved
            r = state.history[-1]
            text = (
                f"{r['epoch']:>5}{r['loss']:>11.3f}{r['reconstruction']:>16.3f}{r['kl']:>9.3f}"
                f"{r['held_out']:>11.3f}{r['seconds']:>9.2f}"
            )
            if r["epoch"] % every(r["epoch"]) == 0 or training.finished(state, settings):
                bar.write(text) if terminal else print(text, flush=True)
            if time.monotonic() - saved > AUTOSAVE:
                save()
                saved = time.monotonic()

        hooks = {"on_step": lambda state: bar.update(), "on_epoch": on_epoch}
        training.fit(vae, data, settings, state, **hooks, ranks=ranks)
    return training.finished(state, settings)


def report(vae, settings, state, data, about, out, ranks):
    """Evaluate the trained model, draw its figures, and say what was reached and written; the exit
    code, 1 if the model shows what no right one can. Rank 0 alone writes."""
    from tinyvae.commands import figures  # here, because matplotlib takes a while to import

    theta = state.parameters
    measure = training.evaluation(settings)
    bounds = training.evaluate(vae, theta, data.held_out, **measure, ranks=ranks)
    bound, error = -float(bounds.mean()), inspection.mean_of(bounds).error
    many = measure.get("samples", 1)
    what = "negative ELBO" if many == 1 else f"negative bound by {many} importance samples"
    shown = "" if error is None else f" +- {error:.3f}"
    which = "the last epoch"
    if state.best is not None:
        which = f"epoch {shown_row(state)['epoch']}, chosen on them"
    print(
        f"\nheld-out {what}  {bound:.3f}{shown} nats per example "
        f"({len(bounds)} examples, {values_of(data)} values, {which})"
    )
    plain = settings.beta == 1.0 and not settings.free_bits  # else the loss is not that bound
    worse = bound - state.history[0]["held_out"]
    if plain and error is not None and worse > FARTHEST * error:
        print(
            "warning: that is worse than after the first epoch: the training diverged, or learnt "
            "the data by heart; try a lower --lr, or --patience"
        )
    record = {
        "model": vae.config,
        "settings": asdict(settings),
        "data": about,
        "held_out": {
            "negative_bound": bound,
            "samples": many,
            "standard_error": error,
            "examples": len(bounds),
        },
        "history": state.history,
    }
    if ranks.rank == 0:
        write_json(out / "history.json", record)
    code = inspected(vae, settings, state, data, out / "inspect.json", ranks)
    if ranks.rank > 0:
        return code
    written = figures.draw(
        vae,
        theta,
        data,
        state.history,
        out,
        seed=settings.seed,
        tighter=settings.samples if settings.objective in TIGHTER else 0,
    )
    records = ("history.json", "inspect.json", "checkpoint.npz")
    names = [*written, *(name for name in records if (out / name).is_file())]
    print("\nwrote", *(f"  {out / name}" for name in names), sep="\n")
    return code


def inspected(vae, settings, state, data, path, ranks):
    """Print what the model is worth, and write it to `path`; 1 if no right model can show that."""
    if ranks.rank == 0:
        path.unlink(missing_ok=True)  # it may be that of an earlier run
    try:
        options = {"samples": SAMPLES, "ranks": ranks}
        found = inspection_of(vae, settings, state, data.held_out, **options)
    except NotFinite as error:  # of a run that diverged: its figures and records still help
        print(f"warning: the model was not inspected: {error}")
        return 0
    print()
    inspect.show(found, path, ranks)
    return 1 if inspection.impossible(found) else 0
