# %% [markdown]
# # 8. The ELBO
#
# **The question.** A variational autoencoder (VAE) should give the data a high probability, and it
# cannot compute that probability. What does it maximize in its place, and how far below the truth
# is that?
#
# You need normal laws, expectations and logarithms. Chapters 3 and 4 come before: an expectation
# $\mathbb{E}[f(z)]$, its estimate from draws, and the draw $z = \mu + \sigma \varepsilon$.
# Time: about 40 minutes.

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
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.models import ppca
from tinyvae.models.free_posterior import measured
from tinyvae.models.linear_gaussian import ONE_DATUM, ONE_LATENT
from tinyvae.models.moments import moments
from tinyvae.plots import BLUE, GREY, ORANGE, image_grid, style

# %% [markdown]
# ## 8.1 A probability that is an integral
#
# The model of a VAE tells a story of how an example $x$ came about. First a hidden number, the
# *latent* $z$, is drawn from a fixed law, the *prior* $p(z) = N(0, 1)$. Then $x$ is drawn from a
# law that depends on it, $p(x \mid z)$. A *law* is a probability distribution; we write $p$ for its
# density too. The probability density of $x$ itself, the *evidence*, adds up all the stories that
# could have led to it:
#
# $$
# p(x) = \int p(x \mid z)\, p(z)\, dz .
# $$
#
# In this chapter the model is so small that everything can be known: one latent, one number $x$,
#
# $$
# z \sim N(0, 1), \qquad x \mid z \sim N(z, 1), \qquad \text{seen: } x = 1.5 .
# $$
#
# Then $x$ is the sum of two independent normal numbers, so that $x \sim N(0, 2)$. And the law of
# $z$ once $x$ is seen, the *posterior* $p(z \mid x) = p(x \mid z)\, p(z) / p(x)$, is
# $N(x/2, 1/2)$: complete the square in $-\frac{1}{2}(x - z)^2 - \frac{1}{2} z^2$.
#
# All logarithms here are natural ones. Their unit is the *nat*; a bit is $\log 2$ nats. You can
# compute $\log p(x)$ twice, from $N(0, 2)$ and from the integral. The integral is done by
# Gauss-Hermite quadrature: for $\varepsilon \sim N(0, 1)$ it replaces
# $\mathbb{E}[f(\varepsilon)]$ by a weighted sum over 60 well-chosen points.


# %%
def log_normal(y, mean, variance):
    """The log-density of N(mean, variance) at y, in nats."""
    return -0.5 * ((y - mean) ** 2 / variance + np.log(2 * np.pi * variance))


eps, weights = np.polynomial.hermite_e.hermegauss(60)
weights = weights / weights.sum()  # now weights @ f(eps) is E[f(eps)]

x = ONE_DATUM[0]
log_evidence = log_normal(x, 0.0, 2.0)
by_quadrature = np.log(weights @ np.exp(log_normal(x, eps, 1.0)))
print(f"log p(x) = {log_evidence:.6f} nats; by quadrature {by_quadrature:.6f}")
print(f"the same quadrature with 20 latents needs {60.0**20:.0e} points")
assert abs(log_evidence - by_quadrature) < 1e-10

