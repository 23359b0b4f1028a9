"""An activation function as a layer, and how any layer lowers its own."""

from __future__ import annotations

from typing import Any

from fastnn import activations
from fastnn.layers.layer import Layer, Shape, layers
from fastnn.program import Program, Tensor

__all__ = ["Activation", "lower_activation"]


def lower_activation(activation: activations.Activation, program: Program, z: Tensor) -> Tensor:
    """Append `activation` of `z`; the identity has no ops and costs nothing."""
    return activation.lower(program, z)


def activated_shape(layer: Layer, activation: activations.Activation, shape: Shape) -> Shape:
    """The shape of `activation` of an array of `shape`.

    Raises
    ------
    ValueError
        Where the activation doesn't take one; names the layer.
    """
    try:
        return activation.compute_output_shape(shape)
    except ValueError as error:
        raise ValueError(f"layer {layer.name!r}: {error}") from error


@layers.register()
class Activation(Layer):
    """Applies an activation function.

    Parameters
    ----------
    activation : str or fastnn.activations.Activation
        ``"relu"``, ``fastnn.activations.gelu``, ...
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    ValueError
        For an unknown name; when it is built, for a shape that the activation doesn't take.
    """

    def __init__(self, activation: Any, **options: Any):
        super().__init__(**options)
        self.activation = activations.get(activation)

    def make_parameters(self, features: tuple[int, ...]) -> None:
        self.compute_output_shape((None, *features))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return activated_shape(self, self.activation, input_shape)

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return lower_activation(self.activation, program, x)
