"""The score function estimator, which is REINFORCE: through the density."""

from tinyvae.estimators.estimator import Estimator, has_score, scores, weighted


def score_function(f, law, params, noise):
    """f(z) s(z) with the score s = dlog p(z)/dparam, at a draw z.

    Approximates: d/dparam E[f(z)] = ∫ f dp/dparam dz = E[f(z) s(z)], as dp/dparam = p s.
    Requires: a law with a score, so one whose support stays where it is; of f nothing but a
    finite E[(f s)²]: it may jump, be defined on whole numbers alone, or be a black box. Of an
    angle (VonMises) it must have the period 2 pi.
    Unbiased then. A constant added to f adds noise and no gradient, since E[s] = 0: that is what
    the baselines live on.
    Cost: one evaluation of f, none of its gradient.
    Source: Williams (1992), REINFORCE; Mohamed et al. (2020), section 4.
    """
    z = law.sample(*params, noise=noise)
    y, _ = f(z)
    return weighted(y, scores(law, z, params))


ESTIMATORS = (Estimator("score function", score_function, admits=has_score),)