# %% [markdown]
# That last number is the problem. A model of pictures has many latents, and a neural network
# between $z$ and $x$: no closed form, and no quadrature.
#
# ## 8.2 By pencil: a bound from a tangent
#
# Take any density $q(z)$ that is positive everywhere. Multiply and divide by it:
#
# $$
# p(x) = \int q(z)\, \frac{p(x \mid z)\, p(z)}{q(z)}\, dz = \mathbb{E}_q[w],
# \qquad w = \frac{p(x \mid z)\, p(z)}{q(z)} .
# $$
#
# $\mathbb{E}_q$ is the mean over draws $z$ from $q$, and $w$ is called the *weight* of a draw. In a
# VAE the encoder computes a $q$ for each $x$, and one writes $q(z \mid x)$; here $x$ stays what it
# is, and $q(z)$ is enough.
#
# So a draw of $w$ is an unbiased estimate of $p(x)$, for every $q$. But what we want is
# $\log p(x)$: over many examples probabilities multiply, and logarithms add. And the logarithm of a
# mean is not the mean of the logarithms. How do they differ? The logarithm lies below each of its
# tangents: for every $c > 0$,
#
# $$
# \log w \le \log c + \frac{w - c}{c}, \qquad \text{with equality only at } w = c .
# $$
#
# Choose $c = p(x)$ and take the mean over $q$. The last term vanishes, as
# $\mathbb{E}_q[w] = p(x)$, and what remains is *Jensen's inequality* for the logarithm:
#
# $$
# \mathbb{E}_q[\log w] \le \log p(x) .
# $$
#
# The left side is the **evidence lower bound**, the ELBO. How much is missing? Write
# $p(x \mid z)\, p(z) = p(z \mid x)\, p(x)$ in the weight:
#
# $$
# \log w = \log p(x) - \log \frac{q(z)}{p(z \mid x)}, \qquad
# \log p(x) - \mathrm{ELBO} = \mathbb{E}_q\left[ \log \frac{q(z)}{p(z \mid x)} \right] .
# $$
#
# The last expectation is the *Kullback-Leibler divergence* $\mathrm{KL}(q \,\Vert\, p(z \mid x))$:
# how far, in nats, $q$ is from the posterior. It is 0 if $q$ is the posterior (then $w = p(x)$ for
# every $z$), else positive. So to raise the ELBO by changing $q$ is to move $q$ towards the
# posterior, without ever knowing it.
#
# Let $q = N(\mu, \sigma^2)$ and compare the two sides as numbers. `ONE_LATENT` is this
# model in the package, and its `divergence` is the closed form of that KL.


# %%
def elbo(mu, sigma):
    """E_q[log w] for q = N(mu, sigma²), by quadrature."""
    z = mu + sigma * eps
    return weights @ (log_normal(x, z, 1) + log_normal(z, 0, 1) - log_normal(z, mu, sigma**2))


mu, sigma = 1.0, 0.9
m, logvar = np.array([mu]), np.array([2 * np.log(sigma)])
gap = ONE_LATENT.divergence(m, logvar, x=ONE_DATUM)
print(f"ELBO {elbo(mu, sigma):.6f} + KL(q || posterior) {gap:.6f} = {elbo(mu, sigma) + gap:.6f}")
assert abs(elbo(mu, sigma) + gap - log_evidence) < 1e-10
assert abs(elbo(0.75, np.sqrt(0.5)) - log_evidence) < 1e-10  # q is the posterior: no gap

# %%
# alt: Left, the prior, the posterior and a q that is wider than the posterior and to its right.
# Right, the ELBO against sigma for two mu. Both curves stay below the line log p(x); the one with
# the posterior's mu touches it, at the posterior's sigma.
laws = {
    "prior p(z)": (0.0, 1.0, (-2.9, 0.27), "0.5"),
    "posterior\np(z | x)": (0.75, np.sqrt(0.5), (-1.1, 0.47), BLUE),
    "q(z)": (mu, sigma, (2.05, 0.25), ORANGE),
}
z, spread = np.linspace(-3, 4, 300), np.linspace(0.25, 1.6, 120)
with style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.2))
    for name, (loc, s, at, colour) in laws.items():
        left.plot(z, np.exp(log_normal(z, loc, s**2)), color=colour)
        left.text(*at, name, color=colour)
    left.set(xlabel="latent z", ylabel="density", title="three laws of one latent")
    for loc, at, colour in ((0.75, (1.0, -1.88), BLUE), (1.0, (0.62, -1.94), ORANGE)):
        right.plot(spread, [elbo(loc, s) for s in spread], color=colour)
        right.text(*at, f"μ = {loc:g}", color=colour)
    right.axhline(log_evidence, color="0.3", lw=1, ls="--")
    right.text(1.6, log_evidence + 0.012, "log p(x)", ha="right", color="0.3")
    right.set(xlabel="σ of q", ylabel="ELBO, nats", ylim=(-2.4, -1.75))
    right.set_title("the ELBO touches log p(x) at the posterior")

