"""Handwritten digits, 1797 images of 8 x 8 pixels; they come with fastnn.

This is the test part of the "Optical Recognition of Handwritten Digits" data set of the UCI Machine Learning
Repository, by E. Alpaydin and C. Kaynak (1998), https://doi.org/10.24432/C50P49, used under the Creative Commons
Attribution 4.0 licence (https://creativecommons.org/licenses/by/4.0/). The images are stored as bytes, otherwise unchanged.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["load_all", "load_data"]


def load_all() -> tuple[np.ndarray, np.ndarray]:
    """All images and labels, in the order of the original file.

    Returns
    -------
    x : uint8 array (1797, 8, 8)
        Ink from 0 (none) to 16.
    y : uint8 array (1797,)
        The digit, 0 to 9.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        return file["images"], file["labels"]


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The digits in a training and a test part.

    Every fifth image of each digit, counted in the order of the original file, is a test image. So the split is
    always the same, and both parts have all digits in equal shares.

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : uint8 arrays (1442, 8, 8), (1442,), (355, 8, 8), (355,)
    """
    x, y = load_all()
    test = np.zeros(len(y), bool)
    for digit in range(10):
        test[np.flatnonzero(y == digit)[4::5]] = True
    return (x[~test], y[~test]), (x[test], y[test])
