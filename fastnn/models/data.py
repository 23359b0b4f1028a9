"""What `fit` and its kin accept as data, checked and brought into the model's dtype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Data:
    """Samples, targets as the loss wants them, and weights; all of one length.

    Attributes
    ----------
    x : ndarray of shape (n, ...)
    y : ndarray of shape (n,) or (n, m)
    weights : ndarray of shape (n,) or None
    y_true : ndarray
        The targets as given, which metrics see.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    y_true: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def split(self, share: float) -> tuple[Data, Data]:
        """The first samples, and the last `share` of them, as Keras' ``validation_split`` does."""
        at = int(len(self) * (1 - share))
        if not 0 < at < len(self):
            raise ValueError(f"validation_split={share} of {len(self)} samples leaves no sample on one side")
        return self[:at], self[at:]

    def __getitem__(self, rows: slice) -> Data:
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.x[rows], self.y[rows], weights, self.y_true[rows])


def as_samples(x: Any, features: tuple[int, ...] | None, dtype: str, who: str = "x") -> np.ndarray:
    """`x` as a C-contiguous array of `dtype` and shape (n, *features).

    Raises
    ------
    TypeError
        For what NumPy can't make numbers of, and for generators.
    ValueError
        When the shape isn't the model's, or there are no samples.
    """
    if hasattr(x, "__next__") or not (hasattr(x, "__len__") or hasattr(x, "__array__")):
        raise TypeError(f"{who} must be an array, got {type(x).__name__}; collect its batches with np.concatenate first")
    given = np.asarray(x)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{who} must hold real numbers, got dtype {given.dtype}; encode text and dates as numbers first")
    if given.ndim == 0:
        raise ValueError(f"{who} must have a batch axis, got a single number; pass np.array([[{given}]])")
    if features is not None and given.shape[1:] != features:
        raise ValueError(f"{who} has shape {given.shape}, the model expects {_expected(features, given)}")
    return np.ascontiguousarray(given, dtype=dtype)


def _expected(features: tuple[int, ...], given: np.ndarray) -> str:
    shape = f"(n, {', '.join(map(str, features))})"
    if given.shape == features:
        return f"{shape}; for one sample pass x[None]"
    if given[:1].size == np.prod(features) or given.ndim == 1:
        return f"{shape}; use x.reshape((-1, {', '.join(map(str, features))}))"
    return shape


def check_finite(x: np.ndarray, who: str = "x") -> None:
    """Raise a ValueError that names the first row and column holding NaN or infinity.

    A plain sum finds them without a temporary array as large as x: it is finite unless something is, or overflows.
    """
    with np.errstate(all="ignore"):
        if x.size == 0 or np.isfinite(x.sum()):
            return
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        where = f"row {bad[0][0]}" + (f", position {tuple(int(i) for i in bad[0][1:])}" if x.ndim > 1 else "")
        raise ValueError(f"{who} holds {x[tuple(bad[0])]} at {where} (in {len(bad)} places); impute or drop such rows first")


def as_weights(sample_weight: Any, class_weight: dict[int, float] | None, y: np.ndarray, dtype: str) -> np.ndarray | None:
    """The product of sample and class weights, of shape (n,); None when neither is given.

    Raises
    ------
    ValueError
        For negative or non-finite weights, a wrong length, or a class without a weight.
    """
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight, dtype=dtype).reshape(-1)
        if len(weights) != len(y):
            raise ValueError(f"sample_weight has {len(weights)} entries for {len(y)} samples")
        if not np.all((weights >= 0) & np.isfinite(weights)):
            raise ValueError("sample_weight must be finite and not negative")
    if class_weight is None:
        return weights
    by_class = _class_weights(class_weight, y, dtype)
    return by_class if weights is None else weights * by_class


def _class_weights(class_weight: dict[int, float], y: np.ndarray, dtype: str) -> np.ndarray:
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    classes, index = np.unique(labels, return_inverse=True)
    missing = [c.item() for c in classes if c not in class_weight]
    if missing:
        raise ValueError(f"class_weight has no weight for the classes {missing}; it has {sorted(class_weight)}")
    weights = np.array([class_weight[c.item()] for c in classes], dtype=dtype)
    if not np.all((weights >= 0) & np.isfinite(weights)):
        raise ValueError("class_weight must be finite and not negative")
    return weights[index.reshape(-1)]