# %% [markdown]
# ## 8.3 The two forms
#
# The logarithm of the weight has three terms. There are two ways to sort them.
#
# $$
# \begin{aligned}
# \mathrm{ELBO}
# &= \mathbb{E}_q[\log p(x \mid z) + \log p(z) - \log q(z)] && \text{(sampled)} \\
# &= \mathbb{E}_q[\log p(x \mid z)] - \mathrm{KL}(q \,\Vert\, p(z)) && \text{(analytic)}
# \end{aligned}
# $$
#
# In the second form the last two terms have become a KL again, this time to the *prior*. It reads
# as a bargain: the *reconstruction* term wants a $z$ that explains $x$, and the KL is the price of
# saying something about $z$ that the prior did not say. Do not mix up the two divergences. The one
# to the posterior is the gap; you want it to be 0. The one to the prior is a part of the bound; if
# it is 0, then $z$ says nothing about $x$.
#
# The second form is called *analytic* because this KL needs no draws. With
# $z = \mu + \sigma \varepsilon$ we have $(z - \mu)/\sigma = \varepsilon$, the $\log 2\pi$ of both
# densities cancel, and
#
# $$
# \log q(z) - \log p(z) = -\tfrac{1}{2} \varepsilon^2 - \log \sigma + \tfrac{1}{2} z^2 .
# $$
#
# Now $\mathbb{E}[\varepsilon^2] = 1$ and $\mathbb{E}[z^2] = \mu^2 + \sigma^2$. With
# $v = \log \sigma^2$, which is what the encoder puts out as `logvar`,
#
# $$
# \mathrm{KL} = \tfrac{1}{2} \left( \mu^2 + e^{v} - 1 - v \right), \qquad
# \frac{\partial\, \mathrm{KL}}{\partial \mu} = \mu, \qquad
# \frac{\partial\, \mathrm{KL}}{\partial v} = \tfrac{1}{2} (e^{v} - 1) .
# $$
#
# ## 8.4 In the package
#
# Both are functions that return a value and a `vjp`, which takes the gradient of what comes after
# and returns those of the arguments (chapter 2). `kl_per_latent` is the formula above, where
# `expm1(v)` is $e^v - 1$ with all its digits; exercise 27 is about that.

# %%
print(inspect.getsource(tinyvae.kl_per_latent))
print(inspect.getsource(tinyvae.elbo))

# %% [markdown]
# ## 8.5 Check it
#
# First the value: the closed form against quadrature. Then the gradients, with the checker of
# chapter 1: it contracts the output with a random cotangent (the gradient of something that comes
# after) and compares what `vjp` says with finite differences.

# %%
rng = np.random.default_rng(8)
z = mu + sigma * eps
drawn_form = weights @ (log_normal(z, mu, sigma**2) - log_normal(z, 0, 1))
closed_form = tinyvae.kl_per_latent(mu, 2 * np.log(sigma))[0]
print(f"KL(q || prior): closed form {closed_form:.10f}, quadrature {drawn_form:.10f}")
assert abs(closed_form - drawn_form) < 1e-10

heads = rng.standard_normal((2, 5, 3))  # mu and logvar of 5 examples, 3 latents
of_kl = tinyvae.gradcheck(tinyvae.kl_per_latent, *heads)
of_elbo = tinyvae.gradcheck(tinyvae.elbo, rng.standard_normal((4, 5)), heads[0] ** 2, beta=0.7)
print(of_kl, of_elbo, sep="\n")
assert of_kl.ok
assert of_elbo.ok

