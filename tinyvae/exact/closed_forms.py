"""Mean and variance of gradient estimators in closed form, for z ~ N(loc, scale² I) in D dimensions
and F(z) = sum_j f(z_j): of the estimate in the loc, or the scale, of one coordinate.

In units of scale: h(eps) = f(loc + scale eps), eps ~ N(0, 1), and the score is w / scale with
w = eps for the loc and w = eps² - 1 for the scale, E w² = S2 = 1 and 2. What is found here is
divided by scale (means) and scale² (variances) once, at the end.

h = h_even + h_odd in eps, and so is what is made from it; the two are uncorrelated, so variances
add, and an antithetic pair keeps one half of them. `Half` and `Parameter` are the ingredients, one
function for each integrand fills them, and `VARIANCES` puts them together, once for all integrands.
Each is a sum of what cannot be negative, written so that it keeps its digits as scale goes to 0.

Source: derived here. The score function: Williams (1992); the best baseline: Greensmith, Bartlett
& Baxter (2004); measure-valued: Mohamed et al. (2020), section 6.
"""

import inspect
import math
from dataclasses import dataclass

from tinyvae.errors import check_count, check_number, unknown
from tinyvae.estimators import by_name
from tinyvae.estimators.baselines import DRAWS
from tinyvae.integrands import INTEGRANDS
from tinyvae.special.dawson import dawson

# -- The ingredients, and how they are put together


@dataclass(frozen=True)
class Half:
    """Of the even or the odd half of h, under the score function.

    spread: Var[(h - b) w]. v: Var h. b: E[h w²] / S2, its best baseline for D = 1. mean: E h.
    """

    spread: float
    v: float
    b: float = 0.0  # of an odd half it is 0, and so is the mean
    mean: float = 0.0


@dataclass(frozen=True)
class Parameter:
    """Of the loc or the scale, for D = 1.

    S2: E w². G: E h w, the gradient. kept, lost: the halves of h that an antithetic pair of h w
    keeps and loses. path, path_pair, measure_valued: variances. jumps: whether f does, so that its
    slope misses the gradient, and the pathwise estimate is 0: biased.
    """

    S2: float
    G: float
    kept: Half
    lost: Half
    path: float
    path_pair: float
    measure_valued: float
    jumps: bool = False


def loc_and_scale(G, even, odd, path, path_pair, measure_valued, jumps=False):
    """{"loc": Parameter, "scale": Parameter} from pairs. w = eps is odd: what of h w survives in a
    pair is from the odd half; of w = eps² - 1 it is from the even half."""
    pairs = zip(G, path, path_pair, measure_valued, strict=True)
    loc, scale = ((g, *rest) for g, *rest in pairs)
    return {
        "loc": Parameter(1.0, loc[0], odd[0], even[0], *loc[1:], jumps),
        "scale": Parameter(2.0, scale[0], even[1], odd[1], *scale[1:], jumps),
    }


def best_baseline(halves, n):
    """b* = C / S2 + n A1 with C = E[h w²], A1 = E h, of the halves together."""
    return sum(half.b + n * half.mean for half in halves)


def least(p, halves, n):
    """Of (F - b*) w: B2 - C² / S2 + n v S2 - G² with B2 = E[h² w²], v = Var h: linear in D, as the
    other n = D - 1 numbers are noise on F, independent of w."""
    return sum(half.spread + n * p.S2 * half.v for half in halves)


def with_baseline(p, halves, n, b=0.0):
    """Of (F - b) w: the least, and a parabola about b*. With b = 0 that is
    B2 + 2 n A1 C + (n v + n² A1²) S2 - G², quadratic in D."""
    off = best_baseline(halves, n) - b  # off * off is inf where off ** 2 would raise
    return least(p, halves, n) + p.S2 * off * off


def leave_one_out(p, halves, n, draws):
    """Of the mean over k of (F_k - mean of the other K - 1 F) w_k.

    With F less its mean, that is the mean of F_k w_k, less the sum of F_l w_k over k ≠ l divided by
    K (K - 1). They are uncorrelated; of the second only the terms (k, l) and (l, k) are correlated:
        (variance with the baseline E F) / K + (Var F S2 + G²) / (K (K - 1)).
    """
    D = n + 1
    EF = D * sum(half.mean for half in halves)
    cross = D * p.S2 * sum(half.v for half in halves) + p.G * p.G
    return with_baseline(p, halves, n, EF) / draws + cross / (draws * (draws - 1))


