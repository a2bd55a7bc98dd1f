"""Shared by ranks the work is the same: among threads everywhere, and by mpiexec where it is."""

import pickle
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import double
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from test_elbo import model
from test_train import PIXELS, data_of, rows

from tinyvae import VAE, Adam, NotFinite, Settings, checkpoint, ranks
from tinyvae.backend import backend_of
from tinyvae.comparison import compare, compare_all
from tinyvae.elbo import OBJECTIVES
from tinyvae.errors import Undefined
from tinyvae.estimators import ESTIMATORS, by_name
from tinyvae.estimators.estimator import Estimator
from tinyvae.importance import importance_bounds
from tinyvae.problem import problem
from tinyvae.ranks import ALONE, Alone, Ranks
from tinyvae.signal import gradient_moments
from tinyvae.step import PlainStep, Step
from tinyvae.train import evaluate, fit, start, steps

SIZES = (2, 3, 4, 11)  # 11 are more than there are examples in a batch
QUICK = {"epochs": 2, "batch": 8, "lr": 0.01, "dtype": "float64"}


class Comm:
    """One thread's end of a communicator among threads, with what `Ranks` asks of mpi4py's."""

    def __init__(self, rank, shared):
        self.rank, self.shared = rank, shared

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return len(self.shared.things)

    def allgather(self, thing):
        self.shared.things[self.rank] = pickle.dumps(thing)
        self.shared.barrier.wait(20)
        found = [pickle.loads(each) for each in self.shared.things]
        self.shared.barrier.wait(20)
        return found

    def Allreduce(self, mine, total):
        assert mine.ndim == 1
        assert mine.flags.c_contiguous
        total[...] = sum(self.allgather(mine))


def on_ranks(size, work):
    """[work(ranks) of each rank]. What a rank raises is raised, and ends the others."""
    shared = SimpleNamespace(things=[None] * size, barrier=threading.Barrier(size))

    def run(rank):
        try:
            return work(Ranks(Comm(rank, shared)))
        except BaseException:
            shared.barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        results = [pool.submit(run, rank) for rank in range(size)]
    errors = [one.exception() for one in results]
    bad = [e for e in errors if e and not isinstance(e, threading.BrokenBarrierError)]
    if bad:
        raise bad[0]
    return [one.result() for one in results]


@pytest.fixture
def vae():
    return VAE(PIXELS, 2, (5,))


@pytest.fixture
def data():
    return data_of()


def close(ours, theirs, rtol=1e-12):
    """Histories, number by number."""
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"seconds"}:
            assert one[name] == pytest.approx(other[name], rel=rtol), name


# -- the protocol ----------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(1, 20))
def test_every_thing_is_one_ranks_and_shares_differ_by_one_at_most(n, size):
    shares = []
    for rank in range(size):
        one = Alone()
        one.rank, one.size = rank, size
        shares.append(list(range(n))[one.share(n)])
    assert [i for share in shares for i in share] == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_a_sum_is_what_it_was():
    a, rng = np.ones(3), np.random.default_rng(0)
    assert ALONE.sum(a, a)[1] is a
    assert ALONE.gather("x") == ["x"]
    assert ALONE.stream(rng) is rng
    assert ALONE.any(True) is True
    assert ALONE.any(False) is False


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_are_summed_in_their_shapes_and_dtype(dtype):
    def work(ranks):
        k = ranks.rank + 1
        return ranks.sum(np.full((2, 3), k, dtype), np.array(10 * k, dtype), np.zeros(0, dtype))

    for matrix, number, nothing in on_ranks(3, work):
        np.testing.assert_array_equal(matrix, np.full((2, 3), 6.0))
        assert (matrix.dtype, number.dtype) == (dtype, dtype)
        assert (number.shape, float(number), nothing.shape) == ((), 60.0, (0,))


def test_a_flag_on_one_rank_is_a_flag_on_all():
    assert on_ranks(3, lambda ranks: ranks.any(ranks.rank == 2)) == [True] * 3
    assert on_ranks(3, lambda ranks: ranks.any(False)) == [False] * 3


