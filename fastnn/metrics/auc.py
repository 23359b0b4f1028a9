"""The area under the ROC or the precision-recall curve, from counts at fixed thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.metrics.metric import Metric, Weights, aligned, by_sample, checked_weights, metrics, weights_of
from fastnn.program import Program

_HEIGHTS: dict[str, Callable[..., np.ndarray]] = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a / b``, and 0 where `b` is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


@op(
    "y (n, m), truth (n, m), w (n), edges (k) float64, counts (2, k) float64, faults (2) float64"
    " -> counts (2, k) float64, faults (2) float64",
    differentiable=False,
)
def accumulate_auc(
    y: np.ndarray,
    truth: np.ndarray,
    w: np.ndarray,
    edges: np.ndarray,
    counts: np.ndarray,
    faults: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
) -> None:
    """Add the weights of a batch's predictions to the counts: of positives, of negatives, by how many `edges` lie below the prediction.

    The last edge counts as infinite. NaN spoils the last count of its kind, and with it the result. Truths other than 0 and 1,
    and predictions outside ``[low, high]``, are left out, and counted in `faults`.
    """
    positive = truth == 1
    wrong, outside = ~positive & (truth != 0), (y < low) | (y > high)
    faults += wrong.sum(), outside.sum()
    bins = np.searchsorted(edges[:-1], y)
    weight = np.where(np.isnan(y), np.nan, w[:, None])
    for count, chosen in ((counts[0], positive & ~outside), (counts[1], ~positive & ~wrong & ~outside)):
        count += np.bincount(bins[chosen], weight[chosen], len(edges))


@metrics.register()
class AUC(Metric):
    """Approximates the area under a curve of a binary classifier by counting at thresholds.

    State and cost don't grow with the data: each prediction falls into one of ``num_thresholds - 1`` bins.
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
        For wrong arguments; in `update_state` for labels other than 0 and 1 and predictions outside [0, 1], in `result` where
        a compiled program has met such.
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
        self._edges = _edges(num_thresholds, thresholds, from_logits)
        self.num_thresholds, self.thresholds = len(self._edges) + 1, None if thresholds is None else list(thresholds)
        self.curve, self.summation_method, self.from_logits = curve, summation_method, from_logits
        self._range = (-np.inf, np.inf) if from_logits else (0.0, 1.0)
        self.counts, self.faults = np.zeros((2, len(self._edges))), np.zeros(2)
        super().__init__(name)

    def reset_state(self) -> None:
        self.counts[:] = 0
        self.faults[:] = 0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        t, y = aligned(self, y_true, y_pred)
        if not y.size:
            return
        w = checked_weights(self, sample_weight, len(y))
        self._check(t.ravel(), y)
        arrays = by_sample(y), by_sample(t), np.ones(len(y)) if w is None else w
        accumulate_auc.reference(*arrays, self._edges, self.counts, self.faults, *self._range)

    def _check(self, t: np.ndarray, y: np.ndarray) -> None:
        if wrong := np.flatnonzero((t != 1) & (t != 0)).tolist():
            raise ValueError(f"{self.name}: y_true must hold only 0 and 1, got {t[wrong[0]]} at {wrong[0]}")
        if not self.from_logits and (y.min() < 0 or y.max() > 1):
            raise ValueError(f"{self.name}: predictions must lie in [0, 1], got {y.min()} to {y.max()}; set from_logits=True for logits")

    def lower(self, program: Program, t: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> bool:
        if t.shape != y.shape:
            return False
        program.measure(accumulate_auc, y, t, weights_of(y, w), self._edges, self.counts, self.faults, *self._range)
        return True

    def result(self) -> float:
        wrong, outside = self.faults
        if wrong or outside:
            raise ValueError(
                f"{self.name}: y_true must hold only 0 and 1, and predictions must lie in [0, 1] (set from_logits=True for logits); "
                f"{wrong:.0f} targets and {outside:.0f} predictions didn't"
            )
        true, false = (np.append(np.cumsum(c[::-1])[::-1], 0.0) for c in self.counts)  # counts above each threshold
        return self._precision_recall(true, false) if self.curve == "PR" else self._receiver_operating(true, false)

    def _receiver_operating(self, true: np.ndarray, false: np.ndarray) -> float:
        return self._strips(_ratio(false, np.full_like(false, false[0])), _ratio(true, np.full_like(true, true[0])))

    def _precision_recall(self, true: np.ndarray, false: np.ndarray) -> float:
        positives = np.full_like(true, true[0])
        if self.summation_method == "interpolation":
            return _interpolated_precision_recall(true, true + false, positives[1:])
        return self._strips(_ratio(true, positives), _ratio(true, true + false))

    def _strips(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(np.sum((x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:])))


def _edges(num_thresholds: int, thresholds: Sequence[float] | None, from_logits: bool) -> np.ndarray:
    """The thresholds between the first, which lies below all predictions, and the last, which lies above: here infinity."""
    if thresholds is None:
        if num_thresholds < 2:
            raise ValueError(f"AUC: num_thresholds must be at least 2, got {num_thresholds!r}")
        inner = np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
    else:
        inner = np.sort(np.asarray(thresholds, dtype=np.float64))
        if not np.all((inner >= 0) & (inner <= 1)):
            raise ValueError(f"AUC: thresholds must lie in [0, 1], got {thresholds!r}")
    if from_logits:
        with np.errstate(divide="ignore"):
            inner = np.log(inner) - np.log1p(-inner)
    return np.append(inner, np.inf)


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
