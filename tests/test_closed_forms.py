"""Closed forms of means and variances: against the estimators themselves, run on the nodes of a
quadrature and on draws, against the formulas as they are usually written, in fifty digits, and
against numbers that were known before."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate

from tinyvae.distributions import gaussian, normal
from tinyvae.estimators import by_name
from tinyvae.estimators.baselines import constant_baseline, leave_one_out
from tinyvae.exact import closed_form, closed_forms
from tinyvae.exact.closed_forms import (
    VARIANCES,
    closed_form_with_baseline,
    of_logvar,
    optimal_baseline,
)
from tinyvae.integrands import INTEGRANDS

SMOOTH = [  # integrand, constants, loc, scale
    ("linear", {"a": 1.3, "c": 0.4}, 0.7, 0.6),
    ("linear", {"a": -2.0}, 0.0, 2.0),
    ("quadratic", {"k": 0.3}, 1.0, 0.5),
    ("quadratic", {"k": 1.0}, 1.0, 0.7),
    ("exponential", {"k": 0.8}, 0.3, 0.7),
    ("exponential", {"k": -1.5}, -0.2, 0.5),
    ("cosine", {"k": 4.0}, math.pi / 16, 0.2),
    ("cosine", {"k": 2.0}, 0.0, 0.25),
    ("cosine", {"k": -1.0}, math.pi / 2, 0.9),
]
WIDE = [("cosine", {"k": 4.0}, 0.6, 0.5), ("exponential", {"k": 1.0}, -1.0, 1.4)]
STEPS = [
    ("step", {"c": 0.5}, 0.0, 1.0),
    ("step", {"c": -0.4}, 0.2, 0.7),
    ("step", {"c": 0.3}, 0.3, 2.0),
]
CASES = SMOOTH + WIDE + STEPS
COUPLED = ("pathwise", "pathwise, antithetic", "score function", "score function, antithetic")


def name_of(case):
    return f"{case[0]}{list(case[1].values())}-{case[2]:.2g}-{case[3]:.2g}"


cases = pytest.mark.parametrize("case", CASES, ids=name_of)


def integrand(case):
    return INTEGRANDS[case[0]](**case[1])


def params(case, D=1):
    return np.full(D, case[2]), np.full(D, case[3])


# -- Quadrature: nodes and weights of the noise of one estimate


def panels(*edges, n=80):
    """Gauss-Legendre between consecutive edges."""
    x, w = np.polynomial.legendre.leggauss(n)
    pairs = [(a, b) for a, b in itertools.pairwise(edges) if b > a]
    return (
        np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * x for a, b in pairs]),
        np.concatenate([0.5 * (b - a) * w for a, b in pairs]),
    )


def hermite(n):
    x, w = np.polynomial.hermite_e.hermegauss(n)
    return x, w / math.sqrt(2.0 * math.pi)


def product(*rules):
    """Nodes (S, len(rules)) and weights (S,) of independent numbers."""
    x = np.stack(np.meshgrid(*(x for x, _ in rules), indexing="ij"), axis=-1)
    w = math.prod(np.meshgrid(*(w for _, w in rules), indexing="ij"))
    return x.reshape(-1, len(rules)), w.ravel()


def cut(case):
    """|alpha|, where a step and its mirror image are."""
    return abs((case[1]["c"] - case[2]) / case[3])


def normal_nodes(case, D):
    """The first coordinate, whose gradient is looked at, finely; the others as F needs them."""
    if case[0] != "step":
        return product(hermite(80)) if D == 1 else product(hermite(30), *[hermite(16)] * 3)
    a = cut(case)
    x, w = panels(-14.0, -a, a, 14.0)
    tail = 0.5 * math.erfc(a / math.sqrt(2.0))
    other = np.array([-a - 1.0, 0.0, a + 1.0]), np.array([tail, 1.0 - 2.0 * tail, tail])
    if a == 0.0:
        other = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    return product((x, w * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)), *[other] * (D - 1))


def measure_valued_nodes(case):
    """(W, weights), (M, U, weights)."""
    if case[0] == "step":
        a = cut(case)
        W, w = panels(0.0, a, 14.0)
        M, m = panels(-14.0, -a, a, 14.0)
        rows = [(x, *panels(0.0, min(a / abs(x), 1.0), 1.0, n=2)) for x in M]
        U = np.concatenate([u for _, u, _ in rows])
        weights = np.concatenate([y * v for (_, _, v), y in zip(rows, m, strict=True)])
        M = np.concatenate([np.full(len(u), x) for x, u, _ in rows])
    else:
        W, w = panels(0.0, 8.0, 16.0)
        nodes, weights = product(panels(-16.0, 0.0, 16.0, n=120), panels(0.0, 1.0, n=40))
        M, U = nodes.T
    weights = weights * M**2 * np.exp(-0.5 * M * M) / math.sqrt(2.0 * math.pi)
    return (W, w * W * np.exp(-0.5 * W * W)), (M, U, weights)


def mean_and_variance(g, w):
    mean = w @ g
    return mean, w @ (g - mean) ** 2


def by_quadrature(row, case, D, parameters=None):
    """{"loc": (mean, variance), ...} of that row of estimators, in the first coordinate."""
    noise, w = normal_nodes(case, D)
    found = row.fn(integrand(case), normal, parameters or params(case, D), noise)
    return {
        name: mean_and_variance(g[:, 0], w) for name, g in zip(("loc", "scale"), found, strict=True)
    }


def measure_valued_by_quadrature(case):
    (W, w), (M, U, m) = measure_valued_nodes(case)
    fn = by_name("measure-valued").fn
    f, p, o, q = integrand(case), params(case), np.zeros((len(W), 1)), np.zeros((len(M), 1))
    dloc, _ = fn(f, normal, p, (o, W[:, None], (o, o)))
    _, dscale = fn(f, normal, p, (q, q, (M[:, None], U[:, None])))
    return {"loc": mean_and_variance(dloc[:, 0], w), "scale": mean_and_variance(dscale[:, 0], m)}


def leave_one_out_by_quadrature(case, D, K):
    rule = normal_nodes(case, 1) if K * D == 2 else ({3: hermite(36), 4: hermite(20)}[K * D])
    one = rule if K * D > 2 else (rule[0][:, 0], rule[1])
    noise, w = product(*[one] * (K * D))
    found = leave_one_out(K).fn(integrand(case), normal, params(case, D), noise.reshape(-1, K, D))
    return {
        name: mean_and_variance(g[:, 0], w) for name, g in zip(("loc", "scale"), found, strict=True)
    }


def assert_same(found, expected, rtol=1e-10):
    for name in ("loc", "scale"):
        np.testing.assert_allclose(found[name], expected[name], rtol=rtol, atol=1e-12, err_msg=name)


def dimensions(case):
    return (1,) if case in WIDE else (1, 4)


@cases
@pytest.mark.parametrize("name", COUPLED)
def test_is_what_the_estimator_gives_on_the_nodes_of_a_quadrature(name, case):
    for D in dimensions(case):
        assert_same(closed_form(name, *case, D), by_quadrature(by_name(name), case, D))


@cases
def test_a_constant_baseline_and_the_best_one_agree_with_quadrature(case):
    for D in dimensions(case):
        for b in (0.7, {"loc": -0.3, "scale": 2.0}):
            row = constant_baseline(tuple(b.values()) if isinstance(b, dict) else b)
            found = closed_form_with_baseline(b, *case, D)
            assert_same(found, by_quadrature(row, case, D))
        best = optimal_baseline(*case, D)
        found = closed_form("score function, optimal baseline", *case, D)
        assert_same(found, closed_form_with_baseline(best, *case, D), rtol=1e-13)
        assert_same(found, by_quadrature(constant_baseline(tuple(best.values())), case, D))
        noise, w = normal_nodes(case, D)
        z = normal.sample(*params(case, D), noise=noise)
        for b, s in zip(best.values(), normal.score(z, *params(case, D)), strict=True):
            s2 = w * s[:, 0] ** 2
            assert b == pytest.approx(integrand(case)(z)[0] @ s2 / s2.sum(), rel=1e-10, abs=1e-13)


@cases
def test_measure_valued_agrees_with_quadrature_in_every_dimension(case):
    expected = measure_valued_by_quadrature(case)
    assert_same(closed_form("measure-valued", *case), expected)
    assert_same(closed_form("measure-valued", *case, 4), expected)


@cases
def test_leave_one_out_agrees_with_quadrature(case):
    # In three and four numbers the rules are coarse, for narrow and smooth integrands.
    for D, K in ((1, 2), (1, 3), (2, 2)) if case in SMOOTH else ((1, 2),):
        found = closed_form("score function, leave-one-out", *case, D, draws=K)
        assert_same(found, leave_one_out_by_quadrature(case, D, K))


def test_one_number_is_the_gradient_that_all_share():
    for case in CASES:
        found = [closed_form(name, *case) for name in VARIANCES if not name.startswith("path")]
        assert len({(f["loc"][0], f["scale"][0]) for f in found}) == 1


def test_the_path_of_a_step_has_no_variance_and_the_wrong_mean():
    for name in ("pathwise", "pathwise, antithetic"):
        assert closed_form(name, *STEPS[0], 3) == {"loc": (0.0, 0.0), "scale": (0.0, 0.0)}
    assert closed_form("score function", *STEPS[0])["loc"][0] > 0.35


def test_in_the_log_variance_it_is_what_the_gaussian_law_gives():
    case = SMOOTH[4]
    noise, w = normal_nodes(case, 1)
    p = np.array([case[2]]), np.array([2.0 * math.log(case[3])])
    for name in COUPLED:
        _, g = by_name(name).fn(integrand(case), gaussian, p, noise)
        found = of_logvar(closed_form(name, *case)["scale"], case[3])
        np.testing.assert_allclose(found, mean_and_variance(g[:, 0], w), rtol=1e-10)


# -- Negative controls


def rejected(name, case, D, row=None):
    found = closed_form(name, *case, D)
    with pytest.raises(AssertionError):
        assert_same(found, by_quadrature(row or by_name(name), case, D))


@pytest.mark.parametrize(
    "case", [SMOOTH[0], SMOOTH[2], SMOOTH[4], SMOOTH[6], STEPS[0]], ids=name_of
)
def test_quadrature_rejects_a_formula_without_its_mean_or_its_noise(monkeypatch, case):
    whole = closed_forms.with_baseline, closed_forms.least
    monkeypatch.setattr(
        closed_forms, "with_baseline", lambda p, halves, n, b=0: whole[1](p, halves, n)
    )
    rejected("score function", case, 1)
    monkeypatch.setattr(closed_forms, "with_baseline", whole[0])
    monkeypatch.setattr(closed_forms, "least", lambda p, halves, n: whole[1](p, halves, 0))
    rejected("score function", case, 4)
    rejected("score function, antithetic", case, 4)


@pytest.mark.parametrize("name", COUPLED)
def test_quadrature_rejects_a_formula_without_one_of_its_terms(monkeypatch, name):
    whole = closed_forms.mixture
    monkeypatch.setattr(
        closed_forms,
        "mixture",
        lambda x, terms, over=0: whole(
            x, {a: P for a, P in terms.items() if a != 2} | {2: [0.5]}, over
        ),
    )
    rejected(name, SMOOTH[4], 1)
    rejected(name, WIDE[0], 1)


@pytest.mark.parametrize("dropped", [{0: [1]}, {1: [0, 0, -1]}, {2: [-1, 2]}])
def test_quadrature_rejects_measure_valued_without_one_of_its_terms(monkeypatch, dropped):
    whole, ((a, P),) = closed_forms.mixture, dropped.items()

    def less(x, terms, over=0):
        return whole(x, {k: v for k, v in terms.items() if (k, v) != (a, P)}, over)

    monkeypatch.setattr(closed_forms, "mixture", less)
    with pytest.raises(AssertionError):
        assert_same(closed_form("measure-valued", *WIDE[0]), measure_valued_by_quadrature(WIDE[0]))


def test_quadrature_rejects_leave_one_out_without_the_noise_of_its_baselines(monkeypatch):
    def mean_baseline(p, halves, n, draws):
        mean = (n + 1) * sum(half.mean for half in halves)
        return closed_forms.with_baseline(p, halves, n, mean) / draws

    monkeypatch.setattr(closed_forms, "leave_one_out", mean_baseline)
    found = closed_form("score function, leave-one-out", *SMOOTH[2], draws=2)
    with pytest.raises(AssertionError):
        assert_same(found, leave_one_out_by_quadrature(SMOOTH[2], 1, 2))


# -- Draws


def by_drawing(row, case, D, samples, seed):
    """z of the mean and of the variance, for the loc and the scale of the first coordinate."""
    rng = np.random.default_rng(seed)
    found = row(integrand(case), normal, params(case, D), rng, samples)
    for g in found:
        g = g[:, 0]
        off = g - g.mean()
        v, m4 = np.mean(off**2), np.mean(off**4)
        yield g.mean(), math.sqrt(v / samples), v, math.sqrt(max(m4 - v * v, 0.0) / samples)


def assert_drawn(name, case, D, samples, seed):
    exact = closed_form(name, *case, D)
    drawn = by_drawing(by_name(name), case, D, samples, seed)
    for parameter, (m, m_error, v, v_error) in zip(("loc", "scale"), drawn, strict=True):
        mean, variance = exact[parameter]
        # 1e-13: where there is no variance, rounding is all there is.
        assert abs(m - mean) <= 5.0 * m_error + 1e-12 * abs(mean) + 1e-13, (parameter, m, mean)
        assert abs(v - variance) <= 5.0 * v_error + 1e-13, (parameter, v, variance)


LIGHT = [c for c in CASES if c[0] != "exponential" or abs(c[1]["k"] * c[3]) <= 0.8]


@pytest.mark.parametrize("D", [1, 4])
@pytest.mark.parametrize("case", LIGHT, ids=name_of)
def test_draws_have_this_mean_and_this_variance(case, D):
    for seed, name in enumerate(VARIANCES):
        assert_drawn(name, case, D, 20_000, seed)


@pytest.mark.slow
@pytest.mark.parametrize("D", [1, 4])
@pytest.mark.parametrize("case", LIGHT, ids=name_of)
def test_many_draws_have_this_mean_and_this_variance(case, D):
    for seed, name in enumerate(VARIANCES):
        assert_drawn(name, case, D, 500_000, seed)


# -- The formulas as they are usually written, in fifty digits


def textbook(mp, f, k, loc, scale, D):
    """Of e^(k z) and cos(k z): {estimator: {parameter: variance}}, by expressions that cancel."""
    k, mu, sigma = mp.mpf(k), mp.mpf(loc), mp.mpf(scale)
    t, n, pi = k * sigma, D - 1, mp.pi
    s2 = sigma**2
    root = mp.sqrt
    if f == "exponential":
        M, e1, e2 = mp.exp(k * mu), mp.exp(t**2 / 2), mp.exp(2 * t**2)
        A1, v = M * e1, M**2 * (e2 - e1**2)
        A1_even, v_odd = A1, M**2 * (e2 - 1) / 2
        v_even = v - v_odd
        even = M**2 * ((16 * t**4 + 16 * t**2 + 2) * e2 + 2) / 2 / s2
        odd = M**2 * ((1 + 4 * t**2) * e2 - 1) / 2 / s2
        G = k * M * e1, k * t * M * e1
        path = k**2 * M**2 * (e2 - e1**2), k**2 * M**2 * ((1 + 4 * t**2) * e2 - t**2 * e1**2)
        pair = (
            k**2 * M**2 * (mp.exp(t**2) - 1) ** 2 / 2,
            k**2 * M**2 * ((1 + 4 * t**2) * e2 - 1) / 2 - G[1] ** 2,
        )
        W = t * root(pi / 2) * e2 * mp.erf(root(2) * t) - pi / 2 * t**2 * e1**2
        mv = 2 * M**2 / (pi * s2) * W, M**2 / s2 * ((4 * t**2 - 2) * e2 + 2 * e1) - G[1] ** 2
        C = M * (1 + t**2) * e1 / s2, M * (t**4 + 4 * t**2 + 2) * e1 / s2
        B2 = M**2 * (1 + 4 * t**2) * e2 / s2, M**2 * (16 * t**4 + 16 * t**2 + 2) * e2 / s2
    else:
        c, s, c2 = mp.cos(k * mu), mp.sin(k * mu), mp.cos(2 * k * mu)
        e1, e2 = mp.exp(-(t**2) / 2), mp.exp(-2 * t**2)
        A1, v = c * e1, (1 + c2 * e2) / 2 - c**2 * e1**2
        A1_even, v_odd = A1, s**2 * (1 - e2) / 2
        v_even = v - v_odd
        odd = s**2 * (1 - (1 - 4 * t**2) * e2) / 2 / s2
        even = c**2 * (2 + (16 * t**4 - 16 * t**2 + 2) * e2) / 2 / s2
        G = -k * s * e1, -k * t * c * e1
        path = (
            k**2 * ((1 - c2 * e2) / 2 - s**2 * e1**2),
            k**2 * (1 - c2 * (1 - 4 * t**2) * e2) / 2 - G[1] ** 2,
        )
        pair = (
            k**2 * s**2 * (1 - mp.exp(-(t**2))) ** 2 / 2,
            k**2 * c**2 * (1 - (1 - 4 * t**2) * e2) / 2 - G[1] ** 2,
        )
        daw = root(pi) / 2 * mp.exp(-2 * t**2) * mp.erfi(root(2) * t)
        mv = (
            2 * s**2 / (pi * s2) * (root(2) * t * daw - pi / 2 * t**2 * e1**2),
            (1 - e1 + c2 * (e1 - (1 + 2 * t**2) * e2)) / s2 - G[1] ** 2,
        )
        C = c * (1 - t**2) * e1 / s2, c * (t**4 - 4 * t**2 + 2) * e1 / s2
        B2 = (
            (1 + c2 * (1 - 4 * t**2) * e2) / 2 / s2,
            (2 + c2 * (16 * t**4 - 16 * t**2 + 2) * e2) / 2 / s2,
        )
    S2 = 1 / s2, 2 / s2
    found = {"pathwise": path, "pathwise, antithetic": pair, "measure-valued": mv}
    found["score function"] = [
        B2[i] + 2 * n * A1 * C[i] + (n * v + n**2 * A1**2) * S2[i] - G[i] ** 2 for i in (0, 1)
    ]
    found["score function, optimal baseline"] = [
        B2[i] - C[i] ** 2 / S2[i] + n * v * S2[i] - G[i] ** 2 for i in (0, 1)
    ]
    found["score function, antithetic"] = [
        odd + n * v_odd * S2[0] - G[0] ** 2,
        even + 2 * n * A1_even * C[1] + (n * v_even + n**2 * A1**2) * S2[1] - G[1] ** 2,
    ]
    return found


T = [1e-6, 1e-3, 0.05, 0.707, 0.7072, 1.0, 3.0]  # mixture changes its method at sqrt(0.5)


@pytest.mark.parametrize("t", T)
@pytest.mark.parametrize(
    ("f", "loc"), [("exponential", 0.4), ("cosine", 0.4), ("cosine", 0.0), ("cosine", math.pi / 2)]
)
def test_keeps_its_digits_where_the_usual_formulas_cancel(f, loc, t):
    mpmath = pytest.importorskip("mpmath")
    for D in (1, 4):
        with mpmath.workdps(60):
            expected = textbook(mpmath, f, 1.0, loc, t, D)
        for name, (dloc, dscale) in expected.items():
            found = closed_form(name, f, {"k": 1.0}, loc, t, D)
            values = found["loc"][1], found["scale"][1]
            np.testing.assert_allclose(
                values, (float(dloc), float(dscale)), rtol=1e-12, err_msg=name
            )


# -- Numbers that were known before


def ratios(f, constants, loc, scale, D, parameter):
    """Var(score function) / Var(pathwise), without and with the best baseline."""
    path = closed_form("pathwise", f, constants, loc, scale, D)[parameter][1]
    names = "score function", "score function, optimal baseline"
    return [closed_form(n, f, constants, loc, scale, D)[parameter][1] / path for n in names]


PHASE = math.pi / 4.0
SCALES = 0.1, 0.5, 1.0, 2.0
TABLE = [
    ("quadratic", {"k": 0.0}, 1.0, "loc", 1, [2854, 21.75, 7.5, 4.64], [201.5, 9.5, 3.5, 2]),
    ("quadratic", {"k": 0.0}, 1.0, "loc", 10, [2.6e5, 726, 138, 61], [1106, 50, 17, 8.75]),
    ("quadratic", {}, 1.0, "loc", 1000, [2.6e9, 6.3e6, 1e6, 3.9e5], [1.0e5, 4505, 1502, 751]),
    ("quadratic", {}, 1.0, "scale", 1, [63.9, 14.4, 11.3, 9.90], [9.86, 7.67, 5.33, 3.78]),
    ("quadratic", {}, 1.0, "scale", 1000, [5e7, 2.1e6, 6.7e5, 3.5e5], [1978, 1506, 1004, 670]),
    ("exponential", {}, 0.0, "loc", 1, [1.0e4, 32.7, 7.33, 4.31], [202, 10.6, 5, 4.19]),
    ("exponential", {}, 0.0, "loc", 10, [1.0e6, 1526, 84.4, 7.36], [1103, 46.6, 14, 6.44]),
    ("cosine", {}, PHASE, "loc", 1, [9951, 14.6, 1, 0.236], [198, 6.64, 1, 0.194]),
    ("cosine", {}, PHASE, "loc", 10, [9.9e5, 1381, 57, 2.6], [1099, 42.6, 10, 2.4]),
    ("cosine", {"k": 4}, PHASE / 4, "loc", 1, [36.5, 0.236, 0.0625, 0.0156], [11.1, 0.194]),
    ("cosine", {"k": 4}, PHASE / 4, "loc", 10, [3555, 2.6, 0.625, 0.156], [67, 2.4]),
    ("cosine", {"k": 4}, PHASE / 4, "loc", 100, [3.6e5, 68, 6.25, 1.56], [630, 25]),
    ("cosine", {"k": 4}, PHASE / 4, "scale", 1, [14.3, 0.46, 0.125, 0.031], [8.4, 0.45]),
]


def digits(number):
    """How far a number rounded as in the table may be off: half a unit of its second digit."""
    return 0.5 * 10.0 ** (math.floor(math.log10(number)) - 1)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}{row[1]}-{row[3]}-{row[4]}")
def test_the_ratio_of_the_score_function_to_the_path(row):
    f, constants, loc, parameter, D, plain, best = row
    for i, scale in enumerate(SCALES):
        found = ratios(f, constants, loc, scale, D, parameter)
        for number, column in zip(found, (plain, best), strict=True):
            if i < len(column):
                assert number == pytest.approx(column[i], abs=1.01 * digits(column[i])), scale


def test_the_step_has_its_three_known_variances():
    plain = closed_form("score function", "step", {"c": 0.5}, 0.0, 1.0)
    best = closed_form("score function, optimal baseline", "step", {"c": 0.5}, 0.0, 1.0)
    assert round(plain["loc"][1], 5) == 0.36062
    assert round(best["loc"][1], 5) == 0.12581
    assert round(plain["scale"][1], 5) == 0.80613


@pytest.mark.parametrize(("parameter", "crossing"), [("loc", 1.0), ("scale", math.sqrt(2.0))])
@pytest.mark.parametrize("k", [1.0, 4.0])
def test_the_score_function_of_a_cosine_overtakes_the_path(parameter, crossing, k):
    def ratio(t):
        return ratios("cosine", {"k": k}, PHASE / k, t / k, 1, parameter)[0]

    assert ratio(crossing) == pytest.approx(1.0, rel=1e-14)
    assert ratio(0.999 * crossing) > 1.0 > ratio(1.001 * crossing)


@pytest.mark.parametrize("phase", [0.1, PHASE, 1.3])
@pytest.mark.parametrize("D", [1, 10])
def test_far_out_the_ratio_of_a_cosine_depends_on_its_waves_alone(phase, D):
    for t in (8.0, 50.0, 1e6):
        for parameter, limit in (("loc", D / t**2), ("scale", 2.0 * D / t**2)):
            found = ratios("cosine", {"k": 1.0}, phase, t, D, parameter)
            np.testing.assert_allclose(found, limit, rtol=1e-10)


def test_a_line_has_the_variances_that_its_formulas_say():
    a, c, mu, sigma = 1.3, 0.4, 0.7, 0.6
    m = a * mu + c
    for D in (1, 5):
        plain = closed_form("score function", "linear", {"a": a, "c": c}, mu, sigma, D)
        best = closed_form(
            "score function, optimal baseline", "linear", {"a": a, "c": c}, mu, sigma, D
        )
        assert best["loc"][1] == pytest.approx((D + 1) * a * a)
        assert best["scale"][1] == pytest.approx((2 * D + 8) * a * a)
        assert plain["loc"][1] == pytest.approx((D * m / sigma) ** 2 + (D + 1) * a * a)
        assert plain["scale"][1] == pytest.approx(2 * (D * m / sigma) ** 2 + (2 * D + 8) * a * a)


def test_a_step_far_away_is_a_constant():
    for c in (1e9, -1e9, 1e300):
        found = closed_form("score function, optimal baseline", "step", {"c": c}, 0.0, 1.0, 3)
        assert found == {"loc": (0.0, 0.0), "scale": (0.0, 0.0)}


# -- What is refused


@pytest.mark.parametrize("k", [2.0, -0.7])
def test_waves_under_a_cauchy_agree_with_a_fourier_quadrature(k):
    """QAWF takes the waves apart, from the middle: z = loc + y and its mirror image."""

    def mean(loc, scale):
        half, _ = integrate.quad(
            lambda y: 2.0 * scale / (np.pi * (scale**2 + y**2)), 0, np.inf, weight="cos", wvar=k
        )
        return math.cos(k * loc) * half

    loc, scale, h = 0.4, 0.8, 1e-3
    d = [
        (8 * (mean(loc + h, scale) - mean(loc - h, scale)) - mean(loc + 2 * h, scale)
         + mean(loc - 2 * h, scale)) / (12 * h),
        (8 * (mean(loc, scale + h) - mean(loc, scale - h)) - mean(loc, scale + 2 * h)
         + mean(loc, scale - 2 * h)) / (12 * h),
    ]  # fmt: skip
    np.testing.assert_allclose(closed_forms.cosine_under_cauchy(k, loc, scale), d, rtol=1e-6)


def test_none_where_there_is_no_formula():
    assert closed_form("pathwise", "sigmoid", {"tau": 0.1}, 0.0, 1.0) is None
    assert closed_form("score function, running mean", *SMOOTH[0]) is None
    assert closed_form("score function, constant baseline", *SMOOTH[0]) is None
    assert closed_form_with_baseline(0.5, "sigmoid", {}, 0.0, 1.0) is None
    assert optimal_baseline("sigmoid", {}, 0.0, 1.0) is None


def test_constants_that_are_left_out_are_those_of_the_integrand():
    found = closed_form("pathwise", "exponential", {}, 0.2, 0.5)
    assert found == closed_form("pathwise", "exponential", {"k": 1.0}, 0.2, 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimator": "pathwize"}, "unknown estimator 'pathwize': did you mean 'pathwise'"),
        ({"integrand": "cosinus"}, "unknown integrand 'cosinus': did you mean 'cosine'"),
        ({"constants": {"c": 1.0}}, "unknown constant of cosine 'c'"),
        ({"constants": {"k": math.nan}}, "k must be finite"),
        ({"scale": 0.0}, "scale must be greater"),
        ({"loc": math.inf}, "loc must be finite"),
        ({"D": 0}, "D must be at least 1"),
        ({"draws": 1}, "draws must be at least 2"),
    ],
)
def test_bad_arguments_are_named(change, words):
    good = {"estimator": "pathwise", "integrand": "cosine", "constants": {}, "loc": 0, "scale": 1}
    with pytest.raises(ValueError, match=words):
        closed_form(**good | change)


@pytest.mark.parametrize("name", VARIANCES)
def test_what_overflows_says_so(name):
    with pytest.raises(ValueError, match=r"k \* scale = 20, k \* loc = 2.*smaller k \* scale"):
        closed_form(name, "exponential", {"k": 4.0}, 0.5, 5.0)
    with pytest.raises(ValueError, match=r"k \* loc = -500"):
        closed_form(name, "exponential", {"k": 1.0}, -500.0, 1.0)
    assert closed_form(name, "exponential", {"k": 1.0}, 0.0, 18.0)["loc"][1] < math.inf


def test_what_is_too_large_to_square_says_so():
    for loc, scale in ((1e200, 1.0), (0.0, 1e90)):
        with pytest.raises(ValueError, match=r"quadratic leaves the range of float64 at loc"):
            closed_form("score function", "quadratic", {}, loc, scale)
    with pytest.raises(ValueError, match="leaves the range of float64"):
        optimal_baseline("quadratic", {}, 1e200, 1.0)
