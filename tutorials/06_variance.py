# %% [markdown]
# # 6. Variance, measured
#
# **The question.** Reparameterization and REINFORCE estimate the same gradient, and both are right
# on average. Which of the two is less noisy, by what factor, and when does the answer turn around?
#
# You need chapters 4 and 5: the pathwise estimate (reparameterization), the score function estimate
# (REINFORCE) and baselines. From probability: mean, variance, independence, and the moments of a
# standard normal number. Reading time: 35 minutes.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinyvae") is None:  # on Colab, say
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "tinyvae"], check=True)

# %%
import inspect
import math

import matplotlib.pyplot as plt
import numpy as np

from tinyvae import compare, exact, integrands, plots
from tinyvae.comparison import table
from tinyvae.distributions import normal
from tinyvae.estimators import by_name
from tinyvae.exact.variance import Moments
from tinyvae.exercises import CHAPTERS, exercise

PATH, SCORE, BASELINE = "pathwise", "score function", "score function, optimal baseline"

# %% [markdown]
# ## Two estimates, one gradient
#
# Throughout, $z = \mu + \sigma \varepsilon$ with $\varepsilon \sim N(0, 1)$, so that $z$ is normal
# with mean $\mu$ and **variance** $\sigma^2$. You want the derivative of $\mathbb{E}[f(z)]$ in
# $\mu$. From one draw there are two estimates of it:
#
# $$
# g_{\mathrm{path}} = f'(z),
# \qquad\qquad
# g_{\mathrm{score}} = f(z)\, s
# \quad\text{with}\quad
# s = \frac{\partial \log p(z)}{\partial \mu} = \frac{\varepsilon}{\sigma} .
# $$
#
# The first is the chain rule through the sample (chapter 4). The second multiplies $f$ by the
# *score* $s$, the derivative of the log-density in the parameter (chapter 5). Take $f(z) = z^2$
# with $\mu = \sigma = 1$. As $\mathbb{E}[z^2] = \mu^2 + \sigma^2$, the gradient is $2\mu = 2$.
#
# In this package noise is an argument. So both can be given **the same** 100 000 draws, and what
# differs between them is the estimator and nothing else. `by_name` finds an estimator in the table
# of the package. Its `fn(f, law, params, noise)` returns a tuple, for each parameter the estimates,
# one a draw; here only those in the first parameter, the mean, are kept.

# %%
# alt: Histogram of single gradient estimates. The pathwise ones form a bell around the exact
# value 2; the score function ones have a sharp peak at 0 and a long tail to the right.
mu, sigma = np.array([1.0]), np.array([1.0])
square = integrands.quadratic(k=0.0)
eps = np.random.default_rng(0).standard_normal((100_000, 1))
single = {
    name: by_name(name).fn(square, normal, (mu, sigma), eps)[0][:, 0] for name in (PATH, SCORE)
}
for name, g in single.items():
    error = g.std() / math.sqrt(len(g))
    print(f"{name:15}  mean {g.mean():.3f} +- {error:.3f}   variance {g.var():.2f}")
    assert abs(g.mean() - 2.0) < 5.0 * error
with plots.style():
    ax = plots.gradient_histogram(single, 2.0, "mu")
    ax.set_title("Both have the mean 2, and one of them a long tail", pad=34)

# %% [markdown]
# Both means are 2 within their standard errors: both estimators are *unbiased*. The score function
# gets there by rare, large estimates, which make up for many near zero. (The figure cuts its tail
# off; it goes on to the right.)
#
# What does a larger variance cost? The mean of $S$ independent estimates of variance $V$ has the
# variance $V/S$, so its standard error is $\sqrt{V/S}$. To bring that down to 1 % of the gradient
# you need $S = V / (0.01 \cdot 2)^2$ draws. **A ratio of variances is a ratio of draws.**

# %%
for name in (PATH, SCORE):
    V = exact.closed_form(name, "quadratic", {"k": 0.0}, 1.0, 1.0)["loc"][1]
    print(f"{name:15}  exact variance {V:.0f}   draws for an error of 1 %: {V / 0.02**2:.0f}")

