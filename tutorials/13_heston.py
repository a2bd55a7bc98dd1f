# %% [markdown]
# # 13. Implied-volatility surfaces: the Heston case
#
# **The question.** Here are 625 surfaces. Each is a table of 17 × 101 numbers, and each was made
# from only four. Can a variational autoencoder (VAE) find four, make new surfaces, and complete a
# surface of which it is shown twenty noisy points?
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
# are told as *log-moneyness*, $k = \log(K / F)$, so that $K = e^k$, and $k = 0$ is the forward.
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
# is $1 - e^k$. So one of the two prices is enough. (With prices that are means, no trade wins on
# average.)
#
# Prices are not what one draws. Every price is translated into an *implied volatility*, a number
# like 22 % that section 13.2 defines. Along the strikes it makes a curve, called a *smile*; the
# smiles of all maturities make the *surface*. Here are four of the 625. The four numbers that made
# them, kappa, eta, rho and xi, have their meaning in 13.3. In each panel one of them has changed.

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
print(f"{len(data.x)} to train on, {len(data.held_out)} held out, {data.x.shape[1]} points each")
for name, values in data.factors.items():
    print(f"{name:11}", np.unique(values.round(4)))

# %% [markdown]
# The 625 are all combinations of five values of each number. `data` computed them just now, from
# the formulas that follow: nothing was fetched. A tenth, drawn by a fixed shuffle, is held out. (In
# code $\xi$ is `vol_of_vol`. The values of $\eta$ are squares: 0.05², 0.1² and so on.)
#
# This case comes from a public project, *the source* below. It simulated the surfaces on a large
# GPU, trained a VAE on them, walked through its latents, and fitted a surface by gradient descent
# through the decoder. We redo it on a laptop, and check each step.
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
# is positive: a larger $s$ always means a larger price, so every possible price belongs to exactly
# one $s$. That is the translation: the **implied volatility** of a price is the $\sigma$ that the
# formula needs to give it. It is a unit for prices. Nobody has to believe that $\log S$ is normal.
#
# To find $s$, use Newton's iteration: go where the tangent meets the price. Start where the vega is
# largest, at $d_1 = 0$, which is $s = \sqrt{2k}$ for $k > 0$.

# %%
x = np.linspace(-4, 4, 80_001)  # the formula against the integral that it stands for
density = np.exp(-((x + 0.02) ** 2) / 0.08) / np.sqrt(0.08 * np.pi)  # of log S at w = 0.04
integral = (np.maximum(np.exp(x) - np.exp(0.1), 0.0) * density).sum() * (x[1] - x[0])
price, vega = black_scholes.call(0.1, 0.04), black_scholes.vega(0.1, 0.04)
slope = (black_scholes.call(0.1, 0.2001**2) - black_scholes.call(0.1, 0.1999**2)) / 0.0002
print(f"call at k = 0.1, w = 0.04: formula {price:.8f}, integral {integral:.8f}")
print(f"vega {vega:.6f}, by central differences {slope:.6f}")
s = np.sqrt(2 * 0.1)
for step in range(1, 5):
    s = s + (price - black_scholes.call(0.1, s**2)) / black_scholes.vega(0.1, s**2)
    print(f"Newton's step {step}: s = {s:.12f}")
assert abs(integral - price) < 1e-8
assert abs(slope - vega) < 1e-6
assert abs(s - 0.2) < 1e-12

