# %% [markdown]
# # 12. Fast
#
# **Where does the time of a training step go, and how much of it can you save without changing a
# single digit of the result?**
#
# This is the only chapter that prints times. They are of the machine that ran it, which may have
# had other work to do. Look at the *ratios* beside them. What is asserted here is never a time:
# it is equality to the last bit, a number of calls, a number of bytes.
#
# - You need: matrix products, and NumPy.
# - Before this: chapter 2 (the way back of a layer), chapter 9 (the training loop, Adam) and
#   chapter 1 (the complex step).
# - Time: 50 minutes to read, a few seconds to run.

# %%
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("tinyvae") is None:  # on Colab, say
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "tinyvae"], check=True)

# %%
import inspect
import tracemalloc
from collections import Counter
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from tinyvae import (
    VAE,
    Adam,
    Dense,
    Settings,
    Step,
    backend,
    gradcheck,
    gradcheck_vae,
    gradient,
    train,
)
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.likelihoods import Bernoulli
from tinyvae.plots import BLUE, GREY, ORANGE, PURPLE, style
from tinyvae.ranks import Alone
from tinyvae.replay import Program, record

# %% [markdown]
# ## How to time anything
#
# The speed of a machine drifts: it gets hot, or somebody else computes. Two times that were taken
# one after the other tell about the drift as much as about the code. So let the candidates take
# turns, and compare within a round. The median over the rounds ignores a round in which something
# else happened.


# %%
def race(rounds=9, turn=0.02, **candidates):
    """{name: seconds of one call, a number for each round}; they take turns."""
    counts, seconds = {}, {name: [] for name in candidates}
    for name, fn in candidates.items():
        fn()  # the first call warms up
        start = perf_counter()
        fn()
        counts[name] = max(1, round(turn / (perf_counter() - start)))
    for _ in range(rounds):
        for name, fn in candidates.items():
            start = perf_counter()
            for _ in range(counts[name]):
                fn()
            seconds[name].append((perf_counter() - start) / counts[name])
    return {name: np.array(times) for name, times in seconds.items()}


def table(seconds, base):
    """Print the medians, in ms, and each one's ratio to `base`; the ratios."""
    ratios = {name: float(np.median(times / seconds[base])) for name, times in seconds.items()}
    for name, times in seconds.items():
        name, ratio = name.replace("_", " "), f"{ratios[name]:.2f} x {base.replace('_', ' ')}"
        print(f"{name:<26}{1e3 * np.median(times):9.3f} ms   {ratio}")
    return ratios


# %% [markdown]
# ## A step, and its floor
#
# Take a VAE on 784 pixels with 400 hidden units each way and 20 latents, and a batch of 100. Here
# is the step of chapter 9: gather a batch, draw noise, compute the gradient, let Adam move the
# vector `theta`. We call it *the page*, since it is written to be read.

# %%
D, H, Z, B = 784, 400, 20, 100
rng = np.random.default_rng(0)
data = (rng.random((2000, D)) < 0.2).astype(np.float32)
vae = VAE(D, Z, (H,))
theta = vae.init(rng, x=data)
rows = rng.permutation(len(data))[:B]


moving, page_adam = theta.copy(), Adam()


def page(model=vae, rows=rows):
    """A step, as one reads it: it moves the vector `moving`."""
    x, eps = data[rows], rng.standard_normal((len(rows), Z), dtype=np.float32)
    dtheta, loss, _, _ = gradient(model, moving, x=x, eps=eps)
    page_adam.step(moving, dtheta)
    return loss


# %% [markdown]
# ### By pencil: counting
#
# A layer computes $y = hW + b$, with $h$ of shape (B, I), I inputs, and $W$ of shape (I, O), O
# outputs. Each of the $B \cdot O$ results is a sum of I products, so this takes about $2BIO$
# floating-point operations. On the way back come
#
# $$
# dW = h^\top dy, \qquad dh = dy\, W^\top,
# $$
#
# two more products of the same size. The data $x$ have no gradient, which saves one. With the
# layers 784-400, twice 400-20 (the heads of $\mu$ and $\log \sigma^2$), 20-400 and 400-784 there
# are five products forward and nine back.
#
# All else in a step is *elementwise*: a few operations for each number that is read and written.
# The product $hW$ uses every number of $h$ O times, and every number of $W$ B times; an
# elementwise operation uses a number once.
#
# No step can be faster than its matrix products alone, computed into arrays that are already
# there. That is **the floor**. If the products take the share $f$ of the time, then whatever you
# do to the rest, the step becomes at most $1/f$ times as fast.


