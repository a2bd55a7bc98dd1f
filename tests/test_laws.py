"""What every law promises, checked for every row of `LAWS` at several settings of its parameters.

Two oracles. The gradients are held against differences of the values; the values against numbers
that no law computes: integrals over the support, sums over the values, the draws themselves. The
last section shows why both are needed.

Statistical checks have fixed seeds and allow five standard errors.
"""

import inspect
import math
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from laws import (
    MORE_SETTINGS,
    SETTINGS,
    SIGMAS,
    N,
    Numbers,
    circle,
    discrete,
    draws,
    event_size,
    five_point,
    integral,
    legal,
    maybe,
    nodes,
    noise_of,
    one_dimensional,
    parameters,
    rounded,
    settings,
    standard_errors,
    steps,
)
from scipy import stats

from tinyvae import gradcheck
from tinyvae.distributions import LAWS, bernoulli, gaussian, noises, normal, uniform
from tinyvae.distributions.law import draw_shape, offers
from tinyvae.distributions.sets import SETS
from tinyvae.errors import Undefined
from tinyvae.ops import chain


def where(has):
    """A mark: the test is for every law that has(law)."""
    names = [name for name, law in LAWS.items() if has(law)]
    return pytest.mark.parametrize("law", [LAWS[name] for name in names], ids=names)


def offering(*functions):
    """A mark: the test is for every law that offers these functions."""
    return where(lambda law: all(offers(law, function) for function in functions))


EVERY = where(lambda law: True)
FAR = [pytest.param(k, marks=pytest.mark.slow) for k in MORE_SETTINGS]
AT = pytest.mark.parametrize("k", [*SETTINGS, *FAR])
ANYWHERE = given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.05, 1.5))
FEW = hypothesis_settings(max_examples=15, deadline=None, derandomize=True)
CLOSED = ("entropy", "mean", "variance", "kl")
# Gaussian and Bernoulli check no parameters and no x: the VAE calls them at every step, with what a
# network put out, and its Bernoulli takes grey levels.
CHECKED = where(lambda law: law not in (gaussian, bernoulli))


def squared(law, d):
    """What the variance is the mean of: d², and for angles 1 - cos d, which is that over 2."""
    return 1.0 - np.cos(d) if circle(law) else d**2


def inside(law, k, z=None):
    """Draws that have a density: none is rounded to an end of the support, or this is a skip."""
    z = draws(law, k) if z is None else z
    if np.any(rounded(law, settings(law)[k], z)):
        pytest.skip("some draws are rounded to an end of the support")
    return z


def rounding(law):
    """What a difference of numbers of size 1 may lose: nine units in the last place, or what
    `tinyvae.special` promises where that comes in."""
    special = [fn for fn in vars(law).values() if "special" in getattr(fn, "__module__", "")]
    return 1e-14 if special else 2e-15


def over(weights, values):
    """sum_i weights_i values_i, along the first axis."""
    return np.tensordot(weights, values, axes=1)


def each(params, count):
    """The parameters, once for every draw."""
    return [np.broadcast_to(param, (count, *np.shape(param))) for param in params]


# -- 1. The density


def lost(law, k):
    """The mass next to an end of the support where no floating-point numbers are."""
    if discrete(law) or law.EVENT:
        return 0.0
    x, _, p = integral(law, k)
    ends = [float(end) for end in law.support(*settings(law)[k])]
    return sum(
        10.0 * p[i] * max(abs(x[i] - end), np.spacing(abs(end)))
        for i, end in zip((x.argmin(), x.argmax()), ends, strict=True)
        if math.isfinite(end) and end != 0.0
    )


def check_mass(law, k):
    _, w, p = integral(law, k)
    assert abs(w @ p - 1.0) <= 1e-9 + lost(law, k)


@AT
@EVERY
def test_the_density_integrates_to_one(law, k):
    check_mass(law, k)


# -- 2. The draws


