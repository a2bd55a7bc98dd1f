"""`tinyvae bugs`: a gallery of real mistakes, trained, and asked of two oracles."""

import inspect
import os
from pathlib import Path
from tempfile import TemporaryFile
from textwrap import fill

import numpy as np

from tinyvae import gallery
from tinyvae.errors import unknown
from tinyvae.gallery.example import example
from tinyvae.gallery.trained import SEEDS, noisy

WIDTH = 100
TITLES = {
    "elbo": "the encoder of a linear-Gaussian model, trained on the plain bound",
    "learned variance": "the encoder and the decoder's variance, trained on the plain bound",
    "importance-weighted": "the importance-weighted bound of two samples, where latents are "
    "correlated in the posterior",
}
OPTIONS = {"break_long_words": False, "break_on_hyphens": False}  # of `fill`
MEANING = """\
gradient is what the gradient check finds, - if nothing
  wrong: the gradient is not that of the value; unstable: another at every call; mutated: the code
  changes what it is given
objective is what the objective check finds, - if nothing
  draws: they are not those of the q that logvar tells; KL: the one that the code states is not that
  of its draws; bound: it is above log p(x), where no bound can be; of several, the first
claims: the bound that the code computes, nats; true: the right one, of the q that its encoder gives
lost: from the best there is to the true one; mean, sd: of its draws, for each latent, the mean
  in parts of the exact posterior mean, the standard deviation as it is"""

GIVEN = (
    "The gradient check and diagnose take the value as given, and hold the gradient against it. "
    "The objective check says that the value is wrong."
)


def add(subparsers):
    parser = subparsers.add_parser(
        "bugs",
        help="a gallery of real mistakes: who catches them, and what they do to a training",
        description="Train a small VAE with each of the mistakes of tinyvae/gallery in it, found "
        "in public code and in threads, on linear-Gaussian models whose best answer is known; ask "
        "the gradient check and the objective check; print what was caught, claimed and reached. "
        "Nothing in the table is written down beforehand. With a name or a number, one mistake: "
        "its lines beside the right ones, its story, and whether what the story says is what "
        "happened. Exit code 1 if it is not, or if right code is accused.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of a mistake, or its number")
    parser.add_argument("--figure", metavar="FILE", help="also draw the table, such as bugs.png")
    parser.set_defaults(run=run)


def run(args):
    if args.name is None:
        return table(None if args.figure is None else drawable(args.figure))
    if args.figure is not None:
        raise ValueError("--figure draws the whole gallery: leave out the name")
    return page(chosen(args.name))


def chosen(name):
    """The Mistake of that name or number; ValueError with the nearest names if there is none."""
    names = list(gallery.GALLERY)
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return gallery.GALLERY[names[int(name) - 1]]
    if name not in gallery.GALLERY:
        raise unknown(f"mistake (or number, 1 to {len(names)})", name, names)
    return gallery.GALLERY[name]


def tried(mistake, setting):
    """(Trained, Verdicts) of a Mistake, or of right code in that setting for None."""
    end = gallery.train(mistake, setting.name)
    return end, gallery.verdicts(setting, mistake, end.params)


def broken(mistake, end):
    """The sentences of its story that are not what happened."""
    return [sentence for sentence, holds in mistake.does.items() if not holds(end)]


# -- the table ------------------------------------------------------------------------------------


def table(figure):
    """Print all mistakes, a line each; the exit code."""
    caught, wrong, drawn, rows = {}, [], [], []
    heads = f"{'gradient':>9}{'objective':>10}{'claims':>10}{'true':>10}{'lost':>9}"
    print(f"{'':<27}{heads}{'mean':>11}{'sd':>11}")
    for setting in gallery.SETTINGS.values():
        print(f"{TITLES[setting.name]}\n{exact_row(setting)}")
        mine = [m for m in gallery.GALLERY.values() if m.setting == setting.name]
        for mistake in [None, *mine]:
            end, verdict = tried(mistake, setting)
            print(row(mistake, end, verdict), flush=True)
            if mistake is None:
                accused = verdict.gradient_says + verdict.objective_says
                wrong += [f"right code, {setting.name}: {accused}"] if accused else []
                continue
            rows.append((mistake.name, end.claimed - end.optimum, -end.lost, verdict.caught_by))
            caught.setdefault(verdict.caught_by, []).append(mistake.name)
            drawn += [end.errors] if end.errors else []
            wrong += [f"{mistake.name}: not so: {sentence}" for sentence in broken(mistake, end)]
    print(f"\n{MEANING}")
    largest = max((float(errors["true"]) for errors in drawn), default=0.0)
    print(
        f"~: noise is drawn, and {SEEDS} seeds averaged (standard errors of true up to "
        f"{largest:.2g}); all else is exact"
    )
    print("caught by the oracles, of", len(rows))
    for name in ("gradient", "objective", "both", "neither"):
        names = caught.get(name, [])
        print(told(f"{name}, {len(names)}", ", ".join(names), 15))
    print("\n`tinyvae bugs NAME`, or its number, shows the wrong lines beside the right ones")
    if figure is not None:
        draw(rows, figure)
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


def row(mistake, end, verdict):
    """A line of the table."""
    if mistake is None:
        name = "    right code"
    else:
        mark = "~" if noisy(mistake) else " "
        name = f"{list(gallery.GALLERY).index(mistake.name) + 1:>2} {mark}{mistake.name}"
    found = ["-" if word == "ok" else word for word in (verdict.gradient, verdict.objective)]
    bounds = f"{nats(end.claimed):>10}{nats(end.true):>10}{nats(end.lost):>9}"
    numbers = f"{pair(end.reach):>12}{pair(end.sd):>11}" if not end.diverged else "  diverges"
    return f"{name:<27}{found[0]:>9}{found[1]:>10}{bounds}{numbers}"


