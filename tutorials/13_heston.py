# %% [markdown]
# # 13. Implied-volatility surfaces: the Heston case
#
# **The question.** Here are 625 surfaces. Each is a table of 17 × 101 numbers, and each was made
# from only four. Can a variational autoencoder (VAE) find the four, make new surfaces, and complete
# a surface of which it is shown twenty noisy points?
#
# You need chapters 4 (the draw), 8 (the ELBO, and the hidden beta), 9 (training) and 10 (active
# latents). You need no finance: every word of it is defined. Time: about 45 minutes.

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
from tinyvae import plots
from tinyvae.data.heston import PARAMETERS, YEAR, heston_surfaces
from tinyvae.finance import black_scholes, cosine, fourier
from tinyvae.finance.arbitrage import static_arbitrage
from tinyvae.finance.codes import standard_codes
from tinyvae.finance.fit import fit_latents, misfit
from tinyvae.finance.heston import Heston, log_moment
from tinyvae.finance.measure import PUBLISHED, distance
from tinyvae.finance.quotes import quote, quoted_points
from tinyvae.finance.regression import r_squared
from tinyvae.models import ppca

# %% [markdown]
# ## 13.1 The surfaces, and the words
#
# Some words first. Take a share, or anything else with a price that moves.
#
# - The *maturity* $T$ is a day in the future, in years from now. A year has 365 days here.
# - The *forward* $F$ is the price that you can agree on today, for buying the share at maturity.
# - A *call* with *strike* $K$ is the right to buy it at maturity for $K$. You use it only if the
#   share then costs more, so that it will be worth $\max(S - K, 0)$, with $S$ the price then. A
#   *put* is the right to sell for $K$, worth $\max(K - S, 0)$. Both are called *options*.
#
# We count money in forwards, paid at maturity. Then $F = 1$, and interest plays no part. Strikes
# are told as *log-moneyness*, $k = \log(K / F)$, so that $K = e^k$. At $k = 0$ the strike is the
# forward; below 0 it is lower.
#
# A *model* is a law (a probability distribution) of $S$ for each maturity, with
# $\mathbb{E}[S] = 1$. In it an option costs what it is worth on average:
#
# $$
# c(k) = \mathbb{E}[\max(S - e^k, 0)], \qquad P(k) = \mathbb{E}[\max(e^k - S, 0)],
# \qquad c(k) - P(k) = 1 - e^k .
# $$
#
# The last equation is *put-call parity*: $\max(y, 0) - \max(-y, 0) = y$, and the mean of $S - e^k$
# is $1 - e^k$. So one of the two prices is enough. (Why the mean? Because then no trade wins on
# average. We take that as what a model is.)
#
# Prices are not what one draws. Every price is translated into an *implied volatility*, a number
# like 22 % that section 13.2 defines. Along the strikes it makes a curve, called a *smile*; the
# smiles of all maturities make the *surface*. Here are four of the 625, and the four numbers that
# made them. You will meet these numbers in 13.3. Turn one at a time, and look what it does.

# %%
# alt: Four small panels with smiles of five maturities. The first is a middle one. With rho at -0.9
# alt: all smiles are steeper, higher on the left and lower on the right. With xi at 0.1 they are
# alt: much flatter. With eta at 0.0625 the maturities lie close together.
data = tinyvae.data.load("heston")
k, days = data.log_moneyness, data.maturity_days
middle = {"kappa": 0.5, "eta": 0.15**2, "rho": -0.5, "vol_of_vol": 0.3}
turned = {"a middle one": {}, "ρ = −0.9": {"rho": -0.9}}
turned |= {"ξ = 0.1": {"vol_of_vol": 0.1}, "η = 0.25²": {"eta": 0.25**2}}
four = heston_surfaces([[*(middle | each).values()] for each in turned.values()])
title = "κ = 0.5, η = 0.15², ρ = −0.5, ξ = 0.3; in three panels one of them is another"
figure = plots.small_smiles(k, days, four.volatility, titles=list(turned), title=title)
print(
    f"{len(data.x)} surfaces to train on, {len(data.held_out)} held out, {data.x.shape[1]} points"
)

# %% [markdown]
# The 625 are all combinations of five values of each number. `data` computed them just now, from
# the formulas that follow: nothing was fetched. A tenth, drawn by a fixed shuffle, is held out. (In
# code $\xi$ is `vol_of_vol`. The values of $\eta$ are squares: 0.05², 0.1² and so on.)

# %%
for name, values in data.factors.items():
    print(f"{name:11}", np.unique(values.round(4)))

# %% [markdown]
# This case comes from a public project, called *the source* below. It simulated the surfaces on a
# large GPU, trained a VAE on them, walked through its latents, and fitted a surface by gradient
# descent through the decoder. We redo it on a laptop, and look for what one can miss on the way.
#
# ## 13.2 By pencil: volatility is a unit
#
# The simplest model lets $\log S$ be normal. With variance $w$ its mean must be $-w/2$, for then
# $\mathbb{E}[S] = 1$. Integrate $\max(S - e^k, 0)$ against the normal density, complete the square
# in the part with $S$, and you have the formula of Black and Scholes:
#
# $$
# c(k, w) = N(d_1) - e^k N(d_2), \qquad
# d_1 = -\frac{k}{s} + \frac{s}{2}, \quad d_2 = d_1 - s, \quad s = \sqrt{w} ,
# $$
#
# where $N$ is the distribution function of the normal law, $\varphi$ its density. $w$ is called the
# *total variance*. Spread over the time, $w = \sigma^2 T$, it makes the *volatility* $\sigma$: how
# much $\log S$ spreads in a year. If $\sigma$ is 0.22, one says 22 %; 0.01 is a *volatility point*.
#
# How does the price change with $s$? As $d_1^2 - d_2^2 = -2k$, we have
# $e^k \varphi(d_2) = \varphi(d_1)$. So the derivative of $c$ in $s$ is $\varphi(d_1)$ times the
# derivative of $d_1 - d_2 = s$, which is 1. What remains, $\varphi(d_1)$, is called the *vega*. It
# is positive: a larger $s$ always means a larger price, and every possible price belongs to exactly
# one $s$. That is the translation: the **implied volatility** of a price is the $\sigma$ that the
# formula needs to give it. Nobody has to believe that $\log S$ is normal, no more than one believes
# in the length of a foot.
#
# To find $s$, use Newton's iteration: go where the tangent meets the price.