# %% [markdown]
# ## 8.6 Nats per example: sum over the pixels, mean over the batch
#
# A picture has $D$ pixels, and given $z$ they are independent. The logarithm of a product is a sum,
# so $\log p(x \mid z)$ **sums** over the pixels. In the same way the KL sums over the latents. Over
# the examples of a batch you may take the mean: that divides both terms by the same number. This
# makes every number comparable, in *nats per example*. Two yardsticks for the bundled digits, in
# black and white with 64 pixels, both without any latent:

# %%
digits = tinyvae.data.load("digits").binarized("threshold")
coin = 64 * np.log(0.5)
on = (digits.x.sum(axis=0) + 1) / (len(digits.x) + 2)  # each pixel's frequency, never 0 or 1
each = digits.held_out * np.log(on) + (1 - digits.held_out) * np.log1p(-on)
constant = each.sum(axis=1).mean()  # sum over the pixels, mean over the examples
print(f"a fair coin for each pixel: {coin:.1f} nats per example, {coin / np.log(2):.0f} bits")
print(f"each pixel at its own frequency: {constant:.1f} nats per held-out example")
assert constant > coin

# %% [markdown]
# As long as the held-out ELBO of a VAE is below the second number, nothing shows that its latents
# are good for anything. Chapter 9 starts there.
#
# ## 8.7 The KL in closed form, or from the same draw?
#
# In training, each expectation is estimated from a draw $z = \mu + \sigma \varepsilon$. The
# analytic form draws only for the reconstruction; the sampled form draws for all three terms. Both
# have the right mean. Is the one with a closed form in it always the quieter one? In our model the
# log weight is a quadratic in $\varepsilon$, so the variances of one draw have closed forms;
# `moments` has them. Measure one pair first, to be sure that formula and code agree. A mean over
# $n$ draws has the standard error $\sqrt{V/n}$, with $V$ the variance of one draw; `apart` is the
# distance from the exact mean in standard errors.

# %%
n = 100_000
for name in ("analytic", "sampled"):
    exact = moments(ONE_LATENT, name, m, logvar, x=ONE_DATUM)
    found = measured(ONE_LATENT, name, m, logvar, x=ONE_DATUM, draws=n, rng=rng)
    for what in ("value", "m", "logvar"):
        mean, variance = np.ravel(exact[what].mean)[0], np.ravel(exact[what].variance)[0]
        apart = (np.ravel(found[what].mean)[0] - mean) / np.sqrt(variance / n)
        measured_variance = np.ravel(found[what].variance)[0]
        print(f"{name:9}{what:7} mean {mean:8.4f} (apart {apart:+.1f})", end="")
        print(f"  variance {variance:.4f}, measured {measured_variance:.4f}")
        assert abs(apart) < 5
        assert abs(measured_variance / variance - 1) < 0.05

# %% [markdown]
# The rows `m` and `logvar` are the gradients in $\mu$ and $v$. Here the analytic form has the
# larger variance in its value and the smaller one in both gradients. Now move $\sigma$, with $\mu$
# held at the posterior's:

# %%
# alt: Variance of one draw against sigma of q, for the value of the ELBO and for its gradients in
# mu and in logvar. The sampled value has no variance at the posterior, where the analytic one has
# some. In the gradient in mu the analytic form is always lower.
spread = np.linspace(0.05, 1.2, 116)
titles = {"value": "the ELBO itself", "m": "its gradient in μ", "logvar": "its gradient in logvar"}
curves = {}
for name in ("analytic", "sampled"):
    at = [moments(ONE_LATENT, name, m - 0.25, 2 * np.log([s]), x=ONE_DATUM) for s in spread]
    for what in titles:
        curves[name, what] = np.array([float(np.squeeze(q[what].variance)) for q in at])
