# %% [markdown]
# # 3. The gradient of an expectation
#
# **The loss is an average over random draws. What is its slope, if no single draw has one?**
#
# Chapter 2 took gradients through any chain of formulas. Now put a random number into the chain:
# the parameters say from which law it is drawn, and the rest of the chain uses what came out. The
# chain rule stops there. And still the average over all draws may be the smoothest of functions,
# with a slope that you can write down. In this chapter you find out where this slope comes from.
# Chapters 4 and 5 then get it from draws, in two different ways.
#
# - You need: densities and means of random variables, integration by parts.
# - Before this: chapter 1 (finite differences) and chapter 2 (`y, vjp`).
# - Time: 35 minutes.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinyvae") is None:  # on Colab, say
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "tinyvae"], check=True)

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

import tinyvae
from tinyvae import exact, integrands
from tinyvae.distributions import normal, uniform
from tinyvae.estimators.finite_differences import finite_differences
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.plots import BLUE, ORANGE, PURPLE, side_by_side, style

# %% [markdown]
# ## The question
#
# You throw a ball along a line. You aim at $\mu$, and it lands at $z$, which is random: a draw from
# the *law* (the probability distribution) $N(\mu, \sigma^2)$, the normal law with mean $\mu$ and
# variance $\sigma^2$. So $\sigma$, the standard deviation, says how steady your hand is. A throw
# counts as a hit if it lands beyond the mark $c = 1$:
#
# $$
# f(z) = 1 \text{ if } z > c, \qquad f(z) = 0 \text{ if not.}
# $$
#
# How often you hit depends on your aim. By how much would it change if you aimed a little farther?
# Call the average $J$, a function of the aim. It is the *expectation* of $f$, and what you are
# after is its slope:
#
# $$
# J(\mu) = \mathbb{E} f(z), \quad z \sim N(\mu, \sigma^2), \qquad \frac{dJ}{d\mu} = \text{?}
# $$
#
# Replace the ball by the latent (hidden) number $z$ of a variational autoencoder, the aim by the
# output of a network, and $f$ by the rest of the network and its loss: it is the same question.
#
# First try what chapter 1 would do: throw once with the aim $\mu + h$, once with $\mu - h$, and
# divide the difference of the outcomes by $2h$.

# %%
mu, sigma, c, h = 0.4, 1.0, 1.0, 1e-5
hit = integrands.step(c=c)  # y, vjp = hit(z), as everything here

rng = np.random.default_rng(0)
farther, nearer = rng.normal(mu + h, sigma, 12), rng.normal(mu - h, sigma, 12)
slopes = (hit(farther)[0] - hit(nearer)[0]) / (2 * h)
print("slope, from a pair of throws:", *(f"{slope:.0f}" for slope in slopes))
assert set(np.abs(slopes).round()) == {0.0, 50_000.0}

# %% [markdown]
# Twelve pairs, and not one sensible number. What came out is chance, divided by a tiny $2h$. Nor
# does it help to ask the function $f$: it is flat on both sides of the mark, so its slope is 0
# wherever it has one. The slope of $f$ at a throw does not tell you which way to aim.
#
# Now look at many throws. On the left there is one throw for each aim. On the right there is the
# average of 500 throws for each aim, and the exact average, found by a quadrature, that is, by an
# integral computed to many digits. (`breaks` tells the quadrature where $f$ jumps.)

# %%
# alt: Left: the outcomes of single throws against the aim, zeros and ones without order. Right: the
# alt: averages of 500 throws lie on a smooth curve that rises from 0 to 1.
aims = np.linspace(-2, 4, 61)
average = [exact.expectation(hit, normal, (aim, sigma), breaks=(c,)) for aim in aims]
one, many = rng.normal(aims, sigma), rng.normal(aims, sigma, (500, len(aims)))
averages = hit(many.reshape(-1))[0].reshape(many.shape).mean(axis=0)

