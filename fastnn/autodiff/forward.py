"""Forward mode: dual numbers, values that carry the change which a change of the inputs makes.

References
----------
A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn.autodiff.inputs import as_input, as_output, called
from fastnn.autodiff.primitive import Primitive
from fastnn.autodiff.rules.shapes import stretch
from fastnn.autodiff.traced import Trace, Traced, raw


class Forward(Trace):
    """Forward mode under way; a mark is the tangent, an array like the value."""

    def note(self, primitive: Primitive, y: Any, args: list[Any], marks: dict[int, Any]) -> Any:
        total = None
        with np.errstate(all="ignore"):
            for position, tangent in marks.items():
                rule: Any = primitive.rules[position]
                part = rule.push(tangent, y, *args)
                total = part if total is None else total + part
        return stretch(total, y)


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``f(*primals)``, and how it changes when the primals change by `tangents`.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`.
    primals : sequence of array_like
        Floating-point arrays or numbers, the arguments.
    tangents : sequence of array_like
        A direction for each, of its shape.

    Returns
    -------
    value, tangent : ndarray
        The tangent is the limit of ``(f(primals + h tangents) - f(primals)) / h``.

    Raises
    ------
    TypeError
        As :func:`vjp`.
    ValueError
        When the tangents don't have the primals' shapes.

    Examples
    --------
    >>> from fastnn.autodiff import jvp
    >>> value, tangent = jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
    >>> float(value), float(tangent)
    (12.0, 4.0)
    """
    primals, tangents = tuple(primals), tuple(tangents)
    if len(primals) != len(tangents):
        raise ValueError(f"jvp of {called(f)}: each primal needs a tangent, got {len(primals)} primals and {len(tangents)} tangents")
    trace = Forward()
    y = as_output(f(*(_dual(trace, p, t, i, f) for i, (p, t) in enumerate(zip(primals, tangents, strict=True)))), f)
    if not (isinstance(y, Traced) and y.trace is trace):
        return y, np.zeros_like(raw(y))
    return y.value, np.zeros_like(raw(y)) if y.mark is None else y.mark


def _dual(trace: Forward, primal: Any, tangent: Any, position: int, f: Callable[..., Any]) -> Traced:
    value = as_input(primal, position, f)
    t = tangent if isinstance(tangent, Traced) else np.array(tangent, raw(value).dtype)
    if t.shape != value.shape:
        raise ValueError(f"jvp of {called(f)}: tangent {position} must have the primal's shape {value.shape}, got {t.shape}")
    return Traced(trace, value, t)
