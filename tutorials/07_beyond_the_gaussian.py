# %% [markdown]
# # 7. Beyond the Gaussian
#
# **The question.** The reparameterization trick began with $z = \mu + \sigma \varepsilon$, which is
# a Gaussian. Which other laws have such a path, how do you find it, and what do you do where there
# is none?
#
# You need chapters 4 (reparameterization), 5 (REINFORCE) and 6 (variance, measured). From
# probability: cumulative distribution functions and densities. Reading time: 40 minutes.

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

from tinyvae import compare, exact, gradcheck, integrands, plots
from tinyvae.comparison import table
from tinyvae.distributions import (
    LAWS,
    bernoulli,
    beta,
    concrete,
    dirichlet,
    gamma,
    uniform,
    weibull,
)
from tinyvae.errors import Undefined
from tinyvae.estimators import by_name
from tinyvae.estimators.rejection import rejection_estimators
from tinyvae.estimators.relaxed import relaxed
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.plots import BLUE, GREY, ORANGE, PURPLE

# %% [markdown]
# ## A map
#
# A *law* is a probability distribution with parameters. A *path* writes a draw $z$ of it as a
# function of its parameters $\theta$ and of *noise*, random numbers whose own law has no parameter
# in it. Then $z$ can be differentiated in $\theta$ while the noise stays where it is. Every law of
# this package says which kind of path it has, and why: *explicit*, by a formula; *implicit*,
# through its cumulative distribution function; or none.

# %%
kinds = {"explicit": [], "implicit": [], "none": []}
for name, law in LAWS.items():
    kinds[law.KIND].append(name)
for kind, names in kinds.items():
    print(f"{kind} ({len(names)}): {', '.join(names)}")
    print(f"    as in {names[-1]}: {LAWS[names[-1]].WHY}")
assert all(kinds.values())

# %% [markdown]
# ## By pencil: one rule for every law of one number
#
# Let $F(z; \theta) = P(Z \le z)$ be the cumulative distribution function (CDF) of a law, smooth and
# increasing, and $p = \partial F / \partial z$ its density. Let $u$ be uniform on $(0, 1)$, and
# let $z$ be the number with
#
# $$
# F(z; \theta) = u .
# $$
#
# This $z = F^{-1}(u; \theta)$ is a draw of the law: it is below $t$ exactly when $u$ is below
# $F(t; \theta)$, and the probability of that is $F(t; \theta)$. The noise is $u$, and it has no
# parameter. So *every* such law has a path.
#
# **If the CDF can be inverted**, differentiate the formula. A Weibull law with shape $k$ and scale
# $\lambda$ (lifetimes, wind speeds) has $F(z) = 1 - e^{-(z/\lambda)^k}$ for $z > 0$. Set this equal
# to $u$ and solve for $z$, with $E = -\log(1 - u)$:
#
# $$
# z = \lambda E^{1/k}, \qquad \log z = \log \lambda + \frac{\log E}{k} .
# $$
#
# Hold $E$ fixed. The second form gives $\partial z / \partial \lambda = z / \lambda$, and
# $\partial \log z / \partial k = -\log E / k^2$. Put $\log E = k \log(z / \lambda)$ back in:
#
# $$
# \frac{\partial z}{\partial \lambda} = \frac{z}{\lambda}, \qquad
# \frac{\partial z}{\partial k} = -\frac{z}{k} \log \frac{z}{\lambda} .
# $$
#
# A law of *location and scale*, like the Gaussian, is the case in which the formula reads
# $z = \mu + \sigma \varepsilon$, with $\varepsilon$ a draw of the standard law. Only $\varepsilon$
# differs between Gaussian, logistic, Laplace and Cauchy, and so the way back is the same for all.
#
# **If it cannot be inverted**, you do not need to. As $\theta$ moves and $u$ stays, $z$ moves so
# that $F(z(\theta); \theta)$ stays $u$. Differentiate that in $\theta$, by the chain rule:
#
# $$
# p(z)\, \frac{\partial z}{\partial \theta} + \frac{\partial F}{\partial \theta} = 0
# \qquad\text{so that}\qquad
# \frac{\partial z}{\partial \theta} = - \frac{1}{p(z)}\, \frac{\partial F}{\partial \theta} .
# $$
#
# This is the **implicit** derivative. It needs the CDF and the density at $z$, and not the inverse.
# And it does not ask how $z$ was drawn. A Gamma law with *concentration* $a$ and *rate* $r$ has a
# density proportional to $z^{a - 1} e^{-r z}$ for $z > 0$. Its CDF has no inverse in closed form.
# Below, `gamma.sample` finds the inverse numerically, `gamma.implicit` evaluates the formula, and
# the two are compared at rate 1:

