"""The difference formulas: as accurate as their theory says, and honest about rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvae.differences import METHODS, derivative, is_kink

# value, derivative, third and fifth derivatives
FUNCTIONS = {
    "exp": (np.exp, np.exp, np.exp, np.exp),
    "sin": (np.sin, np.cos, lambda x: -np.cos(x), np.cos),
    "1 / x": (lambda x: 1 / x, lambda x: -(x**-2), lambda x: -6 * x**-4, lambda x: -120 * x**-6),
    "log": (np.log, lambda x: 1 / x, lambda x: 2 * x**-3, lambda x: 24 * x**-5),
}
X = 0.7


def slope_of(f, x, name, h=None, dy=1.0):
    method = METHODS[name]
    at = np.array([x])
    return derivative(lambda x: [f(x)], at, np.ones(1), [np.array([dy])], method, h or method.h)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("method", "order"), [("central", 2), ("five-point", 4)])
def test_error_falls_with_the_order_of_the_formula(name, method, order):
    f, df, *_ = FUNCTIONS[name]
    steps = np.geomspace(5e-3, 4e-2, 8)
    errors = [abs(slope_of(f, X, method, h)[0] - df(X)) for h in steps]
    order_measured = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert order_measured == pytest.approx(order, abs=0.05)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_the_first_term_that_the_formula_drops(name):
    """h² f'''/6 for the central and h⁴ f⁽⁵⁾/30 for the five-point formula: Taylor's theorem."""
    f, df, d3, d5 = FUNCTIONS[name]
    h = 2e-3
    central = slope_of(f, X, "central", h)[0] - df(X)
    five_point = slope_of(f, X, "five-point", h)[0] - df(X)
    assert central == pytest.approx(h**2 * d3(X) / 6, rel=1e-3)
    assert five_point == pytest.approx(-(h**4) * d5(X) / 30, rel=0.1)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("h", [1e-20, 1e-30, 1e-100])
def test_complex_step_is_exact_to_rounding(name, h):
    f, df, *_ = FUNCTIONS[name]
    assert slope_of(f, X, "complex", h)[0] == pytest.approx(df(X), rel=5e-16)


@pytest.mark.parametrize("method", METHODS)
def test_polynomials_below_the_order_are_exact(method):
    value, slope = (lambda x: 3 * x - 2), 3.0
    assert slope_of(value, X, method)[0] == pytest.approx(slope, rel=1e-10)


def test_cotangents_weigh_the_outputs_and_outputs_add():
    x, v = np.array([0.3, -1.1]), np.array([1.0, 2.0])
    dy = [np.array([2.0, -3.0]), np.array(0.5)]
    slope, _ = derivative(lambda x: [np.sin(x), np.sum(x * x)], x, v, dy, METHODS["complex"], 1e-30)
    by_hand = 2 * np.cos(0.3) * 1 - 3 * np.cos(-1.1) * 2 + 0.5 * (2 * 0.3 * 1 + 2 * -1.1 * 2)
    assert slope == pytest.approx(by_hand, rel=1e-15)


number = st.integers(-30, 30).map(lambda n: n / 10)


@pytest.mark.parametrize("method", METHODS)
@given(st.lists(number, min_size=4, max_size=4), st.integers(1, 30), number)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_error_at_the_default_step_is_within_the_criterion(method, coefficients, tenths, x):
    """The promise that gradcheck rests on: rtol and floor cover what the formula gets wrong."""
    a, b, c, amplitude = coefficients
    k = tenths / 10
    slope, floor = slope_of(
        lambda x: a * x + b * x**2 + c * x**3 + amplitude * np.sin(k * x), x, method
    )
    true = a + 2 * b * x + 3 * c * x**2 + amplitude * k * np.cos(k * x)
    # Near a zero of the slope the truncation is small against the function's own scale.
    truncation = {"central": 1e-10, "five-point": 1e-11, "complex": 1e-14}[method]
    scale = 6 * abs(c) + abs(amplitude) * k**3 + 1
    assert abs(slope - true) <= METHODS[method].rtol * abs(true) + floor + truncation * scale


@pytest.mark.parametrize("method", ["central", "five-point"])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e4])
def test_floor_covers_rounding_and_is_not_far_above_it(method, offset):
    """Steps short enough that rounding is all there is: the floor is 1 to 1000 times the error."""
    errors, floors = [], []
    for x in np.linspace(0.1, 1.0, 200):
        slope, floor = slope_of(lambda x: offset + np.sin(x), x, method, 1e-8)
        errors.append(abs(slope - np.cos(x)))
        floors.append(floor)
    assert np.all(np.array(errors) <= np.array(floors) + 1e-15)
    assert max(floors) <= 1000 * max(errors)


def test_outputs_that_do_not_move_cost_no_precision():
    """A huge output that x has no part in neither moves the slope nor lifts the floor."""
    slope, floor = derivative(
        lambda x: [np.sin(x), np.full(3, 1e12)],
        np.array([0.4]),
        np.ones(1),
        [np.ones(1), np.ones(3)],
        METHODS["central"],
        1e-5,
    )
    assert slope == pytest.approx(np.cos(0.4), rel=1e-9)
    assert floor < 1e-9


def kink_at(f, x):
    h = METHODS["central"].h
    return is_kink(lambda x: [f(x)], np.array([x]), np.ones(1), [np.ones(1)], h)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.abs, 0.0),
        (np.abs, 3e-6),
        (np.abs, -3e-6),
        (lambda x: np.maximum(x, 0.0), 0.0),
        (lambda x: np.maximum(x, 0.0), 5e-7),
        (lambda x: np.maximum(x, 0.01 * x), 0.0),
        (lambda x: np.maximum(np.sin(x), 0.0), 0.0),
        (lambda x: np.abs(x - 1) + 100 * x, 1.0),
    ],
)
def test_kinks_are_found(f, x):
    assert kink_at(f, x)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.abs, 1e-3),
        (np.abs, 2e-5),
        (np.sin, 0.0),
        (np.cos, 0.0),
        (np.square, 0.0),
        (lambda x: np.exp(100 * x), 0.3),
        (lambda x: np.sin(300 * x), 0.0),
        (lambda x: np.sin(300 * x), np.pi / 600),
        (lambda x: 1e6 + np.sin(x), 0.4),
        (lambda x: np.zeros_like(x), 0.0),
    ],
)
def test_smooth_functions_have_no_kink(f, x):
    assert not kink_at(f, x)
