"""The gallery of mistakes: what it says of each is what happens, and who catches it is computed."""

import argparse
import inspect
import re
from functools import lru_cache

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tinyvae import gallery, gradcheck, kl, reparameterize
from tinyvae.commands import bugs
from tinyvae.diagnose import diagnose
from tinyvae.distributions import gaussian
from tinyvae.elbo import FROM_WEIGHTS
from tinyvae.gallery import GALLERY, PARTS, SETTINGS, Mistake, draw, side_by_side
from tinyvae.gallery.example import SHAPES, example
from tinyvae.gallery.mistake import lines_of
from tinyvae.gallery.oracles import objective_verdict
from tinyvae.gallery.trained import noisy, run
from tinyvae.gallery.vae import Assembled
from tinyvae.models.quadrature import noise_grid
from tinyvae.plots.gallery import claims_and_truths

EVERY = pytest.mark.parametrize("name", GALLERY)
TRAIN, VERDICTS = gallery.train, gallery.verdicts  # the command's tests put cached ones there
EACH_SETTING = pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda s: s.name)


@lru_cache
def trained(name=None, setting="elbo"):
    return TRAIN(GALLERY.get(name), setting)


@lru_cache
def verdict(name):
    mistake = GALLERY[name]
    return VERDICTS(SETTINGS[mistake.setting], mistake, trained(name).params)


@lru_cache
def verdict_on_right_code(setting):
    return VERDICTS(SETTINGS[setting], None, trained(setting=setting).params)


# -- Right code: the negative control


@EACH_SETTING
def test_right_code_is_accused_of_nothing_and_claims_what_is_true(setting):
    end = trained(setting=setting.name)
    found = verdict_on_right_code(setting.name)
    assert (found.gradient, found.objective) == ("ok", "ok")
    assert end.claimed == end.true
    assert end.excess <= 1e-9


@pytest.mark.parametrize("setting", ["elbo", "learned variance"])
def test_right_code_reaches_the_optimum_of_probabilistic_pca(setting):
    end = trained(setting=setting)
    assert abs(end.lost) < 1e-9
    assert end.settled
    model = end.setting.model()
    np.testing.assert_allclose(end.sd**2, np.diag(np.linalg.inv(model.precision)), rtol=1e-6)
    np.testing.assert_allclose(end.mean, model.posterior(end.setting.x)[0], atol=1e-5)
    assert end.tau2 == pytest.approx(end.exact_tau2, rel=1e-6)
    assert end.optimum == pytest.approx(model.log_prob(end.setting.x).mean(), abs=1e-12)


def test_the_right_importance_weighted_bound_ends_between_the_plain_one_and_log_px():
    end = trained(setting="importance-weighted")
    model, x = end.setting.model(), end.setting.x
    plain = model.bound(*model.best_diagonal(x), x=x)[0].mean()
    assert plain + 0.1 < end.true < model.log_prob(x).mean() - 0.1
    assert (end.sd > 1.1 * end.plain_sd).all()


@pytest.mark.parametrize("part", SHAPES)
def test_each_right_part_has_a_right_gradient(part):
    args, constants = example(part)
    gradcheck(PARTS[part], *args, **constants).raise_if_wrong()


def test_the_right_parts_are_the_package_s_own():
    (args, constants), setting = example("draw"), SETTINGS["elbo"]
    (mu, logvar), eps = args, constants["eps"]
    z = PARTS["draw"](mu, logvar, eps=eps)[0]
    np.testing.assert_allclose(z, reparameterize(mu, logvar, eps=eps)[0])
    np.testing.assert_allclose(PARTS["kl"](mu, logvar)[0], kl(mu, logvar)[0])
    x = setting.x[: len(mu)]
    log_px = PARTS["log_px"](z, np.log(setting.optimum.variance), W=setting.W, x=x)[0]
    np.testing.assert_allclose(log_px, setting.model().log_likelihood(x, z))
    zero = np.zeros_like(mu)
    log_p, log_q = (gaussian.log_prob(z, *q)[0].sum(-1) for q in ((zero, zero), (mu, logvar)))
    log_w = PARTS["log_weight"](log_px, z, mu, logvar)[0]
    np.testing.assert_allclose(log_w, log_px + log_p - log_q)
    bound, share = FROM_WEIGHTS["iwae"](log_w, 1.0)[:2]
    found, vjp = PARTS["average"](log_w)
    np.testing.assert_allclose(found, bound)
    np.testing.assert_allclose(vjp(np.ones_like(bound))[0], share)


