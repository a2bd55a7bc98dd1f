"""The gradient oracle itself: it accepts the truth, rejects errors, names what it cannot judge.

Every other test of a gradient trusts this one, so it comes first and shares no code with them.
"""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvae import Layout, gradcheck
from tinyvae.differences import METHODS

ALL_METHODS = pytest.mark.parametrize("method", METHODS)
DIFFERENCES = pytest.mark.parametrize("method", ["central", "five-point"])


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def elementwise(value, slope):
    """The function y = value(x), whose vjp claims dx = dy slope(x)."""

    def fn(x):
        return value(x), lambda dy: (dy * slope(x),)

    return fn


def two(value, grads):
    """The function y = value(x, w), whose vjp claims grads(dy, x, w)."""

    def fn(x, w):
        return value(x, w), lambda dy: grads(dy, x, w)

    return fn


def sech2(x):
    return 1.0 - np.tanh(x) ** 2


def softmax(x):
    e = np.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


# -- It accepts the truth

TRUE = {
    "elementwise": (elementwise(np.tanh, sech2), (draw(4, 3),)),
    "a product of two arguments": (
        two(np.matmul, lambda d, a, b: (d @ b.T, a.T @ d)),
        (draw(3, 4), draw(4, 2)),
    ),
    "outputs that share inputs": (
        lambda x: (
            softmax(x),
            lambda d: (softmax(x) * (d - (d * softmax(x)).sum(-1, keepdims=True)),),
        ),
        (draw(3, 4),),
    ),
    "a tuple of outputs": (
        lambda x: ((np.sin(x), x.sum()), lambda d: (d[0] * np.cos(x) + d[1],)),
        (draw(5),),
    ),
    "a dict of arguments": (
        lambda p: (
            p["a"] * p["b"].sum(),
            lambda d: ({"a": d * p["b"].sum(), "b": (d * p["a"]).sum() + 0 * p["b"]},),
        ),
        ({"a": draw(3), "b": draw(2, 2)},),
    ),
    "numbers": (two(lambda x, w: x * w, lambda d, x, w: (d * w, d * x)), (1.5, np.array(-0.3))),
    "an empty argument": (elementwise(np.sin, np.cos), (np.zeros((0, 3)),)),
    "an output that is the argument": (elementwise(lambda x: x, np.ones_like), (draw(3),)),
    "a thousand entries": (elementwise(np.sin, np.cos), (draw(1000),)),
    "more entries than are compared one by one": (elementwise(np.sin, np.cos), (draw(40, 100),)),
}


@ALL_METHODS
@pytest.mark.parametrize("what", TRUE)
def test_accepts_the_truth(what, method):
    fn, args = TRUE[what]
    report = gradcheck(fn, *args, method=method)
    assert report.ok, report.message()
    assert report.error <= METHODS[method].rtol
    assert report.verdict == "ok"


@DIFFERENCES
def test_the_step_grows_with_the_number_it_is_added_to(method):
    """1e-5 is nothing to 1e9, which has its last digit at 1e-7."""
    x = np.array([1e9, -3e5, 1.0])
    assert gradcheck(elementwise(lambda x: 1e-9 * x**2, lambda x: 2e-9 * x), x, method=method).ok


@ALL_METHODS
def test_saturated_units_pass(method):
    """1 - y² keeps few digits where y is close to 1: that is rounding, no error."""
    fn = elementwise(np.tanh, lambda x: 1 - np.tanh(x) ** 2)
    for x in (3.0, 5.0, -8.0):
        assert gradcheck(fn, np.array([x]), method=method).verdict == "ok"


def test_accepts_constants_passed_by_keyword():
    def fn(x, *, power, shift=0.0):
        return (x + shift) ** power, lambda dy: (dy * power * (x + shift) ** (power - 1),)

    assert gradcheck(fn, draw(4), power=3).ok
    assert gradcheck(functools.partial(fn, power=2), draw(4), shift=1.5).ok


def test_a_flat_vector_is_checked_block_by_block_and_named_by_its_layout():
    layout = Layout({"W": (2, 3), "b": (3,)})
    h = draw(4, 2)

    def affine(theta, *, factor):
        p = layout.views(theta)
        y = h @ p["W"] + p["b"]
        return y, lambda dy: (layout.flatten({"W": h.T @ dy, "b": factor * dy.sum(axis=0)}),)

    report = gradcheck(affine, draw(9), layout=layout, factor=1.0)
    assert [(row.argument, row.shape) for row in report.rows] == [
        ("theta['W']", (2, 3)),
        ("theta['b']", (3,)),
    ]
    assert report.verdict == "ok"
    wrong = gradcheck(affine, draw(9), layout=layout, factor=2.0)
    assert [row.verdict for row in wrong.rows] == ["ok", "wrong"]
    assert "theta['b'][" in wrong.message()


def test_no_arguments_is_nothing_to_check():
    report = gradcheck(lambda: (1.0, lambda dy: ()))
    assert report.ok
    assert report.entries == 0
    assert "gradcheck of" in str(report)


