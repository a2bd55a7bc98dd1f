"""Write digits.npz from scikit-learn's copy: python -m tinyvae.data.make_digits"""

import numpy as np

from tinyvae.data.digits import FILE


def make_digits(path=FILE):
    """Save images (1797, 64), 0 to 16, and labels (1797,), both uint8; the bytes never vary."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    np.savez_compressed(path, images=images.astype(np.uint8), labels=labels.astype(np.uint8))


if __name__ == "__main__":
    make_digits()
