"""Intersection over union of true and predicted classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.metrics.confusion import accumulate_confusion, class_from_threshold, class_numbers, largest_class
from fastnn.metrics.metric import OpMetric, metrics
from fastnn.metrics.thresholds import ratio

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]

_MOST_CLASSES = 4096
"""Of which the matrix takes 128 MB: a bound for what a file can ask for."""


@metrics.register()
class IoU(OpMetric):
    """The mean over some classes of ``tp / (tp + fp + fn)``; classes that are neither true nor predicted anywhere are left out.

    Class numbers outside ``[0, num_classes)`` aren't counted. Keras adds 1e-7 to denominators; here 0 / 0 is 0.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        The classes whose mean is taken.
    name : str, optional
    ignore_class : int, optional
        Keyword only; a true class that isn't counted.
    sparse_y_true, sparse_y_pred : bool, default True
        Keyword only; whether targets or predictions are class numbers; otherwise the last axis' largest value is the class.
    axis : int, default -1
        Keyword only; -1, the axis of the classes.

    Raises
    ------
    ValueError
        For wrong arguments.

    References
    ----------
    P. Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 11 (1912), 37-50.
    """

    ops = (accumulate_confusion, largest_class, class_from_threshold, class_numbers)
    direction = "max"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        kind = type(self).__name__
        positive_integer(f"{kind}: num_classes", num_classes, most=_MOST_CLASSES)
        ids = [int(i) for i in target_class_ids]
        if not ids or not all(0 <= i < num_classes for i in ids):
            raise ValueError(f"{kind}: target_class_ids must lie in [0, num_classes={num_classes}), got {list(target_class_ids)!r}")
        if axis != -1:
            raise ValueError(f"{kind}: only axis=-1 is supported, got {axis!r}: move the classes to the last axis")
        self.num_classes, self.target_class_ids, self.ignore_class = num_classes, ids, ignore_class
        self.sparse_y_true, self.sparse_y_pred, self.axis = sparse_y_true, sparse_y_pred, axis
        self.matrix = np.zeros((num_classes, num_classes))
        super().__init__(name)

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        t, y = np.asarray(y_true), np.asarray(y_pred)
        fit = self._shape(t, self.sparse_y_true), self._shape(y, self.sparse_y_pred)
        if fit[0] != fit[1] or None in fit:
            forms = ["class numbers" if sparse else f"{self.num_classes} columns" for sparse in (self.sparse_y_true, self.sparse_y_pred)]
            raise ValueError(f"{self.name}: y_true of {forms[0]} and y_pred of {forms[1]} don't fit shapes {t.shape} and {y.shape}")
        t, y = (a.reshape(-1, 1 if s else self.num_classes) for a, s in ((t, self.sparse_y_true), (y, self.sparse_y_pred)))
        return t, y, fit[1][0]  # type: ignore[index]

    def _shape(self, a: np.ndarray, sparse: bool) -> tuple[int, ...] | None:
        """The shape of the class numbers in `a`, which a last axis of 1 doesn't change; None where there are none."""
        if a.ndim and sparse:
            return a.shape[:-1] if a.ndim > 1 and a.shape[-1] == 1 else a.shape
        return a.shape[:-1] if a.ndim > 1 and a.shape[-1] == self.num_classes else None

    def takes(self, t: np.ndarray, y: np.ndarray) -> bool:
        shape = self._shape(t, self.sparse_y_true)
        return shape is not None and shape == self._shape(y, self.sparse_y_pred)

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        truth, *make_truth = self.classes(t, self.sparse_y_true)
        classes, *make_classes = self.predicted(y)
        yield from (*make_truth, *make_classes)
        yield accumulate_confusion, truth, classes, w, self.matrix, float(-1 if self.ignore_class is None else self.ignore_class)

    def classes(self, a: np.ndarray, numbers: bool) -> list[Any]:
        """The buffer of class numbers, and the call that fills it, where one is needed."""
        if a.ndim == 1:
            return [a[:, None]]
        made = np.zeros((len(a), a.shape[1] if numbers else 1), np.int64)
        return [made, (class_numbers if numbers else largest_class, a, made)]

    def predicted(self, y: np.ndarray) -> list[Any]:
        """The same for predictions."""
        return self.classes(y, self.sparse_y_pred)

    def result(self) -> float:
        right = np.diag(self.matrix)
        union = self.matrix.sum(axis=0) + self.matrix.sum(axis=1) - right
        chosen = np.asarray(self.target_class_ids)
        return float(ratio(np.sum(ratio(right, union)[chosen]), np.count_nonzero(union[chosen] > 0)))


@metrics.register()
class BinaryIoU(IoU):
    """:class:`IoU` of two classes, which a threshold makes of predictions: 1 from it on, 0 below.

    Parameters
    ----------
    target_class_ids : sequence of int, default (0, 1)
    threshold : float, default 0.5
    name : str, optional

    Raises
    ------
    ValueError
        For classes other than 0 and 1.
    """

    def __init__(self, target_class_ids: Sequence[int] = (0, 1), threshold: float = 0.5, name: str | None = None):
        super().__init__(2, target_class_ids, name)
        self.threshold = threshold

    def predicted(self, y: np.ndarray) -> list[Any]:
        made = np.zeros(y.shape, np.int64)
        return [made, (class_from_threshold, y, made, float(self.threshold))]


@metrics.register()
class MeanIoU(IoU):
    """:class:`IoU` of all classes.

    Parameters
    ----------
    num_classes : int
    name : str, optional
    ignore_class, sparse_y_true, sparse_y_pred, axis
        Keyword only; as for :class:`IoU`.

    Raises
    ------
    ValueError
        For wrong arguments.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        forms: dict[str, Any] = {"sparse_y_true": sparse_y_true, "sparse_y_pred": sparse_y_pred, "axis": axis}
        super().__init__(num_classes, range(num_classes), name, ignore_class=ignore_class, **forms)


@metrics.register()
class OneHotIoU(IoU):
    """:class:`IoU` of one-hot targets, and of predictions of one value a class.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
    name : str, optional
    ignore_class, axis
        Keyword only; as for :class:`IoU`.
    sparse_y_pred : bool, default False
        Keyword only; whether predictions are class numbers.

    Raises
    ------
    ValueError
        For wrong arguments.
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        forms: dict[str, Any] = {"sparse_y_true": False, "sparse_y_pred": sparse_y_pred, "axis": axis}
        super().__init__(num_classes, target_class_ids, name, ignore_class=ignore_class, **forms)


@metrics.register()
class OneHotMeanIoU(OneHotIoU):
    """:class:`OneHotIoU` of all classes.

    Parameters
    ----------
    num_classes : int
    name : str, optional
    ignore_class, sparse_y_pred, axis
        Keyword only; as for :class:`OneHotIoU`.

    Raises
    ------
    ValueError
        For wrong arguments.
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        *,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, range(num_classes), name, ignore_class=ignore_class, sparse_y_pred=sparse_y_pred, axis=axis)
