"""The report on an estimator: its moments, its verdict, its memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tinyvae.comparison import SampleMoments, compare, compare_all, table
from tinyvae.distributions import bernoulli, normal, truncated_normal
from tinyvae.errors import NotFinite
from tinyvae.estimators import ESTIMATORS, by_name
from tinyvae.estimators.estimator import Estimator
from tinyvae.exact import closed_form
from tinyvae.heap import keep_dropped_memory
from tinyvae.integrands import exponential, linear, quadratic, step

PARAMS = np.array([0.3, -1.0]), np.array([0.5, 2.0])


def run(name="pathwise", f=None, law=normal, params=PARAMS, samples=5000, seed=0, **options):
    row = by_name(name) if isinstance(name, str) else name
    rng = np.random.default_rng(seed)
    return compare(row, f or quadratic(), law, params, samples=samples, rng=rng, **options)


# -- Moments


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    shift=st.floats(-1e3, 1e3),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_moments_of_parts_add_up_to_those_of_the_whole(sizes, shift, seed):
    x = shift + np.random.default_rng(seed).exponential(size=(sum(sizes), 3))
    parts = [SampleMoments.of(part) for part in np.split(x, np.cumsum(sizes)[:-1])]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    np.testing.assert_allclose(total.mean, x.mean(axis=0), rtol=1e-12)
    for k, ours in ((2, total.M2), (3, total.M3), (4, total.M4)):
        np.testing.assert_allclose(ours, len(x) * stats.moment(x, k), rtol=1e-7, atol=1e-7)


def test_a_report_is_that_of_all_samples_at_once():
    """The same draws, whatever the chunk: pathwise looks at one at a time."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((5000, 2))
    (whole, _) = by_name("pathwise").fn(quadratic(), normal, PARAMS, noise)
    for chunk in (10, 777, 10**6):
        loc, _ = run(seed=3, chunk=chunk)
        assert loc.samples == 5000
        np.testing.assert_allclose(loc.mean, whole.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(loc.variance, whole.var(axis=0, ddof=1), rtol=1e-12)
        spread = (stats.moment(whole, 4) - whole.var(axis=0, ddof=1) ** 2) / 5000
        np.testing.assert_allclose(loc.variance_error, np.sqrt(spread), rtol=1e-10)


def test_the_error_of_a_variance_is_what_repeating_shows():
    reports = [run(samples=400, seed=seed)[1] for seed in range(400)]
    spread = np.std([report.variance for report in reports], axis=0)
    claimed = np.mean([report.variance_error for report in reports], axis=0)
    np.testing.assert_allclose(claimed, spread, rtol=0.15)


# -- The verdict


def test_a_right_estimator_is_within_five_standard_errors():
    exact = 2 * PARAMS[0], 2 * PARAMS[1]  # E z² = loc² + scale²
    for name in ("pathwise", "score function", "measure-valued"):
        for report in run(name, samples=20_000, exact_mean=exact):
            assert (np.abs(report.z) < 5).all()


def test_a_bias_of_one_percent_is_seen():
    right = by_name("pathwise")
    wrong = Estimator("wrong", lambda *args: tuple(1.01 * g for g in right.fn(*args)))
    exact = 2 * PARAMS[0], 2 * PARAMS[1]
    loc, scale = run(wrong, samples=10**6, exact_mean=exact)
    assert np.abs(loc.z[1]) > 4
    assert np.abs(scale.z[0]) > 4


def test_an_estimate_without_spread_is_right_or_infinitely_wrong():
    right, _ = run(f=linear(a=3.0), exact_mean=(3.0, 0.0))
    wrong, _ = run(f=linear(a=3.0), exact_mean=(3.1, 0.0))
    np.testing.assert_array_equal(right.variance, 0)
    np.testing.assert_array_equal(right.z, 0)
    np.testing.assert_array_equal(right.signal_to_noise, np.inf)
    np.testing.assert_array_equal(wrong.z, -np.inf)


def test_cost_is_charged():
    one, two = run("score function")[0], run("score function, antithetic")[0]
    assert (one.cost, two.cost) == (1, 2)
    np.testing.assert_allclose(two.cost_adjusted, 2 * two.variance)


def test_a_parameter_without_a_gradient_has_no_report():
    params = np.array(0.0), np.array(1.0), np.array(-1.0), np.array(2.0)
    loc, scale, low, high = run("score function", law=truncated_normal, params=params)
    assert loc.parameter == "loc"
    assert scale.parameter == "scale"
    assert low is None
    assert high is None
    assert len(table([loc, low, high, scale]).splitlines()) == 3


def test_what_the_law_does_not_admit_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="no path"):
        run("pathwise", law=bernoulli, params=(np.array(0.3),))