def check_fit(law, params, z):
    """Numbers by Kolmogorov and Smirnov, counts by chi-square, vectors by bounded statistics."""
    if not discrete(law) and law.EVENT == 0:
        u = Numbers(law, params).cdf(z[:4000])
        assert stats.kstest(u, "uniform").pvalue > 1e-6
        return
    x, w, p = nodes(law, params)
    if discrete(law) and law.EVENT == 0:
        seen = np.array([(z == value).sum() for value in x[p * len(z) >= 5.0]])
        expected = len(z) * p[p * len(z) >= 5.0]
        rest = len(z) - expected.sum()
        if rest >= 5.0:
            seen, expected = np.append(seen, len(z) - seen.sum()), np.append(expected, rest)
        chi2 = ((seen - expected) ** 2 / expected).sum()
        assert stats.chi2.sf(chi2, max(len(seen) - 1, 1)) > 1e-6
        return
    if event_size(law) == 3 and not discrete(law):
        z, x = np.log(z), np.log(x)  # most of a simplex may be in its corners
    middle, width = z.mean(axis=0), z.std(axis=0)
    directions = np.random.default_rng(0).standard_normal((8, z.shape[-1])) / width
    for direction in directions:
        for wave in (np.cos, np.sin):
            truth = over(w * p, wave((x - middle) @ direction))
            assert standard_errors(wave((z - middle) @ direction), truth) < SIGMAS


@AT
@EVERY
def test_draws_follow_the_density(law, k):
    check_fit(law, settings(law)[k], draws(law, k))


def check_moments(law, k):
    """The mean and variance against those of the draws, within standard errors."""
    m, v = (maybe(getattr(law, name), *settings(law)[k]) for name in ("mean", "variance"))
    if m is None or v is None:
        pytest.skip("there are no moments")
    z, (x, w, p) = draws(law, k), integral(law, k)
    m, v = m[0], v[0]
    fourth = over(w * p, squared(law, x - m) ** 2) / over(w * p, squared(law, x - m)) ** 2
    if not np.all(fourth < 60.0):
        pytest.skip(f"kurtosis {np.max(fourth):.0g}: {N} draws cannot tell the variance")
    assert standard_errors(z, m) < SIGMAS
    assert standard_errors(squared(law, z - m), v) < SIGMAS


@AT
@offering("mean", "variance")
def test_draws_have_the_mean_and_the_variance(law, k):
    check_moments(law, k)


@AT
@EVERY
def test_mean_and_variance_are_those_of_the_density(law, k):
    x, w, p = integral(law, k)
    m = maybe(law.mean, *settings(law)[k])
    v = maybe(law.variance, *settings(law)[k])
    if m is None:
        pytest.skip("there is no mean")
    terms = (w * p)[:, None] * x.reshape(len(x), -1) ** 2
    if not discrete(law) and max(terms[0].max(), terms[-1].max()) > 1e-11 * terms.sum():
        pytest.skip("the variance is further out than the sum goes")
    size = over(w * p, np.abs(x)) + np.abs(m[0])
    allowed = 1e-8 + 10.0 * lost(law, k)
    assert np.all(np.abs(over(w * p, x) - m[0]) <= allowed * size)
    if v is not None:
        again = over(w * p, squared(law, x - m[0]))
        # Far from 0 the points of a narrow law are rounded.
        assert np.all(np.abs(again - v[0]) <= allowed * v[0] + 1e-14 * size * np.sqrt(v[0]))


# -- 3. The entropy is the mean of -log p


def check_entropy(law, k):
    """By quadrature, and by draws: these are what a wrong sampler betrays itself by."""
    params = settings(law)[k]
    H = law.entropy(*params)[0]
    x, w, p = integral(law, k)
    with np.errstate(divide="ignore"):
        log_p = law.log_prob(x, *params)[0]
    again = -(w * p) @ log_p
    assert abs(again - H) <= (1e-9 + 50.0 * lost(law, k)) * (1.0 + over(w * p, np.abs(log_p)))
    check_entropy_of_draws(law, k)


def check_entropy_of_draws(law, k):
    params = settings(law)[k]
    z = inside(law, k)
    assert standard_errors(law.log_prob(z, *params)[0], -law.entropy(*params)[0]) < SIGMAS


@AT
@offering("entropy")
def test_the_mean_of_log_p_is_minus_the_entropy(law, k):
    check_entropy(law, k)


# -- 4. The path