# %%
u = np.linspace(0.01, 0.99, 99)
z, further = (gamma.sample(np.array(a), np.array(1.0), noise=u) for a in (2.0, 2.6))

_, vjp = gamma.implicit(z, np.full_like(z, 2.0), np.ones_like(z))
_, speed, _ = vjp(np.ones_like(z))  # for z itself None, for the concentration, for the rate

h = 1e-4
up, down = (gamma.sample(np.array(2.0 + move), np.array(1.0), noise=u) for move in (h, -h))
quotient = (up - down) / (2.0 * h)
for i in (0, 49, 98):
    print(f"u {u[i]:.2f}   z {z[i]:.4f}   implicit {speed[i]:.6f}   difference {quotient[i]:.6f}")
assert np.allclose(speed, quotient, rtol=1e-6)

# %%
# alt: Left: the CDFs of Gamma with concentration 2 and 2.6; arrows at equal height lead from the
# first to the second. Right: the implicit derivative dz/da rises with z; differences of quantiles
# lie on its line.
with plots.style():
    _, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.4))
    left.plot(z, u, color=BLUE)
    left.plot(further, u, color=ORANGE)
    for i in (9, 29, 49, 69, 89):
        left.annotate("", (further[i], u[i]), (z[i], u[i]), arrowprops={"arrowstyle": "->"})
    left.text(z[79] - 0.2, u[79], "a = 2", color=BLUE, ha="right")
    left.text(further[79] + 0.2, u[74], "a = 2.6", color=ORANGE)
    left.set(title="Gamma(a, 1): at a fixed u, z moves", xlabel="z", ylabel="u = F(z; a)")
    right.plot(z, speed, color=BLUE)
    right.plot(z[::7], quotient[::7], "o", color=ORANGE)
    right.text(2.6, 0.75, "line: implicit derivative", color=BLUE)
    right.text(2.6, 0.55, "dots: differences of z at a fixed u", color=ORANGE)
    right.set(title="how fast z moves at a = 2", xlabel="z", ylabel="dz/da")

# %% [markdown]
# The explicit path obeys this rule, too. In one dimension every path does, on average: per unit of
# $\theta$, the probability that crosses the point $z$ upwards is $p(z)$ times the mean speed of the
# draws there, and it is missing from $F$ afterwards, so it is $-\partial F / \partial \theta$. Both
# $F$ and $p$ belong to the law, and not to how it is drawn. `exact.velocity` computes the rule by
# quadrature for any law, from the score alone (since $\partial F / \partial \theta$ is the integral
# of $p$ times the score $\partial \log p / \partial \theta$ up to $z$). Hold your pencil's formula
# for Weibull against it:

# %%
shape, scale, points = 1.7, 2.0, np.array([0.3, 1.0, 2.5, 4.0])
by_rule = exact.velocity(weibull, points, (shape, scale))
by_pencil = -points / shape * np.log(points / scale), points / scale
for parameter, rule, pencil in zip(weibull.PARAMS, by_rule, by_pencil, strict=True):
    print(f"dz/d{parameter:13} rule {np.round(rule, 6)}   pencil {np.round(pencil, 6)}")
    assert np.allclose(rule, pencil, rtol=1e-8)

# %% [markdown]
# ## In the package
#
# An explicit law is its formula. Weibull, with the shape called `concentration`, and the noise $E$
# drawn directly (`check` refuses parameters that are not positive; `chain` is the chain rule number
# by number):

# %%
print(inspect.getsource(weibull.rsample))

# %% [markdown]
# An implicit law offers two functions. `rsample` draws by the inverse CDF, found numerically, so
# that $z$ is a function of $u$. `implicit` takes a draw made in any other way, such as a
# generator's own fast sampler, and attaches the same derivative to it:

# %%
print(inspect.getsource(gamma.implicit))

