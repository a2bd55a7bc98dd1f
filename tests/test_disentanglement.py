"""What latents know of known factors: by quadrature, in closed form, and against Monte Carlo."""

import json
import re
from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from tinyvae import plots
from tinyvae import train as training
from tinyvae.__main__ import main
from tinyvae.commands import disentangle
from tinyvae.data.glyphs import RANGES
from tinyvae.disentanglement import Gap, classes, mutual_information, mutual_information_gap
from tinyvae.disentanglement import traversals as traverse
from tinyvae.inspection.report import ACTIVE
from tinyvae.kl import kl_per_latent
from tinyvae.vae import VAE


def column(values):
    return np.asarray(values, float)[:, None]


def known(mu, sigma, factor, **options):
    """I(z; v) of one latent."""
    logvar = np.broadcast_to(2 * np.log(sigma), np.shape(mu))
    return mutual_information(column(mu), column(logvar), factor, **options)[0]


def mixture(seed=0, N=40, K=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(N), np.exp(rng.uniform(-3, 0, N)), np.arange(N) % K


def class_densities(z, mu, sigma, factor):
    """p_k q(z | k) of each class, from SciPy's density."""
    return np.bincount(factor, norm.pdf(z, mu, sigma)) / len(mu)


def by_quadrature(mu, sigma, factor):
    p = np.bincount(factor) / len(mu)

    def integrand(z):
        joint = class_densities(z, mu, sigma, factor)
        seen = joint > 0
        return (joint[seen] * np.log(joint[seen] / (p[seen] * joint.sum()))).sum()

    edges = np.linspace((mu - 9 * sigma).min(), (mu + 9 * sigma).max(), 200)
    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-11)[0] for a, b in pairwise(edges))


# -- Mutual information ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mu", "sigma", "factor"),
    [
        ([-1, 1], [1.0, 1.0], [0, 1]),
        ([-2, 2], [1.0, 1.0], [0, 1]),
        ([-5, 5], [1.0, 1.0], [0, 1]),
        ([0, 0, 0], [0.1, 1.0, 2.0], [0, 1, 1]),
        mixture(),
    ],
    ids=["overlapping", "touching", "far apart", "by the width alone", "many"],
)
def test_information_is_the_integral_to_1e_minus_9(mu, sigma, factor):
    mu, sigma = np.array(mu, float), np.array(sigma)
    found = known(mu, sigma, np.array(factor))
    assert abs(found - by_quadrature(mu, sigma, factor)) < 1e-9


def test_classes_that_never_meet_are_known_fully():
    mu = np.repeat([-30.0, 0.0, 30.0], [1, 2, 5])
    p = np.array([1, 2, 5]) / 8
    assert abs(known(mu, 1.0, np.repeat([0, 1, 2], [1, 2, 5])) + p @ np.log(p)) < 1e-12
    assert abs(known([-20, 20], 1.0, [0, 1]) - np.log(2)) < 1e-12


def test_classes_of_one_density_are_not_known_at_all():
    mu, sigma, _ = mixture(N=20)
    found = known(np.tile(mu, 2), np.tile(sigma, 2), np.repeat([0, 1], 20))
    assert abs(found) < 1e-14


@pytest.mark.parametrize("snr", [0.25, 1.0, 9.0])
def test_a_gaussian_channel_carries_half_log_of_one_plus_snr(snr):
    """v ~ N(0, 1), here by its quantiles, each a class of its own: I = log(1 + snr) / 2."""
    N = 1500
    v = norm.ppf((np.arange(N) + 0.5) / N)
    found = known(np.sqrt(snr) * v, 1.0, v, bins=N)
    assert found == pytest.approx(0.5 * np.log1p(snr), abs=2e-3)


