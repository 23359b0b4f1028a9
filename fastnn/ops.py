"""The functions of ``keras.ops`` that losses, metrics and layers written in Python use: NumPy's, by way of NumPy.

What Keras names as NumPy does (``square``, ``mean``, ``maximum``, ``where``, ``concatenate``, ...) is NumPy's own function; an activation
(``relu``, ``sigmoid``, ``softmax``, ...) is that of ``fastnn.activations``; the few others are here. ``fastnn.autodiff`` follows
them where they have a derivative, which ``fastnn.autodiff.known()`` lists.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.absent import missing
from fastnn.activations import activations
from fastnn.arrays import any_array, foreign
from fastnn.autodiff import stop_gradient
from fastnn.special import erf_array
from fastnn.utils import to_categorical

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "erf",
    "is_tensor",
    "logsumexp",
    "norm",
    "one_hot",
    "rsqrt",
    "shape",
    "stop_gradient",
]


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype."""
    return any_array(x).astype(dtype)


def convert_to_tensor(x: Any, dtype: Any = None) -> Any:
    """`x` as an array, of `dtype` where one is given."""
    return any_array(x) if dtype is None else cast(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """`x` as an array of NumPy's."""
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Whether `x` is an array, or one that is being differentiated by."""
    return isinstance(x, np.ndarray) or foreign(x)


def shape(x: Any) -> tuple[int, ...]:
    """The sizes of the axes of `x`."""
    return tuple(np.shape(x))


def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)``."""
    return 1 / np.sqrt(x)


def erf(x: Any) -> Any:
    """The error function."""
    x = any_array(x)
    return erf_array(x).astype(x.dtype)


def logsumexp(x: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(x)))`` along an axis, without overflow."""
    x = any_array(x)
    largest = stop_gradient(np.max(x, axis=axis, keepdims=True))
    total = np.log(np.sum(np.exp(x - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis=axis)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector or matrix, as ``np.linalg.norm``."""
    return np.linalg.norm(x, ord, axis, keepdims)


def one_hot(x: Any, num_classes: int) -> np.ndarray:
    """Labels as one-hot rows, see :func:`fastnn.utils.to_categorical`."""
    return to_categorical(np.asarray(x), num_classes)


def _elsewhere(name: str) -> Any:
    """NumPy's function, or the activation, that Keras has here under the same name."""
    found = getattr(np, name, None) or activations.known(name)
    return found if callable(found) and not isinstance(found, type) else None


__getattr__ = missing(__name__, _elsewhere)
