"""The laws whose draw is a formula in the noise, against SciPy, PyTorch and arithmetic with more
digits. What every law promises is in test_laws.py; here is what is particular to these."""

import math

import numpy as np
import pytest
from scipy import stats

from tinyvae import gradcheck
from tinyvae.distributions import (
    LAWS,
    cauchy,
    gumbel,
    kumaraswamy,
    laplace,
    log_normal,
    logistic,
    multivariate_normal,
    weibull,
)
from tinyvae.distributions.law import offers
from tinyvae.errors import Undefined

FRACTION = np.linspace(0.01, 0.99, 41)


def kumaraswamy_cdf(x, a, b):
    return -np.expm1(b * np.log1p(-(x**a)))


# law: parameters, and the same law of SciPy
SAME = {
    laplace: [(p, stats.laplace(*p)) for p in ((0.3, 0.7), (-20.0, 5.0))],
    logistic: [(p, stats.logistic(*p)) for p in ((0.3, 0.7), (-20.0, 5.0))],
    cauchy: [(p, stats.cauchy(*p)) for p in ((0.3, 0.7), (-20.0, 5.0))],
    gumbel: [(p, stats.gumbel_r(*p)) for p in ((0.3, 0.7), (-20.0, 5.0))],
    log_normal: [((m, s), stats.lognorm(s, scale=math.exp(m))) for m, s in ((0.3, 0.7), (-2, 1.5))],
    weibull: [((k, s), stats.weibull_min(k, scale=s)) for k, s in ((0.7, 1.3), (1, 2), (12, 0.4))],
    # Kumaraswamy(a, 1) is Beta(a, 1), and (1, b) is Beta(1, b).
    kumaraswamy: [(p, stats.beta(*p)) for p in ((0.4, 1.0), (3.0, 1.0), (1.0, 0.3), (1.0, 6.0))],
}
ROWS = [
    pytest.param(law, tuple(map(np.float64, params)), scipy, id=f"{name}{params}")
    for name, law in LAWS.items()
    for params, scipy in SAME.get(law, ())
]
ALIKE = pytest.mark.parametrize(("law", "params", "scipy"), ROWS)


@ALIKE
def test_the_density_is_that_of_scipy(law, params, scipy):
    x = scipy.ppf(FRACTION)
    np.testing.assert_allclose(law.log_prob(x, *params)[0], scipy.logpdf(x), rtol=1e-12, atol=1e-12)


@ALIKE
@pytest.mark.parametrize(
    ("function", "moment"), [("entropy", "entropy"), ("mean", "mean"), ("variance", "var")]
)
def test_entropy_and_moments_are_those_of_scipy(law, params, scipy, function, moment):
    if not offers(law, function):
        pytest.skip("there is none")
    ours, theirs = getattr(law, function)(*params)[0], getattr(scipy, moment)()
    assert ours == pytest.approx(float(theirs), rel=1e-9, abs=1e-9)


@ALIKE
def test_draws_follow_the_cdf_of_scipy(law, params, scipy):
    z = law.sample(*params, noise=law.noise(np.random.default_rng(0), 20_000))
    assert stats.kstest(z, scipy.cdf).pvalue > 1e-3


def test_draws_of_a_general_kumaraswamy_follow_its_cdf():
    z = kumaraswamy.sample(2.3, 4.1, noise=kumaraswamy.noise(np.random.default_rng(1), 20_000))
    assert stats.kstest(z, lambda x: kumaraswamy_cdf(x, 2.3, 4.1)).pvalue > 1e-3
    assert stats.kstest(z, lambda x: kumaraswamy_cdf(x, 2.3, 3.9)).pvalue < 1e-3  # a control


# -- PyTorch, float64 everywhere: the gradients of its own draws

# law: the class of torch, and the noise that a draw of it is made of
NOISE = {
    "normal": ("Normal", lambda z, loc, scale: (z - loc) / scale),
    "laplace": ("Laplace", lambda z, loc, scale: (z - loc) / scale),
    "cauchy": ("Cauchy", lambda z, loc, scale: (z - loc) / scale),
    "gumbel": ("Gumbel", lambda z, loc, scale: (z - loc) / scale),
    "log_normal": ("LogNormal", lambda z, loc, scale: (np.log(z) - loc) / scale),
    "uniform": ("Uniform", lambda z, low, high: (z - low) / (high - low)),
    "exponential": ("Exponential", lambda z, rate: z * rate),
    "weibull": ("Weibull", lambda z, k, scale: (z / scale) ** k),  # torch has the scale first
    "kumaraswamy": ("Kumaraswamy", lambda z, a, b: -b * np.log1p(-(z**a))),
}
NINE = pytest.mark.parametrize("name", NOISE)


