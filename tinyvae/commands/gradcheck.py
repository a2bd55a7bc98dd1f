"""`tinyvae gradcheck`: every gradient of the package against numerical derivatives."""

import numpy as np

from tinyvae.checks import CASES, Draw
from tinyvae.differences import METHODS
from tinyvae.errors import check_count, unknown
from tinyvae.gradcheck import gradcheck


def add(subparsers):
    parser = subparsers.add_parser(
        "gradcheck",
        help="check every hand-written gradient",
        description="Check every operation and the whole VAE, with each likelihood and activation, "
        "against central differences, five-point differences and the complex step, in float64 with "
        "a random cotangent. The numbers are the worst relative errors. Exit code 1 if any fails.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="check only what has this in its name"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the inputs and the cotangent (default: 0)"
    )
    parser.set_defaults(run=run)


def run(args):
    check_count("seed", args.seed, at_least=0)
    chosen = [c for c in CASES if not args.names or any(n in c.name for n in args.names)]
    if not chosen:
        raise unknown("check", " ".join(args.names), [case.name for case in CASES])
    heads = "".join(f"{method:>12}" for method in METHODS)
    print(f"{'checked':<33}{'arguments':<16}{'entries':>7}{heads}  verdict")
    failures = []
    for case in chosen:
        methods = [m for m in METHODS if case.analytic or m != "complex"]
        reports = [check(case, method, args.seed) for method in methods]
        failed = [report for report in reports if not report.ok]
        failures += [f"{case.name}, {report.method}: {report.message()}" for report in failed]
        errors = "".join(f"{report.error:>12.1e}" for report in reports)
        errors += "" if case.analytic else f"{'-':>12}"
        names = ", ".join(dict.fromkeys(row.argument.split("[")[0] for row in reports[0].rows))
        verdict = (failed or reports)[0].verdict
        print(f"{case.name:<33}{names:<16}{reports[0].entries:>7}{errors}  {verdict}")
    tolerances = ", ".join(f"{name} {method.rtol:g}" for name, method in METHODS.items())
    print("\nnone: not differentiable in it; dead: without influence; kink: no one slope there")
    print(
        f"{len(chosen)} checked, {len(failures)} failed; tolerances: {tolerances}",
        *failures,
        sep="\n",
    )
    return 1 if failures else 0


def check(case, method, seed):
    """The report on one row of the table, with inputs drawn from `seed`."""
    fn, args, constants = case.build(Draw(np.random.default_rng(seed)))
    layout = getattr(getattr(fn, "__self__", None), "layout", None)  # a VAE's: to name its blocks
    return gradcheck(fn, *args, method=method, layout=layout, **constants)
