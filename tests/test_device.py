"""Everything that the package computes, on a device: the double of one (see double.py).

Each run of `RUNS` is made from a table of the package, so a new row comes under it by itself. It is
a function of host arrays, done twice: with the arrays as they are, and with them moved. The second
must come out on the device, in the same precision, with the same numbers. tests/test_gpu.py does
the same runs on a GPU.
"""

import inspect
import textwrap
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

import double
import numpy as np
import pytest

import tinyvae
from tinyvae import backend, constraints, exact, integrands, kl_per_latent, ops, optim, special
from tinyvae.checks import CASES, Draw
from tinyvae.distributions import (
    LAWS,
    bernoulli,
    categorical,
    gamma,
    geometric,
    gumbel,
    multivariate_normal,
    normal,
    student_t,
)
from tinyvae.distributions.law import draw_shape, offers
from tinyvae.elbo import OBJECTIVES
from tinyvae.errors import check_counts, check_finite, check_inside, check_positive
from tinyvae.estimators import ESTIMATORS, bonnet_price
from tinyvae.likelihoods import LIKELIHOODS, likelihood
from tinyvae.models import linear_vae
from tinyvae.step import gradient

DTYPES = ("float32", "float64")
SPECIAL = [import_module(f"{special.__name__}.{m.name}") for m in iter_modules(special.__path__)]


@dataclass(frozen=True)
class Run:
    """`make(dtype)` gives (call, arrays): call(arrays) is a tree of all that comes out."""

    name: str
    make: object

    def __call__(self, dtype, move=lambda array: array):
        call, arrays = self.make(dtype)
        return call(tree(move, arrays))


def tree(change, arg):
    """`change` applied to every array of an argument, constant, output or gradient."""
    if isinstance(arg, dict):
        return {key: tree(change, value) for key, value in arg.items()}
    if isinstance(arg, (tuple, list)):
        return type(arg)(tree(change, value) for value in arg)
    return change(arg) if hasattr(arg, "dtype") else arg


def leaves(arg):
    """All the arrays of it, in order, and all that should be one."""
    if isinstance(arg, dict):
        arg = tuple(arg.values())
    if isinstance(arg, (tuple, list)):
        return [leaf for part in arg for leaf in leaves(part)]
    return [] if arg is None else [arg]


def rounded(arrays, dtype):
    return tree(lambda array: array.astype(dtype), arrays)


def with_gradients(y, vjp):
    """y, and the gradients at a cotangent that is drawn on the host and follows y."""
    rng = np.random.default_rng(1)

    def cotangent(array):
        dy = rng.standard_normal(array.shape).astype(array.dtype)
        return backend.to_device(dy, backend.backend_of(array))

    return y, vjp(tree(cotangent, y))


def outcome(found):
    """A function's result, with the gradients if there is a way back."""
    several = isinstance(found, tuple) and len(found) == 2 and callable(found[1])
    return with_gradients(*found) if several else found


# -- The table of cases

# The checks of three gradients hold a host theta in their closure; `objectives` runs what they do.
HELD = tuple(f"VAE.elbo {name}, S samples" for name in ("path", "score", "dreg"))


def cases():
    for case in CASES:
        if case.name not in HELD:
            yield Run(case.name, lambda dtype, case=case: _case(case, dtype))


def _case(case, dtype):
    fn, args, constants = case.build(Draw(np.random.default_rng(0)))
    arrays = rounded((args, constants), dtype)
    return lambda arrays: outcome(fn(*arrays[0], **arrays[1])), arrays


# -- Laws: every function of every law, its arguments by their names


def laws():
    for name, law in LAWS.items():
        raw = constraints.unconstrained(law)
        for function in functions(law):
            yield Run(f"law {name}: {function}", _law(law, law, function))
            if hasattr(raw, function):
                yield Run(f"law raw {name}: {function}", _law(law, raw, function))
            if not law.EVENT and {"x", "z", "noise"} & set(arguments(law, function)):
                run = _law(law, law, function, numbers=True)
                yield Run(f"law {name}: {function}, parameters as numbers", run)


