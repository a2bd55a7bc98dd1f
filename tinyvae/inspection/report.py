"""An `Inspection` in words: a table, and a sentence or two for everything that is off.

They say what is off, why it matters and what to try. What is in `impossible` cannot be: a formula,
of the model or of its inspection, is wrong. What is in `doubtful` is about the model.
"""

import math

from tinyvae.likelihoods import TINY

FARTHEST = 5.0  # standard errors: one right model in two million is farther away
FEW = 30  # examples, below which a standard error says too little for a verdict
NEGATIVE = 1e-5  # nats: what rounding in float32 may leave of a KL that is 0
ACTIVE = 0.01  # Var_x(E[z_j | x]) of an active unit: Burda et al. (2016), section 5
UNUSED = 0.01  # nats: what a mean costs that moves with a variance of 0.02
MOMENTS = 0.5  # nats for one latent's mean and variance: as a mean of 1, or a variance of 3.2
HOLES = 1.0  # nats: at a draw from q(z) its density is, typically, e times the prior's
FIT = 4.0  # between variance and mean squared error, two in standard deviations: the bound then
# loses 0.3 nats (variance too large) or 0.8 nats (too small) in every number of the data
VANISHING = 1e-6  # of the data's variance: reconstructed to a thousandth of their spread
FLOOR = 100.0 * TINY  # TINY is what the likelihood takes for the variance of data that have none
GRID = 1.0 / 12.0  # of a step squared: the variance of rounding to a grid of that step
MANY, ENOUGH = 100, 2.0  # from so many weights on, one should not outweigh all others together
SHOWN = 20  # latents in the table


def lines(found):
    """What is printed of the Inspection, a list of lines."""
    return [*_bound_lines(found), "", *_latent_lines(found), "", *_other_lines(found)]


def warnings(found):
    """A list of sentences on what is off with the model of this Inspection; empty if nothing is."""
    return [*impossible(found), *doubtful(found)]


# -- The printout


def _bound_lines(found):
    held_out = f"{found.examples} held-out example{'s' * (found.examples != 1)}"
    yield f"{held_out}, in nats per example, +- one standard error"
    yield f"  reconstruction, -E_q[log p(x|z)] {_shown(found.reconstruction)}"
    yield f"  KL(q(z|x) || p(z))               {_shown(found.divergence)}"
    yield f"  ELBO, minus their sum            {_shown(found.elbo)}"
    count = next(iter(found.bounds.values())).count
    yield f"log p(x) is at least, by so many importance samples ({count} examples)"
    for k, bound in found.bounds.items():
        yield f"  {k:>6} {'(the ELBO, new draws)' if k == 1 else '':<25} {_shown(bound)}"
    if found.evidence is not None:
        yield f"   exact {'(the decoder is linear)':<25} {_shown(found.evidence)}"
    yield (
        f"  these {found.samples} weights are worth {found.ess:.3g} equal ones "
        "(effective sample size, median)"
    )


def _latent_lines(found):
    order = sorted(range(len(found.kl)), key=lambda j: -found.kl[j].value)
    head = ("latent", 6), ("KL", 17), ("Var_x E[z|x]", 15), ("unit", 10), ("mean of q(z)", 15)
    yield "".join(f"{name:>{width}}" for name, width in (*head, ("variance", 11)))
    for j in order[:SHOWN]:
        unit = "active" if found.active[j] > ACTIVE else "inactive"
        unit = unit if found.examples > 1 else "-"
        kl = _shown(found.kl[j], 7, 3)
        yield (
            f"{j:>6}{kl:>17}{found.active[j]:>15.3f}{unit:>10}"
            f"{found.q_mean[j]:>15.3f}{found.q_variance[j]:>11.3f}"
        )
    if len(order) > SHOWN:
        yield f"   ... {len(order) - SHOWN} more, of KL {found.kl[order[SHOWN]].value:.3f} and less"
    active = sum(each > ACTIVE for each in found.active)
    yield f"  {active} of {len(order)} units are active: the variance of E[z|x] is above {ACTIVE:g}"
    yield "  q(z), all posteriors together, should match the prior: mean 0, variance 1"


