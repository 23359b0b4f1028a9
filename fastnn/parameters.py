"""Parameters, and the flat vectors that hold those of a whole model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastnn.constraints import Constraint
from fastnn.memory import ALIGNMENT, aligned_zeros
from fastnn.regularizers import Regularizer


class Parameter(np.lib.mixins.NDArrayOperatorsMixin):
    """A weight array of a layer; a view of its model's flat vector once the model is compiled.

    In arithmetic and in NumPy's functions it stands for its `value`, as in Keras: ``x @ self.kernel`` in a layer's `call`.

    Attributes
    ----------
    name : str
        As Keras names it: ``"kernel"``, ``"bias"``, ``"gamma"``, ...
    value : ndarray
        The numbers. Another array after the model first trains, when parameters move into one vector: don't hold on to it,
        and write through :meth:`assign`.
    grad : ndarray or None
        The loss's gradient, of the same shape; None for what isn't trained and before the model is compiled.
    path : str
        The layer's name before it: ``"dense/kernel"``.
    regularizer : Regularizer or None
    constraint : Constraint or None
        What the numbers are held to after each update.
    trainable : bool
        Whether training changes it, unless its layer is frozen.
    moves : int
        How many times the arrays of any parameter have been made or replaced; while it stays, what was bound to them is valid.
    """

    moves = 0
    stands_for_value = True
    __eq__, __ne__, __hash__ = object.__eq__, object.__ne__, object.__hash__  # a parameter is itself, whatever its numbers are

    def __init__(
        self,
        name: str,
        value: np.ndarray,
        regularizer: Regularizer | None = None,
        trainable: bool = True,
        constraint: Constraint | None = None,
    ):
        self.name = self.path = name
        self.value = value
        self.grad: np.ndarray | None = None
        self.regularizer = regularizer
        self.trainable = trainable
        self.constraint = constraint
        Parameter.moves += 1

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def need_grad(self) -> None:
        """Make room for the gradient where no model has."""
        if self.grad is None:
            self.grad = np.zeros_like(self.value)
            Parameter.moves += 1

    def numpy(self) -> np.ndarray:
        """A copy of the numbers."""
        return self.value.copy()

    def assign(self, value: object) -> None:
        """Copy `value` in.

        Raises
        ------
        ValueError
            When its shape differs, or it holds anything but real numbers.
        """
        self.value[...] = self.checked(value)

    def assign_add(self, value: Any) -> None:
        """Add `value`; errors as in `assign`."""
        self.assign(self.value + self.checked(np.broadcast_to(value, self.shape)))

    def assign_sub(self, value: Any) -> None:
        """Subtract `value`; errors as in `assign`."""
        self.assign(self.value - self.checked(np.broadcast_to(value, self.shape)))

    def checked(self, value: object) -> np.ndarray:
        """`value` as an array of this parameter's shape and dtype; errors as in `assign`."""
        given = np.asarray(value)
        if given.shape != self.shape:
            raise ValueError(f"parameter {self.name!r} has shape {self.shape}, got {given.shape}")
        if given.dtype.kind not in "fiub":
            raise ValueError(f"parameter {self.name!r} needs real numbers, got dtype {given.dtype}")
        with np.errstate(over="ignore"):
            return given.astype(self.dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **options: Any) -> Any:
        if any(isinstance(each, Parameter) for each in options.get("out", ())):
            raise TypeError(f"parameter {self.path!r} can't be written to by NumPy; use assign, assign_add or assign_sub")
        return getattr(ufunc, method)(*_values(args), **_values(options))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return function(*_values(args), **_values(options))

    def __getitem__(self, index: Any) -> Any:
        """A copy of some of the numbers."""
        return np.copy(self.value[index])

    def __len__(self) -> int:
        return len(self.value)

    def __float__(self) -> float:
        return float(self.value.item())

    def __bool__(self) -> bool:
        return True  # there is one, whatever its numbers are

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        if not isinstance(self.value, np.ndarray):
            raise TypeError(f"parameter {self.name!r} is being differentiated by: write {self.name}.value, which is, in a layer's call")
        if copy is False:
            raise ValueError("a parameter is only given as a copy; use .value for the array itself")
        return np.array(self.value, dtype=dtype)  # type: ignore[call-overload]

    def __repr__(self) -> str:
        traced = not isinstance(self.value, np.ndarray)
        value = "..." if traced else np.array2string(self.value, precision=4, threshold=20, edgeitems=2)
        return f"<Parameter {self.path}, shape={self.shape}, dtype={self.dtype}, value={value}>"