def test_the_corners_average_over_the_noise_exactly():
    setting = SETTINGS["elbo"]
    code, params = Assembled(setting), setting.params()
    x, eps, _ = setting.batch
    m, logvar = code.encode(params, x=x)[0]
    exact = setting.model().bound(m, logvar, x=x)[0]
    np.testing.assert_allclose(code.bound(params, x=x, eps=eps)[0], exact, atol=1e-12)


def test_the_quadrature_averages_over_the_noise_of_two_samples():
    setting = SETTINGS["importance-weighted"]
    code, params = Assembled(setting), trained(setting=setting.name).params
    x, eps, weights = setting.batch
    found = (weights * code.bound(params, x=x, eps=eps)[0]).mean()
    eps, weights = noise_grid(setting.samples, 2, 12)
    for_each = [
        weights @ code.bound(params, x=np.tile(one, (len(weights), 1)), eps=eps)[0]
        for one in setting.x
    ]
    assert found == pytest.approx(np.mean(for_each), abs=5e-4)


# -- What is said of each is what happens


@EVERY
def test_every_sentence_of_its_story_is_what_happened(name):
    assert bugs.broken(GALLERY[name], trained(name)) == []


HARMLESS = {"updated-inside", "noise-inside", "kl-shown-averaged"}  # they train as right code does


@EVERY
def test_its_story_would_not_be_true_of_right_code(name):
    """The negative control of the sentences: some are false where nothing is wrong."""
    mistake, right = GALLERY[name], trained(setting=GALLERY[name].setting)
    if name in HARMLESS and name != "kl-shown-averaged":
        assert bugs.broken(mistake, right) == []
        assert abs(trained(name).lost) < 0.02
    else:
        assert bugs.broken(mistake, right)
    assert (trained(name).lost > 1e-3) == (name not in HARMLESS)


@EVERY
def test_no_right_bound_is_above_the_optimum(name):
    assert trained(name).lost > -1e-9


EXPECTED = {  # gradient, objective
    "sigma-exp-logvar": ("ok", "draws"),
    "half-missing": ("wrong", "ok"),
    "fresh-noise": ("unstable", "ok"),
    "noise-inside": ("unstable", "ok"),
    "faint-noise": ("ok", "draws"),
    "rand-for-randn": ("ok", "draws"),
    "kl-averaged": ("ok", "KL"),
    "kl-without-half": ("ok", "KL"),
    "kl-of-log-sigma": ("ok", "KL"),
    "kl-sigma-not-squared": ("ok", "KL"),
    "kl-sign-back": ("wrong", "ok"),
    "kl-no-gradient": ("wrong", "ok"),
    "kl-shown-averaged": ("wrong", "KL"),
    "pixels-averaged": ("ok", "bound"),
    "no-normalizer": ("ok", "bound"),
    "variance-half-gradient": ("wrong", "ok"),
    "branch-overwritten": ("wrong", "ok"),
    "updated-inside": ("mutated", "ok"),
    "relu-on-mu": ("ok", "ok"),
    "relu-on-logvar": ("ok", "ok"),
    "tanh-on-heads": ("ok", "ok"),
    "kl-rewarded": ("ok", "bound"),
    "batch-summed": ("ok", "ok"),
    "mean-of-logs": ("ok", "ok"),
    "kl-inside": ("ok", "bound"),
    "weights-times-logs": ("ok", "bound"),
}


@EVERY
def test_the_oracles_catch_what_they_can_see(name):
    found = verdict(name)
    assert (found.gradient, found.objective) == EXPECTED[name]
    assert bool(found.gradient_says) == (found.gradient != "ok")
    assert bool(found.objective_says) == (found.objective != "ok")


def test_there_are_mistakes_of_all_four_kinds():
    assert {verdict(name).caught_by for name in GALLERY} == {
        "gradient",
        "objective",
        "both",
        "neither",
    }


@EVERY
def test_what_each_oracle_says_points_at_the_place(name):
    """'how to see it' begins with the oracle that caught it."""
    start = {
        "gradient": r"(The g|G)radient check",
        "objective": "Objective check",
        "both": "Both oracles",
        "neither": "Neither oracle",
    }[verdict(name).caught_by]
    assert re.match(start, GALLERY[name].see)


