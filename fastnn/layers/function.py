"""A Python function as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn.layers.layer import Layer, Shape, check_shape, layers

__all__ = ["Lambda"]


@layers.register()
class Lambda(Layer):
    """Applies a Python function, written in NumPy. The compiled loop leaves for this layer alone.

    Parameters
    ----------
    function : callable
        ``function(x, **arguments)`` of a batch, gives an array with as many samples.
    output_shape : tuple of int, optional
        Of one sample; found by a call when left out.
    mask : None
        Here for Keras' order of arguments.
    arguments : dict, optional
        Keywords for the function.
    gradient : callable, optional
        ``gradient(x, y, dy)``, the loss's gradient by x for that by y. Without it the function is differentiated by
        :func:`fastnn.autodiff.vjp`.
    **options
        `name`, `input_shape` and `trainable`, as for any :class:`Layer`.

    Raises
    ------
    TypeError
        For what can't be called; and on saving, as a function can't be: subclass `Layer` and register the class instead.

    Examples
    --------
    >>> import fastnn, numpy as np
    >>> square = fastnn.layers.Lambda(lambda x: x**2)
    >>> square(np.array([[1.0, 3.0]]))
    array([[1., 9.]], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Sequence[int] | None = None,
        mask: None = None,
        arguments: Mapping[str, Any] | None = None,
        gradient: Callable[[Any, Any, Any], Any] | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        for word, value in ("function", function), *([("gradient", gradient)] if gradient is not None else []):
            if not callable(value):
                raise TypeError(f"layer {self.name!r}: {word} must be a Python function, got {value!r}")
        if mask is not None:
            raise ValueError(f"layer {self.name!r}: masks aren't there; leave mask at None")
        self.function, self.gradient, self.mask, self.arguments = function, gradient, None, dict(arguments or {})
        self.output_shape = None if output_shape is None else check_shape(output_shape, f"layer {self.name!r}")
        self.backward = None if gradient is None else self._by_gradient

    def call(self, x: Any) -> Any:
        self._x = x
        self._y = self.function(x, **self.arguments)
        return self._y

    def _by_gradient(self, dy: np.ndarray) -> Any:
        return self.gradient(self._x, self._y, dy)  # type: ignore[misc]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return super().compute_output_shape(input_shape) if self.output_shape is None else (input_shape[0], *self.output_shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, functions as they are."""
        names = "function", "output_shape", "mask", "arguments", "gradient", "name", "input_shape", "trainable"
        return {name: getattr(self, name) for name in names}

    def serialized(self) -> Any:
        """Refused: a Python function can't be saved."""
        raise TypeError(f"layer {self.name!r}: a Python function can't be saved; subclass fastnn.Layer, and register the class")