with style():
    figure, axes = side_by_side(2)
    axes[0].plot(aims, hit(one)[0], "o", color=ORANGE)
    axes[0].set(title="One throw for each aim: hit or miss", ylabel="f(z) of the throw")
    axes[1].plot(aims, average, color=BLUE)
    axes[1].plot(aims, averages, "o", color=ORANGE)
    axes[1].text(1.1, 0.62, "exact average", color=BLUE, ha="right")
    axes[1].text(1.6, 0.4, "average of 500 throws", color=ORANGE)
    axes[1].set(title="The average: a smooth curve", ylabel="J, the share of hits")
    for ax in axes:
        ax.set(xlabel="aim μ", ylim=(-0.08, 1.08))

spread = np.sqrt(np.multiply(average, np.subtract(1, average)) / 500)  # one standard error
assert (abs(averages - average) < 4.5 * spread).all()

# %% [markdown]
# The curve on the right is as smooth as can be, although $f$ jumps and every throw is 0 or 1. It
# has a slope at every aim. So where is that slope, if it is not in the throws?
#
# ## By pencil
#
# **Step 1: write the average as an integral.** With the density $p(z; \mu)$ of the normal law,
#
# $$
# J(\mu) = \int f(z) p(z; \mu) dz, \qquad
# p(z; \mu) = \frac{1}{\sigma \sqrt{2 \pi}} \exp\left( -\frac{(z - \mu)^2}{2 \sigma^2} \right) .
# $$
#
# Look where $\mu$ is. In the computer, $\mu$ went into the draw and $z$ came out, so $z$ seemed to
# depend on $\mu$. In the integral $z$ is only the name of a place on the line. It depends on
# nothing. What depends on $\mu$ is how likely each place is.
#
# **Step 2: differentiate what depends on it.** Of every place, $f(z)$ stays and $p$ changes:
#
# $$
# \frac{dJ}{d\mu} = \int f(z) \frac{\partial p}{\partial \mu}(z; \mu) dz .
# $$
#
# There is no derivative of $f$ in it. That is why $f$ may jump. (A derivative was taken inside an
# integral. For a normal law and an $f$ that does not grow too fast, this is allowed. At the end of
# this chapter you will see a law where it is not.)
#
# **Step 3: the derivative of the density.** By the chain rule, the derivative of the exponent in
# $\mu$ comes down as a factor:
#
# $$
# \frac{\partial p}{\partial \mu} = p(z; \mu) \frac{z - \mu}{\sigma^2} .
# $$
#
# It is positive to the right of $\mu$ and negative to the left: when the aim moves to the right,
# places there become likelier, and places on the left become less likely.
#
# **Step 4: the slope for hits.** The density depends on $z$ and $\mu$ through $z - \mu$ alone. So
# moving $\mu$ up does the same as moving $z$ down: $\partial p / \partial \mu$ is
# $-\partial p / \partial z$. As $f$ is 1 beyond $c$ and 0 before it,
#
# $$
# \frac{dJ}{d\mu} = -\int_{c}^{\infty} \frac{\partial p}{\partial z} dz = p(c; \mu) ,
# $$
#
# because the density is 0 at infinity. The slope of your success is the density of landing *at the
# mark*. This makes sense: if you aim a hair farther, all throws land a hair farther, and only those
# that would have landed just short of the mark turn from a miss to a hit.
#
# Both pictures, with $\sigma = 1$ and the aim at 0.4:


# %%
def density(z, aim):
    return np.exp(normal.log_prob(z, aim, sigma)[0])


