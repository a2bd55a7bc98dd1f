"""KL and activity of each latent."""

import numpy as np

from tinyvae.comparison import SampleMoments
from tinyvae.exercises.exercise import Exercise, case, misconception
from tinyvae.kl import kl_per_latent


def cases(rng):
    found = []
    for spread in ([2.0, 0.01, 0.6, 0.05], [1.0, 1.0, 0.0], [0.02, 0.15]):
        N, Z = 20 + len(spread), len(spread)
        scale = np.array(spread)
        mu = scale * rng.standard_normal((N, Z)) + 0.3 * rng.standard_normal(Z)
        logvar = -np.log1p(scale**2) - 0.1 * rng.random((N, Z))
        found.append(case(mu, logvar))
    return found


def truth(mu, logvar):
    moments = SampleMoments.of(mu)
    activity = moments.M2 / moments.n
    return kl_per_latent(mu, logvar)[0].mean(axis=0), activity, int((activity > 0.01).sum())


def counted(kl, activity):
    return kl, activity, int((activity > 0.01).sum())


@misconception
def variance_of_the_draws(mu, logvar):
    """The activity has the mean of sigma² added: that is the variance of z, which is near 1 for
    every latent, used or not. The activity is the variance of mu alone."""
    kl, activity, _ = truth(mu, logvar)
    return counted(kl, activity + np.exp(logvar).mean(axis=0))


@misconception
def deviation_in_place_of_variance(mu, logvar):
    """The activity is the standard deviation of mu; the threshold 0.01 is for the variance, and so
    means a deviation of 0.1."""
    kl, activity, _ = truth(mu, logvar)
    return counted(kl, np.sqrt(activity))


@misconception
def mean_square(mu, logvar):
    """The activity is the mean of mu²: a latent whose mu is the same for every x would count as
    active, and says nothing about x. Subtract the mean first: the variance."""
    kl, _, _ = truth(mu, logvar)
    return counted(kl, (mu**2).mean(axis=0))


@misconception
def less_one(mu, logvar):
    """The variance is divided by N - 1; of these N examples themselves, divide by N."""
    kl, _, _ = truth(mu, logvar)
    return counted(kl, mu.var(axis=0, ddof=1))


@misconception
def for_each_example(mu, logvar):
    """The KL is summed over the latents, one number for each example. To tell latents apart,
    average over the examples (axis 0), and keep the latents."""
    _, activity, active = truth(mu, logvar)
    return kl_per_latent(mu, logvar)[0].sum(axis=1), activity, active


@misconception
def kl_of_the_mean_posterior(mu, logvar):
    """You averaged mu and logvar first, and took the KL of that. The mean of the KLs is larger:
    what a latent tells about x is in how mu differs from example to example."""
    _, activity, active = truth(mu, logvar)
    return kl_per_latent(mu.mean(axis=0), logvar.mean(axis=0))[0], activity, active


@misconception
def counted_by_the_kl(mu, logvar):
    """You counted the latents whose KL is above 0.01; a latent counts by its activity. A latent may
    pay a KL for a mu that is the same for every x."""
    kl, activity, _ = truth(mu, logvar)
    return kl, activity, int((kl > 0.01).sum())


EXERCISE = Exercise(
    name="active_units",
    chapter=10,
    title="Which latents are in use?",
    cases=cases,
    returns=("kl", "activity", "active"),
    misconceptions=(
        variance_of_the_draws,
        deviation_in_place_of_variance,
        mean_square,
        less_one,
        for_each_example,
        kl_of_the_mean_posterior,
        counted_by_the_kl,
    ),
    hints=(
        "Everything is along axis 0, the examples: what is left has one entry for each latent.",
        "The KL of each entry first, (N, Z), then its mean over axis 0. np.var(mu, axis=0) divides "
        "by N by itself.",
        "active is np.sum(activity > 0.01): True counts as 1.",
    ),
    truth=truth,
)
