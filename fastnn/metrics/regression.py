"""How far predictions are from targets."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from fastnn.metrics.metric import Metric, RunningMean, Weights, aligned, checked_weights, metrics


def _difference(metric: Metric, y_true: Any, y_pred: Any) -> np.ndarray:
    t, y = aligned(metric, y_true, y_pred)
    return np.subtract(y, t, dtype=np.float64)


@metrics.register("mse", "MSE")
class MeanSquaredError(RunningMean):
    """The mean of squared differences.

    Parameters
    ----------
    name : str, default "mean_squared_error"
    """

    direction = "min"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        d = _difference(self, y_true, y_pred)
        self.add(np.square(d, out=d), sample_weight)


@metrics.register("mae", "MAE")
class MeanAbsoluteError(RunningMean):
    """The mean of absolute differences.

    Parameters
    ----------
    name : str, default "mean_absolute_error"
    """

    direction = "min"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        d = _difference(self, y_true, y_pred)
        self.add(np.abs(d, out=d), sample_weight)


@metrics.register("rmse", "RMSE")
class RootMeanSquaredError(MeanSquaredError):
    """The square root of the mean of squared differences.

    Parameters
    ----------
    name : str, default "root_mean_squared_error"
    """

    def result(self) -> float:
        return math.sqrt(super().result())


@metrics.register("r2", "R2")
class R2Score(Metric):
    """The share of the targets' variance that predictions explain: ``1 - residual / total``.

    The targets' sum of squares is combined from batch to batch around their running mean (Chan, Golub and LeVeque
    1983, eq. 2.1), so that a large mean doesn't cancel it away. An output whose targets are all equal scores 1 when
    the predictions are exact and 0 otherwise. Without data the score is nan.

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average"} or None
        How the outputs' scores become one; None gives an array ``(m,)``.
    num_regressors : int, default 0
        Independent regressors; above 0 the score is adjusted: ``1 - (1 - r2) (n - 1) / (n - p - 1)``.
    name : str, default "r2_score"

    Raises
    ------
    ValueError
        For another aggregation or a negative number.
    """

    direction = "max"

    def __init__(self, class_aggregation: str | None = "uniform_average", num_regressors: int = 0, name: str | None = None):
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"R2Score: class_aggregation must be 'uniform_average', 'variance_weighted_average' or None, got {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must not be negative, got {num_regressors!r}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        super().__init__(name)

    def reset_state(self) -> None:
        self.samples, self.weight = 0, 0.0
        self.mean: Any = 0.0
        self.residual: Any = 0.0
        self.total: Any = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        n = len(y_pred)
        t, y = (a.reshape(n, math.prod(a.shape[1:])).astype(np.float64) for a in aligned(self, y_true, y_pred))
        if np.size(self.mean) not in (1, t.shape[1]) and self.samples:
            raise ValueError(f"{self.name}: earlier batches had {np.size(self.mean)} outputs, this one has {t.shape[1]}")
        w = checked_weights(self, sample_weight, n)
        w = np.ones(n) if w is None else w
        self.samples += n
        if w.any():
            self._combine(t, y, w)

    def _combine(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> None:
        weight = w.sum()
        mean = w @ t / weight
        delta, together = mean - self.mean, self.weight + weight
        self.total = self.total + w @ np.square(t - mean) + np.square(delta) * (self.weight * weight / together)
        self.residual = self.residual + w @ np.square(t - y)
        self.mean = self.mean + delta * (weight / together)
        self.weight = together

    def result(self) -> Any:
        if not self.weight:
            return math.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            constant = np.where(self.residual == 0, 1.0, 0.0)
            scores = np.where(self.total == 0, constant, 1 - self.residual / self.total)
        return self._adjusted(self._aggregated(scores))

    def _aggregated(self, scores: np.ndarray) -> Any:
        if self.class_aggregation is None:
            return scores
        if self.class_aggregation == "uniform_average" or not np.any(self.total):
            return float(scores.mean())
        return float(scores @ self.total / self.total.sum())

    def _adjusted(self, score: Any) -> Any:
        freedom = self.samples - self.num_regressors - 1
        if self.num_regressors and freedom <= 0:
            warnings.warn(
                f"{self.name}: {self.samples} samples are too few to adjust for {self.num_regressors} regressors; "
                "the score is not adjusted",
                stacklevel=3,
            )
        elif self.num_regressors:
            score = 1 - (1 - score) * (self.samples - 1) / freedom
        return score
