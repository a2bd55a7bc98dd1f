# %% [markdown]
# # 10. How good is it?
#
# **The question.** A trained variational autoencoder (VAE) reports its ELBO: $\log p(x)$ is *at
# least* so much. How much more is it? And how good could the model have become?
#
# You need chapters 8 (the ELBO) and 9 (training); for section 10.4 also 5 (the score function) and
# 6 (variance). Some linear algebra: eigenvalues of a covariance matrix. Time: about 40 minutes.

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
from tinyvae.elbo import FROM_WEIGHTS
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.inspection import lines
from tinyvae.models import ppca
from tinyvae.models.descent import EXACT, LinearVAEFit, descend
from tinyvae.models.linear_gaussian import ONE_DATUM, ONE_LATENT
from tinyvae.models.linear_vae import deterministic_elbo
from tinyvae.signal import gradient_moments, slope

# %% [markdown]
# Begin with a model whose $\log p(x)$ is known: one latent $z \sim N(0, 1)$, one number
# $x \mid z \sim N(z, 1)$, seen at $x = 1.5$ (chapter 8). As a VAE it has a linear decoder. We give
# it an encoder that is not quite the posterior $N(0.75, 0.5)$, and ask for its ELBO.


# %%
def small_vae(mu, sigma):
    """(vae, theta): z ~ N(0, 1), x ~ N(z, 1), with the encoder N(mu, sigma²) for every x."""
    vae = tinyvae.VAE(data=1, latent=1, hidden=(), likelihood="gaussian", scale=1.0)
    theta = np.zeros(vae.layout.size)
    weights = vae.layout.views(theta)  # views: to write to them is to write to theta
    weights["out.W"][:], weights["mu.b"][:], weights["logvar.b"][:] = 1, mu, 2 * np.log(sigma)
    return vae, theta


vae, theta = small_vae(mu=1.0, sigma=0.9)
log_evidence = float(ONE_LATENT.log_prob(ONE_DATUM))
x = np.full((2000, 1), ONE_DATUM)  # the same example 2000 times, each with noise of its own
draws = tinyvae.evaluate(vae, theta, x)
error = draws.std() / np.sqrt(len(x))
print(f"ELBO {draws.mean():.3f} +- {error:.3f}; log p(x) = {log_evidence:.3f} nats")
assert draws.mean() < log_evidence - 3 * error

# %% [markdown]
# ## 10.1 By pencil: average first, then take the logarithm
#
# Draw $z_1, \dots, z_k$ from $q(z \mid x)$, give each its weight, and average the weights:
#
# $$
# w_s = \frac{p(x \mid z_s)\, p(z_s)}{q(z_s \mid x)}, \qquad
# \bar{w}_k = \frac{1}{k} \sum_{s=1}^{k} w_s, \qquad
# L_k = \mathbb{E}[\log \bar{w}_k] .
# $$
#
# $L_k$ is the *importance-weighted bound* by $k$ samples. Three facts make it useful.
#
# **It is a bound.** Each weight has the mean $p(x)$, so $\bar{w}_k$ has, too. The logarithm of a
# mean is at least the mean of the logarithm (Jensen, chapter 8). So
# $L_k \le \log \mathbb{E}[\bar{w}_k] = \log p(x)$. And $L_1$ is the ELBO.
#
# **It rises with $k$.** Leave one of $k + 1$ weights out: there are $k + 1$ such averages of $k$
# weights each, and their mean is $\bar{w}_{k+1}$. By Jensen again, the logarithm of that mean is at
# least the mean of their $k + 1$ logarithms. Take expectations: $L_{k+1} \ge L_k$.
#
# **It arrives.** Write $\bar{w}_k = p(x)(1 + \delta)$. Then $\mathbb{E}[\delta] = 0$ and
# $\mathbb{E}[\delta^2] = \mathrm{Var}(w / p(x)) / k$. For small $\delta$ we have
# $\log(1 + \delta) \approx \delta - \delta^2 / 2$, and so
#
# $$
# \log p(x) - L_k \approx \frac{\mathrm{Var}(w / p(x))}{2k} .
# $$
#
# That variance is 0 if $q$ is the posterior, as then $w = p(x)$ always. The bound is loose where
# the weights are uneven. (If the variance is infinite, the last line says nothing: section 10.7.)
#
# The gradient of $\log \bar{w}_k$ in one $\log w_s$ is $w_s / \sum_r w_r$. This is the *normalized
# weight*, written $\tilde{w}_s$ below: the draws that explain $x$ best have the say.
#
# ## 10.2 In the package, and checked
#
# Weights of pictures are numbers like $e^{-100}$. So the package keeps $\log w$, and takes the
# largest out of the sum before it exponentiates:

