"""Parameters of different shapes: each gets the gradient of its own shape, summed over its uses.

One parameter is shared by a batch, the others have a number (or a vector) for each member of it.
The gradients must be those of the members one by one: stacked, or summed for what is shared. With
parameters of one shape a gradient summed to the shape of its neighbour goes unnoticed.
"""

import numpy as np
import pytest
from laws import parameters

from tinyvae.distributions import LAWS
from tinyvae.distributions.law import draw_shape, offers

B = 3
OF_PARAMETERS = ("entropy", "mean", "variance", "covariance", "kl")
FUNCTIONS = ("rsample", "implicit", "log_prob", *OF_PARAMETERS)
ONE_FOR_ALL = ("real number", "positive number")  # a temperature has no batch


def members(law, function, shared):
    """B tuples of parameters that differ, but for the shared one, and fit together."""
    kinds = list(law.PARAMS.values())
    least = getattr(law, "NEEDS", {}).get(function, {})
    drawn = [list(parameters(law, seed)) for seed in range(B)]

    def fixed(k):
        return k == shared or kinds[k] in ONE_FOR_ALL

    for one in drawn:
        for k, (name, kind) in enumerate(zip(law.PARAMS, kinds, strict=True)):
            # 9 more than any lower end: each upper end then fits each lower one.
            more = least.get(name, 0.0) + 9.0 * (kind == "above low")
            one[k] = np.asarray(drawn[0][k] if one is not drawn[0] and fixed(k) else one[k] + more)
    return drawn


def whole(drawn, law, shared):
    """The parameters of the whole batch."""
    kinds = law.PARAMS.values()
    return [
        drawn[0][k] if k == shared or kind in ONE_FOR_ALL else np.stack([one[k] for one in drawn])
        for k, kind in enumerate(kinds)
    ]


def pulled(law, function, params, draw, dy):
    """The gradients in the parameters of one function, at noise or a draw."""
    if function == "rsample":
        y, vjp = law.rsample(*params, noise=draw)
    elif function in OF_PARAMETERS:
        y, vjp = getattr(law, function)(*params)
    else:
        y, vjp = getattr(law, function)(draw, *params)
    grads = vjp(dy(np.shape(y)))
    return grads if function in ("rsample", *OF_PARAMETERS) else grads[1:]


ROWS = [
    (name, function, shared)
    for name, law in LAWS.items()
    for function in FUNCTIONS
    if offers(law, function)
    for shared in range(len(law.PARAMS))
    if function not in OF_PARAMETERS or len(law.PARAMS) > 1  # else there is no batch
]


@pytest.mark.parametrize(("name", "function", "shared"), ROWS)
def test_a_shared_parameter_gets_the_sum_and_the_others_one_gradient_each(name, function, shared):
    law, rng = LAWS[name], np.random.default_rng(7)
    drawn = members(law, function, shared)
    draws = noise = law.noise(rng, (B, *draw_shape(law, drawn[0])))
    if function in ("log_prob", "implicit"):
        draws = np.stack([law.sample(*one, noise=u) for one, u in zip(drawn, noise, strict=True)])
    weights = rng.standard_normal((B, 64))

    def dy_of(i):
        return lambda shape: weights[i, : int(np.prod(shape))].reshape(shape)

    def dy_of_all(shape):
        return np.stack([dy_of(i)(shape[1:]) for i in range(B)])

    found = pulled(law, function, whole(drawn, law, shared), draws, dy_of_all)
    one_by_one = [pulled(law, function, drawn[i], draws[i], dy_of(i)) for i in range(B)]
    for k, grad in enumerate(found):
        each = [grads[k] for grads in one_by_one]
        if grad is None:
            assert each == [None] * B
            continue
        alone = k == shared or list(law.PARAMS.values())[k] in ONE_FOR_ALL
        expected = np.sum(each, axis=0) if alone else np.stack(each)
        assert np.shape(grad) == np.shape(expected), law.PARAMS
        np.testing.assert_allclose(grad, expected, rtol=1e-9, atol=1e-12)


WITH_A_SLOPE = [name for name, law in LAWS.items() if law.KIND != "none"]


@pytest.mark.parametrize("name", WITH_A_SLOPE)
def test_a_point_that_many_laws_are_asked_about_gets_the_sum_of_its_gradients(name):
    law, rng = LAWS[name], np.random.default_rng(7)
    params = parameters(law, 0)
    x = law.sample(*params, noise=law.noise(rng, draw_shape(law, params)))
    kinds = law.PARAMS.values()
    repeated = [
        param if kind in ONE_FOR_ALL else np.stack([param] * B)
        for kind, param in zip(kinds, params, strict=True)
    ]
    y, vjp = law.log_prob(x, *repeated)
    dy = rng.standard_normal(np.shape(y))
    one_by_one = [law.log_prob(x, *params)[1](weight)[0] for weight in dy]
    assert np.shape(vjp(dy)[0]) == np.shape(x)
    np.testing.assert_allclose(vjp(dy)[0], np.sum(one_by_one, axis=0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "function"),
    [(n, f) for n, law in LAWS.items() for f in OF_PARAMETERS if offers(law, f)],
)
def test_a_batch_of_laws_is_asked_one_by_one(name, function):
    """As many as a vector has entries: a sum over the wrong axis has the right shape then."""
    law, rng = LAWS[name], np.random.default_rng(7)
    drawn = members(law, function, None)
    y, vjp = getattr(law, function)(*whole(drawn, law, None))
    each = [getattr(law, function)(*one) for one in drawn]
    np.testing.assert_allclose(y, np.stack([value for value, _ in each]), rtol=1e-10)
    dy = rng.standard_normal(np.shape(y))
    grads = [pull(weight) for (_, pull), weight in zip(each, dy, strict=True)]
    for k, grad in enumerate(vjp(dy)):
        np.testing.assert_allclose(grad, np.stack([g[k] for g in grads]), rtol=1e-9, atol=1e-12)
