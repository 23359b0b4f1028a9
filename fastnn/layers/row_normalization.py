"""Normalizations that bring each sample, or each group of its features, to one scale; they know nothing of the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import constraints, initializers, regularizers
from fastnn.backend import Op, op
from fastnn.layers.layer import Layer, layers
from fastnn.memory import aligned_zeros
from fastnn.parameters import Parameter
from fastnn.program import Program, Tensor

__all__ = ["LayerNormalization", "RMSNormalization", "UnitNormalization"]


@op("x (n, m) -> h (n, m), rstd (n)", split="n")
def standardize(x, h, rstd, epsilon):
    """Rows less their mean, over their (biased) standard deviation: ``h = (x - mean) rstd``, ``rstd = 1 / sqrt(variance + epsilon)``."""
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True) if x.shape[1] else wide
    factor = 1 / np.sqrt(np.square(centred).sum(axis=1) / max(x.shape[1], 1) + epsilon)
    rstd[...], h[...] = factor, centred * factor[:, None]


@op("h (n, m), rstd (n), dh (n, m) -> dx (n, m)", differentiable=False, split="n")
def standardize_backward(h, rstd, dh, dx):
    """``dx = rstd (dh - mean(dh) - h mean(dh h))``; `dx` may be `dh`."""
    wide = dh.astype(np.float64)
    mean, along = wide.mean(axis=1, keepdims=True), (wide * h).mean(axis=1, keepdims=True)
    dx[...] = rstd[:, None] * (wide - mean - h * along)


@op("x (n, m) -> h (n, m), rstd (n)", split="n")
def scale_by_rms(x, h, rstd, epsilon):
    """Rows over their root mean square: ``h = x rstd``, ``rstd = 1 / sqrt(mean(x^2) + epsilon)``."""
    wide = x.astype(np.float64)
    factor = 1 / np.sqrt(np.square(wide).sum(axis=1) / max(x.shape[1], 1) + epsilon)
    rstd[...], h[...] = factor, wide * factor[:, None]


@op("h (n, m), rstd (n), dh (n, m) -> dx (n, m)", differentiable=False, split="n")
def scale_by_rms_backward(h, rstd, dh, dx):
    """``dx = rstd (dh - h mean(dh h))``; `dx` may be `dh`."""
    wide = dh.astype(np.float64)
    dx[...] = rstd[:, None] * (wide - h * (wide * h).mean(axis=1, keepdims=True))


@op("x (n, m) -> h (n, m), factor (n)", split="n", draw={"epsilon": 1e-12})
def scale_to_unit(x, h, factor, epsilon):
    """Rows over their length: ``h = x factor``, ``factor = 1 / max(|x|, epsilon)``."""
    wide = x.astype(np.float64)
    length = np.sqrt(np.square(wide).sum(axis=1))
    factor[...] = 1 / np.where(length < epsilon, epsilon, length)
    h[...] = wide / np.where(length < epsilon, epsilon, length)[:, None]


@op("h (n, m), factor (n), dh (n, m) -> dx (n, m)", differentiable=False, split="n", draw={"epsilon": 1e-12})
def scale_to_unit_backward(h, factor, dh, dx, epsilon):
    """``dx = factor (dh - h (dh . h))``, without the second term where the row is shorter than epsilon; `dx` may be `dh`."""
    wide = dh.astype(np.float64)
    along = (wide * h).sum(axis=1, keepdims=True) * ~(factor[:, None] * epsilon >= 1)
    dx[...] = factor[:, None] * (wide - h * along)


@op("x (n, m), gamma (m), beta (m) -> y (n, m)", split="n")
def affine(x, gamma, beta, y):
    """``y = gamma x + beta``; `y` may be `x`."""
    np.multiply(x, gamma, out=y)
    y += beta


@op("dy (n, m), gamma (m) -> dx (n, m)", differentiable=False, split="n")
def affine_backward(dy, gamma, dx):
    """``dx = gamma dy``; `dx` may be `dy`."""
    np.multiply(dy, gamma, out=dx)


@op("x (n, m), dy (n, m) -> dgamma (m), dbeta (m)", differentiable=False, split="m")
def affine_backward_parameters(x, dy, dgamma, dbeta):
    """The sums of the columns of ``x dy`` and of `dy`."""
    np.sum(x * dy, axis=0, out=dgamma)
    np.sum(dy, axis=0, out=dbeta)


class RowNormalization(Layer):
    """Brings rows to one scale by an op, then multiplies by `gamma` and adds `beta` where there are such.

    A subclass says by which op.

    Attributes
    ----------
    forward, backward : Op
        ``forward(x, h, factor, *scalars)`` and ``backward(h, factor, dh, dx, *backward_scalars)``.
    """

    forward: Op
    backward: Op
    gamma: Parameter | None = None
    beta: Parameter | None = None

    def check_arguments(self, axis: Any, epsilon: Any) -> None:
        """Take the arguments that all of these have.

        Raises
        ------
        ValueError
            For another axis than the last, or an epsilon that isn't positive.
        """
        if axis != -1:
            raise ValueError(f"layer {self.name!r}: axis must be -1, the last, got {axis!r}")
        if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float, np.number)) or not 0 < epsilon < np.inf:
            raise ValueError(f"layer {self.name!r}: epsilon must be a positive number, got {epsilon!r}")
        self.axis, self.epsilon = axis, float(epsilon)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        h = program.successor(x)
        self.normalize(program, x.rows, h.rows)
        return h if self.gamma is None and self.beta is None else self.scaled(program, h)

    def normalize(self, program: Program, x: Tensor, h: Tensor) -> None:
        """Append the calls that normalise each row of `x`."""
        factor = aligned_zeros(len(x.value), program.dtype)
        scalars = (self.epsilon,)
        program.forward(self.forward, x.value, h.value, factor, *scalars)
        if x.grad is not None:
            program.backward(self.backward, h.value, factor, h.grad, x.grad, *scalars[: len(self.backward.scalars)])

    def scaled(self, program: Program, h: Tensor) -> Tensor:
        """Append the calls of the learned factor and offset."""
        y = program.tensor(*h.features) if program.training else program.successor(h)
        one, zero, *unused = aligned_zeros((4, *h.features[-1:]), program.dtype)
        one += 1
        gamma, dgamma = (self.gamma.value, self.gamma.grad) if self.gamma else (one, unused[0])
        beta, dbeta = (self.beta.value, self.beta.grad) if self.beta else (zero, unused[1])
        hr, yr = h.rows, y.rows
        program.forward(affine, hr.value, gamma, beta, yr.value)
        program.backward(affine_backward_parameters, hr.value, yr.grad, dgamma, dbeta)
        if h.grad is not None:
            program.backward(affine_backward, yr.grad, gamma, hr.grad)
        return y


@layers.register()
class LayerNormalization(RowNormalization):
    """Normalises each sample by the mean and the (biased) variance of its features: ``gamma (x - mean) / sqrt(variance + epsilon) + beta``.

    Parameters
    ----------
    axis : int
        The axis of features: -1, the last.
    epsilon : float
        Added to the variance; Keras' default, torch's is 1e-5.
    center, scale : bool
        Whether to learn an offset `beta`, a factor `gamma`.
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer : str or Regularizer, optional
    beta_constraint, gamma_constraint : str or Constraint, optional
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For another axis, or an epsilon that isn't positive.

    References
    ----------
    Ba, Kiros & Hinton 2016, "Layer normalization", arXiv:1607.06450, equation 4.
    """

    forward, backward = standardize, standardize_backward

    def __init__(
        self,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.check_arguments(axis, epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self.beta_initializer, self.gamma_initializer = initializers.get(beta_initializer), initializers.get(gamma_initializer)
        self.beta_regularizer, self.gamma_regularizer = regularizers.get(beta_regularizer), regularizers.get(gamma_regularizer)
        self.beta_constraint, self.gamma_constraint = constraints.get(beta_constraint), constraints.get(gamma_constraint)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        shape = features[-1:]
        if self.scale:
            self.gamma = self.add_weight(shape, self.gamma_initializer, "gamma", self.gamma_regularizer, True, self.gamma_constraint)
        if self.center:
            self.beta = self.add_weight(shape, self.beta_initializer, "beta", self.beta_regularizer, True, self.beta_constraint)


@layers.register()
class RMSNormalization(RowNormalization):
    """Divides each sample by the root mean square of its features: ``scale x / sqrt(mean(x^2) + epsilon)``.

    Parameters
    ----------
    axis : int
        The axis of features: -1, the last.
    epsilon : float
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For another axis, or an epsilon that isn't positive.

    References
    ----------
    Zhang & Sennrich 2019, "Root mean square layer normalization", NeurIPS, arXiv:1910.07467, equation 4.
    """

    forward, backward = scale_by_rms, scale_by_rms_backward

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **options: Any):
        super().__init__(**options)
        self.check_arguments(axis, epsilon)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        self.gamma = self.scale = self.add_weight(features[-1:], "ones", "scale")


@layers.register()
class UnitNormalization(RowNormalization):
    """Divides each sample by the length of its features: ``x / max(|x|, 1e-12)``.

    Parameters
    ----------
    axis : int
        The axis of features: -1, the last.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For another axis.
    """

    forward, backward = scale_to_unit, scale_to_unit_backward

    def __init__(self, axis: int = -1, **options: Any):
        super().__init__(**options)
        self.check_arguments(axis, 1e-12)