# %% [markdown]
# Near the end each step doubles the number of right digits. Far from $k = 0$ options cost next to
# nothing, the vega is as small, and a tangent may lead anywhere. The package's `implied_volatility`
# does the same with the *logarithm* of the price, from a side where no step overshoots.
#
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
# how much it is shaken; and $v$ starts at $v_0$, which is 0.05 in all our surfaces. With a negative
# $\rho$ the variance tends to rise when the price falls. The model is the limit of small $h$. (In a
# step of finite size $v$ may fall below 0; then one takes 0 wherever $v$ acts.)
#
# All that prices need is the function
#
# $$
# M(z) = \mathbb{E}[S^z] = \mathbb{E}[e^{z x}], \qquad z \text{ complex} .
# $$
#
# On the imaginary axis, $z = iu$, it is called the *characteristic function*. As drift and variance
# of both lines are linear in $v$, $\log M$ is linear in $v_0$, and it has a closed form. We do not
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
# As code, that integral is three lines. The package's `fourier` bends the path of integration, so
# that even a price of $10^{-200}$ has its digits. `cosine` takes another way altogether: it writes
# the density of $x$ as a series of cosines, whose coefficients are values of $M$ on the imaginary
# axis. Do they agree, over ten surfaces of the data and all 17 × 101 points?


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
# The source's published script has a slip in the drift of the second line. Here is a slip that
# reads like a detail: $\kappa (\eta - \sqrt{v}) h$, the variance compared with a volatility. Run
# both on the same noise.


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
# usual sanity check cannot see the slip; a second way to the same price can (chapter 11).
#
# ## 13.5 What the VAE is shown: total variance, standardised
#
# An example is a surface, laid out as a row of $D = 1717$ numbers. Which numbers? The total
# variance $w = \sigma^2 T$, which has no unit and in which 13.9 has a simple rule. The source has
# $\sigma^2$ times *days*, which is 365 times as large; its squared errors are $365^2$ times.
#
# The numbers of one row differ in size. What is an error in $\sigma^2$ times days in volatility? As
# $d(\sigma^2 \cdot \text{days}) = 2 \sigma \cdot \text{days} \cdot d\sigma$, the same error means,
# at the same $\sigma$, 364/6 times as many volatility points at 6 days as at 364. A squared error
# in these units hardly sees early maturities. So each number is *standardised*: less its mean over
# the training surfaces, divided by its standard deviation. Then a likelihood with one $\sigma_x$
# for all numbers makes sense, and the network sees numbers of size 1.
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
settings = tinyvae.Settings(epochs=250, lr=3e-3, schedule="cosine", loss_every=10)
seen = []  # after each epoch: the held-out ELBO in nats, and sigma_x


def after(state):
    logvar = vae.layout.views(state.theta)["likelihood.logvar"]
    seen.append((-state.history[-1]["held_out"], np.exp(0.5 * float(logvar[0, 0]))))


trained = tinyvae.fit(vae, data, settings, on_epoch=after).theta
true = data.total_variance(data.held_out)
rebuilt = distance(data, data.total_variance(vae.reconstruct(trained, x=data.held_out)), true)
for epoch in (1, 10, 50, 150, 250):
    bound, sigma = seen[epoch - 1]
    print(f"after epoch {epoch:3}: held-out ELBO {bound:7.0f} nats, σ of x {sigma:.3f}")
print(f"reconstructed held-out surfaces: {100 * rebuilt.rmse:.3f} volatility points off ", end="")
print(f"(root mean square), {100 * rebuilt.worst:.1f} at worst")
print(f"D log 2 = {vae.data * np.log(2):.0f} nats")
assert 100 * rebuilt.rmse < 0.15
assert seen[-1][0] > seen[149][0] > 1000 > 0 > seen[0][0]

# %% [markdown]
# Surfaces that it has never seen come back to within a fraction of a volatility point. The command
# `python -m tinyvae train --data heston` trains for longer, and `python -m tinyvae surfaces` then
# prints and draws most of what follows, and a walk through the latents.
#
# **What the learned variance does here.** The held-out ELBO is *positive*, thousands of nats, and
# still rises with training. Nothing is wrong: densities may exceed 1, and these data have no noise.
# The reconstruction term is largest at $\sigma_x^2$ equal to the mean squared residual, and there
# it is $-D \log \sigma_x$ plus a constant. Every halving of the residual brings $D \log 2$ nats,
# and only the patience of the optimizer ends it. So this ELBO says how long one has trained. For
# surfaces quote the error, in volatility points.
#
# **How many latents does it use?** A latent is *active* (chapter 10) if the mean of its posterior
# moves with the example: the variance of $\mu$ over the examples is above 0.01. One of the source's
# four latents is dead, and nothing in its text says so. One line would have:


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
# could hide where $z$ was: to know a latent ten times better costs $\log 10$ nats.
#
# ## 13.7 The hidden beta, and codes where the prior is
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
# Can that be what killed the latent? Hardly. With a linear decoder (chapter 10) a latent is active
# if the variance that it explains is above $\beta \sigma_x^2$: a smaller $\beta$ makes every latent
# cheaper. More likely the training got stuck: once the decoder ignores a latent, the encoder has no
# use for it either, and the gradients of both are zero on average.
#
# We train with $\beta = 1$. Is the KL then heard? Put all codes of all surfaces together. Their law
# is the *aggregate posterior* $q(z)$, and the prior says that each latent should have the mean 0
# and the standard deviation 1 in it. Below you see what the training left. The KL is the only term
# that asks for it, some tens of nats against thousands.
#
# That matters for generation. New surfaces come from $z \sim N(0, I)$, and if the codes are wider
# than that, such draws see only the middle of them. This part can be mended by pencil. Let the
# encoder put out $(z - m) / s$ in place of $z$, and let the decoder undo it in its first layer. No
# $p(x \mid z)$ changes. For one latent, with means $\mu$ and variances $\sigma^2$ of the codes, the
# mean KL over the surfaces is
#
# $$
# \frac{1}{2}\, \mathbb{E}\left[ \frac{(\mu - m)^2 + \sigma^2}{s^2} - 1 -
# \log \frac{\sigma^2}{s^2} \right] .
# $$
#
# Its derivatives in $m$ and $s$ vanish where $m$ and $s^2$ are the mean and the variance of $q(z)$.
# That is the minimum. It lies below the KL before by $\frac{1}{2} (m^2 + s^2 - 1 - \log s^2)$, the
# KL of $N(m, s^2)$ from the prior. The package calls it `standard_codes`, and from here on we use
# it:

# %%
print(inspect.getsource(standard_codes))
standard, centre, width = standard_codes(vae, trained, data.x)
before, after = (vae.reconstruct(theta, x=data.held_out) for theta in (trained, standard))
mu, kl_standard = codes(standard, data.held_out)
pencil = 0.5 * (centre**2 + width**2 - 1 - 2 * np.log(width))
less = (codes(trained, data.x)[1] - codes(standard, data.x)[1]).sum()
print(f"standard deviations of q(z), as trained: {width.round(2)}")
print(f"reconstructions moved by {np.abs(after - before).max():.0e}, in standardised units")
print(f"KL of the training data: {less:.3f} nats less; by pencil {pencil.sum():.3f}")
assert np.sqrt((width**2).mean()) > 1.5
assert np.abs(after - before).max() < 1e-3
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
# ## 13.8 What does each latent mean?
#
# Move one latent, leave the others at 0.

# %%
# alt: A column for each of the four latents, an early maturity above and the last below. Each shows
# alt: five smiles while that latent alone moves from minus two to two sigma. The latents change
# alt: tilt, curvature and height of the smiles, in different mixtures.
moves = np.linspace(-2, 2, 5)
moved = [data.volatility(vae.mean(standard, moves[:, None] * one)) for one in np.eye(4)]
title = "one latent moves, the others are 0"
figure = plots.latent_smiles(k, days, moved, moves, kl_standard, title)

# %% [markdown]
# Is one of them $\rho$? Nothing asks for that: the prior $N(0, I)$ looks the same after every
# rotation, and another training would mix the parameters in another way. What can be asked is
# whether all four latents together *know* the parameters. Regress each parameter on them, by least
# squares, with products $z_i z_j$ as further features. Then measure on held-out surfaces
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
curved = r_squared(train_mu, causes, mu, held_out_causes, degree=2)
shown = dict(zip(PARAMETERS, curved.round(3).tolist(), strict=True))
print("R² of each parameter from the four latents:", shown)
back = r_squared(causes, train_mu, held_out_causes, mu, degree=2)
print("R² of each latent from the four parameters:", back.round(3))
assert back.min() > 0.8
assert curved[2:].min() > 0.85  # rho and vol_of_vol

# %% [markdown]
# The second line says that the latents are functions of the four parameters. The first says how
# well the parameters can be read by *this* regression, and no more: a low $R^2$ may mean that the
# latents do not know, or that they say so in a curved way (exercise 2).
#
# That was without noise. With noise some parameters cannot be read from a surface at all, VAE or
# not. Move each parameter a little, up and down, and see how the surface moves: row $i$ of a matrix
# $J$, in volatility points for the whole width of the box that the five values of a parameter span.
# Now let only 20 points be known, each with an independent error of 0.2 volatility points. $J$ has
# 20 columns then, and the errors of the four parameters by least squares have the covariance
# $0.2^2 (J J^T)^{-1}$.

# %%
here = np.array([*middle.values()])
steps = 1e-3 * np.diag(np.ptp(causes, axis=0))
up, down = (heston_surfaces(here + sign * steps).volatility for sign in (1, -1))
J = 100 * ((up - down) / 2e-3)[:, quoted_points(data)]
covariance = 0.2**2 * np.linalg.inv(J @ J.T)
errors = np.sqrt(np.diag(covariance))
print(f"from {J.shape[1]} quotes:", dict(zip(PARAMETERS, errors.round(3).tolist(), strict=True)))
print(f"correlation of the first two: {covariance[0, 1] / (errors[0] * errors[1]):.2f}")
print(f"standard deviation of a uniform law on the box, whose width is 1: {1 / np.sqrt(12):.3f}")
assert errors[0] > 10 * errors[2]
assert covariance[0, 1] > 0.8 * errors[0] * errors[1]

