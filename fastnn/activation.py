"""What an activation function is: a pair of ops, the values of its parameters, and a name to find it by."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.backend import Op, op
from fastnn.config import floatx
from fastnn.configurable import Catalogue

Kernel = Callable[..., None]


class Activation:
    """An activation function: an op, its backward, and the values of its parameters.

    Calling it on an array returns a new array; parameters are keywords: ``leaky_relu(x, negative_slope=0.1)``.

    Attributes
    ----------
    name : str
    parameters : dict
        The parameters in use, by name.
    forward, gradient : Op
        ``forward(z, a, *arguments)`` and ``gradient(z, a, da, dz, *arguments)``.
    arguments : tuple of float
        The scalars that both ops take last.
    """

    def __init__(self, reference: Kernel):
        self.forward = op("z (n, m) -> a (n, m)", split="n")(reference)
        self.gradient: Op = self.forward
        self.name = self.__name__ = reference.__name__
        self.__doc__ = reference.__doc__
        scalars = list(inspect.signature(reference).parameters.values())[2:]
        self.parameters: dict[str, Any] = {p.name: p.default for p in scalars}

    def backward(self, reference: Kernel) -> Op:
        """Decorator: declare the backward op."""
        self.gradient = op("z (n, m), a (n, m), da (n, m) -> dz (n, m)", differentiable=False, split="n")(reference)
        return self.gradient

    @property
    def arguments(self) -> tuple[float, ...]:
        return tuple(self.parameters.values())

    def bind(self, **parameters: Any) -> Activation:
        """The same function with other values for its parameters.

        Raises
        ------
        TypeError
            For a parameter it doesn't have, or a value that is no number.
        """
        if unknown := parameters.keys() - self.parameters.keys():
            known = f"its parameters are {', '.join(self.parameters)}" if self.parameters else "it has none"
            raise TypeError(f"activation {self.name!r} has no parameter {', '.join(sorted(unknown))}; {known}")
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound.parameters = {**self.parameters, **{k: self._number(k, v) for k, v in parameters.items()}}
        return bound

    def _number(self, name: str, value: Any) -> Any:
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise TypeError(f"activation {self.name!r}: {name} must be a number, got {value!r}")
        return float(value)

    def __call__(self, x: Any, **parameters: Any) -> np.ndarray:
        """The activation of each entry of `x`.

        Parameters
        ----------
        x : array_like of any shape
            float32 and float64 are kept; integers, booleans and float16 are converted to ``fastnn.config.floatx()``.
        **parameters
            Values for this call, see :meth:`bind`.

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        TypeError
            For an unknown parameter, or an array that isn't real numbers.
        """
        bound = self.bind(**parameters) if parameters else self
        z, shape = _as_matrix(x, self.name)
        return bound._apply(z).reshape(shape)

    def _apply(self, z: np.ndarray) -> np.ndarray:
        a = np.empty_like(z)
        self.forward(z, a, *self.arguments)
        return a

    def serialized(self) -> str | dict[str, Any]:
        """The name, or ``{"class_name", "config"}`` where a parameter isn't the default; :func:`get` reads both."""
        if self == activations.find(self.name):
            return self.name
        return {"class_name": self.name, "config": dict(self.parameters)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activation) and (self.name, self.parameters) == (other.name, other.parameters)

    def __hash__(self) -> int:
        return hash((self.name, *self.parameters.values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.serialized(),)

    def __repr__(self) -> str:
        return f"<activation {self.name}({', '.join(f'{k}={v}' for k, v in self.parameters.items())})>"


class Identity(Activation):
    """The activation without ops."""

    def __init__(self, function: Kernel):
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.parameters = {}
        self.forward = self.gradient = None  # type: ignore[assignment]

    def _apply(self, z: np.ndarray) -> np.ndarray:
        return z.copy()


class RowActivation(Activation):
    """An activation that ties the entries along one axis together: the last one in a layer, any when called."""

    def __call__(self, x: Any, axis: int = -1, **parameters: Any) -> np.ndarray:
        """The activation along `axis`; all else as for any :class:`Activation`."""
        last = np.moveaxis(np.atleast_1d(x), axis, -1)
        return np.moveaxis(super().__call__(last, **parameters), -1, axis).reshape(np.shape(x))


activations: Catalogue[Activation] = Catalogue("activation", Activation)


def _as_matrix(x: Any, name: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """`x` as a C-contiguous matrix of its last axis, and its shape."""
    x = np.asarray(x)
    if x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
        raise TypeError(f"activation {name!r}: x must hold real numbers (float32 or float64), got dtype {x.dtype}")
    kept = x.dtype.name if x.dtype.name in ("float32", "float64") else floatx()
    columns = x.shape[-1] if x.ndim else 1
    return np.require(x, kept, ["C", "ALIGNED"]).reshape(math.prod(x.shape[:-1]), columns), x.shape


def get(identifier: Any) -> Activation:
    """The activation that `identifier` means.

    Parameters
    ----------
    identifier : None, str, Activation, functools.partial or dict
        None is ``"linear"``; a partial binds keywords of an activation: ``partial(leaky_relu, negative_slope=0.1)``; a dict is
        what :func:`serialize` returned.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For an unknown parameter, a Python function, or anything else.
    """
    if identifier is None:
        return activations.find("linear")
    if isinstance(identifier, str):
        return activations.find(identifier)
    if isinstance(identifier, functools.partial) and isinstance(identifier.func, Activation) and not identifier.args:
        return identifier.func.bind(**identifier.keywords)
    if isinstance(identifier, dict) and "class_name" in identifier:
        return activations.find(identifier["class_name"]).bind(**identifier.get("config", {}))
    if callable(identifier) and not isinstance(identifier, (Activation, type)):
        raise TypeError(
            f"a Python function can't be an activation yet, got {identifier!r}: use a name ({', '.join(activations.members)}), "
            "or functools.partial of an activation to set its parameters"
        )
    return activations.get(identifier)


def serialize(activation: Any) -> str | dict[str, Any]:
    """The plain name when all parameters are the defaults, else ``{"class_name": name, "config": parameters}``."""
    return get(activation).serialized()