with style():
    fig, panels = plt.subplots(1, 3, figsize=(8.8, 2.8))
    for ax, (what, title) in zip(panels, titles.items(), strict=True):
        ax.axvline(np.sqrt(0.5), color=GREY, lw=1)
        for name, colour in (("analytic", BLUE), ("sampled", ORANGE)):
            ax.plot(spread, curves[name, what], color=colour, label=name)
        ax.set(xlabel="σ of q", title=title, ylim=(0, None))
    panels[0].set_ylabel("variance of one draw")
    panels[0].text(0.69, 1.05, "σ of the\nposterior", color="0.4", ha="right", va="center")
    panels[2].legend()

# %%
for name in ("analytic", "sampled"):
    best = moments(ONE_LATENT, name, m - 0.25, np.log([0.5]), x=ONE_DATUM)
    value, in_mu = float(best["value"].variance), best["m"].variance[0]
    print(f"at the posterior, {name:8}: variance {value:.3f}, {in_mu:.3f} of its gradient in mu")
assert value < 1e-20  # of the sampled form, the last one
assert in_mu > 1
assert (curves["analytic", "m"] < curves["sampled", "m"]).all()

# %% [markdown]
# Three things to keep.
#
# - At the exact posterior $\log w = \log p(x)$ for **every** $z$: the sampled value has no variance
#   at all, the analytic one does.
# - In the gradient in $\mu$ the analytic form wins everywhere in this model.
# - The sampled *gradient* still has variance at the posterior, though its value has none. What is
#   left is $\partial \log q(z) / \partial \mu$ with $z$ held, whose mean is 0 (chapter 5). The
#   package's objective `path` leaves it out.
#
# And "the analytic KL has the lower variance" is no theorem for the gradient in `logvar`. Take
# $x = 6$ and for $q$ its posterior, $N(3, 1/2)$. At the mean, $z = 3$, the slope of
# $\log p(x \mid z)$ in $z$ is $x - z = 3$, and that of $\log p(z)$ is $-z = -3$. Both forms
# multiply their slope by $\partial z / \partial v = \frac{1}{2} \sigma \varepsilon$. In the sampled
# form the two 3s cancel, whatever the draw; the analytic form keeps the first, as noise.

# %%
far_out = np.array([3.0]), np.log([0.5])
pair = {
    name: moments(ONE_LATENT, name, *far_out, x=np.array([6.0]))["logvar"].variance[0]
    for name in ("analytic", "sampled")
}
print({name: round(float(variance), 3) for name, variance in pair.items()})
assert pair["sampled"] < pair["analytic"]

# %% [markdown]
# ## 8.8 What one draw estimates, and what it does not
#
# A training step takes one $z$ for each example and computes $\log p(x \mid z) - \mathrm{KL}$. In
# words one often hears that this "approximates $\log p(x)$". Be careful: there are three numbers.
#
# $$
# \text{(a)}\;\; \mathbb{E}_q[\log p(x \mid z)], \qquad
# \text{(b)}\;\; \log \mathbb{E}_q[p(x \mid z)], \qquad
# \text{(c)}\;\; \log \mathbb{E}_q[w] = \log p(x) .
# $$
#
# One draw of $\log p(x \mid z)$ has the mean (a): it is an unbiased estimate of the reconstruction
# term. It is a *biased* estimate of (b), the log-probability of $x$ under the mixture of decoders,
# because (a) is at most (b), by Jensen once more. Some texts write (b) as if it were the
# reconstruction term. Here $x = z + \text{noise}$ with $z$ from $q$ is $N(\mu, \sigma^2 + 1)$, so
# that (b) is known.

# %%
a = weights @ log_normal(x, mu + sigma * eps, 1.0)
b = log_normal(x, mu, sigma**2 + 1.0)
assert abs(b - np.log(weights @ np.exp(log_normal(x, mu + sigma * eps, 1.0)))) < 1e-10
draws = log_normal(x, mu + sigma * rng.standard_normal(n), 1.0)
error = draws.std() / np.sqrt(n)
print(f"(a) E_q log p(x|z) = {a:.4f}   (b) log E_q p(x|z) = {b:.4f}")
print(f"mean of {n} single draws {draws.mean():.4f} +- {error:.4f}")
print(f"from (a) {(draws.mean() - a) / error:+.1f} standard errors, from (b) more than 50")
assert abs(draws.mean() - a) < 5 * error
assert b - draws.mean() > 50 * error

