"""`tinyvae truth`: models whose answer is known, trained and held against it."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinyvae.commands.truth_estimators import shown, variances
from tinyvae.errors import check_count, check_number
from tinyvae.models.descent import (
    EXACT,
    LinearVAEFit,
    PosteriorFit,
    descend,
    fall_by,
    floor_at,
    slope_at,
)
from tinyvae.models.linear_gaussian import ONE_DATUM, ONE_LATENT
from tinyvae.models.ppca import data_with
from tinyvae.optim import SGD, Adam
from tinyvae.vae import VAE

CLOSE = 1e-6  # nats, of the trainings without a sample
ARRIVED = 1e-7  # a norm of the exact gradient
EXACT_STEPS, EXACT_LR = 10_000, 0.1
RUNS, LR = 100, 0.1  # fits of q beside each other, and their step
EIGENVALUES, EXAMPLES = (3.2, 1.4, 0.7, 0.5), 40  # of the data of the linear VAE
ROUNDED = 1e-15  # a gap that is 0
MEANING = f"""\
q of one x: q = N(m, e^logvar), fitted to the posterior of x = {ONE_DATUM[0]:g} where z ~ N(0, 1)
  and x ~ N(z, 1); the mean of {RUNS} fits
linear VAE: no hidden layer, Z = {{}}, trained on {EXAMPLES} examples, all at each step, whose
  covariance has the eigenvalues {", ".join(map(str, EIGENVALUES))}
rate: what a step multiplies the gradient with; h, h/5: constant; a/t: a / (t + a/h), that falls
  with the step t, from h on
path: of log q(z|x) the gradient in q's own parameters is left out, and the one through z kept;
  sampled: with both; encoder alone: the decoder is held at its optimum
