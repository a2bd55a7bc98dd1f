"""tinyvae: gradients through random sampling, written out by hand in NumPy.

Everything differentiable is `y, vjp = fn(*args, **constants)`: a value, and the function that
pulls a gradient back through it. `HOMES` lists the public names in reading order.
"""

import sys
from importlib import import_module
from types import ModuleType

import numpy  # noqa: F401 - all else waits until it is asked for

__version__ = "0.1.0"

# Each module of tinyvae, and the names that it gives to the package; none: itself.
HOMES = {
    "ops": (),
    "reparameterize": ("reparameterize",),
    "distributions": (),
    "constraints": (),
    "integrands": (),
    "estimators": (),
    "exact": (),
    "comparison": ("compare", "compare_all"),
    "kl": ("kl", "kl_per_latent"),
    "elbo": ("OBJECTIVES", "elbo", "negative_elbo"),
    "nn": ("MLP", "Dense", "Layout"),
    "vae": ("VAE",),
    "diagnostics": ("trace",),
    "data": (),
    "optim": ("SGD", "Adam", "Momentum"),
    "step": ("Step", "gradient"),
    "train": ("Settings", "evaluate", "fit", "start"),
    "importance": ("importance_bounds", "log_likelihood"),
    "models": (),
    "finance": (),
    "inspection": ("effective_beta", "inspect"),
    "checkpoint": (),
    "gradcheck": ("gradcheck",),
    "gradcheck_vae": ("gradcheck_vae",),
    "diagnose": ("diagnose",),
    "objectivecheck": ("objectivecheck", "objectivecheck_vae"),
    "backend": (),
    "ranks": (),
    "errors": ("NotFinite",),
}
_HOME = {name: home for home, names in HOMES.items() for name in names or (home,)}

__all__ = list(_HOME)


def __getattr__(name):
    """A public name, imported from its module at its first use: PEP 562."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOME[name]}")
    found = getattr(module, name) if HOMES[_HOME[name]] else module
    globals()[name] = found
    return found


def __dir__():
    return [*globals(), *__all__]


class _Package(ModuleType):
    """Where a module and a function of it have one name, as `kl`, the package has the function."""

    def __setattr__(self, name, value):
        if not (isinstance(value, ModuleType) and name in HOMES.get(name, ())):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