# %% [markdown]
# (`double` computes in float64.) `_pull` multiplies by $\partial \log z / \partial a$, a series or
# an integral with all its digits; it is in `tinyvae/special/incomplete_gamma.py`.
#
# ## Check it
#
# As the noise is an argument, an ordinary gradient check is right for all of these laws: move a
# parameter, keep the noise, compare. The output is contracted with a random cotangent (chapter 1).

# %%
rng = np.random.default_rng(0)
two = np.array([0.6, 2.5]), np.array([1.4, 0.9])
laws = {weibull: two, gamma: two, beta: two, dirichlet: (np.array([0.5, 1.5, 3.0]),)}
for law, params in laws.items():
    noise = law.noise(rng, (5, *np.shape(params[0])))
    report = gradcheck(law.rsample, *params, noise=noise).raise_if_wrong()
    print(f"{law.__name__:32} {report.verdict}, {report.entries} entries")
    assert report.error < 1e-6

# %% [markdown]
# That is one oracle: backward fits forward. The other: is it the gradient of $\mathbb{E}[f]$? For
# Gamma with rate 1, $\mathbb{E}[z^2] = a^2 + a$, so its derivative in $a$ is $2a + 1$. The draws
# below come from NumPy's sampler, and their path from `implicit`.

# %%
a, count = 2.0, 100_000
z = rng.standard_gamma(a, count)
_, vjp = gamma.implicit(z, np.full(count, a), np.ones(count))
_, estimates, _ = vjp(2.0 * z)  # f'(z) dz/da, an estimate for each draw
error = estimates.std() / math.sqrt(count)
print(f"mean {estimates.mean():.3f} +- {error:.3f}, exact {2 * a + 1:.0f}")
assert abs(estimates.mean() - (2 * a + 1)) < 5.0 * error

# %% [markdown]
# ## What breaks it: a seed is not noise
#
# Here is a shortcut that looks harmless. To differentiate a draw in $a$, hold the generator's
# *seed* fixed and take a difference of its draws. Try both on $f(z) = \log z$ at $a = 1.5$.

# %%
log = integrands.summed(np.log, lambda z: 1.0 / z)
a, h, count = 1.5, 1e-6, 100_000
truth = exact.gradient(log, gamma, (a, 1.0))[0]
u = gamma.noise(np.random.default_rng(1), count)


def fixed_seed(a):
    return np.log(np.random.default_rng(0).standard_gamma(a, count))


def fixed_noise(a):
    return gamma.log_rsample(np.array(a), np.array(1.0), noise=u)[0]


z = {}
for draw in (fixed_noise, fixed_seed):
    slopes = (draw(a + h) - draw(a - h)) / (2.0 * h)
    mean, error = slopes.mean(), slopes.std() / math.sqrt(count)
    z[draw] = (mean - truth) / error
    print(f"{draw.__name__:12} mean {mean:.4f} +- {error:.4f}   z {z[draw]:5.1f}")
print(f"exact        {truth:.4f}")
assert abs(z[fixed_noise]) < 5.0 < abs(z[fixed_seed])

# %% [markdown]
# The fixed seed gives a wrong answer, with a small error bar. The sampler works by *rejection*
# (Marsaglia & Tsang, 2000): it proposes a smooth function $h(\varepsilon; a)$ of normal noise,
# accepts it or tries again, and **whether it accepts depends on $a$**. A tiny step in $a$ almost
# never flips a decision. So the difference sees the smooth part alone, and what the rare flips
# contribute, large changes with a chance of order $h$, is missing. It is the step of chapter 6
# again, hidden in a sampler. The package has both parts, as estimators. The first alone has the
# mean of your difference; with the correction, a score function term, it is right (Naesseth et al.,
# 2017):

# %%
known = (truth, None)
options = {"samples": 50_000, "rng": np.random.default_rng(2), "exact_mean": known}
found = [
    compare(row, log, gamma, (np.array(a), np.array(1.0)), **options)[0]
    for row in (by_name("pathwise"), *rejection_estimators(augmentation=0))
]
print(table(found))
assert [bool(abs(row.z) < 5.0) for row in found] == [True, False, True]
assert abs(found[1].mean - mean) < 5.0 * math.hypot(found[1].error, error)  # that of fixed_seed

