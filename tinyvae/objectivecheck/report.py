"""What an objective check found: z-scores, the verdicts on them, and how it says so.

Sources: Hall, On the Removal of Skewness by Transformation (1992); Wallace, Bounds on Normal
Approximations to Student's and the Chi-square Distributions (1959).
"""

import math
from dataclasses import dataclass
from textwrap import fill

import numpy as np

FEW = 30  # draws below which a standard error says too little
HEAVY = 0.5  # of the sum of squares in one draw: the rest says little about the next such draw
ROUNDING = 32.0  # in units of the last digit: a difference that is no difference;
FINEST = 1e-7  # and in units of the resolution: the expected number has digits, too
WIDTH = 100  # of the printed report
LEGEND = (
    "z: standard errors apart, not the latent; "
    "would see: the error that would have been called wrong"
)
ORDER = ("ok", "unseen", "wrong", "above", "nan")  # from the best verdict to the worst


@dataclass
class Claim:
    """The verdict on one claim; of several numbers the worst: `place` says which, of `count`."""

    claim: str
    measured: float = math.nan
    expected: float = math.nan
    z: float = math.nan  # of what is drawn; a quadrature has none
    visible: float = math.nan  # the error that would have been called wrong
    verdict: str = "ok"
    place: tuple = ()
    count: int = 1
    note: str = ""

    @property
    def ok(self):
        return self.verdict == "ok"

    @property
    def gap(self):
        return self.measured - self.expected

    @property
    def label(self):
        return f"{self.claim} [{', '.join(map(str, self.place))}]" if self.count > 1 else self.claim


@dataclass
class ObjectiveReport:
    """What `objectivecheck` found: a Claim for each row. Print it, or call `raise_if_wrong`."""

    claims: list
    farthest: float
    remarks: list

    @property
    def ok(self):
        return all(claim.ok for claim in self.claims)

    @property
    def verdict(self):
        """The worst verdict of all claims."""
        return max((claim.verdict for claim in self.claims), key=ORDER.index)

    def __getitem__(self, name):
        """The Claim of that name; KeyError if it was not checked."""
        return {claim.claim: claim for claim in self.claims}[name]

    def message(self):
        """The failures, a line each: the claim, the numbers, and what is likely wrong."""
        return "\n".join(f"{claim.label}: {claim.note}" for claim in self.claims if not claim.ok)

    def raise_if_wrong(self):
        """The report itself if every claim holds, else AssertionError with `message()`."""
        if not self.ok:
            raise AssertionError(self.message())
        return self

    def __str__(self):
        width = max(map(len, ["claim", *(claim.label for claim in self.claims)]))
        lines = [f"objectivecheck, to {self.farthest:g} standard errors"]
        head = f"{'measured':>12}{'expected':>12}{'z':>8}{'would see':>11}  verdict"
        lines += [f"{'claim':<{width}}{head}"]
        for claim in self.claims:
            z = "-" if math.isnan(claim.z) else f"{claim.z:.1f}"
            lines += [
                f"{claim.label:<{width}}{claim.measured:>12.5g}{claim.expected:>12.5g}{z:>8}"
                f"{claim.visible:>11.2g}  {claim.verdict}"
            ]
        said = [LEGEND, *(f"not checked: {remark}" for remark in self.remarks)]
        said += [] if self.ok else self.message().splitlines()
        options = {"break_long_words": False, "break_on_hyphens": False}
        lines += [fill(each, WIDTH, subsequent_indent="  ", **options) for each in said]
        return "\n".join(lines)