def both(p):
    return p.kept, p.lost


def one(p):
    return (p.kept,)


VARIANCES = {  # (p, n, draws), times scale²
    "pathwise": lambda p, n, draws: p.path,
    "pathwise, antithetic": lambda p, n, draws: p.path_pair,
    "measure-valued": lambda p, n, draws: p.measure_valued,
    "score function": lambda p, n, draws: with_baseline(p, both(p), n),
    "score function, optimal baseline": lambda p, n, draws: least(p, both(p), n),
    "score function, leave-one-out": lambda p, n, draws: leave_one_out(p, both(p), n, draws),
    # A pair is the score function of one half of h: for the loc one of mean 0, a baseline for free.
    "score function, antithetic": lambda p, n, draws: with_baseline(p, one(p), n),
}


# -- The integrands


def wave(p, q, x):
    """h = p C(eps) + q S(eps), C = cosh(√x eps) and S = sinh(√x eps) / √x, x of either sign.

    The solutions of h'' = x h: an exponential for x > 0, a cosine for x < 0, a line for x = 0.
    C' = x S and S' = C, so that h' = p x S + q C. All moments are made of E cosh(a √x eps) =
    e^(a² x / 2) and its derivatives in x.
    """
    e = math.exp(0.5 * x)
    p2, q2 = p * p, q * q
    b = p * (1.0 + x) * e, p * (1.0 + 2.0 * x + 0.5 * x * x) * e
    C_v = mixture(x, {2: [0.5], 1: [-1], 0: [0.5]})  # Var C
    S_v = mixture(x, {2: [0.5], 0: [-0.5]}, over=1)  # E S²
    C_loc = mixture(x, {2: [0.5, 2], 1: [-1, -2, -1], 0: [0.5]})  # Var (C - b) eps
    S_loc = mixture(x, {2: [0.5, 2], 1: [0, -1], 0: [-0.5]}, over=1)  # Var S eps
    C_scale = mixture(x, {2: [1, 8, 8], 1: [-2, -8, -11, -4, -0.5], 0: [1]})
    S_scale = mixture(x, {2: [1, 8, 8], 0: [-1]}, over=1)
    C_eps = mixture(x, {2: [0.5, 2], 0: [0.5]})  # E (C eps)²
    C_mv = mixture(x, {0: [1], 2: [-1, 2], 1: [0, 0, -1]})  # Var C(M) - C(M U)
    S_mv = mixture(x, {0.5: [2], 0: [-1], 2: [-1, 2]}, over=1)
    return loc_and_scale(
        G=(q * e, p * x * e),
        even=(Half(p2 * C_loc, p2 * C_v, b[0], p * e), Half(p2 * C_scale, p2 * C_v, b[1], p * e)),
        odd=(Half(q2 * S_loc, q2 * S_v), Half(q2 * S_scale, q2 * S_v)),
        path=(p2 * x * x * S_v + q2 * C_v, p2 * x * x * S_loc + q2 * C_eps),
        path_pair=(q2 * C_v, p2 * x * x * S_loc),
        measure_valued=(q2 * (2.0 / math.pi * square_of_S(x) - e * e), p2 * C_mv + q2 * S_mv),
    )


def square_of_S(x):
    """E S(W)² = (E cosh(2 √x W) - 1) / (2 x), W of density W e^(-W²/2); 2 at x = 0."""
    t = math.sqrt(2.0 * abs(x))
    if t == 0.0:
        return 2.0
    if x > 0.0:
        return math.sqrt(math.pi) * math.exp(2.0 * x) * math.erf(t) / t
    return 2.0 * float(dawson(t)) / t


