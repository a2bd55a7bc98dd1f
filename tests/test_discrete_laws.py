"""Discrete laws and their relaxations, against SciPy, 40-digit arithmetic and PyTorch.

What every law promises is in test_contract.py and test_laws.py; here is what is theirs alone.
"""

import math

import numpy as np
import pytest
import scipy.stats

from tinyvae import gradcheck
from tinyvae.distributions import (
    bernoulli,
    binary_concrete,
    categorical,
    concrete,
    geometric,
    poisson,
)
from tinyvae.errors import Undefined

RATES = [1e-3, 0.1, 1.0, 7.5, 99.0, 101.0, 1e4, 1e6]
LOGITS = [-30.0, -3.0, -0.2, 0.0, 1.5, 8.0, 30.0]


def draws(law, params, shape, seed=0):
    return law.sample(*params, noise=law.noise(np.random.default_rng(seed), shape))


def p_value(counts, probabilities):
    """Chi-square, with the cells of small expectation in one."""
    expected = counts.sum() * probabilities
    few = expected < 10.0
    cells = [np.append(a[~few], a[few].sum()) for a in (counts, expected) if few.any()] or [
        counts,
        expected,
    ]
    observed, expected = (a[cells[1] > 0] for a in cells)
    return scipy.stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue


# -- Categorical


def test_log_probabilities_and_entropy_of_a_categorical_agree_with_scipy():
    logits = np.random.default_rng(0).normal(0.0, 2.0, (5, 4))
    p = scipy.special.softmax(logits, axis=-1)
    for k in range(4):
        x = np.broadcast_to(np.eye(4)[k], (5, 4))
        expected = scipy.stats.multinomial(1, p).logpmf(x)
        np.testing.assert_allclose(categorical.log_prob(x, logits)[0], expected, rtol=1e-13)
    np.testing.assert_allclose(
        categorical.entropy(logits)[0], scipy.stats.entropy(p, axis=-1), rtol=1e-13
    )
    np.testing.assert_allclose(categorical.mean(logits)[0], p, rtol=1e-13)
    np.testing.assert_allclose(categorical.variance(logits)[0], p * (1.0 - p), rtol=1e-13)


def test_a_categorical_keeps_its_digits_where_one_class_has_nearly_all():
    mpmath = pytest.importorskip("mpmath")
    logits = np.array([40.0, 0.0, -3.0, 39.0 - 800.0])
    with mpmath.workdps(40):
        total = mpmath.fsum(mpmath.e**each for each in logits.tolist())
        p = [mpmath.e**each / total for each in logits.tolist()]
        log_p = [float(mpmath.log(q)) for q in p]
        H = float(-mpmath.fsum(q * mpmath.log(q) for q in p))
    np.testing.assert_allclose(categorical.log_prob(np.eye(4), logits)[0], log_p, rtol=1e-14)
    np.testing.assert_allclose(categorical.entropy(logits)[0], H, rtol=1e-14)


def test_draws_of_a_categorical_have_its_frequencies():
    logits = np.array([0.3, -2.0, 1.0, 0.0, -6.0])
    counts = draws(categorical, (logits,), (100_000, 5)).sum(axis=0)
    assert counts.sum() == 100_000
    assert p_value(counts, scipy.special.softmax(logits)) > 1e-4
    assert p_value(counts, scipy.special.softmax(0.9 * logits)) < 1e-20  # the negative control


def test_two_classes_are_a_coin():
    logits = np.linspace(-5.0, 5.0, 11)
    both = np.stack([logits, np.zeros(11)], axis=-1)
    for name in ("entropy", "kl"):
        ours, theirs = getattr(categorical, name)(both)[0], getattr(bernoulli, name)(logits)[0]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    x = np.broadcast_to([1.0, 0.0], (11, 2))
    np.testing.assert_allclose(
        categorical.log_prob(x, both)[0], bernoulli.log_prob(1.0, logits)[0], rtol=1e-13
    )


@pytest.mark.parametrize(
    "x", [np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.0]), np.zeros(3), np.array([1.0, 0.0])]
)
def test_what_is_not_one_hot_is_refused(x):
    with pytest.raises(ValueError, match="x must be one-hot vectors"):
        categorical.log_prob(x, np.zeros(3))