def _other_lines(found):
    cap = math.log(found.examples)
    yield "the KL pays for what z tells about x, and for q(z) being away from the prior"
    yield f"  I(x; z), at most log N = {cap:<9.3f}{_shown(found.information)}"
    yield f"  KL(q(z) || p(z))                 {_shown(found.marginal)}"
    if found.least.value > 0.0:
        yield f"  with ever more data at least     {_shown(found.least)}"
    else:
        yield "  with ever more data it may be 0: these examples are too few to say more"
    if found.variance is not None:
        yield (
            f"decoder: sigma {math.sqrt(found.variance):.4g}; "
            f"the residual x - out has the root mean square {math.sqrt(found.residual):.4g}"
        )
    D = found.model["data"]
    yield (
        f"loss: -log p(x|z) summed over the {D} numbers, beta {found.beta:g}; "
        f"averaged over them it would act like beta {found.beta_of_a_mean:g}"
    )


def _shown(mean, width=10, digits=3):
    error = "" if mean.error is None else f" +- {mean.error:.{digits}f}"
    return f"{mean.value:>{width}.{digits}f}{error}"


# -- What cannot be


def impossible(found):
    """Sentences on what no right model can show: the command `inspect` then exits with code 1."""
    said = []
    if found.lowest_kl < -NEGATIVE:
        said.append(
            f"a KL is {found.lowest_kl:.3g} nats, but no divergence is below 0: its formula is "
            "wrong, and no bound that contains it means anything; check the signs, and sigma² "
            "against sigma, in (mu² + sigma² - 1 - log sigma²) / 2"
        )
    for name, estimate in (
        ("KL(q(z) || p(z))", found.marginal),
        ("I(x; z)", found.information),
    ):
        if _surely(-1.0, estimate, found.rounding):
            said.append(
                f"{name} is estimated as {_plain(estimate)} nats, but it cannot be below 0: the "
                "draws or the densities of q(z|x) are not those that the KL assumes; check that "
                "sigma = exp(logvar / 2) everywhere"
            )
    for what, gap in found.above.items():
        if _surely(1.0, gap, found.rounding):
            bound = what if what == "ELBO" else f"bound by {what} importance samples"
            said.append(
                f"the {bound} is {_plain(gap)} nats above the exact log p(x), of which it is a "
                "lower bound: the objective is wrong, though its gradients may be right; check the "
                "constants, the weight of the KL, and that z is drawn from q(z|x)"
            )
    for k, step in found.steps.items():
        if _surely(-1.0, step, found.rounding):
            said.append(
                f"the bound by {k} importance samples is {_plain(step)} nats from that by fewer, "
                "but on average it rises with their number: it is not the log of the mean weight; "
                "check the axis of the mean, and that 1/k is in it once"
            )
    off = found.disagreement
    if _surely(1.0, off, found.rounding) or _surely(-1.0, off, found.rounding):
        said.append(
            "the ELBO with the KL from its formula and the one with log q(z|x) - log p(z) at the "
            f"draws differ by {_plain(off)} nats, but they have the same mean: one of the two is "
            "wrong, the formula of the KL or a density; compare both with a numerical integral"
        )
    off = found.kl_disagreement
    if _surely(1.0, off, found.rounding) or _surely(-1.0, off, found.rounding):
        said.append(
            "the mean of log q(z|x) - log p(z) over draws of z is not the KL by its formula, but "
            f"{_plain(off)} nats from it: the formula is wrong; check its factor 1/2, its sign, "
            "and that it is summed over the latents"
        )
    return said


# -- What is off with the model


def doubtful(found):
    """Sentences on what is right as a formula, but makes the model less than it could be."""
    checks = (_constant, _collapse, _weight, _grey, _binary, _floor, _fit, _prior, _weights)
    return [sentence for check in checks for sentence in check(found)]


def _constant(found):
    """The constant was fitted to these very examples: that flatters it by about D / 2N nats."""
    if _surely(-1.0, found.over_constant, found.model["data"] / found.examples):
        yield (
            f"the ELBO is {_plain(found.over_constant)} nats from that of a decoder which puts out "
            "the same for every x: the model is worse than knowing nothing about x; the training "
            "diverged, or weighed something else than this bound: try a lower --lr, or --beta 1"
        )


def _collapse(found):
    unused, Z = sum(kl.value < UNUSED for kl in found.kl), len(found.kl)
    still = max(found.active) <= ACTIVE and found.examples >= FEW  # of one example nothing varies
    if unused == Z or still:
        why = f"no latent carries {UNUSED:g} nats" if unused == Z else "no unit is active"
        yield (
            f"posterior collapse: {why}, so every example has the same "
            "code and the same reconstruction; train longer, raise beta slowly (--warmup), lower "
            "--beta, or give each latent some nats for nothing (--free-bits)"
        )
    elif unused:
        yield (
            f"{unused} of {Z} latents {'is' if unused == 1 else 'are'} unused, with a KL below "
            f"{UNUSED:g} nats: usually harmless, as if --latent were {Z - unused}; if more should "
            "be used, try --warmup or --free-bits"
        )


