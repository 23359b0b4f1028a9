"""What happens after each epoch of a training: it is recorded, judged, and ended when it no longer improves."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.callbacks import Callback
from fastnn.callbacks.callback import Logs
from fastnn.sklearn.solvers import base_rate, rate_rule
from fastnn.sklearn.validating import Judge

__all__ = ["Epochs"]

LEAST_RATE = 1e-6
"""The learning rate at which an adaptive one is given up."""


class Epochs(Callback):
    """Keeps an estimator's record of its training, and decides about its end, as scikit-learn does.

    Parameters
    ----------
    estimator : BaseMLP
    samples : int
        In an epoch.
    judge : Judge, optional
        Without it, and without early stopping, the training's own loss decides.
    incremental : bool
        Whether this is one epoch of a training that goes on with the next call.

    Attributes
    ----------
    ran_out : bool
        Whether the last epoch came before the training had converged.
    """

    stops_at_nan = True

    def __init__(self, estimator: Any, samples: int, judge: Judge | None, incremental: bool):
        self.estimator, self.samples, self.judge, self.incremental = estimator, samples, judge, incremental
        self.rule, self.share = rate_rule(estimator), estimator._task.share
        self.restores = judge is not None and (estimator.early_stopping if estimator.restore_best is None else estimator.restore_best)
        self.ran_out = False
        self.base_rate = base_rate(estimator)
        estimator.n_iter_, estimator.converged_ = 0, False
        if not incremental or not estimator.loss_curve_:  # as there: what an earlier fit found best is beaten, or forgotten
            estimator._best = estimator._best[0], None if estimator.loss_curve_ else estimator.model_.get_weights()

    def watches_batches(self, mode: str) -> bool:
        return False  # the training returns by itself at a loss that isn't finite

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Stop where nothing can be learned any more."""
        if not all(np.isfinite(parameter.value).all() for parameter in self.model.trainable_weights):
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.t_ += self.samples
        estimator.loss_ = logs["loss"] / self.share  # type: ignore[index]
        estimator.loss_curve_.append(estimator.loss_)
        self._say(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        judged = self._judged(logs) if self.judge is not None else None
        improved = self._improved_score(judged) if estimator.early_stopping and judged is not None else self._improved_loss()
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1
        if self.rule == "invscaling":
            self.model.optimizer.learning_rate = self.base_rate / (estimator.t_ + 1) ** estimator.power_t
        if estimator._no_improvement_count > estimator.n_iter_no_change and self._ends():
            self.model.stop_training = estimator.converged_ = True
        elif estimator.n_iter_ == estimator.max_iter:
            self.ran_out = True

    def _say(self, message: str) -> None:
        if self.estimator.verbose:
            print(message)

    def _judged(self, logs: Logs) -> float:
        """What decides, larger if better, of all that the network is judged by; the best network is remembered by it."""
        estimator = self.estimator
        results = self.judge()  # type: ignore[misc]
        for name, value in results.items():
            estimator.validation_curve_.setdefault(name, []).append(value)
        logs.update({f"val_{name}": value for name, value in results.items()})  # type: ignore[union-attr]
        decides = -results["loss"] if estimator.monitor == "loss" else results[estimator.monitor]
        if decides > estimator._best[0]:
            estimator._best = decides, self.model.get_weights() if self.restores else None
            estimator.best_iter_ = len(estimator.loss_curve_)
        return decides

    def _improved_loss(self) -> bool:
        estimator, loss = self.estimator, self.estimator.loss_
        if estimator.best_loss_ is None:  # early stopping has been switched off since
            estimator.best_loss_ = np.inf
        enough = not loss > estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = loss if loss < estimator.best_loss_ else estimator.best_loss_
        return enough

    def _improved_score(self, score: float) -> bool:
        estimator = self.estimator
        if estimator.validation_scores_ is None:  # it has been switched on since
            estimator.validation_scores_, estimator.best_validation_score_ = [], -np.inf
        estimator.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")
        enough = not score < estimator.best_validation_score_ + estimator.tol
        estimator.best_validation_score_ = score if score > estimator.best_validation_score_ else estimator.best_validation_score_
        return enough

    def _ends(self) -> bool:
        """Whether a training that doesn't improve ends; an adaptive learning rate becomes smaller instead."""
        estimator, optimizer = self.estimator, self.model.optimizer
        measured = "Validation score" if estimator.early_stopping else "Training loss"
        said = f"{measured} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
        if self.rule != "adaptive":
            self._say(f"{said} Stopping.")
            return True
        if optimizer.learning_rate <= LEAST_RATE:
            self._say(f"{said} Learning rate too small. Stopping.")
            return True
        optimizer.learning_rate /= 5.0
        estimator._no_improvement_count = 0
        self._say(f"{said} Setting learning rate to {optimizer.learning_rate:f}")
        return False

    def restore(self) -> None:
        """Give the network the numbers of its best epoch, where that is wanted."""
        best = self.estimator._best[1]
        if self.restores and best is not None and (self.estimator.converged_ or not self.incremental):
            self.model.set_weights(best)