def test_what_goes_wrong_on_one_rank_is_raised_on_all():
    def fails(rank):
        if rank > 0:
            raise Undefined(f"no mean on {rank}")
        return rank

    def work(ranks):
        with pytest.raises(Undefined, match="no mean on 1"):
            ranks.together(fails, ranks.rank)
        return ranks.together(str, ranks.rank)  # and they are still in step

    assert on_ranks(3, work) == [["0", "1", "2"]] * 3


def test_ranks_that_differ_are_named():
    def work(ranks):
        ranks.agree("seeds", 3)
        with pytest.raises(ValueError, match=r"seeds must be the same .* differ on rank 1, 2 from"):
            ranks.agree("seeds", min(ranks.rank, 1))

    on_ranks(3, work)


def test_no_two_ranks_draw_the_same_numbers_nor_does_a_rank_twice():
    def work(ranks):
        rng = np.random.default_rng(5)
        return [ranks.stream(rng).random(1000) for _ in range(2)]

    drawn = np.ravel(on_ranks(4, work))
    assert len(np.unique(drawn)) == len(drawn) == 8000
    spread = np.corrcoef(drawn.reshape(8, 1000)) - np.eye(8)
    assert np.abs(spread).max() < 5 / np.sqrt(1000)


def test_a_generator_without_other_streams_is_refused():
    def work(ranks):
        with pytest.raises(ValueError, match="a GPU's generator cannot be shared by ranks"):
            ranks.stream(SimpleNamespace(random=None))

    on_ranks(2, work)


# -- training: the curve of one process ------------------------------------------------------------


def run_on(size, vae, data, settings, **kwargs):
    """The states of all ranks, which are one."""
    states = on_ranks(size, lambda ranks: fit(vae, data, settings, ranks=ranks, **kwargs))
    for state in states[1:]:
        assert state.theta.tobytes() == states[0].theta.tobytes()
        assert rows(state) == rows(states[0])
    return states[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", [8, 7, 30, 1])
def test_the_curve_is_that_of_one_process_however_many_ranks(vae, data, size, batch):
    """30 examples: 8 and 7 leave a last batch of 6 and 2; most ranks have none of 1."""
    settings = Settings(**QUICK | {"batch": batch})
    alone = fit(vae, data, settings)
    shared = run_on(size, vae, data, settings)
    close(shared.history, alone.history)
    np.testing.assert_allclose(shared.theta, alone.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("samples", [1, 3])
def test_so_it_is_for_every_objective_and_any_samples(vae, data, objective, samples):
    settings = Settings(**QUICK, objective=objective, samples=samples)
    close(run_on(3, vae, data, settings).history, fit(vae, data, settings).history)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss_every": 3},
        {"optimizer": "momentum", "lr": 1e-3},
        {"warmup": 2, "beta": 2.0},
        {"patience": 1, "epochs": 6, "lr": 0.3},
    ],
)
def test_so_it_is_for_the_other_settings(vae, data, changes):
    settings = Settings(**QUICK | changes)
    close(run_on(3, vae, data, settings).history, fit(vae, data, settings).history)


def test_so_it_is_for_data_drawn_afresh_each_epoch(vae):
    data, settings = data_of(values="dynamic"), Settings(**QUICK)
    close(run_on(3, vae, data, settings).history, fit(vae, data, settings).history)


def test_in_float32_it_is_the_same_to_its_rounding(vae, data):
    settings = Settings(**QUICK | {"dtype": "float32"})
    close(run_on(4, vae, data, settings).history, fit(vae, data, settings).history, rtol=2e-6)


def test_one_rank_of_one_is_the_same_to_the_bit(vae, data):
    settings = Settings(**QUICK | {"dtype": "float32"})
    alone = fit(vae, data, settings)
    assert run_on(1, vae, data, settings).theta.tobytes() == alone.theta.tobytes()


