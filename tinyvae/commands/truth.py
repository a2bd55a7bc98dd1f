"""`tinyvae truth`: models whose answer is known, trained and held against it."""

import math
from pathlib import Path

import numpy as np

from tinyvae.commands.truth_estimators import ONE, shown, variances
from tinyvae.errors import check_count, check_number
from tinyvae.models.descent import EXACT, LinearVAEFit, PosteriorFit, descend, fall_by, floor_at
from tinyvae.models.ppca import data_with
from tinyvae.optim import SGD, Adam
from tinyvae.vae import VAE

CLOSE = 1e-6  # nats, of the trainings without a sample
EXACT_STEPS, EXACT_LR = 3000, 0.1
X = np.array([1.5])
RUNS, LR = 100, 0.1  # fits of q beside each other, and their step
EIGENVALUES, EXAMPLES = (3.2, 1.4, 0.7, 0.5), 40  # of the data of the linear VAE


def add(subparsers):
    parser = subparsers.add_parser(
        "truth",
        help="train models whose exact answer is known: reached, exact, gap",
        description="Fit a q to the exact posterior of a linear-Gaussian model, and train linear "
        "VAEs, whose optimum is probabilistic PCA. Without samples they must arrive; with samples "
        "they come as close as the noise of their gradients allows, which is known, too. Then the "
        "variance of every estimator of the bound, measured and exact. Exit code 1 if a gap "
        "without samples is not below 1e-6 nats, or a measured mean or variance is more than 5 "
        "standard errors from the exact one.",
    )
    parser.add_argument(
        "--beta",
        type=float,
        default=2.0,
        help="of the linear VAE, whose decoder has variance 1: directions of the data with an "
        f"eigenvalue (of {', '.join(map(str, EIGENVALUES))}) below beta collapse (default: 2)",
    )
    parser.add_argument(
        "--latent", type=int, default=2, metavar="Z", help="latents of the linear VAE (default: 2)"
    )
    parser.add_argument(
        "--steps", type=int, default=5000, help="of the trainings with samples (default: 5000)"
    )
    parser.add_argument(
        "--samples", type=int, default=100_000, metavar="S", help="estimates (default: 100000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of data and noise (default: 0)")
    parser.add_argument(
        "--out", default="runs/truth", metavar="DIR", help="for gap.png (default: runs/truth)"
    )
    parser.add_argument("--no-figures", action="store_true", help="print the tables alone")
    parser.set_defaults(run=run)


def run(args):
    check_number("beta", args.beta, above=0)
    if check_count("latent", args.latent) >= len(EIGENVALUES):
        raise ValueError(f"latent must be below {len(EIGENVALUES)}, the data's, not {args.latent}")
    check_count("steps", args.steps, at_least=100)
    check_count("samples", args.samples, at_least=10_000)  # below, z is no normal number
    check_count("seed", args.seed, at_least=0)
    out = Path(args.out)
    if not args.no_figures:
        out.mkdir(parents=True, exist_ok=True)  # before the work, so that an error comes first

    fits = {
        "q of one x": (PosteriorFit(ONE, X), PosteriorFit(ONE, X, RUNS)),
        f"linear VAE, beta = {args.beta:g}": (linear_vae_fit(args), linear_vae_fit(args)),
    }
    exact, wrong = without_samples(args, {title: fit for title, (fit, _) in fits.items()})
    print()
    panels = with_samples(args, {title: fit for title, (_, fit) in fits.items()})
    print()
    wrong += variances(args.samples, args.seed)
    if not args.no_figures:
        draw(panels, exact, out / "gap.png")
        print(f"\nwritten to {out}: gap.png")
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


# -- trainings ------------------------------------------------------------------------------------


def linear_vae_fit(args, likelihood="gaussian", **options):
    rng = np.random.default_rng([args.seed, 0])
    x = data_with(EIGENVALUES, EXAMPLES, rng)
    vae = VAE(x.shape[1], args.latent, (), likelihood=likelihood)
    return LinearVAEFit(vae, x, vae.init(rng, np.float64), **({"beta": args.beta} | options))


def without_samples(args, fits):
    """Print where the exact gradient arrives; ({title: (steps, gaps)}, what is wrong)."""
    fits["linear VAE, beta = 1"] = linear_vae_fit(args, beta=1.0)
    fits["the same, its variance learned"] = linear_vae_fit(args, "gaussian-learned", beta=1.0)
    at, curves, wrong, notes = steps_to_show(EXACT_STEPS), {}, [], []
    print(f"Without a sample: the bound in closed form, {EXACT_STEPS} steps of Adam, in nats")
    print(f"{'':<31}{'reached':>16}{'exact':>16}{'gap':>11}")
    for title, fit in fits.items():
        theta, curves[title] = train(fit, EXACT, Adam(EXACT_LR, eps=0.05), at, to_zero)
        reached, gap = fit.reached(theta), fit.exact - fit.reached(theta)
        print(f"{title:<31}{reached:>16.10f}{fit.exact:>16.10f}{gap:>11.1e}")
        if not abs(gap) < CLOSE:
            wrong.append(f"{title}: the gap is {gap:.1e}, not below {CLOSE:g} nats")
        if isinstance(fit, LinearVAEFit):
            notes.append(f"{title}: {describe(fit, theta)}")
    print("\n".join(notes))
    return curves, wrong


