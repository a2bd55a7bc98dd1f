"""Glyphs: any number of grey characters, drawn from known factors of variation.

matplotlib's own copies of the three DejaVu fonts, so that every machine draws the same.
"""

from pathlib import Path

import numpy as np

from tinyvae.data.dataset import Dataset
from tinyvae.errors import check_count, check_finite, check_shape, unknown

FONTS = {"sans": "DejaVuSans.ttf", "serif": "DejaVuSerif.ttf", "mono": "DejaVuSansMono.ttf"}

# The continuous factors are uniform on these.
RANGES = {
    "rotation": (-25.0, 25.0),  # degrees, counter-clockwise
    "slant": (-0.3, 0.3),  # tangent of the lean to the right
    "scale": (0.7, 1.0),  # 1 is the largest at which no factors touch the border
    "weight": (0.0, 2.0),  # stroke added along the outline, in pixels of a 28 x 28 image
}


def glyphs(n, *, rng, characters="0123456789", fonts=None, size=28):
    """images (n, size * size), float32 in [0, 1] with ink 1, and their true factors, each (n,).

    factors: "character" and "font", indices into `characters` and `fonts` (default: all FONTS);
    "rotation", "slant", "scale" and "weight", uniform on RANGES. All are independent.

    Raises TypeError or ValueError for a wrong n or size, and what `render` raises.
    """
    n = check_count("n", n)
    fonts = tuple(FONTS) if fonts is None else fonts
    factors = {
        "character": rng.integers(0, max(len(characters), 1), size=n),
        "font": rng.integers(0, max(len(fonts), 1), size=n),
    }
    for name, (low, high) in RANGES.items():
        factors[name] = low + (high - low) * rng.random(n)
    return render(factors, characters=characters, fonts=fonts, size=size), factors


def render(factors, *, characters="0123456789", fonts=None, size=28):
    """The images (n, size * size) that have these factors: what `glyphs` does after its draws.

    No image is clipped: the unit of scale is chosen so that every character, at its widest slant
    and heaviest weight, stays in the disc inside the image, and no rotation leaves a disc.

    Raises ValueError for a factor missing or outside RANGES (any rotation is allowed), an unknown
    font, a character that is repeated, blank or not in the font; TypeError for an index that is
    not an integer.
    """
    size = check_count("size", size, at_least=8)
    fonts = tuple(FONTS) if fonts is None else tuple(fonts)
    for name, given in (("characters", characters), ("fonts", fonts)):
        if not given or len(set(given)) < len(given):
            raise ValueError(f"{name} must be at least one and all different, not {given!r}")
    factors = _checked(factors, len(characters), len(fonts))
    outlines = [[_outline(c, font) for c in characters] for font in fonts]

    pixel = size / 28
    steepest, heaviest = RANGES["slant"][1], RANGES["weight"][1]
    radius = max(  # from the outlines' control points, which enclose the curves
        np.hypot(x + lean * y, y).max()
        for row in outlines
        for x, y in (path.vertices.T for path in row)
        for lean in (-steepest, steepest)
    )
    unit = (size / 2 - 1 - pixel * heaviest / 2) / radius  # one pixel of border stays blank

    angle = np.radians(factors["rotation"])
    cos, sin, lean = np.cos(angle), np.sin(angle), factors["slant"]
    rotated_shear = np.array([[cos, lean * cos - sin], [sin, lean * sin + cos]])
    matrices = np.zeros((len(angle), 3, 3))
    matrices[:, :2, :2] = np.moveaxis(rotated_shear * (unit * factors["scale"]), -1, 0)
    matrices[:, :2, 2] = size / 2
    matrices[:, 2, 2] = 1
    paths = [outlines[f][c] for f, c in zip(factors["font"], factors["character"], strict=True)]
    return _ink(paths, matrices, factors["weight"] * pixel, size)


def load_glyphs(*, n=6000, held_out=1000):
    """The data set: n and held_out glyphs from two fixed seeds; labels are the characters."""
    check_count("held_out", held_out)
    x, factors = glyphs(n, rng=np.random.default_rng([0, 0]))
    aside, aside_factors = glyphs(held_out, rng=np.random.default_rng([0, 1]))
    return Dataset(
        name="glyphs",
        x=x,
        held_out=aside,
        labels=factors["character"],
        held_out_labels=aside_factors["character"],
        image_shape=(28, 28),
        source="digits drawn from the DejaVu fonts under random rotation, slant, scale and weight;"
        f" {len(x)} to train on and {len(aside)} held out, each from its own fixed seed",
        factors=factors,
        held_out_factors=aside_factors,
    )


def _ink(paths, matrices, widths, size):
    """Fill each path and stroke its outline, `width` pixels wide: (n, size * size) in [0, 1]."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.transforms import Affine2D

    canvas = RendererAgg(size, size, dpi=72)  # at 72 dots per inch a point is a pixel
    pen = canvas.new_gc()
    pen.set_snap(False)
    pen.set_joinstyle("round")  # a mitre could reach further than half the width
    coverage = np.asarray(canvas.buffer_rgba())[:, :, 3]
    images = np.empty((len(paths), size, size), np.float32)
    for image, path, matrix, width in zip(images, paths, matrices, widths, strict=True):
        canvas.clear()
        pen.set_linewidth(width)
        canvas.draw_path(pen, path, Affine2D(matrix), (0.0, 0.0, 0.0))
        image[:] = coverage
    images /= 255
    return images.reshape(len(images), -1)


def _outline(character, font):
    """The character's outline as a Path, its box centred on the origin; the em is 1."""
    import matplotlib
    from matplotlib.ft2font import FT2Font
    from matplotlib.path import Path as Outline

    if font not in FONTS:
        raise unknown("font", font, FONTS)
    face = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", FONTS[font])))
    if face.get_char_index(ord(character)) == 0:
        raise ValueError(f"the font {font!r} has no character {character!r}")
    face.set_size(1000, 72)  # so large that the grid-fitting of small print moves nothing
    face.load_char(ord(character))
    vertices, codes = face.get_path()
    if len(vertices) == 0:
        raise ValueError(f"the character {character!r} is blank: there is nothing to draw")
    closing = (codes == Outline.CLOSEPOLY)[:, None]  # their coordinates mean nothing
    vertices = np.where(closing, np.nan, vertices / 1000)
    centre = (np.nanmin(vertices, axis=0) + np.nanmax(vertices, axis=0)) / 2
    return Outline(np.where(closing, 0.0, vertices - centre), codes)


def _checked(factors, n_characters, n_fonts):
    """The factors as arrays of one length, each in its range."""
    ranges = {"character": (0, n_characters - 1), "font": (0, n_fonts - 1), **RANGES}
    missing = [name for name in ranges if name not in factors]
    if missing:
        raise ValueError(f"factors lacks {', '.join(missing)}: expected {', '.join(ranges)}")
    arrays = {name: np.asarray(factors[name]) for name in ranges}
    for name in ("character", "font"):
        if arrays[name].dtype.kind not in "iu":
            raise TypeError(f"factors[{name!r}] must be integers, not {arrays[name].dtype}")
    for name, values in arrays.items():
        check_shape(f"factors[{name!r}]", values, (arrays["character"].size,))
        check_finite(f"factors[{name!r}]", values)
        low, high = ranges[name]
        if name != "rotation" and not ((low <= values) & (values <= high)).all():
            raise ValueError(
                f"factors[{name!r}] must be in [{low:g}, {high:g}],"
                f" but runs from {values.min():g} to {values.max():g}"
            )
    return arrays
