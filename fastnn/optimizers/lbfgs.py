"""Limited-memory BFGS: Newton's method with curvatures learned from the last steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.optimizers.full_batch import FullBatchOptimizer, Move
from fastnn.optimizers.line_search import dot
from fastnn.optimizers.optimizer import optimizers

__all__ = ["LBFGS"]

_LONGEST = 10_000
"""Pairs beyond any use, and a bound for what a file can ask for."""


@optimizers.register()
class LBFGS(FullBatchOptimizer):
    """L-BFGS with a line search for the strong Wolfe conditions.

    The direction is ``-H g``, with the inverse Hessian H as BFGS makes it of the last changes of the parameters, s, and of the gradient,
    y, begun with ``(s.y / y.y) I`` of the last ones, by the recursion of two loops.

    Parameters
    ----------
    learning_rate : float
    history_size : int
        Pairs s and y that are remembered; each takes as much memory as the parameters twice.
    **options
        Those of :class:`FullBatchOptimizer`.

    Notes
    -----
    Arguments, defaults and steps are those of ``torch.optim.LBFGS(line_search_fn="strong_wolfe")``, with these differences. 10 pairs are
    remembered instead of 100, as in SciPy: more take memory and seldom help (Nocedal and Wright recommend 3 to 20). A pair is left out
    when s and y have a cosine that is zero but for rounding, where torch asks whether ``s.y <= 1e-10`` whatever their scale. Where no
    lower point is found, the steepest descent is tried before giving up, and a value that isn't finite shortens the step.

    References
    ----------
    J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, 2006, algorithms 7.4 and 7.5, equation 7.20.
    D. C. Liu, J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45, 1989.
    """

    def __init__(self, learning_rate: float = 1.0, history_size: int = 10, *, name: str = "LBFGS", **options: Any):
        super().__init__(learning_rate, name=name, **options)
        self.history_size = positive_integer("history_size", history_size, most=_LONGEST)

    @property
    def slot_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(f"{kind}_{age}" for age in range(self.history_size) for kind in ("move", "change"))

    def _pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """s, y and ``s.y`` of each pair, the newest first."""
        for age in range(self.history_size):
            s, y = self.slots[f"move_{age}"], self.slots[f"change_{age}"]
            curvature = dot(s, y)
            if not curvature:
                return
            yield s, y, curvature

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        # Of 0 - g rather than -g: the gaps between parameters are +0 then, and come out of a file as they were.
        pairs, factors, q = list(self._pairs()), [], 0.0 - gradient
        for s, y, curvature in pairs:
            factors.append(dot(s, q) / curvature)
            q -= factors[-1] * y
        _, y, curvature = pairs[0]
        q *= curvature / dot(y, y)
        for (s, y, curvature), factor in zip(reversed(pairs), reversed(factors), strict=True):
            q += (factor - dot(y, q) / curvature) * s
        return q

    def remember(self, move: Move) -> None:
        s, y = move.change, move.end.gradient - move.start.gradient
        if not dot(s, y) > np.finfo(s.dtype).eps * math.sqrt(dot(s, s) * dot(y, y)):
            return
        kept = dict(zip(self.slot_names[2:], self.slots.values(), strict=False))
        self.slots = {self.slot_names[0]: s, self.slot_names[1]: y, **kept}  # at once: Ctrl-C finds the old or the new
