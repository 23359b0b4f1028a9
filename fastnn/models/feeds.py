"""Where a pass over data takes its batches from: arrays in memory, or an iterable that makes them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from fastnn.batches import shuffle
from fastnn.models.data import Data
from fastnn.random import splitmix

Order = Callable[[int], np.ndarray]
"""Gives the order in which a pass visits so many samples (or batches)."""
Piece = tuple[Data, np.ndarray, int]
"""Data, the order to visit its samples in, and how many samples a batch has room for."""

RESERVE = 8
"""A batch from an iterable runs in a program for up to so many times its samples, before one is made for it."""
_END = object()


def gives_batches(x: Any) -> bool:
    """Whether `x` is an iterable of batches rather than an array or what becomes one.

    That is: an iterator; a list whose items are tuples that begin with an array; any other object with ``__iter__`` or ``__getitem__``
    that isn't a mapping and that NumPy doesn't take for an array.
    """
    if type(x) is np.ndarray:
        return False
    if hasattr(x, "__next__"):
        return True
    if isinstance(x, Sequence):
        items = isinstance(x, list) and len(x) > 0 and isinstance(x[0], tuple)
        return items and len(x[0]) > 0 and hasattr(x[0][0], "__len__")
    if isinstance(x, (Mapping, Set, type)) or hasattr(x, "__array__") or hasattr(x, "shape") or _is_buffer(x):
        return False
    return hasattr(x, "__iter__") or hasattr(x, "__getitem__")


def _is_buffer(x: Any) -> bool:
    try:
        memoryview(x)
    except TypeError:
        return False
    return True


def _is_indexed(x: Any) -> bool:
    """Whether batches can be asked for by number."""
    return not hasattr(x, "__next__") and hasattr(x, "__getitem__") and _length(x) is not None


def batches(x: Any, order: Order = np.arange) -> Iterator[Any]:
    """The batches of `x`: in `order` where they can be asked for by number, else as they come."""
    return (x[int(i)] for i in order(len(x))) if _is_indexed(x) else iter(x)


def shuffled(seed: int, epoch: int, n: int) -> np.ndarray:
    """The numbers 0 to n - 1 in the order of an epoch: a function of a seed and the epoch's number alone."""
    order = np.empty(n, np.int64)
    shuffle(np.array([splitmix(splitmix(seed) ^ epoch)], np.uint64), order)
    return order


def given_order(function: Order) -> Order:
    """A user's order of an epoch, checked.

    Raises
    ------
    ValueError
        When it isn't made of indices of samples; before the epoch.
    """

    def order(n: int) -> np.ndarray:
        given = np.asarray(function(n))
        if given.ndim != 1 or given.dtype.kind not in "iu" or not len(given) or given.min() < 0 or given.max() >= n:
            raise ValueError(f"shuffle must return indices in [0, {n - 1}], an array of integers, got {given!r}")
        return np.ascontiguousarray(given, np.int64)

    return order


