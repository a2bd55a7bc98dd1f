# %% [markdown]
# # 9. Training a VAE on digits
#
# **The question.** All the pieces of a variational autoencoder (VAE) are on the table: layers, the
# draw, the bound. How do they become a model that learns, line by line, and how do you see that it
# has learned?
#
# You need chapters 2 (backprop by hand), 4 (the reparameterization trick) and 8 (the ELBO).
# Time: about 35 minutes.

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
from tinyvae.exercises import CHAPTERS, exercise

# %% [markdown]
# ## 9.1 Data, model, and a number to beat
#
# The data are handwritten digits of $8 \times 8$ pixels, made black and white: each example is a
# row of $D = 64$ zeros and ones. 1500 are for training; 297 are *held out*, never trained on, and
# tell whether the model has learned what digits are like, or has memorized some.
#
# The model has an *encoder*, which turns an example $x$ into the mean $\mu$ and the log-variance
# $v = \log \sigma^2$ of its posterior $q(z \mid x)$, and a *decoder*, which turns a latent $z$
# into the *logits* $\ell$ of the pixels: pixel $d$ is on with probability
# $s(\ell_d) = 1 / (1 + e^{-\ell_d})$. Both have one hidden layer of $H = 64$ numbers. There are
# $Z = 2$ latents, so that you can see them all.
#
# All parameters live in one vector `theta`; the weights are named views of it.

# %%
digits = tinyvae.data.load("digits").binarized("threshold")
vae = tinyvae.VAE(data=64, latent=2, hidden=(64,))
for name, shape in vae.layout.shapes.items():
    print(f"{name:12} {shape}")
print(f"{vae.layout.size} numbers in theta")

# %% [markdown]
# How good is it before the first step? `evaluate` gives the ELBO of each example, in nats. We show
# minus its mean: lower is better. The number to beat is that of a model without latents, which
# knows only how often each pixel is on. `init` starts the decoder just there.

# %%
theta = vae.init(np.random.default_rng(0), x=digits.x)
untrained = -tinyvae.evaluate(vae, theta, digits.held_out).mean()
on = (digits.x.sum(axis=0) + 1) / (len(digits.x) + 2)
pixels = digits.held_out * np.log(on) + (1 - digits.held_out) * np.log1p(-on)
constant = -pixels.sum(axis=1).mean()
print(f"held-out -ELBO: no latents {constant:.2f}, untrained VAE {untrained:.2f} nats per example")
assert constant < untrained < constant + 2.0

# %% [markdown]
# ## 9.2 By pencil: nine lines forward, nine lines back
#
# $B$ examples form a batch; they are the rows of $x$, of shape $(B, D)$. Every line below is one
# you have met. $\odot$ multiplies entry by entry; $\varepsilon$ is noise from $N(0, 1)$, drawn
# before, of shape $(B, Z)$; $W$ and $b$ are weights and biases. $\sum_d$, $\sum_j$ and $\sum_n$ run
# over pixels, latents and examples.
#
# $$
# \begin{aligned}
# a &= x W_1 + b_1 && (B, H) \\
# h &= \tanh a && (B, H) \\
# \mu &= h W_\mu + b_\mu, \quad v = h W_v + b_v && (B, Z) \\
# z &= \mu + e^{v/2} \odot \varepsilon && (B, Z) \\
# c &= z W_2 + b_2 && (B, H) \\
# g &= \tanh c && (B, H) \\
# \ell &= g W_3 + b_3 && (B, D) \\
# R &= \textstyle\sum_d \left( x \ell - \log(1 + e^{\ell}) \right), \quad
# K = \textstyle\sum_j \tfrac{1}{2} (\mu^2 + e^v - 1 - v) && (B) \\
# L &= \tfrac{1}{B} \textstyle\sum_n (K - R) && \text{a number}
# \end{aligned}
# $$
#
# $R$ is $\log p(x \mid z)$, the reconstruction term: a pixel has
# $x \log s(\ell) + (1 - x) \log(1 - s(\ell))$, and $\log s(\ell) = \ell - \log(1 + e^{\ell})$,
# $\log(1 - s(\ell)) = -\log(1 + e^{\ell})$. $K$ is the KL to the prior, $L$ the loss.
#
# Now back. $dq$ stands for $\partial L / \partial q$ and has the shape of $q$. Begin at the last
# line, and for every $q$ ask who reads it. What reads it hands back a gradient; if two lines read
# it, the two gradients add.
#
# $$
# \begin{aligned}
# dR &= -\tfrac{1}{B}, \quad dK = \tfrac{1}{B} && \text{from the mean} \\
# d\ell &= dR\, (x - s(\ell)) = \tfrac{1}{B} (s(\ell) - x) && \text{predicted minus seen} \\
# dg &= d\ell\, W_3^T, \quad dW_3 = g^T d\ell, \quad db_3 = \textstyle\sum_n d\ell \\
# dc &= dg \odot (1 - g^2) \\
# dz &= dc\, W_2^T, \quad dW_2 = z^T dc, \quad db_2 = \textstyle\sum_n dc \\
# d\mu &= dz + \tfrac{1}{B} \mu && \text{through the draw, and the KL} \\
# dv &= dz \odot \tfrac{1}{2} e^{v/2} \odot \varepsilon + \tfrac{1}{2B} (e^v - 1)
# && \text{the same two ways} \\
# dh &= d\mu\, W_\mu^T + dv\, W_v^T && \text{both heads read } h \\
# da &= dh \odot (1 - h^2), \quad dW_1 = x^T da, \quad db_1 = \textstyle\sum_n da
# \end{aligned}
# $$
#
# (The heads' own weights have $dW_\mu = h^T d\mu$ and $dW_v = h^T dv$.) Nobody asks for $dx$: data
# are not learned. And look at $d\mu$: that is where the two terms of the ELBO bargain. The first
# part says "move $z$, so that the picture fits", the second "go back to 0".
#
# ## 9.3 In the package
#
# The method `terms` has all of it but $L$, a mean that `loss` takes. Its layers are functions that
# return a value and a `vjp`; the way back is the way forward, read from below. `watch` hands each
# array on and can look at it.

