"""Sums, means, extremes and their kin, over axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnn.autodiff.declare import composed, general, linear
from fastnn.autodiff.primitive import Rule
from fastnn.autodiff.traced import raw


def _kept(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape of a reduction with ``keepdims=True``."""
    axes = range(len(shape)) if axis is None else np.mod(axis, len(shape) or 1).reshape(-1)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _spread(g: Any, x: Any, axis: Any) -> Any:
    """`g`, one number a reduction, for each entry that was reduced."""
    shape = np.shape(raw(x))
    return np.broadcast_to(np.reshape(g, _kept(shape, axis)), shape)


def _sum(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
    return np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims)


def _cumsum(a: Any, axis: Any = None) -> Any:
    return np.cumsum(a, axis=axis)


def _uncumsum(g: Any, y: Any, a: Any, axis: Any) -> Any:
    return np.reshape(np.flip(np.cumsum(np.flip(g, axis or 0), axis or 0), axis or 0), np.shape(raw(a)))


def _additions(y: Any, a: Any, *_: Any) -> dict[str, int]:
    return {"add": np.size(raw(a)) - np.size(raw(y))}


# Bound arguments come by position, keyword-only ones as well
linear(
    lambda a, axis=None, dtype=None, keepdims=False: _sum(a, axis, dtype, keepdims=keepdims),
    lambda g, y, a, axis, *_: _spread(g, a, axis),
    cost=_additions,
    of=np.sum,
)
linear(_cumsum, _uncumsum, cost=_additions, of=np.cumsum)


def _share(y: Any, a: Any, axis: Any) -> np.ndarray:
    """What each entry has in the extreme of its reduction: entries that tie share it evenly, NaN shows."""
    plain, best = raw(a), np.reshape(raw(y), _kept(np.shape(raw(a)), axis))
    ties = plain == best
    return np.where(np.isnan(best), np.nan, ties / np.maximum(np.sum(ties, axis=axis, keepdims=True), 1)).astype(plain.dtype)


def _extreme(of: Any) -> None:
    def reduce(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
        return of(a, axis=axis, keepdims=keepdims, **({} if initial is None else {"initial": initial}))

    def pull(g: Any, y: Any, a: Any, axis: Any, keepdims: bool, initial: Any) -> Any:
        return _spread(g, a, axis) * _share(y, a, axis)

    def push(t: Any, y: Any, a: Any, axis: Any, keepdims: bool, initial: Any) -> Any:
        return np.sum(t * _share(y, a, axis), axis=axis, keepdims=keepdims)

    general(reduce, Rule(pull, push), of=of, cost=lambda y, a, *_: {"compare": np.size(raw(a)) - np.size(raw(y))})


_extreme(np.max)
_extreme(np.min)


def _count(a: Any, axis: Any) -> float:
    kept = _kept(a.shape, axis)
    return a.size / (np.prod(kept) if np.prod(kept) else 1)


@composed(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """NumPy's."""
    return np.sum(a, axis=axis, dtype=dtype, keepdims=keepdims) / float(_count(a, axis))


@composed(np.nansum)
def nansum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's."""
    return np.sum(np.where(np.isnan(raw(a)), 0, a), axis=axis, keepdims=keepdims)


@composed(np.nanmean)
def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's."""
    return np.nansum(a, axis=axis, keepdims=keepdims) / np.sum(~np.isnan(raw(a)), axis=axis, keepdims=keepdims)


@composed(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """NumPy's; weights have the shape of `a`."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weights = np.broadcast_to(weights, a.shape)
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / np.sum(weights, axis=axis, keepdims=keepdims)


@composed(np.var)
def var(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """NumPy's."""
    return np.sum(np.square(a - np.mean(a, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims) / float(_count(a, axis) - ddof)


@composed(np.std)
def std(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """NumPy's."""
    return np.sqrt(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims))


@composed(np.ptp)
def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@composed(np.prod)
def prod(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """NumPy's, factor by factor: right also where factors are 0."""
    factors = np.moveaxis(np.reshape(a, -1) if axis is None else a, axis or 0, 0)
    y = np.ones_like(factors, shape=factors.shape[1:])
    for factor in factors:
        y = y * factor
    return np.reshape(y, _kept(a.shape, axis)) if keepdims else y


@composed(np.median)
def median(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """NumPy's."""
    ordered = np.moveaxis(np.sort(a, axis=axis), 0 if axis is None else axis, 0)
    n = len(ordered)
    y = ordered[n // 2] if n % 2 else 0.5 * (ordered[n // 2 - 1] + ordered[n // 2])
    return np.reshape(y, _kept(a.shape, axis)) if keepdims else y


@composed(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """NumPy's; on a bound itself the slope is 1."""
    low, high = a_min if min is None else min, a_max if max is None else max
    y = a if low is None else np.where(raw(a) < raw(low), low, a)
    return y if high is None else np.where(raw(y) > raw(high), high, y)


@composed(np.logaddexp.reduce)
def logsumexp(a: Any, axis: int = 0, keepdims: bool = False) -> Any:
    """``log(sum(exp(a)))``, shifted by the largest entry."""
    top = np.max(raw(a), axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.reshape(y, np.shape(np.sum(raw(a), axis=axis)))


def _along(whole: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction with the default of ufuncs' methods: along the first axis."""
    return lambda a, axis=0, **options: whole(a, axis=axis, **options)


composed(np.add.reduce)(_along(np.sum))
composed(np.add.accumulate)(_along(np.cumsum))
composed(np.multiply.reduce)(_along(np.prod))
composed(np.maximum.reduce)(_along(np.max))
composed(np.minimum.reduce)(_along(np.min))