def test_counts_what_it_compared():
    fn, args = TRUE["a product of two arguments"]
    assert [row.entries for row in gradcheck(fn, *args).rows] == [12, 8]
    assert 1 < gradcheck(fn, *args, max_entries=7).entries < 20  # directions, not entries


def test_reports_the_numbers_that_theory_gives():
    """y = x³ at 2: the derivative is 12, times the cotangent; a vjp twice that is off by a half."""
    cotangents = []

    def fn(x):
        return x**3, lambda dy: (cotangents.append(dy) or dy * 6 * x**2,)

    (row,) = gradcheck(fn, np.array([2.0])).rows
    (dy,) = cotangents[0]  # of the one output
    assert row.numeric == pytest.approx(12 * dy, rel=1e-9)
    assert row.analytic == pytest.approx(24 * dy, rel=1e-15)
    assert row.error == pytest.approx(0.5, rel=1e-3)  # |24 - 12| / 24, less the rounding floor
    assert (row.argument, row.shape, row.entries, row.index) == ("x", (1,), 1, (0,))


# -- It rejects planted errors: value right, gradient wrong

X, SQUARE, W, EPS = draw(3, 3), draw(3, 3, seed=1), draw(3, 3, seed=2), draw(4, 3, 3, seed=3)


def on_tanh(slope):
    return elementwise(np.tanh, slope), (X,)


def on_matmul(grads):
    return two(np.matmul, grads), (SQUARE, W)


def on_bias(db):
    return two(lambda x, b: x + b, lambda dy, x, b: (dy, db(dy))), (draw(5, 3), draw(3))


def on_sampler(dlogvar, dmu=lambda dz: dz.sum(0)):
    """z = mu + exp(logvar / 2) eps with the samples of eps along the first axis."""

    def fn(mu, logvar):
        sigma = np.exp(logvar / 2)
        return mu + sigma * EPS, lambda dz: (dmu(dz), dlogvar(dz, sigma))

    return fn, (X, 0.5 * W)


def on_kl(dmu, dlogvar):
    def value(mu, logvar):
        return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)

    def grads(dy, mu, logvar):
        return dmu(dy[:, None], mu), dlogvar(dy[:, None], logvar)

    return two(value, grads), (X, W)


def on_softmax(dx):
    return lambda x: (softmax(x), lambda dy: (dx(dy, softmax(x)),)), (X,)


def off_at(index, by, size):
    """sin, with one entry of the gradient off by a relative amount."""
    factor = np.ones(size)
    factor[index] += by
    return elementwise(np.sin, lambda x: factor * np.cos(x)), (draw(size),)


PLANTED = {
    "sign": on_tanh(lambda x: -sech2(x)),
    "twice": on_tanh(lambda x: 2 * sech2(x)),
    "half": on_tanh(lambda x: sech2(x) / 2),
    "1e-6 too large everywhere": on_tanh(lambda x: (1 + 1e-6) * sech2(x)),
    "tanh' of the input, not the output": on_tanh(lambda x: 1 - x**2),
    "tanh' without the square": on_tanh(lambda x: 1 - np.tanh(x)),
    "no tanh' at all": on_tanh(np.ones_like),
    "zero": on_tanh(np.zeros_like),
    "the cotangent forgotten": (lambda x: (np.tanh(x), lambda dy: (sech2(x),)), (X,)),
    "the gradient clipped": (
        lambda x: (np.tanh(x), lambda dy: (np.clip(dy * sech2(x), -0.1, 0.1),)),
        (X,),
    ),
    "one of two paths": (elementwise(lambda x: x * x, lambda x: x), (X,)),
    "W for W transposed": on_matmul(lambda dy, x, w: (dy @ w, x.T @ dy)),
    "x for x transposed": on_matmul(lambda dy, x, w: (dy @ w.T, x @ dy)),
    "dW transposed": on_matmul(lambda dy, x, w: (dy @ w.T, dy.T @ x)),
    "the arguments swapped": on_matmul(lambda dy, x, w: (x.T @ dy, dy @ w.T)),
    "dW divided by the batch": on_matmul(lambda dy, x, w: (dy @ w.T, x.T @ dy / len(x))),
    "db averaged over the batch": on_bias(lambda dy: dy.mean(axis=0)),
    "db without the sum over the batch": on_bias(lambda dy: dy[0]),
    "eps forgotten": on_sampler(lambda dz, s: (dz * s / 2).sum(0)),
    "eps with the other sign": on_sampler(lambda dz, s: -(dz * s * EPS / 2).sum(0)),
    "dsigma for dlogvar": on_sampler(lambda dz, s: (dz * EPS).sum(0)),
    "the half forgotten": on_sampler(lambda dz, s: (dz * s * EPS).sum(0)),
    "sigma forgotten": on_sampler(lambda dz, s: (dz * EPS / 2).sum(0)),
    "the variance for sigma": on_sampler(lambda dz, s: (dz * s**2 * EPS / 2).sum(0)),
    "the mean over samples for the sum": on_sampler(lambda dz, s: (dz * s * EPS / 2).mean(0)),
    "one sample of four": on_sampler(lambda dz, s: (dz * s * EPS / 2).sum(0), lambda dz: dz[0]),
    "the KL's sign": on_kl(lambda d, mu: -d * mu, lambda d, lv: -d * np.expm1(lv) / 2),
    "the KL's mean forgotten": on_kl(lambda d, mu: 0 * mu, lambda d, lv: d * np.expm1(lv) / 2),
    "+1 for -1 in the KL": on_kl(lambda d, mu: d * mu, lambda d, lv: d * (np.exp(lv) + 1) / 2),
    "the KL's half forgotten": on_kl(lambda d, mu: d * mu, lambda d, lv: d * np.expm1(lv)),
    "softmax as if it were sigmoid": on_softmax(lambda dy, y: dy * y * (1 - y)),
    "one entry of 9 off by 1e-4": off_at(4, 1e-4, 9),
    "one entry of 5000 off by a hundredth": off_at(1234, 1e-2, 5000),
    "straight through a step": (elementwise(lambda x: 1.0 * (x > 0), np.ones_like), (X,)),
}