def check_path(law, k):
    params = settings(law)[k]
    noise = law.noise(np.random.default_rng(5), (6, *draw_shape(law, params)))
    report = gradcheck(law.rsample, *params, method="five-point", noise=noise)
    # Unseen: an end so far out that it moves no draw by more than rounding does.
    assert {row.verdict for row in report.rows} <= {"ok", "unseen"}, str(report)
    assert any(row.verdict == "ok" for row in report.rows)
    assert report.error <= 1e-9


@AT
@offering("rsample")
def test_the_path_is_the_derivative_of_the_draw(law, k):
    check_path(law, k)


@AT
@where(one_dimensional)
def test_the_path_transports_the_density(law, k):
    """dz/dtheta p(z) = -dF/dtheta, F by quadrature: of a number, there is no other path."""
    params = settings(law)[k]
    noise = law.noise(np.random.default_rng(6), (7,))
    z, vjp = law.rsample(*each(params, 7), noise=noise)
    z = inside(law, k, z)
    typical = law.sample(*params, noise=noise_of(law, params, 400, seed=7))
    p = np.exp(law.log_prob(z, *params)[0])
    for i, (dz, step) in enumerate(zip(vjp(np.ones(7)), steps(law, params, z), strict=True)):

        def F(offset, i=i, step=step):
            moved = [param + offset * step * (j == i) for j, param in enumerate(params)]
            return Numbers(law, moved, typical).cdf(z)

        dF = (8.0 * (F(1) - F(-1)) - (F(2) - F(-2))) / (12.0 * step)
        floor = (1e-13 + lost(law, k)) / step
        assert np.all(np.abs(dz * p + dF) <= 1e-8 * np.abs(dF).max() + floor)


@AT
@offering("implicit")
def test_implicit_is_the_path_at_the_same_draw(law, k):
    params = settings(law)[k]
    z, vjp = law.rsample(*each(params, 200), noise=noise_of(law, params, 200))
    z = inside(law, k, z)
    again, implicit_vjp = law.implicit(z, *each(params, 200))
    dz = np.random.default_rng(2).standard_normal(z.shape)
    first, *grads = implicit_vjp(dz)
    assert first is None
    np.testing.assert_array_equal(again, z)
    if not one_dimensional(law):
        return
    for grad, expected in zip(grads, vjp(dz), strict=True):
        np.testing.assert_allclose(grad, expected, rtol=1e-8, atol=1e-12)


@AT
@offering("implicit", "score")
def test_implicit_moves_every_mean_as_the_score_does(law, k):
    """E[f'(z) dz/dtheta] = E[f score], both by quadrature: the draw may be made in any way."""
    params, (x, w, p) = settings(law)[k], integral(law, k)
    if circle(law):
        f, slope = np.sin(x), np.cos(x)
    elif law.EVENT:
        along = np.random.default_rng(4).standard_normal(x.shape[1])
        f, slope = np.sin(x @ along), np.cos(x @ along)[:, None] * along
    else:
        # Off the centre: about that of a symmetric law both sides would be 0.
        low, high = np.quantile(draws(law, k), [0.25, 0.75])
        f = np.tanh((x - high) / (high - low))
        slope = (1.0 - f * f) / (high - low)
    weights = (w * p).reshape(-1, *[1] * law.EVENT)
    grads = law.implicit(x, *params)[1](weights * slope)[1:]
    for grad, score, param in zip(grads, law.score(x, *params), params, strict=True):
        if score is not None:
            score = np.broadcast_to(score, (len(x), *np.shape(param)))
            size = over(w * p, np.abs(score)) + np.abs(grad)
            allowed = (1e-8 + 100.0 * lost(law, k)) * size
            assert np.all(np.abs(grad - over(w * p * f, score)) <= allowed)


# -- 5. The score


def scores(law, x, params):
    """The score, and where it has none, log_prob's vjp: the naive derivative."""
    naive = law.log_prob(x, *each(params, len(x)))[1](np.ones(len(x)))[1:]
    true = law.score(x, *params) if offers(law, "score") else [None] * len(params)
    return true, naive


