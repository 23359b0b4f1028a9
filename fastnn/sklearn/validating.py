"""The part of the data that is kept from a training to judge it, and the scores that scikit-learn judges by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

__all__ = ["Samples", "accuracy", "r2"]


@dataclass
class Samples:
    """Samples, their targets as the loss takes them, and their weights.

    Attributes
    ----------
    x : ndarray of shape (n, features)
    y : ndarray of shape (n,), int64, or (n, outputs)
    weights : ndarray of shape (n,) or None
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None

    def split(self, share: float, random: np.random.RandomState, stratify: bool) -> tuple[Samples, Samples]:
        """Those to train with, and a share of them to judge by, chosen as scikit-learn does.

        Raises
        ------
        ValueError
            When there would be less than two to judge by.
        """
        groups = self.y.reshape(-1) if stratify else None
        chosen = train_test_split(np.arange(len(self.x)), random_state=random, test_size=share, stratify=groups)
        train, held_out = (self[rows] for rows in chosen)
        if len(held_out.x) < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        return train, held_out

    def __getitem__(self, rows: np.ndarray) -> Samples:
        return Samples(self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows])


def accuracy(samples: Samples, outputs: np.ndarray) -> float:
    """The share of samples whose class, or all of whose labels, are predicted."""
    if samples.y.ndim == 1:
        right = outputs.argmax(axis=1) == samples.y
    else:
        right = ((outputs > 0.5) == (samples.y > 0.5)).all(axis=1)
    return float(np.average(right, weights=samples.weights))


def r2(samples: Samples, outputs: np.ndarray) -> float:
    """The mean over the outputs of ``1 - sum((y - p)**2) / sum((y - mean(y))**2)``; NaN where a prediction isn't finite."""
    if not np.isfinite(outputs).all():
        return np.nan
    w: Any = 1.0 if samples.weights is None else samples.weights[:, None]
    mean = np.average(samples.y, axis=0, weights=samples.weights)
    missed = (w * (samples.y - outputs) ** 2).sum(axis=0, dtype=np.float64)
    spread = (w * (samples.y - mean) ** 2).sum(axis=0, dtype=np.float64)
    scores = np.where(missed == 0, 1.0, 0.0)
    np.divide(missed, spread, out=scores, where=spread != 0)
    return float(np.mean(np.where(spread != 0, 1 - scores, scores)))
