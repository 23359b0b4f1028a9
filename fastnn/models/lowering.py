"""Turning a built model into a Program, with its loss, metrics and optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn import executors
from fastnn.batches import accumulate_loss, gather, gather_labels, share_equally
from fastnn.layers.layer import Layer
from fastnn.losses import Loss
from fastnn.losses.reductions import lower_shares
from fastnn.memory import aligned_zeros
from fastnn.models.data import Data
from fastnn.models.scores import Scores
from fastnn.optimizers.optimizer import Optimizer
from fastnn.parameters import Arena
from fastnn.program import Call, Program, Tensor


class Lowered:
    """A model bound to the buffers of one batch size.

    Without a loss: fill `x`, run the program forward, read `output`. With one: `feed` it the data and let `executor` run batches.

    Attributes
    ----------
    program : Program
    x, output : ndarray of shape (batch, ...)
    running : bool
        Whether batches are being run, so that its buffers are in use.
    """

    def __init__(self, layers: Iterable[Layer], features: tuple[int, ...], program: Program):
        self.program = program
        source = program.tensor(*features, needs_grad=False)
        program.source = source
        self.x = source.value
        self._output = source
        for layer in layers:
            self._output = layer.lower(program, self._output)
        self.output = self._output.value
        self._sources: dict[str, Call] = {}
        self._executor: tuple[Any, executors.Executor] | None = None
        self._fed: list[Any] = []
        self.running = False

    def add_loss(self, loss: Loss, layers: Iterable[Layer], scores: Scores, weighted: bool) -> None:
        """Append the gathering of a batch, its loss with the layers' penalties, in training the gradients, and its scores.

        Parameters
        ----------
        loss : Loss
        layers : iterable of Layer
        scores : Scores
            Where loss and metrics are summed up.
        weighted : bool
            Whether samples have weights.
        """
        program, size = self.program, self.program.batch_size
        output, op = self._loss_input(loss)
        x, y = _matrix(self.x), output.value
        self._gather("x", gather, np.zeros((0, x.shape[1]), x.dtype), x)
        if loss.function.sparse:
            targets: np.ndarray = np.zeros(size, np.int64)
            self._gather("y", gather_labels, np.zeros(0, np.int64), targets)
        else:
            targets = aligned_zeros((size, loss.target_columns(y.shape[1])), program.dtype)
            self._gather("y", gather, np.zeros((0, targets.shape[1]), y.dtype), targets)
        weights = self._weights() if weighted else None
        w = lower_shares(program, loss, targets, weights)
        gradient = aligned_zeros(y.shape, program.dtype) if output.grad is None else output.grad
        program.measure(op, y, targets, w, program.losses, gradient, *loss.arguments(y.shape[1], program.dtype))
        penalty = aligned_zeros(1, program.dtype)
        self._add_penalties(layers, penalty)
        program.finish(accumulate_loss, program.losses, penalty, scores.sums, scores.batch)
        scores.lower(program, targets, self.output, weights)
        program.prune(p.grad for layer in layers for p in layer.trainable_weights if p.grad is not None)

    def _gather(self, name: str, op: Any, nothing: np.ndarray, buffer: np.ndarray) -> None:
        self._sources[name] = self.program.load(op, nothing, self.program.index, buffer)

    def _weights(self) -> np.ndarray:
        """The buffer of the batch's sample weights."""
        weights = aligned_zeros(self.program.batch_size, self.program.dtype)
        self._gather("weights", gather, np.zeros((0, 1), weights.dtype), weights[:, None])
        return weights

    def _loss_input(self, loss: Loss) -> tuple[Tensor, Any]:
        """The logits and the fused op where the output is the activation that `loss` fuses with, else the output."""
        source = self._output.source
        fused = source and loss.logits_form(source.name)
        if not fused or (self.program.training and source.backward is None):
            return self._output, loss.op
        self.program.drop(source.backward)
        return source.logits, fused

    def _add_penalties(self, layers: Iterable[Layer], penalty: np.ndarray) -> None:
        """Append the regularizers of all layers: to the loss, and in training to the gradients."""
        program = self.program
        if program.penalized:
            program.load(share_equally, program.count, program.shares)
        program.finish_calls += program.penalty_calls
        for parameter in (p for layer in layers for p in layer.trainable_weights if p.regularizer):
            g = parameter.grad if program.training else np.empty_like(parameter.value)
            for op, arguments in parameter.regularizer.batch_calls(parameter.value, g, penalty, program.total):
                program.finish(op, *arguments)

    def add_update(self, optimizer: Optimizer, arena: Arena) -> None:
        """Append the calls of the optimizer's step."""
        for update in optimizer.bind(arena):
            self.program.update(update.op, *update.arrays)

    def release(self) -> None:
        """Forget the data: a model keeps no one's arrays alive."""
        for call in self._sources.values() if self._fed else ():
            self._fed[0].feed(call, call.arguments[0][:0].copy())
        self._fed = []

    @property
    def executor(self) -> executors.Executor:
        """What runs the program on the current backend."""
        kind = executors.kind()
        if self._executor is None or self._executor[0] != kind:
            self.release()
            self._executor = kind, executors.executor(self.program)
        return self._executor[1]

    def feed(self, data: Data) -> executors.Executor:
        """Let batches be gathered from `data`, and return what runs them."""
        executor = self.executor
        given = [executor, data.x, data.y, data.weights]
        if any(a is not b for a, b in zip(given, self._fed, strict=False)) or not self._fed:
            executor.feed(self._sources["x"], _matrix(data.x))
            executor.feed(self._sources["y"], data.y)
            if data.weights is not None:
                executor.feed(self._sources["weights"], data.weights[:, None])
            self._fed = given
        return executor


def _matrix(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) if x.ndim > 1 else x[:, None]