# %%
def products_of(batch):
    """The shapes of the two factors of every matrix product in a step."""
    forward = [(batch, D, H), (batch, H, Z), (batch, H, Z), (batch, Z, H), (batch, H, D)]
    shapes = [((b, i), (i, o)) for b, i, o in forward]
    shapes += [((i, b), (b, o)) for b, i, o in forward]  # dW = h.T @ dy
    return shapes + [((b, o), (o, i)) for b, i, o in forward[1:]]  # dh = dy @ W.T, not of the data


def floor_of(shapes):
    """A function that computes matrix products of these shapes, and nothing else."""
    fill = [[np.full(shape, 0.01, np.float32) for shape in pair] for pair in shapes]
    ready = [(a, b, np.empty((len(a), b.shape[1]), np.float32)) for a, b in fill]

    def floor():
        for a, b, out in ready:
            np.matmul(a, b, out=out)

    return floor


shapes = products_of(B)
flops = sum(2 * left[0] * left[1] * right[1] for left, right in shapes)
print(f"{len(shapes)} products, {flops / 1e6:.0f} million operations")
floor = floor_of(shapes)
ratios = table(race(floor=floor, page=page), "floor")
print(f"whatever is done to the page, it becomes at most {ratios['page']:.2f} times as fast")

# %% [markdown]
# The difference between both is what this chapter is about. Where does it go?
#
# ## What an array costs
#
# Look at one line of the backward pass, that of the tanh: `dy * (1.0 - y * y)`. It asks for a
# square, a difference and a product, and NumPy makes new arrays for them. To make a large array
# means: ask the operating system for memory; touch each *page* of it, 4096 bytes, for the first
# time, and have the system stop the program to hand it over, a *page fault*; push something else
# out of the cache. And then it is dropped. The same line can be written into an array that is
# there, with `out=`:


# %%
def tanh_lines(count):
    """dy (1 - y²) of (count, 784) numbers, in fresh arrays and in place; and the bytes of one."""
    y, dy = (np.full((count, D), value, np.float32) for value in (0.5, 0.3))
    out = np.empty_like(y)

    def fresh():
        return dy * (1.0 - y * y)

    def in_place():
        np.multiply(y, y, out=out)
        np.subtract(1.0, out, out=out)
        return np.multiply(dy, out, out=out)

    return fresh, in_place, y.nbytes


def most_memory(fn):
    """The most bytes that fn() holds at a time, beyond what was there."""
    fn()  # what it makes once, it has made now
    tracemalloc.start()
    fn()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def faults_of(fn, count=10):
    """Page faults of a call; None where the system does not tell (Windows)."""
    if importlib.util.find_spec("resource") is None:
        return None
    import resource

    fn()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        fn()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / count


# %%
for count in (100, 1000, 12_000):
    fresh, in_place, nbytes = tanh_lines(count)
    seconds = race(3, in_place=in_place, fresh=fresh)
    ratio = np.median(seconds["fresh"] / seconds["in_place"])
    print(
        f"arrays of {nbytes / 1e6:4.1f} MB: fresh ones take {ratio:4.1f} times as long; "
        f"page faults a call: {faults_of(fresh)}, in place {faults_of(in_place)}"
    )
    assert np.array_equal(fresh(), in_place())
    assert most_memory(in_place) < 0.1 * nbytes < 1.9 * nbytes < most_memory(fresh)
    assert sys.platform != "linux" or faults_of(in_place) < 5

# %% [markdown]
# Equal to the last bit, with no memory asked for. How many page faults the fresh arrays cost is
# partly luck: the library that hands out memory keeps some of what is dropped for the next who
# asks, and gives large pieces back. Memory that is never asked for needs no luck.
#
# But nobody wants to read a network that is written like this, and nobody can say at once whether
# `out` is free at each line.
#
# ## Record and replay
#
# Here is the idea that keeps the page readable. Every step does *the same operations on the same
# shapes*. So run the readable code once, with arrays that write down what is done to them. Then
# do what is on the list, again and again, into the arrays that the first run has made.
#
# NumPy makes the first part easy. Before an operation such as `+`, `np.tanh` or `@` (a *ufunc*)
# is done on an object that has a method `__array_ufunc__`, NumPy calls that method and leaves
# everything to it.


