"""Reverse mode: a tape of what was computed, walked backwards once for the gradients of all inputs.

References
----------
A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.2.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.inputs import as_input, as_output, chosen, one_number, positions
from fastnn.autodiff.primitive import Primitive
from fastnn.autodiff.rules.shapes import fit
from fastnn.autodiff.traced import Trace, Traced, raw


class Record:
    """One result on the tape: how it was made, and of which records. Only results hold it, so it goes when they do."""

    __slots__ = ("__weakref__", "args", "number", "parents", "primitive", "value")

    def __init__(self, number: int, primitive: Primitive | None, value: Any, args: list[Any], parents: dict[int, Record]):
        self.number, self.primitive, self.value, self.args, self.parents = number, primitive, value, args, parents

    def pulled(self, position: int, g: Any) -> Any:
        """The gradient of an argument from that of the result."""
        rule: Any = self.primitive.rules[position]  # type: ignore[union-attr]
        return fit(rule.pull(g, self.value, *self.args), self.args[position])


class Reverse(Trace):
    """Reverse mode under way; a mark is a `Record`."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()

    def leaf(self, value: Any) -> Traced:
        """An input."""
        return Traced(self, value, Record(next(self._numbers), None, value, [], {}))

    def note(self, primitive: Primitive, y: Any, args: list[Any], marks: dict[int, Any]) -> Record:
        return Record(next(self._numbers), primitive, y, args, marks)


def gradients(result: Record, g: Any) -> dict[Record, Any]:
    """The gradient of all inputs, and of everything between, for that of the result: later records come first."""
    found, waiting = {result: g}, [(-result.number, result)]
    with np.errstate(all="ignore"):
        while waiting:
            record = heapq.heappop(waiting)[1]
            for position, parent in record.parents.items():
                part = record.pulled(position, found[record])
                if parent in found:
                    found[parent] = found[parent] + part
                else:
                    found[parent] = part
                    heapq.heappush(waiting, (-parent.number, parent))
    return found


def vjp(f: Callable[..., Any], *arrays: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of ``f(*arrays)``, and the map from a gradient of it to the gradients of the arrays.

    Parameters
    ----------
    f : callable
        Plain NumPy: takes the arrays, gives one array. It may branch and loop on values, and write into arrays of its arguments' kind.
        Arrays that it takes from elsewhere are constants, and must stay as they are until `pullback` was called.
    *arrays : array_like
        Floating-point arrays of any shapes, or numbers; their dtypes are kept.

    Returns
    -------
    value : ndarray
    pullback : callable
        ``pullback(g)``, with `g` of value's shape, gives a tuple: for each array the gradient of ``sum(g * f(*arrays))``, in the array's
        shape and dtype. It may be called more than once; what was noted of `f` is freed with it.

    Raises
    ------
    TypeError
        For arrays that aren't of floating-point numbers, a function of NumPy without a known derivative (the message names it), or an
        `f` that gives something else than one array.
    ValueError
        In `pullback`, for a gradient of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import vjp
    >>> value, pullback = vjp(lambda x, w: np.tanh(x @ w), np.ones((2, 3)), np.full((3, 1), 0.1))
    >>> dx, dw = pullback(np.ones((2, 1)))
    >>> dx.shape, dw.shape
    ((2, 3), (3, 1))
    """
    trace = Reverse()
    leaves = [trace.leaf(as_input(a, i, f)) for i, a in enumerate(arrays)]
    records = [leaf.mark for leaf in leaves]
    y = as_output(f(*leaves), f)
    own = isinstance(y, Traced) and y.trace is trace
    value, result = (y.value, y.mark) if own else (y, None)

    def pullback(g: Any) -> tuple[Any, ...]:
        g = g if isinstance(g, Traced) else np.array(g, raw(value).dtype)
        if g.shape != value.shape:
            raise ValueError(f"pullback: the gradient must have the shape of the value, {value.shape}, got {g.shape}")
        found = gradients(result, g) if result else {}
        return tuple(_own_copy(found[r]) if r in found else np.zeros_like(r.value) for r in records)

    return value, pullback


def _own_copy(g: Any) -> Any:
    return g if isinstance(g, Traced) else np.array(g)


def value_and_grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function that gives the value of `f` and its gradient by one argument or several.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`, giving one number.
    argnums : int or tuple of int
        Which arguments to differentiate by; the others may be anything.

    Returns
    -------
    callable
        With the arguments of `f`; gives ``(value, gradient)``, the gradient a tuple where `argnums` is one.

    Raises
    ------
    TypeError, ValueError
        As :func:`vjp`, and where `f` gives more than one number, or `argnums` don't name arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import value_and_grad
    >>> value, gradient = value_and_grad(lambda w: np.sum(w**2))(np.array([1.0, 2.0]))
    >>> float(value), gradient.tolist()
    (5.0, [2.0, 4.0])
    """

    def evaluate(*args: Any, **options: Any) -> tuple[Any, Any]:
        where = positions(argnums, args, f)
        value, pullback = vjp(*chosen(f, args, options, where))
        one_number(value, f)
        found = pullback(np.ones_like(raw(value)))
        return value, found if isinstance(argnums, tuple) else found[0]

    return evaluate


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The gradient of `f` as a function; see :func:`value_and_grad`.

    Examples
    --------
    >>> from fastnn.autodiff import grad
    >>> [float(g) for g in grad(lambda x, y, z: x**2 * y / z, (0, 1, 2))(3.0, 4.0, 2.0)]
    [12.0, 4.5, -9.0]
    """
    evaluate = value_and_grad(f, argnums)
    return lambda *args, **options: evaluate(*args, **options)[1]
