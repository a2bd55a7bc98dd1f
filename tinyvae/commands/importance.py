"""`tinyvae importance`: what more samples buy, on a model whose answer is known."""

from pathlib import Path

import numpy as np

from tinyvae.errors import check_count, check_number
from tinyvae.importance import importance_bounds
from tinyvae.inspection import mean_of
from tinyvae.models.linear_gaussian import ONE_DATUM, ONE_LATENT
from tinyvae.ranks import ALONE, MPI, world
from tinyvae.signal import gradient_moments, slope
from tinyvae.vae import VAE

X = float(ONE_DATUM[0])
SAMPLES = tuple(2**i for i in range(10))  # 1, 2, ..., 512
FARTHEST, ROUNDING = 5.0, 1e-12  # standard errors, nats
STREAM = 7  # of the seed: the draws of the gradients
NARROW = 0.2  # a q so narrow that the path gradients lose


def add(subparsers):
    parser = subparsers.add_parser(
        "importance",
        help="what more samples buy: a closer bound, and gradients that fade",
        description="The importance-weighted bound on the model z ~ N(0, 1), x ~ N(z, 1) at "
        f"x = {X}, where log p(x) is known, for an encoder that is not the posterior. First the "
        "bound by 1 to 512 samples against the truth; then the signal-to-noise ratio of its "
        "gradient, plain (iwae) and doubly reparameterized (dreg); then where the path gradients "
        "lose. Exit code 1 if a bound is above the truth.",
    )
    parser.add_argument("--loc", type=float, default=1.0, help="mean of q (default: 1)")
    parser.add_argument("--sigma", type=float, default=0.9, help="deviation of q (default: 0.9)")
    parser.add_argument(
        "--repeats", type=int, default=20_000, metavar="R", help="estimates (default: 20000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")
    parser.add_argument(
        "--out", default="runs/importance", metavar="DIR", help="(default: runs/importance)"
    )
    parser.add_argument("--mpi", action="store_true", help=MPI)
    parser.add_argument("--no-figures", action="store_true", help="print the tables alone")
    parser.set_defaults(run=run)


def run(args):
    check_number("loc", args.loc)
    check_number("sigma", args.sigma, above=0)
    check_count("repeats", args.repeats, at_least=100)
    check_count("seed", args.seed, at_least=0)
    out, ranks = Path(args.out), world() if args.mpi else ALONE
    if not args.no_figures:
        out.mkdir(parents=True, exist_ok=True)  # before the work, so that an error comes first

    mean, covariance = ONE_LATENT.posterior(ONE_DATUM)
    truth = float(ONE_LATENT.log_prob(ONE_DATUM))
    print(
        f"z ~ N(0, 1), x ~ N(z, 1), x = {X}: the posterior is N({mean[0]:g}, {covariance[0, 0]:g}),"
        f" log p(x) = {truth:.6f}\nq = N({args.loc:g}, {args.sigma:g}²)\n"
    )
    if args.mpi:
        print(f"the draws are shared by {ranks.size} ranks, each with noise of its own\n")
    vae, theta = autoencoder(args.loc, args.sigma)
    q = np.array([args.loc]), log_square(args.sigma)
    relative = float(ONE_LATENT.weight_variance(*q, x=ONE_DATUM))
    gaps, errors = bounds(vae, theta, truth, relative, args.repeats, args.seed, ranks)
    if relative < ROUNDING:
        print("\nq is the posterior: every weight is p(x), and there is nothing more to show")
        return 0
    ratios, slopes = signal(vae, theta, relative, args.repeats, args.seed, ranks)
    losses(args.loc, args.repeats, args.seed, ranks)
    if not args.no_figures and ranks.rank == 0:
        from tinyvae import plots  # here: matplotlib takes a while to import

        limit = 0.5 * relative / np.array(SAMPLES) if np.isfinite(relative) else None
        what = f"z ~ N(0, 1), x ~ N(z, 1), x = {X}; q = N({args.loc:g}, {args.sigma:g}²)"
        plots.save(plots.bound_gap(SAMPLES, gaps, errors, limit, what), out / "bound.png")
        plots.save(plots.signal_to_noise(SAMPLES, ratios, slopes, what), out / "signal.png")
        print(f"\nwritten to {out}: bound.png, signal.png")
    above = [k for k, far in zip(SAMPLES, -gaps > FARTHEST * errors + ROUNDING, strict=True) if far]
    if above:
        print(f"\nabove the truth by more than {FARTHEST:g} standard errors: k = {above}")
    return 1 if above else 0


def autoencoder(loc, sigma):
    """(vae, theta): the model as a linear VAE, whose encoder says N(loc, sigma²) to any x."""
    vae = VAE(1, 1, (), likelihood="gaussian", scale=1.0)
    theta = np.zeros(vae.layout.size)
    blocks = vae.layout.views(theta)
    blocks["out.W"][...], blocks["mu.b"][...] = 1.0, loc
    blocks["logvar.b"][...] = log_square(sigma)
    return vae, theta


