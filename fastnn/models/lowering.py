"""Turning a built model, and its loss, into a Program."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastnn.layers.layer import Layer
from fastnn.losses import Loss
from fastnn.memory import aligned_zeros
from fastnn.program import Call, Program, Tensor, run
from fastnn.regularizers import l1_l2_penalty


class Lowered:
    """A model bound to the buffers of one batch size: fill `x` (and `targets`, `weights`), run, read `output`.

    Attributes
    ----------
    program : Program
    x, output : ndarray of shape (batch, ...)
    targets : ndarray
        What the loss compares with; None without a loss.
    weights : ndarray of shape (batch,)
        Each sample's share of the batch loss: its sample weight divided by what the loss's reduction divides by.
    """

    def __init__(self, layers: Iterable[Layer], features: tuple[int, ...], program: Program):
        self.program = program
        source = program.tensor(*features, needs_grad=False)
        self.x = source.value
        self._output = source
        for layer in layers:
            self._output = layer.lower(program, self._output)
        self.output = self._output.value
        self.targets: np.ndarray | None = None
        self._loss: list[Call] = []
        self._penalties: list[Call] = []
        self._penalty = aligned_zeros(1, program.dtype)

    def add_loss(self, loss: Loss) -> None:
        """Append the loss of the output: value, and in training the gradient."""
        output, (op, scalars) = self._loss_input(loss)
        rows = output.rows
        n = len(rows.value)
        self.targets = np.zeros(n, np.int64) if loss.function.sparse else aligned_zeros(rows.value.shape, self.program.dtype)
        self.weights, self._losses = aligned_zeros(n, self.program.dtype), aligned_zeros(n, self.program.dtype)
        gradient = np.empty_like(rows.value) if rows.grad is None else rows.grad
        self._loss.append(self.program.call(op, rows.value, self.targets, self.weights, self._losses, gradient, *scalars))

    def _loss_input(self, loss: Loss) -> tuple[Tensor, tuple[Any, tuple[Any, ...]]]:
        """The logits and the fused op where the output is the activation that `loss` fuses with, else the output."""
        source = self._output.source
        fused = source and loss.logits_form(source.name)
        if not fused or (self.program.training and source.backward is None):
            return self._output, (loss.op, loss.scalars)
        self.program.drop(source.backward)
        return source.logits, fused

    def add_penalties(self, layers: Iterable[Layer]) -> None:
        """Append the regularizers of all layers: to the loss, and in training to the gradients."""
        for parameter in (p for layer in layers for p in layer.trainable_weights if p.regularizer):
            p = parameter.value.reshape(-1)
            g = parameter.grad.reshape(-1) if self.program.training else np.empty_like(p)
            scalars = parameter.regularizer.l1, parameter.regularizer.l2
            self._penalties.append(self.program.call(l1_l2_penalty, p, g, self._penalty, *scalars))

    def run(self) -> float:
        """Forward, loss and, in training, backward; the batch's loss with its penalties."""
        self.program.run_forward()
        run(self._loss)
        self.program.run_backward()
        self._penalty[0] = 0
        run(self._penalties)
        return float(self._losses.sum(dtype=np.float64)) + float(self._penalty[0])
