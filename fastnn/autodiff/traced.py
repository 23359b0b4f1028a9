"""Arrays that remember what is done with them: they do what ndarrays do, and are differentiated.

A **trace** is one differentiation under way. Its arrays are :class:`Traced`: they answer NumPy's protocols (``__array_ufunc__`` and
``__array_function__``), so plain NumPy code runs on them. Each operation ends in a :class:`~fastnn.autodiff.primitive.Primitive`, which
computes the result and lets the trace make a **mark** of it: a tape's record in reverse mode, a tangent in forward mode.

Traces nest: the value in a traced array may itself be traced, by a differentiation that began earlier and has a smaller level. A primitive
is handled by the trace of the highest level among its arguments, on values from which that trace is taken off; arrays of other traces
are constants to it. So every rule is differentiated by the rules again, which makes Hessians, and derivatives by different variables
can't be confused.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fastnn.autodiff.primitive import Primitive

_levels = itertools.count()


class Trace:
    """One differentiation under way; what it notes of operations is up to subclasses."""

    def __init__(self) -> None:
        self.level = next(_levels)

    def note(self, primitive: Primitive, y: Any, args: list[Any], marks: dict[int, Any]) -> Any:
        """The mark of the result `y` of ``primitive(*args)``.

        Parameters
        ----------
        primitive : Primitive
        y : array
        args : list
            With this trace taken off.
        marks : dict
            By position, those of the arguments that depend on what is differentiated by.
        """
        raise NotImplementedError


class View(NamedTuple):
    """Where the entries of an array lie in the one that it is a view of.

    Attributes
    ----------
    base : Traced
    writes : int
        How often that had been written to when the view was taken.
    place : callable
        Makes of the positions of base's entries, an array of its shape, those of the view's.
    """

    base: Traced
    writes: int
    place: Callable[[np.ndarray], np.ndarray]

    def check(self) -> None:
        """Raise when the base was written to since: the view would have changed with it."""
        if self.base.writes != self.writes:
            raise TypeError(
                "autodiff: the array that this is a view of was written to since; index it again, or take a copy before: y = x[0].copy()"
            )
        if self.base.viewed:
            self.base.viewed.check()

    def write(self, values: Any) -> View:
        """Put `values`, the view's, into the base; returns the view as it is then."""
        base = self.base
        places = self.place(np.arange(base.size).reshape(base.shape))
        if not places.flags.writeable:
            raise ValueError("autodiff: this array was broadcast, so it can't be written to, as in NumPy; take a copy first")
        base[...] = np.reshape(functions["assign"](np.reshape(base, -1), values, places), base.shape)
        return self._replace(writes=base.writes)


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that a trace follows. It does what an ndarray does, through NumPy's own functions.

    Writing into it (``x[...] = ``, ``+=``, ``out=x``) gives it a new value and is differentiated as well. Writing into a view of it writes
    into it, as in NumPy; other views are then out of date, and refused.

    Attributes
    ----------
    trace : Trace
    value : array
        With this trace taken off; plain, or of another trace.
    mark : object
        What the trace noted; None for a constant.
    viewed : View or None
    writes : int
        How often it was written to.
    """

    __slots__ = ("__weakref__", "mark", "trace", "value", "viewed", "writes")

    def __init__(self, trace: Trace, value: Any, mark: Any = None, viewed: View | None = None):
        self.trace, self.value, self.mark, self.viewed, self.writes = trace, value, mark, viewed, 0

    # ------------------------------------------------------------------------------------ what is known of it

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def T(self) -> Any:
        return np.transpose(self)

    def __len__(self) -> int:
        return len(raw(self))

    def __bool__(self) -> bool:
        return bool(raw(self))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"traced({raw(self)!r})"

    def __format__(self, how: str) -> str:
        return format(raw(self), how)

    __hash__ = object.__hash__

    def _lost(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "autodiff: making a plain number or array of a value that is being differentiated would lose its derivative; use NumPy's "
            "functions on it (np.exp, not math.exp), np.stack([a, b]) for np.array([a, b]), np.zeros_like(it) for np.zeros(...) to write "
            "into, or say fastnn.autodiff.stop_gradient(x) if that is meant"
        )

    __array__ = __float__ = __int__ = __complex__ = __index__ = item = tolist = _lost

    # ------------------------------------------------------------------------------------ operations

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, out: Any = (None,), **options: Any) -> Any:
        if any(hasattr(type(each), "stands_for_value") for each in args):  # a parameter, which puts its value in its place
            return NotImplemented
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return _into(out, dispatch(function, args, options))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        if any(hasattr(kind, "stands_for_value") for kind in types):
            return NotImplemented
        out = options.get("out")
        rest = {k: v for k, v in options.items() if k != "out"}
        return _into(out if isinstance(out, tuple) else (out,), dispatch(function, args, rest))

    def __pow__(self, exponent: Any) -> Any:
        """As an ndarray, whose power 2 is its square."""
        return np.square(self) if isinstance(exponent, (int, float)) and exponent == 2 else np.power(self, exponent)

    def __getattr__(self, name: str) -> Any:
        """A method of ndarray, by the function of that name in NumPy."""
        function = getattr(np, name, None)
        if callable(function) and callable(getattr(np.ndarray, name, None)):
            return lambda *args, **options: function(self, *args, **options)
        raise AttributeError(f"autodiff: an array that is being differentiated has no attribute {name!r}; use NumPy's functions on it")

    def reshape(self, *shape: Any, order: Any = "C") -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: Any, **options: Any) -> Any:
        if np.dtype(dtype).kind in "iub":  # steps, whose slope is 0 like that of np.floor
            return stop_gradient(self).astype(dtype, **options)
        return self.copy() if dtype == self.dtype else functions["astype"](self, dtype)

    def copy(self, order: str = "C") -> Any:
        return Traced(self.trace, self.value, self.mark)

    def flatten(self) -> Any:
        return self.reshape(-1).copy()

    def fill(self, value: Any) -> None:
        self[...] = value

    def __getitem__(self, index: Any) -> Any:
        return functions["getitem"](self, raw(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        new = functions["assign"](self, value, raw(index))
        view = self.viewed and self.viewed.write(new)
        self.trace, self.value, self.mark, self.viewed, self.writes = new.trace, new.value, new.mark, view, self.writes + 1


functions: dict[str, Any] = {}
"""What methods of arrays need and NumPy has no function for: filled by the rules."""

primitives: dict[Any, Callable[..., Any]] = {}
"""What to call for each of NumPy's functions, and of the methods of ufuncs."""