@AT
@EVERY
def test_the_score_is_the_derivative_of_log_prob_draw_by_draw(law, k):
    params = settings(law)[k]
    x = draws(law, k)[:40]
    x = x[~np.broadcast_to(rounded(law, params, x), 40)][:25]
    if not len(x):
        pytest.skip("all draws are rounded to an end of the support")
    h = steps(law, params, draws(law, k))
    if law.EVENT == 0 and not discrete(law):  # away from kinks and ends, which steps would cross
        near = [np.abs(x - param) < 3.0 * step for param, step in zip(params, h, strict=True)]
        x = x[~np.any(near, axis=0)]
    true, naive = scores(law, x, params)
    for i, kind in enumerate(law.PARAMS.values()):
        expected = five_point(
            lambda *moved: law.log_prob(x, *moved)[0], params, i, len(x), h[i], kind == "cholesky"
        )
        size = np.abs(expected).max() + np.abs(law.log_prob(x, *params)[0]).max()
        for claimed in (naive[i], true[i]):
            if claimed is not None:
                claimed = np.broadcast_to(claimed, expected.shape)
                np.testing.assert_allclose(claimed, expected, rtol=1e-8, atol=1e-9 * size)


@AT
@offering("score")
def test_log_prob_s_vjp_is_the_cotangent_times_the_score(law, k):
    params = settings(law)[k]
    x = draws(law, k)[:50]
    x = x[~np.broadcast_to(rounded(law, params, x), 50)]
    dy = np.random.default_rng(3).standard_normal(len(x))
    grads = law.log_prob(x, *params)[1](dy)[1:]
    for grad, score in zip(grads, law.score(x, *params), strict=True):
        if score is not None:
            assert len(np.broadcast_to(score, (len(x), *np.shape(grad)))) == len(x)
            expected = over(dy, np.broadcast_to(score, (len(x), *np.shape(grad))))
            size = over(np.abs(dy), np.abs(np.broadcast_to(score, (len(x), *np.shape(grad)))))
            assert np.all(np.abs(grad - expected) <= 1e-12 * size)


@AT
@offering("score")
def test_the_score_has_mean_zero(law, k):
    params, (x, w, p) = settings(law)[k], integral(law, k)
    few = draws(law, k)
    few = None if np.any(rounded(law, params, few)) else law.score(few, *params)
    for i, score in enumerate(law.score(x, *params)):
        if score is None:
            continue
        score = np.broadcast_to(score, (len(x), *np.shape(params[i])))
        size = over(w * p, np.abs(score))
        assert np.all(np.abs(over(w * p, score)) <= (1e-9 + 100.0 * lost(law, k)) * (size + 1e-3))
        if few is not None:
            assert standard_errors(np.broadcast_to(few[i], (N, *np.shape(params[i]))), 0.0) < SIGMAS


@EVERY
def test_where_there_is_no_score_the_derivative_of_log_prob_has_a_mean(law):
    """The support moves with that parameter: REINFORCE would be biased."""
    for k in SETTINGS:
        params, (x, w, p) = settings(law)[k], integral(law, k)
        dp = law.log_prob(x, *each(params, len(x)))[1](np.ones(len(x)))[1:]
        score = law.score(x, *params) if offers(law, "score") else [None] * len(params)
        for true, naive in zip(score, dp, strict=True):
            if true is None:
                assert abs(over(w * p, naive)) > 1e-3 * over(w * p, np.abs(naive))


def test_the_score_of_a_uniform_is_refused():
    with pytest.raises(Undefined, match="support moves"):
        uniform.score(np.array([0.5]), 0.0, 1.0)


# -- 6. The divergence


def reference(law, params):
    """log q(x) of the law it is the divergence from."""
    name, fixed = law.REFERENCE
    other, D = LAWS[name], event_size(law)
    full = []
    for value, kind in zip(fixed, other.PARAMS.values(), strict=True):
        if kind == "cholesky" and np.ndim(value) < 2:
            value = value * np.eye(D)
        elif kind.endswith("vector") and np.ndim(value) == 0:
            value = np.full(D, value)
        full.append(value)

    def log_q(x):
        if circle(law):
            x = x - 2.0 * math.pi * np.round(x / (2.0 * math.pi))
        y = other.log_prob(x, *full)[0]
        return y.sum(axis=-1) if np.ndim(y) == law.EVENT + 1 and law.EVENT else y

    return log_q, tuple(full)


