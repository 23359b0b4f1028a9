"""Looking along a line for a point that satisfies the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Point", "dot", "strong_wolfe"]

LONGEST, SHORTEST = 10.0, 0.01
"""A step that is too short becomes at most so many times as long, and at least longer by this share of its last growth, as in torch."""
MARGIN = 0.1
"""Share of a bracket's width that steps keep off its ends."""


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """The inner product of two vectors, summed in double precision and in one order: BLAS' depends on its threads."""
    return float(np.einsum("i,i->", a, b, dtype=np.float64))


class Point(NamedTuple):
    """A point of a line.

    Attributes
    ----------
    step : float
        How far from the start, in lengths of the direction.
    value : float
        The function's.
    slope : float
        Its derivative along the direction.
    gradient : ndarray
    """

    step: float
    value: float
    slope: float
    gradient: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether value and slope are; an infinite or NaN entry of the gradient leaves no finite slope."""
        return math.isfinite(self.value) and math.isfinite(self.slope)


def strong_wolfe(
    line: Callable[[float], Point], start: Point, first: float, c1: float, c2: float, max_evaluations: int = 25, narrowest: float = 0.0
) -> Point:
    """Find a step for which the function has fallen enough, and its slope is small enough.

    That is, with ``phi`` the function along the line, ``phi(step) <= phi(0) + c1*step*phi'(0)`` and
    ``abs(phi'(step)) <= c2*abs(phi'(0))``.

    Parameters
    ----------
    line : callable
        Gives the point for a step.
    start : Point
        That of step 0, where the slope is negative.
    first : float
        The step to try first; positive.
    c1, c2 : float
        0 < c1 < c2 < 1.
    max_evaluations : int
        How often `line` may be called.
    narrowest : float
        Width of a bracket below which the search ends.

    Returns
    -------
    Point
        One that satisfies both conditions, or where none was found the lowest that satisfies the first, which may be `start`.

    Notes
    -----
    A step where value or gradient aren't finite counts as too long.

    References
    ----------
    J. Nocedal, S. J. Wright, "Numerical Optimization", 2nd edition, 2006, algorithms 3.5 and 3.6, with the cubic of equation 3.59. How
    steps are kept off the ends of their range is torch's (and M. Schmidt's minFunc's).
    """
    return _Search(line, start, c1, c2, max_evaluations, narrowest).run(first)


class _Search:
    """One search; what its parts have in common."""

    def __init__(self, line: Callable[[float], Point], start: Point, c1: float, c2: float, max_evaluations: int, narrowest: float):
        self.line, self.start, self.c1, self.c2 = line, start, c1, c2
        self.left, self.narrowest = max_evaluations, narrowest

    def evaluate(self, step: float) -> Point:
        self.left -= 1
        return self.line(step)

    def decreased(self, point: Point) -> bool:
        return point.finite and point.value <= self.start.value + self.c1 * point.step * self.start.slope

    def flattened(self, point: Point) -> bool:
        return abs(point.slope) <= -self.c2 * self.start.slope

    def run(self, step: float) -> Point:
        """Algorithm 3.5: lengthen the step until the bracket of the last two holds what is looked for."""
        last, point = self.start, self.evaluate(step)
        while True:
            if not self.decreased(point) or (last is not self.start and point.value >= last.value):
                return self.zoom(last, point)
            if self.flattened(point) or not self.left:
                return point
            if point.slope >= 0:
                return self.zoom(point, last)
            last, point = point, self.evaluate(longer(last, point))

    def zoom(self, low: Point, high: Point) -> Point:
        """Algorithm 3.6: narrow a bracket of which `low` is the lowest point known, and where the function falls towards `high`."""
        stuck = False
        while self.left and abs(high.step - low.step) > self.narrowest:
            step, stuck = between(low, high, stuck)
            point = self.evaluate(step)
            if not self.decreased(point) or point.value >= low.value:
                high = point
                continue
            if self.flattened(point):
                return point
            if point.slope * (high.step - low.step) >= 0:
                high = low
            low = point
        return low


def longer(last: Point, point: Point) -> float:
    """A step beyond both: where a cubic through them is lowest, in bounds."""
    return cubic_minimum(last, point, point.step + SHORTEST * (point.step - last.step), LONGEST * point.step)


def between(low: Point, high: Point, stuck: bool) -> tuple[float, bool]:
    """A step between two: where a cubic through them is lowest, and whether that is near an end of the bracket.

    If it was near an end the time before (`stuck`), it is kept off. Near the start where the upper end isn't finite.
    """
    if not high.finite:
        return low.step + MARGIN * (high.step - low.step), False
    left, right = sorted((low.step, high.step))
    step, margin = cubic_minimum(low, high, left, right), MARGIN * (right - left)
    near = min(right - step, step - left) < margin
    if near and (stuck or not left < step < right):
        return (right - margin if right - step < step - left else left + margin), False
    return step, near


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic with the values and slopes of two points is lowest, in [low, high]; their middle where it has no minimum."""
    a, b = sorted((a, b), key=lambda point: point.step)
    mean = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = mean * mean - a.slope * b.slope
    root = math.sqrt(square) if square >= 0 else math.nan
    denominator = b.slope - a.slope + 2 * root
    step = b.step - (b.step - a.step) * ((b.slope + root - mean) / denominator) if denominator else math.nan
    return min(max(step, low), high) if math.isfinite(step) else 0.5 * (low + high)
