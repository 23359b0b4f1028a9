"""What users hand in: functions, and the arrays to differentiate them by, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.traced import Traced, raw


def called(f: Callable[..., Any]) -> str:
    """The function's name, for messages."""
    return getattr(f, "__name__", type(f).__name__)


def as_input(a: Any, position: int, f: Callable[..., Any]) -> Any:
    """`a` as a floating-point array of its own memory; Python's numbers in double precision."""
    if isinstance(a, Traced):
        return Traced(a.trace, a.value, a.mark)
    if isinstance(a, (int, float)) and not isinstance(a, bool):
        return np.array(a, np.float64)
    if np.ma.is_masked(a):
        raise ValueError(f"{called(f)}: argument {position} has masked entries; fill or drop them first")
    given = np.array(a)
    if given.dtype.kind != "f":
        raise TypeError(
            f"{called(f)}: argument {position} must be floating-point numbers to differentiate by, got dtype {given.dtype}"
            + ("; pass x.astype(np.float64)" if given.dtype.kind in "iub" else "")
        )
    return given


def as_output(y: Any, f: Callable[..., Any]) -> Any:
    """What `f` gave, if it is one array of numbers."""
    if isinstance(y, Traced):
        return y
    if isinstance(y, (list, tuple, dict)) or y is None:
        way_out = "return a value from it" if y is None else "differentiate its parts one by one, or join them with np.stack"
        raise TypeError(f"{called(f)} must return one array or number to be differentiated, got {type(y).__name__}; {way_out}")
    given = np.asarray(y)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"{called(f)} must return real numbers to be differentiated, got dtype {given.dtype}")
    return given if given.dtype.kind == "f" else given.astype(np.float64)


def one_number(value: Any, f: Callable[..., Any]) -> None:
    """Raise unless `value` is a single number."""
    if np.shape(raw(value)) != ():
        raise ValueError(
            f"{called(f)} must return one number to have a gradient, got shape {np.shape(raw(value))}; take np.sum or np.mean of it, "
            "or use fastnn.autodiff.jacobian"
        )


def positions(argnums: int | tuple[int, ...], args: tuple[Any, ...], f: Callable[..., Any]) -> tuple[int, ...]:
    """`argnums` as a tuple of places in `args`."""
    where = argnums if isinstance(argnums, tuple) else (argnums,)
    for i in where:
        if isinstance(i, bool) or not isinstance(i, (int, np.integer)):
            raise TypeError(f"argnums must be an integer or a tuple of integers, got {argnums!r}")
        if not -len(args) <= i < len(args):
            raise ValueError(f"argnums names argument {i}, but {called(f)} was called with {len(args)}")
    places = tuple(int(i) % len(args) for i in where)
    if len(set(places)) < len(places):
        raise ValueError(f"argnums names an argument twice: {argnums!r}")
    return places


def chosen(f: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], where: tuple[int, ...]) -> tuple[Any, ...]:
    """`f` as a function of its arguments `where` alone, and these."""

    def partly(*given: Any) -> Any:
        everything = list(args)
        for i, a in zip(where, given, strict=True):
            everything[i] = a
        return f(*everything, **options)

    partly.__name__ = called(f)
    return partly, *(args[i] for i in where)


def units(like: Any) -> list[np.ndarray]:
    """For each entry an array of `like`'s shape and dtype with 1 there and 0 elsewhere."""
    n = np.size(raw(like))
    return list(np.eye(n, dtype=raw(like).dtype).reshape(n, *np.shape(raw(like))))
