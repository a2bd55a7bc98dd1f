"""TruncatedNormal and VonMises, which invert a CDF, and the functions that they stand on: against
25 digits, SciPy and finite differences."""

import math

import numpy as np
import pytest
from scipy import stats

from tinyvae import gradcheck
from tinyvae.distributions import normal as untruncated
from tinyvae.distributions import truncated_normal, von_mises
from tinyvae.special import bessel, normal

mpmath = pytest.importorskip("mpmath")
mpf = mpmath.mpf

U = np.array([1e-10, 1e-3, 0.2, 0.5, 0.77, 0.999, 1 - 1e-10])


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(25):
        yield


def relative(value, exact):
    return float(abs((mpf(float(value)) - exact) / exact))


# -- The normal CDF


def upper_tail(x):
    return mpmath.erfc(mpf(float(x)) / mpmath.sqrt(2)) / 2


X = np.concatenate([np.linspace(-37.5, 37.5, 121), [1e-12, 0.1, 1.0, 9.6, 9.7]])


def test_both_tails_to_the_last_digits():
    for x in X:
        assert relative(normal.survival(x), upper_tail(x)) < 2e-15
        assert relative(normal.cdf(-x), upper_tail(x)) < 2e-15


def test_log_tails_where_the_tails_underflow():
    mpmath.mp.dps = 40
    for x in (*X[X > -8], 100.0, 1e4):
        assert relative(normal.log_survival(x), mpmath.log(upper_tail(x))) < 2e-15
    assert normal.log_survival(-50.0) == 0.0
    assert normal.log_cdf(-1e4) == normal.log_survival(1e4)
    assert normal.mills(1e300) == pytest.approx(1e-300)


def test_quantiles_to_the_last_digits():
    tails = 10.0 ** -np.arange(1.0, 300.0, 13.0)
    middle = 0.5 + np.concatenate([10.0 ** -np.arange(1.0, 16.0), [-1e-9, 0.2, 0.34, 0.36]])
    for u in (*tails, *middle, *np.linspace(0.01, 0.99, 9)):
        x = mpf(float(normal.quantile(u)))
        if x == 0:
            assert u == 0.5
            continue
        density = mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)
        error = (mpf(float(u)) - mpmath.erfc(-x / mpmath.sqrt(2)) / 2) / density
        assert abs(error / x) < 1e-15, u


@pytest.mark.parametrize("fn", [normal.survival, normal.cdf, normal.log_survival, normal.log_cdf])
def test_the_normal_cdf_lets_the_complex_step_through(fn):
    x = np.array([-30.0, -3.0, 0.2, 5.0, 30.0])
    sign = -1.0 if fn in (normal.survival, normal.log_survival) else 1.0
    slope = sign * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    slope = slope / np.exp(fn(x)) if fn in (normal.log_survival, normal.log_cdf) else slope
    np.testing.assert_allclose(fn(x + 1e-30j).imag / 1e-30, slope, rtol=1e-12)


@pytest.mark.parametrize("c", [0.0, 1e-3, 0.5, 2.0, 10.0, 1e3])
@pytest.mark.parametrize("power", [0, 1, 4])
def test_strips_of_any_width_at_any_depth(c, power):
    for width in (1e-3, 0.3, 3.0, np.inf):
        ends = [0, *(min(mpf(width), mpf(k) / (c + 1)) for k in (1, 3, 8, 16, 40, 100))]
        exact = mpmath.quad(lambda s: s**power * mpmath.exp(-s * (mpf(c) + s / 2)), ends)
        assert relative(normal.strip(c, width, power), exact) < 4e-15
    assert relative(normal.strip(c, 1e-12), mpf(1e-12) - mpf(c) * mpf(1e-12) ** 2 / 2) < 1e-15


# -- Bessel functions


@pytest.mark.parametrize("kappa", [1e-8, 0.1, 1.0, 5.0, 19.9, 26.1, 100.0, 1e3, 1e4, 1e6])
def test_bessel_functions_to_1e_minus_14(kappa):
    k = mpf(kappa)
    i0, i1 = mpmath.besseli(0, k), mpmath.besseli(1, k)
    A = i1 / i0
    assert abs(bessel.log_i0(kappa) - mpmath.log(i0)) < 1e-15 * max(1, kappa)
    assert abs(bessel.i1_over_i0(kappa) - A) < 1e-15
    _, d, d2 = bessel.cosine_moments(kappa)
    assert relative(d, 1 - A) < 1e-14
    assert relative(d2 - d * d, 1 - A * A - A / k) < 1e-13


def test_bessel_functions_let_the_complex_step_through():
    kappa = np.array([0.3, 5.0, 30.0, 1e4])
    A = bessel.i1_over_i0(kappa)
    np.testing.assert_allclose(bessel.log_i0(kappa + 1e-30j).imag / 1e-30, A, rtol=1e-14)
    slope = bessel.i1_over_i0(kappa + 1e-30j).imag / 1e-30
    np.testing.assert_allclose(slope[:3], (1 - A * A - A / kappa)[:3], rtol=1e-11)