# %%
print(inspect.getsource(FROM_WEIGHTS["iwae"]))

# %%
rng = np.random.default_rng(10)
tiny = tinyvae.VAE(data=4, latent=2, hidden=(3,))
at = 0.5 * rng.standard_normal(tiny.layout.size)
pixels = (rng.random((5, 4)) < 0.5).astype(float)
report = tinyvae.gradcheck(  # with a random cotangent for the bounds of the 5 examples
    tiny.elbo, at, x=pixels, eps=rng.standard_normal((7, 5, 2)), objective="iwae"
)
print(report)
assert report.ok

# %% [markdown]
# Now the value. `importance_bounds` computes $L_k$ for several $k$ from the same draws. At large
# $k$ the gap is smaller than the noise of its estimate. So we subtract something whose mean is
# known to be 0, $\bar{w} / p(x) - 1$ over all draws of an example (a *control variate*).

# %%
# alt: The gap between log p(x) and the bound against the number of samples, both axes logarithmic.
# It falls along the dashed line of the theory, which has slope minus one.
samples = tuple(2**i for i in range(10))
bounds = tinyvae.importance_bounds(vae, theta, x, samples=samples)
zero = np.expm1(bounds[512] - log_evidence)
gaps = np.array([(log_evidence - bounds[k] + zero).mean() for k in samples])
errors = np.array([(bounds[k] - zero).std() / np.sqrt(len(x)) for k in samples])
q = np.array([1.0]), 2 * np.log([0.9])
theory = float(ONE_LATENT.weight_variance(*q, x=ONE_DATUM)) / (2 * np.array(samples))
plots.bound_gap(samples, gaps, errors, theory, "twice the samples, half the gap")
print(f"gap at k = 1: {gaps[0]:.4f}; at k = 512: {gaps[-1]:.6f} +- {errors[-1]:.6f} nats")
assert (gaps > -5 * errors).all()
assert (np.diff(gaps) < 0).all()
assert abs(gaps[-1] / theory[-1] - 1) < 0.05 + 5 * errors[-1] / theory[-1]

# %% [markdown]
# ## 10.3 The digits
#
# For a model of pictures nobody knows $\log p(x)$. But you can raise $k$ until little changes. We
# train the VAE of chapter 9 with 4 and with 16 latents, and look at 100 held-out digits.

# %%
digits = tinyvae.data.load("digits").binarized("threshold")
settings = tinyvae.Settings(epochs=120, lr=2e-3)
found, trained = {}, {}
for Z in (4, 16):
    model = tinyvae.VAE(data=64, latent=Z, hidden=(64,))
    trained[Z] = model, tinyvae.fit(model, digits, settings).parameters
    found[Z] = tinyvae.importance_bounds(*trained[Z], digits.held_out[:100])
    print(f"Z = {Z:2}:", *(f"L_{k} = {each.mean():.2f}" for k, each in found[Z].items()))

better = {k: found[4][k] - found[16][k] for k in (1, 1000)}
for k, each in better.items():
    error = each.std(ddof=1) / 10
    print(f"4 latents are better by {each.mean():.2f} +- {error:.2f} nats, judged by L_{k}")
change = better[1] - better[1000]
print(f"of that, {change.mean():.2f} +- {change.std(ddof=1) / 10:.2f} were the looser bound")
assert change.mean() > 3 * change.std(ddof=1) / 10
assert change.mean() > 0.5 * better[1].mean()
for Z in (4, 16):
    gain = found[Z][1000] - found[Z][1]
    print(f"Z = {Z:2}: the ELBO is too low by at least {gain.mean():.2f} nats")
    assert gain.mean() > 5 * gain.std(ddof=1) / 10
    assert (found[Z][1000] - found[Z][100]).mean() < 0.1

