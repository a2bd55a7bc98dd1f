"""The tables of `tinyvae surfaces`: each function measures, prints, and returns a record."""

import numpy as np

from tinyvae.data.heston import YEAR
from tinyvae.finance.arbitrage import ROUNDING, static_arbitrage
from tinyvae.finance.fit import AGREE, fit_latents
from tinyvae.finance.measure import PUBLISHED, distance
from tinyvae.finance.quotes import quote, quoted_points
from tinyvae.finance.regression import one_by_one, r_squared
from tinyvae.inspection.report import ACTIVE
from tinyvae.kl import kl_per_latent

COSTS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3)  # of a trade, in units of the forward
BASIS = 1e4  # points in a forward
PRIOR, NOISE, START = 7, 8, 9  # streams of the seed
ARBITRAGE = f"""\
A static arbitrage is a trade in options of one surface that cannot lose. calendar: total variance
falls in time; butterfly: a call is not convex in the strike, so the density is negative; vertical:
a call rises with the strike, or a put falls; negative: a total variance is below 0.
free at a cost: the share of surfaces on which no trade of these kinds earns more than the cost, for
  one option. bp: basis point, 1/10,000 of the forward. At 0: on which there is none, but for what
  moves a volatility by less than {100 * ROUNDING:g} points, as float32 may
off by: how far the worst quote of a surface is from a fair one, in volatility points
earns: what the best trade on a surface earns, in bp; both of the median and of the worst surface"""
FITS = """\
rms, worst: off the whole surface, in volatility points; IV² days: mean square of IV² times
days, over all surfaces and of the worst one; agree: starts that ended within {agree:g} nats of the
best, which are as good. From all points the descent is for the lowest IV² days, from quotes for the
most probable z, but where the prior is left out.
The encoder needs every point of a surface: it has no answer to {count} quotes."""
MEANING = """\
R² on held-out surfaces, of least squares on the training surfaces; 1: known, 0: no better than the
mean. curved: with squares and products. The prior looks the same after every rotation: what one
latent means is of this training, what all of them know is not."""


def reconstruction(case):
    """How well held-out surfaces come back, and by how many latents."""
    vae, data = case.vae, case.data
    found = distance(data, case.rebuilt, case.true)
    before = kl_per_latent(*case.as_trained)[0].sum(axis=1).mean()
    kl = kl_per_latent(case.mu, case.logvar)[0].mean(axis=0)
    active = case.mu.astype(np.float64).var(axis=0)
    _, m, j = found.where
    days, k = data.maturity_days[m], data.log_moneyness[j]
    print(
        f"reconstruction of {len(case.mu)} held-out surfaces\n"
        f"  root mean square {100 * found.rmse:.3f} volatility points; "
        f"worst {100 * found.worst:.2f}, at {days:g} days, k = {k:.3f}\n"
        f"  mean square {found.square_days.mean():.1e} of IV² days\n"
        f"latents: {(active > ACTIVE).sum()} of {vae.latent} active: Var E[z|x] is above {ACTIVE}\n"
        f"  as trained: KL {before:.1f} nats, Var E[z|x] {listed(case.as_trained[0].var(axis=0))}\n"
        "  the same decoder, of codes moved to mean 0 and variance 1, used from here on:\n"
        f"  KL {kl.sum():.1f} nats, of each latent {listed(kl)}\n"
    )
    return {
        "rmse": found.rmse,
        "worst": found.worst,
        "worst_at": {"days": float(days), "k": float(k)},
        "square_days": float(found.square_days.mean()),
        "kl_as_trained": float(before),
        "kl": kl.tolist(),
        "active": active.tolist(),
    }


def listed(values):
    return ", ".join(f"{each:.2g}" for each in values)


# -- arbitrage ------------------------------------------------------------------------------------


def arbitrage(case):
    """What is free of static arbitrage, and how deep the rest is."""
    eps = case.rng(PRIOR).standard_normal((case.args.samples, case.vae.latent))
    sets = {
        "held-out data": case.true,
        "reconstructions": case.rebuilt,
        "samples, z from the prior": case.decoded(eps),
    }
    costs = "".join(f"{BASIS * cost:>7g}" for cost in COSTS)
    heads = f"{'free at a cost, in bp, of':>35}{'off by, points':>17}{'earns, bp':>17}"
    print(f"{'static arbitrage':<27}{heads}")
    print(f"{'':<27}{costs}{'median':>9}{'worst':>8}{'median':>9}{'worst':>8}")
    record = {}
    for name, w in sets.items():
        found = static_arbitrage(w, case.data.log_moneyness, case.data.maturity_days / YEAR)
        for kind in (None, *found.depth):
            row = record[f"{name}: {kind or 'any'}"] = arbitrage_row(found, kind)
            if kind is None or row["deepest"][1] > ROUNDING:
                print(arbitrage_line(name if kind is None else f"  {kind}", row))
    print(f"{ARBITRAGE}\n")
    return record


