"""Piecewise polynomial activations: relu and what is made of straight lines or parabolas.

Slopes at the kinks are torch's: that of the flat side, but for ``leaky_relu``, ``relu`` with parameters and ``threshold``, which at the
kink take that of the lower side, and ``hard_silu`` and ``sparse_plus``, whose upper kink has one slope from both sides.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from fastnn.activations.activation import Activation, Identity, activations


@activations.register()
@Identity
def linear() -> None:
    """The identity: ``x`` itself. It has no ops: a layer without activation computes nothing for it."""


class Relu(Activation):
    """Relu, whose parameters choose the general pair of ops where one of them isn't the default."""

    defaults: ClassVar[dict[str, Any] | None] = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0}

    def _choose(self) -> None:
        if self.parameters != self.defaults:
            self.forward, self.gradient = general_relu.forward, general_relu.gradient


@activations.register()
@Relu
def relu(z: np.ndarray, a: np.ndarray) -> None:
    """``max(x, 0)`` (Nair and Hinton, ICML 2010), or in general Keras' relu.

    That is ``max_value`` for x >= max_value, x for threshold < x < max_value, else ``negative_slope * (x - threshold)``. By default
    negative_slope and threshold are 0 and max_value is None for no bound; none may be negative. The slope at a kink is that of its flat
    side or, where negative_slope isn't 0, that of the lower side.
    """
    np.maximum(z, 0, out=a)


@relu.backward
def relu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 1 for z > 0, else 0."""
    np.multiply(da, z > 0, out=dz)


@Activation
def general_relu(z: np.ndarray, a: np.ndarray, negative_slope: float = 0.1, max_value: float = 1.0, threshold: float = 0.5) -> None:
    """``relu`` with parameters."""
    below = negative_slope * (z - threshold) if negative_slope else 0
    a[...] = np.where(z <= threshold, below, np.minimum(z, max_value))


@general_relu.backward
def general_relu_backward(
    z: np.ndarray,
    a: np.ndarray,
    da: np.ndarray,
    dz: np.ndarray,
    negative_slope: float = 0.1,
    max_value: float = 1.0,
    threshold: float = 0.5,
) -> None:
    """Slope 1 for threshold < z < max_value, negative_slope for z <= threshold, else 0."""
    np.multiply(da, np.where(z <= threshold, da.dtype.type(negative_slope), z < max_value), out=dz)


relu.require(
    "its parameters must not be negative",
    lambda negative_slope, max_value, threshold: negative_slope >= 0 and threshold >= 0 and (max_value is None or max_value >= 0),
)


@activations.register()
@Activation
def relu6(z: np.ndarray, a: np.ndarray) -> None:
    """``min(max(x, 0), 6)`` (Krizhevsky, 2010); the slope at 0 and at 6 is 0."""
    np.clip(z, 0, 6, out=a)


@relu6.backward
def relu6_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 1 for 0 < z < 6, else 0."""
    np.multiply(da, (z > 0) & (z < 6), out=dz)


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
def threshold(z: np.ndarray, a: np.ndarray, threshold: float = 0.0, default_value: float = 0.0) -> None:
    """``x`` for x > threshold, else default_value.

    Keras and torch want both numbers; here each is 0 by default, so that the name alone means relu.
    """
    a[...] = np.where(z <= threshold, default_value, z)


@threshold.backward
def threshold_backward(
    z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, threshold: float = 0.0, default_value: float = 0.0
) -> None:
    """Slope 1 for z > threshold, else 0."""
    np.multiply(da, z > threshold, out=dz)


@activations.register("heaviside")
@Activation
def step(z: np.ndarray, a: np.ndarray) -> None:
    """Heaviside's step: 1 for x >= 0, else 0; its slope is 0 everywhere (McCulloch and Pitts, 1943).

    Nothing is learned through it: it is for networks whose weights are given.
    """
    a[...] = np.where(np.isnan(z), z, z >= 0)


@step.backward
def step_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 0."""
    dz[...] = 0


@activations.register("hardsigmoid")
@Activation
def hard_sigmoid(z: np.ndarray, a: np.ndarray) -> None:
    """``x / 6 + 0.5`` between 0 and 1, as in Keras 3 and torch (Howard et al., ICCV 2019); the slope at its kinks is 0."""
    np.multiply(np.clip(z + 3, 0, 6), 1 / 6, out=a)


@hard_sigmoid.backward
def hard_sigmoid_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 1/6 for ``|z| < 3``, else 0."""
    np.multiply(da, np.where(np.abs(z) < 3, da.dtype.type(1 / 6), 0), out=dz)