# %% [markdown]
# From 100 to 1000 samples hardly anything is gained. That suggests that the bound is nearly tight
# there, and does not prove it (10.7). And judged by $L_{1000}$ the two models are much closer to
# each other than judged by the ELBO: most of the difference was not in how well the models describe
# digits, but in how well $q$ fits their posteriors. So a table of results should say which bound it
# shows, and by how many samples.
#
# `inspect` does all this for a trained model, and looks at each latent. `lines` puts it in words:

# %%
report = tinyvae.inspect(*trained[16], digits.held_out, samples=100)
print("\n".join(lines(report)))
active = sum(each > 0.01 for each in report.active)
assert active < 16

# %% [markdown]
# The *active units* are the latents whose mean $\mathbb{E}[z \mid x]$ varies with $x$ at all, by a
# variance above 0.01 (the threshold of Burda et al.). Some of the 16 are not in use. You will see
# why in 10.6. (`q(z)` is the mean of all posteriors. If it is far from the prior, samples from the
# prior are decoded from places where no example was encoded.)
#
# ## 10.4 Should you train with the tighter bound?
#
# If $L_{50}$ is a better bound, maximize $L_{50}$. For the decoder that is right. For the encoder
# there is a catch. The limit of $L_k$, $\log p(x)$, does not depend on the encoder at all; so with
# growing $k$ the encoder's gradient must fade. By the last formula of 10.1 its mean falls like
# $1/k$. Its noise is that of an average of $k$ draws, and falls only like $1/\sqrt{k}$. So the
# *signal-to-noise ratio*, the size of the mean over the standard deviation, is
#
# $$
# \frac{|\mathbb{E}[g]|}{\mathrm{sd}(g)} \sim \frac{1/k}{1/\sqrt{k}} = k^{-1/2}
# \quad \text{(encoder)}, \qquad
# \frac{1}{1/\sqrt{k}} = k^{1/2} \quad \text{(decoder)} .
# $$
#
# There is a cure. Let $\phi$ be a parameter of the encoder. With $z_s = \mu + \sigma \varepsilon_s$
# the weight $w_s$ depends on $\phi$ in two ways: through $z_s$, and through $\log q(z_s)$ with
# $z_s$ held. The chain rule gives the gradient of $\log \bar{w}_k$ as
#
# $$
# \sum_s \tilde{w}_s\, \frac{\partial \log w_s}{\partial z_s}
# \frac{\partial z_s}{\partial \phi}
# \;-\; \sum_s \tilde{w}_s \left. \frac{\partial \log q(z_s)}{\partial \phi}
# \right|_{z_s \text{ held}} .
# $$
#
# The second sum is made of scores. Chapters 4 and 5 have two estimates with one and the same mean:
# the score times $f(z)$, and the path, $f'(z)$ times $\partial z / \partial \phi$. So trade each
# score for a path. Its factor $f$ is $-\tilde{w}_s$ as a function of $z_s$, the other draws held;
# and
#
# $$
# \frac{\partial \tilde{w}_s}{\partial \log w_s} = \tilde{w}_s - \tilde{w}_s^2 ,
# \qquad \text{so that} \qquad
# \tilde{w}_s - (\tilde{w}_s - \tilde{w}_s^2) = \tilde{w}_s^2
# $$
#
# is what remains in front of the path:
#
# $$
# \sum_s \tilde{w}_s^2\, \frac{\partial \log w_s}{\partial z_s}
# \frac{\partial z_s}{\partial \phi} .
# $$
#
# This is the *doubly reparameterized* gradient. It has the same mean, and its noise fades faster
# than its signal. In the package it is two entries of a return line: what multiplies the path (for
# `beta = 1`, one more $\tilde{w}$), and the zeros in place of the score.

# %%
print(inspect.getsource(FROM_WEIGHTS["dreg"]))

# %% [markdown]
# Measure both on the small model: many estimates of the gradient, by $S$ samples each. Where the
# plain gradient is nearly all noise its mean is hard to see. As both have the same mean, we take it
# from the quiet one. The cell after the figure looks whether they agree, where one can tell.

