# %% [markdown]
# # 0. A VAE in ten minutes
#
# **How can a network be trained by gradients when there is a random number in the middle of it?**
#
# You will train such a network, a *variational autoencoder* (VAE), on small pictures of
# handwritten digits, look at what it has learnt, and see the one place where its gradient seems
# to get stuck. Every later chapter takes up one piece of what you see here.
#
# - You need: vectors and matrices, the normal distribution, the chain rule, a little NumPy.
# - Chapters before this one: none.
# - Time: ten minutes to read, a few seconds to run.

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
# ## The data, and two ways to be bad at them
#
# The package brings 1797 digits that people wrote by hand, 8 by 8 pixels each. Here every pixel
# is black or white, 0 or 1. One example is a vector $x$ of $D = 64$ such numbers. Some of the
# examples are held out: training never sees them.
#
# A *model* of the data is a probability $p(x)$ for every possible picture. A good model gives
# high probability to pictures that it has not seen. So you score it by $-\log p(x)$, averaged
# over the held-out examples: lower is better. With the natural logarithm the unit is called a
# *nat*.
#
# Two simple models set the scale. The first tosses a fair coin for every pixel; its score is
# $64 \log 2$. The second knows how often each pixel is white, and draws each on its own: pixel
# $j$ is white with probability $m_j$. Its score on one example is
#
# $$-\sum_{j=1}^{64} \left[ x_j \log m_j + (1 - x_j) \log (1 - m_j) \right].$$

# %%
digits = tinyvae.data.load("digits").binarized("threshold")
x_held = digits.held_out

m = (digits.x.sum(axis=0) + 1) / (len(digits.x) + 2)  # one of each added: no pixel is certain
coins = 64 * np.log(2)
pixels = -(x_held * np.log(m) + (1 - x_held) * np.log(1 - m)).sum(axis=1)

print(f"{len(digits.x)} examples to learn from, {len(x_held)} held out, {digits.x.shape[1]} pixels")
print(f"coins  {coins:.1f} nats per example")
print(f"pixels {pixels.mean():.1f} nats per example")
assert pixels.mean() < coins

# %% [markdown]
# ## The model
#
# The second model cannot draw a digit, because in a digit the pixels know of each other. A VAE
# lets them know of each other through a few hidden numbers, the *latents* $z$; here there are
# two.
#
# - To make a picture, draw $z$ from the normal law $N(0, I)$, two independent standard normal
#   numbers. A *law* is a probability distribution, and this one is called the *prior*.
# - The *decoder*, a small network, turns $z$ into 64 numbers between 0 and 1: the probability of
#   each pixel to be white. This is $p(x \mid z)$.
#
# To train the decoder you need to know which $z$ belongs to which picture. A second network, the
# *encoder*, guesses. For a picture $x$ it answers not with one $z$ but with a law, the normal law
# with mean $\mu$ and variance $\sigma^2$ in each latent. It puts out $\mu$ and $\log \sigma^2$,
# which the code calls `mu` and `logvar`. This is $q(z \mid x)$.
#
# For each example the loss has two terms, both in nats:
#
# $$L = \underbrace{-\log p(x \mid z)}_{\text{does } z \text{ tell the decoder to redraw } x?}
# \quad + \quad
# \underbrace{\mathrm{KL}(q(z \mid x) \Vert N(0, I))}_{\text{how far is } q \text{ from the prior?}}
# \qquad \text{with } z \text{ drawn from } q(z \mid x).$$
#
# KL is the *Kullback-Leibler divergence*, a measure of how far one law is from another; it is 0
# when they are the same. Without this term the encoder could put each picture into a corner of its
# own, and a $z$ drawn from the prior would be nowhere near one. Averaged over the draw of $z$,
# $-L$ is called the *ELBO*, and it is never above $\log p(x)$: so $L$ is a score like the two
# above, and an honest one, because on average it makes the model look worse than it is. Chapter
# 8, "The ELBO", derives all this.

# %% [markdown]
# ## Train
#
# All parameters of both networks lie in one vector, `theta`. A step takes 100 examples and 200
# standard normal numbers `eps`, asks for the loss (the mean of $L$) and for a function `vjp` that
# returns its gradient, and lets Adam, a refined gradient descent, move `theta` a little downhill.
# That is the whole loop. (The argument `watch` does nothing for now; you will use it near the end.)

# %%
vae = tinyvae.VAE(data=64, latent=2, hidden=(64,))


