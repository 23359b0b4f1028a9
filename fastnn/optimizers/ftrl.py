"""Follow the regularized leader."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnn.optimizers.optimizer import Optimizer, check_number, optimizers, update
from fastnn.optimizers.schedules import LearningRateSchedule
from fastnn.parameters import Arena

__all__ = ["Ftrl"]


_NAMES = ("l1_regularization_strength", "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta")


@update(
    "p (s), g (s), v (s), z (s) -> p, v, z",
    draw={"learning_rate_power": -0.4, **dict(zip(_NAMES, (0.1, 0.2, 0.3, 0.4), strict=True))},
)
def ftrl(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    z: np.ndarray,
    learning_rate: float,
    learning_rate_power: float,
    l1_regularization_strength: float,
    l2_regularization_strength: float,
    l2_shrinkage_regularization_strength: float,
    beta: float,
    weight_decay: float,
) -> None:
    """One step of the leader; nothing where the learning rate is 0.

    With ``before = v**-learning_rate_power`` and `after` the same of ``v + g**2``, in double precision, as the two cancel:
    ``z = z + g + 2*shrinkage*p - (after - before)/learning_rate*p`` and
    ``p = (clip(z, -l1, l1) - z) / (after/learning_rate + 2*l2 + beta/learning_rate)``.
    """
    if learning_rate == 0:
        return
    l1 = l1_regularization_strength
    before = v.astype(np.float64) ** -learning_rate_power
    v += g * g
    after = v.astype(np.float64) ** -learning_rate_power
    p *= 1.0 - learning_rate * weight_decay
    z += g + p * (2 * l2_shrinkage_regularization_strength - (after - before) / learning_rate)
    below = after / learning_rate + (2 * l2_regularization_strength + beta / learning_rate)
    p[...] = np.where(below == 0, 0, (np.clip(z, -l1, l1) - z) / below)


@optimizers.register()
class Ftrl(Optimizer):
    """The parameters that would have been best for all gradients so far, made linear, with penalties; `l1` makes weights exactly 0.

    It was made for linear models of many sparse features. A parameter is what its gradients say and nothing else: initial weights are
    forgotten with the first gradients, whole where there are none and the accumulator is above 0.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
        A step at rate 0 is left out.
    learning_rate_power : float
        Not positive; the accumulator's power by which steps shrink is its negative.
    initial_accumulator_value : float
        What the sums of squares start from, not negative.
    l1_regularization_strength, l2_regularization_strength : float
        Penalties of the leader.
    l2_shrinkage_regularization_strength : float
        A penalty that is added to the gradient alone.
    beta : float
        Not negative; added to the root of the accumulator.
    **options
        Those of :class:`Optimizer`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    H. B. McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013, algorithm 1; the form is Keras'.
    """

    op, slot_names = ftrl, ("accumulator", "linear")

    def __init__(
        self,
        learning_rate: float | LearningRateSchedule = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.learning_rate_power = check_number("learning_rate_power", learning_rate_power, low=-math.inf, high=math.ulp(0.0))
        self.initial_accumulator_value = check_number("initial_accumulator_value", initial_accumulator_value)
        given = l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength, beta
        for name, value in zip(_NAMES, given, strict=True):
            setattr(self, name, check_number(name, value))

    def initial(self, name: str, arena: Arena) -> float:
        return self.initial_accumulator_value if name == "accumulator" else 0.0
