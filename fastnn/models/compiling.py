"""What a model is trained by: optimizer, loss and metrics."""

from __future__ import annotations

from typing import Any

from fastnn import losses, optimizers
from fastnn.keywords import explained
from fastnn.metrics import Metric
from fastnn.models.looping import Looper
from fastnn.models.scores import Scores

__all__ = ["USED_OPTIMIZER", "Compiled"]

USED_OPTIMIZER = "this {} has trained another model, and remembers it: make a new one for each model"


class Compiled(Looper):
    """A model that is told how to train."""

    @explained
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose how to train. A loss takes outputs of shape (n, m): end with `Flatten` where there are more axes.

        Parameters
        ----------
        optimizer : str or Optimizer
        loss : str or Loss
            Needed to train and to evaluate. A list of one is as good as the one.
        loss_weights : None
            Here for Keras' order of arguments: a model has one loss.
        metrics : list of (str, Metric or function), optional
            Computed without sample weights; ``"accuracy"`` takes the form that suits targets and outputs.
        weighted_metrics : list, optional
            The same, with sample and class weights.
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss
            Without meaning: in Keras they change how TensorFlow works, not what comes out.

        Raises
        ------
        ValueError, TypeError
            For unknown names, objects of the wrong kind, and an optimizer that has trained another model; the model keeps
            what it had.
        """
        _check_one_loss(loss_weights)
        if isinstance(loss, list) and len(loss) == 1:
            loss = loss[0]
        chosen = optimizers.get(optimizer), None if loss is None else losses.get(loss), Scores(metrics, weighted_metrics)
        if chosen[0].built and chosen[0] is not self.optimizer:
            raise ValueError(USED_OPTIMIZER.format(type(chosen[0]).__name__))
        self.optimizer, self.loss, self._scores = chosen
        self._test_scores = chosen[2].fresh()
        self._changed()

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._scores is not None

    @property
    def metrics_names(self) -> list[str]:
        """``"loss"`` and the names of the metrics."""
        return ["loss", *self._require_compiled().names]

    @property
    def metrics(self) -> list[Any]:
        """The metrics chosen in `compile`, as objects."""
        return [] if self._scores is None else self._scores.metrics

    def reset_metrics(self) -> None:
        """Let the metrics begin anew, which each fit, evaluate and train_on_batch does by itself."""
        for metric in self.metrics:
            metric.reset_state()

    def _require_compiled(self) -> Scores:
        if self._scores is None:
            raise ValueError(f"model {self.name!r} isn't compiled: call compile(optimizer=..., loss=...) first")
        if self.loss is None:
            raise ValueError(f"model {self.name!r} was compiled without a loss: call compile(loss=...) to train or evaluate it")
        return self._scores


def _check_one_loss(loss_weights: Any) -> None:
    weights = loss_weights if isinstance(loss_weights, (list, tuple)) else [loss_weights]
    if any(isinstance(each, (str, Metric)) or callable(each) for each in weights):
        raise TypeError("compile: loss_weights comes third, as in Keras 3; write compile(optimizer, loss, metrics=[...])")
    if loss_weights not in (None, 1, [1], [1.0], (1,)):
        raise ValueError(f"compile: a model has one loss, and loss_weights={loss_weights!r} would scale it: change the learning rate")
