"""Activation functions and their slopes.

Each is one pair of ops declared here (and one paragraph in ``src_cython/activations.pyx``): ``name(z, a, ...)``
writes the activation, ``name_backward(z, a, da, dz, ...)`` the gradient of the pre-activation from that of the
activation. Both may work in place: ``a`` may be ``z``, and ``dz`` may be ``da``; a backward op wants the values of z and a
as the forward op read and wrote them. The public name is an :class:`Activation`, called on any array as in Keras.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.activation import Activation, Identity, Kernel, RowActivation, activations, get, serialize
from fastnn.special import erfc_array, exp_minus_square

# ---------------------------------------------------------------------------------------------------------
# Piecewise linear and exponential


@activations.register()
@Identity
def linear() -> None:
    """The identity: ``x`` itself. It has no ops: a layer without activation computes nothing for it."""


@activations.register()
@Activation
def relu(z: np.ndarray, a: np.ndarray) -> None:
    """``max(x, 0)``; the slope at 0 is taken as 0 (Nair and Hinton, ICML 2010)."""
    np.maximum(z, 0, out=a)


@relu.backward
def relu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 1 for z > 0, else 0."""
    np.multiply(da, z > 0, out=dz)


@activations.register()
@Activation
def leaky_relu(z: np.ndarray, a: np.ndarray, negative_slope: float = 0.2) -> None:
    """``x`` for x > 0, else ``negative_slope * x`` (Maas, Hannun and Ng, ICML 2013); negative_slope is 0.2 by default."""
    a[...] = np.where(z > 0, z, negative_slope * z)


@leaky_relu.backward
def leaky_relu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, negative_slope: float = 0.2) -> None:
    """Slope 1 for z > 0, else `negative_slope`."""
    np.multiply(da, np.where(z > 0, 1, da.dtype.type(negative_slope)), out=dz)


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


# ---------------------------------------------------------------------------------------------------------
# Saturating


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-z))`` from ``exp(-|z|)``, which can't overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


@activations.register()
@Activation
def sigmoid(z: np.ndarray, a: np.ndarray) -> None:
    """``1 / (1 + exp(-x))``, to full relative accuracy on both sides."""
    a[...] = _sigmoid(z)


@sigmoid.backward
def sigmoid_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``a * (1 - a)``."""
    np.multiply(da, a * (1 - a), out=dz)


@activations.register()
@Activation
def tanh(z: np.ndarray, a: np.ndarray) -> None:
    """The hyperbolic tangent."""
    np.tanh(z, out=a)


@tanh.backward
def tanh_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``(1 - a) * (1 + a)``, which loses no digits where a is near 1."""
    np.multiply(da, (1 - a) * (1 + a), out=dz)


@activations.register()
@Activation
def softsign(z: np.ndarray, a: np.ndarray) -> None:
    """``x / (1 + |x|)``."""
    np.divide(z, 1 + np.abs(z), out=a)


@softsign.backward
def softsign_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``1 / (1 + |z|)**2``."""
    under = 1 / (1 + np.abs(z))
    np.multiply(da, under * under, out=dz)


# ---------------------------------------------------------------------------------------------------------
# Smooth relatives of relu


@activations.register()
@Activation
def softplus(z: np.ndarray, a: np.ndarray) -> None:
    """``log(1 + exp(x))``, as ``max(x, 0) + log1p(exp(-|x|))``, which can't overflow."""
    np.add(np.maximum(z, 0), np.log1p(np.exp(-np.abs(z))), out=a)


@softplus.backward
def softplus_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``sigmoid(z)``."""
    np.multiply(da, _sigmoid(z), out=dz)


@activations.register("swish")
@Activation
def silu(z: np.ndarray, a: np.ndarray) -> None:
    """``x * sigmoid(x)``, also called swish (Ramachandran, Zoph and Le, 2017)."""
    np.multiply(z, _sigmoid(z), out=a)


@silu.backward
def silu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``s * (1 + z * (1 - s))``, s = sigmoid(z)."""
    s = _sigmoid(z)
    np.multiply(da, s * (1 + z * (1 - s)), out=dz)


swish = silu


class Gelu(Activation):
    """An activation whose parameter `approximate` chooses between two pairs of ops."""

    def __init__(self, reference: Kernel):
        super().__init__(reference)
        self.parameters = {"approximate": False}

    @property
    def arguments(self) -> tuple[float, ...]:
        return ()

    def bind(self, **parameters: Any) -> Activation:
        bound = super().bind(**parameters)
        pair = gelu_tanh if bound.parameters["approximate"] else gelu
        bound.forward, bound.gradient = pair.forward, pair.gradient
        return bound

    def _number(self, name: str, value: Any) -> bool:
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"activation {self.name!r}: {name} must be True or False, got {value!r}")
        return bool(value)


