"""Negative log-likelihoods of counts and of normally distributed targets."""

from __future__ import annotations

import math

import numpy as np

from fastnn.backend import Op
from fastnn.losses.checks import EPSILON, check_number
from fastnn.losses.loss import DENSE, Loss, loss_function, loss_op, losses
from fastnn.losses.targets import check_each

__all__ = ["GaussianNLL", "Poisson", "gaussian_nll", "poisson"]


@loss_function(DENSE, y="positive", t="counts")
def poisson(y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray) -> None:
    """Mean of ``y - t * log(y + 1e-7)`` over the outputs: a count's negative log-likelihood for rate y, less what doesn't depend on y."""
    p = y + EPSILON
    value[:] = w * np.mean(y - t * np.log(p), axis=1)
    dy[:] = (1.0 / y.shape[1]) * w[:, None] * (1.0 - t / p)


@losses.register()
class Poisson(Loss):
    """For counts and the rates that the model predicts, which must be positive, :func:`poisson`.

    Parameters
    ----------
    reduction : str or None
        See :class:`Loss`.
    name : str
    """

    function = poisson

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "poisson"):
        super().__init__(reduction, name)

    def check_targets(self, t: np.ndarray) -> None:
        check_each(t >= 0, t, f"{self.name} needs targets that are not negative")


GAUSSIAN = "y (n, 2m), t (n, m), w (n) -> value (n), dy (n, 2m)"
HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


@loss_function(GAUSSIAN, y="positive")
def gaussian_nll(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, full: float = 0.0, eps: float = 1e-6
) -> None:
    """Mean over the targets of ``(log(v) + (t - y)**2 / v) / 2``, and ``log(2 * pi) / 2`` more if full.

    The first m columns of y are the means, the others the variances; ``v`` is ``max(variance, eps)``. The gradient is that at v also where
    the variance lies below, as torch's, so that it can rise again.

    References
    ----------
    D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability distribution", ICNN 1994, eq. 4.
    """
    m = t.shape[1]
    d, v = y[:, :m] - t, np.maximum(y[:, m:], eps)
    z = d / v
    value[:] = w * (np.mean(0.5 * (np.log(v) + d * z), axis=1) + full * HALF_LOG_TAU)
    share = (1.0 / m if m else 0.0) * w[:, None]
    dy[:, :m] = share * z
    dy[:, m:] = share * (0.5 * (1.0 - d * z) / v)


@loss_op(GAUSSIAN)
def gaussian_nll_from_log_variance(
    y: np.ndarray, t: np.ndarray, w: np.ndarray, value: np.ndarray, dy: np.ndarray, full: float = 0.0, eps: float = 1e-6
) -> None:
    """The same for logarithms of variances, which may be any numbers."""
    m = t.shape[1]
    d, s = y[:, :m] - t, np.maximum(y[:, m:], math.log(eps))
    z = d * np.exp(-s)
    value[:] = w * (np.mean(0.5 * (s + d * z), axis=1) + full * HALF_LOG_TAU)
    share = (1.0 / m if m else 0.0) * w[:, None]
    dy[:, :m] = share * z
    dy[:, m:] = share * (0.5 * (1.0 - d * z))


@losses.register("GaussianNLLLoss")
class GaussianNLL(Loss):
    """Negative log-likelihood of targets around a mean with a variance, both predicted, :func:`gaussian_nll`.

    The formula is that of ``torch.nn.GaussianNLLLoss``; Keras has none. A model for m targets has 2m outputs, first the m means, then the m
    logarithms of variances.

    Parameters
    ----------
    full : bool
        Whether to add the constant ``log(2 * pi) / 2``.
    eps : float
        Smaller variances count as this; positive.
    log_variance : bool
        Whether the second half of the outputs are logarithms of variances, which any last layer can give, instead of variances, as torch
        takes them.
    reduction : str or None
        See :class:`Loss`.
    name : str

    Raises
    ------
    ValueError
        When `eps` isn't positive.
    """

    function = gaussian_nll

    def __init__(
        self,
        full: bool = False,
        eps: float = 1e-6,
        log_variance: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "gaussian_nll",
    ):
        super().__init__(reduction, name)
        self.full = full
        self.eps = check_number("eps", eps, above=True)
        self.log_variance = log_variance

    @property
    def op(self) -> Op:
        """The op for variances or for their logarithms."""
        return gaussian_nll_from_log_variance if self.log_variance else gaussian_nll.op
