"""KL(N(mu, e^logvar) || N(0, 1)): the right number, with every digit, and never below zero."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import integrate, stats

from tinyvae import kl, kl_per_latent


def one(mu, logvar, dtype=np.float64):
    return float(kl_per_latent(np.array([mu], dtype), np.array([logvar], dtype))[0][0])


def exact(mu, logvar):
    """(mu² + e^logvar - 1 - logvar) / 2 in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        mu, logvar = Decimal(float(mu)), Decimal(float(logvar))
        return float((mu * mu + logvar.exp() - 1 - logvar) / 2)


GRID = [(mu, logvar) for mu in (0.0, 0.3, -2.0, 5.0) for logvar in (-6.0, -1.0, 0.0, 0.4, 3.0)]


@pytest.mark.parametrize(("mu", "logvar"), GRID)
def test_is_the_integral_that_defines_it(mu, logvar):
    q = stats.norm(mu, np.exp(logvar / 2))
    low, high = q.interval(1 - 1e-15)

    def integrand(z):
        return q.pdf(z) * (q.logpdf(z) - stats.norm.logpdf(z))

    integral, _ = integrate.quad(integrand, low, high, epsabs=1e-12, epsrel=1e-12)
    assert one(mu, logvar) == pytest.approx(integral, abs=1e-10)


@pytest.mark.parametrize(("mu", "logvar"), [*GRID, (1e-5, 2e-5), (30.0, -40.0), (0.0, 80.0)])
def test_is_the_closed_form_in_sixty_digits(mu, logvar):
    assert one(mu, logvar) == pytest.approx(exact(mu, logvar), rel=1e-11, abs=1e-300)


def test_is_the_average_of_the_log_ratio():
    mu, logvar, n = 0.8, -0.7, 400_000
    q = stats.norm(mu, np.exp(logvar / 2))
    z = q.rvs(n, random_state=np.random.default_rng(0))
    ratio = q.logpdf(z) - stats.norm.logpdf(z)
    assert abs(ratio.mean() - one(mu, logvar)) < 4 * ratio.std() / np.sqrt(n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_never_negative(dtype):
    """A million values near zero, of every size down to 1e-10, where e^x - 1 - x cancels."""
    rng = np.random.default_rng(1)
    size = 10.0 ** rng.uniform(-10, 0, 1_000_000)
    logvar = (size * rng.choice([-1, 1], size.shape)).astype(dtype)
    each, _ = kl_per_latent(np.zeros_like(logvar), logvar)
    assert each.min() >= 0
    plain = 0.5 * (np.exp(logvar) - 1 - logvar)
    assert plain.min() < 0  # what expm1 is there for


def test_digits_that_remain_near_zero():
    """e^x - 1 is right to half an ulp of x, x²/2 of it remains: a relative error of 2 eps / x."""
    eps = 2.0**-52
    for logvar in (1e-1, -1e-1, 1e-3, -1e-3, 1e-5, -1e-5, 1e-8, -1e-8):
        assert one(0.0, logvar) == pytest.approx(exact(0.0, logvar), rel=4 * eps / abs(logvar))


def test_zero_exactly_where_the_laws_agree():
    assert one(0.0, 0.0) == 0.0
    assert one(0.0, 0.0, np.float32) == 0.0
    _, vjp = kl_per_latent(np.zeros(3), np.zeros(3))
    for grad in vjp(np.ones(3)):
        np.testing.assert_array_equal(grad, 0)


def test_zero_only_where_the_laws_agree():
    assert one(1e-3, 0.0) > 0
    assert one(0.0, 1e-3) > 0
    assert one(0.0, -1e-3) > 0


def test_adds_over_latents():
    mu, logvar = np.random.default_rng(2).standard_normal((2, 5, 3))
    total, _ = kl(mu, logvar)
    assert total.shape == (5,)
    by_hand = np.vectorize(exact)(mu, logvar).sum(axis=1)
    np.testing.assert_allclose(total, by_hand, rtol=1e-13)


def test_sample_axes_are_kept():
    mu, logvar = np.random.default_rng(3).standard_normal((2, 4, 5, 3))
    total, vjp = kl(mu, logvar)
    assert total.shape == (4, 5)
    assert all(grad.shape == (4, 5, 3) for grad in vjp(total))


@pytest.mark.parametrize("fn", [kl, kl_per_latent])
def test_shapes_must_agree(fn):
    with pytest.raises(ValueError, match=r"mu \(5, 2\), logvar \(5, 1\)"):
        fn(np.zeros((5, 2)), np.zeros((5, 1)))
