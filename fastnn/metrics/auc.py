"""The area under the ROC or the precision-recall curve, from counts at fixed thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.metrics.metric import Metric, Weights, aligned, checked_weights, metrics

_HEIGHTS: dict[str, Callable[..., np.ndarray]] = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a / b``, and 0 where `b` is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@metrics.register()
class AUC(Metric):
    """Approximates the area under a curve of a binary classifier by counting at thresholds.

    State and cost don't grow with the data: each prediction falls into one of ``num_thresholds + 1`` bins.
    Outputs of several columns are pooled. When a prediction is nan the result is nan.

    Parameters
    ----------
    num_thresholds : int, default 200
        Evenly spaced, of which the first lies just below 0 and the last just above 1.
    curve : {"ROC", "PR"}
    summation_method : {"interpolation", "minoring", "majoring"}
        Height of each strip: interpolated (for PR by Davis & Goadrich 2006), or its lower or higher end.
    name : str, default "auc"
    thresholds : sequence of float, optional
        Keyword only; these thresholds in [0, 1] instead of the evenly spaced.
    from_logits : bool, default False
        Keyword only; predictions are logits rather than probabilities.

    Raises
    ------
    ValueError
        For wrong arguments; in `update_state` for labels other than 0 and 1 and predictions outside [0, 1].
    """

    direction = "max"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        *,
        thresholds: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        if curve not in ("ROC", "PR"):
            raise ValueError(f"AUC: curve must be 'ROC' or 'PR', got {curve!r}")
        if summation_method not in _HEIGHTS:
            raise ValueError(f"AUC: summation_method must be one of {', '.join(_HEIGHTS)}, got {summation_method!r}")
        self._edges = _edges(num_thresholds, thresholds)
        self.num_thresholds, self.thresholds = len(self._edges), None if thresholds is None else list(thresholds)
        self.curve, self.summation_method, self.from_logits = curve, summation_method, from_logits
        super().__init__(name)

    def reset_state(self) -> None:
        self.positives = np.zeros(len(self._edges) + 1)
        self.negatives = np.zeros(len(self._edges) + 1)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        t, y = aligned(self, y_true, y_pred)
        if not y.size:
            return
        w = checked_weights(self, sample_weight, len(y))
        w = np.ones(y.size) if w is None else np.repeat(w, y.size // len(y))
        positive, y = self._checked_labels(t.ravel()), self._checked_probabilities(y.ravel())
        w = w + 0 * y  # a nan prediction spoils the counts, and so the result, instead of falling into some bin
        bins = np.searchsorted(self._edges, y)
        self.positives += np.bincount(bins, w * positive, len(self.positives))
        self.negatives += np.bincount(bins, w * ~positive, len(self.negatives))

    def _checked_labels(self, t: np.ndarray) -> np.ndarray:
        positive = t == 1
        if wrong := np.flatnonzero(~positive & (t != 0)).tolist():
            raise ValueError(f"{self.name}: y_true must hold only 0 and 1, got {t[wrong[0]]} at {wrong[0]}")
        return positive

    def _checked_probabilities(self, y: np.ndarray) -> np.ndarray:
        if self.from_logits:
            return _sigmoid(y.astype(np.float64))
        if y.min() < 0 or y.max() > 1:
            raise ValueError(f"{self.name}: predictions must lie in [0, 1], got {y.min()} to {y.max()}; set from_logits=True for logits")
        return y

    def result(self) -> float:
        true, false = (np.cumsum(c[::-1])[::-1][1:] for c in (self.positives, self.negatives))  # counts above each threshold
        return self._precision_recall(true, false) if self.curve == "PR" else self._receiver_operating(true, false)

    def _receiver_operating(self, true: np.ndarray, false: np.ndarray) -> float:
        x = _ratio(false, np.full_like(false, self.negatives.sum()))
        y = _ratio(true, np.full_like(true, self.positives.sum()))
        return self._strips(x, y)

    def _precision_recall(self, true: np.ndarray, false: np.ndarray) -> float:
        positives = np.full_like(true, self.positives.sum())
        if self.summation_method == "interpolation":
            return _interpolated_precision_recall(true, true + false, positives[1:])
        return self._strips(_ratio(true, positives), _ratio(true, true + false))

    def _strips(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(np.sum((x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:])))


def _edges(num_thresholds: int, thresholds: Sequence[float] | None) -> np.ndarray:
    if thresholds is None:
        if num_thresholds < 2:
            raise ValueError(f"AUC: num_thresholds must be at least 2, got {num_thresholds!r}")
        inner = np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
    else:
        inner = np.sort(np.asarray(thresholds, dtype=np.float64))
        if not np.all((inner >= 0) & (inner <= 1)):
            raise ValueError(f"AUC: thresholds must lie in [0, 1], got {thresholds!r}")
    return np.concatenate([[-1e-7], inner, [1 + 1e-7]])


def _interpolated_precision_recall(true: np.ndarray, chosen: np.ndarray, positives: np.ndarray) -> float:
    """Between two thresholds true positives are linear in all chosen; precision over recall then integrates to a logarithm.

    Davis & Goadrich (2006), "The Relationship Between Precision-Recall and ROC Curves".
    """
    gained, more = true[:-1] - true[1:], chosen[:-1] - chosen[1:]
    slope = _ratio(gained, more)
    intercept = true[1:] - slope * chosen[1:]
    both = (chosen[:-1] > 0) & (chosen[1:] > 0)
    growth = np.where(both, _ratio(chosen[:-1], chosen[1:]), 1.0)
    return float(np.sum(_ratio(slope * (gained + intercept * np.log(growth)), positives)))