@AT
@offering("kl")
def test_kl_is_the_mean_of_log_p_less_log_q(law, k):
    params, (x, w, p) = settings(law)[k], integral(law, k)
    y = law.kl(*params)[0]
    gap = law.log_prob(x, *params)[0] - reference(law, params)[0](x)
    allowed = 1e-9 + 50.0 * lost(law, k)
    assert abs((w * p) @ gap - y) <= allowed * (1.0 + over(w * p, np.abs(gap)))
    assert y >= -rounding(law)


@pytest.mark.parametrize(
    "law",
    [law for name, law in LAWS.items() if offers(law, "kl") and law.REFERENCE[0] == name],
    ids=lambda law: law.__name__.rpartition(".")[2],
)
@FEW
@given(seed=st.integers(0, 2**32 - 1), digits=st.floats(0.5, 17.0))
def test_kl_is_zero_and_flat_at_the_reference_and_positive_beside_it(law, seed, digits):
    """The closer, the more of the formula cancels: it may lose a few last digits of 1, no more."""
    same = tuple(np.float64(param) for param in reference(law, None)[1])
    y, vjp = law.kl(*same)
    assert abs(y) <= rounding(law)
    assert all(np.all(np.abs(grad) <= rounding(law)) for grad in vjp(np.ones_like(y)))
    rng = np.random.default_rng(seed)
    near = []
    for param, kind in zip(same, law.PARAMS.values(), strict=True):
        stray = 10.0**-digits * rng.uniform(-1.0, 1.0, np.shape(param))
        near.append(param + (np.tril(stray) if kind == "cholesky" else stray))
    assert law.kl(*near)[0] >= -rounding(law)


@offering("kl")
@FEW
@ANYWHERE
def test_kl_is_never_negative(law, seed, spread):
    assert law.kl(*legal(law, seed, spread))[0] >= -rounding(law)


# -- 7. The mirror image


@AT
@EVERY
def test_mirrored_noise_has_the_same_law(law, k):
    params = settings(law)[k]
    check_fit(law, params, law.sample(*params, noise=law.mirror(noise_of(law, params))))


@AT
@where(one_dimensional)
def test_a_number_and_its_mirror_image_are_at_the_quantiles_u_and_1_minus_u(law, k):
    params = settings(law)[k]
    noise = noise_of(law, params, 100)
    line = Numbers(law, params)
    u, v = (line.cdf(law.sample(*params, noise=eps)) for eps in (noise, law.mirror(noise)))
    np.testing.assert_allclose(u + v, 1.0, rtol=0, atol=1e-9 + lost(law, k))


@EVERY
def test_the_mirror_image_of_the_mirror_image_is_the_noise(law):
    params = parameters(law)
    noise = noise_of(law, params, 2000)
    low, high = np.quantile(noise, [0.1, 0.9])
    middle = noise[((noise > low) & (noise < high)).reshape(2000, -1).all(axis=1)]
    assert len(middle) > 50
    mirrored = law.mirror(middle)
    assert mirrored.shape == middle.shape
    np.testing.assert_allclose(law.mirror(mirrored), middle, rtol=1e-12, atol=1e-12)
    assert not np.allclose(mirrored, middle)


# -- 8. The noise


class Recorder:
    """A generator that has only what CuPy's has too, and says what it was asked for."""

    METHODS = (
        "standard_normal",
        "random",
        "uniform",
        "integers",
        "standard_exponential",
        "standard_gamma",
    )

    def __init__(self, seed):
        self.rng, self.asked = np.random.default_rng(seed), []

    def __getattr__(self, name):
        if name not in self.METHODS:
            raise AttributeError(f"CuPy's generators have no {name}")
        self.asked.append(name)
        return getattr(self.rng, name)


