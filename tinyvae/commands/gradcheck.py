"""`tinyvae gradcheck`: every gradient against numerical derivatives, every estimate against the
exact one."""

import numpy as np

from tinyvae.checks import CASES, Draw
from tinyvae.comparison import worst
from tinyvae.differences import METHODS
from tinyvae.distributions import LAWS
from tinyvae.errors import check_count, unknown
from tinyvae.estimates import FARTHEST, estimates, truth, unbiased
from tinyvae.gradcheck import gradcheck

SAMPLES = 20_000


def add(subparsers):
    parser = subparsers.add_parser(
        "gradcheck",
        help="check every hand-written gradient",
        description="Check every operation, every law and the whole VAE, with each likelihood and "
        "activation, against central differences, five-point differences and the complex step, in "
        "float64 with a random cotangent: the numbers are the worst relative errors. Then every "
        "unbiased estimator on every law, against the exact gradient, in standard errors. Exit "
        "code 1 if any fails.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="check only what has this in its name (of estimates: 'estimates', or their law)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the inputs and the cotangent (default: 0)"
    )
    parser.set_defaults(run=run)


def run(args):
    check_count("seed", args.seed, at_least=0)
    cases = [case for case in CASES if wanted(args.names, case.name)]
    laws = [name for name in LAWS if wanted(args.names, f"estimates {name}")]
    if not cases and not laws:
        known = [case.name for case in CASES] + ["estimates"]
        raise unknown("check", " ".join(args.names), known)
    failures = gradients(cases, args.seed) if cases else []
    failures += means(laws, args.seed) if laws else []
    print(f"\n{len(failures)} failed", *failures, sep="\n")
    return 1 if failures else 0


def wanted(names, name):
    return not names or any(part in name for part in names)


def gradients(cases, seed):
    """Print each vjp against numerical derivatives; the failures, as text."""
    heads = "".join(f"{method:>12}" for method in METHODS)
    print(f"{'checked':<33}{'arguments':<28}{'entries':>7}{heads}  verdict")
    failures = []
    for case in cases:
        methods = [m for m in METHODS if case.analytic or m != "complex"]
        reports = [check(case, method, seed) for method in methods]
        failed = [report for report in reports if not report.ok]
        failures += [f"{case.name}, {report.method}: {report.message()}" for report in failed]
        errors = "".join(f"{report.error:>12.1e}" for report in reports)
        errors += "" if case.analytic else f"{'-':>12}"
        names = ", ".join(dict.fromkeys(row.argument.split("[")[0] for row in reports[0].rows))
        verdict = (failed or reports)[0].verdict
        print(f"{case.name:<33}{names:<28}{reports[0].entries:>7}{errors}  {verdict}")
    tolerances = ", ".join(f"{name} {method.rtol:g}" for name, method in METHODS.items())
    print(f"\n{len(cases)} checked; tolerances: {tolerances}")
    print("none: not differentiable in it; dead: without influence; kink: no one slope there")
    print("-: a CDF is inverted on the way, which the complex step does not go through")
    return failures


def means(laws, seed):
    """Print, law by law, how far the means of its unbiased estimators are from the exact gradient;
    the failures, as text."""
    print(
        f"\n{'estimates under':<22}{'estimators':>10}{'gradients':>10}{'sees':>8}{'worst z':>9}  at"
    )
    failures = []
    for name in laws:
        chosen, gradient = truth(name)
        rng = np.random.default_rng(seed)
        rows = unbiased(chosen.law)
        found = [c for row in rows for c in estimates(row, chosen, gradient, SAMPLES, rng)]
        far = [c for c in found if not abs(worst(c.z)) <= FARTHEST]
        failures += [
            f"{c.estimator} under {name}: d/d{c.parameter} is {worst(c.z):.1f} standard errors off"
            for c in far
        ]
        farthest = max(found, key=lambda c: abs(worst(c.z)))
        entries = sum(c.mean.size for c in found)
        z, at = worst(farthest.z), f"{farthest.estimator}, d/d{farthest.parameter}"
        print(f"{name:<22}{len(rows):>10}{entries:>10}{visible(found):>8.1%}{z:>9.1f}  {at}")
    print(f"\n{SAMPLES} estimates each, against the difference of a quadrature (vectors: against")
    print(f"closed forms), in standard errors; a right estimator is within {FARTHEST:g}")
    print("sees: the bias, relative to the gradient, beyond which half of them would fail")
    return failures


def visible(found):
    """The bias that would be FARTHEST standard errors, relative to the gradient; their median."""
    biases = [FARTHEST * c.error / np.maximum(np.abs(c.exact_mean), 1e-12) for c in found]
    return float(np.median(np.concatenate([np.ravel(bias) for bias in biases])))


def check(case, method, seed):
    """The report on one row of the table, with inputs drawn from `seed`."""
    fn, args, constants = case.build(Draw(np.random.default_rng(seed)))
    layout = getattr(getattr(fn, "__self__", None), "layout", None)  # a VAE's: to name its blocks
    return gradcheck(fn, *args, method=method, layout=layout, **constants)
