# %% [markdown]
# # 2. Backprop by hand
#
# **How does a gradient get from the loss back to every weight, and what must be remembered for
# it?**
#
# You take a function apart into lines with one operation each, and go back through them from the
# last to the first. That is all there is to *backpropagation*. Then you fuse the lines into the
# formula that textbooks print, and stack such functions into a network that learns.
#
# - You need: the chain rule, sums and matrix products, closures (functions inside functions) in
#   Python.
# - Chapters before this one: 1, "Finite differences", for the checker and the word *cotangent*.
# - Time: 35 minutes to read, a few seconds to run.

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
from tinyvae import gradcheck, ops, plots
from tinyvae.exercises import CHAPTERS, exercise

# %% [markdown]
# ## The question: why not differences?
#
# Chapter 1 has a tool that finds any gradient without any thought. Why not train with it? Because
# it moves one parameter at a time. A central difference takes two evaluations of the loss for
# each of the parameters. Take a network with two layers, 64 inputs, 64 hidden units and 64
# outputs:

# %%
inputs, hidden, outputs = 64, 64, 64
parameters = (inputs * hidden + hidden) + (hidden * outputs + outputs)
print(f"{parameters} parameters: {2 * parameters} evaluations for one gradient")

# %% [markdown]
# Going backwards gets the whole gradient at once, for less than twice the multiplications of a
# single evaluation. You will count them below.

# %% [markdown]
# ## By pencil: one operation a line
#
# Here is a function that turns any row of numbers into positive numbers with sum 1, the
# *softmax*:
#
# $$y_k = \frac{e^{x_k}}{\sum_j e^{x_j}}, \qquad k = 1, \dots, K.$$
#
# Its gradient is not obvious. So do not differentiate it. Write the computation down with one
# operation a line, and a name for every result:
#
# 1. $e_k = \exp(x_k)$
# 2. $s = \sum_k e_k$
# 3. $r = 1 / s$
# 4. $y_k = e_k r$
#
# Somewhere behind $y$ there is the loss $L$, one number. For every quantity $q$ on the way let
# `dq` be $\partial L / \partial q$: how fast $L$ grows when $q$ grows. It has the shape of $q$.
# You are given `dy`, the cotangent, and you want `dx`. Three rules are enough:
#
# - **One use.** If $q = g(p)$ and $p$ is used nowhere else, then `dp = dq * g'(p)`. This is the
#   chain rule. (Whatever else goes into $g$ is held fixed.)
# - **Several uses.** If $p$ is used in several places, $L$ moves for several reasons. Each use
#   contributes its `dq * g'(p)`, and `dp` is their sum.
# - **One number against many.** In line 4 the one number $r$ multiplies all $K$ entries. (NumPy
#   calls it broadcasting.) That is $K$ uses, so `dr` is a sum over $k$. The other way around, in
#   line 2 every $e_k$ goes into one sum with derivative 1, so every `de[k]` gets the same `ds`.
#
# Now go from the last line to the first.
#
# - Line 4, $y_k = e_k r$. By $e_k$: `de[k] = dy[k] * r`. By $r$, used $K$ times:
#   `dr = sum of dy[k] * e[k]`.
# - Line 3, $r = 1/s$, derivative $-1/s^2 = -r^2$: `ds = -dr * r**2`.
# - Line 2, $s = \sum_k e_k$. This is a second use of $e_k$: `de[k] += ds`.
# - Line 1, $e_k = \exp(x_k)$, which is its own derivative: `dx[k] = de[k] * e[k]`.
#
# In code, for a batch of rows $x$, the way back is as long as the way forward and runs in the
# opposite order. The two stand in one function, which returns the value and the way back:


# %%
def softmax_steps(x):
    e = np.exp(x)
    s = e.sum(axis=1, keepdims=True)
    r = 1 / s
    y = e * r

    def vjp(dy):
        de = dy * r
        dr = (dy * e).sum(axis=1, keepdims=True)
        ds = -dr * r**2
        de = de + ds  # the second use of e: add
        dx = de * e
        return (dx,)

    return y, vjp


