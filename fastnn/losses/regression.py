"""Losses of real-valued targets: squared, absolute, Huber."""

from __future__ import annotations

import math

import numpy as np

from fastnn.losses.loss import DENSE, Loss, loss_function, losses


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
    reduction : {"sum_over_batch_size", "sum", "none", None}
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
    reduction : {"sum_over_batch_size", "sum", "none", None}
    name : str
    """

    function = mean_absolute_error

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error"):
        super().__init__(reduction, name)


@loss_function(DENSE)
def huber(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, delta: float = 1.0) -> None:
    """Mean over the outputs of ``d**2 / 2`` where ``d = |y - t| <= delta``, and ``delta * (d - delta / 2)`` beyond.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964), 73-101.
    """
    d = y - t
    a = np.abs(d)
    q = np.minimum(a, delta)
    value[:] = w * np.mean(q * (a - 0.5 * q), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * np.clip(d, -delta, delta)


@losses.register()
class Huber(Loss):
    """Squared for small differences, absolute for large ones, :func:`huber`.

    Parameters
    ----------
    delta : float
        Where the two meet; positive.
    reduction : {"sum_over_batch_size", "sum", "none", None}
    name : str

    Raises
    ------
    ValueError
        When `delta` is not a positive number.
    """

    function = huber

    def __init__(self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str = "huber_loss"):
        if isinstance(delta, (str, bool)) or not 0 < delta < math.inf:
            raise ValueError(f"delta must be a positive number, got {delta!r}")
        super().__init__(reduction, name)
        self.delta = delta