# -- The truncated normal

INTERVALS = [
    (0.0, 1.0, -1.0, 2.0),
    (0.0, 1.0, 30.0, 31.0),  # 30 scales out
    (0.0, 1.0, 30.0, 1e6),
    (0.0, 1.0, -40.0, -35.0),
    (-1e6, 1.0, 0.0, 10.0),  # a million scales out
    (5.0, 0.01, 0.0, 1.0),  # loc far outside
    (0.0, 1.0, -1e9, 1e9),  # no truncation to speak of
    (0.0, 1.0, -1e300, 1e300),
    (0.0, 1.0, 0.5, 0.500001),  # far narrower than the scale
    (0.0, 1.0, -1e-12, 2e-12),
    (1.0, 2.0, -20.0, 1.0),  # the mode at an end
]


class Exact:
    """The truncated normal in 25 digits; its density is 1 at the mode, before it is normalised."""

    def __init__(self, *params):
        loc, scale, low, high = self.params = tuple(map(mpf, params))
        self.mode = mode = min(max(loc, low), high)
        length = scale / (1 + abs(mode - loc) / scale)  # on which the density changes
        self.ends = sorted(
            {low, high}
            | {
                min(max(mode + k * length, low), high)
                for k in (-100, -40, -16, -8, -3, -1, 0, 1, 3, 8, 16, 40, 100)
            }
        )
        self.K = self.integral(lambda z: 1)

    def density(self, z):
        loc, scale, _, _ = self.params
        return mpmath.exp(-(z - self.mode) * (z + self.mode - 2 * loc) / (2 * scale**2))

    def integral(self, f, low=-mpmath.inf, high=mpmath.inf):
        ends = [e for e in self.ends if low < e < high]
        ends = [low] * (low > -mpmath.inf) + ends + [high] * (high < mpmath.inf)
        return mpmath.quad(lambda z: f(z) * self.density(z), ends)

    def mean(self, f):
        return self.integral(f) / self.K


@pytest.mark.parametrize("params", INTERVALS, ids=str)
def test_moments_entropy_and_density_of_a_truncated_normal_to_the_last_digits(params):
    mpmath.mp.dps = 40  # until `digits` sets it back
    exact = Exact(*params)
    above = exact.mean(lambda z: z - exact.mode)
    variance = exact.mean(lambda z: (z - exact.mode - above) ** 2)
    entropy = mpmath.log(exact.K) - exact.mean(lambda z: mpmath.log(exact.density(z)))
    spread = float(mpmath.sqrt(variance))
    error = mpf(float(truncated_normal.mean(*params)[0])) - exact.mode - above
    assert abs(error) < 1e-14 * spread + 4e-16 * abs(float(exact.mode))
    assert relative(truncated_normal.variance(*params)[0], variance) < 5e-15
    assert float(truncated_normal.entropy(*params)[0]) == pytest.approx(float(entropy), abs=5e-15)
    x = truncated_normal.sample(*params, noise=np.float64(0.3))
    log_p = mpmath.log(exact.density(mpf(float(x))) / exact.K)
    assert float(truncated_normal.log_prob(x, *params)[0]) == pytest.approx(float(log_p), abs=5e-15)


@pytest.mark.parametrize("params", INTERVALS, ids=str)
def test_quantiles_of_a_truncated_normal_to_the_last_digits(params):
    exact = Exact(*params)
    for u in U:
        z = mpf(float(truncated_normal.sample(*params, noise=u)))
        p = exact.density(z) / exact.K
        if u < 0.5:
            error = (exact.integral(lambda t: 1, high=z) / exact.K - mpf(float(u))) / p
        else:
            error = (exact.integral(lambda t: 1, low=z) / exact.K - (1 - mpf(float(u)))) / p
        spread = mpmath.sqrt(exact.mean(lambda t: (t - exact.mode) ** 2))
        assert abs(error) < 1e-15 * abs(z) + 2e-15 * spread, u


