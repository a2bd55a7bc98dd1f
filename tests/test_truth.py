"""Trainings held against the truth: where noise leaves them, and the command that shows it."""

from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tinyvae import SGD, VAE, Adam, plots
from tinyvae.__main__ import main
from tinyvae.commands import truth
from tinyvae.commands.truth_estimators import scores
from tinyvae.comparison import SampleMoments
from tinyvae.models import free_posterior
from tinyvae.models.descent import (
    EXACT,
    LinearVAEFit,
    PosteriorFit,
    descend,
    fall_by,
    floor_at,
    slope_at,
)
from tinyvae.models.linear_gaussian import ONE_DATUM as X
from tinyvae.models.linear_gaussian import ONE_LATENT as ONE
from tinyvae.models.moments import Moments
from tinyvae.models.ppca import data_with


def linear(beta=2.0, law="gaussian", **options):
    rng = np.random.default_rng(0)
    x = data_with((3.2, 1.4, 0.7, 0.5), 20, rng)
    vae = VAE(4, 2, (), likelihood=law)
    return LinearVAEFit(vae, x, vae.init(rng, np.float64), beta=beta, **options)


def rng():
    return np.random.default_rng(1)


# -- The exact gradient


@pytest.mark.parametrize("law", ["gaussian", "gaussian-learned"])
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_without_samples_a_linear_vae_arrives(law, beta):
    fit = linear(beta, law)
    theta, gaps = descend(fit, EXACT, Adam(0.1), [0, 1000], schedule=lambda t: 0.1 - t / 1e4)
    assert gaps[0] > 0.1
    assert abs(gaps[1]) < 1e-9
    assert fit.exact - fit.reached(theta) == gaps[1]


def test_without_samples_q_arrives_at_the_posterior():
    fit = PosteriorFit(ONE, X, runs=3)
    theta, gaps = descend(fit, EXACT, SGD(0.1), [0, 300])
    m, logvar = fit.blocks(theta)
    np.testing.assert_allclose(m, 0.75, atol=1e-6)
    np.testing.assert_allclose(np.exp(logvar), 0.5, atol=1e-6)
    assert gaps[1] < 1e-12
    assert fit.reached(theta) == pytest.approx(fit.exact, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("beta", "seed"), [(0.01, 0), (1.4, 1)])
def test_trainings_that_take_long_arrive_too(beta, seed):
    """A valley that is nearly flat, and a latent at its threshold, where the curvature is 0."""
    fit = truth.linear_vae_fit(SimpleNamespace(beta=beta, latent=2, seed=seed))
    theta, steps, gaps = truth.without_noise(fit)
    assert abs(gaps[-1]) < 1e-8
    assert steps[-1] > 3000
    assert slope_at(fit, theta) < 1e-6


def test_a_descent_ends_where_the_gradient_is_short_enough():
    fit, at = PosteriorFit(ONE, X), range(0, 301, 10)
    theta, gaps = descend(fit, EXACT, SGD(0.1), at, until=1e-3)
    _, whole = descend(fit, EXACT, SGD(0.1), at)
    assert 3 < len(gaps) < len(whole)
    np.testing.assert_array_equal(gaps, whole[: len(gaps)])
    before, _ = descend(fit, EXACT, SGD(0.1), at[: len(gaps) - 1])
    assert slope_at(fit, theta) < 1e-3 <= slope_at(fit, before)


def test_the_start_is_not_changed_and_at_may_be_dense_or_not():
    fit = PosteriorFit(ONE, X)
    start = fit.start.copy()
    _, some = descend(fit, EXACT, SGD(0.1), [0, 5, 20])
    _, each = descend(fit, EXACT, SGD(0.1), range(21))
    np.testing.assert_array_equal(some, each[[0, 5, 20]])
    np.testing.assert_array_equal(fit.start, start)


# -- The gradient with noise