# %%
# alt: The graph of the softmax: x to e, e to y directly and by way of s and r. Orange arrows with
# alt: the lines of the way back go from y to x; two of them meet at e.
PLACES = {"x": (0, 0), "e": (2.2, 0), "s": (4.0, -1.3), "r": (6.0, -1.3), "y": (7.8, 0)}
STEPS = (  # from, to, the line of the way forward and its place, that of the way back and its place
    ("x", "e", "exp", (1.1, 0.17), "dx = de e", (1.1, 0.65)),
    ("e", "y", "times r", (5.0, 0.17), "de = dy r", (5.0, 1.1)),
    ("e", "s", "sum", (3.4, -0.55), "de += ds", (2.2, -1.15)),
    ("s", "r", "1 / s", (5.0, -1.13), "ds = −dr r²", (5.0, -2.0)),
    ("r", "y", "times e", (6.55, -0.55), "dr = Σ dy e", (7.9, -1.15)),
)


def arrow(ax, start, end, colour, bend):
    look = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 16, "shrinkB": 16}
    ax.annotate("", end, start, arrowprops=look | {"connectionstyle": f"arc3,rad={bend}"})


with plots.style():
    figure, ax = plt.subplots(figsize=(7.2, 3.0))
    box = {"boxstyle": "circle,pad=0.35", "facecolor": "white", "edgecolor": "0.25"}
    for name, (at_x, at_y) in PLACES.items():
        ax.text(at_x, at_y, f"${name}$", ha="center", va="center", size=12, bbox=box)
    for start, end, forward, here, back, there in STEPS:
        arrow(ax, PLACES[start], PLACES[end], "0.25", 0)
        arrow(ax, PLACES[end], PLACES[start], plots.ORANGE, -0.3 if there[1] < 0 else 0.3)
        ax.text(*here, forward, color="0.25", ha="center", size=8)
        ax.text(*there, back, color=plots.ORANGE, ha="center", va="center")
    ax.set(xlim=(-0.5, 8.9), ylim=(-2.3, 1.4))
    ax.set_title("Forward in black, back in orange: at e two ways meet")
    ax.axis("off")

# %% [markdown]
# ## By pencil: the fused formula
#
# Put the lines of the way back into each other:
#
# $$\mathtt{dx}_k = e_k \left( \mathtt{dy}_k r - r^2 \sum_j \mathtt{dy}_j e_j \right) =
# y_k \left( \mathtt{dy}_k - \sum_j \mathtt{dy}_j y_j \right),$$
#
# where the second form uses $e_k r = y_k$ and $e_j r = y_j$. This is the formula in the textbooks.
# It is shorter, and it needs less: only $y$, while the steps need $e$ and $r$.


# %%
def softmax(x):
    e = np.exp(x)
    y = e / e.sum(axis=1, keepdims=True)

    def vjp(dy):
        return (y * (dy - (dy * y).sum(axis=1, keepdims=True)),)

    return y, vjp


rng = np.random.default_rng(0)
x, dy = rng.standard_normal((2, 4, 3))
(by_steps,), (fused,) = softmax_steps(x)[1](dy), softmax(x)[1](dy)
np.testing.assert_allclose(by_steps, fused, rtol=0, atol=1e-14)
print("the steps and the formula give the same dx, to 14 decimals\n")

print(gradcheck(softmax_steps, x).raise_if_wrong(), "\n")
print(gradcheck(softmax, x).raise_if_wrong())

# %% [markdown]
# You will derive many formulas in this way. If a fused formula fails its check, go back to the
# lines: each is so small that a mistake has no place to hide.

