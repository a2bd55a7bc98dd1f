"""`tinyvae variance`: gradient estimators held against the exact answer, and each other."""

from pathlib import Path

import numpy as np

from tinyvae import backend
from tinyvae.backend import BACKENDS
from tinyvae.comparison import compare_all, outcome, table, worst
from tinyvae.distributions import LAWS
from tinyvae.errors import check_count, unknown
from tinyvae.estimates import FARTHEST
from tinyvae.estimators import ESTIMATORS
from tinyvae.integrands import INTEGRANDS
from tinyvae.problem import problem
from tinyvae.ranks import ALONE, MPI, world

LEGEND = """\
z: the mean's distance from the exact gradient, in standard errors; beyond 5 it is biased, unless
   the tails are so heavy that means do not settle
ratio: of the variance to the pathwise one, or to the first row's; snr: |mean| / deviation
cost: evaluations of f in one estimate of all parameters; one with its gradient counts as one
v*cost: variance times cost, the variance that one evaluation of f buys"""


def add(subparsers):
    parser = subparsers.add_parser(
        "variance",
        help="compare gradient estimators: reparameterization, REINFORCE and others",
        description="Estimate the gradient of E f(z) in the parameters of a law with every "
        "estimator that the law admits: mean, bias in standard errors, variance measured and "
        "exact, its ratio to the pathwise one, cost. The figures show where each of them wins. "
        "Constants are set as in: --integrand cosine:k=4 --law normal:loc=1,scale=0.5",
    )
    parser.add_argument(
        "--integrand",
        default="quadratic",
        metavar="F",
        help=f"f, summed over the coordinates: {', '.join(INTEGRANDS)} (default: quadratic)",
    )
    parser.add_argument("--law", default="normal", help=f"{', '.join(LAWS)} (default: normal)")
    parser.add_argument(
        "--dimension", type=int, metavar="D", help="coordinates of z (default: 1, of vectors 3)"
    )
    parser.add_argument(
        "--samples", type=int, default=100_000, metavar="S", help="estimates (default: 100000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")
    parser.add_argument(
        "--backend",
        default="numpy",
        metavar="NAME",
        help=f"of the estimates, not of the figures: {', '.join(BACKENDS)} (default: numpy)",
    )
    parser.add_argument(
        "--noise",
        default="host",
        metavar="NAME",
        help="host: the same numbers on every backend; device: by the GPU itself (default: host)",
    )
    parser.add_argument("--mpi", action="store_true", help=MPI)
    parser.add_argument(
        "--estimators", nargs="+", metavar="NAME", help="only those with this in their name"
    )
    parser.add_argument(
        "--out", default="runs/variance", metavar="DIR", help="for figures (default: runs/variance)"
    )
    parser.add_argument("--no-figures", action="store_true", help="print the tables alone")
    parser.set_defaults(run=run)


def run(args):
    check_count("samples", args.samples, at_least=2)
    check_count("seed", args.seed, at_least=0)
    chosen = problem(args.integrand, args.law, args.dimension)
    names = args.estimators or [""]
    rows = [row for row in ESTIMATORS if any(name in row.name for name in names)]
    if not rows:
        raise unknown("estimator", " ".join(names), [row.name for row in ESTIMATORS])
    out = Path(args.out)
    ranks = world() if args.mpi else ALONE
    if not args.no_figures:
        out.mkdir(parents=True, exist_ok=True)  # before the work, so that an error comes first

    rng = backend.noise_rng(args.seed, args.backend, args.noise)
    there = tuple(backend.to_device(np.asarray(p), args.backend) for p in chosen.params)
    print(f"The gradient of {chosen}, {args.samples} estimates")
    if args.backend != "numpy":
        print(f"By CuPy {backend.describe(args.backend)}, noise drawn on the {args.noise}")
    print(f"The path is {chosen.law.KIND}: {chosen.law.WHY}\n")
    if args.mpi:
        print(f"Shared by {ranks.size} ranks, each with noise of its own\n")
    tables, notes = measure(rows, chosen, there, args.samples, rng, ranks)
    for name, comparisons in tables.items():
        print(f"d/d{name}" + (", mean over the coordinates" if chosen.D > 1 else ""))
        print(table(comparisons), end="\n\n")
    print(LEGEND)
    show(notes)
    if not args.no_figures and ranks.rank == 0:
        from tinyvae.commands import variance_figures  # here: matplotlib takes a while to import

        names, notes = variance_figures.draw(chosen, args.samples, args.seed, out)
        print(f"\nwritten to {out}: {', '.join(names)}")
        show(notes)
    return 0


def measure(rows, chosen, params, samples, rng, ranks=ALONE):
    """({parameter: comparisons}, notes): every estimator that the law admits, on the same noise;
    the notes, (what, remark), say what is biased, unknown or refused."""
    tables, notes = {name: [] for name in chosen.law.PARAMS}, []
    truth, why = attempt(chosen.exact_mean)
    notes += [("the exact gradient", why)] if why else []
    rows = [row for row in rows if row.admits(chosen.law)]
    variances = {}
    for row in rows:
        variances[row.name], why = attempt(chosen.exact_variance, row.name)
        notes += [("exact variances", why)] if why else []
    options = {"samples": samples, "rng": rng, "ranks": ranks}
    options |= {"exact_mean": truth, "exact_variances": variances}
    every = compare_all(rows, chosen.f, chosen.law, params, **options)
    for row in rows:
        found = every[row.name]
        if isinstance(found, Exception):
            notes.append((row.name, str(found)))
            continue
        if row.unbiased is not True:
            notes.append((row.name, row.unbiased))
        for comparison in found:
            if comparison is not None:
                tables[comparison.parameter].append(comparison)
                if row.unbiased is True and comparison.z is not None and far(comparison.z):
                    what = f"{row.name}, d/d{comparison.parameter}"
                    notes.append((what, "far from exact: f or the law is not what it requires"))
    notes += [(name, "no estimator has a gradient in it") for name in tables if not tables[name]]
    return {name: found for name, found in tables.items() if found}, notes


def far(z):
    return abs(worst(z)) > FARTHEST


def show(notes):
    """The remarks, each once, with all that it is about."""
    about = {}
    for what, remark in notes:
        about.setdefault(remark, {})[what] = None
    for remark, names in about.items():
        print(f"{', '.join(names)}: {remark}")


def attempt(make, *args):
    """(what it returns, None), or (None, why not): an estimator that does not fit the problem is a
    remark under the table, not the end of it."""
    found = outcome(make, *args)
    return (None, str(found)) if isinstance(found, Exception) else (found, None)