# %% [markdown]
# `exact.closed_form` takes an estimator, an integrand with its constants, $\mu$ and $\sigma$, and
# returns the mean and the variance of one estimate, by a formula. You will now see where such a
# formula comes from.
#
# ## By pencil: what the score function pays for
#
# Let there be $D$ coordinates. They are independent, each $z_j = \mu_j + \sigma_j \varepsilon_j$
# with a mean and a standard deviation of its own, and they all enter one objective, the sum
#
# $$
# F(z) = f(z_1) + f(z_2) + \dots + f(z_D).
# $$
#
# For simplicity all $\mu_j$ have the same value $\mu$, and all $\sigma_j$ the same value $\sigma$.
# You want the derivative of $\mathbb{E}[F]$ in $\mu_1$ alone.
#
# **Pathwise.** The derivative of $F$ along the first coordinate is $f'(z_1)$. The other coordinates
# have dropped out. So the variance is $\mathrm{Var}[f'(z_1)]$, *whatever $D$ is*.
#
# **Score function.** Write $F = f + R$ with $f = f(z_1)$ and $R$ the sum of the others, and
# subtract a constant baseline $b$ (chapter 5; $b = 0$ is REINFORCE as it comes). The estimate is
#
# $$
# g = (f + R - b)\, s, \qquad s = \varepsilon_1 / \sigma .
# $$
#
# $R$ is independent of $f$ and $s$. With $n = D - 1$ it has the mean $n A_1$ and the variance
# $n v$, where $A_1 = \mathbb{E}[f]$ and $v = \mathrm{Var}[f]$. So $R - b$ has the mean $n A_1 - b$
# and the mean square $n v + (n A_1 - b)^2$. Square $g = f s + (R - b) s$, take the mean, and use
# the independence:
#
# $$
# \mathbb{E}[g^2] = \underbrace{\mathbb{E}[f^2 s^2]}_{B_2} +
# 2\, (n A_1 - b)\, \underbrace{\mathbb{E}[f s^2]}_{C} +
# \big( n v + (n A_1 - b)^2 \big)\, \underbrace{\mathbb{E}[s^2]}_{S_2} .
# $$
#
# The variance is that, less the square of the mean $G = \mathbb{E}[f s]$, which is the gradient.
# Look at how it grows with $n$:
#
# - With $b = 0$ there is $n^2 A_1^2 S_2$: **quadratic** in the dimension. It is the *level* of $F$,
#   a large number that multiplies a score of mean zero. It carries no gradient at all.
# - The expression is a parabola in $b$. Its derivative is 0 at $b^\ast = n A_1 + C / S_2$, the
#   optimal baseline. There the level is gone, and $n v S_2$ remains: **linear**. It is the noise of
#   the other coordinates, and no constant removes noise.
#
# Try it with $f(z) = z$, where the gradient is 1. Pathwise, $f' = 1$: no variance at all. For the
# score function multiply out, the sums over $j = 2, \dots, D$:
#
# $$
# F\, s =
# \Big( D\mu + \sigma \varepsilon_1 + \sigma \sum_j \varepsilon_j \Big)
# \frac{\varepsilon_1}{\sigma} =
# \frac{D \mu}{\sigma}\, \varepsilon_1 + \varepsilon_1^2 + \varepsilon_1 \sum_j \varepsilon_j .
# $$
#
# The three terms are uncorrelated, since odd moments of $\varepsilon$ are 0. Their variances are
# $D^2 \mu^2 / \sigma^2$, then $\mathbb{E}[\varepsilon^4] - 1 = 3 - 1 = 2$, then $D - 1$. Together:
#
# $$
# \mathrm{Var}[F s] = \frac{D^2 \mu^2}{\sigma^2} + D + 1 .
# $$
#
# Here $C / S_2 = \mathbb{E}[z_1 s^2] / \mathbb{E}[s^2] = \mu$, and so $b^\ast = D \mu$. It takes
# the first of the three terms away, and leaves $D + 1$.
#
# ## In the package
#
# `Moments` holds the letters of the derivation, and `variance` puts them together as you just did,
# with `shift` for $n A_1 - b$. (`baseline_variance` is for a baseline that is itself random; here
# it is 0.)

# %%
print(inspect.getsource(Moments.variance))

# %% [markdown]
# `exact.moments` finds the letters for any law of one number, by quadrature: sums over carefully
# placed points, right to nine digits, with nothing random in them. Do they agree with your pencil?