def test_finer_bins_of_a_gaussian_factor_approach_the_channel_from_below():
    v = norm.ppf((np.arange(1000) + 0.5) / 1000)
    found = [known(v, 1.0, v, bins=bins) for bins in (2, 4, 8, 16, 1000)]
    assert (np.diff(found) > 0).all()
    assert found[0] < 0.8 * found[-1]


def test_monte_carlo_agrees_within_five_standard_errors():
    mu, sigma, factor = mixture(seed=1)
    factor = np.where(factor == 2, 1, factor)  # of classes that differ in size
    rng = np.random.default_rng(2)
    n = rng.integers(0, len(mu), 20_000)
    z = mu[n] + sigma[n] * rng.standard_normal(len(n))
    density = norm.pdf(z[:, None], mu, sigma)
    own = (density * (factor == factor[n][:, None])).sum(axis=1) / np.bincount(factor)[factor[n]]
    log_ratio = np.log(own / density.mean(axis=1))
    error = log_ratio.std(ddof=1) / np.sqrt(len(n))
    assert abs(log_ratio.mean() - known(mu, sigma, factor)) < 5 * error
    # The negative control: the variance taken for the standard deviation.
    assert abs(log_ratio.mean() - known(mu, sigma**2, factor)) > 5 * error


def test_information_keeps_through_scaling_shifting_and_renaming():
    mu, sigma, factor = mixture()
    found = known(mu, sigma, factor)
    assert known(3 - 0.01 * mu, 0.01 * sigma, factor) == pytest.approx(found, abs=1e-9)
    assert known(mu, sigma, np.array(["b", "c", "a"])[factor]) == pytest.approx(found, rel=1e-12)


def test_a_latent_knows_no_more_of_a_factor_than_its_entropy_and_its_mean_kl():
    rng = np.random.default_rng(4)
    factor = rng.integers(0, 4, 400)
    mu = np.stack([factor - 1.5, 0.2 * factor, rng.standard_normal(400)], axis=1)
    logvar = rng.uniform(-6, 0, mu.shape)
    found = mutual_information(mu, logvar, factor)
    kl = kl_per_latent(mu, logvar)[0].mean(axis=0)
    assert (found >= 0).all()
    assert (found <= kl).all()
    assert (found <= np.log(4)).all()
    assert found[0] > found[1] > found[2]


def test_each_latent_is_measured_on_its_own():
    rng = np.random.default_rng(5)
    mu, logvar = rng.standard_normal((2, 60, 3))
    factor = rng.random(60)
    together = mutual_information(mu, logvar, factor)
    for j in range(3):
        alone = mutual_information(mu[:, [j]], logvar[:, [j]], factor)
        np.testing.assert_allclose(alone, together[j], rtol=1e-12)


def test_float32_and_read_only_codes_are_accepted_and_not_changed():
    mu, sigma, factor = mixture()
    short = column(mu).astype(np.float32), column(2 * np.log(sigma)).astype(np.float32)
    for array in short:
        array.flags.writeable = False
    assert mutual_information(*short, factor)[0] == pytest.approx(known(mu, sigma, factor), 1e-5)


def test_a_wide_range_of_widths_costs_no_memory_and_no_digits():
    """A grid of some 100 000 points, nearly all of them where no narrow component is."""
    mu = np.array([-1.0, -1.0 + 2e-3, 4.0, 5.0])
    sigma = np.array([1e-3, 1e-3, 1e-3, 0.5])
    factor = np.array([0, 1, 0, 1])
    near = known(mu[:2], sigma[:2], factor[:2])
    far = known(mu[2:], sigma[2:], factor[2:])
    assert known(mu, sigma, factor) == pytest.approx((near + far) / 2, abs=1e-9)


# -- Classes of a factor -------------------------------------------------------------------------


def test_a_continuous_factor_is_cut_into_bins_of_equal_counts():
    factor = np.random.default_rng(0).random(1000) ** 3
    code = classes(factor, 8)
    assert (np.bincount(code) == 125).all()
    assert (np.diff(code[np.argsort(factor)]) >= 0).all()


