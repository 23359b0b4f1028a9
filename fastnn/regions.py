"""How the compiled executor orders and cuts a program.

A program's calls are regrouped into **regions** that run one after the other. A region is a list of independent **groups**; a group is a
list of calls that run in turn on one part of it after the other. Parts of a region may run in any order and on any thread: only
results that don't depend on that are cut, along the axis that an op's `split` names, so bits never depend on threads.

* What works sample by sample, from gathering the batch through the loss back to the first layer's output, becomes one group cut
  along the samples.
* What sums over the samples follows, as independent groups of one region: the kernels' and biases' gradients, the metrics. Then comes what
  needs all of it, the optimizer's update.
* An op without a twin, written in Python by a user, is a region of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastnn.occupied import Memory, Occupied, memory_of
from fastnn.program import Call, Program

SHARED_WORK = 1 << 20
"""Multiply-adds from which a region is worth several threads: some 10 us on a core with AVX-512. A whole step must have four times as many:
where the update alone is shared, parameters travel between the processors' caches for nothing."""
LONGEST_PART = 1 << 31
"""Multiply-adds a part: some 20 ms. Between parts Ctrl-C is noticed."""
GRAIN = 64
"""Vectors are cut at multiples of so many entries: full cache lines of either dtype, so each entry meets the same instructions."""


@dataclass(eq=False)
class Node:
    """A call, and what it reads and writes."""

    call: Call
    batch_size: int
    reads: list[Memory] = field(default_factory=list)
    writes: list[Memory] = field(default_factory=list)

    def __post_init__(self) -> None:
        for argument, array in self.call.arrays:
            memory = memory_of(array, self.batch_size if argument.shape[0] == "n" else 0)
            if argument.read:
                self.reads.append(memory)
            if argument.written:
                self.writes.append(memory)

    @property
    def split(self) -> str | None:
        return self.call.op.split if self.call.op.compiled else None

    @property
    def work(self) -> int:
        """Multiply-adds, or as many as take the time of an elementwise op."""
        sizes: dict[str, int] = {}
        for argument, array in self.call.arrays:
            sizes.update(zip(argument.shape, array.shape, strict=True))
        return math.prod(sizes.values()) * (1 if len(sizes) > 2 else 16)


@dataclass(eq=False)
class Group:
    """Calls that run in turn on each part.

    Attributes
    ----------
    nodes : list of Node
    length : int
        Positions that it can be cut at; 0 where they are the batch's samples.
    block : int
        Positions a part.
    """

    nodes: list[Node]
    length: int = 0
    block: int = 1

    @property
    def work(self) -> int:
        return sum(node.work for node in self.nodes)

    def arrange(self, threads: int, batch_size: int) -> None:
        """Choose the parts for a number of threads."""
        length = self.length or batch_size
        parts = threads if self.work * threads >= SHARED_WORK else 1
        parts *= max(1, -(-self.work // (parts * LONGEST_PART)))
        grain = GRAIN if self.nodes[-1].split in ("s", "m") else 1
        self.block = max(1, -(-length // (parts * grain))) * grain


def regions(program: Program, threads: int) -> list[tuple[list[Group] | Call, bool]]:
    """The program's calls as regions, each with whether it is worth several threads; a lone call is one of Python."""
    nodes = [Node(call, program.batch_size) for call in program.calls]
    made: list[list[Group]] = []
    while nodes:
        ready, nodes = _by_rows(nodes)
        groups = [Group(ready)] if ready else []
        if not groups:
            groups, nodes = _independent(nodes)
        made.append(groups)
    work = [sum(group.work for group in groups) for groups in made]
    shared = [each >= SHARED_WORK and sum(work) >= 4 * SHARED_WORK for each in work]
    for groups, share in zip(made, shared, strict=True):
        for group in groups:
            group.arrange(threads if share else 1, program.batch_size)
    return [
        (groups if groups[0].nodes[0].call.op.compiled else groups[0].nodes[0].call, share)
        for groups, share in zip(made, shared, strict=True)
    ]


def _by_rows(nodes: list[Node]) -> tuple[list[Node], list[Node]]:
    """The calls that can run sample by sample before all others, and the others."""
    ready: list[Node] = []
    later: list[Node] = []
    taken, waiting = Occupied(), Occupied()
    for node in nodes:
        free = node.split == "n" and not waiting.clashes(node.reads, node.writes)
        if free and not taken.clashes(node.reads, node.writes, by_rows=True):
            ready.append(node)
            taken.add(node.reads, node.writes)
        else:
            later.append(node)
            waiting.add(node.reads, node.writes)
    return ready, later


def _independent(nodes: list[Node]) -> tuple[list[Group], list[Node]]:
    """Groups that may run now in any order, and the calls that must wait for them."""
    if nodes[0].call.op.compiled is None:
        return [Group(nodes[:1])], nodes[1:]
    groups: list[Group] = []
    later: list[Node] = []
    before = Occupied()
    for node in nodes:
        if node.call.op.compiled is None or before.clashes(node.reads, node.writes):
            later.append(node)
        else:
            groups.append(Group([node], _length(node)))
        before.add(node.reads, node.writes)
    return sorted(groups, key=lambda group: -group.work), later


def _length(node: Node) -> int:
    """Positions along the axis that a call is cut along: 0 for the samples, 1 when it isn't cut."""
    if node.split == "n":
        return 0
    return next((v.shape[a.shape.index(node.split)] for a, v in node.call.arrays if node.split in a.shape), 1) if node.split else 1


Described = tuple[int, int, list[tuple[Any, list[Any], list[tuple[int, int, int, int]], int]]]


def described(group: Group, batch_size: int) -> Described:
    """A group as the engine takes it."""
    calls = []
    for node in group.nodes:
        operands = []
        for argument, array in node.call.arrays:
            batch = argument.shape.index("n") if "n" in argument.shape else -1
            cut = argument.shape.index(node.split) if node.split in argument.shape else -1
            per_sample = array.shape[batch] // batch_size if batch >= 0 else 0
            operands.append((batch, per_sample, cut, per_sample if cut == batch else 1))
        scalars = [0.0] * len(node.call.op.scalars) if node.call.column >= 0 else []
        calls.append((node.call.op.compiled, node.call.arguments + scalars, operands, node.call.column))
    return group.length, group.block, calls


def breakout(call: Call, batch_size: int) -> Callable[[int, list[float]], None]:
    """A call of Python, made with the GIL held, on the first samples of the batch."""

    def run(samples: int, row: list[float]) -> None:
        moved = call.moved(row)
        if moved is not None:
            with np.errstate(all="ignore"):
                call.op.reference(*call.of(samples, batch_size), *moved)

    return run
