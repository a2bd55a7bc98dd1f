"""Fits through the decoder, codes in the coordinates of the prior, quotes, regressions."""

import numpy as np
import pytest

from tinyvae import VAE, gradcheck
from tinyvae.data.heston import YEAR, SurfaceData
from tinyvae.finance.codes import standard_codes
from tinyvae.finance.fit import Fit, fit_latents, misfit
from tinyvae.finance.measure import distance
from tinyvae.finance.quotes import quote, quoted_points
from tinyvae.finance.regression import features, one_by_one, r_squared

LAWS = ("gaussian", "gaussian-learned", "bernoulli")


def model(likelihood="gaussian", hidden=(7,), data=12, latent=2, seed=0, **options):
    """A VAE with random weights, larger than a start has them: its decoder then bends."""
    vae = VAE(data, latent, hidden, "tanh", likelihood, **options)
    rng = np.random.default_rng(seed)
    theta = vae.init(rng, np.float64)
    return vae, theta + 0.3 * rng.standard_normal(theta.shape)


def seen(vae, theta, n=3, seed=1):
    """z (n, Z), and the data that the decoder makes of it."""
    z = np.random.default_rng(seed).standard_normal((n, vae.latent))
    return z, vae.mean(theta, z)


# -- The misfit


@pytest.mark.parametrize("likelihood", LAWS)
@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_the_gradient_of_the_misfit(likelihood, prior):
    vae, theta = model(likelihood)
    rng = np.random.default_rng(2)
    z, x, weights = rng.standard_normal((3, 2)), rng.random((3, 12)), rng.random((3, 12))
    weights[:, ::3] = 0.0
    constants = {"vae": vae, "theta": theta, "x": x, "weights": weights, "prior": prior}
    report = gradcheck(misfit, z, **constants)
    assert report.ok, report


@pytest.mark.parametrize("likelihood", LAWS)
def test_by_default_it_is_the_joint_density_up_to_a_constant(likelihood):
    vae, theta = model(likelihood, **({"scale": 0.3} if likelihood == "gaussian" else {}))
    x = np.random.default_rng(3).random((1, 12))
    z = np.random.default_rng(4).standard_normal((5, 2))
    many = np.repeat(x, 5, axis=0)
    params = vae.layout.views(theta)
    log_px, _ = vae.px(params, vae.decode(theta, z)[0], x=many)
    joint = -log_px + 0.5 * (z * z).sum(axis=1)
    weights = np.ones((5, 12))
    if likelihood != "bernoulli":
        weights /= np.exp(vae.px.logvar(params, x))
    found, _ = misfit(z, vae=vae, theta=theta, x=many, weights=weights)
    np.testing.assert_allclose(np.diff(found), np.diff(joint), rtol=1e-10)


# -- The fit


def test_data_of_the_decoder_are_found_again():
    vae, theta = model(seed=5)
    z, x = seen(vae, theta)
    fit = fit_latents(vae, theta, x, rng=np.random.default_rng(0), prior=0.0)
    assert fit.settled
    np.testing.assert_allclose(vae.mean(theta, fit.z), x, atol=1e-4)
    np.testing.assert_allclose(fit.z, z, atol=1e-3)
    assert fit.misfit.max() < 1e-7
    assert fit.every_z.shape == (3, 4, 2)


def test_of_a_linear_decoder_it_is_ridge_regression():
    """(J' W J + I) z = J' W (x - b), from NumPy's solver."""
    vae, theta = model(hidden=(), data=6)
    rng = np.random.default_rng(6)
    x, weights = rng.standard_normal((4, 6)), rng.uniform(0, 20, (4, 6))
    weights[:, 2] = 0.0
    fit = fit_latents(vae, theta, x, weights=weights, rng=rng, restarts=2)
    p = vae.layout.views(theta)
    J, b = p["out.W"].T, p["out.b"]
    for z, row, weight in zip(fit.z, x, weights, strict=True):
        H = J.T @ (weight[:, None] * J) + np.eye(2)
        np.testing.assert_allclose(z, np.linalg.solve(H, J.T @ (weight * (row - b))), atol=1e-4)
    assert (fit.agreeing == 1).all()
    assert fit.slope.max() < 1e-2


def test_what_is_not_seen_does_not_matter_and_may_be_missing():
    vae, theta = model(seed=7)
    _, x = seen(vae, theta)
    weights = np.r_[np.zeros(4), np.full(8, 100.0)]
    fits = []
    for hidden in (np.nan, -1e9):
        given = x.copy()
        given[:, :4] = hidden
        fits.append(fit_latents(vae, theta, given, weights=weights, rng=np.random.default_rng(0)))
    np.testing.assert_array_equal(fits[0].every_z, fits[1].every_z)


