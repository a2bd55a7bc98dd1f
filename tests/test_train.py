"""The training loop: deterministic, interruptible, and honest about its numbers."""

import copy
import pickle
import re
import signal
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from tinyvae import NotFinite, Settings, checkpoint, storage
from tinyvae import train as training
from tinyvae.data import Dataset, bernoulli_draw, digits, load
from tinyvae.elbo import OBJECTIVES
from tinyvae.train import evaluate, fit, start
from tinyvae.vae import VAE

PIXELS = 6
QUICK = {"epochs": 3, "batch": 8, "lr": 0.01}


def data_of(n=30, held_out=9, values="grey", pixels=PIXELS, seed=0):
    """Small grey pictures with something to learn: two patterns and noise."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 2, size=n + held_out)
    x = 0.8 * np.eye(2)[which].repeat(pixels // 2, axis=1) + 0.2 * rng.random((len(which), pixels))
    x = x.astype(np.float32)
    plain = Dataset("patterns", x[:n], x[n:])
    return plain.binarized(values, rng=np.random.default_rng(0))


@pytest.fixture
def data():
    return data_of()


@pytest.fixture
def vae():
    return VAE(PIXELS, 2, (5,))


def rows(state):
    """The history without the seconds, which no two runs share."""
    return [{key: row[key] for key in row if key != "seconds"} for row in state.history]


def interrupt_at(steps, *, presses=1):
    """An on_step that presses Ctrl-C after so many steps."""
    count = 0

    def on_step(state):
        nonlocal count
        count += 1
        if count == steps:
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)

    return on_step


# -- the same seed, the same numbers -----------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_gives_the_same_run_and_another_does_not(vae, data, dtype):
    first, again, other = (
        fit(vae, data, Settings(**QUICK, dtype=dtype, seed=seed)) for seed in (3, 3, 4)
    )
    assert first.theta.dtype == dtype
    assert first.theta.tobytes() == again.theta.tobytes()
    assert rows(first) == rows(again)
    assert not np.array_equal(first.theta, other.theta)
    assert rows(first) != rows(other)


def test_training_leaves_the_global_random_state_alone(vae, data):
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    fit(vae, data, Settings(**QUICK))
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def test_the_start_depends_on_the_seed_alone(vae):
    a, b = (start(vae, Settings(seed=5, batch=batch, epochs=batch)) for batch in (2, 7))
    np.testing.assert_array_equal(a.theta, b.theta)
    assert a.theta.shape == (vae.layout.size,)


# -- learning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian-learned"])
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_the_loss_goes_down(data, name, likelihood):
    lr = {"sgd": 0.01, "momentum": 0.003, "adam": 0.02}[name]
    settings = Settings(epochs=12, batch=5, lr=lr, optimizer=name)
    history = fit(VAE(PIXELS, 2, (8,), likelihood=likelihood), data, settings).history
    assert history[-1]["loss"] < history[0]["loss"] - 0.1
    assert history[-1]["held_out"] < history[0]["held_out"]


def test_a_vae_beats_independent_pixels_on_held_out_digits():
    data = digits().binarized("threshold")
    # The best that pixels which know nothing of each other can do: Bernoulli at the training
    # means, with a half added to each count so that none is certain. Exact, in nats.
    p = (data.x.sum(axis=0, dtype=float) + 0.5) / (len(data.x) + 1)
    log_p = data.held_out * np.log(p) + (1 - data.held_out) * np.log1p(-p)
    baseline = -log_p.sum(axis=1).mean()
    history = fit(VAE(64, 5, (64,)), data, Settings(epochs=15, lr=3e-3)).history
    assert 24 < baseline < 25
    assert history[-1]["held_out"] < baseline - 4


# -- what a row says -------------------------------------------------------------------------------


def plain_epochs(vae, data, settings):
    """The loop again, the plain way: lists and means, one whole batch after the other."""
    state, result = start(vae, settings, data.x), []
    for epoch in range(settings.epochs):
        rng = np.random.default_rng([settings.seed, training.EPOCH, epoch])
        order = rng.permutation(len(data.x))
        x = data.x.astype(settings.dtype)
        if data.values == "dynamic":
            x = bernoulli_draw(x, noise=rng.random(x.shape, dtype=x.dtype))
        batches = [x[order[i : i + settings.batch]] for i in range(0, len(x), settings.batch)]
        examples = {"loss": [], "reconstruction": [], "kl": []}
        for k, batch in enumerate(batches):
            done = epoch + (k + 1) / len(batches)
            beta = settings.beta * (min(1, done / settings.warmup) if settings.warmup else 1)
            eps = rng.standard_normal((len(batch), vae.latent), dtype=x.dtype)
            (log_px, kl), _ = vae.terms(state.theta, x=batch, eps=eps)
            kl = kl.sum(axis=1)
            examples["reconstruction"] += list(-log_px.astype(float))
            examples["kl"] += list(kl.astype(float))
            examples["loss"] += list(-log_px.astype(float) + beta * kl.astype(float))
            _, vjp = vae.loss(state.theta, x=batch, eps=eps, beta=beta)
            state.optimizer.step(state.theta, vjp(1.0)[0])
        result.append({name: np.mean(values) for name, values in examples.items()})
    return state.theta, result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("values", "changes"), [("grey", {}), ("dynamic", {"warmup": 2, "beta": 0.7})]
)
def test_rows_are_means_over_the_examples(vae, values, changes, dtype):
    """30 examples in batches of 8: the last batch is smaller, and weighs less."""
    data, settings = data_of(values=values), Settings(**QUICK, **changes, dtype=dtype)
    state = fit(vae, data, settings)
    theta, expected = plain_epochs(vae, data, settings)
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(state.theta, theta, rtol=tolerance, atol=tolerance)
    for row, plain in zip(state.history, expected, strict=True):
        for name, value in plain.items():
            assert row[name] == pytest.approx(value, rel=tolerance)
        assert row["seconds"] > 0
    assert [row["epoch"] for row in state.history] == [1, 2, 3]


def test_rows_are_plain_numbers_that_json_can_hold(vae, data):
    for row in fit(vae, data, Settings(**QUICK)).history:
        assert {type(value) for value in row.values()} <= {int, float}


def test_the_held_out_column_is_evaluate_at_the_end_of_the_epoch(vae, data):
    seen = []
    settings = Settings(**QUICK, beta=3.0, seed=2)

    def on_epoch(state):
        seen.append(-float(evaluate(vae, state.theta, data.held_out, seed=2).mean()))

    state = fit(vae, data, settings, on_epoch=on_epoch)
    assert [row["held_out"] for row in state.history] == seen


# -- beta's warm-up --------------------------------------------------------------------------------


def test_beta_rises_linearly_and_stays(vae, data):
    settings = Settings(epochs=6, batch=15, warmup=4, beta=0.8)
    assert [training.warm(settings, t) for t in (0, 1, 2, 3.5, 4, 5, 100)] == pytest.approx(
        [0, 0.2, 0.4, 0.7, 0.8, 0.8, 0.8]
    )
    state = fit(vae, data, settings)
    assert [row["beta"] for row in state.history] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_without_warm_up_beta_is_there_from_the_start():
    assert {training.warm(Settings(beta=0.3), t) for t in (0, 0.5, 1, 50)} == {0.3}


def test_beta_0_trains_the_reconstruction_alone(vae, data):
    row = fit(vae, data, Settings(**QUICK, beta=0)).history[0]
    assert row["loss"] == pytest.approx(row["reconstruction"], rel=1e-12)
    assert row["kl"] > 0


# -- callbacks and patience ------------------------------------------------------------------------


def test_a_true_result_of_on_epoch_stops(vae, data):
    state = fit(vae, data, Settings(**QUICK), on_epoch=lambda state: state.epoch == 2)
    assert (state.epoch, len(state.history)) == (2, 2)
    assert not training.finished(state, Settings(**QUICK))


def test_on_step_comes_after_every_step(vae, data):
    seen = []
    fit(vae, data, Settings(**QUICK), on_step=lambda s: seen.append((s.epoch, s.step)))
    assert seen == [(epoch, step) for epoch in range(3) for step in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("bounds", "patience", "stops", "best"),
    [
        ([5, 4, 4.5, 4.2, 3, 2], 2, 4, 2),  # two epochs without a better one
        ([5, 4, 4.5, 3, 3.5, 3.2, 1], 2, 6, 4),
        ([5, 5, 5, 1], 2, 3, 1),  # as good is not better, and the first best is kept
        ([5, 6, 1], 1, 2, 1),
        ([5, 4, 3, 2], 1, 4, 4),
        ([5, 6, 7, 8], 9, 4, 1),
        ([5, 6, 7, 8], 0, 4, None),
    ],
)
def test_patience_stops_in_time_and_keeps_the_best(
    vae, data, monkeypatch, bounds, patience, stops, best
):
    thetas = []

    def scripted(vae, theta, x, **kwargs):
        thetas.append(theta.copy())
        return np.full(len(x), -float(bounds[len(thetas) - 1]))

    monkeypatch.setattr(training, "evaluate", scripted)
    settings = Settings(epochs=len(bounds), batch=15, patience=patience)
    state = fit(vae, data, settings)
    assert (state.epoch, len(thetas)) == (stops, stops)
    assert training.finished(state, settings)
    if best is None:
        assert state.best is None
    else:
        np.testing.assert_array_equal(state.best, thetas[best - 1])
    assert fit(vae, data, settings, state).epoch == stops  # and it does not start again


# -- objectives ------------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_the_digits(objective):
    digits = load("digits").binarized("threshold")
    settings = Settings(epochs=4, objective=objective, samples=3)
    history = fit(VAE(64, 2, (32,)), digits, settings).history
    assert history[-1]["held_out"] < history[0]["held_out"] - 0.5


@pytest.mark.parametrize(("objective", "samples"), [("iwae", 4), ("dreg", 4), ("path", 4)])
def test_held_out_is_the_bound_that_the_run_maximizes(vae, objective, samples):
    data, settings = data_of(), Settings(**QUICK, objective=objective, samples=samples)
    state = fit(vae, data, settings)
    one = evaluate(vae, state.theta, data.held_out, seed=settings.seed)
    x, rng = data.held_out, np.random.default_rng([settings.seed, training.HELD_OUT])
    if objective == "path":
        expected = one
    else:
        eps = rng.standard_normal((samples, len(x), vae.latent), dtype=np.float32)
        expected, _ = vae.elbo(state.theta, x=x, eps=eps, objective="iwae")
        assert expected.mean() > one.mean()
    assert state.history[-1]["held_out"] == -float(expected.mean())


def test_many_samples_are_evaluated_in_small_parts(vae):
    data = data_of()
    theta = vae.init(np.random.default_rng(0), np.float64)
    whole = evaluate(vae, theta, data.held_out, objective="iwae", samples=5)
    assert whole.shape == (len(data.held_out),)
    parts = evaluate(vae, theta, data.held_out, objective="iwae", samples=5, batch=5)
    assert abs(whole.mean() - parts.mean()) < 5 * (whole - parts).std() / np.sqrt(len(whole))


# -- interrupted and resumed -----------------------------------------------------------------------

VARIANTS = {
    "plain": {},
    "patience": {"patience": 2, "epochs": 5, "lr": 0.3},
    "warm-up": {"warmup": 3},
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "momentum", "lr": 0.001},
    "one batch": {"batch": 30},
    "doubly reparameterized": {"objective": "dreg", "samples": 3},
    "free bits": {"free_bits": 0.3},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", ["grey", "dynamic"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_interrupted_saved_and_resumed_is_the_same_to_the_bit(
    vae, tmp_path, variant, values, dtype
):
    data = data_of(values=values)
    settings = Settings(**QUICK | VARIANTS[variant], dtype=dtype)
    path = tmp_path / "run.npz"
    straight = fit(vae, data, settings)
    total = len(straight.history) * -(-30 // settings.batch)
    for steps in sorted({1, 2, 4, 5, total - 1, total} & set(range(1, total + 1))):
        stopped = fit(vae, data, settings, on_step=interrupt_at(steps))
        assert not training.finished(stopped, settings)
        checkpoint.save(path, vae, settings, stopped, {"name": "patterns"})
        vae_2, settings_2, state, about = checkpoint.load(path)
        assert (vae_2.config, settings_2, about) == (vae.config, settings, {"name": "patterns"})
        state = fit(vae_2, data, settings_2, state)
        assert state.theta.tobytes() == straight.theta.tobytes()
        assert rows(state) == rows(straight)
        assert (state.best is None) == (straight.best is None)
        if state.best is not None:
            assert state.best.tobytes() == straight.best.tobytes()


def test_stopped_after_every_single_step_it_is_still_the_same(vae, tmp_path):
    data, settings = data_of(values="dynamic"), Settings(**QUICK, warmup=2, patience=2)
    path, state, stops = tmp_path / "run.npz", start(vae, settings, data.x), 0
    while not training.finished(state, settings):
        checkpoint.save(path, vae, settings, state, {})
        _, _, state, _ = checkpoint.load(path)
        state = fit(vae, data, settings, state, on_step=interrupt_at(1))
        stops += 1
    assert stops >= 12
    straight = fit(vae, data, settings)
    assert state.theta.tobytes() == straight.theta.tobytes()
    assert rows(state) == rows(straight)


def test_a_run_may_go_on_in_memory_and_for_more_epochs(vae, data):
    short, long = Settings(**QUICK), Settings(**QUICK | {"epochs": 5})
    state = fit(vae, data, short)
    assert fit(vae, data, long, state) is state
    assert state.theta.tobytes() == fit(vae, data, long).theta.tobytes()


def test_ctrl_c_stops_after_the_step_in_progress(vae, data):
    state = fit(vae, data, Settings(**QUICK), on_step=interrupt_at(2))
    assert (state.epoch, state.step, state.history) == (0, 2, [])


def test_a_second_ctrl_c_stops_at_once(vae, data):
    with pytest.raises(KeyboardInterrupt):
        fit(vae, data, Settings(**QUICK), on_step=interrupt_at(2, presses=2))


@pytest.mark.parametrize("end", ["finished", "interrupted", "stopped", "failed", "pressed twice"])
def test_the_handler_for_ctrl_c_is_put_back(vae, data, end):
    def mine(number, frame):
        raise AssertionError("not called")

    def failing(state):
        raise LookupError

    how = {
        "finished": {},
        "interrupted": {"on_step": interrupt_at(1)},
        "stopped": {"on_epoch": lambda state: True},
        "failed": {"on_step": failing},
        "pressed twice": {"on_step": interrupt_at(1, presses=2)},
    }[end]
    before = signal.signal(signal.SIGINT, mine)
    try:
        if end in ("failed", "pressed twice"):
            with pytest.raises((LookupError, KeyboardInterrupt)):
                fit(vae, data, Settings(**QUICK), **how)
        else:
            fit(vae, data, Settings(**QUICK), **how)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_trains_in_another_thread(vae, data):
    result = []
    thread = threading.Thread(target=lambda: result.append(fit(vae, data, Settings(**QUICK))))
    thread.start()
    thread.join()
    assert result[0].theta.tobytes() == fit(vae, data, Settings(**QUICK)).theta.tobytes()


# -- evaluate --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_evaluate_is_the_elbo_on_the_held_out_noise(vae, data, dtype):
    theta = start(vae, Settings(dtype=dtype)).theta
    rng = np.random.default_rng([7, training.HELD_OUT])
    eps = rng.standard_normal((9, 2), dtype=theta.dtype)
    expected, _ = vae.elbo(theta, x=data.held_out.astype(dtype), eps=eps)
    np.testing.assert_array_equal(evaluate(vae, theta, data.held_out, seed=7), expected)
    again = evaluate(vae, theta, data.held_out, seed=7)
    np.testing.assert_array_equal(again, expected)
    assert not np.array_equal(evaluate(vae, theta, data.held_out, seed=8), expected)


@pytest.mark.parametrize("batch", [1, 4, 9, 50])
def test_evaluate_draws_the_same_noise_in_any_batches(vae, data, batch):
    theta = start(vae, Settings(dtype="float64")).theta
    whole = evaluate(vae, theta, data.held_out)
    parts = evaluate(vae, theta, data.held_out, batch=batch)
    assert parts.shape == (9,)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


# -- bad input -------------------------------------------------------------------------------------


def rough(x, held_out=None):
    """Data that no Dataset would let through."""
    x = np.asarray(x)
    return SimpleNamespace(x=x, held_out=x if held_out is None else held_out, values="grey")


GOOD = np.full((9, PIXELS), 0.5, np.float32)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (rough(GOOD[:0]), r"x is empty: its shape is \(0, 6\)"),
        (rough(GOOD, GOOD[:0]), r"x is empty: its shape is \(0, 6\)"),
        (rough(GOOD[:, :5]), r"x has shape \(9, 5\), expected \(B, 6\)"),
        (rough(GOOD, GOOD[:, :5]), r"x has shape \(9, 5\), expected \(B, 6\)"),
        (rough(GOOD[0]), r"x has shape \(6,\), expected \(B, 6\)"),
        (rough(GOOD + 1), r"x must be in \[0, 1\] for a Bernoulli likelihood, but spans"),
        (rough(GOOD - 1), r"x must be in \[0, 1\]"),
        (rough(GOOD, GOOD * 3), r"x must be in \[0, 1\]"),
        (rough(np.where(np.eye(9, 6) == 1, np.nan, GOOD)), r"x must be finite, but x\[0, 0\] is"),
        (rough(GOOD[:7]), "batch is 8, but there are only 7 examples"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_the_first_step(vae, data, message):
    state = start(vae, Settings(**QUICK))
    before = state.theta.tobytes()
    with pytest.raises(ValueError, match=message):
        fit(vae, data, Settings(**QUICK), state)
    assert state.theta.tobytes() == before


def test_integers_and_lists_are_no_data(vae):
    for x in (np.ones((9, PIXELS), int), [[0.0] * PIXELS] * 9):
        with pytest.raises(TypeError, match="x must be an array of floating-point numbers"):
            fit(vae, SimpleNamespace(x=x, held_out=x, values="grey"), Settings(**QUICK))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1, not 0"),
        ({"epochs": 2.0}, TypeError, "epochs must be a whole number, not 2.0"),
        ({"epochs": True}, TypeError, "epochs must be a whole number"),
        ({"batch": -1}, ValueError, "batch must be at least 1, not -1"),
        ({"lr": 0}, ValueError, "lr must be greater than 0"),
        ({"lr": "fast"}, TypeError, "lr must be a number, not 'fast'"),
        ({"beta": -0.1}, ValueError, "beta must be at least 0, not -0.1"),
        ({"beta": float("nan")}, ValueError, "beta must be finite"),
        ({"warmup": -1}, ValueError, "warmup must be at least 0"),
        ({"samples": 0}, ValueError, "samples must be at least 1"),
        ({"objective": "elbo"}, ValueError, "unknown objective 'elbo'"),
        ({"objective": 3}, TypeError, "objective must be a name"),
        ({"free_bits": -0.1}, ValueError, "free_bits must be at least 0"),
        ({"free_bits": 0.1, "objective": "dreg"}, ValueError, "free_bits is a floor"),
        ({"warmup": 0.5}, TypeError, "warmup must be a whole number"),
        ({"patience": -1}, ValueError, "patience must be at least 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": None}, TypeError, "seed must be a whole number"),
        ({"dtype": "float23"}, ValueError, "did you mean 'float32'"),
        ({"optimizer": "adm"}, ValueError, "did you mean 'adam'"),
    ],
)
def test_settings_out_of_range_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        Settings(**changes)


def test_evaluate_refuses_data_of_another_width_and_no_data(vae):
    theta = start(vae, Settings()).theta
    with pytest.raises(ValueError, match=r"x has shape \(9, 5\)"):
        evaluate(vae, theta, GOOD[:, :5])
    with pytest.raises(ValueError, match="empty"):
        evaluate(vae, theta, GOOD[:0])


# -- runs that blow up -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("lr", [1e4, 1e19, 1e30, 1e38, 1e300, 1e308])
def test_a_run_that_blows_up_says_where(data, lr, optimizer, dtype):
    vae = VAE(PIXELS, 2, (5,), activation="relu")
    try:
        settings = Settings(epochs=20, batch=8, lr=lr, optimizer=optimizer, dtype=dtype)
    except ValueError as error:  # more than the dtype can hold may be refused outright
        assert "lr must be" in str(error) and lr > 1e18  # noqa: PT017, PT018
        return
    state, said = start(vae, settings), None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an overflow is explained, not warned of
        try:
            fit(vae, data, settings, state)
        except NotFinite as error:
            said = str(error)
    if said is None:  # a rectifier may die before it blows up
        assert lr < 1e300
        assert np.isfinite(state.theta).all()
    else:
        assert re.search("is the first array that is not finite|too large to be squared", said)


def test_a_blow_up_names_the_array_and_the_usual_cause(vae, data):
    state = start(vae, Settings(**QUICK))
    vae.layout.views(state.theta)["logvar.b"][:] = 200.0
    before = state.theta.tobytes()
    first = r"epoch 1, step 1.*(decoder\.0|logvar|kl|z|log_px) is the first"
    with pytest.raises(NotFinite, match=first):
        fit(vae, data, Settings(**QUICK), state)
    assert state.theta.tobytes() == before


def test_a_theta_that_is_nan_is_named(vae, data):
    state = start(vae, Settings(**QUICK))
    vae.layout.views(state.theta)["mu.W"][0, 0] = np.nan
    with pytest.raises(NotFinite, match=r"mu\.W is the first array that is not finite \(1 of 10"):
        fit(vae, data, Settings(**QUICK), state)


@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 1e-24), ("adam", 1e-3)])
def test_a_gradient_whose_square_overflows_is_not_lost_in_silence(data, optimizer, lr):
    """In float32 above 2e19. Either theta moves as it should, or the run stops and says why."""
    vae = VAE(PIXELS, 2, (5,), likelihood="gaussian", scale=1e-11)
    settings = Settings(epochs=1, batch=30, lr=lr, optimizer=optimizer)
    state = start(vae, settings)
    before = vae.layout.views(state.theta.copy())["out.b"]
    try:
        fit(vae, data, settings, state)
    except NotFinite as error:
        said = str(error)
    else:
        assert np.isfinite(state.theta).all()
        assert np.abs(vae.layout.views(state.theta)["out.b"] - before).min() > 1e-5
        return
    assert re.search("is the first array that is not finite|too large to be squared", said)


# -- checkpoints -----------------------------------------------------------------------------------


@pytest.fixture
def saved(vae, data, tmp_path):
    settings = Settings(**QUICK, patience=3)
    state = fit(vae, data, settings, on_step=interrupt_at(6))
    checkpoint.save(tmp_path / "run.npz", vae, settings, state, {})
    return tmp_path / "run.npz"


def changed(path, arrays=None, about=None):
    """Save the run again with other arrays (None: left out) or another text."""
    old_arrays, old_about = storage.load(path)
    new = {k: v for k, v in (old_arrays | (arrays or {})).items() if v is not None}
    new_about = {k: v for k, v in (old_about | (about or {})).items() if v != "left out"}
    storage.save(path, new, new_about)


SIZE = VAE(PIXELS, 2, (5,)).layout.size
GOOD_MODEL = {"data": PIXELS, "latent": 2, "hidden": [5]}


@pytest.mark.parametrize(
    ("arrays", "about"),
    [
        ({"theta": np.zeros(SIZE + 1, np.float32)}, {}),
        ({"theta": np.zeros((SIZE, 1), np.float32)}, {}),
        ({"theta": np.full(SIZE, np.nan, np.float32)}, {}),
        ({"theta": np.full(SIZE, np.inf, np.float32)}, {}),
        ({"theta": None}, {}),
        ({"theta": np.full(SIZE, "a")}, {}),
        ({"theta": np.zeros(SIZE, int)}, {}),
        ({"theta": np.zeros(SIZE, np.float64)}, {}),
        ({"best": np.zeros(3, np.float32)}, {}),
        ({"best": np.full(SIZE, np.nan, np.float32)}, {}),
        ({"optimizer.m": np.zeros(3, np.float32)}, {}),
        ({"optimizer.m": None}, {}),
        ({"optimizer.t": np.zeros(3, np.int64)}, {}),
        ({"optimizer.t": np.array("a")}, {}),
        ({"optimizer.t": None}, {}),
        ({}, {"model": {**GOOD_MODEL, "depth": 3}}),
        ({}, {"model": {**GOOD_MODEL, "latent": 3}}),
        ({}, {"model": {**GOOD_MODEL, "latent": -2}}),
        ({}, {"model": {**GOOD_MODEL, "activation": "tan"}}),
        ({}, {"model": None}),
        ({}, {"model": "left out"}),
        ({}, {"settings": {"epochs": 3, "speed": 1}}),
        ({}, {"settings": {"epochs": -3}}),
        ({}, {"settings": {"dtype": "float64"}}),
        ({}, {"settings": "left out"}),
        ({}, {"history": "left out"}),
        ({}, {"history": 3}),
        ({}, {"epoch": "one"}),
        ({}, {"epoch": -1}),
        ({}, {"step": 1.5}),
        ({}, {"noise": {"bit_generator": "PCG64"}}),
        ({}, {"noise": 3}),
        ({}, {"data": "left out"}),
    ],
)
def test_a_run_that_does_not_fit_together_is_refused(saved, arrays, about):
    changed(saved, arrays, about)
    with pytest.raises(ValueError, match=r"run\.npz (holds|is no run of tinyvae)"):
        checkpoint.load(saved)


def test_a_run_saved_twice_is_the_same_run(saved, vae):
    arrays, about = storage.load(saved)
    checkpoint.save(saved, *checkpoint.load(saved))
    again, about_again = storage.load(saved)
    assert about == about_again
    assert arrays.keys() == again.keys()
    assert all(again[name].tobytes() == array.tobytes() for name, array in arrays.items())


def test_a_loaded_run_can_go_on_at_once(saved, data):
    vae, settings, state, _ = checkpoint.load(saved)
    assert state.theta.flags.writeable
    assert fit(vae, data, settings, state).epoch == settings.epochs


def test_an_array_is_not_a_data_set_and_the_message_says_how_to_make_one(vae):
    with pytest.raises(TypeError, match=r"not ndarray: make one .*from_arrays"):
        fit(vae, GOOD, Settings())


def test_a_loss_that_is_looked_at_less_often_leaves_the_training_as_it_is(vae, data):
    """The parameters are the same to the bit; a row is the mean over the steps that looked."""
    seen = []

    def look(state):
        seen.append(dict(state.sums))

    often, seldom = Settings(**QUICK), Settings(**QUICK, loss_every=3)
    right = fit(vae, data, often, on_step=look)
    state = fit(vae, data, seldom)
    assert np.array_equal(state.theta, right.theta)
    N, batch = len(data.x), often.batch
    sizes = [min(batch, N - i) for i in range(0, N, batch)]
    assert len(sizes) > 3
    sums = [0.0, *(row["loss"] for row in seen[: len(sizes)])]
    each = np.diff(sums) * N / sizes  # the loss of each step of the first epoch
    mean = np.average(each[::3], weights=sizes[::3])
    np.testing.assert_allclose(state.history[0]["loss"], mean, rtol=1e-9)
    assert state.history[0]["held_out"] == right.history[0]["held_out"]


def test_the_cosine_takes_the_learning_rate_down_along_half_a_wave(vae, data):
    rates = []
    settings = Settings(**QUICK, schedule="cosine")
    state = fit(vae, data, settings, on_step=lambda s: rates.append(s.optimizer.lr))
    share = np.arange(len(rates)) / len(rates)
    np.testing.assert_allclose(rates, 0.01 * np.cos(0.5 * np.pi * share) ** 2, rtol=1e-12)
    plain = fit(vae, data, Settings(**QUICK))
    assert plain.optimizer.lr == 0.01
    assert not np.array_equal(state.theta, plain.theta)


def test_a_run_with_a_schedule_goes_on_to_the_bit(vae, data, tmp_path):
    settings = Settings(**QUICK, schedule="cosine")
    whole = fit(vae, data, settings)
    stopped = fit(vae, data, settings, on_step=interrupt_at(6))
    checkpoint.save(tmp_path / "run.npz", vae, settings, stopped, {})
    vae, settings, state, _ = checkpoint.load(tmp_path / "run.npz")
    assert np.array_equal(fit(vae, data, settings, state).theta, whole.theta)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="unknown schedule 'cosin': did you mean 'cosine'"):
        Settings(schedule="cosin")


def test_parameters_that_are_put_in_another_array_are_trained_there(vae, data):
    """What is recorded works on the array it was recorded on."""
    state = start(vae, Settings(**QUICK), data.x)

    def move(state):
        state.theta = state.theta.copy()

    moved = fit(vae, data, Settings(**QUICK), state, on_step=move)
    assert np.array_equal(moved.theta, fit(vae, data, Settings(**QUICK)).theta)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_copy_of_a_state_goes_on_by_itself(vae, data, copied):
    """What is recorded works on the arrays of the original, and must not come along."""
    settings = Settings(**QUICK)
    state = start(vae, settings, data.x)
    copies = []
    fit(
        vae, data, settings, state, on_step=lambda s: copies.append(copied(s)) if s.step == 2 else 0
    )
    again = fit(vae, data, settings, copies[0])
    assert np.array_equal(again.theta, state.theta)


@pytest.mark.parametrize(
    "change", [{"objective": "path"}, {"samples": 3}, {"free_bits": 10.0}], ids=str
)
def test_a_run_may_go_on_with_another_objective(vae, data, change):
    """What was recorded for the one is not replayed for the other."""
    state = fit(vae, data, Settings(**QUICK))
    fresh = copy.deepcopy(state)  # a copy has nothing recorded
    other = Settings(**QUICK | {"epochs": 5} | change)
    same = copy.deepcopy(state)
    went_on, right = fit(vae, data, other, state), fit(vae, data, other, fresh)
    assert np.array_equal(went_on.theta, right.theta)
    unchanged = fit(vae, data, Settings(**QUICK | {"epochs": 5}), same)
    assert not np.array_equal(went_on.theta, unchanged.theta)


def test_a_run_may_go_on_with_another_model_of_the_same_size(vae, data):
    state = fit(vae, data, Settings(**QUICK))
    fresh = copy.deepcopy(state)
    config = vae.config | {"activation": "relu"}
    longer = Settings(**QUICK | {"epochs": 5})
    went_on = fit(VAE(**config), data, longer, state)
    assert np.array_equal(went_on.theta, fit(VAE(**config), data, longer, fresh).theta)