# %%
def newton(price, k, s, steps):
    """s with call(k, s²) = price, and every s on the way."""
    path = [s]
    for _ in range(steps):
        path.append(path[-1] + (price - black_scholes.call(k, path[-1] ** 2)) / vega(k, path[-1]))
    return path


def vega(k, s):
    return np.exp(-0.5 * (-k / s + s / 2) ** 2) / np.sqrt(2 * np.pi)


x = np.linspace(-4, 4, 80_001)  # the formula against the integral that it stands for
density = np.exp(-((x + 0.02) ** 2) / 0.08) / np.sqrt(0.08 * np.pi)  # of log S at w = 0.04
integral = (np.maximum(np.exp(x) - np.exp(0.1), 0.0) * density).sum() * (x[1] - x[0])
price = black_scholes.call(0.1, 0.04)
print(f"call at k = 0.1, w = 0.04: formula {price:.8f}, integral {integral:.8f}")
for step, s in enumerate(newton(price, 0.1, s=np.sqrt(2 * 0.1), steps=4)):
    print(f"Newton's step {step}: s = {s:.12f}")
assert abs(integral - price) < 1e-8
assert abs(s - 0.2) < 1e-12
assert np.isclose(vega(0.1, 0.2), black_scholes.vega(0.1, 0.04), rtol=1e-12)

# %% [markdown]
# Each step doubles the number of right digits. Far from $k = 0$ options cost next to nothing, the
# vega is as small, and a tangent there may lead anywhere. The package does the same with the
# *logarithm* of the price, and starts on the side from which Newton's iteration cannot overshoot:

# %%
deep = black_scholes.call(0.6, 0.001)
found, determined = black_scholes.implied_variance(deep, 0.6)
print(f"k = 0.6, w = 0.001: price {deep:.3e}, and back: w = {found:.15f}")
print(inspect.getsource(black_scholes.implied_volatility))
assert determined
assert abs(found / 0.001 - 1) < 1e-10

# %% [markdown]
# ## 13.3 By pencil: Heston's model
#
# If $\log S$ were normal, every smile would be a flat line. Those above are not. In Heston's model
# the variance is random, too. Let $x = \log S$, and $v$ the *instantaneous variance*, per year.
# With $h$ a short time and $a$, $b$ normal numbers of correlation $\rho$, one step is
#
# $$
# \begin{aligned}
# x &\leftarrow x - \tfrac{1}{2} v h + \sqrt{v h}\; a , \\
# v &\leftarrow v + \kappa (\eta - v) h + \xi \sqrt{v h}\; b .
# \end{aligned}
# $$
#
# The first line is the normal model, with a variance that changes. In the second, $\kappa$ (per
# year) is the speed at which $v$ is pulled to its level $\eta$; $\xi$ (`vol_of_vol`, per year) says
# how much it is shaken; and $v$ starts at $v_0$, which is 0.05 in all our surfaces. A negative
# $\rho$ means that $v$ rises when the price falls. The model is the limit of small $h$. (In a step
# of finite size $v$ may fall below 0; then one takes 0 wherever $v$ acts.)
#
# All that prices need is the function
#
# $$
# M(z) = \mathbb{E}[S^z] = \mathbb{E}[e^{z x}], \qquad z \text{ complex} .
# $$
#
# It is an expectation like any other: along the imaginary axis, $z = iu$, it is the mean of a point
# that runs around the unit circle, called the *characteristic function*. As drift and variance of
# both lines are linear in $v$, $\log M$ is linear in $v_0$, and it has a closed form. We do not
# derive that one; Heston did, and 13.4 will test it. Here it is, arranged so that no logarithm
# jumps from one branch to another:

# %%
print(inspect.getsource(log_moment))

# %% [markdown]
# From $M$ to prices is one integral, and this one we derive. Fix a complex $z$ whose real part $p$
# is above 1, but not so large that $M(p)$ is infinite. Multiply the payoff by $e^{(z - 1) k}$ and
# integrate over all $k$. It is zero where $k > x$, so
#
# $$
# \int_{-\infty}^{x} e^{(z - 1) k} (e^x - e^k)\, dk =
# e^x \frac{e^{(z - 1) x}}{z - 1} - \frac{e^{z x}}{z} =
# \frac{e^{z x}}{z (z - 1)} .
# $$
#
# Take the mean over $x$. On the left the payoff becomes the price, on the right $e^{zx}$ becomes
# $M(z)$. With $z = p + iu$ the left side is
#
# $$
# \int_{-\infty}^{\infty} e^{i u k} \left[ e^{(p - 1) k} c(k) \right] dk = \frac{M(z)}{z (z - 1)} :
# $$
#
# a Fourier transform of the function in brackets. The inverse transform gives the price,
#
# $$
# c(k) = \frac{1}{2 \pi} \int_{-\infty}^{\infty} \frac{e^{(1 - z) k} M(z)}{z (z - 1)}\, du ,
# \qquad z = p + i u .
# $$
#
# ## 13.4 Check it: two formulas, a simulation, and a slip
#
# As code, that integral is three lines. The package's `fourier` follows a better path than a
# straight line, so that the price of an option that costs $10^{-200}$ has its digits, too. `cosine`
# takes another way altogether: it writes the density of $x$ as a series of cosines, and needs $M$
# only on the imaginary axis. Do they agree, over ten surfaces of the data and all 17 × 101 points?