# %% [markdown]
# The first row, the implicit path, has no such part to lose: nothing is rejected at a fixed $u$.
#
# ## Beta and Dirichlet: Gamma draws, divided
#
# With $g_i \sim \mathrm{Gamma}(c_i, 1)$ independent, $i = 1, \dots, K$,
#
# $$
# x_i = \frac{g_i}{g_1 + \dots + g_K}
# $$
#
# are $K$ positive numbers that sum to 1: a draw of the Dirichlet law, whose parameter, the
# *concentration* $c$, is the vector of all $c_i$. For $K = 2$, $x_1$ is a Beta draw. Since $x$ is
# the softmax of $\log g$, the way back goes through the softmax and then through Gamma:
#
# $$
# \frac{\partial x_i}{\partial c_j} =
# \frac{\partial x_i}{\partial \log g_j} \cdot \frac{\partial \log g_j}{\partial c_j} =
# x_i\, (\delta_{ij} - x_j)\, \frac{\partial \log g_j}{\partial c_j} ,
# $$
#
# where $\delta_{ij}$ is 1 for $i = j$ and else 0, and the last factor is the implicit derivative.
# (The code works with logarithms throughout: at a small concentration $g$ itself may underflow to
# 0, and $x$ would be 0/0.) Raise one concentration, keep the noise, and see where draws go:

# %%
u = dirichlet.noise(np.random.default_rng(3), (40, 3))
tracks = np.stack(
    [dirichlet.sample(np.array([c, 1.0, 1.0]), noise=u) for c in np.linspace(1.0, 4.0, 16)]
)
before, after = tracks[0, :, 1] / tracks[0, :, 2], tracks[-1, :, 1] / tracks[-1, :, 2]
print(f"x_2 / x_3 of the first draw: {before[0]:.4f} before, {after[0]:.4f} after")
assert np.allclose(before, after)

# %%
# alt: A triangle with Dirichlet draws. As the concentration of the upper corner grows from 1 to 4
# with the same noise, every draw moves along a straight line towards that corner.
corners = np.array([[0.5, math.sqrt(0.75)], [0.0, 0.0], [1.0, 0.0]])
with plots.style():
    _, ax = plt.subplots(figsize=(5.0, 4.4))
    ax.fill(*corners.T, facecolor="none", edgecolor=GREY)
    places = tracks @ corners  # the corners, weighted by x: a point of the triangle
    ax.plot(places[..., 0], places[..., 1], color=BLUE, linewidth=0.8)
    ax.plot(*places[0].T, "o", color="0.45")
    ax.plot(*places[-1].T, "o", color=ORANGE)
    for (x, y), i in zip(corners, (1, 2, 3), strict=True):
        ax.text(x, y + (0.02 if y else -0.06), f"$x_{i}$ = 1", ha="center")
    ax.set_title("Dirichlet draws at c = (1, 1, 1), grey, and at (4, 1, 1), orange")
    ax.set_aspect("equal")
    ax.axis("off")

# %% [markdown]
# The corners are the vectors with one entry 1. Every track is a straight line to the first of them:
# with the noise, $g_2$ and $g_3$ stay what they are, and so does the ratio $x_2 / x_3$.
#
# A Beta draw is one number, so by the rule above it has a speed of its own, and you may use it
# instead of the one through two Gammas. Given $z$, the Gamma path is random (two noises, one $z$);
# the implicit one is its mean. Averaging over what $z$ does not tell you never adds variance (Rao
# and Blackwell). How much does it gain? And how does REINFORCE compare? Take Beta(a, b) at
# $a = b = 1$, where it is uniform on (0, 1), a smooth, harmless $f(z) = (z - 0.3)^2$, and the
# gradient in $a$:

# %%
f, ones = integrands.quadratic(k=0.3), (1.0, 1.0)
m = exact.moments(f, beta, ones, "a")
options = {"samples": 200_000, "rng": np.random.default_rng(4)}
options["exact_mean"] = exact.gradient(f, beta, ones)
ratio = compare(by_name("pathwise"), f, beta, (np.array(1.0), np.array(1.0)), **options)[0]
variances = {
    "path through two Gammas (measured)": float(ratio.variance),
    "implicit path": exact.variance_of_path(f, beta, ones)[0],
    "score function": m.variance(),
    "score function, optimal baseline": m.variance(baseline=m.optimal_baseline()),
}
for name, v in variances.items():
    print(f"{name:35} {v:.5f}")
