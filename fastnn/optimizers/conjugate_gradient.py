"""Nonlinear conjugate gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.full_batch import FullBatchOptimizer, Move
from fastnn.optimizers.line_search import dot
from fastnn.optimizers.optimizer import optimizers
from fastnn.optimizers.updates import Update
from fastnn.parameters import Arena

__all__ = ["ConjugateGradient"]

ORTHOGONAL = 0.1
"""Neighbouring gradients whose inner product is larger, as a share of the new one's square, are too far from orthogonal to go on."""


@optimizers.register("conjugategradient", "cg")
class ConjugateGradient(FullBatchOptimizer):
    """Conjugate gradients after Polak and Ribiere, with a line search for the strong Wolfe conditions.

    The direction is ``-g + beta d``, with d the last one and ``beta = max(0, g.(g - g_last) / g_last.g_last)``. It begins again with
    ``-g`` where two neighbouring gradients are far from orthogonal (Powell's restart). It needs the memory of two gradients, less than
    :class:`LBFGS`, and usually more iterations.

    Parameters
    ----------
    learning_rate : float
    c2 : float
        0.1 here: the search along the line has to be more exact than for L-BFGS.
    **options
        Those of :class:`FullBatchOptimizer`.

    Notes
    -----
    Neither Keras nor torch has it. The first step tried is the one that would lower the loss, to first order, as much as the last
    iteration's.

    References
    ----------
    J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, 2006, algorithm 5.4 with equations 5.44 (PR), 5.45 (its maximum with 0)
    and 5.52 (restarts), and of section 3.5 the initial step length.
    """

    slot_names = ("direction",)

    def __init__(self, learning_rate: float = 1.0, *, c2: float = 0.1, name: str = "conjugate_gradient", **options: Any):
        super().__init__(learning_rate, c2=c2, name=name, **options)

    def update_calls(self, arena: Arena) -> list[Update]:
        self.number("decrease")
        return super().update_calls(arena)

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        return self.slots["direction"] - gradient

    def next_step(self, slope: float) -> float:
        return float(self.numbers["decrease"][0]) / slope

    def remember(self, move: Move) -> None:
        last, new = move.start.gradient, move.end.gradient
        square, product = dot(new, new), dot(new, last)
        beta = (square - product) / dot(last, last)
        self.slots["direction"][...] = 0
        self.numbers["decrease"][0] = move.end.step * move.start.slope
        if beta > 0 and abs(product) < ORTHOGONAL * square:
            self.slots["direction"][...] = beta * move.direction