def held_out_score(theta):
    """L of each held-out example, with one draw of z each: the same draws in every call."""
    return -tinyvae.evaluate(vae, theta, x_held)


def train(watch, steps=3000):
    """theta after so many steps, and the mean held-out score after every 100."""
    rng = np.random.default_rng(0)
    theta, adam = vae.init(rng, x=digits.x), tinyvae.Adam(lr=3e-3)
    scores = [held_out_score(theta).mean()]
    for step in range(1, steps + 1):
        x = digits.x[rng.integers(len(digits.x), size=100)]
        eps = rng.standard_normal((100, vae.latent), dtype=np.float32)
        _, vjp = vae.loss(theta, x=x, eps=eps, watch=watch)
        (dtheta,) = vjp(1.0)
        adam.step(theta, dtheta)
        if step % 100 == 0:
            scores.append(held_out_score(theta).mean())
    return theta, np.array(scores)


# %%
theta, scores = train(watch=lambda name, array: array)
trained = held_out_score(theta)

gain = pixels - trained  # by how much the VAE is better, example by example
error = gain.std(ddof=1) / np.sqrt(len(gain))
print(f"VAE    {trained.mean():.1f} nats per example")
print(f"better than the pixels by {gain.mean():.1f}, standard error {error:.1f}")
assert gain.mean() > 5 * error

# %% [markdown]
# Look at what it draws. The pictures on the right are nobody's handwriting: each began as two
# random numbers, and shows the probability of each pixel to be white.

# %%
# alt: Left, 36 handwritten digits of 8 by 8 black or white pixels. Right, 36 grey pictures drawn
# alt: by the VAE; some can be read as digits, others are between two.
eps = np.random.default_rng(1).standard_normal((36, vae.latent), dtype=np.float32)
with plots.style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.8), gridspec_kw={"wspace": 0.1})
    plots.image_grid(digits.x[:36], digits.image_shape, left)
    plots.samples(vae.sample(theta, eps=eps), digits.image_shape, right)
    left.set_title("written by people")
    right.set_title("drawn by the VAE, from two random numbers each")

# %% [markdown]
# ## The question
#
# `vjp` returned a gradient, so something must have worked. But look at where it had to come from.
# The loss depends on the encoder through $z$, and $z$ is *drawn*. Suppose you draw it as NumPy's
# users do:

# %%
rng = np.random.default_rng(2)
mu, sigma = 0.5, 2.0
print("three draws of z:", *(f"{rng.normal(mu, sigma):.3f}" for _ in range(3)))

# %% [markdown]
# What is the derivative of the first number with respect to `mu`? Try the definition. Move `mu`
# by a small step $h$, draw again, and divide the difference by $h$:

# %%
h = 1e-3
up, down = rng.normal(mu + h, sigma, size=1000), rng.normal(mu, sigma, size=1000)
quotients = (up - down) / h
print("difference quotients:", *(f"{q:.0f}" for q in quotients[:5]))
expected = np.sqrt(2) * sigma / h
print(f"their standard deviation: {quotients.std():.0f}; sqrt(2) sigma / h is {expected:.0f}")
assert abs(quotients.std() / expected - 1) < 5 / np.sqrt(2 * len(quotients))  # 5 standard errors

# %% [markdown]
# These numbers say nothing, and a smaller $h$ makes them worse. The two draws differ mostly
# because they are two draws, by about $\sqrt{2} \sigma$, and dividing by $h$ blows that up. A
# draw is not a function of `mu`: ask twice, and you get two answers.

# %% [markdown]
# ## By pencil
#
# Separate what is random from what is a parameter. Draw a standard normal number $\varepsilon$
# first; no parameter is in it. Then compute
#
# $$z = \mu + \sigma \varepsilon, \qquad \sigma = e^{\mathrm{logvar} / 2}.$$
#
# This $z$ has the right law: a standard normal number, times $\sigma$, plus $\mu$, is normal with
# mean $\mu$ and variance $\sigma^2$. And with $\varepsilon$ held fixed it is an ordinary function
# of $\mu$ and logvar, with ordinary derivatives. Since
# $d\sigma / d\mathrm{logvar} = \frac{1}{2} e^{\mathrm{logvar}/2} = \sigma / 2$,
#
# $$\frac{\partial z}{\partial \mu} = 1, \qquad
# \frac{\partial z}{\partial \mathrm{logvar}} = \frac{\sigma \varepsilon}{2}.$$
#
# Now the chain rule goes through. Write `dz` for $\partial L / \partial z$, the gradient of the
# loss with respect to $z$, which comes back from the decoder. What it sends on, in each latent, is
#
# $$\mathtt{dmu} = \mathtt{dz} \cdot 1, \qquad
# \mathtt{dlogvar} = \mathtt{dz} \cdot \frac{\sigma \varepsilon}{2}.$$
#
# This is the *reparameterization trick*. The definition of the derivative agrees, now that both
# evaluations share one $\varepsilon$:

# %%
eps = rng.standard_normal(5)


def z(mu, logvar):
    return mu + np.exp(logvar / 2) * eps


logvar = 2 * np.log(sigma)
by_mu = (z(mu + h, logvar) - z(mu - h, logvar)) / (2 * h)
by_logvar = (z(mu, logvar + h) - z(mu, logvar - h)) / (2 * h)
print("dz/dmu         ", *(f"{d:.4f}" for d in by_mu))
print("dz/dlogvar     ", *(f"{d:.4f}" for d in by_logvar))
print("sigma * eps / 2", *(f"{d:.4f}" for d in sigma * eps / 2))
np.testing.assert_allclose(by_mu, 1.0, rtol=1e-9)
np.testing.assert_allclose(by_logvar, sigma * eps / 2, rtol=1e-6)

# %% [markdown]
# ## The diagram
#
# Here is the whole model, once with the draw inside and once with $\varepsilon$ outside. Black
# arrows are the computation. Orange arrows are the gradient's way back; a label says what it is
# multiplied by on the way. The loss is the sum of the two boxes where black arrows end, KL and
# $-\log p(x \mid z)$.

# %%
BOXES = {
    "x": (0.2, 0.0, "$x$"),
    "encoder": (1.8, 0.0, "encoder"),
    "mu": (3.9, 1.4, r"$\mu$"),
    "kl": (3.9, 0.0, "KL"),
    "logvar": (3.9, -1.4, "logvar"),
    "z": (6.3, 0.0, r"$z = \mu + \sigma \varepsilon$"),
    "decoder": (8.7, 0.0, "decoder"),
    "log_px": (11.1, 0.0, r"$-\log\, p(x|z)$"),
    "eps": (6.3, 1.9, r"$\varepsilon \sim N(0, 1)$"),
}
FORWARD = "x>encoder encoder>mu encoder>logvar mu>kl logvar>kl mu>z logvar>z z>decoder"
FORWARD += " decoder>log_px"
BACK = "log_px>decoder decoder>z kl>mu mu>encoder"  # bent to the right; and to the left:
BACK_LEFT = "kl>logvar logvar>encoder"


def arrows(ax, boxes, pairs, colour, bend=0.0, label=""):
    """An arrow for each "start>end" in `pairs`, bent to its right; the label beside it."""
    for start, end in (pair.split(">") for pair in pairs.split()):
        a, b = (np.array(boxes[name].get_position()) for name in (start, end))
        look = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 3, "shrinkB": 3}
        look |= {"patchA": boxes[start].get_bbox_patch(), "patchB": boxes[end].get_bbox_patch()}
        ax.annotate("", b, a, arrowprops=look | {"connectionstyle": f"arc3,rad={bend}"})
        across = np.array([(b - a)[1], -(b - a)[0]]) * 0.85 * bend
        ax.text(*((a + b) / 2 + across), label, color=colour, ha="center", va="center")


def diagram(ax, boxes):
    """The boxes, as texts by name, with the arrows that both diagrams share."""
    texts = {}
    for name, (x, y, text) in boxes.items():
        face = {"eps": "#FFF3D6", "z": "#DDEEF8"}.get(name, "white")
        frame = {"boxstyle": "round,pad=0.35", "facecolor": face, "edgecolor": "0.25"}
        texts[name] = ax.text(x, y, text, ha="center", va="center", bbox=frame)
    arrows(ax, texts, FORWARD, "0.25")
    arrows(ax, texts, BACK, plots.ORANGE, 0.35)
    arrows(ax, texts, BACK_LEFT, plots.ORANGE, -0.35)
    ax.set(xlim=(-0.2, 12.1), ylim=(-2.0, 2.4))
    ax.axis("off")
    return texts


