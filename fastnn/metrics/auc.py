"""The area under the ROC, the precision-recall or the gain curve, from counts at fixed thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.metrics.metric import metrics
from fastnn.metrics.thresholds import MOST_THRESHOLDS, Thresholded, ratio

__all__ = ["AUC"]

_HEIGHTS: dict[str, Callable[..., np.ndarray]] = {"interpolation": lambda a, b: (a + b) / 2, "minoring": np.minimum, "majoring": np.maximum}


@metrics.register()
class AUC(Thresholded):
    """Approximates the area under a curve of a binary classifier by counting at thresholds.

    State and cost don't grow with the data: each prediction falls into one of ``num_thresholds - 1`` bins.
    When a prediction is nan the result is nan.

    Parameters
    ----------
    num_thresholds : int, default 200
        Evenly spaced, of which the first lies just below 0 and the last just above 1.
    curve : {"ROC", "PR", "PRGAIN"}
        True over false positive rate, precision over recall, or the gains of these two over always saying 1.
    summation_method : {"interpolation", "minoring", "majoring"}
        Height of each strip: interpolated (for PR by Davis & Goadrich 2006), or its lower or higher end.
    name : str, default "auc"
    thresholds : sequence of float, optional
        Keyword only; these thresholds in [0, 1] instead of the evenly spaced.
    multi_label : bool, default False
        Keyword only; the mean of each output's own area, instead of one area of all outputs pooled.
    num_labels : int, optional
        Keyword only; how many outputs there are, with `multi_label`; by default as many as come.
    label_weights : sequence of float, optional
        Keyword only; what each output counts: in the mean of areas, or each of its predictions in the pooled area.
    from_logits : bool, default False
        Keyword only; predictions are logits rather than probabilities.

    Raises
    ------
    ValueError
        For wrong arguments; in `update_state` for labels other than 0 and 1 and predictions outside [0, 1], in `result` where
        a compiled program has met such.

    References
    ----------
    P. Flach and M. Kull, "Precision-Recall-Gain Curves: PR Analysis Done Right", NIPS 2015, for ``PRGAIN``.
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
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ):
        for word, value, known in (("curve", curve, _CURVES), ("summation_method", summation_method, _HEIGHTS)):
            if value not in known:
                raise ValueError(f"AUC: {word} must be one of {', '.join(known)}, got {value!r}")
        if num_labels is not None and not multi_label:
            raise ValueError(f"AUC: num_labels={num_labels!r} needs multi_label=True")
        edges = _edges(num_thresholds, thresholds, from_logits)
        self.num_thresholds, self.thresholds = len(edges) + 2, None if thresholds is None else list(thresholds)
        self.curve, self.summation_method, self.from_logits = curve, summation_method, from_logits
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights = None if label_weights is None else [float(w) for w in label_weights]
        self.limits = (-np.inf, np.inf) if from_logits else (0.0, 1.0)
        super().__init__(edges, name)

    @property
    def _way_out(self) -> str:
        return "; set from_logits=True for logits"

    def groups(self, outputs: int) -> list[slice]:
        known = {"num_labels": self.num_labels, "label_weights": self.label_weights and len(self.label_weights)}
        for word, labels in known.items():
            if labels not in (None, outputs):
                raise ValueError(f"{self.name}: {word} is for {labels} outputs, the predictions have {outputs}")
        alone = self.multi_label or self.label_weights
        return [slice(j, j + 1) for j in range(outputs)] if alone else [slice(None)]

    def result(self) -> float:
        true, false = self.passed()
        weights = np.ones(len(true)) if self.label_weights is None else np.asarray(self.label_weights)
        if not self.multi_label:
            return self._area(weights[: len(true)] @ true, weights[: len(false)] @ false)
        areas = np.array([self._area(*curves) for curves in zip(true, false, strict=True)])
        return float(ratio(weights @ areas, weights.sum()))

    def _area(self, true: np.ndarray, false: np.ndarray) -> float:
        return _CURVES[self.curve](self, np.append(true, 0.0), np.append(false, 0.0))

    def _receiver_operating(self, true: np.ndarray, false: np.ndarray) -> float:
        return self._strips(ratio(false, false[0]), ratio(true, true[0]))

    def _precision_recall(self, true: np.ndarray, false: np.ndarray) -> float:
        if self.summation_method == "interpolation":
            return _interpolated_precision_recall(true, true + false, true[0])
        return self._strips(ratio(true, true[0]), ratio(true, true + false))

    def _gain(self, true: np.ndarray, false: np.ndarray) -> float:
        """Gains are 1 less the odds of an error, over those of saying always 1; where nothing is found 0 and 1, and never below 0."""
        odds = ratio(true[0], false[0])
        recall = np.where(true == 0, 0.0, 1 - odds * ratio(true[0] - true, true))
        precision = np.where(true == 0, 1.0, 1 - odds * ratio(false, true))
        return self._strips(np.maximum(recall, 0.0), precision)

    def _strips(self, x: np.ndarray, y: np.ndarray) -> float:
        return float(np.sum((x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:])))


_CURVES = {"ROC": AUC._receiver_operating, "PR": AUC._precision_recall, "PRGAIN": AUC._gain}


def _edges(num_thresholds: int, thresholds: Sequence[float] | None, from_logits: bool) -> np.ndarray:
    """The thresholds between the first, which lies below all predictions, and the last, which lies above."""
    if thresholds is None:
        positive_integer("AUC: num_thresholds", num_thresholds, 2, MOST_THRESHOLDS)
        inner = np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
    else:
        inner = np.sort(np.asarray(thresholds, dtype=np.float64))
        if not np.all((inner >= 0) & (inner <= 1)):
            raise ValueError(f"AUC: thresholds must lie in [0, 1], got {thresholds!r}")
    if from_logits:
        with np.errstate(divide="ignore"):
            inner = np.log(inner) - np.log1p(-inner)
    return inner


def _interpolated_precision_recall(true: np.ndarray, chosen: np.ndarray, positives: float) -> float:
    """Between two thresholds true positives are linear in all chosen; precision over recall then integrates to a logarithm.

    Davis & Goadrich (2006), "The Relationship Between Precision-Recall and ROC Curves".
    """
    gained, more = true[:-1] - true[1:], chosen[:-1] - chosen[1:]
    slope = ratio(gained, more)
    intercept = true[1:] - slope * chosen[1:]
    both = (chosen[:-1] > 0) & (chosen[1:] > 0)
    growth = np.where(both, ratio(chosen[:-1], chosen[1:]), 1.0)
    return float(np.sum(ratio(slope * (gained + intercept * np.log(growth)), positives)))
