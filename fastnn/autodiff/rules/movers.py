"""Functions that only move entries: run on the entries' positions instead, they say which entry goes where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.declare import composed
from fastnn.autodiff.traced import Traced, View, innermost, primitives, raw

OF_ONE: tuple[Any, ...] = (
    *(np.ravel, np.squeeze, np.expand_dims, np.swapaxes, np.moveaxis, np.rollaxis, np.flip, np.fliplr, np.flipud, np.rot90, np.roll),
    *(np.tile, np.repeat, np.take, np.take_along_axis, np.delete, np.diagonal, np.split, np.array_split, np.hsplit, np.vsplit),
    *(np.atleast_1d, np.atleast_2d, np.atleast_3d, np.resize),
)
OF_SEVERAL: tuple[Any, ...] = (np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack)


def _mover(function: Callable[..., Any]) -> Callable[..., Any]:
    def move(x: Any, *args: Any, **options: Any) -> Any:
        whole, rest = np.arange(x.size).reshape(x.shape), raw(args)
        return _picked(x, whole, lambda positions: function(positions, *rest, **options))

    return move


def _picked(x: Any, whole: np.ndarray, place: Callable[[np.ndarray], Any]) -> Any:
    """The entries of x at the places that `place` makes of all; what would be a view in NumPy is one, of several parts a list."""
    places = place(whole)
    if isinstance(places, (list, tuple)):
        parts: list[Callable[[np.ndarray], Any]] = [lambda positions, i=i: place(positions)[i] for i in range(len(places))]  # type: ignore[misc]
        return [_picked(x, whole, part) for part in parts]
    y = np.reshape(x, -1)[places]
    if np.may_share_memory(places, whole):
        y.viewed = View(x, x.writes, place)
    return y


for _function in OF_ONE:
    primitives[_function] = _mover(_function)


def _joined(arrays: list[Any]) -> Any:
    """All entries in one vector."""
    sizes = [np.size(raw(a)) for a in arrays]
    ends = np.cumsum(sizes)
    dtype = np.result_type(*(raw(a) for a in arrays))
    trace: Any = innermost(arrays)
    whole = Traced(trace, np.zeros(sum(sizes), dtype))
    for a, n, end in zip(arrays, sizes, ends, strict=True):
        whole[end - n : end] = np.reshape(a, -1)
    return whole


def _joiner(function: Callable[..., Any]) -> Callable[..., Any]:
    def join(arrays: Any, *args: Any, **options: Any) -> Any:
        arrays = list(arrays)
        ends = np.cumsum([np.size(raw(a)) for a in arrays])
        places = [np.arange(end - np.size(raw(a)), end).reshape(np.shape(raw(a))) for a, end in zip(arrays, ends, strict=True)]
        return _joined(arrays)[function(places, *args, **options)]

    return join


for _function in OF_SEVERAL:
    primitives[_function] = _joiner(_function)


@composed(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """NumPy's."""
    return np.take(a, np.flatnonzero(raw(condition)), axis=axis)


@composed(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """NumPy's."""
    return np.concatenate([arr, values] if axis is not None else [np.reshape(arr, -1), np.reshape(values, -1)], axis=axis or 0)


@composed(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """NumPy's: a matrix with this diagonal, or a matrix's diagonal."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    size = v.size + abs(k)
    made = np.zeros_like(v, shape=(size, size))
    made[np.arange(v.size) + max(-k, 0), np.arange(v.size) + max(k, 0)] = v
    return made


@composed(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """NumPy's."""
    return np.where(np.tri(m.shape[-2], m.shape[-1], k, bool), m, 0)


@composed(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """NumPy's."""
    return np.where(np.tri(m.shape[-2], m.shape[-1], k - 1, bool), 0, m)


@composed(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """NumPy's."""
    for _ in range(n):
        a = np.moveaxis(a, axis, 0)
        a = np.moveaxis(a[1:] - a[:-1], 0, axis)
    return a


@composed(np.sort)
def sort(a: Any, axis: int | None = -1) -> Any:
    """NumPy's."""
    a, axis = (np.reshape(a, -1), 0) if axis is None else (a, axis)
    return np.take_along_axis(a, np.argsort(a, axis=axis, kind="stable"), axis=axis)