@pytest.mark.parametrize("params", INTERVALS, ids=str)
def test_slopes_of_the_draws_of_a_truncated_normal(params):
    """Against -(dF/dparam)/p, each of F's slopes an integral in 25 digits."""
    loc, scale, low, high = params
    exact = Exact(*params)
    p_low, p_high = (exact.density(mpf(end)) / exact.K for end in (low, high))

    def y(t):
        return (t - mpf(loc)) / mpf(scale)

    m1, m2 = exact.mean(y), exact.mean(lambda t: y(t) ** 2)
    spread = math.sqrt(truncated_normal.variance(*params)[0])
    for u in U[1:-1:2]:
        z, vjp = truncated_normal.rsample(*params, noise=u)
        at, blur = mpf(float(z)), 1e-15 * abs(float(z)) / spread
        p = exact.density(at) / exact.K
        before, after = (
            exact.integral(lambda t: 1, **k) / exact.K for k in ({"high": at}, {"low": at})
        )
        expected = (
            exact.integral(lambda t: (y(t) - m1) / mpf(scale), low=at) / exact.K / p,
            exact.integral(lambda t: (y(t) ** 2 - m2) / mpf(scale), low=at) / exact.K / p,
            after * p_low / p,
            before * p_high / p,
        )
        for mine, theirs in zip(vjp(1.0), expected, strict=True):
            # The law knows d; its slopes here are taken at z, which is rounded.
            assert float(mine) == pytest.approx(float(theirs), rel=1e-11, abs=blur + 1e-15), u


@pytest.mark.parametrize(
    "params", [(0.0, 1.0, -1.0, 2.0), (0.2, 1.5, 1.0, 2.5), (0.0, 1.0, -4.0, -3.0)]
)
def test_paths_of_a_truncated_normal_are_the_differences_of_its_draws(params):
    params, u = tuple(map(np.float64, params)), U[1:-1]
    gradcheck(truncated_normal.rsample, *params, noise=u, method="five-point").raise_if_wrong()
    z, vjp = truncated_normal.rsample(*params, noise=u)
    dz = np.linspace(1.0, 2.0, len(u))
    none, *again = truncated_normal.implicit(z, *params)[1](dz)
    assert none is None
    np.testing.assert_allclose(vjp(dz), again, rtol=1e-12)


