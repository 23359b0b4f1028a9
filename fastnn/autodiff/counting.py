"""How many operations a derivative takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.forward import jvp
from fastnn.autodiff.inputs import as_input, chosen, one_number, units
from fastnn.autodiff.primitive import Primitive
from fastnn.autodiff.reverse import vjp
from fastnn.autodiff.traced import Trace, Traced, raw
from fastnn.text_table import TextTable


class Counting(Trace):
    """A trace that differentiates nothing but counts the scalar operations on what depends on its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()

    def input(self, value: Any) -> Traced:
        """`value`, all uses of which count."""
        return Traced(self, np.asarray(value), True)

    def note(self, primitive: Primitive, y: Any, args: list[Any], marks: dict[int, Any]) -> bool:
        self.operations.update(primitive.cost(y, *args))
        return True


def count_operations(f: Callable[..., Any], *arrays: Any) -> TextTable:
    """Count the scalar operations that the value of `f` takes, and its gradient by all inputs in either mode.

    Both ways compute the value too. Forward mode takes a pass for each entry of the inputs, reverse mode one. A multiplication by the
    gradient 1 that reverse mode starts with counts as any other; moving, selecting and comparing entries is free.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`, giving one number.
    *arrays : array_like
        Its arguments.

    Returns
    -------
    TextTable
        The rows ``"value"``, ``"forward mode"`` and ``"reverse mode"``, a column for each kind of operation, and ``"total"``.

    Raises
    ------
    TypeError, ValueError
        As :func:`grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import count_operations
    >>> print(count_operations(lambda x: np.exp(x**2), 1.0))
    mode          square  exp  multiply  total
    value              1    1         0      2
    forward mode       1    1         3      5
    reverse mode       1    1         3      5
    """
    inputs = [as_input(a, i, f) for i, a in enumerate(arrays)]
    counts = {"value": _value(f, inputs), "forward mode": _forward(f, inputs), "reverse mode": _reverse(f, inputs)}
    kinds = list(dict.fromkeys(kind for each in counts.values() for kind in each))
    return TextTable(["mode", *kinds, "total"], [(mode, *(each[k] for k in kinds), each.total()) for mode, each in counts.items()])


def _value(f: Callable[..., Any], inputs: list[Any]) -> Counter[str]:
    trace = Counting()
    one_number(f(*map(trace.input, inputs)), f)
    return trace.operations


def _reverse(f: Callable[..., Any], inputs: list[Any]) -> Counter[str]:
    trace = Counting()
    value, pullback = vjp(f, *map(trace.input, inputs))
    pullback(trace.input(np.ones_like(raw(value))))
    return trace.operations


def _forward(f: Callable[..., Any], inputs: list[Any]) -> Counter[str]:
    trace = Counting()
    for position, a in enumerate(inputs):
        for unit in units(a):
            g, x = chosen(f, tuple(map(trace.input, inputs)), {}, (position,))
            jvp(g, (x,), (trace.input(unit),))
    return trace.operations
