"""A recorded program gives what the function gives, to the bit, in memory of its own.

Its memory is filled with NaN (all bits set) before a replay: what the program does not write again
would show.
"""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvae import VAE, Adam
from tinyvae.elbo import OBJECTIVES
from tinyvae.nn import Layout
from tinyvae.ops import ACTIVATIONS
from tinyvae.replay import record
from tinyvae.step import Step, gradient

LIKELIHOODS = "bernoulli", "gaussian", "gaussian-learned"
B, D, Z = 5, 7, 3


def poisoned(program):
    program.memory[:] = 255
    return program


def same(program, fn, *inputs):
    """Whether a replay in poisoned memory gives fn's results, to the bit and in dtype."""
    with np.errstate(all="ignore"):
        found, right = poisoned(program)(), fn(*inputs)
    return all(
        a.dtype == np.asarray(b).dtype and np.array_equal(a, b, equal_nan=True)
        for a, b in zip(found, right, strict=True)
    )


# -- of the VAE ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_step_of_every_model_and_objective_is_the_same_to_the_bit(activation, likelihood, dtype):
    rng = np.random.default_rng(0)
    vae = VAE(D, Z, (6, 4), activation, likelihood=likelihood)
    theta = vae.init(rng, dtype) + 0.1 * rng.standard_normal(vae.layout.size, dtype=dtype)
    for objective, samples in itertools.product(OBJECTIVES, (1, 3)):
        step = Step(vae, theta, B, samples=samples, objective=objective)
        step.program(True)  # recorded with other numbers than those of the replay
        step.x[:], step.beta[...] = rng.random((B, D)), 0.7
        step.eps[:] = rng.standard_normal(step.eps.shape)
        right = gradient(vae, theta, x=step.x, eps=step.eps, beta=step.beta, objective=objective)
        for asked in (True, False):
            dtheta, *values = poisoned(step.program(asked))()
            assert np.array_equal(dtheta, right[0])
            assert values == (list(right[1:]) if asked else [])


def test_steps_move_theta_as_the_page_does():
    rng = np.random.default_rng(1)
    vae, x = VAE(D, Z, (6,)), rng.random((40, D), dtype=np.float32)
    start = vae.init(rng, x=x)
    theta, adam = start.copy(), Adam()
    step, noise = Step(vae, theta, B), np.random.default_rng(2)
    for k in range(6):
        step.draw(x, np.arange(B) + k, noise)
        step.beta[...] = 0.5 + 0.1 * k
        step(adam, asked=k % 2 == 0)
    again, adam, noise = start.copy(), Adam(), np.random.default_rng(2)
    for k in range(6):
        eps = noise.standard_normal((B, Z), dtype=np.float32)
        beta = np.float32(0.5 + 0.1 * k)
        dtheta, *_ = gradient(vae, again, x=x[k : k + B], eps=eps, beta=beta)
        adam.step(again, dtheta)
    assert np.array_equal(theta, again)
    assert not np.array_equal(theta, start)


def test_the_bound_of_each_example_is_recorded_too():
    rng = np.random.default_rng(0)
    vae, x, eps = VAE(D, Z, (6,)), rng.random((B, D)), rng.standard_normal((2, B, Z))
    theta = vae.init(rng, np.float64)

    def bound(theta, x, eps):
        found, vjp = vae.bound(theta, x=x, eps=eps)
        return found, *vjp(found)

    assert same(record(bound, theta, x, eps), bound, theta, x, eps)


def test_free_bits_are_recorded_too():
    rng = np.random.default_rng(0)
    vae = VAE(D, Z, (6,))
    theta = vae.init(rng)
    step = Step(vae, theta, B, free_bits=10.0)
    step.x[:], step.eps[:] = rng.random((B, D)), rng.standard_normal((B, Z))
    right = gradient(vae, theta, x=step.x, eps=step.eps, beta=step.beta, free_bits=10.0)
    assert np.array_equal(step.program(False)()[0], right[0])
    free = gradient(vae, theta, x=step.x, eps=step.eps, beta=step.beta)
    assert not np.array_equal(free[0], right[0])


# -- of anything --------------------------------------------------------------------------------

UNARY = {
    "tanh": np.tanh,
    "negative": lambda a: -a,
    "transpose": lambda a: a.T,
    "first row": lambda a: a[:1] + 0.0 * a,
    "every second": lambda a: a[::2].sum(axis=0) + a,
    "reversed": lambda a: a[:, ::-1],
    "sum": lambda a: a - a.sum(axis=-1, keepdims=True),
    "mean": lambda a: a - a.mean(axis=0),
    "max": lambda a: a - a.max(),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape) + np.broadcast_to(a, (2, 4, 4))[1],
    "more axes": lambda a: (a[None, :, None] * 2.0)[0, :, 0],
    "constant": lambda a: np.full_like(a, 3.0) + a,
    "rectified": lambda a: np.where(a > 0.0, a, 0.1 * a),
    "zeros": lambda a: np.zeros_like(a) + np.ones_like(a),
}
BINARY = {
    "add": lambda a, b: a + b,
    "product": lambda a, b: a @ b,
    "with itself": lambda a, b: a * a + b.T,
    "masked": lambda a, b: a * (b > 0.0),
    "larger": np.maximum,
    "smaller": np.minimum,
    "joined": lambda a, b: np.concatenate([a[0], b[1], a[:, 2], b[3]]).reshape(a.shape),
}


