# %% [markdown]
# # 5. REINFORCE
#
# **How do you get a gradient if the loss is a black box, or if z is a coin?**
#
# Chapter 4 moved the draws: a little more $\mu$, and every $z$ goes along, and $f(z)$ with it. That
# needs the slope of $f$, and a $z$ that can move a little. Now you may have neither. The points in
# a game have no slope. A coin shows heads or tails, and nothing in between.
#
# There is a second way: leave the draws where they are, and make the good ones more likely. It is
# called the *score function estimator*, or *REINFORCE*. It asks nothing of $f$ but its values. The
# price is noise, and so half of this chapter is about *baselines*, which take much of it away.
#
# - You need: densities, means and variances, independence.
# - Before this: chapter 3 (the gradient of an expectation). Chapter 4 helps, but is not needed.
# - Time: 40 minutes.

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
from tinyvae.comparison import compare, table
from tinyvae.distributions import bernoulli, normal
from tinyvae.estimators import by_name
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.plots import BLUE, ORANGE, descent, side_by_side, style

# %% [markdown]
# ## The question
#
# The game of chapter 3: you aim at $\mu$, your throw lands at $z \sim N(\mu, \sigma^2)$ (mean
# $\mu$, variance $\sigma^2$), and it is a hit, $f(z) = 1$, if it lands beyond the mark $c = 1$. If
# not, $f(z) = 0$. You want the slope of $\mathbb{E} f(z)$, the share of hits, in the aim. From
# chapter 3 you know it: it is the density at the mark.
#
# But suppose that you did not know. All you have is a list of throws: where each landed, and
# whether it was a hit. Here is what REINFORCE does with it: take $f(z)$ times
# $(z - \mu) / \sigma^2$ of every throw, and average. After the ± is the *standard error* of the
# average: the standard deviation of what is averaged, divided by the root of their number. A right
# average is within 4 of them nearly always.

# %%
mu, sigma, c, S = 0.4, 1.0, 1.0, 100_000
hit = integrands.step(c=c)  # y, vjp = hit(z)
density_at_mark = np.exp(normal.log_prob(c, mu, sigma)[0])

z = np.random.default_rng(0).normal(mu, sigma, S)
y, vjp = hit(z)
each = y * (z - mu) / sigma**2
standard_error = each.std(ddof=1) / np.sqrt(S)
print(f"slope: exact {density_at_mark:.4f}, REINFORCE {each.mean():.4f} ± {standard_error:.4f}")
print(f"through the slope of f: {vjp(np.ones(S))[0].mean():.4f}")
assert abs(each.mean() - density_at_mark) < 4 * standard_error

# %% [markdown]
# It found the slope from zeros and ones. No derivative of $f$ was taken; that would have been 0.
#
# ## By pencil
#
# Let $p(z; \theta)$ be the density of the law of $z$, and $\theta$ one of its parameters.
#
# **Step 1: where the parameter is.** As in chapter 3, $\theta$ is in the density and nowhere else:
#
# $$
# \frac{d}{d\theta} \mathbb{E} f(z) = \int f(z) \frac{\partial p}{\partial \theta} dz .
# $$
#
# **Step 2: the log-derivative identity.** The derivative of a logarithm is
# $\partial \log p / \partial \theta = (\partial p / \partial \theta) / p$. Read it backwards:
#
# $$
# \frac{\partial p}{\partial \theta} = p(z; \theta) s(z), \qquad
# s(z) = \frac{\partial \log p(z; \theta)}{\partial \theta} .
# $$
#
# $s$ is called the *score*. It says by how much, relative to itself, the density at the place $z$
# grows with $\theta$.
#
# **Step 3: an average again.** Put it in. The factor $p$ turns the integral into an expectation:
#
# $$
# \frac{d}{d\theta} \mathbb{E} f(z) = \int f(z) s(z) p(z; \theta) dz = \mathbb{E}[f(z) s(z)] .
# $$
#
# So $f(z) s(z)$ of one draw is an *unbiased* estimate of the gradient: its mean is the gradient.
# For a normal law and $\theta = \mu$ you had the score in chapter 3: it is
# $(z - \mu) / \sigma^2$. Gradient ascent with it reads like common sense: a throw with a high $f$
# pulls the aim towards the place where it landed; a throw with $f = 0$ does not pull at all.
#
# For a $z$ with single values, a coin or a count, write sums in place of integrals, and the
# probability of a value in place of the density. Nothing else changes.
#
# **Step 4: the mean of the score.** Set $f = 1$ in step 3. On the left is the derivative of
# $\mathbb{E} 1 = 1$, which is 0. So
#
# $$
# \mathbb{E}[s(z)] = 0 .
# $$
#
# **Step 5: a constant is noise.** Let $b$ be any number. By step 4,
#
# $$
# \mathbb{E}[(f(z) - b) s(z)] = \mathbb{E}[f(z) s(z)] - b \mathbb{E}[s(z)] = \mathbb{E}[f(z) s(z)] .
# $$
#
# You may subtract from $f$ what you like, and the mean stays. But the noise does not. Such a $b$ is
# called a *baseline*. Below is the game as it is, and the same game with 5 points for showing up.
# The slope is the same, as you aim no better for it. The estimates are not.

