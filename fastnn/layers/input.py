"""The model's input: a shape and nothing else."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

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
    input_shape, batch_shape : tuple, optional
        In place of `shape`: what older Keras calls it, and the shape with the batch axis first.

    Raises
    ------
    ValueError
        Unless the shape is given once, and is one of positive integers.
    """

    more_keywords = ("input_shape", "batch_shape")

    def __init__(self, shape: Any = None, name: str | None = None, *, input_shape: Any = None, batch_shape: Any = None):
        given = [each for each in (shape, input_shape, batch_shape and tuple(batch_shape)[1:]) if each is not None]
        if len(given) != 1:
            raise ValueError("InputLayer needs the shape of one sample, once: InputLayer(shape=(784,))")
        super().__init__(name, given[0])
        self.shape = self.input_shape

    def lower(self, program: Program, x: Tensor) -> Tensor:
        return x


def _signature(shape: tuple[int, ...], name: str | None = None) -> None: ...


InputLayer.__signature__ = inspect.signature(_signature)  # type: ignore[attr-defined]  # the arguments that are kept


def Input(
    shape: tuple[int, ...] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: tuple[int | None, ...] | None = None,
    name: str | None = None,
    tensor: None = None,
    optional: bool = False,
) -> InputLayer:
    """The first entry of a `Sequential`: the shape of one sample.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis: ``(784,)``.
    batch_size : int, optional
        Without meaning: a model takes batches of any size.
    dtype : str, optional
        Without meaning: samples of any real numbers are brought into the model's dtype.
    sparse, ragged, tensor, optional
        Here for Keras' order of arguments: None or False.
    batch_shape : tuple, optional
        The shape with the batch axis first, in place of `shape`.
    name : str, optional

    Raises
    ------
    ValueError
        When the shape is missing or holds anything but positive integers, and for what fastnn doesn't have.

    Examples
    --------
    >>> import fastnn
    >>> fastnn.Input((4,)).shape
    (4,)
    """
    for word, value in ("sparse", sparse), ("ragged", ragged), ("tensor", tensor), ("optional", optional):
        if value is not None and value is not False:
            raise ValueError(f"Input: {word}={value!r} isn't there; samples are dense arrays")
    if dtype is not None and np.dtype(dtype).kind not in "fiub":
        raise ValueError(f"Input: samples are real numbers, got dtype {dtype!r}; encode text as numbers first (fastnn.tables)")
    if shape is not None and batch_shape is not None:
        raise ValueError("Input: shape and batch_shape say the same thing; give one of them")
    if batch_shape is not None:
        shape = tuple(batch_shape)[1:]  # type: ignore[assignment]
    if shape is None:
        raise ValueError("Input needs the shape of one sample: Input(shape=(784,))")
    return InputLayer(shape, name=name)
