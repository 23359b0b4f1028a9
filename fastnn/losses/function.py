"""A loss as a function: an op, or two where it fuses with an activation, called on arrays as in Keras.

A loss op has the signature ``y (n, m), t (n, m), w (n) -> value (n), dy (n, m)``. It computes each sample's weighted
loss ``value[i] = w[i] * loss(t[i], y[i])`` and the gradient ``dy`` of ``sum(value)`` in one go, so that an exp is
taken once. ``w`` holds the sample weights already divided by the batch size. What follows are the loss' own parameters: scalars, and
constant vectors where the signature gives them a shape, ``quantiles (m)``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.backend import Op, factor, op

__all__ = ["DENSE", "SPARSE", "LossFunction", "loss_function", "loss_op"]

Kernel = Callable[..., None]

DENSE = "y (n, m), t (n, m), w (n) -> value (n), dy (n, m)"
SPARSE = "y (n, m), labels (n) int64, w (n) -> value (n), dy (n, m)"
FIXED = 5  # y, t, w, value, dy


def loss_op(signature: str, split: str | None = "n", **draw: Any) -> Callable[[Kernel], Op]:
    """Decorator: declare a NumPy reference as a loss op; see :func:`loss_function` for the parameters."""
    # A diverging run overflows; the compiled twin says nothing then, so the reference doesn't either.
    return lambda reference: op(signature, split=split, draw={"y": "real", "t": "real", **draw})(np.errstate(all="ignore")(reference))


class LossFunction:
    """A loss function, called on arrays as in Keras, and the op or the two ops behind it.

    Attributes
    ----------
    name : str
    op : Op
        The loss of predictions.
    op_on_logits : Op or None
        The loss fused with the activation that makes predictions of logits.
    activation : str or None
        The name of that activation.
    loss : type or None
        The class that has this as its `function`: it knows and checks the parameters.
    """

    def __init__(self, reference: Kernel, signature: str, split: str | None = "n", **draw: Any):
        self.op = loss_op(signature, split, **draw)(reference)
        self.op_on_logits: Op | None = None
        self.activation: str | None = None
        self.loss: Any = None
        self.name = self.__name__ = reference.__name__
        self.__doc__ = reference.__doc__
        self.parameters: list[str] = list(inspect.signature(reference).parameters)[FIXED:]

    def __set_name__(self, owner: Any, name: str) -> None:
        self.loss = self.loss or owner

    @property
    def sparse(self) -> bool:
        """Whether targets are integer labels instead of one value an output."""
        return self.op.arrays[1].dtype == "int64"

    @functools.cached_property
    def outputs_per_target(self) -> int:
        """How many outputs belong to each column of targets: what the signature has before y's last symbol, ``2m``."""
        return factor(self.op.arrays[0].shape[1])[0]

    def fused_with(self, activation: str) -> Callable[[Kernel], Op]:
        """Decorator: declare the op of the same loss on logits that `activation` would turn into predictions."""

        def declare(reference: Kernel) -> Op:
            self.activation = activation
            self.op_on_logits = loss_op(self.op.signature, self.op.split, **{**self.op.draw, "y": "real"})(reference)
            return self.op_on_logits

        return declare

    def __call__(self, y_true: Any, y_pred: Any, *values: Any, **parameters: Any) -> np.ndarray:
        """The loss of each sample.

        Parameters
        ----------
        y_true : array_like
            Targets, of the shape of `y_pred`; sparse losses take labels of that shape without its last axis.
        y_pred : array_like, shape (..., m)
            Predictions.
        *values, **parameters
            Those of the class, ``reduction`` and ``name`` left out: the order is that of Keras' function.

        Returns
        -------
        ndarray, shape (...)
            In the dtype of `y_pred` if that is float32 or float64, else in ``floatx()``. A scalar for a loss of a whole batch.

        Raises
        ------
        ValueError
            When the shapes don't belong together, or a label is out of range.
        TypeError
            For a parameter the loss doesn't have.
        """
        if self.loss is None:
            raise TypeError(f"{self.name} can't be called yet: write a Loss with function = {self.name}")
        known = [p for p in inspect.signature(self.loss).parameters if p not in ("reduction", "name")]
        if unknown := [*(parameters.keys() - set(known)), *map(repr, values[len(known) :])]:
            raise TypeError(f"{self.name} has no parameter {', '.join(sorted(unknown))}; it has {', '.join(known) or 'none'}")
        made = self.loss(**dict(zip(known, values, strict=False)), **parameters)
        return made.each(y_true, y_pred)


def loss_function(signature: str, split: str | None = "n", **draw: Any) -> Callable[[Kernel], LossFunction]:
    """Decorator: declare a NumPy reference as an op and wrap it as a `LossFunction`.

    Parameters
    ----------
    signature : str
        `DENSE`, `SPARSE`, or the like.
    split : str or None
        None for a loss of a whole batch, whose samples can't be computed apart: each one's value is then its weight times the batch's loss.
    **draw : str or float
        What predictions, targets and parameters are, where not any real numbers: ``y="probabilities", t="one_hot"``; see
        ``fastnn/samples.py``.
    """
    return lambda reference: LossFunction(reference, signature, split, **draw)