def name_of(function: Any) -> str:
    """A NumPy function's name as users write it."""
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return f"{name_of(function.__self__)}.{function.__name__}"
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    return f"{module}.{function.__name__}"


def dispatch(function: Any, args: Any, options: dict[str, Any]) -> Any:
    """What stands for `function` among the primitives, called."""
    if function not in primitives:
        raise TypeError(
            f"autodiff: there is no derivative of {name_of(function)}; write it with functions that have one, which "
            "fastnn.autodiff.known() lists, declare one with fastnn.autodiff.elementwise, or say fastnn.autodiff.stop_gradient(x) where x "
            "should count as a constant"
        )
    return primitives[function](*args, **options)


def _into(out: tuple[Any, ...], y: Any) -> Any:
    """`y`, written into what ``out=`` names."""
    if out[0] is None:
        return y
    if not isinstance(out[0], Traced):
        raise TypeError(
            "autodiff: out= must be an array that is being differentiated as well: make it with np.empty_like(x) instead of np.empty, "
            "and add with y = y + x instead of y += x"
        )
    out[0][...] = y
    return out[0]


def innermost(args: Any) -> Trace | None:
    """The trace of the highest level among `args`."""
    traces = [a.trace for a in args if isinstance(a, Traced)]
    return max(traces, key=lambda t: t.level) if traces else None


def raw(a: Any) -> Any:
    """`a` without any trace; lists and tuples of arrays too."""
    while isinstance(a, Traced):
        a = a.value
    return type(a)(map(raw, a)) if type(a) in (list, tuple) else a


def constant_like(a: Traced, value: Any) -> Traced:
    """The plain array `value` as a constant that may be written to."""
    return Traced(a.trace, value)


def stop_gradient(x: Any) -> Any:
    """The value of `x` as a plain array, whose derivative is 0.

    Parameters
    ----------
    x : array
        Of a function that is being differentiated, or any other array, which is returned as it is.

    Examples
    --------
    >>> from fastnn.autodiff import grad, stop_gradient
    >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return raw(x)
