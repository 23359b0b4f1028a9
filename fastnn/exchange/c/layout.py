"""Where the arrays of a program lie in C: in the arguments, in scratch memory that steps share in turn, or in constant tables."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from fastnn.exchange.c.steps import Step, step
from fastnn.layers.merging import copy
from fastnn.memory import span
from fastnn.program import Call

__all__ = ["Layout", "Place", "packed"]

Span = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """A buffer in C: rows of some columns, in the array `name` from `offset` on, `stride` numbers apart."""

    name: str
    offset: int
    rows: int
    columns: int
    stride: int

    @property
    def contiguous(self) -> bool:
        """Whether no numbers lie between the rows."""
        return self.rows == 1 or self.stride == self.columns

    def at(self, *terms: str) -> str:
        """The index of a number: the offset and these."""
        return " + ".join([*([str(self.offset)] if self.offset or not any(terms) else []), *filter(None, terms)])


class Layout:
    """The places of all buffers and the tables of all constants.

    Parameters
    ----------
    steps : list of Step
    x, y : ndarray
        Input and output of one sample.

    Attributes
    ----------
    steps : list of Step
        With one more where the output would be no array of its own.
    scratch : int
        How many numbers of scratch memory a prediction takes.
    tables : list of ndarray
        The constants, each once.
    """

    def __init__(self, steps: Sequence[Step], x: np.ndarray, y: np.ndarray):
        self.steps = list(steps)
        self._roots = _merged([x, y, *(array for each in steps for array in each.arrays)])
        if self._root(x) == self._root(y) or self._root(y) != span(y):
            fresh = np.zeros((1, y.size), y.dtype)
            self.steps.append(step("output", Call(copy, [y.reshape(1, -1), fresh])))
            self._roots, y = sorted([*self._roots, span(fresh)]), fresh
        self._names = {self._root(x): "x", self._root(y): "y"}
        self._offsets, self.scratch = self._pack(x.itemsize)
        distinct: dict[tuple[Any, ...], np.ndarray] = {}
        for value in (value for each in self.steps for name, value in each.given.items() if name not in each.buffers):
            if isinstance(value, np.ndarray):
                distinct.setdefault(_numbers_of(value), value)
        self.tables, self._numbers = list(distinct.values()), {key: number for number, key in enumerate(distinct)}

    def _root(self, array: np.ndarray) -> Span:
        """The whole of the memory that an array is in."""
        return self._roots[bisect_right(self._roots, span(array)[0], key=lambda root: root[0]) - 1]

    def _pack(self, itemsize: int) -> tuple[dict[Span, int], int]:
        """Where each root begins in the scratch, in numbers, and how many these are."""
        lives: dict[Span, list[int]] = {}
        for number, each in enumerate(self.steps):
            for array in each.arrays:
                lives.setdefault(self._root(array), []).append(number)
        roots = [root for root in lives if root not in self._names]
        offsets, total = packed([((high - low) // itemsize, lives[low, high][0], lives[low, high][-1]) for low, high in roots])
        return dict(zip(roots, offsets, strict=True)), total

    def place(self, array: np.ndarray) -> Place:
        """Where a buffer lies."""
        root, matrix = self._root(array), array if array.ndim > 1 else array[:, None]
        offset = self._offsets.get(root, 0) + (span(array)[0] - root[0]) // array.itemsize
        rows, columns = matrix.shape
        return Place(self._names.get(root, "s"), offset, rows, columns, matrix.strides[0] // array.itemsize)

    def table(self, constant: np.ndarray) -> int:
        """The number of a constant's table."""
        return self._numbers[_numbers_of(constant)]


def _merged(arrays: Iterable[np.ndarray]) -> list[Span]:
    """The memory that arrays take, as intervals; those that overlap are one."""
    merged: list[Span] = []
    for low, high in sorted(map(span, arrays)):
        if merged and low < merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return merged


def packed(lives: Sequence[tuple[int, int, int]]) -> tuple[list[int], int]:
    """Where to put things that share memory in turn: the largest first, each as low as those allow that live at the same time.

    Parameters
    ----------
    lives : list of (size, first, last)

    Returns
    -------
    offsets : list of int
    total : int
    """
    offsets = [0] * len(lives)
    done: list[int] = []
    for i in sorted(range(len(lives)), key=lambda i: -lives[i][0]):
        size, first, last = lives[i]
        others = sorted((offsets[j], offsets[j] + lives[j][0]) for j in done if lives[j][1] <= last and first <= lives[j][2])
        for low, high in others:
            if offsets[i] + size <= low:
                break
            offsets[i] = max(offsets[i], high)
        done.append(i)
    return offsets, max((offset + life[0] for offset, life in zip(offsets, lives, strict=True)), default=0)


def _numbers_of(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    """What equal constants have in common: equal to the last bit, zeros of both signs are different."""
    return array.dtype.str, array.shape, sha256(array.tobytes()).digest()
