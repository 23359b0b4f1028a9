"""What a model lowers to: a flat list of op calls bound to buffers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastnn.backend import Argument, Op
from fastnn.memory import aligned_zeros, span

if TYPE_CHECKING:
    from fastnn.regularizers import Regularizer


@dataclass(eq=False)
class Call:
    """One op and the arguments it runs on.

    Attributes
    ----------
    op : Op
    arguments : list
        The op's, for a whole batch; the scalars of a call with a `column` are missing.
    column : int
        -1, or where its scalars change from step to step, as an optimizer's do: executors take them from a table. In this column it
        says whether the call is made at all (1, or 0 for no), the scalars follow.
    """

    op: Op
    arguments: list[Any]
    column: int = -1

    def moved(self, row: Sequence[float]) -> Sequence[float] | None:
        """The scalars that a row of the table has for this call, none where it has no column; None where it isn't made."""
        if self.column < 0:
            return ()
        return row[self.column + 1 : self.column + 1 + len(self.op.scalars)] if row[self.column] else None

    @property
    def arrays(self) -> list[tuple[Argument, np.ndarray]]:
        """What the op's signature says of each array, and the array."""
        return [(a, v) for a, v in zip(self.op.arguments, self.arguments, strict=False) if isinstance(a, Argument)]

    def of(self, samples: int, batch_size: int) -> list[Any]:
        """The arguments for the first `samples` of a batch: what runs along the axis ``n`` is cut."""
        if samples == batch_size:
            return self.arguments
        return [
            v[(slice(None),) * a.shape.index("n") + (slice(v.shape[a.shape.index("n")] // batch_size * samples),)]
            if isinstance(a, Argument) and "n" in a.shape
            else v
            for a, v in zip(self.op.arguments, self.arguments, strict=False)
        ]


@dataclass
class Tensor:
    """What flows between two layers for one batch: its value, and in training the loss's gradient by it.

    Attributes
    ----------
    value : ndarray of shape (batch, ...)
    grad : ndarray or None
        None where nobody needs it: in inference, and for the model's input.
    source : Activated or None
        How an activation made it, for the loss that fuses with it.
    """

    value: np.ndarray
    grad: np.ndarray | None = None
    source: Activated | None = None

    @property
    def features(self) -> tuple[int, ...]:
        """The shape without the batch axis."""
        return self.value.shape[1:]

    def reshape(self, *shape: int) -> Tensor:
        """The same memory under another shape; the source is kept where the last axis, which a loss sums over, is the same."""
        source = self.source if shape[-1] == self.value.shape[-1] else None
        return Tensor(self.value.reshape(shape), None if self.grad is None else self.grad.reshape(shape), source)

    @property
    def rows(self) -> Tensor:
        """The same memory as a matrix whose columns are the last axis."""
        columns = self.value.shape[-1]
        return self.reshape(math.prod(self.value.shape[:-1]), columns)


class Activated(NamedTuple):
    """An activation's name, its input, and its backward call, which a fused loss takes the place of."""

    name: str
    logits: Tensor
    backward: Call | None


class Program:
    """The op calls of one step, in the order they run.

    Layers append to it while a model is lowered: each forward call together with its backward, which runs in reverse order. The
    axis ``n`` in an op's signature counts samples: an executor may run a program on fewer samples than it was made for.

    Parameters
    ----------
    batch_size : int
    dtype : str
    training : bool
        Whether gradients are computed, and dropout and batch statistics used.
    step : ndarray of shape (1,), uint64
        The number of the training step, read by ops that draw random numbers.
    in_place : bool
        Whether elementwise ops may overwrite what they read: in inference, where nobody looks at it later.

    Attributes
    ----------
    index : ndarray of shape (batch_size,), int64
        Which samples the batch consists of; an executor fills it.
    count : ndarray of shape (1,), float64
        How many they are.
    total : ndarray of shape (1,), float64
        What the batch's loss is divided by: their number, or the sum of their weights.
    source : Tensor
        The batch's samples.
    columns : int
        Of the table of scalars that change from step to step.
    kept : list of ndarray
        What elementwise ops mustn't overwrite though they run in place, because others read it later.
    losses, shares : ndarray of shape (batch_size,)
        Each sample's loss, times its weight; and one over the number of samples in the batch.
    penalty_calls : list of Call
        Penalties on what layers put out that have no place among the backward calls.
    """

    def __init__(self, batch_size: int, dtype: str, training: bool, step: np.ndarray, in_place: bool = False):
        self.batch_size, self.dtype, self.training, self.step, self.in_place = batch_size, dtype, training, step, in_place
        self.source: Tensor | None = None
        self.columns = 0
        self.kept: list[np.ndarray] = []
        self.losses, self.shares = aligned_zeros(batch_size, dtype), aligned_zeros(batch_size, dtype)
        self.penalized = False
        self.penalty_calls: list[Call] = []
        self.index, self.count = np.zeros(batch_size, np.int64), np.full(1, float(batch_size))
        self.total = self.count
        self.load_calls: list[Call] = []
        self.forward_calls: list[Call] = []
        self.measure_calls: list[Call] = []
        self.backward_calls: list[Call] = []
        self.finish_calls: list[Call] = []

    @property
    def calls(self) -> Iterator[Call]:
        """All calls of a step, in order."""
        yield from self.load_calls
        yield from self.forward_calls
        yield from self.measure_calls
        yield from reversed(self.backward_calls)
        yield from self.finish_calls

    def tensor(self, *features: int, needs_grad: bool = True) -> Tensor:
        """A new buffer for a batch of `features`, with room for its gradient in training."""
        shape = (self.batch_size, *features)
        grad = aligned_zeros(shape, self.dtype) if self.training and needs_grad else None
        return Tensor(aligned_zeros(shape, self.dtype), grad)

    def successor(self, x: Tensor) -> Tensor:
        """The output of an elementwise op, whose backward overwrites the output's gradient with the input's."""
        kept = [*self.kept, self.source.value] if self.source else self.kept
        if self.in_place and not any(np.may_share_memory(x.value, each) for each in kept):
            return Tensor(x.value)
        return self.tensor(*x.features) if x.grad is None else Tensor(aligned_zeros(x.value.shape, self.dtype), x.grad)

    def load(self, op: Op, *arguments: Any) -> Call:
        """Append a call that brings a batch's data in."""
        self.load_calls.append(Call(op, list(arguments)))
        return self.load_calls[-1]

    def forward(self, op: Op, *arguments: Any) -> None:
        """Append a call."""
        self.forward_calls.append(Call(op, list(arguments)))

    def measure(self, op: Op, *arguments: Any) -> None:
        """Append a call that compares the output with the targets: the loss, then metrics."""
        self.measure_calls.append(Call(op, list(arguments)))

    def backward(self, op: Op, *arguments: Any) -> Call | None:
        """Append the backward of the call just appended; nothing in inference."""
        if not self.training:
            return None
        call = Call(op, list(arguments))
        self.backward_calls.append(call)
        return call

    def finish(self, op: Op, *arguments: Any) -> None:
        """Append a call that runs when all gradients are there: penalties, clips, sums over the batch."""
        self.finish_calls.append(Call(op, list(arguments)))

    def update(self, op: Op, *arguments: Any) -> None:
        """Append a call of the optimizer's, with the next columns of the table for itself."""
        self.finish_calls.append(Call(op, list(arguments), self.columns))
        self.columns += 1 + len(op.scalars)

    def penalize(self, regularizer: Regularizer, y: Tensor) -> Tensor:
        """Add a regularizer's penalty of what a layer puts out, the mean over the batch, to the loss, and its gradient to the output's.

        Returns
        -------
        Tensor
            The output for the layers that follow, whose gradient must pass here.
        """
        value = y.value.reshape(self.batch_size, -1)
        backward = self.training and y.grad is not None
        gradient = y.grad.reshape(value.shape) if backward else np.zeros_like(value)  # type: ignore[union-attr]
        op, arguments = regularizer.activity(value, self.shares, gradient, self.losses)
        (self.backward_calls if backward else self.penalty_calls).append(Call(op, list(arguments)))
        self.penalized = True
        return Tensor(y.value, y.grad)

    def prune(self, live: Iterable[np.ndarray]) -> None:
        """Take out the backward calls whose results nobody reads: neither the calls that finish a step nor those for the arrays `live`.

        So nothing is computed for frozen layers, nor for the inputs of the first layer that is trained.
        """
        read = [span(array) for array in live] + [span(v) for call in self.finish_calls for a, v in call.arrays if a.read]
        kept = []
        for call in self.backward_calls:  # from the one that runs last
            written = [span(v) for a, v in call.arrays if a.written]
            if any(a < d and c < b for a, b in written for c, d in read):
                kept.append(call)
                read += [span(v) for a, v in call.arrays if a.read]
        self.backward_calls = kept

    def drop(self, call: Call | None) -> None:
        """Take a backward call out again."""
        self.backward_calls = [c for c in self.backward_calls if c is not call]

    def run_forward(self) -> None:
        """Compute the outputs from the inputs, op by op."""
        run(self.forward_calls)


def run(calls: Iterable[Call]) -> None:
    """Run calls one by one on the current backend."""
    with np.errstate(all="ignore"):
        for call in calls:
            call.op(*call.arguments)
