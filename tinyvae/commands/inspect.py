"""`tinyvae inspect`: what a trained model is worth, and a warning where something is off."""

from dataclasses import asdict

from tinyvae import inspection
from tinyvae.commands.runs import checkpoint_of, inspection_of, resumed, values_of
from tinyvae.errors import check_count
from tinyvae.ranks import ALONE, MPI, world
from tinyvae.storage import write_json


def add(subparsers):
    parser = subparsers.add_parser(
        "inspect",
        help="say what a trained model is worth, and what is off",
        description="Measure a run of `train` on its held-out examples: reconstruction and KL, the "
        "bound by more and more importance samples, every latent, the aggregate posterior. Prints "
        "a warning for what is off, and writes inspect.json beside the checkpoint. The exit code "
        "is 1 for what no right model can show: a negative KL, a bound above the exact log p(x).",
    )
    parser.add_argument(
        "path",
        nargs="?",
        default="runs/digits",
        metavar="RUN",
        help="the folder of a run, or its checkpoint (default: runs/digits)",
    )
    parser.add_argument(
        "--samples", type=int, default=1000, metavar="S", help="importance samples (default: 1000)"
    )
    parser.add_argument(
        "--examples",
        type=int,
        metavar="N",
        help="held-out examples to use (default: all, but for the importance samples "
        f"{inspection.WEIGHTED} at most)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the noise (default: the run's)")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder with the IDX files of mnist or a look-alike"
    )
    parser.add_argument("--mpi", action="store_true", help=MPI)
    parser.set_defaults(run=run)


def run(args):
    check_count("samples", args.samples)
    path = checkpoint_of(args.path)
    vae, settings, state, data, _ = resumed(
        path, {} if args.data_dir is None else {"data_dir": args.data_dir}
    )
    print(
        f"{path}: {data.name}, {values_of(data)} values, {vae.likelihood}, "
        f"after epoch {state.epoch} of {settings.epochs}\n"
    )
    ranks = world() if args.mpi else ALONE
    options = {"samples": args.samples, "examples": args.examples, "ranks": ranks}
    if args.seed is not None:
        options["seed"] = args.seed
    found = inspection_of(vae, settings, state, data.held_out, **options)
    show(found, path.with_name("inspect.json"), ranks)
    print(f"\nwrote {path.with_name('inspect.json')}")
    return 1 if inspection.impossible(found) else 0


def show(found, path, ranks=ALONE):
    """Print an Inspection and what is off, and write it to `path`; `train` ends with it, too. Of
    several ranks the first one writes."""
    print(*inspection.lines(found), sep="\n")
    said = inspection.warnings(found)
    for sentence in said:
        print(f"\nwarning: {sentence}")
    if ranks.rank == 0:
        write_json(path, asdict(found) | {"warnings": said})
