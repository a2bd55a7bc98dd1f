# %% [markdown]
# # 11. Which test would have caught it?
#
# **Your training runs, the loss falls, the pictures look right. How would you know that the code
# is wrong, and which test would have told you?**
#
# A *test* here is a question that is answered by numbers, whatever the code looks like. You will
# build two of them, called *oracles*, and see by pencil what each of them can never see. Then you
# ask both about mistakes that were found in public code. Some pass both. For those there is a
# third.
#
# - You need: the KL between two normal laws, and the mean and the variance of a random variable.
# - Before this: chapter 1 (the gradient check), chapter 4 (`z = mu + sigma * eps`) and chapter 8
#   (the bound on log p(x), called ELBO).
# - Time: 35 minutes.

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

from tinyvae import diagnose, gallery, gradcheck, objectivecheck
from tinyvae.distributions import gaussian
from tinyvae.exercises import CHAPTERS, exercise
from tinyvae.gallery import GALLERY, PARTS, SETTINGS
from tinyvae.gallery.oracles import gradient_verdict
from tinyvae.plots import BLUE, GREY, ORANGE, PURPLE, style
from tinyvae.plots.gallery import claims_and_truths

# %% [markdown]
# ## Three programs
#
# The smallest latent-variable model has one number $x$ that is seen and one latent $z$ that is
# not:
#
# $$p(z) = N(0, 1), \qquad p(x \mid z) = N(z, 1), \qquad \text{so} \quad p(x) = N(0, 2).$$
#
# The second argument of $N$ is a variance. We observe $x = 1.5$, and know $\log p(x)$ exactly,
# which for a neural network nobody does. That makes this model a good judge. The encoder is as
# small as it can be: two numbers $\mu$ and $\log v$ of $q(z) = N(\mu, v)$, found by gradient
# ascent on the ELBO, which is at most $\log p(x)$.
#
# The parts below come from `tinyvae/gallery`. There `eps`, the noise, has shape (S, B, Z): S
# draws for each of B examples of Z latents. `mu` and `logvar` are (B, Z). Here B = Z = 1.

# %%
X, W = np.array([[1.5]]), np.array([[1.0]])  # the data (B, D), the decoder's weights (Z, D)
LOGTAU2 = np.array(0.0)  # the log-variance of p(x | z)
LOG_PX = -0.5 * np.log(4 * np.pi) - X.item() ** 2 / 4  # log N(x; 0, 2)


def bound(mu, logvar, *, eps, draw):
    """The ELBO (B,) from noise eps (S, B, Z); `draw` is the part that differs."""
    z, draw_vjp = draw(mu, logvar, eps=eps)
    log_px, log_px_vjp = PARTS["log_px"](z, LOGTAU2, W=W, x=X)
    kl, kl_vjp = PARTS["kl"](mu, logvar)
    elbo, elbo_vjp = PARTS["elbo"](log_px, kl)

    def vjp(delbo):
        dlog_px, dkl = elbo_vjp(delbo)
        dz, _ = log_px_vjp(dlog_px)
        return tuple(map(np.add, draw_vjp(dz), kl_vjp(dkl)))

    return elbo, vjp


# %% [markdown]
# Three programs use this function. They differ in one line of the draw. Program A is right;
# suppose that you did not know.
#
# One thing saves us from noise: in this model $\log p(x \mid z)$ is a quadratic in `eps`, and so
# is its gradient in the encoder's numbers. The two draws `eps` = +1 and -1 have the mean 0 and
# the mean square 1 of a standard Normal law, so averaging over these two is averaging over all
# noise, exactly.

# %%
mistakes = list(GALLERY.values())
PROGRAMS = {"A": PARTS["draw"], "B": mistakes[1].wrong, "C": mistakes[0].wrong}
BOTH = np.array([-1.0, 1.0]).reshape(2, 1, 1)  # two draws that average as all noise does


