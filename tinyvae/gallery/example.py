"""A small example for each part of the VAE alone, of sizes that differ, for `diagnose`."""

import numpy as np

B, D, H, Z, S = 5, 7, 3, 2, 4
SHAPES = {  # of the arguments, in order; then of the constants
    "encode": (((D, H), (H, Z), (Z,), (H, Z), (Z,)), {"x": (B, D)}),
    "draw": (((B, Z), (B, Z)), {"eps": (S, B, Z)}),
    "log_px": (((S, B, Z), ()), {"W": (Z, D), "x": (B, D)}),
    "kl": (((B, Z), (B, Z)), {}),
    "elbo": (((S, B), (B,)), {}),
    "log_weight": (((S, B), (S, B, Z), (B, Z), (B, Z)), {}),
    "average": (((S, B),), {}),
    "loss": (((B,),), {}),
}


def example(part, seed=0):
    """(args, constants) for a part of that name, drawn from `seed`."""
    rng, (args, constants) = np.random.default_rng(seed), SHAPES[part]
    args = [np.asarray(rng.standard_normal(shape)) for shape in args]
    return args, {name: rng.standard_normal(shape) for name, shape in constants.items()}
