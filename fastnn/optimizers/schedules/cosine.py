"""Rates along a cosine."""

from __future__ import annotations

import numpy as np

from fastnn.optimizers.schedules.schedule import LearningRateSchedule, check, schedules

__all__ = ["CosLog4", "CosineDecay", "CosineDecayRestarts"]


def _half_wave(done: np.ndarray) -> np.ndarray:
    """Half a cosine from 1 at `done` = 0 to 0 at 1."""
    return 0.5 * (1.0 + np.cos(np.pi * done))


@schedules.register("CosineAnnealingLR")
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate down to `alpha` times it, after an optional linear warm-up.

    With ``c = (1 + cos(pi * step / decay_steps)) / 2`` the rate is ``start * ((1 - alpha) * c + alpha)``.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        Positive; steps of the decay, which come after those of the warm-up.
    alpha : float
        The last rate as a share of the first.
    name : str
    warmup_target : float, optional
        When given, the rate first rises from `initial_learning_rate` to it, and the cosine starts there.
    warmup_steps : int
        Steps of the warm-up.

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = initial_learning_rate, decay_steps, alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps
        check(self, initial_learning_rate=0, decay_steps=1, alpha=0, warmup_steps=0)
        if warmup_target is not None:
            check(self, warmup_target=0)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, steps)
        rise = (self.warmup_target - self.initial_learning_rate) * steps / max(self.warmup_steps, 1)
        decayed = self._decayed(self.warmup_target, steps - self.warmup_steps)
        return np.where(steps < self.warmup_steps, self.initial_learning_rate + rise, decayed)

    def _decayed(self, start: float, steps: np.ndarray) -> np.ndarray:
        return start * ((1.0 - self.alpha) * _half_wave(np.clip(steps / self.decay_steps, 0.0, 1.0)) + self.alpha)


@schedules.register("CosineAnnealingWarmRestarts")
class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine after another, each starting from the top again.

    In its i-th period, of ``first_decay_steps * t_mul**i`` steps, the rate is
    ``initial_learning_rate * ((1 - alpha) * m_mul**i * c + alpha)``, where c falls from 1 to 0 along half a cosine.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
        Positive: steps of the first period.
    t_mul : float
        At least 1: how much longer each period is than the one before.
    m_mul : float
        What the height of the cosine is multiplied by from period to period.
    alpha : float
        The lowest rate as a share of the first.
    name : str

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.

    Notes
    -----
    A step that begins a period has the period's highest rate, always; in Keras rounding can give it the lowest one.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, section 3.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate, self.first_decay_steps, self.alpha = initial_learning_rate, first_decay_steps, alpha
        self.t_mul, self.m_mul, self.name = t_mul, m_mul, name
        check(self, initial_learning_rate=0, first_decay_steps=1, t_mul=1, m_mul=0, alpha=0)
        if t_mul < 1:
            raise ValueError(f"CosineDecayRestarts: t_mul must be at least 1, as periods that shrink come to an end, got {t_mul!r}")

    def formula(self, steps: np.ndarray) -> np.ndarray:
        done = steps / self.first_decay_steps
        period = self._period(done)
        share = (done - self._start(period)) / np.power(float(self.t_mul), period)
        return self.initial_learning_rate * ((1.0 - self.alpha) * np.power(float(self.m_mul), period) * _half_wave(share) + self.alpha)

    def _period(self, done: np.ndarray) -> np.ndarray:
        """Which period a step belongs to, from 0; `done` counts in first periods."""
        if self.t_mul == 1:
            return np.floor(done)
        near = np.maximum(np.rint(np.log1p(done * (self.t_mul - 1.0)) / np.log(self.t_mul)), 0.0)  # rounded: it may be one too many
        return np.where(self._start(near) > done, near - 1.0, near)

    def _start(self, period: np.ndarray) -> np.ndarray:
        """Where a period begins: the sum of the lengths of those before it."""
        return period if self.t_mul == 1 else (np.power(float(self.t_mul), period) - 1.0) / (self.t_mul - 1.0)


@schedules.register("coslog4")
class CosLog4(LearningRateSchedule):
    """Four waves, each about twice as long as the one before: ``initial_learning_rate * (1 - cos(2 pi log2(1 + 15 t))) / 2``.

    Here t is ``step / decay_steps``, at most 1. The rate is 0 at first and at last, and at the end of each wave.

    Parameters
    ----------
    initial_learning_rate : float
        The top of each wave.
    decay_steps : int
        Positive: all steps of the training.

    Raises
    ------
    ValueError
        When an argument isn't a number in its range.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
    NeurIPS 2024, section 3 (arXiv:2407.04491).
    """

    def __init__(self, initial_learning_rate: float, decay_steps: int):
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        check(self, initial_learning_rate=0, decay_steps=1)

    def formula(self, steps: np.ndarray) -> np.ndarray:
        waves = np.log2(1.0 + 15.0 * np.minimum(steps / self.decay_steps, 1.0))
        return self.initial_learning_rate * 0.5 * (1.0 - np.cos(2.0 * np.pi * waves))