def functions(law):
    """The names of what a law offers and computes: of its parameters, its noise, or a draw."""
    known = {*law.PARAMS, *DRAWS}
    return [
        name
        for name, fn in vars(law).items()
        if callable(fn) and not name.startswith("_") and offers(law, name)
        and fn.__module__.startswith("tinyvae.distributions")
        and set(arguments(law, name)) <= known
        and (set(law.PARAMS) <= set(arguments(law, name)) or name == "mirror")
        and name != "support"  # ends, which may be numbers: see the test of them
    ]  # fmt: skip


def arguments(law, function):
    """The names of its arguments, but for constants that have a default."""
    if function == "sample":  # of `value_of`, whose arguments are those of the path
        return [*law.PARAMS, "noise"]
    given = inspect.signature(getattr(law, function)).parameters.values()
    return [p.name for p in given if p.default is p.empty]


# A draw x by the names that it goes by, in the domain that the function asks for.
DRAWS = {
    "x": lambda law, x: x,
    "z": lambda law, x: x,
    "log_x": lambda law, x: np.log(x),
    "log_z": lambda law, x: np.log(x),
    "t": lambda law, x: np.log(x) if law.EVENT else np.log(x) - np.log1p(-x),
    "a": lambda law, x: np.log(x) - np.log1p(-x),
    "noise": None,
}


def _law(law, of, function, numbers=False):
    def make(dtype):
        rng = np.random.default_rng(0)
        params = rounded(parameters(law, Draw(rng)), dtype)
        if numbers:
            params = tuple(float(p[0]) for p in params)
        noise = rounded(law.noise(rng, (5, *draw_shape(law, params))), dtype)
        x = law.sample(*params, noise=noise).astype(dtype)
        named = dict(zip(law.PARAMS, params, strict=True)) | {"noise": noise}
        if of is not law:
            raws = constraints.from_constrained(law.PARAMS, *params)
            named |= dict(zip(law.PARAMS, raws, strict=True))
        for name in arguments(law, function):
            if name not in named:
                named[name] = DRAWS[name](law, x)
        given = {name: named[name] for name in arguments(law, function)}

        def call(given):
            given = dict(given)
            constants = {"noise": given.pop("noise")} if function in WITH_NOISE else {}
            return outcome(getattr(of, function)(*given.values(), **constants))

        return call, given

    return make


def parameters(law, draw):
    """In their sets, and such that the moments of the law exist."""
    least = [max([0.0, *of.values()]) for of in getattr(law, "NEEDS", {}).values()]
    return tuple(p + max(least, default=0.0) for p in draw.parameters(law))


WITH_NOISE = ("sample", "rsample", "log_rsample", "logit_rsample")


# -- Estimators, on every law that they admit


def estimators():
    for row in ESTIMATORS:
        for name, law in LAWS.items():
            if row.admits(law):
                yield Run(f"{row.name} of {name}", _estimator(row, law))
    for name, fn in inspect.getmembers(bonnet_price, inspect.isfunction):
        if fn.__module__ == bonnet_price.__name__:
            yield Run(f"bonnet_price.{name}", _bonnet_price(fn))


def _estimator(row, law):
    def make(dtype):
        rng = np.random.default_rng(0)
        params = parameters(law, Draw(rng, D=2))
        noise = row.noise(law, rng, (4, *draw_shape(law, params)))
        arrays = rounded((params, noise), dtype)
        return lambda arrays: row.fn(wave, law, *arrays), arrays

    return make


def wave(z):
    """f(z) = sum_j j cos(0.7 z_j): of a one-hot vector, too, it depends on the place."""
    weights = np.arange(1.0, z[0].size + 1.0, dtype=z.dtype, like=z).reshape(z.shape[1:])
    return integrands.summed(
        lambda z: weights * np.cos(0.7 * z), lambda z: -0.7 * weights * np.sin(0.7 * z)
    )(z)


def _bonnet_price(fn):
    def make(dtype):
        d = Draw(np.random.default_rng(0), D=3)
        arrays = rounded((d.normal(3), d.positive(3), d.normal(6, 3)), dtype)
        f = np.cos if "curvature" in inspect.signature(fn).parameters else integrands.cosine()
        return lambda arrays: fn(f, *arrays[:2], noise=arrays[2]), arrays

    return make