# %%
# alt: Single estimates against the place of the throw, in two panels of one scale. Left: zero for
# alt: misses, and small positive numbers for hits. Right, with 5 points added: a steep line from
# alt: about -15 to 18. The same mean is drawn in both.
few, s_few = z[:300], (z[:300] - mu) / sigma**2
with style():
    figure, axes = side_by_side(2)
    for ax, extra, colour in zip(axes, (0, 5), (BLUE, ORANGE), strict=True):
        ax.plot(few, (hit(few)[0] + extra) * s_few, "o", color=colour, markersize=2.5)
        ax.axhline(density_at_mark, color="0.2", linestyle="--", linewidth=1.0)
        ax.text(-2.4, 0.9, "mean of all: the slope", color="0.2")
        ax.set(xlabel="place z of the throw", ylim=(-16, 20))
        ax.set(ylabel="one estimate, f(z) s(z)")
    axes[0].set_title("1 point for a hit, 0 for a miss")
    axes[1].set_title("5 points more for every throw")

both = [(y + extra) * (z - mu) / sigma**2 for extra in (0, 5)]
print("variance of one estimate:", *(f"{each.var():.2f}" for each in both))
for each in both:
    assert abs(each.mean() - density_at_mark) < 4 * each.std() / np.sqrt(S)
assert both[1].var() > 50 * both[0].var()

# %% [markdown]
# **What does it ask for?** Of $f$, only that the mean and the variance of $f(z) s(z)$ are finite.
# Of the law, a density that can be differentiated in $\theta$, and a range of possible values that
# does not move with $\theta$: the uniform law at the end of chapter 3 is out.
#
# ## In the package
#
# This is the estimator of the package. `f` is a function with its `vjp`, and only its value is
# used; `law` is a module of `tinyvae.distributions`, with draws and scores; the noise comes from
# outside. It returns one estimate for each draw, so that you can look at their spread.

# %%
score_function = by_name("score function")
print(inspect.getsource(score_function.fn))
print(inspect.getsource(bernoulli.score))

# %% [markdown]
# The second function is the score of a coin. Its parameter is a *logit* $l$, any real number, and
# the probability of a 1 is the sigmoid of it, $p = 1 / (1 + e^{-l})$, which is the same as
# $\frac{1}{2} + \frac{1}{2} \tanh(l / 2)$. Its score is $x - p$: what came, less what was expected.
# One of the exercises asks you to derive it.
#
# ## Check it
#
# First the scores: they must be the derivatives of the log-density. `log_prob` keeps the protocol
# of chapter 2, and its `vjp` uses the score, so the gradient check of chapter 1 settles it, with a
# random cotangent. (A coin $x$ has no derivative, and the package says `none` rather than 0.)

