"""Training by batches, epoch by epoch, as scikit-learn's solvers ``sgd`` and ``adam`` do it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastnn.callbacks import Callback
from fastnn.callbacks.callback import Logs
from fastnn.optimizers import SGD, Adam, Optimizer
from fastnn.sklearn.validating import Samples

__all__ = ["train"]

LEAST_RATE = 1e-6
"""The learning rate at which an adaptive one is given up."""
LARGEST_BATCH = 200
"""Samples a batch by default."""


def train(estimator: Any, samples: Samples, incremental: bool) -> None:
    """Train an estimator's network, for one epoch if `incremental`."""
    model = estimator.model_
    if estimator.early_stopping and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    held_out = None
    if estimator.early_stopping:
        samples, held_out = samples.split(estimator.validation_fraction, estimator._random_state, estimator._stratified())
    if not incremental or getattr(estimator, "_optimizer", None) is not model.optimizer or not model.compiled:
        estimator._optimizer = _optimizer(estimator)
        model.compile(estimator._optimizer, estimator._loss()(reduction="mean_with_sample_weight"))
    n, estimator.n_iter_ = len(samples.x), 0
    epochs = Epochs(estimator, n, held_out, incremental)
    try:
        model.fit(
            samples.x,
            samples.y,
            batch_size=_batch_size(estimator.batch_size, n),
            epochs=1 if incremental else int(estimator.max_iter),
            verbose=0,
            callbacks=epochs,
            shuffle=Shuffle(estimator._random_state) if estimator.shuffle else False,
            sample_weight=samples.weights,
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    model.history = None  # which knows the estimator
    if held_out is not None:
        model.set_weights(estimator._best_weights)


def _optimizer(estimator: Any) -> Optimizer:
    if estimator.solver == "sgd":
        return SGD(estimator.learning_rate_init, estimator.momentum, bool(estimator.nesterovs_momentum))
    return Adam(estimator.learning_rate_init, estimator.beta_1, estimator.beta_2, estimator.epsilon)


def _batch_size(asked: Any, n: int) -> int:
    if asked == "auto":
        return min(LARGEST_BATCH, n)
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


class Epochs(Callback):
    """What happens after each epoch: its loss and score are kept, and a training that no longer improves is ended, as in scikit-learn.

    Parameters
    ----------
    estimator : BaseMLP
    samples : int
        In an epoch.
    held_out : Samples, optional
        To judge by.
    incremental : bool
        Whether there is one epoch alone.
    """

    stops_at_nan = True

    def __init__(self, estimator: Any, samples: int, held_out: Samples | None, incremental: bool):
        self.estimator, self.samples, self.held_out, self.incremental = estimator, samples, held_out, incremental
        self.share = estimator._loss_share()

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
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
        improved = self._improved_loss() if self.held_out is None else self._improved_score(self.held_out)
        estimator._no_improvement_count = 0 if improved else estimator._no_improvement_count + 1
        if estimator.solver == "sgd" and estimator.learning_rate == "invscaling":
            self.model.optimizer.learning_rate = estimator.learning_rate_init / (estimator.t_ + 1) ** estimator.power_t
        if estimator._no_improvement_count > estimator.n_iter_no_change and self._ends():
            self.model.stop_training = True
        elif estimator.n_iter_ == estimator.max_iter and not self.incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _improved_loss(self) -> bool:
        estimator, loss = self.estimator, self.estimator.loss_
        enough = not loss > estimator.best_loss_ - estimator.tol
        estimator.best_loss_ = loss if loss < estimator.best_loss_ else estimator.best_loss_
        return enough

    def _improved_score(self, held_out: Samples) -> bool:
        estimator = self.estimator
        score = estimator._judge(held_out, self.model(held_out.x))
        estimator.validation_scores_.append(score)
        if estimator.verbose:
            print(f"Validation score: {score:f}")
        enough = not score < estimator.best_validation_score_ + estimator.tol
        if score > estimator.best_validation_score_:
            estimator.best_validation_score_ = score
            estimator._best_weights = self.model.get_weights()
        return enough

    def _ends(self) -> bool:
        """Whether a training that doesn't improve ends; an adaptive learning rate becomes smaller instead."""
        estimator, optimizer = self.estimator, self.model.optimizer
        measured = "Training loss" if self.held_out is None else "Validation score"
        said = f"{measured} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
        adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
        small = adaptive and optimizer.learning_rate <= LEAST_RATE
        if adaptive and not small:
            optimizer.learning_rate /= 5.0
            estimator._no_improvement_count = 0
        then = "Learning rate too small. Stopping." if small else f"Setting learning rate to {optimizer.learning_rate:f}"
        if estimator.verbose:
            print(f"{said} {then if adaptive else 'Stopping.'}")
        return small or not adaptive