@EVERY
def test_noise_has_no_parameter_in_it_and_one_state_gives_one_noise(law):
    assert list(inspect.signature(law.noise).parameters) == ["rng", "shape", "dtype"]
    shape = (5, *draw_shape(law, parameters(law)))
    one, two = (law.noise(Recorder(4), shape) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape[: len(shape)] == shape
    assert not np.array_equal(one, law.noise(Recorder(5), shape))


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_and_its_mirror_image_are_of_the_dtype_asked_for(law, dtype):
    noise = law.noise(np.random.default_rng(0), (1000, 3), dtype)
    assert noise.dtype == dtype
    assert law.mirror(noise).dtype == dtype
    assert np.isfinite(noise).all()
    assert np.isfinite(law.mirror(noise)).all()
    np.testing.assert_allclose(
        noise, law.noise(np.random.default_rng(0), (1000, 3)), rtol=1e-4, atol=1e-6
    )


def uniform_noise(law):
    rng = Recorder(0)
    law.noise(rng, (1, 2))
    return set(rng.asked) == {"random"}


@where(uniform_noise)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("end", [0.0, 1.0 - 2.0**-53])
def test_uniforms_at_the_ends_of_the_generator_give_finite_draws(law, dtype, end):
    """A generator's uniforms include 0, and in float32 the largest of them rounds to 1."""

    class AtTheEnd:
        def random(self, shape=None):
            return np.full(shape, end)

    params = parameters(law)
    noise = law.noise(AtTheEnd(), (2, *draw_shape(law, params)), dtype)
    assert np.all((noise > 0.0) & (noise < 1.0))
    assert np.all((law.mirror(noise) > 0.0) & (law.mirror(noise) < 1.0))
    z = law.sample(*(param.astype(dtype) for param in map(np.asarray, params)), noise=noise)
    assert np.isfinite(z).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rare_noise_is_not_mirrored_onto_an_end(dtype):
    """E = 17.5, one draw in 4e7: in float32 e^-E is lost beside 1, and its image was 0."""
    E = np.array([1e-12, 1e-3, 0.5, 1.0, 17.5, 60.0], dtype)
    image = noises.reflect_exponential(E)
    assert image.dtype == dtype
    assert np.all((image > 0.0) & np.isfinite(image))
    exact = [-math.log(-math.expm1(-e)) if e < 1.0 else -math.log1p(-math.exp(-e)) for e in E]
    np.testing.assert_allclose(image, exact, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(noises.reflect_gumbel(-np.log(E)), -np.log(image), rtol=1e-4)


# -- 9. Shapes


@AT
@offering("rsample")
def test_sample_is_the_value_of_the_path(law, k):
    params = settings(law)[k]
    z, _ = law.rsample(*params, noise=noise_of(law, params))
    np.testing.assert_array_equal(z, draws(law, k))


@EVERY
def test_draws_broadcast_and_their_gradients_sum_to_that_of_the_shared_parameters(law):
    """As the estimators use it: parameters once for every sample, by a view and not a copy."""
    D, S = (7 if law.EVENT == 0 else event_size(law)), 4
    shared = parameters(law, 0, D)
    if law.EVENT == 0:
        drawn = [parameters(law, seed) for seed in range(D)]
        shared = tuple(np.array(column) for column in zip(*drawn, strict=True))
    noise = law.noise(np.random.default_rng(8), (S, D))
    apart = each(shared, S)
    z = law.sample(*shared, noise=noise)
    assert z.shape == (S, D)
    # Not to the last digit: an inversion that iterates stops when all of its draws are there.
    close = {"rtol": 1e-13, "atol": 1e-14}
    np.testing.assert_allclose(law.sample(*apart, noise=noise), z, **close)
    for s in range(S):
        np.testing.assert_allclose(law.sample(*shared, noise=noise[s]), z[s], **close)
    if law.EVENT == 0:
        for s, d in np.ndindex(S, D):
            one = law.sample(*(param[d] for param in shared), noise=noise[s, d])
            np.testing.assert_allclose(one, z[s, d], **close)

    dz = np.random.default_rng(9).standard_normal((S, D))
    dy = np.random.default_rng(9).standard_normal((S, D) if law.EVENT == 0 else S)
    calls = [(law.log_prob, (z,), {}, dy)]
    if offers(law, "rsample"):
        calls.append((law.rsample, (), {"noise": noise}, dz))
    if offers(law, "implicit"):
        calls.append((law.implicit, (z,), {}, dz))
    for fn, first, constants, cotangent in calls:
        y, vjp = fn(*first, *shared, **constants)
        y_apart, vjp_apart = fn(*first, *apart, **constants)
        np.testing.assert_allclose(y_apart, y, rtol=1e-13)
        for grad, grads in zip(vjp(cotangent), vjp_apart(cotangent), strict=True):
            assert (grad is None) == (grads is None)
            if grad is not None and grad.shape != grads.shape:
                assert grads.shape == (S, *grad.shape)
                np.testing.assert_allclose(grads.sum(axis=0), grad, rtol=1e-11, atol=1e-13)
    if offers(law, "score"):
        for score, many in zip(law.score(z, *shared), law.score(z, *apart), strict=True):
            if score is not None:
                np.testing.assert_allclose(*np.broadcast_arrays(score, many), rtol=1e-13)


@where(lambda law: law.EVENT == 0)
def test_parameters_without_axes_take_noise_with_axes(law):
    params = tuple(float(param) for param in parameters(law))
    z = law.sample(*params, noise=law.noise(np.random.default_rng(0), (3, 2)))
    assert z.shape == (3, 2)
    assert np.shape(law.log_prob(z, *params)[0]) == (3, 2)
    for name in CLOSED:
        if offers(law, name):
            y, vjp = maybe(getattr(law, name), *map(np.float64, params)) or (None, None)
            assert np.shape(y) == ()
            assert vjp is None or all(np.shape(grad) == () for grad in vjp(1.0))


# -- 10. What is refused

BAD = {
    "real": [np.nan, np.inf, -np.inf],
    "positive": [0.0, -1.0, np.nan, np.inf],
    "above low": [0.0, -0.5, np.nan, np.inf],  # counted from low
    "cholesky": [0.0, -1.0, np.nan, np.inf],  # on the diagonal
}
OF_X = ("log_prob", "score", "implicit")


def bad_parameters(law):
    """(name, parameters) with one number of one parameter outside its set."""
    for i, (name, kind) in enumerate(law.PARAMS.items()):
        for value in BAD.get(kind, BAD.get(kind.split()[0], ())):
            params = [np.array(param) for param in parameters(law)]
            if kind == "above low":
                params[i] = np.asarray(params[i - 1] + value)
            elif kind == "cholesky":
                params[i][-1, -1] = value
            else:
                params[i][(-1,) * params[i].ndim] = value
            yield name, [param[()] for param in params]
        if kind == "cholesky":
            params = [np.array(param) for param in parameters(law)]
            params[i][0, -1] = 0.5
            yield name, params


@CHECKED
def test_parameters_outside_their_sets_are_refused_by_name(law):
    noise = noise_of(law, parameters(law), 3)
    z = law.sample(*parameters(law), noise=noise)
    known = 0
    for name, params in bad_parameters(law):
        known += 1
        for fn in ("sample", "rsample", *OF_X, *CLOSED):
            if offers(law, fn):
                first = (z,) if fn in OF_X else ()
                constants = {"noise": noise} if fn in ("sample", "rsample") else {}
                with pytest.raises(ValueError, match=rf"\b{name}\b") as error:
                    getattr(law, fn)(*first, *params, **constants)
                assert not isinstance(error.value, Undefined), fn
    assert known


def outside(law):
    """Numbers, or vectors, that are never drawn."""
    params = parameters(law)
    z = law.sample(*params, noise=noise_of(law, params, 3))
    if law.EVENT:
        if event_size(law) == 3:
            bad = z.copy()
            bad[1, 0], bad[1, 1] = -0.25, bad[1, 1] + bad[1, 0] + 0.25
            yield bad
        return
    if circle(law):  # any angle is on it
        yield np.full_like(z, math.nan)
        return
    low, high = law.support(*params) if offers(law, "support") else (0.0, 1.0)
    ends = [low - 0.5] * math.isfinite(low) + [high + 0.5] * math.isfinite(high)
    if ends:
        ends.append(math.nan)
    if discrete(law):
        ends += [-1.0, 0.5]
    for value in ends:
        bad = z.copy()
        bad[1] = value
        yield bad


@CHECKED
def test_x_outside_the_support_is_refused_by_name(law):
    for x in outside(law):
        with pytest.raises(ValueError, match=r"\bx\b"):
            law.log_prob(x, *parameters(law))


# -- 11. What a law says of itself


@EVERY
def test_the_law_says_what_it_is(law):
    assert set(law.PARAMS.values()) <= set(SETS)
    assert law.EVENT in (0, 1)
    assert law.KIND in ("explicit", "implicit", "none")
    assert len(law.WHY.split()) > 4
    assert law.__doc__.strip()
    for function in ("sample", "log_prob", "score", "rsample", *CLOSED):
        assert callable(getattr(law, function)), function
    for function, first in (("log_prob", ["x"]), ("score", ["x"]), *((f, []) for f in CLOSED)):
        if offers(law, function):
            signature = inspect.signature(getattr(law, function)).parameters.values()
            positional = [p.name for p in signature if p.kind != p.KEYWORD_ONLY]
            assert positional == [*first, *law.PARAMS]
    if offers(law, "kl"):
        assert law.REFERENCE[0] in LAWS


@EVERY
def test_the_kind_of_the_path_is_what_is_offered(law):
    assert offers(law, "rsample") == (law.KIND != "none")
    assert offers(law, "implicit") == (law.KIND == "implicit")
    if law.KIND == "none":
        with pytest.raises(Undefined, match=r"use|sum over|score_function"):
            law.rsample(*parameters(law), noise=noise_of(law, parameters(law), 3))
        with pytest.raises(Undefined, match=r"use|sum over|score_function"):
            law.implicit(1.0, *parameters(law))


@EVERY
def test_what_is_refused_is_explained(law):
    for name in vars(law):
        reason = getattr(getattr(law, name), "undefined", None)
        if reason is not None:
            assert len(reason.split()) >= 8, name


# -- 12. Nothing goes wrong quietly


@EVERY
@FEW
@ANYWHERE
def test_densities_of_draws_are_finite_without_a_warning(law, seed, spread):
    params = legal(law, seed, spread)
    noise = law.noise(np.random.default_rng(seed), (50, *draw_shape(law, params)))
    with np.errstate(all="raise", under="ignore"):
        z = law.sample(*params, noise=noise)
        assert np.isfinite(z).all()
        z = z[~np.broadcast_to(rounded(law, params, z), 50)]
        if len(z):
            y, vjp = law.log_prob(z, *params)
            assert np.isfinite(y).all()
            assert all(np.isfinite(g).all() for g in vjp(np.ones_like(y)) if g is not None)
        if offers(law, "rsample"):
            z, vjp = law.rsample(*params, noise=noise)
            assert all(np.isfinite(g).all() for g in vjp(np.ones_like(z)))


# -- 13. The controls: these checks can fail


def scale_as_variance(**changes):
    """Normal(loc, scale), with functions that take the scale for a variance, or the reverse."""
    wrong = types.ModuleType("wrong")
    wrong.__dict__.update(vars(normal) | changes)
    return wrong


def stretched(loc, scale, *, noise):
    z = loc + scale * scale * noise
    return z, lambda dz: chain(dz, (1.0, 2.0 * scale * noise), (loc, scale))


def narrow_log_prob(x, loc, scale):
    return normal.log_prob(x, loc, np.sqrt(scale))


WRONG_DRAW = scale_as_variance(
    rsample=stretched, sample=lambda *params, noise: stretched(*params, noise=noise)[0]
)
WRONG_DENSITY = scale_as_variance(log_prob=narrow_log_prob)


@pytest.mark.parametrize("k", SETTINGS)
def test_a_scale_taken_for_a_variance_passes_the_gradient_check(k):
    check_path(WRONG_DRAW, k)
    check_mass(WRONG_DENSITY, k)


@pytest.mark.parametrize("k", [0, 3, 4])  # the others: a scale near 1, which is near its square
def test_a_draw_whose_scale_is_a_variance_fails_the_objective_oracle(k):
    with pytest.raises(AssertionError):
        check_moments(WRONG_DRAW, k)
    with pytest.raises(AssertionError):
        check_entropy_of_draws(WRONG_DRAW, k)
    with pytest.raises(AssertionError):
        check_fit(WRONG_DRAW, settings(WRONG_DRAW)[k], draws(WRONG_DRAW, k))


@pytest.mark.parametrize("k", SETTINGS)
def test_a_density_whose_scale_is_a_variance_fails_the_objective_oracle(k):
    with pytest.raises(AssertionError):
        check_entropy(WRONG_DENSITY, k)


@pytest.mark.parametrize("law", [normal], ids=["normal"])
def test_the_right_law_passes_what_the_controls_fail(law):
    for k in SETTINGS:
        for check in (check_path, check_mass, check_moments, check_entropy):
            check(law, k)
