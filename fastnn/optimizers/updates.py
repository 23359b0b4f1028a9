"""The op calls that make up an optimizer's step: on which pieces of the flat vectors each runs, when, and with which scalars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from fastnn.backend import Op
from fastnn.memory import aligned_zeros
from fastnn.parameters import Arena, Parameter


class Steps(NamedTuple):
    """Batches that come next, all arrays or numbers of the same shape.

    Attributes
    ----------
    batch : ndarray of int
        Their numbers, from 0 at the optimizer's first.
    step : ndarray of int
        The number of the update that each belongs to, from 1.
    due : bool or ndarray of bool
        Whether the update is made after it; not always where gradients are accumulated.
    learning_rate : ndarray or float
    """

    batch: Any
    step: Any
    due: Any
    learning_rate: Any


Value = float | Callable[[Steps], Any]
"""A scalar of an op: a number, or what makes it for each of some steps."""


@dataclass
class Update:
    """One op call of an optimizer's step.

    Attributes
    ----------
    op : Op
    arrays : tuple of ndarray
        What the op takes before its scalars.
    scalars : dict of str to Value
        By the scalars' names.
    when : callable
        In which of some steps the call is made: all that are due, by default.
    """

    op: Op
    arrays: tuple[np.ndarray, ...]
    scalars: Mapping[str, Value] = field(default_factory=dict)
    when: Callable[[Steps], Any] = lambda steps: steps.due

    def columns(self, steps: Steps) -> Iterator[Any]:
        """What a table of scalars holds for this call: whether it is made, then its scalars."""
        yield self.when(steps)
        for name in self.op.scalars:
            value = self.scalars[name]
            yield value(steps) if callable(value) else value


class Group(NamedTuple):
    """What an optimizer's learning rate and weight decay are multiplied with for some parameters."""

    learning_rate: float = 1.0
    weight_decay: float = 1.0


def group_of(parameter: Parameter, groups: Mapping[str, Mapping[str, float]]) -> Group:
    """The factors of a parameter: the product of those of all groups that it belongs to."""
    chosen = [Group(**factors) for pattern, factors in groups.items() if belongs(parameter, pattern)]
    rate = decay = 1.0
    for each in chosen:
        rate, decay = rate * each.learning_rate, decay * each.weight_decay
    return Group(rate, decay)


def belongs(parameter: Parameter, pattern: str) -> bool:
    """Whether a pattern, ``*`` and ``?`` allowed, names the parameter: a part of its path ``"residual/dense/kernel"``, whole names long."""
    parts = parameter.path.split("/")
    names = ("/".join(parts[first:last]) for last in range(1, len(parts) + 1) for first in range(last))
    return any(fnmatchcase(name, pattern) for name in names)


class Run(NamedTuple):
    """Neighbouring parameters that one call updates: numbers `first` to `last` of the arena."""

    op: Op
    group: Group
    first: int
    last: int


def runs(arena: Arena, choose: Callable[[Parameter], tuple[Op, Group]]) -> list[Run]:
    """The parameters of an arena in as few calls as possible.

    An op that works entry by entry takes neighbours with the same factors together, one that doesn't (it has no `split`) takes each alone.
    """
    made: list[Run] = []
    for number, parameter in enumerate(arena.parameters):
        op, group = choose(parameter)
        if made and op.split and made[-1][:2] == (op, group):
            made[-1] = made[-1]._replace(last=number)
        else:
            made.append(Run(op, group, number, number))
    return made


def operands(run: Run, arena: Arena, vectors: list[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The arrays that a run's op takes: its piece of some vectors of the arena's layout, then scratch for what its signature has more.

    A number, of shape (1), is taken as it is.

    An op that works entry by entry takes the whole run, gaps included. Any other takes one parameter, as a vector (s) or a matrix (k, m),
    and of the other vectors arrays of the shape in its signature: the first entries of the piece, where these are fewer.
    """
    arrays = run.op.arrays
    pieces = [
        vector if a.shape == ("1",) else arena.values.span(vector, run.first, run.last) for a, vector in zip(arrays, vectors, strict=False)
    ]
    if run.op.split:
        return tuple(pieces)
    shape = arena.parameters[run.first].shape
    whole = shape if len(arrays[0].shape) > 1 else (int(np.prod(shape)),)
    sizes = dict(zip(arrays[0].shape, whole, strict=True))
    shapes = [tuple(sizes[symbol] if symbol in sizes else int(symbol) for symbol in argument.shape) for argument in arrays]
    made = [piece[: int(np.prod(shape))].reshape(shape) for piece, shape in zip(pieces, shapes, strict=False)]
    return *made, *(aligned_zeros(shape, arena.values.data.dtype) for shape in shapes[len(pieces) :])