# With a cotangent of ones all of these look right.
HIDDEN_FROM_ONES = {
    "outputs reversed": (lambda x: (x[::-1], lambda dy: (dy,)), (draw(5),)),
    "outputs rolled the wrong way": (
        lambda x: (np.roll(x, 1), lambda dy: (np.roll(dy, 1),)),
        (draw(5),),
    ),
    "a transpose forgotten": (lambda x: (3 * x.T, lambda dy: (3 * dy,)), (X,)),
    "the cotangent averaged": (lambda x: (np.tanh(x), lambda dy: (dy.mean() * sech2(x),)), (X,)),
    "columns of the cotangent swapped": on_matmul(
        lambda dy, x, w: (dy[:, ::-1] @ w.T, x.T @ dy[:, ::-1])
    ),
    "examples mixed up in dW": on_matmul(lambda dy, x, w: (dy @ w.T, x.T @ np.roll(dy, 1, axis=0))),
    "examples and latents mixed up": on_kl(
        lambda d, mu: d.T * mu, lambda d, lv: d.T * np.expm1(lv) / 2
    ),
    "softmax's coupling without its weights": on_softmax(
        lambda dy, y: y * (dy - dy.mean(axis=-1, keepdims=True))
    ),
    "softmax without any gradient": on_softmax(lambda dy, y: 0 * dy),
}


def passes_with_ones(fn, args, h=1e-5):
    """The check that many write: the gradient of y.sum() by central differences."""
    y, vjp = fn(*args)
    for k, grad in enumerate(vjp(np.ones_like(y))):
        for index in np.ndindex(args[k].shape):
            values = []
            for sign in (1, -1):
                moved = [np.copy(arg) for arg in args]
                moved[k][index] += sign * h
                values.append(fn(*moved)[0].sum())
            if abs((values[0] - values[1]) / (2 * h) - grad[index]) > 1e-8:
                return False
    return True


@ALL_METHODS
@pytest.mark.parametrize("error", PLANTED)
def test_rejects(error, method):
    fn, args = PLANTED[error]
    report = gradcheck(fn, *args, method=method)
    assert not report.ok
    assert report.verdict == "wrong"


@ALL_METHODS
@pytest.mark.parametrize("error", HIDDEN_FROM_ONES)
def test_rejects_what_a_cotangent_of_ones_lets_pass(error, method):
    fn, args = HIDDEN_FROM_ONES[error]
    assert passes_with_ones(fn, args)
    assert gradcheck(fn, *args, method=method).verdict == "wrong"


def test_the_check_with_ones_does_see_other_errors():
    assert passes_with_ones(*TRUE["elementwise"])
    assert not passes_with_ones(*PLANTED["twice"])


@pytest.mark.parametrize("pair", [(3, 70), (0, 1), (10, 2999), (500, 501), (42, 1000), (7, 8)])
@pytest.mark.parametrize("seed", range(4))
def test_two_swapped_entries_of_a_large_gradient_do_not_cancel(pair, seed):
    def fn(x):
        def vjp(dy):
            dx = dy * np.cos(x)
            dx[list(pair)] = dx[list(reversed(pair))]
            return (dx,)

        return np.sin(x), vjp

    assert gradcheck(fn, draw(3000), seed=seed).verdict == "wrong"


def test_only_the_wrong_argument_is_wrong():
    fn, args = PLANTED["dW transposed"]
    report = gradcheck(fn, *args)
    assert [row.verdict for row in report.rows] == ["ok", "wrong"]


# -- Property: any function built from a closed form

number = st.integers(-20, 20).map(lambda n: n / 10)


@st.composite
def closed_forms(draw):
    """(value, slope): a cubic plus a wave, and its derivative."""
    a0, a1, a2, a3, amplitude, phase = (draw(number) for _ in range(6))
    frequency = draw(st.integers(1, 30)) / 10

    def value(x):
        wave = amplitude * np.sin(frequency * x + phase)
        return a0 + a1 * x + a2 * x**2 + a3 * x**3 + wave

    def slope(x):
        wave = amplitude * frequency * np.cos(frequency * x + phase)
        return a1 + 2 * a2 * x + 3 * a3 * x**2 + wave

    return value, slope


