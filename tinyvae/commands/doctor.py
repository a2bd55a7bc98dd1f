"""`tinyvae doctor`: is this machine set up well for matrix products?"""

import sys


def add(subparsers):
    parser = subparsers.add_parser(
        "doctor",
        help="say whether this machine is set up well, and what to set",
        description="Name the versions, the processor, and the library that does NumPy's matrix "
        "products; say whether its kernels and threads fit the machine; time other settings in "
        "processes of their own, for two seconds and their start; and say which environment "
        "variable is worth setting. It sets none itself.",
    )
    parser.add_argument(
        "--no-measure", action="store_true", help="only look; start no other process"
    )
    parser.set_defaults(run=run)


def run(args):
    # Here, not above: no other command needs any of it.
    from tinyvae.backend import describe
    from tinyvae.doctor import machine, report
    from tinyvae.doctor.kernels import kernels
    from tinyvae.doctor.measure import measure
    from tinyvae.doctor.threads import threads

    here = machine.examine()
    about_kernels, better = kernels(here)
    about_threads, other = threads(here)
    remedies = [remedy for remedy in (better, other) if remedy is not None]
    about = {"kernels": about_kernels, "threads": about_threads, "gpu": describe("cupy")}
    print(*report.facts(here, versions=machine.versions(), **about), "", sep="\n", flush=True)
    trials = None
    if not args.no_measure:
        trials = measure(report.settings(remedies, here.blas.threads))
        print(*report.measured(trials), "", sep="\n")
    print(*report.advice(remedies, trials, windows=sys.platform == "win32"), sep="\n")
    return 0