# -- The VAE: objectives, likelihoods, optimizers, and a step of training


def objectives():
    for name in LIKELIHOODS:
        for objective in OBJECTIVES:
            yield Run(f"objective {objective}, {name}", _objective(objective, name))
        for method in ("start", "mean", "draw"):
            yield Run(f"likelihood {name}, {method}", _likelihood(name, method))
    yield Run("free bits", _objective("analytic", "bernoulli", free_bits=0.1))
    for name in optim.OPTIMIZERS:
        yield Run(f"optimizer {name}", _optimizer(name))
        for objective in OBJECTIVES:
            yield Run(f"training step, {objective}, {name}", _training(objective, name))


def _vae(dtype, name="bernoulli", samples=4):
    d = Draw(np.random.default_rng(0))
    vae = tinyvae.VAE(d.D, d.Z, (d.H,), likelihood=name, scale=0.6)
    theta = vae.init(d.rng, np.float64) + 0.3 * d.normal(vae.layout.size)
    return vae, rounded((theta, d.binary(d.B, d.D), d.normal(samples, d.B, d.Z)), dtype)


def _objective(objective, name, **options):
    def make(dtype):
        vae, arrays = _vae(dtype, name)

        def call(arrays):
            theta, x, eps = arrays
            given = {"x": x, "eps": eps, "beta": 0.7, "objective": objective}
            loss, loss_vjp = vae.loss(theta, **given, **options)
            return outcome(vae.elbo(theta, **given)), loss, loss_vjp(1.0)

        return call, arrays

    return make


def _likelihood(name, method):
    def make(dtype):
        d, px = Draw(np.random.default_rng(0)), likelihood(name, scale=0.6)
        x, noise = d.binary(d.B, d.D), px.noise(d.rng, (d.B, d.D))
        arrays = rounded((d.params(px.shapes), d.normal(d.B, d.D), x, noise), dtype)

        def call(arrays):
            params, out, x, noise = arrays
            px.check(x)
            if method == "draw":
                return px.draw(params, out, noise=noise)
            return px.start(x) if method == "start" else px.mean(params, out)

        return call, arrays

    return make


def _optimizer(name):
    def make(dtype):
        rng = np.random.default_rng(0)

        def call(arrays):
            theta, *slopes = (array.copy() for array in arrays)
            optimizer = optim.optimizer(name)
            for slope in slopes:
                optimizer.step(theta, slope)
            return theta

        return call, rounded(tuple(rng.standard_normal((4, 9))), dtype)

    return make


def _training(objective, name):
    def make(dtype):
        vae, arrays = _vae(dtype)

        def call(arrays):
            theta, x, eps = arrays[0].copy(), *arrays[1:]
            optimizer = optim.optimizer(name)
            for _ in range(2):
                dtheta, *values = gradient(vae, theta, x=x, eps=eps, objective=objective)
                optimizer.step(theta, dtheta)
            return theta, values

        return call, arrays

    return make


# -- Functions of numbers: integrands, constraints, special functions


def plain():
    for name, make in integrands.INTEGRANDS.items():
        yield Run(f"integrand {name}", _plain(lambda z, make=make: outcome(make()(z)), "z"))
    for name, fn in inspect.getmembers(constraints, inspect.isfunction):
        if name.startswith("from_") and name != "from_constrained":
            names = list(inspect.signature(fn).parameters)
            yield Run(f"constraints.{name}", _plain(fn, *(f"{name} {n}" for n in names)))
    for module in SPECIAL:
        for name, fn in inspect.getmembers(module, inspect.isfunction):
            own = fn.__module__ == module.__name__ and not name.startswith("_")
            if own and name != "in_chunks":
                given = inspect.signature(fn).parameters.values()
                names = [p.name for p in given if p.default is p.empty]
                stem = module.__name__.rpartition(".")[2]
                yield Run(f"special.{stem}.{name}", _plain(fn, *names))


