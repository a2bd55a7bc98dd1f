"""Figures: arrays in, one Axes out.

Every function takes arrays (never a model) and `ax`, the Axes to draw in; without it a new figure
of a fitting size is made. All raise ValueError, naming the argument, for an array that is empty,
not finite or of the wrong shape, before anything is drawn. Pictures are the rows of an (N, D) array
with `image_shape` = (H, W) and H W = D; grey runs from 0 (black) to 1 (white) in every figure.
Latents and dimensions count from 0, as the columns of the arrays do. Where several are to share a
figure, make it in `with style():`, which turns on the layout that keeps their labels apart.
"""

from .canvas import BLUE, GREY, ORANGE, PURPLE, save, side_by_side, style
from .disentanglement import gap_by_beta, information_matrix, traversal_grid
from .gallery import claims_and_truths
from .signal import bound_gap, signal_to_noise
from .surfaces import (
    error_map,
    latent_smiles,
    quote_fit,
    save_walk,
    small_smiles,
    smiles,
    walk_frame,
)
from .training import (
    grid_points,
    image_grid,
    latent_scatter,
    loss_curves,
    manifold,
    normal_grid,
    reconstructions,
    samples,
)
from .truth import gap_curves
from .variance import (
    descent,
    gradient_histogram,
    steepening,
    variance_by_dimension,
    variance_ratio,
)

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "PURPLE",
    "bound_gap",
    "claims_and_truths",
    "descent",
    "error_map",
    "gap_by_beta",
    "gap_curves",
    "gradient_histogram",
    "grid_points",
    "image_grid",
    "information_matrix",
    "latent_scatter",
    "latent_smiles",
    "loss_curves",
    "manifold",
    "normal_grid",
    "quote_fit",
    "reconstructions",
    "samples",
    "save",
    "save_walk",
    "side_by_side",
    "signal_to_noise",
    "small_smiles",
    "smiles",
    "steepening",
    "style",
    "traversal_grid",
    "variance_by_dimension",
    "variance_ratio",
    "walk_frame",
]
