"""Models whose answer is known: what an estimator, a bound, a training should arrive at.

linear_gaussian    one fixed linear decoder: evidence, posterior, bound, in closed form
moments            there: mean and variance of every estimator of the bound and of its gradient
free_posterior     the same model as a VAE with a q for each example, no encoder
quadrature         the package's own estimators, averaged over their noise exactly
ppca               the best linear VAE, from the eigenvalues of the data
linear_vae         log p(x), the bound without a sample, and the optimum of a linear VAE
descent            how far from the optimum noisy gradients leave a training
"""