@activations.register("hardtanh")
@Activation
def hard_tanh(z: np.ndarray, a: np.ndarray, min_value: float = -1.0, max_value: float = 1.0) -> None:
    """``min(max(x, min_value), max_value)`` (Collobert, 2004), -1 and 1 by default, which torch names ``min_val`` and ``max_val``.

    The slope at both is 0.
    """
    np.clip(z, min_value, max_value, out=a)


@hard_tanh.backward
def hard_tanh_backward(
    z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, min_value: float = -1.0, max_value: float = 1.0
) -> None:
    """Slope 1 between the bounds, else 0."""
    np.multiply(da, (z > min_value) & (z < max_value), out=dz)


hard_tanh.require("min_value must not lie above max_value", lambda min_value, max_value: min_value <= max_value)


@activations.register("hard_swish", "hardswish")
@Activation
def hard_silu(z: np.ndarray, a: np.ndarray) -> None:
    """``x * hard_sigmoid(x)``, also called hard swish (Howard et al., ICCV 2019, eq. in 5.2)."""
    np.multiply(np.maximum(z, -3), np.clip(z + 3, 0, 6) * z.dtype.type(1 / 6), out=a)


@hard_silu.backward
def hard_silu_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 0 for z <= -3, 1 for z >= 3, between them ``(2 z + 3) / 6``."""
    inner = np.where(z < 3, (z + z.dtype.type(1.5)) * z.dtype.type(1 / 3), 1)
    np.multiply(da, np.where(z > -3, inner, 0), out=dz)


hard_swish = hard_silu


@activations.register("hardshrink")
@Activation
def hard_shrink(z: np.ndarray, a: np.ndarray, threshold: float = 0.5) -> None:
    """``x`` for ``|x| > threshold``, else 0 (Donoho and Johnstone, 1994); threshold is 0.5 by default and not negative."""
    a[...] = np.where(np.abs(z) <= threshold, 0, z)


@hard_shrink.backward
def hard_shrink_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, threshold: float = 0.5) -> None:
    """Slope 1 for ``|z| > threshold``, else 0."""
    np.multiply(da, np.abs(z) > threshold, out=dz)


hard_shrink.require("threshold must not be negative", lambda threshold: threshold >= 0)


@activations.register("softshrink")
@Activation
def soft_shrink(z: np.ndarray, a: np.ndarray, threshold: float = 0.5) -> None:
    """``x`` moved towards 0 by threshold, and 0 within it (Donoho, 1995); threshold is 0.5 by default and not negative."""
    np.subtract(z, np.clip(z, -threshold, threshold), out=a)


@soft_shrink.backward
def soft_shrink_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray, threshold: float = 0.5) -> None:
    """Slope 1 for ``|z| > threshold``, else 0."""
    np.multiply(da, np.abs(z) > threshold, out=dz)


soft_shrink.require("threshold must not be negative", lambda threshold: threshold >= 0)


@activations.register()
@Activation
def sparse_plus(z: np.ndarray, a: np.ndarray) -> None:
    """0 for x <= -1, ``(x + 1)**2 / 4`` for -1 < x < 1, else x; a softplus with a compact curve (as in Keras 3)."""
    half = np.clip(z + 1, 0, 2) * z.dtype.type(0.5)
    a[...] = np.where(z >= 1, z, half * half)


@sparse_plus.backward
def sparse_plus_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope ``sparse_sigmoid(z)``."""
    np.multiply(da, np.clip(z + 1, 0, 2) * z.dtype.type(0.5), out=dz)


@activations.register()
@Activation
def sparse_sigmoid(z: np.ndarray, a: np.ndarray) -> None:
    """``(x + 1) / 2`` between 0 and 1 (Blondel, Martins and Niculae, 2019); the slope at its kinks is 0."""
    np.multiply(np.clip(z + 1, 0, 2), 0.5, out=a)


@sparse_sigmoid.backward
def sparse_sigmoid_backward(z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
    """Slope 1/2 for ``|z| < 1``, else 0."""
    np.multiply(da, np.where(np.abs(z) < 1, da.dtype.type(0.5), 0), out=dz)
