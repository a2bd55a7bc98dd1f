"""The exact variances of the pathwise and the score function estimate for a square."""

from tinyvae import exact
from tinyvae.exercises.exercise import Exercise, case, misconception


def cases(rng):
    return [case(*numbers) for numbers in ((0.7, 0.5, 0.3), (2.0, 0.1, -1.0), (0.2, 1.5, 0.2))]


def truth(mu, sigma, k):
    return tuple(
        exact.closed_form(name, "quadratic", {"k": k}, mu, sigma)["loc"][1]
        for name in ("pathwise", "score function")
    )


@misconception
def second_moments(mu, sigma, k):
    """Those are the mean squares. The variance is the mean square less the square of the mean, and
    the mean of both is 2 (mu - k): subtract 4 (mu - k)²."""
    square = 4.0 * (mu - k) ** 2
    return tuple(v + square for v in truth(mu, sigma, k))


@misconception
def variances_multiplied(mu, sigma, k):
    """For the score function you multiplied Var f by the variance of the score. f and the score are
    made of the same eps: multiply their product out first, then square, then average."""
    path, _ = truth(mu, sigma, k)
    return path, (4.0 * (mu - k) ** 2 * sigma**2 + 2.0 * sigma**4) / sigma**2


@misconception
def of_the_best_baseline(mu, sigma, k):
    """The second is the variance with the best constant baseline. It is much smaller, but no
    baseline was asked for."""
    known = exact.closed_form("score function, optimal baseline", "quadratic", {"k": k}, mu, sigma)
    return truth(mu, sigma, k)[0], known["loc"][1]


@misconception
def standard_deviations(mu, sigma, k):
    """Those are standard deviations, the roots of the variances."""
    return tuple(v**0.5 for v in truth(mu, sigma, k))


@misconception
def no_chain_factor(mu, sigma, k):
    """The pathwise variance is that of z - k: the estimate is f'(z) = 2 (z - k), and a factor 2 is
    a factor 4 in the variance."""
    path, score = truth(mu, sigma, k)
    return path / 4.0, score


@misconception
def moments_all_one(mu, sigma, k):
    """You took E[eps⁴] and E[eps⁶] as 1. They are 3 and 15: large eps are rare, but count for much
    in a high power."""
    d = mu - k
    path, _ = truth(mu, sigma, k)
    return path, d**4 / sigma**2 + 6.0 * d**2 + sigma**2 - 4.0 * d**2


@misconception
def cross_terms_forgotten(mu, sigma, k):
    """The square of a sum has more terms than the squares: in (d + sigma eps)⁴ there is also 6 d²
    sigma² eps², whose mean times eps² is 18 d² sigma²."""
    d = mu - k
    path, _ = truth(mu, sigma, k)
    return path, d**4 / sigma**2 + 15.0 * sigma**2 - 4.0 * d**2


EXERCISE = Exercise(
    name="exact_variances",
    chapter=6,
    title="Two variances with pencil",
    cases=cases,
    returns=("pathwise", "score"),
    misconceptions=(
        second_moments,
        variances_multiplied,
        of_the_best_baseline,
        standard_deviations,
        no_chain_factor,
        moments_all_one,
        cross_terms_forgotten,
    ),
    hints=(
        "Pathwise: 2 (z - k) = 2 d + 2 sigma eps. What is the variance of a constant plus "
        "2 sigma eps?",
        "Score: square the estimate, (d + sigma eps)⁴ eps² / sigma², and multiply out: d⁴ + 4 d³ "
        "sigma eps + 6 d² sigma² eps² + 4 d sigma³ eps³ + sigma⁴ eps⁴. Odd powers drop out.",
        "The mean square is (d⁴ + 18 d² sigma² + 15 sigma⁴) / sigma². Take the square of the mean, "
        "(2 d)², off it. The pathwise variance is 4 sigma².",
    ),
    truth=truth,
)
