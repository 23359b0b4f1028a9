"""Adafactor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.backend import Op
from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.updates import Steps
from fastnn.parameters import Parameter

__all__ = ["Adafactor"]

_DRAWN = {"rate_bound": 0.5, "beta_2_decay": -0.8, "epsilon_1": 1e-30, "epsilon_2": 1e-3, "clip_threshold": 0.5}


def _rms(x: np.ndarray) -> float:
    """The root mean square, in double precision; 0 of nothing."""
    return math.sqrt(float(np.mean(np.square(x, dtype=np.float64)))) if x.size else 0.0


def _move(p: np.ndarray, direction: np.ndarray, rate: float, decay: float, epsilon_2: float, clip_threshold: float) -> None:
    p *= 1.0 - decay
    p -= rate * max(_rms(p), epsilon_2) / np.maximum(1.0, _rms(direction) / clip_threshold) * direction


@update("p (k, m), g (k, m), r (k), c (m) -> p, r, c", split=None, draw={**_DRAWN, "r": "positive", "c": "positive"})
def adafactor_matrix(
    p: np.ndarray,
    g: np.ndarray,
    r: np.ndarray,
    c: np.ndarray,
    learning_rate: float,
    rate_bound: float,
    beta_2_decay: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    weight_decay: float,
    step: float,
) -> None:
    """`adafactor_vector` with ``v = r c^T / mean(r)``, of running means r and c of the rows and columns of ``g**2 + epsilon_1``."""
    squares, new = np.square(g, dtype=np.float64) + epsilon_1, step**beta_2_decay
    r += (squares.mean(axis=1) - r) * new
    c += (squares.mean(axis=0) - c) * new
    direction = g / np.sqrt((r / r.mean(dtype=np.float64))[:, None] * c)
    _move(p, direction, min(learning_rate, rate_bound), learning_rate * weight_decay, epsilon_2, clip_threshold)


@update("p (s), g (s), v (s) -> p, v", split=None, draw=_DRAWN)
def adafactor_vector(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    learning_rate: float,
    rate_bound: float,
    beta_2_decay: float,
    epsilon_1: float,
    epsilon_2: float,
    clip_threshold: float,
    weight_decay: float,
    step: float,
) -> None:
    """With ``b = 1 - step**beta_2_decay``: ``v = b*v + (1-b)*(g**2 + epsilon_1)``, ``u = g / sqrt(v)``, and p moves by
    ``-min(learning_rate, rate_bound) * max(rms(p), epsilon_2) * u / max(1, rms(u) / clip_threshold)``.
    """
    v += (g * g + epsilon_1 - v) * step**beta_2_decay
    _move(p, g / np.sqrt(v), min(learning_rate, rate_bound), learning_rate * weight_decay, epsilon_2, clip_threshold)


@optimizers.register()
class Adafactor(Optimizer):
    """Steps relative to the size of the parameter, by a mean of squares of which a matrix keeps only the means of rows and columns.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_2_decay : float
        Not positive: at step t, squares so far count ``1 - t**beta_2_decay``.
    epsilon_1 : float
        Positive; added to the squares of gradients.
    epsilon_2 : float
        Positive: parameters whose root mean square is smaller move as if it were this.
    clip_threshold : float
        Positive; bound for the root mean square of ``g / sqrt(v)``.
    relative_step : bool
        Whether the learning rate is at most ``1 / sqrt(t)``. In Keras 3 it always is, whatever this argument says.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018, algorithms 4 and 5.

    Notes
    -----
    Parameters with more than two axes are treated as vectors.
    """

    op, slot_names = adafactor_matrix, ("row_means", "column_means")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_2_decay = check_number("beta_2_decay", beta_2_decay, low=-math.inf, high=math.ulp(0.0))
        self.epsilon_1 = check_number("epsilon_1", epsilon_1, open_low=True)
        self.epsilon_2 = check_number("epsilon_2", epsilon_2, open_low=True)
        self.clip_threshold = check_number("clip_threshold", clip_threshold, open_low=True)
        self.relative_step = relative_step

    def op_for(self, parameter: Parameter) -> Op:
        return adafactor_matrix if len(parameter.shape) == 2 else adafactor_vector

    def slots_of(self, op: Op) -> tuple[str, ...]:
        return self.slot_names if op is adafactor_matrix else ("velocity",)

    def rate_bound(self, steps: Steps) -> np.ndarray:
        return 1.0 / np.sqrt(steps.step) if self.relative_step else np.full(len(steps.step), math.inf)