# %%
def call_by_integral(k, T, law, p=1.5, h=0.05, n=4000):
    """c(k) (K,): a plain sum in place of the integral over u."""
    z = p + 1j * h * np.arange(-n, n + 1)
    f = np.exp((1 - z) * k[:, None] + log_moment(z, T, law)) / (z * (z - 1))
    return f.sum(axis=1).real * h / (2 * np.pi)


law = Heston(*middle.values(), v0=0.05)
some = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
by_pencil, by_package = call_by_integral(some, 1.0, law), fourier.call(some, 1.0, law)
rows = np.stack([values[:10] for values in data.held_out_factors.values()])
laws = Heston(*rows, v0=0.05)
# fourier gives the put below k = 0 and the call above, which put-call parity makes a put.
puts = fourier.surfaces(k, days / YEAR, laws).price + np.maximum(np.expm1(k), 0.0)
apart = np.abs(puts - cosine.puts(k, days / YEAR, laws)).max()
print(f"the plain sum and the package: {np.abs(by_pencil - by_package).max():.0e} apart")
print(f"two formulas on ten surfaces: at most {apart:.0e} apart, in units of the forward")
assert np.abs(by_pencil - by_package).max() < 1e-10
assert apart < 1e-10

# %% [markdown]
# Both begin with the same $M$, and if that were wrong, they would agree on wrong prices. What does
# not know $M$ is a simulation: the two lines of 13.3, as they stand, for 40,000 paths.
#
# The source's published script has a slip in the second line: $\kappa (\eta - \sqrt{v}) h$. The
# variance is compared with a volatility. It reads like a detail, so run both, on the same noise.


# %%
def log_price(T, law, noise, pulled=lambda v: v):
    """x at maturity of each path (P,); noise (steps, 2, P); `pulled` is what eta is compared to."""
    h, x = T / len(noise), np.zeros(noise.shape[-1])
    v = x + law.v0
    for a, other in noise:
        v_plus = np.maximum(v, 0.0)
        b = law.rho * a + np.sqrt(1 - law.rho**2) * other
        x = x - 0.5 * v_plus * h + np.sqrt(v_plus * h) * a
        pull = law.kappa * (law.eta - pulled(v_plus)) * h
        v = v + pull + law.vol_of_vol * np.sqrt(v_plus * h) * b
    return x


def off(values, number):
    """How many standard errors the mean over the last axis is from that number."""
    return (values.mean(-1) - number) / (values.std(-1) / np.sqrt(values.shape[-1]))


noise = np.random.default_rng(13).standard_normal((100, 2, 40_000))
runs = {
    "as above": log_price(1.0, law, noise),
    "with the slip": log_price(1.0, law, noise, np.sqrt),
}
truth, _ = black_scholes.implied_volatility(by_package, some, 1.0, is_call=True)
print(f"implied volatility at one year, by the integral: {100 * truth.round(4)} %")
worst, implied = {}, {}
for name, x in runs.items():
    payoffs = np.maximum(np.exp(x) - np.exp(some)[:, None], 0.0)
    implied[name], _ = black_scholes.implied_volatility(payoffs.mean(-1), some, 1.0, is_call=True)
    worst[name] = np.abs(off(payoffs, by_package)).max()
    print(f"{name}: {100 * implied[name].round(4)} %")
    print(f"  standard errors: prices are off by up to {worst[name]:.1f}, ", end="")
    print(f"the mean of S by {off(np.exp(x), 1.0):+.1f}")
assert worst["as above"] < 4 < 20 < worst["with the slip"]
assert (truth - implied["with the slip"]).min() > 0.03
assert abs(off(np.exp(runs["with the slip"]), 1.0)) < 4

# %% [markdown]
# The simulation agrees with the integral within its noise. (The finite step makes an error as well;
# `monte_carlo.py` in the package estimates both.) With the slip the variance is not pulled to
# $\eta$ but to $\eta^2$, where $\sqrt{v} = \eta$: nearly to nothing. The surfaces come out several
# volatility points too low. And look at the last number of each: the mean of $S$ is 1 in both. The
# usual sanity check cannot see the slip; a second way to the same price can. That is chapter 11
# once more: a check needs something to be held against.
#
# One more expectation, $M$ itself on the imaginary axis:

# %%
u = np.array([[1.0], [5.0], [10.0]])
around = np.exp(1j * u * runs["as above"])
exactly = np.exp(log_moment(1j * u.ravel(), 1.0, law))
for row, value, one in zip(around, exactly, u.ravel(), strict=True):
    apart = off(row.real, value.real), off(row.imag, value.imag)
    print(f"M({one:g}i) = {value:.4f}; the mean over the paths is off by {apart[0]:+.1f}, ", end="")
    print(f"{apart[1]:+.1f} standard errors")
    assert max(np.abs(apart)) < 4

# %% [markdown]
# ## 13.5 What the VAE is shown: total variance, standardised
#
# An example is a surface, laid out as a row of $D = 1717$ numbers. Which numbers? The total
# variance $w = \sigma^2 T$, which has no unit: it grows smoothly with $T$, and 13.9 needs it. The
# source has $\sigma^2$ times *days*. That is the same but for a factor: 365 times as large, its
# squared errors $365^2$ times.
#
# But the numbers of one row then differ in size. See what an error of the same size in $\sigma^2$
# times days means in volatility, at both ends of the surface. As
# $d(\sigma^2 \cdot \text{days}) = 2 \sigma \cdot \text{days} \cdot d\sigma$, divide:

# %%
spread = YEAR * data.total_variance(data.x)[:, [0, -1]].std(axis=0).mean(axis=1)
error = np.sqrt(PUBLISHED)  # the source reports a mean square of 6.6e-3
for at, each in zip((0, -1), spread, strict=True):
    points = 100 * error / (2 * np.sqrt(0.05) * days[at])
    print(f"{days[at]:3.0f} days: spread over the surfaces {each:.3f} in σ² times days; ", end="")
    print(f"an error of {error:.3f} is {points:.2f} volatility points at σ² = 0.05")
assert spread[1] > 50 * spread[0]

# %% [markdown]
# A squared error in these units looks at late maturities only. So each number is *standardised*:
# less its mean over the training surfaces, divided by its standard deviation. Then a likelihood
# with one $\sigma_x$ for all numbers makes sense, and the network sees numbers of size 1.
#
# ## 13.6 Train it
#
# Encoder and decoder have two hidden layers of 64 numbers each, with the smooth activation
# $\log(1 + e^a)$ (softplus), as the surfaces are smooth. There are four latents. The likelihood is
# normal, and its one standard deviation $\sigma_x$ is learned. The learning rate falls to 0 along
# half a cosine wave, since the noise of the draw keeps a constant one from settling (chapter 10).
# The KL is a sum over the latents, in nats.

# %%
vae = tinyvae.VAE(data.x.shape[1], 4, (64, 64), "softplus", "gaussian-learned")


def train(beta, epochs=250):
    """theta, and after each epoch (held-out ELBO in nats, sigma_x)."""
    settings = tinyvae.Settings(epochs=epochs, lr=3e-3, schedule="cosine", beta=beta, loss_every=10)
    seen = []

    def after(state):
        logvar = vae.layout.views(state.theta)["likelihood.logvar"]
        seen.append((-state.history[-1]["held_out"], np.exp(0.5 * float(logvar[0, 0]))))

    return tinyvae.fit(vae, data, settings, on_epoch=after).theta, seen


trained, seen = train(beta=1.0)
true = data.total_variance(data.held_out)
rebuilt = distance(data, data.total_variance(vae.reconstruct(trained, x=data.held_out)), true)
for epoch in (1, 10, 50, 150, 250):
    bound, sigma = seen[epoch - 1]
    print(f"after epoch {epoch:3}: held-out ELBO {bound:7.0f} nats, σ of x {sigma:.3f}")
print(f"reconstructed held-out surfaces: {100 * rebuilt.rmse:.3f} volatility points off ", end="")
print(f"(root mean square), {100 * rebuilt.worst:.1f} at worst")
assert 100 * rebuilt.rmse < 0.15
assert seen[-1][0] > seen[149][0] > 1000 > 0 > seen[0][0]

# %% [markdown]
# Surfaces that it has never seen come back to within a fraction of a volatility point. The command
# `python -m tinyvae train --data heston` trains for longer, and `python -m tinyvae surfaces` then
# prints and draws most of what follows here.
#
# **What the learned variance does here.** The held-out ELBO is *positive*, thousands of nats, and
# still rising. Nothing is wrong: densities may exceed 1. These data have no noise. The
# reconstruction term is largest at $\sigma_x^2$ equal to the mean squared residual, and there it is
# $-D \log \sigma_x$ plus a constant. Every halving of the residual brings

# %%
print(f"D log 2 = {vae.data * np.log(2):.0f} nats")

# %% [markdown]
# and there is no end to it but the patience of the optimizer. So this ELBO says how long one has
# trained, and cannot be compared with that of other units or grids. For surfaces quote the error,
# in volatility points. Against it the KL, some tens of nats, is hardly heard.
#
# **How many latents does it use?** A latent is *active* (chapter 10) if the mean of its posterior
# moves with the example: the variance of $\mu$ over the examples is above 0.01. The source has four
# latents, one of which is dead, and nothing in its text says so. One line would have:


# %%
def codes(theta, x):
    """mu (N, Z), float64, and the KL of each latent (Z,), its mean over the examples, in nats."""
    (mu, logvar), _ = vae.encode(theta, x=x)
    return mu.astype(float), tinyvae.kl_per_latent(mu, logvar)[0].mean(axis=0)


mu, kl = codes(trained, data.held_out)
print("KL of each latent:", kl.round(2), f"nats, together {kl.sum():.1f}")
print("variance of its mu:", mu.var(axis=0).round(2))
assert (mu.var(axis=0) > 0.01).all()

# %% [markdown]
# All four are in use. Why so many nats? The posterior is very narrow, as there is no noise that
# could hide where $z$ was: to know a latent ten times better costs $\log 10 = 2.3$ nats.
#
# ## 13.7 The hidden beta, and where the codes are
#
# The source's loss is the *sum* of squares over the points, plus the *mean* of the KL over the four
# latents. Chapter 8 told what to ask: which multiple of $-\log p(x \mid z) + \beta\, \mathrm{KL}$
# is that? The sum of squares is $2 \cdot (-\log p)$ at $\sigma_x = 1$, and the mean is a quarter of
# the KL. So

# %%
beta = tinyvae.effective_beta(reconstruction="sum squares", kl="mean", data=vae.data, latent=4)
print(f"beta = {beta}")
assert beta == 1 / 8

# %% [markdown]
# What does an eighth do? For a *linear* decoder chapter 10 has the answer: a latent whose direction
# has the eigenvalue $\lambda$ in the covariance of the data is active if
# $\lambda > \beta \sigma_x^2$, and then its KL is
# $\frac{1}{2} \log \frac{\lambda}{\beta \sigma_x^2}$. In the source's units, with its
# $\sigma_x = 1$:

