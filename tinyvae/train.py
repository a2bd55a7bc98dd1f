"""Training: the loop, its history, and a state that can be saved and continued bit for bit.

The loop is deterministic: epoch k draws its order and its noise from a generator seeded by
(seed, k), so the same seed gives the same numbers on the same machine, however often the run was
stopped and resumed on the way.
"""

import signal
import threading
import time
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tinyvae.backend import backend_of, check_noise, noise_rng, to_device, to_host
from tinyvae.data import bernoulli_draw
from tinyvae.elbo import OBJECTIVES, TIGHTER, check_free_bits
from tinyvae.errors import NotFinite, check_count, check_number, unknown
from tinyvae.optim import SCHEDULES, optimizer
from tinyvae.ranks import ALONE
from tinyvae.step import PlainStep, Step

# The streams that a seed is split into.
INIT, EPOCH, HELD_OUT = 0, 1, 2
VALUES = "loss", "reconstruction", "kl"  # of a step, in nats per example


@dataclass(frozen=True)
class Settings:
    """How to train. `lr` None: the optimizer's default; `schedule`: what becomes of it over the
    epochs, see optim.py. Each step sets the optimizer's own to that. `beta` rises from 0 over
    `warmup` epochs.

    `objective`, `samples`: the estimator of the bound, see elbo.py, and its samples an example;
    `free_bits`: nats below which a latent's mean KL costs nothing more, of 'analytic' alone.
    `loss_every`: the loss is looked at every so many steps, and an epoch's row is the mean of
    these; a step that does not look is faster by 5 to 15 %.
    `patience`: stop after so many epochs without a better held-out bound, and keep the best
    parameters; 0: never.
    `backend`: 'numpy', or 'cupy' for a GPU. `noise`: by the host's generator, the same numbers on
    every backend, so that their curves can be compared; or by that of the 'device', faster.

    TypeError or ValueError for a value out of range or an unknown name.
    """

    epochs: int = 80
    batch: int = 20
    objective: str = "analytic"
    samples: int = 1
    lr: float | None = None
    schedule: str = "constant"
    optimizer: str = "adam"
    beta: float = 1.0
    free_bits: float = 0.0
    warmup: int = 0
    loss_every: int = 1
    patience: int = 0
    dtype: str = "float32"
    seed: int = 0
    backend: str = "numpy"
    noise: str = "host"

    def __post_init__(self):
        check_count("epochs", self.epochs)
        check_count("batch", self.batch)
        check_count("samples", self.samples)
        check_count("loss_every", self.loss_every)
        check_number("beta", self.beta, at_least=0)
        if self.objective not in OBJECTIVES:
            raise unknown("objective", self.objective, OBJECTIVES)
        check_free_bits(self.free_bits, self.objective)
        for name in ("warmup", "patience", "seed"):
            check_count(name, getattr(self, name), at_least=0)
        if self.dtype not in ("float32", "float64"):
            raise unknown("dtype", self.dtype, ("float32", "float64"))
        check_noise(self.noise, self.backend)
        if self.schedule not in SCHEDULES:
            raise unknown("schedule", self.schedule, SCHEDULES)
        optimizer(self.optimizer, self.lr)


@dataclass
class State:
    """Everything that the next step depends on, and the history so far.

    `step` counts the steps done in the current epoch, and `sums` adds up what its row will say.
    """

    theta: np.ndarray
    optimizer: object
    epoch: int = 0
    step: int = 0
    rng: np.random.Generator | None = None  # of the epoch's noise, in the middle of an epoch
    sums: dict = field(default_factory=dict)
    history: list = field(default_factory=list)
    best: np.ndarray | None = None  # the parameters at the best held-out bound, with `patience`
    work: dict = field(default_factory=dict, repr=False)  # what `step_for` has recorded

    def __getstate__(self):
        """What a copy or a pickle takes: a Step works on the arrays it was recorded on."""
        return self.__dict__ | {"work": {}}

    @property
    def parameters(self):
        """What the run has to show: the best parameters if it kept them, else the last."""
        return self.theta if self.best is None else self.best

    def to(self, backend):
        """Move all that the run remembers to that backend's device."""
        self.theta = to_device(self.theta, backend)
        self.best = None if self.best is None else to_device(self.best, backend)
        moved = {k: to_device(v, backend) if v.ndim else v for k, v in self.optimizer.state.items()}
        self.optimizer.state = moved  # a number, Adam's count of steps, is the host's


def start(vae, settings, x=None):
    """The state before the first step; with data x (N, D) the output starts at their mean."""
    rng = np.random.default_rng([settings.seed, INIT])
    theta = vae.init(rng, np.dtype(settings.dtype), x=x)
    return State(theta, optimizer(settings.optimizer, settings.lr))