# %% [markdown]
# Nor is one draw a bound. "Below $\log p(x)$" is a statement about a *mean*:

# %%
# alt: Histogram of the log weight of single draws. Its mean, the ELBO, is left of the line
# log p(x), but more than half of the draws are to the right of that line.
z = mu + sigma * rng.standard_normal(n)
log_w = log_normal(x, z, 1) + log_normal(z, 0, 1) - log_normal(z, mu, sigma**2)
with style():
    fig, ax = plt.subplots(figsize=(5.8, 2.8))
    ax.hist(log_w, bins=np.linspace(-3.7, -1.3, 80), density=True, color=GREY)
    ax.axvline(elbo(mu, sigma), color=ORANGE)
    ax.text(elbo(mu, sigma) - 0.06, 3.3, "their mean,\nthe ELBO", color=ORANGE, ha="right")
    ax.axvline(log_evidence, color=BLUE)
    ax.text(log_evidence + 0.06, 4.6, "log p(x)", color=BLUE)
    ax.set(xlabel="log w of one draw, nats", ylabel="density", xlim=(-3.7, -1.2))
    ax.set_title("a single draw may well lie above log p(x)")
above = (log_w > log_evidence).mean()
print(f"{above:.0%} of the draws are above log p(x)")
assert above > 0.5

# %% [markdown]
# What do more draws buy? Average several values of $\log w$: the noise shrinks, the mean stays the
# ELBO. Take the logarithm *after* averaging $w$, and the bound itself rises towards (c): that is
# chapter 10.
#
# ## 8.9 Beta, written down
#
# A number $\beta$ in front of the KL changes the bargain:
#
# $$
# J = \mathbb{E}_q[\log p(x \mid z)] - \beta\, \mathrm{KL}(q \,\Vert\, p(z)) .
# $$
#
# In our model both terms are known, with $s = \sigma^2$:
#
# $$
# J(\mu, s) = -\tfrac{1}{2} \left[ \log 2\pi + (x - \mu)^2 + s
# {} + \beta (\mu^2 + s - 1 - \log s) \right] .
# $$
#
# Set both derivatives to 0: $(x - \mu) - \beta \mu = 0$ and $-1 - \beta + \beta / s = 0$. So
#
# $$
# \mu = \frac{x}{1 + \beta}, \qquad \sigma^2 = \frac{\beta}{1 + \beta} .
# $$

# %%
print("  beta     mu  sigma²  J, as claimed    its ELBO")
for beta in (0.125, 0.5, 1.0, 2.0, 8.0):
    best = x / (1 + beta), beta / (1 + beta)
    kl, _ = tinyvae.kl_per_latent(best[0], np.log(best[1]))
    true = elbo(best[0], np.sqrt(best[1]))
    claimed = true + (1 - beta) * kl
    print(f"{beta:6.3f} {best[0]:6.3f} {best[1]:7.3f} {claimed:14.4f} {true:11.4f}")
    assert true <= log_evidence + 1e-12
    assert (true > log_evidence - 1e-9) == (beta == 1)
    assert (claimed > log_evidence + 1e-9) == (beta < 1)
print(f"log p(x){log_evidence:26.4f}")