# %%
in_days = YEAR * data.total_variance(data.x)[:, data.kept]
linear = {beta: ppca.fit(in_days, 4, beta=beta, variance=1.0) for beta in (1.0, 1 / 8)}
print("eigenvalues:", linear[1.0].eigenvalues[:4].round(1))
for beta, best in linear.items():
    each = 0.5 * np.log(best.kept / best.threshold)
    print(
        f"beta {beta:5}: {best.active} active, KL {each.round(2)}, together {each.sum():.1f} nats"
    )
print(f"difference for each latent: log(8) / 2 = {0.5 * np.log(8):.2f} nats")
assert linear[1.0].active == 4

# %% [markdown]
# By this measure all four directions are worth their price, at either $\beta$. So the dead latent
# is not what the objective asks for: more likely the training got stuck. (Once the decoder ignores
# a latent, the encoder has no use for it either, and the gradients of both are zero on average:
# nothing calls it back.) And an eighth of the KL switches no latent on or off; it makes nats
# cheaper. Now train our network with it, all else as before:

# %%
trained_8, _ = train(beta=1 / 8)
rebuilt_8 = distance(data, data.total_variance(vae.reconstruct(trained_8, x=data.held_out)), true)
standard, centre, width = standard_codes(vae, trained, data.x)
standard_8, centre_8, width_8 = standard_codes(vae, trained_8, data.x)
for name, theta, rmse, each in (
    ("beta 1  ", trained, rebuilt.rmse, width),
    ("beta 1/8", trained_8, rebuilt_8.rmse, width_8),
):
    total = codes(theta, data.held_out)[1].sum()
    print(f"{name}: KL {total:.1f} nats, error {100 * rmse:.3f} points, widths {each.round(1)}")
assert codes(trained_8, data.held_out)[1].sum() > kl.sum() + 4
assert width_8.mean() > width.mean() > 1.0

# %% [markdown]
# Here the decoder's $\sigma_x$ is learned and small, so that $\beta \sigma_x^2$ is tiny with either
# $\beta$; the error hardly depends on it. The price is paid elsewhere. The last columns are
# standard deviations of $q(z)$, the *aggregate posterior*: all codes of all surfaces together. The
# prior says 1. With $\beta = 1$ they are larger, and with an eighth of the KL larger still: the KL
# is the only term that asks the codes to be where the prior is, and 1717 points outvote it.
#
# That matters for generation. New surfaces come from $z \sim N(0, I)$, and if the codes are wider
# than that, such draws see only the middle of them. Luckily this part can be mended by pencil. Let
# the encoder put out $(z - m) / s$ in place of $z$, and let the decoder undo it in its first layer.
# No $p(x \mid z)$ changes. With $m$ and $s^2$ the mean and variance of $q(z)$ the codes have mean 0
# and variance 1, and of all choices this one has the smallest KL: `standard_codes`.

# %%
print(inspect.getsource(standard_codes))

# %%
before, after = (vae.reconstruct(theta, x=data.held_out) for theta in (trained, standard))
mu, kl_standard = codes(standard, data.held_out)
pencil = 0.5 * (centre**2 + width**2 - 1 - 2 * np.log(width))
print(f"reconstructions moved by {np.abs(after - before).max():.0e}, in standardised units")
less = (codes(trained, data.x)[1] - codes(standard, data.x)[1]).sum()
print(f"held-out KL {kl.sum():.2f} -> {kl_standard.sum():.2f} nats")
print(f"KL of the training data: {less:.3f} nats less; by pencil {pencil.sum():.3f}")
assert np.abs(after - before).max() < 1e-4
assert abs(less - pencil.sum()) < 0.01

eps = np.random.default_rng(1).standard_normal((500, 4), dtype=np.float32)
at = -1, int(np.abs(k).argmin())  # one year, k = 0
print("spread of the total variance at one year and k = 0:")
print(f"  data {data.total_variance(data.x)[:, *at].std():.5f}")
drawn = {}
for name, theta in (("as trained", trained), ("standard codes", standard)):
    drawn[name] = data.total_variance(vae.mean(theta, eps))
    print(f"  500 samples, {name}: {drawn[name][:, *at].std():.5f}")
assert drawn["as trained"][:, *at].std() < 0.75 * drawn["standard codes"][:, *at].std()

# %% [markdown]
# (By pencil: $\frac{1}{2} (m^2 + s^2 - 1 - \log s^2)$, the KL of a normal law with these moments.)
# From here on we use the standard codes.
#
# ## 13.8 What does each latent mean?
#
# First look: move one latent, leave the others at 0.

# %%
# alt: A column for each of the four latents, an early maturity above and the last below. Each shows
# alt: five smiles while that latent alone moves from minus two to two sigma. The latents change
# alt: tilt, curvature and height of the smiles, in different mixtures.
moves = np.linspace(-2, 2, 5)
moved = [data.volatility(vae.mean(standard, moves[:, None] * one)) for one in np.eye(4)]
figure = plots.latent_smiles(
    k, days, moved, moves, kl_standard, "one latent moves, the others are 0"
)

# %% [markdown]
# No latent is "the $\rho$". There is no reason why one should be: the prior $N(0, I)$ looks the
# same after every rotation, and another training would mix them in another way. What can be asked
# is whether all four together *know* the parameters. Regress each parameter on the latents, by
# least squares, with products $z_i z_j$ as further features. Then measure on held-out surfaces
#
# $$
# R^2 = 1 - \frac{\text{mean squared error}}{\text{variance}} ,
# $$
#
# which is 1 if the parameter is known, and 0 if one might as well have said its mean.

