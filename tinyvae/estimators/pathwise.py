"""The pathwise estimator, which is reparameterization: through the sample."""

import numpy as np

from tinyvae.estimators.estimator import Estimator, has_path, path


def pathwise(f, law, params, noise):
    """f'(z) dz/dparam at z = z(params, noise).

    Approximates: d/dparam E[f(z)] = E[f'(z) dz/dparam], the derivative taken inside.
    Requires: a law with a path; f continuous, and differentiable almost everywhere; E|f' dz/dparam|
    finite, which under heavy tails (Cauchy, f = cos z) it is not.
    Unbiased then. At a jump of f the derivative misses what the jump contributes: of a step it is
    0 everywhere, and so is the estimate.
    Cost: one evaluation of f and of its gradient, for all parameters together.
    Source: Kingma & Welling (2014); Mohamed et al., Monte Carlo Gradient Estimation in Machine
    Learning (2020), section 5.
    """
    z, z_vjp = path(law, params, noise)
    y, f_vjp = f(z)
    return z_vjp(*f_vjp(np.ones_like(y)))


ESTIMATORS = (Estimator("pathwise", pathwise, admits=has_path, needs_slope=True),)