@pytest.mark.parametrize("samples", [1, 0, -3])
def test_one_sample_has_no_variance(samples):
    with pytest.raises(ValueError, match="samples must be at least 2"):
        run(samples=samples)


# -- The table


def test_the_table_shows_every_number():
    loc = run(f=quadratic(), exact_mean=(0.5, 1.0), exact_variance=(4.0, 8.0))[0]
    head, row = table([loc]).splitlines()
    assert head.split()[0] == "estimator"
    assert len(head) == len(row)
    assert row.split() == [*loc.row(base=loc.variance.mean())]
    assert row.split()[7] == "1"  # the ratio to itself
    assert f"{loc.variance.mean():.5g}" in row


def test_an_estimate_that_is_always_zero_has_no_signal():
    loc, _ = run(f=step(), exact_mean=(0.1, 0.2))
    np.testing.assert_array_equal(loc.signal_to_noise, 0.0)


def test_the_ratio_is_to_the_first_that_varies_where_pathwise_does_not():
    rows = [run(name, f=step())[0] for name in ("pathwise", "score function")]
    assert [line.split()[-4] for line in table(rows).splitlines()] == ["ratio", "0", "1"]


@pytest.mark.parametrize("nothing", [[], [None]])
def test_a_table_of_nothing_is_refused(nothing):
    with pytest.raises(ValueError, match="comparisons is empty"):
        table(nothing)


def test_estimates_that_overflow_are_named():
    with pytest.raises(NotFinite, match="d/dloc by pathwise overflow: is E f"):
        run(f=exponential(k=1e4))


def test_what_is_not_known_is_a_dash():
    row = table([run()[0]]).splitlines()[1].split()
    assert row[2] == row[3] == row[6] == "-"


# -- Memory


@pytest.mark.slow
def test_a_million_samples_in_a_hundred_dimensions_fit_in_little_memory():
    params = np.full(100, 0.5), np.ones(100)
    exact = tuple(np.full(100, g) for g in (1.0, 2.0))
    keep_dropped_memory()  # what it asks for is never touched, but would be counted
    tracemalloc.start()
    loc, scale = run("score function", params=params, samples=10**6, exact_mean=exact)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # all at once: 1.6 GB
    assert loc.samples == 10**6
    known = closed_form("score function", "quadratic", {"k": 0.0}, 0.5, 1.0, D=100)
    for report, (_, variance) in zip((loc, scale), known.values(), strict=True):
        assert (np.abs(report.z) < 5).all()
        assert (np.abs(report.variance - variance) < 5 * report.variance_error).all()


def test_memory_does_not_grow_with_the_samples():
    params = np.zeros(100), np.ones(100)
    keep_dropped_memory()  # what it asks for is never touched, but would be counted
    tracemalloc.start()
    run("score function", params=params, samples=60_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6  # all at once the gradients alone would take 96 MB


def test_together_on_one_noise_they_give_what_each_gives_alone():
    params = np.full(3, 0.5), np.full(3, 1.2)
    rows = [row for row in ESTIMATORS if row.admits(normal)]
    assert len({row.noise for row in rows}) > 2  # kinds of noise
    options = {"samples": 3000, "chunk": 900}
    rng = np.random.default_rng(3)
    together = compare_all(rows, quadratic(0.2), normal, params, rng=rng, **options)
    assert list(together) == [row.name for row in rows]
    for row in rows:
        alone = compare(
            row, quadratic(0.2), normal, params, rng=np.random.default_rng(3), **options
        )
        for a, b in zip(together[row.name], alone, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(a.mean, b.mean)
                np.testing.assert_array_equal(a.variance_error, b.variance_error)


def test_one_that_does_not_fit_is_an_exception_and_the_others_go_on():
    def refuses(f, law, params, noise):
        raise ValueError("not this one")

    rows = [Estimator("refuses", refuses), by_name("pathwise")]
    params = np.array(0.5), np.array(1.0)
    rng = np.random.default_rng(0)
    found = compare_all(rows, quadratic(), normal, params, samples=500, rng=rng)
    assert str(found["refuses"]) == "not this one"
    assert found["pathwise"][0].samples == 500
    with pytest.raises(ValueError, match="not this one"):
        compare(rows[0], quadratic(), normal, params, samples=500, rng=rng)


def test_an_estimator_sees_many_samples_at_once_in_many_dimensions_too():
    """Cross-fitting, say, fits its baseline on half of them."""
    seen = []

    def looks(f, law, params, noise):
        seen.append(len(noise))
        return noise, noise

    params = np.zeros(5000), np.ones(5000)
    rng = np.random.default_rng(0)
    compare(Estimator("looks", looks), quadratic(), normal, params, samples=700, rng=rng)
    assert min(seen) >= 256
    assert sum(seen) == 700