# %%
print(inspect.getsource(tinyvae.VAE.terms))

# %% [markdown]
# ## 9.4 Check it: line by line, then all at once
#
# `trace` records every array on the way, forward and back. So each pencil line can be held against
# what the package computed, in float64, at a random `theta`. In the package $\ell$ is called `out`,
# $h$ is `encoder.0`, $a$ is `encoder.0.a`, $g$ is `decoder.0`, $c$ is `decoder.0.a`.

# %%
rng = np.random.default_rng(9)
small = tinyvae.VAE(data=64, latent=2, hidden=(16,))
theta = 0.3 * rng.standard_normal(small.layout.size)
B, x = 5, digits.x[:5].astype(float)
eps = rng.standard_normal((B, 2))
n = tinyvae.trace(small, theta, x=x, eps=eps)
W, dW = small.layout.views(theta), small.layout.views(n["dtheta"])

lines = {
    "dout": (1 / (1 + np.exp(-n["out"])) - x) / B,
    "ddecoder.0": n["dout"] @ W["out.W"].T,
    "ddecoder.0.a": n["ddecoder.0"] * (1 - n["decoder.0"] ** 2),
    "dz": n["ddecoder.0.a"] @ W["decoder.0.W"].T,
    "dmu": n["dz"] + n["mu"] / B,
    "dlogvar": n["dz"] * 0.5 * n["sigma"] * eps + 0.5 * (np.exp(n["logvar"]) - 1) / B,
    "dencoder.0": n["dmu"] @ W["mu.W"].T + n["dlogvar"] @ W["logvar.W"].T,
    "dencoder.0.a": n["dencoder.0"] * (1 - n["encoder.0"] ** 2),
}
for name, by_pencil in lines.items():
    assert np.abs(by_pencil - n[name]).max() < 1e-12
    print(f"{name:13} {n[name].shape!s:8} as by pencil")
assert np.abs(dW["encoder.0.W"] - x.T @ n["dencoder.0.a"]).max() < 1e-12
assert np.abs(dW["out.b"] - n["dout"].sum(axis=0)).max() < 1e-12

# %% [markdown]
# Pencil and package agree. They could still share a mistake. So let finite differences judge
# the whole VAE as one function of `theta`, with a random cotangent for the ELBO of each example.
# (The complex step of chapter 1 has no rounding error from a difference. Of an array with more than
# 500 entries, two random directions are compared instead.)

# %%
report = tinyvae.gradcheck(
    small.elbo, theta, method="complex", layout=small.layout, x=x, eps=eps, max_entries=500
)
print(report)
assert report.ok

