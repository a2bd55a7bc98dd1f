"""The linear-Gaussian model: evidence, posterior and bound against SciPy and quadrature; moments of
estimators against the table of the textbook, against quadrature of the estimators that train, and
against draws of them."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from tinyvae import VAE, gradcheck
from tinyvae.elbo import FROM_WEIGHTS, OBJECTIVES, iwae
from tinyvae.models.free_posterior import FreePosterior, estimates, measured
from tinyvae.models.linear_gaussian import ONE_DATUM, ONE_LATENT, LinearGaussian
from tinyvae.models.moments import ESTIMATORS, best_baselines, log_weight, moments
from tinyvae.models.quadrature import noise_grid, quadrature_moments
from tinyvae.watch import Recorder

ONE = ONE_LATENT


def model(Z=2, D=3, seed=0, tau=0.8):
    rng = np.random.default_rng(seed)
    return LinearGaussian(rng.standard_normal((Z, D)), rng.standard_normal(D), tau)


def orthogonal(seed=0):
    """A model whose Lambda is diagonal, so that a diagonal q can be the posterior."""
    rng = np.random.default_rng(seed)
    W = np.linalg.qr(rng.standard_normal((3, 2)))[0].T * [[1.5], [0.4]]
    return LinearGaussian(W, rng.standard_normal(3), 0.7)


def q_and_x(model, rows=(), seed=1):
    rng = np.random.default_rng(seed)
    shape = (*rows, model.latent)
    q = rng.standard_normal(shape), 0.5 * rng.standard_normal(shape)
    return *q, rng.standard_normal((*rows, model.data))


# -- What is known about the model

MODELS = pytest.mark.parametrize(("Z", "D"), [(1, 1), (2, 3), (3, 2), (1, 6), (4, 4)])


@MODELS
def test_evidence_is_that_of_the_marginal_normal(Z, D):
    p = model(Z, D)
    _, _, x = q_and_x(p, (5,))
    covariance = p.W.T @ p.W + p.tau**2 * np.eye(D)
    expected = stats.multivariate_normal(p.b, covariance).logpdf(x)
    np.testing.assert_allclose(p.log_prob(x), expected, rtol=1e-12)


def test_evidence_keeps_its_digits_where_the_noise_is_tiny():
    """x is 3 standard deviations of the noise away from the plane, each of 1e-7."""
    tau = 1e-7
    p = LinearGaussian([[1.0, 2.0]], [0.0, 0.0], tau)
    x = np.array([1.0, 2.0]) + 3.0 * tau * np.array([2.0, -1.0]) / math.sqrt(5.0)
    # Along the plane N(0, 5 + tau²), across it N(0, tau²): two numbers that do not mix.
    along, across = x @ [1.0, 2.0] / math.sqrt(5.0), 3.0
    expected = stats.norm.logpdf(along, 0.0, math.sqrt(5.0 + tau**2))
    expected += stats.norm.logpdf(across) - math.log(tau)
    assert p.log_prob(x) == pytest.approx(expected, rel=1e-8)


def test_posterior_is_bayes_rule_by_quadrature():
    p, x = LinearGaussian(1.7, 0.3, 0.6), np.array([1.1])

    def joint(z, power):
        return z**power * stats.norm.pdf(z) * stats.norm.pdf(x[0], 1.7 * z + 0.3, 0.6)

    evidence, first, second = (
        integrate.quad(joint, -12, 12, args=(power,), epsabs=1e-13)[0] for power in range(3)
    )
    mean, covariance = p.posterior(x)
    assert p.log_prob(x) == pytest.approx(math.log(evidence), abs=1e-11)
    assert mean[0] == pytest.approx(first / evidence, abs=1e-10)
    assert covariance[0, 0] == pytest.approx(second / evidence - mean[0] ** 2, abs=1e-10)


def test_the_numbers_of_the_two_oracle_experiment():
    x = ONE_DATUM
    (mean, covariance), (m, logvar) = ONE.posterior(x), ONE.best_diagonal(x)
    assert ONE.log_prob(x) == pytest.approx(-1.8280121234846454, abs=1e-15)
    assert (mean[0], covariance[0, 0]) == (0.75, 0.5)
    assert (m[0], np.exp(logvar[0])) == pytest.approx((0.75, 0.5), rel=1e-15)


def test_draws_have_the_moments_of_the_evidence():
    p, n = model(), 200_000
    rng = np.random.default_rng(0)
    x = p.sample(eps=rng.standard_normal((n, 2)), noise=rng.standard_normal((n, 3)))
    log_p = p.log_prob(x)
    covariance = p.W.T @ p.W + p.tau**2 * np.eye(3)
    entropy = stats.multivariate_normal(p.b, covariance).entropy()
    assert abs(log_p.mean() + entropy) < 5 * log_p.std() / math.sqrt(n)
    assert np.all(np.abs(x.mean(axis=0) - p.b) < 5 * x.std(axis=0) / math.sqrt(n))


# -- The bound


@MODELS
def test_the_bound_is_the_evidence_minus_the_divergence(Z, D):
    p = model(Z, D)
    m, logvar, x = q_and_x(p, (6,))
    bound, _ = p.bound(m, logvar, x=x)
    divergence = p.divergence(m, logvar, x=x)
    assert np.all(divergence > 0)
    np.testing.assert_allclose(bound, p.log_prob(x) - divergence, rtol=1e-12)
    mean, covariance = p.posterior(x)  # KL of two Normals, as it is usually written
    lam, away = np.linalg.inv(covariance), m - mean
    expected = np.exp(logvar) @ np.diag(lam) + np.einsum("bi,ij,bj->b", away, lam, away)
    expected = 0.5 * (expected - Z + np.linalg.slogdet(covariance)[1] - logvar.sum(axis=1))
    np.testing.assert_allclose(divergence, expected, rtol=1e-11)


@MODELS
def test_gradients_of_the_bound_are_exact(Z, D):
    p = model(Z, D)
    m, logvar, x = q_and_x(p, (4,))
    gradcheck(p.bound, m, logvar, x=x, method="complex").raise_if_wrong()
    gradcheck(p.bound, m[0], logvar[0], x=x[0], method="complex").raise_if_wrong()
    gradcheck(p.bound, m, logvar[0], x=x, method="complex").raise_if_wrong()  # one logvar for all


def test_the_best_diagonal_q_is_where_a_search_ends():
    p = model()
    _, _, x = q_and_x(p)

    def loss(theta):
        bound, vjp = p.bound(theta[:2], theta[2:], x=x)
        return -bound, -np.concatenate(vjp(1.0))

    found = optimize.minimize(loss, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-10})
    np.testing.assert_allclose(np.concatenate(p.best_diagonal(x)), found.x, atol=1e-7)
    best, _ = p.bound(*p.best_diagonal(x), x=x)
    assert best == pytest.approx(-found.fun, abs=1e-12)
    assert p.log_prob(x) - best == pytest.approx(p.diagonal_gap, rel=1e-12)
    assert p.diagonal_gap > 0.01


def test_where_latents_are_independent_the_best_bound_is_the_evidence():
    p = orthogonal()
    _, _, x = q_and_x(p, (5,))
    bound, _ = p.bound(*p.best_diagonal(x), x=x)
    np.testing.assert_allclose(bound, p.log_prob(x), rtol=1e-14)
    assert abs(p.diagonal_gap) < 1e-15
    assert np.all(p.divergence(*p.best_diagonal(x), x=x) < 1e-15)


def test_the_divergence_keeps_its_digits_near_the_optimum():
    x, step = np.array([1.5]), 1e-9
    m, logvar = ONE.best_diagonal(x)
    # Lambda step² / 2 in m, step² / 4 in logvar
    assert ONE.divergence(m + step, logvar, x=x) == pytest.approx(step**2, rel=1e-6)
    assert ONE.divergence(m, logvar + step, x=x) == pytest.approx(step**2 / 4, rel=1e-6)


@pytest.mark.filterwarnings("error")
def test_weights_far_from_the_posterior_have_an_infinite_variance_and_warn_of_nothing():
    p, zero = model(), np.zeros(2)
    _, _, x = q_and_x(p)
    for m, logvar in (
        ([1e200, 1e200], zero),
        ([1e200, -1e200], zero),
        (zero, [-2000.0, -2000.0]),
        (zero, [-2000.0, 0.0]),
        (zero, [2000.0, 2000.0]),
        ([1e200, 0.0], [2000.0, 2000.0]),
        (zero, [-800.0, 600.0]),
    ):
        assert p.weight_variance(np.array(m), np.array(logvar), x=x) == np.inf, (m, logvar)
    at = np.array([zero, [1e200, 0.0], zero]), np.array([zero, zero, [0.0, -2000.0]])
    rows = p.weight_variance(*at, x=x)
    assert rows[0] == p.weight_variance(zero, zero, x=x)
    np.testing.assert_array_equal(np.isfinite(rows), [True, False, False])


def test_the_variance_of_the_weights_is_that_of_a_quadrature():
    p = model()
    m, logvar, x = q_and_x(p)
    m, logvar = 0.3 * m, 0.2 * logvar
    eps, weights = noise_grid(1, 2, 80)
    log_w = log_weight(p, m, logvar, x=x)
    Q = log_w.c + eps[0] @ log_w.b + 0.5 * np.einsum("gi,ij,gj->g", eps[0], log_w.H, eps[0])
    ratio = np.exp(Q - p.log_prob(x))
    assert weights @ ratio == pytest.approx(1.0, rel=1e-7)
    expected = weights @ (ratio - 1.0) ** 2
    assert p.weight_variance(m, logvar, x=x) == pytest.approx(expected, rel=1e-6)


# -- Moments of the estimators: the textbook's table in one dimension

SETTINGS = [  # w, tau, x, m, variance of q
    (1.0, 1.0, 1.5, 0.75, 0.5),
    (1.0, 1.0, 6.0, 3.0, 0.5),
    (1.0, 1.0, 1.5, 0.2, 0.04),
    (2.0, 0.7, -1.3, 0.4, 0.9),
    (0.3, 1.9, 2.0, -1.0, 2.5),
]


def one(w, tau, x, m, variance):
    q = np.array([m]), np.array([math.log(variance)])
    return LinearGaussian(w, 0.0, tau), q, np.array([x])


def variance_of(objective, quantity, setting, **options):
    """In one dimension, with the gradient in log s instead of logvar."""
    p, q, x = one(*setting)
    found = moments(p, objective, *q, x=x, **options)[quantity.replace("log s", "logvar")]
    return float(found.variance.sum()) * (4.0 if quantity == "log s" else 1.0)


@pytest.mark.parametrize("setting", SETTINGS)
def test_variances_are_those_of_the_table(setting):
    w, tau, x, m, v = setting
    s, lam = math.sqrt(v), 1.0 + w**2 / tau**2
    excess, d, dB = lam - 1.0, m - w * x / (tau**2 * lam), m - x / w
    c0 = m - lam * d
    expected = {
        ("sampled", "value"): lam**2 * d**2 * v + 0.5 * (1 - lam * v) ** 2,
        ("sampled", "m"): lam**2 * v,
        ("sampled", "log s"): lam**2 * d**2 * v + 2 * lam**2 * v**2,
        ("analytic", "value"): excess**2 * dB**2 * v + 0.5 * excess**2 * v**2,
        ("analytic", "m"): excess**2 * v,
        ("analytic", "log s"): c0**2 * v + 2 * excess**2 * v**2,
        ("path", "m"): (lam * s - 1 / s) ** 2,
        ("path", "log s"): lam**2 * d**2 * v + 2 * (1 - lam * v) ** 2,
    }
    for (objective, quantity), value in expected.items():
        assert variance_of(objective, quantity, setting) == pytest.approx(
            value, rel=1e-12, abs=1e-12
        )
    p, q, at = one(*setting)
    for objective in ESTIMATORS:
        found = moments(p, objective, *q, x=at)
        assert found["m"].mean[0] == pytest.approx(-lam * d, rel=1e-12, abs=1e-12)
        assert 2 * found["logvar"].mean[0] == pytest.approx(1 - lam * v, rel=1e-12, abs=1e-12)
        assert found["value"].mean == pytest.approx(p.bound(*q, x=at)[0], rel=1e-13)


def test_the_analytic_kl_does_not_always_win():
    """It does in m, where excess < Lambda; at a surprising x it loses in log s, 5 against 2."""
    setting = (1.0, 1.0, 6.0, 3.0, 0.5)
    assert variance_of("sampled", "log s", setting) == pytest.approx(2.0, rel=1e-12)
    assert variance_of("analytic", "log s", setting) == pytest.approx(5.0, rel=1e-12)
    assert variance_of("analytic", "m", setting) < variance_of("sampled", "m", setting)


def test_at_the_exact_posterior_the_path_has_no_variance_and_others_have():
    setting = (1.0, 1.0, 1.5, 0.75, 0.5)
    for quantity in ("value", "m", "log s"):
        assert variance_of("path", quantity, setting) < 1e-30
    assert variance_of("sampled", "value", setting) < 1e-30
    assert variance_of("sampled", "m", setting) == pytest.approx(2.0)
    assert variance_of("analytic", "value", setting) > 0.4


def test_the_path_loses_where_q_is_too_narrow():
    setting = (1.0, 1.0, 1.5, 0.75, 0.2**2)
    found = [variance_of(name, "m", setting) for name in ("path", "sampled", "analytic")]
    np.testing.assert_allclose(found, [21.16, 0.16, 0.04], rtol=1e-12)


# -- Moments against the estimators that train


def gap_to_quadrature(p, objective, m, logvar, x, nodes=5, **options):
    """The largest difference of any mean or variance, in parts of the largest of its kind."""
    exact = moments(p, objective, m, logvar, x=x, **options)
    found = quadrature_moments(p, objective, m, logvar, x=x, nodes=nodes, **options)
    gaps = []
    for name in ("value", "m", "logvar"):
        for kind in ("mean", "variance"):
            ours, theirs = getattr(exact[name], kind), getattr(found[name], kind)
            gaps.append(np.max(np.abs(ours - theirs)) / (1.0 + np.max(np.abs(theirs))))
    return max(gaps)


@pytest.mark.parametrize("objective", ESTIMATORS)
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_closed_forms_are_the_quadrature_of_the_real_estimators(objective, samples, seed):
    for p in (model(1, 1, seed), model(2, 3, seed)):
        m, logvar, x = q_and_x(p, seed=seed + 10)
        assert gap_to_quadrature(p, objective, m, logvar, x, samples=samples) < 1e-12


def test_leave_one_out_of_three_is_the_quadrature_of_it():
    p = model(1, 2)
    assert gap_to_quadrature(p, "score", *q_and_x(p), samples=3) < 1e-12


def test_too_few_nodes_are_seen():
    """The negative control: a score needs five."""
    p = model(1, 1)
    assert gap_to_quadrature(p, "score", *q_and_x(p), nodes=4) > 1e-4


@pytest.mark.parametrize("objective", ESTIMATORS)
def test_draws_of_the_real_estimators_agree_within_five_standard_errors(objective):
    p, n = model(), 50_000
    m, logvar, x = q_and_x(p)
    for samples in (1, 3):
        rng = np.random.default_rng(2)
        found = measured(p, objective, m, logvar, x=x, draws=n, rng=rng, samples=samples)
        exact = moments(p, objective, m, logvar, x=x, samples=samples)
        for name, of in found.items():
            variance = of.variance
            z_mean = (of.mean - exact[name].mean) / np.sqrt(variance / n)
            z_variance = (variance - exact[name].variance) / np.sqrt((of.M4 / n - variance**2) / n)
            assert np.max(np.abs([z_mean, z_variance])) < 5, name
            # The negative control: five percent more would be seen in m.
            if name == "m" and objective != "score":
                off = (1.05 * variance - exact[name].variance) / np.sqrt(of.M4 / n**2)
                assert np.max(np.abs(off)) > 5


def test_a_free_posterior_estimates_what_a_vae_with_that_encoder_does():
    """Through an ordinary VAE whose encoder is a constant; its nodes are watched."""
    p = model()
    m, logvar, x = q_and_x(p)
    eps = np.random.default_rng(3).standard_normal((4, 6, 2))
    vae = VAE(3, 2, (), likelihood="gaussian", scale=p.tau)
    blocks = {"mu.W": np.zeros((3, 2)), "mu.b": m, "logvar.W": np.zeros((3, 2)), "logvar.b": logvar}
    theta = vae.layout.flatten(blocks | {"out.W": p.W, "out.b": p.b})
    for objective in OBJECTIVES:
        watch = Recorder()
        rows = np.tile(x, (6, 1))
        bound, vjp = vae.bound(theta, x=rows, eps=eps, objective=objective, watch=watch)
        vjp(np.ones(6))
        found = estimates(p, objective, m, logvar, x=x, eps=eps)
        for ours, theirs in zip(found, (bound, watch["dmu"], watch["dlogvar"]), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_a_free_posterior_passes_the_gradient_check():
    p = model()
    vae = FreePosterior(p, 3)
    m, logvar, x = q_and_x(p, (3,))
    eps = np.random.default_rng(4).standard_normal((2, 3, 2))
    theta = vae.theta(m, logvar)
    gradcheck(vae.elbo, theta, x=x, eps=eps, method="complex", layout=vae.layout).raise_if_wrong()
    assert vae.free.stop == m.size + logvar.size
    with pytest.raises(ValueError, match="x has shape"):
        vae.elbo(theta, x=x[:2], eps=eps[:, :2])


# -- Baselines


def test_the_best_baselines_have_the_least_variance():
    p = model()
    m, logvar, x = q_and_x(p)
    best = np.array(best_baselines(p, m, logvar, x=x))
    least = moments(p, "score", m, logvar, x=x, baseline=best)
    for change in (-0.5, 0.5):
        other = moments(p, "score", m, logvar, x=x, baseline=best + change)
        for k, name in enumerate(("m", "logvar")):
            scale = np.exp(-logvar) if k == 0 else 0.5  # E score², of a parabola the curvature
            gained = other[name].variance - least[name].variance
            np.testing.assert_allclose(gained, scale * change**2, rtol=1e-9)
            np.testing.assert_allclose(other[name].mean, least[name].mean, rtol=1e-13)


def test_with_many_samples_leave_one_out_is_the_mean_as_baseline():
    p = model()
    m, logvar, x = q_and_x(p)
    S = 10**6
    mean = log_weight(p, m, logvar, x=x).mean
    many = moments(p, "score", m, logvar, x=x, samples=S)
    single = moments(p, "score", m, logvar, x=x, baseline=mean)
    for name in ("m", "logvar"):
        np.testing.assert_allclose(many[name].variance * S, single[name].variance, rtol=1e-4)


# -- Importance weights, by quadrature: two samples, one latent

X, M, LOGVAR = np.array([1.5]), np.array([0.35]), np.array([2.0 * math.log(0.9)])


def gradient_of_the_bound(nodes=60):
    """(d/dm, d/dlog s) of the exact two-sample bound, by five-point differences of a quadrature
    written out here."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    weights = np.outer(w, w) / w.sum() ** 2

    def bound(m, log_s):
        z = m + math.exp(log_s) * x
        log_w = (
            stats.norm.logpdf(X[0], z, 1.0) + stats.norm.logpdf(z) - stats.norm.logpdf(x) + log_s
        )
        return np.sum(weights * (np.logaddexp.outer(log_w, log_w) - math.log(2.0)))

    at, h = (M[0], 0.5 * LOGVAR[0]), 1e-3
    slopes = []
    for move in np.eye(2):
        f = [bound(*(at + k * h * move)) for k in (-2, -1, 1, 2)]
        slopes.append((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h))
    return bound(*at), slopes


