"""Special functions that NumPy lacks, and their derivatives in the parameters, which SciPy lacks.

`gamma`: log Gamma and its derivatives; `incomplete_gamma` and `incomplete_beta`: the CDF and the
quantile of the Gamma law, and how the quantiles of Gamma and Beta move with their parameters.
`normal`: the CDF of N(0, 1), its tails and quantiles; `bessel`: the normaliser of von Mises.
"""
