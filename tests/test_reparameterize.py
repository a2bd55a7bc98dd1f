"""z = mu + sigma eps: the right law forward, the right expectation of gradients backward."""

import numpy as np
import pytest
from scipy import stats

from tinyvae import reparameterize

N = 200_000


def samples(logvar, mu=0.7, seed=0):
    eps = np.random.default_rng(seed).standard_normal((N, 1))
    z, _ = reparameterize(np.array([mu]), np.array([logvar]), eps=eps)
    return z[:, 0]


@pytest.mark.parametrize("logvar", [-4.0, 0.0, 2.0])
def test_the_standard_deviation_is_exp_of_half_the_logvar(logvar):
    """Kolmogorov and Smirnov's test accepts N(mu, e^logvar), and rejects the usual slips."""
    z = samples(logvar)
    assert stats.kstest(z, stats.norm(0.7, np.exp(logvar / 2)).cdf).pvalue > 0.01
    if logvar != 0:  # there all of them are 1
        for slip in (np.exp(logvar), np.exp(-logvar / 2), logvar**2):
            assert stats.kstest(z, stats.norm(0.7, slip).cdf).pvalue < 1e-12


@pytest.mark.parametrize("logvar", [-4.0, 0.0, 2.0])
def test_mean_and_variance(logvar):
    z = samples(logvar, seed=1)
    variance = np.exp(logvar)
    assert abs(z.mean() - 0.7) < 4 * np.sqrt(variance / N)
    # The fourth central moment of a Gaussian is 3 var²: the variance's standard error follows.
    assert abs(z.var() - variance) < 4 * variance * np.sqrt(2 / N)


def test_gradients_average_to_the_gradient_of_the_expectation():
    """E z² = mu² + e^logvar, so d/dmu = 2 mu and d/dlogvar = e^logvar."""
    mu, logvar = np.array([0.7, -1.2]), np.array([-1.0, 0.5])
    eps = np.random.default_rng(2).standard_normal((N, 2))
    each = [np.broadcast_to(array, (N, 2)) for array in (mu, logvar)]
    z, vjp = reparameterize(*each, eps=eps)
    for grads, truth in zip(vjp(2 * z), (2 * mu, np.exp(logvar)), strict=True):
        error = grads.mean(axis=0) - truth
        assert np.all(np.abs(error) < 4 * grads.std(axis=0) / np.sqrt(N))


def test_a_fresh_eps_in_the_backward_pass_loses_the_gradient_of_logvar():
    """The negative control: with another eps the average is 0, far from e^logvar."""
    rng = np.random.default_rng(3)
    logvar = np.full((N, 1), 0.5)
    z, _ = reparameterize(0 * logvar, logvar, eps=rng.standard_normal((N, 1)))
    _, fresh = reparameterize(0 * logvar, logvar, eps=rng.standard_normal((N, 1)))
    dlogvar = fresh(2 * z)[1]
    se = dlogvar.std() / np.sqrt(N)
    assert abs(dlogvar.mean()) < 4 * se
    assert abs(dlogvar.mean() - np.exp(0.5)) > 50 * se


def test_one_draw_by_hand():
    """logvar = log 4, so sigma = 2: z = 1 + 2 * 3 = 7, and dz/dlogvar = 2 * 3 / 2 = 3."""
    z, vjp = reparameterize(np.array([[1.0]]), np.log([[4.0]]), eps=np.array([[3.0]]))
    assert z == pytest.approx(7)
    dmu, dlogvar = vjp(np.array([[10.0]]))
    assert dmu == pytest.approx(10)
    assert dlogvar == pytest.approx(30)


def test_sample_axes_come_first_and_gradients_sum_over_them():
    rng = np.random.default_rng(4)
    mu, logvar = rng.standard_normal((2, 5, 2))
    eps, dz = rng.standard_normal((2, 3, 4, 5, 2))
    z, vjp = reparameterize(mu, logvar, eps=eps)
    dmu, dlogvar = vjp(dz)
    assert z.shape == (3, 4, 5, 2)
    assert dmu.shape == dlogvar.shape == (5, 2)
    alone = [reparameterize(mu, logvar, eps=eps[i, j]) for i in range(3) for j in range(4)]
    np.testing.assert_array_equal(z.reshape(12, 5, 2), [z for z, _ in alone])
    pieces = [vjp(d) for (_, vjp), d in zip(alone, dz.reshape(12, 5, 2), strict=True)]
    np.testing.assert_allclose(dmu, sum(p[0] for p in pieces), rtol=1e-13)
    np.testing.assert_allclose(dlogvar, sum(p[1] for p in pieces), rtol=1e-12, atol=1e-14)


def test_no_noise_gives_the_mean():
    mu = np.array([[0.3, -2.0]])
    z, vjp = reparameterize(mu, np.full((1, 2), 5.0), eps=np.zeros((1, 2)))
    np.testing.assert_array_equal(z, mu)
    np.testing.assert_array_equal(vjp(np.ones((1, 2)))[1], 0)


@pytest.mark.parametrize("logvar", [-600.0, -60.0, 60.0, 600.0])
def test_logvar_is_not_clipped(logvar):
    z, vjp = reparameterize(np.zeros(1), np.array([logvar]), eps=np.ones(1))
    assert z == pytest.approx(np.exp(logvar / 2), rel=1e-12)
    assert vjp(np.ones(1))[1] == pytest.approx(np.exp(logvar / 2) / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("mu", "logvar", "eps"),
    [
        ((5, 2), (5, 1), (5, 2)),
        ((5, 2), (2,), (5, 2)),
        ((5, 2), (5, 2), (2,)),
        ((5, 2), (5, 2), (2, 5)),
        ((5, 2), (5, 2), (5, 2, 4)),
        ((1, 2), (1, 2), (5, 2)),
        ((2,), (2,), ()),
    ],
)
def test_shapes_that_do_not_fit(mu, logvar, eps):
    with pytest.raises(ValueError, match="reparameterize wants") as caught:
        reparameterize(np.zeros(mu), np.zeros(logvar), eps=np.zeros(eps))
    assert str(eps) in str(caught.value)
