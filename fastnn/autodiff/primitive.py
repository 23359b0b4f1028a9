"""Functions whose derivatives are known, and what happens when one is called with traced arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastnn.autodiff.traced import Trace, Traced, View, innermost, raw


class Rule(NamedTuple):
    """The derivative of a primitive by one argument, as a linear map in both directions.

    Attributes
    ----------
    pull : callable
        ``pull(g, y, *args)``: the gradient of the argument, from the gradient `g` of the result `y`.
    push : callable
        ``push(t, y, *args)``: the change of the result, from the change `t` of the argument.
    """

    pull: Callable[..., Any]
    push: Callable[..., Any]


class Primitive:
    """A function whose derivative is known.

    Parameters
    ----------
    name : str
        As users know it, ``"np.exp"``.
    function : callable
        On plain arrays: its first arguments are arrays, one for each rule; all may be given by position.
    rules : sequence of (Rule or None)
        None for an argument that the result doesn't depend on, or not smoothly: its derivative is 0.
    cost : callable
        ``cost(y, *args)`` gives the scalar operations it does, by name.
    """

    def __init__(self, name: str, function: Callable[..., Any], rules: tuple[Rule | None, ...], cost: Callable[..., dict[str, int]]):
        self.name, self.function, self.rules, self.cost = name, function, rules, cost
        self._signature = None if isinstance(function, np.ufunc) else inspect.signature(function)

    def __call__(self, *args: Any, **options: Any) -> Any:
        given = self._bound(args, options)
        trace = innermost(given[: len(self.rules)])
        if trace is None:
            return self.function(*map(raw, given))
        plain = [_without(trace, a) for a in given]
        y = self(*plain)
        if raw(y).dtype.kind == "c":
            raise TypeError(f"autodiff: {self.name} gave complex numbers here, and only real ones can be differentiated")
        marks = {i: a.mark for i, a in enumerate(given) if _own(trace, a) and a.mark is not None and self.rules[i]}
        return Traced(trace, y, trace.note(self, y, plain, marks) if marks else None, self._view(y, given))

    @property
    def parameters(self) -> list[inspect.Parameter]:
        """What the function takes by name, in order; nothing for a ufunc."""
        return list(self._signature.parameters.values()) if self._signature else []

    def _bound(self, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults filled in."""
        if self._signature is None:
            if options or len(args) != len(self.rules):
                raise TypeError(
                    f"autodiff: {self.name} takes {len(self.rules)} arrays and out= only, got {', '.join(options) or len(args)}"
                )
            return args
        try:
            bound = self._signature.bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"autodiff: {self.name} is known as {self.name}{self._signature}: {error}") from None
        bound.apply_defaults()
        return bound.args

    def _view(self, y: Any, given: tuple[Any, ...]) -> View | None:
        """What `y` is a view of, when NumPy made one."""
        source, made = given[0], raw(y)
        if not (isinstance(source, Traced) and isinstance(made, np.ndarray) and np.may_share_memory(made, raw(source))):
            return None
        return View(source, source.writes, lambda whole: self.function(whole, *given[1:]))

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def _own(trace: Trace, a: Any) -> bool:
    return isinstance(a, Traced) and a.trace is trace


def _without(trace: Trace, a: Any) -> Any:
    """`a` with `trace` taken off; of another trace a copy, so that what is noted doesn't change when that is written to."""
    if not isinstance(a, Traced):
        return a
    if a.viewed:
        a.viewed.check()
    return a.value if a.trace is trace else Traced(a.trace, a.value, a.mark)