# %%
train_mu, _ = codes(standard, data.x)
causes, held_out_causes = (
    np.stack(list(each.values()), axis=1) for each in (data.factors, data.held_out_factors)
)
straight, curved = (
    r_squared(train_mu, causes, mu, held_out_causes, degree=degree) for degree in (1, 2)
)
print(f"{'R² of':15}", *(f"{name:>10}" for name in PARAMETERS))
print(f"{'straight lines':15}", *(f"{each:10.3f}" for each in straight))
print(f"{'with products':15}", *(f"{each:10.3f}" for each in curved))
back = r_squared(causes, train_mu, held_out_causes, mu, degree=2)
print("the other way, each latent from the four parameters:", back.round(3))
assert back.min() > 0.9
assert curved[2:].min() > 0.85  # rho and vol_of_vol

# %% [markdown]
# The last line says that the latents are functions of the four parameters. The lines above say how
# well four parameters can be read from four latents by *this* regression, and no more: a low $R^2$
# may mean that a latent does not know, or that it says so in a curved way. Which is it for $\eta$?
# What acts is the pull $\kappa (\eta - v)$, a product. So look at the surfaces of each $\kappa$ by
# themselves:

# %%
apart_by_kappa = []
for value in np.unique(causes[:, 0]):
    these, held = causes[:, 0] == value, held_out_causes[:, 0] == value
    eta, eta_held = causes[these, 1:2], held_out_causes[held, 1:2]
    (within,) = r_squared(train_mu[these], eta, mu[held], eta_held, degree=2)
    print(f"kappa = {value:.1f}: R² of eta {within:.3f}")
    apart_by_kappa.append(within)
assert np.mean(apart_by_kappa) > curved[1]

# %% [markdown]
# The latents know $\eta$; the regression over all $\kappa$ was too stiff to read it. Measure before
# you say that a code has "lost" something.
#
# These surfaces have no noise. With noise it is another story, and the VAE has no part in it. Move
# each parameter a little, up and down, and see how the surface moves: row $i$ of a matrix $J$, in
# volatility points for the whole width of the box that the five values of a parameter span. The
# eigenvectors of $J J^T$ are directions in the space of the four; the roots of its eigenvalues say
# by how much (root mean square) the surface moves along them. And if only 20 points are known, each
# with an independent error of 0.2 volatility points, least squares can tell the parameters no
# better than with errors that are the roots of the diagonal of $0.2^2 (J J^T)^{-1}$, with the 20
# columns of $J$ that are seen.

# %%
here = np.array([*middle.values()])
steps = 1e-3 * np.diag(np.ptp(causes, axis=0))
up, down = (heston_surfaces(here + sign * steps).volatility for sign in (1, -1))
J = 100 * (up - down) / 2e-3  # (4, M, K)
square, directions = np.linalg.eigh(np.einsum("imk,jmk->ij", J, J) / vae.data)
directions *= np.sign(directions[np.abs(directions).argmax(axis=0), range(4)])
print("it moves by     along", *(f"{name:>10}" for name in PARAMETERS))
for each, direction in zip(np.sqrt(square), directions.T, strict=True):
    print(f"{each:9.2f} points      ", *(f"{part:10.2f}" for part in direction))
seen_J = J[:, quoted_points(data)]
errors = 0.2 * np.sqrt(np.diag(np.linalg.inv(seen_J @ seen_J.T)))
print(f"from {seen_J.shape[1]} quotes, errors    ", *(f"{each:10.3f}" for each in errors))
assert square[-1] > 400 * square[0]
assert np.abs(directions[:, 0]).argmax() == 0  # kappa is most of the weakest direction
assert errors[0] > 0.2 > 0.05 > errors[2]

# %% [markdown]
# Along the first direction, $\kappa$ up with some $\eta$, the surface hardly moves. One can see
# why: the variance is pulled from 0.05 down to $\eta$, and a stronger pull to a higher level is
# nearly the same pull. Such parameters are *weakly identified*. The last line is in widths of the
# box: the quotes settle $\rho$, while of $\kappa$ they say hardly more than that it is in the box.
# (Somebody who draws it uniformly from the box has a standard deviation of 0.29.) The *surface*
# they determine well all the same, as 13.10 will show.
#
# ## 13.9 New surfaces, and what a market would make of them
#
# Draw $z$ from the prior, decode, and there is a new surface. Is it one that could be? There is a
# test with no model in it. A *static arbitrage* is a set of trades, made today, that cannot lose
# and may win. A surface must not offer any:
#
# - **Calendar.** At the same $k$ the total variance $w$ may not fall as $T$ grows. Else sell the
#   early option, which is the dearer one, and buy the late one. (Whatever the price at the early
#   day, the late one is fair around it, and the payoff is convex. So by Jensen's inequality the
#   late option is worth at least as much.)
# - **Butterfly.** As a function of the strike $K$ the price must be convex, as its second
#   derivative is a density. Else sell an option of a middle strike and buy options around it.
#
# `static_arbitrage` holds each point against the best such trade (and against a third kind, that a
# call may not cost more than one of a lower strike). *Depth* is by how many volatility points the
# quote is off. *Free at a cost* allows trades that would earn less than that cost: a basis point is
# 1/10,000 of the forward.


# %%
def report(name, w):
    """Print and return what is free of static arbitrage among the surfaces w (N, M, K)."""
    found = static_arbitrage(w, k, days / YEAR)
    free, cheap = found.free().mean(), found.free(cost=1e-4).mean()
    depth = 100 * found.deepest()
    print(f"{name:24}{free:8.0%}{cheap:12.0%}{np.median(depth):16.3f}{depth.max():9.2f}")
    return found


print(f"{'':24}{'free':>8}{'free at 1bp':>12}{'depth: median':>16}{'worst':>9}")
of_data = report("held-out data", true)
report("their reconstructions", data.total_variance(vae.reconstruct(standard, x=data.held_out)))
of_middle = report("samples, as trained", drawn["as trained"])
of_samples = report("samples, standard codes", drawn["standard codes"])
negative = (np.nanmin(drawn["standard codes"], axis=(1, 2)) < 0).mean()
print(f"samples with a negative total variance somewhere: {negative:.1%}")
assert of_data.free().all()
assert of_samples.free().mean() < 0.5
assert np.median(of_middle.deepest()) < np.median(of_samples.deepest())
assert np.median(of_samples.deepest()) < 0.005 < of_samples.deepest().max()

