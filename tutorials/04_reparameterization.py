# %% [markdown]
# # 4. The reparameterization trick
#
# **How does a gradient get through a random number?**
#
# A network puts out two numbers, a mean and a variance. You draw $z$ from the normal law with this
# mean and this variance, compute with $z$, and at the end there is a loss. To train the network you
# need the derivative of the loss in the mean and in the variance. Between them and the loss stands
# a random number generator, and that has no derivative.
#
# The way around it is one line forward and two back. Nearly every variational autoencoder (VAE)
# goes this way, and some that were written by hand went wrong in just these lines. You will derive
# them, check them, see what they do, and see what a mistake in them costs.
#
# - You need: the chain rule; mean and variance of a random variable.
# - Before this: chapter 2 (`y, vjp`, cotangents) and chapter 3 (the gradient of an expectation).
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
from tinyvae import exact, gallery, integrands
from tinyvae.distributions import gaussian
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.models.linear_gaussian import ONE_DATUM, ONE_LATENT
from tinyvae.plots import BLUE, ORANGE, side_by_side, style

# %% [markdown]
# ## The question
#
# Some words first. A *law* is a probability distribution, and $N(\mu, \sigma^2)$ is the normal law
# with mean $\mu$ and variance $\sigma^2$: the second entry is the variance, and the standard
# deviation $\sigma$ is its square root. A *draw* is one random number from a law. The *noise*
# $\varepsilon$ is a draw from $N(0, 1)$. The *log-variance* is $\log \sigma^2$, in code `logvar`.
# And `dz` is the derivative of the loss in `z`, as `dmu` is that in `mu`.
#
# Here are two ways to compute the same thing.

# %%
# alt: Two diagrams. Left: mu and logvar enter a box that draws z, and the gradient from the loss
# alt: stops at that box. Right: the noise enters from above, z is a formula of mu, logvar and the
# alt: noise, and the gradient goes on to mu and logvar.


def box(ax, x, y, text):
    frame = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "0.35"}
    ax.text(x, y, text, ha="center", va="center", bbox=frame, zorder=3)


def arrow(ax, start, end, colour="0.2", down=0.0):
    """From `start` to `end`, both (x, y), moved down by so much."""
    (a, b), (c, d) = start, end
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.5}
    ax.annotate("", (c, d - down), (a, b - down), arrowprops=look)


with style():
    figure, axes = side_by_side(2, width=4.8, height=2.7)
    draws = "draw z from\nN(μ, exp(logvar))", "z = μ + σ ε\nσ = exp(logvar/2)"
    for ax, text in zip(axes, draws, strict=True):
        for y, name in ((1.0, "μ"), (0.0, "logvar")):
            box(ax, 0.0, y, name)
            arrow(ax, (0.28, y), (1.08, 0.5 + 0.35 * (y - 0.5)))
        arrow(ax, (2.2, 0.5), (2.95, 0.5))
        arrow(ax, (2.95, 0.5), (2.2, 0.5), ORANGE, down=0.14)
        ax.text(2.57, 0.2, "dz", color=ORANGE, ha="center")
        box(ax, 1.65, 0.5, text)
        box(ax, 3.25, 0.5, "loss")
        ax.set(xlim=(-0.4, 3.6), ylim=(-0.45, 1.75))
        ax.axis("off")
    axes[0].text(1.65, -0.05, "no derivative:\nthe gradient stops here", color=ORANGE, ha="center")
    axes[0].set_title("The draw is inside (orange: gradients)")
    box(axes[1], 1.65, 1.45, "ε ~ N(0, 1)")
    arrow(axes[1], (1.65, 1.3), (1.65, 0.8))
    arrow(axes[1], (1.1, 0.68), (0.25, 1.0), ORANGE, down=0.14)
    arrow(axes[1], (1.1, 0.33), (0.25, 0.0), ORANGE, down=0.14)
    axes[1].text(0.42, 0.55, "dmu", color=ORANGE)
    axes[1].text(0.75, -0.12, "dlogvar", color=ORANGE)
    axes[1].set_title("The draw comes from outside")