# %%
rng = np.random.default_rng(1)
places, locs, logits = rng.standard_normal((3, 4, 2))
scales, coins = np.exp(rng.standard_normal((4, 2))), 1.0 * (rng.random((4, 2)) < 0.5)
for report in (
    tinyvae.gradcheck(normal.log_prob, places, locs, scales),
    tinyvae.gradcheck(bernoulli.log_prob, coins, logits),
):
    print(report)
    assert report.ok

# %% [markdown]
# Then steps 3 and 4, without any randomness. Three coins have only 8 outcomes, so an expectation is
# a sum of 8 terms, and "unbiased" can be checked to many digits. Let $f$ be a table of 8 random
# numbers: as black as a box can be. The gradient to compare with comes from differences of the
# exact sum, which know nothing of scores.

# %%
prizes = rng.standard_normal(8)
three = np.array([0.3, -0.8, 1.1])


def prize(x):
    """The entry of the table whose number the coins x (S, 3) spell; there is no slope."""
    return prizes[(x @ [4, 2, 1]).astype(int)], None


x, p = exact.enumeration(bernoulli, (three,))  # all outcomes (8, 3), their probabilities (8,)
(s,) = bernoulli.score(x, three)
mean_of_estimates = p @ (prize(x)[0][:, None] * s)
(gradient,) = exact.gradient_by_differences(prize, bernoulli, (three,))
print("E[f s]  ", *(f"{g:+.7f}" for g in mean_of_estimates))
print("gradient", *(f"{g:+.7f}" for g in gradient))
print("|E[s]|  ", *(f" {abs(g):.7f}" for g in p @ s))
assert np.allclose(mean_of_estimates, gradient, atol=1e-9)
assert np.allclose(p @ s, 0, atol=1e-12)

# %% [markdown]
# ## Which baseline?
#
# Step 5 leaves the choice of $b$ to you. What does the variance say?
#
# **By pencil: the best constant.** The variance of a number is the mean of its square less the
# square of its mean, and the mean does not depend on $b$. Call it $G$, the gradient:
#
# $$
# \mathrm{Var}[(f - b) s] = \mathbb{E}[(f - b)^2 s^2] - G^2 =
# \mathbb{E}[f^2 s^2] - 2 b \mathbb{E}[f s^2] + b^2 \mathbb{E}[s^2] - G^2 .
# $$
#
# This is a parabola in $b$. Its derivative, $-2 \mathbb{E}[f s^2] + 2 b \mathbb{E}[s^2]$, is 0 at
#
# $$
# b^{\ast} = \frac{\mathbb{E}[f s^2]}{\mathbb{E}[s^2]} .
# $$
#
# So the best baseline is an average of $f$, but not the plain one: places with a large score count
# more. As a parabola is symmetric about its lowest point, $2 b^{\ast}$ is as bad as no baseline,
# and outside of the range from 0 to $2 b^{\ast}$ a baseline does harm. Here is the game again. The
# averages that the parabola is made of come from a quadrature (`breaks` tells it where $f$ jumps).

# %%
moments = exact.moments(hit, normal, (mu, sigma), "loc", breaks=(c,))
best, mean_f = moments.optimal_baseline(), moments.A1  # b* and E f
tried = np.linspace(-0.6, 1.6, 12)
s = (z - mu) / sigma**2
measured, error = [], []
for b in tried:
    each = (y - b) * s
    squares = (each - each.mean()) ** 2  # their mean is the variance
    measured.append(squares.mean())
    error.append(squares.std() / np.sqrt(S))

distance = (measured - np.array([moments.variance(baseline=b) for b in tried])) / error
print(f"b* = {best:.4f}, E f = {mean_f:.4f}")
print(
    "variance at 0, E f, b*, 2 b*:",
    *(f"{moments.variance(baseline=b):.4f}" for b in (0, mean_f, best, 2 * best)),
)
assert abs(distance).max() < 4
assert np.isclose(moments.variance(baseline=2 * best), moments.variance())