class Twin:
    """A law of torch, at parameters that it is to give the gradients of."""

    def __init__(self, name, count=200):
        self.torch = pytest.importorskip("torch")
        self.torch.manual_seed(0)
        rng = np.random.default_rng(3)
        first, second = rng.normal(size=count), rng.uniform(0.6, 2.5, count)
        if name in ("weibull", "kumaraswamy"):
            first = rng.uniform(0.6, 2.5, count)
        if name == "uniform":
            second = first + second
        self.params = (second,) if name == "exponential" else (first, second)
        self.leaves = [self.torch.tensor(p, requires_grad=True) for p in self.params]
        ordered = self.leaves[::-1] if name == "weibull" else self.leaves
        self.law = getattr(self.torch.distributions, NOISE[name][0])(*ordered)
        self.dy = rng.normal(size=count)

    def compare(self, y, ours, inputs, rtol=1e-12):
        """Our (value, gradients) against theirs: of y in the inputs, at the cotangent dy."""
        value, vjp = ours
        np.testing.assert_allclose(value, y.detach().numpy(), rtol=rtol, atol=rtol)
        grads = self.torch.autograd.grad(
            y, inputs, self.torch.tensor(self.dy), allow_unused=True, materialize_grads=True
        )
        for mine, theirs in zip(vjp(self.dy), grads, strict=True):
            np.testing.assert_allclose(mine, theirs.numpy(), rtol=rtol, atol=rtol)


@NINE
def test_the_path_has_the_gradients_of_torch_at_the_same_draw(name):
    twin = Twin(name)
    z = twin.law.rsample()
    noise = NOISE[name][1](z.detach().numpy(), *twin.params)
    twin.compare(z, LAWS[name].rsample(*twin.params, noise=noise), twin.leaves)


@NINE
def test_the_density_has_the_gradients_of_torch(name):
    twin = Twin(name)
    x = twin.law.sample().requires_grad_(True)
    ours = LAWS[name].log_prob(x.detach().numpy(), *twin.params)
    twin.compare(twin.law.log_prob(x), ours, [x, *twin.leaves])


@NINE
def test_the_entropy_has_the_gradients_of_torch(name):
    twin = Twin(name)
    rtol = 1e-9 if name == "kumaraswamy" else 1e-12  # the trigamma of torch has ten digits
    H = twin.law.entropy() + 0.0 * twin.leaves[0]
    twin.compare(H, LAWS[name].entropy(*twin.params), twin.leaves, rtol)


@pytest.mark.parametrize(
    "name", ["normal", "laplace", "cauchy", "gumbel", "log_normal", "exponential"]
)
def test_the_divergence_has_the_gradients_of_torch(name):
    twin = Twin(name)
    at = (twin.torch.tensor(p, dtype=twin.torch.float64) for p in LAWS[name].REFERENCE[1])
    reference = type(twin.law)(*at)
    y = twin.torch.distributions.kl_divergence(twin.law, reference)
    twin.compare(y, LAWS[name].kl(*twin.params), twin.leaves)


# -- Far out, and near the edges, nothing turns into NaN and no digit is lost


@pytest.mark.parametrize("law", [laplace, logistic, cauchy, gumbel])
def test_densities_keep_their_digits_in_the_tails(law):
    (_, scipy), *_ = SAME[law]
    loc, scale = 0.3, 0.7
    for y in (-30.0, -6.0, 0.0, 1e-9, 6.0, 30.0, 700.0, 1e6):
        x = loc + scale * y
        value, vjp = law.log_prob(x, loc, scale)
        if y < 1e6:  # where SciPy's Laplace is -inf
            assert value == pytest.approx(float(scipy.logpdf(x)), rel=1e-13)
        assert np.isfinite([value, *vjp(1.0)]).all()