# %%
m = exact.moments(integrands.linear(), normal, (1.5, 0.5), "loc")
for D in (1, 10, 100):
    pencil = D**2 * 1.5**2 / 0.5**2 + D + 1
    plain, best = m.variance(D), m.variance(D, baseline=m.optimal_baseline(D))
    print(f"D = {D:3}   pencil {pencil:9.2f}   quadrature {plain:9.2f}   with b* {best:6.2f}")
    assert math.isclose(plain, pencil, rel_tol=1e-8)
    assert math.isclose(best, D + 1, rel_tol=1e-8)

# %% [markdown]
# ## Check it: measured against exact
#
# A formula can be wrong, and so can a program that samples. They are independent of each other, so
# hold them together. `compare` runs an estimator many times and reports, for every parameter, the
# mean and the variance of its estimates. Both are random, so both need an error bar:
#
# - of the mean: $\sqrt{V / S}$;
# - of the variance: $\sqrt{(m_4 - V^2)/S}$ with the fourth central moment
#   $m_4 = \mathbb{E}[(g - \mathbb{E} g)^4]$, because the variance is itself a mean, of the numbers
#   $(g - \mathbb{E} g)^2$, whose variance is $m_4 - V^2$.
#
# A gap divided by its standard error is a *z-score*. Luck stays between $-5$ and $5$. Beyond,
# something is wrong: the program, the formula or the error bar.


# %%
def measured(name, integrand, constants, loc, scale, D=1, parameter="loc", samples=100_000):
    """The Comparison in a parameter: the estimator of that name, beside its exact moments."""
    known = exact.closed_form(name, integrand, constants, loc, scale, D)
    means, variances = zip(*known.values(), strict=True)
    found = compare(
        by_name(name),
        integrands.INTEGRANDS[integrand](**constants),
        normal,
        (np.full(D, loc), np.full(D, scale)),
        samples=samples,
        rng=np.random.default_rng(1),
        exact_mean=means,
        exact_variance=variances,
        chunk=samples * D,  # all at once, so that the fitted baseline sees all the samples
    )
    return dict(zip(known, found, strict=True))[parameter]


def variance_z(row):
    """The size of the z-score of a measured variance, a mean over the coordinates."""
    gap = row.variance.mean() - row.exact_variance.mean()
    return abs(gap) / row.variance_error.mean()  # the error of a mean is at most this


# %%
rows = [measured(name, "quadratic", {"k": 0.0}, 1.0, 1.0) for name in (PATH, BASELINE, SCORE)]
print(table(rows))
for row in rows:
    print(f"{row.estimator:33} z-score of the variance: {variance_z(row):.1f}")
    assert np.abs(row.z).max() < 5.0
    assert variance_z(row) < 5.0

# %% [markdown]
# Read the table from left to right: the mean of the estimates, the exact gradient, the z-score of
# their gap; the variance, its standard error `+-`, the exact variance `exact v`; its ratio to the
# pathwise one. `snr` is the signal-to-noise ratio of one estimate: the size of its mean over its
# standard deviation. The last two columns come later.
#
# ## The same noise
#
# The comparison above is fair because the draws are shared. Sharing them does more than that. The
# variance of a difference is
#
# $$
# \mathrm{Var}[A - B] = \mathrm{Var}[A] + \mathrm{Var}[B] - 2\, \mathrm{Cov}[A, B],
# $$
#
# and where $A$ and $B$ rise and fall together, the noise that they share cancels. Chapter 3 used
# this for difference quotients. Use it on estimators: suppose that somebody hands you a pathwise
# estimate that is 1 % too large, $B = 1.01 A$, and you have $S = 1000$ draws to find out. If $B$ is
# run on fresh noise, the difference has the variance $\mathrm{Var}[A] + \mathrm{Var}[B]$. On the
# same noise it is $0.01 A$, with the variance $0.0001\, \mathrm{Var}[A]$.

# %%
g = single[PATH]
here, elsewhere = g[:1000], g[1000:2000]
z = {}
for noise, other in (("fresh", 1.01 * elsewhere), ("same", 1.01 * here)):
    gap = other - here
    error = gap.std() / math.sqrt(1000)
    z[noise] = gap.mean() / error
    print(f"{noise:5} noise: gap {gap.mean():+.4f} +- {error:.4f}, z-score {z[noise]:.1f}")