@ALL_METHODS
@given(closed_forms(), st.lists(number, min_size=1, max_size=4), st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_right_passes_and_wrong_by_more_than_the_tolerance_fails(method, form, points, data):
    value, slope = form
    x = np.array(points)
    report = gradcheck(elementwise(value, slope), x, method=method)
    assert report.ok, report.message()

    at = data.draw(st.integers(0, len(x) - 1))
    floor = 0.0 if method == "complex" else 2.2e-15 * (5 + abs(value(x[at]))) / METHODS[method].h
    off = np.zeros_like(x)
    off[at] = 10 * METHODS[method].rtol * max(abs(slope(x)[at]), 1e-6) + 1000 * floor
    report = gradcheck(elementwise(value, lambda x: slope(x) + off), x, method=method)
    assert report.verdict == "wrong"
    assert report.rows[0].index == (at,)


# -- What it says


def test_message_names_function_argument_index_and_both_numbers():
    def product(x, weights):
        def vjp(dy):
            dw = x.T @ dy
            dw[1, 2] += 0.5
            return dy @ weights.T, dw

        return x @ weights, vjp

    report = gradcheck(product, draw(2, 3), draw(3, 4, seed=1))
    row = report.rows[1]
    assert row.index == (1, 2)
    assert row.analytic - row.numeric == pytest.approx(0.5, rel=1e-6)
    message = report.message()
    assert "product: at weights[1, 2]" in message
    assert f"{row.analytic:.9g}" in message
    assert f"{row.numeric:.9g}" in message
    assert "x[" not in message  # the argument that is right is not mentioned
    with pytest.raises(AssertionError, match=r"at weights\[1, 2\]"):
        report.raise_if_wrong()


def test_names_of_functions_and_arguments():
    class Layer:
        def __call__(self, params, h):
            return params["W"] * h, lambda dy: ({"W": dy * h}, -dy * params["W"])

    report = gradcheck(Layer(), {"W": draw(3)}, draw(3))
    assert "Layer: at h[" in report.message()
    assert [row.argument for row in report.rows] == ["params['W']", "h"]

    def variadic(*arrays):
        return sum(arrays), lambda dy: tuple(dy for _ in arrays)

    assert [row.argument for row in gradcheck(variadic, 1.0, 2.0).rows] == ["arg0", "arg1"]
    assert "<lambda>" in gradcheck(lambda x: (x, lambda dy: (-dy,)), 1.0).message()
    assert gradcheck(functools.partial(variadic, 1.0), 2.0).verdict == "shape"


def test_a_right_function_has_nothing_to_say_and_returns_its_report():
    fn, args = TRUE["a product of two arguments"]
    report = gradcheck(fn, *args)
    assert report.message() == ""
    assert report.raise_if_wrong() is report


def test_printed_report_shows_every_argument_and_the_failure():
    fn, args = PLANTED["dW transposed"]
    printed = str(gradcheck(fn, *args, method="five-point"))
    assert "five-point" in printed
    assert "rtol 1e-09" in printed
    rows = printed.splitlines()
    assert rows[2].split()[0] == "x"
    assert rows[2].split()[-1] == "ok"
    assert rows[3].split()[0] == "w"
    assert rows[3].split()[-1] == "wrong"
    assert "at w[" in rows[4]


# -- Kinks


def relu_with(slope):
    return elementwise(lambda x: np.maximum(x, 0.0), lambda x: slope * (x > 0))


absolute = elementwise(np.abs, np.sign)


@DIFFERENCES
@pytest.mark.parametrize("fn", [relu_with(1.0), absolute], ids=["relu", "abs"])
def test_an_entry_at_a_kink_is_named_and_the_others_compared(fn, method):
    report = gradcheck(fn, np.array([0.0, 1.3, -0.4]), method=method)
    assert report.ok
    assert report.rows[0].kinks == (fn is not absolute)  # 0 is the mean slope of |x| at 0
    assert report.verdict == ("ok" if fn is absolute else "ok (1 at a kink)")


@DIFFERENCES
@pytest.mark.parametrize("distance", [1e-3, 2e-4, 6e-6, 1e-6, -1e-6, -6e-6, -2e-4])
def test_right_gradients_next_to_a_kink_are_not_called_wrong(distance, method):
    for fn in (relu_with(1.0), absolute):
        report = gradcheck(fn, np.array([distance, 1.0]), method=method)
        assert report.ok, report.message()


@ALL_METHODS
def test_every_entry_at_a_kink_is_a_failure(method):
    report = gradcheck(relu_with(1.0), np.zeros(3), method=method)
    assert not report.ok
    assert report.verdict == "kink"
    assert "kink" in report.message()


@ALL_METHODS
@pytest.mark.parametrize("x", [[1.0, 2.0], [0.0, 1.0], [-1.0, 0.5], [1e-4, 0.3]])
def test_a_wrong_gradient_of_a_kinked_function_is_wrong(x, method):
    assert gradcheck(relu_with(2.0), np.array(x), method=method).verdict == "wrong"


@DIFFERENCES
def test_kinks_inside_a_network(method):
    """A hidden unit whose input is exactly 0: the weights into it are at a kink, the rest not."""
    h0, W = draw(2, 3), draw(3, 4, seed=5)
    W[:, 0] = 1.0
    h0[0] = [0.25, 0.5, -0.75]  # with weights of one, the first unit reads 0

    def net(W, v, factor=1.0):
        a = h0 @ W
        h = np.maximum(a, 0.0)
        return h @ v, lambda dy: (h0.T @ (np.outer(dy, v) * (a > 0)) * factor, h.T @ dy)

    report = gradcheck(net, W, draw(4, seed=6), method=method)
    assert report.ok, report.message()
    assert report.rows[0].kinks == 3  # the weights into that unit, of 12
    wrong = gradcheck(lambda W, v: net(W, v, 1.5), W, draw(4, seed=6), method=method)
    assert [row.verdict for row in wrong.rows] == ["wrong", "ok"]


def test_the_complex_step_does_not_reach_for_a_kink_nearby():
    """relu at 1e-7: differences step over the kink, the complex step stays where it is."""
    x = np.array([1e-7, 1.0])
    assert gradcheck(relu_with(1.0), x, method="complex").verdict == "ok"
    off_there = elementwise(lambda x: np.maximum(x, 0.0), lambda x: (x > 0) * [1.001, 1.0])
    assert gradcheck(off_there, x, method="complex").verdict == "wrong"


@pytest.mark.parametrize("scale", [1e-2, 1e-4, 1e-5])
@ALL_METHODS
def test_kinks_nearby_do_not_hide_a_wrong_entry(scale, method):
    """Small weights into rectifiers: the step for one weight crosses the kinks of its unit."""
    h = draw(4, 5)

    def net(W, v, *, off=0.0):
        a = h @ W

        def vjp(dy):
            dW = h.T @ (np.outer(dy, v) * (a > 0))
            dW[2, 3] += off
            return dW, np.maximum(a, 0).T @ dy

        return np.maximum(a, 0) @ v, vjp

    W, v = scale * draw(5, 6, seed=1), draw(6, seed=2)
    gradcheck(net, W, v, method=method).raise_if_wrong()
    report = gradcheck(net, W, v, off=1e-4, method=method)
    assert report.verdict == "wrong"
    assert report.rows[0].index == (2, 3)


# -- Sharp bends are no kinks

SHARP = {
    "exp(100 x)": elementwise(lambda x: np.exp(100 * x), lambda x: 100 * np.exp(100 * x)),
    "sin(300 x)": elementwise(lambda x: np.sin(300 * x), lambda x: 300 * np.cos(300 * x)),
    "tanh(200 x)": elementwise(lambda x: np.tanh(200 * x), lambda x: 200 * sech2(200 * x)),
    "10⁴ x³": elementwise(lambda x: 1e4 * x**3, lambda x: 3e4 * x**2),
}


@ALL_METHODS
@pytest.mark.parametrize("name", SHARP)
def test_sharply_curved_smooth_functions_are_not_called_wrong_or_kinked(name, method):
    report = gradcheck(SHARP[name], np.array([0.0, 0.01, -0.02, 0.3, 1.1]), method=method)
    assert report.verdict == "ok"
    assert report.rows[0].kinks == 0


@pytest.mark.parametrize("method", ["central", "five-point"])
def test_where_rounding_takes_over_before_the_step_is_short_enough_nothing_is_called_wrong(method):
    """The gap closes with a power of the step, and cannot be seen to its end."""
    x = np.array([0.0, 0.01, -0.02, 0.3, 1.1])
    for seed in range(100):
        report = gradcheck(SHARP["tanh(200 x)"], x, method=method, seed=seed)
        assert report.verdict == "ok", seed


def test_an_output_so_large_that_no_step_moves_it_is_unseen_and_not_wrong():
    report = gradcheck(lambda x: (1e20 + x**2, lambda dy: (2 * dy * x,)), np.array([1.0, 7.0]))
    assert report.verdict == "unseen"


def test_the_cotangent_is_not_what_a_user_draws_from_the_same_seed():
    """With dy = x the slope of a rectifier may be masked by the wrong one of the two."""
    x = draw(4, 5, seed=0)
    report = gradcheck(lambda x: (np.maximum(x, 0.0), lambda dy: (dy * (dy > 0),)), x, seed=0)
    assert report.verdict == "wrong"


@ALL_METHODS
@pytest.mark.parametrize("name", SHARP)
def test_wrong_gradients_of_sharply_curved_functions_are_wrong(name, method):
    def fn(x):
        y, vjp = SHARP[name](x)
        return y, lambda dy: (1.001 * vjp(dy)[0],)

    assert gradcheck(fn, np.array([0.01, -0.02, 0.3]), method=method).verdict == "wrong"


log = elementwise(np.log, lambda x: 1 / x)


@pytest.mark.parametrize("x", [1e-2, 1e-3, 1e-4, 2e-5])
def test_log_close_to_its_pole_is_smooth(x):
    report = gradcheck(log, np.array([x]))
    assert report.verdict == "ok"
    assert report.rows[0].kinks == 0


def test_a_wave_too_fast_for_the_step_does_not_hide_a_wrong_gradient():
    fast = np.array([1e4, 1.0])

    def fn(x):  # the entry in front of the fast wave is twice what it should be
        return np.sin(fast * x), lambda dy: (dy * fast * np.cos(fast * x) * [2, 1],)

    assert not gradcheck(fn, np.array([0.3, 0.3])).ok


# -- What cannot be compared is refused, with the reason


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "bool", "complex128"])
def test_refuses_arguments_that_are_not_float64(dtype):
    for arg in (np.ones(3, dtype), {"W": np.ones(3, dtype)}):
        with pytest.raises(TypeError, match=f"{dtype}, expected float64") as caught:
            gradcheck(lambda x: (x, lambda dy: (dy,)), arg)
        assert "rounding" in str(caught.value)
    with pytest.raises(TypeError, match="expected float64"):
        gradcheck(lambda x: (x, lambda dy: (dy,)), 3)