def test_a_cauchy_density_does_not_overflow():
    """y² would: log p = -log pi - 2 log y."""
    for y in (1e200, -1e200, 1e308):
        assert cauchy.log_prob(y, 0.0, 1.0)[0] == pytest.approx(
            -math.log(math.pi) - 2 * math.log(abs(y))
        )
        dloc, dscale = cauchy.score(y, 0.0, 1.0)
        assert dloc == pytest.approx(2.0 / y, abs=0)
        assert dscale == 1.0


def test_gumbel_far_below():
    """At y = -700, e^700 is a number; at -800 it is none, and the error says so."""
    value, vjp = gumbel.log_prob(-700.0, 0.0, 1.0)
    assert value == pytest.approx(-math.exp(700.0))
    assert np.isfinite(vjp(1.0)).all()
    for fn in (gumbel.log_prob, gumbel.score):
        with pytest.raises(ValueError, match=r"exponent -\(x - loc\)/scale must be .*, but .* 800"):
            fn(-800.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("fn", "args", "noise"),
    [
        (log_normal.rsample, (700.0, 10.0), 1.0),
        (log_normal.mean, (1.0, 40.0), None),
        (log_normal.variance, (1.0, 30.0), None),
        (weibull.rsample, (0.001, 1.0), 3.0),
        (weibull.mean, (0.005, 1.0), None),
        (weibull.variance, (0.01, 1.0), None),
        (gumbel.kl, (-800.0, 1.0), None),
        (gumbel.kl, (0.0, 200.0), None),
    ],
)
def test_what_overflows_is_refused_with_the_exponent_that_does(fn, args, noise):
    with pytest.raises(ValueError, match="the exponent"):
        fn(*args, **({} if noise is None else {"noise": noise}))


def test_float32_has_its_own_limit():
    with pytest.raises(ValueError, match=r"less than 88\.7"):
        log_normal.rsample(np.float32(90.0), np.float32(1.0), noise=np.float32(0.0))
    assert log_normal.sample(90.0, 1.0, noise=0.0) == pytest.approx(math.exp(90.0))


@pytest.mark.parametrize(("a", "b"), [(0.01, 0.5), (0.5, 0.01), (3.0, 200.0), (200.0, 3.0)])
def test_kumaraswamy_near_its_ends_keeps_its_digits(a, b):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        for x in (1e-300, 1e-10, 0.5, 1 - 1e-10, 1 - 2.0**-53):
            exact = mpmath.mpf(x)
            w = 1 - exact**a
            expected = mpmath.log(a * b) + (a - 1) * mpmath.log(exact) + (b - 1) * mpmath.log(w)
            da = 1 / mpmath.mpf(a) + mpmath.log(exact) * (1 - (b - 1) * (1 - w) / w)
            assert kumaraswamy.log_prob(x, a, b)[0] == pytest.approx(float(expected), rel=1e-13)
            scores = kumaraswamy.score(x, a, b)
            assert scores == pytest.approx((float(da), float(1 / mpmath.mpf(b) + mpmath.log(w))))


def test_kumaraswamy_moments_are_the_integrals():
    mpmath = pytest.importorskip("mpmath")
    a, b = 2.3, 4.1
    with mpmath.workdps(30):
        one, two = (
            mpmath.quad(lambda z, n=n: z**n * a * b * z ** (a - 1) * (1 - z**a) ** (b - 1), [0, 1])
            for n in (1, 2)
        )
        assert kumaraswamy.mean(a, b)[0] == pytest.approx(float(one), rel=1e-13)
        assert kumaraswamy.variance(a, b)[0] == pytest.approx(float(two - one**2), rel=1e-13)


def test_a_narrow_weibull_has_the_variance_of_its_formula_in_more_digits():
    """At k = 1000 the difference of the two Gamma functions has lost six digits of sixteen."""
    mpmath = pytest.importorskip("mpmath")
    for k in (0.7, 30.0, 1e3, 1e5):
        with mpmath.workdps(40):
            exact = mpmath.gamma(1 + 2 / mpmath.mpf(k)) - mpmath.gamma(1 + 1 / mpmath.mpf(k)) ** 2
        assert weibull.variance(k, 1.0)[0] == pytest.approx(float(exact), rel=2e-15 * max(k, 10.0))


def test_a_cauchy_has_no_mean_and_says_why():
    for fn, word in ((cauchy.mean, "median"), (cauchy.variance, "quartiles")):
        with pytest.raises(Undefined, match=word):
            fn(0.0, 1.0)


