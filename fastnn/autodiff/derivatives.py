"""Matrices of derivatives: Jacobians and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.forward import jvp
from fastnn.autodiff.inputs import as_input, chosen, one_number, positions, units
from fastnn.autodiff.reverse import grad, vjp
from fastnn.autodiff.traced import raw


def _stacked(parts: list[Any], leading: tuple[int, ...], trailing: tuple[int, ...], dtype: Any) -> Any:
    return np.stack(parts).reshape(leading + trailing) if parts else np.zeros(leading + trailing, dtype)


def _by_rows(value: Any, pullback: Callable[[Any], tuple[Any, ...]], x: Any) -> Any:
    """A row, the gradient of one result, a pass backwards."""
    return _stacked([pullback(unit)[0] for unit in units(value)], np.shape(raw(value)), x.shape, x.dtype)


def _by_columns(f: Callable[..., Any], value: Any, x: Any) -> Any:
    """A column, the change by one input, a pass forwards."""
    columns = _stacked([jvp(f, (x,), (unit,))[1] for unit in units(x)], (x.size,), np.shape(raw(value)), x.dtype)
    return np.moveaxis(columns, 0, -1).reshape((*np.shape(raw(value)), *x.shape))


def jacobian(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The derivative of every result of `f` by every entry of one argument, or several, as a function.

    Rows come from reverse mode where the results are fewer than the entries, else columns from forward mode.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`.
    argnums : int or tuple of int
        Which arguments to differentiate by; the others may be anything.

    Returns
    -------
    callable
        With the arguments of `f`; gives an array of shape ``(*result's, *argument's)``, a tuple of such where `argnums` is one.

    Raises
    ------
    TypeError, ValueError
        As :func:`vjp`, and where `argnums` don't name arguments.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import jacobian
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    def by(place: int, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        g, x = chosen(f, args, options, (place,))
        x = as_input(x, place, f)
        value, pullback = vjp(g, x)
        return _by_rows(value, pullback, x) if np.size(raw(value)) <= x.size else _by_columns(g, value, x)

    def evaluate(*args: Any, **options: Any) -> Any:
        found = tuple(by(place, args, options) for place in positions(argnums, args, f))
        return found if isinstance(argnums, tuple) else found[0]

    return evaluate


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The second derivatives of `f` by one argument as a function: forward mode over reverse, a pass for each entry.

    Parameters
    ----------
    f : callable
        As for :func:`vjp`, giving one number.
    argnums : int
        Which argument to differentiate by.

    Returns
    -------
    callable
        With the arguments of `f`; gives an array of shape ``(*argument's, *argument's)``.

    Raises
    ------
    TypeError, ValueError
        As :func:`grad`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 4.0])).tolist()
    [[8.0, 6.0], [6.0, 0.0]]
    """
    if isinstance(argnums, tuple):
        raise TypeError(
            f"hessian: argnums must be one integer, got {argnums!r}; join the arguments with np.concatenate for mixed derivatives"
        )

    def evaluate(*args: Any, **options: Any) -> Any:
        g, x = chosen(f, args, options, positions(argnums, args, f))
        x = as_input(x, argnums, f)
        if not x.size:
            one_number(g(x), f)
        return _by_columns(grad(g), x, x)

    return evaluate
