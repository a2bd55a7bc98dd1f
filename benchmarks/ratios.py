"""How many times as long: the median of the rounds' ratios, and how far it can be trusted."""

from dataclasses import dataclass

import numpy as np

from tinyvae.errors import check_shape

DRAWS = 4000


@dataclass(frozen=True)
class Ratio:
    """`value`, and the interval that holds it in 95 of 100 cases."""

    value: float
    low: float
    high: float

    def __str__(self):
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def ratio(ours, theirs, *, seed=0):
    """theirs / ours, as the median over the rounds; ours, theirs (R,), seconds of the same rounds.

    The interval is the percentile bootstrap's: medians of rounds drawn with replacement, of which
    2.5 % lie below and 2.5 % above. Source: Efron & Tibshirani, An Introduction to the Bootstrap
    (1993), chapter 13.
    """
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    check_shape("theirs", theirs, ours.shape)
    ratios = theirs / ours
    rng = np.random.default_rng(seed)
    drawn = np.median(ratios[rng.integers(len(ratios), size=(DRAWS, len(ratios)))], axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Ratio(float(np.median(ratios)), float(low), float(high))