def test_refuses_results_that_are_not_float64():
    with pytest.raises(TypeError, match="returned float32, expected float64"):
        gradcheck(lambda x: (x.astype(np.float32), lambda dy: (dy,)), draw(3))


@pytest.mark.parametrize("size", [2, 3])
def test_refuses_a_function_that_returns_its_value_alone(size):
    with pytest.raises(TypeError, match=r"must return \(y, vjp\)"):
        gradcheck(np.tanh, draw(size))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_arguments_that_are_not_finite(bad):
    with pytest.raises(ValueError, match="x must be finite"):
        gradcheck(elementwise(np.sin, np.cos), np.array([1.0, bad]))


def test_refuses_bad_settings():
    fn, args = TRUE["elementwise"]
    with pytest.raises(ValueError, match="did you mean 'central'"):
        gradcheck(fn, *args, method="centre")
    for rtol in (0, -1e-7, np.nan, np.inf):
        with pytest.raises(ValueError, match="rtol"):
            gradcheck(fn, *args, rtol=rtol)
    with pytest.raises(TypeError, match="rtol"):
        gradcheck(fn, *args, rtol="small")
    with pytest.raises(ValueError, match="max_entries"):
        gradcheck(fn, *args, max_entries=0)


def test_rtol_is_the_tolerance():
    fn, args = PLANTED["1e-6 too large everywhere"]
    assert not gradcheck(fn, *args, rtol=5e-7).ok
    assert gradcheck(fn, *args, rtol=2e-6).ok