def arbitrage_row(found, kind):
    deepest, most = found.deepest(kind), found.most(kind)
    earns = [float(np.median(most)), float(most.max())]
    return {
        "free": [float(found.free(kind, cost=cost).mean()) for cost in COSTS],
        "deepest": [float(np.median(deepest)), float(deepest.max())],
        "earns": [gain if np.isfinite(gain) else None for gain in earns],  # a variance below 0
    }


def arbitrage_line(name, row):
    free = "".join(f"{100 * share:>6.1f}%" for share in row["free"])
    deepest = "".join(f"{100 * d:>{w}.2g}" for d, w in zip(row["deepest"], (9, 8), strict=True))
    earns = [np.inf if gain is None else gain for gain in row["earns"]]
    earns = "".join(f"{BASIS * gain:>{w}.2g}" for gain, w in zip(earns, (9, 8), strict=True))
    return f"{name:<27}{free}{deepest}{earns}"


# -- fits -----------------------------------------------------------------------------------------


def fits(case):
    """Unseen surfaces, fitted from all points and from a few quotes."""
    n = case.args.fits
    full, free = fitted(case)
    quotes, sparse = case.sparse
    few = f"{quotes.count} quotes within {case.args.error:g}"
    print(
        f"{f'{n} held-out surfaces':<38}{'rms':>8}{'worst':>8}{'IV² days':>11}{'worst':>10}"
        f"{'agree':>8}{'steps':>7}"
    )
    record = {
        "encoder": fit_row(case, "encoder, all points", case.mu[:n]),
        "full": fit_row(case, "descent, all points", full.z, full),
        "sparse": fit_row(case, f"descent, {few}", sparse.z, sparse),
        "sparse_without_prior": fit_row(case, "  the same without the prior", free.z, free),
    }
    print(f"{'published, one surface, all points':<54}{PUBLISHED:>11.1e}")
    print(f"{FITS.format(agree=AGREE, count=quotes.count)}\n")
    return record


def fitted(case):
    """The fit to all points, and the one to quotes without the prior; with it: `case.sparse`."""
    args, data, n = case.args, case.data, case.args.fits

    def fit(x, weights, **options):
        rng = case.rng(START)  # the same starts for all
        options |= {"weights": weights, "restarts": args.restarts, "rng": rng}
        return fit_latents(case.vae, case.theta, x, **options)

    noise = case.rng(NOISE).standard_normal(case.true[:n].shape)
    quotes = quote(data, case.true[:n], quoted_points(data), error=args.error / 100, noise=noise)
    case.sparse = quotes, fit(quotes.x, quotes.weights)
    days = (YEAR * data.scale) ** 2 / PUBLISHED  # so that the misfit is one in IV² days
    full = fit(data.held_out[:n], days, starts=case.mu[:n], prior=0.0)
    return full, fit(quotes.x, quotes.weights, prior=0.0)


def fit_row(case, name, z, fit=None):
    """Print and record how far the decoded z are from the surfaces."""
    off = distance(case.data, case.decoded(z), case.true[: len(z)])
    mean, worst = float(off.square_days.mean()), float(off.square_days.max())
    how = "" if fit is None else f"{100 * fit.agreeing.mean():>7.0f}%{fit.steps:>7}"
    print(
        f"{name:<38}{100 * off.rmse:>8.3f}{100 * off.worst:>8.2f}{mean:>11.1e}{worst:>10.1e}{how}"
    )
    row = {"rmse": off.rmse, "worst": off.worst, "square_days": mean, "square_days_worst": worst}
    if fit is not None:
        row |= {"agreeing": fit.agreeing.tolist(), "steps": fit.steps, "settled": fit.settled}
    return row


# -- what the latents mean ------------------------------------------------------------------------


def regression(case):
    """What the latents know of the parameters, and the parameters of them."""
    data = case.data
    names = list(data.factors)
    latents = case.train_mu, case.mu
    causes = [np.stack(list(each.values()), 1) for each in (data.factors, data.held_out_factors)]
    (z, z_new), (v, v_new) = latents, causes
    known = [r_squared(z, v, z_new, v_new, degree=degree) for degree in (1, 2)]
    moved = [r_squared(v, z, v_new, z_new, degree=degree) for degree in (1, 2)]
    alone = one_by_one(z, v, z_new, v_new, degree=2)
    print(f"{'R² of':<22}{''.join(f'{name:>12}' for name in names)}{'latent, from all':>20}")
    print(f"{'':<22}{'':>{12 * len(names)}}{'straight':>12}{'curved':>8}")
    for how, row in zip(("straight", "curved"), known, strict=True):
        print(f"{f'all latents, {how}':<22}{numbers(row)}")
    for j, row in enumerate(alone):
        print(f"{f'latent {j}, curved':<22}{numbers(row)}{moved[0][j]:>12.3f}{moved[1][j]:>8.3f}")
    print(MEANING)
    return {
        "parameters": names,
        "parameters_from_latents": [row.tolist() for row in known],
        "latents_from_parameters": [row.tolist() for row in moved],
        "one_by_one": alone.tolist(),
    }


def numbers(row):
    return "".join(f"{each:>12.3f}" for each in row)