by_ratio, by_rule, plain, with_b = variances.values()
assert abs(ratio.z) < 5.0
assert with_b < by_rule < by_ratio - 5.0 * ratio.variance_error < plain

# %% [markdown]
# The best of the four is REINFORCE with its optimal baseline. So even for a smooth $f$ and a law
# with a path, that path need not win. Chapter 6 showed you how to find out.
#
# ## Where no path exists
#
# A coin $x$ is 1 with probability $s$ and else 0, where $s = 1/(1 + e^{-l})$ and $l$ is called the
# *logit*. Its noise is uniform too: $x = 1$ if $u < s$. As $l$ moves, $x$ stays, and stays, and
# jumps. Its derivative is 0 wherever it has one. The expectation, though, is smooth:
#
# $$
# \mathbb{E}[f(x)] = s f(1) + (1 - s) f(0), \qquad
# \frac{d}{dl} \mathbb{E}[f(x)] = s (1 - s) \big( f(1) - f(0) \big),
# $$
#
# since $ds/dl = s (1 - s)$. All of the gradient is in the jumps, and a path would miss it.
#
# The coin has a score and no path. **The uniform law on $(a, b)$ has a path and no score.** Its
# density is $1/(b - a)$ between the ends, and the logarithm of that has the derivative $-1/(b - a)$
# in $b$: a constant, which is not of mean 0, as the score has to be (chapter 5). What went wrong?
# Differentiate the expectation itself, by the product rule:
#
# $$
# \frac{d}{db} \left[ \frac{1}{b - a} \int_a^b f(z)\, dz \right] =
# \underbrace{\frac{f(b)}{b - a}}_{\text{the end moves}} -
# \underbrace{\frac{\mathbb{E}[f]}{b - a}}_{\text{the density falls}} .
# $$
#
# REINFORCE moves the derivative inside the integral, and there it meets the second term alone. The
# *support*, the set where the density is positive, moves with $b$, and no draw from inside sees its
# edge. The path does: $z = a + (b - a) u$ has $\partial z / \partial b = u$.

# %%
low, high, count = -0.5, 1.7, 100_000
f, params = integrands.quadratic(k=0.0), (np.array(low), np.array(high))
truth = exact.gradient(f, uniform, (low, high))
options = {"samples": count, "rng": rng, "exact_mean": truth}
path = compare(by_name("pathwise"), f, uniform, params, **options)
z = uniform.sample(low, high, noise=uniform.noise(rng, count))
naive = np.outer([1.0, -1.0], z**2) / (high - low)  # f times the slope of the log-density
for i, name in enumerate(uniform.PARAMS):
    mean, error = naive[i].mean(), naive[i].std() / math.sqrt(count)
    print(f"d/d{name:4}  exact {truth[i]:.4f}   path {path[i].mean:.4f}   naive {mean:.4f}")
    assert abs(path[i].z) < 5.0
    assert abs(mean - truth[i]) > 20.0 * error

# %% [markdown]
# The naive estimate has even the sign of one of them wrong. A function that silently returned such
# a number would be a trap. So the package refuses both, and says what to use instead:

# %%
for ask in (lambda: bernoulli.rsample(0.3, noise=0.5), lambda: uniform.score(z, low, high)):
    try:
        ask()
    except Undefined as refusal:
        print(refusal, end="\n\n")
    else:
        raise AssertionError("a coin has no path, and a uniform law no score to use")

# %% [markdown]
# ## Relaxations, and their bias
#
# If the coin jumps, why not bend it? Solve $u < s = 1/(1 + e^{-l})$ for $l$: it says that
# $l + g > 0$, with $g = \log(1 - u) - \log u$, which is *logistic noise*. Replace this step by a
# sigmoid with a *temperature* $\tau > 0$:
#
# $$
# y = \frac{1}{1 + e^{-(l + g)/\tau}} .
# $$
#
# For a choice among $K$ classes there is a vector $l$ of $K$ logits and a vector $g$ of $K$ Gumbel
# noises, each $-\log E$ with $E = -\log u$. The place of the largest entry of $l + g$ is an exact
# draw of the class, and $y = \mathrm{softmax}((l + g)/\tau)$ softens it. These are the *Concrete*
# or *Gumbel-softmax* laws. They have explicit paths, which pass the check:

# %%
logits, noise = rng.standard_normal((5, 4)), concrete.noise(rng, (5, 4))
print(gradcheck(concrete.rsample, logits, np.array(0.7), noise=noise).raise_if_wrong().verdict)

# %% [markdown]
# And yet the check does not say what you want to know. It proves that this is the gradient of
# $\mathbb{E}[f(y)]$. You asked for that of $\mathbb{E}[f(x)]$. They differ, and the difference is a
# **bias**: no number of draws removes it. As $\tau$ goes to 0, $y$ becomes $x$ and the bias goes
# away, and the slope of $y$, of order $1/\tau$ in a window of width $\tau$, makes the variance grow
# like $1/\tau$. It is the steep sigmoid of chapter 6.
#
# For one coin the estimate is a function of one uniform $u$. So its mean and its variance are
# integrals over $(0, 1)$, and you can have both by quadrature. The truth is the formula above.

# %%
f, logit = integrands.quadratic(k=0.45), 0.3
s = 1.0 / (1.0 + math.exp(-logit))
coin = s * (1.0 - s) * ((1.0 - 0.45) ** 2 - (0.0 - 0.45) ** 2)
assert math.isclose(coin, exact.gradient(f, bernoulli, (logit,))[0], rel_tol=1e-12)


def bias_and_variance(tau):
    """Of the relaxed estimate of this coin's gradient, by quadrature over its noise u."""

    def moments(u):
        (g,) = relaxed(f, bernoulli, (np.array(logit),), u, tau=tau)
        return np.stack([g, g * g])

    (mean, square), _ = exact.integrate(moments, 0.0, 1.0, breaks=(s,), rtol=1e-9)
    return mean - coin, square - mean * mean


# %%
print(f"the gradient: {coin:.4f}")
found = {tau: bias_and_variance(tau) for tau in (1.0, 0.5, 0.1, 0.02)}
for tau, (bias, variance) in found.items():
    print(f"tau {tau:4}   bias {bias:+.4f}, of the gradient {bias / coin:4.0%}", end="   ")
    print(f"variance {variance:.4f}, times tau {tau * variance:.4f}")
(first, _), (second, _), (third, before), (last, after) = found.values()
assert 0.0 < first < second > third > last > 0.0  # the bias is not monotone in tau
assert round(second / coin, 1) == 0.3
assert abs(after / before / 5.0 - 1.0) < 0.02  # the variance grows like 1/tau

# %% [markdown]
# From $\tau = 1$ down to $0.5$ the bias *grows*, to three tenths of the gradient. It goes to 0 in
# the end, but not at every step of the way.
#
# Of one coin nobody needs an estimate: two evaluations of $f$ are the answer. So take four coins
# that meet in one $f$, with the truth by enumeration of the 16 states. Beside the relaxation stands
# DisARM, an unbiased estimator for coins, which uses two evaluations of $f$ and no slope.

# %%
weights, logits = np.array([1.0, -0.7, 1.3, 0.6]), np.array([0.3, -0.4, 0.1, 0.8])


def coupled(x):
    """f(x) = (w · x - 1)², of x (S, 4): the coins do not just add up, they interact."""
    gap = x @ weights - 1.0
    return gap**2, lambda dy: (np.outer(dy * 2.0 * gap, weights),)


truth, S = exact.gradient(coupled, bernoulli, (logits,))[0], 500_000
u, errors = bernoulli.noise(np.random.default_rng(5), (S, 4)), {}
for tau in (1.0, 0.5, 0.25):
    (g,) = relaxed(coupled, bernoulli, (logits,), u, tau=tau)
    bias, variance = g.mean(axis=0) - truth, g.var(axis=0)
    assert np.max(np.abs(bias) / np.sqrt(variance / S)) > 8.0
    errors[f"relaxed, τ = {tau:g}"] = np.sum(bias**2), variance.sum()
(g,) = by_name("DisARM").fn(coupled, bernoulli, (logits,), u)
assert np.max(np.abs(g.mean(axis=0) - truth) / g.std(axis=0)) * math.sqrt(S) < 5.0
errors["DisARM"] = 0.0, 2.0 * g.var(axis=0).sum()  # a pair of evaluations is one estimate
for name, (bias2, variance) in errors.items():
    print(f"{name:18} size of the bias {math.sqrt(bias2):.3f}   variance x cost {variance:.2f}")