# %%
# alt: Left: two bells, the second a little to the right; what it gains beyond the mark is shaded.
# alt: Right: the derivative of the density, below zero left of the aim and above zero right of it;
# alt: the part beyond the mark is shaded, and its area is the slope.
places = np.linspace(-3.6, 4.4, 401)
change = density(places, mu) * (places - mu) / sigma**2
with style():
    figure, axes = side_by_side(2)
    here, moved = density(places, mu), density(places, mu + 0.4)
    axes[0].plot(places, here, color=BLUE)
    axes[0].plot(places, moved, color=ORANGE)
    axes[0].fill_between(places, here, moved, places > c, color=ORANGE, alpha=0.3, linewidth=0)
    axes[0].text(-0.3, 0.36, "aim 0.4", color=BLUE, ha="right")
    axes[0].text(1.3, 0.38, "aim 0.8", color=ORANGE)
    axes[0].text(2.4, 0.2, "more hits", color=ORANGE)
    axes[0].set(title="Aim farther, and the law moves", ylabel="density p")
    axes[1].plot(places, change, color=PURPLE)
    axes[1].fill_between(places, change, 0, places > c, color=PURPLE, alpha=0.3, linewidth=0)
    axes[1].axhline(0, color="0.6", linewidth=0.8)
    axes[1].text(2.2, 0.2, "area: slope of J", color=PURPLE)
    axes[1].set(title="How fast each place gets likelier", ylabel="∂p/∂μ")
    for ax in axes:
        ax.axvline(c, color="0.3", linestyle="--", linewidth=1.0)
        ax.text(c, 0.02, " mark", transform=ax.get_xaxis_transform())
        ax.set(xlabel="place z", xlim=(-3.6, 4.4))

# %% [markdown]
# **Step 5: back to draws.** In one dimension an integral is easy. With the thousands of random
# numbers in a network you can only draw. But $\partial p / \partial \mu$ is no density, being
# negative in places, so you cannot draw from it. The slope has to be written as an average over
# draws from $p$ itself. There are two ways, and the next two chapters are about them.
#
# *Weigh the values.* By step 3 the factor $p$ is still there:
#
# $$
# \int f \frac{\partial p}{\partial \mu} dz = \int f(z) \frac{z - \mu}{\sigma^2} p(z; \mu) dz =
# \mathbb{E}\left[ f(z) \frac{z - \mu}{\sigma^2} \right] .
# $$
#
# The factor $(z - \mu) / \sigma^2$ is the derivative of $\log p$ in $\mu$. It is called the
# *score*. This is chapter 5, and it needs nothing of $f$ but its values.
#
# *Move the draws.* By step 4, $\partial p / \partial \mu = -\partial p / \partial z$. Integrate by
# parts, if $f$ has no jumps:
#
# $$
# \int f \frac{\partial p}{\partial \mu} dz = -\int f \frac{\partial p}{\partial z} dz =
# \int f'(z) p(z; \mu) dz = \mathbb{E} f'(z) .
# $$
#
# The boundary terms are 0, as $f p$ goes to 0 at infinity. This is chapter 4, and it needs the
# slope of $f$. For hits it gives 0, which is wrong: $f$ has a jump, and integration by parts over a
# jump leaves a term behind, which here is all there is.
#
# ## In the package
#
# Each law of the package is a file with its density and its score. This is the score of the normal
# law, whose two parameters are called `loc` and `scale` there ($\mu$ and $\sigma$). And this is
# what `tinyvae.exact` says of its gradients. The first is the integral of step 2, by quadrature.

# %%
print(inspect.getsource(normal.score))
print(inspect.getdoc(inspect.getmodule(exact.gradient)))

# %% [markdown]
# ## Check it
#
# Three numbers should agree: the pencil's $p(c; \mu)$; the quadrature of step 2; and a finite
# difference of quadratures, which knows no score and no pencil.

# %%
by_pencil = density(c, mu)
by_score, _ = exact.gradient(hit, normal, (mu, sigma), breaks=(c,))
by_differences, _ = exact.gradient_by_differences(hit, normal, (mu, sigma), breaks=(c,))
print(f"p(c) {by_pencil:.7f}, with the score {by_score:.7f}, by differences {by_differences:.7f}")
assert abs(by_score - by_pencil) < 1e-9
assert abs(by_differences - by_pencil) < 1e-7

# %% [markdown]
# An expectation is then an operation like those of chapter 2: it has a value and a `vjp`, and
# `gradcheck` checks it, with a random cotangent `dJ`. Here the integral is a sum over places `z` of
# equal distance `w`, and several aims are taken at once. Note that $f$ is only evaluated.


