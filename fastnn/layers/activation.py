"""An activation function as a layer, and how any layer lowers its own."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers.layer import Layer, layers
from fastnn.program import Activated, Program, Tensor


def lower_activation(activation: activations.Activation, program: Program, z: Tensor) -> Tensor:
    """Append `activation` of `z`; the identity has no ops and costs nothing."""
    if activation.forward is None:
        return z
    a = program.successor(z)
    zr, ar, scalars = z.rows, a.rows, activation.arguments
    program.forward(activation.forward, zr.value, ar.value, *scalars)
    backward = None
    if z.grad is not None:
        backward = program.backward(activation.gradient, zr.value, ar.value, ar.grad, zr.grad, *scalars)
    a.source = Activated(activation.name, z, backward)
    return a


@layers.register()
class Activation(Layer):
    """Applies an activation function.

    Parameters
    ----------
    activation : str or fastnn.activations.Activation
        ``"relu"``, ``fastnn.activations.gelu``, ...
    name : str, optional
    input_shape : tuple of int, optional

    Raises
    ------
    ValueError
        For an unknown name.
    """

    def __init__(self, activation: Any, name: str | None = None, input_shape: tuple[int, ...] | None = None):
        super().__init__(name, input_shape)
        self.activation = activations.get(activation)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return lower_activation(self.activation, program, x)
