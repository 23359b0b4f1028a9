"""What an estimator's network learns: how many outputs it has, through which activation, and what is minimised."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from fastnn import activations, losses, samples
from fastnn.losses import Loss, SparseCategoricalCrossentropy
from fastnn.losses.raw import RawLoss

__all__ = ["FASTNN", "SKLEARN", "Task", "classification", "regression"]

FASTNN = {"identity": "linear", "logistic": "sigmoid", "exp": "exponential"}
"""scikit-learn's names of activations, where fastnn has others."""
SKLEARN = {ours: theirs for theirs, ours in FASTNN.items()}

NAMED = {
    ("log_loss", "binary"): "half_binomial_loss",
    ("log_loss", "multilabel-indicator"): "half_binomial_loss",
    ("log_loss", "multiclass"): "half_multinomial_loss",
    ("squared_error", "numbers"): "half_squared_error",
    ("poisson", "numbers"): "half_poisson_loss",
}
"""scikit-learn's losses, for targets of a type."""
NUMBERS, CLASSES = ("signed", "positive", "counts"), ("signs", "one_hot")
"""Targets that aren't classes, and those that are nothing else, in the words of `fastnn.samples`."""
LINKS = {"positive": "exponential", "unit": "sigmoid", "probabilities": "softmax"}
"""Activations that make predictions of a kind."""


@dataclass
class Task:
    """What is learned.

    Attributes
    ----------
    loss : Loss
    outputs : int
    out_activation : str
        As scikit-learn names it.
    share : float
        By what the network's loss is divided to be the one reported: scikit-learn reports squared errors' mean over the outputs, where it
        minimises their sum.
    labels, one_hot : bool
        Whether targets are class numbers, or rows with a 1 at the class, instead of one column an output.
    threshold : float
        Where a lone output turns from one class to the other.
    """

    loss: Loss
    outputs: int
    out_activation: str
    share: float = 1.0
    labels: bool = False
    one_hot: bool = False
    threshold: float = 0.5

    @property
    def raw(self) -> bool:
        """Whether the loss is one of what enters the last activation."""
        return isinstance(self.loss, RawLoss) and self.loss.link == FASTNN.get(self.out_activation, self.out_activation)

    def checked(self) -> Task:
        """The task, if its loss and the output's activation go together.

        Raises
        ------
        ValueError
            When the loss belongs before another activation.
        """
        if isinstance(self.loss, RawLoss) and self.loss.link != "linear" and not self.raw:
            needed = SKLEARN.get(self.loss.link, self.loss.link)
            raise ValueError(f"loss {self.loss.name!r} goes with out_activation={needed!r}, here it is {self.out_activation!r}")
        return self


def _loss(given: Any, targets: str) -> Loss:
    """A loss of the estimator's own, from what its parameter `loss` is."""
    made = copy.deepcopy(losses.get(NAMED.get((given, targets), given) if isinstance(given, str) else given))
    made.reduction = "mean_with_sample_weight"
    return made


def _kinds(loss: Loss) -> list[str]:
    """What predictions and targets are to a loss, in the words of `fastnn.samples`."""
    return [samples.kind(loss.op, argument) for argument in loss.op.arrays[:2]]


def _chosen(given: Any, default: str) -> str:
    name = default if given is None else activations.get(FASTNN.get(given, given)).name
    return SKLEARN.get(name, name)


def classification(estimator: Any, targets: str, columns: int, classes: int) -> Task:
    """The task of telling classes apart.

    Parameters
    ----------
    estimator : MLPClassifier
    targets : {"binary", "multiclass", "multilabel-indicator"}
    columns : int
        Of targets with a column an output.
    classes : int

    Raises
    ------
    ValueError
        When the loss or the output's activation doesn't suit the targets.
    """
    loss = _loss(estimator.loss, targets)
    if estimator.label_smoothing and estimator.loss == "log_loss" and targets == "multiclass":
        loss = SparseCategoricalCrossentropy(label_smoothing=estimator.label_smoothing, reduction=loss.reduction)
    elif estimator.label_smoothing and estimator.loss != "log_loss":
        raise ValueError(f"label_smoothing goes with loss='log_loss'; give it to the loss instead of {loss.name!r} if that takes one")
    y, t = _kinds(loss)
    if t in NUMBERS or loss.function.outputs_per_target > 1:
        raise ValueError(f"loss {loss.name!r} is one of numbers; use MLPRegressor, or a loss of classes such as 'log_loss'")
    sparse, wide = loss.function.sparse, t in ("one_hot", "probabilities")
    if (sparse or wide) and targets == "multilabel-indicator":
        raise ValueError(f"loss {loss.name!r} is one of a single class, y has many labels; use 'log_loss' or 'binary_focal_crossentropy'")
    many = targets == "multiclass" or sparse or wide
    scores = y == "real" and t != "real" and not isinstance(loss, RawLoss)  # of a margin
    default = "identity" if scores else "softmax" if many and targets != "multilabel-indicator" else "logistic"
    return Task(
        loss,
        max(classes, 2) if many else columns,
        _chosen(estimator.out_activation, default),
        labels=sparse,
        one_hot=many and not sparse,
        threshold=0.0 if t == "signs" else 0.5,
    ).checked()


def regression(estimator: Any, columns: int) -> Task:
    """The task of predicting so many numbers.

    Raises
    ------
    ValueError
        When the loss is one of classes, or the output's activation is unknown.
    """
    loss = _loss(estimator.loss, "numbers")
    if loss.function.sparse or _kinds(loss)[1] in CLASSES:
        raise ValueError(f"loss {loss.name!r} is one of classes; use MLPClassifier, or a loss of numbers such as 'huber'")
    several = loss.function.outputs_per_target
    link = loss.link if isinstance(loss, RawLoss) else loss.function.activation
    default = link or (LINKS.get(_kinds(loss)[0], "linear") if several == 1 else "linear")
    share = float(columns) if estimator.loss == "squared_error" else 1.0
    return Task(loss, columns * several, _chosen(estimator.out_activation, default), share).checked()