# %% [markdown]
# The root of the mean square error after $n$ evaluations of $f$ (one with its slope counts as one)
# is the root of $\mathrm{bias}^2 + v / n$, with $v$ the variance times the cost. Both are summed
# over the four logits:

# %%
# alt: Left: the bias of a relaxed coin against the temperature rises to a maximum, falls, and
# becomes negative. Right: the error of relaxed estimates falls with the number of evaluations and
# then stays at a floor, the higher the larger the temperature; that of DisARM goes on falling.
temperatures, n = np.geomspace(0.02, 3.0, 40), np.geomspace(1.0, 1e5, 60)
with plots.style():
    _, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.6))
    left.axhline(0.0, color=GREY)
    left.plot(temperatures, [bias_and_variance(tau)[0] for tau in temperatures], color=ORANGE)
    left.set(xscale="log", xlabel="temperature τ", ylabel="bias of the relaxed gradient")
    left.set_title(f"one coin, whose gradient is {coin:.4f}")
    for (name, (bias2, variance)), colour in zip(
        errors.items(), (ORANGE, PURPLE, "0.4", BLUE), strict=True
    ):
        right.plot(n, np.sqrt(bias2 + variance / n), color=colour, label=name)
    right.set(xscale="log", yscale="log", xlabel="evaluations of f")
    right.set_ylabel("root mean square error of the gradient")
    right.set_title("four coins: a bias is a floor")
    right.legend(loc="lower left")

# %%
for n in (10, 100_000):
    after = {name: math.sqrt(bias2 + v / n) for name, (bias2, v) in errors.items()}
    best = min(after, key=after.get)
    print(f"after {n:6} evaluations the best is {best}, with an error of {after[best]:.3f}")
    assert (best == "DisARM") == (n == 100_000)

# %% [markdown]
# So a relaxation is a bargain: less variance now, for an error that stays. With a few noisy
# estimates a step, as in training a network, it may be what you want. Where the gradient itself has
# to be right, it is not.
#
# ## What you have
#
# | the law | the path | what to use |
# |---|---|---|
# | location and scale | $z = \mu + \sigma\varepsilon$ | the path |
# | a CDF that can be inverted | $z = F^{-1}(u)$ | the path |
# | Gamma, Beta, Dirichlet, von Mises | implicit | the path, at draws of any sampler |
# | discrete | none | a sum over all values, or the score with a baseline; DisARM for coins |
# | discrete, relaxed | explicit, of another law | only with its bias in mind |
# | Uniform: a support that moves | explicit | the path, and never the score |
#
# ## Exercises

# %%
for name in CHAPTERS[7]:
    found = exercise(name)
    print(f"{found.number}. {found.title}: {found.name}, in {found.file}")
print("\nTo start: python -m tinyvae exercises start")

# %% [markdown]
# Two more to think about:
#
# - The *straight-through* estimator keeps the hard $x$ in the forward pass and pretends, on the way
#   back, that $x$ were $s$: its estimate is $f'(x)\, s (1 - s)$. Work out its mean for the one coin
#   of this chapter, and compare with the truth. For which $f$ is it right?
# - Derive $\partial z/\partial b$ of the uniform law from the implicit rule, with its CDF
#   $(z - a)/(b - a)$. Why does the rule work where the score does not?
#
# ## Read on
#
# - Figurnov, Mohamed & Mnih, *Implicit Reparameterization Gradients* (2018): equation 5 is the
#   rule; section 4 has Gamma, Beta, Dirichlet and von Mises.
# - Naesseth, Ruiz, Linderman & Blei, *Reparameterization Gradients through Acceptance-Rejection
#   Sampling Algorithms* (2017), section 3: the correction.
# - Maddison, Mnih & Teh, *The Concrete Distribution* (2017), and Jang, Gu & Poole, *Categorical
#   Reparameterization with Gumbel-Softmax* (2017): the same relaxation, twice.
# - Dong, Mnih & Tucker, *DisARM* (2020), section 3. Tucker et al., *REBAR* (2017), section 3: a
#   relaxation as a control variate, which takes its bias out again.
# - In the package: `tinyvae/distributions/`, one law a file, and
#   `tinyvae/special/incomplete_gamma.py`.
#
# Next, chapter 8, *The ELBO*: the objective that all these gradients are for.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