@dataclass(frozen=True)
class Judge:
    """From numbers to verdicts: `farthest` in standard errors, `resolution` in nats or spreads."""

    farthest: float
    resolution: float

    def drawn(self, claim, values, expected, *, note, unit=1.0, at_most=False):
        """The Claim that the mean over the first axis of values (n, ...) is `expected` (...).

        unit (...): what an error is measured in, for `resolution`. at_most: only a mean above
        `expected` is wrong, and called 'above'. note: from a wrong Claim to what it tells.
        """
        values = np.asarray(values)
        n, digits = len(values), np.finfo(values.dtype).eps * ROUNDING
        values = np.asarray(values, dtype=float).reshape(n, -1)
        shape, count = np.shape(expected), values.shape[1]
        if not np.isfinite(values).all():
            draw, k = (int(i[0]) for i in np.nonzero(~np.isfinite(values)))
            bad = int((~np.isfinite(values)).sum())
            why = f"{bad} of {values.size} values are not finite, the first that of draw {draw}"
            place = tuple(map(int, np.unravel_index(k, shape))) if count > 1 else ()
            return Claim(claim, verdict="nan", place=place, count=count, note=why)
        expected = np.broadcast_to(np.ravel(expected).astype(float), count)
        unit = np.broadcast_to(np.ravel(unit), count)
        size = np.maximum(abs(values.mean(axis=0)), abs(expected))
        floor = digits * size + FINEST * self.resolution * unit
        mean, z, visible, share = scores(values, expected, self.farthest, floor)
        wrong = z > self.farthest if at_most else abs(z) > self.farthest
        # What is far enough below the truth leaves no error above it that could hide.
        hidden = visible + (np.minimum(mean - expected, 0.0) if at_most else 0.0)
        known = (n >= FEW) & (share <= HEAVY)
        coarse = hidden > self.resolution * unit
        rank = np.where(wrong & known, 2, np.where(known & ~coarse, 0, 1))
        k = np.lexsort((z if at_most else abs(z), rank))[-1]
        numbers = (float(column[k]) for column in (mean, expected, z, visible))
        found = Claim(claim, *numbers, count=count)
        found.place = tuple(map(int, np.unravel_index(k, shape))) if count > 1 else ()
        if rank[k] == 2:
            found.verdict = "above" if at_most else "wrong"
            found.note = note(found)
        elif rank[k] == 1:
            found.verdict = "unseen"
            found.note = f"cannot tell: {_why(n, share[k], visible[k])}: take more samples"
        return found

    def computed(self, claim, measured, expected, note, tolerance=1e-6):
        """The Claim about a number that has no noise."""
        found = Claim(claim, measured, expected, visible=tolerance)
        if not abs(measured - expected) <= tolerance:
            found.verdict, found.note = "wrong", note(found)
        return found


def _why(n, share, visible):
    if n < FEW:
        return f"{n} draws are too few for a standard error"
    if share > HEAVY:
        return f"the tails are heavy, one draw of {n} makes {share:.0%} of the variance"
    return f"the noise would hide an error of {visible:.2g}"


def scores(values, expected, farthest, floor):
    """(mean, z, visible error, share of the largest square) of the columns of values (n, k).

    With W = (mean - expected) / s and the skewness g of the values,

        t = sqrt(n) (W + g W² / 3 + g² W³ / 27 + g / (6 n)),

    which rids a skewed mean of most of its false alarms (Hall 1992); z is, nearly, the normal
    quantile of that t of n - 1 degrees of freedom (Wallace 1959). For 100 draws of 1 - eps²,
    |z| > 4 in 1.5e-4 of the runs: of the plain t in 2.7e-3, of a normal number in 6e-5.
    What is below the floor (k,) is taken for rounding.
    """
    n, df = len(values), max(len(values) - 1, 1)
    mean = values.mean(axis=0)
    off = values - mean
    s = np.sqrt((off * off).mean(axis=0))
    constant = s <= floor  # then any gap is far
    unit = np.where(constant, 0.0, off / np.where(constant, 1.0, s))  # s³ may be too small a number
    squares = unit * unit
    g, share = (squares * unit).mean(axis=0), squares.max(axis=0) / n
    s = np.maximum(s, floor)
    gap = mean - expected
    W = np.clip(gap / np.maximum(s, np.finfo(float).tiny), -1e9, 1e9)
    t = math.sqrt(n) * (W + g * W**2 / 3.0 + g**2 * W**3 / 27.0 + g / (6.0 * n))
    t = np.where(abs(gap) <= floor, 0.0, t)
    factor = (8.0 * df + 1.0) / (8.0 * df + 3.0)
    z = np.sign(t) * factor * np.sqrt(df * np.log1p(t * t / df))
    reach = math.sqrt(df * math.expm1(min((farthest / factor) ** 2 / df, 600.0)))
    return mean, z, reach * s / math.sqrt(df), share


def worst(claims):
    """The claim that is worst off."""
    return max(claims, key=lambda claim: (ORDER.index(claim.verdict), abs(claim.z)))
