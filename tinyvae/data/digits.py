"""The bundled data set: 1797 real handwritten digits, 8 x 8 pixels.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, licence CC BY 4.0. These are the examples of
its test part; `make_digits` writes them to digits.npz.
"""

from pathlib import Path

import numpy as np

from tinyvae.data.dataset import Dataset, split

FILE = Path(__file__).with_name("digits.npz")


def digits(*, held_out=297):
    """The Dataset: x (1500, 64) and held_out (297, 64), grey values 0, 1/16, ..., 1.

    Raises TypeError or ValueError unless 1 <= held_out < 1797.
    """
    with np.load(FILE) as file:
        images, labels = file["images"], file["labels"]
    x, aside, y, y_aside = split(images.astype(np.float32) / 16, labels, held_out)
    return Dataset(
        name="digits",
        x=x,
        held_out=aside,
        labels=y,
        held_out_labels=y_aside,
        image_shape=(8, 8),
        source="handwritten digits by E. Alpaydin and C. Kaynak (UCI, 1998, CC BY 4.0,"
        f" doi:10.24432/C50P49); a fixed shuffle keeps {len(x)} and holds out {len(aside)}",
    )