@pytest.mark.parametrize("noise", ["host", "device"])
def test_so_it_is_on_gpus(vae, data, monkeypatch, noise):
    """Of a double of them: sums go by the host, and what comes back is the device's."""
    double.install(monkeypatch)
    settings = Settings(**QUICK, backend="cupy", noise=noise)
    alone = fit(vae, data, settings)
    for state in on_ranks(3, lambda ranks: fit(vae, data, settings, ranks=ranks)):
        assert backend_of(state.theta) == "cupy"
        close(state.history, alone.history)


@pytest.mark.parametrize("samples", [1, 3])
def test_a_recorded_share_is_the_page_itself_to_the_bit(vae, data, samples):
    theta = vae.init(np.random.default_rng(0))

    def work(ranks):
        found = []
        for kind in Step, PlainStep:
            mine, rng = theta.copy(), np.random.default_rng(1)
            step = kind(vae, mine, 8, samples=samples, objective="iwae", ranks=ranks)
            step.draw(data.x.astype(np.float32), np.arange(8) + 2, rng, 0.7)
            found.append((step(Adam()), mine.tobytes()))
        return found

    for recorded, page in on_ranks(3, work):
        assert recorded == page


@pytest.mark.parametrize("size", SIZES)
def test_the_held_out_bounds_are_shared_and_in_order(vae, data, size):
    theta = vae.init(np.random.default_rng(0), np.float64)

    def work(ranks):
        kinds = {}, {"objective": "iwae", "samples": 5, "batch": 20}, {"batch": 2}
        return [evaluate(vae, theta, data.held_out, **kind, ranks=ranks) for kind in kinds]

    for found in on_ranks(size, work):
        np.testing.assert_allclose(found, work(ALONE), rtol=1e-12)


@pytest.mark.parametrize(("before", "after"), [(4, 2), (2, 4), (3, 1), (1, 3)])
def test_a_run_saved_in_the_middle_of_an_epoch_goes_on_with_other_ranks(
    vae, data, tmp_path, before, after
):
    settings = Settings(**QUICK, warmup=1)
    whole = fit(vae, data, settings)

    def first_half(ranks):
        state = start(vae, settings, data.x)
        for _, _ in zip(range(2), steps(vae, data, settings, state, ranks), strict=False):
            pass
        return state

    checkpoint.save(tmp_path / "run.npz", vae, settings, on_ranks(before, first_half)[0], {})
    loaded = [checkpoint.load(tmp_path / "run.npz") for _ in range(after)]
    assert loaded[0][2].step == 2

    def second_half(ranks):
        vae, settings, state, _ = loaded[ranks.rank]
        return fit(vae, data, settings, state, ranks=ranks)

    for state in on_ranks(after, second_half):
        close(state.history, whole.history)
        np.testing.assert_allclose(state.theta, whole.theta, rtol=1e-9, atol=1e-12)


# -- training: together, or not at all -------------------------------------------------------------


def test_ctrl_c_on_one_rank_stops_all_after_the_same_step(vae, data, monkeypatch):
    """Threads hear no signals: here the flag of rank 1 goes up when it is asked the third time."""
    asked = threading.local()

    class Pressed:
        def __enter__(self):
            asked.count, asked.rank = 0, threading.current_thread().rank
            return self

        def __exit__(self, *error):
            pass

        def __call__(self):
            asked.count += 1
            return asked.rank == 1 and asked.count >= 3

    monkeypatch.setattr("tinyvae.train.interruptible", Pressed)

    def work(ranks):
        threading.current_thread().rank = ranks.rank
        state = fit(vae, data, Settings(**QUICK), ranks=ranks)
        return state.epoch, state.step

    assert on_ranks(3, work) == [(0, 3)] * 3


def test_a_true_result_of_on_epoch_on_one_rank_stops_all(vae, data):
    def work(ranks):
        return fit(
            vae, data, Settings(**QUICK), on_epoch=lambda state: ranks.rank == 1, ranks=ranks
        ).epoch

    assert on_ranks(2, work) == [1, 1]