def train(draw, steps=300, lr=0.1):
    """(the claimed bound after every step, mu, logvar), by gradient ascent from the prior."""
    mu, logvar, claims = np.zeros((1, 1)), np.zeros((1, 1)), []
    for _ in range(steps):
        elbo, vjp = bound(mu, logvar, eps=BOTH, draw=draw)
        dmu, dlogvar = vjp(np.ones(1))
        mu, logvar = mu + lr * dmu, logvar + lr * dlogvar
        claims.append(elbo.item())
    return np.array(claims), mu, logvar


ends = {name: train(draw) for name, draw in PROGRAMS.items()}
print(f"exact log p(x) {LOG_PX:.4f} nats")
for name, (claims, mu, logvar) in ends.items():
    v = np.exp(logvar).item()
    print(f"{name} claims {claims[-1]:.4f} nats, with mu {mu.item():.4f} and v {v:.4f}")

# %%
# alt: Claimed bound against step for programs A, B and C. All rise and settle. B ends a little
# below the exact log p(x), A on it, and C far above it, where no bound can be.
with style():
    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    colours, lifts = (BLUE, PURPLE, ORANGE), (4, -11, -3)
    for (name, (claims, _, _)), colour, up in zip(ends.items(), colours, lifts, strict=True):
        ax.plot(claims[:120], color=colour)
        ax.annotate(
            f"program {name}", (119, claims[119]), (6, up), textcoords="offset points", color=colour
        )
    ax.axhline(LOG_PX, color="0.35", linestyle="--", linewidth=1)
    ax.axhspan(LOG_PX, -1.6, color="0.93", linewidth=0, zorder=0)
    ax.text(30, -1.77, "above the exact log p(x): no bound can be here", color="0.35")
    ax.set(xlim=(0, 146), xticks=range(0, 121, 20), ylim=(-2.1, -1.65))
    ax.set(xlabel="step of gradient ascent", ylabel="bound that the program claims, nats")
    ax.set_title("All three trainings settle; the best number is claimed by a wrong program")

# %% [markdown]
# Every training comes to rest, and each $q$ looks reasonable. If you had to choose by the number
# that they print, you would choose C. Only because this model has a known $\log p(x)$ can you see
# that C cannot be right. B gives itself away in another manner: it should climb, and after a
# while it goes down.