def test_equal_values_share_a_bin():
    assert classes(np.array([0.0, 0.0, 0.0, 1.0]), 4).tolist() == [0, 0, 0, 1]
    for rare in (1, 99):  # and a value is not lost in its neighbour's, however few have it
        factor = np.repeat([0.0, 1.0], [rare, 100 - rare])
        assert np.bincount(classes(factor, 2)).tolist() == [rare, 100 - rare]


def test_whole_numbers_and_names_are_classes_as_they_are():
    assert classes(np.array([7, 3, 7]), 2).tolist() == [1, 0, 1]
    assert classes(np.array(["sans", "mono"])).tolist() == [1, 0]


# -- The gap -------------------------------------------------------------------------------------


def codes_of(*columns, logvar=-12.0):
    mu = np.stack(columns, axis=1).astype(float)
    return mu, np.full_like(mu, logvar)


A, B = np.repeat([0, 1], 4), np.tile([0, 1, 2, 3], 2)  # two independent factors
NOTHING = np.zeros(8)


def test_one_latent_a_factor_has_a_gap_of_one():
    gap = mutual_information_gap(*codes_of(B, A, NOTHING), {"a": A, "b": B})
    np.testing.assert_allclose(gap.information, [[0, np.log(4)], [np.log(2), 0], [0, 0]], atol=1e-9)
    np.testing.assert_allclose(gap.entropy, np.log([2, 4]))
    np.testing.assert_allclose(gap.share, [[0, 1], [1, 0], [0, 0]], atol=1e-9)
    assert gap.names == ("a", "b")
    assert gap.mig == pytest.approx(1, abs=1e-9)


def test_a_factor_known_to_two_latents_has_no_gap():
    gap = mutual_information_gap(*codes_of(A, A, B), {"a": A, "b": B})
    np.testing.assert_allclose(gap.gaps, [0, 1], atol=1e-9)
    assert gap.mig == pytest.approx(0.5, abs=1e-9)


def test_a_rotated_code_has_the_same_kl_and_no_gap():
    """What the prior cannot tell apart: the reason that beta guarantees nothing."""
    rng = np.random.default_rng(6)
    v = rng.standard_normal((2000, 2))
    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    logvar = np.full_like(v, -4.0)
    straight, turned = (
        mutual_information_gap(mu, logvar, {"a": v[:, 0], "b": v[:, 1]}) for mu in (v, v @ turn)
    )
    kls = [kl_per_latent(mu, logvar)[0].sum() for mu in (v, v @ turn)]
    assert kls[0] == pytest.approx(kls[1])
    assert straight.mig > 0.6
    assert turned.mig < 0.05


def test_shuffled_factors_are_known_by_chance_alone():
    rng = np.random.default_rng(7)
    mu = rng.standard_normal((2000, 3))
    gap = mutual_information_gap(mu, np.full_like(mu, -2.0), {"v": rng.random(2000)})
    assert 0 < gap.share.max() < 0.03


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"mu": np.zeros(8)}, ValueError, r"mu has shape \(8,\), expected \(N, Z\)"),
        ({"logvar": np.zeros((8, 3))}, ValueError, r"logvar has shape \(8, 3\), expected \(8, 2\)"),
        ({"mu": np.full((8, 2), np.nan)}, ValueError, "mu must be finite"),
        ({"logvar": np.full((8, 2), -60.0)}, ValueError, r"logvar\[:, 0\] reaches -60: a grid"),
        ({"logvar": np.full((8, 2), -3000.0)}, ValueError, r"logvar\[:, 0\] reaches -3e\+03"),
        ({"logvar": np.full((8, 2), 3000.0)}, ValueError, r"logvar\[:, 0\] reaches 3e\+03"),
        ({"factors": {}}, ValueError, "factors is empty"),
        ({"factors": np.stack([A, B])}, TypeError, r"must be a dict, name -> \(N,\), not ndarray"),
        ({"factors": None}, TypeError, r"factors must be a dict, name -> \(N,\), not NoneType"),
        ({"factors": {"a": A[1:]}}, ValueError, r"a has shape \(7,\), expected \(8,\)"),
        ({"factors": {"a": 0 * A}}, ValueError, "a is the same for every example"),
        ({"factors": {"a": A + np.inf}}, ValueError, "a must be finite"),
        ({"factors": {"a": A + 0j}}, TypeError, "a must be numbers or names, not complex"),
        ({"bins": 1}, ValueError, "bins must be at least 2"),
        ({"mu": np.zeros((8, 1)), "logvar": np.zeros((8, 1))}, ValueError, "mu has one latent"),
    ],
)
def test_bad_input_is_named(change, error, says):
    good = {"mu": codes_of(A, B)[0], "logvar": np.zeros((8, 2)), "factors": {"a": A}}
    with pytest.raises(error, match=says):
        mutual_information_gap(**(good | change))