# %% [markdown]
# ## By pencil: the layer
#
# One more derivation, the most important. A layer takes a batch $x$ of $B$ rows with $I$ numbers
# each, weights $W$ of shape $(I, O)$ and a bias $b$ of shape $(O,)$, and returns $y = x W + b$,
# of shape $(B, O)$. Written with indices, $n$ for the row, $i$ for the input and $o$ for the
# output:
#
# $$y_{no} = \sum_i x_{ni} W_{io} + b_o.$$
#
# Ask of each argument: where is it used, and with which factor?
#
# - $W_{io}$ is used in output $o$ of every row $n$, with the factor $x_{ni}$.
# - $x_{ni}$ is used in every output $o$ of row $n$, with the factor $W_{io}$.
# - $b_o$ is used in output $o$ of every row, with the factor 1.
#
# Add up the uses:
#
# $$\mathtt{dW}_{io} = \sum_n x_{ni} \mathtt{dy}_{no}, \qquad
# \mathtt{dx}_{ni} = \sum_o \mathtt{dy}_{no} W_{io}, \qquad
# \mathtt{db}_o = \sum_n \mathtt{dy}_{no}.$$
#
# These sums are matrix products:
#
# $$\mathtt{dW} = x^T \mathtt{dy}, \qquad \mathtt{dx} = \mathtt{dy} W^T, \qquad
# \mathtt{db} = \text{the sum of the rows of } \mathtt{dy}.$$
#
# If $B$, $I$ and $O$ are three different numbers, there is only one order and one transpose with
# which the shapes fit. That is a good way to remember the formulas, and it is why a check should
# use three different sizes.

# %% [markdown]
# ## In the package
#
# Every operation of the package is such a pair, `y, vjp`. This is the layer; `data_affine` is the
# same for an $x$ that is data, of which nobody wants the gradient.

# %%
print(inspect.getsource(ops.affine))
print(inspect.getsource(ops.data_affine))

# %% [markdown]
# And this is an activation, $y = \tanh x$, with $dy/dx = 1 - y^2$:

# %%
print(inspect.getsource(ops.tanh))

# %% [markdown]
# ## What the closure remembers
#
# `vjp` is a function defined inside a function. It can still read the variables around it after
# the outer function has returned; such a function is called a *closure*. Whatever `vjp` mentions
# stays in memory until `vjp` is thrown away. So the list of what backpropagation must remember
# need not be written down anywhere: it is what the formula of the way back contains. Python can
# show it:


# %%
def remembers(vjp):
    """(name, array) of all that a vjp keeps alive; those of a vjp inside it, too."""
    found = []
    for name, kept in inspect.getclosurevars(vjp).nonlocals.items():
        found += remembers(kept) if callable(kept) else [(name, kept)]
    return found


W, b = rng.standard_normal((3, 2)), rng.standard_normal(2)
calls = {"softmax_steps": softmax_steps(x), "softmax": softmax(x), "affine": ops.affine(x, W, b)}
calls |= {op.__name__: op(x) for op in (ops.tanh, ops.relu, ops.exp)}
kept = {name: sorted(dict(remembers(vjp))) for name, (_, vjp) in calls.items()}
for name, arrays in kept.items():
    print(f"{name:<14} remembers", ", ".join(arrays))

assert kept["softmax_steps"] == ["e", "r"]
assert kept["tanh"] == kept["exp"] == kept["softmax"] == ["y"]
assert (kept["relu"], kept["affine"]) == (["x"], ["W", "x"])

# %% [markdown]
# tanh keeps its output, because its slope $1 - y^2$ needs no $x$; relu keeps its input; the layer
# keeps $x$ and $W$, but not $b$, which is in none of the three formulas. This is why training
# takes more memory than using a network: the outputs of the layers have to wait for the gradient.

# %% [markdown]
# ## Two layers
#
# A network is functions one after the other. Its way back is their ways back, in the opposite
# order, each handing its result to the next. Nothing else is needed:


# %%
def network(W1, b1, W2, b2, *, x):
    """y = tanh(x @ W1 + b1) @ W2 + b2, of data x."""
    a, first_vjp = ops.data_affine(W1, b1, x=x)
    h, tanh_vjp = ops.tanh(a)
    y, second_vjp = ops.affine(h, W2, b2)

    def vjp(dy):
        dh, dW2, db2 = second_vjp(dy)
        (da,) = tanh_vjp(dh)
        dW1, db1 = first_vjp(da)
        return dW1, db1, dW2, db2

    return y, vjp


# %% [markdown]
# ## Check it
#
# The sizes are 5 rows, 3 inputs, 4 hidden units and 2 outputs, all different. `gradcheck` draws a
# random cotangent for $y$ and compares every entry, here with the complex step, which is exact to
# rounding.

# %%
args = [rng.standard_normal(shape) for shape in ((3, 4), (4,), (4, 2), (2,))]
data = rng.standard_normal((5, 3))
print(gradcheck(network, *args, x=data, method="complex").raise_if_wrong(), "\n")