# %%
# alt: Signal-to-noise ratio against the number of samples, logarithmic axes. The decoder's line
# rises with slope one half. For the encoder the plain gradient falls with slope minus one half, and
# the doubly reparameterized one rises with slope one half.
counts = tuple(2**i for i in range(8))
repeats, one = 5000, ONE_DATUM
moments = {
    (objective, S): gradient_moments(
        vae, theta, one, objective=objective, samples=S, repeats=repeats, rng=rng
    )
    for objective in ("iwae", "dreg")
    for S in counts
}
ratios, slopes = {}, {}
for objective, node in (("iwae", "out"), ("iwae", "mu"), ("dreg", "mu")):
    means = [abs(moments["dreg", S][node].mean[0]) for S in counts]
    sds = [np.sqrt(moments[objective, S][node].variance[0]) for S in counts]
    ratios[objective, node] = np.array(means) / sds
    slopes[objective, node] = slope(counts[3:], ratios[objective, node][3:])
plots.signal_to_noise(counts, ratios, slopes, "more samples starve the plain encoder gradient")
print({" ".join(key): round(value, 2) for key, value in slopes.items()})
assert abs(slopes["iwae", "out"] - 0.5) < 0.1
assert abs(slopes["iwae", "mu"] + 0.5) < 0.15
assert abs(slopes["dreg", "mu"] - 0.5) < 0.15

# %%
for S in (1, 8):
    plain, double = (moments[objective, S]["mu"] for objective in ("iwae", "dreg"))
    apart = plain.mean[0] - double.mean[0]
    error = np.sqrt((plain.variance[0] + double.variance[0]) / repeats)
    print(
        f"S = {S}: means {plain.mean[0]:+.3f} and {double.mean[0]:+.3f}, z = {apart / error:+.1f}"
    )
    assert abs(apart) < 5 * error

# %% [markdown]
# ## 10.5 A VAE whose best answer is known
#
# So far: how far is the bound from $\log p(x)$ of *this* model? Now: how far is this model from the
# best of its kind? For one kind the answer is exact. Take a decoder without hidden layers,
# $x \mid z \sim N(zW + b, \sigma^2 I)$, with $Z$ latents and $D$ numbers in $x$. A linear map of a
# normal $z$ plus normal noise is normal:
#
# $$
# x \sim N(b,\; W^T W + \sigma^2 I) .
# $$
#
# Which $W$ is best for given data? Let $\lambda_1 \ge \lambda_2 \ge \dots$ be the eigenvalues of
# the data's covariance and $u_1, u_2, \dots$ its eigenvectors: $\lambda_i$ is the variance of the
# data in the direction $u_i$. Give one latent to one direction, with the row $r u_i^T$ of $W$.
# There the model has the variance $t = r^2 + \sigma^2$, and the mean log-density of the data is
#
# $$
# f(t) = -\tfrac{1}{2} \left( \log 2\pi + \log t + \lambda_i / t \right), \qquad t \ge \sigma^2 .
# $$
#
# Its derivative in $t$ is 0 at $t = \lambda_i$; before that it rises, after that it falls. So
#
# $$
# r^2 = \lambda_i - \sigma^2 \quad \text{if } \lambda_i > \sigma^2, \qquad \text{else } r = 0 .
# $$
#
# The second case is a latent that the *best* model does not use. Give the $Z$ latents to the $Z$
# largest eigenvalues, where there is most to gain; that no other $W$ does better is proved by
# Tipping and Bishop. This is *probabilistic principal component analysis* (PCA). The posterior of
# such a model is normal with independent latents, just what a linear encoder can say; so the ELBO
# can reach $\log p(x)$, and its maximum is the maximum of $\log p(x)$. With $\beta$ in front of the
# KL the same holds with $\beta \sigma^2$ in place of $\sigma^2$ in the last line. The package has
# it in closed form. `threshold` is $\beta \sigma^2$; `kept` has the eigenvalues of the active
# latents, and the threshold for the others:

# %%
for name in ("active", "W", "posterior_variances"):
    print(inspect.getsource(getattr(ppca.Optimum, name).fget))

# %% [markdown]
# Does training get there? In a linear VAE even the expectation over $z$ is a formula
# (`deterministic_elbo`), so you can train it without a single draw, and see the optimum to many
# digits. Then with draws. First the check of its gradient, with a random cotangent:

# %%
data = ppca.data_with((4, 2.4, 1.5, 0.9, 0.5, 0.3, 0.2, 0.1), 40, rng)  # eigenvalues; D = 8
linear = tinyvae.VAE(data=8, latent=4, hidden=(), likelihood="gaussian", scale=np.sqrt(0.4))
start = linear.init(np.random.default_rng(0), np.float64)
report = tinyvae.gradcheck(deterministic_elbo(linear), start, x=data)
print(report)
assert report.ok

# %%
fit = LinearVAEFit(linear, data, start)
steps = (10, 100, 500, 1000, 1500, 2000)
# With a large eps Adam becomes plain gradient descent where the gradient is small.
_, gaps = descend(fit, EXACT, tinyvae.Adam(lr=0.1, eps=0.05), steps)
_, noisy = descend(fit, "analytic", tinyvae.Adam(lr=0.03), steps, rng=rng)
print(f"the best mean log p(x) of any such model: {fit.exact:.6f} nats")
print("steps             ", *(f"{t:8}" for t in steps))
print("gap, without draws", *(f"{gap:8.1e}" for gap in np.maximum(gaps, 1e-12)))
print("gap, with draws   ", *(f"{gap:8.1e}" for gap in noisy))
assert gaps[-1] < 1e-6 < noisy[-1]

# %% [markdown]
# Without draws the training arrives at the exact optimum. With draws it comes near and then
# rattles: at a constant learning rate the noise of the gradient keeps it away. (What is shown as
# 1.0e-12 is that or less.)
#
# ## 10.6 Posterior collapse, exactly
#
# A latent has *collapsed* if $q(z \mid x)$ is the prior for every $x$: it says nothing, costs
# nothing, and the decoder ignores it. The linear VAE says when. A latent of eigenvalue $\lambda$ is
# active if and only if $\lambda > \beta \sigma^2$. What does it carry? At the optimum the posterior
# has the variance $d = \beta \sigma^2 / \lambda$, the same for all $x$, and means of variance
# $1 - d$ over the data. So the mean KL to the prior is
#
# $$
# \tfrac{1}{2} \left( (1 - d) + d - 1 - \log d \right) = \tfrac{1}{2} \log \frac{1}{d} =
# \tfrac{1}{2} \log \frac{\lambda}{\beta \sigma^2} \quad \text{nats} .
# $$
#
# Raise $\beta$, and one latent after the other goes out. Train at several $\beta$ and compare.

# %%
# alt: KL of each of four latents against beta. Each falls along a line and is zero from its own
# threshold on. The dots of the trained models lie on the lines.
fixed = {beta: ppca.fit(data, 4, beta=beta, variance=0.4) for beta in np.geomspace(0.4, 16, 300)}
exact = np.array([0.5 * np.log(each.kept / each.threshold) for each in fixed.values()])
measured = {}
for beta in (0.5, 1.0, 2.0, 4.0, 8.0):
    fit = LinearVAEFit(linear, data, start, beta=beta)
    end, _ = descend(fit, EXACT, tinyvae.Adam(lr=0.1, eps=0.05), (1500,))
    kl = tinyvae.kl_per_latent(*linear.encode(end, x=data)[0])[0].mean(axis=0)
    measured[beta] = np.sort(kl)[::-1]
    best = ppca.fit(data, 4, beta=beta, variance=0.4)
    assert np.abs(measured[beta] - 0.5 * np.log(best.kept / best.threshold)).max() < 1e-3
    print(f"beta {beta:3}: KL {np.round(measured[beta], 3)} nats, {best.active} active")
with plots.style():
    fig, ax = plt.subplots(figsize=(6, 3.4))
    for k, colour in enumerate((plots.BLUE, plots.ORANGE, plots.PURPLE, "0.4")):
        ax.plot(list(fixed), exact[:, k], color=colour)
        ax.plot(list(measured), [kl[k] for kl in measured.values()], "o", color=colour)
        ax.text(0.39, exact[0, k], f"λ = {best.eigenvalues[k]:.1f}", color=colour, ha="right")
    ax.set(xscale="log", xlabel="β", ylabel="mean KL of the latent, nats", xlim=(0.27, 16))
    ax.set_xticks((0.5, 1, 2, 4, 8), ("0.5", "1", "2", "4", "8"))
    ax.minorticks_off()
    ax.set_title("each latent goes out at its own β (lines: exact; dots: trained)")