# -- Poisson


@pytest.mark.parametrize("rate", RATES)
def test_log_probabilities_of_a_poisson_are_right_to_the_last_digits(rate):
    """At a rate of 10^6 the textbook's formula, and SciPy's, loses nine digits."""
    mpmath = pytest.importorskip("mpmath")
    spread = 10.0 * math.sqrt(rate)
    x = np.unique(np.floor(np.clip(rate + spread * np.linspace(-1.0, 1.0, 21), 0.0, None)))
    x = np.unique([*x, 0.0, 1.0, 9.0, 10.0, 11.0])
    with mpmath.workdps(40):
        mean = mpmath.mpf(rate)
        expected = [float(k * mpmath.log(mean) - mean - mpmath.loggamma(k + 1)) for k in x.tolist()]
    np.testing.assert_allclose(poisson.log_prob(x, rate)[0], expected, rtol=3e-14, atol=1e-13)
    np.testing.assert_allclose(
        poisson.log_prob(x, rate)[0], scipy.stats.poisson(rate).logpmf(x), rtol=1e-9, atol=1e-8
    )


@pytest.mark.parametrize("rate", RATES)
def test_a_poisson_draw_is_the_quantile(rate):
    u = np.concatenate(
        [
            poisson.noise(np.random.default_rng(1), (2000,)),
            [2.0**-53, 1e-9, 0.5, 1.0 - 1e-9, 1.0 - 2.0**-53],
        ]
    )
    x, law = poisson.sample(rate, noise=u), scipy.stats.poisson(rate)
    # The definition, with room for SciPy's rounding at the step itself.
    assert (u <= law.cdf(x) * (1.0 + 1e-11) + 1e-15).all()
    assert (u >= law.cdf(x - 1.0) * (1.0 - 1e-11) - 1e-15).all()
    assert (x == np.floor(x)).all()


def test_many_rates_at_once_give_the_draws_of_each_alone():
    rates, u = np.array(RATES), poisson.noise(np.random.default_rng(2), (50, len(RATES)))
    together = poisson.sample(rates, noise=u)
    for i, rate in enumerate(RATES):
        np.testing.assert_array_equal(together[:, i], poisson.sample(rate, noise=u[:, i]))


@pytest.mark.parametrize("rate", [0.7, 30.0])
def test_draws_of_a_poisson_have_its_frequencies(rate):
    x = draws(poisson, (rate,), (50_000,)).astype(int)
    counts = np.bincount(x, minlength=100)
    pmf = np.exp(poisson.log_prob(np.arange(len(counts)) * 1.0, rate)[0])
    assert p_value(counts, pmf) > 1e-4


@pytest.mark.parametrize("rate", [1e-3, 0.5, 20.0, 99.999, 100.0, 250.0, 3000.0])
def test_the_entropy_of_a_poisson_is_its_sum_and_so_is_the_slope(rate):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        mean = mpmath.mpf(rate)
        H = slope = mpmath.mpf(0)
        log_p = -mean
        for k in range(int(rate + 15.0 * math.sqrt(rate) + 40.0)):
            p = mpmath.e**log_p
            H -= p * log_p
            slope += p * mpmath.log((k + 1) / mean)
            log_p += mpmath.log(mean / (k + 1))
    y, vjp = poisson.entropy(rate)
    np.testing.assert_allclose(y, float(H), rtol=2e-14)
    np.testing.assert_allclose(vjp(1.0)[0], float(slope), rtol=1e-12)


def test_the_divergence_between_poissons_is_its_sum():
    k = np.arange(400.0)
    for rate in (0.1, 0.999, 1.0, 3.0, 80.0):
        log_p = poisson.log_prob(k, rate)[0]
        expected = (np.exp(log_p) * (log_p - poisson.log_prob(k, 1.0)[0])).sum()
        np.testing.assert_allclose(poisson.kl(rate)[0], expected, rtol=1e-11, atol=1e-14)


def test_rates_too_large_to_draw_at_are_refused():
    with pytest.raises(ValueError, match="rate must be"):
        poisson.sample(2.0**41, noise=np.array([0.5]))


