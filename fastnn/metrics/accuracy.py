"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.backend import op
from fastnn.configurable import snake_case
from fastnn.metrics.mean import Comparison
from fastnn.metrics.metric import Metric, metrics

__all__ = ["Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"]


@op("y (n, m), t (n, m) -> value (n) float64", differentiable=False, split="n")
def accuracy(y: np.ndarray, t: np.ndarray, value: np.ndarray) -> None:
    """The share of a sample's outputs that equal its targets."""
    value[:] = np.mean(t == y, axis=1)


@metrics.register("acc")
class Accuracy(Comparison):
    """How often predictions equal targets.

    In ``compile(metrics=["accuracy"])`` the name means the binary, categorical or sparse form, see :func:`resolve`.

    Parameters
    ----------
    name : str, default "accuracy"
    """

    op = accuracy
    direction = "max"


@op("y (n, m), truth (n, m) -> value (n) float64", differentiable=False, split="n")
def binary_accuracy(y: np.ndarray, truth: np.ndarray, value: np.ndarray, threshold: float = 0.5) -> None:
    """The share of a sample's outputs that are above `threshold` where the truth is 1, and not where it is 0."""
    value[:] = np.mean(truth == (y > threshold), axis=1)


@metrics.register()
class BinaryAccuracy(Comparison):
    """How often a probability lies on the side of the threshold that its label, 0 or 1, says.

    Parameters
    ----------
    name : str, default "binary_accuracy"
    threshold : float, default 0.5
        Keyword only; predictions above it count as 1.

    Raises
    ------
    ValueError
        When `threshold` isn't inside (0, 1).
    """

    op = binary_accuracy
    direction = "max"

    def __init__(self, name: str | None = None, *, threshold: float = 0.5):
        super().__init__(name)
        if not 0 < threshold < 1:
            raise ValueError(f"BinaryAccuracy: threshold must lie between 0 and 1, got {threshold!r}")
        self.threshold = threshold
        self.scalars = (float(threshold),)


def one_hot_rows(metric: Metric, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """One-hot targets and predictions as matrices of one row a prediction, and how many samples they are."""
    t, y = np.asarray(y_true), np.asarray(y_pred)
    if t.shape != y.shape or t.ndim < 2:
        hint = _instead(f"Sparse{type(metric).__name__}", "integer labels")
        raise ValueError(f"{metric.name}: y_true must be one-hot of the shape of y_pred {y.shape}, got {t.shape}{hint}")
    return t.reshape(-1, t.shape[-1]), y.reshape(-1, y.shape[-1]), len(y)


def label_rows(metric: Metric, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Labels as a vector of integers (-1 where one isn't whole), predictions with a row a label, and how many samples they are."""
    t, y = np.asarray(y_true), np.asarray(y_pred)
    if t.ndim == y.ndim and t.shape[-1:] == (1,):
        t = t[..., 0]
    if y.ndim < 2 or t.shape != y.shape[:-1]:
        hint = _instead(type(metric).__name__.removeprefix("Sparse"), "one-hot targets")
        raise ValueError(
            f"{metric.name}: y_true must hold one integer label a sample, {y.shape[:-1]} for y_pred {y.shape}, got {t.shape}{hint}"
        )
    whole = np.where(np.isfinite(t) & (t == np.floor(t)), t, -1).astype(np.int64)
    return whole.reshape(-1), y.reshape(-1, y.shape[-1]), len(y)


def _instead(kind: str, targets: str) -> str:
    return f"; use {snake_case(kind)} for {targets}" if kind in metrics.members else ""


@op("y (n, m), t (n, m) -> value (n) float64", differentiable=False, split="n")
def categorical_accuracy(y: np.ndarray, t: np.ndarray, value: np.ndarray) -> None:
    """1 where the largest output stands where the largest target does, else 0; of equals the first counts, and NaN is the largest."""
    value[:] = y.argmax(axis=1) == t.argmax(axis=1)


@metrics.register()
class CategoricalAccuracy(Comparison):
    """How often the largest prediction stands where the one-hot target is largest.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
    """

    op = categorical_accuracy
    direction = "max"

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        return one_hot_rows(self, y_true, y_pred)


@op("y (n, m), labels (n) int64 -> value (n) float64", differentiable=False, split="n")
def sparse_categorical_accuracy(y: np.ndarray, labels: np.ndarray, value: np.ndarray) -> None:
    """1 where the largest output stands where the label says, else 0; of equals the first counts, and NaN is the largest."""
    value[:] = y.argmax(axis=1) == labels


@metrics.register()
class SparseCategoricalAccuracy(Comparison):
    """How often the largest prediction stands where the integer label says.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
    """

    op = sparse_categorical_accuracy
    direction = "max"

    def in_rows(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, int]:
        return label_rows(self, y_true, y_pred)