gap: the mean over the last quarter of the steps; predicted: from the noise at the optimum;
  not settled: too few steps for that, what the training started from has not died away"""


def add(subparsers):
    parser = subparsers.add_parser(
        "truth",
        help="train models whose exact answer is known: reached, exact, gap",
        description="Fit a q to the exact posterior of a linear-Gaussian model, and train linear "
        "VAEs, whose optimum is probabilistic PCA. Without samples they must arrive; with samples "
        "they come as close as the noise of their gradients allows, which is known, too. Then the "
        "variance of every estimator of the bound, measured and exact. Exit code 1 if a training "
        "without samples ends 1e-6 nats or more from the optimum, and not for want of steps, or a "
        "measured mean or variance is more than 5 standard errors from the exact one.",
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
        "q of one x": PosteriorFit(ONE_LATENT, ONE_DATUM),
        f"linear VAE, beta = {args.beta:g}": linear_vae_fit(args),
    }
    exact, wrong = without_samples(args, fits.copy())
    print()
    panels = with_samples(args, fits | {"q of one x": PosteriorFit(ONE_LATENT, ONE_DATUM, RUNS)})
    print()
    wrong += variances(args.samples, args.seed)
    if not args.no_figures:
        draw(panels, exact, out / "gap.png")
        print(f"\nwritten to {out}: gap.png")
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong else 0


# -- trainings without a sample -------------------------------------------------------------------


def linear_vae_fit(args, likelihood="gaussian", **options):
    rng = np.random.default_rng([args.seed, 0])
    x = data_with(EIGENVALUES, EXAMPLES, rng)
    vae = VAE(x.shape[1], args.latent, (), likelihood=likelihood)
    return LinearVAEFit(vae, x, vae.init(rng, np.float64), **({"beta": args.beta} | options))


def without_samples(args, fits):
    """Print where the exact gradient arrives; ({title: (steps, gaps)}, what is wrong)."""
    fits["linear VAE, beta = 1"] = linear_vae_fit(args, beta=1.0)
    fits["the same, its variance learned"] = linear_vae_fit(args, "gaussian-learned", beta=1.0)
    curves, notes, wrong = {}, [], []
    print(
        "Without a sample: the bound in closed form, in nats; Adam, until the norm of the gradient "
        f"is\nbelow {ARRIVED:g}, for at most {EXACT_STEPS} steps"
    )
    print(f"{'':<31}{'reached':>15}{'exact':>15}{'gap':>10}{'gradient':>10}{'steps':>7}")
    for title, fit in fits.items():
        theta, steps, gaps = without_noise(fit)
        curves[title], reached, norm = (steps, gaps), fit.reached(theta), slope_at(fit, theta)
        gap = fit.exact - reached
        numbers = f"{reached:>15.10f}{fit.exact:>15.10f}{gap:>10.1e}{norm:>10.1e}{steps[-1]:>7}"
        print(f"{title:<31}{numbers}")
        if isinstance(fit, LinearVAEFit):
            notes.append(f"{title}: {describe(fit, theta)}")
        if not abs(gap) < CLOSE:
            ended = f"the gap is {gap:.1e}, the norm of the gradient {norm:.1e}"
            late = on_its_way(gaps, norm)
            (notes if late else wrong).append(f"{title}: {'not arrived, ' * late}{ended}")
    print("\n".join(notes))
    return curves, wrong


def without_noise(fit):
    """(theta, steps, gaps) of a descent along the exact gradient.

    Adam's eps is larger than usual: where gradients vanish and Adam divides by their size, it would
    otherwise leap out of the minimum that it has reached.
    """
    at, adam = steps_to_show(EXACT_STEPS), Adam(EXACT_LR, eps=0.05)
    theta, gaps = descend(fit, EXACT, adam, at, until=ARRIVED)
    return theta, at[: len(gaps)], gaps


def on_its_way(gaps, norm):
    """Whether more steps would close the gap: the gradient is not 0 yet, and the gap falls."""
    return bool(norm >= ARRIVED and 0.0 < gaps[-1] < gaps[len(gaps) // 2])


def describe(fit, theta):
    """What came of the latents, beside what should have."""
    (_, logvar), _ = fit.vae.encode(fit.whole(theta), x=fit.x)
    reached = ", ".join(f"{v:.6f}" for v in sorted(np.exp(logvar).mean(axis=0)))
    exact = ", ".join(f"{v:.6f}" for v in sorted(fit.best.posterior_variances))
    return (
        f"{fit.best.active} of {fit.vae.latent} latents active, with eigenvalues above "
        f"{fit.best.threshold:.4g}\n  posterior variances {reached}; exact {exact}"
    )


# -- trainings with samples -----------------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """A plain descent of `fit` by the noisy gradient of `objective`.

    The rate of step t is a / (t + a/h): h at first, a / t in the end; with an infinite a it is h.
    """

    fit: LinearVAEFit | PosteriorFit
    objective: str
    h: float
    a: float = math.inf

    def __str__(self):
        return f"{self.h:.3g}" if self.constant else f"{self.a:.3g} / (t + {self.a / self.h:.3g})"

    @property
    def constant(self):
        return math.isinf(self.a)

    def rate(self, t):
        return self.h / (1.0 + t * self.h / self.a)

    def gaps(self, at, rng):
        """The gap (n,) after the steps `at` (n,), on noise from `rng`."""
        _, gaps = descend(self.fit, self.objective, SGD(self.h), at, rng=rng, schedule=self.rate)
        return gaps

    def predicted(self, at):
        """The gap (n,) at the late steps `at` (n,) by the noise at the optimum.

        None where the training has not settled by then. Of a gap along the axis with the smallest
        curvature r there is left e^(-2 r R) where the rates add up to R: settled is a training
        where that, of the gap that it started with, is less than what is predicted.
        """
        bowl = self.fit.bowl(self.objective)
        if self.constant:
            gaps, walked = np.full(len(at), floor_at(bowl, self.h)), self.h * at[0]
        else:
            gaps = fall_by(bowl, self.a) / at
            walked = self.a * math.log1p(at[0] * self.h / self.a)
        left = self.fit.gap(self.fit.start) * math.exp(-2.0 * walked * bowl[0].min())
        return gaps if left < gaps.mean() + ROUNDED < math.inf else None


def with_samples(args, fits):
    """Print where noisy gradients arrive, and where they should; the Panels of the figure."""
    at, panels = steps_to_show(args.steps), []
    late = at > 0.75 * args.steps
    print(f"With samples: one draw an example and step, {args.steps} steps of plain descent")
    print(f"{'':<29}{'rate':>20}{'gap':>14}{'predicted':>14}")
    for k, (title, fit) in enumerate(fits.items()):
        panels.append(Panel(title, "{}: h = {:.3g}, a = {:.3g}".format(title, *lengths(fit))))
        print(panels[-1].heading)
        for name, training in trainings(args, fit).items():
            gaps = training.gaps(at, np.random.default_rng([args.seed, 1, k]))  # each on the same
            predicted = training.predicted(at[late])
            text = "not settled" if predicted is None else shown(predicted.mean())
            print(f"  {name:<27}{training!s:>20}{shown(gaps[late].mean()):>14}{text:>14}")
            panels[-1].add(name, training, at, gaps, predicted)
    print(MEANING.format(args.latent))
    return panels


def lengths(fit):
    """(h, a): short enough for the steepest curvature, and long enough for the smallest."""
    curvature = fit.bowl("sampled")[0]
    h = 0.5 / curvature.max() if isinstance(fit, LinearVAEFit) else LR
    return h, 1.5 / max(curvature.min(), 0.01 * curvature.max())


def trainings(args, fit):
    """{name: Training} of a fit: the rows of the table."""
    h, a = lengths(fit)
    found = {
        "sampled, h": Training(fit, "sampled", h),
        "sampled, h/5": Training(fit, "sampled", h / 5),
        "sampled, a/t": Training(fit, "sampled", h, a),
        "path, h": Training(fit, "path", h),
    }
    if isinstance(fit, LinearVAEFit):
        alone = linear_vae_fit(args, encoder_alone=True)
        found["path, encoder alone"] = Training(alone, "path", h)
    return found


def steps_to_show(steps):
    """Every step at first, then every tenth."""
    return np.unique(np.r_[0 : min(steps, 50), 50:steps:10, steps])


# -- the figure -----------------------------------------------------------------------------------


@dataclass
class Panel:
    """What the figure shows of one fit: {name: (steps, gaps)}, and the predictions."""

    title: str
    heading: str
    curves: dict = field(default_factory=dict)
    floors: list = field(default_factory=list)
    falls: list = field(default_factory=list)

    def add(self, name, training, at, gaps, predicted):
        self.curves[name] = at, gaps
        if predicted is None:
            return
        if training.constant:
            self.floors.append(predicted[0])
        else:
            self.falls.append(predicted[0] * at[-len(predicted)])


def draw(panels, exact, path):
    """The trainings of `with_samples` and `without_samples`, a panel a model."""
    from tinyvae import plots  # here: matplotlib takes a while to import

    with plots.style():
        figure, axes = plots.side_by_side(len(panels), 5.6, 4.2)
    for ax, panel in zip(axes, panels, strict=True):
        curves = {"exact gradient, Adam": exact[panel.title]} | panel.curves
        curves = {name: smooth(*curve) for name, curve in curves.items()}
        plots.gap_curves(curves, panel.floors, panel.falls, panel.heading, ax)
    plots.save(figure, path)


def smooth(at, gaps, stretches=60):
    """Means over stretches of equal length on a logarithmic axis, from step 1 on."""
    at, gaps = at[1:], gaps[1:]
    parts = np.digitize(at, np.geomspace(1, at[-1], stretches + 1)[1:-1])
    return tuple(np.array([v[parts == k].mean() for k in np.unique(parts)]) for v in (at, gaps))