# %%
def share_of_hits(mu, *, sigma, z, w):
    """J (M,) for aims mu (M,): the sum over places z (K,) of f(z) p(z; mu) w, and its vjp."""
    u = (z - mu[:, None]) / sigma  # (M, K)
    p = np.exp(-0.5 * u * u) / (sigma * np.sqrt(2 * np.pi))
    f, _ = hit(z)

    def vjp(dJ):
        return (dJ * ((p * u / sigma) @ (w * f)),)

    return p @ (w * f), vjp


w = 0.01
z = np.arange(-10, 12, w) + w / 2  # the middles of cells; the mark is at an edge of one
some = np.array([-1.0, mu, 1.0, 2.5])
report = tinyvae.gradcheck(share_of_hits, some, sigma=sigma, z=z, w=w)
print(report)
assert report.ok

_, vjp = share_of_hits(some, sigma=sigma, z=z, w=w)
print("from vjp:", *vjp(np.ones(4))[0].round(4), "  p(c):", *density(c, some).round(4))
assert np.allclose(vjp(np.ones(4))[0], density(c, some), atol=1e-4)

# %% [markdown]
# ## See it: the same noise on both sides
#
# You began with differences of throws, and they were chance divided by $2h$. But nobody said that
# the two throws must be independent. Write a throw as $z = \mu + \sigma \varepsilon$, with noise
# $\varepsilon$ from $N(0, 1)$, and use the *same* noise for $\mu + h$ and $\mu - h$. These are
# called *common random numbers*. It is as if you could repeat a throw with the same tremor of the
# hand and another aim.
#
# For comparison take a smooth version of the game, too: points rise from 0 to 1 along an S-shaped
# curve, a sigmoid of width 0.25 around the mark. Each panel below shows an average of 60 throws for
# each of 241 aims.

# %%
soft = integrands.sigmoid(c=c, tau=0.25)

# %%
# alt: Three panels of an average of 60 throws against the aim. With fresh noise it is a ragged band
# alt: about the exact curve; with the same noise and a smooth f a smooth curve beside the exact
# alt: one; with the same noise and a jump a staircase.
fine = np.linspace(-2, 4, 241)
same = np.random.default_rng(1).standard_normal((60, 1))
fresh = np.random.default_rng(2).standard_normal((60, len(fine)))
panels = (
    ("Fresh noise, smooth f", soft, fresh, ORANGE),
    ("The same noise, smooth f", soft, same, BLUE),
    ("The same noise, f jumps", hit, same, PURPLE),
)
with style():
    figure, axes = side_by_side(3, width=3.4, height=3.2)
    for ax, (title, f, eps, colour) in zip(axes, panels, strict=True):
        landed = fine + sigma * eps  # (60, 241)
        exactly = [exact.expectation(f, normal, (aim, sigma), breaks=(c,)) for aim in fine[::8]]
        ax.plot(fine, f(landed.reshape(-1))[0].reshape(landed.shape).mean(axis=0), color=colour)
        ax.plot(fine[::8], exactly, color="0.3", linestyle="--", linewidth=1.0)
        ax.text(4, 0.04, "dashed: exact", color="0.3", ha="right")
        ax.set(title=title, xlabel="aim μ", ylabel="average of 60 throws", ylim=(0, 1.05))

# %% [markdown]
# The left curve has no useful slope. The middle one has: it lies a little beside the exact curve,
# by chance, but it is as smooth, and more throws bring it and its slope closer. On the right the
# same noise made a staircase: the slope of the average is 0 on every step, as that of each throw
# is.
#
# **By pencil: how noisy is a difference?** Let $d$ be the difference of one pair of throws, divided
# by $2h$. Its standard deviation says how many pairs you need.
#
# - *Fresh noise.* Two independent throws: their variances add, and
#   $\mathrm{Var}(d) \approx 2 \mathrm{Var}(f) / (2h)^2$. The standard deviation grows like $1/h$.
# - *The same noise, smooth f.* As $h$ gets small, $d$ becomes $f'(z)$, and its variance settles at
#   $\mathrm{Var}(f'(z))$. You may make $h$ as small as you like, and then you differentiate: that
#   is the idea of chapter 4.
# - *The same noise, a jump.* Now $d$ is $1/(2h)$ if the mark lies between the two throws, and 0
#   if not. The first has a probability of about $2h p(c)$. So the mean of $d$ is about $p(c)$,
#   which is right, and its variance is about $2h p(c) / (2h)^2$. The standard deviation grows like
#   $1/\sqrt{h}$: better than fresh noise, but still without end.
#
# First the variances of `d` as computed, by quadrature. At the smallest step they should be close
# to what the pencil says.