# %% [markdown]
# ## By pencil
#
# ### What a gradient check asks
#
# A program computes two things: a value $\hat L$ (forward) and a vector $g$ (backward). There is
# also a third thing, which is not in the program: the objective $L$ that you meant. So there are
# two questions, and they are independent of each other.
#
# | | is $g = \nabla \hat L$? | is $\hat L = L$? |
# |---|---|---|
# | the question is about | backward and forward | forward and the mathematics |
# | who answers | the **gradient oracle**: finite differences | the **objective oracle** |
#
# A gradient check computes $\hat L(\theta + h) - \hat L(\theta - h)$ and $g$. The letter $L$ does
# not occur. So no gradient check, however precise, can say anything on the second question.
#
# ### Program A: where it ends
#
# The ELBO of $q = N(\mu, v)$ is the mean of $\log p(x \mid z)$ minus the KL to the prior. The
# mean of $(x - z)^2$ is $(x-\mu)^2$ plus the variance of the draws:
#
# $$L(\mu, v) = -\tfrac12 \log 2\pi - \tfrac12 \left[(x-\mu)^2 + v\right] -
#   \tfrac12 \left[\mu^2 + v - 1 - \log v\right].$$
#
# Set both derivatives to zero. In $\mu$: $(x - \mu) - \mu = 0$, so $\mu = x/2$. In $v$:
# $-\tfrac12 - \tfrac12 + \tfrac{1}{2v} = 0$, so $v = \tfrac12$. That is the exact posterior
# $p(z \mid x) = N(x/2, 1/2)$, as you see by completing the square in
# $-\tfrac12 (x - z)^2 - \tfrac12 z^2$. And there $L = \log p(x)$, since always
# $\log p(x) - L = \mathrm{KL}(q \,\Vert\, p(z \mid x)) \ge 0$ (chapter 8).
#
# ### Program B: a wrong backward pass
#
# What comes back to $z$ is $dz = x - z$, the derivative of $\log p(x \mid z)$. Through
# $z = \mu + \sigma \epsilon$ it reaches $\log v$ with the factor
# $d\sigma / d\log v = \tfrac12 \sigma$ and the noise $\epsilon$:
#
# $$
# \mathbb{E}[(x - \mu - \sigma \epsilon)\, \epsilon]\; \tfrac12 \sigma =
# {-\tfrac12} \sigma^2 = -\tfrac12 v .
# $$
#
# B forgets the 1/2 and has $-v$. The KL adds $-\tfrac12 (v - 1)$, as it should. So the training
# rests where
#
# $$-v - \tfrac12 (v - 1) = 0, \qquad v = \tfrac13 .$$
#
# Its value is right: what B claims is what is true of its $q$. It is only not the best $q$.
#
# ### Program C: a wrong objective
#
# It draws with $\sigma = e^{\log v} = v$, where $\sigma = e^{\log v / 2}$ belongs. The variance
# of its draws is $v^2$, while its KL is computed for a variance $v$:
#
# $$C(\mu, v) = -\tfrac12 \log 2\pi - \tfrac12 \left[(x-\mu)^2 + v^2\right] -
#   \tfrac12 \left[\mu^2 + v - 1 - \log v\right].$$
#
# The derivative in $v$ is $-v - \tfrac12 + \tfrac{1}{2v}$, which is zero where
# $2v^2 + v - 1 = (2v - 1)(v + 1) = 0$: at $v = \tfrac12$, the right answer! But the claim there
# is above the true maximum by
#
# $$C - L = \tfrac12 (v - v^2) = \tfrac18 \ \text{nat}.$$
#
# C pays for draws with variance 1/2 and takes draws with variance 1/4.

# %%
v = {name: np.exp(logvar).item() for name, (_, _, logvar) in ends.items()}
above = {name: round(claims[-1] - LOG_PX, 6) + 0.0 for name, (claims, _, _) in ends.items()}
for name in PROGRAMS:
    print(f"{name}: v = {v[name]:.6f}, claim minus log p(x) = {above[name]:+.6f} nats")
assert np.allclose([v["A"], v["B"], v["C"]], [1 / 2, 1 / 3, 1 / 2], atol=1e-6)
assert np.allclose([above["A"], above["C"]], [0.0, 1 / 8], atol=1e-6)
assert above["B"] < 0.0

# %% [markdown]
# ### An oracle for the objective, without knowing log p(x)
#
# $\log p(x)$ is known in few models. But a draw and a density can be held against *each other*
# everywhere. Say the code draws $z = \mu + s\,\epsilon$ and its density, the one in the KL,
# claims $N(\mu, \sigma^2)$. Write $r = s / \sigma$; right code has $r = 1$. Since
# $z - \mu = s\,\epsilon$ and $\mathbb{E}\,\epsilon^2 = 1$,
#
# $$\mathbb{E}[\log q(z)] = -\tfrac12 \left[\log 2\pi + \log \sigma^2 + r^2\right].$$
#
# The entropy $H$ of $q$ is minus that with $r = 1$. So the mean of $\log q$ over draws, plus the
# entropy, is
#
# $$\mathbb{E}[\log q(z)] + H = \tfrac12 (1 - r^2) \ \text{nats}, \qquad 0 \text{ if right}.$$
#
# In program C $r = \sigma$. This is the test that you write yourself in this chapter's exercise.
#
# Two more identities need neither $H$ nor a normalized density. They are due to Stein. Let $q$
# vanish far out, and integrate by parts, with $q\,(\log q)' = q'$ and any constant $c$:
#
# $$\mathbb{E}\left[\frac{d\log q}{dz}\right] = \int q'(z)\,dz = 0, \qquad
#   \mathbb{E}\left[(z - c)\,\frac{d\log q}{dz}\right] = \int (z - c)\,q'(z)\,dz = -1.$$
#
# The first says that the draws lie where the density is, the second that they are as spread. If
# the draws come from elsewhere, as in C, the second is $-r^2$.

