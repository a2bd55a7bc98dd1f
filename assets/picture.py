"""Draw the picture at the top of the README: `python assets/picture.py` (about ten seconds).

Left, the diagram of a VAE with the gradient's way back; right, the manifold of digits that the
default `python -m tinyvae train` learns.
"""

from pathlib import Path

import matplotlib.pyplot as plt

from tinyvae import VAE, Settings, data, fit, plots

BACK, INK = plots.ORANGE, "0.25"


def box(ax, x, y, text, face="white"):
    style = {"boxstyle": "round,pad=0.35,rounding_size=0.15", "facecolor": face, "edgecolor": INK}
    ax.text(x, y, text, ha="center", va="center", fontsize=11, bbox=style, zorder=3)


def arrow(ax, start, end, colour=INK, bend=0.0):
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    style["connectionstyle"] = f"arc3,rad={bend}"
    ax.annotate("", end, start, arrowprops=style, zorder=2)


def note(ax, x, y, text, size=9.5):
    ax.text(x, y, text, color=BACK, ha="center", va="center", fontsize=size)


def diagram(ax):
    """Black: forward. Orange: dL/d(where it arrives), with the factor that the way back puts in."""
    ax.set(xlim=(-0.2, 9.9), ylim=(-0.2, 6.7))
    ax.axis("off")
    box(ax, 0.3, 3.0, "$x$")
    box(ax, 1.95, 3.0, "encoder", "0.93")
    box(ax, 4.2, 5.0, r"$\mu$")
    box(ax, 4.2, 1.0, r"$\log\sigma^2$")
    box(ax, 4.2, 3.0, "KL")
    box(ax, 6.6, 3.0, r"$z = \mu + \sigma\epsilon$", "#DDEEF8")
    box(ax, 6.6, 6.2, r"$\epsilon \sim N(0, 1)$", "#FFF3D6")
    box(ax, 9.1, 3.0, "decoder", "0.93")
    box(ax, 9.1, 5.4, r"$-\log p(x|z)$")
    for start, end in (
        ((0.6, 3.0), (1.2, 3.0)),
        ((2.4, 3.5), (3.85, 4.75)),
        ((2.4, 2.5), (3.6, 1.4)),
        ((4.1, 4.55), (4.1, 3.5)),
        ((4.1, 1.55), (4.1, 2.5)),
        ((4.55, 4.85), (5.8, 3.55)),
        ((5.0, 1.25), (5.85, 2.45)),
        ((6.6, 5.75), (6.6, 3.5)),
        ((7.6, 3.0), (8.3, 3.0)),
        ((9.1, 3.5), (9.1, 4.95)),
    ):
        arrow(ax, start, end)
    for start, end, bend in (
        ((9.35, 4.9), (9.35, 3.5), -0.35),
        ((8.4, 2.5), (7.3, 2.5), -0.35),
        ((6.2, 3.6), (4.65, 5.15), 0.3),
        ((6.2, 2.4), (5.05, 0.95), -0.3),
        ((4.35, 3.5), (4.35, 4.55), 0.35),
        ((4.35, 2.5), (4.35, 1.55), -0.35),
        ((3.6, 5.05), (2.05, 3.6), 0.3),
        ((3.4, 1.0), (2.05, 2.4), -0.3),
    ):
        arrow(ax, start, end, BACK, bend)
    note(ax, 7.85, 1.95, r"$\partial L/\partial z$")
    note(ax, 5.95, 4.6, r"$\times 1$")
    note(ax, 6.3, 1.3, r"$\times\,\sigma\epsilon/2$")
    note(ax, 4.8, 4.0, r"$\mu$")
    note(ax, 5.04, 2.2, r"$(\sigma^2 - 1)/2$", size=8)
    ax.text(-0.1, 6.3, "forward", color=INK, fontsize=10)
    ax.text(-0.1, 5.85, "the gradient's way back", color=BACK, fontsize=10)


def main():
    digits = data.load("digits").binarized("threshold")
    vae, settings = VAE(64, 2, (128, 64)), Settings()
    theta = fit(vae, digits, settings).theta
    grid = plots.normal_grid(11)
    with plots.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.3), width_ratios=(1.45, 1))
        diagram(left)
        z = plots.grid_points(grid).astype(theta.dtype)
        plots.manifold(vae.sample(theta, eps=z), digits.image_shape, grid, right)
    plots.save(figure, Path(__file__).with_name("tinyvae.png"))


if __name__ == "__main__":
    main()