# %%
# alt: Two diagrams of a VAE. Above, z is drawn: the gradient comes back from the loss to z and
# alt: stops; only the KL sends one to the encoder. Below, z is computed from mu, logvar and
# alt: outside noise: the gradient goes on, times 1 to mu and times sigma epsilon / 2 to logvar.
with plots.style():
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(8.0, 6.0))
    drawn = {name: box for name, box in BOXES.items() if name != "eps"}
    texts = diagram(top, drawn | {"z": (6.3, 0.0, r"$z \sim N(\mu, \sigma^2)$")})
    top.text(12.1, 1.9, "black: the computation\norange: the gradient's way back", ha="right")
    arrows(top, texts, "z>mu", "0.6", 0.35, "?")
    arrows(top, texts, "z>logvar", "0.6", -0.35, "?")
    top.set_title("z is drawn: the gradient arrives at z, and has no way on")

    texts = diagram(bottom, BOXES)
    arrows(bottom, texts, "eps>z", "0.25")
    arrows(bottom, texts, "z>mu", plots.ORANGE, 0.35, r"$\times 1$")
    arrows(bottom, texts, "z>logvar", plots.ORANGE, -0.35, r"$\times \sigma \varepsilon / 2$")
    bottom.set_title("z is computed from outside noise: the gradient goes on to the encoder")

# %% [markdown]
# ## In the package
#
# The trick is one function. Like everything that can be differentiated in this package, it
# returns its value and `vjp`, the function that pulls a gradient back through it; chapter 2 says
# more about this form.

# %%
print(inspect.getsource(tinyvae.reparameterize))

# %% [markdown]
# And this is the whole model: a few lines forward and, in the inner function, the same arrows
# back. Read the backward half beside the lower diagram. The two ways back meet in `mu` and in
# `logvar`, and where they meet they add.

# %%
print(inspect.getsource(tinyvae.VAE.terms))

# %% [markdown]
# ## Check it
#
# Is the gradient right? `gradcheck` differentiates a second way, without the chain rule, and
# compares. Chapter 1 builds this checker. First the trick alone, then the whole loss of a model
# that is small enough to read the table of.

# %%
rng = np.random.default_rng(3)
mu, logvar, eps = rng.standard_normal((3, 4, 2))
print(tinyvae.gradcheck(tinyvae.reparameterize, mu, logvar, eps=eps).raise_if_wrong(), "\n")

small = tinyvae.VAE(data=64, latent=2, hidden=(5,))
start = small.init(rng, dtype=np.float64)
x = digits.x[:4].astype(np.float64)
report = tinyvae.gradcheck(small.loss, start, x=x, eps=eps, method="complex", layout=small.layout)
print(report.raise_if_wrong())

# %% [markdown]
# You can also look at the numbers on the orange arrows. `trace` keeps every array on the way of
# one batch, forward and back. Beside the diagram: `dmu_z` and `dlogvar_z` came through $z$,
# `dmu_kl` and `dlogvar_kl` through the KL.

# %%
n = tinyvae.trace(small, start, x=x[:1], eps=eps[:1])
for name in "dz", "dmu_z", "dmu_kl", "dmu", "dlogvar_z", "dlogvar_kl", "dlogvar":
    print(f"{name:<10}", *(f"{v:8.4f}" for v in n[name][0]))
np.testing.assert_allclose(n["dmu_z"], n["dz"])
np.testing.assert_allclose(n["dlogvar_z"], n["dz"] * n["sigma"] * n["eps"] / 2)
np.testing.assert_allclose(n["dmu"], n["dmu_z"] + n["dmu_kl"])
np.testing.assert_allclose(n["dlogvar"], n["dlogvar_z"] + n["dlogvar_kl"])

# %% [markdown]
# ## See it
#
# What did the encoder do with its two numbers? On the left every dot is a digit of the training
# data, at the mean $\mu$ of its guess. Nobody told the model which digit is which, and yet most of
# them sort themselves. On the right the decoder draws what it sees at each place of the same plane.

# %%
# alt: Left, the plane of the two latents with a coloured dot for each digit; the ten digits form
# alt: groups. Right, pictures decoded from a grid in that plane: one digit turns into another.
(mu, logvar), _ = vae.encode(theta, x=digits.x)
grid = plots.normal_grid(11)
with plots.style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.4))
    plots.latent_scatter(mu, digits.labels, left)
    left.set_title("where the encoder puts the digits")
    decoded = vae.mean(theta, plots.grid_points(grid).astype(np.float32))
    plots.manifold(decoded, digits.image_shape, grid, right)
    right.set_title("what the decoder draws there")