def mixture(x, terms, over=0):
    """The sum over a of P_a(x) e^(a x), divided by x^over; terms = {a: coefficients of P_a,
    from the lowest}.

    Near x = 0, where the terms cancel, it is their Taylor series together: there the coefficients
    cancel, and without a rounding error, being small binary fractions.
    """
    if abs(x) > 0.5:
        # From e^(a x) = 0 on no power of x matters.
        return sum(
            weight * sum(c * x ** (j - over) for j, c in enumerate(P))
            for a, P in terms.items()
            if (weight := math.exp(a * x)) > 0.0
        )
    total = 0.0
    for m in range(30, over - 1, -1):
        total = total * x + sum(
            c * a ** (m - j) / math.factorial(m - j)
            for a, P in terms.items()
            for j, c in enumerate(P[: m + 1])
        )
    return total


def linear(loc, scale, a, c):
    return wave(a * loc + c, a * scale, 0.0)


def exponential(loc, scale, k):
    if k * loc < -300.0:
        raise OverflowError  # the square of M is 0
    M, t = math.exp(k * loc), k * scale
    return wave(M, M * t, t * t)


def cosine(loc, scale, k):
    phase, t = k * loc, k * scale
    return wave(math.cos(phase), -t * math.sin(phase), -t * t)


def quadratic(loc, scale, k):
    """h = p + q eps + r eps²."""
    d, r = loc - k, scale * scale
    p, q2, r2 = d * d, 4.0 * d * d * r, r * r
    return loc_and_scale(
        G=(2.0 * d * scale, 2.0 * r),
        even=(Half(6.0 * r2, 2.0 * r2, p + 3.0 * r, p + r),
              Half(24.0 * r2, 2.0 * r2, p + 5.0 * r, p + r)),
        odd=(Half(2.0 * q2, q2), Half(10.0 * q2, q2)),
        path=(4.0 * r2, q2 + 8.0 * r2),
        path_pair=(0.0, 8.0 * r2),
        measure_valued=((4.0 / math.pi - 1.0) * q2, q2 + 4.0 * r2),
    )  # fmt: skip


def step(loc, scale, c):
    """h = 1[eps > α]. Its halves are T and T sign(eps), T = 1[|eps| > |α|] / 2; of α < 0 the even
    one is 1 - T. Q = P(eps > |α|); r = E[h w²] / S2 for |α|."""
    alpha = (c - loc) / scale
    a = min(abs(alpha), 40.0)  # the density is 0 there, and a power of a finite
    Q = 0.5 * math.erfc(a / math.sqrt(2.0))
    phi = math.exp(-0.5 * a * a) / math.sqrt(2.0 * math.pi)
    G = phi, math.copysign(a * phi, alpha)
    r = Q + a * phi, Q + 0.5 * (a**3 + a) * phi
    even = 0.5 * Q - Q * Q
    mean = Q if alpha >= 0.0 else 1.0 - Q
    b = [own if alpha >= 0.0 else 1.0 - own for own in r]
    return loc_and_scale(
        G=G,
        even=(Half(0.5 * r[0] - r[0] ** 2, even, b[0], mean),
              Half(r[1] - 2.0 * r[1] ** 2 - G[1] ** 2, even, b[1], mean)),
        odd=(Half(0.5 * r[0] - phi * phi, 0.5 * Q), Half(r[1], 0.5 * Q)),
        path=(0.0, 0.0),
        path_pair=(0.0, 0.0),
        # Of 1[W > α] - 1[-W > α] and 1[M > α] - 1[M U > α], which are 0 or of one sign.
        measure_valued=(-phi * math.expm1(-0.5 * a * a) / math.sqrt(2.0 * math.pi),
                        a * phi * (1.0 - a * phi)),
        jumps=True,
    )  # fmt: skip


FORMULAS = {
    "linear": linear,
    "quadratic": quadratic,
    "exponential": exponential,
    "cosine": cosine,
    "step": step,
}


# -- What others call


