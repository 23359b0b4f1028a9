"""What selects, places, and changes shape or dtype: linear maps that compute nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.autodiff.declare import free, general, linear
from fastnn.autodiff.primitive import Primitive, Rule
from fastnn.autodiff.traced import functions, raw


def fit(g: Any, like: Any) -> Any:
    """The gradient `g` of an argument that may have been broadcast or converted, in the argument's own shape and dtype."""
    shape, dtype = np.shape(raw(like)), raw(like).dtype
    if g.shape != shape:
        added = len(g.shape) - len(shape)
        stretched = tuple(i + added for i, n in enumerate(shape) if n == 1 and g.shape[i + added] != 1)
        axes = (*range(added), *stretched)
        g = np.reshape(np.sum(g, axis=axes) if axes else g, shape)
    return g if g.dtype == dtype else cast(g, dtype)


def stretch(t: Any, like: Any) -> Any:
    """The change `t` of a result, in the result's shape and dtype."""
    shape, dtype = np.shape(raw(like)), raw(like).dtype
    t = t if np.shape(raw(t)) == shape else np.broadcast_to(t, shape)
    return t if raw(t).dtype == dtype else cast(t, dtype)


def _cast(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


cast: Primitive = linear(_cast, lambda g, y, x, dtype: cast(g, raw(x).dtype))


def _getitem(x: Any, index: Any) -> Any:
    return x[index]


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, to whose entries `index` the numbers `g` are added."""
    whole = np.zeros(shape, g.dtype)
    parts = index if isinstance(index, tuple) else (index,)
    if all(i is None or i is Ellipsis or isinstance(i, (int, slice, np.integer)) for i in parts):
        whole[index] = g  # names no entry twice
    else:
        np.add.at(whole, index, g)
    return whole


getitem: Primitive = linear(_getitem, lambda g, y, x, index: scatter(g, index, np.shape(raw(x))))
scatter: Primitive = linear(
    _scatter, lambda g, y, x, index, shape: getitem(g, index), cost=lambda y, g, *_: {"add": np.size(raw(g))} if np.size(raw(g)) > 1 else {}
)


def _assign(x: Any, value: Any, index: Any) -> Any:
    changed = np.array(x)
    changed[index] = value
    return changed


def _kept(g: Any, y: Any, x: Any, value: Any, index: Any) -> Any:
    """`g` where the old entries stayed."""
    return assign(g, 0, index)


def _placed(t: Any, y: Any, x: Any, value: Any, index: Any) -> Any:
    return assign(np.zeros_like(raw(y)), t, index)


assign: Primitive = general(_assign, Rule(_kept, _kept), Rule(lambda g, y, x, value, index: getitem(g, index), _placed), cost=free)


def _reshape(a: Any, shape: Any, order: Any = "C") -> Any:
    return np.reshape(a, shape, order=order)


def _transpose(a: Any, axes: Any = None) -> Any:
    return np.transpose(a, axes)


def _untransposed(g: Any, y: Any, x: Any, axes: Any) -> Any:
    return np.transpose(g, None if axes is None else tuple(np.argsort(np.mod(axes, len(axes)))))


def _broadcast_to(array: Any, shape: Any) -> Any:
    return np.broadcast_to(array, shape)


linear(_reshape, lambda g, y, x, shape, order: np.reshape(g, np.shape(raw(x)), order=order), of=np.reshape)
linear(_transpose, _untransposed, of=np.transpose)
linear(_broadcast_to, lambda g, y, x, shape: fit(g, x), of=np.broadcast_to)

functions.update(astype=cast, getitem=getitem, assign=assign)
