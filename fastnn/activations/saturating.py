"""Activations that saturate: on both sides (sigmoid, tanh, softsign), or below zero alone (the exponential linear units)."""

from __future__ import annotations

import numpy as np

from fastnn.activations.activation import Activation, activations


def logistic(z: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-z))`` from ``exp(-|z|)``, which can't overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


@activations.register()
@Activation
def sigmoid(z: np.ndarray, a: np.ndarray) -> None:
    """``1 / (1 + exp(-x))`` (Rumelhart, Hinton and Williams, 1986), to full relative accuracy on both sides."""
    a[...] = logistic(z)


@sigmoid.backward
def sigmoid_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``a * (1 - a)``."""
    np.multiply(da, a * (1 - a), out=dz)


@activations.register()
@Activation
def tanh(z: np.ndarray, a: np.ndarray) -> None:
    """The hyperbolic tangent ``(exp(x) - exp(-x)) / (exp(x) + exp(-x))`` (LeCun, Bottou, Orr and Müller, 1998)."""
    np.tanh(z, out=a)


@tanh.backward
def tanh_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``(1 - a) * (1 + a)``, which loses no digits where a is near 1."""
    np.multiply(da, (1 - a) * (1 + a), out=dz)


HUGE = 1e30
"""Where softsign has long reached 1; infinity over infinity would be no number."""


@activations.register()
@Activation
def softsign(z: np.ndarray, a: np.ndarray) -> None:
    """``x / (1 + |x|)`` (Turian, Bergstra and Bengio, 2009)."""
    bounded = np.clip(z, -HUGE, HUGE)
    np.divide(bounded, 1 + np.abs(bounded), out=a)


@softsign.backward
def softsign_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``1 / (1 + |z|)**2``."""
    under = 1 / (1 + np.abs(z))
    np.multiply(da, under * under, out=dz)


@activations.register()
@Activation
def elu(z: np.ndarray, a: np.ndarray, alpha: float = 1.0) -> None:
    """``x`` for x > 0, else ``alpha * (exp(x) - 1)`` (Clevert, Unterthiner and Hochreiter, ICLR 2016); alpha is 1 by default."""
    a[...] = np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


@elu.backward
def elu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, alpha: float = 1.0) -> None:
    """Slope 1 for z > 0, else ``alpha * exp(z) = a + alpha``."""
    np.multiply(da, np.where(z > 0, 1, a + da.dtype.type(alpha)), out=dz)


SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


@activations.register()
@Activation
def selu(z: np.ndarray, a: np.ndarray) -> None:
    """``1.0507 * elu(x, alpha=1.67326)``, with the constants to all digits (Klambauer et al., NeurIPS 2017, eq. 2)."""
    a[...] = SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


@selu.backward
def selu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``scale`` for z > 0, else ``scale * alpha * exp(z) = a + scale * alpha``."""
    np.multiply(da, np.where(z > 0, da.dtype.type(SELU_SCALE), a + SELU_SCALE * SELU_ALPHA), out=dz)


@activations.register()
@Activation
def celu(z: np.ndarray, a: np.ndarray, alpha: float = 1.0) -> None:
    """``x`` for x > 0, else ``alpha * (exp(x / alpha) - 1)``: an elu whose slope has no jump (Barron, 2017); alpha > 0 is 1 by default."""
    np.add(np.maximum(z, 0), alpha * np.expm1(np.minimum(z, 0) / alpha), out=a)


@celu.backward
def celu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, alpha: float = 1.0) -> None:
    """Slope 1 for z > 0, else ``exp(z / alpha)``, to full relative accuracy."""
    np.multiply(da, np.exp(np.minimum(z, 0) / alpha), out=dz)


celu.require("alpha must be above 0", lambda alpha: alpha > 0)
