"""Losses that outliers move less than the squared error: Huber, smooth L1, the logarithm of cosh, quantiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.losses.checks import check_number
from fastnn.losses.loss import DENSE, Loss, loss_function, losses

__all__ = ["Huber", "LogCosh", "Quantile", "SmoothL1", "huber", "log_cosh", "quantile", "smooth_l1"]


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
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `delta` is not a positive number.
    """

    function = huber

    def __init__(self, delta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str = "huber_loss"):
        super().__init__(reduction, name)
        self.delta = check_number("delta", delta, above=True)


@loss_function(DENSE)
def smooth_l1(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, beta: float = 1.0) -> None:
    """Mean over the outputs of ``d**2 / (2 * beta)`` where ``d = |y - t| < beta``, and ``d - beta / 2`` beyond.

    That is ``huber(delta=beta) / beta``, and the absolute error for beta = 0.

    References
    ----------
    R. Girshick, "Fast R-CNN", ICCV 2015, eq. 3; `beta` as in ``torch.nn.SmoothL1Loss``.
    """
    d = y - t
    a = np.abs(d)
    value[:] = w * np.mean(np.where(a < beta, 0.5 * d * d / beta, a - 0.5 * beta), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * np.where(a < beta, d / beta, np.sign(d))


@losses.register("SmoothL1Loss")
class SmoothL1(Loss):
    """The absolute error, squared near 0, :func:`smooth_l1`; torch's ``SmoothL1Loss``, but by samples: Keras has none.

    Parameters
    ----------
    beta : float
        Below which difference it is squared; not negative.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `beta` is negative.
    """

    function = smooth_l1

    def __init__(self, beta: float = 1.0, reduction: str | None = "sum_over_batch_size", name: str = "smooth_l1"):
        super().__init__(reduction, name)
        self.beta = check_number("beta", beta)


@loss_function(DENSE)
def log_cosh(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``log(cosh(y - t))`` over the outputs.

    With ``a = |y - t|`` and ``q = 1 - exp(-a)`` it is ``log1p(q**2 / (2 * (1 - q)))`` for a < 1, which keeps all digits of small
    differences, and ``a - log(2) + log1p((1 - q)**2)`` beyond, which can't overflow; the slope is ``tanh(y - t)``.
    """
    d = y - t
    a = np.abs(d)
    q = -np.expm1(-a)
    e = 1.0 - q
    near = a < 1
    value[:] = w * np.mean(np.where(near, 0.0, a - math.log(2)) + np.log1p(np.where(near, q * q / (2.0 * e), e * e)), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * np.copysign(q * (2.0 - q) / (1.0 + e * e), d)


@losses.register("logcosh")
class LogCosh(Loss):
    """The logarithm of the difference's hyperbolic cosine: squared for small ones, absolute for large ones, :func:`log_cosh`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = log_cosh

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh"):
        super().__init__(reduction, name)


@loss_function("y (n, m), t (n, m), w (n), quantiles (m) -> value (n), dy (n, m)", quantiles="unit")
def quantile(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, quantiles: np.ndarray) -> None:
    """Mean over the outputs of ``q * (t - y)`` where t > y, and ``(1 - q) * (y - t)`` elsewhere; its slope at 0 is taken as 0.

    References
    ----------
    R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46 (1978), 33-50.
    """
    d = y - t
    slope = np.where(d > 0, 1.0 - quantiles, np.where(d < 0, -quantiles, d))
    value[:] = w * np.mean(slope * d, axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * slope


@losses.register("pinball", "Pinball", "PinballLoss", "QuantileLoss")
class Quantile(Loss):
    """The pinball loss, whose minimum is a quantile of the targets given the inputs, :func:`quantile`. Neither Keras nor torch has one.

    Parameters
    ----------
    quantiles : float or list of float
        Between 0 and 1. One for all outputs, or one for each output; then a single column of targets serves all of them.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When a quantile doesn't lie between 0 and 1.

    Examples
    --------
    >>> import numpy as np, fastnn
    >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3)])
    >>> model.compile("adam", fastnn.losses.Quantile([0.1, 0.5, 0.9]))
    >>> history = model.fit(np.ones((8, 2)), np.arange(8.0), verbose=0)
    """

    function = quantile

    def __init__(self, quantiles: Any = 0.5, reduction: str | None = "sum_over_batch_size", name: str = "quantile"):
        super().__init__(reduction, name)
        for q in np.atleast_1d(np.asarray(quantiles, object)).tolist() or [None]:
            if isinstance(q, bool) or not isinstance(q, (int, float, np.number)) or not 0 < q < 1:
                raise ValueError(f"quantiles must be numbers above 0 and below 1, got {q!r}")
        self.quantiles = quantiles

    def expand_targets(self, t: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A single column of targets for each of the quantiles."""
        if np.size(self.quantiles) > 1 and t.shape == shape[:-1]:
            t = t[..., None]
        return np.broadcast_to(t, shape) if np.size(self.quantiles) > 1 and t.shape == (*shape[:-1], 1) else t
