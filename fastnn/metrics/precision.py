"""Precision and recall, and the best of one where the other is good enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.metrics.metric import metrics
from fastnn.metrics.thresholds import MOST_THRESHOLDS, AtThresholds, Thresholded, ratio

__all__ = ["Precision", "PrecisionAtRecall", "Recall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]


class Retrieval(AtThresholds):
    """What precision and recall share: thresholds, the k largest predictions, one class."""

    direction = "max"

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
    ):
        for word, value, least in (("top_k", top_k, 1), ("class_id", class_id, 0)):
            if value is not None and (isinstance(value, bool) or value != int(value) or value < least):
                raise ValueError(f"{type(self).__name__}: {word} must be a whole number from {least} on, got {value!r}")
        self.top_k, self.class_id = top_k, class_id
        self.default = 0.5 if top_k is None else float(np.finfo(np.float32).min)
        super().__init__(thresholds, name)


@metrics.register()
class Precision(Retrieval):
    """The share of targets 1 among the predictions above a threshold, 0 where there are none.

    Parameters
    ----------
    thresholds : float or sequence of float, optional
        In [0, 1]; 0.5 by default, or none where `top_k` is given. For several the result is an array. For logits use 0.
    top_k : int, optional
        Only the k largest predictions of each sample count as 1; of equals the first.
    class_id : int, optional
        Only this output.
    name : str, default "precision"

    Raises
    ------
    ValueError
        For a threshold outside [0, 1], a `top_k` or `class_id` that no sample can have, and for targets other than 0 and 1.
    """

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        return ratio(true, true + false)


@metrics.register()
class Recall(Retrieval):
    """The share of predictions above a threshold among the targets 1, 0 where there are none.

    Parameters
    ----------
    thresholds, top_k, class_id
        As for :class:`Precision`.
    name : str, default "recall"

    Raises
    ------
    ValueError
        As for :class:`Precision`.
    """

    def value(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
        return ratio(true, positives)


class BestWhere(Thresholded):
    """The best of one value over thresholds where another is at least so much; 0 where it nowhere is."""

    direction = "max"
    limits = (0.0, 1.0)

    def __init__(self, least: float, num_thresholds: int, class_id: int | None, name: str | None):
        kind = type(self).__name__
        if isinstance(least, bool) or not 0 <= least <= 1:
            raise ValueError(f"{kind}: the value to reach must lie in [0, 1], got {least!r}")
        positive_integer(f"{kind}: num_thresholds", num_thresholds, most=MOST_THRESHOLDS)
        self.num_thresholds, self.class_id, self._least = num_thresholds, class_id, least
        edges = np.arange(num_thresholds) / (num_thresholds - 1) if num_thresholds > 1 else [0.5]
        super().__init__(edges, name)

    def curves(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> tuple[np.ndarray, np.ndarray]:
        """At each threshold what must be reached, and what is wanted."""
        raise NotImplementedError

    def result(self) -> float:
        (true,), (false,) = self.passed()
        reached, wanted = self.curves(true[1:], false[1:], true[0], false[0])
        return float(np.max(wanted, where=~(reached < self._least), initial=0.0))


@metrics.register()
class SensitivityAtSpecificity(BestWhere):
    """The largest sensitivity (recall) at a threshold where the specificity is at least so much.

    Specificity is the share of predictions at or below the threshold among the targets 0.

    Parameters
    ----------
    specificity : float
        In [0, 1].
    num_thresholds : int, default 200
        Evenly spaced from 0 to 1; 1 means 0.5 alone.
    class_id : int, optional
        Only this output.
    name : str, default "sensitivity_at_specificity"

    Raises
    ------
    ValueError
        For wrong arguments, targets other than 0 and 1, and predictions outside [0, 1].
    """

    def __init__(self, specificity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None):
        super().__init__(specificity, num_thresholds, class_id, name)
        self.specificity = specificity

    def curves(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> tuple[np.ndarray, np.ndarray]:
        return ratio(negatives - false, negatives), ratio(true, positives)


@metrics.register()
class SpecificityAtSensitivity(BestWhere):
    """The largest specificity at a threshold where the sensitivity is at least so much, see :class:`SensitivityAtSpecificity`.

    Parameters
    ----------
    sensitivity : float
        In [0, 1].
    num_thresholds, class_id, name
        As there.

    Raises
    ------
    ValueError
        As there.
    """

    def __init__(self, sensitivity: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None):
        super().__init__(sensitivity, num_thresholds, class_id, name)
        self.sensitivity = sensitivity

    def curves(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> tuple[np.ndarray, np.ndarray]:
        return ratio(true, positives), ratio(negatives - false, negatives)


@metrics.register()
class PrecisionAtRecall(BestWhere):
    """The largest precision at a threshold where the recall is at least so much, see :class:`SensitivityAtSpecificity`.

    Parameters
    ----------
    recall : float
        In [0, 1].
    num_thresholds, class_id, name
        As there.

    Raises
    ------
    ValueError
        As there.
    """

    def __init__(self, recall: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None):
        super().__init__(recall, num_thresholds, class_id, name)
        self.recall = recall

    def curves(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> tuple[np.ndarray, np.ndarray]:
        return ratio(true, positives), ratio(true, true + false)


@metrics.register()
class RecallAtPrecision(BestWhere):
    """The largest recall at a threshold where the precision is at least so much, see :class:`SensitivityAtSpecificity`.

    Parameters
    ----------
    precision : float
        In [0, 1].
    num_thresholds, class_id, name
        As there.

    Raises
    ------
    ValueError
        As there.
    """

    def __init__(self, precision: float, num_thresholds: int = 200, class_id: int | None = None, name: str | None = None):
        super().__init__(precision, num_thresholds, class_id, name)
        self.precision = precision

    def curves(self, true: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> tuple[np.ndarray, np.ndarray]:
        return ratio(true, true + false), ratio(true, positives)
