"""Does the published order hold? More samples, more latents, a better bound, on MNIST images.

    python benchmarks/mnist_order.py --data-dir DIR [--epochs 60] [--seed 0]

DIR holds the IDX files of MNIST's test images: 9000 to train on, 1000 held out, pixels drawn anew
in each epoch (dynamic binarization) and once for the held-out ones. Importance-weighted training
with 1, 5 and 50 samples and 20 latents, as Burda et al., Importance Weighted Autoencoders (2016),
table 1; the ELBO with 2, 5, 10 and 20 latents, as Kingma & Welling (2014), figure 2. What is
compared is the held-out bound by 1000 samples; a difference is of two models on the same images.
Half an hour on one core, most of it with 50 samples.
"""

import argparse
from itertools import pairwise

import numpy as np

from tinyvae import VAE, Settings, data, fit
from tinyvae.importance import importance_bounds

SERIES = {
    "samples, 20 latents": [("iwae", 1, 20), ("iwae", 5, 20), ("iwae", 50, 20)],
    "latents, 1 sample": [("analytic", 1, Z) for Z in (2, 5, 10, 20)],
}


def bounds(examples, objective, samples, latent, options):
    """{k: (1000,)} of the held-out images after training."""
    vae = VAE(784, latent, (128, 64))
    settings = Settings(objective=objective, samples=samples, patience=6, **options)
    state = fit(vae, examples, settings)
    return importance_bounds(vae, state.parameters, examples.held_out), state.epoch


def shown(values):
    return f"{values.mean():.2f} +- {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    examples = data.load("mnist", data_dir=args.data_dir)
    examples = examples.binarized("dynamic", rng=np.random.default_rng(0))
    print(f"{len(examples.x)} to train on, {len(examples.held_out)} held out, dynamic values, nats")
    for title, series in SERIES.items():
        print(f"\n{title}\n{'':<24}{'epochs':>7}{'-ELBO':>17}{'-bound by 1000':>18}")
        found = []
        for objective, samples, latent in series:
            options = {"epochs": args.epochs, "seed": args.seed}
            bound, epochs = bounds(examples, objective, samples, latent, options)
            name = f"{objective}, {samples} x {latent}"
            print(
                f"{name:<24}{epochs:>7}{shown(-bound[1]):>17}{shown(-bound[1000]):>18}", flush=True
            )
            found.append(bound[1000])
        gains = ", ".join(shown(after - before) for before, after in pairwise(found))
        print(f"each better than the one before by {gains}")


if __name__ == "__main__":
    main()