# -- Divergences: kinks, zeros, other closed forms


def test_the_divergence_of_laplace_laws_has_no_kink_at_zero():
    for b in (0.5, 1.0, 2.0):
        (at_zero, _), (left, _), (right, _) = (laplace.kl(x, b)[1](1.0) for x in (0.0, -1e-9, 1e-9))
        assert at_zero == 0.0
        assert left == pytest.approx(-1e-9 / b, rel=1e-6)
        assert right == pytest.approx(1e-9 / b, rel=1e-6)
        gradcheck(laplace.kl, 0.0, b, method="five-point").raise_if_wrong()


@pytest.mark.parametrize("law", [laplace, cauchy, gumbel, log_normal])
def test_the_divergence_from_itself_is_zero_and_flat(law):
    value, vjp = law.kl(*law.REFERENCE[1])
    assert value == pytest.approx(0.0, abs=1e-15)
    assert vjp(1.0) == pytest.approx((0.0, 0.0), abs=1e-14)


def test_weibull_and_kumaraswamy_divergences_vanish_where_they_are_the_reference():
    for law in (weibull, kumaraswamy):
        value, vjp = law.kl(1.0, 1.0)
        assert value == pytest.approx(0.0, abs=1e-14)
        assert vjp(1.0) == pytest.approx((0.0, 0.0), abs=1e-14)


# -- The score beats the path of a Cauchy's scale


def test_the_pathwise_gradient_of_a_cauchy_scale_has_a_spread_that_does_not_settle():
    """f = cos z: E[(f'(z) dz/dscale)²] is infinite, and that of the score estimate below 1."""
    rng = np.random.default_rng(0)
    eps = cauchy.noise(rng, 1_000_000)
    path = -np.sin(eps) * eps
    score = np.cos(eps) * cauchy.score(eps, 0.0, 1.0)[1]
    truth = -math.exp(-1.0)  # E cos z = cos(loc) e^-scale
    assert abs(score.mean() - truth) < 5 * score.std() / 1e3
    assert score.var() < 1.0
    assert path.var() > 1e4


# -- The multivariate normal


def factor_of(rng, D, *batch):
    return np.tril(0.5 * rng.normal(size=(*batch, D, D)), -1) + np.eye(D) * rng.uniform(
        0.5, 2.0, (*batch, 1, D)
    )


@pytest.mark.parametrize("D", [1, 2, 5])
def test_the_multivariate_normal_is_that_of_scipy(D):
    rng = np.random.default_rng(D)
    loc, L = rng.normal(size=D), factor_of(rng, D)
    scipy = stats.multivariate_normal(loc, L @ L.T)
    x = rng.normal(size=(6, D))
    value = multivariate_normal.log_prob(x, loc, L)[0]
    np.testing.assert_allclose(value, np.atleast_1d(scipy.logpdf(x)), rtol=1e-12)
    assert multivariate_normal.entropy(loc, L)[0] == pytest.approx(scipy.entropy(), rel=1e-13)
    np.testing.assert_allclose(multivariate_normal.covariance(loc, L)[0], L @ L.T)
    np.testing.assert_allclose(multivariate_normal.variance(loc, L)[0], np.diag(L @ L.T))