@pytest.mark.parametrize("law", [poisson, geometric])
@pytest.mark.parametrize("x", [-1.0, 0.5, np.inf, np.nan])
def test_what_is_no_count_is_refused(law, x):
    with pytest.raises(ValueError, match="x must be counts"):
        law.log_prob(np.array([0.0, x]), np.array(1.0))


# -- Geometric


@pytest.mark.parametrize("logits", LOGITS)
def test_a_geometric_agrees_with_40_digits(logits):
    mpmath = pytest.importorskip("mpmath")
    x = np.floor(np.exp(-logits) * np.array([0.0, 0.3, 1.0, 4.0])) + np.array([0.0, 0.0, 1.0, 2.0])
    with mpmath.workdps(50):
        s = 1 / (1 + mpmath.e ** (-mpmath.mpf(logits)))
        log_p = [float(mpmath.log(s) + k * mpmath.log(1 - s)) for k in x.tolist()]
        score = [float((1 - s) - k * s) for k in x.tolist()]
        H = float(-(s * mpmath.log(s) + (1 - s) * mpmath.log(1 - s)) / s)
        moments = float((1 - s) / s), float((1 - s) / s**2)
    np.testing.assert_allclose(geometric.log_prob(x, logits)[0], log_p, rtol=1e-14)
    # At x = (1 - s)/s the score is 0, a difference of two numbers of at most 1 + x s.
    np.testing.assert_allclose(geometric.score(x, logits)[0], score, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(geometric.entropy(logits)[0], H, rtol=1e-14)
    np.testing.assert_allclose(geometric.mean(logits)[0], moments[0], rtol=1e-14)
    np.testing.assert_allclose(geometric.variance(logits)[0], moments[1], rtol=1e-14)


def test_a_geometric_agrees_with_scipy():
    logits, x = 0.4, np.arange(30.0)
    law = scipy.stats.geom(scipy.special.expit(logits), loc=-1)
    np.testing.assert_allclose(geometric.log_prob(x, logits)[0], law.logpmf(x), rtol=1e-12)
    np.testing.assert_allclose(geometric.entropy(logits)[0], law.entropy(), rtol=1e-12)
    np.testing.assert_allclose(
        [geometric.mean(logits)[0], geometric.variance(logits)[0]], law.stats("mv"), rtol=1e-12
    )


def test_the_divergence_between_geometrics_is_its_sum():
    k = np.arange(4000.0)
    for logits in (-3.0, 0.0, 2.0):
        log_p = geometric.log_prob(k, logits)[0]
        expected = (np.exp(log_p) * (log_p - geometric.log_prob(k, 0.0)[0])).sum()
        np.testing.assert_allclose(geometric.kl(logits)[0], expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("logits", [-2.0, 1.0])
def test_draws_of_a_geometric_have_its_frequencies(logits):
    counts = np.bincount(draws(geometric, (logits,), (50_000,)).astype(int))
    pmf = np.exp(geometric.log_prob(np.arange(len(counts)) * 1.0, logits)[0])
    assert p_value(counts, pmf) > 1e-4


def test_waits_longer_than_the_largest_number_are_refused():
    with pytest.raises(ValueError, match=r"the draw of Geometric\(logits\) overflows .* = -800"):
        geometric.sample(np.array([0.0, -800.0]), noise=np.array([1.0, 1.0]))
    for name, logits in (("mean", -800.0), ("variance", -400.0)):
        with pytest.raises(ValueError, match=f"the {name} of Geometric"):
            getattr(geometric, name)(np.array([logits]))


# -- What does not exist


@pytest.mark.parametrize("law", [categorical, poisson, geometric])
def test_a_jump_has_no_path_and_the_reason_names_what_serves(law):
    with pytest.raises(Undefined, match=r"has no path.*use score_function"):
        law.rsample(np.array([1.0]), noise=np.array([0.5]))


@pytest.mark.parametrize("law", [concrete, binary_concrete])
@pytest.mark.parametrize("name", ["mean", "variance", "entropy", "kl"])
def test_what_a_relaxation_has_no_formula_for_is_refused(law, name):
    with pytest.raises(Undefined, match=r"no closed form.*average over draws"):
        getattr(law, name)(np.zeros(3), 0.5)


# -- Relaxations

TEMPERATURES = [0.3, 1.0, 4.0]


def torch_double(*arrays):
    torch = pytest.importorskip("torch")
    return [torch.tensor(np.asarray(a), dtype=torch.float64, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_density_of_a_concrete_agrees_with_torch(temperature):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((5, 4))
    x = concrete.sample(logits, temperature, noise=concrete.noise(rng, (5, 4)))
    l, tau = torch_double(logits, temperature)  # noqa: E741
    law = torch.distributions.RelaxedOneHotCategorical(tau, logits=l)
    expected = law.log_prob(torch.tensor(x))
    y, vjp = concrete.log_prob(x, logits, temperature)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-11)
    weights = rng.standard_normal(5)
    expected.backward(torch.tensor(weights))
    _, dlogits, dtemperature = vjp(weights)
    np.testing.assert_allclose(dlogits, l.grad.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dtemperature, tau.grad.numpy(), rtol=1e-10)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_path_of_a_concrete_agrees_with_torch(temperature):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    logits, up = rng.standard_normal((5, 4)), rng.standard_normal((5, 4))
    noise = concrete.noise(rng, (5, 4))
    l, tau = torch_double(logits, temperature)  # noqa: E741
    expected = torch.softmax((l + torch.tensor(noise)) / tau, dim=-1)
    expected.backward(torch.tensor(up))
    y, vjp = concrete.rsample(logits, temperature, noise=noise)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(vjp(up)[0], l.grad.numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(vjp(up)[1], tau.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_the_binary_concrete_agrees_with_torch(temperature):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    logits, up = rng.standard_normal(7), rng.standard_normal(7)
    noise = binary_concrete.noise(rng, (7,))
    l, tau = torch_double(logits, temperature)  # noqa: E741
    path = torch.sigmoid((l + torch.tensor(noise)) / tau)
    path.backward(torch.tensor(up))
    y, vjp = binary_concrete.rsample(logits, temperature, noise=noise)
    np.testing.assert_allclose(y, path.detach().numpy(), rtol=1e-13)
    np.testing.assert_allclose(vjp(up)[0], l.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(vjp(up)[1], tau.grad.numpy(), rtol=1e-12)

    x, l, tau = torch_double(y, logits, temperature)  # noqa: E741
    law = torch.distributions.RelaxedBernoulli(tau, logits=l, validate_args=False)
    expected = law.log_prob(x)
    expected.backward(torch.tensor(up))
    found, vjp = binary_concrete.log_prob(y, logits, temperature)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-9, atol=1e-10)
    for ours, theirs in zip(vjp(up), (x, l, tau), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-8)


def test_two_classes_of_a_concrete_are_the_binary_concrete():
    logits, tau = np.linspace(-3.0, 3.0, 7), 0.6
    both = np.stack([logits, np.zeros(7)], axis=-1)
    x = np.linspace(0.1, 0.9, 7)
    np.testing.assert_allclose(
        concrete.log_prob(np.stack([x, 1.0 - x], axis=-1), both, tau)[0],
        binary_concrete.log_prob(x, logits, tau)[0],
        rtol=1e-12,
    )


def test_a_temperature_for_each_vector():
    rng = np.random.default_rng(3)
    logits, taus, noise = rng.standard_normal(4), np.array([0.3, 1.0, 2.0]), rng.gumbel(size=(3, 4))
    y = concrete.sample(logits, taus, noise=noise)
    for i, tau in enumerate(taus):
        np.testing.assert_allclose(y[i], concrete.sample(logits, tau, noise=noise[i]), rtol=1e-15)
    gradcheck(concrete.rsample, logits, taus, method="complex", noise=noise).raise_if_wrong()
    inside = rng.dirichlet([9.0] * 4, 3)
    gradcheck(concrete.log_prob, inside, logits, taus, method="complex").raise_if_wrong()
    score = concrete.score(inside, logits, taus)
    assert [s.shape for s in score] == [(3, 4), (3,)]


@pytest.mark.parametrize("tau", [0.01, 0.5])
def test_the_functions_of_the_logarithm_have_the_right_gradients(tau):
    rng, tau = np.random.default_rng(4), np.array(tau)
    logits, noise = rng.standard_normal((5, 3)), rng.gumbel(size=(5, 3))
    t = concrete.log_rsample(logits, tau, noise=noise)[0]
    gradcheck(concrete.log_rsample, logits, tau, method="complex", noise=noise).raise_if_wrong()
    gradcheck(concrete.log_prob_of_log, t, logits, tau, method="complex").raise_if_wrong()
    a = binary_concrete.logit_rsample(logits, tau, noise=noise)[0]
    gradcheck(
        binary_concrete.logit_rsample, logits, tau, method="complex", noise=noise
    ).raise_if_wrong()
    gradcheck(binary_concrete.log_prob_of_logit, a, logits, tau, method="complex").raise_if_wrong()


def test_the_density_from_the_logarithm_is_the_density():
    rng = np.random.default_rng(5)
    logits, tau, noise = rng.standard_normal((5, 3)), 0.7, rng.gumbel(size=(5, 3))
    t = concrete.log_rsample(logits, tau, noise=noise)[0]
    np.testing.assert_allclose(
        concrete.log_prob(np.exp(t), logits, tau)[0],
        concrete.log_prob_of_log(t, logits, tau)[0],
        rtol=1e-12,
    )
    a = binary_concrete.logit_rsample(logits, tau, noise=noise)[0]
    np.testing.assert_allclose(
        binary_concrete.log_prob(1.0 / (1.0 + np.exp(-a)), logits, tau)[0],
        binary_concrete.log_prob_of_logit(a, logits, tau)[0],
        rtol=1e-9,
    )


def test_at_a_low_temperature_the_density_asks_for_the_logarithm():
    logits, tau, noise = np.array([2.0, 0.0, -1.0]), 1e-3, np.array([0.5, -0.4, 0.3])
    x = concrete.sample(logits, tau, noise=noise)
    assert (x == 0.0).any()
    for function in (concrete.log_prob, concrete.score):
        with pytest.raises(ValueError, match=r"`log_rsample`, and `log_prob_of_log"):
            function(x, logits, tau)
    t = concrete.log_rsample(logits, tau, noise=noise)[0]
    assert np.isfinite(concrete.log_prob_of_log(t, logits, tau)[0])
    y = binary_concrete.sample(logits, tau, noise=noise)
    assert ((y == 0.0) | (y == 1.0)).any()
    for function in (binary_concrete.log_prob, binary_concrete.score):
        with pytest.raises(ValueError, match=r"`logit_rsample`, and `log_prob_of_logit"):
            function(y, logits, tau)
    a = binary_concrete.logit_rsample(logits, tau, noise=noise)[0]
    assert np.isfinite(binary_concrete.log_prob_of_logit(a, logits, tau)[0]).all()


@pytest.mark.parametrize("law", [concrete, binary_concrete])
def test_a_temperature_so_low_that_the_quotient_overflows_is_refused(law):
    with pytest.raises(ValueError, match=r"\(logits \+ noise\)/temperature must be finite"):
        law.rsample(np.array([1.0, -2.0]), 1e-310, noise=np.zeros(2))


def test_points_outside_the_simplex_are_refused():
    with pytest.raises(ValueError, match=r"x must be greater than 0, but x\[1\]"):
        concrete.log_prob(np.array([1.2, -0.2]), np.zeros(2), 1.0)


def test_a_cold_concrete_is_the_categorical_of_the_same_noise():
    rng = np.random.default_rng(6)
    logits, E = rng.standard_normal(4), rng.standard_exponential((200, 4))
    cold = concrete.sample(logits, 1e-6, noise=-np.log(E))
    np.testing.assert_allclose(cold, categorical.sample(logits, noise=E), atol=1e-12)


def test_the_largest_entry_of_a_concrete_is_at_class_k_with_its_probability_at_any_temperature():
    """P(argmax y = k) = softmax(logits)_k: the temperature softens, it does not move the odds."""
    logits = np.array([0.5, -1.0, 1.2])
    for tau in (0.2, 5.0):
        largest = draws(concrete, (logits, tau), (50_000, 3)).argmax(axis=-1)
        assert p_value(np.bincount(largest), scipy.special.softmax(logits)) > 1e-4
