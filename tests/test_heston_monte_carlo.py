"""Simulated Heston prices: the scheme, its two errors, and agreement with the Fourier formula."""

import math

import double
import numpy as np
import pytest

from tinyvae.finance import black_scholes, fourier, monte_carlo
from tinyvae.finance.heston import Heston
from tinyvae.finance.monte_carlo import half_as_many_steps, log_prices

K = np.array([-0.2, -0.05, 0.0, 0.05, 0.2])
LAWS = {
    "of the grid": Heston(0.5, 0.0225, -0.5, 0.3, 0.05),
    "that violates Feller's condition": Heston(0.1, 0.0025, -0.9, 0.5, 0.05),
    "of Fang & Oosterlee": Heston(1.5768, 0.0398, -0.5711, 0.5751, 0.0175),
    "with positive correlation": Heston(2.0, 0.06, 0.6, 0.4, 0.03),
}


def noise(steps, paths, seed=0):
    return np.random.default_rng(seed).standard_normal((steps, 2, paths))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize(("T", "steps"), [(6 / 365, 16), (1.0, 128)])
def test_simulated_prices_are_those_of_the_formula(law, T, steps):
    k = K * math.sqrt(T)
    found = monte_carlo.out_of_the_money(
        k, T, law, steps=steps, paths=40_000, rng=np.random.default_rng(11)
    )
    exact = fourier.out_of_the_money(k, T, law).price
    # Halving the step changes the price by `step_error`; at order 1/2 or better what is left of
    # the step's error is no more than 1/(sqrt(2) - 1) = 2.42 of that.
    step = 2.42 * (np.abs(found.step_error) + 3 * found.step_standard_error)
    assert (np.abs(found.price - exact) < 3 * found.standard_error + step).all()
    assert (found.standard_error < 0.02 * exact.max()).all()
    assert (step < 0.1 * exact.max()).all()  # or the test would say nothing


def test_the_error_of_the_step_falls_with_the_step():
    law = LAWS["that violates Feller's condition"]
    errors = []
    for steps in (8, 32, 128):
        found = monte_carlo.out_of_the_money(
            K[2:3], 1.0, law, steps=steps, paths=20_000, rng=np.random.default_rng(3)
        )
        errors.append(abs(found.step_error[0]))
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2]


def test_a_path_is_the_scheme_on_paper():
    kappa, eta, rho, sigma, v0, h = 0.5, 0.04, -0.6, 0.9, 0.01, 0.25
    draws = np.array([[[1.0], [0.3]], [[0.5], [-3.0]], [[-1.0], [0.3]]])
    x, v, path = 0.0, v0, []
    for (first,), (second,) in draws:
        up = max(v, 0.0)
        path.append(v)
        x += -up / 2 * h + math.sqrt(up * h) * first
        v += kappa * (eta - up) * h + sigma * math.sqrt(up * h) * (
            rho * first + math.sqrt(1 - rho**2) * second
        )
    assert path[0] > 0 > path[1]  # so that the truncation is in play,
    assert path[2] > 0  # and what it did to the variance is seen in the price
    law = Heston(kappa, eta, rho, sigma, v0)
    assert log_prices(3 * h, law, noise=draws) == pytest.approx(x, rel=1e-14)


def test_the_forward_is_a_martingale_at_every_step_size():
    law = LAWS["that violates Feller's condition"]
    for steps in (1, 4, 32):
        end = np.exp(log_prices(1.0, law, noise=noise(steps, 100_000)))
        assert abs(end.mean() - 1) < 4 * end.std() / math.sqrt(end.size)


def test_half_as_many_steps_are_the_same_brownian_path():
    fine = noise(6, 5)
    coarse = half_as_many_steps(fine)
    assert coarse.shape == (3, 2, 5)
    # T = 1: increments have standard deviation sqrt(1/6) and sqrt(1/3)
    np.testing.assert_allclose(
        coarse.cumsum(0) * math.sqrt(1 / 3), fine.cumsum(0)[1::2] * math.sqrt(1 / 6), rtol=1e-12
    )