# %% [markdown]
# On the left the draw happens in the middle of the computation. On the right it has moved to the
# edge: the noise comes in as an input, like the data, and nobody asks for its gradient. What is
# left in the middle is a formula. Nothing else has changed: the numbers that come out have the same
# law. Step 1 below says why; the next cell looks at their mean and variance. Each should be within
# 4 *standard errors*: its own standard deviation, were all $S$ draws made again and again.

# %%
mu, logvar = 1.5, -0.8
sigma = np.exp(logvar / 2)
S = 100_000  # draws

eps = np.random.default_rng(0).standard_normal(S)
z = mu + sigma * eps
mean_error = sigma / np.sqrt(S)  # one standard error of the mean of S draws
variance_error = sigma**2 * np.sqrt(2 / (S - 1))  # and of their variance, for a normal law
print(f"mean      {z.mean():.4f}, should be {mu:.4f}")
print(f"variance  {z.var(ddof=1):.4f}, should be {sigma**2:.4f}")
assert abs(z.mean() - mu) < 4 * mean_error
assert abs(z.var(ddof=1) - sigma**2) < 4 * variance_error

# %% [markdown]
# ## By pencil
#
# **Step 1: the law.** Let $\varepsilon$ be a draw from $N(0, 1)$: its mean is 0 and its variance
# is 1. Put
#
# $$
# z = \mu + \sigma \varepsilon .
# $$
#
# The mean of $z$ is $\mu + \sigma \cdot 0 = \mu$, and its variance is
# $\sigma^2 \cdot 1 = \sigma^2$. A normal number that is stretched and shifted stays normal. So $z$
# is a draw from $N(\mu, \sigma^2)$, and the random part, $\varepsilon$, has no parameter in it.
#
# **Step 2: two derivatives.** Now hold $\varepsilon$ fixed. Then $z$ is a function of $\mu$ and
# $\sigma$ like any other:
#
# $$
# \frac{\partial z}{\partial \mu} = 1, \qquad \frac{\partial z}{\partial \sigma} = \varepsilon .
# $$
#
# **Step 3: the chain rule.** The loss $L$ depends on $\mu$ and $\sigma$ through $z$. With `dz` for
# $\partial L / \partial z$, which the rest of the network hands back to you,
#
# $$
# \texttt{dmu} = \texttt{dz} \cdot 1, \qquad \texttt{dsigma} = \texttt{dz} \cdot \varepsilon .
# $$
#
# **Step 4: from sigma to the log-variance.** The network puts out $\ell = \log \sigma^2$, so
# $\sigma = e^{\ell / 2}$, and its derivative in $\ell$ is $e^{\ell/2} / 2 = \sigma / 2$. One more
# link in the chain:
#
# $$
# \texttt{dlogvar} = \texttt{dsigma} \cdot \frac{\sigma}{2} =
# \texttt{dz} \cdot \frac{\sigma \varepsilon}{2} .
# $$
#
# This is all of it. You can read the second formula without any algebra, too. As
# $\sigma \varepsilon = z - \mu$, it says: `dlogvar` is `dz` times half the distance by which this
# draw fell above the mean. If the draw fell above, and the loss grows with $z$, then for this draw
# a smaller variance would have been better, and `dlogvar` is positive: gradient descent makes the
# variance smaller.
#
# **Step 5: what it is the gradient of.** For one draw it is the gradient of $f(z)$ at this
# $\varepsilon$, where $f$ is all that comes after $z$. What you want is the gradient of the average
# over all draws, $\mathbb{E} f(z)$. Write the average as an integral over $\varepsilon$, with the
# density $\varphi$ of $N(0, 1)$:
#
# $$
# \frac{\partial}{\partial \mu} \int f(\mu + \sigma \varepsilon) \varphi(\varepsilon) d\varepsilon =
# \int f'(\mu + \sigma \varepsilon) \varphi(\varepsilon) d\varepsilon =
# \mathbb{E} f'(z) .
# $$
#
# The density has no $\mu$ in it, so the derivative reaches $f$ alone. The same for the
# log-variance gives $\mathbb{E}[f'(z) \sigma \varepsilon / 2]$. So what one draw sends back is
# not the gradient of the average, but it is right *on average*: an *unbiased* estimate. Training by
# stochastic gradient descent needs no more than that.
#
# To take the derivative inside the integral two things are needed. $f$ must be continuous, and
# differentiable except at single points: a kink is fine, a jump is not. And the averages of
# $|f'(z)|$ and of $|f'(z) \varepsilon|$ must be finite, for all $\mu$ and $\sigma$ close by. You
# will see below what a jump does.

