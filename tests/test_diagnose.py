"""From a failed check to a sentence: mistakes that are named, and right code that is left alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import MISTAKES, example, network

import tinyvae
from tinyvae import VAE, diagnose, ops, vae
from tinyvae.diagnose.rules import RULES
from tinyvae.diagnose.scene import Scene

B, I, O, Z = 5, 7, 3, 4


def draw(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


X, W, BIAS = draw(B, I), draw(I, O, seed=2), draw(O, seed=3)
SQUARE = draw(B, Z, seed=4), draw(Z, Z, seed=5), draw(Z, seed=6)
MU, LOGVAR, EPS = draw(3, B, Z, seed=7)


# -- One function: a forward pass, and a way back that is wrong


def affine(x, W, b):
    return x @ W + b


def reparameterize(mu, logvar, *, eps):
    return mu + np.exp(0.5 * logvar) * eps


def kl(mu, logvar):
    return 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar).sum(axis=-1)


def sigmoid(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def relu(x):
    return np.maximum(x, 0.0)


def back(dx=None, dW=None, db=None):
    """The affine layer's way back, with one gradient of another formula."""
    return lambda dy, x, W, b: (
        dx(dy, x, W, b) if dx else dy @ W.T,
        dW(dy, x, W, b) if dW else x.T @ dy,
        db(dy, x, W, b) if db else dy.sum(axis=0),
    )


def draw_back(dlogvar):
    return lambda dz, mu, logvar, *, eps: (dz, dlogvar(dz, np.exp(0.5 * logvar), eps))


def kl_back(dlogvar=lambda s2: 0.5 * (s2 - 1), dmu=lambda mu: mu):
    return lambda dy, mu, logvar: (dy[:, None] * dmu(mu), dy[:, None] * dlogvar(np.exp(logvar)))


LAYER, TABLE, DRAW, HEADS = (X, W, BIAS), SQUARE, {"eps": EPS}, (MU, LOGVAR)
FACTOR, PLACES, FORMULA = "a constant factor", "a transpose or a permutation", "another formula"
NOT_USED = (
    "not linear in the gradient that came in",
    "right for one gradient that comes in, alone",
)
EXTRA = "a factor that does not belong there"
OTHER = "other noise than the forward pass"

