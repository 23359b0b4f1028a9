"""F-beta scores: weighted harmonic means of precision and recall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.memory import aligned_zeros
from fastnn.metrics.metric import OpMetric, metrics
from fastnn.metrics.thresholds import ratio

__all__ = ["F1Score", "FBetaScore"]


@op("y (n, m) -> p (n, m)", differentiable=False, split="n")
def ones_at_largest(y: np.ndarray, p: np.ndarray) -> None:
    """1 where an output is the row's largest, all of equals, and 0 elsewhere; 0 too where it is within 1e-9 of 0, or NaN in the row."""
    p[:] = (y >= y.max(axis=1, keepdims=True)) & (np.abs(y) > 1e-9)


@op("y (n, m) -> p (n, m)", differentiable=False, split="n")
def ones_above(y: np.ndarray, p: np.ndarray, threshold: float = 0.5) -> None:
    """1 where an output lies above the threshold, else 0."""
    p[:] = y > threshold


@op("p (n, m), t (n, m), w (n), hits (3, m) float64 -> hits (3, m) float64", differentiable=False)
def accumulate_hits(p: np.ndarray, t: np.ndarray, w: np.ndarray, hits: np.ndarray) -> None:
    """Add a batch's weights of what was predicted and true, of what was predicted, and of what was true, for each output."""
    p, t, w = (a.astype(np.float64) for a in (p, t, w))
    hits += w @ (p * t), w @ p, w @ t


@metrics.register("fbeta_score", "fbeta")
class FBetaScore(OpMetric):
    """``(1 + beta^2) precision recall / (beta^2 precision + recall)``, of each output or averaged.

    Computed as ``(1 + beta^2) tp / (beta^2 (tp + fn) + tp + fp)``, which is 0 where that is 0 / 0; Keras adds 1e-7 to denominators.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        An array of one score an output; the score of all outputs' counts; the scores' mean; the mean weighted by how often each is true.
    beta : float, default 1.0
        How much more recall counts than precision.
    threshold : float, optional
        In (0, 1]; outputs above it count as 1. By default each sample's largest output does.
    name : str, default "fbeta_score"

    Raises
    ------
    ValueError
        For wrong arguments.

    References
    ----------
    C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, chapter 7.
    """

    ops = (accumulate_hits, ones_at_largest, ones_above)
    direction = "max"

    def __init__(self, average: str | None = None, beta: float = 1.0, threshold: float | None = None, name: str | None = "fbeta_score"):
        kind = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"{kind}: average must be None, 'micro', 'macro' or 'weighted', got {average!r}")
        if not beta > 0:
            raise ValueError(f"{kind}: beta must be positive, got {beta!r}")
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(f"{kind}: threshold must lie in (0, 1], got {threshold!r}")
        self.average, self.beta, self.threshold = average, beta, threshold
        self.hits = np.zeros((3, 0))
        super().__init__(name)

    def calls(self, t: np.ndarray, y: np.ndarray, w: np.ndarray) -> Iterator[tuple[Any, ...]]:
        self._begin(y.shape[1])
        p = aligned_zeros(y.shape, y.dtype)
        if self.threshold is None:
            yield ones_at_largest, y, p
        else:
            yield ones_above, y, p, float(self.threshold)
        yield accumulate_hits, p, t, w, self.hits

    def _begin(self, outputs: int) -> None:
        """Make room for so many outputs, where there was data of another number or none."""
        if self.hits.shape[1] != outputs:
            if self.hits.any():
                raise ValueError(f"{self.name}: earlier batches had {self.hits.shape[1]} outputs, this one has {outputs}")
            self.hits = np.zeros((3, outputs))

    def result(self) -> Any:
        both, predicted, true = self.hits.sum(axis=1, keepdims=True) if self.average == "micro" else self.hits
        square = self.beta**2
        scores = ratio((1 + square) * both, square * true + predicted)
        if self.average is None:
            return scores
        return float(ratio(true @ scores, true.sum())) if self.average == "weighted" else float(scores.mean() if scores.size else 0.0)


@metrics.register("f1")
class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: :class:`FBetaScore` with beta 1.

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
    threshold : float, optional
    name : str, default "f1_score"

    Raises
    ------
    ValueError
        For wrong arguments.
    """

    def __init__(self, average: str | None = None, threshold: float | None = None, name: str | None = "f1_score"):
        super().__init__(average, 1.0, threshold, name)