# The numbers of an argument, from its name: between these two.
BETWEEN = {
    "x": (0.2, 14.0), "y": (10.0, 14.0), "h": (0.1, 2.0), "kappa": (0.1, 9.0), "z": (0.1, 9.0),
    "u": (0.01, 0.99), "alpha": (0.3, 9.0), "log_z": (-3.0, 2.0), "t": (-2.0, 2.0),
    "a": (0.3, 9.0), "b": (0.3, 9.0), "c": (0.1, 2.5), "width": (0.1, 9.0),
    "log_ratio": (-3.0, -2.0), "from_positive y": (0.1, 9.0), "from_unit_interval y": (0.1, 0.9),
    "from_simplex y": (0.1, 0.9), "from_ordered low": (-1.0, 0.0), "from_ordered high": (0.1, 9.0),
    "from_cholesky L": (0.1, 9.0),
}  # fmt: skip


def _plain(fn, *names):
    def make(dtype):
        rng = np.random.default_rng(0)
        arrays = tuple(rng.uniform(*BETWEEN[name], (6, 6)) for name in names)
        return lambda arrays: fn(*arrays), rounded(arrays, dtype)

    return make


RUNS = [*cases(), *laws(), *estimators(), *objectives(), *plain()]
EVERY = pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
LAW = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


# -- The sweep


@pytest.fixture
def device(monkeypatch):
    return double.install(monkeypatch)


def compare(run, dtype, close):
    """The run on the host and on the device: everything comes out there, in the same precision,
    and close(there, here) for each array."""
    here, there = leaves(run(dtype)), leaves(run(dtype, backend.to_device))
    assert here
    assert len(here) == len(there)
    for one, two in zip(here, there, strict=True):
        assert backend.backend_of(two) == "cupy", "a result on the host"
        assert two.dtype == one.dtype
        if not (one.dtype == "float64" and run.name.startswith(IN_FLOAT64)):
            assert one.dtype == dtype
        close(backend.to_host(two), one)


# Made of numbers, which are float64; or computed in it, to be rounded by who asked.
IN_FLOAT64 = ("law ", "special.")


@EVERY
def test_a_device_gives_the_numbers_of_the_host(device, run):
    """To the bit: it is the same NumPy code, and the double's memory is the host's."""
    for dtype in DTYPES:
        compare(run, dtype, np.testing.assert_array_equal)


def test_every_table_is_swept():
    names = {run.name for run in RUNS}
    assert len(names) == len(RUNS)
    assert {case.name for case in CASES} - names == set(HELD)
    for law in LAWS:
        assert {f"law {law}: sample", f"law {law}: log_prob"} <= names
        assert any(name.endswith(f" of {law}") for name in names)
    for row in ESTIMATORS:
        assert any(name.startswith(f"{row.name} of ") for name in names)


# -- What the sweep does not move: noise, numbers, messages


@LAW
@pytest.mark.parametrize("dtype", DTYPES)
def test_noise_is_drawn_on_the_device(device, law, dtype):
    """By the device's own generator; the double's has the numbers of the host's."""
    params = rounded(parameters(law, Draw(np.random.default_rng(0))), dtype)
    shape = (5, *draw_shape(law, params))
    there, here = (law.noise(backend.default_rng(3, at), shape, dtype) for at in PLACES)
    assert backend.backend_of(there) == "cupy"
    assert there.dtype == here.dtype == dtype
    np.testing.assert_array_equal(backend.to_host(there), here)
    z = law.sample(*backend.to_device(params), noise=there)
    assert backend.backend_of(z) == "cupy"


PLACES = ("cupy", "numpy")


@pytest.mark.parametrize("row", ESTIMATORS, ids=lambda row: row.name)
def test_the_noise_of_an_estimator_is_drawn_on_the_device(device, row):
    for law in filter(row.admits, LAWS.values()):
        params = parameters(law, Draw(np.random.default_rng(0), D=2))
        shape = (4, *draw_shape(law, params))
        there, here = (row.noise(law, backend.default_rng(3, at), shape) for at in PLACES)
        for one, two in zip(leaves(there), leaves(here), strict=True):
            assert backend.backend_of(one) == "cupy"
            np.testing.assert_array_equal(backend.to_host(one), two)