@pytest.mark.parametrize("asked", [1, 2])
def test_a_share_that_goes_bad_stops_all_and_its_rank_explains(vae, data, asked):
    x = data.x.copy()
    settings = Settings(**QUICK | {"loss_every": asked})
    order = np.random.default_rng([0, 1, 0]).permutation(len(x))
    bad = order[8 + 5]  # of the second batch of 8, in three shares of 2, 3, 3, that of rank 2

    def work(ranks):
        state = start(vae, settings, data.x)
        spoilt = SimpleNamespace(**vars(data))
        spoilt.x = x.copy()
        spoilt.x[bad] = np.nan
        going = steps(vae, spoilt, settings, state, ranks)
        next(going)
        before = state.theta.copy()
        with pytest.raises(NotFinite) as error:
            next(going)
        np.testing.assert_array_equal(state.theta, before)
        return str(error.value)

    (text,) = set(on_ranks(3, work))
    assert re.fullmatch(
        r"training stopped in epoch 1, step 2, where on rank 2 the loss is nan: x is the first .*",
        text,
    )


def test_gradients_that_overflow_are_refused_on_all_ranks_where_some_have_no_share():
    data = data_of()
    vae = VAE(PIXELS, 2, (5,), likelihood="gaussian", scale=1e-13)
    settings = Settings(**QUICK | {"dtype": "float32", "batch": 1})

    def work(ranks):
        with pytest.raises(NotFinite) as error:
            fit(vae, data, settings, ranks=ranks)
        return str(error.value)

    (text,) = set(on_ranks(3, work))
    assert "on rank 2 the loss is" in text  # the one example of a batch is its


def test_ranks_that_begin_with_other_numbers_are_refused(vae, data):
    def work(ranks):
        state = start(vae, Settings(**QUICK, seed=ranks.rank), data.x)
        with pytest.raises(ValueError, match=r"parameters must be the same .* on rank 1, 2 from"):
            fit(vae, data, Settings(**QUICK), state, ranks=ranks)
        with pytest.raises(ValueError, match=r"settings must be the same .* on rank 1, 2 from"):
            fit(vae, data, Settings(**QUICK, seed=ranks.rank), ranks=ranks)

    on_ranks(3, work)


def test_a_rank_that_strays_is_noticed_after_the_epoch(vae, data):
    def work(ranks):
        def on_step(state):
            if ranks.rank == 1 and (state.epoch, state.step) == (0, 2):
                state.theta[3] = np.nextafter(state.theta[3], 1.0)

        with pytest.raises(ValueError, match="parameters must be the same on all ranks"):
            fit(vae, data, Settings(**QUICK), on_step=on_step, ranks=ranks)

    on_ranks(2, work)


def test_free_bits_need_the_whole_batch(vae, data):
    settings = Settings(**QUICK, free_bits=0.1)
    assert fit(vae, data, settings, ranks=ALONE).epoch == 2

    def work(ranks):
        with pytest.raises(ValueError, match=r"free_bits .* train with free bits on one rank"):
            fit(vae, data, settings, ranks=ranks)

    on_ranks(2, work)


# -- the variance laboratory -----------------------------------------------------------------------


def lab(samples, *, ranks=ALONE):
    """{estimator: Comparisons} of all that a normal law admits."""
    chosen = problem("cosine:k=1.3", "normal:loc=0.4,scale=0.8", 2)
    options = {"samples": samples, "rng": np.random.default_rng(3), "ranks": ranks}
    rows = [row for row in ESTIMATORS if row.admits(chosen.law)]
    truth = chosen.exact_mean()
    return compare_all(rows, chosen.f, chosen.law, chosen.params, exact_mean=truth, **options)


@pytest.mark.parametrize("size", [2, 3])
def test_all_ranks_have_the_moments_of_all_and_they_are_right(size):
    samples = 20_000
    alone = lab(samples)
    shared = on_ranks(size, lambda ranks: lab(samples, ranks=ranks))
    assert all(found.keys() == alone.keys() for found in shared)
    for name in alone:
        for one, *others in zip(alone[name], *(found[name] for found in shared), strict=True):
            if one is None:
                assert others == [None] * size
                continue
            for other in others:
                np.testing.assert_array_equal(other.mean, others[0].mean)
                assert other.samples == samples
            mean = others[0]
            gap = np.abs(mean.mean - one.mean) / np.hypot(mean.error, one.error)
            assert (np.abs(gap) < 5).all(), name
            assert np.any(mean.mean != one.mean), name  # other draws
            spread = np.hypot(mean.variance_error, one.variance_error)
            assert (np.abs(mean.variance - one.variance) < 5 * spread).all(), name
            if by_name(name).unbiased is True:
                assert (np.abs(mean.z) < 5).all(), name


