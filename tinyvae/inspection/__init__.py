"""What a trained model is worth: its bound held against log p(x), its latents, its noise.

`inspect(vae, theta, x)` measures (measure.py); `lines` and `warnings` say it in words (report.py);
posterior.py holds all posteriors together against the prior.
"""

from tinyvae.inspection.measure import WEIGHTED, Inspection, Mean, effective_beta, inspect, mean_of
from tinyvae.inspection.report import impossible, lines, warnings

__all__ = [
    "WEIGHTED",
    "Inspection",
    "Mean",
    "effective_beta",
    "impossible",
    "inspect",
    "lines",
    "mean_of",
    "warnings",
]