def closed_form(estimator, integrand, constants, loc, scale, D=1, draws=DRAWS):
    """{"loc": (mean, variance), "scale": (mean, variance)} of one estimate by the estimator of that
    name, of E F for the integrand of that name with its constants, as {"k": 4.0}; None where there
    is no formula.

    The mean is the gradient, unless f jumps and the estimator is pathwise: it is 0 then, and
    biased. The variance is that of one row of estimates; an antithetic one has taken two draws, and
    the leave-one-out K = `draws`. "optimal baseline" is that with the exact b*.
    ValueError for unknown names or constants, for what is out of range, and where a formula
    overflows, as those of e^(k z) do beyond k scale = 18: they grow like e^(2 (k scale)²).
    """
    by_name(estimator)
    n, draws = check_count("D", D) - 1, check_count("draws", draws, at_least=2)
    found = parameters(integrand, constants, loc, scale)
    if found is None or estimator not in VARIANCES:
        return None
    variances = {name: VARIANCES[estimator](p, n, draws) for name, p in found.items()}
    blind = estimator.startswith("pathwise")
    return {
        name: finite(
            (0.0 if blind and p.jumps else p.G, variances[name]), integrand, constants, loc, scale
        )
        for name, p in found.items()
    }


def closed_form_with_baseline(b, integrand, constants, loc, scale, D=1):
    """As `closed_form`, of "score function, constant baseline": of (F - b) times the score, b a
    number for both or {"loc": number, "scale": number}."""
    n = check_count("D", D) - 1
    each = b if isinstance(b, dict) else {"loc": b, "scale": b}
    found = parameters(integrand, constants, loc, scale)
    return found and {
        name: finite(
            (p.G, with_baseline(p, both(p), n, check_number("b", each[name]))),
            integrand, constants, loc, scale,
        )
        for name, p in found.items()
    }  # fmt: skip


def optimal_baseline(integrand, constants, loc, scale, D=1):
    """{"loc": b*, "scale": b*}, the constants of least variance; None where there is no formula."""
    n = check_count("D", D) - 1
    found = parameters(integrand, constants, loc, scale)
    best = found and {name: best_baseline(both(p), n) for name, p in found.items()}
    if best and not all(map(math.isfinite, best.values())):
        raise too_large(integrand, constants, loc, scale)
    return best


def cosine_under_cauchy(k, loc, scale):
    """(d/dloc, d/dscale) of E cos(k z) = cos(k loc) e^(-|k| scale), z ~ Cauchy(loc, scale)."""
    size = math.exp(-abs(k) * scale)
    return -k * math.sin(k * loc) * size, -abs(k) * math.cos(k * loc) * size


def of_logvar(of_scale, scale):
    """(mean, variance) in logvar = 2 log scale from those in scale, as dscale/dlogvar = scale/2."""
    mean, variance = of_scale
    return 0.5 * scale * mean, 0.25 * scale * scale * variance


def parameters(integrand, constants, loc, scale):
    """{"loc": Parameter, "scale": Parameter} of an integrand; None for the sigmoid."""
    if integrand not in INTEGRANDS:
        raise unknown("integrand", integrand, INTEGRANDS)
    known = inspect.signature(INTEGRANDS[integrand]).parameters
    for name in constants:
        if name not in known:
            raise unknown(f"constant of {integrand}", name, known)
    values = {name: check_number(name, constants.get(name, p.default)) for name, p in known.items()}
    loc = check_number("loc", loc)
    scale = check_number("scale", scale, above=1e-100)  # its square is a number too
    if integrand not in FORMULAS:
        return None
    try:
        return FORMULAS[integrand](loc, scale, **values)
    except OverflowError:
        raise too_large(integrand, constants, loc, scale) from None


def finite(moments, integrand, constants, loc, scale):
    """(mean, variance) in units of z, from those in units of scale; ValueError if they overflow."""
    mean, variance = moments[0] / scale, moments[1] / scale / scale
    if not (math.isfinite(mean) and math.isfinite(variance)):
        raise too_large(integrand, constants, loc, scale)
    return mean, variance


def too_large(integrand, constants, loc, scale):
    """The ValueError for moments that no float64 holds."""
    if integrand != "exponential":
        return ValueError(
            f"{integrand} leaves the range of float64 at loc = {loc:g}, scale = {scale:g}"
        )
    k = constants.get("k", 1.0)
    return ValueError(
        f"the variance leaves the range of float64 at k * scale = {k * scale:g}, "
        f"k * loc = {k * loc:g}: that of e^(k z) grows like e^(2 (k scale)² + 2 k loc); "
        "take a smaller k * scale, and k * loc nearer to 0"
    )
