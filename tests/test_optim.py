"""The optimizers against their published formulas, written out plainly in float64."""

import numpy as np
import pytest

from tinyvae.optim import OPTIMIZERS, SGD, Adam, Momentum, optimizer

N, STEPS = 11, 50
SLOW = {"sgd": 0.05, "momentum": 0.01, "adam": 0.05}


def published_sgd(theta, gradients, lr):
    for g in gradients:
        theta = theta - lr * g
    return theta


def published_momentum(theta, gradients, lr, momentum):
    v = 0.0
    for g in gradients:
        v = momentum * v + g
        theta = theta - lr * v
    return theta


def published_adam(theta, gradients, lr, beta1, beta2, eps):
    """Kingma & Ba (2015), algorithm 1, line by line."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        v_hat = v / (1 - beta2**t)
        theta = theta - lr * m_hat / (np.sqrt(v_hat) + eps)
    return theta


@pytest.fixture
def problem():
    """A start and 50 gradients of very different sizes; float32 can hold them exactly."""
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.integers(-4, 4, size=N)
    gradients = (rng.standard_normal((STEPS, N)) * sizes).astype(np.float32).astype(float)
    return rng.standard_normal(N).astype(np.float32).astype(float), gradients


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("opt", "published", "settings"),
    [
        (SGD, published_sgd, {"lr": 0.03}),
        (Momentum, published_momentum, {"lr": 0.003, "momentum": 0.8}),
        (Momentum, published_momentum, {"lr": 0.003, "momentum": 0.0}),
        (Adam, published_adam, {"lr": 0.02, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
        (Adam, published_adam, {"lr": 0.02, "beta1": 0.0, "beta2": 0.5, "eps": 1e-2}),
        (Adam, published_adam, {"lr": 0.02, "beta1": 0.5, "beta2": 0.0, "eps": 1e-8}),
    ],
)
def test_fifty_steps_are_the_published_formula(opt, published, settings, dtype, problem):
    start, gradients = problem
    expected = published(start, gradients, **settings)
    theta, opt = start.astype(dtype), opt(**settings)
    for g in gradients:
        opt.step(theta, g.astype(dtype))
    assert theta.dtype == dtype
    scale = np.abs(expected - start) + np.abs(start)
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    assert np.max(np.abs(theta - expected) / scale) < tolerance


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_first_step_has_the_size_that_the_formula_gives(name):
    g = np.array([1e-3, -2.0, 0.0])
    theta, opt = np.zeros(3), optimizer(name)
    opt.step(theta, g.copy())
    # Adam's first step is lr times the sign, whatever the size: that is what the correction is for.
    expected = np.sign(g) / (1 + 1e-8 / np.maximum(np.abs(g), 1e-8)) if name == "adam" else g
    np.testing.assert_allclose(theta, -opt.lr * expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_changes_theta_in_place_and_makes_no_new_state(name, dtype):
    theta, opt = np.ones(N, dtype), optimizer(name)
    view = theta[3:5]
    assert opt.step(theta, np.ones(N, dtype)) is None
    first = dict(opt.state)
    before = theta.copy()
    for _ in range(3):
        opt.step(theta, np.ones(N, dtype))
    assert opt.state.keys() == first.keys()
    assert all(opt.state[key] is array for key, array in first.items())
    assert all(array.dtype == dtype for key, array in opt.state.items() if key != "t")
    assert theta.dtype == dtype
    assert (theta < before).all()
    np.testing.assert_array_equal(view, theta[3:5])  # the views that a model holds see the step


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_quadratic_is_brought_to_its_minimum(name):
    curvature, minimum = np.array([1.0, 4.0, 0.5]), np.array([1.0, -2.0, 0.3])
    theta, opt = np.zeros(3), optimizer(name, SLOW[name])
    for _ in range(2000):
        opt.step(theta, curvature * (theta - minimum))
    np.testing.assert_allclose(theta, minimum, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_restored_state_goes_on_to_the_bit(name, dtype, problem):
    start, gradients = problem[0].astype(dtype), problem[1].astype(dtype)
    straight, opt = start.copy(), optimizer(name)
    for g in gradients:
        opt.step(straight, g.copy())

    stopped, first = start.copy(), optimizer(name)
    for g in gradients[:17]:
        first.step(stopped, g.copy())
    second = optimizer(name)
    second.state = {key: np.array(array) for key, array in first.state.items()}
    for g in gradients[17:]:
        second.step(stopped, g.copy())
    assert stopped.tobytes() == straight.tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_gradient_no_step(name):
    theta, opt = np.ones(N), optimizer(name)
    for _ in range(3):
        opt.step(theta, np.zeros(N))
    np.testing.assert_array_equal(theta, np.ones(N))


@pytest.mark.parametrize("lr", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_learning_rate_out_of_range_is_refused(name, lr):
    with pytest.raises(ValueError, match=r"^lr must be (greater than 0|finite), not"):
        optimizer(name, lr)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(beta1=1), "beta1 must be less than 1, not 1"),
        (lambda: Adam(beta1=-0.1), "beta1 must be at least 0, not -0.1"),
        (lambda: Adam(beta2=1.0), "beta2 must be less than 1, not 1"),
        (lambda: Adam(beta2=float("nan")), "beta2 must be finite, not nan"),
        (lambda: Adam(eps=0), "eps must be greater than 0, not 0"),
        (lambda: Momentum(momentum=-1), "momentum must be at least 0, not -1"),
        (lambda: Momentum(momentum=float("inf")), "momentum must be finite, not inf"),
        (lambda: optimizer("adma"), "unknown optimizer 'adma': did you mean 'adam'"),
        (lambda: optimizer("momentom"), "did you mean 'momentum'"),
        (lambda: optimizer("zzz"), "known are adam, momentum, sgd"),
    ],
)
def test_bad_settings_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_learning_rate_that_is_no_number_is_a_type_error():
    for lr in ("0.1", None, True, [0.1]):
        with pytest.raises(TypeError, match="lr must be a number, not"):
            SGD(lr)