def describe(fit, theta):
    """What came of the latents, beside what should have."""
    (_, logvar), _ = fit.vae.encode(fit.whole(theta), x=fit.x)
    reached = ", ".join(f"{v:.6f}" for v in sorted(np.exp(logvar).mean(axis=0)))
    exact = ", ".join(f"{v:.6f}" for v in sorted(fit.best.posterior_variances))
    return (
        f"{fit.best.active} of {fit.vae.latent} latents active, with eigenvalues above "
        f"{fit.best.threshold:.4g}\n  posterior variances {reached}; exact {exact}"
    )


def with_samples(args, fits):
    """Print where noisy gradients arrive, and where they should.

    {title: (curves {name: (steps, gaps)}, predicted floors, predicted falls c / step)}
    """
    at, panels = steps_to_show(args.steps), {}
    late = at > 0.75 * args.steps
    print(f"With samples: one draw an example and step, {args.steps} steps of plain descent")
    print(f"{'':<31}{'step':>16}{'gap':>16}{'predicted':>11}")
    for k, (title, fit) in enumerate(fits.items()):
        curvature = fit.bowl("sampled")[0]
        linear = isinstance(fit, LinearVAEFit)
        h = 0.5 / curvature.max() if linear else LR
        a = 1.5 / max(curvature.min(), 0.01 * curvature.max())
        rows = {
            "sampled, h": (fit, "sampled", h),
            "sampled, h/5": (fit, "sampled", h / 5),
            "sampled, a/t": (fit, "sampled", None),
            "path, h": (fit, "path", h),
        }
        if linear:
            rows["path, encoder alone"] = (linear_vae_fit(args, encoder_alone=True), "path", h)
        curves, floors, falls = {}, [], []
        print(f"{title}: h = {h:.3g}, a = {a:.3g}")
        for name, (one, objective, lr) in rows.items():
            rng = np.random.default_rng([args.seed, 1, k])  # each on the same noise
            schedule = None if lr else lambda t, a=a, h=h: a / (t + a / h)
            _, curves[name] = train(one, objective, SGD(lr or h), at, schedule, rng)
            if lr:
                floors.append(floor_at(one.bowl(objective), lr))
                predicted = floors[-1]
            else:
                c = fall_by(one.bowl(objective), a)
                falls += [c] if math.isfinite(c) else []
                predicted = (c / at[late]).mean()
            step, gap = f"{lr:.3g}" if lr else f"{a:.3g} / t", curves[name][1][late].mean()
            print(f"  {name:<29}{step:>16}{shown(gap):>16}{shown(predicted):>11}")
        panels[f"{title}; h = {h:.3g}, a = {a:.3g}"] = title, curves, floors, falls
    return panels


def train(fit, objective, optimizer, at, schedule, rng=None):
    """(theta, (steps, gaps)) of `descend`."""
    theta, gaps = descend(fit, objective, optimizer, at, rng=rng, schedule=schedule)
    return theta, (at, gaps)


def to_zero(t):
    """Adam's step: a straight line to 0.

    Its eps is larger than usual, too: where gradients vanish and Adam divides by their size, it
    would otherwise leap out of the minimum that it has reached.
    """
    return EXACT_LR * (1.0 - t / EXACT_STEPS)


def steps_to_show(steps):
    """Every step at first, then every tenth."""
    return np.unique(np.r_[0 : min(steps, 50), 50:steps:10, steps])


# -- the figure -----------------------------------------------------------------------------------


def draw(panels, exact, path):
    """The trainings of `with_samples` and `without_samples`, a panel a model."""
    from tinyvae import plots  # here: matplotlib takes a while to import

    with plots.style():
        figure, axes = plots.side_by_side(len(panels), 5.6, 4.2)
    for ax, (heading, (title, curves, floors, falls)) in zip(axes, panels.items(), strict=True):
        curves = {"exact gradient, Adam": exact[title]} | curves
        curves = {name: smooth(*curve) for name, curve in curves.items()}
        plots.gap_curves(curves, floors, falls, heading, ax)
    plots.save(figure, path)


def smooth(at, gaps, stretches=60):
    """Means over stretches of equal length on a logarithmic axis, from step 1 on."""
    at, gaps = at[1:], gaps[1:]
    parts = np.digitize(at, np.geomspace(1, at[-1], stretches + 1)[1:-1])
    return tuple(np.array([v[parts == k].mean() for k in np.unique(parts)]) for v in (at, gaps))
