"""Honest mistakes, as people type them into the solution: each gets a sentence on just that.

The edits are of the solutions' own lines, and know nothing of the tutors' lists.
"""

from functools import cache

import pytest

from tinyvae.exercises import exercise, stubs
from tinyvae.exercises.check import judge_here

FRESH = "np.random.default_rng().standard_normal(eps.shape)"
BIASES = {"dlogits": "db3", "da2": "db2", "dmu": "dbm", "dlogvar": "dbl", "da1": "db1"}


def edited(name, *edits):
    """The solution of an exercise with (old, new) pairs of text replaced; each must be there."""
    of = exercise(name)
    source = stubs.without_grading(of.source)
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new)
    namespace = {"__name__": name}
    exec(compile(source, of.file, "exec"), namespace)
    return of, namespace[name]


@cache
def told(name, *edits):
    """What the checker says of the edited solution; it must be one of the exercise's sentences."""
    of, fn = edited(name, *edits)
    verdict = judge_here(of, fn)
    assert verdict.state == "wrong"
    assert verdict.text in [known.sentence for known in of.misconceptions], verdict.text
    return verdict.text


def biases(code):
    return [(f"{da}.sum(axis=0)", code.format(da)) for da in BIASES]


KL = "share * 0.5 * (np.exp(logvar) - 1.0)"
DLOGVAR = "dz * 0.5 * sigma * eps + "
DH = "dmu @ Wm.T + dlogvar @ Wl.T"
VAE = [
    ("The tanh of the encoder is passed", [("dh * (1.0 - h**2)", "dh")]),
    ("The tanh of the decoder is passed", [("dk * (1.0 - k**2)", "dk")]),
    ("Both tanh are passed over", [("dk * (1.0 - k**2)", "dk"), ("dh * (1.0 - h**2)", "dh")]),
    ("dW1 is made with dh", [("x.T @ da1", "x.T @ dh")]),
    ("dW2 is made with dk", [("z.T @ da2", "z.T @ dk")]),
    ("db1 is the sum of dh", [("da1.sum", "dh.sum")]),
    ("db2 is the sum of dk", [("da2.sum", "dk.sum")]),
    ("lacks its -1", [(KL, "share * 0.5 * np.exp(logvar)")]),
    ("lacks the factor 1/2: it is (exp", [(KL, "share * (np.exp(logvar) - 1)")]),
    ("has sigma where sigma² belongs", [(KL, "share * 0.5 * (sigma - 1)")]),
    ("has +1 for -1", [(KL, "share * 0.5 * (np.exp(logvar) + 1)")]),
    ("dmu lacks the KL's part", [("dz + share * mu", "dz")]),
    ("dlogvar lacks the KL's part", [(f" + {KL}", "")]),
    ("the KL sends nothing back", [("dz + share * mu", "dz"), (f" + {KL}", "")]),
    (
        "divided by the number of latents",
        [("share * mu", "share * mu / eps.shape[1]"), (KL, f"{KL} / mu.shape[1]")],
    ),
    ("through the other head's weights", [(DH, "dmu @ Wl.T + dlogvar @ Wm.T")]),
    (
        "The heads are swapped",
        [("return dW1, db1, dWm, dbm, dWl, dbl", "return dW1, db1, dWl, dbl, dWm, dbm")],
    ),
    ("You drew another eps", [("sigma * eps + share", f"sigma * {FRESH} + share")]),
    ("eps is missing", [("0.5 * sigma * eps", "0.5 * sigma")]),
    ("exp(logvar) stands for sigma", [("0.5 * sigma * eps", "0.5 * np.exp(logvar) * eps")]),
    ("as if sigma were exp(logvar)", [("0.5 * sigma * eps", "np.exp(logvar) * eps")]),
    ("the factor 1/2 is missing: sigma", [("dz * 0.5 * sigma", "dz * sigma")]),
    ("branch through logvar alone", [(DH, "dmu @ Wm.T\n    dh = dlogvar @ Wl.T")]),
    ("branch through mu alone", [(DH, "dlogvar @ Wl.T\n    dh = dmu @ Wm.T")]),
    ("dW3 is made with h", [("k.T @ dlogits", "h.T @ dlogits")]),
    ("dW2 is made with mu", [("z.T @ da2", "mu.T @ da2")]),
    ("dk = dlogits @ W3 needs the transpose", [("dlogits @ W3.T", "dlogits @ W3")]),
    ("dz = da2 @ W2 needs the transpose", [("da2 @ W2.T", "da2 @ W2")]),
    ("In dh, dmu @ Wm needs the transpose", [("dmu @ Wm.T", "dmu @ Wm")]),
    ("In dh, dlogvar @ Wl needs", [("dlogvar @ Wl.T", "dlogvar @ Wl")]),
    (
        "its weight needs the transpose",
        [("@ W3.T", "@ W3"), ("@ W2.T", "@ W2"), (".T + dlog", " + dlog"), ("Wl.T", "Wl")],
    ),
    ("the biases are averaged", biases("{}.mean(axis=0)")),
    ("the first example alone", biases("{}[0]")),
    ("dlogits has the wrong sign", [("np.exp(-logits)) - x)", "np.exp(-logits)) - x) * -1")]),
    ("dlogits has the logits themselves", [("1.0 / (1.0 + np.exp(-logits)) - x", "logits - x")]),
    ("Everything is too large by the batch", [("dloss / len(x)", "dloss")]),
    ("divided by B twice. The loss", [("dloss / len(x)", "dloss / len(x) / len(x)")]),
    ("dloss is not used", [("dloss / len(x)", "1 / len(x)")]),
    (
        "first all weights, then all biases",
        [
            (
                "return dW1, db1, dWm, dbm, dWl, dbl, dW2, db2, dW3, db3",
                "return dW1, dWm, dWl, dW2, dW3, db1, dbm, dbl, db2, db3",
            )
        ],
    ),
]
LAYERS = [
    ("dW1 is x.T @ dh", [("x.T @ da", "x.T @ dh")]),
    ("without the slope of tanh", [("dh * (1.0 - h * h)", "dh")]),
    ("It takes 1 - a²", [("1.0 - h * h", "1.0 - (x @ W1 + b1) ** 2")]),
    ("It takes 1 - tanh(h)²", [("1.0 - h * h", "1.0 - np.tanh(h) ** 2")]),
    (
        "The slope is taken at y",
        [("dy @ W2.T", "(dy * (1 - y * y)) @ W2.T"), ("dh * (1.0 - h * h)", "dh")],
    ),
    ("db1 has a row", [("np.sum(da, axis=0)", "da")]),
    ("db2 has a row", [("np.sum(dy, axis=0)", "dy")]),
    ("db1 and db2 have a row", [("np.sum(da, axis=0)", "da"), ("np.sum(dy, axis=0)", "dy")]),
    ("dh = dy @ W2 needs the transpose", [("dy @ W2.T", "dy @ W2")]),
    (
        "vjp does not use its dy: it goes back with ones",
        [("dh = dy", "dy = np.ones_like(y); dh = dy")],
    ),
]
OF_LOGVAR = "0.5 * error**2 * precision - 0.5"
SCORE = [
    ("dlogvar is twice too large", [(OF_LOGVAR, "error**2 * precision - 1")]),
    ("the 1/2 belongs to the first term", [(OF_LOGVAR, "0.5 * error**2 * precision - 1")]),
    ("dlogvar lacks the -1/2", [(OF_LOGVAR, "0.5 * error**2 * precision")]),
    ("Both are divided by sigma", [("np.exp(-logvar)", "np.exp(-logvar / 2)")]),
    ("dmu is divided by sigma", [("dmu = error * precision", "dmu = error * precision**0.5")]),
    ("mu - z where z - mu belongs", [("error = z - mu", "error = mu - z")]),
    ("dlogvar has the wrong sign", [(OF_LOGVAR, "0.5 - 0.5 * error**2 * precision")]),
    ("The sign is turned around", [("f[:, None] *", "-f[:, None] *")]),
]
VALUE = "0.5 * np.sum(mu**2 + excess - logvar, axis=1)"
GRADIENT = "dy[:, None] * 0.5 * excess"
DIVERGENCE = [
    ("the value is twice too large", [(VALUE, "np.sum(mu**2 + excess - logvar, axis=1)")]),
    ("the value lacks a -1/2", [(VALUE, VALUE.replace("excess", "np.exp(logvar)"))]),
    ("the value has sigma", [(VALUE, VALUE.replace("excess", "np.exp(logvar / 2) - 1"))]),
    ("the value is minus the KL", [(VALUE, "-" + VALUE)]),
    ("That is minus the KL", [(VALUE, "-" + VALUE), ("return dy", "dy = -dy; return dy")]),
    ("Everything is twice", [(VALUE, "2 *" + VALUE), ("return dy", "dy = 2 * dy; return dy")]),
    ("dlogvar is twice too large", [(GRADIENT, "dy[:, None] * excess")]),
    ("dlogvar lacks its -1/2", [(GRADIENT, "dy[:, None] * 0.5 * np.exp(logvar)")]),
    ("dlogvar has sigma", [(GRADIENT, "dy[:, None] * 0.5 * (np.exp(logvar / 2) - 1)")]),
    ("dmu has the wrong sign", [("* mu,", "* -mu,")]),
    ("dlogvar has the wrong sign", [(GRADIENT, "-" + GRADIENT)]),
]
EVERY = [
    (name, *row)
    for name, rows in (
        ("vae_backward", VAE),
        ("two_layers", LAYERS),
        ("score_function", SCORE),
        ("gaussian_kl", DIVERGENCE),
    )
    for row in rows
]