needed = 25.0 * (1.0 + 1.01**2) * 4.0 / 0.02**2
print(f"draws on fresh noise until the error is a fifth of the gap: {needed:.0f}")
assert abs(z["fresh"]) < 5.0 < z["same"]

# %% [markdown]
# *Never compare on different noise what you can compare on the same.* It is why noise is an
# argument of every law and every estimator in this package.
#
# ## See it: dimension
#
# Now the growth with $D$. The lines are the closed forms; the dots are measured.

# %%
# alt: Variance against dimension from 1 to 1000, logarithmic axes. The pathwise line is level; the
# score function with its optimal baseline rises with slope 1, without a baseline with slope 2.
# Measured dots lie on all three lines.
dimensions = (1, 3, 10, 30, 100, 300, 1000)
lines, dots = {}, {}
for name in (PATH, BASELINE, SCORE):
    found = [
        measured(name, "quadratic", {"k": 0.0}, 1.0, 1.0, D, samples=max(3000, 100_000 // D))
        for D in dimensions
    ]
    lines[name] = [row.exact_variance[0] for row in found]
    dots[name] = [row.variance.mean() for row in found]
    assert max(map(variance_z, found)) < 5.0
title = "d/dmu of E Σ z², z ~ N(1, 1): exact lines, measured dots"
ax = plots.variance_by_dimension(dimensions, lines, dots, title)

# %%
for name in (PATH, BASELINE, SCORE):
    ratio = lines[name][-1] / lines[PATH][-1]
    slope = math.log(lines[name][-1] / lines[name][-2]) / math.log(1000 / 300)
    print(f"{name:33} at D = 1000: {ratio:12.1f} times pathwise, slope {slope:.2f}")
    assert abs(slope - {PATH: 0, BASELINE: 1, SCORE: 2}[name]) < 0.01

# %% [markdown]
# This is a good part of the reason why variational autoencoders are trained by reparameterization:
# many latents enter one objective. The path knows how much each of them contributed. The score
# function sees one number, the total, and has to find out by correlation.
#
# "Reparameterization has the lower variance" is still not a theorem. It is a property of this $f$.
#
# ## Where reparameterization loses: a wave
#
# Take $f(z) = \cos(kz)$, with $D = 1$ and $\mu$ such that $k\mu = \pi/4$. Both estimates have the
# same mean. So the one with the smaller mean *square* has the smaller variance, and mean squares
# are easy. You need $\cos^2 a = (1 + \cos 2a)/2$ and $\sin^2 a = (1 - \cos 2a)/2$ with
# $2a = 2kz = \pi/2 + 2k\sigma\varepsilon$, so that $\cos 2a = -\sin(2k\sigma\varepsilon)$. That is
# an odd function of $\varepsilon$: its mean is 0, and so is its mean after multiplication with an
# even function, such as $\varepsilon^2$. What is left is short. In $\mu$:
#
# $$
# \mathbb{E}[g_{\mathrm{path}}^2] = k^2\, \mathbb{E}[\sin^2 (kz)] = \frac{k^2}{2},
# \qquad
# \mathbb{E}[g_{\mathrm{score}}^2] =
# \frac{1}{\sigma^2}\, \mathbb{E}[\cos^2(kz)\, \varepsilon^2] = \frac{1}{2 \sigma^2} .
# $$
#
# In $\sigma$ the path is $f'(z)\, \varepsilon$, and the score is $(\varepsilon^2 - 1)/\sigma$, of
# mean square $2/\sigma^2$:
#
# $$
# \mathbb{E}[g_{\mathrm{path}}^2] = k^2\, \mathbb{E}[\sin^2(kz)\, \varepsilon^2] = \frac{k^2}{2},
# \qquad
# \mathbb{E}[g_{\mathrm{score}}^2] =
# \frac{1}{\sigma^2}\, \mathbb{E}[\cos^2(kz)\, (\varepsilon^2 - 1)^2] = \frac{1}{\sigma^2} .
# $$
#
# They are equal at $k\sigma = 1$ for $\mu$, and at $k\sigma = \sqrt{2}$ for $\sigma$. Beyond, the
# score function is better. The reason is in the formulas: **the path pays for the slope of $f$, the
# score function for its height divided by $\sigma$.** A function that turns within one standard
# deviation of $z$ has large slopes and a small height.

# %%
# alt: Ratio of the score function's variance to the pathwise one for cos(kz), against k sigma. Both
# curves fall from far above 1 to far below; they cross 1 at k sigma = 1 for the mean, and at 1.41
# for the standard deviation.
ratios, seen = {"loc": [], "scale": []}, {"loc": [], "scale": []}
waves = np.geomspace(0.125, 8.0, 49)  # k, and as sigma is 1, k sigma
for k in waves:
    loc = math.pi / 4 / k
    path, score = (exact.closed_form(name, "cosine", {"k": k}, loc, 1.0) for name in (PATH, SCORE))
    for parameter, values in ratios.items():
        values.append(score[parameter][1] / path[parameter][1])
for k in waves[::6]:
    for parameter, values in seen.items():
        path, score = (
            measured(name, "cosine", {"k": k}, math.pi / 4 / k, 1.0, parameter=parameter)
            for name in (PATH, SCORE)
        )
        assert max(variance_z(path), variance_z(score)) < 5.0
        values.append(score.variance[0] / path.variance[0])
crossings = {"loc": 1.0, "scale": math.sqrt(2.0)}
title = "cos(kz) under N(μ, σ²) with kμ = π/4: exact lines, measured dots"
ax = plots.variance_ratio(waves, ratios, waves[::6], seen, crossings, title)

# %%
for parameter, k in crossings.items():
    path, score = (
        exact.closed_form(name, "cosine", {"k": k}, math.pi / 4 / k, 1.0)[parameter][1]
        for name in (PATH, SCORE)
    )
    print(f"{parameter:5}  k sigma = {k:.4f}   ratio of the exact variances {score / path:.12f}")
    assert math.isclose(score, path, rel_tol=1e-9)

# %% [markdown]
# Two cautions. The crossing at exactly 1 belongs to the phase $k\mu = \pi/4$; at other phases it
# lies elsewhere, though not far. And it is for one coordinate: with more of them the score function
# pays for all of them, and the path does not. Both are quickly asked:


# %%
def advantage(k, phase=math.pi / 4, D=1):
    """Var(score function) / Var(pathwise) in mu, of cos(kz) with sigma = 1."""
    path, score = (
        exact.closed_form(name, "cosine", {"k": k}, phase / k, 1.0, D)["loc"][1]
        for name in (PATH, SCORE)
    )
    return score / path


def crossing(phase):
    """The k sigma where both are equal: the ratio falls there, so halve the interval."""
    low, high = 0.3, 3.0
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if advantage(middle, phase) > 1.0 else (low, middle)
    return low


places = [crossing(phase) for phase in np.linspace(0.02, math.pi - 0.02, 60)]
print(f"crossings over all phases: k sigma = {min(places):.2f} to {max(places):.2f}")
print("k sigma = 4:", {D: f"{advantage(4.0, D=D):.4f}" for D in (1, 16, 100)})
assert 0.8 < min(places) < 1.0 < max(places) < 1.2
assert abs(advantage(4.0) - 1 / 16) < 1e-4
assert abs(advantage(4.0, D=16) - 1.0) < 1e-3

# %% [markdown]
# At $k\sigma = 4$ the ratio is $D / (k\sigma)^2$: the score function wins by sixteen in one
# dimension, and has lost its advantage in sixteen. A wave in many dimensions is a case for the path
# again.
#
# ## Where it is blind: a step
#
# A step, $f(z) = 1$ where $z > c$ and 0 elsewhere, has the slope 0 wherever it has one. So the
# pathwise estimate is 0, always. Its variance is 0 too, the smallest there is. But
# $\mathbb{E}[f] = P(z > c)$ does depend on $\mu$: its derivative is the density of $z$ at $c$. The
# estimate is *biased*, and what counts then is the mean square error of a mean of $S$ estimates:
# the square of the bias plus the variance divided by $S$.

# %%
path, score = (
    exact.closed_form(name, "step", {"c": 0.5}, 0.0, 1.0)["loc"] for name in (PATH, SCORE)
)
truth = math.exp(-0.125) / math.sqrt(2.0 * math.pi)  # the density of N(0, 1) at 1/2
row = measured(SCORE, "step", {"c": 0.5}, 0.0, 1.0)
print(f"truth {truth:.4f}   pathwise: mean {path[0]}, variance {path[1]}")
print(f"score function: mean {row.mean[0]:.4f} (z {row.z[0]:.1f}), variance {row.variance[0]:.4f}")
print(f"mean square error of the path {truth**2:.4f}; of S scores {score[1]:.4f} / S")
assert path == (0.0, 0.0)
assert math.isclose(score[0], truth, rel_tol=1e-12)
assert abs(row.z[0]) < 5.0
assert variance_z(row) < 5.0
assert score[1] / 3 < truth**2  # three draws of the score function beat any number of paths

# %% [markdown]
# A smooth function does not save you if it is steep enough. Replace the step by the sigmoid
# $f(z) = 1/(1 + e^{-(z - c)/\tau})$, which is smooth, so that the path is unbiased again, and let
# the width $\tau$ go to 0. Its slope is about $1/\tau$ in a window of width about $\tau$, and so
# the mean square of the slope grows like $1/\tau$. A closed form is no longer at hand, so `exact`
# integrates by quadrature.

# %%
# alt: Above, the pathwise variance rises without bound as a sigmoid steepens to a step, while the
# score function's stays level. Below, means of 1000 estimates: scattered ever more widely for the
# path, with most of them at zero in the end; close to the exact value for the score function.
widths = np.geomspace(1.0, 1e-4, 9)
where = {"breaks": (0.5,)}  # where the quadrature has to look closely
curves, means, truths = {PATH: [], SCORE: []}, {PATH: [], SCORE: []}, []
for tau in widths:
    f, rng = integrands.sigmoid(c=0.5, tau=tau), np.random.default_rng(4)
    truths.append(exact.gradient(f, normal, (0.0, 1.0), **where)[0])
    curves[PATH].append(exact.variance_of_path(f, normal, (0.0, 1.0), **where)[0])
    curves[SCORE].append(exact.variance_of_score(f, normal, (0.0, 1.0), **where)[0])
    for name, batches in means.items():
        g, _ = by_name(name)(f, normal, (np.array(0.0), np.array(1.0)), rng, 25_000)
        batches.append(g.reshape(25, 1000).mean(axis=1))
title = "d/dmu of E sigmoid((z − ½)/τ), z ~ N(0, 1); below, means of 1000, exact line"
ax = plots.steepening(widths, curves, truths, means, title)

# %%
for tau, by_path, by_score in zip(widths[::4], curves[PATH][::4], curves[SCORE][::4], strict=True):
    print(f"tau = {tau:6g}   variance: pathwise {by_path:9.4f}   score function {by_score:.4f}")
grown = curves[PATH][-1] * 6.0 * widths[-1]  # the integral of the squared slope is 1 / (6 tau)
print(f"tau times six times the variance {grown:.4f}, the density at the step {truth:.4f}")
last = means[PATH][-1]
blind = np.mean(last < 0.1 * truth)
print(f"last pathwise means: {blind:.0%} below a tenth of the truth, the largest {last.max():.2f}")
assert abs(grown / truth - 1.0) < 0.01
assert curves[PATH][0] < curves[SCORE][0]
assert curves[PATH][-1] > 100.0 * curves[SCORE][-1]
assert blind > 0.5

# %% [markdown]
# At the right end the path is still unbiased, and of no use: most of its means are near 0, and a
# few are far too large (the largest lie above the panel). A training that takes one such mean a
# step gets no gradient in most of its steps.
#
# ## What breaks it: a variance that you cannot measure
#
# Why insist on exact variances, if measuring is so easy? Take $f(z) = e^{kz}$. The pathwise
# estimate $k e^{kz}$ is smooth, unbiased, and has a finite variance. Watch the measurement:

# %%
for k in (0.5, 1.0, 2.0, 4.0):
    row = measured(PATH, "exponential", {"k": k}, 0.0, 1.0)
    v, known, error = row.variance[0], row.exact_variance[0], row.variance_error[0]
    z = (v - known) / error
    print(f"k = {k}   measured {v:9.3g} +- {error:7.1g}   exact {known:9.3g}   z {z:8.1f}")
assert v < known / 1000.0  # at k = 4
assert z < -100.0

# %% [markdown]
# At $k = 4$ the measured variance is more than a thousand times too small, and *its own error bar
# knows nothing of it*. The square of the estimate is $k^2 e^{2k\varepsilon}$. Multiply
# $e^{2k\varepsilon}$ by the normal density, which is proportional to $e^{-\varepsilon^2/2}$: the
# product has its peak at $\varepsilon = 2k$. That is where the variance comes from: at $k = 4$ from
# draws eight standard deviations out. Among 100 000 draws there is none.
#
# A small measured variance may mean that you have not yet met the draw that matters.
#
# ## What a draw costs
#
# Variance is half of the bill. An antithetic pair uses $\varepsilon$ and $-\varepsilon$, takes the
# mean, and evaluates $f$ twice. Leave-one-out (chapter 5) evaluates it once for each of its draws.
# The measure-valued estimate, a difference of two expectations (Mohamed et al., section 6),
# evaluates it twice for every coordinate of every parameter. If a budget of evaluations is fixed,
# what counts is **variance times cost**: the last column, here in ten dimensions.

# %%
names = (
    PATH,
    "pathwise, antithetic",
    "measure-valued",
    "score function, leave-one-out",
    "score function, antithetic",
    BASELINE,
    SCORE,
)
rows = [measured(name, "quadratic", {"k": 0.0}, 1.0, 1.0, D=10, samples=20_000) for name in names]
print(table(rows))
for row in rows:
    assert np.abs(row.z).max() < 5.0
    assert np.all(np.abs(row.variance - row.exact_variance) <= 5.0 * row.variance_error)
of_each = {row.estimator: row.cost_adjusted.mean() for row in rows}
assert of_each[BASELINE] < of_each["score function, leave-one-out"] < 2.0 * of_each[BASELINE]

# %% [markdown]
# (Of ten coordinates the table shows the mean, and the worst z-score.) For a quadratic $f$ an
# antithetic pair of paths has no variance at all in $\mu$: $f'(z)$ is linear, and what
# $\varepsilon$ adds, $-\varepsilon$ takes away. The measure-valued estimate has the next lowest
# variance, and loses most of that to its cost. Leave-one-out needs no fitted baseline: per
# evaluation it is within a factor of two of the optimal constant, and far better than none.
#
# The column counts evaluations of $f$, and one with its gradient as one. A gradient is not free. In
# a network the way back to $z$ takes one matrix product for each one of the way forward, so you may
# count a pathwise estimate twice. Against factors of ten and more that is small change.
#
# So, in practice: for a smooth objective in many dimensions take the path. For a black box, a jump
# or a discrete variable take the score function, with a baseline. In between measure, on the same
# noise, and look at both columns. `python -m tinyvae variance` makes these tables and figures for
# any law and integrand of the package.
#
# ## Exercises

# %%
for name in CHAPTERS[6]:
    found = exercise(name)
    print(f"{found.number}. {found.title}: {found.name}, in {found.file}")
print("\nTo start: python -m tinyvae exercises start")

# %% [markdown]
# The second asks for both variances of $f(z) = (z - k)^2$, with pencil: the numbers 4 and 30 at the
# beginning of this chapter are yours to derive. Three more to think about:
#
# - At which $\mu$ does REINFORCE, without a baseline, have its smallest variance for $f = z^2$? Why
#   is it no surprise?
# - In the figure of the wave, what does the best baseline change? Ask `exact.closed_form` for
#   `"score function, optimal baseline"`.
# - Without a baseline the variance of the score function goes to infinity as $\sigma$ goes to 0.
#   Read off from the derivation how fast. And with the optimal baseline?
#
# ## Read on
#
# - Mohamed, Rosca, Figurnov & Mnih, *Monte Carlo Gradient Estimation in Machine Learning* (2020):
#   section 4 on the score function, 5 on the path, 6 on measure-valued gradients, 7.2 on coupling.
# - Greensmith, Bartlett & Baxter, *Variance Reduction Techniques for Gradient Estimates in
#   Reinforcement Learning* (2004): the optimal baseline.
# - Glasserman, *Monte Carlo Methods in Financial Engineering* (2003), section 7.1: finite
#   differences, with the same noise and without.
# - In the package: `tinyvae/exact/closed_forms.py`, `tinyvae/comparison.py`, `tinyvae/estimators/`.
#
# Next, chapter 7, *Beyond the Gaussian*: which laws have a path, how to find it, and what to do
# where there is none.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
