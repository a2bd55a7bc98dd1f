"""Option prices, and what a VAE of implied-volatility surfaces is made of and judged by.

Reading order: `black_scholes`, the price of one lognormal law and the volatility that a price
implies; `heston`, the law of a price whose variance is random; `fourier`, its option prices along
a contour in the complex plane; `cosine`, the same prices in another way; `monte_carlo`, the same
again by simulation. The data set that they make is in `tinyvae.data.heston`. Then `arbitrage`, what
every surface must obey; `quotes`, a few of its points, with errors; `fit`, the latents that explain
them; `codes`, `regression` and `measure`, what the latents mean and how good a model is.

Units, everywhere: log-moneyness k = log(strike / forward); prices are undiscounted and in units of
the forward; times are in years; variances are per year, total variances are variance times time.
"""