# %%
# alt: The variance of one estimate against the baseline b: a parabola with its lowest point at b*,
# alt: slightly higher at the mean of f, and equally high at 0 and 2 b*. Measured dots lie on it.
with style():
    figure, ax = plt.subplots(figsize=(6.0, 3.6))
    line = np.linspace(-0.7, 1.7, 121)
    ax.plot(line, [moments.variance(baseline=b) for b in line], color=BLUE)
    ax.plot(tried, measured, "o", color=BLUE)
    names = (0, "none", 0.12), (mean_f, "E f", -0.16), (best, "b*", -0.16), (2 * best, "2 b*", 0.12)
    for b, name, up in names:
        v = moments.variance(baseline=b)
        ax.plot(b, v, "o", color=ORANGE, markersize=7, zorder=3)
        ax.text(b, v + up, name, color=ORANGE, ha="center")
    ax.set(xlabel="baseline b", ylabel="variance of one estimate", ylim=(-0.1, 2.0))
    ax.set_title("Too large a baseline is worse than none (line: exact, dots: measured)")

# %% [markdown]
# **In practice you do not know $b^{\ast}$.** You have draws, and must estimate a baseline from
# them. Step 5 asked for a number that does not depend on this $z$. If $b$ and $s(z)$ are
# independent, then $\mathbb{E}[b s] = \mathbb{E}[b] \mathbb{E}[s] = 0$. So a baseline may be
# random, and may come from *other* draws.
#
# The nicest way costs nothing: of $K$ draws, use for each the mean of $f$ over all the others. It
# is called *leave-one-out*. Let $f_k$ and $s_k$ be the value and the score of draw number $k$, and
# $m$ the mean of all $K$ values. The others sum to $K m - f_k$, and so
#
# $$
# f_k - \frac{K m - f_k}{K - 1} = \frac{K}{K - 1} (f_k - m) .
# $$
#
# The estimate is the mean of this, times the score, over all $K$:
#
# $$
# \frac{1}{K} \sum_{k=1}^{K} \frac{K}{K - 1} (f_k - m) s_k =
# \frac{1}{K - 1} \sum_{k=1}^{K} (f_k - m) s_k .
# $$
#
# So you subtract the plain mean after all, and pay for it by dividing by $K - 1$ in place of $K$.
# You know this from the variance of a sample, and it has the same reason: $m$ contains $f_k$.
#
# Here are the package's estimators on the game. `z` is the distance of the mean from the exact
# gradient in standard errors; `+-` is the standard error of the variance, and `exact v` the
# variance in closed form, where there is one. `ratio` compares the variance to that of the plain
# score function, and `snr` is the signal to noise of one estimate, its mean over its standard
# deviation. `cost` is the number of throws for one estimate, 4 in leave-one-out, and `v*cost` the
# product of both, so that estimators of any cost can be compared.

# %%
names = (
    "pathwise",
    "score function",
    "score function, constant baseline",
    "score function, optimal baseline",
    "score function, leave-one-out",
)
params = np.array(mu), np.array(sigma)
truth = exact.gradient(hit, normal, params, breaks=(c,))
rows = []
for name in names:
    known = exact.closed_form(name, "step", {"c": c}, mu, sigma)
    variances = known and tuple(known[parameter][1] for parameter in ("loc", "scale"))
    found = compare(
        by_name(name), hit, normal, params, samples=S, rng=np.random.default_rng(2),
        exact_mean=truth, exact_variance=variances,
    )  # fmt: skip
    rows.append(found[0])  # in loc, which is mu
print(table(rows))
assert np.isinf(rows[0].z)  # pathwise: always 0, and wrong
assert all(abs(row.z) < 4 for row in rows[1:])
_, plain, constant, optimal, others = (row.cost_adjusted for row in rows)
assert plain > others > constant > optimal