@pytest.mark.parametrize(
    ("name", "words", "edits"), EVERY, ids=lambda v: v if isinstance(v, str) else ""
)
def test_an_honest_mistake_gets_a_sentence_on_just_that(name, words, edits):
    assert words in told(name, *edits)


def test_no_two_of_them_get_the_same_sentence():
    for name in ("vae_backward", "two_layers", "score_function", "gaussian_kl"):
        said = [told(name, *edits) for which, _, edits in EVERY if which == name]
        assert len(set(said)) == len(said)


@pytest.mark.parametrize("name", ["vae_backward", "two_layers", "score_function", "gaussian_kl"])
def test_the_solution_without_an_edit_passes(name):
    """The negative control."""
    assert judge_here(*edited(name)).passed


@pytest.mark.parametrize("most", [4.0, 10.0, 20.0, 30.0])
def test_a_clipped_logvar_does_not_pass(most):
    clip = f"logvar = np.clip(logvar, -{most}, {most}); excess = np.expm1"
    verdict = judge_here(*edited("gaussian_kl", ("excess = np.expm1", clip)))
    assert verdict.state == "wrong"
    assert "KL[" in verdict.text
    assert ", the rest is " in verdict.text


def test_a_one_sided_difference_does_not_pass():
    up = "gamma_cdf(z, alpha + h) - gamma_cdf(z, alpha - h)) / (2.0 * h)"
    for edit in (
        "gamma_cdf(z, alpha + h) - gamma_cdf(z, alpha)) / h",
        "gamma_cdf(z, alpha) - gamma_cdf(z, alpha - h)) / h",
    ):
        assert told("implicit_gamma", (up, edit)).startswith("The difference is one-sided")
    finer = ("h = 1e-5", "h = 1e-6")
    assert not judge_here(*edited("implicit_gamma", (up, edit), finer)).passed


@pytest.mark.parametrize("h", ["1e-3", "1e-4", "1e-6", "1e-7"])
def test_a_central_difference_with_another_step_passes(h):
    assert judge_here(*edited("implicit_gamma", ("h = 1e-5", f"h = {h}"))).passed