# %%
class Listed(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that writes down on a list what is done to it."""

    def __init__(self, array, calls):
        self.array, self.calls = array, calls

    def __array_ufunc__(self, ufunc, method, *inputs):
        plain = [part.array if isinstance(part, Listed) else part for part in inputs]
        out = np.asarray(ufunc(*plain))
        self.calls.append((ufunc, (*plain, out)))  # the last argument of a ufunc: where to
        return Listed(out, self.calls)

    @property
    def T(self):
        return Listed(self.array.T, self.calls)  # a view: nothing is computed


def layer(h, W, dy):
    """y = tanh(h W), and dh."""
    y = np.tanh(h @ W)
    return y, (dy * (1.0 - y * y)) @ W.T


# %%
h, W, dy = (rng.standard_normal(shape) for shape in ((5, 4), (4, 3), (5, 3)))
calls = []
y, dh = layer(*(Listed(array, calls) for array in (h, W, dy)))
print("the list:", ", ".join(ufunc.__name__ for ufunc, _ in calls))

h[...], dy[...] = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))  # the next batch
for ufunc, args in calls:  # the replay: no new array, no Python arithmetic
    ufunc(*args)
right = layer(h, W, dy)
assert np.array_equal(y.array, right[0])
assert np.array_equal(dh.array, right[1])
print("replayed on other numbers: equal to the bit")

# %% [markdown]
# Some twenty lines, and a whole layer with its way back runs without making an array. Frameworks
# do the same on a larger scale: a just-in-time compiler starts from such a list.
#
# `tinyvae.replay` does three things more. It leaves out what no result depends on. It puts values
# that are never needed at once in *one place* in memory, so that more of them stay in the cache.
# And it refuses what a list cannot hold. This is its replay:

# %%
print(inspect.getsource(Program.__call__))
program = record(layer, h, W, dy)
made = sum(args[-1].nbytes for _, args in calls)
print(f"{len(program.calls)} calls; {made} bytes of results lie in {program.memory.nbytes} bytes")
assert np.array_equal(program()[1], layer(h, W, dy)[1])

# %% [markdown]
# ## In the package: a recorded step
#
# `tinyvae.Step` records the page, for batches of one size. First the claim that matters: after
# ten steps on changing batches and noise the recorded step has moved `theta` to exactly the
# numbers that the page arrives at. Not nearly: to the bit.


# %%
def trained(by_record, count=10):
    """theta after some steps, by the recorded step or by the page."""
    noise, order = np.random.default_rng(1), np.random.default_rng(2)
    mine, adam = theta.copy(), Adam()
    step = Step(vae, mine, B)
    for _ in range(count):
        step.draw(data, order.integers(len(data), size=B), noise)
        if by_record:
            step(adam, asked=False)
        else:
            dtheta, *_ = gradient(vae, mine, x=step.x, eps=step.eps)
            adam.step(mine, dtheta)
    return mine


assert np.array_equal(trained(by_record=True), trained(by_record=False))
assert not np.array_equal(trained(by_record=True), theta)
print("ten steps, recorded and not: theta is equal to the bit")

# %% [markdown]
# And a list can be counted. The recorded step has the matrix products of the pencil, each of them
# once, and no other. (Where the loss itself is not asked for, its operations are not on the
# list.)

# %%
step = Step(vae, theta.copy(), B)
lists = {asked: step.program(asked).calls for asked in (True, False)}
products = [args for fn, args in lists[False] if fn is np.matmul and args[0].ndim == 2]
found = Counter((left.shape, right.shape) for left, right, *_ in products)
print(f"calls in a step: {len(lists[True])}, without the loss: {len(lists[False])}")
print(f"matrix products among them: {len(products)}")
assert found == Counter(shapes)
assert len(lists[False]) < len(lists[True])

# %% [markdown]
# And the memory? The recorded step asks for none but the little that it draws its batch with.

# %%
adam = Adam()


def recorded(asked=True):
    step.draw(data, rows, rng)
    return step(adam, asked=asked)


for fn in (page, recorded):
    megabytes, faults = most_memory(fn) / 1e6, faults_of(fn)
    print(f"{fn.__name__}: {megabytes:.2f} MB held at a time in a step, {faults} page faults")
assert most_memory(recorded) < 0.01 * most_memory(page)
assert sys.platform != "linux" or faults_of(recorded) < 5

# %% [markdown]
# Where does the time of the recorded step go? Its parts can be timed by themselves.

# %%
dtheta, *_ = (array.copy() for array in step.program(False)())
spare = dtheta.copy()
parts = race(
    step=lambda: recorded(asked=False),
    draw=lambda: step.draw(data, rows, rng),
    products=floor,
    gradient=step.program(False),
    adam=lambda: (np.copyto(spare, dtheta), adam.step(step.theta, spare)),
)
ratios = table(parts, "step")

# %%
# alt: One bar, the recorded step, in four parts: matrix products, by far the largest, the rest of
# the gradient, Adam, and gathering the batch with its noise.
shares = {
    "matrix products": ratios["products"],
    "rest of the gradient": max(0.0, ratios["gradient"] - ratios["products"]),
    "Adam": ratios["adam"],
    "batch and noise": ratios["draw"],
}
with style():
    fig, ax = plt.subplots(figsize=(6.4, 1.9))
    left = 0.0
    for (name, share), colour in zip(shares.items(), (GREY, BLUE, ORANGE, PURPLE), strict=True):
        ax.barh(0, share, left=left, color=colour, label=f"{name}, {share:.0%}")
        left += share
    ax.axvline(1.0, color="0.35", linewidth=1)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.1), ncols=2)
    ax.set(yticks=[], xlabel="time in parts of a whole step, each part timed by itself")
    fig.suptitle("Most of a step is matrix products", x=0.01, ha="left", fontsize=10)

# %% [markdown]
# ## What each habit is worth
#
# The step again, and each time one habit is given up:
#
# - *not recorded*: the page itself.
# - *with the loss*: it is computed in every step, though the gradient does not need it.
# - *logaddexp*: the textbook's $\log(1 + e^{l})$ as `np.logaddexp(0, l)` and its sigmoid as
#   `1 / (1 + np.exp(-l))`; the package has forms that use fast vector instructions, such as
#   `0.5 * np.tanh(0.5 * l) + 0.5`. (Both here without a recording.)
# - *textbook Adam*: a new array for every operation, in place of ten passes in place.
# - *float64*: twice the bytes, and half the numbers in a vector register.


# %%
class Logaddexp(Bernoulli):
    """The textbook's formulas of log p(x | z)."""

    def __call__(self, params, out, *, x):
        log_px = x * out - np.logaddexp(0.0, out)
        sigmoid = 1.0 / (1.0 + np.exp(-out))
        return log_px.sum(axis=-1), lambda dy: ({}, dy[..., None] * (x - sigmoid))


class TextbookAdam:
    """Adam as it is printed."""

    m = v = t = 0

    def step(self, theta, g):
        self.t += 1
        self.m = 0.9 * self.m + (1 - 0.9) * g
        self.v = 0.999 * self.v + (1 - 0.999) * g**2
        m_hat, v_hat = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        theta -= 1e-3 * m_hat / (np.sqrt(v_hat) + 1e-8)


# %%
plain = VAE(D, Z, (H,))
plain.px = Logaddexp()
wide = Step(vae, theta.astype(np.float64), B)
wide_data, wide_adam, textbook = data.astype(np.float64), Adam(), TextbookAdam()


def textbook_adam():
    step.draw(data, rows, rng)
    step(textbook, asked=False)


def float64():
    wide.draw(wide_data, rows, rng)
    wide(wide_adam, asked=False)


# %% [markdown]
# First that they compute the same. A habit that changes the result is no habit but another
# program.

# %%
x, eps = data[rows], rng.standard_normal((B, Z), dtype=np.float32)
one, other = (gradient(model, theta, x=x, eps=eps)[0] for model in (vae, plain))
print(f"gradients by both formulas, farthest apart: {abs(one - other).max():.0e}")
assert np.allclose(one, other, rtol=1e-4, atol=1e-5)
moved = [theta.copy(), theta.copy()]
for mine, optimizer in zip(moved, (Adam(), TextbookAdam()), strict=True):
    for _ in range(3):
        optimizer.step(mine, one.copy())
print(f"theta by both Adams, farthest apart: {abs(moved[0] - moved[1]).max():.0e}")
assert np.allclose(*moved, rtol=1e-4, atol=1e-6)

# %%
seconds = race(
    step=lambda: recorded(asked=False),
    with_the_loss=recorded,
    not_recorded=page,
    not_recorded_logaddexp=lambda: page(model=plain),
    textbook_Adam=textbook_adam,
    float64=float64,
    floor=floor,
)
ratios = table(seconds, "step")

# %%
# alt: Bars of time relative to the step with all habits. Giving up any of them costs time; float64
# costs the most. The floor of matrix products is below 1.
LABELS = {"floor": "matrix products alone", "step": "all habits"}
LABELS |= {"not_recorded_logaddexp": "not recorded, logaddexp"}
with style():
    fig, ax = plt.subplots(figsize=(6.4, 2.8))
    names = sorted(ratios, key=ratios.get)
    colours = [{"floor": GREY, "step": BLUE}.get(name, ORANGE) for name in names]
    labels = [LABELS.get(name, name.replace("_", " ")) for name in names]
    ax.barh(labels, list(map(ratios.get, names)), color=colours)
    for place, name in enumerate(names):
        ax.text(ratios[name] + 0.02, place, f"{ratios[name]:.2f}", va="center")
    ax.axvline(1.0, color="0.35", linewidth=1)
    ax.set(xlim=(0, 1.1 * max(ratios.values())), xlabel="time relative to the step with all habits")
    ax.set_title("What a step costs without one of its habits")

# %% [markdown]
# One habit more is not in the picture, because a recording does it by itself: no gradient for
# what has none to give. The first layer is called with its data by keyword, `layer(params, x=x)`,
# and then its way back has one matrix product, not two.

# %%
first = Dense("first", D, H, "tanh")
params = {name: block.astype(np.float32) for name, block in first.init(rng).items()}
dy = rng.standard_normal((B, H), dtype=np.float32)
table(
    race(
        data_by_keyword=lambda: first(params, x=x)[1](dy),
        as_any_input=lambda: first(params, x)[1](dy),
    ),
    "data_by_keyword",
)
assert len(first(params, x=x)[1](dy)) == 1
assert len(first(params, x)[1](dy)) == 2

# %% [markdown]
# ## How near is the floor?
#
# The larger the batch, the more work a matrix product has for each number of the weights; Adam's
# work does not grow with the batch at all. So the step comes closer to the floor as the batch
# grows. Printed beside it: the memory that the page holds at most, and that in which the recorded
# step works.

# %%
BATCHES = (10, 30, 100, 300, 1000)
growth, step_times = [], []
for size in BATCHES:
    mine, chosen = Step(vae, theta.copy(), size), rng.integers(len(data), size=size)
    optimizer = Adam()

    def one_step(mine=mine, chosen=chosen, optimizer=optimizer):
        mine.draw(data, chosen, rng)
        mine(optimizer, asked=False)

    def one_page(chosen=chosen):
        page(rows=chosen)

    found = race(step=one_step, floor=floor_of(products_of(size)), page=one_page)
    growth.append([np.median(found[name] / found["floor"]) for name in ("page", "step")])
    step_times.append(np.median(found["step"]))
    slow, fast = growth[-1]
    held = most_memory(one_page) / 1e6, mine.program(False).memory.nbytes / 1e6
    print(
        f"batch {size:>4}: page {slow:.2f}, step {fast:.2f} times its floor; "
        f"memory {held[0]:.1f} and {held[1]:.1f} MB"
    )

# %%
# alt: Time over that of the matrix products, against the batch size from 10 to 1000. The
# recorded step falls towards 1 as the batch grows; the page lies above it.
with style():
    fig, ax = plt.subplots(figsize=(6.0, 3.4))
    lines = zip(np.array(growth).T, ("page", "recorded"), (ORANGE, BLUE), strict=True)
    for values, name, colour in lines:
        ax.semilogx(BATCHES, values, "o-", color=colour)
        ax.text(0.88 * BATCHES[0], values[0], name, color=colour, ha="right", va="center")
    ax.axhline(1.0, color="0.35", linestyle="--", linewidth=1)
    ax.text(BATCHES[0], 1.04, "the floor: matrix products alone", color="0.35")
    ax.set(
        xlabel="examples in a batch",
        ylabel="time over that of the floor",
        xlim=(4.5, None),
        ylim=(0.9, None),
    )
    ax.set_xticks(BATCHES, map(str, BATCHES))
    ax.set_title("The larger the batch, the nearer a recorded step is to its floor")

# %% [markdown]
# ## The floor itself can move
#
# The matrix products are not NumPy's work, but that of a library called *BLAS*. How fast it is
# depends on two things that you can set before Python starts, and not after: which of its kernels
# it takes for your processor, and how many threads it starts. `python -m tinyvae doctor` looks at
# both, times what may be better, and tells you what to set. Here it only looks:

# %%
look = [sys.executable, "-m", "tinyvae", "doctor", "--no-measure"]
print(subprocess.run(look, capture_output=True, text=True, check=True).stdout)

# %% [markdown]
# ## The same page on a GPU
#
# A GPU has thousands of small processors and a memory of its own. CuPy is a library with NumPy's
# functions whose arrays live there. And the question that `Listed` answered, `__array_ufunc__`,
# CuPy's arrays answer too: by computing on the GPU. So the page needs no second version. Move
# `theta` and the data, draw the noise, and call the same functions. One file of the package knows
# about GPUs, and this is most of it:

# %%
print(inspect.getsource(backend.array_module), inspect.getsource(backend.to_device), sep="\n")
print("the GPU of this machine:", backend.describe("cupy"))

# %% [markdown]
# What can go wrong without a word of CuPy in it? An array that somebody makes on the way, with
# `np.zeros(5)` say, is NumPy's: a *host* array. Where it meets one of the *device*, CuPy raises.
# To find such lines you need no GPU, only an array that is as strict:


# %%
class Device(np.ndarray):
    """An array that refuses to meet one of the host."""

    __array_priority__ = 1.0  # what is joined with it becomes one, too

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        if any(type(part) is np.ndarray for part in inputs):
            raise TypeError(f"{ufunc.__name__}: a host array meets the device's")
        plain = [p.view(np.ndarray) if isinstance(p, Device) else p for p in inputs]
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Device)