# -- Traversals ----------------------------------------------------------------------------------


def test_a_traversal_moves_one_latent_and_leaves_the_others():
    vae = VAE(5, 3, (4,))
    theta = vae.init(np.random.default_rng(0))
    mu0, values = np.array([0.3, -1.0, 2.0]), np.array([-2.0, 0.0, 1.5, 2.0])
    pictures = traverse(vae, theta, mu0, values)
    assert pictures.shape == (3, 4, 5)
    assert pictures.dtype == np.float32
    z = np.array([[0.3, 1.5, 2.0]], np.float32)
    np.testing.assert_allclose(pictures[1, 2], vae.mean(theta, z)[0], rtol=1e-6)
    np.testing.assert_allclose(
        pictures[2, 3], vae.mean(theta, mu0[None].astype("f4"))[0], rtol=1e-6
    )
    with pytest.raises(ValueError, match=r"mu0 has shape \(2,\), expected \(3,\)"):
        traverse(vae, theta, mu0[:2], values)
    with pytest.raises(ValueError, match="values has shape"):
        traverse(vae, theta, mu0, 1.0)


# -- Figures -------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
PICTURES = RNG.random((3, 5, 12))


def grid(**change):
    arguments = {"pictures": PICTURES, "values": np.linspace(-2, 2, 5), "image_shape": (4, 3)}
    arguments |= {"kl": [0.1, 2.0, 1.0], "notes": ["a", "b", "c"]}
    return plots.traversal_grid(**(arguments | change))


def matrix(**change):
    arguments = {"share": np.array([[0.1, 0.2], [0.9, 0.0], [0.3, 0.5]]), "names": ["v", "w"]}
    return plots.information_matrix(**(arguments | {"kl": [0.1, 2.0, 1.0]} | change))


def against_beta(**change):
    arguments = {"betas": [1, 4], "mig": [[0.1, 0.3], [0.2, 0.4]]}
    return plots.gap_by_beta(**(arguments | {"gaps": {"v": [0.5, 0.4], "w": [0, 0]}} | change))


@pytest.mark.parametrize("draw", [grid, matrix, against_beta])
def test_every_figure_is_saved_and_the_same_arrays_give_the_same_bytes(draw, tmp_path):
    for name in ("one.svg", "two.svg"):
        plots.save(draw(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_traversals_stand_in_the_order_of_their_kl():
    ax = grid()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "latent 1, KL 2.00 nats",
        "latent 2, KL 1.00 nats",
        "latent 0, KL 0.10 nats",
    ]
    assert [text.get_text() for text in ax.texts] == ["b", "c", "a"]
    picture = np.asarray(ax.images[0].get_array())
    for row, j in enumerate((1, 2, 0)):
        for step in range(5):
            x, y = round(ax.get_xticks()[step]), int(np.floor(ax.get_yticks()[row]))
            here = picture[y - 1 : y + 3, x - 1 : x + 2]
            np.testing.assert_array_equal(here, PICTURES[j, step].reshape(4, 3))


def test_the_matrix_holds_what_it_was_given_in_the_order_of_kl():
    ax = matrix()
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0.9, 0.0], [0.3, 0.5], [0.1, 0.2]])
    shown = [text.get_text() for text in ax.texts]
    assert shown == ["90%", "0%", "30%", "50%", "10%", "20%"]


