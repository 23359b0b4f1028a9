"""Dividing rows into two parts at random, with equal shares of each class."""

from __future__ import annotations

import numpy as np

__all__ = ["split"]


def split(classes: np.ndarray, fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of a large and a small part; the small one gets about `fraction` of each class.

    Parameters
    ----------
    classes : int array (n,)
        The class of each row; all equal for a split that isn't stratified.
    fraction : float
        0 <= fraction < 1.
    rng : numpy.random.Generator
        What the choice is drawn from.

    Returns
    -------
    large, small : int arrays
        In increasing order. A class always keeps a row in the large part.
    """
    chosen = np.zeros(len(classes), bool)
    for each in np.unique(classes):
        rows = rng.permutation(np.flatnonzero(classes == each))
        count = min(int(fraction * len(rows) + 0.5), len(rows) - 1)
        chosen[rows[:count]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