def test_a_bowl_settles_and_falls_as_predicted():
    """The recursion of the docstring, iterated exactly on the second moments."""
    r, n = np.array([2.0, 0.5]), np.array([1.0, 3.0])

    def gap_after(steps, lr):
        u2 = np.ones(2)
        for t in range(steps):
            h = lr(t)
            u2 = (1 - h * r) ** 2 * u2 + h**2 * n
        return float(0.5 * r @ u2)

    assert floor_at((r, n), 0.1) == pytest.approx(gap_after(2000, lambda t: 0.1), rel=1e-12)
    assert floor_at((r, n), 0.001) == pytest.approx(0.001 / 4 * n.sum(), rel=1e-3)
    steps = 200_000
    found = steps * gap_after(steps, lambda t: 3.0 / (t + 30))
    assert fall_by((r, n), 3.0) == pytest.approx(found, rel=2e-3)
    assert fall_by((r, n), 0.9) == np.inf
    with pytest.raises(ValueError, match="lr must be less than 1"):
        floor_at((r, n), 1.0)


@pytest.mark.parametrize("objective", ["sampled", "analytic", "score"])
def test_with_a_constant_step_q_settles_where_the_noise_says(objective):
    """With 400 fits beside each other the mean over the late steps is known to a few percent."""
    fit, lr = PosteriorFit(ONE, X, runs=400), 0.005 if objective == "score" else 0.02
    steps = int(20 / lr)  # ten times as many as the slowest axis takes to settle
    _, gaps = descend(fit, objective, SGD(lr), range(steps // 2, steps, 50), rng=rng())
    assert gaps.mean() == pytest.approx(floor_at(fit.bowl(objective), lr), rel=0.1)


def test_the_plateau_is_proportional_to_the_step():
    fit = PosteriorFit(ONE, X, runs=400)
    late = []
    for lr in (0.08, 0.02):
        _, gaps = descend(fit, "sampled", SGD(lr), range(0, 801, 50), rng=rng())
        late.append(gaps[8:].mean())
    assert late[0] / late[1] == pytest.approx(4.0, rel=0.2)


def test_the_path_goes_on_at_a_constant_step():
    _, gaps = descend(
        PosteriorFit(ONE, X, runs=50), "path", SGD(0.1), [0, 100, 200, 300], rng=rng()
    )
    assert np.all(gaps[1:] < 0.02 * gaps[:-1])
    assert gaps[-1] < 1e-10


def test_a_falling_step_goes_on_like_one_over_t():
    fit, a = PosteriorFit(ONE, X, runs=400), 3.0
    at = [300, 1200]
    _, gaps = descend(fit, "sampled", SGD(0.1), at, rng=rng(), schedule=lambda t: a / (t + 30))
    np.testing.assert_allclose(gaps * at, fall_by(fit.bowl("sampled"), a), rtol=0.25)


def test_a_linear_vae_settles_where_the_noise_says():
    """Its bowl has 26 axes; of the path the decoder's noise is left, and of the encoder's none."""
    at = range(0, 2401, 10)
    for objective in ("sampled", "path"):
        fit = linear()
        fit.start = fit.optimum
        bowl = fit.bowl(objective)
        lr = 0.2 / bowl[0].max()
        _, gaps = descend(fit, objective, SGD(lr), at, rng=rng())
        assert np.mean(gaps[80:]) == pytest.approx(floor_at(bowl, lr), rel=0.25)
    alone = linear(encoder_alone=True)
    assert alone.bowl("path")[1].max() < 1e-25
    assert alone.bowl("sampled")[1].max() > 1e-3
    _, gaps = descend(alone, "path", SGD(0.05), [0, 1500], rng=rng())
    assert abs(gaps[1]) < 1e-12


def test_the_bowl_has_the_curvature_of_the_loss():
    """Two steps along the stiffest axis and along a random direction, by central differences."""
    fit = linear()
    rates, _ = fit.bowl("analytic")
    at, h, P = fit.optimum, 1e-3, fit.optimum.size
    second = np.empty((P, P))
    for i, one in enumerate(np.eye(P)):
        ahead, behind = (fit.gradient(at + s * h * one, EXACT, None) for s in (1, -1))
        second[i] = (ahead - behind) / (2 * h)
    np.testing.assert_allclose(np.linalg.eigvalsh(second), rates, atol=1e-4)
    assert rates.min() > 0.1


def test_the_rate_of_a_training_is_constant_or_falls_like_a_over_t():
    constant, falling = (truth.Training(None, "sampled", 0.1, a) for a in (np.inf, 3.0))
    assert [constant.rate(t) for t in (0, 7, 5000)] == [0.1, 0.1, 0.1]
    for t in (0, 7, 5000):
        assert falling.rate(t) == pytest.approx(3.0 / (t + 30.0), rel=1e-15)
    assert (str(constant), str(falling)) == ("0.1", "3 / (t + 30)")


def test_a_prediction_is_made_for_trainings_that_have_settled_alone():
    """Of the slowest axis, of curvature 1/2, there is left e^-t rate."""
    fit = PosteriorFit(ONE, X)
    training, late = truth.Training(fit, "sampled", 0.02), np.array([400, 500])
    np.testing.assert_allclose(training.predicted(late), floor_at(fit.bowl("sampled"), 0.02))
    assert training.predicted(late // 4) is None
    falling = truth.Training(fit, "sampled", 0.1, 3.0)
    np.testing.assert_allclose(
        falling.predicted(late) * late, fall_by(fit.bowl("sampled"), 3.0), rtol=1e-14
    )
    assert truth.Training(fit, "sampled", 0.1, 0.9).predicted(100 * late) is None  # no c / t
    np.testing.assert_allclose(truth.Training(fit, "path", 0.1).predicted(late), 0.0, atol=1e-15)


# -- The figure


def curves(**change):
    t = np.arange(1.0, 101.0)
    return {"exact gradient": (t, 0.5**t), "sampled, h": (t, 0.1 + 1 / t)} | change


def test_the_figure_holds_the_curves_and_the_predictions():
    ax = plots.gap_curves(curves(), floors=[0.1], falls=[2.0], title="one")
    lines = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(lines["sampled, h"][:, 1], 0.1 + 1 / np.arange(1.0, 101.0))
    dashed = [line.get_xydata() for line in ax.lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed[0][:, 1], 0.1)
    np.testing.assert_allclose(dashed[1].prod(axis=1), 2.0)  # slope -1
    assert {text.get_text() for text in ax.texts} >= {"exact gradient", "sampled, h"}
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_title(loc="left")) == ("log", "log", "one")


def test_a_gap_that_rounding_made_negative_is_drawn_below_the_frame():
    t = np.array([1.0, 2.0, 3.0])
    ax = plots.gap_curves({"path": (t, np.array([1.0, 1e-3, -1e-16]))})
    assert ax.lines[0].get_ydata()[-1] < ax.get_ylim()[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"curves": {}}, "curves is empty"),
        ({"curves": {"a": ([0.0, 1.0], [1.0, 1.0])}}, "steps of 'a' must be 1 or more"),
        ({"curves": {"a": ([2.0, 1.0], [1.0, 1.0])}}, "steps of 'a' must be 1 or more, and incre"),
        ({"curves": {"a": ([1.0, 2.0], [1.0])}}, r"gaps of 'a' has shape \(1,\), expected \(2,\)"),
        ({"curves": curves(), "floors": [np.nan]}, "floors must be finite"),
    ],
)
def test_bad_curves_are_refused_before_anything_is_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        plots.gap_curves(**arguments)
    assert not plt.get_fignums()