# %% [markdown]
# ## 9.5 The loop
#
# A training step draws a batch and noise, asks for the gradient, and hands it to an optimizer. A
# pass through all the data is an *epoch*. The optimizer is Adam: it divides a running mean of the
# gradient by the square root of a running mean of its square, so that each parameter moves by about
# the *learning rate*, `lr`, whatever the size of its gradient.


# %%
def train(vae, data, epochs, watch=lambda name, array: array):
    """theta after so many epochs in batches of 20."""
    rng, adam = np.random.default_rng(0), tinyvae.Adam(lr=2e-3)
    theta = vae.init(rng, x=data.x)
    for _ in range(epochs):
        for rows in rng.permutation(len(data.x)).reshape(-1, 20):
            eps = rng.standard_normal((len(rows), vae.latent), dtype=np.float32)
            _, vjp = vae.loss(theta, x=data.x[rows], eps=eps, watch=watch)
            (dtheta,) = vjp(1.0)
            adam.step(theta, dtheta)  # changes theta in place
    return theta


by_hand = train(vae, digits, epochs=40)
reached = -tinyvae.evaluate(vae, by_hand, digits.held_out).mean()
print(f"held-out -ELBO {reached:.1f} nats per example, from {untrained:.1f}")
assert reached < constant - 3.0

# %% [markdown]
# `fit` is the same loop, and keeps a history, can be stopped and resumed, and says which array went
# bad first if a number overflows. From here on we use it.

# %%
settings = tinyvae.Settings(epochs=120, lr=2e-3)
state = tinyvae.fit(vae, digits, settings)
theta = state.parameters
print("epoch  train  held-out   KL")
for row in state.history[:1] + state.history[19::20]:
    print(f"{row['epoch']:5} {row['loss']:6.2f} {row['held_out']:9.2f} {row['kl']:5.2f}")
assert state.history[-1]["held_out"] < constant - 3.0

# %%
# alt: Loss in nats per example against epoch. The training loss and the held-out loss fall, fast at
# first, then slowly, close together. Below, the KL rises from below one to about three nats.
with plots.style():
    ax = plots.loss_curves(state.history)
    ax.set_title("training on 1500 digits, 2 latents")

# %% [markdown]
# How to read this figure.
#
# - The *reconstruction* curve is $-\log p(x \mid z)$. The tinted band above it is the KL; its upper
#   edge is the loss, and a *lower* loss is a higher bound.
# - The KL *rises*. That is good: at first $z$ says nothing about $x$ and costs nothing. The latents
#   buy reconstruction with nats of KL, as long as it pays.
# - The held-out curve is the one that counts. The distance between it and the training curve is
#   what was memorized. If the held-out curve turns upward, stop. (At first it is the lower one: it
#   is taken after the epoch, the training loss is a mean over the epoch.)
#
# ## 9.6 See it
#
# Three kinds of pictures, and each asks something else.
#
# The *latent space* asks what the encoder does with examples. Nobody told it which digit is which.
# It is only given that the prior is $N(0, 1)$ in each direction, and so all the digits have to
# share the middle of the plane. (Dashed: one and two $\sigma$ of the prior. The grid on the right
# has steps of equal prior probability.)

# %%
# alt: Left, posterior means of the training digits in the latent plane, most classes in a group of
# their own, overlapping in the middle. Right, what the decoder makes of a grid in that plane:
# digits that change smoothly into each other.
(mu, logvar), _ = vae.encode(theta, x=digits.x)
kl = tinyvae.kl_per_latent(mu, logvar)[0].mean(axis=0)
grid = plots.normal_grid(13)
with plots.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.6))
    plots.latent_scatter(mu, digits.labels, left, kl=kl)
    decoded = vae.mean(theta, plots.grid_points(grid).astype(np.float32))
    plots.manifold(decoded, (8, 8), grid, right)
    left.set_title("where the encoder puts the digits")
    right.set_title("what the decoder makes of each place")

# %% [markdown]
# A *reconstruction* asks whether $z$ holds what is needed: held-out $x$, encoded to $\mu$, decoded,
# without noise. *Samples* ask whether the model has learned the law of the data: draw $z$ from the
# prior, where no example has been encoded, and decode. What one usually shows is the mean
# $\mathbb{E}[x \mid z]$, a grey picture. But the model's data are black and white. A real sample
# also draws every pixel, and looks rougher, because given $z$ the pixels are independent.