@LAW
def test_the_ends_of_the_support_are_numbers_or_where_the_parameters_are(device, law):
    if offers(law, "support"):
        params = parameters(law, Draw(np.random.default_rng(0)))
        for end in law.support(*backend.to_device(params)):
            assert isinstance(end, float) or backend.backend_of(end) == "cupy"


@LAW
@pytest.mark.parametrize("function", ["log_prob", "entropy", "kl"])
def test_the_cotangent_of_a_number_may_be_a_python_number(device, law, function):
    if not offers(law, function):
        return
    params = parameters(law, Draw(np.random.default_rng(0)))
    params = params if law.EVENT else tuple(np.asarray(p[0]) for p in params)
    x = law.sample(*params, noise=law.noise(np.random.default_rng(0), draw_shape(law, params)))
    arrays = (np.asarray(x), *params) if function == "log_prob" else params
    there, here = (getattr(law, function)(*to(arrays)) for to in (backend.to_device, tuple))
    assert np.ndim(here[0]) == 0
    for one, two in zip(there[1](1.0), here[1](1.0), strict=True):
        if not isinstance(two, float | None):  # a slope of 0 may stay a number
            assert backend.backend_of(one) == "cupy"
            np.testing.assert_array_equal(backend.to_host(one), two)


def test_kl_of_one_example_takes_a_python_number(device):
    mu, logvar = backend.to_device((np.array([0.3, -0.2]), np.array([0.1, 0.4])))
    for grad in tinyvae.kl(mu, logvar)[1](1.0):
        assert backend.backend_of(grad) == "cupy"


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (lambda x: check_finite("x", x), [1.0, np.nan]),
        (lambda x: check_inside(x=x, above=0.0, below=2.0), [1.0, 3.0]),
        (lambda x: check_inside(x=x), np.inf),
        (lambda x: check_positive(x=x), [1.0, -0.5]),
        (lambda x: check_counts(x=x), [1.0, 1.5]),
        (lambda x: normal.mean(0.0 * x, x), [[2.0], [-1.0]]),
        (lambda x: multivariate_normal.entropy(x[0], x), [[2.0, 1.0], [0.0, 1.0]]),
        (lambda x: multivariate_normal.factor(x), [[1.0, 2.0], [2.0, 1.0]]),
        (lambda x: gumbel.score(x, 0.0, 1.0), [-1e4, 0.0]),
        (lambda x: geometric.mean(x), [-1e4, 0.0]),
        (lambda x: student_t.mean(x, 0.0, 1.0), [3.0, 0.5]),
        (lambda x: gamma.log_prob(x, 1.0, 1.0), [1.0, 0.0]),
        (lambda x: categorical.log_prob(x, x), [0.5, 0.5]),
        (lambda x: likelihood("bernoulli").check(x), [[0.5, 1.5]]),
    ],
)  # fmt: skip
def test_what_is_refused_on_the_host_is_refused_in_the_same_words(device, check, bad):
    with pytest.raises(ValueError, match=r"\w") as here:
        check(np.array(bad))
    with pytest.raises(type(here.value)) as there:
        check(backend.to_device(np.array(bad)))
    assert str(there.value) == str(here.value)


LINEAR = tinyvae.VAE(2, 1, (), likelihood="gaussian")


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: exact.gradient(integrands.cosine(), normal, (x[0], x[1])),
        lambda x: exact.expectation(integrands.cosine(), normal, (x[0], x[1])),
        lambda x: exact.gradient(integrands.cosine(), bernoulli, (x,)),
        lambda x: exact.gradient(integrands.cosine(), categorical, (x,)),
        lambda x: tinyvae.gradcheck(ops.tanh, x).raise_if_wrong(),
        lambda x: tinyvae.gradcheck(ops.tanh, x, method="complex").raise_if_wrong(),
        lambda x: tinyvae.diagnose(ops.tanh, x),
        lambda x: linear_vae.optimum(LINEAR, np.zeros_like(x, shape=(5, 2)) + x),
    ],
)
def test_what_works_on_the_host_alone_refuses_a_devices_arrays(device, fn):
    fn(np.array([0.3, 0.8]))
    with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
        fn(backend.to_device(np.array([0.3, 0.8])))


