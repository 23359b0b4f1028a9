"""What a loss is: an op with a Keras-like function around it, and the class that training uses.

A loss op has the signature ``y (n, m), t (n, m), w (n) -> value (n), dy (n, m)``. It computes each sample's weighted
loss ``value[i] = w[i] * loss(t[i], y[i])`` and the gradient ``dy`` of ``sum(value)`` in one go, so that an exp is
taken once. ``w`` holds the sample weights already divided by the batch size.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.config import floatx
from fastnn.configurable import Catalogue, Configurable
from fastnn.losses.targets import check_each, dense_targets, integer_labels, match_ranks

Kernel = Callable[..., None]

DENSE = "y (n, m), t (n, m), w (n) -> value (n), dy (n, m)"
SPARSE = "y (n, m), labels (n) int64, w (n) -> value (n), dy (n, m)"


def _declare(reference: Kernel, signature: str, draw: dict[str, str]) -> Op:
    # A diverging run overflows; the compiled twin says nothing then, so the reference doesn't either.
    return op(signature, split="n", draw=draw)(np.errstate(all="ignore")(reference))


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
    parameters : dict
        The ops' scalars with their defaults.
    """

    def __init__(self, reference: Kernel, signature: str, **draw: str):
        self.op = _declare(reference, signature, draw)
        self.op_on_logits: Op | None = None
        self.activation: str | None = None
        self.name = self.__name__ = reference.__name__
        self.__doc__ = reference.__doc__
        scalars = list(inspect.signature(reference).parameters.values())[5:]
        self.parameters: dict[str, Any] = {p.name: p.default for p in scalars}

    @property
    def sparse(self) -> bool:
        """Whether targets are integer labels instead of one value an output."""
        return self.op.arrays[1].dtype == "int64"

    def fused_with(self, activation: str) -> Callable[[Kernel], Op]:
        """Decorator: declare the op of the same loss on logits that `activation` would turn into predictions."""

        def declare(reference: Kernel) -> Op:
            self.activation = activation
            self.op_on_logits = _declare(reference, self.op.signature, {**self.op.draw, "y": "real"})
            return self.op_on_logits

        return declare

    def __call__(self, y_true: Any, y_pred: Any, *values: float, **parameters: float) -> np.ndarray:
        """The loss of each sample.

        Parameters
        ----------
        y_true : array_like
            Targets, of the shape of `y_pred`; sparse losses take labels of that shape without its last axis.
        y_pred : array_like, shape (..., m)
            Predictions.
        *values, **parameters
            In Keras' order: first ``from_logits``, for crossentropies, then the loss' own, ``delta`` or ``label_smoothing``.

        Returns
        -------
        ndarray, shape (...)
            In the dtype of `y_pred` if that is float32 or float64, else in ``floatx()``.

        Raises
        ------
        ValueError
            When the shapes don't belong together, or a label is out of range.
        TypeError
            For a parameter the loss doesn't have.
        """
        chosen = self._bind(values, parameters)
        called = self.choose(chosen.pop("from_logits", False))
        y, t, rows = self._two_dimensional(y_true, y_pred)
        value, dy = np.empty(len(y), y.dtype), np.empty_like(y)
        called(y, t, np.ones(len(y), y.dtype), value, dy, *map(float, chosen.values()))
        return value.reshape(rows)

    def _bind(self, values: tuple[Any, ...], parameters: dict[str, Any]) -> dict[str, Any]:
        """All parameters in order, with the given values or their defaults."""
        known = {**({"from_logits": False} if self.op_on_logits else {}), **self.parameters}
        unknown = [*parameters.keys() - known.keys(), *map(repr, values[len(known) :])]
        if unknown:
            raise TypeError(f"{self.name} has no parameter {', '.join(sorted(unknown))}; it has {', '.join(known) or 'none'}")
        return {**known, **dict(zip(known, values, strict=False)), **parameters}

    def choose(self, from_logits: bool) -> Op:
        """The op for predictions or for logits."""
        return self.op_on_logits if from_logits and self.op_on_logits else self.op

    def _two_dimensional(self, y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
        """Predictions as (n, m), targets as the op wants them, and the shape of the result."""
        y = np.asarray(y_pred)
        y = np.require(y, y.dtype if y.dtype in (np.float32, np.float64) else floatx(), ["C", "ALIGNED"])
        t, y = match_ranks(np.asarray(y_true), y, self.sparse, self.name)
        rows, m = y.shape[:-1], y.shape[-1]
        if not m:
            raise ValueError(f"{self.name}: y_pred must have at least one output, got shape {y.shape}")
        if self.sparse:
            return y.reshape(-1, m), integer_labels(t.reshape(-1), m, self.name), rows
        return y.reshape(-1, m), np.require(t, y.dtype, ["C", "ALIGNED"]).reshape(-1, m), rows


def loss_function(signature: str, **draw: str) -> Callable[[Kernel], LossFunction]:
    """Decorator: declare a NumPy reference as an op and wrap it as a `LossFunction`.

    Parameters
    ----------
    signature : str
        `DENSE` or `SPARSE`.
    **draw : str
        What predictions and targets are, where not any real numbers: ``y="probabilities", t="one_hot"``; see ``fastnn/samples.py``.
    """
    return lambda reference: LossFunction(reference, signature, **{"y": "real", "t": "real", **draw})


class Loss(Configurable):
    """Base of all losses: a `LossFunction`, values for its parameters, and how samples are summed.

    Parameters
    ----------
    reduction : {"sum_over_batch_size", "sum", "none", None}
        The mean over the samples, their sum, or one value each. Training needs one of the first two.
    name : str, optional
        By default the function's name.

    Attributes
    ----------
    function : LossFunction
        Set by each subclass.
    from_logits : bool
    """

    function: LossFunction
    from_logits: bool = False

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = None):
        if reduction not in ("sum_over_batch_size", "sum", "none", None):
            raise ValueError(f"reduction must be 'sum_over_batch_size', 'sum', 'none' or None, got {reduction!r}")
        self.reduction = reduction
        self.name = name or self.function.name

    @property
    def parameters(self) -> dict[str, float]:
        """The op's scalars by name, with this object's values."""
        return {name: float(getattr(self, name)) for name in self.function.parameters}

    @property
    def op(self) -> Op:
        """The op that computes this loss from the model's output."""
        return self.function.choose(self.from_logits)

    @property
    def scalars(self) -> tuple[float, ...]:
        """What the op takes after its arrays."""
        return tuple(self.parameters.values())

    def logits_form(self, activation: str) -> tuple[Op, tuple[float, ...]] | None:
        """The op and its scalars that replace this loss after `activation`, applied to the activation's input.

        Parameters
        ----------
        activation : str
            Name of the model's last activation.

        Returns
        -------
        (Op, tuple) or None
            None when there is no fused form. Fused forms don't clip probabilities to [1e-7, 1 - 1e-7], so a
            saturated output still has a gradient.
        """
        if self.from_logits or self.function.op_on_logits is None or activation != self.function.activation:
            return None
        return self.function.op_on_logits, self.scalars

    def batch_scale(self, n: int) -> float:
        """The factor that turns sample weights into the op's ``w`` for a batch of `n` samples.

        Raises
        ------
        ValueError
            When the reduction gives no scalar to minimise.
        """
        if self.reduction in ("none", None):
            raise ValueError(f"training with {self.name} needs reduction='sum_over_batch_size' or 'sum', got {self.reduction!r}")
        return 1.0 / max(n, 1) if self.reduction == "sum_over_batch_size" else 1.0

    def prepare_targets(self, y_true: Any, output_shape: tuple[int, ...], dtype: object, search: bool = True) -> np.ndarray:
        """Check targets and bring them into the op's form.

        Parameters
        ----------
        y_true : array_like
            ``(n, m)``, or ``(n,)`` when m is 1; labels ``(n,)`` or ``(n, 1)`` for sparse losses.
        output_shape : tuple of int
            The model's output without the batch axis, ``(m,)``.
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
            For another shape, no samples, NaN or infinity, or values the loss isn't defined for.
        """
        if len(output_shape) != 1:
            raise ValueError(f"{self.name} needs model outputs of shape (m,) for each sample, got {output_shape}; add Flatten()")
        if self.function.sparse:
            return integer_labels(np.asarray(y_true), output_shape[0], self.name, empty=False)
        t = dense_targets(y_true, output_shape[0], dtype, self.name)
        if search:
            check_each(np.isfinite(t), t, f"{self.name} needs finite targets")
            self.check_targets(t)
        return t

    def check_targets(self, t: np.ndarray) -> None:
        """Raise ValueError where the loss isn't defined for targets `t (n, m)`; every number is fine by default."""

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
        logits = {"from_logits": True} if self.from_logits else {}
        value = self.function(y_true, y_pred, **logits, **self.parameters)
        if sample_weight is not None:
            value = value * _weights(sample_weight, value)
        if self.reduction in ("none", None):
            return value
        return value.sum() / value.dtype.type(max(value.size, 1)) if self.reduction == "sum_over_batch_size" else value.sum()


def _weights(sample_weight: Any, value: np.ndarray) -> np.ndarray:
    weights = np.asarray(sample_weight, value.dtype)
    if weights.shape == (*value.shape, 1):
        weights = weights[..., 0]
    if weights.ndim and weights.shape != value.shape:
        raise ValueError(f"sample_weight must have one weight a sample, shape {value.shape}, got {weights.shape}")
    return weights


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
    return losses.get(identifier.name if isinstance(identifier, LossFunction) else identifier)
