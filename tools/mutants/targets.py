"""The files that are mutated, and for each the tests most likely to notice, in this order.

A step is what one would write behind `pytest`: a file and, where only some of its rows concern
the module, a `-k`. A file that is not listed is held against its own test file, if there is one by
its name. Whatever survives these can be put to the whole default suite with --thorough.
"""

from pathlib import Path

CONTRACT, LAWS = "tests/test_contract.py", "tests/test_laws.py"
CORE = (
    *("ops", "reparameterize", "kl", "elbo", "likelihoods", "nn", "vae", "optim"),
    *("importance", "signal"),
)
FIVE_LAWS = ("gaussian", "normal", "bernoulli", "gamma", "dirichlet")
VECTORS = "tests/test_linear_gaussian.py", "tests/test_linear_vae.py"

LAW_FILES = {
    "tests/test_explicit_laws.py": (
        *("cauchy", "exponential", "gumbel", "kumaraswamy", "laplace", "log_normal", "logistic"),
        *("multivariate_normal", "normal", "uniform", "weibull", "gaussian"),
    ),
    "tests/test_implicit_laws.py": ("beta", "dirichlet", "gamma", "student_t"),
    "tests/test_circle_and_interval_laws.py": ("truncated_normal", "von_mises"),
    "tests/test_discrete_laws.py": (
        *("bernoulli", "binary_concrete", "categorical", "concrete", "geometric", "poisson"),
    ),
}

DISCRETE = "tests/test_discrete_estimators.py"
ESTIMATES, TABLE = "tests/test_estimators.py", "tests/test_closed_forms.py"
SHARED = "tests/test_shared_parameters.py"
# What larger tests pass by: asked last, as it is about a few lines of each file.
EDGES = {
    "tinyvae": "tests/test_core_edges.py",
    "tinyvae/estimators": "tests/test_estimator_edges.py",
    "tinyvae/distributions": "tests/test_law_edges.py",
}

STEPS = {
    "tinyvae/ops.py": (
        f"{CONTRACT} -k 'affine or tanh or relu or sigmoid or softplus or identity or [exp or ops'",
        f"{CONTRACT} -k '[gaussian or [normal'",
        f"{LAWS} -k 'broadcast or [normal or axes'",
        "tests/test_gradcheck.py",
    ),
    "tinyvae/reparameterize.py": ("tests/test_reparameterize.py", f"{CONTRACT} -k reparameterize"),
    "tinyvae/kl.py": ("tests/test_kl.py", f"{CONTRACT} -k '[kl'"),
    "tinyvae/elbo.py": (
        "tests/test_elbo.py",
        f"{CONTRACT} -k elbo",
        "tests/test_linear_gaussian.py",
        "tests/test_vae.py",
    ),
    "tinyvae/likelihoods.py": (
        "tests/test_likelihoods.py",
        f"{CONTRACT} -k likelihood",
        f"{CONTRACT} -k VAE",
        "tests/test_vae.py",
    ),
    "tinyvae/nn.py": (
        "tests/test_nn.py",
        f"{CONTRACT} -k 'Dense or MLP'",
        "tests/test_vae.py",
    ),
    "tinyvae/vae.py": (
        f"{CONTRACT} -k 'VAE and not five'",
        "tests/test_vae.py",
        "tests/test_elbo.py",
        "tests/test_linear_vae.py",
        "tests/test_linear_gaussian.py",
        "tests/test_train.py",
    ),
    "tinyvae/optim.py": ("tests/test_optim.py", "tests/test_truth.py -k descent"),
    "tinyvae/importance.py": ("tests/test_importance.py", "tests/test_inspection.py"),
    "tinyvae/signal.py": ("tests/test_signal.py",),
    "tinyvae/distributions/noises.py": (
        f"{LAWS} -k 'noise or mirror or quantile or uniforms'",
        LAWS,
    ),
    "tinyvae/distributions/law.py": (f"{CONTRACT} -k '[normal'", f"{LAWS} -k 'broadcast or axes'"),
    "tinyvae/estimators/antithetic.py": (f"{ESTIMATES} -k 'pair or antithetic'", TABLE),
    "tinyvae/estimators/arm.py": (DISCRETE, f"{ESTIMATES} -k ARM"),
    "tinyvae/estimators/baselines.py": (
        f"{ESTIMATES} -k 'baseline or leave or running or optimal or cross or half or constant'",
        ESTIMATES,
        TABLE,
    ),
    "tinyvae/estimators/bonnet_price.py": ("tests/test_bonnet_price.py",),
    "tinyvae/estimators/control_variates.py": (
        f"{ESTIMATES} -k 'delta or taylor or order or cross or half'",
        ESTIMATES,
        TABLE,
    ),
    "tinyvae/estimators/enumeration.py": (DISCRETE, f"{ESTIMATES} -k enumeration"),
    "tinyvae/estimators/estimator.py": (f"{ESTIMATES} -k 'shared or known'", ESTIMATES, DISCRETE),
    "tinyvae/estimators/finite_differences.py": (
        f"{ESTIMATES} -k 'difference or step or moved or square'",
        ESTIMATES,
    ),
    "tinyvae/estimators/local_expectation.py": (DISCRETE, f"{ESTIMATES} -k local"),
    "tinyvae/estimators/measure_valued.py": (
        f"{ESTIMATES} -k 'measure or decomposition'",
        ESTIMATES,
        TABLE,
    ),
    "tinyvae/estimators/pathwise.py": (f"{ESTIMATES} -k path", TABLE),
    "tinyvae/estimators/rebar.py": (DISCRETE, f"{ESTIMATES} -k REBAR"),
    "tinyvae/estimators/rejection.py": ("tests/test_rejection.py", f"{ESTIMATES} -k rejection"),
    "tinyvae/estimators/relaxed.py": (DISCRETE, f"{ESTIMATES} -k Concrete"),
    "tinyvae/estimators/score_function.py": (f"{ESTIMATES} -k score", TABLE),
    "tinyvae/estimators/straight_through.py": (DISCRETE, f"{ESTIMATES} -k straight"),
}


