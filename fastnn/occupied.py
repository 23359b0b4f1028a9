"""Which memory calls read and write, found by address: in a time that grows with their number, not with that of their pairs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastnn.memory import span

__all__ = ["Memory", "Occupied", "memory_of"]


class Memory(NamedTuple):
    """Where an array lies: the addresses it begins and ends at, and those of its samples.

    Attributes
    ----------
    start, end : int
    step : int
        Bytes from one sample to the next; 0 where the array isn't one that counts samples.
    extent : int
        Bytes from a sample's first entry to the end of its last.
    """

    start: int
    end: int
    step: int = 0
    extent: int = 0

    def joined(self, other: Memory) -> Memory:
        """The least memory that holds both; one of samples where both count them alike."""
        start, end = min(self.start, other.start), max(self.end, other.end)
        step = self.step if self.step == other.step else 0
        return Memory(start, end, step, max(self.start + self.extent, other.start + other.extent) - start)

    def overlaps(self, other: Memory) -> bool:
        return self.start < other.end and other.start < self.end

    def keeps_to_samples(self, other: Memory) -> bool:
        """Whether no sample of one shares memory with another sample of the other: both lie in the same windows of one sample each."""
        first, last = min(self.start, other.start), max(self.start + self.extent, other.start + other.extent)
        return 0 < self.step == other.step and last - first <= self.step


def memory_of(array: np.ndarray, samples: int) -> Memory:
    """Where an array lies whose first axis counts `samples`, several entries each, or doesn't where that is 0."""
    start, end = span(array)
    if samples == 0 or array.size == 0 or min(array.strides) < 0 or len(array) % samples:
        return Memory(start, end)
    if samples == 1:  # nothing is cut
        return Memory(start, end, 1 << 62, end - start)
    if array.flags.c_contiguous:
        return Memory(start, end, array.nbytes // samples, array.nbytes // samples)
    each = len(array) // samples
    return Memory(start, end, array.strides[0] * each, span(array[:each])[1] - start)


class Occupied:
    """What some calls read and write."""

    def __init__(self) -> None:
        self._reads, self._writes = _Pieces(), _Pieces()

    def add(self, reads: Sequence[Memory], writes: Sequence[Memory]) -> None:
        """Add a call."""
        for memory in reads:
            self._reads.add(memory)
        for memory in writes:
            self._writes.add(memory)

    def clashes(self, reads: Sequence[Memory], writes: Sequence[Memory], by_rows: bool = False) -> bool:
        """Whether a further call must keep its order with one of them.

        Parameters
        ----------
        reads, writes : sequence of Memory
        by_rows : bool
            Not where it shares memory that both are cut along, sample by sample.
        """
        return any(self._writes.meets(each, by_rows) for each in (*writes, *reads)) or any(
            self._reads.meets(each, by_rows) for each in writes
        )


class _Pieces:
    """Memory in pieces that don't overlap, by address, each with the different parts that make it up."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._wholes: list[Memory] = []
        self._parts: list[dict[Memory, None]] = []

    def _range(self, memory: Memory) -> slice:
        """The pieces that overlap `memory`."""
        first = bisect_right(self._ends, memory.start)
        return slice(first, max(first, bisect_left(self._starts, memory.end)))

    def add(self, memory: Memory) -> None:
        """Add a part: it and the pieces it overlaps become one."""
        where = self._range(memory)
        whole, parts = memory, {memory: None}
        for piece, others in zip(self._wholes[where], self._parts[where], strict=True):
            whole = whole.joined(piece)
            parts, fewer = (parts, others) if len(parts) > len(others) else (others, parts)
            parts.update(fewer)
        self._starts[where], self._ends[where] = [whole.start], [whole.end]
        self._wholes[where], self._parts[where] = [whole], [parts]

    def meets(self, memory: Memory, by_rows: bool) -> bool:
        """Whether a part overlaps `memory`; `by_rows`: not where both keep to the same samples."""
        where = self._range(memory)
        if not by_rows:
            return where.stop > where.start
        return any(
            not whole.keeps_to_samples(memory) and any(part.overlaps(memory) and not part.keeps_to_samples(memory) for part in parts)
            for whole, parts in zip(self._wholes[where], self._parts[where], strict=True)
        )