def log_square(sigma):
    return np.array([2.0 * np.log(sigma)])


def bounds(vae, theta, truth, relative, repeats, seed, ranks=ALONE):
    """Print the bound by each number of samples; its gaps to the truth, and their standard errors.

    E[w] = p(x), so that the mean of w / p(x) - 1 over all draws, 0 on average, is a control variate
    for the gap, which takes out all of its noise but that of second order. Where w / p(x) spreads
    too far for such a mean to be known it would bring noise in, and is left out.
    """
    x = np.full((repeats // 10, 1), X)
    found = importance_bounds(vae, theta, x, samples=SAMPLES, seed=seed, ranks=ranks)
    known = relative < 0.1 * SAMPLES[-1]
    off = np.expm1(found[SAMPLES[-1]] - truth) if known else 0.0
    how = ", freed of most noise by E[w] = p(x)" if known else ""
    print(f"the bound by k samples, {len(x)} x {SAMPLES[-1]} draws of z{how}")
    print(f"{'k':>5}{'bound':>12}{'gap':>13}{'+-':>11}{'Var(w/p)/2k':>13}")
    gaps, errors = [], []
    for k, bound in found.items():
        gap = mean_of(truth - bound + off)
        gaps.append(gap.value)
        errors.append(gap.error)
        print(
            f"{k:>5}{truth - gap.value:>12.6f}{gap.value:>13.7f}{gap.error:>11.7f}"
            f"{0.5 * relative / k:>13.4g}"
        )
    return np.array(gaps), np.array(errors)


def signal(vae, theta, relative, repeats, seed, ranks=ALONE):
    """Print the signal-to-noise ratios; {(objective, node): (n,)} of them, and of their slopes.

    iwae and dreg have the same mean. It is taken from dreg, where the noise leaves it visible; a
    slope of means that are not, or of weights that spread too far for the theory, is not given.
    """
    moments = {
        objective: [estimates(vae, theta, objective, S, repeats, seed, ranks) for S in SAMPLES]
        for objective in ("iwae", "dreg")
    }
    ratios, slopes, late = {}, {}, len(SAMPLES) // 2  # the theory is for many samples
    print(f"\nsignal to noise, |E g| / sd(g), by {repeats} estimates of S samples each")
    print(f"{'S':<14}" + "".join(f"{samples:>8}" for samples in SAMPLES) + "  slope  theory")
    for node, objective, theory in (
        ("out", "iwae", "+1/2"),
        ("mu", "iwae", "-1/2"),
        ("mu", "dreg", "+1/2"),
        ("logvar", "iwae", "-1/2"),
        ("logvar", "dreg", "+1/2"),
    ):
        means = np.array([abs(one[node].mean[0]) for one in moments["dreg"]])
        noise = np.sqrt(
            [[one[node].variance[0] for one in moments[o]] for o in (objective, "dreg")]
        )
        ratio = ratios[objective, node] = means / noise[0]
        seen = (means > FARTHEST * noise[1] / np.sqrt(repeats))[late:].all()
        if seen and relative < 0.1 * SAMPLES[late]:
            slopes[objective, node] = slope(SAMPLES[late:], ratio[late:])
            last = f"{slopes[objective, node]:>+7.2f}  {theory}"
        else:
            last = f"{'-':>7}  {'-':>4}"
        print(f"{node + ', ' + objective:<14}" + "".join(f"{r:>8.3f}" for r in ratio) + last)
    print(
        "out: the decoder's bias, where iwae and dreg are one; slope: from 32 to 512 samples;\n"
        "-: the weights spread too far for the theory, or the noise hides the signal"
    )
    return ratios, slopes


def losses(loc, repeats, seed, ranks=ALONE):
    """Print where the path gradients lose: a q that is much narrower than the posterior."""
    vae, theta = autoencoder(loc, NARROW)
    columns = [("sampled", 1), ("path", 1)]
    columns += [(objective, samples) for samples in (8, 64) for objective in ("iwae", "dreg")]
    found = [
        estimates(vae, theta, objective, samples, repeats, seed, ranks)
        for objective, samples in columns
    ]
    print(f"\nq = N({loc:g}, {NARROW}²), narrower than the posterior: variance of one estimate")
    heads = (f"{objective} {samples}" for objective, samples in columns)
    print(" " * 14 + "".join(f"{head:>11}" for head in heads))
    for node in ("mu", "logvar"):
        print(f"{node:<14}" + "".join(f"{float(one[node].variance[0]):>11.4g}" for one in found))
    print(
        "where q is narrow log w is steep in z, and the path feels it; q's own parameters, which\n"
        "path and dreg leave out, would have cancelled most of that"
    )


def estimates(vae, theta, objective, samples, repeats, seed, ranks=ALONE):
    """The moments of so many estimates, on noise that both objectives of a pair share."""
    rng = np.random.default_rng([seed, STREAM, samples])
    options = {"objective": objective, "samples": samples, "repeats": repeats, "ranks": ranks}
    return gradient_moments(vae, theta, np.array([X]), rng=rng, **options)