# %% [markdown]
# ## In the package
#
# Here is the line that makes C wrong, printed from the package. The gallery keeps each mistake
# beside the right function.

# %%
for label, line in gallery.side_by_side(PARTS["draw"], PROGRAMS["C"]):
    print(f"{label:<6}{line}")

# %% [markdown]
# Two lines differ, and that is the point: the backward pass was changed *with* the forward pass.
# The gradient is the right gradient of the wrong function.
#
# `gradcheck` is the gradient oracle (chapter 1). It contracts the output with a random cotangent
# and differentiates numerically. `objectivecheck` is the objective oracle: you give it a function
# that draws, a log-density, and a bound with the exact $\log p(x)$ if you have one. It measures
# the identities above on draws and says how many standard errors each is away. (For a whole VAE
# there is `objectivecheck_vae`, which does all that by itself.)

# %% [markdown]
# ## Check it
#
# Both oracles, on all three programs, at a point that none of them was trained to.

# %%
MU, LOGVAR = np.array([[0.1]]), np.array([[-0.6]])
EPS = np.random.default_rng(1).standard_normal((3, 1, 1))


def objective_oracle(draw, mu=MU, logvar=LOGVAR, samples=20_000):
    """The draws against the density that the KL is computed for, and the bound against log p(x)."""

    def noise(rng, n):
        return rng.standard_normal((n, *mu.shape))

    return objectivecheck(
        lambda rng, n: draw(mu, logvar, eps=noise(rng, n))[0][:, 0],
        lambda z: gaussian.log_prob(z, mu, logvar)[0].sum(axis=-1),
        bound=lambda rng: np.array(
            [bound(mu, logvar, eps=eps[None], draw=draw)[0].item() for eps in noise(rng, 2000)]
        ),
        log_evidence=LOG_PX,
        samples=samples,
    )


found = {}
for name, draw in PROGRAMS.items():
    gradient = gradcheck(bound, MU, LOGVAR, eps=EPS, draw=draw)
    found[name] = gradient.verdict, objective_oracle(draw).verdict
    print(f"program {name}: gradient oracle {found[name][0]}, objective oracle {found[name][1]}")
assert found == {"A": ("ok", "ok"), "B": ("wrong", "ok"), "C": ("ok", "wrong")}

# %% [markdown]
# Read this small table twice. Each oracle passes the other's mistake, and right code passes both.
# The last part matters as much as the others: an oracle that also accuses right code is of no
# use. It is called a *negative control* when you plant a mistake to see that a test notices it.
# Plant both kinds.
#
# Here is the full report on C. `measured` is the mean over draws and `expected` what right code
# has; `z` is their distance in standard errors. Beyond 5 the verdict is *wrong*. `would see` is
# the error that this many draws would have shown. The rows `E[s dlog q/dz]` and
# `E[(z-c) dlog q/dz]` are Stein's identities, the first times a length `s` so that it has no
# unit. The expected integral, mean, variance and entropy come from the density alone, by
# quadrature.

# %%
report = objective_oracle(PROGRAMS["C"])
print(report)
spread = report["E[(z-c) dlog q/dz]"]
r2 = np.exp(LOGVAR).item()  # r = sigma in program C
print(f"\n-r² by pencil: {-r2:.4f}")
print(f"noise alone goes beyond 5 once in {1 / math.erfc(5 / math.sqrt(2)):,.0f} comparisons")
assert spread.verdict == "wrong"
assert abs(spread.measured + r2) < 0.02

