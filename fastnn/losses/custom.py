"""Losses written in Python, as a formula alone: their gradients come from `fastnn.autodiff`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff import vjp
from fastnn.autodiff.naming import within
from fastnn.backend import Op
from fastnn.custom_objects import custom_function, registered_name
from fastnn.losses import loss as built_in
from fastnn.losses.loss import DENSE, SPARSE, Loss, LossFunction, losses

__all__ = ["FunctionLoss", "PythonLoss", "get", "register"]

Formula = Callable[[Any, Any], Any]


class _Differentiated(LossFunction):
    """A formula of targets and predictions, with the op that computes it and its gradient; the op isn't in the registry.

    Parameters
    ----------
    formula : callable
    name : str
    sparse : bool
        Whether its targets are labels.
    """

    def __init__(self, formula: Formula, name: str, sparse: bool):
        def dense(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
            _differentiate(formula, name, y, t, w, value, dy)

        def of_labels(y: np.ndarray, labels: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
            _differentiate(formula, name, y, labels, w, value, dy)

        self.op = Op(of_labels, SPARSE, split="n") if sparse else Op(dense, DENSE, split="n")
        self.op_on_logits, self.activation, self.loss, self.parameters = None, None, None, []
        self.name = self.__name__ = name
        self._recipe = formula, name, sparse

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy has an op of its own, which computes the copy's formula."""
        return _Differentiated, self._recipe


def _differentiate(formula: Formula, name: str, y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """The weighted values of `formula`, and the gradient of their sum."""
    targets = t.view()
    targets.flags.writeable = False
    with within(f"loss {name!r}"), np.errstate(all="ignore"):  # as in all loss ops: a diverging run shows in the loss
        found, pullback = vjp(lambda y: formula(targets, y), y)
        if found.shape not in ((), (len(y),), (len(y), 1)):
            raise ValueError(
                f"loss {name!r} must give one value a sample, shape ({len(y)},), or one number for all, got shape {found.shape}; "
                "take np.mean(..., axis=-1) of it"
            )
        share = w.reshape(found.shape) if found.ndim else np.sum(w)
        value[:] = w * found.reshape(-1)
        dy[...] = pullback(share)[0]


class PythonLoss(Loss):
    """Base of losses written in Python: a subclass gives the formula as its method `call`.

    The gradient is found by :func:`fastnn.autodiff.vjp`. The compiled loop leaves for the loss alone.

    Parameters
    ----------
    reduction : str or None
        How the samples' losses are summed, see :class:`Loss`.
    name : str, optional
        The class' name by default.

    Attributes
    ----------
    sparse : bool
        Whether targets are labels; False unless a subclass says so.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> class Quartic(fastnn.losses.PythonLoss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(Quartic()([[1.0, 1.0]], [[2.0, 3.0]]))
    8.5
    """

    sparse: bool = False

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = None):
        name = name or type(self).__name__
        self.function = _Differentiated(self.call, name, self.sparse)
        super().__init__(reduction, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss, in NumPy.

        Parameters
        ----------
        y_true : ndarray, shape (n, m), or (n,) int64
            Targets, or labels where `sparse`; read-only.
        y_pred : array, shape (n, m)
            Predictions, in the model's dtype: as `fastnn.autodiff` differentiates by them.

        Returns
        -------
        array
            One value a sample, ``(n,)``, or one number for the batch, which then counts for each of its samples.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method call(self, y_true, y_pred) that gives the loss")


class FunctionLoss(PythonLoss):
    """A Python function of targets and predictions as a loss.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred)``, see :meth:`PythonLoss.call`. It may call NumPy's functions that `fastnn.autodiff.known` lists.
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


class _RegisteredLoss(PythonLoss):
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