def test_without_evidence_the_prior_alone_remains():
    vae, theta = model()
    x = np.full((2, 12), np.nan)
    fit = fit_latents(vae, theta, x, weights=np.zeros(12), rng=np.random.default_rng(0))
    np.testing.assert_allclose(fit.z, 0.0, atol=1e-4)
    assert fit.settled


def test_half_a_picture_is_filled_in():
    """Of a Bernoulli decoder the data are 0 and 1; the fit is that of the log-density."""
    vae, theta = model("bernoulli", seed=8)
    x = (np.random.default_rng(9).random((2, 12)) < 0.5).astype(float)
    x[:, 6:] = np.nan
    weights = np.r_[np.ones(6), np.zeros(6)]
    fit = fit_latents(vae, theta, x, weights=weights, rng=np.random.default_rng(0), restarts=3)
    side = np.linspace(-3, 3, 121)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for row, found in zip(np.nan_to_num(x), fit.misfit, strict=True):
        whole = {
            "x": np.repeat(row[None], len(grid), 0),
            "weights": np.tile(weights, (len(grid), 1)),
        }
        lowest = misfit(grid, vae=vae, theta=theta, **whole)[0].min()
        assert lowest - 0.01 < found <= lowest + 1e-9


def test_a_start_that_is_given_is_the_first_and_restarts_may_be_none():
    vae, theta = model(seed=5)
    z, x = seen(vae, theta)
    rng, z = np.random.default_rng(0), z + 1e-3
    fit = fit_latents(vae, theta, x, rng=rng, starts=z, restarts=0, prior=0.0, steps=1)
    assert fit.every_z.shape == (3, 1, 2)
    np.testing.assert_array_equal(fit.z, z)  # a step of 0.1 from near the minimum is not kept
    assert fit.steps == 1
    assert not fit.settled


def test_single_precision_is_raised_to_double():
    vae, theta = model(seed=5)
    _, x = seen(vae, theta)
    fit = fit_latents(
        vae, theta.astype(np.float32), x.astype(np.float32), rng=np.random.default_rng(0), steps=5
    )
    assert fit.z.dtype == fit.misfit.dtype == np.float64


def test_agreement_is_counted_in_nats():
    every = np.array([[1.0, 1.009, 1.5, 1.011], [2.0, 2.0, 2.0, 2.0]])
    fit = Fit(np.arange(16.0).reshape(2, 4, 2), every, np.zeros(2), 10, True)
    np.testing.assert_allclose(fit.agreeing, [0.5, 1.0])
    np.testing.assert_array_equal(fit.z, [[0, 1], [8, 9]])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": np.zeros((2, 3))}, ValueError, "x has shape"),
        ({"x": np.full((2, 12), np.nan)}, ValueError, "x must be finite"),
        ({"weights": -np.ones(12)}, ValueError, "weights must be at least 0"),
        ({"weights": np.full(12, np.nan)}, ValueError, "weights must be finite"),
        ({"weights": np.ones(3)}, ValueError, "weights has shape"),
        ({"starts": np.full((2, 2), np.nan)}, ValueError, "starts must be finite"),
        ({"theta": np.array([np.nan])}, ValueError, "theta must be finite"),
        ({"restarts": 0}, ValueError, "restarts must be at least 1"),
        ({"starts": np.zeros((2, 5))}, ValueError, "starts has shape"),
        ({"steps": 0}, ValueError, "steps must be at least 1"),
        ({"prior": -1.0}, ValueError, "prior must be at least 0"),
        ({"prior": None}, TypeError, "prior must be a number"),
    ],
)
def test_bad_input_of_a_fit_is_named(changes, error, message):
    vae, theta = model()
    options = {"x": np.zeros((2, 12)), "theta": theta, "rng": np.random.default_rng(0)} | changes
    with pytest.raises(error, match=message):
        fit_latents(vae, **options)


# -- Codes


