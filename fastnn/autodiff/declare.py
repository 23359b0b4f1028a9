"""How primitives are declared: the function and, beside it, its derivative by each argument, good for both modes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.primitive import Primitive, Rule
from fastnn.autodiff.traced import name_of, primitives, raw

Function = Callable[..., Any]
Cost = Callable[..., dict[str, int]]


def free(y: Any, *args: Any) -> dict[str, int]:
    """Nothing is computed, only moved."""
    return {}


def elementwise(function: Function, *slopes: Function | None, cost: Cost | None = None, of: Any = None) -> Primitive:
    """Declare a function whose results each depend on one entry of each argument.

    Parameters
    ----------
    function : callable
        A ufunc, or a function of one or more arrays, which it broadcasts.
    *slopes : callable or None
        One for each argument: ``slope(g, y, *args)`` is `g` times the derivative, for the result `y` of ``function(*args)``; None where
        that is 0. The transpose of a multiplication is itself, so this is the rule of both modes.
    cost : callable, optional
        ``cost(y, *args)`` gives the scalar operations that counts show, by name; one of the function's own name for each result by default.
    of : callable, optional
        The function of NumPy that this stands for; itself by default.

    Returns
    -------
    Primitive
        Called instead of the function it takes both plain arrays and those that are being differentiated.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnn.autodiff import elementwise, grad
    >>> clamp = elementwise(lambda x: np.clip(x, 0, 1), lambda g, y, x: g * ((x > 0) & (x < 1)))
    >>> float(grad(clamp)(0.5)), float(grad(clamp)(2.0))
    (1.0, 0.0)
    """
    rules = tuple(slope and Rule(slope, slope) for slope in slopes)
    return _declared(function, of or function, rules, cost or (lambda y, *args: {function.__name__: np.size(raw(y))}))


def linear(function: Function, *transposes: Function, cost: Cost = free, of: Any = None) -> Primitive:
    """Declare a function that is linear in each of its first arguments.

    Parameters
    ----------
    function : callable
    *transposes : callable
        One for each array: ``transpose(g, y, *args)`` is its gradient from that of the result. The other direction is the function itself.
    cost : callable
        As for :func:`elementwise`; nothing by default.
    of : callable, optional
        The function of NumPy that this stands for; itself by default.
    """

    def substituted(position: int) -> Function:
        return lambda t, y, *args: made(*args[:position], t, *args[position + 1 :])

    rules = tuple(Rule(pull, substituted(i)) for i, pull in enumerate(transposes))
    made = _declared(function, of or function, rules, cost)
    return made


def general(function: Function, *rules: Rule | None, cost: Cost = free, of: Any = None) -> Primitive:
    """Declare a function by both directions of its derivative; see :class:`Rule`."""
    return _declared(function, of or function, rules, cost)


def _declared(function: Function, of: Any, rules: tuple[Rule | None, ...], cost: Cost) -> Primitive:
    known = getattr(of, "__module__", None) or "numpy"
    made = Primitive(name_of(of) if known.startswith("numpy") else of.__name__, function, rules, cost)
    primitives[of] = made
    return made


def composed(of: Any) -> Callable[[Function], Function]:
    """Decorator: let a function made of others stand for NumPy's function `of`; it needs no derivative of its own."""

    def declare(function: Function) -> Function:
        primitives[of] = function
        return function

    return declare


def known() -> list[str]:
    """The names of the functions that can be differentiated, or count as constants."""
    names = {name_of(f) for f in primitives}
    return sorted(name for name in names if not name.rpartition(".")[2].startswith(("_", "<")))
