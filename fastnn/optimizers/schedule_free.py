"""Schedule-Free gradient descent and AdamW: a mean of the iterates takes the place of a falling learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastnn.arrays import positive_integer
from fastnn.backend import op
from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.optimizers.updates import Run, Steps, Update, Value
from fastnn.parameters import Arena

__all__ = ["ScheduleFreeAdamW", "ScheduleFreeSGD"]


@op("total (1) float64 -> total, share (1) float64", differentiable=False, draw={"total": "positive"})
def weigh_step(total: np.ndarray, share: np.ndarray, learning_rate: float = 0.1) -> None:
    """``total = total + learning_rate**2``, and `share` is the last addend's share of it."""
    total += learning_rate * learning_rate
    share[:] = learning_rate * learning_rate / total[0] if total[0] > 0 else 1.0


@update("p (s), g (s), z (s), share (1) float64 -> p, z", draw={"share": "positive", "inertia": 0.8})
def schedule_free_sgd(
    p: np.ndarray, g: np.ndarray, z: np.ndarray, share: np.ndarray, learning_rate: float, inertia: float, weight_decay: float
) -> None:
    """``d = learning_rate*(g + weight_decay*p)``, ``p = (1-share)*p + share*z - (1 - inertia*(1-share))*d`` and ``z = z - d``."""
    _step(p, z, learning_rate * (g + weight_decay * p), float(share[0]), inertia)


@update("p (s), g (s), z (s), v (s), share (1) float64 -> p, z, v", draw={"share": "positive", "inertia": 0.8})
def schedule_free_adamw(
    p: np.ndarray,
    g: np.ndarray,
    z: np.ndarray,
    v: np.ndarray,
    share: np.ndarray,
    learning_rate: float,
    inertia: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    step: float,
) -> None:
    """`schedule_free_sgd` with ``g / (sqrt(v / (1 - beta_2**step)) + epsilon)`` for g, where ``v = beta_2*v + (1-beta_2)*g**2``."""
    v += (g * g - v) * (1.0 - beta_2)
    direction = g / (np.sqrt(v / (1.0 - beta_2**step)) + epsilon)
    _step(p, z, learning_rate * (direction + weight_decay * p), float(share[0]), inertia)


def _step(p: np.ndarray, z: np.ndarray, change: np.ndarray, share: float, inertia: float) -> None:
    p += (z - p) * share - (1.0 - inertia * (1.0 - share)) * change
    z -= change


@op("p (s), y (s), z (s) -> p, y", differentiable=False, split="s")
def leave_training_point(p: np.ndarray, y: np.ndarray, z: np.ndarray, inertia: float = 0.9) -> None:
    """``y = p``, and p becomes the mean x that ``y = (1-inertia)*z + inertia*x`` holds."""
    y[...] = p
    p += (p - z) * ((1.0 - inertia) / inertia)


@op("p (s), y (s), z (s) -> p, z", differentiable=False, split="s")
def return_to_training_point(p: np.ndarray, y: np.ndarray, z: np.ndarray, inertia: float = 0.9) -> None:
    """``p = y``; where p isn't what `leave_training_point` made of y and z, it was assigned meanwhile: y and z move by as much."""
    moved = p - (y + (y - z) * ((1.0 - inertia) / inertia))
    z += moved
    p[...] = np.where(moved == 0, y, y + moved)