def means(objective, nodes=60):
    """(value, (d/dm, d/dlog s)): the exact means of the estimator."""
    found = quadrature_moments(ONE, objective, M, LOGVAR, x=X, samples=2, nodes=nodes)
    gradient = [found["m"].mean[0], 2 * found["logvar"].mean[0]]
    return float(found["value"].mean), gradient


def test_iwae_and_dreg_have_the_gradient_of_the_bound_as_mean():
    value, truth = gradient_of_the_bound()
    np.testing.assert_allclose(truth, [0.3198529, -0.1321002], atol=1e-7)
    for objective in ("iwae", "dreg"):
        found, gradient = means(objective)
        assert found == pytest.approx(value, abs=1e-12)
        np.testing.assert_allclose(gradient, truth, atol=1e-10)


def test_the_path_alone_is_biased_for_importance_weights(monkeypatch):
    """Sticking the landing is right for the ELBO, and wrong for the importance-weighted bound."""

    def stuck(log_w, beta):
        bound, weight, _, _ = iwae(log_w, beta)
        return bound, weight, None, np.zeros_like(log_w)

    monkeypatch.setitem(FROM_WEIGHTS, "stuck", stuck)
    _, gradient = means("stuck")
    np.testing.assert_allclose(gradient, [0.6162400, -0.3147181], atol=1e-7)