# %%
# alt: Four surfaces drawn from the prior, each with smiles of five maturities, of different height
# alt: and tilt, some smooth, some slightly jagged. Above each is the depth of its deepest static
# alt: arbitrage.
titles = [f"off by {100 * depth:.2f} points" for depth in of_samples.deepest()[:4]]
title = "four surfaces that nobody computed, and their deepest static arbitrage"
figure = plots.small_smiles(
    k, days, data.volatility(vae.mean(standard, eps[:4])), titles=titles, title=title
)

# %% [markdown]
# Be honest with this table. The data are free of arbitrage, all of them: they come from a model. Of
# the reconstructions and samples hardly any is, to the last digit. Near $k = 0$ the strikes are so
# close together that three of them are almost on a line, and a decoder's error of a few hundredths
# of a point bends it the wrong way. In the median that is a small part of a volatility point, a
# trade that fees would eat. But the worst sample is no detail, and a total variance below 0 has no
# price at all. The prior has no edge, the box of parameters has: some draws fall where no surface
# has been encoded.
#
# And compare the last two rows. The samples *as trained* look better. But they come from the middle
# of the codes, and 13.7 showed how much of the data's variety they miss. A share of good samples
# means little without a measure of what the samples cover.
#
# ## 13.10 A surface from what one knows of it
#
# A market does not quote 1717 points. Which $z$ has made what was seen? Write $x_d$ for a number
# that is known within an error $e_d$, give it the weight $1/e_d^2$, and 0 to all that is unknown.
# Minus the log posterior of $z$ is, up to a constant,
#
# $$
# \mathrm{misfit}(z) = \tfrac{1}{2} \sum_d \frac{(x_d - \mathrm{out}_d(z))^2}{e_d^2}
# \;+\; \tfrac{1}{2} \lVert z \rVert^2 .
# $$
#
# Its gradient is the one that trained the model, cut short: back through the decoder, to $z$, where
# the prior adds its own. Nothing new has to be derived.

# %%
print(inspect.getsource(misfit))

# %% [markdown]
# Check the way back through the decoder with a random cotangent, and then the whole misfit, in
# float64. (`decode` also returns the gradient of `theta`; both are checked.)

# %%
theta = standard.astype(np.float64)
z = np.random.default_rng(2).standard_normal((3, 4))
of_decoder = tinyvae.gradcheck(vae.decode, theta, z)
some_weights = np.random.default_rng(3).random((3, vae.data))
target = data.held_out[:3].astype(float)
of_misfit = tinyvae.gradcheck(misfit, z, vae=vae, theta=theta, x=target, weights=some_weights)
print(of_decoder, of_misfit, sep="\n")
assert of_decoder.ok
assert of_misfit.ok

# %% [markdown]
# The misfit may have several valleys, so Adam starts from several places, draws from the prior, and
# the lowest end counts. If all starts end equally low, that is some comfort.
#
# Take ten held-out surfaces. First all their points are known, and the squares are weighed as in
# the source, in $\sigma^2$ times days. Beside it stands the encoder's answer, which takes no
# iteration at all. Then only 20 quotes are known, five strikes at four maturities, each with an
# error of 0.2 volatility points. The encoder has no answer to that: it wants all 1717 numbers.


# %%
def line(name, z):
    """Print how far the decoded z are from the true surfaces; the Distance."""
    found = distance(data, data.total_variance(vae.mean(theta, z)), true[: len(z)])
    print(f"{name:22}{100 * found.rmse:14.3f}{100 * found.worst:8.2f}", end="")
    print(f"{found.square_days.mean():16.1e}{found.square_days.max():10.1e}")
    return found


rng = np.random.default_rng(4)
ten = data.held_out[:10]
in_days_squared = (YEAR * data.scale) ** 2 / PUBLISHED  # weights: an error of 0.08 everywhere
full = fit_latents(vae, theta, ten, weights=in_days_squared, starts=mu[:10], restarts=3, rng=rng)
error, noise = 0.002, rng.standard_normal(true[:10].shape)
quotes = quote(data, true[:10], quoted_points(data), error=error, noise=noise)
sparse = fit_latents(vae, theta, quotes.x, weights=quotes.weights, rng=rng)
print(f"{'':22}{'points: rms':>14}{'worst':>8}{'σ² days: mean':>16}{'largest':>10}")
by_encoder = line("encoder, all points", mu[:10])
by_descent = line("descent, all points", full.z)
by_quotes = line(f"descent, {quotes.count} quotes", sparse.z)
print(f"{'the source, one surface':36}{PUBLISHED:24.1e}")
print(f"starts that ended with the best: {full.agreeing.mean():.0%}, {sparse.agreeing.mean():.0%}")
assert by_descent.square_days.mean() < min(by_encoder.square_days.mean(), PUBLISHED / 5)
assert by_quotes.rmse < 2.5 * error

# %% [markdown]
# The descent beats the encoder in what it minimises. That is all it promises: in volatility points
# it may well be the worse one, since its squares look at late maturities. The last column but one
# stands beside the source's figure. (That one is of a single surface, and a simulated one, so it
# contains the noise of the simulation; ours are ten, priced to many digits.)
#
# The row of the quotes is the use of it all. Twenty of them, each off by some 0.2 points, determine
# four latents, and through them the whole surface, wings included, about as well as a single quote
# is known:

