"""Arrays made ready for a network: one-hot labels, rows of norm 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.config import floatx

__all__ = ["normalize", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Integer labels as one-hot rows.

    Parameters
    ----------
    x : array_like of int (...) or (..., 1)
        Labels from 0 to ``num_classes - 1``; floats that are whole numbers are accepted.
    num_classes : int, optional
        The largest label plus 1 by default.

    Returns
    -------
    ndarray (..., num_classes)
        Of ``config.floatx()``.

    Raises
    ------
    ValueError
        For labels that aren't integers, negative or too large, and for no labels without `num_classes`.

    Examples
    --------
    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    labels = _whole_numbers(np.asarray(x))
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    classes = _checked_classes(labels, num_classes)
    one_hot = np.zeros((labels.size, classes), dtype=floatx())
    one_hot[np.arange(labels.size), labels.ravel()] = 1
    return one_hot.reshape(*labels.shape, classes)


def _whole_numbers(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "buif":
        raise ValueError(f"to_categorical: labels must be integers, got dtype {x.dtype}; number the classes first")
    wrong = x[~(np.isfinite(x) & (x == np.floor(x)))] if x.dtype.kind == "f" else x[:0]
    if wrong.size:
        raise ValueError(f"to_categorical: labels must be integers, got {wrong.flat[0]}")
    return x.astype(np.int64)


def _checked_classes(labels: np.ndarray, num_classes: int | None) -> int:
    if num_classes is None and not labels.size:
        raise ValueError("to_categorical: there are no labels to count the classes of; give num_classes")
    classes = int(labels.max()) + 1 if num_classes is None else num_classes
    if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 1:
        raise ValueError(f"to_categorical: num_classes must be a positive integer, got {num_classes!r}")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(f"to_categorical: labels must lie in 0..{classes - 1}, got {wrong}")
    return int(classes)


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """`x` divided by its norms along an axis; where the norm is 0, `x` stays.

    Parameters
    ----------
    x : array_like
        Integers become ``config.floatx()``.
    axis : int, default -1
        What the norms run along.
    order : float, default 2
        Of the norm: 1, 2, ... or infinity.

    Raises
    ------
    ValueError
        For an order below 1.
    """
    if not order >= 1:
        raise ValueError(f"normalize: order must be at least 1, got {order!r}")
    a = np.asarray(x)
    a = a if a.dtype.kind == "f" else a.astype(floatx())
    largest = np.max(np.abs(a), axis=axis, keepdims=True, initial=0)
    scaled = a / np.where(largest == 0, 1, largest)  # squares of the values themselves could overflow
    norms = np.linalg.norm(scaled, order, axis=axis, keepdims=True)
    return scaled / np.where(norms == 0, 1, norms)