# %%
def variance(d, aim, breaks):
    """Var d(z) for z ~ N(aim, sigma²), exact; breaks: where d jumps."""
    mean, square = (
        exact.expectation(lambda z, k=k: (d(z) ** k, None), normal, (aim, sigma), breaks=breaks)
        for k in (1, 2)
    )
    return square - mean**2


def with_same_noise(f, h):
    return variance(lambda z: (f(z + h)[0] - f(z - h)[0]) / (2 * h), mu, (c - h, c + h))


def with_fresh_noise(f, h):
    each = (variance(lambda z: f(z)[0], aim, (c,)) for aim in (mu + h, mu - h))
    return sum(each) / (2 * h) ** 2


steps = np.geomspace(0.003, 0.3, 7)
computed = {
    "fresh noise, f jumps": [with_fresh_noise(hit, h) for h in steps],
    "same noise, f jumps": [with_same_noise(hit, h) for h in steps],
    "same noise, smooth f": [with_same_noise(soft, h) for h in steps],
}
h, J = steps[0], exact.expectation(hit, normal, (mu, sigma), breaks=(c,))
slope_variance, _ = exact.variance_of_path(soft, normal, (mu, sigma))  # Var f'(z)
pencil = 2 * J * (1 - J) / (2 * h) ** 2, density(c, mu) / (2 * h), slope_variance
for name, v in zip(computed, pencil, strict=True):  # Var f of a hit or miss is J (1 - J)
    print(f"{name}, h = {h}: Var d by quadrature {computed[name][0]:.5g}, by pencil {v:.5g}")
    assert abs(computed[name][0] / v - 1) < 0.005

# %% [markdown]
# Then as measured, from 40000 pairs of throws for each step. The package's estimator
# `finite_differences` uses the same noise on both sides. A measured variance is a mean of squares.
# Its *standard error* is that of every mean: the standard deviation of what is averaged, here of
# the squares, divided by the root of their number.

# %%
pairs, rng = 40_000, np.random.default_rng(3)
params = np.array(mu), np.array(sigma)
measured, error = ({name: [] for name in computed} for _ in range(2))
for h in steps:
    eps, other = rng.standard_normal((2, pairs))
    farther, nearer = mu + h + sigma * eps, mu - h + sigma * other
    differences = (
        (hit(farther)[0] - hit(nearer)[0]) / (2 * h),
        finite_differences(hit, normal, params, eps, step=h)[0],
        finite_differences(soft, normal, params, eps, step=h)[0],
    )
    for name, d in zip(computed, differences, strict=True):
        squares = (d - d.mean()) ** 2
        measured[name].append(squares.mean())
        error[name].append(squares.std() / np.sqrt(pairs))

for name in computed:
    off = np.subtract(measured[name], computed[name]) / error[name]
    print(f"{name}: the variance is at most {abs(off).max():.1f} standard errors off")
    assert (abs(off) < 4).all()