# %% [markdown]
# ## Why the log-variance?
#
# A network could put out $\sigma$ itself. It does not, for three reasons.
#
# - A network's output may be any real number, and $\sigma$ may not. But $e^{\ell/2}$ is positive
#   for every $\ell$.
# - A step in $\ell$ is a *relative* step: $\ell + 0.1$ makes the variance $e^{0.1}$ times as large,
#   whether it was large or small. So one step size fits all scales.
# - The Kullback-Leibler divergence of a VAE (chapter 8) contains $\log \sigma^2$, which is then
#   simply there.
#
# Here is the first reason at work. Take the loss $\sigma^2 / (2 s^2) - \log \sigma$, which is least
# at $\sigma = s$, and go one step downhill from 0.3 towards $s = 0.1$: once in $\sigma$, once in
# $\ell$. By step 4 the derivative in $\ell$ is the one in $\sigma$, times $\sigma / 2$.

# %%
s, before, rate = 0.1, 0.3, 0.02
dsigma = before / s**2 - 1 / before
dlogvar = dsigma * before / 2

by_sigma = before - rate * dsigma
by_logvar = np.exp((np.log(before**2) - rate * dlogvar) / 2)
print(f"after one step in sigma:  sigma = {by_sigma:.3f}")
print(f"after one step in logvar: sigma = {by_logvar:.3f}")
assert by_sigma < 0 < s < by_logvar < before

# %% [markdown]
# A standard deviation below zero is nonsense; its logarithm, in the loss, is not even a number. In
# the log-variance this cannot happen.
#
# ## In the package
#
# This is the function that the VAE of the package calls: forward, and back. It keeps the protocol
# of chapter 2. `mu` and `logvar` are differentiated; `eps` is a constant, which comes in by name.

# %%
print(inspect.getsource(tinyvae.reparameterize))

# %% [markdown]
# Three lines do the work: `spread`, `dmu`, `dlogvar`. Three things are worth a second look.
#
# - The function draws nothing. The caller draws `eps`, so both directions see the same.
# - What the way back must remember is `spread`, that is $\sigma \varepsilon$, and no more.
# - `sum_to` adds up gradients where `eps` brings more than one draw for each `mu`. That is the
#   subject of the next section.
#
# ## Many draws from one law
#
# One draw says little about the average, so one may take $S$ of them for each example and let the
# loss be the mean over the draws. Then `eps` and `z` have a leading axis: with `mu` and `logvar` of
# shape (B, Z), for B examples with Z latents each, they are (S, B, Z).
#
# Take a single `mu` and its draws $z_1, \dots, z_S$. The loss depends on `mu` through every one of
# them, and the chain rule adds over all ways:
#
# $$
# \texttt{dmu} = \sum_{s=1}^{S} \texttt{dz}_s, \qquad
# \texttt{dlogvar} = \sum_{s=1}^{S} \texttt{dz}_s \frac{\sigma \varepsilon_s}{2} .
# $$
#
# There is no $1/S$ here. If the loss is a mean, its $1/S$ is in every `dz` already. And
# `dlogvar` is a sum of products: each draw's own `dz` with its own $\varepsilon$.
#
# Two ways to get this wrong look harmless. `divided` takes the mean over the draws, and so divides
# by $S$ a second time. `apart` adds up first and multiplies afterwards. The package's `diagnose`
# runs a forward pass with its backward pass, and says what it finds. It names the first mistake; of
# the second it says which gradient is wrong, where, and what it is not.


# %%
def forward(mu, logvar, *, eps):
    return mu + np.exp(logvar / 2) * eps


def divided(dz, mu, logvar, *, eps):
    sigma = np.exp(logvar / 2)
    return dz.mean(axis=0), (dz * eps).mean(axis=0) * sigma / 2


