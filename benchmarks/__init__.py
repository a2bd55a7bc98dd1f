"""Is it fast? tinyvae beside what a user would otherwise pick, all in one run.

    python -m benchmarks.step         a training step
    python -m benchmarks.variance     gradients' means and variances by a million samples
    python -m benchmarks.gradcheck    the gradient check of a whole VAE
    python -m benchmarks.startup      the import

What they share: `contest.py` puts each peer into a process of its own (`children.py`, `worker.py`),
lets all give their answers, which must agree, and only then times them in shuffled rounds
(`rounds.py`); `ratios.py` compares, `output.py` and `figure.py` show. A peer is a class, see
`peer.py`.
"""