def test_the_moments_are_those_of_the_ranks_draws_in_a_row():
    """By one estimator whose numbers are known: the pathwise gradient of the mean of z² is 2 z."""
    chosen = problem("quadratic:k=0", "normal:loc=0.4,scale=0.8", 1)

    def work(ranks):
        rng = np.random.default_rng(1)
        row, options = by_name("pathwise"), {"samples": 1000, "rng": rng, "ranks": ranks}
        return compare(row, chosen.f, chosen.law, chosen.params, **options)[0]

    found = on_ranks(3, work)
    streams, sizes = np.random.default_rng(1).spawn(3), (333, 333, 334)
    eps = np.concatenate([r.standard_normal((n, 1)) for r, n in zip(streams, sizes, strict=True)])
    gradients = 2 * (0.4 + 0.8 * eps)
    for one in found:
        np.testing.assert_allclose(one.mean, gradients.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(one.variance, gradients.var(axis=0, ddof=1), rtol=1e-12)


def test_the_error_of_a_shared_mean_is_what_repeating_shows():
    """If ranks drew the same numbers, means would spread sqrt(size) times as far."""
    chosen = problem("quadratic:k=0", "normal", 1)

    def work(ranks):
        found = []
        for seed in range(300):
            rng = np.random.default_rng(seed)
            options = {"samples": 1024, "rng": rng, "ranks": ranks}
            row = by_name("pathwise")
            (one, _) = compare(row, chosen.f, chosen.law, chosen.params, **options)
            found.append((one.mean[0], one.error[0]))
        return np.array(found)

    means, errors = on_ranks(4, work)[0].T
    assert means.std(ddof=1) / errors.mean() == pytest.approx(1.0, abs=5 / np.sqrt(2 * 300))


@pytest.mark.parametrize("samples", [2, 300, 700])
def test_few_samples_are_fewer_ranks_work(samples):
    for found in on_ranks(4, lambda ranks: lab(samples, ranks=ranks)):
        assert {one.samples for row in found.values() for one in row if one} == {samples}


def test_an_estimator_that_does_not_fit_on_one_rank_is_an_exception_on_all():
    first = [rng.standard_normal() for rng in np.random.default_rng(0).spawn(3)]

    def refuses(f, law, params, noise):
        if noise[0] == first[1]:
            raise Undefined("not this one")
        return by_name("pathwise").fn(f, law, params, noise)

    chosen = problem("quadratic", "normal", None)
    rows = [Estimator("refuses", refuses), by_name("pathwise")]

    def work(ranks):
        options = {"samples": 5000, "rng": np.random.default_rng(0), "ranks": ranks}
        return compare_all(rows, chosen.f, chosen.law, chosen.params, **options)

    assert work(ALONE)["refuses"][0].samples == 5000
    for found in on_ranks(3, work):
        assert str(found["refuses"]) == "not this one"
        assert found["pathwise"][0].samples == 5000


# -- importance-weighted bounds --------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [40, 10**6])
@pytest.mark.parametrize("size", [2, 3, 5, 30])
def test_bounds_are_means_over_groups_that_ranks_fill_together(monkeypatch, numbers, size):
    """As log w of the ranks in a row give: groups of k, some begun by one and ended by another."""
    monkeypatch.setattr("tinyvae.importance.NUMBERS", numbers)
    vae, theta, x = model(latent=2)
    drawn = {}

    def work(ranks):
        original, mine = vae.log_weights, drawn.setdefault(ranks.rank, [])

        class Seen(VAE):
            def log_weights(self, theta, *, x, eps):
                log_w, vjp = original(theta, x=x, eps=eps)
                mine.append(log_w)
                return log_w, vjp

        return importance_bounds(Seen(**vae.config), theta, x, samples=(1, 4, 12, 24), ranks=ranks)

    shared = on_ranks(size, work)
    log_w = np.concatenate([chunk for rank in range(size) for chunk in drawn[rank]])
    assert log_w.shape == (24, len(x))
    assert len(np.unique(log_w)) == log_w.size  # independent streams
    for found in shared:
        for k, bounds in found.items():
            groups = log_w.reshape(24 // k, k, len(x))
            np.testing.assert_allclose(bounds, (logsumexp(groups, axis=1) - np.log(k)).mean(axis=0))


def test_shared_bounds_are_those_of_one_process_to_their_noise():
    vae, theta, x = model(latent=2)
    x = np.repeat(x[:1], 400, axis=0)
    options = {"samples": (1, 10, 100)}
    alone = importance_bounds(vae, theta, x, **options)
    shared = on_ranks(3, lambda ranks: importance_bounds(vae, theta, x, **options, ranks=ranks))[0]
    for k in alone:
        gap = shared[k].mean() - alone[k].mean()
        error = np.hypot(shared[k].std(ddof=1), alone[k].std(ddof=1)) / np.sqrt(len(x))
        assert 0 < abs(gap) < 5 * error


def test_a_weight_that_is_not_finite_on_one_rank_is_refused_on_all():
    vae, theta, x = model()

    class Bad(VAE):
        def log_weights(self, theta, *, x, eps):
            log_w, vjp = super().log_weights(theta, x=x, eps=eps)
            return np.full_like(log_w, np.nan) if self.bad else log_w, vjp

    def work(ranks):
        other = Bad(**vae.config)
        other.bad = ranks.rank == 1
        with pytest.raises(NotFinite, match="an importance weight is not finite"):
            importance_bounds(other, theta, x, samples=(10,), ranks=ranks)

    on_ranks(2, work)


@pytest.mark.parametrize("size", [2, 3])
def test_moments_of_a_bounds_gradient_are_shared(size):
    vae = VAE(PIXELS, 2, (5,))
    theta = vae.init(np.random.default_rng(0), np.float64)

    def work(ranks):
        options = {"objective": "dreg", "samples": 4, "repeats": 2001}
        rng, x = np.random.default_rng(0), np.full(PIXELS, 0.5)
        return gradient_moments(vae, theta, x, rng=rng, **options, ranks=ranks)

    alone, shared = work(ALONE), on_ranks(size, work)
    for node, one in alone.items():
        other = shared[-1][node]
        np.testing.assert_array_equal(other.mean, shared[0][node].mean)
        assert other.n == one.n == 2001
        gap = np.abs(other.mean - one.mean) / np.sqrt((one.variance + other.variance) / one.n)
        assert (gap < 5).all()


# -- without MPI -----------------------------------------------------------------------------------


def test_without_mpi4py_there_is_one_clear_line(monkeypatch, capsys):
    from tinyvae.__main__ import main

    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert main(["train", "--mpi"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"tinyvae: error: ranks need mpi4py and an MPI library: .*\n", err)


@pytest.mark.parametrize("word", ["--mpi", "--mp"])
def test_the_option_is_heard_before_anything_is_said_however_it_is_written(monkeypatch, word):
    from tinyvae import __main__

    monkeypatch.setattr(__main__, "as_one", lambda run, answered: 7)
    assert __main__.main(["train", word]) == 7
    assert __main__.main(["train", "--epochs", "0"]) == 2


@pytest.mark.parametrize(
    ("code", "ends", "says"), [(None, 0, ""), (3, 3, ""), ("no luck", 1, "no luck\n")]
)
def test_a_program_may_end_by_sys_exit(capsys, code, ends, says):
    assert ranks.outcome(lambda: sys.exit(code)) == ends
    assert capsys.readouterr().err == says


def test_no_other_file_knows_mpi4py():
    files = Path(ranks.__file__).parent.rglob("*.py")
    assert [f.name for f in files if "mpi4py" in f.read_text(encoding="utf-8")] == ["ranks.py"]
