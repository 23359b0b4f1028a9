"""The loss of all batches as a function of the parameters, for optimizers that evaluate it at several points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.models.feeds import Piece
from fastnn.optimizers.function import Evaluation

if TYPE_CHECKING:
    from fastnn.models.looping import Looper, Watch


class Objective:
    """A model's loss of all batches, and its gradient, at the parameters there are when it is called.

    Each call passes once over the batches, with the masks of the same training steps and from the same moving averages as the others
    of its iteration: after an iteration, the batches have been seen once.

    Parameters
    ----------
    model : Looper
    watch : Watch
        Of no callbacks.
    """

    def __init__(self, model: Looper, watch: Watch):
        self._model, self._watch = model, watch
        self._pieces: list[Piece] = []
        self._state: list[np.ndarray] = []
        self._last: Evaluation | None = None
        self._seen: list[np.ndarray] = []  # what the weights were after the last pass

    def iterate(self, pieces: list[Piece]) -> None:
        """Let the optimizer make one iteration on these batches; loss and metrics are those after it."""
        optimizer: Any = self._model.optimizer
        optimizer.bind(self._model._ensure_arena())
        self._begin(pieces)
        before, moved = optimizer.iterations, False
        try:
            optimizer.iterate(self, self._here())
            if optimizer.iterations > before:
                self._here()  # the last pass may have been elsewhere
                moved = True
        finally:
            if not moved:
                self._restore()

    def _begin(self, pieces: list[Piece]) -> None:
        if [id(data) for data, _, _ in pieces] != [id(data) for data, _, _ in self._pieces] or self._draws():
            self._last = None
        self._pieces = pieces
        self._state = [p.value.copy() for p in self._model.non_trainable_weights]
        self._step = self._model._step.copy()

    def _draws(self) -> bool:
        """Whether a pass draws random numbers, others in the next iteration."""
        programs = (lowered.program for _, lowered in self._model._programs.values())
        return any(argument is program.step for program in programs for call in program.calls for argument in call.arguments)

    def _here(self) -> Evaluation:
        """The evaluation at the parameters now, from memory where it was the last one and nobody has changed a weight since."""
        weights = (p.value for p in self._model.weights)
        if self._last is None or not all(np.array_equal(a, b) for a, b in zip(weights, self._seen, strict=True)):
            return self()
        return self._last

    def _restore(self) -> None:
        for parameter, value in zip(self._model.non_trainable_weights, self._state, strict=True):
            parameter.value[...] = value
        self._model._step[...] = self._step

    def __call__(self) -> Evaluation:
        model: Any = self._model
        self._restore()
        model._scores.reset()
        samples, total = sum(len(order) for _, order, _ in self._pieces), np.zeros_like(model._arena.values.data)
        for piece in self._pieces:
            _, order, size = piece
            for number in range(-(-len(order) // size)):
                model._run_slice(piece, number, 1, self._watch)
                total += model._arena.gradients.data * (len(order[number * size :][:size]) / samples)
        self._seen = [p.value.copy() for p in model.weights]
        self._last = Evaluation(float(model._scores.sums[0] / samples), total)
        return self._last