def test_with_a_constant_variance_one_step_is_exact():
    law = Heston(1e-9, 0.04, 0.0, 1e-9, 0.04)
    found = monte_carlo.out_of_the_money(
        K, 0.5, law, steps=2, paths=100_000, rng=np.random.default_rng(2)
    )
    exact = np.where(K < 0, black_scholes.put(K, 0.02), black_scholes.call(K, 0.02))
    assert (np.abs(found.price - exact) < 3 * found.standard_error).all()
    assert np.abs(found.step_error).max() < 1e-7  # variances move by 1e-9, and there is no step


def test_standard_errors_are_those_of_repetitions():
    law = LAWS["of the grid"]
    rng = np.random.default_rng(7)
    runs = [
        monte_carlo.out_of_the_money(K, 0.25, law, steps=8, paths=500, rng=rng) for _ in range(200)
    ]
    for value, error in (("price", "standard_error"), ("step_error", "step_standard_error")):
        spread = np.std([getattr(run, value) for run in runs], axis=0, ddof=1)
        stated = np.mean([getattr(run, error) for run in runs], axis=0)
        np.testing.assert_allclose(spread, stated, rtol=4 / math.sqrt(2 * 200))  # 4 of its own


def test_there_are_at_least_as_many_paths_as_asked_for(monkeypatch):
    class Counted:
        drawn = 0

        def standard_normal(self, shape):
            self.drawn += shape[-1]
            return np.zeros(shape)

    monkeypatch.setattr(monte_carlo, "PATHS_AT_A_TIME", 40)
    for paths, drawn in ((30, 30), (40, 40), (41, 80)):
        rng = Counted()
        with np.errstate(invalid="ignore"):  # paths that are all the same
            monte_carlo.out_of_the_money(K, 1.0, LAWS["of the grid"], steps=2, paths=paths, rng=rng)
        assert rng.drawn == drawn


def test_the_control_variate_takes_out_what_the_forward_explains():
    # A payoff that is linear in the forward: no error is left.
    law = Heston(0.5, 0.04, -0.5, 0.3, 0.04)
    rows = np.exp(log_prices(1.0, law, noise=noise(4, 1000))) - 1
    payoff = 1.7 * rows + 0.4
    rows = np.stack([np.ones_like(rows), rows, payoff, 0.1 * payoff])
    found = monte_carlo._summary((rows @ rows.T / 1000)[None], 1000)
    assert found.price == pytest.approx(0.4, rel=1e-12)
    assert found.standard_error < 1e-8
    assert found.step_error == pytest.approx(0.1 * payoff.mean())
    spread = payoff.std(ddof=1) / math.sqrt(1000)
    assert found.step_standard_error == pytest.approx(0.1 * spread)


def test_it_runs_on_a_device_with_the_same_numbers(monkeypatch):
    device = double.install(monkeypatch)
    law = LAWS["of the grid"]
    options = {"steps": 6, "paths": 300}
    here = monte_carlo.out_of_the_money(K, 0.5, law, **options, rng=np.random.default_rng(1))
    there = monte_carlo.out_of_the_money(K, 0.5, law, **options, rng=device.random.default_rng(1))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    draws = device.random.default_rng(1).standard_normal((4, 2, 3))
    assert isinstance(log_prices(0.5, law, noise=draws), device.ndarray)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"steps": 3}, ValueError, "steps must be even"),
        ({"steps": 0}, ValueError, "steps must be at least 2"),
        ({"paths": 1}, ValueError, "paths must be at least 2"),
        ({"paths": 1.5}, TypeError, "paths must be a whole number"),
        ({"T": 0.0}, ValueError, "T must be greater than 0"),
        ({"k": 0.0}, ValueError, r"k has shape \(\), expected \(K,\)"),
        ({"k": np.array([np.nan])}, ValueError, "k must be finite"),
        ({"model": Heston(1, [0.04, 0.05], 0, 1, 1)}, ValueError, r"one law, not .*\(2,\)"),
    ],
)
def test_a_simulation_refuses(change, error, message):
    arguments = {"k": K, "T": 1.0, "model": LAWS["of the grid"], "steps": 4, "paths": 10}
    with pytest.raises(error, match=message):
        monte_carlo.out_of_the_money(**{**arguments, **change}, rng=np.random.default_rng(0))