class Arrays:
    """Samples in memory. A pass is one piece, which the executor cuts into batches.

    Parameters
    ----------
    data : Data
    batch_size : int, optional
    steps : int, optional
        Batches a pass; all there are by default. Where it is given and `batch_size` isn't, it says how large batches are.
    default : int
        Samples a batch where neither is given.

    Attributes
    ----------
    first : Data
        Samples to check loss and metrics on.
    steps : int or None
        Batches a pass.
    over : bool
        Whether no further pass is possible.
    """

    over = False

    def __init__(self, data: Data, batch_size: int | None, steps: int | None, default: int):
        self.first = self._data = data
        self._size = min(len(data), batch_size or (-(-len(data) // steps) if steps else default))
        self._asked, there = steps, -(-len(data) // self._size)
        self.steps = min(steps or there, there)

    def pieces(self, order: Order) -> Iterator[Piece]:
        """What a pass runs through."""
        if self._asked and self.steps < self._asked:
            ran_out(self.steps, self._asked)
        yield self._data, order(len(self._data))[: self.steps * self._size], self._size


class Stream:
    """Batches that an iterable makes, each of any size.

    Parameters
    ----------
    x : iterable
        Of ``(x, y)`` or ``(x, y, sample_weight)``. What has ``__len__`` and ``__getitem__`` is visited in a pass' order; of other iterables
        each pass takes the batches as they come. An iterator isn't started anew. The methods ``on_epoch_begin`` and ``on_epoch_end``, where
        `x` has them, are called around each pass.
    prepare : callable
        Makes `Data` of the two or three arrays.
    steps : int, optional
        Batches a pass: the next one goes on where it ended. Without it a pass takes all there are.

    Attributes
    ----------
    first, steps, over
        As those of `Arrays`; `steps` is None when unknown.

    Raises
    ------
    ValueError, TypeError
        When the first batch doesn't fit, or there is none.
    """

    def __init__(self, x: Any, prepare: Callable[..., Data], steps: int | None = None):
        self._x, self._prepare, self._asked = x, prepare, steps
        self._once, self._indexed = hasattr(x, "__next__"), _is_indexed(x)
        self._coming: Iterator[Any] | None = None
        self._rooms: list[int] = []
        self.steps = steps or (None if self._once else _length(x))
        self.over = False
        self.first = self._prepared(self._peek(), 0)

    def _peek(self) -> Any:
        """The first batch, which the first pass gets once more."""
        coming = batches(self._x)
        item = next(coming, _END)
        if item is _END:
            raise ValueError(f"x, a {type(self._x).__name__}, gave no batches; a generator is used up after one call")
        if not self._indexed:  # whose first pass may begin with another one
            self._coming = itertools.chain([item], coming)
        return item

    def pieces(self, order: Order) -> Iterator[Piece]:
        """What a pass runs through: the next batches, each a piece.

        Warns when there are fewer than `steps`, and sets `over` when an iterator has no more.
        """
        _notify(self._x, "on_epoch_begin")
        done = 0
        while self._asked is None or done < self._asked:
            anew = self._coming is None
            if self._coming is None:
                self._coming = batches(self._x, order)
            item = next(self._coming, _END)
            if item is _END:
                if anew and not done:
                    raise ValueError(
                        f"x, a {type(self._x).__name__}, gave no batches this time: its __iter__ must start anew for each pass"
                    )
                self._coming = iter(()) if self._once else None
                self.over = self._once
                if done or self._once:
                    break
                continue
            data = self._prepared(item, done)
            done += 1
            yield data, np.arange(len(data)), self._room(len(data))
        if self._asked and done < self._asked:
            ran_out(done, self._asked)
        _notify(self._x, "on_epoch_end")

    def _prepared(self, item: Any, number: int) -> Data:
        if not isinstance(item, (tuple, list)) or len(item) not in (2, 3):
            given = f"{type(item).__name__} of {len(item)}" if isinstance(item, (tuple, list)) else type(item).__name__
            raise ValueError(f"batch {number} must be (x, y) or (x, y, sample_weight), got a {given}")
        try:
            return self._prepare(*item)
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"batch {number}: {error}") from error

    def _room(self, samples: int) -> int:
        """How many samples the program for a batch is made for: few programs serve batches of many sizes."""
        room = min((room for room in self._rooms if samples <= room <= RESERVE * samples), default=0)
        if not room:
            room = 1 << (samples - 1).bit_length() if self._rooms else samples
            self._rooms.append(room)
        return room


def _length(x: Any) -> int | None:
    try:
        return len(x)
    except TypeError:  # some datasets have the method and don't know
        return None


def _notify(x: Any, hook: str) -> None:
    method = getattr(x, hook, None)
    if callable(method):
        method()


def ran_out(done: int, asked: int) -> None:
    """Warn of fewer batches than were asked for."""
    warnings.warn(
        f"the data ran out after {done} of {asked} batches; ask for fewer, or give more data: a generator needs steps * epochs batches",
        stacklevel=2,
    )


def unpacked(item: Any, number: int) -> Any:
    """The samples of one of the items that `predict` takes: ``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``."""
    packed = isinstance(item, tuple) or (isinstance(item, list) and any(hasattr(each, "__array__") for each in item[:1]))
    if packed and len(item) not in (1, 2, 3):
        raise ValueError(f"batch {number} must be x, (x, y) or (x, y, sample_weight), got a tuple of {len(item)}")
    return item[0] if packed else item