def forgetful(mu, logvar, *, eps):
    """The trick, with a host array on the way."""
    return mu + np.exp(0.5 * logvar) * eps + np.zeros(mu.shape)


# %%
x, eps = data[rows], rng.standard_normal((B, Z), dtype=np.float32)
here = gradient(vae, theta, x=x, eps=eps)
there = gradient(vae, theta.view(Device), x=x.view(Device), eps=eps.view(Device))
assert type(there[0]) is Device
assert np.array_equal(there[0].view(np.ndarray), here[0])
print("the page runs on arrays that refuse the host's: equal to the bit")
small = np.zeros((5, 3)).view(Device)
try:
    forgetful(small, small, eps=small)
except TypeError as error:
    print(f"forgetful: {error}")
else:
    raise AssertionError("it was not noticed")

# %% [markdown]
# The tests of the package run every operation, every law, every estimator and whole trainings on
# such arrays.
#
# ### By pencil: when does it pay?
#
# Each call is a small program, a *kernel*, that Python starts on the GPU. A start takes a time
# $t_0$ of some microseconds, however little there is to do. With $n$ calls in a step, $F$
# operations for an example, a batch of $B$, and a GPU that does $R_g$ operations a second, a step
# takes about $t_g$, and on the processor that you measured, with $R_c$ operations a second, $t_c$:
#
# $$
# t_g = \max(n\, t_0,\; F B / R_g), \qquad t_c = F B / R_c .
# $$
#
# As long as $n t_0$ is the larger one, the GPU waits for Python, and a batch of one takes as long
# as one of a hundred. You know $n$, the length of the list, and $F$. For $t_0$ and $R_g$ the next
# cell takes *assumptions*, round numbers for a large GPU. Put yours there.