# -- Functions that do not keep the protocol


def noisy_forward(rng):
    return lambda x: (np.sin(x) + rng.standard_normal(), lambda dy: (dy * np.cos(x),))


def noisy_backward(rng):
    return lambda x: (np.sin(x), lambda dy: (dy * np.cos(x) * rng.standard_normal(x.shape),))


def fresh_noise_a_call(rng):
    """Forward and backward share one draw, but the next call has another: the classic mistake."""

    def fn(mu):
        eps = rng.standard_normal(mu.shape)
        return (mu + eps) ** 2, lambda dy: (2 * dy * (mu + eps),)

    return fn


def accumulating(rng):
    def fn(x):
        total = np.zeros_like(x)

        def vjp(dy):
            nonlocal total
            total = total + dy * np.cos(x)
            return (total,)

        return np.sin(x), vjp

    return fn


def accumulating_between_calls(rng):
    total = []

    def fn(x):
        def vjp(dy):
            total.append(dy * np.cos(x))
            return (sum(total),)

        return np.sin(x), vjp

    return fn


def counting(rng):
    calls = []

    def fn(x):
        calls.append(0)
        n = len(calls)
        return np.sin(x), lambda dy: (dy * np.cos(x) * n,)

    return fn


@ALL_METHODS
@pytest.mark.parametrize(
    "make",
    [
        noisy_forward,
        noisy_backward,
        fresh_noise_a_call,
        accumulating,
        accumulating_between_calls,
        counting,
    ],
)
def test_a_function_that_changes_between_calls_is_unstable_not_wrong(make, method):
    report = gradcheck(make(np.random.default_rng(0)), draw(3), method=method)
    assert not report.ok
    assert report.verdict == "unstable"
    assert "changes" in report.message()


def test_a_vjp_that_works_only_once_is_unstable():
    def fn(x):
        remembered = [x]
        return np.sin(x), lambda dy: (dy * np.cos(remembered.pop()),)

    report = gradcheck(fn, draw(3))
    assert report.verdict == "unstable"
    assert "pop from empty list" in report.message()


def doubling(x):
    x *= 2
    return np.sin(x), lambda dy: (2 * dy * np.cos(x),)


def popping(params):
    W = params.pop("W")
    return np.sin(W), lambda dy: ({"W": dy * np.cos(W)},)


def scaling_the_cotangent(x):
    def vjp(dy):
        dy *= np.cos(x)
        return (dy,)

    return np.sin(x), vjp


def updating(x):
    """The weights stepped in the backward pass, as some tutorials do."""
    slope = np.cos(x)

    def vjp(dy):
        dx = dy * slope
        x[...] = x - 0.1 * dx
        return (dx,)

    return np.sin(x), vjp