@pytest.mark.parametrize("hidden", [(), (7,)])
def test_standard_codes_change_the_kl_alone_and_lower_it(hidden):
    vae, theta = model(hidden=hidden, data=5)
    rng = np.random.default_rng(1)
    x, eps = 3 * rng.standard_normal((40, 5)), rng.standard_normal((40, 2))
    before = theta.copy()
    moved, m, s = standard_codes(vae, theta, x)
    np.testing.assert_array_equal(theta, before)
    (log_px, kl), _ = vae.terms(theta, x=x, eps=eps)
    (log_px_moved, kl_moved), _ = vae.terms(moved, x=x, eps=eps)
    np.testing.assert_allclose(log_px_moved, log_px, rtol=1e-9)
    assert kl_moved.mean() < kl.mean()
    (mu, logvar), _ = vae.encode(moved, x=x)
    np.testing.assert_allclose(mu.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(mu.var(axis=0) + np.exp(logvar).mean(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(mu * s + m, vae.encode(theta, x=x)[0][0], atol=1e-12)


def test_no_other_scale_has_a_lower_kl():
    vae, theta = model(data=5)
    x = np.random.default_rng(1).standard_normal((40, 5))
    (mu, logvar), _ = vae.encode(standard_codes(vae, theta, x)[0], x=x)

    def kl(m, s):
        return 0.5 * ((mu - m) ** 2 / s**2 + np.exp(logvar) / s**2 - 1 - logvar + 2 * np.log(s))

    least = kl(0.0, 1.0).mean(axis=0)
    for m, s in ((0.01, 1.0), (-0.01, 1.0), (0.0, 1.01), (0.0, 0.99)):
        assert (kl(m, s).mean(axis=0) > least).all()


def test_standard_codes_twice_are_standard_codes():
    vae, theta = model(data=5)
    x = np.random.default_rng(1).standard_normal((40, 5))
    once, _, _ = standard_codes(vae, theta, x)
    twice, m, s = standard_codes(vae, once, x)
    np.testing.assert_allclose(twice, once, atol=1e-10)
    np.testing.assert_allclose([m, s - 1], 0, atol=1e-12)


# -- Quotes and distances


def surfaces(n=3):
    """A small set of made-up surfaces, level and slope at random; one point is not kept."""
    rng = np.random.default_rng(0)
    days, k = np.array([26.0, 182.0, 364.0]), np.linspace(-0.3, 0.3, 7)
    kept = np.ones((3, 7), bool)
    kept[0, 0] = False
    level, slope = rng.uniform(0.15, 0.3, (20, 1, 1)), rng.uniform(-0.1, 0.1, (20, 1, 1))
    total = (level + slope * k) ** 2 * (days / YEAR)[:, None]
    points = total[:, kept]
    centre, scale = points.mean(axis=0), points.std(axis=0)
    x = ((points - centre) / scale).astype(np.float32)
    data = SurfaceData(
        name="heston",
        x=x,
        held_out=x[:n],
        maturity_days=days,
        log_moneyness=k,
        kept=kept,
        centre=centre,
        scale=scale,
    )
    return data, np.where(kept, total[:n], np.nan)


def test_quotes_are_where_they_were_asked_for():
    data, _ = surfaces()
    at = quoted_points(data, maturities=(180.0, 1000.0), strikes=(-10.0, 0.0))
    assert at.sum() == 4
    assert at[1:, [0, 3]].all()
    assert np.argwhere(quoted_points(data, (364.0,), (1.0,))).tolist() == [[2, 5]]  # 0.22
    assert not quoted_points(data, maturities=(26.0,), strikes=(-10.0,)).any()  # it is not kept


def test_a_quote_off_by_its_error_costs_half_a_nat():
    data, total = surfaces()
    at = np.zeros((3, 7), bool)
    at[1, 2] = True
    noise = np.zeros((3, 3, 7))
    noise[:, 1, 2] = 1.0
    quotes = quote(data, total, at, error=1e-4, noise=noise)
    assert quotes.count == 1
    exact = (total[:, data.kept] - data.centre) / data.scale
    costs = 0.5 * (quotes.weights * np.nan_to_num(quotes.x - exact) ** 2).sum(axis=1)
    np.testing.assert_allclose(costs, 0.5, rtol=2e-3)
    assert ((quotes.weights > 0).sum(axis=1) == 1).all()
    volatility = np.sqrt(total[:, 1, 2] / (182 / YEAR)) + 1e-4
    np.testing.assert_allclose(quotes.volatility[:, 1, 2], volatility)
    assert np.isnan(quotes.volatility).sum() == 3 * 20


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"error": 0.0}, "error must be greater than 0"),
        ({"noise": np.zeros((1, 3, 7))}, "noise has shape"),
        ({"noise": np.full((3, 3, 7), np.nan)}, r"noise\[:, at\] must be finite"),
        ({"at": np.zeros((3, 7), bool)}, "at must mark one point"),
        ({"at": np.ones((3, 7), bool)}, "all of them kept"),
        (
            {"error": 1.0, "noise": np.full((3, 3, 7), -1.0)},
            "error must be smaller: 100 volatility points take a quote down to -",
        ),
    ],
)
def test_bad_quotes_are_named(changes, message):
    data, total = surfaces()
    options = {"at": data.kept, "error": 0.01, "noise": np.zeros((3, 3, 7))} | changes
    with pytest.raises(ValueError, match=message):
        quote(data, total, **options)


