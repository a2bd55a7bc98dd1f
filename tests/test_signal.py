"""What more samples do to the gradient of the importance-weighted bound."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from test_elbo import model

from tinyvae import NotFinite, plots
from tinyvae.__main__ import main
from tinyvae.commands.importance import SAMPLES, X, autoencoder, estimates
from tinyvae.models.linear_gaussian import ONE_LATENT, LinearGaussian
from tinyvae.signal import gradient_moments, slope


def test_moments_are_those_of_gradients_made_one_by_one():
    vae, theta, x = model(latent=2)
    found = gradient_moments(
        vae, theta, x[0], objective="iwae", samples=3, repeats=40, rng=np.random.default_rng(0)
    )
    eps = np.random.default_rng(0).standard_normal((3, 40, 2))
    bias = vae.layout.slices["out.b"]
    each = [vae.elbo(theta, x=x[:1], eps=eps[:, [r]], objective="iwae") for r in range(40)]
    gradients = np.array([vjp(np.ones(1))[0] for _, vjp in each])
    np.testing.assert_allclose(found["out"].mean, gradients[:, bias].mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(found["out"].variance, gradients[:, bias].var(axis=0, ddof=1))
    heads = gradients[:, vae.layout.slices["mu.b"]]
    np.testing.assert_allclose(found["mu"].mean, heads.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(found["mu"].variance, heads.var(axis=0, ddof=1))


@pytest.mark.parametrize("numbers", [1, 64])
def test_chunks_do_not_change_the_moments(monkeypatch, numbers):
    vae, theta, x = model(latent=2)
    options = {"objective": "dreg", "samples": 2, "repeats": 30}
    whole = gradient_moments(vae, theta, x[0], **options, rng=np.random.default_rng(0))
    monkeypatch.setattr("tinyvae.signal.NUMBERS", numbers)
    parts = gradient_moments(vae, theta, x[0], **options, rng=np.random.default_rng(0))
    for node in whole:
        error = np.sqrt((whole[node].variance + parts[node].variance) / 30)
        assert np.all(np.abs(whole[node].mean - parts[node].mean) < 5 * error)
        assert parts[node].n == 30


def test_slope_is_the_exponent():
    assert slope(SAMPLES, 3.0 * np.array(SAMPLES) ** -0.5) == pytest.approx(-0.5, abs=1e-12)


def test_more_samples_help_the_decoder_and_hurt_the_encoder_unless_reparameterized_twice():
    """Rainforth et al.: slopes 1/2 and -1/2; Tucker et al.: 1/2."""
    vae, theta = autoencoder(1.0, 0.9)
    few = (16, 64, 256)
    plain, double = (
        [estimates(vae, theta, objective, S, 4000, 0) for S in few]
        for objective in ("iwae", "dreg")
    )
    for node in ("mu", "logvar", "out"):
        signal = np.array([abs(found[node].mean[0]) for found in double])
        for rows, expected in ((plain, 0.5 if node == "out" else -0.5), (double, 0.5)):
            noise = np.sqrt([found[node].variance[0] for found in rows])
            assert slope(few, signal / noise) == pytest.approx(expected, abs=0.05)


def test_the_path_gradients_lose_where_q_is_narrow():
    """The closed forms of one sample: (Λs - 1/s)² = 21.16 against Λ²s² = 0.16."""
    vae, theta = autoencoder(1.0, 0.2)
    variance = {
        (objective, S): estimates(vae, theta, objective, S, 20_000, 0)["mu"].variance[0]
        for objective, S in (("sampled", 1), ("path", 1), ("iwae", 8), ("dreg", 8))
    }
    assert variance["sampled", 1] == pytest.approx(0.16, rel=5 * np.sqrt(2 / 20_000))
    assert variance["path", 1] == pytest.approx(21.16, rel=5 * np.sqrt(2 / 20_000))
    assert variance["dreg", 8] > 20 * variance["iwae", 8]


# -- The variance of the weights


@pytest.mark.parametrize(("m", "s"), [(1.0, 0.9), (0.75, np.sqrt(0.5)), (1.2, 0.6), (-3.0, 2.0)])
def test_the_variance_of_the_weights_is_the_integral(m, s):
    z = np.linspace(-30, 30, 200_001)
    q = np.exp(-0.5 * ((z - m) / s) ** 2) / np.sqrt(2 * np.pi) / s
    posterior = np.exp(-((z - X / 2) ** 2)) / np.sqrt(np.pi)
    inside = q > 1e-290
    expected = (posterior[inside] ** 2 / q[inside]).sum() * (z[1] - z[0]) - 1
    found = ONE_LATENT.weight_variance(np.array([m]), np.array([2 * np.log(s)]), x=np.array([X]))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-10)


def test_a_q_narrower_than_half_the_posterior_has_weights_without_variance():
    x, m = np.array([X]), np.array([0.75])
    for variance, finite in ((0.2501, True), (0.25, False), (0.1, False)):
        found = ONE_LATENT.weight_variance(m, np.log([variance]), x=x)
        assert np.isfinite(found) == finite


def test_the_variance_of_the_weights_in_many_dimensions():
    rng = np.random.default_rng(0)
    many = LinearGaussian(rng.standard_normal((3, 4)), rng.standard_normal(4), 0.9)
    x = rng.standard_normal((5, 4))
    mean, covariance = many.posterior(x)
    m, logvar = mean + 0.1, np.log(np.diag(covariance)) + 0.3 + np.zeros((5, 3))
    found = many.weight_variance(m, logvar, x=x)
    n = 200_000
    z = m + np.exp(0.5 * logvar) * rng.standard_normal((n, 5, 3))
    log_q = -0.5 * (((z - m) ** 2) * np.exp(-logvar) + logvar + np.log(2 * np.pi)).sum(axis=-1)
    ratio = np.exp(many.log_joint(x, z) - log_q - many.log_prob(x))
    squares = ratio**2
    error = squares.std(axis=0) / np.sqrt(n)
    assert np.all(np.abs(squares.mean(axis=0) - 1 - found) < 5 * error)


# -- The command


def test_the_command_prints_a_rising_bound_and_the_slopes(capsys, tmp_path):

    assert main(["importance", "--repeats", "2000", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    table = [line.split() for line in out.splitlines()[4 : 4 + len(SAMPLES) + 1]][1:]
    assert [int(row[0]) for row in table] == list(SAMPLES)
    gaps = [float(row[2]) for row in table]
    assert gaps == sorted(gaps, reverse=True)
    last = table[-1]
    assert abs(float(last[2]) - float(last[4])) < 5 * float(last[3])
    assert {path.name for path in tmp_path.iterdir()} == {"bound.png", "signal.png"}
    assert out.count("-1/2") == 2


def test_at_the_posterior_there_is_nothing_more_to_show(capsys):
    half = str(np.sqrt(0.5))
    assert main(["importance", "--loc", "0.75", "--sigma", half, "--repeats", "100"]) == 0
    out = capsys.readouterr().out
    assert "q is the posterior" in out
    assert "signal to noise" not in out


@pytest.mark.parametrize(("loc", "exact"), [(4.0, 10.631), (20.0, 370.631)])
def test_far_from_the_posterior_no_control_variate_brings_noise_in(loc, exact, capsys):
    """log p(x) - ELBO = KL = (loc - .75)² + .5 (1.62 - 1 - log 1.62)."""
    main(["importance", "--loc", str(loc), "--repeats", "1000", "--no-figures"])
    out = capsys.readouterr().out
    _, _, gap, error, _ = out.splitlines()[5].split()
    assert abs(float(gap) - exact) < 5 * float(error)
    rows = [line for line in out.splitlines() if re.match("(mu|logvar|out), ", line)]
    assert all(row.endswith("-     -") for row in rows)


def test_gradients_that_are_not_finite_are_refused():
    vae, theta = autoencoder(1.0, 0.9)
    theta[0] = np.nan
    with pytest.raises(NotFinite, match="is the first array"):
        estimates(vae, theta, "iwae", 2, 10, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sigma", "0"), "sigma must be greater than 0"),
        (("--loc", "nan"), "loc must be finite"),
        (("--repeats", "99"), "repeats must be at least 100"),
        (("--seed", "-1"), "seed must be at least 0"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message, capsys):

    assert main(["importance", *options]) == 2
    assert message in capsys.readouterr().err


# -- The figures


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": [1, 1]}, "samples must be two numbers or more, and increase"),
        ({"gap": [0.1, np.nan]}, "gap must be finite"),
        ({"error": [0.1]}, "error has shape"),
        ({"limit": [0.1]}, "limit has shape"),
    ],
)
def test_bad_gaps_are_named(change, message):
    arguments = {"samples": [1, 2], "gap": [0.2, 0.1], "error": [0.01, 0.01]} | change
    with pytest.raises(ValueError, match=message):
        plots.bound_gap(**arguments)


def test_a_gap_below_its_error_has_no_place_on_the_axis():
    ax = plots.bound_gap([1, 2, 4], [0.2, 0.1, -0.01], [0.01, 0.01, 0.02], [0.2, 0.1, 0.05])
    line = ax.containers[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), [1, 2])
    plt.close(ax.figure)


def test_lines_are_named_with_their_slopes():
    ratios = {("iwae", "mu"): [0.2, 0.1], ("dreg", "mu"): [0.2, 0.4]}
    slopes = {("iwae", "mu"): -0.5, ("dreg", "mu"): 0.5}
    ax = plots.signal_to_noise([1, 4], ratios, slopes)
    names = [text.get_text() for text in ax.texts]
    assert names == ["mu, iwae: slope −0.50", "mu, dreg: slope +0.50"]
    plt.close(ax.figure)