def exact_row(setting):
    """What there is to reach, where it is a closed form."""
    if setting.weighted:
        evidence = f"{nats(setting.optimum.bound):>10}"
        return f"{'    exact log p(x)':<46}{'':>10}{evidence}"
    end = gallery.train(setting=setting.name)
    numbers = f"{pair(np.ones(2)):>12}{pair(end.exact_sd):>11}"
    return f"{'    exact':<46}{'':>10}{nats(setting.best):>10}{'':>9}{numbers}"


def nats(value):
    """Three decimals, while they mean something."""
    value = 0.0 if abs(value) < 5e-4 else value
    return f"{value:.3f}" if abs(value) < 1e3 else f"{value:.1e}"


def pair(values):
    return " ".join(f"{abs(v) if abs(v) < 5e-3 else v:.2f}" for v in values)


def drawable(name):
    """The Path of a figure, where one can be written; an error, before the work, where not."""
    from matplotlib.backend_bases import FigureCanvasBase  # here: it takes a while to import

    path, kinds = Path(name), FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in kinds:
        raise unknown("figure format", path.suffix[1:], kinds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OSError(f"cannot write {path}: {error.strerror}") from error
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder")
    return path


def draw(rows, path):
    from tinyvae import plots  # here: matplotlib takes a while to import
    from tinyvae.plots.gallery import claims_and_truths

    names, claims, truths, caught = zip(*rows, strict=True)
    plots.save(claims_and_truths(names, claims, truths, caught), path)
    print(f"written to {path}")


# -- one mistake ----------------------------------------------------------------------------------


def page(mistake):
    """Print all there is to say of one mistake; the exit code."""
    setting = gallery.SETTINGS[mistake.setting]
    end, verdict = tried(mistake, setting)
    number = list(gallery.GALLERY).index(mistake.name) + 1
    print(f"{number} {mistake.name}: {mistake.title}\nin {source(mistake)}\n")
    right = gallery.PARTS[mistake.part]
    for label, line in gallery.side_by_side(right, mistake.wrong):
        print(f"{label:<7}{line}".rstrip())
    print(f"\n{told('seen', mistake.seen)}\n")
    for name, word, says in (
        ("gradient check", verdict.gradient, verdict.gradient_says),
        ("objective check", verdict.objective, verdict.objective_says),
    ):
        print(told(name, "passes it" if word == "ok" else f"CATCHES it ({word}): {says}"))
    if verdict.gradient != "ok":
        print(told("diagnose", " ".join(diagnosis(mistake))))
    if verdict.caught_by == "both":
        print(told("", GIVEN))
    print(f"\n{told('trained', TITLES[setting.name])}")
    print(f"{'':<17}{setting.examples} examples, {setting.steps} steps of plain gradient descent\n")
    numbers(end)
    print("\nwhat happens when one trains it, and whether it did")
    wrong = broken(mistake, end)
    for sentence in mistake.does:
        print(told(" NO" if sentence in wrong else " yes", sentence, 6))
    print(f"\n{told('how to see it', mistake.see)}")
    return 1 if wrong else 0


def diagnosis(mistake):
    """What `diagnose` says of the wrong part alone, in sentences."""
    from tinyvae.diagnose import diagnose

    args, constants = example(mistake.part)
    return diagnose(mistake.function(), *args, **constants).lines


def source(mistake):
    """Where its lines are: file and line."""
    path, line = inspect.getsourcefile(mistake.wrong), inspect.getsourcelines(mistake.wrong)[1]
    return f"{os.path.relpath(path)}:{line}"


def told(name, text, indent=17):
    """A name and a text beside it, wrapped."""
    return fill(f"{name:<{indent}}{text}", WIDTH, subsequent_indent=" " * indent, **OPTIONS)


def numbers(end):
    """Print what the training ended with, beside right code and the exact answer."""
    right, exact = end.right, {"log p(x)": end.setting.optimum.bound}
    if not end.setting.weighted:
        exact["true bound"] = end.optimum
    lines = {
        "it claims": lambda t: nats(t.claimed),
        "true bound": lambda t: nats(t.true),
        "log p(x)": lambda t: nats(t.evidence),
        "mean / exact": lambda t: pair(t.reach),
        "sd of the draws": lambda t: pair(t.sd),
        "sd by logvar": lambda t: pair(t.head_sd),
    }
    if "logtau2" in end.setting.learned:
        lines["tau²"] = lambda t: f"{t.tau2:.3g}"
    exact = {k: nats(v) for k, v in exact.items()}
    exact |= {"mean / exact": "1.00 1.00", "tau²": f"{end.exact_tau2:.3g}"}
    if not end.setting.weighted:
        exact |= {"sd of the draws": pair(end.exact_sd), "sd by logvar": pair(end.exact_sd)}
    print(f"{'':<17}{'this':>14}{'right code':>14}{'exact':>14}")
    for name, of in lines.items():
        print(f"{name:<17}{of(end):>14}{of(right):>14}{exact.get(name, ''):>14}".rstrip())
    if end.diverged:
        print("it diverged: these are the numbers of the step before")
    if end.errors:
        errors = f"true bound {end.errors['true']:.2g}, sd {end.errors['sd'].max():.2g}"
        print(f"noise was drawn: means over {SEEDS} seeds; standard errors: {errors}")
