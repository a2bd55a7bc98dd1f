"""What every operation of the package promises, checked for every row of the table of cases."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvae import gradcheck, kl, kl_per_latent, ops, reparameterize
from tinyvae.checks import CASES, Case, Draw
from tinyvae.differences import METHODS
from tinyvae.distributions import bernoulli, gaussian
from tinyvae.likelihoods import LIKELIHOODS

EVERY = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
SMOOTH = pytest.mark.parametrize(
    "case", [case for case in CASES if case.smooth], ids=lambda case: case.name
)


def build(case, seed=0, **sizes):
    return case.build(Draw(np.random.default_rng(seed), **sizes))


def tree(change, arg):
    """`change` applied to every array of an argument, constant, output or gradient."""
    if isinstance(arg, dict):
        return {key: tree(change, value) for key, value in arg.items()}
    if isinstance(arg, tuple):
        return tuple(tree(change, value) for value in arg)
    return change(arg) if isinstance(arg, (np.ndarray, np.generic)) else arg


def leaves(arg):
    """All the arrays of it, in order."""
    found = []
    tree(lambda array: found.append(array) or array, arg)
    return found


def cotangent(y, seed=1):
    rng = np.random.default_rng(seed)
    return tree(lambda a: rng.standard_normal(a.shape).astype(a.dtype)[()], y)


def run(fn, args, constants):
    """(y, gradients) at a random cotangent."""
    y, vjp = fn(*args, **constants)
    return y, vjp(cotangent(y))


def assert_same(left, right, **tolerance):
    for a, b in zip(leaves(left), leaves(right), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


# -- The gradients are right

size = st.integers(1, 6)


@EVERY
@given(S=size, B=size, D=size, H=size, Z=size, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None, derandomize=True)
def test_gradients_are_exact_at_any_shape(case, seed, **sizes):
    """By the complex step, but for inverted CDFs: code that stops complex numbers fails here.

    Ten times the tolerance of a point that was chosen: at some, terms of a gradient cancel.
    """
    fn, args, constants = build(case, seed, **sizes)
    method = "complex" if case.analytic else "five-point"
    rtol = 10 * METHODS[method].rtol
    gradcheck(fn, *args, method=method, rtol=rtol, **constants).raise_if_wrong()


@EVERY
def test_central_differences_agree_to_1e_minus_7(case):
    fn, args, constants = build(case)
    report = gradcheck(fn, *args, method="central", **constants).raise_if_wrong()
    assert report.error <= 1e-7


@SMOOTH
def test_five_point_differences_agree_to_1e_minus_9(case):
    fn, args, constants = build(case)
    report = gradcheck(fn, *args, method="five-point", **constants).raise_if_wrong()
    assert report.error <= 1e-9
    assert not any(row.kinks for row in report.rows)


@EVERY
def test_every_gradient_has_the_shape_of_its_argument(case):
    fn, args, constants = build(case)
    _, grads = run(fn, args, constants)
    assert isinstance(grads, tuple)
    assert len(grads) == len(args)
    for arg, grad in zip(args, grads, strict=True):
        if grad is not None:
            assert tree(np.shape, grad) == tree(np.shape, arg)


# -- Nothing is changed, nothing is drawn


@EVERY
def test_read_only_inputs_are_accepted_and_nothing_is_changed(case):
    fn, args, constants = build(case)

    def lock(array):
        array.flags.writeable = False
        return array

    before = tree(np.copy, (args, constants))
    tree(lock, (args, constants))
    y, vjp = fn(*args, **constants)
    vjp(tree(lambda a: lock(np.asarray(a)), cotangent(y)))
    assert_same((args, constants), before, rtol=0)


@EVERY
def test_vjp_twice_and_fn_twice_give_the_same_arrays(case):
    fn, args, constants = build(case)
    y, vjp = fn(*args, **constants)
    dy = cotangent(y)
    first = tree(np.copy, vjp(dy))
    assert_same(vjp(dy), first, rtol=0)
    assert_same(fn(*args, **constants)[1](dy), first, rtol=0)
    assert_same(fn(*args, **constants)[0], y, rtol=0)


@EVERY
def test_vjp_is_linear(case):
    fn, args, constants = build(case)
    y, vjp = fn(*args, **constants)
    one, two = cotangent(y, 1), cotangent(y, 2)
    pairs = iter(zip(leaves(one), leaves(two), strict=True))

    def mix(_):
        a, b = next(pairs)
        return 0.3 * a - 1.7 * b

    together = vjp(tree(mix, y))
    apart = [0.3 * a - 1.7 * b for a, b in zip(leaves(vjp(one)), leaves(vjp(two)), strict=True)]
    for a, b in zip(leaves(together), apart, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@EVERY
def test_strided_and_transposed_inputs_give_the_same(case):
    fn, args, constants = build(case)
    y, grads = run(fn, args, constants)

    def strided(array):
        if not array.ndim:
            return array
        apart = np.zeros((*array.shape[:-1], 2 * array.shape[-1]))[..., ::2]
        apart[...] = array
        return apart

    for change in (strided, np.asfortranarray):
        again, same = run(fn, tree(change, args), tree(change, constants))
        assert_same(again, y, rtol=1e-12, atol=1e-14)
        assert_same(same, grads, rtol=1e-12, atol=1e-13)


# -- float32 in, float32 out


@EVERY
def test_float32_stays_float32_and_agrees_with_float64(case):
    fn, args, constants = build(case)
    short = tree(lambda a: a.astype(np.float32), (args, constants))
    y32, grads32 = run(fn, *short)
    for array in leaves((y32, grads32)):
        assert array.dtype == np.float32
    # The same numbers, which float32 holds exactly, computed in float64.
    y, vjp = fn(*tree(np.float64, short[0]), **tree(np.float64, short[1]))
    grads = vjp(tree(np.float64, cotangent(y32)))
    for a, b in zip(leaves((y32, grads32)), leaves((y, grads)), strict=True):
        assert np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b)


# -- The table is whole

FUNCTIONS = {build(case)[0] for case in CASES if not case.name.startswith(("VAE", "likelihood"))}
NAMES = [case.name for case in CASES]


def test_no_row_twice():
    assert len(set(NAMES)) == len(NAMES)


def test_every_operation_has_a_row():
    """What `ops` defines is an operation, but for the helpers of the way back."""
    defined = {
        fn for _, fn in inspect.getmembers(ops, inspect.isfunction) if fn.__module__ == ops.__name__
    }
    assert defined - {ops.sum_to, ops.chain} <= FUNCTIONS


def test_every_activation_likelihood_and_pair_of_them_has_a_row():
    assert set(ops.ACTIVATIONS) <= set(NAMES)
    assert {f"likelihood {law}" for law in LIKELIHOODS} <= set(NAMES)
    assert {f"VAE {law} {act}" for law in LIKELIHOODS for act in ops.ACTIVATIONS} <= set(NAMES)


def test_every_density_divergence_and_sampler_has_a_row():
    assert {bernoulli.log_prob, gaussian.log_prob, kl, kl_per_latent, reparameterize} <= FUNCTIONS


def test_only_rectifiers_are_excused_from_smoothness():
    excused = [case.name for case in CASES if not case.smooth]
    assert excused
    assert all("relu" in name for name in excused)


def test_a_wrong_row_would_fail():
    """The negative control: tanh with the sign of its gradient turned."""

    def wrong(x):
        y, vjp = ops.tanh(x)
        return y, lambda dy: (-vjp(dy)[0],)

    fn, args, constants = build(Case("wrong", lambda d: (wrong, (d.normal(d.B, d.D),), {})))
    with pytest.raises(AssertionError, match=r"wrong: at x\["):
        gradcheck(fn, *args, method="complex", **constants).raise_if_wrong()


@pytest.mark.parametrize("name", ["softplus", "tanh", "relu", "leaky_relu"])
def test_gradients_keep_their_digits_in_the_tails(name):
    for x in (-800.0, -40.0, -20.0, 20.0, 40.0, 800.0):
        if name != "tanh" or abs(x) < 10:  # 1 - y² rounds to 0, and so does the truth's last digit
            gradcheck(ops.ACTIVATIONS[name], np.array([x]), method="complex").raise_if_wrong()


def test_numbers_are_arrays_of_no_dimension():
    for fn, args, constants in (
        (reparameterize, (0.3, -1.0), {"eps": 0.5}),
        (kl_per_latent, (0.3, -1.0), {}),
        (gaussian.log_prob, (0.2, 0.3, -1.0), {}),
        (bernoulli.log_prob, (1.0, 0.3), {}),
    ):
        y, vjp = fn(*args, **constants)
        assert np.ndim(y) == 0
        assert all(np.ndim(grad) == 0 for grad in vjp(1.0) if grad is not None)
        gradcheck(fn, *args, method="complex", **constants).raise_if_wrong()