def test_a_mistake_only_in_the_checked_part_is_needed_for_an_accusation():
    """The objective oracle accuses the mistake, not the place: right code at the same weights."""
    for name in ("sigma-exp-logvar", "kl-averaged", "pixels-averaged"):
        mistake, params = GALLERY[name], trained(name).params
        assert objective_verdict(SETTINGS["elbo"], mistake, params)[0] != "ok"
        assert objective_verdict(SETTINGS["elbo"], None, params) == ("ok", "")


# -- The numbers, by pencil: where the gradient of each wrong objective is 0

EXCESS = np.array([3.0, 1.0])  # w² / tau² of the two latents: their posterior variance is 1/(1 + e)


def weighed(beta):
    """(reach, variance of the draws) where the KL is multiplied by beta."""
    return (1.0 + EXCESS) / (beta + EXCESS), beta / (beta + EXCESS)


def root(a, b, c):
    """The positive root of a v² + b v + c."""
    return (-b + np.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)


def optimal_tau2():
    """variance-half-gradient: tau² = 2/D of the expected squared error, at its own best q."""
    eigenvalues, tau2 = np.array([2.0, 1.0]), 0.5
    w2 = eigenvalues - 0.5
    for _ in range(500):
        precision = 1.0 + w2 / tau2
        left = eigenvalues * (1.0 - w2 / (tau2 * precision)) ** 2 + w2 / precision
        tau2 = 2.0 / 3.0 * (left.sum() + 0.5)
    return tau2


ONE = np.ones(2)
BY_PENCIL = {  # reach, variance of the draws
    "sigma-exp-logvar": (ONE, root(2.0 * EXCESS, ONE, -ONE) ** 2),
    "half-missing": (ONE, 1.0 / (1.0 + 2.0 * EXCESS)),
    "faint-noise": (ONE, 1e-4 / (1.0 + 1e-4 * EXCESS)),
    "kl-averaged": weighed(1.0 / 2.0),
    "kl-without-half": weighed(2.0),
    "kl-of-log-sigma": (ONE, root(ONE, EXCESS / 2.0, -ONE)),
    "kl-sigma-not-squared": (ONE, root(EXCESS, 0.5 * ONE, -ONE) ** 2),
    "pixels-averaged": weighed(3.0),
    "updated-inside": weighed(1.0),
    "kl-shown-averaged": weighed(1.0),
    "relu-on-logvar": (ONE, ONE),
}


@pytest.mark.parametrize("name", BY_PENCIL)
def test_training_ends_where_the_pencil_says(name):
    reach, variance = BY_PENCIL[name]
    end = trained(name)
    np.testing.assert_allclose(end.reach, reach, rtol=1e-4)
    np.testing.assert_allclose(end.sd**2, variance, rtol=1e-4)


def test_without_the_kl_s_gradient_the_means_are_those_of_least_squares():
    np.testing.assert_allclose(trained("kl-no-gradient").reach, (1 + EXCESS) / EXCESS, rtol=1e-4)


def test_half_a_gradient_ends_at_the_variance_that_the_pencil_says():
    end = trained("variance-half-gradient")
    assert end.tau2 == pytest.approx(optimal_tau2(), rel=1e-4)


def test_the_claim_of_an_averaged_kl_is_that_of_half_a_beta():
    from tinyvae.models import ppca

    setting, end = SETTINGS["elbo"], trained("kl-averaged")
    # With the decoder held: log p(x) at the means, minus half of what the draws cost and the KL.
    means = end.mean
    log_px = setting.model().log_likelihood(setting.x, means) - 0.5 * end.sd**2 @ EXCESS
    divergence = kl(means, np.broadcast_to(2.0 * np.log(end.sd), means.shape))[0]
    assert end.claimed == pytest.approx((log_px - 0.5 * divergence).mean(), abs=1e-9)
    assert end.claimed < ppca.fit(setting.x, 2, beta=0.5, variance=0.5).bound  # a free decoder's


def test_the_mean_of_logs_ends_at_the_best_plain_bound():
    end = trained("mean-of-logs")
    model, x = end.setting.model(), end.setting.x
    plain = model.bound(*model.best_diagonal(x), x=x)[0].mean()
    assert end.claimed == pytest.approx(plain, abs=1e-5)