# %% [markdown]
# Pathwise is certain, and wrong: $f$ jumps. All others are right, and differ in noise. The constant
# baseline there is the mean of $f$ over other draws, made once beforehand and not counted in the
# cost. The optimal one is $b^{\ast}$, estimated on one half of the draws for the other half, so
# that no draw judges itself. Of those that are right, leave-one-out has the smallest variance, but
# from 4 throws. By `v*cost` it is better than no baseline, and not as good as the other two: three
# throws say little about the mean of $f$.
#
# ## Coins
#
# **By pencil: one coin.** A coin $x$ is 1 with probability $p$, else 0, and its score in the logit
# is $x - p$. There are only two estimates that one draw can give:
#
# $$
# x = 1: \quad (f(1) - b)(1 - p), \qquad\qquad x = 0: \quad (f(0) - b)(0 - p) .
# $$
#
# Set them equal and solve for $b$. With $b = (1 - p) f(1) + p f(0)$ both become
# $p (1 - p) (f(1) - f(0))$: the estimate is the same for both sides of the coin, has no variance at
# all, and so is the gradient. Note the weights. This is *not* the mean of $f$, which would be
# $p f(1) + (1 - p) f(0)$: they are swapped.

# %%
logit, gains = 0.3, np.array([1.7, -0.4])  # f(0), f(1)
p = 1 / (1 + np.exp(-logit))


def gain(x):
    return gains[x.astype(int)], None


of_coin = exact.moments(gain, bernoulli, (logit,), "logits")
swapped = (1 - p) * gains[1] + p * gains[0]
print(f"b* {of_coin.optimal_baseline():.6f}, by pencil {swapped:.6f}, E f {of_coin.A1:.6f}")
for name, b in (("none", 0.0), ("E f", of_coin.A1), ("b*", swapped)):
    print(f"variance with baseline {name}: {of_coin.variance(baseline=b):.4f}")
assert np.isclose(of_coin.optimal_baseline(), swapped)
assert of_coin.variance(baseline=swapped) < 1e-12
assert np.isclose(of_coin.G, p * (1 - p) * (gains[1] - gains[0]))

# %% [markdown]
# With many coins no constant does this in general, as each coin sees the noise of all the others.
# But the estimator works as before, and you can train with it.
#
# A lock has ten switches and a secret code. You may set all switches, and the lock tells you how
# many of them are wrong: no more. Toss a coin for each switch. The loss is the mean number of wrong
# switches, and gradient descent moves the ten logits. Both kinds of run try 4 settings a step: once
# as the mean of 4 plain estimates, once as one leave-one-out estimate. The loss itself is known, as
# means add: it is the sum of ten probabilities, that of each switch to be wrong.

# %%
code = 1.0 * (np.random.default_rng(5).random(10) < 0.5)


def wrong(x):
    """How many of the switches x (S, 10) are not as in the code: (S,)."""
    return np.abs(x - code).sum(axis=1), None


def learn(row, samples, seed, steps=100, rate=0.5):
    """The exact loss at every step of a gradient descent with these estimates: (steps + 1,)."""
    rng, logits, losses = np.random.default_rng(seed), np.zeros(10), []
    for _ in range(steps + 1):
        p, _ = bernoulli.mean(logits)
        losses.append(np.abs(p - code).sum())
        (dlogits,) = row(wrong, bernoulli, (logits,), rng, samples)
        logits = logits - rate * dlogits.mean(axis=0)
    return losses


leave_one_out = by_name("score function, leave-one-out")  # of 4 draws
runs = {
    score_function.name: np.array([learn(score_function, 4, seed) for seed in range(20)]),
    leave_one_out.name: np.array([learn(leave_one_out, 1, seed) for seed in range(20)]),
}
slow = {}
for name, losses in runs.items():
    middle, slow[name] = np.quantile(losses[:, 50], (0.5, 0.9))
    print(f"{name}: wrong after 50 steps, median {middle:.2f}, 90th percentile {slow[name]:.2f}")
assert slow[leave_one_out.name] < 0.6 * slow[score_function.name]

