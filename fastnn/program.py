"""What a model lowers to: a flat list of op calls bound to buffers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastnn import backend, threads
from fastnn.backend import Op
from fastnn.memory import aligned_zeros


class Call(NamedTuple):
    """One op and the arguments it always runs on.

    Attributes
    ----------
    op : Op
    arguments : tuple
    compiled : callable
        The op's twin for the program's dtype.
    work : int
        How much there is to do, for sharing among threads; 0 where the op can't be shared.
    """

    op: Op
    arguments: tuple[Any, ...]
    compiled: Callable[..., None]
    work: int


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
    """The op calls of one batch size, in the order they run.

    Layers append to it while a model is lowered: each forward call together with its backward, which runs in
    reverse order.

    Parameters
    ----------
    batch_size : int
    dtype : str
    training : bool
        Whether gradients are computed, and dropout and batch statistics used.
    step : ndarray of shape (1,), uint64
        The number of the training step, read by ops that draw random numbers.
    """

    def __init__(self, batch_size: int, dtype: str, training: bool, step: np.ndarray):
        self.batch_size, self.dtype, self.training, self.step = batch_size, dtype, training, step
        self.forward_calls: list[Call] = []
        self.backward_calls: list[Call] = []

    def tensor(self, *features: int, needs_grad: bool = True) -> Tensor:
        """A new buffer for a batch of `features`, with room for its gradient in training."""
        shape = (self.batch_size, *features)
        grad = aligned_zeros(shape, self.dtype) if self.training and needs_grad else None
        return Tensor(aligned_zeros(shape, self.dtype), grad)

    def successor(self, x: Tensor) -> Tensor:
        """The output of an elementwise op, whose backward overwrites the output's gradient with the input's."""
        return self.tensor(*x.features) if x.grad is None else Tensor(aligned_zeros(x.value.shape, self.dtype), x.grad)

    def call(self, op: Op, *arguments: Any) -> Call:
        """Bind an op to its arguments."""
        return Call(op, arguments, op.compiled_for(self.dtype) or silent(op.reference), threads.work(op, arguments))

    def forward(self, op: Op, *arguments: Any) -> None:
        """Append a call."""
        self.forward_calls.append(self.call(op, *arguments))

    def backward(self, op: Op, *arguments: Any) -> Call | None:
        """Append the backward of the call just appended; nothing in inference."""
        if not self.training:
            return None
        call = self.call(op, *arguments)
        self.backward_calls.append(call)
        return call

    def drop(self, call: Call | None) -> None:
        """Take a backward call out again."""
        self.backward_calls = [c for c in self.backward_calls if c is not call]

    def run_forward(self) -> None:
        """Compute the outputs from the inputs."""
        run(self.forward_calls)

    def run_backward(self) -> None:
        """Compute all gradients from that of the output."""
        run(reversed(self.backward_calls))


def silent(reference: Callable[..., None]) -> Callable[..., None]:
    """`reference` without NumPy's warnings: a diverging run overflows, and compiled twins say nothing then."""

    def call(*arguments: Any) -> None:
        with np.errstate(all="ignore"):
            reference(*arguments)

    return call


def run(calls: Iterable[Call]) -> None:
    """Run the calls in order, on the current backend, large ones on several threads."""
    if backend.current() == "numpy":
        with np.errstate(all="ignore"):
            for call in calls:
                call.op.reference(*call.arguments)
        return
    limit = threads.MINIMUM_WORK if threads.get_num_threads() > 1 else math.inf
    for op, arguments, compiled, work in calls:
        if work < limit:
            compiled(*arguments)
        else:
            threads.run_shared(op, compiled, arguments)
