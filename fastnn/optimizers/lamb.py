"""LAMB."""

from __future__ import annotations

import numpy as np

from fastnn.optimizers.optimizer import optimizers, update
from fastnn.optimizers.two_means import TwoMeans

__all__ = ["Lamb"]


@update("p (s), g (s), m (s), v (s) -> p, m, v", split=None)
def lamb(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    weight_decay: float,
    step: float,
) -> None:
    """P moves by ``-learning_rate * |p|/|d| * d``, where d is the direction of `adam`; |p|/|d| is 1 where either is 0."""
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)
    direction = m / (1.0 - beta_1**step) / (np.sqrt(v / (1.0 - beta_2**step)) + epsilon)
    p *= 1.0 - learning_rate * weight_decay
    norm, length = (float(np.linalg.norm(x.astype(np.float64))) for x in (p, direction))
    p -= learning_rate * (norm / length if norm > 0 and length > 0 else 1.0) * direction


@optimizers.register()
class Lamb(TwoMeans):
    """Adam whose step is as long as a share of the parameter itself, each parameter for itself: for very large batches.

    Parameters
    ----------
    learning_rate : float or LearningRateSchedule
    beta_1, beta_2 : float
        Decays of the two means, in [0, 1).
    epsilon : float
        Positive; added to the root.
    **options
        Those of :class:`Optimizer`. As in Keras, the weight decay comes before the step and isn't part of it, as the paper's is.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    Y. You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020, algorithm 2.
    """

    op, slot_names = lamb, ("momentum", "velocity")