def apart(dz, mu, logvar, *, eps):
    sigma = np.exp(logvar / 2)
    return dz.sum(axis=0), dz.sum(axis=0) * eps.sum(axis=0) * sigma / 2


rng = np.random.default_rng(1)
mus, logvars = rng.standard_normal((2, 5, 3))  # (B, Z) each
noise = rng.standard_normal((4, 5, 3))  # (S, B, Z)
for backward in (divided, apart):
    found = tinyvae.diagnose(forward, mus, logvars, eps=noise, backward=backward)
    print(backward.__name__, *found.lines, sep="\n  ")
    assert not found.ok
    assert ("a mean where a sum belongs" in " ".join(found.lines)) == (backward is divided)

# %% [markdown]
# ## Check it
#
# First the gradient: `gradcheck` holds `vjp` against finite differences, entry by entry, under a
# random cotangent `dz` (chapter 1). It can do so because the noise is an argument: it stays the
# same while `mu` and `logvar` are moved.

# %%
report = tinyvae.gradcheck(tinyvae.reparameterize, mus, logvars, eps=noise)
print(report)
assert report.ok

# %% [markdown]
# Then the claim of step 5: that a draw's gradient is right on average. For that one needs an $f$
# whose average is known. Take $f(z) = (z - k)^2$. As the mean of $(z - k)^2$ is the squared
# distance of the means plus the variance,
#
# $$
# \mathbb{E} (z - k)^2 = (\mu - k)^2 + \sigma^2, \qquad
# \frac{\partial}{\partial \mu} = 2 (\mu - k), \qquad
# \frac{\partial}{\partial \ell} = \sigma^2,
# $$
#
# the last because $\sigma^2 = e^{\ell}$ is its own derivative in $\ell$.
#
# `estimates` gives `mu` a row for every draw, all of them equal, so that each draw sends back an
# estimate of its own. Their mean is compared with the exact gradient, in standard errors: the
# standard deviation of the estimates, divided by the root of their number. A right mean is within
# 4 of them nearly always.

# %%
k = 0.3
truth = 2 * (mu - k), sigma**2  # of dmu, of dlogvar


def estimates(draw, eps):
    """dmu, dlogvar (S,): an estimate from each of the noises eps (S,), for f(z) = (z - k)²."""
    rows = (len(eps), 1)
    z, vjp = draw(np.full(rows, mu), np.full(rows, logvar), eps=eps.reshape(1, *rows))
    dmu, dlogvar = vjp(2 * (z - k))
    return dmu.ravel(), dlogvar.ravel()


def off(values, number):
    """How many standard errors the mean of the values is from that number."""
    return (values.mean() - number) / (values.std(ddof=1) / np.sqrt(len(values)))


for name, each, exactly in zip(
    ("dmu", "dlogvar"), estimates(tinyvae.reparameterize, eps), truth, strict=True
):
    distance = off(each, exactly)
    print(f"{name:8} mean {each.mean():.4f}, exact {exactly:.4f}: {distance:+.1f} standard errors")
    assert abs(distance) < 4

by_quadrature = exact.gradient(integrands.quadratic(k), gaussian, (mu, logvar))
assert np.allclose(by_quadrature, truth, rtol=1e-10)  # the pencil was right, too

# %% [markdown]
# ## See it
#
# Each noise $\varepsilon$ is a track that $z$ runs on. When $\mu$ grows, all tracks rise together,
# with slope 1. When the log-variance grows, they fan out: a draw above the mean moves up, a draw
# below it moves down, and the one at $\varepsilon = 0$ stays. Their slope is
# $\sigma \varepsilon / 2$. The dots are one moment of this, for five noises, at $\mu = 0$ and
# $\ell = 0$, with the slopes that `vjp` gives.

# %%
# alt: Two panels with z for five fixed noises. Against mu it is five parallel lines of slope 1.
# alt: Against logvar it is five curves that fan out from z = 0, steeper the larger the noise.
five = np.array([-1.6, -0.8, 0.0, 0.8, 1.6])
zero = np.zeros(5)
at_zero, vjp = tinyvae.reparameterize(zero, zero, eps=five)
slopes = vjp(np.ones(5))  # dz/dmu, dz/dlogvar of each draw: a cotangent of 1 for each

