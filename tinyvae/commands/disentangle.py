"""`tinyvae disentangle`: latents held against the known factors of drawn characters."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np

from tinyvae import train as training
from tinyvae.data import Dataset, glyphs
from tinyvae.disentanglement import BINS, Gap, mutual_information_gap, traversals
from tinyvae.errors import check_count, check_number
from tinyvae.inspection.report import ACTIVE
from tinyvae.kl import kl_per_latent
from tinyvae.storage import write_json
from tinyvae.vae import VAE

CHARACTERS, FONTS, SIZE = "27", ("sans", "serif"), 28
HIDDEN, BATCH = (128,), 50
STEPS = np.linspace(-2.0, 2.0, 9)  # of a traversal
WIDE = 6  # latents on a line

LEGEND = f"""\
held-out: the negative ELBO at beta = 1; kl: in nats; active: units with Var_x E[z|x] > {ACTIVE:g}
MIG: mean over the factors of the largest share of a factor's entropy that a latent knows, less the
   second largest; continuous factors in {BINS} bins of equal counts; all on held-out data
chance: the largest share of a factor that a latent seems to know when the factor is shuffled"""
CAVEAT = """\
Nothing in the bound asks for one factor a latent: the prior looks the same after every rotation.
What a MIG of a few runs says is no more than its spread over seeds allows."""


def add(subparsers):
    parser = subparsers.add_parser(
        "disentangle",
        help="train at several betas, and measure which factor each latent knows",
        description="Draw characters whose factors are known (character, font, rotation, slant, "
        "scale, weight), train VAEs on them at several betas and seeds, and measure how much each "
        "latent knows of each factor: the mutual information gap (MIG) against beta, latent "
        "traversals, and the matrix of mutual informations.",
    )

    def option(name, default, help, type=int, **kwargs):
        shown = " ".join(map(str, default)) if isinstance(default, list) else default
        parser.add_argument(
            f"--{name}", type=type, default=default, help=f"{help} (default: {shown})", **kwargs
        )

    option("betas", [1, 2, 4, 8, 16], "weights of the KL", float, nargs="+", metavar="X")
    option("seeds", 3, "runs at each beta", metavar="N")
    option("latent", 6, "latent size Z", metavar="N")
    option("epochs", 50, "passes over the data", metavar="N")
    option("n", 3000, "characters to draw, and as many held out", metavar="N")
    option("out", "runs/disentangle", "folder for figures and results.json", str, metavar="DIR")
    option("seed", 0, "of the first run at each beta; the data are always the same", metavar="N")
    parser.set_defaults(run=run)


@dataclass
class Run:
    """A trained model, and what its latents know of the held-out factors."""

    beta: float
    seed: int
    vae: VAE
    theta: np.ndarray
    mu: np.ndarray  # (N, Z)
    kl: np.ndarray  # (Z,)
    held_out: float
    gap: Gap
    chance: float

    @property
    def active(self):
        """The units whose Var_x E[z|x] is above ACTIVE, as `inspect` counts them."""
        return int((self.mu.astype(np.float64).var(axis=0) > ACTIVE).sum())

    @property
    def known(self):
        """Of each latent the factor that it knows most of, as text; '-' if chance explains it."""
        best = self.gap.share.argmax(axis=1)
        most = self.gap.share.max(axis=1)
        return [
            f"{self.gap.names[f]} {100 * part:.0f}%" if part > self.chance else "-"
            for f, part in zip(best, most, strict=True)
        ]


def run(args):
    betas = sorted({check_number("betas", beta, above=0) for beta in args.betas})
    seed, n = check_count("seed", args.seed, at_least=0), check_count("n", args.n, at_least=20)
    seeds = range(seed, seed + check_count("seeds", args.seeds))
    check_count("latent", args.latent, at_least=2)
    settings = {
        beta: [
            training.Settings(epochs=args.epochs, batch=min(BATCH, n), beta=beta, seed=s)
            for s in seeds
        ]
        for beta in betas
    }
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)  # before the work, so that an error comes first
    data = drawn(n)
    vae = VAE(data.x.shape[1], args.latent, HIDDEN)

    many = f"{len(seeds)} run{'s' if len(seeds) > 1 else ''} a beta"
    epochs = f"{args.epochs} epoch{'s' if args.epochs > 1 else ''}"
    print(f"{data.source}\n{many}, {epochs}, latent size {vae.latent}")
    print(
        f"\n{'beta':>6}{'held-out':>10}{'kl':>8}{'active':>8}{'MIG':>8}  {'over seeds':<16}chance"
    )
    runs = {}
    for beta, each in settings.items():
        runs[beta] = [measured(vae, data, one) for one in each]
        print(row(beta, runs[beta]), flush=True)
    print(f"\nwhat each latent knows most of, in order of its KL, at seed {seed}")
    print(*(line for beta in betas for line in knowledge(runs[beta][0])), sep="\n")
    print(f"\n{fill(verdict(runs), 100)}\n\n{LEGEND}\n{CAVEAT}")
    write_json(out / "results.json", [record(one) for each in runs.values() for one in each])
    print(f"\nwritten to {out}: {', '.join([*figures(runs, data, out), 'results.json'])}")
    return 0


def drawn(n):
    """n characters to train on and n held out, black and white, with the factors that vary."""
    parts = [
        glyphs(n, rng=np.random.default_rng([0, k]), characters=CHARACTERS, fonts=FONTS, size=SIZE)
        for k in range(2)
    ]
    (x, factors), (held_out, aside) = parts
    return Dataset(
        name="glyphs",
        x=x,
        held_out=held_out,
        factors=factors,
        held_out_factors=aside,
        image_shape=(SIZE, SIZE),
        source=f"{n} glyphs ({', '.join(CHARACTERS)}; {', '.join(FONTS)}) of {SIZE} x {SIZE} "
        f"pixels and {n} held out, black and white",
    ).binarized("threshold")


def measured(vae, data, settings):
    """Train with these settings and measure on the held-out data: a Run."""
    state = training.fit(vae, data, settings)
    if not training.finished(state, settings):
        raise KeyboardInterrupt  # which `fit` turned into an early end
    theta, x = state.parameters, data.held_out
    (mu, logvar), _ = vae.encode(theta, x=x)
    rng = np.random.default_rng(settings.seed)
    shuffled = {name: rng.permutation(v) for name, v in data.held_out_factors.items()}
    return Run(
        beta=settings.beta,
        seed=settings.seed,
        vae=vae,
        theta=theta,
        mu=mu,
        kl=kl_per_latent(mu, logvar)[0].mean(axis=0),
        held_out=-float(training.evaluate(vae, theta, x, seed=settings.seed).mean()),
        gap=mutual_information_gap(mu, logvar, data.held_out_factors),
        chance=float(mutual_information_gap(mu, logvar, shuffled).share.max()),
    )


def row(beta, each):
    """The line of the table for one beta: means over the seeds, and the range of the MIG."""
    held_out, kl, active = (
        np.mean([get(one) for one in each])
        for get in (lambda r: r.held_out, lambda r: r.kl.sum(), lambda r: r.active)
    )
    mig = [one.gap.mig for one in each]
    spread = f"{min(mig):.3f} to {max(mig):.3f}"
    return (
        f"{beta:>6g}{held_out:>10.2f}{kl:>8.2f}{active:>8.1f}{np.mean(mig):>8.3f}  {spread:<16}"
        f"{max(one.chance for one in each):>6.3f}"
    )


def knowledge(one):
    """What each latent of a run knows, on as many lines as it takes."""
    order = np.argsort(-one.kl, kind="stable")
    cells = [f"{one.known[j]:<15}" for j in order]
    lines = ["".join(cells[i : i + WIDE]) for i in range(0, len(cells), WIDE)]
    return [
        f"{f'{one.beta:g}' if k == 0 else '':>6}  {line}".rstrip() for k, line in enumerate(lines)
    ]


def best_beta(runs):
    """The beta whose runs have the highest mean MIG."""
    return max(runs, key=lambda beta: np.mean([one.gap.mig for one in runs[beta]]))


def verdict(runs):
    """Whether a larger beta than the lowest gave a larger gap, as far as the seeds can tell."""
    lowest, best = min(runs), best_beta(runs)
    if len(runs) == 1:
        return "Of one beta there is nothing to compare."
    if best == lowest:
        return f"The mean MIG is highest at the lowest beta, {lowest:g}: no rise with beta."
    low, high = ([one.gap.mig for one in runs[beta]] for beta in (lowest, best))
    text = (
        f"The mean MIG is highest at beta {best:g}: {np.mean(high):.3f}, "
        f"against {np.mean(low):.3f} at beta {lowest:g}"
    )
    if len(low) == 1:
        return f"{text}; of one seed each, which says nothing of the spread."
    if min(high) > max(low):
        return f"{text}; their ranges over the seeds do not overlap."
    return f"{text}; their ranges over the seeds overlap: these runs show no rise with beta."


def figures(runs, data, out):
    """mig.png, information.png, and the traversals at the lowest and the best beta: their names.

    The highest beta takes the place of the best one where that is the lowest.
    """
    from tinyvae import plots  # here: matplotlib takes a while to import

    names = list(data.held_out_factors)
    mig = [[one.gap.mig for one in each] for each in runs.values()]
    gaps = np.array([np.mean([one.gap.gaps for one in each], axis=0) for each in runs.values()])
    title = "mutual information gap on held-out glyphs, a dot a run"
    ax = plots.gap_by_beta(list(runs), mig, dict(zip(names, gaps.T, strict=True)), title)
    written = [("mig.png", ax)]

    lowest, best = min(runs), best_beta(runs)
    other = best if best > lowest else max(runs)
    shown = [runs[beta][0] for beta in sorted({lowest, other})]  # the first seed: none is picked
    width, height = 0.72 * len(names) + 1.9, 0.36 * len(shown[0].kl) + 1.1
    with plots.style():
        panels = np.ravel(plots.side_by_side(len(shown), width, height)[1])
    for ax, one in zip(panels, shown, strict=True):
        title = f"part of a factor's entropy known, β = {one.beta:g}"
        plots.information_matrix(one.gap.share, names, one.kl, title, ax)
    written.append(("information.png", ax.figure))

    for one in shown:
        pictures = traversals(one.vae, one.theta, one.mu[0], STEPS)
        title = f"E[x | z] around one held-out glyph, β = {one.beta:g}"
        ax = plots.traversal_grid(pictures, STEPS, data.image_shape, one.kl, one.known, title)
        written.append((f"traversals_beta_{one.beta:g}.png", ax))
    for name, ax in written:
        plots.save(ax, out / name)
    return [name for name, _ in written]


def record(one):
    """A run as JSON."""
    return {
        "beta": one.beta,
        "seed": one.seed,
        "held_out": one.held_out,
        "kl": one.kl.tolist(),
        "active": one.active,
        "mig": one.gap.mig,
        "gaps": dict(zip(one.gap.names, one.gap.gaps.tolist(), strict=True)),
        "share": dict(zip(one.gap.names, one.gap.share.T.tolist(), strict=True)),
        "chance": one.chance,
    }
