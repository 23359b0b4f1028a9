"""Functions written in Python as losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastnn.custom_objects import custom_function, registered_name
from fastnn.losses import loss as built_in
from fastnn.losses.differentiated import Formula
from fastnn.losses.loss import Loss, LossFunction, losses

__all__ = ["FunctionLoss", "get", "register"]


class FunctionLoss(Loss):
    """A Python function of targets and predictions as a loss.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred)``, see :meth:`Loss.call`. It may call NumPy's functions that `fastnn.autodiff.known` lists.
    sparse : bool
        Whether targets are labels: ``y_true`` then is ``(n,)`` of int64.
    reduction : str or None
        How the samples' losses are summed, see :class:`Loss`.
    name : str, optional
        The function's name by default.

    Raises
    ------
    TypeError
        When `fn` can't be called.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> def worst(y_true, y_pred):
    ...     return np.max(np.abs(y_true - y_pred), axis=-1)
    >>> float(fastnn.losses.get(worst)([[1.0, 1.0]], [[2.0, 3.0]]))
    2.0
    """

    def __init__(self, fn: Formula, sparse: bool = False, reduction: str | None = "sum_over_batch_size", name: str | None = None):
        if not callable(fn):
            raise TypeError(f"FunctionLoss: fn must be a function of y_true and y_pred, got {fn!r}")
        self.fn, self.sparse = fn, sparse
        super().__init__(reduction, name or _name_of(fn))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(y_true, y_pred)

    def serialized(self) -> Any:
        """The function's name where it was registered by :func:`fastnn.saving.register_keras_serializable`."""
        return registered_name(self.fn) or super().serialized()

    def get_config(self) -> dict[str, Any]:
        raise TypeError(
            f"loss {self.name!r} is a Python function, which can't be saved: decorate it with @fastnn.losses.register(), here and "
            "wherever the model is loaded"
        )

    def __repr__(self) -> str:
        return f"FunctionLoss({self.name}, reduction={self.reduction!r})"


class _RegisteredLoss(Loss):
    """Base of the classes that `register` makes of functions."""

    fn: Formula

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return type(self).fn(y_true, y_pred)


def _name_of(fn: Formula) -> str:
    return getattr(fn, "__name__", type(fn).__name__)


def register(*aliases: str, sparse: bool = False) -> Callable[[Any], Any]:
    """Decorator: let a function, or a subclass of `Loss`, be found by its name, so that models with it can be saved and loaded.

    Parameters
    ----------
    *aliases : str
        Further names.
    sparse : bool
        For a function: whether its targets are labels.
    """

    def add(given: Any) -> Any:
        made = given
        if not isinstance(given, type):
            made = type(_name_of(given), (_RegisteredLoss,), {"fn": staticmethod(given), "sparse": sparse, "__doc__": given.__doc__})
        losses.register(*aliases)(made)
        return given

    return add


def get(identifier: Any) -> Loss:
    """A loss from its name, class, function, configuration, or itself.

    Parameters
    ----------
    identifier : str, Loss, type, LossFunction, dict or callable
        ``"mse"``, ``MeanSquaredError()``, ``MeanSquaredError``, ``mean_squared_error``, ``{"class_name", "config"}``, or a Python function
        of ``y_true`` and ``y_pred``, which `FunctionLoss` wraps.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else.
    """
    if callable(own := custom_function(identifier)):
        identifier = own
    if not callable(identifier) or isinstance(identifier, (type, Loss, LossFunction)):
        return built_in.get(identifier)
    for member in losses.members.values():
        if getattr(member, "fn", None) is identifier:
            return member()
    return FunctionLoss(identifier)