def default_targets(root):
    """The core, five laws, and all estimators: what a course writes by hand."""
    estimators = sorted((root / "tinyvae/estimators").glob("[!_]*.py"))
    return [
        *(f"tinyvae/{name}.py" for name in CORE),
        *(f"tinyvae/distributions/{name}.py" for name in FIVE_LAWS),
        *(path.relative_to(root).as_posix() for path in estimators),
    ]


def chosen_targets(root, names):
    """Files of the package by their paths, by their last parts, or all of a folder.

    ValueError for a name that is none of these, or that several files have.
    """
    every = [path.relative_to(root).as_posix() for path in sorted(root.glob("tinyvae/**/*.py"))]
    chosen = []
    for name in names:
        wanted = Path(name).as_posix().rstrip("/")
        exact = [path for path in every if path in (wanted, f"tinyvae/{wanted}")]
        found = exact or [
            path for path in every if path.endswith(f"/{wanted}") or f"{wanted}/" in path
        ]
        if not found:
            raise ValueError(f"no file of tinyvae is called {name!r}")
        if wanted.endswith(".py") and len(found) > 1:
            raise ValueError(f"{name!r} may be {' or '.join(found)}: which one?")
        chosen += [path for path in found if path not in chosen]
    return chosen


def steps(root, path):
    """The steps of a file that exist here. ValueError if there are none: nothing would notice."""
    name = Path(path).stem
    listed = list(STEPS.get(path, ()))
    if path.startswith("tinyvae/distributions/") and not listed:
        listed = _steps_of_law(name)
    if not listed:
        listed = [f"tests/test_{name}.py"]
    edges = EDGES.get(Path(path).parent.as_posix())
    listed += [edges] if edges else []
    found = [step for step in listed if (root / step.split()[0]).exists()]
    if not found:
        raise ValueError(f"no tests are known for {path}: name some with --tests")
    return found


def _steps_of_law(name):
    files = [file for file, laws in LAW_FILES.items() if name in laws]
    return [
        f"{CONTRACT} -k '[{name}.'",
        f"{LAWS} -k '[{name}- or [{name}] or -{name}]'",
        f"{SHARED} -k '[{name}-'",
        *files,
        *(["tests/test_likelihoods.py"] if name in ("gaussian", "bernoulli") else []),
        f"{ESTIMATES} -k-{name}]",
    ]