# %%
# alt: Four panels, one for each quoted maturity. Five quotes with error bars lie near the true
# alt: smile, a wide grey line, and the fitted smile stays in the grey line over its whole length.
title = (
    f"a held-out surface from {quotes.count} quotes, each with an error of {100 * error:g} points"
)
truth, fitted = data.volatility(ten[:1])[0], data.volatility(vae.mean(theta, sparse.z[:1]))[0]
figure = plots.quote_fit(k, days, truth, fitted, quotes.volatility[0], error, title)

# %% [markdown]
# ## 13.11 What breaks it
#
# **Quotes at one maturity only.** Five quotes at 26 days pass through five points of one smile. How
# far off is the rest?

# %%
early = quote(data, true[:10], quoted_points(data, maturities=(26.0,)), error=error, noise=noise)
from_early = fit_latents(vae, theta, early.x, weights=early.weights, rng=rng)
by_early = line(f"descent, {early.count} quotes", from_early.z)


def rms(errors):
    """The root mean square, in volatility points, over the points that are kept."""
    return 100 * np.sqrt(np.nanmean(errors**2))


at_quotes = rms(by_early.map[np.isfinite(early.volatility[0])])
at_a_year = rms(by_early.map[-1])
print(
    f"off at the {early.count} quotes {at_quotes:.2f} points, at one year {at_a_year:.2f}; ", end=""
)
print(f"with {quotes.count} quotes, at one year {rms(by_quotes.map[-1]):.2f}")
print(f"starts that ended with the best: {from_early.agreeing.mean():.0%}")
assert at_a_year > 3 * max(at_quotes, rms(by_quotes.map[-1]))
assert from_early.agreeing.mean() > 0.5

# %% [markdown]
# The fit passes through what it was shown, and the starts agree; that proves nothing about what was
# not shown. In 26 days hardly anything has been pulled to $\eta$ yet. Where the quotes are silent,
# the prior speaks.
#
# **Outside the box.** The 625 surfaces have $\kappa$ up to 0.9, $\xi$ up to 0.5, negative $\rho$
# only, and all of them the same $v_0 = 0.05$. Leave that, one at a time, and fit the whole surface.

# %%
outside = {
    "inside, between grid points": ({"rho": -0.4}, 0.05),
    "rho = +0.3": ({"rho": 0.3}, 0.05),
    "vol_of_vol = 0.9": ({"vol_of_vol": 0.9}, 0.05),
    "kappa = 3": ({"kappa": 3.0}, 0.05),
    "v0 = 0.09": ({}, 0.09),
}
strange, length = {}, {}
for name, (change, v0) in outside.items():
    surface = heston_surfaces([[*(middle | change).values()]], v0=v0).total_variance
    fit = fit_latents(vae, theta, data.standardize(surface), weights=in_days_squared, rng=rng)
    found = distance(data, data.total_variance(vae.mean(theta, fit.z)), surface)
    strange[name], length[name] = 100 * found.rmse, np.linalg.norm(fit.z)
    print(f"{name:28} {strange[name]:6.3f} points off, |z| = {length[name]:.1f}")
assert strange["inside, between grid points"] < 0.2
assert strange["v0 = 0.09"] > 1.0 > strange["kappa = 3"]
assert length["v0 = 0.09"] > 5

# %% [markdown]
# A little outside, the decoder still has something to offer. But $v_0$ never varied in the data, so
# that there is no latent for it, and no $z$ comes near. The fit reports a best $z$ all the same.
# What gives it away is the misfit, and the length of $z$. Under the prior the mean of
# $\lVert z \rVert^2$ is 4, one for each latent. Look at both before you believe a surface.
#
# **So, what is the answer?** Four latents suffice, all in use, and they are functions of the four
# parameters; which functions is up to chance. New surfaces come from the prior once the codes have
# its mean and variance, and most are off by little, a few by much. Twenty quotes fix the surface,
# far better than they fix $\kappa$. And all of it holds inside the box that was trained on.
#
# ## 13.12 Exercises
#
# Without a checker; the cells above have all you need.
#
# 1. *By pencil.* Repeat the derivation of 13.3 with $p < 0$ and show that the same integral is then
#    the put. Try `call_by_integral(some, 1.0, law, p=-0.5)`, and put-call parity. What do you get
#    for $p$ between 0 and 1, and why does it differ from the call by exactly 1?
# 2. *Latents.* Train with 3 and with 6 latents. What does the missing one cost, in volatility
#    points? Of the six, how many are active, and how do their nats compare?
# 3. *The missing number.* Compute surfaces at several `v0`, join them into one
#    `tinyvae.data.heston.Surfaces`, make a data set with `surface_data`, and train with five
#    latents. Which rows of 13.11 change?
#
# ## Read on
#
# - S. L. Heston, *A Closed-Form Solution for Options with Stochastic Volatility* (1993).
# - H. Albrecher, P. Mayer, W. Schoutens and J. Tistaert, *The Little Heston Trap* (2007): the
#   logarithm that must not jump.
# - A. L. Lewis, *A Simple Option Formula for General Jump-Diffusion and Other Exponential Lévy
#   Processes* (2001): the integral of 13.3.
# - F. Fang and C. W. Oosterlee, *A Novel Pricing Method for European Options Based on
#   Fourier-Cosine Series Expansions* (2008), equations 19 and 22 to 24.
# - R. Lord, R. Koekkoek and D. van Dijk, *A Comparison of Biased Simulation Schemes for Stochastic
#   Volatility Models* (2010): what to do where the variance falls below 0.
# - P. Carr and D. B. Madan, *A Note on Sufficient Conditions for No Arbitrage* (2005).
# - In the package: `tinyvae/finance/`, and the commands `python -m tinyvae train --data heston` and
#   `python -m tinyvae surfaces`.
#
# This was the last chapter. What you have now: a gradient that passes through a random number,
# checked against finite differences and exact answers, made fast, and put to work on a problem from
# outside. And a habit: hold each number against one that was found in another way.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