# (forward, backward, args, constants, step, mistake, words)
WRONG = {
    "a bias averaged": (affine, back(db=lambda dy, *_: dy.mean(0)), LAYER, {}, "b", FACTOR, "5 is the length of axis 0 of x"),
    "a bias of one row": (affine, back(db=lambda dy, *_: dy[0]), LAYER, {}, "b", FORMULA, "dy[0] stands where dy.sum(axis=0) belongs"),
    "a bias without its last row": (affine, back(db=lambda dy, *_: dy[:-1].sum(0)), LAYER, {}, "b", FORMULA, "dy[:-1].sum(axis=0)"),
    "a sign": (affine, back(dW=lambda dy, x, *_: -x.T @ dy), LAYER, {}, "W", FACTOR, "wrong sign"),
    "W for its transpose": (affine, back(dx=lambda dy, x, W, b: dy @ W), TABLE, {}, "x", FORMULA, "W stands where W.T belongs"),
    "a transpose": (affine, back(dW=lambda dy, x, *_: dy.T @ x), TABLE, {}, "W", PLACES, "transpose"),
    "another order": (affine, back(dW=lambda dy, x, *_: (dy.T @ x).reshape(x.shape[1], -1)), LAYER, {}, "W", PLACES, "reshape"),
    "rows reversed": (affine, back(dW=lambda dy, x, *_: (x.T @ dy)[::-1]), LAYER, {}, "W", PLACES, "reverse along axis 0"),
    "rows shifted": (affine, back(dW=lambda dy, x, *_: np.roll(x.T @ dy, 1, 0)), LAYER, {}, "W", PLACES, "shifted by 1"),
    "rows sorted": (affine, back(dW=lambda dy, x, *_: np.sort(x.T @ dy, 0)), LAYER, {}, "W", PLACES, "wrong places"),
    "nothing": (affine, back(dx=lambda dy, x, *_: 0 * x), LAYER, {}, "x", "no gradient", "as if x were a constant"),
    "a first column left out": (affine, back(dW=lambda dy, x, *_: x.T @ dy * [0, 1, 1]), LAYER, {}, "W", "a mask", "at 0 of axis 1"),
    "an end that is off by one": (affine, back(dW=lambda dy, x, *_: x.T @ dy * (1 + W**2 * (np.arange(7) == 6)[:, None])), LAYER, {}, "W", "a part alone", "at 6 of axis 0"),
    "clipped": (affine, back(dx=lambda dy, x, W, b: np.clip(dy @ W.T, -1, 1)), LAYER, {}, "x", "clipping", "right but cut off at -1 and 1, 10 of 35"),
    "a norm of 1": (affine, back(dx=lambda dy, x, W, b: dy @ W.T / np.linalg.norm(dy @ W.T)), LAYER, {}, "x", FACTOR, "its norm is 1"),
    "weight decay": (affine, back(dW=lambda dy, x, W, b: x.T @ dy + 0.1 * W), LAYER, {}, "W", "a term too much or too little", "0.1 W"),
    "a constant": (affine, back(dW=lambda dy, x, W, b: x.T @ dy + 0.25), LAYER, {}, "W", "a term too much or too little", "+ 1/4."),
    "the 1/2 forgotten": (reparameterize, draw_back(lambda dz, s, e: dz * s * e), HEADS, DRAW, "logvar", FACTOR, "twice"),
    "by sigma": (reparameterize, draw_back(lambda dz, s, e: dz * e), HEADS, DRAW, "logvar", "another parametrization", "sigma = exp(logvar/2), not logvar"),
    "sigma forgotten": (reparameterize, draw_back(lambda dz, s, e: 0.5 * dz * e), HEADS, DRAW, "logvar", FORMULA, "The factor exp(logvar/2) is missing"),
    "eps forgotten": (reparameterize, draw_back(lambda dz, s, e: 0.5 * dz * s), HEADS, DRAW, "logvar", FORMULA, "The factor eps is missing"),
    "the variance for sigma": (reparameterize, draw_back(lambda dz, s, e: 0.5 * dz * s * s * e), HEADS, DRAW, "logvar", FORMULA, "exp(logvar) stands where exp(logvar/2)"),
    "|eps|": (reparameterize, draw_back(lambda dz, s, e: 0.5 * dz * s * abs(e)), HEADS, DRAW, "logvar", FORMULA, "|eps| stands where eps"),
    "fresh noise": (reparameterize, draw_back(lambda dz, s, e: 0.5 * dz * s * draw(B, Z, seed=9)), HEADS, DRAW, "logvar", "noise drawn anew", OTHER),
    "the heads swapped": (reparameterize, lambda dz, m, s, *, eps: (0.5 * dz * np.exp(s / 2) * eps, dz), HEADS, DRAW, "logvar", "the gradient of another array", "what dmu should be"),
    "a KL without -1": (kl, kl_back(lambda s2: 0.5 * s2), HEADS, {}, "logvar", FORMULA, "exp(logvar) stands where (exp(logvar) - 1)"),
    "a KL with +1": (kl, kl_back(lambda s2: 0.5 * (s2 + 1)), HEADS, {}, "logvar", "a wrong term of two", "1/2 dy + 1/2 dy exp(logvar)"),
    "a KL with sigma": (kl, kl_back(lambda s2: 0.5 * (s2**0.5 - 1)), HEADS, {}, "logvar", "a wrong term of two", "exp(logvar/2)"),
    "a KL by the variance": (kl, kl_back(lambda s2: 0.5 * (1 - 1 / s2)), HEADS, {}, "logvar", "another parametrization", "with respect to exp(logvar)"),
    "a KL without mu": (kl, kl_back(dmu=np.ones_like), HEADS, {}, "mu", FORMULA, "The factor mu is missing"),
    "tanh' at x": (np.tanh, lambda dy, x: dy * (1 - x**2), (X,), {}, "x", FORMULA, "(1 - x²) stands where (1 - y²)"),
    "tanh' without its square": (np.tanh, lambda dy, x: dy * (1 - np.tanh(x)), (X,), {}, "x", FORMULA, "(1 - y) stands where (1 - y²)"),
    "no tanh'": (np.tanh, lambda dy, x: dy, (X,), {}, "x", FORMULA, "The factor (1 - y²) is missing"),
    "sigmoid' at x": (sigmoid, lambda dy, x: dy * x * (1 - x), (X,), {}, "x", FORMULA, "x (1 - x) stands where y (1 - y)"),
    "relu' for relu": (relu, lambda dy, x: dy * relu(x), (X,), {}, "x", FORMULA, "(x > 0)"),
    "relu' by the gradient": (relu, lambda dy, x: dy * (dy > 0), (X,), {}, "x", FORMULA, "(dy > 0) stands where (x > 0)"),
}  # fmt: skip


