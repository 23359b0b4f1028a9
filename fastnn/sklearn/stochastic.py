"""Training by batches, epoch by epoch, as scikit-learn's solvers ``sgd`` and ``adam`` do it."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn.callbacks import CallbackList
from fastnn.sklearn.epochs import Epochs
from fastnn.sklearn.solvers import made_optimizer
from fastnn.sklearn.validating import Judge, Samples

__all__ = ["train"]

LARGEST_BATCH = 200
"""Samples a batch by default."""


def train(estimator: Any, samples: Samples, judge: Judge | None, incremental: bool) -> Judge | None:
    """Train an estimator's network, for one epoch if `incremental`; what it was judged by.

    Raises
    ------
    ValueError
        Where there is nothing to judge by, and something needs it.
    """
    model = estimator.model_
    if estimator.early_stopping and judge is None:
        if incremental:
            raise ValueError("partial_fit does not support early_stopping=True without an eval_set to judge by")
        samples, held_out = samples.split(estimator.validation_fraction, estimator._random_state, estimator._stratified)
        judge = Judge(estimator, held_out)
    if judge is None and (asked := [name for name in ("restore_best", "scoring", "calibrate") if getattr(estimator, name, None)]):
        raise ValueError(f"{', '.join(asked)} needs samples to judge by: pass eval_set to fit, or set early_stopping=True")
    if not incremental or getattr(estimator, "_optimizer", None) is not model.optimizer or not model.compiled:
        estimator._optimizer = made_optimizer(estimator)
        model.compile(estimator._optimizer, estimator._task.loss)
    elif not _alike(model.loss, estimator._task.loss):  # the parameter has been set since the last call
        model.compile(estimator._optimizer, estimator._task.loss)
    estimator.callbacks_ = CallbackList(copy.deepcopy(estimator.callbacks)).callbacks
    epochs = Epochs(estimator, len(samples.x), judge, incremental)
    try:
        model.fit(
            samples.x,
            samples.y,
            batch_size=_batch_size(estimator.batch_size, len(samples.x), model.optimizer.full_batch),
            epochs=1 if incremental else int(estimator.max_iter),
            verbose=1 if estimator.progress else 0,
            callbacks=[epochs, *estimator.callbacks_],
            shuffle=Shuffle(estimator._random_state) if estimator.shuffle else False,
            sample_weight=samples.weights,
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    model.history = None  # which knows the estimator, as the list of all callbacks does
    CallbackList(estimator.callbacks_)
    epochs.restore()
    if epochs.ran_out and not incremental:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return judge


def _alike(loss: Any, other: Any) -> bool:
    try:
        return repr(loss) == repr(other)
    except TypeError:  # one of a user's own, which can't be saved
        return False


def _batch_size(asked: Any, n: int, whole: bool) -> int:
    if asked == "auto":
        return n if whole else min(LARGEST_BATCH, n)
    if asked > n:
        warnings.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4)
    return int(min(asked, n))


class Shuffle:
    """The order of each epoch: the last one's, shuffled, with scikit-learn's random numbers."""

    def __init__(self, random: np.random.RandomState):
        self.random = random
        self.order: np.ndarray | None = None

    def __call__(self, n: int) -> np.ndarray:
        places = np.arange(n)
        self.random.shuffle(places)
        self.order = places if self.order is None else self.order[places]
        return self.order
