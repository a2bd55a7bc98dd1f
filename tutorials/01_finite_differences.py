# %% [markdown]
# # 1. Finite differences
#
# **How do you know that a gradient which you derived by hand is right?**
#
# In this course you derive every gradient yourself. So you first need a tool that tells you whether
# you made a mistake. This chapter builds it, finds out how far it can be trusted, and shows what it
# cannot see.
#
# - You need: derivatives, Taylor's formula, matrix products, a little NumPy.
# - Chapters before this one: none.
# - Time: 30 minutes to read, a few seconds to run.

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

from tinyvae import differences, gradcheck, ops, plots
from tinyvae.exercises import CHAPTERS, exercise

# %% [markdown]
# ## The question: is a falling loss not proof enough?
#
# Here is a small regression. The inputs $x$ are 50 rows of 3 numbers, the weights $W$ a 3 by 2
# matrix, the prediction is $y = \tanh(x W)$, entry by entry, and the loss is half the squared
# distance to targets $t$:
#
# $$L = \frac{1}{2} \sum (y - t)^2, \qquad
# \frac{\partial L}{\partial W} = x^T \left[ (y - t)(1 - y^2) \right].$$
#
# The factor $1 - y^2$ is the derivative of tanh. Train once with this gradient, and once with the
# factor forgotten:

# %%
rng = np.random.default_rng(0)
x, W_true, noise = rng.normal(size=(50, 3)), rng.normal(size=(3, 2)), rng.normal(size=(50, 2))
t = np.tanh(3 * x @ W_true) + 0.5 * noise


def descend(forget, steps=200, lr=0.005):
    W, losses = np.zeros((3, 2)), []
    for _ in range(steps):
        y = np.tanh(x @ W)
        losses.append(0.5 * ((y - t) ** 2).sum())
        W -= lr * x.T @ ((y - t) * (1.0 if forget else 1 - y * y))
    return np.array(losses)


right, wrong = descend(forget=False), descend(forget=True)
print(f"loss at the start {right[0]:.2f}, with the right gradient {right[-1]:.2f}")
print(f"loss at the start {wrong[0]:.2f}, with the wrong gradient {wrong[-1]:.2f}")
assert right[-1] < wrong[-1] < 0.5 * wrong[0]

# %%
# alt: Two loss curves over 200 steps. The one with the wrong gradient falls nearly as far as the
# alt: one with the right gradient.
with plots.style():
    figure, ax = plt.subplots(figsize=(6.2, 3.0))
    ax.plot(right, color=plots.BLUE, label="right gradient")
    ax.plot(wrong, color=plots.ORANGE, label="factor forgotten")
    ax.set(xlabel="steps", ylabel="loss", xlim=(0, len(right)), ylim=(0, None))
    ax.legend()
    ax.set_title("The loss falls with a wrong gradient, too")

# %% [markdown]
# The forgotten factor is positive, so every example still pulls in the right direction, only with
# the wrong strength. Here this leads most of the way down, but not to the bottom. Nobody who looks
# at the orange curve alone would suspect anything. A gradient has to be compared with something
# that is known to be right.

# %% [markdown]
# ## By pencil
#
# Take a function $f$ of one number. Its derivative is the limit of difference quotients, so take
# a quotient with a small step $h$. How wrong is it? Taylor's formula says
#
# $$f(x + h) = f(x) + h f'(x) + \frac{h^2}{2} f''(x) + \frac{h^3}{6} f'''(x) + \dots$$
#
# **Forward difference.** Subtract $f(x)$ and divide by $h$:
#
# $$\frac{f(x + h) - f(x)}{h} = f'(x) + \frac{h}{2} f''(x) + \dots$$
#
# **Central difference.** Write the same with $-h$ and subtract. All even powers cancel:
#
# $$\frac{f(x + h) - f(x - h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + \dots$$
#
# **Five-point difference.** Do that with $h$ and with $2h$. Four thirds of the first minus one
# third of the second cancels $h^2$ as well, and the error is $-\frac{h^4}{30} f^{(5)}(x) + \dots$
# (The fifth point is $x$ itself, with weight 0.)
#
# What is left is called the *truncation error*. It is $c h^p$ with $p = 1, 2, 4$, so make $h$
# tiny? No, because the computer rounds. A float64 number keeps about 16 digits: the computed $f$
# is off by about $\epsilon |f|$ with $\epsilon = 2.2 \cdot 10^{-16}$. When you subtract two
# nearly equal values the leading digits cancel, and the rounding stays. Divided by $h$, it
# becomes $\epsilon |f| / h$. Both together:
#
# $$E(h) \approx c h^p + \frac{\epsilon |f|}{h}.$$
#
# The first term wants a small $h$, the second a large one. Set the derivative by $h$ to zero,
# $p c h^{p-1} = \epsilon |f| / h^2$, solve for $h$, and leave out all factors that are not far
# from 1. At this $h$ the two terms of the error are of one size:
#
# $$h_{\mathrm{best}} \approx \epsilon^{1/(p+1)}, \qquad
# E_{\mathrm{best}} \approx \epsilon^{p/(p+1)}.$$
#
# **Complex step.** There is a way around the cancellation. Let the step be imaginary, $ih$ with
# $i^2 = -1$:
#
# $$f(x + ih) = f(x) + ih f'(x) - \frac{h^2}{2} f''(x) - \frac{i h^3}{6} f'''(x) + \dots$$
#
# The derivative is the imaginary part, divided by $h$; its truncation error is again of order
# $h^2$. But nothing is subtracted, so nothing cancels, and $h$ may be $10^{-30}$. It asks only
# that the code lets complex numbers through; an absolute value, for one, drops the imaginary part.