# %% [markdown]
# The ELBO is highest at $\beta = 1$, and only there does it reach $\log p(x)$. With $\beta > 1$ the
# latents are told to say less, with $\beta < 1$ to say more. Both can be what you want (Higgins et
# al. choose $\beta > 1$ for latents that are easier to read). But for $\beta < 1$ the value $J$ may
# lie **above** $\log p(x)$: it is not a bound, and must not be reported as one. Train with any
# $\beta$ you like; report the ELBO, $\beta = 1$. `tinyvae.evaluate` always does.
#
# ## 8.10 Beta, hidden
#
# A beta may also be there without being written down. A program has
#
# $$
# \text{loss} = \frac{1}{D} \sum_{d=1}^{D} (x_d - \hat{x}_d)^2 + \mathrm{KL},
# $$
#
# the mean squared error over the $D$ pixels, as a library returns it, plus the KL. The decoder that
# goes with squared errors is $p(x \mid z) = N(\hat{x}, \sigma_x^2)$ for each pixel, with
#
# $$
# \log \frac{1}{p(x \mid z)} = \frac{1}{2 \sigma_x^2} \sum_{d=1}^{D} (x_d - \hat{x}_d)^2
# \;+\; \text{constant} .
# $$
#
# A loss may be multiplied by any number without moving its minimum. Multiply by
# $D / (2 \sigma_x^2)$: then the first term is $-\log p(x \mid z)$ up to the constant, and the KL
# has got the factor $D / (2 \sigma_x^2)$. For $\sigma_x = 1$ that is $\beta = D/2$. The function
# `effective_beta` does this arithmetic; we hold it against the package's own loss.

# %%
beta = tinyvae.effective_beta(reconstruction="mean squares", kl="sum", data=64, latent=8)
print(f"mean squared error + KL, 64 pixels: beta = {beta:g}, and sqrt(beta) = {beta**0.5:.1f}")

grey = tinyvae.data.load("digits")
batch = grey.x[:100].astype(float)
vae = tinyvae.VAE(64, 8, (16,), likelihood="gaussian", scale=1.0)
differences = []
for seed in range(3):  # three models: a constant is the same in all of them
    theta = vae.init(np.random.default_rng(seed), np.float64)
    nodes = tinyvae.trace(vae, theta, x=batch, eps=rng.standard_normal((100, 8)), beta=beta)
    as_written = ((batch - nodes["out"]) ** 2).mean() + nodes["kl"].sum() / 100
    differences.append(as_written * 64 / 2 - nodes["loss"])
print("loss as written times D/2, minus the loss with that beta:", np.round(differences, 9))
assert np.ptp(differences) < 1e-9

# %% [markdown]
# There is a second way to read the same line. Keep $\beta = 1$; then the loss is the negative ELBO
# of a decoder with $\sigma_x^2 = D/2$. For 64 pixels that is $\sigma_x \approx 5.7$, on pixels
# between 0 and 1. The model is told that each pixel is nearly all noise. What would *you* put into
# $z$, at a price, if the picture is only noise?
#
# For a linear decoder the answer is known exactly (chapter 10): a latent is used if and only if the
# variance of the data in its direction, an eigenvalue of their covariance, is above
# $\beta \sigma_x^2$. So you can see what each choice does to the digits, without any training.

# %%
latents = 20
best_variance = ppca.fit(grey.x, latents).variance
product = np.geomspace(1e-3, 100, 200)
used = [ppca.fit(grey.x, latents, variance=e).active for e in product]
choices = {
    "σ² learned, β = 1": best_variance,
    "σ = 0.3, β = 1": 0.3**2,
    "sum of squares / 2 + KL\n(σ = 1, β = 1)": 1.0,
    "mean squares + KL\n(σ = 1, β = 32)": 32.0,
}
for name, e in choices.items():
    active = ppca.fit(grey.x, latents, variance=e).active
    print(f"{' '.join(name.split()):40} beta sigma² = {e:7.4f}: {active:2} of {latents} latents")
assert ppca.fit(grey.x, latents, variance=1.0).active == 0

# %%
# alt: Left, the number of latents in use against beta times sigma squared, falling from 20 to 0
# at 0.7. Right, ten digits and their reconstructions for the four choices that are dots on the
# left: sharp for the learned variance, blurred for sigma 0.3, one grey blur for the other two.
x_ten = grey.held_out[:10].astype(float)
rows = [x_ten]
for e in choices.values():
    pca = ppca.fit(grey.x, latents, variance=e)  # the product alone decides, not its factors
    rows.append((x_ten - pca.mean) @ pca.V @ pca.W + pca.mean)