@pytest.mark.parametrize("title", WRONG)
def test_a_mistake_in_one_function_is_named(title):
    forward, backward, args, constants, step, mistake, words = WRONG[title]
    found = diagnose(forward, *args, backward=backward, **constants)
    assert (found.step, found.mistake) == (step, mistake), str(found)
    assert words in " ".join(found.lines)
    assert len(found.lines) == 3
    assert found.lines[0].startswith(f"d{step} is wrong")


def test_the_right_way_back_is_left_alone():
    right = [
        (affine, back(), LAYER, {}),
        (reparameterize, draw_back(lambda dz, s, e: 0.5 * dz * s * e), HEADS, DRAW),
        (kl, kl_back(), HEADS, {}),
        (np.tanh, lambda dy, x: dy * (1 - np.tanh(x) ** 2), (X,), {}),
        (relu, lambda dy, x: dy * (x > 0), (X,), {}),
    ]
    for forward, backward, args, constants in right:
        found = diagnose(forward, *args, backward=backward, **constants)
        assert found.ok
        assert found.lines[0].startswith("Every gradient agrees")


@pytest.mark.parametrize(
    ("backward", "mistake", "words"),
    [
        (lambda dy, x: 2 * x, NOT_USED, "dx stays the same when dy doubles: it is not used"),
        (lambda dy, x: dy * dy * 2 * x, NOT_USED, "dx grows fourfold when dy doubles"),
        (
            lambda dy, x: dy * 2 * x + np.sin(3 * dy) * np.cos(X[0, 0] * x),
            NOT_USED,
            "does not double",
        ),
    ],
)
@pytest.mark.parametrize("forward", [lambda x: x**2, lambda x: (x**2).sum()])
def test_a_gradient_that_came_in_has_to_be_in_every_product_once(forward, backward, mistake, words):
    found = diagnose(forward, X, backward=backward)
    assert words in found.lines[1], str(found)
    assert found.mistake in mistake


def test_the_output_is_called_as_the_backward_pass_calls_it():
    found = diagnose(np.tanh, X, backward=lambda dout, x: dout)
    assert found.lines[1] == "dx is dout; it should be dout (1 - out²)."


def test_what_was_not_compared_is_told():
    nothing = diagnose(np.tanh, X, backward=lambda dy, x: None)
    assert (nothing.ok, nothing.mistake) == (False, "unseen")
    assert nothing.lines == (
        "There is nothing to compare. dx is None: not differentiable, it says.",
    )
    half = diagnose(lambda x, w: x * w, X, X, backward=lambda dy, x, w: (dy * w, None))
    assert half.ok
    assert "35 numbers. dw is None" in half.lines[0]
    assert not diagnose(np.tanh, X[:0], backward=lambda dy, x: dy).ok


def test_a_kink_in_one_argument_does_not_hide_another():
    """And where nothing else is wrong, the kink is what is told."""

    def forward(x, w):
        return np.maximum(x, 0) + w**2

    at = np.zeros((3, 2)), draw(3, 2)
    found = diagnose(forward, *at, backward=lambda dy, x, w: (dy * (x > 0), 4 * dy * w))
    assert (found.step, found.mistake, found.others) == ("w", FACTOR, ())
    found = diagnose(forward, *at, backward=lambda dy, x, w: (dy * (x > 0), 2 * dy * w))
    assert found.mistake == "kink"