# %% [markdown]
# ## See it
#
# Try all four on $f(x) = e^x \sin x$, whose derivative is $e^x (\sin x + \cos x)$, at 200 points,
# with steps from $1$ down to $10^{-16}$. The error is relative, the root of the mean square over
# the points.

# %%
eps = np.finfo(np.float64).eps
points = np.linspace(0.2, 1.2, 200)
steps = 10.0 ** np.arange(-16, 0.01, 0.25)


def f(x):
    return np.exp(x) * np.sin(x)


def central(x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


QUOTIENTS = {
    "forward": lambda x, h: (f(x + h) - f(x)) / h,
    "central": central,
    "five-point": lambda x, h: (4 * central(x, h) - central(x, 2 * h)) / 3,
    "complex step": lambda x, h: f(x + 1j * h).imag / h,
}


# %%
def errors(quotient, x=points):
    exact = np.exp(points) * (np.sin(points) + np.cos(points))
    found = np.array([quotient(x, x.dtype.type(h)) for h in steps])
    return np.sqrt(np.mean((found / exact - 1) ** 2, axis=1))


curves = {name: errors(quotient) for name, quotient in QUOTIENTS.items()}
curves["central, float32"] = errors(central, points.astype(np.float32))

# %%
# alt: Error against step, on logarithmic axes. Each difference makes a V, deeper for higher
# alt: order; the complex step falls to the last digit and stays there; float32 stops at five
# alt: digits.
LOOKS = {  # colour, line, and where the name stands
    "forward": ("0.5", "-", 3e-4, 2e-2),
    "central": (plots.BLUE, "-", 5e-8, 8e-13),
    "five-point": (plots.PURPLE, "-", 3e-6, 1e-14),
    "complex step": (plots.ORANGE, "--", 1e-14, 5e-16),
    "central, float32": ("#009E73", "--", 1e-8, 3e1),
}
with plots.style():
    figure, ax = plt.subplots(figsize=(6.6, 4.4))
    for name, (colour, line, *place) in LOOKS.items():
        ax.loglog(steps, curves[name], line, color=colour)
        ax.text(*place, name, color=colour)
    ax.set(xlabel="step h", ylabel="relative error of the derivative", ylim=(3e-17, 3e2))
    ax.set_title("Too long a step bends away, too short a step drowns in rounding")

# %% [markdown]
# The differences make a V each. On its right side the truncation error grows like $h^p$; on its
# left side the rounding grows like $1 / h$. So on logarithmic axes the slopes of the two sides are
# $p$ and $-1$. Measure them, and see whether the bottom is where the formula says:

# %%
far, near = (steps > 1e-2) & (steps < 0.2), (steps > 1e-13) & (steps < 1e-9)
print("            slopes      smallest error at step, and by the formula")
for (name, curve), p in zip(curves.items(), (1, 2, 4), strict=False):
    up, down = (np.polyfit(np.log(steps[s]), np.log(curve[s]), 1)[0] for s in (far, near))
    best, at = curve.min(), steps[curve.argmin()]
    error, h = eps ** (p / (p + 1)), eps ** (1 / (p + 1))
    print(f"{name:<11} {up:.2f} {down:.2f}  {best:.0e} at {at:.0e},  {error:.0e} at {h:.0e}")
    assert abs(up - p) < 0.05
    assert abs(down + 1) < 0.1
    assert 0.02 < best / error < 5
    assert 0.1 < at / h < 10

for name in "complex step", "central, float32":
    print(f"{name}: smallest error {curves[name].min():.0e}")
assert curves["complex step"].min() < 2 * eps
assert curves["central, float32"].min() > 1e5 * curves["central"].min()

# %% [markdown]
# So in float64 a central difference gives you about eleven right digits, if the step is near
# $10^{-5}$. In float32, the numbers that networks are trained with, it gives five: too few to
# tell a small mistake from rounding. Train in float32, but check in float64.

# %% [markdown]
# ## From one number to arrays: the cotangent
#
# A layer of a network takes an array $x$ and returns an array $y$. In this course everything that
# can be differentiated is a function that returns two things:
#
#     y, vjp = fn(x)
#
# the value, and a function for the way back. Say that somewhere behind $y$ there is one number
# $L$, and that `dy` is the gradient of $L$ with respect to $y$: an array of the shape of $y$,
# called the *cotangent*. Then `vjp(dy)` is the tuple `(dx,)` with the gradient of $L$ with respect
# to $x$. Read $x$ and $y$ as long vectors. The chain rule is
#
# $$\mathtt{dx}_i = \sum_k \frac{\partial y_k}{\partial x_i} \mathtt{dy}_k, \qquad
# \text{in short} \quad \mathtt{dx} = J^T \mathtt{dy},$$
#
# where the Jacobian $J$ is the matrix of all derivatives, with $\partial y_k / \partial x_i$ in
# row $k$, column $i$. The name `vjp` stands for vector-Jacobian product.
#
# To check a `vjp` you need such a number $L$. Any will do, so choose `dy` yourself and take
#
# $$L(x) = \sum \mathtt{dy} \cdot y(x).$$
#
# Its gradient with respect to $y$ is the `dy` that you chose. And it is one number, so differences
# apply: move each entry of $x$ in turn.


# %%
def numerical(fn, x, dy, h=1e-5):
    """dL/dx for L = sum(dy * y), entry by entry, by central differences."""
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        dx[i] = np.sum(dy * (fn(x + step)[0] - fn(x - step)[0])) / (2 * h)
    return dx


def passes(fn, x, dy):
    (dx,) = fn(x)[1](dy)
    return np.allclose(dx, numerical(fn, x, dy), rtol=1e-6, atol=1e-8)


# %% [markdown]
# ## Why the cotangent has to be random
#
# Many checkers take ones for `dy`: then $L$ is simply the sum of all outputs. It is a bad choice.
# Here are two functions with a wrong way back. The way forward is right in both.


# %%
def reverses_the_batch(x):
    y = np.tanh(x)
    return y, lambda dy: (dy[::-1] * (1 - y * y),)


def sends_nothing_back(x):  # y is the softmax of each row: positive, with sum 1
    e = np.exp(x)
    return e / e.sum(axis=1, keepdims=True), lambda dy: (0 * x,)


# %%
rng = np.random.default_rng(1)
x = rng.standard_normal((4, 3))
print("passes               with dy = ones   with dy random")
for fn in reverses_the_batch, sends_nothing_back:
    y, _ = fn(x)
    ones, random = passes(fn, x, np.ones_like(y)), passes(fn, x, rng.standard_normal(y.shape))
    print(f"{fn.__name__:<20} {ones!s:<16} {random}")
    assert ones
    assert not random
    assert gradcheck(fn, x).verdict == "wrong"  # the checker of the package agrees

# %% [markdown]
# With ones, both pass, even the one that returns zeros: the sum of a softmax is 1 whatever $x$ is,
# so its gradient *is* zero.
#
# Why does a random `dy` find them? A way back is linear in `dy`: it returns $A \mathtt{dy}$ for
# some matrix $A$, where $J^T \mathtt{dy}$ is right. It passes exactly if $A - J^T$ takes `dy` to 0.
# If $A \neq J^T$, the vectors with this property form a subspace of lower dimension. A vector of
# ones may well lie in it. A vector of independent normal numbers does with probability 0.
#
# The same argument makes checks cheap. Along a random direction $v$ the slope of $L$ has to be
# $\sum \mathtt{dx} \cdot v$. That takes two evaluations of `fn`, however many entries $x$ has,
# and a mistake in a single one shows. `gradcheck` does so where there are more than 2000:


# %%
def one_entry_off(x):
    y, vjp = ops.tanh(x)
    factor = np.ones_like(x)
    factor[17] = 1.01
    return y, lambda dy: (factor * vjp(dy)[0],)


long = rng.standard_normal(5000)
report = gradcheck(one_entry_off, long)
print(report)
assert report.verdict == "wrong"
assert gradcheck(ops.tanh, long).ok

# %% [markdown]
# ## In the package
#
# This function computes the slope of $L$ along a direction $v$, from values at some offsets times
# $h$, with some weights: for the central difference, offsets 1 and $-1$, weights $1/2$ and $-1/2$.
# The first line of its body evaluates, and the one with `change` subtracts. Beside the slope it
# returns the *floor*, an estimate of what rounding may have done to it: for a difference, ten times
# the $\epsilon |L| / h$ from above.

# %%
print(inspect.getsource(differences.derivative))

# %% [markdown]
# An analytic gradient $a$ and a numerical one $n$ are never equal to the last digit. `gradcheck`
# lets an entry pass if
#
# $$|a - n| \le \mathrm{rtol} \cdot \max(|a|, |n|) + \mathrm{floor}.$$
#
# The first term makes the comparison relative: 0.001 is a large error in a gradient of 0.002, and
# a tiny one in a gradient of 5000. The second is there for entries that are nearly zero, where the
# difference consists of rounding.

# %% [markdown]
# ## Check it
#
# Who checks the checker? First, $f$ from above, whose derivative is known exactly, with the three
# methods of the package and their steps:

# %%
at = np.array(0.7)
exact = np.exp(0.7) * (np.sin(0.7) + np.cos(0.7))
for name, method in differences.METHODS.items():
    slope, floor = differences.derivative(lambda x: [f(x)], at, 1.0, [1.0], method, method.h)
    error = abs(slope / exact - 1)
    print(f"{name:<11} h {method.h:.0e}  relative error {error:.0e}, allowed {method.rtol:.0e}")
    assert abs(slope - exact) <= method.rtol * abs(exact) + floor

# %% [markdown]
# Second, operations that are right have to pass; you have seen wrong ones fail. `gradcheck` draws
# the cotangent itself; keyword arguments are constants, which are not differentiated.

# %%
W, b = rng.standard_normal((3, 2)), rng.standard_normal(2)
print(gradcheck(ops.affine, x, W, b).raise_if_wrong(), "\n")
for fn in ops.tanh, ops.softplus, ops.sigmoid:
    print(f"{fn.__name__:<8} {gradcheck(fn, x, method='complex').raise_if_wrong().verdict}")

# %% [markdown]
# ## What breaks it: kinks
#
# All of the above needs a smooth function. The rectifier, $\mathrm{relu}(x) = \max(x, 0)$, has a
# kink at 0: left of it the slope is 0, right of it 1. If $x$ is within $h$ of the kink, one of
# the points lies on either side, and the difference is somewhere in between. The gradient is
# right, the check says that it is wrong.
#
# Here is a layer of 32 rectifiers on 1000 examples, with a gradient that is right. How many of the
# 160 entries of its weights $V$ seem wrong, by more than $10^{-5}$ of their size, at which step?


# %%
def rectifiers(V, *, x):
    a = x @ V
    return np.maximum(a, 0), lambda dy: (x.T @ (dy * (a > 0)),)


data, V = rng.standard_normal((1000, 5)), rng.standard_normal((5, 32))
dy = rng.standard_normal((1000, 32))
(dV,) = rectifiers(V, x=data)[1](dy)
lengths, off = 10.0 ** -np.arange(1, 13), []
for h in lengths:
    n = numerical(lambda V: rectifiers(V, x=data), V, dy, h)
    off.append(int((abs(n - dV) > 1e-5 * np.maximum(abs(n), abs(dV))).sum()))
print("entries off, with h = 0.1, 0.01, ...:", *off)
assert off[0] > off[1] > off[2] > off[3] > off[5] == 0 < off[-1]

# %%
# alt: Left, relu and a secant across its kink, whose slope is between 0 and 1. Right, the number
# alt: of entries that are off: all for long steps, none in between, many again for the shortest.
at, h, t = 0.3, 1.0, np.array([-1, 0, 1.6])
ends = np.array([at - h, at + h])
secant = np.ptp(np.maximum(ends, 0)) / (2 * h)
with plots.style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.2))
    left.plot(t, np.maximum(t, 0), color="0.3")
    left.plot(ends, np.maximum(ends, 0), "o-", color=plots.ORANGE)
    left.plot(at, at, "o", color=plots.BLUE)
    left.text(at + 0.06, at - 0.06, f"slope at x = {at}: 1", color=plots.BLUE, va="top")
    left.text(-1.0, 0.95, f"slope of the secant: {secant:.2f}", color=plots.ORANGE)
    left.set(xlabel="x", ylabel="relu(x)", title="A kink within reach of the step")
    right.semilogx(lengths, off, "o-", color=plots.ORANGE)
    right.set(xlabel="step h", ylabel=f"entries that seem wrong, of {V.size}")
    right.set_title("Long steps meet kinks, the shortest meet rounding")

