"""Scores of real-valued predictions beyond the means of losses."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn import losses
from fastnn.backend import op
from fastnn.metrics.loss import MeanLoss, OfLoss
from fastnn.metrics.metric import OpMetric, metrics

__all__ = ["CosineSimilarity", "LogCoshError", "R2Score", "RootMeanSquaredError"]


@metrics.register()
class CosineSimilarity(OfLoss):
    """The mean cosine of the angle between targets and predictions: 1 where they point the same way.

    The loss of that name has the other sign.

    Parameters
    ----------
    name : str, default "cosine_similarity"
    axis : int, default -1
        Keyword only; -1, the axis of the outputs.

    Raises
    ------
    ValueError
        For another `axis`.
    """

    of = losses.CosineSimilarity
    direction = "max"

    def result(self) -> float:
        return -super().result() + 0.0  # no -0


@metrics.register()
class LogCoshError(OfLoss):
    """The mean of the logarithm of the hyperbolic cosine of differences.

    Parameters
    ----------
    name : str, default "logcosh"
    """

    of = losses.LogCosh
    default_name = "logcosh"


@metrics.register("rmse", "RMSE")
class RootMeanSquaredError(MeanLoss):
    """The square root of the mean of squared differences.

    Parameters
    ----------
    name : str, default "root_mean_squared_error"
    """

    ops = (losses.mean_squared_error.op, *MeanLoss.ops)

    def __init__(self, name: str | None = "root_mean_squared_error"):
        super().__init__(losses.MeanSquaredError(), name)

    def result(self) -> float:
        return math.sqrt(super().result())


@op(
    "y (n, m), t (n, m), w (n), counts (2) float64, moments (3, m) float64 -> counts (2) float64, moments (3, m) float64",
    differentiable=False,
)
def accumulate_r2(y: np.ndarray, t: np.ndarray, w: np.ndarray, counts: np.ndarray, moments: np.ndarray) -> None:
    """Combine a batch with those before: how many samples, their weight; the targets' mean, squares around it, squares missed.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance", Amer. Statist. 37 (1983), eq. 2.1.
    """
    y, t, w = (a.astype(np.float64) for a in (y, t, w))
    before, weight = counts[1], w.sum()
    counts += len(y), weight
    if not weight:
        return
    mean, total, residual = moments
    centre = w @ t / weight
    shift = centre - mean
    mean += shift * (weight / counts[1])
    total += w @ np.square(t - centre) + np.square(shift) * (before * weight / counts[1])
    residual += w @ np.square(t - y)


@metrics.register("r2", "R2")
class R2Score(OpMetric):
    """The share of the targets' variance that predictions explain: ``1 - residual / total``.

    The targets' sum of squares is combined from batch to batch around their running mean (:func:`accumulate_r2`), so that a large
    mean doesn't cancel it away. An output whose targets are all equal scores 1 when the predictions are exact and 0 otherwise.
    Without data the score is nan.

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

    ops = (accumulate_r2,)
    direction = "max"

    def __init__(self, class_aggregation: str | None = "uniform_average", num_regressors: int = 0, name: str | None = None):
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(
                f"R2Score: class_aggregation must be 'uniform_average', 'variance_weighted_average' or None, got {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(f"R2Score: num_regressors must not be negative, got {num_regressors!r}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.counts, self.moments = np.zeros(2), np.zeros((3, 0))
        super().__init__(name)

    def _begin(self, outputs: int) -> None:
        """Make room for so many outputs, where there was data of another number or none."""
        if self.moments.shape[1] != outputs:
            if self.counts[0]:
                raise ValueError(f"{self.name}: earlier batches had {self.moments.shape[1]} outputs, this one has {outputs}")
            self.moments = np.zeros((3, outputs))

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        self._begin(y.shape[1])
        yield accumulate_r2, y, t, w, self.counts, self.moments

    def result(self) -> Any:
        if not self.counts[1]:
            return math.nan
        _, total, residual = self.moments
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = np.where(total == 0, np.where(residual == 0, 1.0, 0.0), 1 - residual / total)
        return self._adjusted(self._aggregated(scores, total))

    def _aggregated(self, scores: np.ndarray, total: np.ndarray) -> Any:
        if self.class_aggregation is None:
            return scores
        if self.class_aggregation == "uniform_average" or not np.any(total):
            return float(scores.mean())
        return float(scores @ total / total.sum())

    def _adjusted(self, score: Any) -> Any:
        samples = int(self.counts[0])
        freedom = samples - self.num_regressors - 1
        if self.num_regressors and freedom <= 0:
            warnings.warn(
                f"{self.name}: {samples} samples are too few to adjust for {self.num_regressors} regressors; the score is not adjusted",
                stacklevel=3,
            )
        elif self.num_regressors:
            score = 1 - (1 - score) * (samples - 1) / freedom
        return score
