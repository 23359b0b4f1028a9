"""The model's input: a shape and nothing else."""

from __future__ import annotations

from typing import Any

from fastnn.layers.layer import Layer, layers
from fastnn.program import Program, Tensor

__all__ = ["Input", "InputLayer"]


@layers.register()
class InputLayer(Layer):
    """States the shape of one sample; computes nothing.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis.
    name : str, optional
    """

    def __init__(self, shape: tuple[int, ...], name: str | None = None):
        super().__init__(name, shape)
        self.shape = self.input_shape

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return x


def Input(shape: tuple[int, ...] | int | None = None, name: str | None = None, **unsupported: Any) -> InputLayer:
    """The first entry of a `Sequential`: the shape of one sample.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis: ``(784,)``.
    name : str, optional

    Raises
    ------
    ValueError
        When the shape is missing or holds anything but positive integers.
    TypeError
        For arguments of Keras' that fastnn doesn't have.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.Input((4,)).shape
    (4,)
    """
    if unsupported:
        raise TypeError(f"Input doesn't take {', '.join(map(repr, unsupported))}; it takes shape and name")
    if shape is None:
        raise ValueError("Input needs the shape of one sample: Input(shape=(784,))")
    return InputLayer(shape, name)  # type: ignore[arg-type]
