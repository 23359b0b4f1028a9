"""Fashion-MNIST: 70,000 pictures of clothes of 28 x 28 pixels, from the four original files.

H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
arXiv:1708.07747; copyright Zalando SE, MIT licence.
"""

from __future__ import annotations

import os

from fastnn.datasets import idx

__all__ = ["CLASSES", "load_data"]

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
"""What the labels 0 to 9 stand for."""

DATASET = idx.Dataset(
    "fashion-mnist",
    (
        idx.File("train-images-idx3-ubyte", (60000, 28, 28), "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        idx.File("train-labels-idx1-ubyte", (60000,), "9018921c3c673c538a1fc5bad174d6f9"),
        idx.File("t10k-images-idx3-ubyte", (10000, 28, 28), "8181f5470baa50b63fa0f6fddb340f0a"),
        idx.File("t10k-labels-idx1-ubyte", (10000,), "15d484375f8d13e6eb1aabb0c3f46965"),
    ),
    (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
)


def load_data(path: str | os.PathLike[str] | None = None) -> idx.Parts:
    """The images and labels, in Keras' layout.

    Parameters
    ----------
    path : str or path, optional
        The folder with the four IDX files, as ``.gz`` or unzipped; or an ``.npz`` file with the arrays ``x_train``, ``y_train``, ``x_test``
        and ``y_test``.
        By default they are looked for in the folder ``fashion-mnist`` of the one that the environment variable ``FASTNN_DATA`` names, and
        among earlier downloads; else they are downloaded, unless ``FASTNN_OFFLINE`` is set.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : uint8 arrays (60000, 28, 28), (60000,), (10000, 28, 28), (10000,)
        Pixels from 0 (background) to 255, and the kinds 0 to 9, named in `CLASSES`.

    Raises
    ------
    FileNotFoundError
        When a file is missing, and can't be downloaded; the message says what to put where.
    ValueError
        When a file is damaged or another one.
    """
    return idx.load(DATASET, path)