def _values(given: Any) -> Any:
    """`given` with each parameter replaced by what it holds, in lists, tuples and dictionaries too."""
    if isinstance(given, Parameter):
        return given.value
    if type(given) in (list, tuple):
        return type(given)(map(_values, given))
    return {key: _values(each) for key, each in given.items()} if type(given) is dict else given


def assign_all(parameters: list[Parameter], values: list[Any], who: str) -> None:
    """Copy `values` into `parameters`, all of them or, when one doesn't fit, none."""
    if len(values) != len(parameters):
        raise ValueError(f"{who} has {len(parameters)} weight arrays, got {len(values)}")
    try:
        checked = [parameter.checked(value) for parameter, value in zip(parameters, values, strict=True)]
    except ValueError as error:
        raise ValueError(f"{who}: {error}") from error
    for parameter, value in zip(parameters, checked, strict=True):
        parameter.assign(value)


class FlatVector:
    """One aligned vector with a view a parameter, each starting on a cache line; the gaps between them stay zero.

    Parameters
    ----------
    shapes : iterable of tuple of int
    dtype : dtype

    Attributes
    ----------
    data : ndarray of shape (size,)
    views : list of ndarray
        The pieces of `data`, in the order and the shapes given.
    """

    def __init__(self, shapes: Iterable[tuple[int, ...]], dtype: object):
        self.shapes = list(shapes)
        step = ALIGNMENT // np.dtype(dtype).itemsize  # type: ignore[call-overload]
        self._starts = np.cumsum([0] + [-(-int(np.prod(s)) // step) * step for s in self.shapes])
        self.data = aligned_zeros(int(self._starts[-1]), dtype)
        self.views = list(self.split(self.data))

    def span(self, vector: np.ndarray, first: int, last: int) -> np.ndarray:
        """The part of a vector of this layout from piece number `first` to number `last`, gaps included."""
        return vector[self._starts[first] : self._starts[last + 1]]

    def split(self, vector: np.ndarray) -> Iterator[np.ndarray]:
        """The views of another vector of the same layout, an optimizer's slot for instance."""
        for start, shape in zip(self._starts, self.shapes, strict=False):
            yield vector[start : start + int(np.prod(shape))].reshape(shape)


class Arena:
    """The trainable parameters of a model in one flat vector, their gradients in another of the same layout.

    Making one moves the parameters: each keeps its numbers, and its ``value`` and ``grad`` become views. A parameter
    that a second model then takes over leaves the first arena, which :meth:`holds` tells.
    """

    def __init__(self, parameters: Iterable[Parameter], dtype: object):
        self.parameters = list(parameters)
        shapes = [p.shape for p in self.parameters]
        self.values, self.gradients = FlatVector(shapes, dtype), FlatVector(shapes, dtype)
        for parameter, value, grad in zip(self.parameters, self.values.views, self.gradients.views, strict=True):
            value[...] = parameter.value
            parameter.value, parameter.grad = value, grad
        Parameter.moves += 1

    def holds(self, parameters: Iterable[Parameter]) -> bool:
        """Whether exactly these parameters live here."""
        given = list(parameters)
        return len(given) == len(self.parameters) and all(
            p is q and p.value is view for p, q, view in zip(given, self.parameters, self.values.views, strict=True)
        )
