"""What a loss is in training: a `LossFunction`, values for its parameters, and how a batch's samples are summed."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.arrays import any_array, contiguous
from fastnn.backend import Op
from fastnn.config import floatx
from fastnn.configurable import Catalogue, Configurable
from fastnn.losses.differentiated import Differentiated
from fastnn.losses.function import DENSE, SPARSE, LossFunction, loss_function, loss_op
from fastnn.losses.targets import check_each, dense_targets, integer_labels, match_ranks

__all__ = ["DENSE", "SPARSE", "Loss", "LossFunction", "get", "loss_function", "loss_op", "losses"]

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


class Loss(Configurable):
    """Base of all losses: a `LossFunction`, values for its parameters, and how samples are summed.

    A subclass sets `function`, or gives the formula in NumPy as its method `call`, as in Keras. The gradient is then found by
    :func:`fastnn.autodiff.vjp`, and the compiled loop leaves for the loss alone.

    Parameters
    ----------
    reduction : {"sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None}
        The sum of the weighted losses divided by the number of samples (the first two are the same), or by the sum of their weights;
        the sum alone; or one value each, with which nothing can be trained. Samples that `ignore_class` leaves out don't count.
    name : str, optional
        By default the function's name, or that of a class with `call`.

    Attributes
    ----------
    function : LossFunction
        What computes it.
    sparse : bool
        Whether the targets of `call` are labels; False unless a subclass says so.
    from_logits : bool
    ignore_class : int or None
        The label of samples that don't count.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> class Quartic(fastnn.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return np.mean((y_true - y_pred) ** 4, axis=-1)
    >>> float(Quartic()([[1.0, 1.0]], [[2.0, 3.0]]))
    8.5
    """

    function: LossFunction
    sparse: bool = False
    from_logits: bool = False
    ignore_class: int | None = None

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = None):
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}")
        self.reduction = reduction
        if type(self).call is not Loss.call or not hasattr(self, "function"):
            self.function = Differentiated(self.call, name or type(self).__name__, self.sparse)
        self.name = name or self.function.name

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

    # ------------------------------------------------------------------------------------------- the op

    @property
    def op(self) -> Op:
        """The op that computes this loss from the model's output."""
        return self.function.op_on_logits if self.from_logits and self.function.op_on_logits else self.function.op

    def logits_form(self, activation: str) -> Op | None:
        """The op that replaces this loss after `activation`, applied to the activation's input.

        Parameters
        ----------
        activation : str
            Name of the model's last activation.

        Returns
        -------
        Op or None
            None when there is no fused form. Fused forms don't clip probabilities to [1e-7, 1 - 1e-7], so a
            saturated output still has a gradient.
        """
        return None if self.from_logits or activation != self.function.activation else self.function.op_on_logits

    @property
    def parameters(self) -> dict[str, Any]:
        """The op's parameters by name, with this object's values."""
        return {name: getattr(self, name) for name in self.function.parameters}

    def arguments(self, outputs: int, dtype: object) -> tuple[Any, ...]:
        """What the op takes after its five arrays: constants, as vectors with an entry a target's column, and scalars.

        A constant that is None is 1 everywhere, one that is a single number the same everywhere; a scalar that is None is NaN.

        Raises
        ------
        ValueError
            For a constant of another length.
        """
        vectors = {a.name for a in self.op.arrays}
        columns = self.target_columns(outputs)
        return tuple(
            self._constant(name, value, columns, dtype) if name in vectors else np.nan if value is None else float(value)
            for name, value in self.parameters.items()
        )

    def _constant(self, name: str, value: Any, columns: int, dtype: object) -> np.ndarray:
        given = np.asarray(1.0 if value is None else value, np.float64)
        if given.shape not in ((), (1,), (columns,)):
            raise ValueError(f"{self.name}: {name} must be a number, or one for each of the {columns} columns, got shape {given.shape}")
        return np.require(np.broadcast_to(given, columns), dtype, ["C", "OWNDATA"])  # type: ignore[call-overload]

    # ---------------------------------------------------------------------------------------- reductions

    @property
    def whole(self) -> bool:
        """Whether the loss is one of the whole batch, so that there is nothing to sum: weights scale it by their mean."""
        return self.op.split is None

    @property
    def averages(self) -> bool:
        """Whether the sum over a batch is divided."""
        return self.reduction != "sum" or self.whole

    def batch_scale(self, n: int) -> float:
        """The factor that turns sample weights into the op's ``w`` for a batch of `n` samples that weigh 1.

        Raises
        ------
        ValueError
            When the reduction gives no scalar to minimise.
        """
        if self.reduction in ("none", None):
            raise ValueError(f"training with {self.name} needs reduction='sum_over_batch_size' or 'sum', got {self.reduction!r}")
        return 1.0 / max(n, 1) if self.averages else 1.0

    # ------------------------------------------------------------------------------------------- targets

    def target_columns(self, outputs: int) -> int:
        """How many columns the targets have for a model with so many outputs.

        Raises
        ------
        ValueError
            When a target needs several outputs, and they can't be shared out.
        """
        if outputs % self.function.outputs_per_target:
            raise ValueError(f"{self.name} needs {self.function.outputs_per_target} outputs for each target, the model has {outputs}")
        return outputs // self.function.outputs_per_target

    def expand_targets(self, t: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Targets as given, brought to `shape` where the loss takes other ones too; as they are by default."""
        return t

    def check_targets(self, t: np.ndarray) -> None:
        """Raise ValueError where the loss isn't defined for targets `t (n, m)`; every number is fine by default."""

    def prepare_targets(self, y_true: Any, output_shape: tuple[int, ...], dtype: object, search: bool = True) -> np.ndarray:
        """Check targets and bring them into the op's form.

        Parameters
        ----------
        y_true : array_like
            ``(n, m)``, or ``(n,)`` when m is 1; labels ``(n,)`` or ``(n, 1)`` for sparse losses.
        output_shape : tuple of int
            The model's output without the batch axis.
        dtype : dtype
            The model's.
        search : bool
            Whether to search them for NaN, infinity and values the loss isn't defined for; labels always are.

        Returns
        -------
        ndarray
            C-contiguous ``(n, m)`` of `dtype`, or int64 ``(n,)`` for sparse losses.

        Raises
        ------
        ValueError
            For another shape, no samples, NaN or infinity, or values the loss isn't defined for; for outputs and parameters of the loss
            that don't go together.
        """
        if len(output_shape) != 1:
            raise ValueError(f"{self.name} needs model outputs of shape (m,) for each sample, got {output_shape}; add Flatten()")
        outputs, given = output_shape[0], np.asarray(y_true)
        self.arguments(outputs, dtype)
        if self.function.sparse:
            return integer_labels(given, outputs, self.name, empty=False, ignored=self.ignore_class)
        columns = self.target_columns(outputs)
        expanded = self.expand_targets(given, (*given.shape[:1], columns))
        t = dense_targets(expanded, columns, outputs, dtype, self.name)
        if search:
            check_each(np.isfinite(t), t, f"{self.name} needs finite targets")
            self.check_targets(t)
        return t

    # ---------------------------------------------------------------------------------------- on arrays

    def each(self, y_true: Any, y_pred: Any) -> np.ndarray:
        """The loss of each sample, or of all of them where it is one of the whole batch."""
        y, t, rows = self._matrices(np.asarray(y_true), any_array(y_pred))
        value, dy = np.empty_like(y, shape=len(y)), np.empty_like(y)
        self.op(y, t, np.ones(len(y), y.dtype), value, dy, *self.arguments(y.shape[1], y.dtype))
        return value[0].reshape(()) if self.whole else value.reshape(rows)

    def _matrices(self, t: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Predictions as (n, m), targets as the op wants them, and the shape of the result."""
        name, sparse = self.name, self.function.sparse
        y = contiguous(y, y.dtype if y.dtype in (np.float32, np.float64) else floatx())
        if not sparse and t.ndim == y.ndim + 1 and t.shape[-1] == 1:
            y = y[..., None]
        if not y.size and (y.ndim == 0 or self.whole or not y.shape[-1]):
            raise ValueError(f"{name}: y_pred must have at least one output, got shape {y.shape}")
        if y.ndim == 0:
            raise ValueError(f"{name}: y_pred must have an axis of outputs, got a single number")
        columns = None if sparse else self.target_columns(y.shape[-1])
        t = t if columns is None else self.expand_targets(t, (*y.shape[:-1], columns))
        t, y = match_ranks(t, y, columns, name)
        rows, m = y.shape[:-1], y.shape[-1]
        if columns is None:
            return y.reshape(-1, m), integer_labels(t.reshape(-1), m, name, ignored=self.ignore_class), rows
        return y.reshape(-1, m), np.require(t, y.dtype, ["C", "ALIGNED"]).reshape(-1, columns), rows

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of predictions `y_pred` for targets `y_true`.

        Parameters
        ----------
        y_true, y_pred : array_like
            As for the loss' function.
        sample_weight : array_like, optional
            One weight a sample.

        Returns
        -------
        scalar or ndarray
            A scalar, or one value a sample when the reduction is "none".

        Raises
        ------
        ValueError
            When the shapes don't belong together.
        """
        value = self.each(y_true, y_pred)
        weights = np.ones(value.shape, value.dtype) if sample_weight is None else _weights(sample_weight, value)
        weighted = value * weights
        if self.reduction in ("none", None):
            return weighted
        if not self.averages:
            return weighted.sum()
        counted = self._counted(np.asarray(y_true), weights if self.reduction == "mean_with_sample_weight" else np.ones_like(weights))
        return weighted.sum() / value.dtype.type(counted.sum() or 1.0)

    def _counted(self, t: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return weights if self.ignore_class is None else weights * (t.reshape(weights.shape) != self.ignore_class)


def _weights(sample_weight: Any, value: np.ndarray) -> np.ndarray:
    weights = np.asarray(sample_weight, value.dtype)
    if weights.shape == (*value.shape, 1):
        weights = weights[..., 0]
    if weights.ndim and value.ndim and weights.shape != value.shape:
        raise ValueError(f"sample_weight must have one weight a sample, shape {value.shape}, got {weights.shape}")
    return np.broadcast_to(weights, np.broadcast_shapes(weights.shape, value.shape))


losses: Catalogue[Loss] = Catalogue("loss", Loss)
"""Every loss class by its names."""


def get(identifier: Any) -> Loss:
    """A loss from its name, class, function, configuration, or itself.

    Parameters
    ----------
    identifier : str, Loss, type, LossFunction or dict
        ``"mse"``, ``MeanSquaredError()``, ``MeanSquaredError``, ``mean_squared_error`` or ``{"class_name", "config"}``.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For anything else, a Python function for instance.
    """
    return losses.get(identifier.loss if isinstance(identifier, LossFunction) else identifier)
