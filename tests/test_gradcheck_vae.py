"""Every entry of a VAE's gradient by its units: right ones pass, a single wrong entry does not."""

import numpy as np
import pytest

from tinyvae import VAE, gradcheck, gradcheck_vae
from tinyvae.ops import ACTIVATIONS

LIKELIHOODS = "bernoulli", "gaussian", "gaussian-learned"


class Wrong(VAE):
    """A VAE whose gradient has one entry changed by the factor 1 + `by`."""

    entry, by = 0, 1e-4

    def loss(self, theta, **constants):
        value, vjp = super().loss(theta, **constants)

        def changed(dloss):
            (dtheta,) = vjp(dloss)
            dtheta[self.entry] *= 1.0 + self.by
            return (dtheta,)

        return value, changed


def case(kind=VAE, likelihood="bernoulli", activation="tanh", hidden=(6, 5), seed=0):
    rng = np.random.default_rng(seed)
    vae = kind(7, 3, hidden, activation, likelihood=likelihood)
    theta = vae.init(rng, np.float64) + 0.1 * rng.standard_normal(vae.layout.size)
    return vae, theta, {"x": rng.random((4, 7)), "eps": rng.standard_normal((4, 3))}


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_of_every_model_passes(activation, likelihood, hidden):
    vae, theta, data = case(VAE, likelihood, activation, hidden)
    report = gradcheck_vae(vae, theta, **data, beta=0.7)
    assert report.ok, report.message()
    assert report.entries == vae.layout.size + 1  # and the direction
    assert report.error < 1e-12


def test_it_finds_the_derivatives_that_five_points_find():
    """Relative to vjp, as `gradcheck` multiplies both by a random cotangent."""
    vae, theta, data = case(Wrong)
    every = gradcheck(vae.loss, theta, method="five-point", layout=vae.layout, **data)
    found = gradcheck_vae(vae, theta, **data)
    ours, theirs = found.rows[0], every.rows[0]  # both name the entry that was changed
    assert ours.index == theirs.index == (0, 0)
    right = theirs.numeric / theirs.analytic
    np.testing.assert_allclose(ours.numeric / ours.analytic, right, rtol=1e-8)


@pytest.mark.parametrize("entry", range(0, 169, 7))
def test_a_single_entry_that_is_wrong_by_a_ten_thousandth_is_named(entry):
    vae, theta, data = case(Wrong, likelihood="gaussian-learned")
    vae.entry = entry % vae.layout.size
    report = gradcheck_vae(vae, theta, **data)
    (row,) = [row for row in report.rows if not row.ok]
    (name,) = [k for k, at in vae.layout.slices.items() if at.start <= vae.entry < at.stop]
    shape, start = vae.layout.shapes[name], vae.layout.slices[name].start
    assert row.verdict == "wrong"
    assert row.argument == f"theta[{name!r}]"
    assert row.index == np.unravel_index(vae.entry - start, shape)
    assert row.error == pytest.approx(1e-4, rel=0.2)  # of the entry and the floor


def test_a_gradient_that_is_not_a_number_is_named():
    vae, theta, data = case(Wrong)
    vae.by = np.nan
    assert gradcheck_vae(vae, theta, **data).rows[0].verdict == "nan"


class Squared(VAE):
    """A weight that acts by its square, too, which no unit shows."""

    def bound(self, theta, **constants):
        value, vjp = super().bound(theta, **constants)
        first = theta[0]

        def back(dbound):
            (dtheta,) = vjp(dbound)
            dtheta[0] += 2.0 * first * dbound.sum()
            return (dtheta,)

        return value + first * first, back


def test_a_weight_that_acts_otherwise_is_found_along_a_direction():
    vae, theta, data = case(Squared)
    assert gradcheck(vae.loss, theta, **data).ok
    assert gradcheck_vae(vae, theta, **data).rows[-1].verdict == "wrong"


@pytest.mark.parametrize(
    ("name", "change", "error", "said"),
    [
        ("theta", lambda a: a[:-1], ValueError, "theta"),
        ("theta", lambda a: a.astype(np.float32), TypeError, "theta is float32"),
        ("x", lambda a: a.astype(np.float32), TypeError, "x is float32"),
        ("x", lambda a: a[:, :-1], ValueError, "x"),
        ("eps", lambda a: a[None], ValueError, "eps"),
        ("eps", lambda a: a[:-1], ValueError, "eps"),
        ("rtol", lambda a: 0.0, ValueError, "rtol"),
        ("beta", lambda a: -1.0, ValueError, "beta"),
    ],
)
def test_bad_input_is_named(name, change, error, said):
    vae, theta, data = case()
    arguments = {"theta": theta, **data}
    arguments[name] = change(arguments.get(name))
    with pytest.raises(error, match=said):
        gradcheck_vae(vae, arguments.pop("theta"), **arguments)
