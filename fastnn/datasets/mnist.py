"""MNIST: 70,000 handwritten digits of 28 x 28 pixels, from the four original files.

Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits"; Creative Commons Attribution-ShareAlike 3.0.
"""

from __future__ import annotations

import os

from fastnn.datasets import idx

__all__ = ["load_data"]

DATASET = idx.Dataset(
    "mnist",
    (
        idx.File("train-images-idx3-ubyte", (60000, 28, 28), "6bbc9ace898e44ae57da46a324031adb"),
        idx.File("train-labels-idx1-ubyte", (60000,), "a25bea736e30d166cdddb491f175f624"),
        idx.File("t10k-images-idx3-ubyte", (10000, 28, 28), "2646ac647ad5339dbf082846283269ea"),
        idx.File("t10k-labels-idx1-ubyte", (10000,), "27ae3e4e09519cfbb04c329615203637"),
    ),
    ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
    "mnist.npz",
)


def load_data(path: str | os.PathLike[str] | None = None) -> idx.Parts:
    """The images and labels, in Keras' layout.

    Parameters
    ----------
    path : str or path, optional
        The folder with the four IDX files, as ``.gz`` or unzipped; or a file such as Keras' ``mnist.npz``.
        By default they are looked for in the folder ``mnist`` of the one that the environment variable ``FASTNN_DATA``
        names, where Keras keeps its own, and among earlier downloads; else they are downloaded, unless ``FASTNN_OFFLINE`` is set.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : uint8 arrays (60000, 28, 28), (60000,), (10000, 28, 28), (10000,)
        Pixels from 0 (background) to 255, and the digits 0 to 9.

    Raises
    ------
    FileNotFoundError
        When a file is missing, and can't be downloaded; the message says what to put where.
    ValueError
        When a file is damaged or another one.
    """
    return idx.load(DATASET, path)
