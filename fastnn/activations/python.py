"""Activations written in Python, as a formula alone: their slopes come from `fastnn.autodiff`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.activations.activation import Activation
from fastnn.backend import Op

__all__ = ["PythonActivation"]


class PythonActivation(Activation):
    """A Python function of an array, written in NumPy, as an activation. The compiled loop leaves for it alone.

    Parameters
    ----------
    fn : callable
        ``fn(z)`` of pre-activations ``(n, m)`` gives an array of the same shape; sums and the like go along the last axis.

    Raises
    ------
    TypeError
        On saving, as a function can't be, unless it was registered by :func:`fastnn.saving.register_keras_serializable`.

    Examples
    --------
    >>> import numpy as np
    >>> import fastnn
    >>> square = fastnn.activations.get(lambda z: z**2)
    >>> square(np.array([1.0, 3.0]))
    array([1., 9.])
    """

    def __init__(self, fn: Callable[[Any], Any]):
        self.fn = fn
        self.__name__ = getattr(fn, "__name__", type(fn).__name__)
        self.name = f"python_{self.__name__}"  # none of the catalogue's, whatever the function is called
        self.__doc__ = fn.__doc__
        self.forward = Op(self._forward, self.forward_signature, differentiable=False, split="n")
        self.gradient = Op(self._backward, self.backward_signature, differentiable=False, split="n")
        self.parameters, self._requirements, self._original = {}, [], self

    def _forward(self, z: np.ndarray, a: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            a[...] = self._checked_shape(self.fn(z), z)

    def _backward(self, z: np.ndarray, a: np.ndarray, da: np.ndarray, dz: np.ndarray) -> None:
        from fastnn.autodiff import vjp
        from fastnn.autodiff.naming import within

        with within(f"activation {self.__name__!r}"), np.errstate(all="ignore"):
            dz[...] = vjp(self.fn, z)[1](da)[0]

    def _checked_shape(self, made: Any, z: np.ndarray) -> Any:
        if np.shape(made) != z.shape:
            raise ValueError(f"activation {self.__name__!r} must keep the shape {z.shape}, it made an array of shape {np.shape(made)}")
        return made

    def serialized(self) -> str | dict[str, Any]:
        from fastnn.custom_objects import registered_name

        if (name := registered_name(self.fn)) is None:
            raise TypeError(
                f"activation {self.__name__!r} is a Python function, which can't be saved: decorate it with "
                "@fastnn.saving.register_keras_serializable(), here and wherever the model is loaded"
            )
        return name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PythonActivation) and self.fn is other.fn

    def __hash__(self) -> int:
        return hash(self.fn)

    def __reduce__(self) -> tuple[Any, ...]:
        return PythonActivation, (self.fn,)