# %% [markdown]
# The report does not only say *wrong*. It recognizes the ratio of the spreads, and asks whether
# `exp(logvar)` was taken for `exp(logvar / 2)`.
#
# And notice a row that is *ok*: the bound. At this point the claim of C happens to be below
# $\log p(x)$. That a bound is not violated says little. It has to hold for every $q$, so look
# where it is tight: at the end of a training.

# %% [markdown]
# ## See it: every oracle has a blind spot
#
# By pencil, the gap of C is $\tfrac12(1 - r^2)$ with $r^2 = \sigma^2 = e^{\log v}$. We measure it
# with `N` draws at several values of $\log v$, and draw bars of five standard errors.

# %%
N, rng = 2000, np.random.default_rng(3)


def gap(draw, logvar):
    """(the mean of log q over draws plus the entropy of q, its standard error), in nats."""
    mu, logvar = np.zeros((1, 1)), np.full((1, 1), logvar)
    z, _ = draw(mu, logvar, eps=rng.standard_normal((N, 1, 1)))
    log_q = gaussian.log_prob(z, mu, logvar)[0].ravel()
    entropy = gaussian.entropy(mu, logvar)[0].item()
    return log_q.mean() + entropy, log_q.std(ddof=1) / np.sqrt(N)


AT = np.linspace(-1.2, 0.9, 15)
measured = {name: np.array([gap(PROGRAMS[name], at) for at in AT]).T for name in "AC"}
for name, pencil in (("A", 0.0 * AT), ("C", 0.5 * (1.0 - np.exp(AT)))):
    off = (measured[name][0] - pencil) / measured[name][1]
    print(f"{name}: farthest from the pencil, of {len(AT)}: {abs(off).max():.1f} standard errors")
    assert abs(off).max() < 5.0

# %%
# alt: The mean of log q plus the entropy against logvar. For the right program it is zero
# everywhere. For C it falls from above zero to far below, and crosses zero at logvar 0.
with style():
    fig, ax = plt.subplots(figsize=(6.4, 3.6))
    fine = np.linspace(-1.3, 1.0, 100)
    ax.axvspan(-0.09, 0.09, color=GREY, alpha=0.4, linewidth=0)
    ax.plot(fine, 0.5 * (1.0 - np.exp(fine)), color=ORANGE, linewidth=1)
    for name, colour in (("A", BLUE), ("C", ORANGE)):
        mean, error = measured[name]
        ax.errorbar(AT, mean, 5.0 * error, fmt="o", color=colour, linewidth=1)
    ax.text(0.35, -0.75, "program C", color=ORANGE, ha="right")
    ax.text(-1.15, -0.2, "program A, right", color=BLUE)
    ax.text(0.12, 0.25, "blind spot: $\\sigma$ = 1\nin both programs", color="0.35")
    ax.set(xlabel="logvar at which the test is made", ylabel="mean of log q + entropy, nats")
    ax.text(-1.15, -0.9, "bars: five standard errors", color="0.35")
    ax.set_title("The mistake shows everywhere, except where a fresh network starts")

# %% [markdown]
# At `logvar = 0` both programs do the same, since $e^0 = e^{0/2}$. A freshly initialized network
# has `logvar` near 0, so a test made right after the initialization is made in the blind spot.
# **Test at random parameters, not at the nice ones.** The same is true of a gradient check: below
# a layer whose weights are zero every gradient is zero, the right ones and most wrong ones.

# %%
start = np.zeros((1, 1))
blind = objective_oracle(PROGRAMS["C"], start, start)
print(f"program C at mu = logvar = 0: objective oracle {blind.verdict}")
assert blind.ok