def test_fresh_noise_ends_at_the_prior_s_sigma_within_its_standard_errors():
    end = trained("fresh-noise")
    assert (end.errors["sd"] > 0.0).all()
    assert (abs(end.sd - 1.0) < 6.0 * end.errors["sd"]).all()


@pytest.mark.parametrize("name", ["sigma-exp-logvar", "half-missing", "kl-averaged"])
def test_with_noise_that_is_drawn_training_ends_at_the_same_place(name):
    """The corners stand for noise: plain stochastic descent, 8 fresh draws a step, agrees."""
    setting, code = SETTINGS["elbo"], Assembled(SETTINGS["elbo"], GALLERY[name])
    rng, params = np.random.default_rng(3), setting.params()
    logvars = []
    for step in range(1500):
        eps = rng.standard_normal((8, setting.examples, 2))
        (grads,) = code.loss(params, x=setting.x, eps=eps)[1](1.0)
        params = {k: v - 0.05 * grads[k] * (k != "logtau2") for k, v in params.items()}
        if step >= 700:
            logvars.append(code.encode(params, x=setting.x)[0][1].mean(axis=0))
    spread = np.exp(0.5 * np.mean(logvars, axis=0))
    np.testing.assert_allclose(spread, trained(name).head_sd, rtol=0.03)


def test_a_training_with_drawn_noise_is_repeatable():
    mistake, setting = GALLERY["fresh-noise"], SETTINGS["elbo"]
    one, two = run(setting, mistake, seed=1), run(setting, mistake, seed=1)
    assert one.claimed == two.claimed
    assert one.claimed != run(setting, mistake, seed=2).claimed


# -- The table is whole, and each row reads well


def test_every_wrong_function_of_the_files_has_a_row():
    rows = {mistake.wrong for mistake in GALLERY.values()}
    for file in gallery.FILES:
        functions = {f for _, f in inspect.getmembers(file, inspect.isfunction)}
        mine = {f for f in functions if f.__module__ == file.__name__}
        assert mine - set(PARTS.values()) <= rows


def test_names_are_unique_and_there_are_enough():
    assert len(GALLERY) == len(gallery.MISTAKES) >= 14
    assert set(EXPECTED) == set(GALLERY)


@EVERY
def test_a_row_is_complete_and_names_no_place_on_the_web(name):
    mistake = GALLERY[name]
    assert mistake.name == name
    assert mistake.setting in SETTINGS
    assert len(mistake.does) >= 2
    for text in (mistake.title, mistake.seen, mistake.see, *mistake.does):
        assert len(text) > 10
        assert not re.search(r"https?:|github|\.com|\w/\w+#\d", text, re.IGNORECASE)


@EVERY
def test_the_wrong_function_takes_the_place_of_the_right_one(name):
    mistake = GALLERY[name]
    right, wrong = PARTS[mistake.part], mistake.function()
    names = list(inspect.signature(right).parameters)
    assert list(inspect.signature(wrong).parameters)[: len(names)] == names


@EVERY
def test_the_lines_are_those_of_the_files_and_only_a_few_differ(name):
    mistake = GALLERY[name]
    found = side_by_side(PARTS[mistake.part], mistake.wrong)
    text = inspect.getsource(inspect.getmodule(mistake.wrong))
    assert all(line in text for label, line in found if not line.startswith("def "))
    assert [line for label, line in found if label != "wrong"] == lines_of(PARTS[mistake.part])
    new = [line for label, line in found if label == "wrong" and line.strip()]
    assert 1 <= len(new) <= 6
    assert len(lines_of(mistake.wrong)) <= 14


@EVERY
def test_diagnose_finds_fault_with_the_part_alone_where_the_gradient_is_wrong(name):
    mistake = GALLERY[name]
    if mistake.part == "noise":
        pytest.skip("noise has no gradient")
    args, constants = example(mistake.part)
    found = diagnose(mistake.function(), *args, **constants)
    assert found.ok == (verdict(name).gradient == "ok")


@EVERY
def test_only_mistakes_in_the_drawing_of_noise_are_trained_with_drawn_noise(name):
    assert noisy(GALLERY[name]) == (name in ("fresh-noise", "noise-inside", "rand-for-randn"))
    assert bool(trained(name).errors) == noisy(GALLERY[name])