def check_fit(vae, data, settings):
    """ValueError or TypeError if the data do not fit the model, or are fewer than a batch."""
    if not all(hasattr(data, part) for part in ("x", "held_out", "values")):
        raise TypeError(
            f"data must be a tinyvae.data.Dataset, not {type(data).__name__}: make one of your "
            "arrays with tinyvae.data.from_arrays(x)"
        )
    vae.check(data.x)
    vae.check(data.held_out)
    if settings.batch > len(data.x):
        raise ValueError(f"batch is {settings.batch}, but there are only {len(data.x)} examples")


def fit(vae, data, settings, state=None, *, on_step=None, on_epoch=None, ranks=ALONE):
    """Minimize the mean negative ELBO of `data.x`; the State after the last epoch.

    state: where to go on from, by default `start(vae, settings, data.x)`; changed in place, and
    moved to the settings' backend.
    on_step(state), on_epoch(state): called after each step and epoch; a true result of on_epoch
    stops the run. Ctrl-C stops it too, after the step in progress, with the state in order.
    ranks: who shares the work, see ranks.py. All call `fit` alike, and end with the same state;
    it is what one rank alone would have, to rounding.

    ValueError for data that do not fit the model, a batch larger than the data, or ranks that do
    not start alike. NotFinite, with the first array that went bad, if a loss or gradient is not
    finite: theta is then as it was before that step. (An update that overflows by itself shows in
    the next step.)
    """
    check_fit(vae, data, settings)
    check_ranks(settings, ranks)
    state = start(vae, settings, data.x) if state is None else state
    state.to(settings.backend)
    with interruptible() as interrupted:
        while not finished(state, settings):
            agree(state, ranks)
            for _ in steps(vae, data, settings, state, ranks):
                if on_step is not None:
                    on_step(state)
                if ranks.any(interrupted()):
                    return state
            finish_epoch(vae, data, settings, state, ranks)
            if ranks.any(on_epoch is not None and on_epoch(state)):
                break
    agree(state, ranks)
    return state


def check_ranks(settings, ranks):
    """ValueError unless the ranks are to do the same, and can."""
    ranks.agree("settings", settings)
    if settings.free_bits and ranks.size > 1:
        raise ValueError(
            "free_bits is compared with the mean KL of the whole batch, which a rank that has a "
            "share of it does not know on its way back: train with free bits on one rank"
        )


def agree(state, ranks):
    """ValueError unless the ranks are at the same place with the same parameters, to the bit: each
    does the same arithmetic on the same sums, and a rank that strayed would never be noticed."""
    digest = zlib.crc32(to_host(state.theta)) if ranks.size > 1 else 0
    ranks.agree("parameters", (state.epoch, state.step, digest))