with style():
    figure, axes = side_by_side(2)
    x = np.linspace(-2, 2, 81)[:, None] + zero  # (81, 5): a column for each noise
    tracks = forward(x, 0 * x, eps=five), forward(0 * x, x, eps=five)
    for ax, track, slope in zip(axes, tracks, slopes, strict=True):
        ax.plot(x, track, color=BLUE, linewidth=1.2)
        ax.plot(zero, at_zero, "o", color=ORANGE, zorder=3)
        for start, rise in zip(at_zero, slope, strict=True):
            ax.plot([-0.5, 0.5], [start - rise / 2, start + rise / 2], color=ORANGE, linewidth=2.5)
        for end, e in zip(track[-1], five, strict=True):
            ax.text(2.08, end, f"ε = {e:g}".replace("-", "−"), va="center", color=BLUE)
        ax.set(ylabel="z", xlim=(-2, 2), ylim=(-4.6, 4.6))
    axes[0].set(xlabel="mean μ", title="All draws move together: slope 1")
    axes[1].set(xlabel="log-variance", title="They fan out: slope σε/2 (orange)")

assert np.array_equal(slopes[0], np.ones(5))
assert np.allclose(slopes[1], five / 2)

# %% [markdown]
# ## What breaks it
#
# ### Fresh noise on the way back
#
# Suppose the sampling layer keeps nothing. On the way back it needs an $\varepsilon$, and so it
# draws one. This was found in hand-written VAEs in public, and `tinyvae.gallery`, a collection of
# such mistakes, has it. Lines that differ are marked.

# %%
mistake = gallery.GALLERY["fresh-noise"]
for label, line in gallery.side_by_side(gallery.PARTS["draw"], mistake.wrong):
    print(f"{label:6}| {line}")

# %% [markdown]
# Call the new noise $\varepsilon'$. It is independent of $\varepsilon$, and so of $z$ and of `dz`.
# The mean of a product of independent numbers is the product of their means:
#
# $$
# \mathbb{E}\left[ \texttt{dz} \cdot \frac{\sigma \varepsilon'}{2} \right] =
# \frac{\sigma}{2} \mathbb{E}[\texttt{dz}] \cdot \mathbb{E}[\varepsilon'] =
# \frac{\sigma}{2} \mathbb{E}[\texttt{dz}] \cdot 0 = 0 .
# $$
#
# So `dlogvar` is zero on average, *for every loss*. And `dmu`, which has no $\varepsilon$ in it, is
# right. The gradient of the log-variance is not a little off: there is none, only noise.

# %%
fresh = mistake.function(seed=2)
dmu, dlogvar = estimates(fresh, eps)
print(f"dmu:     {off(dmu, truth[0]):+.1f} standard errors from the exact {truth[0]:.4f}")
print(f"dlogvar: {off(dlogvar, truth[1]):+.0f} standard errors from the exact {truth[1]:.4f}")
print(f"dlogvar: {off(dlogvar, 0.0):+.1f} standard errors from 0")
assert abs(off(dmu, truth[0])) < 4
assert abs(off(dlogvar, 0.0)) < 4
assert abs(off(dlogvar, truth[1])) > 50

# %% [markdown]
# What does this do to a training? Take the smallest model with a hidden number: $z$ is drawn from
# $N(0, 1)$, the *prior*; then $x$ is drawn from $N(z, 1)$; and you see $x = 1.5$. Given this $x$,
# the law of $z$ is known: it is $N(0.75, 0.5)$, the *posterior*. Train $q = N(\mu, \sigma^2)$
# towards it as a VAE does: the loss is the average of $(x - z)^2 / 2$ over draws of $z$ from $q$,
# up to a constant, plus the Kullback-Leibler divergence of $q$ from $N(0, 1)$ (chapter 8 derives
# this). The two parts pull on $\sigma$ in opposite directions: the data want it small, the
# divergence wants it to be 1.