# %% [markdown]
# ## What breaks it
#
# Back to the upper diagram. What if the gradient really stopped at $z$? Then only the KL would
# train the encoder. `watch` sees every array in the model, on the way forward and on the way
# back, and may put another in its place. So block the way: let `dz`, the gradient that arrives at
# $z$, be zero. Nothing else is changed.


# %%
def blocked(name, array):
    return np.zeros_like(array) if name == "dz" else array


def mean_kl(parameters):
    (mu, logvar), _ = vae.encode(parameters, x=x_held)
    return tinyvae.kl(mu, logvar)[0].mean()


stuck, stuck_scores = train(watch=blocked)
print(f"open     {scores[-1]:.1f} nats, of these the KL {mean_kl(theta):.3f}")
print(f"blocked  {stuck_scores[-1]:.1f} nats, of these the KL {mean_kl(stuck):.3f}")
print(f"pixels   {pixels.mean():.1f} nats")
assert mean_kl(stuck) < 0.01 < 1 < mean_kl(theta)
assert abs(stuck_scores[-1] - pixels.mean()) < 0.2

# %%
# alt: Held-out score over the training steps. With the way through z open it falls far below the
# alt: line of independent pixels; with the way blocked it stays on that line.
with plots.style():
    figure, ax = plt.subplots(figsize=(6.2, 3.2))
    steps = 100 * np.arange(len(scores))
    curves = ("blocked at z", stuck_scores, plots.ORANGE), ("open", scores, plots.BLUE)
    for name, curve, colour in curves:
        ax.plot(steps, curve, color=colour)
        ax.text(1.01 * steps[-1], curve[-1], name, color=colour, va="center")
    ax.axhline(pixels.mean(), color="0.4", linestyle=":")
    ax.text(1500, pixels.mean() - 0.1, "independent pixels", color="0.3", va="top", ha="center")
    ax.set(xlabel="training steps", ylabel="held-out score, nats per example")
    ax.set_xlim(0, steps[-1])
    ax.set_title("With the gradient blocked at z, the VAE ends as a model of independent pixels")

# %% [markdown]
# The encoder did exactly what it was told. The KL alone asks it to say the same, $N(0, I)$, of
# every picture; so it does, and then $z$ carries nothing about $x$. The decoder learns to ignore
# it, and what is left is the model of independent pixels. All that this VAE knows of how one
# picture differs from another came through that one arrow, the gradient through a sample. (There
# is a way to learn without it, at a price: chapter 5, "REINFORCE".)
#
# Blocking is a mistake that you can see. Others look like success. If a program draws a fresh
# $\varepsilon$ on the way back, or takes $e^{\mathrm{logvar}}$ for $\sigma$, it trains, the loss
# falls, and the pictures are plausible. Chapter 4 plants the first of these, and chapter 11,
# "Which test would have caught it?", has a gallery.

# %% [markdown]
# ## Exercises
#
# This chapter has nothing to hand in. Change a number above and run it again:
#
# 1. Let `latent` be 8. Is the score better? Are the samples? (Leave out the cell of the
#    two-dimensional map: it wants two latents.)
# 2. Block only `dlogvar_z` instead of `dz`. Now the encoder still learns where to put a picture.
#    What does it get wrong?
# 3. Train with `beta=0` in `vae.loss`, so that the KL costs nothing. Look at the samples.
#
# From the next chapter on there are functions to write yourself, and a checker that says what is
# wrong with them:

# %%
for chapter in (1, 2):
    for name in CHAPTERS[chapter]:
        one = exercise(name)
        print(f"chapter {chapter}, exercise {one.number}: {one.title}")
print("\nto start: python -m tinyvae exercises start")

# %% [markdown]
# ## Read on
#
# - D. P. Kingma and M. Welling, *Auto-Encoding Variational Bayes* (2014). Section 2.4 is the
#   reparameterization trick, equation 10 the loss that you trained, appendix B its KL.
# - D. J. Rezende, S. Mohamed and D. Wierstra, *Stochastic Backpropagation and Approximate
#   Inference in Deep Generative Models* (2014). The same idea, found at the same time.
#
# Next, chapter 1, "Finite differences": before you derive gradients by hand, you build the tool
# that tells you whether they are right.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