def count_steps(data, settings):
    """The number of steps in an epoch; the last batch may be a smaller one."""
    return -(-len(data.x) // settings.batch)


def steps(vae, data, settings, state, ranks=ALONE):
    """Do the rest of the current epoch, one step at a time."""
    # Made anew when a run is resumed in the middle of an epoch, the order is the same again; then
    # the noise goes on from where the saved generator was.
    seed, backend = [settings.seed, EPOCH, state.epoch], settings.backend
    rng = np.random.default_rng(seed)
    order = to_device(rng.permutation(len(data.x)), backend)
    x = to_device(data.x.astype(settings.dtype, copy=False), backend)
    rng = rng if settings.noise == "host" else noise_rng(seed, backend, settings.noise)
    if data.values == "dynamic":
        x = bernoulli_draw(x, noise=to_device(rng.random(x.shape, dtype=x.dtype), backend))

    lr = optimizer(settings.optimizer, settings.lr).lr
    count, every = count_steps(data, settings), settings.loss_every
    batches = [order[i : i + settings.batch] for i in range(0, len(order), settings.batch)]
    if state.step == 0:
        state.sums = dict.fromkeys((*VALUES, "seconds"), 0.0)
    if state.rng is None:
        state.rng = rng
        for rows in batches[: state.step]:  # a GPU's generator is not saved: to where it was
            step_for(vae, settings, state, len(rows), ranks).draw(x, rows, rng)
    seen = sum(map(len, batches[::every]))  # the examples whose loss is looked at
    while state.step < count:
        began = time.perf_counter()
        rows, asked = batches[state.step], state.step % every == 0
        step = step_for(vae, settings, state, len(rows), ranks)
        step.draw(x, rows, state.rng, warm(settings, state.epoch + (state.step + 1) / count))
        done = (state.epoch + state.step / count) / settings.epochs
        state.optimizer.lr = lr * SCHEDULES[settings.schedule](done)
        try:
            values = step(state.optimizer, asked=asked)
        except NotFinite as error:
            where = f"training stopped in epoch {state.epoch + 1}, step {state.step + 1}"
            raise NotFinite(f"{where}, where {error}") from None
        for name, value in zip(VALUES, values, strict=True) if asked else ():
            state.sums[name] += value * len(rows) / seen
        state.sums["seconds"] += time.perf_counter() - began
        state.step += 1
        yield


def step_for(vae, settings, state, size, ranks=ALONE):
    """The Step for batches of that size; the last batch of an epoch may be a smaller one. A run may
    go on with another objective, model or theta, or on other ranks: each has a Step of its own."""
    key = size, settings.samples, settings.objective, settings.free_bits, ranks
    work = state.work.get(key)
    if work is None or work.theta is not state.theta or work.vae is not vae:
        objective = {"objective": settings.objective, "free_bits": settings.free_bits}
        kind = Step if backend_of(state.theta) == "numpy" else PlainStep
        work = kind(vae, state.theta, size, samples=settings.samples, ranks=ranks, **objective)
        state.work[key] = work
    return work


def warm(settings, epochs):
    """beta after so many epochs: it rises linearly over the warm-up.

    Source: Sonderby et al., Ladder Variational Autoencoders (2016), section 2.2.
    """
    return settings.beta * min(1.0, epochs / settings.warmup) if settings.warmup else settings.beta


def finish_epoch(vae, data, settings, state, ranks=ALONE):
    """Evaluate on the held-out data, add the epoch's row, and note the best parameters."""
    held_out = evaluate(vae, state.theta, data.held_out, **evaluation(settings), ranks=ranks)
    row = {"epoch": state.epoch + 1} | state.sums
    row |= {"beta": warm(settings, state.epoch + 1), "held_out": -float(held_out.mean())}
    if settings.patience and row["held_out"] < best(state):
        state.best = state.theta.copy()
    state.history.append(row)
    state.epoch, state.step, state.rng = state.epoch + 1, 0, None


def best(state):
    """The lowest held-out negative ELBO so far."""
    return min((row["held_out"] for row in state.history), default=np.inf)


def finished(state, settings):
    """Whether all epochs are done, or the last `patience` of them brought no better bound."""
    bounds, patience = [row["held_out"] for row in state.history], settings.patience
    stalled = 0 < patience < len(bounds) and min(bounds[-patience:]) >= min(bounds[:-patience])
    return stalled or state.epoch >= settings.epochs


def evaluation(settings):
    """How `evaluate` measures what a run with these settings maximizes.

    The importance-weighted bounds by as many samples as in training; the ELBO by one with the
    analytic KL, whichever way its gradient is estimated.
    """
    if settings.objective in TIGHTER:
        return {"seed": settings.seed, "objective": "iwae", "samples": settings.samples}
    return {"seed": settings.seed}


def evaluate(vae, theta, x, *, seed=0, objective="analytic", samples=1, batch=1000, ranks=ALONE):
    """The bound (N,) of each example, beta = 1, by so many samples each, in nats.

    The noise depends on `seed` alone: two calls, and two epochs, are compared on the same draw. It
    is done where theta lives; x and the result are the host's. ranks: who shares the examples.
    """
    vae.check(x)
    check_count("samples", samples)
    rng = np.random.default_rng([seed, HELD_OUT])
    x = x.astype(theta.dtype, copy=False)
    many = () if samples == 1 else (samples,)
    size = max(1, batch // samples)

    def shared():
        for part in (x[i : i + size] for i in range(0, len(x), size)):
            eps = rng.standard_normal((*many, len(part), vae.latent), dtype=theta.dtype)
            own = ranks.share(len(part))
            mine, eps = to_device((part[own], eps[..., own, :]), backend_of(theta))
            if len(mine):
                bound, _ = vae.elbo(theta, x=mine, eps=eps, objective=objective)
            yield to_host(bound) if len(mine) else part[:0, 0]

    found = ranks.together(lambda: list(shared()))
    return np.concatenate([bounds for part in zip(*found, strict=True) for bounds in part])


@contextmanager
def interruptible():
    """Ctrl-C as a flag to be asked for between steps; a second Ctrl-C stops at once.

    An exception at any moment could come in the middle of an update, and leave theta half changed.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set  # only the main thread hears signals
        return

    def on_signal(number, frame):
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)  # None: it was not Python's