def test_a_distance_in_points_and_in_days():
    data, total = surfaces()
    years = (data.maturity_days / YEAR)[:, None]
    volatility = np.sqrt(total / years)
    off = np.zeros((3, 3, 7))
    off[1, 2, 4], off[0, 1, 1] = 0.03, -0.01
    found = distance(data, (volatility + off) ** 2 * years, total)
    assert found.worst == pytest.approx(0.03)
    assert found.where == (1, 2, 4)
    assert found.rmse == pytest.approx(np.sqrt((0.03**2 + 0.01**2) / (3 * 20)))
    days = 364 * ((volatility[1, 2, 4] + 0.03) ** 2 - volatility[1, 2, 4] ** 2)
    np.testing.assert_allclose(found.square_days[1:], [days**2 / 20, 0], atol=1e-15)
    assert found.map[2, 4] == pytest.approx(0.03 / np.sqrt(3))
    assert np.isnan(found.map[0, 0])
    with pytest.raises(ValueError, match=r"found\[:, kept\] must be finite"):
        distance(data, total * np.nan, total)
    negative = distance(data, -total, total)  # counts as a volatility of 0
    assert negative.worst == pytest.approx(np.nanmax(volatility))


# -- Regression


def test_r_squared_is_one_minus_what_is_not_explained():
    rng = np.random.default_rng(0)
    x, x_new = rng.standard_normal((200, 2)), rng.standard_normal((5000, 2))
    rest, rest_new = rng.standard_normal((200, 1)), rng.standard_normal((5000, 1))
    y, y_new = 3 * x[:, :1] + 4 + rest, 3 * x_new[:, :1] + 4 + rest_new
    found = r_squared(x, y, x_new, y_new)
    assert found[0] == pytest.approx(0.9, abs=0.01)  # 9 of 10
    exact = r_squared(x, x @ [[1.0], [2.0]] + 5, x_new, x_new @ [[1.0], [2.0]] + 5)
    assert exact[0] == pytest.approx(1.0, abs=1e-12)


def test_a_product_is_seen_by_curves_alone_and_a_stranger_by_none():
    rng = np.random.default_rng(1)
    x, x_new = rng.standard_normal((300, 2)), rng.standard_normal((300, 2))
    y, y_new = (np.c_[z[:, 0] * z[:, 1], rng.standard_normal(300)] for z in (x, x_new))
    straight, curved = (r_squared(x, y, x_new, y_new, degree=d) for d in (1, 2))
    assert straight.max() < 0.1
    assert curved[0] == pytest.approx(1.0, abs=1e-10)
    assert curved[1] < 0.1


def test_one_by_one_tells_who_knows_what():
    rng = np.random.default_rng(2)
    x, x_new = rng.standard_normal((100, 3)), rng.standard_normal((100, 3))
    swap = [2, 0, 1]
    found = one_by_one(x, x[:, swap], x_new, x_new[:, swap])
    np.testing.assert_allclose(found[swap, [0, 1, 2]], 1.0)
    assert found.sum() < 3.2


def test_features_are_a_constant_and_products():
    np.testing.assert_array_equal(features(np.array([[2.0, 3.0]]), 2), [[1, 2, 3, 4, 6, 9]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.zeros((9, 1))}, "y has shape"),
        ({"x_new": np.zeros((5, 3))}, "x_new has shape"),
        ({"y_new": np.zeros((5, 1))}, "the same for every example"),
        ({"x": np.full((20, 2), np.nan)}, "x must be finite"),
        ({"degree": 3}, "degree must be 1 or 2"),
        ({"x": np.zeros((4, 2)), "y": np.zeros((4, 1)), "degree": 2}, "too few for 6"),
    ],
)
def test_bad_input_of_a_regression_is_named(changes, message):
    rng = np.random.default_rng(0)
    options = {"x": rng.random((20, 2)), "y": rng.random((20, 1)), "degree": 1}
    options |= {"x_new": rng.random((5, 2)), "y_new": rng.random((5, 1))} | changes
    with pytest.raises(ValueError, match=message):
        r_squared(**options)
