"""How often the right class is among the k largest predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.metrics.accuracy import label_rows, one_hot_rows
from fastnn.metrics.mean import Comparison
from fastnn.metrics.metric import metrics

__all__ = ["SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy"]


@op("y (n, m), t (n, m) -> value (n) float64", differentiable=False, split="n")
def top_k_categorical_accuracy(y: np.ndarray, t: np.ndarray, value: np.ndarray, k: float = 5.0) -> None:
    """1 where fewer than k outputs exceed the one where the target is largest, else 0; NaN exceeds all, and is never right."""
    sparse_top_k_categorical_accuracy.reference(y, t.argmax(axis=1), value, k)


@op("y (n, m), labels (n) int64 -> value (n) float64", differentiable=False, split="n")
def sparse_top_k_categorical_accuracy(y: np.ndarray, labels: np.ndarray, value: np.ndarray, k: float = 5.0) -> None:
    """1 where fewer than k outputs exceed the label's, else 0; NaN exceeds all, and is never right; nor is a label out of range."""
    m = y.shape[1]
    known = (labels >= 0) & (labels < m)
    right = np.take_along_axis(y, np.where(known, labels, 0)[:, None], axis=1)
    value[:] = known & (np.sum(~(y <= right), axis=1) < min(k, m))


@op("y (n, m), labels (n) int64 -> value (n) float64", differentiable=False, split="n")
def sparse_accuracy_of_sorted(y: np.ndarray, labels: np.ndarray, value: np.ndarray, k: float = 5.0) -> None:
    """1 where the label is one of the first k numbers in y, which are classes from the best on, else 0."""
    value[:] = np.any(y[:, : int(k)] == labels[:, None], axis=1)


class TopK(Comparison):
    """What both forms share: k, a whole number from 1 on."""

    direction = "max"

    def __init__(self, k: int = 5, name: str | None = None):
        super().__init__(name)
        if isinstance(k, bool) or k != int(k) or k < 1:
            raise ValueError(f"{type(self).__name__}: k must be a whole number from 1 on, got {k!r}")
        self.k = k
        self.scalars = (float(k),)


@metrics.register()
class TopKCategoricalAccuracy(TopK):
    """How often the class of a one-hot target is among the k largest predictions.

    Of predictions equal to the k-th largest all count as among them, as in Keras. With k above the number of classes every class is.

    Parameters
    ----------
    k : int, default 5
    name : str, default "top_k_categorical_accuracy"

    Raises
    ------
    ValueError
        When k isn't a whole number from 1 on.
    """

    op = top_k_categorical_accuracy

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        return one_hot_rows(self, y_true, y_pred)


@metrics.register()
class SparseTopKCategoricalAccuracy(TopK):
    """How often an integer label is among the k largest predictions; see :class:`TopKCategoricalAccuracy`.

    Parameters
    ----------
    k : int, default 5
    name : str, default "sparse_top_k_categorical_accuracy"
    from_sorted_ids : bool, default False
        Keyword only; predictions are not one value a class but classes, the best first.

    Raises
    ------
    ValueError
        When k isn't a whole number from 1 on.
    """

    op = sparse_top_k_categorical_accuracy

    def __init__(self, k: int = 5, name: str | None = None, *, from_sorted_ids: bool = False):
        super().__init__(k, name)
        self.from_sorted_ids = from_sorted_ids
        if from_sorted_ids:
            self.op = sparse_accuracy_of_sorted

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        return label_rows(self, y_true, y_pred)
