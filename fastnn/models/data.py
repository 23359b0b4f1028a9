"""What `fit` and its kin accept as data, checked and brought into the model's dtype."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastnn.arrays import as_numbers


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

    def weighted(self, class_weight: dict[int, float] | None, whole: bool = True) -> Data:
        """The same samples, their weights multiplied by those of their classes; of which, in `whole` data, there must be some."""
        if class_weight is None:
            return self
        factors = class_weights(class_weight, self.y_true, str(self.x.dtype), whole)
        return replace(self, weights=factors if self.weights is None else self.weights * factors)

    def __getitem__(self, rows: slice) -> Data:
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.x[rows], self.y[rows], weights, self.y_true[rows])


def as_weights(sample_weight: Any, samples: int, dtype: str) -> np.ndarray | None:
    """`sample_weight` as an array of shape (samples,); None stays None.

    Raises
    ------
    TypeError
        For anything but numbers.
    ValueError
        For negative or non-finite weights, or another shape than (n,) or (n, 1).
    """
    if sample_weight is None:
        return None
    given = as_numbers(sample_weight, "sample_weight")
    if given.shape not in ((samples,), (samples, 1)):
        raise ValueError(f"sample_weight must have shape ({samples},), one weight a sample, got {given.shape}")
    return _checked_weights(given.reshape(-1), "sample_weight", dtype)


def _checked_weights(weights: Any, who: str, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        converted = np.array(weights, dtype=dtype)
    if not np.all((converted >= 0) & np.isfinite(converted)):
        raise ValueError(f"{who} must be finite and not negative")
    return converted


def class_weights(class_weight: dict[int, float], y: np.ndarray, dtype: str, whole: bool = True) -> np.ndarray:
    """Each sample's weight by its class, of shape (n,).

    Parameters
    ----------
    class_weight : dict of int to float
        Classes it leaves out weigh 1, as in Keras.
    y : ndarray of shape (n,), (n, 1) or one-hot (n, m)
    dtype : str
    whole : bool
        Whether this is all there is, so that none of the classes occurring is a mistake.

    Raises
    ------
    TypeError
        When `class_weight` is no dictionary, or holds anything but numbers.
    ValueError
        For negative or non-finite weights, or no class that occurs.
    """
    if not isinstance(class_weight, dict):
        raise TypeError(f"class_weight must be a dictionary such as {{0: 1.0, 1: 5.0}}, got {class_weight!r}")
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    classes, index = np.unique(labels, return_inverse=True)
    if whole and not any(c in class_weight for c in classes.tolist()):
        raise ValueError(f"class_weight names {list(class_weight)[:20]}, which no target is; there are {classes[:20].tolist()}")
    weights = as_numbers([class_weight.get(c.item(), 1.0) for c in classes], "class_weight")
    return _checked_weights(weights, "class_weight", dtype)[index.reshape(-1)]
