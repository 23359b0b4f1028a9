"""Rates that rise and fall: torch's one-cycle and cyclic schedules."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn.optimizers.schedules.schedule import LearningRateSchedule, check, schedules

__all__ = ["Cyclic", "OneCycle"]

_ANNEAL = {
    "cos": lambda start, end, share: end + (start - end) / 2.0 * (1.0 + np.cos(np.pi * share)),
    "linear": lambda start, end, share: start + (end - start) * share,
}


def _one_of(schedule: LearningRateSchedule, name: str, value: Any, known: Any) -> Any:
    if value not in known:
        raise ValueError(f"{type(schedule).__name__}: {name} must be one of {', '.join(known)}, got {value!r}")
    return value


@schedules.register("OneCycleLR")
class OneCycle(LearningRateSchedule):
    """Up to `max_lr` and down to next to nothing, as torch's ``OneCycleLR``.

    The rate goes from ``max_lr / div_factor`` to `max_lr` in ``pct_start * total_steps - 1`` steps, then to
    ``max_lr / div_factor / final_div_factor``, where it stays. With `three_phase` it first falls to where it began, as fast as it rose.

    Parameters
    ----------
    max_lr : float
    total_steps : int
        At least 2: all steps of the training.
    pct_start : float
        The share of the steps in which the rate rises, in [0, 1].
    anneal_strategy : {"cos", "linear"}
        Along half a cosine, or a line.
    div_factor, final_div_factor : float
        Positive.
    three_phase : bool

    Raises
    ------
    ValueError
        When an argument isn't in its range.

    Notes
    -----
    Two things differ from torch: the momentum stays as it is, since a schedule is of the rate alone, and after the last step the rate stays
    where it is, which is an error there.

    References
    ----------
    L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018 (arXiv:1708.07120).
    """

    def __init__(
        self,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ):
        self.max_lr, self.total_steps, self.pct_start = max_lr, total_steps, pct_start
        self.anneal_strategy = _one_of(self, "anneal_strategy", anneal_strategy, _ANNEAL)
        self.div_factor, self.final_div_factor, self.three_phase = div_factor, final_div_factor, three_phase
        check(self, max_lr=0, total_steps=1, pct_start=0, div_factor=1, final_div_factor=1)
        if total_steps < 2:
            raise ValueError(f"OneCycle: total_steps must be at least 2, got {total_steps!r}")
        largest = 0.5 if three_phase else 1.0
        if pct_start > largest:
            raise ValueError(f"OneCycle: pct_start must be at most {largest:g}{' with three_phase' * three_phase}, got {pct_start!r}")

    def formula(self, steps: np.ndarray) -> np.ndarray:
        ends, rates = self._corners()
        step = np.minimum(steps, ends[-1])
        phase = np.minimum(np.searchsorted(ends[1:], step), len(ends) - 2)
        length = np.diff(ends)[phase]
        share = (step - ends[phase]) / np.where(length == 0, 1.0, length)
        return _ANNEAL[self.anneal_strategy](rates[phase], rates[phase + 1], share)

    def _corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the phases end, the beginning of the first one before them, and the rates there."""
        first = self.max_lr / self.div_factor
        rise = self.pct_start * self.total_steps
        middle, rates = ([2 * rise - 2], [first]) if self.three_phase else ([], [])
        ends = [0.0, rise - 1, *middle, self.total_steps - 1.0]
        return np.array(ends), np.array([first, self.max_lr, *rates, first / self.final_div_factor])


_HEIGHT = {
    "triangular": lambda cycle, steps, gamma: 1.0,
    "triangular2": lambda cycle, steps, gamma: np.power(0.5, cycle),
    "exp_range": lambda cycle, steps, gamma: np.power(gamma, steps),
}


@schedules.register("CyclicLR")
class Cyclic(LearningRateSchedule):
    """Up and down between two rates along lines, as torch's ``CyclicLR``.

    Parameters
    ----------
    base_lr, max_lr : float
        The lowest and the highest rate.
    step_size_up : int
        Positive: steps from the one to the other.
    step_size_down : int, optional
        Positive: steps back; as many by default.
    mode : {"triangular", "triangular2", "exp_range"}
        Whether each cycle is as high as the first, half as high as the one before, or ``gamma**step`` times as high as the first.
    gamma : float

    Raises
    ------
    ValueError
        When an argument isn't in its range.

    Notes
    -----
    The momentum, which torch moves the other way unless told not to, stays as it is.

    References
    ----------
    L. N. Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3 (arXiv:1506.01186).
    """

    def __init__(
        self,
        base_lr: float,
        max_lr: float,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
    ):
        self.base_lr, self.max_lr, self.step_size_up, self.step_size_down = base_lr, max_lr, step_size_up, step_size_down
        self.mode, self.gamma = _one_of(self, "mode", mode, _HEIGHT), gamma
        check(self, base_lr=0, max_lr=0, step_size_up=1, gamma=0)
        if step_size_down is not None:
            check(self, step_size_down=1)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        up, down = self.step_size_up, self.step_size_down or self.step_size_up
        cycle = np.floor(steps / (up + down))
        since = steps - cycle * (up + down)
        share = np.where(since <= up, since / up, (up + down - since) / down)
        return self.base_lr + (self.max_lr - self.base_lr) * share * _HEIGHT[self.mode](cycle, steps, float(self.gamma))