def in_place(a, b):
    out = a + b
    out *= b
    return out


BINARY["in place"] = in_place

lines = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY]), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(lines=lines, chosen=st.lists(st.integers(0, 30), min_size=1, max_size=3))
def test_any_program_gives_the_same_numbers(lines, chosen):
    """Random straight-line programs: each line works on earlier values, old and new."""

    def fn(x, y):
        values = [x, y]
        for name, i, j in lines:
            a, b = values[i % len(values)], values[j % len(values)]
            values.append(UNARY[name](a) if name in UNARY else BINARY[name](a, b))
        return tuple(values[-1 - i % len(values)] for i in chosen)

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 4, 4))
    program = record(fn, x, y)
    for _ in range(2):
        x[:], y[:] = rng.standard_normal((2, 4, 4))
        assert same(program, fn, x, y)
        assert same(program, fn, x, y)  # and again: it has not changed its inputs


def test_what_nobody_asks_for_is_not_computed():
    x = np.ones(8)
    lean = record(lambda x: (x + 1.0,), x)
    assert len(record(lambda x: ((np.exp(x).sum(), x + 1.0)[1],), x).calls) == len(lean.calls) == 1


def test_a_long_chain_takes_the_memory_of_one_array():
    x = np.ones(1000)

    def chain(x):
        for _ in range(50):
            x = np.tanh(1.0 + 0.5 * x)
        return (x,)

    program = record(chain, x)
    assert same(program, chain, x)
    assert program.memory.nbytes < 2.2 * x.nbytes


def test_what_is_made_to_be_concatenated_is_made_where_it_goes():
    W, b = np.ones((4, 6)), np.ones(6)
    layout = Layout({"W": W.shape, "b": b.shape})

    def fn(W, b):
        return (layout.flatten({"W": 2.0 * W, "b": b + 1.0}),)

    program = record(fn, W, b)
    assert [f for f, _ in program.calls] == [np.multiply, np.add]
    assert same(program, fn, W, b)
    twice = record(lambda W: (np.concatenate([W.reshape(-1), W.reshape(-1)]),), W)
    assert np.array_equal(twice()[0], np.ones(48))  # an input stays where it is


OUTSIDE = np.zeros(3)


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (lambda x: (x if x.sum() > 0.0 else -x,), "if"),
        (lambda x: (x * float(x.sum()),), "float"),
        (lambda x: (x[np.array([0, 1])],), "index"),
        (lambda x: (x[x > 0.0],), "index"),
        (lambda x: (x.astype(np.float32) + 1.0,), "astype"),
        (lambda x: (x.copy() + 1.0,), "copy"),
        (lambda x: (np.sort(x),), "np.sort cannot"),
        (lambda x: (np.add.accumulate(x),), "accumulate"),
        (lambda x: (np.add(x, 1.0, where=np.ones(3, bool)),), "where"),
        (lambda x: (np.divmod(x, 2.0)[0],), "divmod"),
        (lambda x: (np.add(x, 1.0, out=OUTSIDE),), "written to"),
        (lambda x: (x.__setitem__(0, 1.0),), "assignment"),
        (lambda x: (x.fill(0.0) or x,), "assignment"),
        (lambda x: (x + np.asarray(2.0 * x),), "asarray"),
        (lambda x: (x + x.dot(x),), "dot"),
        (lambda x: (x + x.cumsum(),), "accumulate|does not see"),
        (lambda x: (x, 1.0), "tuple of arrays"),
        (lambda x: x + 1.0, "tuple of arrays"),
    ],
)
def test_what_cannot_be_recorded_is_refused(fn, said):
    with pytest.raises(TypeError, match=said):
        record(fn, np.ones(3))


@pytest.mark.parametrize("bad", [np.ones((3, 4)).T, [1.0, 2.0], 1.0])
def test_an_input_must_be_a_contiguous_array(bad):
    with pytest.raises(TypeError, match="input 1 must be a C-contiguous"):
        record(lambda x, y: (x + y,), np.ones(3), bad)


def test_an_array_of_another_recording_is_refused():
    kept = []
    record(lambda x: (kept.append(x + 1.0) or x + 2.0,), np.ones(3))
    with pytest.raises(TypeError, match="recording does not see"):
        record(lambda x: (x + kept[0],), np.ones(3))


# -- what it is for -----------------------------------------------------------------------------

STEPS = """
import resource
import numpy as np
from tinyvae import VAE, Adam
from tinyvae.step import Step

rng = np.random.default_rng(0)
x = rng.random((2000, 784), dtype=np.float32)
vae = VAE(784, 20, (200,))
step, adam, rows = Step(vae, vae.init(rng, x=x), 100), Adam(), rng.permutation(2000)

def now():
    found = resource.getrusage(resource.RUSAGE_SELF)
    return found.ru_minflt, found.ru_maxrss

def do(count):
    for k in range(count):
        step.draw(x, rows[k % 20 * 100 :][:100], rng)
        step(adam, asked=k % 2 == 0)

do(50)
faults, memory = now()
do(1000)
print(now()[0] - faults, (now()[1] - memory) / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts as Linux does")
def test_a_thousand_steps_take_no_page_fault_and_no_memory():
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    faults, megabytes = map(float, done.stdout.split())
    assert faults < 50  # a step with a fresh array of a megabyte would take 256 of them
    assert megabytes < 1