class ScheduleFree(Optimizer):
    """What the two share: steps are made at y, between the iterate z and its mean x; outside of steps parameters are x."""

    inertia: float
    warmup_steps: int

    def initial(self, name: str, arena: Arena) -> float | np.ndarray:
        return arena.values.data if name in ("z", "y") else 0.0

    def vectors(self, op: Any, arena: Arena) -> list[np.ndarray]:
        return [*super().vectors(op, arena), self.number("share")]

    def update_calls(self, arena: Arena) -> list[Update]:
        weigh = Update(weigh_step, (self.number("total"), self.number("share")), {"learning_rate": self._warmed})
        self.slot("y", arena)
        self.number("left")
        return [weigh, *super().update_calls(arena)]

    def _warmed(self, steps: Steps) -> Any:
        """The learning rate, rising in a line over the first steps."""
        return steps.learning_rate * np.minimum(steps.step / self.warmup_steps, 1.0) if self.warmup_steps else steps.learning_rate

    def value(self, name: str, run: Run) -> Value:
        if name == "learning_rate":
            return lambda steps: self._warmed(steps) * run.group.learning_rate
        return super().value(name, run)

    @contextmanager
    def training_point(self) -> Iterator[None]:
        self._return()
        try:
            yield
        finally:
            self._leave()

    def _points(self) -> tuple[np.ndarray, ...]:
        arena: Arena = self.arena  # type: ignore[assignment]
        return arena.values.data, self.slot("y", arena), self.slot("z", arena)

    def _return(self) -> None:
        if self.number("left")[0]:
            return_to_training_point(*self._points(), self.inertia)
            self.number("left")[:] = 0

    def _leave(self) -> None:
        if not self.number("left")[0]:
            leave_training_point(*self._points(), self.inertia)
            self.number("left")[:] = 1

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Make one step on variables of your own, which stay at y: gradients are taken there. Ends in x by `finalize_variable_values`."""
        super().apply(grads, trainable_variables)

    def step(self) -> None:
        self._return()
        super().step()

    def finalize_variable_values(self, var_list: Any = None) -> None:
        """Put the mean x in the parameters' place; within `fit` it always is, outside of steps."""
        if self.arena is not None and self.iterations:
            self._leave()
            self._hand_out()
        super().finalize_variable_values(var_list)


@optimizers.register("schedule_free_sgd", "schedulefreesgd")
class ScheduleFreeSGD(ScheduleFree):
    """Gradient descent whose iterates are averaged all along: no schedule, and no need to know where the training ends.

    Gradients are taken at ``y = (1-momentum)*z + momentum*x``, steps are made by z, and x is the mean of the z, each with the weight
    ``learning_rate**2`` of its step. Outside of steps, in `evaluate`, `predict`, callbacks and files, the parameters are x.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        Best much larger than that of SGD; a constant.
    momentum : float
        In (0, 1): how near to x gradients are taken.
    warmup_steps : int
        Steps over which the rate rises to `learning_rate` in a line.
    **options
        Those of :class:`Optimizer`. The weight decay is the paper's: a step of z along ``-learning_rate*weight_decay*y``.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    A. Defazio et al., "The road less scheduled", NeurIPS 2024, equations 3 to 5 and section 4.1. Defaults are those of the authors' package
    schedulefree.
    """

    op, slot_names = schedule_free_sgd, ("z",)

    def __init__(self, learning_rate: float | LearningRateSchedule = 1.0, momentum: float = 0.9, warmup_steps: int = 0, **options: Any):
        super().__init__(learning_rate, **options)
        self.momentum = check_number("momentum", momentum, high=1.0, open_low=True)
        self.warmup_steps = positive_integer("warmup_steps", warmup_steps, 0)

    @property
    def inertia(self) -> float:  # type: ignore[override]
        return self.momentum


@optimizers.register("schedule_free_adamw", "schedulefreeadamw")
class ScheduleFreeAdamW(ScheduleFree):
    """AdamW whose iterates are averaged all along: no schedule, and no need to know where the training ends.

    As :class:`ScheduleFreeSGD`, with steps of z along the gradient by the root of a running mean of its square.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1 : float
        In (0, 1): how near to the mean gradients are taken.
    beta_2 : float
        Decay of the mean of squares, in [0, 1).
    epsilon : float
        Positive; added to the root.
    warmup_steps : int
        Steps over which the rate rises to `learning_rate` in a line.
    **options
        Those of :class:`Optimizer`. The weight decay is the paper's: a step of z along ``-learning_rate*weight_decay*y``.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    A. Defazio et al., "The road less scheduled", NeurIPS 2024, algorithm 1. Names and defaults are Keras', which differs in three things:
    it leaves the parameters at y, multiplies them by ``1 - learning_rate*weight_decay`` without z, and weighs all iterates alike, also
    those of the warm-up.
    """

    op, slot_names = schedule_free_adamw, ("z", "velocity")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = check_number("beta_1", beta_1, high=1.0, open_low=True)
        self.beta_2 = check_number("beta_2", beta_2, high=1.0)
        self.epsilon = check_number("epsilon", epsilon, open_low=True)
        self.warmup_steps = positive_integer("warmup_steps", warmup_steps, 0)

    @property
    def inertia(self) -> float:  # type: ignore[override]
        return self.beta_1