# %% [markdown]
# Two lessons. First, a collapsed latent is not by itself a failure of training, nor of the ELBO:
# in this model the exact maximum of $\log p(x)$ does the same. Second, what decides is
# $\beta \sigma^2$. A $\beta$ that is too large and a decoder that is told its data are mostly noise
# collapse a VAE in the same way (chapter 8 had a hidden $\beta$ of 32).
#
# In a VAE with hidden layers there is no such formula, and training may also get stuck with fewer
# active latents than would be best. But the question to ask is the same: is there a direction left
# that is worth its price?
#
# ## 10.7 What breaks it
#
# Everything in 10.1 rests on the spread of the weights. Let $q$ be much narrower than the
# posterior. Then the weights of rare draws, far out in $q$, are huge. How huge?
#
# $$
# \mathbb{E}_q \left[ \frac{w^2}{p(x)^2} \right] = \int \frac{p(z \mid x)^2}{q(z)}\, dz
# \;\propto\; \int \exp\left( -\frac{(z - m)^2}{s^2} + \frac{(z - m)^2}{2 \sigma^2} \right) dz ,
# $$
#
# where the posterior is $N(m, s^2)$ and $q = N(m, \sigma^2)$. It is finite only if
# $\sigma^2 > s^2 / 2$: for our posterior, of variance $1/2$, only if $\sigma^2 > 1/4$.

# %%
print("sigma of q  Var(w / p(x))  gap at k = 1  gap at k = 1000  effective samples")
for sigma in (0.9, 0.6, 0.3, 0.15):
    narrow = small_vae(0.75, sigma)
    bound = tinyvae.importance_bounds(*narrow, x[:500], samples=(1, 1000))
    spread = ONE_LATENT.weight_variance(np.array([0.75]), 2 * np.log([sigma]), x=ONE_DATUM)
    gap = {k: log_evidence - each.mean() for k, each in bound.items()}
    log_w, _ = narrow[0].log_weights(narrow[1], x=x[:99], eps=rng.standard_normal((1000, 99, 1)))
    w = np.exp(log_w - log_w.max(axis=0))
    worth = np.median(w.sum(axis=0) ** 2 / (w**2).sum(axis=0))
    print(f"{sigma:10}{spread:15.3f}{gap[1]:14.3f}{round(gap[1000], 3) + 0.0:17.3f}{worth:19.0f}")
assert np.isinf(spread)
assert gap[1000] > 0.05

# %% [markdown]
# In the last rows a thousand samples are not enough, and the theory's $1/k$ is gone. The bound is
# still below $\log p(x)$. But by how much, nobody could say who does not know $\log p(x)$. The last
# column can warn you. It is the *effective sample size*
#
# $$
# 1 \,/\, \sum_s \tilde{w}_s^2 ,
# $$
#
# which is $k$ if all weights are equal, and 1 if one draw has all the weight. `inspect` prints it.
# It is no proof, either: it judges by the draws it has seen, and a region that $q$ never visits is
# missed by it as well.
#
# ## 10.8 Exercises
#
# `python -m tinyvae exercises start` makes a folder with all of them; write the functions there,
# and `python -m tinyvae exercises check` says what is wrong. Those of this chapter:

# %%
for name in CHAPTERS[10]:
    print(f"{exercise(name).number:3}. {exercise(name).title}")

# %% [markdown]
# And at the command line: `python -m tinyvae importance` and `python -m tinyvae truth` have more of
# 10.4 and 10.5. On paper: set $k = 1$ in the doubly reparameterized gradient. Which estimator of
# the ELBO's gradient is that?
#
# ## Read on
#
# - Y. Burda, R. Grosse and R. Salakhutdinov, *Importance Weighted Autoencoders* (2016): the bound
#   and theorem 1, equation 8; its gradient, equation 14; active units, section 5.
# - T. Rainforth et al., *Tighter Variational Bounds are Not Necessarily Better* (2018), theorem 1.
# - G. Tucker et al., *Doubly Reparameterized Gradient Estimators* (2019), equation 8.
# - M. Tipping and C. Bishop, *Probabilistic Principal Component Analysis* (1999), equations 7 to 9.
# - J. Lucas, G. Tucker, R. Grosse and M. Norouzi, *Don't Blame the ELBO!* (2019), section 4.
#
# **Next:** chapter 11 plants mistakes, and asks which test would have caught each.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