@pytest.mark.parametrize("scale", [1e-4, 1e-3, 1.0])
def test_small_numbers_are_no_kinks(scale):
    """At 1e-4 the slope of x² changes by a tenth within the step of the difference."""
    found = diagnose(kl, scale * MU, scale * LOGVAR, backward=kl_back(dmu=lambda mu: 2 * mu))
    assert (found.step, found.mistake, found.lines[1]) == (
        "mu",
        FACTOR,
        "dmu is twice the right one.",
    )


@pytest.mark.parametrize("kind", [bool, int, float])
def test_a_mask_is_a_constant_of_any_kind(kind):
    mask = (X > 0.3).astype(kind)
    found = diagnose(lambda x, *, mask: x * mask, X, mask=mask, backward=lambda dy, x, mask: dy)
    assert "The factor mask is missing." in found.lines


@pytest.mark.parametrize("scale", [1e100, 1e-100])
def test_large_and_small_outputs_overflow_nowhere(scale):
    found = diagnose(lambda x: scale * np.tanh(x), X, backward=lambda dy, x: scale * dy * 2)
    assert (found.step, found.mistake) in (
        ("x", FORMULA),
        ("x", "a formula that is no derivative"),
        (None, "unseen"),
    )


def test_constants_may_be_called_like_options_of_gradcheck():
    def forward(x, *, method, rtol):
        return x * method * rtol

    options = {"method": X, "rtol": 3.0}
    assert diagnose(
        forward, X, backward=lambda dy, x, method, rtol: dy * method * rtol, **options
    ).ok
    found = diagnose(forward, X, backward=lambda dy, x, method, rtol: dy * rtol, **options)
    assert found.step == "x"


def test_a_list_of_gradients_will_do_and_a_missing_one_is_told():
    assert diagnose(affine, *LAYER, backward=lambda *args: list(back()(*args))).ok
    found = diagnose(affine, *LAYER, backward=lambda *args: back()(*args)[:2])
    assert found.lines[1] == "Return a gradient for each argument, in their order."


def test_samples_before_the_batch_are_a_longer_batch():
    x = draw(4, B, I)
    right = lambda dy, x, W: (dy @ W.T, np.einsum("sbi,sbo->io", x, dy))  # noqa: E731
    assert diagnose(lambda x, W: x @ W, x, W, backward=right).ok
    wrong = lambda dy, x, W: (dy @ W.T, np.einsum("sbi,sbo->io", x**2, dy))  # noqa: E731
    found = diagnose(lambda x, W: x @ W, x, W, backward=wrong)
    assert found.lines[2] == "x².T stands where x.T belongs."


def test_it_takes_the_protocol_as_it_is():
    def tanh(x):
        y = np.tanh(x)
        return y, lambda dy: (dy * (1.0 - y),)

    assert diagnose(ops.tanh, X).ok
    found = diagnose(tanh, X)
    assert str(found).splitlines()[0] == "diagnose of " + tanh.__qualname__
    assert "(1 - y) stands where (1 - y²) belongs." in str(found)