@pytest.mark.parametrize(
    ("fn", "arg", "what"),
    [
        (doubling, draw(3), "x was changed in place"),
        (popping, {"W": draw(3)}, "params was changed in place"),
        (scaling_the_cotangent, draw(3), "cotangent"),
        (updating, draw(3), "x was changed in place"),
    ],
)
def test_a_function_that_changes_its_arguments_is_named_so(fn, arg, what):
    before = {k: v.copy() for k, v in arg.items()} if isinstance(arg, dict) else arg.copy()
    report = gradcheck(fn, arg)
    assert report.verdict == "mutated"
    assert what in report.message()
    np.testing.assert_equal(arg, before)  # the user's own arrays are as they were


def test_a_function_that_changes_its_constants_is_named_so():
    def fn(x, *, eps):
        eps -= eps.mean()  # the second call finds nothing left to change
        return x * eps, lambda dy: (dy * eps,)

    eps = draw(3)
    report = gradcheck(fn, draw(3, seed=1), eps=eps)
    assert report.verdict == "mutated"
    assert "eps was changed in place" in report.message()
    np.testing.assert_array_equal(eps, draw(3))


def test_a_function_that_raises_leaves_the_users_arrays_alone():
    x, calls = draw(4), []
    before = x.copy()

    def fn(x):
        calls.append(len(calls))
        if len(calls) == 4:
            x[0] = 99.0
            raise RuntimeError("out of luck")
        return np.sin(x), lambda dy: (dy * np.cos(x),)

    with pytest.raises(RuntimeError, match="out of luck"):
        gradcheck(fn, x)
    np.testing.assert_array_equal(x, before)


def test_read_only_and_strided_inputs_are_accepted():
    x = draw(8)[::2]
    x.flags.writeable = False
    assert gradcheck(elementwise(np.sin, np.cos), x).ok
    assert gradcheck(elementwise(np.sin, np.cos), draw(3, 4).T).ok


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        (lambda dy: dy, "must return a tuple"),
        (lambda dy: [dy, dy], "must return a tuple, one gradient an argument, not list"),
        (lambda dy: None, "must return a tuple"),
        (lambda dy: (dy,), "1 gradients for 2 arguments"),
        (lambda dy: (dy, dy, dy), "3 gradients for 2 arguments"),
        (lambda dy: (dy, dy.sum()), r"gradient of w has shape \(\), expected \(3,\)"),
        (lambda dy: (dy[None], dy), r"gradient of x has shape \(1, 3\), expected \(3,\)"),
    ],
)
def test_the_wrong_structure_is_named(grads, message):
    report = gradcheck(lambda x, w: (x * w, grads), draw(3), draw(3))
    assert report.verdict == "shape"
    with pytest.raises(AssertionError, match=message):
        report.raise_if_wrong()


@pytest.mark.parametrize("grads", [{}, {"W": 0.0}, {"V": np.zeros(3)}, np.zeros(3)])
def test_the_gradient_of_a_dict_has_its_keys(grads):
    report = gradcheck(lambda p: (p["W"], lambda dy: (grads,)), {"W": draw(3)})
    assert report.verdict == "shape"


def test_none_is_an_argument_without_a_gradient():
    def fn(x, logits):
        return x * logits, lambda dy: (None, dy * x)

    report = gradcheck(fn, draw(3), draw(3))
    assert report.ok
    assert [row.verdict for row in report.rows] == ["none", "ok"]
    assert report.verdict == "ok (x none)"


# -- Gradients that are zero


@ALL_METHODS
def test_no_influence_at_all_is_a_pass_marked_dead(method):
    def fn(x, unused):
        return np.sin(x), lambda dy: (dy * np.cos(x), np.zeros_like(unused))

    report = gradcheck(fn, draw(3), draw(2), method=method)
    assert report.ok
    assert [row.verdict for row in report.rows] == ["ok", "dead"]
    assert report.verdict == "ok (unused dead)"


@ALL_METHODS
def test_a_zero_that_is_computed_with_rounding_is_dead_too(method):
    """sin² + cos² = 1 whatever x is, to the last digit or so."""
    one = elementwise(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, np.zeros_like)
    assert gradcheck(one, draw(20), method=method).verdict == "ok (x dead)"


@ALL_METHODS
def test_zero_on_one_side_only_is_wrong(method):
    claims_none = elementwise(np.sin, np.zeros_like)
    claims_some = elementwise(lambda x: np.ones_like(x) + 0 * x, np.ones_like)
    assert gradcheck(claims_none, draw(3), method=method).verdict == "wrong"
    assert gradcheck(claims_some, draw(3), method=method).verdict == "wrong"


@pytest.mark.parametrize("size", [1e-12, 1e-200])
def test_gradients_too_small_for_differences_are_unseen_and_left_to_the_complex_step(size):
    right = elementwise(lambda x: size * np.sin(x), lambda x: size * np.cos(x))
    wrong = elementwise(lambda x: size * np.sin(x), lambda x: 1.001 * size * np.cos(x))
    for method in ("central", "five-point"):
        report = gradcheck(right, draw(3), method=method)
        assert report.verdict == "unseen"
        assert "method='complex'" in report.message()
    assert gradcheck(right, draw(3), method="complex").verdict == "ok"
    assert gradcheck(wrong, draw(3), method="complex").verdict == "wrong"