# %% [markdown]
# The errors are in widths of the box. The quotes settle $\rho$; of $\kappa$ they say little more
# than that it is in the box. Its error goes with that of $\eta$, and one can see why: the variance
# is pulled from 0.05 down to $\eta$, and a stronger pull to a higher level is nearly the same pull.
# Such parameters are *weakly identified*. The *surface* is determined well all the same (13.10).
#
# ## 13.9 New surfaces, and what a market would make of them
#
# Draw $z$ from the prior, decode, and there is a new surface. Is it one that could be? There is a
# test with no model in it. A *static arbitrage* is a set of trades, made today, that cannot lose
# and may win. A surface must not offer any:
#
# - **Calendar.** At the same $k$ the total variance $w$ may not fall as $T$ grows. Else the early
#   option is the dearer one: sell it and buy the late one. (Seen from the early day, the late price
#   is on average the early one, and the payoff is convex. So by Jensen's inequality the late option
#   is worth at least as much.)
# - **Butterfly.** As a function of the strike $K$ the price must be convex: its second derivative
#   is the density of $S$. Else sell an option of a middle strike and buy options around it.
#
# `static_arbitrage` holds each point against the best such trade (and against a third kind, that a
# call may not cost more than one of a lower strike). *Depth* is by how many volatility points the
# point is off. *Free at 1bp* forgives trades that earn less than 1/10,000 of the forward.


# %%
def report(name, w):
    """Print and return what is free of static arbitrage among the surfaces w (N, M, K)."""
    found = static_arbitrage(w, k, days / YEAR)
    free, cheap = found.free().mean(), found.free(cost=1e-4).mean()
    depth = 100 * found.deepest()
    print(f"{name:24}{free:8.0%}{cheap:12.0%}{np.median(depth):16.3f}{depth.max():9.2f}")
    return free, cheap, depth


print(f"{'':24}{'free':>8}{'free at 1bp':>12}{'depth: median':>16}{'worst':>9}")
of_data = report("held-out data", true)
report("their reconstructions", data.total_variance(after))
of_middle = report("samples, as trained", drawn["as trained"])
of_samples = report("samples, standard codes", drawn["standard codes"])
negative = (np.nanmin(drawn["standard codes"], axis=(1, 2)) < 0).mean()
print(f"samples with a negative total variance somewhere: {negative:.1%}")
assert of_data[0] == 1.0
assert of_samples[0] < 0.5
assert of_samples[1] < 0.7
assert np.median(of_middle[2]) < np.median(of_samples[2]) < 0.5 < of_samples[2].max()

# %%
# alt: Four sampled surfaces, each with smiles of five maturities, of different height and tilt,
# alt: some smooth, some slightly jagged. Above each is the depth of its deepest static arbitrage.
titles = [f"off by {depth:.2f} points" for depth in of_samples[2][:4]]
title = "four samples from the prior, and the depth of their worst static arbitrage"
shown = data.volatility(vae.mean(standard, eps[:4]))
figure = plots.small_smiles(k, days, shown, titles=titles, title=title)

# %% [markdown]
# The data are free of arbitrage: they come from a model. Of the reconstructions and samples hardly
# any is, to the last digit. Near $k = 0$ the strikes are so close together that a tiny error of the
# decoder bends the price the wrong way. In the median a sample is off by a small part of a
# volatility point. But many are not free at a basis point either, and the worst is no detail; a
# total variance below 0 has no price at all. The prior has no edge, the box of parameters has: some
# draws fall where no surface has been encoded.
#
# The samples *as trained* look better. But they come from the middle of the codes, and 13.7 showed
# how much of the data's variety they miss. A share of good samples means little without a measure
# of what the samples cover.
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
# the prior adds its own. Nothing new has to be derived. Here it is, with its check by a random
# cotangent:

# %%
print(inspect.getsource(misfit))
theta = standard.astype(np.float64)
z = np.random.default_rng(2).standard_normal((3, 4))
some_weights = np.random.default_rng(3).random((3, vae.data))
target = data.held_out[:3].astype(float)
checked = tinyvae.gradcheck(misfit, z, vae=vae, theta=theta, x=target, weights=some_weights)
print(checked)
assert checked.ok

# %% [markdown]
# The misfit may have several valleys, so Adam starts from several places, draws from the prior, and
# the lowest end counts. Take ten held-out surfaces. First all their points are known, and the
# squares are weighed as in the source, in $\sigma^2$ times days. Beside it stands the encoder's
# answer, which takes no iteration. Then only 20 quotes are known, five strikes at four maturities,
# each with an error of 0.2 volatility points. The encoder has no answer to that: it wants all 1717.


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
assert by_descent.square_days.mean() < min(by_encoder.square_days.mean(), PUBLISHED / 4)
assert by_quotes.rmse < 2.5 * error

