"""Batch normalization (Ioffe & Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.backend import op
from fastnn.layers.layer import Layer, layers
from fastnn.memory import aligned_zeros
from fastnn.program import Program, Tensor

__all__ = ["BatchNormalization"]


@op(
    "x (n, m), gamma (m), beta (m), moving_mean (m), moving_variance (m) -> y (n, m), mean (m), rstd (m), moving_mean, moving_variance",
    split="m",
)
def batch_norm(x, gamma, beta, moving_mean, moving_variance, y, mean, rstd, momentum, epsilon):
    """Normalise x's columns by their own mean and (biased) variance, and move the running moments towards these.

    ``y = gamma (x - mean) rstd + beta``, ``rstd = 1 / sqrt(variance + epsilon)``,
    ``moving = momentum moving + (1 - momentum) batch's``.
    """
    origin = x[:1].astype(np.float64)  # sums of differences lose no digits to a large mean
    shift = (x - origin).mean(axis=0)
    centred = x - origin - shift
    variance = np.square(centred).mean(axis=0)
    mean[...], rstd[...] = (origin + shift)[0], 1 / np.sqrt(variance + epsilon)
    y[...] = centred * (gamma * rstd) + beta
    moving_mean[...] = momentum * moving_mean + (1 - momentum) * (origin + shift)[0]
    moving_variance[...] = momentum * moving_variance + (1 - momentum) * variance


@op("x (n, m), gamma (m), mean (m), rstd (m), dy (n, m) -> dx (n, m), dgamma (m), dbeta (m)", differentiable=False, split="m")
def batch_norm_backward(x, gamma, mean, rstd, dy, dx, dgamma, dbeta):
    """Gradients through the batch's own moments; `dx` may be `dy`.

    With ``h = (x - mean) rstd``: ``dx = gamma rstd (dy - mean(dy) - h mean(dy h))``.
    """
    h = (x - mean) * rstd
    np.sum(dy * h, axis=0, out=dgamma)
    np.sum(dy, axis=0, out=dbeta)
    dx[...] = gamma * rstd * (dy - (dbeta + h * dgamma) / len(x))


@op("x (n, m), gamma (m), beta (m), moving_mean (m), moving_variance (m) -> y (n, m)", split="n")
def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, y, epsilon):
    """``y = gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta``."""
    scale = gamma / np.sqrt(moving_variance + epsilon)
    y[...] = (x - moving_mean) * scale + beta


@op("dy (n, m), gamma (m), moving_variance (m) -> dx (n, m)", differentiable=False, split="m")
def batch_norm_inference_backward(dy, gamma, moving_variance, dx, epsilon):
    """The gradient of a frozen layer, whose moments are fixed; `dx` may be `dy`."""
    dx[...] = dy * (gamma / np.sqrt(moving_variance + epsilon))


@layers.register()
class BatchNormalization(Layer):
    """Normalises each feature by the batch's moments in training, by their running averages in inference.

    Parameters
    ----------
    axis : int
        The axis of features: -1, the last.
    momentum : float
        Share of the old running moments kept at each training step, in [0, 1].
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether to learn an offset `beta`, a factor `gamma`.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : str or Initializer
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
    beta_constraint, gamma_constraint : str or Constraint, optional
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For another axis, or numbers outside their range.

    Notes
    -----
    The running variance is the biased one, as in Keras. Frozen, the layer uses the running averages in training too.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        if axis != -1:
            raise ValueError(f"layer {self.name!r}: axis must be -1, the last, got {axis!r}")
        if not isinstance(momentum, (int, float, np.number)) or not 0 <= momentum <= 1:
            raise ValueError(f"layer {self.name!r}: momentum must lie in [0, 1], got {momentum!r}")
        if not isinstance(epsilon, (int, float, np.number)) or not 0 < epsilon < np.inf:
            raise ValueError(f"layer {self.name!r}: epsilon must be a positive number, got {epsilon!r}")
        self.axis, self.momentum, self.epsilon = axis, float(momentum), float(epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma = self.beta = None

    def make_parameters(self, features: tuple[int, ...]) -> None:
        shape = features[-1:]
        if self.scale:
            self.gamma = self.add_weight(shape, self.gamma_initializer, "gamma", self.gamma_regularizer, True, self.gamma_constraint)
        if self.center:
            self.beta = self.add_weight(shape, self.beta_initializer, "beta", self.beta_regularizer, True, self.beta_constraint)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, "moving_mean", trainable=False)
        self.moving_variance = self.add_weight(shape, self.moving_variance_initializer, "moving_variance", trainable=False)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        y = program.successor(x)
        xr, yr = x.rows, y.rows
        mean, rstd, one, zero, unused, unused_too = aligned_zeros((6, *x.features[-1:]), self.dtype)
        one += 1
        gamma, dgamma = (self.gamma.value, self.gamma.grad) if self.gamma else (one, unused)
        beta, dbeta = (self.beta.value, self.beta.grad) if self.beta else (zero, unused_too)
        moving = self.moving_mean.value, self.moving_variance.value
        if program.training and self.trainable:
            program.forward(batch_norm, xr.value, gamma, beta, *moving, yr.value, mean, rstd, self.momentum, self.epsilon)
            program.backward(batch_norm_backward, xr.value, gamma, mean, rstd, yr.grad, yr.grad, dgamma, dbeta)
        else:
            program.forward(batch_norm_inference, xr.value, gamma, beta, *moving, yr.value, self.epsilon)
            program.backward(batch_norm_inference_backward, yr.grad, gamma, moving[1], yr.grad, self.epsilon)
        return y