def test_every_run_is_a_dot_and_the_line_is_their_mean():
    ax = against_beta()
    dots = ax.collections[0].get_offsets()
    np.testing.assert_allclose(dots, [[1, 0.1], [1, 0.3], [4, 0.2], [4, 0.4]])
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), [0.2, 0.3])
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_single_beta_is_drawn_too():
    assert against_beta(betas=[2], mig=[[0.1]], gaps=None).lines[0].get_marker() == "_"


@pytest.mark.parametrize(
    ("draw", "change", "says"),
    [
        (grid, {"values": [0.0]}, "values has shape"),
        (grid, {"notes": ["a"]}, "notes has shape"),
        (grid, {"image_shape": (5, 3)}, "image_shape"),
        (matrix, {"share": [[0.0, 1.5]], "kl": [1.0]}, r"share must be in \[0, 1\]"),
        (matrix, {"kl": [1.0]}, "kl has shape"),
        (against_beta, {"betas": [0, 1]}, "betas must be positive, and increase"),
        (against_beta, {"betas": [4, 1]}, "betas must be positive, and increase"),
        (against_beta, {"mig": [[0.1], [np.nan]]}, "mig must be finite"),
        (against_beta, {"gaps": {"v": [1.0]}}, r"gaps\['v'\] has shape"),
    ],
)
def test_bad_arrays_are_named(draw, change, says):
    with pytest.raises(ValueError, match=says):
        draw(**change)


# -- The command ---------------------------------------------------------------------------------

SMALL = ("--n", "200", "--epochs", "2", "--latent", "3")


def run(*options):
    return main(["disentangle", *SMALL, *map(str, options)])


def test_the_command_prints_a_row_a_beta_and_writes_its_figures(tmp_path, capsys):
    assert run("--betas", 8, 0.5, "--seeds", 2, "--seed", 3, "--out", tmp_path) == 0
    out = capsys.readouterr().out
    heading = out.index("  beta  held-out")
    rows = re.findall(r"^ +(0\.5|8) +[\d.]+ +[\d.]+ +\d\.\d +\d\.\d{3}  .* to ", out, re.M)
    assert rows == ["0.5", "8"]
    assert "200 glyphs" in out[:heading]
    assert "at seed 3" in out
    names = re.search(r"^written to .*: (.*)$", out, re.M)[1].split(", ")
    assert set(names) == {path.name for path in tmp_path.iterdir()}
    assert {"mig.png", "information.png", "traversals_beta_0.5.png", "results.json"} <= set(names)
    records = json.loads((tmp_path / "results.json").read_text())
    assert [(r["beta"], r["seed"]) for r in records] == [(0.5, 3), (0.5, 4), (8, 3), (8, 4)]
    assert list(records[0]["gaps"]) == ["character", "font", *RANGES]
    assert len(records[0]["kl"]) == 3
    mean = np.mean([r["mig"] for r in records[:2]])
    assert f"{mean:.3f}" in re.search(r"^ +0\.5 .* to .*$", out, re.M)[0]


def test_the_command_runs_twice_to_the_same_numbers(tmp_path):
    for name in ("one", "two"):
        assert run("--betas", 1, "--seeds", 1, "--out", tmp_path / name) == 0
    one, two = ((tmp_path / name / "results.json").read_text() for name in ("one", "two"))
    assert one == two
    assert (tmp_path / "one" / "traversals_beta_1.png").is_file()


