"""`tinyvae surfaces`: what a VAE of implied-volatility surfaces is good for, measured."""

from pathlib import Path

import numpy as np

from tinyvae.commands.runs import checkpoint_of, resumed
from tinyvae.data.heston import SurfaceData
from tinyvae.errors import check_count, check_number
from tinyvae.storage import write_json


def add(subparsers):
    parser = subparsers.add_parser(
        "surfaces",
        help="a trained VAE of volatility surfaces: its errors, arbitrage, fits, its latents",
        description="Measure a run of `train --data heston` on its held-out surfaces: errors in "
        "volatility points; static arbitrage of data, reconstructions and samples; surfaces fitted "
        "through the decoder, from all points and from a few noisy quotes, beside the encoder's "
        "answer; what the latents know of the model's parameters. Draws figures and a walk through "
        "the latents, and writes surfaces.json.",
    )
    parser.add_argument(
        "path",
        nargs="?",
        default="runs/heston",
        metavar="RUN",
        help="the folder of a run, or its checkpoint (default: runs/heston)",
    )

    def option(name, default, help, type=int, metavar="N"):
        help = f"{help} (default: {default})"
        parser.add_argument(f"--{name}", type=type, default=default, metavar=metavar, help=help)

    option("samples", 500, "surfaces to generate")
    option("fits", 20, "held-out surfaces to fit")
    option("restarts", 4, "starts of each fit from the prior")
    option("error", 0.2, "standard error of a sparse quote, in volatility points", float, "X")
    option("seed", 0, "of samples, noise and starts")
    parser.add_argument(
        "--out", metavar="DIR", help="folder for what is written (default: that of the run)"
    )
    parser.add_argument("--no-figures", action="store_true", help="measure alone")
    parser.set_defaults(run=run)


def run(args):
    # Here, not above: no other command needs any of it.
    from tinyvae.commands.surfaces_tables import arbitrage, fits, reconstruction, regression

    for name in ("samples", "fits", "restarts"):
        check_count(name, getattr(args, name))
    check_count("seed", args.seed, at_least=0)
    check_number("error", args.error, above=0)
    path = checkpoint_of(args.path)
    vae, settings, state, data, _ = resumed(path, {})
    if not isinstance(data, SurfaceData):
        raise ValueError(f"{path} is a run on {data.name}: it needs one of train --data heston")
    if args.fits > len(data.held_out):
        raise ValueError(f"fits is {args.fits}, but {len(data.held_out)} surfaces are held out")
    for name, values in data.held_out_factors.items():
        if np.ptp(values) == 0:  # there would be nothing to explain by the latents
            raise ValueError(
                f"too few surfaces are held out: all {len(values)} have the same {name}"
            )
    out = path.parent if args.out is None else Path(args.out)
    out.mkdir(parents=True, exist_ok=True)  # before the work, so that an error comes first

    print(
        f"{path}: {data.name}, {len(data.x)} surfaces to train on, {len(data.held_out)} held out, "
        f"{vae.data} points each; after epoch {state.epoch} of {settings.epochs}\n"
    )
    case = Case(vae, state.parameters, data, args)
    record = {"seed": args.seed, "reconstruction": reconstruction(case)}
    record |= {"arbitrage": arbitrage(case), "fits": fits(case), "regression": regression(case)}
    write_json(out / "surfaces.json", record)
    names = ["surfaces.json"]
    if not args.no_figures:
        from tinyvae.commands import surfaces_figures  # here: matplotlib takes a while to import

        names += surfaces_figures.draw(case, out)
    print("\nwrote", *(f"  {out / name}" for name in names), sep="\n")
    return 0


class Case:
    """A trained model in standard codes (see finance/codes.py), its data, and what several of the
    measurements need: the codes of the data, and the surfaces that these decode to."""

    def __init__(self, vae, theta, data, args):
        from tinyvae.finance.codes import standard_codes  # see run

        self.vae, self.data, self.args = vae, data, args
        x, held_out = (part.astype(theta.dtype) for part in (data.x, data.held_out))
        self.theta, self.centre, self.spread = standard_codes(vae, theta, x)
        self.as_trained = vae.encode(theta, x=held_out)[0]  # (mu, logvar)
        (self.mu, self.logvar), _ = vae.encode(self.theta, x=held_out)
        (self.train_mu, _), _ = vae.encode(self.theta, x=x)
        self.true = data.total_variance(data.held_out.astype(np.float64))
        self.rebuilt = self.decoded(self.mu)
        self.sparse = None  # (Quotes, Fit) of the fit to few quotes

    def out(self, z):
        """What the decoder makes of z (N, Z), in float64: features (N, D)."""
        return self.vae.mean(self.theta.astype(np.float64), np.asarray(z, np.float64))

    def decoded(self, z):
        """The same as total variances (N, M, K)."""
        return self.data.total_variance(self.out(z))

    def smiles(self, z):
        """The same as volatilities (N, M, K)."""
        return self.data.volatility(self.out(z))

    def rng(self, stream):
        return np.random.default_rng([self.args.seed, stream])
