"""What an activation function is: a pair of ops, the values of its parameters, and a name to find it by."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from fastnn.arrays import any_array, contiguous
from fastnn.backend import Op, op
from fastnn.config import floatx
from fastnn.configurable import Catalogue
from fastnn.custom_objects import custom_function
from fastnn.program import Activated, Program, Tensor

Kernel = Callable[..., None]


class Activation:
    """An activation function: an op, its backward, and the values of its parameters.

    Calling it on an array returns a new array; parameters are keywords, ``leaky_relu(x, negative_slope=0.1)``, or stand in their order
    behind x. A parameter's default says what it takes: a number, True or False, or (where the default is None) a number or None.

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

    forward_signature = "z (n, m) -> a (n, m)"
    backward_signature = "z (n, m), a (n, m), da (n, m) -> dz (n, m)"
    defaults: ClassVar[dict[str, Any] | None] = None
    """The parameters, where they aren't the scalars of the op."""

    def __init__(self, reference: Kernel):
        self.forward = op(self.forward_signature, split="n")(reference)
        self.gradient: Op = self.forward
        self.name = self.__name__ = reference.__name__
        self.__doc__ = reference.__doc__
        scalars = inspect.signature(reference).parameters
        self.parameters: dict[str, Any] = dict(self.defaults or {name: scalars[name].default for name in self.forward.scalars})
        self._requirements: list[tuple[str, Callable[..., bool]]] = []
        self._original = self

    def _choose(self) -> None:
        """Take other ops where the parameters say so."""

    @property
    def arguments(self) -> tuple[float, ...]:
        return tuple(math.inf if self.parameters[name] is None else self.parameters[name] for name in self.forward.scalars)

    def backward(self, reference: Kernel) -> Op:
        """Decorator: declare the backward op."""
        self.gradient = op(self.backward_signature, differentiable=False, split="n")(reference)
        return self.gradient

    def require(self, what: str, holds: Callable[..., bool]) -> None:
        """Refuse parameters of which `holds`, called with them by name, is False."""
        self._requirements.append((what, holds))

    def bind(self, **parameters: Any) -> Activation:
        """The same function with other values for its parameters.

        Raises
        ------
        TypeError
            For a parameter it doesn't have, or a value that is no number.
        ValueError
            For a number out of the parameter's range.
        """
        if unknown := parameters.keys() - self.parameters.keys():
            known = f"its parameters are {', '.join(self.parameters)}" if self.parameters else "it has none"
            raise TypeError(f"activation {self.name!r} has no parameter {', '.join(sorted(unknown))}; {known}")
        bound = object.__new__(type(self))
        bound.__dict__.update(self._original.__dict__)
        bound.parameters = {**self.parameters, **{k: self._checked(k, v) for k, v in parameters.items()}}
        for what, holds in self._requirements:
            if not holds(**bound.parameters):
                raise ValueError(f"activation {self.name!r}: {what}, got {', '.join(f'{k}={v}' for k, v in bound.parameters.items())}")
        bound._choose()
        return bound

    def _checked(self, name: str, value: Any) -> Any:
        default = self._original.parameters[name]
        if isinstance(default, bool):
            if not isinstance(value, (bool, np.bool_)):
                raise TypeError(f"activation {self.name!r}: {name} must be True or False, got {value!r}")
            return bool(value)
        if value is None and default is None:
            return None
        if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool):
            raise TypeError(f"activation {self.name!r}: {name} must be a number, got {value!r}")
        if math.isnan(value):
            raise ValueError(f"activation {self.name!r}: {name} must be a number, got nan")
        return float(value)

    def __call__(self, x: Any, *values: Any, **parameters: Any) -> np.ndarray:
        """The activation of each entry of `x`.

        Parameters
        ----------
        x : array_like of any shape
            float32 and float64 are kept; integers, booleans and float16 are converted to ``fastnn.config.floatx()``.
        *values, **parameters
            Parameters for this call, see :meth:`bind`.

        Returns
        -------
        ndarray of the same shape

        Raises
        ------
        TypeError
            For an unknown parameter, or an array that isn't real numbers.
        ValueError
            For a number out of a parameter's range.
        """
        bound = self._bound(values, parameters)
        shape = bound.compute_output_shape(np.shape(x))
        return bound._apply(_as_matrix(x, self.name)).reshape(shape)

    def _bound(self, values: tuple[Any, ...], parameters: dict[str, Any]) -> Activation:
        if len(values) > len(self.parameters):
            raise TypeError(f"activation {self.name!r} takes {len(self.parameters)} parameters, got {len(values)}")
        positional = dict(zip(self.parameters, values, strict=False))
        if twice := positional.keys() & parameters.keys():
            raise TypeError(f"activation {self.name!r} got {', '.join(sorted(twice))} twice")
        return self.bind(**positional, **parameters) if values or parameters else self

    def _apply(self, z: np.ndarray) -> np.ndarray:
        a = np.empty_like(z)
        self.forward(z, a, *self.arguments)
        return a

    def compute_output_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shape of the activation of an array of `shape`.

        Raises
        ------
        ValueError
            Where the activation doesn't take such arrays.
        """
        return tuple(shape)

    def lower(self, program: Program, z: Tensor, a: Tensor | None = None) -> Tensor:
        """Append the activation of `z` to `program`, with its backward, and return it; `a` is where it goes, if not anywhere."""
        a = a or program.successor(z)
        zr, ar = z.rows, a.rows
        program.forward(self.forward, zr.value, ar.value, *self.arguments)
        backward = None
        if z.grad is not None:
            backward = program.backward(self.gradient, zr.value, ar.value, ar.grad, zr.grad, *self.arguments)
        a.source = Activated(self.name, z, backward)
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

    arguments = ()

    def __init__(self, function: Kernel):
        self.name = self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.parameters, self._original, self._requirements = {}, self, []
        self.forward = self.gradient = None  # type: ignore[assignment]

    def _apply(self, z: np.ndarray) -> np.ndarray:
        return z.copy()

    def lower(self, program: Program, z: Tensor, a: Tensor | None = None) -> Tensor:
        return z


activations: Catalogue[Activation] = Catalogue("activation", Activation)


def _as_matrix(x: Any, name: str) -> np.ndarray:
    """`x` as a C-contiguous matrix of its last axis."""
    x = any_array(x)
    if x.dtype.kind not in "fiub" or x.dtype.itemsize > 8:
        raise TypeError(f"activation {name!r}: x must hold real numbers (float32 or float64), got dtype {x.dtype}")
    kept = x.dtype.name if x.dtype.name in ("float32", "float64") else floatx()
    columns = x.shape[-1] if x.ndim else 1
    return contiguous(x, kept).reshape(math.prod(x.shape[:-1]), columns)


def get(identifier: Any) -> Activation:
    """The activation that `identifier` means.

    Parameters
    ----------
    identifier : None, str, Activation, functools.partial, dict or callable
        None is ``"linear"``; a partial binds keywords of an activation: ``partial(leaky_relu, negative_slope=0.1)``; a dict is
        what :func:`serialize` returned. A Python function of an array is differentiated by `fastnn.autodiff`, see
        :class:`~fastnn.activations.PythonActivation`.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For an unknown parameter, or anything else.
    """
    if identifier is None:
        return activations.find("linear")
    identifier = custom_function(identifier) or identifier
    if isinstance(identifier, str):
        return activations.find(identifier)
    if isinstance(identifier, functools.partial) and isinstance(identifier.func, Activation) and not identifier.args:
        return identifier.func.bind(**identifier.keywords)
    if isinstance(identifier, dict) and "class_name" in identifier:
        return activations.find(identifier["class_name"]).bind(**identifier.get("config", {}))
    if callable(identifier) and not isinstance(identifier, (Activation, type)):
        from fastnn.activations.python import PythonActivation

        return PythonActivation(identifier)
    return activations.get(identifier)


def serialize(activation: Any) -> str | dict[str, Any]:
    """The plain name when all parameters are the defaults, else ``{"class_name": name, "config": parameters}``."""
    return get(activation).serialized()