# %% [markdown]
# The descent beats the encoder in the squares that it weighs. That is all it promises: in
# volatility points it may be the worse one. (The source's figure is of a single, simulated surface,
# so it contains the noise of the simulation; ours are ten, priced to many digits.)
#
# The row of the quotes is the use of it all. Twenty of them, each with an error of 0.2 points,
# determine four latents, and through them the whole surface: in the root mean square about as well
# as a quote is known. (Single points in between are further off: see the column of the worst.)

# %%
# alt: Four panels, one for each quoted maturity. Five quotes with error bars lie near the true
# alt: smile, a wide grey line, and the fitted smile follows the grey line over its whole length.
title = f"a held-out surface from {quotes.count} quotes, each with an error of 0.2 points"
truth, fitted = data.volatility(ten[:1])[0], data.volatility(vae.mean(theta, sparse.z[:1]))[0]
figure = plots.quote_fit(k, days, truth, fitted, quotes.volatility[0], error, title)

# %% [markdown]
# ## 13.11 What breaks it
#
# **Quotes at one maturity only.** Five quotes at 26 days lie on one smile. How far off is the rest?

# %%
early = quote(data, true[:10], quoted_points(data, maturities=(26.0,)), error=error, noise=noise)
from_early = fit_latents(vae, theta, early.x, weights=early.weights, rng=rng)
by_early = line(f"descent, {early.count} quotes", from_early.z)
at_a_year = [100 * np.sqrt((found.map[-1] ** 2).mean()) for found in (by_early, by_quotes)]
print(f"off at one year: {at_a_year[0]:.2f} points; with {quotes.count} quotes {at_a_year[1]:.2f}")
print(f"starts that ended with the best: {from_early.agreeing.mean():.0%}")
assert at_a_year[0] > 3 * at_a_year[1]
assert from_early.agreeing.mean() > 0.5

# %% [markdown]
# The starts agree; that proves nothing about what was not shown. In 26 days hardly anything has
# been pulled to $\eta$ yet. Where the quotes are silent, the prior speaks.
#
# **Outside the box.** The 625 surfaces have $\kappa$ up to 0.9, negative $\rho$ only, and all of
# them the same $v_0 = 0.05$. Leave that, one at a time, and fit the whole surface.

# %%
outside = {
    "inside, between grid points": ({"rho": -0.4}, 0.05),
    "rho = +0.3": ({"rho": 0.3}, 0.05),
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
assert length["v0 = 0.09"] > 4

# %% [markdown]
# A little outside, the decoder still has something to offer. But $v_0$ never varied in the data, so
# that there is no latent for it, and no $z$ comes near. The fit reports a best $z$ all the same.
# What gives it away is the misfit, and the length of $z$: under the prior the mean of
# $\lVert z \rVert^2$ is 4, one for each latent. Look at both before you believe a surface.
#
# **So, what is the answer?** Four latents suffice, and they are functions of the four parameters;
# which functions is up to chance. New surfaces come from the prior once the codes have its mean and
# variance; in the median they are off by little, and some by much. Twenty quotes fix the surface,
# far better than they fix $\kappa$. And all of it holds inside the box that was trained on.
#
# ## 13.12 Exercises
#
# Without a checker.
#
# 1. *By pencil.* Repeat the derivation of 13.3 with $p < 0$ and show that the same integral is then
#    the put. Try `call_by_integral(some, 1.0, law, p=-0.5)`, and put-call parity. What do you get
#    for $p$ between 0 and 1, and why does it differ from the call by exactly 1?
# 2. *Which is it?* What acts is the pull $\kappa (\eta - v)$, a product. So regress $\eta$ on the
#    latents again, for the surfaces of each $\kappa$ by themselves. Is $\eta$ lost?
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
#   Fourier-Cosine Series Expansions* (2008), section 3: the series of cosines.
# - R. Lord, R. Koekkoek and D. van Dijk, *A Comparison of Biased Simulation Schemes for Stochastic
#   Volatility Models* (2010).
# - P. Carr and D. B. Madan, *A Note on Sufficient Conditions for No Arbitrage* (2005).
#
# This was the last chapter. What you have now: a gradient that passes through a random number,
# checked against finite differences and exact answers, made fast, and put to work on a problem from
# outside. And a habit: hold each number against one that was found in another way.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