# %%
# alt: The mean number of wrong switches against the step: with leave-one-out all runs fall quickly;
# alt: with the plain score function the median falls more slowly, and the band is much wider.
with style():
    title = "Finding the code of a lock: 20 runs, 4 settings a step"
    ax = descent(runs, 0.0, "wrong switches on average", title)
    ax.set_xlabel("step (line: median of the runs, band: 10th to 90th percentile)")
    ax.figure.set_size_inches(6.0, 3.8)

# %% [markdown]
# A baseline changes nothing about where gradient descent wants to go. It changes how much of each
# step is noise. And noise is not forgotten at once: by the formula for one coin the gradient in its
# logit is $p (1 - p)$ times a difference, and where $p$ has come close to the wrong end this is
# small.
#
# ## What breaks it
#
# A baseline must not know the draw that it is used for. Suppose you subtract the mean $m$ of all
# $K$ draws, this one included, and take the plain average, without the $K - 1$. It looks like
# leave-one-out. But the mean of $m s_k$ is not 0: $m$ contains $f_k / K$, and
# $\mathbb{E}[f_k s_k] = G$ is the gradient. The other terms of $m$ are independent of $s_k$, and
# give 0. So
#
# $$
# \mathbb{E}\left[ \frac{1}{K} \sum_{k=1}^{K} (f_k - m) s_k \right] =
# G - \frac{G}{K} = \frac{K - 1}{K} G .
# $$
#
# With two draws half of the gradient is gone. It points in the right direction, so a training still
# works, and the mistake is easy to miss. Here are the throws of the first cell, in groups of 4.

# %%
K = 4
f, score = y.reshape(-1, K), ((z - mu) / sigma**2).reshape(-1, K)
with_own = ((f - f.mean(axis=1, keepdims=True)) * score).mean(axis=1)  # one a group
with_others = with_own * K / (K - 1)


def off(estimates, number):
    """How many standard errors the mean of the estimates is from that number."""
    return (estimates.mean() - number) / (estimates.std(ddof=1) / np.sqrt(len(estimates)))


for name, estimates in (("its own draw, too", with_own), ("only the others", with_others)):
    distance = off(estimates, density_at_mark)
    print(f"{name:18} mean {estimates.mean():.4f}: {distance:+.1f} standard errors off")
assert off(with_own, density_at_mark) < -20
assert abs(off(with_own, density_at_mark * (K - 1) / K)) < 4
assert abs(off(with_others, density_at_mark)) < 4

# %% [markdown]
# Two more limits have come up. A law whose range of values moves has no score that is enough
# (chapter 3). And the noise remains: where $f$ is smooth and $z$ has a path, chapter 4 is often far
# better, though not always. Chapter 6 measures it.
#
# ## Exercises
#
# The exercises of this chapter are in the package, with a checker that says what is wrong:

# %%
for name in CHAPTERS[5]:
    print(f"{exercise(name).number}. {exercise(name).title}  ({exercise(name).file})")
print("start with:  python -m tinyvae exercises start")

# %% [markdown]
# With pencil: what is the score of a normal law in $\sigma$? Show that its mean is 0. Is the game's
# $b^{\ast}$ for $\sigma$ the same number as for $\mu$?
#
# ## Read on
#
# - Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
#   Learning* (1992): where the name REINFORCE comes from; section 4 has the baseline.
# - Greensmith, Bartlett & Baxter, *Variance Reduction Techniques for Gradient Estimates in
#   Reinforcement Learning* (2004): the best constant, and better than constants.
# - Kool, van Hoof & Welling, *Buy 4 REINFORCE Samples, Get a Baseline for Free!* (2019):
#   leave-one-out.
# - Mohamed, Rosca, Figurnov & Mnih, *Monte Carlo Gradient Estimation in Machine Learning* (2020),
#   section 4: the score function estimator, its conditions and its variance.
#
# Next, chapter 6: both estimators on the same noise, and which of them wins where.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