# -- The command


@pytest.fixture
def run_bugs(monkeypatch, capsys):
    """`tinyvae bugs ...`, with the trainings and verdicts that were made: (exit code, output)."""

    def cached(mistake=None, setting="elbo"):
        return trained(mistake.name) if mistake else trained(setting=setting)

    def cached_verdicts(setting, mistake, params):
        return verdict(mistake.name) if mistake else verdict_on_right_code(setting.name)

    monkeypatch.setattr(gallery, "train", cached)
    monkeypatch.setattr(gallery, "verdicts", cached_verdicts)

    def command(*argv):
        parser = argparse.ArgumentParser()
        bugs.add(parser.add_subparsers())
        args = parser.parse_args(["bugs", *map(str, argv)])
        code = args.run(args)
        return code, capsys.readouterr().out

    return command


def test_the_table_shows_what_the_trainings_gave(run_bugs, tmp_path):
    code, out = run_bugs("--figure", tmp_path / "bugs.png")
    assert code == 0
    assert "WRONG" not in out
    assert out.count("right code") == len(SETTINGS)
    assert (tmp_path / "bugs.png").stat().st_size > 10_000
    assert all(len(line) <= 100 for line in out.splitlines()[:-1])
    for number, name in enumerate(GALLERY, 1):
        (line,) = re.findall(rf"^ ?{number} [ ~]{name} .*$", out, re.MULTILINE)
        words, end, found = line.split()[1:], trained(name), verdict(name)
        assert [w if w != "-" else "ok" for w in words[1:3]] == [found.gradient, found.objective]
        numbers = [end.claimed, end.true, end.lost]
        if end.diverged:
            assert words[6] == "diverges"
        else:
            numbers += [*end.reach, *end.sd]
        shown = [float(word) for word in words[3 : 3 + len(numbers)]]
        np.testing.assert_allclose(shown, numbers, rtol=0.05, atol=6e-3)
        assert len(re.findall(rf"(?<![\w-]){name}(?![\w-])", out)) == 2  # and who caught it
    counted = re.findall(r"^(gradient|objective|both|neither), +(\d+)", out, re.MULTILINE)
    for kind, count in counted:
        assert int(count) == sum(verdict(name).caught_by == kind for name in GALLERY)
    assert sum(int(count) for _, count in counted) == len(GALLERY)


@EVERY
def test_a_page_shows_the_lines_the_verdicts_and_the_story(run_bugs, name):
    code, out = run_bugs(name)
    mistake, found = GALLERY[name], verdict(name)
    assert code == 0
    assert " NO  " not in out
    assert out.count("\n yes") == len(mistake.does)
    assert out.count("CATCHES it") == (found.gradient != "ok") + (found.objective != "ok")
    assert ("\ndiagnose" in out) == (found.gradient != "ok")
    for label, line in side_by_side(PARTS[mistake.part], mistake.wrong):
        assert f"{label:<7}{line}".rstrip() in out
    assert mistake.title in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_the_table_explains_the_words_in_it(run_bugs):
    """Each word that a verdict can be, and no other, is explained in the part of its column."""
    _, out = run_bugs()
    at = [out.index(f"\n{start} ") for start in ("gradient is", "objective is", "claims:")]
    gradient, objective = out[at[0] : at[1]], out[at[1] : at[2]]
    for part, place in ((gradient, 0), (objective, 1)):
        words = {verdicts[place] for verdicts in EXPECTED.values()} - {"ok"}
        assert set(re.findall(r"(\w+): ", part)) == words


def test_a_page_says_which_oracle_takes_the_value_as_given_where_they_differ(run_bugs):
    """diagnose blames the gradient, the objective check the value: both cannot be right alone."""
    for name in GALLERY:
        said = "take the value as given" in " ".join(run_bugs(name)[1].split())
        assert said == (verdict(name).caught_by == "both")
    assert "no oracle can say" not in GALLERY["kl-shown-averaged"].see


def test_it_is_the_value_that_is_wrong_where_the_page_says_so():
    mu, logvar = np.random.default_rng(0).standard_normal((2, 5, 2))
    value, vjp = GALLERY["kl-shown-averaged"].wrong(mu, logvar)
    right, right_vjp = kl(mu, logvar)
    np.testing.assert_allclose(value, right / 2.0)
    np.testing.assert_allclose(vjp(np.ones(5)), right_vjp(np.ones(5)))