# %%
count = len(Step(vae, theta.copy(), 10).program(False).calls)
assert count == len(lists[False])  # the batch does not matter
n, F = count + 10, flops / B  # with ten passes of Adam
R_c = flops / np.median(race(floor=floor)["floor"])
t_0, R_g = 10e-6, 20e12  # assumed: seconds to start a kernel, operations a second
print(
    f"{n} calls a step; {F / 1e6:.1f} million operations an example; here {R_c / 1e9:.0f} billion/s"
)
for size in (1, 10, 100, 1000, 10_000):
    cpu, starts, work = F * size / R_c, n * t_0, F * size / R_g
    print(
        f"batch {size:>5}: products here {1e3 * cpu:9.3f} ms;"
        f" on paper, GPU {1e3 * max(starts, work):7.3f} ms,"
        f" {'waits for Python' if starts > work else 'computes'}"
    )

# %% [markdown]
# A larger model needs less of a batch, as $F$ grows and $n$ does not. So far on paper. If you have
# a GPU, the next cell measures its step: with the noise drawn on the host, which gives the losses
# of the CPU, and on the device, which is faster.


# %%
def gpu_step(place):
    """A step on the GPU, with the noise drawn in that place; it ends when the loss is here."""
    state, noise = train.start(vae, Settings()), backend.noise_rng(0, "cupy", place)
    state.to("cupy")
    step = train.step_for(vae, Settings(), state, B)
    batch = backend.to_device((data, rows))

    def one_step():
        step.draw(*batch, noise)
        return step(state.optimizer)

    return one_step