def test_an_interval_that_holds_everything_truncates_nothing():
    loc, scale, ends = 0.3, 0.7, (-1e9, 1e9)
    x = np.linspace(-3.0, 4.0, 9)
    for ours, theirs in (
        (
            truncated_normal.log_prob(x, loc, scale, *ends)[0],
            untruncated.log_prob(x, loc, scale)[0],
        ),
        (truncated_normal.score(x, loc, scale, *ends)[:2], untruncated.score(x, loc, scale)),
        (truncated_normal.kl(loc, scale, *ends)[0], untruncated.kl(loc, scale)[0]),
        (truncated_normal.kl(loc, scale, *ends)[1](1.0)[:2], untruncated.kl(loc, scale)[1](1.0)),
        (truncated_normal.sample(loc, scale, *ends, noise=U), loc + scale * normal.quantile(U)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "params", [(0.0, 1.0, -1.0, 2.0), (1.0, 0.5, 1.5, 4.0), (3.0, 2.0, -1.0, 0.0)]
)
def test_a_truncated_normal_is_that_of_scipy(params):
    loc, scale, low, high = params
    scipy = stats.truncnorm((low - loc) / scale, (high - loc) / scale, loc, scale)
    x = scipy.ppf(np.linspace(0.01, 0.99, 21))
    np.testing.assert_allclose(
        truncated_normal.log_prob(x, *params)[0], scipy.logpdf(x), rtol=1e-11
    )
    for fn, moment in ((truncated_normal.mean, scipy.mean), (truncated_normal.variance, scipy.var)):
        assert fn(*params)[0] == pytest.approx(moment(), rel=1e-9)
    assert truncated_normal.entropy(*params)[0] == pytest.approx(scipy.entropy(), rel=1e-9)
    noise = truncated_normal.noise(np.random.default_rng(2), 20_000)
    assert stats.kstest(truncated_normal.sample(*params, noise=noise), scipy.cdf).pvalue > 1e-3


def test_the_ends_of_a_truncated_normal_move_the_support_and_have_no_score():
    score = truncated_normal.score(0.5, 0.0, 1.0, -1.0, 2.0)
    assert score[2:] == (None, None)
    _, vjp = truncated_normal.log_prob(0.5, 0.0, 1.0, -1.0, 2.0)
    assert vjp(1.0)[3] > 0 > vjp(1.0)[4]  # and yet slopes, at an x that stays inside
    assert np.isfinite(
        truncated_normal.log_prob(np.array([-1.0, 2.0]), 0.0, 1.0, -1.0, 2.0)[0]
    ).all()
    with pytest.raises(ValueError, match="between low and high"):
        truncated_normal.log_prob(2.1, 0.0, 1.0, -1.0, 2.0)


# -- von Mises


class Circle:
    """The von Mises law of kappa in 25 digits, beyond |t|."""

    def __init__(self, kappa):
        self.kappa, self.reach = mpf(kappa), 1 / mpmath.sqrt(kappa + 1)
        i0, i1 = mpmath.besseli(0, self.kappa), mpmath.besseli(1, self.kappa)
        self.area, self.A = 2 * mpmath.pi * i0 * mpmath.exp(-self.kappa), i1 / i0

    def density(self, t):
        return mpmath.exp(-2 * self.kappa * mpmath.sin(t / 2) ** 2) / self.area

    def beyond(self, t, f=lambda s: 1):
        ends = [t + k * self.reach for k in (0.5, 1, 2, 4, 8, 12, 16)]
        ends = [t, *(e for e in ends if e < mpmath.pi), mpmath.pi]
        return mpmath.quad(lambda s: f(s) * self.density(s), ends)


@pytest.mark.parametrize("kappa", [1e-3, 0.3, 2.0, 10.0, 50.0, 1e4, 1e6])
def test_quantiles_of_von_mises_and_their_slopes(kappa):
    circle = Circle(kappa)
    for u in U:
        t, vjp = von_mises.rsample(0.0, kappa, noise=u)
        x = mpf(abs(float(t)))
        tail = min(mpf(float(u)), 1 - mpf(float(u)))
        assert abs((circle.beyond(x) - tail) / circle.density(x)) < 3e-15 * float(circle.reach)
        slope = circle.beyond(x, lambda s: mpmath.cos(s) - circle.A) / circle.density(x)
        assert vjp(1.0)[0] == 1.0
        assert abs(float(slope) * np.sign(t) - vjp(1.0)[1]) < 1e-15 + 1e-12 * abs(float(slope))


@pytest.mark.parametrize("kappa", [0.3, 2.0, 30.0, 1e3])
def test_von_mises_is_that_of_scipy(kappa):
    scipy, loc = stats.vonmises(kappa, loc=0.4), 0.4
    x = np.linspace(-3.0, 3.0, 13)
    np.testing.assert_allclose(
        von_mises.log_prob(x, loc, kappa)[0], scipy.logpdf(x), rtol=1e-12, atol=1e-12
    )
    assert von_mises.entropy(loc, kappa)[0] == pytest.approx(scipy.entropy(), rel=1e-12)
    noise = von_mises.noise(np.random.default_rng(3), 20_000)
    z = von_mises.sample(loc, kappa, noise=noise)
    assert np.all((z > loc - math.pi) & (z <= loc + math.pi))
    assert stats.kstest(z - loc, stats.vonmises(kappa).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kappa", [0.2, 4.0, 80.0])
def test_the_circular_mean_and_variance_are_those_of_the_draws(kappa):
    N, loc = 100_000, 2.0
    z = np.random.default_rng(4).vonmises(loc, kappa, N)
    direction = np.angle(np.exp(1j * z).mean())
    assert abs(direction - von_mises.mean(loc, kappa)[0]) < 5 / math.sqrt(N * kappa) / 0.1
    d = 1.0 - np.cos(z - loc)
    assert abs(d.mean() - von_mises.variance(loc, kappa)[0]) < 5 * d.std() / math.sqrt(N)


def test_the_same_angle_by_any_turn_has_the_same_density_and_slope():
    loc, kappa = 3.0, 1.7
    z = von_mises.sample(loc, kappa, noise=np.linspace(0.05, 0.95, 7))
    for turns in (-3, 1):
        moved = z + turns * 2 * math.pi
        for fn in (von_mises.log_prob, von_mises.implicit):
            here, there = fn(z, loc, kappa)[1](1.0)[1:], fn(moved, loc, kappa)[1](1.0)[1:]
            np.testing.assert_allclose(here, there, atol=1e-12)


def test_draws_of_a_generator_train_through_implicit():
    """d/dkappa E[cos z] = dA/dkappa, from draws made by rejection."""
    loc, kappa, N = 0.5, 3.0, 50_000
    z = np.random.default_rng(5).vonmises(loc, kappa, N)
    _, vjp = von_mises.implicit(z, np.full(N, loc), np.full(N, kappa))
    none, _, dkappa = vjp(-np.sin(z - loc))
    assert none is None
    truth = -von_mises.variance(loc, kappa)[1](1.0)[1]
    assert abs(dkappa.mean() - truth) < 5 * dkappa.std() / math.sqrt(N)


def test_the_score_of_the_direction_is_for_functions_of_the_angle_alone():
    """Of f = z the path knows the slope of the mean, 1; the score misses the jump at loc ± pi."""
    kappa = 0.5
    t = np.linspace(-math.pi, math.pi, 20_001)[:-1] + math.pi / 20_000
    p = np.exp(von_mises.log_prob(t, 0.0, kappa)[0]) * (t[1] - t[0])
    score = von_mises.score(t, 0.0, kappa)[0]
    jump = 2 * math.pi * math.exp(von_mises.log_prob(math.pi, 0.0, kappa)[0])
    assert (p * t * score).sum() == pytest.approx(1.0 - jump, abs=1e-6)
    assert (p * np.sin(t) * score).sum() == pytest.approx((p * np.cos(t)).sum(), abs=1e-6)
