"""The objective oracle: do the draws, the density and the bound belong together?

A gradient check proves that the way back fits the way forward; a wrong objective passes it. With
sigma = exp(logvar), or with an eighth of the KL, every derivative is right, and the "bound" ends
above log p(x). `objectivecheck(sample, log_prob, ...)` asks what has to hold of right ones:

    integral of q            1
    E[s dlog q/dz]           0      for each latent; c and s are the centre and the spread of some
    E[(z-c) dlog q/dz]      -1      draws made before, numbers like any other
    E[(z_i-c_i) dlog q/dz_j] 0      for each two latents
    mean, variance           as stated, or from the density of a single latent, by quadrature
    E[log q]                -entropy, as stated or by quadrature
    E[log q/p]               kl, as stated
    bound                    at most log p(x), each example's and their mean

The second to fourth are Stein's identities: they hold for every density, normalised or not, so
that the draws can be held against it without being told its moments. Where the support (low, high)
ends, they have a weight w that vanishes there, w = r / (r + s), r the distance to the end, and
E[w] = 1: E[w' + w dlog q/dz] = 0, E[(z-c) (w' + w dlog q/dz)] + E[w] = 0.

Every claim has a verdict, and the error that it would have shown:

    ok        within `farthest` standard errors       above   a bound above log p(x)
    wrong     farther off                             nan     something is not finite
    unseen    the noise, heavy tails or too few draws could hide an error above `resolution`

Sources: Stein, A Bound for the Error in the Normal Approximation (1972); Gorham & Mackey, Measuring
Sample Quality with Stein's Method (2015), section 2; Geweke, Getting It Right (2004).
"""

from tinyvae.objectivecheck.check import objectivecheck, objectivecheck_vae

__all__ = ["objectivecheck", "objectivecheck_vae"]