try:
    backend.module("cupy")
except ValueError as error:
    print(error)
else:
    steps = {f"GPU_noise_of_the_{place}": gpu_step(place) for place in backend.NOISE}
    table(race(CPU=recorded, **steps), "CPU")

# %% [markdown]
# ## Many machines
#
# The loss of a batch is a mean over its B examples. So is its gradient, and a sum can be done in
# parts. Let N machines, *ranks*, hold the same `theta`. Each takes its share of the examples of
# every batch, $B_r$ of them, and of the noise. Its loss is a mean over $B_r$ examples; the
# cotangent that it starts its way back with is not 1, but its part of the batch, $B_r / B$:
#
# $$
# \frac{d}{d\theta}\, \frac{1}{B} \sum_{b=1}^{B} \ell_b
# \;=\; \sum_{r=1}^{N} \frac{B_r}{B}\, \frac{d}{d\theta}
# \Big( \frac{1}{B_r} \sum_{b \in r} \ell_b \Big) .
# $$
#
# One sum over the ranks, of one vector, and each of them has the gradient of the whole batch. Then
# each does the same step of Adam on the same numbers, and `theta` stays the same everywhere. Here
# are four ranks, one after the other, with shares that are not equal:


# %%
class Rank(Alone):
    """One of several ranks that is asked for its share and nothing else."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


print(inspect.getsource(Rank.share))
whole, *_ = gradient(vae, theta, x=x[:50], eps=eps[:50])
total, shares = 0.0, [Rank(rank, 4).share(50) for rank in range(4)]
for own in shares:
    count = own.stop - own.start
    part, *_ = gradient(vae, theta, x=x[own], eps=eps[own], part=count / 50)
    total = total + part
print("examples:", [own.stop - own.start for own in shares])
print(f"the sum and the whole, farthest apart: {abs(total - whole).max():.0e}")
assert np.allclose(total, whole, rtol=1e-4, atol=1e-5)

# %% [markdown]
# In the package the sum is `Allreduce` of *MPI*, the library with which large machines compute:
# `mpiexec -n 4 python -m tinyvae train --mpi` (`pip install "tinyvae[mpi]"`). Every rank draws the
# order and the noise of the whole batch, and takes its share of both. So the curve of losses does
# not depend on how many ranks there are, but for rounding.
#
# ### By pencil: how far does it pay?
#
# A step on one machine takes about $t(B) = a + bB$. The time $b$ is that of one example, mostly of
# its matrix products. The time $a$ is there whatever the batch: Adam, and the starts of the calls.
# Shared, the second part is divided, and the largest share counts; the first is not; the sum is
# added:
#
# $$
# t_N = a + b \left\lceil \frac{B}{N} \right\rceil + s_N, \qquad
# s_N = 2 \lceil \log_2 N \rceil\, \alpha + 2\, \frac{N-1}{N}\, \frac{V}{\beta} .
# $$
#
# A message takes $\alpha$ seconds, the network carries $\beta$ bytes a second, and of the V bytes
# of the gradient each has to go out and come back about once (Thakur et al., section 4). V is what
# hurts: 4 bytes for each number in `theta`, whatever N and B are.
#
# You have measured $t(B)$, under "How near is the floor?": $a$ and $b$ are fitted to that, by least
# squares of the relative errors. The networks are *assumed*: an office, a data centre, a cluster.

# %%
columns = np.stack([np.ones(len(BATCHES)), BATCHES], axis=1) / np.array(step_times)[:, None]
a, b = np.maximum(np.linalg.lstsq(columns, np.ones(len(BATCHES)), rcond=None)[0], 1e-7)
V = theta.nbytes
print(f"a = {1e3 * a:.2f} ms, b = {1e6 * b:.1f} µs an example, V = {V / 1e6:.1f} MB")


def speed_up(N, batch, alpha, beta):
    """How many times as fast N machines are as one."""
    rounds = np.ceil(np.log2(N))
    s = 2 * rounds * alpha + 2 * (N - 1) / N * V / beta
    return (a + b * batch) / (a + b * np.ceil(batch / N) + s)


NETWORKS = {"1 Gbit/s, 50 µs": (50e-6, 1e9 / 8), "25 Gbit/s, 20 µs": (20e-6, 25e9 / 8)}
NETWORKS |= {"200 Gbit/s, 2 µs": (2e-6, 200e9 / 8), "for free": (0.0, np.inf)}
print(f"\n{'batch':>6}  {'network (assumed)':<18}{'N = 2':>8}{'8':>8}{'64':>8}")
for batch in (100, 1000):
    for name, network in NETWORKS.items():
        found = [speed_up(N, batch, *network) for N in (2, 8, 64)]
        print(f"{batch:>6}  {name:<18}" + "".join(f"{ratio:8.2f}" for ratio in found))
    assert speed_up(10**9, batch, 0.0, np.inf) <= (a + b * batch) / a
assert speed_up(1, 100, *NETWORKS["1 Gbit/s, 50 µs"]) == 1.0

# %% [markdown]
# Below 1 the machines together are slower than one of them. Even with a network for free the ratio
# stays below $(a + bB)/a$: what is not shared remains. A larger batch is shared better, but it is
# another training, with fewer steps for the same examples. So a model of this size belongs in one
# process. What does pay is work that needs a sum only at its end: the samples of a variance, or of
# an importance-weighted bound. `python -m tinyvae variance --mpi` and `inspect --mpi` share those,
# with a stream of random numbers for each rank. How two ranks put their moments together, and what
# goes wrong with unequal shares, are this chapter's exercises. The sum on your machine is measured
# by `python -m benchmarks.ranks`.

# %% [markdown]
# ## A gradient check that is fast enough to be used
#
# The best way to save time is to do less of it. A check by central differences calls the function
# twice for each of the P numbers in `theta`. In a layer $a = hW + b$, however, all weights into
# unit $j$ act through the one number $a_j$ alone, and $a_j$ of an example acts on the bound of
# this example alone. So move $a_j$ in all B examples at once, by a complex step (chapter 1): the
# imaginary parts of the B bounds are the B slopes. With these you have the derivative in every
# weight of the unit:
#
# $$
# \frac{d\ell}{dW_{ij}} = \sum_{b} h_{bi}\, \frac{d\ell}{da_{bj}}, \qquad
# \frac{d\ell}{db_j} = \sum_{b} \frac{d\ell}{da_{bj}} .
# $$
#
# Here $\ell$ is the loss, and the sums run over the examples $b$. The number of calls is that of
# the units, not that of the weights. `gradcheck_vae` does this. Count the calls:


# %%
class Counted(VAE):
    """A VAE that counts how often it is computed."""

    calls = 0

    def terms(self, *args, **constants):
        self.calls += 1
        return super().terms(*args, **constants)


small = Counted(16, 3, (10,))
x, eps = data[:8, :16].astype(np.float64), rng.standard_normal((8, 3))
start = small.init(rng, np.float64)
theta64 = start + 0.3 * rng.standard_normal(start.size)
checks = {
    "units": lambda: gradcheck_vae(small, theta64, x=x, eps=eps),
    "directions": lambda: gradcheck(small.loss, theta64, x=x, eps=eps, max_entries=1),
    "entries": lambda: gradcheck(small.loss, theta64, x=x, eps=eps),
}
units, counts = 10 + 3 + 3 + 10 + 16, {}
for name, check in checks.items():
    small.calls = 0
    assert check().ok
    counts[name] = small.calls
print(f"{theta64.size} numbers in theta, {units} units")
print("calls:", ", ".join(f"{name} {count}" for name, count in counts.items()))
table(race(3, **checks), "units")
assert units <= counts["units"] < units + 10
assert counts["entries"] >= 2 * theta64.size

# %% [markdown]
# `directions` moves all entries at once, along two random directions. That is the cheapest, and
# it says only *that* something is wrong. `units` names the entry.
#
# ## What breaks it
#
# A recording is a list of calls. It does not see the Python between them. A decision that depends
# on the numbers is made once, at the recording. Our `Listed` keeps silent about it:


# %%
def clipped(g):
    """Twice a gradient g, made shorter where it is long."""
    if g @ g > 1.0:
        g = 0.1 * g
    return 2.0 * g


g, calls = np.array([3.0, 4.0]), []
found = clipped(Listed(g, calls))
g[...] = 0.3, 0.4  # the next one is short
for ufunc, args in calls:
    ufunc(*args)
print("replayed", found.array, "but it should be", clipped(g))
assert not np.array_equal(found.array, clipped(g))

# %% [markdown]
# The package refuses such code, with a sentence, and nothing goes wrong in silence:

# %%
try:
    record(lambda g: (clipped(g),), g)
except TypeError as error:
    print(error)
else:
    raise AssertionError("it was recorded")

# %% [markdown]
# There is a second limit. What a habit is worth depends on the size. For small batches a
# recording saves calls and arrays. For large ones the products are nearly all. But the page may
# lose there once more: the memory that it works in, printed above, is larger, and what does not
# fit into a cache has to be fetched each time. Measure at the size that you use.
#
# And a third: less memory by chunks can cost digits. Suppose you want the variance of a million
# numbers without holding all of them, and add up $g$ and $g^2$ on the way. If the mean is large
# beside the spread, two huge sums are subtracted, and the digits are gone. What to do in place of
# that is this chapter's first exercise.

# %%
g = 1e8 + rng.standard_normal(1_000_000)
naive = (g * g).mean() - g.mean() ** 2
print(f"variance: the right one {g.var():.4f}, by sums of squares {naive:.4f}")
assert abs(naive - g.var()) > 0.1

# %% [markdown]
# ## Exercises

# %%
for name in CHAPTERS[12]:
    one = exercise(name)
    print(f"{one.number} {one.name}: {one.title}")
print("\npython -m tinyvae exercises start       copies the statements to a folder")
print(f"python -m tinyvae exercises check {one.number}    says what is wrong with what you wrote")

# %% [markdown]
# Two more, without a checker:
#
# 1. Teach `Listed` to leave out what no result depends on. Go through the list backwards.
# 2. In `layer` above, find by pencil which results may lie in the same place. Compare with the
#    bytes that `record` needs.
#
# ## Read on
#
# - D. P. Kingma & J. Ba, *Adam: A Method for Stochastic Optimization* (2015), algorithm 1.
# - A. Griewank & A. Walther, *Evaluating Derivatives* (2008), on what a list of operations is
#   good for.
# - R. Thakur, R. Rabenseifner & W. Gropp, *Optimization of Collective Communication Operations in
#   MPICH* (2005), section 4, on what a sum over machines costs.
# - `benchmarks/README.md` in the repository: the same habits, measured with more care, and this
#   step beside those of other libraries.
#
# Chapter 13 puts all of it to use, on a problem from finance: what does a VAE learn of volatility
# surfaces whose four true parameters you know?

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