@pytest.mark.parametrize(
    ("where", "error", "text"),
    [
        ("x.xyz", ValueError, "unknown figure format 'xyz': known are "),
        ("x", ValueError, "unknown figure format ''"),
        ("", ValueError, "unknown figure format ''"),
        ("a_file/x.png", OSError, "cannot write .*a_file.x.png: "),
        ("a_folder.png", OSError, "cannot write .*a_folder.png: it is a folder"),
    ],
)
def test_a_figure_that_cannot_be_written_is_told_before_the_work(
    where, error, text, run_bugs, tmp_path, monkeypatch
):
    (tmp_path / "a_file").touch()
    (tmp_path / "a_folder.png").mkdir()
    monkeypatch.setattr(gallery, "train", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=text):
        run_bugs("--figure", where)


def test_the_formats_that_are_let_through_are_those_that_can_be_saved(tmp_path):
    for kind in plt.figure().canvas.get_supported_filetypes():
        assert bugs.drawable(tmp_path / "new" / f"x.{kind.upper()}").parent.is_dir()
    assert list((tmp_path / "new").iterdir()) == []


def test_a_number_is_as_good_as_a_name(run_bugs):
    names = list(GALLERY)
    assert run_bugs("1") == run_bugs(names[0])
    assert run_bugs(str(len(names))) == run_bugs(names[-1])


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("kl-averagd",), "unknown mistake .* 'kl-averagd': did you mean 'kl-averaged'"),
        (("0",), f"unknown mistake .*1 to {len(GALLERY)}"),
        ((str(len(GALLERY) + 1),), "unknown mistake"),
        (("relu-on-mu", "--figure", "x.png"), "whole gallery"),
    ],
)
def test_unknown_names_are_told_what_is_near(run_bugs, argv, text):
    with pytest.raises(ValueError, match=text):
        run_bugs(*argv)


def test_a_story_that_is_not_true_is_told_and_fails(run_bugs, monkeypatch):
    """The negative control of the command."""
    told = Mistake(
        "half-missing",
        "a title that is long",
        "draw",
        draw.half_missing,
        seen="nowhere at all",
        does={"It wins the lottery.": lambda t: t.lost < 0.0},
        see="Gradient check",
    )
    monkeypatch.setitem(GALLERY, "half-missing", told)
    code, out = run_bugs("half-missing")
    assert code == 1
    assert " NO   It wins the lottery." in out
    code, out = run_bugs()
    assert code == 1
    assert "WRONG: half-missing: not so: It wins the lottery." in out


def test_right_code_that_is_accused_fails_the_command(run_bugs, monkeypatch):
    monkeypatch.setitem(PARTS, "kl", GALLERY["kl-averaged"].wrong)
    monkeypatch.setattr(gallery, "verdicts", VERDICTS)
    monkeypatch.setattr(gallery, "GALLERY", {"fresh-noise": GALLERY["fresh-noise"]})
    code, out = run_bugs()
    assert code == 1
    assert "WRONG: right code, elbo: E[log q/p]" in out


# -- The figure


def test_the_figure_draws_a_dot_and_a_ring_for_each():
    names, caught = ["a", "b", "c"], ["gradient", "neither", "neither"]
    ax = claims_and_truths(names, [-1.0, 2.0, -0.5], [-1.0, -3.0, -0.6], caught)
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    points = np.concatenate(
        [dots.get_offsets() for dots in ax.collections if len(dots.get_offsets())]
    )
    for x, y in ((-1.0, 0), (2.0, 1), (-3.0, 1), (-0.5, 2), (-0.6, 2)):
        assert (abs(points - (x, y)).max(axis=1) < 1e-9).any()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"names": []}, "names is empty"),
        ({"claims": [0.0]}, "claims"),
        ({"truths": [0.0, np.nan]}, "truths"),
        ({"caught": ["gradient", "nobody"]}, "unknown verdict 'nobody'"),
    ],
)
def test_the_figure_refuses_what_it_cannot_draw(change, text):
    given = {"names": ["a", "b"], "claims": [0.0, 1.0], "truths": [0.0, -1.0]}
    given |= {"caught": ["gradient", "both"]} | change
    with pytest.raises(ValueError, match=text):
        claims_and_truths(**given)