# -- The command

QUICK = ("--steps", "100", "--samples", "10000", "--no-figures")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(truth, "EXACT_STEPS", 800)
    monkeypatch.setattr(truth, "RUNS", 10)


def test_the_command_prints_reached_exact_and_gap(short, capsys, tmp_path):
    code = main(["truth", "--steps", "150", "--samples", "10000", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert code == 0, out
    rows = [line.split() for line in out.splitlines()[3:7]]
    for *_, reached, exact, gap, gradient, steps in rows:
        assert abs(float(gap)) < 1e-6
        assert float(reached) == pytest.approx(float(exact), abs=1e-6)
        assert float(gradient) < 1e-7
        assert int(steps) < 800
    assert float(rows[0][-4]) == pytest.approx(-1.8280121235, abs=1e-10)
    assert "linear VAE, beta = 2: 1 of 2 latents active" in out
    assert "linear VAE, beta = 1: 2 of 2 latents active" in out
    assert "exact 0.625000, 1.000000" in out
    assert (tmp_path / "gap.png").stat().st_size > 50_000


def test_the_same_seed_prints_the_same(short, capsys):
    printed = []
    for _ in range(2):
        assert main(["truth", *QUICK, "--seed", "3"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_a_training_that_has_not_arrived_is_not_called_wrong(monkeypatch, capsys):
    monkeypatch.setattr(truth, "EXACT_STEPS", 10)
    assert main(["truth", *QUICK]) == 0
    out = capsys.readouterr().out
    assert "linear VAE, beta = 2: not arrived, the gap is " in out
    assert "WRONG" not in out


def test_a_training_that_arrives_elsewhere_is_called_wrong(short, monkeypatch, capsys):
    """The decoder's gradient is off by a little: where it is 0 the loss is not lowest."""

    def off(self, theta, objective, rng):
        g = gradient(self, theta, objective, rng)
        g[-4:] += 0.01
        return g

    gradient = LinearVAEFit.gradient
    monkeypatch.setattr(LinearVAEFit, "gradient", off)
    assert main(["truth", *QUICK]) == 1
    out = capsys.readouterr().out
    assert "WRONG: linear VAE, beta = 2: the gap is " in out
    assert "WRONG: q of one x" not in out
    assert "not arrived" not in out


@pytest.mark.parametrize(
    ("gaps", "norm", "expected"),
    [
        ([1.0, 0.5, 0.1], 1e-3, True),
        ([1.0, 0.5, 0.1], 1e-9, False),  # it has stopped
        ([1.0, 2.0, 4.0], 1.0, False),  # it goes up
        ([1.0, 0.1, -0.1], 1.0, False),  # it is below the optimum
        ([1.0, np.nan, np.nan], np.nan, False),
    ],
)
def test_a_gap_is_excused_while_it_falls(gaps, norm, expected):
    assert truth.on_its_way(np.array(gaps), norm) is expected


def test_rows_that_have_not_settled_are_marked(short, capsys):
    assert main(["truth", *QUICK, "--steps", "500"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(k for k, line in enumerate(lines) if "rate" in line)
    late = [line.split("  ")[1] for line in lines[start:] if line.endswith("  not settled")]
    assert late == ["sampled, h/5", "sampled, a/t", "path, encoder alone"]
    assert lines[start].split() == ["rate", "gap", "predicted"]
    words = ("q of one x:", "linear VAE:", "rate:", "path:", "gap:")  # what the table says is said
    for word in words:
        assert any(line.startswith(word) for line in lines[start + 12 :])


def test_measured_variances_are_without_bias():
    x = np.random.default_rng(0).standard_normal(5)
    exact = Moments(np.zeros(()), np.ones(()))
    assert scores(SampleMoments.of(x), exact, None)[0] == pytest.approx(x.var(ddof=1), rel=1e-14)


def test_an_estimator_that_is_wrong_is_told(short, monkeypatch, capsys):
    """A missing half in d sigma / d logvar, of the kind that no objective sees."""

    def without_half(*args, **options):
        value, dm, dlogvar = estimates(*args, **options)
        return value, dm, 2.0 * dlogvar

    estimates = free_posterior.estimates
    monkeypatch.setattr(free_posterior, "estimates", without_half)
    assert main(["truth", *QUICK]) == 1
    out = capsys.readouterr().out
    assert "WRONG: sampled, at the exact posterior: variance of logvar has z = " in out
    assert "of value has" not in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--latent", "4"], "latent must be below 4"),
        (["--latent", "0"], "latent must be at least 1"),
        (["--beta", "0"], "beta must be greater than 0"),
        (["--steps", "10"], "steps must be at least 100"),
        (["--samples", "10"], "samples must be at least 10000"),
        (["--seed", "-1"], "seed must be at least 0"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(options, message, capsys):
    assert main(["truth", *options]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


@pytest.mark.slow
def test_the_whole_command_as_a_user_runs_it(tmp_path, capsys):
    assert main(["truth", "--out", str(tmp_path)]) == 0
    assert "WRONG" not in capsys.readouterr().out
