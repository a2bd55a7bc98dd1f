"""Real mistakes, each in a few lines beside the right ones, and what becomes of them.

All were found in public code, or in threads where somebody asked why it does not work. Each takes
the place of one part of a small VAE that is right otherwise:

    encoder      x -> mu, logvar              divergence   the KL to the prior
    draw         the noise, and z             bounds       the bound, and the loss
    likelihood   log p(x | z)                 weights      the importance-weighted bound

`python -m tinyvae bugs` trains them all on models whose best answer is known, and asks two oracles.
To add one: write the wrong function beside the right one, and a row at the end of its file; its
sentences on what happens are tested, and so are the verdicts.
"""

from tinyvae.gallery import bounds, divergence, draw, encoder, likelihood, weights
from tinyvae.gallery.mistake import Mistake, side_by_side
from tinyvae.gallery.oracles import Verdicts, verdicts
from tinyvae.gallery.trained import Trained, train
from tinyvae.gallery.vae import PARTS
from tinyvae.gallery.world import SETTINGS

FILES = (draw, divergence, likelihood, encoder, bounds, weights)
MISTAKES = [mistake for file in FILES for mistake in file.MISTAKES]
GALLERY = {each.name: each for name in SETTINGS for each in MISTAKES if each.setting == name}

__all__ = [
    "GALLERY",
    "PARTS",
    "SETTINGS",
    "Mistake",
    "Trained",
    "Verdicts",
    "side_by_side",
    "train",
    "verdicts",
]