@activations.register()
@Gelu
def gelu(z: np.ndarray, a: np.ndarray) -> None:
    """``x * P(X <= x)`` for a standard normal X (Hendrycks and Gimpel, 2016): ``x * erfc(-x / sqrt(2)) / 2``.

    ``approximate=True`` (False by default) takes ``0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x**3)))`` instead.
    """
    a[...] = 0.5 * z * erfc_array(-math.sqrt(0.5) * z)


@gelu.backward
def gelu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``P(X <= z) + z * density(z)``."""
    x = -math.sqrt(0.5) * z
    dz[...] = da * (0.5 * erfc_array(x) + z * (math.sqrt(0.5 / math.pi) * exp_minus_square(x)))


def _gelu_sigmoid(z: np.ndarray) -> np.ndarray:
    """``(1 + tanh(u)) / 2 = sigmoid(2 u)``, which loses no digits where tanh is near -1."""
    return _sigmoid(z * (math.sqrt(8 / math.pi) + math.sqrt(8 / math.pi) * 0.044715 * (z * z)))


@Activation
def gelu_tanh(z: np.ndarray, a: np.ndarray) -> None:
    """``gelu(x, approximate=True)``."""
    np.multiply(z, _gelu_sigmoid(z), out=a)


@gelu_tanh.backward
def gelu_tanh_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``s * (1 + z * (1 - s) * 2 u')``, s = sigmoid(2 u)."""
    s = _gelu_sigmoid(z)
    slope_of_2u = math.sqrt(8 / math.pi) + math.sqrt(8 / math.pi) * 3 * 0.044715 * (z * z)
    np.multiply(da, s * (1 + z * (1 - s) * slope_of_2u), out=dz)


def _mish_parts(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns e = exp(-|z|), and two numbers with ``tanh(softplus(z)) = above / (above + rest)``."""
    e = np.exp(-np.abs(z))
    return e, np.where(z > 0, 1 + 2 * e, e * (e + 2)), np.where(z > 0, 2 * e * e, 2)


@activations.register()
@Activation
def mish(z: np.ndarray, a: np.ndarray) -> None:
    """``x * tanh(softplus(x))`` (Misra, BMVC 2020)."""
    _, above, rest = _mish_parts(z)
    a[...] = z * above / (above + rest)


@mish.backward
def mish_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``t + z * sigmoid(z) * (1 - t**2)``, t = tanh(softplus(z))."""
    e, above, rest = _mish_parts(z)
    below = 1 / (above + rest)
    sigmoid = np.where(z < 0, e, 1) / (1 + e)
    dz[...] = da * (below * (above + z * sigmoid * rest * (above + above + rest) * below))


@activations.register()
@Activation
def exponential(z: np.ndarray, a: np.ndarray) -> None:
    """``exp(x)``; infinite beyond 88.7 (float32) or 709.8 (float64)."""
    with np.errstate(over="ignore"):
        np.exp(z, out=a)


@exponential.backward
def exponential_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``a``."""
    np.multiply(da, a, out=dz)


# ---------------------------------------------------------------------------------------------------------
# Over rows


@activations.register()
@RowActivation
def softmax(z: np.ndarray, a: np.ndarray) -> None:
    """``exp(x) / sum(exp(x))`` along the last axis, or along ``axis``; x is shifted by its maximum, so that nothing overflows."""
    np.subtract(z, z.max(axis=1, keepdims=True, initial=-np.inf), out=a)
    np.exp(a, out=a)
    a /= a.sum(axis=1, keepdims=True)


@softmax.backward
def softmax_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """``a * (da - sum(a * da))``."""
    np.multiply(a, da - (a * da).sum(axis=1, keepdims=True), out=dz)


@activations.register()
@RowActivation
def log_softmax(z: np.ndarray, a: np.ndarray) -> None:
    """``log(softmax(x))`` along the last axis, or along ``axis``, exact where softmax underflows."""
    np.subtract(z, z.max(axis=1, keepdims=True, initial=-np.inf), out=a)
    a -= np.log(np.maximum(np.exp(a).sum(axis=1, keepdims=True), 1))  # 1 only for rows without entries: the largest entry gives 1


@log_softmax.backward
def log_softmax_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """``da - exp(a) * sum(da)``."""
    np.subtract(da, np.exp(a) * da.sum(axis=1, keepdims=True), out=dz)


__all__ = ["Activation", "get", "serialize", *activations.members]