# %%
# alt: Above, ten held-out digits and their reconstructions, smooth and blurred. Below left, 36 grey
# pictures decoded from the prior, many like digits; right, the same with each pixel drawn black or
# white, and rougher.
rng = np.random.default_rng(1)
eps = rng.standard_normal((36, 2), dtype=np.float32)
noise = vae.px.noise(rng, (36, 64))
ten = digits.held_out[:10]
with plots.style():
    fig, axes = plt.subplot_mosaic("RR;MD", figsize=(6.4, 4.9), height_ratios=(1, 2.4))
    plots.reconstructions(ten, vae.reconstruct(theta, x=ten), (8, 8), axes["R"])
    plots.samples(vae.sample(theta, eps=eps), (8, 8), axes["M"])
    plots.samples(vae.sample(theta, eps=eps, noise=noise), (8, 8), axes["D"])
    axes["R"].set_title("held-out digits, and what the decoder makes of their μ")
    axes["M"].set_title("E[x | z], z from the prior")
    axes["D"].set_title("draws from p(x | z), the same z")

# %% [markdown]
# ## 9.7 How many latents?
#
# Two latents make good pictures of the latent space. Do they make a good model? Train the same
# network with 1 to 16 of them. To compare two models, compare them on the same examples, and
# average over 50 draws for each: then the standard error of the mean *difference* is smaller than
# that of either mean.

# %%
sizes = (1, 2, 4, 8, 16)
thetas, last, held_out = {}, {}, {}
for Z in sizes:
    model = tinyvae.VAE(data=64, latent=Z, hidden=(64,))
    trained = tinyvae.fit(model, digits, settings)
    thetas[Z], last[Z] = trained.parameters, trained.history[-1]
    held_out[Z] = -tinyvae.evaluate(model, thetas[Z], digits.held_out, samples=50)


def gain_over(worse, better):
    """The mean of worse - better over the examples, and its standard error."""
    gain = worse - better
    return gain.mean(), gain.std(ddof=1) / np.sqrt(len(gain))


print(" Z   train  held-out    KL   better than the one before by")
for i, Z in enumerate(sizes):
    line = f"{Z:2} {last[Z]['loss']:7.2f} {held_out[Z].mean():9.2f} {last[Z]['kl']:5.2f}"
    if i:
        line += "   {:.2f} +- {:.2f}".format(*gain_over(held_out[sizes[i - 1]], held_out[Z]))
    print(line)

# %%
# alt: Left, minus the ELBO against the number of latents: it falls steeply up to 4 latents, and
# rises a little after that. Right, the KL of each of 16 latents, sorted: from about one nat down to
# several that carry nothing.
model = tinyvae.VAE(data=64, latent=16, hidden=(64,))
(mu, logvar), _ = model.encode(thetas[16], x=digits.held_out)
kl = np.sort(tinyvae.kl_per_latent(mu, logvar)[0].mean(axis=0))[::-1]
with plots.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3))
    left.plot(sizes, [last[Z]["loss"] for Z in sizes], "o-", color=plots.BLUE, label="training")
    means = [each.mean() for each in held_out.values()]
    left.plot(sizes, means, "o-", color=plots.ORANGE, label="held out")
    left.legend()
    left.set(xscale="log", xlabel="latents Z", ylabel="−ELBO, nats per example")
    left.set_xticks(sizes, sizes)
    left.minorticks_off()
    left.set_title("more latents help, up to a point")
    right.bar(range(16), kl, color=plots.PURPLE)
    right.set(xlabel="latents of the model with Z = 16, sorted", xticks=(), ylabel="mean KL, nats")
    right.set_title("the model leaves some latents unused")

# %%
for few, many in ((2, 4), (2, 8), (4, 8), (4, 16)):
    gain, error = gain_over(held_out[few], held_out[many])
    print(f"{many:2} latents instead of {few}: {gain:+.2f} +- {error:.2f} nats per example")
    assert error < held_out[many].std(ddof=1) / np.sqrt(len(digits.held_out))
    assert gain > 5 * error if few == 2 else gain < 3 * error
unused = int((kl < 0.01).sum())
print(f"of 16 latents, {unused} carry less than 0.01 nats")
assert unused >= 1