# %%
# alt: The standard deviation of one difference against the step h, both axes logarithmic. Fresh
# alt: noise falls with slope -1, the same noise with a jump with slope -1/2, the same noise with a
# alt: smooth f is level. Measured dots lie on the computed lines.
with style():
    figure, ax = plt.subplots(figsize=(6.4, 3.8))
    slopes = "slope −1", "slope −1/2", "level"
    for name, colour, slope in zip(computed, (ORANGE, PURPLE, BLUE), slopes, strict=True):
        line = np.sqrt(computed[name])
        ax.plot(steps, line, color=colour)
        ax.plot(steps, np.sqrt(measured[name]), "o", color=colour)
        k, above = (0, 0.32) if slope == "slope −1/2" else (2, 1.35)  # where no line is met
        ax.text(steps[k], above * line[k], f"{name}: {slope}", color=colour)
    ax.set(xscale="log", yscale="log", xlabel="step h", ylabel="its standard deviation")
    ax.set_title("A difference of two throws, over 2h: what a small step costs")

# %% [markdown]
# ## What breaks it
#
# ### A generator inside
#
# If a function draws its own noise, every call is another throw, and a finite difference is chance
# divided by $2h$, as in the first cell of this chapter. The gradient check calls a function twice
# before anything else, and refuses one that gives two answers. This is why the noise is an argument
# everywhere in the package, and is drawn outside.

# %%
hidden = np.random.default_rng(4)


def throws(mu):
    """Where 5 throws land; the noise comes from a generator that the function owns."""
    return mu + sigma * hidden.standard_normal(5), lambda dz: (dz.sum(),)


report = tinyvae.gradcheck(throws, mu)
print(report.verdict, report.message())
assert report.verdict == "unstable"

# %% [markdown]
# ### A law whose ends move
#
# Step 2 took the derivative inside the integral. Take the uniform law between $a$ and $b$: the
# density is $1/(b - a)$ between the two, and 0 outside. Differentiate in $b$:
#
# $$
# J(b) = \frac{1}{b - a} \int_a^b f(z) dz, \qquad
# \frac{dJ}{db} = \frac{f(b)}{b - a} - \frac{1}{(b - a)^2} \int_a^b f(z) dz =
# \frac{f(b) - J(b)}{b - a} .
# $$
#
# The first term is from the upper end of the integral. Where $b$ moves, places just beyond it
# become possible that were not. The second term is from the density. If you look at the density
# alone, as in step 2, you get $-J(b) / (b - a)$, and the first term is missing.

# %%
a, b = -0.5, 1.7
square = integrands.quadratic(k=0.0)  # f(z) = z²
J = exact.expectation(square, uniform, (a, b))
_, slope = exact.gradient(square, uniform, (a, b))  # it knows, and takes differences here
without_the_end = -J / (b - a)
print(f"dJ/db: exact {slope:.4f}, by pencil {(b**2 - J) / (b - a):.4f}")
print(f"without the moving end {without_the_end:.4f}")
assert abs(slope - (b**2 - J) / (b - a)) < 1e-7
assert without_the_end < 0 < slope

# %% [markdown]
# Not even the sign is right. In a normal law nothing of this kind happens: every place is possible
# for every $\mu$, and the ends are at infinity, where the density is 0.
#
# ## Exercises
#
# The derivative in $\sigma$ is left to you. First with pencil: do step 3 for
# $\partial p / \partial \sigma$, and check that it is $-\partial (u p) / \partial z$ with
# $u = (z - \mu) / \sigma$. Then do step 4 for the slope of the share of hits in $\sigma$. When does
# a steadier hand hit *less* often? Then the exercises of the package, whose checker says what is
# wrong:

# %%
for name in CHAPTERS[3]:
    print(f"{exercise(name).number}. {exercise(name).title}  ({exercise(name).file})")
print("start with:  python -m tinyvae exercises start")

# %% [markdown]
# ## Read on
#
# - Glasserman, *Monte Carlo Methods in Financial Engineering* (2003), section 7.1: finite
#   differences of averages, with fresh and with common random numbers; 7.2 and 7.3 are our chapters
#   4 and 5.
# - Mohamed, Rosca, Figurnov & Mnih, *Monte Carlo Gradient Estimation in Machine Learning* (2020),
#   sections 4 and 5: both ways to write the slope as an average over draws, with their conditions.
#
# Next, chapter 4: the same noise, and no difference left, which is the reparameterization trick.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