# %% [markdown]
# So where there are kinks the step should be short, but not so short that rounding takes over.
# `gradcheck` does this by itself: an entry that fails is looked at again with shorter and shorter
# steps. A gradient that is wrong stays wrong by as much; a kink beside the point moves out of
# reach. If the point sits on the kink itself, nothing can be compared, and the report says so:

# %%
print(gradcheck(rectifiers, V, x=data).raise_if_wrong(), "\n")
report = gradcheck(ops.relu, np.array([0.0, 1.0, -1.0]))
print("relu at 0, 1 and -1:", report.verdict)
assert report.rows[0].kinks == 1

# %% [markdown]
# ## What breaks it: noise, and a wrong question
#
# Two more limits matter for a course on random sampling.
#
# **A function that draws its own noise has no difference quotient.** The two evaluations use two
# draws, and their difference is divided by $h$. So `gradcheck` first calls the function twice:

# %%
hidden = np.random.default_rng(2)


def noisy(mu):
    return mu + hidden.standard_normal(mu.shape), lambda dz: (dz,)


report = gradcheck(noisy, np.zeros(3))
print(report.message())
assert report.verdict == "unstable"

# %% [markdown]
# So in this package noise is always an argument.
#
# **A check compares the way back with the way forward, and with nothing else.** If the way
# forward computes the wrong thing, the gradient of the wrong thing passes. Here a normal variable
# should have the variance $e^{\mathrm{logvar}}$, and whoever wrote it took $e^{\mathrm{logvar}}$
# for the standard deviation:


# %%
def too_wide(mu, logvar, *, eps):
    spread = np.exp(logvar) * eps
    return mu + spread, lambda dz: (dz.sum(axis=0), (dz * spread).sum(axis=0))


mu, logvar = np.array([0.3]), np.array([0.7])
eps_drawn = rng.standard_normal((10_000, 1))
print("gradcheck:", gradcheck(too_wide, mu, logvar, eps=eps_drawn[:5]).raise_if_wrong().verdict)

variance, wanted = too_wide(mu, logvar, eps=eps_drawn)[0].var(), np.exp(0.7)
z_score = (variance - wanted) / (wanted * np.sqrt(2 / len(eps_drawn)))
print(f"variance of the draws {variance:.1f}, wanted {wanted:.1f}: {z_score:.0f} standard errors")
assert z_score > 5

# %% [markdown]
# (The variance of $n$ normal draws of variance $v$ has a standard error of $v \sqrt{2/n}$.) Such
# a mistake needs a second kind of test, which asks whether the thing computed is the thing meant.
# Chapter 11, "Which test would have caught it?", is about both.

# %% [markdown]
# ## Exercises
#
# You write the central difference along a direction, a measure for how far two gradients are
# apart, and the check with a random cotangent. A checker tells you what is wrong with them.

# %%
for name in CHAPTERS[1]:
    one = exercise(name)
    print(f"exercise {one.number}, {one.name}: {one.title}")
print("\nto start:  python -m tinyvae exercises start")
print("to check:  python -m tinyvae exercises check 1")

# %% [markdown]
# ## Read on
#
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, *Automatic Differentiation in
#   Machine Learning: a Survey* (2018), section 2.1: numerical differentiation and its two errors.
# - B. Fornberg, *Generation of Finite Difference Formulas on Arbitrarily Spaced Grids* (1988),
#   table 1: weights of central differences of any order.
# - W. Squire and G. Trapp, *Using Complex Variables to Estimate Derivatives of Real Functions*
#   (1998): the complex step, in three pages.
#
# Next, chapter 2, "Backprop by hand": you derive the ways back themselves, one operation a line.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
