"""Glyphs: the images show the factors they were drawn from."""

from itertools import product

import numpy as np
import pytest

from tinyvae.data import glyphs, load
from tinyvae.data.glyphs import FONTS, RANGES, render

NEUTRAL = {"rotation": 0.0, "slant": 0.0, "scale": 0.9, "weight": 0.5}


def drawn(characters="0123456789", size=28, **varied):
    """The images (n, size, size) of the characters, for every combination of the factors given."""
    ranges = {"character": range(len(characters)), "font": [0]}
    ranges |= {name: [value] for name, value in NEUTRAL.items()} | varied
    factors = dict(
        zip(ranges, map(np.array, zip(*product(*ranges.values()), strict=True)), strict=True)
    )
    return render(factors, characters=characters, size=size).reshape(-1, size, size)


def moments(image):
    """The covariance of (x, y) under the ink, y upwards."""
    y, x = np.indices(image.shape)[:, ::-1].reshape(2, -1)
    return np.cov(x, y, aweights=image.ravel())


def test_shapes_ranges_and_determinism():
    x, factors = glyphs(500, rng=np.random.default_rng(5))
    assert x.shape == (500, 784)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    assert list(factors) == ["character", "font", *RANGES]
    assert set(factors["character"]) == set(range(10))
    assert set(factors["font"]) == set(range(len(FONTS)))
    for name, (low, high) in RANGES.items():  # uniform: the mean within 4 standard errors
        assert low <= factors[name].min() < factors[name].max() <= high
        se = (high - low) / np.sqrt(12 * 500)
        assert abs(factors[name].mean() - (low + high) / 2) < 4 * se
    again, _ = glyphs(500, rng=np.random.default_rng(5))
    assert again.tobytes() == x.tobytes()
    np.testing.assert_array_equal(render(factors), x)


@pytest.mark.parametrize("size", [8, 28, 64])
@pytest.mark.parametrize("characters", ["0123456789", "ABCDWgjQy@|_ÅΩ"])
def test_no_ink_touches_the_border(characters, size):
    extremes = {name: RANGES[name] for name in ("slant", "scale", "weight")}
    turns = np.linspace(-180, 180, 25)
    images = drawn(characters, size, font=range(len(FONTS)), rotation=turns, **extremes)
    border = np.ones((size, size), bool)
    border[1:-1, 1:-1] = False
    assert images[:, border].max() == 0
    assert images.any(axis=(1, 2)).all()


def test_more_weight_is_more_ink():
    weights = np.linspace(*RANGES["weight"], 9)
    ink = drawn(weight=weights).sum(axis=(1, 2)).reshape(10, 9)
    assert (np.diff(ink, axis=1) > 0).all()


def test_scale_is_the_size():
    def spread(scale):
        images = drawn(scale=[scale], weight=[0.0])
        return np.array([np.sqrt(np.trace(moments(image))) for image in images])

    np.testing.assert_allclose(spread(0.75) / spread(1.0), 0.75, rtol=0.03)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rotation_is_counter_clockwise(quarters):
    upright, turned = drawn(), drawn(rotation=[90.0 * quarters])
    expected = np.rot90(upright, quarters, axes=(1, 2))
    np.testing.assert_allclose(turned, expected, atol=3 / 255)
    assert np.abs(turned - upright).max() > 0.5


def test_rotation_turns_the_principal_axis():
    angles = np.linspace(*RANGES["rotation"], 11)
    covariances = [moments(image) for image in drawn("|", rotation=angles)]
    upright = [np.linalg.eigh(c)[1][:, 1] for c in covariances]  # the long axis, (x, y)
    measured = [np.degrees(np.arctan(-axis[0] / axis[1])) for axis in upright]
    np.testing.assert_allclose(measured, angles, atol=0.5)


def test_slant_leans_to_the_right():
    slants = np.linspace(*RANGES["slant"], 7)
    measured = [c[0, 1] / c[1, 1] for c in map(moments, drawn("|", slant=slants))]
    np.testing.assert_allclose(measured, slants, atol=0.02)


def test_characters_and_fonts_are_indices_in_the_order_given():
    every = drawn("AB", font=[0, 1, 2])
    factors = {"character": np.array([0]), "font": np.array([1])}
    factors |= {name: np.array([value]) for name, value in NEUTRAL.items()}
    image = render(factors, characters="BA", fonts=["mono", "serif"])
    (nearest,) = np.abs(every.reshape(6, -1) - image).sum(axis=1).argsort()[:1]
    assert nearest == 3 * 1 + 1  # B in serif


def test_load_keeps_the_factors():
    d = load("glyphs", n=50, held_out=20)
    np.testing.assert_array_equal(d.labels, d.factors["character"])
    np.testing.assert_array_equal(render(d.held_out_factors), d.held_out)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"size": 7}, ValueError, "size must be at least 8"),
        ({"size": 28.0}, TypeError, "size must be a whole number"),
        (
            {"characters": ""},
            ValueError,
            "characters must be at least one and all different, not ''",
        ),
        ({"characters": "00"}, ValueError, "characters must be at least one"),
        ({"characters": "0 "}, ValueError, "the character ' ' is blank"),
        ({"characters": "0\u4e2d"}, ValueError, "the font 'sans' has no character '\u4e2d'"),
        ({"fonts": ["sarif"]}, ValueError, "unknown font 'sarif': did you mean 'serif'"),
        ({"fonts": []}, ValueError, "fonts must be at least one"),
    ],
)
def test_glyphs_refuse(options, error, message):
    with pytest.raises(error, match=message):
        glyphs(**{"n": 3, **options}, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"slant": [0.4]}, ValueError, r"factors\['slant'\] must be in \[-0.3, 0.3\], but runs"),
        ({"scale": [1.1]}, ValueError, r"factors\['scale'\] must be in"),
        ({"font": [3]}, ValueError, r"factors\['font'\] must be in \[0, 2\]"),
        ({"font": [0.0]}, TypeError, r"factors\['font'\] must be integers, not float64"),
        ({"rotation": [np.nan]}, ValueError, r"factors\['rotation'\] must be finite"),
        ({"weight": [1, 1]}, ValueError, r"factors\['weight'\] has shape \(2,\), expected \(1,\)"),
    ],
)
def test_render_refuses(change, error, message):
    factors = {"character": [0], "font": [0]} | {name: [v] for name, v in NEUTRAL.items()}
    with pytest.raises(error, match=message):
        render(factors | change)


def test_render_names_missing_factors():
    with pytest.raises(ValueError, match="factors lacks font, slant"):
        render({"character": [0], "rotation": [0], "scale": [1], "weight": [1]})