@pytest.mark.parametrize(
    ("backward", "mistake", "words"),
    [
        (lambda dz, m, s, *, eps: (dz, 0.5 * dz * np.random.standard_normal(dz.shape)), "unstable", "take the noise as an argument"),  # noqa: NPY002
        (lambda dz, m, s, *, eps: (dz, 0.5 * dz.sum()), "shape", "the shape of its argument"),
        (lambda dz, m, s, *, eps: (dz,), "shape", "1 gradients for 2 arguments"),
        (lambda dz, m, s, *, eps: (dz, dz / 0), "nan", "division by 0"),
        (lambda dz, m, s, *, eps: (dz, np.multiply(dz, 2, out=m)), "mutated", "Work on a copy"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_breaks_the_protocol_is_said_before_any_numbers(backward, mistake, words):
    found = diagnose(reparameterize, MU, LOGVAR, eps=EPS, backward=backward)
    assert found.mistake == mistake
    assert words in " ".join(found.lines)
    assert len(found.lines) == 2


def test_what_it_cannot_name_it_locates_and_rules_out():
    found = diagnose(affine, *LAYER, backward=back(dW=lambda dy, x, W, b: x.T @ dy * np.cos(W**3)))
    assert (found.mistake, found.step) == ("unknown", "W")
    assert "I cannot say why" in found.lines[1]
    assert found.lines[2].startswith("Ruled out: no gradient; a constant factor; ")


def test_two_paths_into_one_argument():
    def forward(x):
        return x**2, np.sin(x)

    for c, words in (((1, 0), "y[1] is missing"), ((1, 2), "y[1] is twice"), ((-1, 1), "y[0] is the right one with the wrong sign")):  # fmt: skip

        def fn(x, c=c):
            return forward(x), lambda dy: (c[0] * dy[0] * 2 * x + c[1] * dy[1] * np.cos(x),)

        found = diagnose(fn, X)
        assert found.mistake == "a path that is lost, doubled or negative"
        assert words in found.lines[1]


def test_a_function_of_numbers_is_looked_at_in_several_places():
    """At one place alone, any two numbers differ by a factor."""
    wrong = {
        lambda dy, x, y: (1.7 * dy * y * np.cos(x), dy * np.sin(x)): (FACTOR, "1.7 times"),
        lambda dy, x, y: (dy * np.cos(x), dy * np.sin(x)): (EXTRA, "divided by y"),
    }
    for backward, (mistake, words) in wrong.items():
        found = diagnose(lambda x, y: y * np.sin(x), 0.7, -1.3, backward=backward)
        assert (found.step, found.mistake, found.others) == ("x", mistake, ())
        assert words in found.lines[1], str(found)
    found = diagnose(lambda x: np.log(x), 0.01, backward=lambda dy, x: dy / x**2)
    assert found.lines[1] == "dx is dy 1/x²; it should be dy 1/x."


def test_an_argument_called_y_is_not_taken_for_the_output():
    found = diagnose(lambda y: np.tanh(y), X, backward=lambda dy, y: dy)
    assert found.lines[1] == "dy is doutput; it should be doutput (1 - output²)."


# -- A network, line by line


def planted(title, k):
    line, written, step, mistake, words = MISTAKES[title]
    activation, scale = ("tanh", "softplus", "relu")[k % 3], (0.5, 1.0, 2.0)[k // 3 % 3]
    params, constants = example(np.random.default_rng([1, k]), scale=scale)
    found = diagnose(network({line: written}, activation), params, seed=k, **constants)
    if found.ok:  # where ReLUs are dead, a mistake before them may change nothing
        grads = [
            network(m, activation)(params, **constants)[1](1.0)[0] for m in ({line: written}, {})
        ]
        assert all(np.array_equal(grads[0][name], grads[1][name]) for name in params)
        return
    assert found.step == step, str(found)
    assert mistake is None or found.mistake == mistake, str(found)
    assert found.mistake in RULES, str(found)
    assert words in " ".join(found.lines), str(found)
    assert not found.others, str(found)  # one mistake, and one step to blame


@pytest.mark.parametrize("title", MISTAKES)
def test_a_mistake_in_a_network_is_found_at_its_line(title):
    planted(title, list(MISTAKES).index(title))


@pytest.mark.slow
@pytest.mark.parametrize("title", MISTAKES)
def test_every_mistake_is_named_in_fifty_networks(title):
    for k in range(50):
        planted(title, k)


def right_network(k):
    """A right network of random size and scale is left alone, as a whole and step by step."""
    rng = np.random.default_rng([2, k])
    names = ("hidden", "other", "latent", "data", "batch")
    sizes = {name: int(rng.integers(1, 9)) for name in names}
    params, constants = example(rng, scale=float(rng.choice([0.1, 0.5, 1, 2, 4])), **sizes)
    fn = network(activation=("tanh", "softplus", "relu")[k % 3])
    found = diagnose(fn, params, seed=k, **constants)
    assert found.mistake in ("ok", "unseen"), str(found)  # 4: a saturated network may hide a lot
    scene = Scene(fn, (params,), constants, watched=True, seed=k)
    assert [step.name for step in scene.steps if not step.right] == []
    return found.ok


def test_right_networks_raise_no_alarm():
    assert sum(right_network(k) for k in range(20)) >= 18


@pytest.mark.slow
def test_two_hundred_right_networks_raise_no_alarm():
    assert sum(right_network(k) for k in range(200)) >= 180


@settings(max_examples=15, deadline=None)
@given(
    hidden=st.integers(1, 5),
    latent=st.integers(1, 4),
    batch=st.integers(1, 4),
    activation=st.sampled_from(sorted(ops.ACTIVATIONS)),
    likelihood=st.sampled_from(["bernoulli", "gaussian", "gaussian-learned"]),
)
def test_the_package_s_own_networks_raise_no_alarm(hidden, latent, batch, activation, likelihood):
    model = VAE(6, latent, (hidden,), activation, likelihood)
    rng = np.random.default_rng(hidden + 10 * latent)
    theta = model.init(rng, np.float64) + 0.1 * rng.standard_normal(model.layout.size)
    data = {"x": rng.random((batch, 6)), "eps": rng.standard_normal((batch, latent)), "beta": 0.7}
    assert diagnose(model.loss, theta, layout=model.layout, **data).ok
    scene = Scene(model.loss, (theta,), data, layout=model.layout, watched=True)
    assert [step.name for step in scene.steps if not step.right] == []
    assert {"mu", "logvar", "z", "out", "log_px", "kl"} <= {step.name for step in scene.steps}


def test_a_mistake_in_the_package_is_named(monkeypatch):
    def forgetful(mu, logvar, *, eps):
        sigma = np.exp(0.5 * logvar)
        return mu + sigma * eps, lambda dz: (dz, dz * 0.5 * sigma)

    monkeypatch.setattr(vae, "reparameterize", forgetful)
    model = VAE(6, 2, (4,))
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(model.layout.size)
    data = {"x": rng.random((5, 6)), "eps": rng.standard_normal((5, 2)), "beta": 0.3}
    found = diagnose(model.loss, theta, layout=model.layout, **data)
    assert found.step == "logvar"
    assert "The factor eps is missing." in found.lines


def test_two_mistakes_are_told_apart():
    """The second is downstream of the first on the way back, and is still judged by itself."""
    params, constants = example(np.random.default_rng(0))
    fn = network({"dz": MISTAKES["clipping inside"][1], "db1": lambda v: v.da.mean(axis=0)})
    found = diagnose(fn, params, **constants)
    assert (found.step, found.mistake, found.others) == ("z", "clipping", ("b1",))
    assert "By themselves are also wrong: db1." in found.lines[0]


# -- A network that shows nothing of its inside


def unseen(mistake):
    net = network(mistake)
    return lambda params, *, x, eps, beta: net(params, x=x, eps=eps, beta=beta)


@pytest.mark.parametrize(
    ("title", "step", "words"),
    [
        ("a KL that is dropped", "b3", "what beta multiplies is missing"),
        ("a KL with the wrong sign", "b3", "what beta multiplies is the right one with the wrong"),
        ("the KL averaged over latents", "b2", "1/3 of the right one"),
        ("no mean over the batch", "b5", "5 times the right one"),
        ("a bias gradient that is a mean", "b4", "db4 is 1/5"),
        ("a weight read in another order", "W5", "wrong places"),
        ("weight decay inside", "W2", "0.01 W2"),
        ("a branch overwritten", "b1", "through a `watch`"),
    ],
)
def test_without_a_watch_the_layer_nearest_to_the_loss_is_named(title, step, words):
    params, constants = example(np.random.default_rng([1, 0]))
    line, written, *_ = MISTAKES[title]
    found = diagnose(unseen({line: written}), params, **constants)
    assert found.step == step
    assert words in " ".join(found.lines), str(found)


# -- Bad input


def test_an_example_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match=r"moves every number by itself, and here are 10000"):
        diagnose(np.tanh, draw(100, 100), backward=lambda dy, x: dy)


def test_numbers_that_are_not_float64_are_refused():
    with pytest.raises(TypeError, match="x is float32, expected float64"):
        diagnose(ops.tanh, X.astype(np.float32))


def test_it_is_public():
    assert tinyvae.diagnose is diagnose
    assert "diagnose" in tinyvae.__all__