def test_the_importance_weighted_bound_rises_and_stays_below_the_evidence():
    p = ONE
    values = [
        float(quadrature_moments(p, "iwae", M, LOGVAR, x=X, samples=S, nodes=40)["value"].mean)
        for S in (1, 2, 3)
    ]
    assert values[0] == pytest.approx(p.bound(M, LOGVAR, x=X)[0], abs=1e-12)
    assert values[0] < values[1] < values[2] < p.log_prob(X)


def test_at_the_exact_posterior_weights_are_constant():
    q = ONE.best_diagonal(X)
    found = quadrature_moments(ONE, "iwae", *q, x=X, samples=2, nodes=20)
    assert found["value"].mean == pytest.approx(ONE.log_prob(X), abs=1e-14)
    assert found["value"].variance < 1e-28
    found = quadrature_moments(ONE, "dreg", *q, x=X, samples=2, nodes=20)
    assert max(found["m"].variance, found["logvar"].variance) < 1e-28


def test_nodes_are_those_of_a_normal():
    eps, weights = noise_grid(2, 1, 4)
    assert eps.shape == (2, 16, 1)
    assert weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert weights @ (eps[0, :, 0] ** 2 * eps[1, :, 0] ** 4) == pytest.approx(3.0, abs=1e-13)