@pytest.mark.parametrize("size", [1e-9, 1e-8])
def test_gradients_seen_too_dimly_to_find_an_error_of_ten_percent_do_not_pass(size):
    wrong = elementwise(lambda x: size * np.sin(x), lambda x: 1.1 * size * np.cos(x))
    assert not gradcheck(wrong, draw(3)).ok


def test_a_large_offset_does_not_hide_an_error_of_a_percent():
    wrong = elementwise(lambda x: 1e8 + np.sin(x), lambda x: 1.01 * np.cos(x))
    assert not gradcheck(wrong, draw(3)).ok


@DIFFERENCES
def test_a_change_below_the_last_digit_is_unseen_not_wrong(method):
    """10⁴ has its last digit at 2e-12: a step that moves it by less leaves it as it was."""
    right = elementwise(lambda x: 1e4 + 1e-8 * np.sin(x), lambda x: 1e-8 * np.cos(x))
    assert gradcheck(right, draw(3), method=method).verdict == "unseen"


def test_no_gradient_of_a_small_function_is_not_called_dead():
    wrong = elementwise(lambda x: 1e-12 * x * x, lambda x: 0 * x)
    assert not gradcheck(wrong, draw(3)).ok


# -- NaN


def test_nan_in_the_value():
    with np.errstate(invalid="ignore"):
        report = gradcheck(log, np.array([1.0, -1.0]))
    assert report.verdict == "nan"
    assert "value" in report.message()


@ALL_METHODS
def test_nan_in_the_gradient(method):
    fn = elementwise(np.sin, lambda x: np.where(x > 1, np.nan, np.cos(x)))
    report = gradcheck(fn, np.array([0.5, 2.0]), method=method)
    assert report.verdict == "nan"
    assert "x[1] vjp gives nan" in report.message()


def test_nan_one_step_away():
    with np.errstate(invalid="ignore"):
        report = gradcheck(log, np.array([1.0, 1e-6]))
    assert report.verdict == "nan"
    assert "away from x[1]" in report.message()


# -- The complex step


STOPS = {
    "abs": (np.abs, np.sign),
    "abs in a part": (lambda x: np.abs(x) + x, lambda x: np.sign(x) + 1),
    "real": (lambda x: x.real**2, lambda x: 2 * x),
    "logaddexp": (lambda x: np.logaddexp(0.0, x), lambda x: 1 / (1 + np.exp(-x))),
    "a cast": (lambda x: np.sin(x.astype(float)), np.cos),
    "a real buffer": (
        lambda x: np.add(0 * x.real, x, out=np.empty(x.shape), casting="unsafe"),
        np.ones_like,
    ),
}


@pytest.mark.parametrize("what", STOPS)
@pytest.mark.parametrize("factor", [1.0, 2.0, 0.0], ids=["right", "wrong", "zero"])
def test_a_function_that_stops_complex_numbers_is_refused(what, factor):
    value, slope = STOPS[what]
    fn = elementwise(value, lambda x: factor * slope(x))
    assert gradcheck(fn, draw(4)).ok == (factor == 1.0)
    with pytest.raises(TypeError, match="does not let complex numbers through"):
        gradcheck(fn, draw(4), method="complex")


def test_a_wrong_gradient_that_agrees_with_a_stopped_complex_step_does_not_pass():
    """|x| + x has complex step 1 everywhere, the true slope being 0 or 2."""
    with pytest.raises(TypeError, match="does not let complex numbers through"):
        gradcheck(elementwise(lambda x: np.abs(x) + x, np.ones_like), draw(4), method="complex")


def test_comparisons_choose_a_branch_and_let_complex_numbers_through():
    fn = elementwise(lambda x: np.where(x > 0, x**2, 3 * x), lambda x: np.where(x > 0, 2 * x, 3))
    assert gradcheck(fn, draw(6), method="complex").ok


def test_the_complex_step_sees_an_error_of_1e_minus_11():
    for by, verdict in ((1e-11, "wrong"), (1e-14, "ok")):
        fn, args = off_at(2, by, 5)
        assert gradcheck(fn, *args, method="complex").verdict == verdict


@pytest.mark.parametrize("distance", [1e-4, 2.5e-4, 1 / 3e3, 4e-4, 7e-4, 9e-4])
def test_a_kink_too_faint_for_shorter_steps_is_a_kink(distance):
    """L is large: rounding hides what a shorter step would show, and the kink is all there is."""

    def fn(x):
        slope = 0.43 + 0.0 * x
        return 540 + slope * x + 4e-7 * np.maximum(x - distance, 0), lambda dy: (dy * slope,)

    report = gradcheck(fn, np.zeros(3), method="five-point")
    assert {row.verdict for row in report.rows} <= {"ok", "kink"}


def test_a_faint_error_without_a_kink_is_wrong():
    def fn(x):
        return 540 + np.sin(x), lambda dy: (dy * np.cos(x) * (1 + 2e-8),)

    assert gradcheck(fn, np.array([0.3, -1.2]), method="five-point").verdict == "wrong"