# -- Negative controls: what leaves the device on the way is caught

TABLE = np.array([1.0])  # on the host


def planted(fn, old, new):
    """A copy of fn, with `new` written for `old` in its source."""
    source = textwrap.dedent(inspect.getsource(fn))
    assert source.count(old) == 1, source
    room = vars(inspect.getmodule(fn)) | {"TABLE": TABLE}
    exec(source.replace(old, new), room)
    return room[fn.__name__]


# name: (a real operation of arrays, a place in its source, what is planted there)
PLANTED = {
    "np.zeros": (kl_per_latent, "return 0.5 *", "return np.zeros(mu.shape) + 0.5 *"),
    "np.ones": (kl_per_latent, "return dkl * mu", "return np.ones(mu.shape) * dkl * mu"),
    "np.full": (ops.tanh, "1.0 - y * y", "np.full(x.shape, 1.0) - y * y"),
    "np.eye": (kl_per_latent, "return dkl * mu", "return np.eye(5) @ dkl * mu"),
    "np.asarray": (ops.tanh, "np.tanh(x)", "np.tanh(np.asarray(x))"),
    "np.array": (kl_per_latent, "np.expm1(logvar)", "np.expm1(np.array([*logvar]))"),
    "a constant": (normal.log_prob, "-0.5 * y * y", "TABLE * y * y"),
    "a constant in place": (ops.exp, "    return", "    TABLE[:] = y[0, :1]\n    return"),
    "an index": (ops.relu, "np.maximum(x, 0.0)", "np.maximum(x, 0.0)[np.arange(5)]"),
    "a table's entries": (ops.relu, "np.maximum(x, 0.0)", "TABLE[(x > 9.0).astype(int)]"),
    "where=": (ops.softplus, "np.maximum(x, 0.0)", "np.maximum(x, 0.0, out=0 * x, where=x < 9)"),
    "initial=": (ops.softplus, "np.maximum(x, 0.0)", "np.maximum(x, x.min(initial=0.0))"),
    "a host's choice": (ops.leaky_relu, "np.where(x > 0,", "np.where(slope > 0,"),
    "a ufunc's method": (ops.sigmoid, "0.5 * x", "0.5 * np.maximum.reduce([x])"),
    "a list": (ops.sigmoid, "(0.5 * x)", "(0.5 * x + [0.0, 0.0])"),
    "a number of the host": (kl_per_latent, "return dkl * mu", "return float(dkl[0, 0])"),
    "a NumPy scalar": (ops.sigmoid, "0.5 * x", "np.float64(0.5) * x"),
    "noise of its own": (
        normal.rsample, "scale * noise,", "scale * np.random.default_rng().standard_normal((5, 2)),"
    ),
    "noise of a given shape": (
        kl_per_latent, "np.expm1(logvar)", "np.random.default_rng(0).standard_gamma(mu)"
    ),
}  # fmt: skip


def held(fn):
    """A run of an operation of arrays, and noise if it takes some."""
    names = inspect.signature(fn).parameters.values()
    count = sum(p.default is p.empty for p in names if p.kind is p.POSITIONAL_OR_KEYWORD)
    arrays = tuple(np.random.default_rng(0).uniform(0.2, 0.4, (count, 5, 2)))
    constants = (
        {"noise": np.full((5, 2), 0.7)} if "noise" in inspect.signature(fn).parameters else {}
    )

    def make(dtype):
        return lambda given: outcome(fn(*given[0], **given[1])), rounded((arrays, constants), dtype)

    return Run("planted", make)


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_plant_is_caught(device, plant):
    compare(held(plant[0]), "float32", np.testing.assert_array_equal)
    run = held(planted(*plant))
    run("float32")  # the host does not mind
    with pytest.raises((TypeError, NotImplementedError, AssertionError)):
        compare(run, "float32", np.testing.assert_array_equal)