# %% [markdown]
# How many draws does a test need? The standard deviation of $\log q$ is $r^2 / \sqrt 2$ nats (the
# variance of $\epsilon^2$ is 2). To see a gap of $\tfrac12 (1 - r^2)$ at five standard errors you
# need
#
# $$n \ge \left( 5 \cdot \frac{r^2 / \sqrt 2}{\tfrac12 (1 - r^2)} \right)^2 =
#   \frac{50\, r^4}{(1 - r^2)^2}.$$
#
# Every halving of the error costs four times the draws. And a test that had too few must not say
# *ok*: it did not see. `objectivecheck` has a word of its own for that.

# %%
for r in (0.5, 0.9, 0.99):
    print(f"r = {r:4}: {50 * r**4 / (1 - r**2) ** 2:10,.0f} draws")
few = objective_oracle(PROGRAMS["A"], samples=40)
print(f"right code, 40 draws: {few.verdict}\n{few.message()}")
assert few.verdict == "unseen"

# %% [markdown]
# ## The gallery
#
# `tinyvae/gallery` holds mistakes from public code and from threads in which somebody asked why
# it does not work. Each takes the place of one part of a small VAE that is right otherwise. The
# VAE is trained on data whose best bound is a closed form, as in our small model: the linear VAE
# of chapter 10. Below are all mistakes of the plain bound; those of the importance-weighted one
# have no closed form to end at, and are in `python -m tinyvae bugs`.
#
# The gradient oracle is asked like this. Nothing about a mistake is written down beforehand:

# %%
print(inspect.getsource(gradient_verdict))

# %%
settings = [setting for setting in SETTINGS.values() if setting.best is not None]
trained, verdicts = {}, {}
for setting in settings:
    for mistake in [None, *(m for m in mistakes if m.setting == setting.name)]:
        name = mistake.name if mistake else f"right code ({setting.name})"
        trained[name] = gallery.train(mistake, setting.name)
        verdicts[name] = gallery.verdicts(setting, mistake, trained[name].params)
controls = [name for name in trained if name.startswith("right")]
wrong = [name for name in trained if name not in controls]
print(f"{len(wrong)} mistakes and {len(controls)} right codes trained")

# %% [markdown]
# `lost` is how many nats below the optimum the training ended, measured by right code. `claims`
# is what the program itself reports, from the optimum: above 0 there is no right number. A dash
# means that the oracle has nothing to say.

# %%
print(f"{'':<30}{'gradient':>9}{'objective':>10}{'claims':>9}{'lost':>8}")
for name, end in trained.items():
    said = verdicts[name].gradient, verdicts[name].objective
    gradient, objective = ("-" if word == "ok" else word for word in said)
    claims = round(end.claimed - end.optimum, 3) + 0.0  # no minus in front of 0.000
    numbers = f"{claims:>+9.3f}{abs(end.lost):>8.3f}" if not end.diverged else "  diverges"
    print(f"{name:<30}{gradient:>9}{objective:>10}{numbers}")

# %% [markdown]
# The words: *wrong*, the gradient is not that of the value; *unstable*, another one at every
# call; *mutated*, the backward pass changed its arguments; *draws*, they are not those of the
# density; *KL*, the stated one is not that of the draws; *bound*, it is above $\log p(x)$.

# %%
# alt: One line a mistake, from a ring, the bound truly reached, to a dot, the bound claimed. Most
# that the objective oracle catches claim more than the optimum; all others but one claim less.
with style():
    caught = {name: verdicts[name].caught_by for name in wrong}
    order = sorted(wrong, key=lambda name: list(caught.values()).index(caught[name]))
    ax = claims_and_truths(
        order,
        [trained[name].claimed - trained[name].optimum for name in order],
        [-trained[name].lost for name in order],
        [caught[name] for name in order],
    )

# %% [markdown]
# What there is to learn from the picture, as claims that the next cell asserts:
#
# 1. Right code is accused of nothing, in any setting.
# 2. Whoever claims more than the optimum is caught by the objective oracle, without exception.
# 3. The converse fails: some wrong objectives claim *too little*, and are caught only because the
#    oracle looks at the draws and the KL, and not only at the bound.
# 4. Who is caught by the gradient oracle alone, or by neither, claims what is true: the dot lies
#    in the ring. The value of these is right; what they lost, they lost in training.
# 5. Some pass both oracles.