with style():
    fig, (ax, pictures) = plt.subplots(1, 2, figsize=(9.4, 3), width_ratios=(1, 1.3))
    ax.step(product, used, color=BLUE, where="mid")
    for e in choices.values():
        ax.plot(e, ppca.fit(grey.x, latents, variance=e).active, "o", color=BLUE)
    ax.set(xscale="log", xlabel="β σ²", ylabel="latents in use", yticks=(0, 5, 10, 15, 20))
    ax.set_title("too large a β σ², and no latent is used")
    image_grid(np.concatenate(rows), (8, 8), ax=pictures, columns=10)
    pictures.set_title("reconstructed by the best linear VAE, at the four dots")
    for i, name in enumerate(("data", *choices)):
        pictures.text(-1.5, 9 * i + 3.5, name, ha="right", va="center", fontsize=8)

# %% [markdown]
# Even the plain sum of squares, $\sigma_x = 1$, is too loud a noise for pixels in $[0, 1]$: not one
# direction of the digits has a variance of 1. The cure is the same in all cases. Write down the
# density of the data, with its $\sigma_x$ or with a learned one, sum it over the pixels, and write
# $\beta$ where one can see it.
#
# ## 8.11 What breaks it
#
# A wrong weight is the mistake that no gradient check can see: every derivative is right, only of
# another function. In 8.5 the check was run at `beta=0.7`, and passed. Here is the first row of the
# table in 8.9 again, an eighth of the KL. Whoever writes `mean` for `sum` over 8 latents has it.
#
# But a bound above $\log p(x)$ is impossible, and where $\log p(x)$ is known, one can look. That is
# the second oracle, `objectivecheck`. It is handed what the program would report, at the optimum of
# the wrong objective, and the truth:

# %%
beta = 1 / 8
best = x / (1 + beta), beta / (1 + beta)
z = best[0] + np.sqrt(best[1]) * rng.standard_normal(20_000)
claims = log_normal(x, z, 1.0) - beta * tinyvae.kl_per_latent(best[0], np.log(best[1]))[0]
report = tinyvae.objectivecheck(bound=claims, log_evidence=log_evidence)
print(report)
assert not report.ok

# %% [markdown]
# Chapter 11 is about these two oracles, and about which mistake needs which.
#
# ## 8.12 Exercises
#
# `python -m tinyvae exercises start` makes a folder with all of them; write the functions there,
# and `python -m tinyvae exercises check` says what is wrong. Those of this chapter:

# %%
for name in CHAPTERS[8]:
    print(f"{exercise(name).number:3}. {exercise(name).title}")

# %% [markdown]
# And on paper:
#
# 1. Show with the tangent argument that $\mathrm{KL}(q \,\Vert\, p) \ge 0$ for any two densities.
# 2. Half of the cross-entropy is forgotten: the loss is
#    $-\frac{1}{2} \log p(x \mid z) + \mathrm{KL}$. Which $\beta$ is that?
# 3. In 8.7, why has the sampled gradient in $\mu$ the variance $1/\sigma^2$ at the posterior?
#
# ## Read on
#
# - D. P. Kingma and M. Welling, *Auto-Encoding Variational Bayes* (2014): the bound, equations 1 to
#   3; the sampled and the analytic estimator, equations 6 and 7; the KL, appendix B.
# - I. Higgins et al., *beta-VAE* (2017), equation 4: a beta that is written down.
# - J. Lucas, G. Tucker, R. Grosse and M. Norouzi, *Don't Blame the ELBO!* (2019), section 4: the
#   linear VAE, exactly.
# - In the package: `tinyvae/elbo.py`, `tinyvae/kl.py`, `tinyvae/inspection/measure.py`.
#
# **Next:** chapter 9 puts an encoder and a decoder around this bound, and trains them on digits.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