@pytest.mark.parametrize(
    ("seeds", "epochs", "says"),
    [(1, 1, "1 run a beta, 1 epoch,"), (2, 2, "2 runs a beta, 2 epochs,")],
)
def test_one_of_a_kind_is_in_the_singular(seeds, epochs, says, tmp_path, capsys):
    assert run("--betas", 1, "--seeds", seeds, "--epochs", epochs, "--out", tmp_path) == 0
    assert says in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--betas", "0"), "betas must be greater than 0"),
        (("--betas", "nan"), "betas must be finite"),
        (("--latent", "1"), "latent must be at least 2"),
        (("--seeds", "0"), "seeds must be at least 1"),
        (("--epochs", "0"), "epochs must be at least 1"),
        (("--n", "1"), "n must be at least 20"),
        (("--seed", "-1"), "seed must be at least 0"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, says, tmp_path, capsys):
    assert run(*options, "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_a_folder_that_cannot_be_made_is_found_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "fit", None)  # it would fail if it were called
    (tmp_path / "file").write_text("")
    assert run("--out", tmp_path / "file") == 2
    assert "file" in capsys.readouterr().err


def test_ctrl_c_ends_the_command_and_leaves_no_results(tmp_path, monkeypatch):
    """`fit` turns Ctrl-C into an early end: what it returns must not pass for a trained model."""
    fit = training.fit
    monkeypatch.setattr(training, "fit", lambda *args: fit(*args, on_epoch=lambda state: True))
    assert run("--out", tmp_path) == 130
    assert not list(tmp_path.iterdir())


def as_run(beta, mig):
    gap = Gap(("v",), np.array([[mig], [0.0]]), np.ones(1))
    return disentangle.Run(beta, 0, None, None, np.eye(2), np.ones(2), 1.0, gap, 0.01)


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ({1: [0.3, 0.2], 4: [0.1, 0.1]}, "highest at the lowest beta, 1: no rise with beta"),
        ({1: [0.1, 0.2], 4: [0.3, 0.4]}, r"beta 4: 0\.350.* do not overlap"),
        ({1: [0.1, 0.35], 4: [0.3, 0.4]}, "overlap: these runs show no rise with beta"),
        ({1: [0.1], 4: [0.3]}, "of one seed each, which says nothing of the spread"),
        ({2: [0.1]}, "one beta"),
    ],
)
def test_the_verdict_says_no_more_than_the_seeds_allow(runs, says):
    runs = {beta: [as_run(beta, mig) for mig in each] for beta, each in runs.items()}
    assert re.search(says, disentangle.verdict(runs))


def test_a_unit_is_active_as_inspect_has_it(monkeypatch):
    """By the same threshold, and in the same words."""
    one = as_run(1, 0.3)
    one.mu = np.sqrt([[1.01 * ACTIVE, 0.99 * ACTIVE]]) * [[1.0], [-1.0]]
    assert one.active == 1
    monkeypatch.setattr(disentangle, "ACTIVE", 2.0 * ACTIVE)
    assert one.active == 0
    assert f"active: units with Var_x E[z|x] > {ACTIVE:g}" in disentangle.LEGEND


def test_what_chance_explains_is_not_called_known():
    assert as_run(1, 0.3).known == ["v 30%", "-"]
    assert as_run(1, 0.005).known == ["-", "-"]


@pytest.mark.slow
def test_glyphs_teach_a_latent_the_rotation_and_a_large_beta_forgets(tmp_path):
    assert main(f"disentangle --betas 4 64 --seeds 1 --epochs 30 --out {tmp_path}".split()) == 0
    mild, strong = json.loads((tmp_path / "results.json").read_text())
    assert max(mild["share"]["rotation"]) > 10 * mild["chance"]
    assert sum(strong["kl"]) < 0.2 * sum(mild["kl"])
    assert strong["mig"] < mild["mig"]