def _weight(found):
    if found.beta != 1.0:
        yield (
            f"the training weighed the KL with beta = {found.beta:g}: its loss is no bound on "
            "log p(x) that could be compared; all figures here are at beta = 1"
        )
    if found.free_bits:
        yield (
            f"the training charged each latent no less than {found.free_bits:g} nats: its loss "
            "is more than the negative bound where one carries less; all figures here are the bound"
        )


def _grey(found):
    if found.grey:
        yield (
            "grey values under a Bernoulli, which is a law of 0 and 1 alone: the bound is then no "
            "log-density of the data, and compares with no published figure; use --binarize "
            "threshold or dynamic, or a Gaussian likelihood"
        )


def _binary(found):
    if found.binary:
        yield (
            "data of 0 and 1 alone under a Gaussian: its density can be made as large as one likes "
            "by a small sigma, and the bound compares with none of a Bernoulli; use --likelihood "
            "bernoulli"
        )


def _floor(found):
    """Only of a learned variance: one that is fixed grows no density, and `_fit` sees it."""
    if found.model["likelihood"] != "gaussian-learned":
        return
    limits = {
        "at its floor, the data do not vary there": FLOOR,
        "less than a thousandth of the data's spread": VANISHING * found.spread,
        f"finer than the data, whose values are {found.grid:.3g} apart": GRID * found.grid**2,
    }
    why = max(limits, key=limits.get)
    if found.variance < limits[why]:
        yield (
            f"the decoder's learned sigma is {math.sqrt(found.variance):.2g}, {why}: as sigma "
            "shrinks the density grows without bound, and the bound with it, while no picture gets "
            "better; add noise of the size of the data's own to them (dequantization), leave out "
            "what is constant, or fix --scale"
        )


def _fit(found):
    """The best variance is the mean squared residual.

    Source: Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders (2021).
    """
    if found.variance is None or found.residual == 0.0 or any(_floor(found)):
        return
    ratio = found.residual / found.variance
    if not 1.0 / FIT < ratio < FIT:
        nats = 0.5 * found.model["data"] * (ratio - 1.0 - math.log(ratio))
        rms, sigma = math.sqrt(found.residual), math.sqrt(found.variance)
        factor = max(ratio, 1.0 / ratio) ** 0.5
        if found.model["likelihood"] == "gaussian":
            cure = f"--scale {rms:.2g}, or the likelihood gaussian-learned"
        elif ratio > 1.0:
            cure = "fewer epochs or --patience, as the training examples are fitted far better"
        else:
            cure = "more epochs, as the variance has not come down yet"
        yield (
            f"the decoder's sigma {sigma:.3g} is {factor:.3g} times too "
            f"{'small' if ratio > 1.0 else 'large'}: the residual's root mean square, {rms:.3g}, "
            f"would be best. It is the weight between reconstruction and KL, and costs "
            f"{nats:.3g} nats per example here; try {cure}"
        )


def _prior(found):
    moments = [
        0.5 * (m * m + v - 1.0 - math.log(max(v, TINY)))
        for m, v in zip(found.q_mean, found.q_variance, strict=True)
    ]
    j = max(range(len(moments)), key=moments.__getitem__)
    cure = (
        "samples will look worse than reconstructions; train longer, or with a larger --beta or a "
        "smaller --latent"
    )
    if moments[j] > MOMENTS and found.examples >= FEW:
        yield (
            f"the aggregate posterior is far from the prior: latent {j} has mean "
            f"{found.q_mean[j]:.2f} and variance {found.q_variance[j]:.2f} over all examples, "
            f"not 0 and 1; {cure}"
        )
    elif _surely(1.0, found.least, HOLES):
        yield (
            f"the aggregate posterior is at least {_plain(found.least)} nats from the prior, "
            f"which then draws from holes, where no example was encoded to; {cure}"
        )


def _weights(found):
    if found.samples >= MANY and found.ess < ENOUGH:
        yield (
            f"of {found.samples} importance weights one outweighs the others (effective sample "
            f"size {found.ess:.2g}): the bound by {found.samples} samples is still loose, log p(x) "
            "may be nats higher; take more --samples, or train the encoder longer"
        )


def _surely(sign, mean, slack):
    """Whether sign · mean is above 0 by more than FARTHEST standard errors, and than `slack`."""
    known = mean.error is not None and mean.count >= FEW
    return known and sign * mean.value > FARTHEST * mean.error + slack


def _plain(mean):
    return f"{mean.value:+.3g} +- {mean.error:.1g}"
