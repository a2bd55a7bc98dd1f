"""The figures of `tinyvae surfaces`, and of `tinyvae train` on surfaces."""

from itertools import pairwise

import numpy as np

from tinyvae import plots
from tinyvae.data.heston import PARAMETERS
from tinyvae.finance.measure import distance
from tinyvae.kl import kl_per_latent

SHOWN = 4  # surfaces beside each other
SAMPLES = 8
STOPS, LEG = 5, 10  # of the walk: held-out surfaces, and frames from one to the next
SPAN = 2.0  # standard deviations of a latent, to each side
WALK = 10  # stream of the seed
NAMES = "κ {:.1f}, η {:.4f}\nρ {:.1f}, ξ {:.1f}"  # ξ: the volatility of variance
LARGEST = 500_000  # bytes of the animation


def draw(case, out):
    """Draw all of them into the folder `out`; the names of the files."""
    z = walk(case)
    smiles, names = case.smiles(z), []
    for name, figure in figures(case, smiles):
        plots.save(figure, out / name)
        names.append(name)
    size = plots.save_walk(out / "walk.gif", *grid(case.data), smiles, z)
    if size > LARGEST:
        print(f"warning: walk.gif has {size} bytes, more than {LARGEST}")
    return [*names, "walk.gif"]


def figures(case, smiles):
    """(file name, figure) one after the other; `smiles` (S, M, K) are those of the walk."""
    data, at = case.data, grid(case.data)
    yield "smiles.png", beside_reconstructions(data, case.out(case.mu))
    error = distance(data, case.rebuilt, case.true).map
    title = f"root mean square error over {len(case.mu)} held-out surfaces"
    yield "errors.png", plots.error_map(*at, 100 * error, title)

    kl = kl_per_latent(case.mu, case.logvar)[0].mean(axis=0)
    values = np.linspace(-SPAN, SPAN, 5)
    moved = [case.smiles(values[:, None] * one) for one in np.eye(len(kl))]
    yield "latents.png", plots.latent_smiles(*at, moved, values, kl)

    quotes, fit = case.sparse
    title = f"a held-out surface from {quotes.count} quotes within {100 * quotes.error:g} points"
    truth, fitted = data.volatility(data.held_out[:1])[0], case.smiles(fit.z[:1])[0]
    yield (
        "quotes.png",
        plots.quote_fit(*at, truth, fitted, quotes.volatility[0], quotes.error, title),
    )
    stops = np.linspace(0, len(smiles), SAMPLES, endpoint=False).astype(int)
    titles = [f"frame {n + 1} of {len(smiles)}" for n in stops]
    title = "a walk through the codes of held-out surfaces"
    yield "walk.png", plots.small_smiles(*at, smiles[stops], titles=titles, title=title)


def walk(case):
    """Latents (S, Z) on straight lines through the codes of STOPS held-out surfaces, and back."""
    chosen = case.rng(WALK).choice(len(case.mu), min(STOPS, len(case.mu)), replace=False)
    stops = case.mu[np.append(chosen, chosen[0])].astype(np.float64)
    part = np.linspace(0.0, 1.0, LEG, endpoint=False)[:, None]
    return np.concatenate([a + part * (b - a) for a, b in pairwise(stops)])


def grid(data):
    return data.log_moneyness, data.maturity_days


def of_samples(data, out):
    """The smiles of surfaces `out` (N, D) that were drawn from the prior."""
    title = "means E[x | z] for z ~ N(0, I)"
    return plots.small_smiles(*grid(data), data.volatility(out), title=title)


def beside_reconstructions(data, out):
    """The smiles of some held-out surfaces, spread over all of them, and of their `out` (N, D)."""
    some = np.linspace(0, len(out) - 1, min(SHOWN, len(out))).astype(int)
    shown = data.volatility(data.held_out[some]), data.volatility(out[some])
    values = [data.held_out_factors[name][some] for name in PARAMETERS]
    titles = [NAMES.format(*each).replace("-", "−") for each in zip(*values, strict=True)]
    return plots.small_smiles(*grid(data), *shown, titles, "held-out surfaces")