# %% [markdown]
# Two latents are a handicap: four describe the digits better, and so do eight. Beyond four nothing
# is gained here, and the model says so itself. A latent that is not worth its price is left at the
# prior: its KL is 0, and the decoder does not listen to it. This is *posterior collapse* of single
# latents. By itself it does little harm; chapter 10 says exactly when it happens.
#
# Two warnings. First, "four are enough" is said of these settings: 1500 digits, one hidden layer of
# 64, 120 epochs, `lr=2e-3`, one training each (another seed moves the numbers, too; the $\pm$ does
# not know of that). The command line's defaults are others: two hidden layers, fewer epochs, a
# smaller `lr`, and 2 latents. That `--latent 8` gives a better bound there is a comparison with
# *two* latents, and against two they are better here as well. Second, these are bounds, and the
# bound of one model may be closer to its $\log p(x)$ than that of another. Chapter 10 measures how
# close, and finds that most of what 16 latents seem to lose against 4 is a looser bound.
#
# ## 9.8 What breaks it
#
# Forget one factor. The derivative of $\sigma = e^{v/2}$ in $v$ is $\sigma / 2$. Write $\sigma$,
# and the gradient of `logvar` through the draw is twice what it should be. This has been found in
# public code. `watch` sees every array by its name, and what it returns is used, so the mistake is
# one line:


# %%
def half_missing(name, array):
    """The gradient of logvar through the draw, with the 1/2 forgotten."""
    return 2.0 * array if name == "dlogvar_z" else array


print(" Z  right  wrong   costs")
for Z in (2, 8):
    model = tinyvae.VAE(data=64, latent=Z, hidden=(64,))
    ends = [train(model, digits, 40, watch) for watch in (lambda name, a: a, half_missing)]
    right, wrong = (-tinyvae.evaluate(model, end, digits.held_out) for end in ends)
    cost, error = gain_over(wrong, right)
    print(f"{Z:2} {right.mean():6.2f} {wrong.mean():6.2f}   {cost:.2f} +- {error:.2f} nats")
    sigmas = [np.exp(model.encode(end, x=digits.held_out)[0][1] / 2).mean() for end in ends]
    print("   mean sigma of q: right {:.2f}, wrong {:.2f}".format(*sigmas))
    assert sigmas[1] < 0.7 * sigmas[0]
    assert wrong.mean() < constant - 3.0
assert cost > 5 * error

# %% [markdown]
# The wrong program learns, too: it ends far better than the model without latents. With 2 latents
# it is hardly worse than the right one; with 8 it loses a good part of what the extra latents had
# gained. Its posteriors are far too narrow, as the reconstruction pulls at `logvar` with twice its
# force. Would you have seen that, without the right one beside it? The check of 9.4 sees it at
# once, and it sees where: everything that feeds `logvar` is wrong, and the decoder is not.

# %%
x, eps = digits.x[:5].astype(float), np.random.default_rng(9).standard_normal((5, 2))
theta = 0.3 * np.random.default_rng(8).standard_normal(small.layout.size)
report = tinyvae.gradcheck(
    small.elbo, theta, layout=small.layout, max_entries=500, x=x, eps=eps, watch=half_missing
)
print(report)
verdicts = {row.argument: row.ok for row in report.rows}
assert not verdicts["theta['logvar.W']"]
assert verdicts["theta['mu.W']"]
assert verdicts["theta['out.W']"]

# %% [markdown]
# So: first the check, then the training. A loss that falls proves only that the direction was not
# quite wrong.
#
# ## 9.9 Exercises
#
# `python -m tinyvae exercises start` makes a folder with all of them; write the functions there,
# and `python -m tinyvae exercises check` says what is wrong. Those of this chapter:

# %%
for name in CHAPTERS[9]:
    print(f"{exercise(name).number:3}. {exercise(name).title}")

# %% [markdown]
# And at the command line:
#
# 1. `python -m tinyvae train --latent 8 --out runs/digits-8` trains with the defaults of 9.7, and
#    `python -m tinyvae inspect runs/digits-8` says what the model is worth. Do the same with 2 and
#    with 4 latents. How many are enough at those settings?
# 2. `python -m tinyvae trace` prints the numbers of 9.2 for one example, on a diagram. Check one of
#    its edges with a pocket calculator.
#
# ## Read on
#
# - D. P. Kingma and M. Welling, *Auto-Encoding Variational Bayes* (2014): section 2.4 and equation
#   10, the estimator of 9.2 for a Gaussian posterior.
# - D. P. Kingma and J. Ba, *Adam: A Method for Stochastic Optimization* (2015), algorithm 1.
# - In the package, in this order: `tinyvae/vae.py`, `tinyvae/nn.py`, `tinyvae/step.py`,
#   `tinyvae/train.py`.
#
# **Next:** chapter 10 asks how good a trained model is: how far its bound is from $\log p(x)$.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
