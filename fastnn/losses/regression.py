"""Losses of real-valued targets that are means over the outputs: squared, absolute, relative, logarithmic."""

from __future__ import annotations

import numpy as np

from fastnn.losses.checks import EPSILON
from fastnn.losses.loss import DENSE, Loss, loss_function, losses

__all__ = [
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


@loss_function(DENSE)
def mean_squared_error(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``(y - t)**2`` over the outputs."""
    d = y - t
    value[:] = w * np.mean(d * d, axis=1)
    dy[:] = (2.0 / y.shape[1]) * w[:, None] * d


@losses.register("mse", "MSE")
class MeanSquaredError(Loss):
    """Mean over the outputs of the squared difference, :func:`mean_squared_error`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = mean_squared_error

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error"):
        super().__init__(reduction, name)


@loss_function(DENSE)
def mean_absolute_error(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``|y - t|`` over the outputs; its slope at 0 is taken as 0."""
    d = y - t
    value[:] = w * np.mean(np.abs(d), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * np.sign(d)


@losses.register("mae", "MAE")
class MeanAbsoluteError(Loss):
    """Mean over the outputs of the absolute difference, :func:`mean_absolute_error`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = mean_absolute_error

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error"):
        super().__init__(reduction, name)


@loss_function(DENSE, t="signed")
def mean_absolute_percentage_error(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``100 * |y - t| / max(|t|, 1e-7)`` over the outputs; its slope at 0 is taken as 0."""
    d = y - t
    share = 100.0 / np.maximum(np.abs(t), EPSILON)
    value[:] = w * np.mean(share * np.abs(d), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * (share * np.sign(d))


@losses.register("mape", "MAPE")
class MeanAbsolutePercentageError(Loss):
    """Mean over the outputs of the difference in percent of the target, :func:`mean_absolute_percentage_error`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = mean_absolute_percentage_error

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_percentage_error"):
        super().__init__(reduction, name)


@loss_function(DENSE, y="positive", t="positive")
def mean_squared_logarithmic_error(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean over the outputs of ``(log(1 + max(y, 1e-7)) - log(1 + max(t, 1e-7)))**2``; the slope is 0 where y lies below."""
    p = np.maximum(y, EPSILON)
    d = np.log1p(p) - np.log1p(np.maximum(t, EPSILON))
    value[:] = w * np.mean(d * d, axis=1)
    dy[:] = (2.0 / y.shape[1]) * w[:, None] * np.where(p > y, 0.0, d / (1.0 + p))


@losses.register("msle", "MSLE")
class MeanSquaredLogarithmicError(Loss):
    """Mean over the outputs of the squared difference of logarithms, :func:`mean_squared_logarithmic_error`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = mean_squared_logarithmic_error

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_logarithmic_error"):
        super().__init__(reduction, name)