@pytest.mark.parametrize("batch", [(), (4,)])
def test_the_multivariate_normal_has_the_gradients_of_torch(batch):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    params = rng.normal(size=(*batch, 3)), factor_of(rng, 3, *batch)
    leaves = [torch.tensor(p, requires_grad=True) for p in params]
    law = torch.distributions.MultivariateNormal(leaves[0], scale_tril=leaves[1])
    standard = torch.distributions.MultivariateNormal(
        torch.zeros(3).double(), scale_tril=torch.eye(3).double()
    )
    z = law.rsample((6,))
    noise = np.linalg.solve(params[1], (z.detach().numpy() - params[0])[..., None])[..., 0]
    x = z.detach().requires_grad_(True)
    for theirs, ours, inputs in (
        (z, multivariate_normal.rsample(*params, noise=noise), leaves),
        (
            law.log_prob(x),
            multivariate_normal.log_prob(x.detach().numpy(), *params),
            [x, *leaves],
        ),
        (law.entropy(), multivariate_normal.entropy(*params), leaves),
        (torch.distributions.kl_divergence(law, standard), multivariate_normal.kl(*params), leaves),
    ):
        value, vjp = ours
        np.testing.assert_allclose(value, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
        dy = rng.normal(size=value.shape)
        grads = torch.autograd.grad(
            theirs, inputs, torch.tensor(dy), allow_unused=True, materialize_grads=True
        )
        for mine, other in zip(vjp(dy), grads, strict=True):
            lower = np.tril(other) if mine.shape == params[1].shape else other
            np.testing.assert_allclose(mine, lower, rtol=1e-12, atol=1e-12)


def test_one_factor_and_mean_for_each_draw_give_one_gradient_for_each():
    rng = np.random.default_rng(6)
    S, D = 7, 3
    loc, L, eps = rng.normal(size=D), factor_of(rng, D), rng.normal(size=(S, D))
    own = np.broadcast_to(loc, (S, D)), np.broadcast_to(L, (S, D, D))
    z, vjp = multivariate_normal.rsample(*own, noise=eps)
    dz = rng.normal(size=(S, D))
    dloc, dtril = vjp(dz)
    for s in range(S):
        np.testing.assert_allclose(dloc[s], dz[s])
        np.testing.assert_allclose(dtril[s], np.tril(np.outer(dz[s], eps[s])))
    np.testing.assert_allclose(z, multivariate_normal.sample(loc, L, noise=eps))
    shared = multivariate_normal.rsample(loc, L, noise=eps)[1](dz)
    np.testing.assert_allclose(dtril.sum(axis=0), shared[1])
    scores = multivariate_normal.score(z, loc, L)
    assert [s.shape for s in scores] == [(S, D), (S, D, D)]
    assert not np.triu(scores[1], 1).any()


def test_draws_have_the_covariance():
    rng = np.random.default_rng(7)
    loc, L = rng.normal(size=3), factor_of(rng, 3)
    N = 100_000
    z = multivariate_normal.sample(loc, L, noise=multivariate_normal.noise(rng, (N, 3)))
    products = (z - loc)[:, :, None] * (z - loc)[:, None, :]
    error = products.mean(axis=0) - L @ L.T
    assert np.all(np.abs(error) < 5 * products.std(axis=0) / np.sqrt(N))


def test_the_gradient_of_a_covariance_is_that_of_torch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    root = rng.normal(size=(4, 3, 3))
    covariance = root @ root.swapaxes(-1, -2) + np.eye(3)
    leaf = torch.tensor(covariance, requires_grad=True)
    theirs = torch.linalg.cholesky(leaf)
    L, vjp = multivariate_normal.factor(covariance)
    dL = np.tril(rng.normal(size=L.shape))
    np.testing.assert_allclose(L, theirs.detach().numpy(), rtol=1e-13)
    grad = torch.autograd.grad(theirs, leaf, torch.tensor(dL))[0].numpy()
    np.testing.assert_allclose(vjp(dL)[0], 0.5 * (grad + grad.swapaxes(-1, -2)), atol=1e-13)


def test_price_s_theorem_through_the_factor():
    """d/dCov E f = E[Hessian]/2: for f = zᵀ A z it is (A + Aᵀ)/2, by two vjps."""
    rng = np.random.default_rng(9)
    A = rng.normal(size=(3, 3))
    root = rng.normal(size=(3, 3))
    L, factor_vjp = multivariate_normal.factor(root @ root.T + np.eye(3))
    _, covariance_vjp = multivariate_normal.covariance(np.zeros(3), L)
    _, dL = covariance_vjp(A)  # E f = sum of A times the covariance
    np.testing.assert_allclose(factor_vjp(dL)[0], 0.5 * (A + A.T), atol=1e-13)


def test_a_matrix_that_is_no_factor_is_refused():
    loc = np.zeros(2)
    for wrong, message in (
        (np.array([[1.0, 0.5], [0.5, 1.0]]), "lower triangular"),  # the covariance itself
        (np.array([[1.0, 0.5], [0.0, 1.0]]), "lower triangular"),
        (np.array([[1.0, 0.0], [0.5, -1.0]]), "diagonal of scale_tril"),
        (np.ones(2), "square matrix"),
    ):
        with pytest.raises(ValueError, match=message):
            multivariate_normal.sample(loc, wrong, noise=np.zeros(2))