# %%
by = {who: [name for name in wrong if caught[name] == who] for who in set(caught.values())}
boasting = [name for name in wrong if trained[name].claimed > trained[name].optimum + 1e-6]
modest = [name for name in by["objective"] if name not in boasting]
print(f"claim too much: {len(boasting)}")
print(f"wrong objective, modest claim: {', '.join(modest)}")
print(f"pass both oracles: {', '.join(by['neither'])}")
assert all(verdicts[name].caught_by == "neither" for name in controls)
assert all(verdicts[name].objective != "ok" for name in boasting)
honest = [name for name in wrong if caught[name] in ("gradient", "neither")]
assert all(abs(trained[name].claimed - trained[name].true) < 0.02 for name in honest)
assert modest
assert by["neither"]

# %% [markdown]
# ## What breaks it: mistakes that pass both
#
# Take `relu-on-mu`: an activation on the head that gives $\mu$. The gradient is that of the
# value, and the value is a valid bound, of a family of $q$ that cannot have a negative mean.
# There is no contradiction in the program, so no test that looks for contradictions can find one.
# What is wrong is that this is not what you meant. You see it only against something from
# outside: an answer that is known.

# %%
# alt: The encoder's means against the exact posterior means. Right code lies on the diagonal. With
# a ReLU on the mu head no mean is below zero.
relu = trained["relu-on-mu"]
with style():
    fig, ax = plt.subplots(figsize=(4.4, 4.0))
    diagonal = (-1.6, 2.1)
    ax.plot(diagonal, diagonal, color=GREY, linewidth=1)
    ax.plot(relu.exact_mean.ravel(), relu.right.mean.ravel(), "o", color=BLUE, fillstyle="none")
    ax.plot(relu.exact_mean.ravel(), relu.mean.ravel(), "o", color=ORANGE)
    ax.text(-0.5, -0.9, "right code", color=BLUE)
    ax.text(-1.5, 0.15, "with a ReLU on mu", color=ORANGE)
    ax.set(xlabel="exact posterior mean of a latent", ylabel="mean that the encoder gives")
    ax.set_title("No oracle minds; a known answer does")

print(f"lost by the ReLU: {relu.lost:.3f} nats")
assert relu.mean.min() >= 0.0 > relu.exact_mean.min()
assert np.allclose(relu.right.mean, relu.exact_mean, atol=1e-4)

# %% [markdown]
# So the third test is: **train on a model whose optimum is known, and see whether you arrive.**
# Linear models are good for that; they train in a blink. Is the third test enough by itself? Ask
# it about all of them: it fails if more than a thousandth of a nat is lost.

# %%
TESTS = {
    "gradient": lambda name: verdicts[name].gradient != "ok",
    "objective": lambda name: verdicts[name].objective != "ok",
    "known answer": lambda name: trained[name].lost > 0.001,
}
for test, fails in TESTS.items():
    missed = [name for name in wrong if not fails(name)]
    print(f"{test}: catches {len(wrong) - len(missed)} of {len(wrong)}")
    assert missed
    assert not any(map(fails, controls))
print(f"the known answer misses {', '.join(missed)}")
assert set(missed) == {"kl-shown-averaged", "noise-inside", "updated-inside"}
assert all(any(fails(name) for fails in TESTS.values()) for name in wrong)

# %% [markdown]
# The three that it misses arrive at the optimum, and are wrong all the same. One prints a number
# that is not the bound. One cannot be checked, since it draws its noise inside. One updates the
# weights within the backward pass, which does no harm at a point of rest, and will with momentum.
#
# Each of the three tests misses some mistakes, and together they catch all of these. That is no
# proof about the next mistake: a gallery has only what was found. But it is the order in which to
# ask, from cheap to costly:
#
# | test | it asks | it costs | it cannot see |
# |---|---|---|---|
# | gradient oracle | is $g = \nabla \hat L$? | a few calls | a wrong objective |
# | objective oracle | is $\hat L = L$, up to noise? | many draws | a valid bound of a poor family |
# | known answer | do you arrive? | a training | what vanishes at the optimum |

