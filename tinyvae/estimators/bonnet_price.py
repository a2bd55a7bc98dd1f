"""Bonnet's and Price's identities: the gradients of a Normal expectation as expectations.

For z ~ N(loc, scale²), and v = scale² its variance,

    Bonnet:  d/dloc E[f(z)] = E[f'(z)],
    Price:   d/dv E[f(z)] = E[f''(z)] / 2,

and so d/dscale E f = scale E[f''] = E[f'(z) eps]. For N(loc, Sigma) of vectors they read E[grad f]
and d/dSigma E f = E[Hessian of f] / 2. Both follow from p alone: dp/dloc = -dp/dz, and the
Normal solves the heat equation dp/dv = (1/2) d²p/dz²; integration by parts moves the derivatives
over to f, as long as f lets it.

Below are Bonnet's estimate, and three of d/dv: Price's, the path's and the score's, which all have
the same mean and spend 2, 1 and 0 derivatives of f. Which has the least variance depends on f.
They take f as everywhere, `y, vjp = f(z)`, z (S, ...) to y (S,), and standard noise eps (S, ...),
and return (S, ...), a number for each coordinate.

Source: Bonnet (1964); Price (1958); Rezende, Mohamed & Wierstra, Stochastic Backpropagation (2014),
section 3; Opper & Archambeau, The Variational Gaussian Approximation Revisited
(2009).
"""

import numpy as np

from tinyvae.distributions import normal
from tinyvae.estimators.estimator import column


def bonnet(f, loc, scale, *, noise):
    """f'(z) = an estimate of d/dloc E[f(z)].

    Approximates: the gradient of the location, which is the pathwise estimate. Requires: f
    continuous, with a derivative almost everywhere; a jump adds its height times p there.
    Unbiased then. Cost: one evaluation of f and its gradient. Source: Bonnet (1964).
    """
    z = normal.sample(loc, scale, noise=noise)
    y, vjp = f(z)
    return vjp(np.ones_like(y))[0]


def price(curvature, loc, scale, *, noise):
    """f''(z)/2 = an estimate of d/dv E[f(z)].

    curvature(z): f'' at each number of z (S, ...): the diagonal of the Hessian.
    Approximates: E[f'']/2. Requires: f with a continuous derivative, and f' with one almost
    everywhere. A kink, where f' jumps, has a share in the truth that f'' does not see: of |z|,
    f'' is 0 almost everywhere, and so is the estimate. Unbiased then.
    Cost: one evaluation of f'', none of f. Source: Price (1958).
    """
    return 0.5 * curvature(normal.sample(loc, scale, noise=noise))


def variance_by_path(f, loc, scale, *, noise):
    """f'(z) eps / (2 scale): the pathwise estimate of d/dscale by the chain rule, dscale/dv =
    1/(2 scale).

    Approximates: d/dv E[f(z)]. Requires: as Bonnet; a kink does no harm, a jump does. Unbiased
    then. Cost: one evaluation of f and its gradient. Source: Kingma & Welling (2014).
    """
    return bonnet(f, loc, scale, noise=noise) * noise / (2.0 * scale)


def variance_by_score(f, loc, scale, *, noise):
    """f(z) (eps² - 1) / (2 scale²): dlog p/dv = (eps² - 1)/(2 v).

    Approximates: d/dv E[f(z)]. Requires: E[f²] finite, no more. Unbiased. Cost: one evaluation.
    Source: Williams (1992).
    """
    y, _ = f(normal.sample(loc, scale, noise=noise))
    return column(y, noise) * (noise * noise - 1.0) / (2.0 * scale * scale)
