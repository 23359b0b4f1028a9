"""Gated linear units: one half of the last axis, times a function of the other.

The public functions take an array whose last axis (or ``axis``) has an even length and return one with half of it; the ops take the two
halves, views of one buffer. The first half is the value and the second the gate, as in Keras' and torch's ``glu``.

References
----------
Y. Dauphin, A. Fan, M. Auli, D. Grangier, Language modeling with gated convolutional networks, ICML 2017.
N. Shazeer, GLU variants improve transformer, 2020.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.activations import piecewise, saturating, smooth
from fastnn.activations.activation import Activation, activations
from fastnn.activations.rowwise import RowActivation
from fastnn.program import Program, Tensor


class GatedActivation(RowActivation):
    """An activation that halves the last axis: ``forward(value, gate, a)`` and ``gradient(value, gate, da, dvalue, dgate)``."""

    forward_signature = "value (n, m), gate (n, m) -> a (n, m)"
    backward_signature = "value (n, m), gate (n, m), da (n, m) -> dvalue (n, m), dgate (n, m)"

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        if not shape or shape[-1] % 2:
            raise ValueError(f"activation {self.name!r} halves the last axis, which must have an even length, got shape {tuple(shape)}")
        return (*shape[:-1], shape[-1] // 2)

    def _apply(self, z: np.ndarray) -> np.ndarray:
        a = np.empty_like(z, shape=self.compute_output_shape(z.shape))
        self.forward(*halves(z), a, *self.arguments)
        return a

    def lower(self, program: Program, z: Tensor, a: Tensor | None = None) -> Tensor:
        a = a or program.tensor(*self.compute_output_shape(z.features), needs_grad=z.grad is not None)
        zr, ar = z.rows, a.rows
        program.forward(self.forward, *halves(zr.value), ar.value, *self.arguments)
        if zr.grad is not None:
            program.backward(self.gradient, *halves(zr.value), ar.grad, *halves(zr.grad), *self.arguments)
        return a


def halves(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last columns of a matrix, as views."""
    return z[:, : z.shape[1] // 2], z[:, z.shape[1] // 2 :]


def _gated(value: np.ndarray, gate: np.ndarray, a: np.ndarray, function: Activation) -> None:
    function.forward.reference(gate, a)
    a *= value


def _gated_backward(
    value: np.ndarray, gate: np.ndarray, da: np.ndarray, dvalue: np.ndarray, dgate: np.ndarray, function: Activation
) -> None:
    a = np.empty_like(da)
    function.forward.reference(gate, a)
    np.multiply(da, a, out=dvalue)
    function.gradient.reference(gate, a, da * value, dgate)


@activations.register()
@GatedActivation
def glu(value: np.ndarray, gate: np.ndarray, a: np.ndarray) -> None:
    """``value * sigmoid(gate)``, halves of the last axis (Dauphin, Fan, Auli and Grangier, ICML 2017, eq. 1)."""
    _gated(value, gate, a, saturating.sigmoid)


@glu.backward
def glu_backward(value: np.ndarray, gate: np.ndarray, da: np.ndarray, dvalue: np.ndarray, dgate: np.ndarray) -> None:
    """``sigmoid(gate)`` for the value, ``value`` times its slope for the gate."""
    _gated_backward(value, gate, da, dvalue, dgate, saturating.sigmoid)


@activations.register()
@GatedActivation
def reglu(value: np.ndarray, gate: np.ndarray, a: np.ndarray) -> None:
    """``value * relu(gate)``, halves of the last axis (Shazeer, 2020, eq. 5)."""
    _gated(value, gate, a, piecewise.relu)


@reglu.backward
def reglu_backward(value: np.ndarray, gate: np.ndarray, da: np.ndarray, dvalue: np.ndarray, dgate: np.ndarray) -> None:
    """``relu(gate)`` for the value, ``value`` times its slope for the gate."""
    _gated_backward(value, gate, da, dvalue, dgate, piecewise.relu)


@activations.register()
@GatedActivation
def geglu(value: np.ndarray, gate: np.ndarray, a: np.ndarray) -> None:
    """``value * gelu(gate)``, halves of the last axis, with the exact gelu (Shazeer, 2020, eq. 5)."""
    _gated(value, gate, a, smooth.gelu)


@geglu.backward
def geglu_backward(value: np.ndarray, gate: np.ndarray, da: np.ndarray, dvalue: np.ndarray, dgate: np.ndarray) -> None:
    """``gelu(gate)`` for the value, ``value`` times its slope for the gate."""
    _gated_backward(value, gate, da, dvalue, dgate, smooth.gelu)


@activations.register()
@GatedActivation
def swiglu(value: np.ndarray, gate: np.ndarray, a: np.ndarray) -> None:
    """``value * silu(gate)``, halves of the last axis (Shazeer, 2020, eq. 5, with beta 1)."""
    _gated(value, gate, a, smooth.silu)


@swiglu.backward
def swiglu_backward(value: np.ndarray, gate: np.ndarray, da: np.ndarray, dvalue: np.ndarray, dgate: np.ndarray) -> None:
    """``silu(gate)`` for the value, ``value`` times its slope for the gate."""
    _gated_backward(value, gate, da, dvalue, dgate, smooth.silu)
