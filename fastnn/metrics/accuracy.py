"""How often predictions are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.metrics.metric import RunningMean, Weights, aligned, metrics


class Matches(RunningMean):
    """The mean of a yes or no a sample; subclasses write `matches`."""

    direction = "max"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Weights = None) -> None:
        self.add(self.matches(y_true, y_pred), sample_weight)

    def matches(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """Which predictions are right: bool, ``(n, ...)``."""
        raise NotImplementedError


@metrics.register("acc")
class Accuracy(Matches):
    """How often predictions equal targets.

    In ``compile(metrics=["accuracy"])`` the name means the binary, categorical or sparse form, see :func:`resolve`.

    Parameters
    ----------
    name : str, default "accuracy"
    """

    def matches(self, y_true: Any, y_pred: Any) -> np.ndarray:
        t, y = aligned(self, y_true, y_pred)
        return t == y


@metrics.register()
class BinaryAccuracy(Matches):
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

    def __init__(self, name: str | None = None, *, threshold: float = 0.5):
        super().__init__(name)
        if not 0 < threshold < 1:
            raise ValueError(f"BinaryAccuracy: threshold must lie between 0 and 1, got {threshold!r}")
        self.threshold = threshold

    def matches(self, y_true: Any, y_pred: Any) -> np.ndarray:
        t, y = aligned(self, y_true, y_pred)
        return t == (y > self.threshold)


@metrics.register()
class CategoricalAccuracy(Matches):
    """How often the largest prediction stands where the one-hot target is largest.

    Parameters
    ----------
    name : str, default "categorical_accuracy"
    """

    def matches(self, y_true: Any, y_pred: Any) -> np.ndarray:
        t, y = np.asarray(y_true), np.asarray(y_pred)
        if t.shape != y.shape or t.ndim < 2:
            raise ValueError(
                f"{self.name}: y_true must be one-hot of the shape of y_pred {y.shape}, got {t.shape}; "
                "use sparse_categorical_accuracy for integer labels"
            )
        return t.argmax(axis=-1) == y.argmax(axis=-1)


@metrics.register()
class SparseCategoricalAccuracy(Matches):
    """How often the largest prediction stands where the integer label says.

    Parameters
    ----------
    name : str, default "sparse_categorical_accuracy"
    """

    def matches(self, y_true: Any, y_pred: Any) -> np.ndarray:
        t, y = np.asarray(y_true), np.asarray(y_pred)
        if t.ndim == y.ndim and t.shape[-1:] == (1,):
            t = t[..., 0]
        if y.ndim < 2 or t.shape != y.shape[:-1]:
            raise ValueError(
                f"{self.name}: y_true must hold one integer label a sample, {y.shape[:-1]} for y_pred {y.shape}, got {t.shape}; "
                "use categorical_accuracy for one-hot targets"
            )
        return t == y.argmax(axis=-1)