# %%
def train(draw, seed, steps=400, rate=0.1, draws=32):
    """(mu, logvar) at every step, (steps + 1, 2), of gradient descent on the model's loss."""
    rng = np.random.default_rng(seed)
    params = np.array([[[0.0]], [[-2.0]]])  # mu and logvar, (B, Z) each: one example, one latent
    path = [params]
    for _ in range(steps):
        z, draw_vjp = draw(*params, eps=rng.standard_normal((draws, 1, 1)))
        _, kl_vjp = tinyvae.kl_per_latent(*params)
        dz = (z - ONE_DATUM) / draws  # of the mean over the draws of (x - z)²/2
        params = params - rate * (np.array(draw_vjp(dz)) + np.array(kl_vjp(np.ones((1, 1)))))
        path.append(params)
    return np.reshape(path, (-1, 2))


runs = {
    "same noise": train(tinyvae.reparameterize, seed=3),
    "fresh noise": train(mistake.function(seed=4), seed=3),
}
posterior_mean, posterior_variance = (float(a.squeeze()) for a in ONE_LATENT.posterior(ONE_DATUM))
print(f"posterior:   mean {posterior_mean:.3f}, variance {posterior_variance:.3f}")
ends = {}
for name, path in runs.items():
    m, v = path[len(path) // 2 :].mean(axis=0)  # averaged over the second half of the steps
    ends[name] = m, np.exp(v)
    print(f"{name + ':':12} mean {m:.3f}, variance {np.exp(v):.3f}")
assert np.allclose(ends["same noise"], (posterior_mean, posterior_variance), atol=0.03)
assert np.allclose(ends["fresh noise"], (posterior_mean, 1.0), atol=0.05)

# %%
# alt: Two panels against the training step. The mean reaches the posterior's with both. The
# alt: variance reaches the posterior's 0.5 with the same noise, and the prior's 1 with fresh noise.
with style():
    figure, axes = side_by_side(2)
    for name, colour, low in (("same noise", BLUE, 0.2), ("fresh noise", ORANGE, 0.1)):
        axes[0].plot(runs[name][:, 0], color=colour, linewidth=1.2)
        axes[0].text(400, low, f"{name} on the way back", color=colour, ha="right")
        axes[1].plot(np.exp(runs[name][:, 1]), color=colour, linewidth=1.2)
        axes[1].text(400, ends[name][1] + 0.14, name, color=colour, ha="right")
    levels = (0, posterior_mean, "posterior"), (1, posterior_variance, "posterior"), (1, 1, "prior")
    for panel, level, name in levels:
        ax = axes[panel]
        ax.axhline(level, color="0.2", linestyle="--", linewidth=1.0)
        ax.text(1.01, level, name, transform=ax.get_yaxis_transform(), va="center")
    axes[0].set(xlabel="training step", ylabel="mean of q", title="The mean: both find it")
    axes[1].set(xlabel="training step", ylabel="variance of q", ylim=(0, 1.5))
    axes[1].set_title("The variance: only the same noise finds it")

# %% [markdown]
# With fresh noise the data do not pull on the variance at all, on average. The divergence alone
# decides, and takes it to that of the prior. Nothing looks broken: the mean is right, and the loss
# falls. In this model the mean of the loss over all noise is a closed form, so you can look. Minus
# the loss, with its constant, is the *bound* of chapter 8, in nats (the unit of the natural
# logarithm), and it cannot exceed $\log p(x)$.


# %%
def bound(m, v):
    """Minus the loss, with its constant, of q = N(m, v): exact, in nats."""
    return float(ONE_LATENT.bound(np.array([m]), np.array([np.log(v)]), x=ONE_DATUM)[0])


highest, first = float(ONE_LATENT.log_prob(ONE_DATUM)), bound(0.0, np.exp(-2.0))
print(f"log p(x) {highest:.3f}; the bound at the start of both runs {first:.3f}")
for name, end in ends.items():
    print(f"{name}: the bound rises to {bound(*end):.3f}")
assert first < bound(*ends["fresh noise"]) < highest - 0.1
assert highest - 0.01 < bound(*ends["same noise"]) <= highest

# %% [markdown]
# Seen alone, the run with fresh noise looks like one that works. In a VAE you know neither
# $\log p(x)$ nor the right variance, and so not what you miss.
#
# The gradient check sees it at once, before any training. It calls everything twice, and a
# backward pass that draws gives two answers.

# %%
for name, draw in (("same noise", tinyvae.reparameterize), ("fresh noise", fresh)):
    report = tinyvae.gradcheck(draw, mus, logvars, eps=noise)
    print(f"{name}: {report.verdict} {report.message()}")
    assert report.ok == (name == "same noise")

# %% [markdown]
# ### A loss that jumps
#
# Step 5 asked for a continuous $f$. Let $f(z)$ be 1 where $z > 0.5$ and 0 elsewhere. Its average
# $\mathbb{E} f(z)$ is the probability of $z > 0.5$, and that surely depends on $\mu$. But the slope
# of $f$ is 0 at every draw, and so is every estimate. Their mean is 0, with no spread to warn you.

# %%
step = integrands.step(c=0.5)
z, vjp = tinyvae.reparameterize(np.zeros((S, 1)), np.zeros((S, 1)), eps=eps.reshape(1, S, 1))
y, step_vjp = step(z.reshape(S, 1))
dmu, _ = vjp(step_vjp(np.ones(S))[0].reshape(z.shape))
slope, _ = exact.gradient(step, gaussian, (0.0, 0.0), breaks=(0.5,))
print(f"d/dmu of P(z > 0.5): exact {slope:.4f}, the mean of {S} estimates {dmu.mean():.4f}")
assert slope > 0.3
assert not dmu.any()

# %% [markdown]
# The gradient is all in the jump, which no draw hits. Such an $f$, or a $z$ that jumps by itself,
# as a coin does, needs another idea: chapter 5.
#
# ### The variance for the standard deviation
#
# The last one passes every gradient check: $\sigma = e^{\ell}$ in place of $e^{\ell/2}$, with the
# derivative that belongs to it. The way back fits the way forward. What is wrong is the way
# forward: it does not draw from the law that `logvar` tells. A look at the draws shows that.

# %%
wrong = gallery.GALLERY["sigma-exp-logvar"].wrong
print("gradient check:", tinyvae.gradcheck(wrong, mus, logvars, eps=noise).verdict)
z, _ = wrong(np.full((S, 1), mu), np.full((S, 1), logvar), eps=eps.reshape(1, S, 1))
error = z.var() * np.sqrt(2 / (S - 1))
print(f"variance of the draws {z.var():.3f}, of the law that logvar tells {np.exp(logvar):.3f}")
assert tinyvae.gradcheck(wrong, mus, logvars, eps=noise).ok
assert abs(z.var() - np.exp(logvar)) > 50 * error

# %% [markdown]
# So two questions have to be asked, and by two different tests: is this the gradient of what is
# computed? And is what is computed the right thing? Chapter 11 is about the second.
#
# ## Exercises
#
# The package has exercises with a checker that says what is wrong. Those of this chapter:

# %%
for name in CHAPTERS[4]:
    print(f"{exercise(name).number}. {exercise(name).title}  ({exercise(name).file})")
print("start with:  python -m tinyvae exercises start")

# %% [markdown]
# With pencil: a network may also put out $\lambda = \log \sigma$. Derive the gradient in $\lambda$,
# and compare it with `dlogvar`. By which number do they differ, and why? Then do the same for
# $\sigma = \log(1 + e^{a})$, the softplus of a number $a$.
#
# ## Read on
#
# - Kingma & Welling, *Auto-Encoding Variational Bayes* (2014), section 2.4: the trick, and for
#   which other laws it works.
# - Rezende, Mohamed & Wierstra, *Stochastic Backpropagation and Approximate Inference in Deep
#   Generative Models* (2014), section 3: the same idea, of the same year.
# - Mohamed, Rosca, Figurnov & Mnih, *Monte Carlo Gradient Estimation in Machine Learning* (2020),
#   section 5: the pathwise estimator, and what it asks of $f$.
#
# Next, chapter 5: REINFORCE, the gradient that needs no path, and works for black boxes and coins.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