y, vjp = network(*args, x=data)
kept = remembers(vjp)
print("the network remembers", ", ".join(f"{name} {array.shape}" for name, array in kept))
assert len({id(array) for _, array in kept}) == 3

# %% [markdown]
# It keeps the data, the hidden values (which the tanh calls `y`, and the second layer `x`; it is
# one array) and the weights that `dh` needs. Now count the multiplications. A product of a
# $(B, I)$ and an $(I, O)$ matrix takes $B I O$ of them. Forward there are two products. Back
# there are two for the second layer, `dh` and `dW2`, and one for the first, `dW1`, because nobody
# asks for the gradient of the data.

# %%
forward = inputs * hidden + hidden * outputs  # for each example
back = inputs * hidden + 2 * hidden * outputs
print(f"forward {forward} multiplications an example, back {back}: {back / forward:.1f} times that")
print(f"by central differences: {2 * parameters} times as many")
assert back < 2 * forward

# %% [markdown]
# In a deeper network, too, every layer has two products back for one forward, the first layer
# only one: the factor is always below 2. The activations take few operations beside them. So the
# way forward and the way back together cost less than about three evaluations of the loss, however
# many parameters there are. This is what makes training possible.

# %% [markdown]
# ## See it
#
# Let the network learn a curve, $t = \sin 3u$ from 60 noisy points, with 20 hidden units. The
# loss is half the mean squared error, $L = \frac{1}{2B} \sum (y - t)^2$, so its gradient with
# respect to the output is `dy = (y - t) / B`. A step moves every parameter against its gradient.

# %%
u = rng.uniform(-2, 2, size=(60, 1))
t = np.sin(3 * u) + 0.1 * rng.standard_normal(u.shape)
weights = [rng.standard_normal((1, 20)) * 2, rng.standard_normal(20)]
weights += [rng.standard_normal((20, 1)) * 0.2, np.zeros(1)]
before, losses = [w.copy() for w in weights], []
for _ in range(15_000):
    y, vjp = network(*weights, x=u)
    losses.append(0.5 * np.mean((y - t) ** 2))
    for w, dw in zip(weights, vjp((y - t) / len(u)), strict=True):
        w -= 0.1 * dw

noise = 0.5 * np.mean((np.sin(3 * u) - t) ** 2)  # what the true curve itself scores
print(f"loss {losses[0]:.3f} at the start, {losses[-1]:.4f} at the end; true curve {noise:.4f}")
assert losses[-1] < noise < 0.1 * losses[0]

# %%
# alt: Left, noisy points on a sine, the network's curve before training, and the one after it,
# alt: which follows the points. Right, the loss over 15000 steps, on logarithmic axes, falls
# alt: below a dotted line, the loss of the true curve.
line = np.linspace(-2, 2, 300)[:, None]
with plots.style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.8, 3.3))
    left.plot(u, t, "o", color="0.6", label="data")
    left.plot(line, network(*before, x=line)[0], color=plots.ORANGE, label="before training")
    left.plot(line, network(*weights, x=line)[0], color=plots.BLUE, label="after training")
    left.set(xlabel="u", ylabel="t", title="Two layers learn a curve from noisy points")
    left.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.18))
    right.loglog(np.arange(1, 15_001), losses, color=plots.BLUE)
    right.axhline(noise, color="0.4", linestyle=":")
    right.text(1, 1.1 * noise, "the true curve", color="0.3")
    right.set(xlabel="steps", ylabel="loss", title="The loss falls below that of the true curve")

# %% [markdown]
# In the end the loss is a little below that of the true curve: the network has begun to learn the
# noise as well. A right gradient is no protection from that.

# %% [markdown]
# ## What breaks it: a use that is forgotten
#
# The classical mistake is in the second rule. In the softmax, $e$ is used twice. Forget one of
# the uses, write `de = ...` where `de += ...` belongs, and the gradient is wrong without any
# error message.
#
# `gradcheck` sees that it is wrong. `diagnose` looks for the reason. It can do so line by line if
# the function sends its arrays through a `watch`, forward under their own name and back under `d`
# and that name:


# %%
def softmax_with_a_bug(x, *, watch=lambda name, array: array):
    e = watch("e", np.exp(x))
    s = watch("s", e.sum(axis=1, keepdims=True))
    r = watch("r", 1 / s)

    def vjp(dy):
        de = dy * r
        dr = watch("dr", (dy * e).sum(axis=1, keepdims=True))
        ds = watch("ds", -dr * r**2)
        de = watch("de", np.broadcast_to(ds, e.shape))  # overwrites the first use
        return (de * e,)

    return e * r, vjp


report = gradcheck(softmax_with_a_bug, x)
print(report.message(), "\n")
diagnosis = tinyvae.diagnose(softmax_with_a_bug, x)
print(diagnosis)
assert report.verdict == "wrong"
assert "through y is missing" in str(diagnosis)

# %% [markdown]
# ## What breaks it: a memory that is changed
#
# A closure keeps the array, not a copy of it. Whoever writes into the array between the way
# forward and the way back changes the gradient. Here somebody updates the weights too early, in
# place:

# %%
y, vjp = network(*args, x=data)
dy = rng.standard_normal(y.shape)
right = vjp(dy)
args[2] *= 1.5  # W2, which dh = dy @ W2.T still needs
late = vjp(dy)
for name, a, b in zip(("dW1", "db1", "dW2", "db2"), right, late, strict=True):
    print(f"{name}: {'the same' if np.array_equal(a, b) else 'changed'}")
    assert np.array_equal(a, b) == (name in ("dW2", "db2"))

# %% [markdown]
# The gradient of the second layer is right, that of everything before it is not: a hard mistake
# to find. The rule of this package prevents it: a function changes nothing in place, neither its
# arguments nor what it remembers, and only the optimizer writes to the parameters, after the way
# back.

# %% [markdown]
# ## What breaks it: numbers that are too large
#
# The softmax above is right on paper. In the computer $e^{1000}$ is infinite, and infinite
# divided by infinite is no number:

# %%
large = np.array([[1000.0, 1001.0, 999.0]])
with np.errstate(over="ignore", invalid="ignore"):
    print("softmax of large numbers:", softmax(large)[0])
    assert np.isnan(softmax(large)[0]).all()


def safe_softmax(x):
    return softmax(x - x.max(axis=1, keepdims=True))


print("after subtracting the largest:", np.round(safe_softmax(large)[0], 4))
print("gradcheck:", gradcheck(safe_softmax, x).raise_if_wrong().verdict)
np.testing.assert_allclose(safe_softmax(large)[0], softmax(large - 1000)[0])

# %% [markdown]
# Subtracting a number $c$ from the whole row changes nothing on paper: $e^{x_k - c}$ has the
# factor $e^{-c}$ above and below. With the largest entry as $c$ no exponent is positive, so
# nothing overflows. But $c$ depends on $x$, and the way back above knows nothing of it. Why does
# the check pass all the same? $c$ is used in every entry, with the factor $-1$, so by the rules
# `dc = -sum of dx[k]`. By the fused formula this is zero, because the entries of $y$ sum to 1:
#
# $$\sum_k \mathtt{dx}_k = \sum_k y_k \mathtt{dy}_k - \sum_k y_k \sum_j \mathtt{dy}_j y_j = 0.$$

# %% [markdown]
# ## Exercises
#
# You write the ways back of a layer and of three activations, one of a value that is used twice,
# and the two layers as `y, vjp` in one piece.

# %%
for name in CHAPTERS[2]:
    one = exercise(name)
    print(f"exercise {one.number}, {one.name}: {one.title}")
first = exercise(CHAPTERS[2][0])
print("\nto start:  python -m tinyvae exercises start")
print(f"to check:  python -m tinyvae exercises check {first.number}")

# %% [markdown]
# ## Read on
#
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, *Automatic Differentiation in
#   Machine Learning: a Survey* (2018), section 3.2: the same going back, done by a program.
# - A. Griewank and A. Walther, *Evaluating Derivatives* (2008), section 3.2: the reverse mode.
# - D. E. Rumelhart, G. E. Hinton and R. J. Williams, *Learning Representations by
#   Back-propagating Errors* (1986): four pages that made it known.
#
# Next, chapter 3, "The gradient of an expectation": in the middle of the network stands a random
# number, and the chain of this chapter breaks.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
