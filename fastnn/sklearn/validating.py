"""The samples that a training is judged by, and what it is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split

from fastnn.sklearn.coefficients import Coefficients

__all__ = ["Judge", "Samples", "accuracy", "r2"]


@dataclass
class Samples:
    """Samples, what is true of them, and their weights.

    Attributes
    ----------
    x : ndarray of shape (n, features)
    truth : ndarray of shape (n,) or (n, columns)
        The numbers of classes; columns of labels, or of numbers.
    y : ndarray
        The same as the loss takes it.
    weights : ndarray of shape (n,) or None
    """

    x: np.ndarray
    truth: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None

    def split(self, share: float, random: np.random.RandomState, stratify: bool) -> tuple[Samples, Samples]:
        """Those to train with, and a share of them to judge by, chosen as scikit-learn does.

        Raises
        ------
        ValueError
            When there would be less than two to judge by.
        """
        groups = self.truth.reshape(-1) if stratify else None
        chosen = train_test_split(np.arange(len(self.x)), random_state=random, test_size=share, stratify=groups)
        train, held_out = (self[rows] for rows in chosen)
        if len(held_out.x) < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        return train, held_out

    def __getitem__(self, rows: np.ndarray) -> Samples:
        return Samples(self.x[rows], self.truth[rows], self.y[rows], None if self.weights is None else self.weights[rows])


def accuracy(samples: Samples, decided: np.ndarray) -> float:
    """The share of samples whose class, or all of whose labels, are decided right."""
    right = decided == samples.truth
    return float(np.average(right if right.ndim == 1 else right.all(axis=1), weights=samples.weights))


def r2(samples: Samples, predicted: np.ndarray) -> float:
    """The mean over the columns of ``1 - sum((y - p)**2) / sum((y - mean(y))**2)``; NaN where a prediction isn't finite."""
    if not np.isfinite(predicted).all():
        return np.nan
    w: Any = 1.0 if samples.weights is None else samples.weights[:, None]
    mean = np.average(samples.truth, axis=0, weights=samples.weights)
    missed = (w * (samples.truth - predicted) ** 2).sum(axis=0, dtype=np.float64)
    spread = (w * (samples.truth - mean) ** 2).sum(axis=0, dtype=np.float64)
    varied = spread != 0
    return float(np.mean(np.where(varied, 1 - missed / np.where(varied, spread, 1), missed == 0)))


def _scorers(scoring: Any) -> dict[str, Callable[..., float]]:
    """The scorers that `scoring` names."""
    if scoring is None:
        return {}
    if isinstance(scoring, dict):
        return {name: get_scorer(each) for name, each in scoring.items()}
    several = scoring if isinstance(scoring, (list, tuple)) else [scoring]
    return {each if isinstance(each, str) else getattr(each, "__name__", "scorer"): get_scorer(each) for each in several}


class Judge:
    """Judges an estimator's network by samples that it isn't trained with.

    Parameters
    ----------
    estimator : BaseMLP
    samples : Samples

    Attributes
    ----------
    names : list of str
        ``"loss"``, the loss without penalties; ``"score"``, the estimator's own; those of its `scoring`.

    Raises
    ------
    ValueError
        For an unknown scorer, a `monitor` that is none of these, and weights that are all 0.
    """

    def __init__(self, estimator: Any, samples: Samples):
        self.estimator, self.samples = estimator, samples
        self.scorers = _scorers(estimator.scoring)
        self.names = ["loss", "score", *self.scorers]
        if estimator.monitor not in self.names:
            raise ValueError(f"monitor must be one of {', '.join(map(repr, self.names))}, got {estimator.monitor!r}; scoring adds others")
        if samples.weights is not None and not samples.weights.any():
            raise ValueError("Sample weights must contain at least one non-zero number: all of those of the samples to judge by are 0.")
        self._given = estimator._decoded(samples.truth) if self.scorers else None

    def __call__(self) -> dict[str, float]:
        """Each value by its name; the loss is better when smaller, any other when larger."""
        estimator, samples, task = self.estimator, self.samples, self.estimator._task
        outputs = estimator.model_(samples.x)
        raw = estimator._raw_network()(samples.x) if task.raw else outputs
        results = {
            "loss": float(task.loss(samples.y, raw, samples.weights)) / task.share,
            "score": estimator._judge(samples, outputs),
        }
        weights = {} if samples.weights is None else {"sample_weight": samples.weights}
        for name, scorer in self.scorers.items():
            results[name] = float(scorer(self._nameless(), samples.x, self._given, **weights))
        return results

    def _nameless(self) -> Any:
        """The estimator as one that was fitted without feature names: samples are plain arrays here, which isn't worth a warning."""
        view = object.__new__(type(self.estimator))
        view.__dict__.update({name: value for name, value in vars(self.estimator).items() if name != "feature_names_in_"})
        view._link = Coefficients(view, view.model_)
        return view