# -- Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"W": np.zeros((2, 3, 1))}, r"W has shape \(2, 3, 1\)"),
        ({"b": np.zeros(2)}, r"b has shape \(2,\), expected \(3,\)"),
        ({"tau": 0.0}, "tau must be greater than 0"),
        ({"W": np.full((2, 3), np.nan)}, r"W\[0, 0\] is nan"),
    ],
)
def test_bad_models_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LinearGaussian(**({"W": np.ones((2, 3)), "b": np.zeros(3), "tau": 1.0} | arguments))


def test_bad_arguments_are_refused():
    p = model()
    m, logvar, x = q_and_x(p)
    with pytest.raises(ValueError, match="unknown objective 'sample': did you mean 'sampled'"):
        moments(p, "sample", m, logvar, x=x)
    with pytest.raises(ValueError, match="baseline is for the objective 'score'"):
        moments(p, "path", m, logvar, x=x, baseline=1.0)
    with pytest.raises(ValueError, match=r"x has shape \(2,\), expected \(..., 3\)"):
        p.log_prob(x[:2])
    with pytest.raises(ValueError, match=r"logvar has shape \(1,\), expected \(..., 2\)"):
        p.bound(m, logvar[:1], x=x)
    with pytest.raises(ValueError, match="samples must be at least 1"):
        moments(p, "path", m, logvar, x=x, samples=0)
    with pytest.raises(ValueError, match="too many for a quadrature with 60 nodes each: at most 3"):
        quadrature_moments(p, "iwae", m, logvar, x=x, samples=3, nodes=60)


def test_the_model_does_not_follow_a_change_of_its_arguments():
    W = np.ones((2, 3))
    p = LinearGaussian(W, np.zeros(3), 1.0)
    W[:] = 7.0
    assert np.all(p.W == 1.0)