# %% [markdown]
# ## From a failed check to the name of the mistake
#
# A check that fails says *that* something is wrong. `diagnose` says what. It takes the step that
# fails, compares what is there with what belongs there, and looks for a rule that explains the
# difference in all entries: a constant factor, a sign, a missing path, noise that was drawn anew.
# As it takes the value as given, it has nothing to say of program C. (`.function()` hands a
# generator to a mistake that draws its own noise.)

# %%
rng = np.random.default_rng(0)
mu, logvar = rng.standard_normal((2, 5, 3))
eps = rng.standard_normal((1, 5, 3))
print(diagnose(PROGRAMS["B"], mu, logvar, eps=eps))
print(diagnose(GALLERY["kl-sign-back"].wrong, mu, logvar))
print(diagnose(GALLERY["fresh-noise"].function(), mu, logvar, eps=eps))
print(diagnose(PROGRAMS["C"], mu, logvar, eps=eps))
assert "twice" in str(diagnose(PROGRAMS["B"], mu, logvar, eps=eps))
assert diagnose(PROGRAMS["C"], mu, logvar, eps=eps).mistake == "ok"

# %% [markdown]
# The same on a whole network: when the two heads of an encoder share a trunk, the gradients that
# come back from both add up. `branch-overwritten` has an `=` where a `+=` belongs. `T`, `M` and
# `L` are the weights of the trunk, of the mu head and of the logvar head; `b` and `c` are the
# biases of the heads.

# %%
shapes = {"T": (7, 3), "M": (3, 2), "b": (2,), "L": (3, 2), "c": (2,)}
weights = [rng.standard_normal(shape) for shape in shapes.values()]
print(diagnose(GALLERY["branch-overwritten"].wrong, *weights, x=rng.standard_normal((5, 7))))

# %% [markdown]
# ## Exercises

# %%
for name in CHAPTERS[11]:
    one = exercise(name)
    print(f"{one.number} {one.name}: {one.title}")
print("\npython -m tinyvae exercises start       copies the statements to a folder")
print(f"python -m tinyvae exercises check {one.number}    says what is wrong with what you wrote")

# %% [markdown]
# Three more, for pencil and for discussion:
#
# 1. In `kl-averaged` the KL is a mean over Z latents, not a sum. Which oracle sees it, and would
#    it for Z = 1? Then run `python -m tinyvae bugs kl-averaged`.
# 2. Write a sampler and a density that disagree, but pass $\mathbb{E}[\log q] = -H$. (Hint: draw
#    from the wrong place with the wrong spread.) Which of Stein's identities catches yours?
# 3. The model of this chapter with the KL multiplied by 1/8: where do $\mu$ and $v$ end, and what
#    is claimed?
#
# ## Read on
#
# - J. Geweke, *Getting It Right: Joint Distribution Tests of Posterior Simulators* (2004): the
#   idea of testing a sampler against the model that it claims to be for.
# - C. Stein, *A Bound for the Error in the Normal Approximation* (1972), for the identities; J.
#   Gorham & L. Mackey, *Measuring Sample Quality with Stein's Method* (2015), section 2, for how
#   they judge draws.
# - A. G. Baydin et al., *Automatic Differentiation in Machine Learning: a Survey* (2018), section
#   2.1, on numerical differentiation; A. Griewank & A. Walther, *Evaluating Derivatives* (2008),
#   section 3.2, for the local form of the chain rule that `diagnose` uses.
#
# Next, chapter 12, *Fast*: where the time of a training step goes, and how much of it you can
# save without changing a digit.

# %%
if plt.get_backend().lower() != "agg":
    plt.show()
