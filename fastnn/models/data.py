"""What `fit` and its kin accept as data, checked and brought into the model's dtype."""

from __future__ import annotations

from dataclasses import dataclass, replace
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

    def weighted(self, class_weight: dict[int, float] | None) -> Data:
        """The same samples, their weights multiplied by those of their classes."""
        if class_weight is None:
            return self
        factors = class_weights(class_weight, self.y_true, str(self.x.dtype))
        return replace(self, weights=factors if self.weights is None else self.weights * factors)

    def __getitem__(self, rows: slice) -> Data:
        weights = None if self.weights is None else self.weights[rows]
        return Data(self.x[rows], self.y[rows], weights, self.y_true[rows])


def as_array(value: Any, who: str) -> np.ndarray:
    """`value` as an array of any dtype.

    Raises
    ------
    TypeError
        For what has no length, None and generators for instance.
    ValueError
        For nested lists of different lengths.
    """
    if hasattr(value, "__next__") or not (hasattr(value, "__len__") or hasattr(value, "__array__")):
        raise TypeError(f"{who} must be an array, got {type(value).__name__}; collect a generator's batches with np.concatenate first")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{who} must be an array, got lists of different lengths; pad or cut them to one length") from error


def as_numbers(value: Any, who: str) -> np.ndarray:
    """`value` as an array of real numbers; errors as in `as_array`, and TypeError for another dtype."""
    given = as_array(value, who)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{who} must hold real numbers, got dtype {given.dtype}; encode text and dates as numbers first")
    return given


def as_samples(x: Any, features: tuple[int, ...] | None, dtype: str, who: str = "x") -> np.ndarray:
    """`x` as a C-contiguous array of `dtype` and shape (n, *features).

    Raises
    ------
    TypeError
        For what NumPy can't make numbers of, and for generators.
    ValueError
        When the shape isn't the model's.
    """
    given = as_numbers(x, who)
    if given.ndim == 0:
        raise ValueError(f"{who} must have a batch axis, got a single number; pass np.array([[{given}]])")
    if features is not None and given.shape[1:] != features:
        raise ValueError(f"{who} has shape {given.shape}, the model expects {_expected(features, given)}")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which `check_finite` reports
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


def class_weights(class_weight: dict[int, float], y: np.ndarray, dtype: str) -> np.ndarray:
    """Each sample's weight by its class, of shape (n,).

    Parameters
    ----------
    class_weight : dict of int to float
    y : ndarray of shape (n,), (n, 1) or one-hot (n, m)
    dtype : str

    Raises
    ------
    TypeError
        When `class_weight` is no dictionary, or holds anything but numbers.
    ValueError
        For negative or non-finite weights, or a class without a weight.
    """
    if not isinstance(class_weight, dict):
        raise TypeError(f"class_weight must be a dictionary such as {{0: 1.0, 1: 5.0}}, got {class_weight!r}")
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    classes, index = np.unique(labels, return_inverse=True)
    missing = [c.item() for c in classes if c not in class_weight]
    if missing:
        raise ValueError(f"class_weight has no weight for the classes {missing}; it has {list(class_weight)}")
    weights = as_numbers([class_weight[c.item()] for c in classes], "class_weight")
    return _checked_weights(weights, "class_weight", dtype)[index.reshape(-1)]
